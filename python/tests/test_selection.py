"""Selection of bandwidths against other packages' published numbers, and against what they find on the same data."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import attnpool
from attnpool import bandwidth as b

MOTORCYCLE = Path(__file__).parents[2] / "tools" / "program" / "data" / "mcycle.csv"


def test_the_motorcycle():
    """The leave-one-out optimum that a brute-force scan finds."""
    times, accel = np.loadtxt(MOTORCYCLE, delimiter=",", skiprows=1, usecols=(0, 1)).T
    found = b.select(times, accel)
    assert found.bandwidth[0] == pytest.approx(0.9138, abs=5e-5) and found.value == pytest.approx(595.936, abs=5e-4)
    grid = np.geomspace(0.01, 100, 3000)
    lowest = min(np.mean((attnpool.pool_loo(times, accel, bandwidth=h) - accel) ** 2) for h in grid)
    assert found.value <= lowest * (1 + 1e-9)
    assert "trace of hat matrix" in found.summary() and found.converged and found.at_bound == ""


def two_normals():
    """The data of statsmodels' tests of KernelReg with bw="aic", on which R np was run too."""
    g = np.random.RandomState(1234)
    c1, c2, noise = g.normal(size=200), g.normal(2, 1, size=200), g.normal(size=200)
    return np.c_[c1, c2], 0.3 + 1.2 * c1 - 0.9 * c2 + noise


def test_aicc_of_two_columns():
    x, y = two_normals()
    found = b.select(x, y, criterion="aicc")
    # R np stops at [0.4017893, 0.4943397], 0.9968607359963492, statsmodels at [0.3987821, 0.50933458].
    np.testing.assert_allclose(found.bandwidth, [0.3988070864, 0.5093352442], rtol=1e-6)
    assert found.value == pytest.approx(0.9966963640160994, abs=1e-12)
    assert found.trace == pytest.approx(17.97245, rel=1e-5)


def test_leave_one_out_of_two_columns():
    x, y = two_normals()
    found = b.select(x, y)
    np.testing.assert_allclose(found.bandwidth, [0.3029202177, 0.4830076218], rtol=1e-6)
    assert found.value == pytest.approx(0.9889546482079515, rel=1e-12)


def test_r_np_on_the_synthetic_data_of_statsmodels():
    """R np 0.70: cv.ls, local constant: bandwidths 0.6163835 and 0.1649656, leave-one-out 1.6435361482."""
    g = np.random.RandomState(123456)
    g.binomial(2, 0.7, size=(60, 1)), g.binomial(3, 0.7, size=(60, 1))
    c1, c2, _, noise = (
        g.normal(size=(60, 1)),
        g.normal(10, 1, size=(60, 1)),
        g.normal(10, 2, size=(60, 1)),
        g.normal(size=(60, 1)),
    )
    x, y = np.hstack([c1, c2]), (0.3 + 1.2 * c1 + 3.7 * c2 + noise)[:, 0]
    found = b.select(x, y)
    np.testing.assert_allclose(found.bandwidth, [0.6163835, 0.1649656], rtol=1e-5)
    assert found.leave_one_out == pytest.approx(1.6435361482065902, rel=1e-9)
    assert found.trace == pytest.approx(23.24121315406048, rel=1e-5)
    assert found.aicc == pytest.approx(2.0818956299021902, abs=1e-5)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("criterion, theirs", [("leave-one-out", "cv_ls"), ("aicc", "aic")])
def test_never_above_statsmodels(seed, criterion, theirs):
    KernelReg = pytest.importorskip("statsmodels.nonparametric.kernel_regression").KernelReg
    g = np.random.default_rng(seed)
    columns = 1 + seed % 2
    x = g.random((60, columns))
    y = np.sin(6 * x[:, 0]) + (np.cos(9 * x[:, -1]) if seed % 3 else 0) + 0.3 * g.standard_normal(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = KernelReg(y, x, "c" * columns, reg_type="lc", bw=theirs)
        ours = b.select(x, y, criterion=criterion)
    value = model.cv_loo(model.bw, model.est["lc"]) if theirs == "cv_ls" else model.aic_hurvich(model.bw)
    assert ours.value <= float(np.squeeze(value)) + 1e-9 * abs(float(np.squeeze(value)))


def test_columns_that_do_not_help_are_switched_off():
    g = np.random.default_rng(3)
    x = g.random((300, 6))
    y = np.sin(6 * x[:, 0]) + 0.1 * g.standard_normal(300)
    found = b.select(x, y)
    alone = b.select(x[:, :1], y)
    assert found.value <= alone.value * (1 + 1e-9) and found.w[0] > 1
    assert np.count_nonzero(found.w == 0) >= 1 and "no help" in found.summary()
    model = attnpool.NadarayaWatsonRegressor("aicc").fit(x, y)
    assert np.isfinite(model.predict(x)).all() and model.selection_.criterion == "aicc"


def test_several_value_columns_weights_and_one_bandwidth():
    g = np.random.default_rng(4)
    x, weight = g.random((80, 2)), g.random(80) + 0.1
    y = np.c_[np.sin(5 * x[:, 0]), x[:, 1] ** 2] + 0.1 * g.standard_normal((80, 2))
    each, one = b.select(x, y, weight), b.select(x, y, weight, per_dimension=False)
    assert each.value <= one.value and each.n == 80
    left_out = attnpool.pool(x, x, y, w=each.w, key_weights=weight, key_range=attnpool.KeyRange.all_but_self())
    assert each.value == pytest.approx(np.average(np.mean((left_out - y) ** 2, axis=1), weights=weight), rel=1e-10)


def test_progress_tells_and_stops():
    g = np.random.default_rng(5)
    x = g.random((20000, 2))
    y = np.sin(9 * x[:, 0]) + 0.1 * g.standard_normal(20000)
    told = []

    def progress(fraction):
        told.append(fraction)
        return len(told) < 3

    stopped = b.select(x, y, progress=progress)
    assert stopped.cancelled and not stopped.converged and np.all(np.isfinite(stopped.w)) and len(told) == 3
    assert all(0 <= f <= 1 for f in told) and told == sorted(told)

    def fails(_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        b.select(x, y, progress=fails)
    with pytest.raises(ValueError, match="^criterion: must be one of leave-one-out, gcv, aicc, log-loss, got 'loo'"):
        b.select(x[:10], y[:10], criterion="loo")


def leave_one_out_probabilities(w, x, labels):
    values = np.eye(3)[labels][:, np.unique(labels)]
    return attnpool.pool(x, x, values, w=w, key_range=attnpool.KeyRange.all_but_self())


@pytest.mark.parametrize("classes", [2, 3])
def test_log_loss_and_brier_score_of_iris_are_scikit_learns(classes):
    from sklearn.datasets import load_iris
    from sklearn.metrics import log_loss

    x, labels = load_iris(return_X_y=True)
    x, labels = x[labels >= 3 - classes], labels[labels >= 3 - classes]  # versicolor and virginica overlap
    model = attnpool.NadarayaWatsonClassifier("log-loss").fit(x, labels)
    found = model.selection_
    assert found.criterion == "log-loss" and found.converged and "log-loss" in model.summary()
    assert found.value == pytest.approx(log_loss(labels, leave_one_out_probabilities(found.w, x, labels)), rel=1e-9)
    brier = attnpool.NadarayaWatsonClassifier("brier").fit(x, labels)
    loo = attnpool.NadarayaWatsonClassifier("loo").fit(x, labels)
    assert np.array_equal(brier.bandwidth_, loo.bandwidth_)
    error = leave_one_out_probabilities(brier.selection_.w, x, labels) - np.eye(3)[labels][:, 3 - classes :]
    assert brier.selection_.value * classes == pytest.approx(np.mean(np.sum(error**2, axis=1)), rel=1e-9)
    for w in (0.9 * found.w, 1.1 * found.w, brier.selection_.w):
        assert found.value < log_loss(labels, leave_one_out_probabilities(w, x, labels))


def test_log_loss_is_for_probabilities():
    x = np.arange(6.0)
    y = np.eye(2)[[0, 0, 1, 0, 1, 1]]
    batch = b.select_batch([x, x], [y, y], criterion="log-loss")
    assert np.array_equal(batch.value, [b.select(x, y, criterion="log-loss").value] * 2)
    bad = y.copy()
    bad[3] = 1.5, -0.5
    with pytest.raises(ValueError, match=r"^y\[3,1\]: must be a probability, >= 0, for log-loss, got -0.5"):
        b.select(x, bad, criterion="log-loss")
    with pytest.raises(ValueError, match="^y: row 2 must be probabilities with the sum 1 for log-loss, got the sum 3"):
        b.select(x, y * np.array([1, 1, 3, 1, 1, 1])[:, None], criterion="log-loss")
    with pytest.raises(ValueError, match="^y: column 2 is positive in row 5 alone"):
        attnpool.NadarayaWatsonClassifier("log-loss").fit(x[:, None], [0, 0, 0, 1, 1, 2])
    for name in ("log-loss", "brier"):
        with pytest.raises(ValueError, match=f"^bandwidth: '{name}' is for NadarayaWatsonClassifier"):
            attnpool.NadarayaWatsonRegressor(name).fit(x[:, None], x)
