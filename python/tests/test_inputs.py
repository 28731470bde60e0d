"""What cannot be told apart from numbers without a loss is refused by name and place; what can be is taken."""

import datetime
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attnpool
from attnpool import bandwidth as b
from attnpool._arrays import numbers

pd = pytest.importorskip("pandas")

x = np.linspace(0.0, 1.0, 6)
y = np.sin(x)
pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from attnpool import NadarayaWatsonClassifier, NadarayaWatsonRegressor  # noqa: E402
from attnpool.shims import jmetzen, tutorial  # noqa: E402
from attnpool.shims import sklearn as sklearn_idiom  # noqa: E402
from attnpool.shims.statsmodels import KernelReg  # noqa: E402

# Every public function with one argument replaced: (name of the argument, call).
CALLS = {
    "pool queries": ("queries", lambda a: attnpool.pool(a, x, y, bandwidth=1.0)),
    "pool keys": ("keys", lambda a: attnpool.pool(x, a, y, bandwidth=1.0)),
    "pool values": ("values", lambda a: attnpool.pool(x, x, a, bandwidth=1.0)),
    "pool key_weights": ("key_weights", lambda a: attnpool.pool(x, x, y, bandwidth=1.0, key_weights=a)),
    "pool_loo": ("keys", lambda a: attnpool.pool_loo(a, y, bandwidth=1.0)),
    "weights": ("keys", lambda a: attnpool.attention_weights(x, a, bandwidth=1.0)),
    "gradient": ("keys", lambda a: attnpool.pool_gradient(x, a, y, bandwidth=1.0)),
    "loss": ("targets", lambda a: attnpool.loss_gradient(x, x, y, a, bandwidth=1.0)),
    "fit": ("values", lambda a: attnpool.fit(x, a)),
    "softmax": ("scores", lambda a: attnpool.softmax(a)),
    "exp": ("x", lambda a: attnpool.exp(a)),
    "average_pool": ("values", lambda a: attnpool.average_pool(a)),
    "state": ("keys", lambda a: attnpool.PoolState(x, bandwidth=1.0).update(a, y)),
    "scott": ("x", lambda a: b.scott(a)),
    "loo": ("y", lambda a: b.loo(x, a)),
    "rule weights": ("sample_weight", lambda a: b.silverman(x, a)),
    "np scale": ("x", lambda a: b.w_from_np_scale(1.0, a)),
    "tutorial queries": ("x_query", lambda a: tutorial.nadaraya_watson(a, x, y)),
    "tutorial keys": ("x_keys", lambda a: tutorial.ParametricNWKernelRegression(1.0).gradient(a, y)),
    "tutorial values": ("y_values", lambda a: tutorial.ParametricNWKernelRegression(1.0).forward(x, x, a)),
    "idiom": ("X_train", lambda a: sklearn_idiom.rbf_regression(x[:, None], a, y)),
    "KernelReg endog": ("endog", lambda a: KernelReg(a, x, "c", "lc", bw=[1.0]).fit()[0]),
    "KernelReg exog": ("exog", lambda a: KernelReg(y, a, "c", "lc", bw=[1.0]).fit()[0]),
    "jmetzen": ("y", lambda a: jmetzen.KernelRegression(gamma=1.0).fit(x[:, None], a).predict(x[:, None])),
    "w": ("w", lambda a: attnpool.pool_loo(np.ones((3, 6)), y[:3], w=a)),
    "bw": ("bw", lambda a: b.w_from_bw(a)),
    "gamma": ("gamma", lambda a: b.w_from_gamma(a)),
    "sample_weight": ("sample_weight", lambda a: NadarayaWatsonRegressor(1.0).fit(x[:, None], y, a).predict([[0.3]])),
    "estimator bandwidth": ("bandwidth", lambda a: NadarayaWatsonRegressor(a).fit(np.ones((2, 6)), y[:2]).bandwidth_),
}
calls = pytest.mark.parametrize("name, call", CALLS.values(), ids=CALLS.keys())


@calls
@pytest.mark.parametrize("wrong", [2**53 + 1, -(2**53) - 3, 2**62 + 1, 2**63 - 1])
def test_integers_that_would_be_rounded_are_refused(name, call, wrong):
    numbers = [1, 2, 3, wrong, 5, 6]
    for given in (np.array(numbers), numbers, [1.5, 2, 3, wrong, 5, 6], pd.Series(numbers, dtype="Int64")):
        with pytest.raises(ValueError, match=rf"^{name}\[3\]: the integer {wrong} is beyond 2\*\*53"):
            call(given)
    unsigned = np.array([1, 2, 3, abs(wrong), 5, 6], dtype=np.uint64)
    with pytest.raises(ValueError, match=rf"^{name}\[3\]: the integer {abs(wrong)} is beyond"):
        call(unsigned)


@pytest.mark.parametrize("exact", [2**53, 2**53 + 2, -(2**60), 2**62 + 2**10, 3 * 2**61])
def test_integers_that_floats_hold_are_taken(exact):
    keys = np.array([0, exact])
    assert attnpool.pool(keys, keys, [1.0, 2.0], bandwidth=1.0).tolist() == [1.0, 2.0]
    assert attnpool.pool([0, exact], [0, exact], [1.0, 2.0], bandwidth=1.0).tolist() == [1.0, 2.0]


@given(
    st.integers(-(2**70), 2**70), st.integers(0, 200), st.booleans(), st.sampled_from([1, 2**8, 2**11, 2**20])
)
def test_an_integer_is_taken_exactly_if_a_float_holds_it(mantissa, shift, near_a_power, factor):
    """However it is written; the rule is that of Python's own float()."""
    value = (2**shift + mantissa % 5 - 2 if near_a_power else mantissa >> (shift % 71)) * factor
    ways = [lambda: [value, 0], lambda: (0.5, value), lambda: pd.Series([value, 1.5], dtype=object)]
    for dtype in (np.int64, np.uint64):
        if np.iinfo(dtype).min <= value <= np.iinfo(dtype).max:
            ways += [lambda dtype=dtype: np.array([value], dtype=dtype)]
            ways += [
                lambda dtype=dtype: pd.array(
                    [value, None], dtype=np.dtype(dtype).name.replace("i", "I").replace("u", "U")
                )[:1]
            ]
            ways += [lambda dtype=dtype: pd.DataFrame({"a": np.array([value], dtype=dtype), "b": [0.5]})]
    for way in ways:
        given_as = way()
        if int(float(value)) == value:
            assert float(value) in numbers("x", given_as)
        else:
            with pytest.raises(ValueError, match=rf"^x\[\d(,0)?\]: the integer {value} is beyond"):
                numbers("x", given_as)


def test_integers_without_a_float():
    with pytest.raises(ValueError, match=r"^x\[1\]: the integer of 16610 bits is beyond"):
        attnpool.exp([1, 10**5000])


BIG = 2**53 + 1
FRAMES = {
    "objects": np.array([[1], [2], [3], [BIG]], dtype=object),
    "lists": [[1], [2], [3], [BIG]],
    "one column": pd.DataFrame({"a": [1, 2, 3, BIG]}),
    "nullable": pd.DataFrame({"a": pd.array([1, 2, 3, BIG], dtype="Int64")}),
    "beside floats": pd.DataFrame({"a": [1, 2, 3, BIG], "b": [0.5, 1.5, 2.5, 3.5]}),
}


@pytest.mark.parametrize("X", FRAMES.values(), ids=FRAMES.keys())
def test_estimators_refuse_integers_that_would_be_rounded(X):
    width = np.shape(X)[1]
    with pytest.raises(ValueError, match=rf"^X\[3,0\]: the integer {BIG}"):
        NadarayaWatsonRegressor().fit(X, y[:4])
    for kind, labels in ((NadarayaWatsonRegressor, y), (NadarayaWatsonClassifier, y > 0.5)):
        with pytest.raises(ValueError, match=rf"^X\[3,0\]: the integer {BIG}"):
            kind().fit(np.ones((6, width)), labels).predict(X)


def test_labels_of_a_nullable_dtype_stay_integers():
    labels = pd.Series([1, BIG, BIG + 1, 1, BIG, BIG + 1], dtype="Int64")
    model = NadarayaWatsonClassifier(0.01).fit(x[:, None], labels)
    assert model.classes_.tolist() == [1, BIG, BIG + 1] and model.predict(x[:, None]).tolist() == labels.tolist()
    labels[1] = pd.NA
    with pytest.raises(ValueError, match="y contains NaN"):
        NadarayaWatsonClassifier().fit(x[:, None], labels)


def test_two_dimensional_integers_name_row_and_column():
    keys = np.arange(12).reshape(6, 2)
    keys[4, 1] = 2**53 + 1
    with pytest.raises(ValueError, match=r"^keys\[4,1\]: the integer 9007199254740993"):
        attnpool.pool_loo(keys, y, bandwidth=1.0)
    with pytest.raises(ValueError, match=r"^X\[4,1\]: the integer 9007199254740993"):
        attnpool.NadarayaWatsonRegressor().fit(keys, y)


@calls
@pytest.mark.parametrize("kind", ["datetime64[ns]", "datetime64[D]", "timedelta64[s]"])
def test_dates_are_refused(name, call, kind):
    dates = np.arange(6).astype(kind)
    for given in (dates, pd.Series(dates.astype(kind.replace("[D]", "[ns]").replace("[s]", "[ns]")))):
        with pytest.raises(TypeError, match=rf"^{name}: holds dates or durations"):
            call(given)


@pytest.mark.parametrize(
    "item",
    [
        datetime.datetime(2020, 1, 2),
        datetime.date(2020, 1, 2),
        pd.Timestamp(0, tz="UTC"),
        datetime.timedelta(3),
        np.datetime64("2020"),
        np.timedelta64(3, "s"),
    ],
)
def test_dates_in_lists_are_refused(item):
    for name, call in (("x", b.scott), ("keys", lambda a: attnpool.pool(x, a, y, bandwidth=1.0))):
        with pytest.raises(TypeError, match=rf"^{name}: holds dates or durations"):
            call([item] * 6)
    for X in ([[item]] * 6, np.array([[item]] * 6, dtype=object), pd.DataFrame({"a": [1.0] * 6, "b": [item] * 6})):
        with pytest.raises(TypeError, match="^X: holds dates or durations"):
            NadarayaWatsonRegressor().fit(X, y)


def test_estimators_refuse_dates():
    dates = np.arange(6).astype("datetime64[s]").astype("datetime64[ns]")
    for X in (dates[:, None], pd.DataFrame({"a": x, "when": dates})):
        with pytest.raises(TypeError, match="^X: holds dates"):
            attnpool.NadarayaWatsonRegressor().fit(X, y)
        with pytest.raises(TypeError, match="^X: holds dates"):
            attnpool.NadarayaWatsonRegressor().fit(np.c_[x, x][:, : X.shape[1]], y).predict(X)
    with pytest.raises(TypeError, match="^y: holds dates"):
        attnpool.NadarayaWatsonRegressor().fit(x[:, None], dates)


@calls
def test_nullable_series_are_taken_or_refused(name, call):
    for dtype in ("Float64", "Int64"):
        series = pd.Series([1, 2, 3, 4, 5, 6], dtype=dtype)
        got, want = call(series), call(np.arange(1.0, 7.0))
        if isinstance(want, np.ndarray):
            np.testing.assert_array_equal(got, want)
        series[2] = pd.NA
        with pytest.raises(ValueError, match=rf"^{name}\[2\]: is missing"):
            call(series)


def test_nullable_frames_keep_their_names():
    frame = pd.DataFrame({"a": pd.array(x, dtype="Float64"), "b": pd.array(range(6), dtype="Int64")})
    plain = frame.astype("float64")
    np.testing.assert_array_equal(
        attnpool.pool(frame, frame, y, bandwidth=1.0), attnpool.pool(plain, plain, y, bandwidth=1.0)
    )
    model = attnpool.NadarayaWatsonRegressor().fit(frame, y)
    assert list(model.feature_names_in_) == ["a", "b"]
    np.testing.assert_array_equal(model.predict(frame), model.predict(plain))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_estimators_keep_their_own_copy(order, dtype):
    X, values = np.array([[0, 3], [1, 2], [4, 1.0]], dtype=dtype, order=order), np.array([1, 2, 3], dtype=dtype)
    weight = np.array([1.0, 2.0, 3.0])
    model = attnpool.NadarayaWatsonRegressor(0.5).fit(X, values, weight)
    before = model.predict([[1.0, 2.0]])
    X[:], values[:], weight[:] = 7, 9, 1
    np.testing.assert_array_equal(model.predict([[1.0, 2.0]]), before)


@pytest.mark.parametrize(
    "x_dtype, y_dtype",
    [(np.float32, np.float64), (np.float64, np.float32), (np.float32, np.int64), (np.float32, np.float32)],
)
def test_estimators_compute_as_pool(x_dtype, y_dtype):
    g = np.random.default_rng(1)
    X, values = g.random((50, 1)).astype(x_dtype), (100 * g.random(50)).astype(y_dtype)
    want = attnpool.pool(X, X, values, bandwidth=0.1)
    got = attnpool.NadarayaWatsonRegressor(0.1).fit(X, values).predict(X)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_attention_weights_of_an_estimator_know_the_weights_of_any_ratio():
    model = attnpool.NadarayaWatsonRegressor(1.0).fit([[0.0], [100.0]], [1.0, 2.0], [1e-300, 1e300])
    assert model.predict([[0.0]]) == 1
    np.testing.assert_allclose(model.attention_weights([[0.0]]), [[1.0, 0.0]], rtol=1e-15)
    np.testing.assert_allclose(
        attnpool.attention_weights([0.0], [0.0, 0.0], bandwidth=1.0, key_weights=[3, 1]), [[0.75, 0.25]]
    )


def test_what_cannot_fit_is_refused_before_memory_is_touched():
    keys = np.zeros(3_000_000)
    with pytest.raises(MemoryError, match=r"^out: an array of shape \(3000000, 3000000\) would take 7.2e\+04 GB"):
        attnpool.attention_weights(keys, keys, bandwidth=1.0)
    with pytest.raises(MemoryError, match="^out: an array of shape"):
        attnpool.average_pool(np.zeros((1, 1000)), count=10**10)


def test_broadcasting_that_cannot_fit_is_refused():
    queries, keys = np.zeros((3_000_000, 1, 1, 1)), np.zeros((1, 3_000_000, 1, 1))
    with pytest.raises(MemoryError, match=r"^queries: an array of shape \(3000000, 3000000, 1, 1\)"):
        attnpool.pool(queries, keys, keys, bandwidth=1.0)
    with pytest.raises(MemoryError, match=r"^value_columns: an array of shape \(6, 1000000000000\)"):
        attnpool.PoolState(x, 10**12, bandwidth=1.0)


@pytest.mark.parametrize("plan", ["dense", "pruned", "grid"])
@pytest.mark.parametrize("wrong, result", [(np.nan, np.nan), (np.inf, np.inf), (-np.inf, -np.inf)])
def test_values_that_are_not_finite_do_what_the_text_says(plan, wrong, result):
    """They reach every query that sees their key, in their column, however far it is; other columns are as before."""
    keys = np.r_[np.linspace(0, 1, 400), 1e4]
    values = np.c_[np.sin(keys), np.cos(keys)]
    spoilt = values.copy()
    spoilt[-1, 1] = wrong
    queries = np.r_[np.linspace(0, 1, 50), 1e4]
    got = attnpool.pool(queries, keys, spoilt, w=9.0, algorithm=plan)
    np.testing.assert_array_equal(got[:, 1], np.full(51, result))
    np.testing.assert_allclose(got[:, 0], attnpool.pool(queries, keys, values, w=9.0, algorithm=plan)[:, 0], atol=1e-11)
    for unseen in ({"key_range": attnpool.KeyRange.first(400)}, {"key_weights": np.r_[np.ones(400), 0]}):
        if plan != "grid" or "key_range" not in unseen:
            assert np.all(np.isfinite(attnpool.pool(queries, keys, spoilt, w=9.0, algorithm=plan, **unseen)))


def test_targets_of_float64_are_computed_in_float64():
    data = [a.astype(np.float32) for a in (x, x, y)]
    want = attnpool.loss_gradient(*(a.astype(np.float64) for a in data), y / 3, w=2.0)
    assert attnpool.loss_gradient(*data, y / 3, w=2.0) == want


def test_at_bound_belongs_to_the_last_fit():
    keys = np.arange(40.0)[:, None]
    with pytest.warns(b.BandwidthWarning):
        model = NadarayaWatsonRegressor("loo").fit(keys, (-1.0) ** keys[:, 0])
    assert model.bandwidth_at_bound_ == "largest"
    assert model.set_params(bandwidth=1.0).fit(keys, keys[:, 0]).bandwidth_at_bound_ == ""


def test_threads_follow_torch_and_can_be_told():
    pytest.importorskip("torch")
    code = "import torch; torch.set_num_threads({}); import attnpool; print(attnpool.config()['threads'])"
    for count in (1, 3):
        run = [sys.executable, "-c", code.format(count)]
        environment = {"PYTHONPATH": ":".join(sys.path)}
        assert subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout == f"{count}\n"
        told = dict(environment, ATTNPOOL_NUM_THREADS="2")
        assert subprocess.run(run, env=told, capture_output=True, text=True, check=True).stdout == "2\n"
