"""Model files travel between the program and Python, with the same predictions."""

import os
import subprocess

import numpy as np
import pytest

pytest.importorskip("sklearn")

import attnpool

PROGRAM = os.environ.get("ATTNPOOL_PROGRAM", "")
program = pytest.mark.skipif(not os.path.exists(PROGRAM), reason="ATTNPOOL_PROGRAM is not the program")
g = np.random.default_rng(3)


def run(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return np.array([line.split(",") for line in done.stdout.splitlines()[1:]], dtype=object)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("columns, targets", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_saved_and_loaded_estimators_predict_the_same_bits(tmp_path, columns, targets, dtype, weighted):
    X, y = g.normal(size=(40, columns)).astype(dtype), g.normal(size=(40, targets)).astype(dtype)
    weight = g.random(40) if weighted else None
    model = attnpool.NadarayaWatsonRegressor([0.3, 0.7][:columns]).fit(X, y if targets > 1 else y[:, 0], weight)
    attnpool.save(model, tmp_path / "m.json")
    back = attnpool.load(tmp_path / "m.json")
    queries = g.normal(size=(25, columns)).astype(dtype)
    np.testing.assert_array_equal(back.predict(queries), model.predict(queries))
    assert back.predict(queries).dtype == dtype and back.predict(queries).shape == model.predict(queries).shape
    assert os.listdir(tmp_path) == ["m.json"]


def test_names_are_kept(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"lon": g.random(9), "lat, deg": g.random(9)})
    model = attnpool.NadarayaWatsonRegressor(0.5).fit(frame, g.random(9))
    attnpool.save(model, tmp_path / "m.json", target_names=["height"])
    back = attnpool.load(tmp_path / "m.json")
    assert list(back.feature_names_in_) == ["lon", "lat, deg"] and back.target_names_ == ["height"]
    np.testing.assert_array_equal(back.predict(frame), model.predict(frame))


@program
def test_the_program_reads_what_python_saved(tmp_path):
    X, y = g.normal(size=(50, 2)), g.normal(size=50)
    model = attnpool.NadarayaWatsonRegressor([0.4, 0.9]).fit(X, y, g.random(50) + 0.1)
    attnpool.save(model, tmp_path / "m.json")
    queries = g.normal(size=(20, 2))
    np.savetxt(tmp_path / "q.csv", queries, delimiter=",", header="x0,x1", comments="", fmt="%.17g")
    got = run("predict", "--model", tmp_path / "m.json", "--at", tmp_path / "q.csv").astype(float)
    np.testing.assert_array_equal(got[:, 2], model.predict(queries))


@program
def test_python_reads_what_the_program_fitted(tmp_path):
    x = np.sort(g.random(60)) * 5
    table = np.c_[x, np.sin(x) + 0.1 * g.standard_normal(60), g.random(60)]
    np.savetxt(tmp_path / "d.csv", table, delimiter=",", header="t,y,c", comments="", fmt="%.17g")
    fit = ["fit", tmp_path / "d.csv", "--x", "t", "--y", "y", "--quiet", "--model", tmp_path / "m.json"]
    for more in ([], ["--key-weights", "c"], ["--precision", "float"]):
        run(*fit, *more)
        got = run("predict", "--model", tmp_path / "m.json", "--at", tmp_path / "d.csv").astype(float)
        model = attnpool.load(tmp_path / "m.json")
        if "float" in more:  # the program centres x before it rounds to float
            np.testing.assert_allclose(model.predict(x[:, None]), got[:, 1], rtol=2e-5)
        else:
            np.testing.assert_array_equal(model.predict(x[:, None]), got[:, 1])


SMOOTHINGS = [
    {"kernel": "epanechnikov", "empty": "nearest"},
    {"kernel": attnpool.Kernel("rational_quadratic", 0.5, True)},
    {"order": 1},
]


@pytest.mark.parametrize("how", SMOOTHINGS)
def test_kernel_order_and_empty_are_kept(tmp_path, how):
    X, y, queries = g.normal(size=(50, 2)), g.normal(size=50), g.normal(size=(20, 2))
    model = attnpool.NadarayaWatsonRegressor(0.8, **how).fit(X, y)
    attnpool.save(model, tmp_path / "m.json")
    back = attnpool.load(tmp_path / "m.json")
    for name in ("kernel", "order", "empty"):
        assert getattr(back, name) == getattr(model, name)
    np.testing.assert_array_equal(back.predict(queries), model.predict(queries))
    if os.path.exists(PROGRAM):
        np.savetxt(tmp_path / "q.csv", queries, delimiter=",", header="x0,x1", comments="", fmt="%.17g")
        got = run("predict", "--model", tmp_path / "m.json", "--at", tmp_path / "q.csv").astype(float)
        np.testing.assert_array_equal(got[:, 2], model.predict(queries))


@program
def test_groups_become_a_dictionary(tmp_path):
    x, y, names = g.random(30), g.random(30), np.repeat(["a", "b b"], 15)
    lines = "\n".join(f"{n},{a!r},{b!r}" for n, a, b in zip(names, x.tolist(), y.tolist()))
    (tmp_path / "d.csv").write_text("id,x,y\n" + lines + "\n")
    run("fit", tmp_path / "d.csv", "--x", "x", "--y", "y", "--group", "id", "--quiet", "--model", tmp_path / "m.json")
    models = attnpool.load(tmp_path / "m.json")
    got = run("predict", "--model", tmp_path / "m.json", "--at", tmp_path / "d.csv")
    assert list(models) == ["a", "b b"]
    for name in models:
        rows = got[got[:, 0] == name]
        np.testing.assert_array_equal(models[name].predict(rows[:, 1:2].astype(float)), rows[:, 2].astype(float))


@pytest.mark.parametrize(
    "content, message",
    [("", "not a model: truncated, or not JSON"), ("{}", "not a model: JSON of something else")],
)
def test_what_is_no_model_is_refused(tmp_path, content, message):
    file = tmp_path / "m.json"
    file.write_text(content)
    with pytest.raises(RuntimeError, match=f"m.json: {message}"):
        attnpool.load(file)
    with pytest.raises(RuntimeError, match="^cannot read .*none.json: No such file"):
        attnpool.load(tmp_path / "none.json")
    with pytest.raises(TypeError, match="^model: must be a NadarayaWatsonRegressor, got int"):
        attnpool.save(3, file)


def test_an_edited_model_is_not_believed(tmp_path):
    model = attnpool.NadarayaWatsonRegressor(0.5).fit([[0.0], [1.0]], [1.0, 2.0])
    attnpool.save(model, tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    (tmp_path / "m.json").write_text(text.replace('"w": [2.0]', '"w": [3.0]'))
    with pytest.raises(RuntimeError, match="the checksum does not agree"):
        attnpool.load(tmp_path / "m.json")
