"""Kernels and local polynomials beside numbers that other programs, or other people's data, gave."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import attnpool
from attnpool.bandwidth import BandwidthWarning, select

ROOT = Path(__file__).parents[2]
SHAPES = {
    "gaussian": lambda u: np.exp(-(u**2) / 2),
    "boxcar": lambda u: 1.0 * (u < 1),
    "triangular": lambda u: (1 - u) * (u < 1),
    "epanechnikov": lambda u: (1 - u**2) * (u < 1),
    "biweight": lambda u: (1 - u**2) ** 2 * (u < 1),
    "triweight": lambda u: (1 - u**2) ** 3 * (u < 1),
    "tricube": lambda u: (1 - u**3) ** 3 * (u < 1),
    "cosine": lambda u: np.cos(np.pi / 2 * u) * (u < 1),
    "laplace": lambda u: np.exp(-u),
    "rational_quadratic": lambda u: 1 / (1 + u**2 / 2),
}


def polynomial(at, x, y, h, shape, order):
    """The local polynomial in one dimension by lstsq; NaN where it is not determined."""
    result = []
    for q in np.atleast_1d(at):
        root = np.sqrt(SHAPES[shape](np.abs(x - q) / h))
        powers = np.vander((x - q) / h, order + 1, increasing=True) * root[:, None]
        solution, _, rank, _ = np.linalg.lstsq(powers, y * root, rcond=1e-13)
        result.append(solution[0] if rank == order + 1 else np.nan)
    return np.array(result)


def leave_one_out(x, y, h, shape, order):
    keep = ~np.eye(len(x), dtype=bool)
    return np.array([polynomial(q, x[k], y[k], h, shape, order)[0] for q, k in zip(x, keep)])


# ---- R np: the data and results of statsmodels' test_kernel_regression.py ------------------------


@pytest.fixture(scope="module")
def np_data():
    g = np.random.RandomState(123456)
    g.binomial(2, 0.7, 60), g.binomial(3, 0.7, 60)
    c1, c2 = g.normal(size=60), g.normal(10, 1, 60)
    g.normal(10, 2, 60)
    return np.c_[c1, c2], 0.3 + 1.2 * c1 + 3.7 * c2 + g.normal(size=60)


NP_MEANS = {
    0: ([0.6163835, 0.1649656], [31.49157, 37.29536, 43.72332, 40.58997, 36.80711], 1.6435361482065902),
    1: ([1.717891, 2.449415], [31.16003, 37.30323, 44.49870, 40.73704, 36.19083], 1.2675275901434442),
}


@pytest.mark.parametrize("order", [0, 1])
def test_means_of_np(np_data, order):
    X, y = np_data
    h, means, error = NP_MEANS[order]
    np.testing.assert_allclose(attnpool.pool(X[:5], X, y, bandwidth=h, order=order), means, rtol=0, atol=6e-6)
    left_out = attnpool.pool_loo(X, y, bandwidth=h, order=order)
    assert np.mean((left_out - y) ** 2) == pytest.approx(error, rel=1e-12)


def test_selection_of_np(np_data):
    """np's bandwidths are the minimum for local lines; of the mean there is one within a hair's breadth."""
    X, y = np_data
    lines = select(X, y, order=1)
    np.testing.assert_allclose(lines.bandwidth, NP_MEANS[1][0], rtol=1e-6)
    assert lines.value <= NP_MEANS[1][2] * (1 + 1e-12)
    assert lines.trace == pytest.approx(4.906822430125953, rel=1e-7)
    assert select(X, y).value <= NP_MEANS[0][2]


def test_statsmodels_tricube_is_no_tricube(np_data):
    """Its tricube kernel weighs points beyond its support like the query itself; only its own formula gives its numbers."""
    X, y = np_data
    h, theirs = np.array([0.581663, 0.5652]), [30.926714, 36.994604, 44.438358, 40.680598, 35.961593]

    def fits(weight):
        result = []
        for q in X[:5]:
            root = np.sqrt(weight(np.abs(X - q) / h).prod(axis=1))
            design = np.c_[np.ones(60), X - q] * root[:, None]
            result.append(np.linalg.lstsq(design, y * root, rcond=None)[0][0])
        return np.array(result)

    np.testing.assert_allclose(fits(lambda u: SHAPES["tricube"](np.where(u > 1, 0, u))), theirs, atol=1e-5)
    kernel = attnpool.Kernel("tricube", product=True)
    ours, status = attnpool.pool(X[:5], X, y, bandwidth=h, order=1, kernel=kernel, return_status=True)
    determined = status == "answered"
    assert 0 < determined.sum() < 5
    np.testing.assert_allclose(ours[determined], fits(SHAPES["tricube"])[determined], rtol=1e-9)


# ---- the motorcycle data: brute force over a scan of bandwidths -----------------------------------


@pytest.mark.parametrize(
    "criterion, h, value, trace",
    [
        ("leave-one-out", 1.47579411, 561.3394535276, 16.60957381),
        ("aicc", 1.64450117, 7.4338822311, None),
        ("gcv", 1.56977134, 599.6705132122, None),
    ],
)
def test_local_lines_of_the_motorcycle_data(criterion, h, value, trace):
    times, accel = np.loadtxt(ROOT / "tools/program/data/mcycle.csv", delimiter=",", skiprows=1).T
    found = select(times, accel, criterion=criterion, order=1)
    assert found.bandwidth == pytest.approx([h], rel=1e-7)
    assert found.value == pytest.approx(value, rel=1e-11)
    assert trace is None or found.trace == pytest.approx(trace, rel=1e-7)


# ---- Stata's lpoly and R's kedd -------------------------------------------------------------------


def stata(shape, q, x, y):
    """Stata's bandwidth is 1; its epanechnikov reaches sqrt(5), its cosine is another function than ours."""
    kernel, h = {
        "s_epa": ("epanechnikov", np.sqrt(5)),
        "s_epan2": ("epanechnikov", 1),
        "s_bi": ("biweight", 1),
        "s_gau": ("gaussian", 1),
        "s_rec": ("boxcar", 1),
        "s_tri": ("triangular", 1),
    }[shape]
    return attnpool.pool(q, x, y, bandwidth=h, kernel=kernel)


@pytest.mark.parametrize("shape", ["s_epa", "s_epan2", "s_bi", "s_gau", "s_rec", "s_tri"])
def test_lpoly_of_stata(shape):
    results = pytest.importorskip("statsmodels.nonparametric.tests.results")
    file = Path(results.__file__).parent / "results_kernel_regression.csv"
    if not file.exists():
        pytest.skip("statsmodels without the data of its tests")
    table = np.genfromtxt(file, delimiter=",", names=True)
    rows = table["service"] > 0
    x, y = np.log(table["service"][rows]), table["accident"][rows]
    given = np.isfinite(table["x_epa"])
    at, expected = np.linspace(x.min(), x.max(), given.sum()), table[shape][given]
    assert given.sum() == 40 and len(x) == 34
    np.testing.assert_allclose(stata(shape, at, x, y), expected, rtol=1e-6, atol=1e-6)


def test_tricube_of_kedd():
    """Its values at -1, -3/4, .. 0, as ratios of weights: one key at the place, one at the query."""
    values = np.array([0, 0.1669853116259163, 0.5789448302469136, 0.8243179321289062, 0.8641975308641975])
    for u, k in zip([-1, -0.75, -0.5, -0.25, 0], values / values[-1]):
        weights = attnpool.attention_weights([0.0], [u, 0.0], bandwidth=1.0, kernel="tricube")
        np.testing.assert_allclose(weights, [[k / (1 + k), 1 / (1 + k)]], rtol=1e-13, atol=0)


# ---- statsmodels' KernelReg and lstsq -------------------------------------------------------------


def test_local_planes_of_statsmodels():
    module = pytest.importorskip("statsmodels.nonparametric.kernel_regression")
    g = np.random.default_rng(4)
    for columns, h in ((1, [0.3]), (2, [0.5, 0.8]), (3, [0.7, 0.9, 1.1])):
        X, at = g.normal(size=(120, columns)), g.normal(size=(30, columns)) / 2
        y = np.sin(X).sum(axis=1) + g.normal(0, 0.1, 120)
        theirs = module.KernelReg(y, X, "c" * columns, reg_type="ll", bw=h).fit(at)[0]
        np.testing.assert_allclose(attnpool.pool(at, X, y, bandwidth=h, order=1), theirs, rtol=0, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_against_least_squares(shape, order):
    g = np.random.default_rng(5)
    x, at = g.random(80), np.linspace(0.05, 0.95, 21)
    y = np.exp(x) + g.normal(0, 0.2, 80)
    ours = attnpool.pool(at, x, y, bandwidth=0.23, kernel=shape, order=order)
    np.testing.assert_allclose(ours, polynomial(at, x, y, 0.23, shape, order), rtol=1e-9)


# ---- arguments, empties, estimators ---------------------------------------------------------------


@pytest.mark.parametrize(
    "error, message, options",
    [
        (ValueError, "kernel", {"kernel": "parabola"}),
        (TypeError, "kernel", {"kernel": 3}),
        (ValueError, "order", {"order": 3}),
        (ValueError, "order", {"order": -1}),
        (TypeError, "order", {"order": 0.5}),
        (ValueError, "empty", {"empty": "zero"}),
    ],
)
def test_bad_arguments(error, message, options):
    with pytest.raises(error, match=message):
        attnpool.pool([0.5], [0.0, 1.0], [0.0, 1.0], bandwidth=1.0, **options)
    with pytest.raises(error, match=message):
        select(np.arange(9.0), np.arange(9.0) ** 2, **options)


@pytest.mark.parametrize("alpha", [0, -1, np.inf, np.nan, 1001, "1", True])
def test_bad_alpha(alpha):
    with pytest.raises((ValueError, TypeError), match="alpha"):
        attnpool.Kernel("rational_quadratic", alpha=alpha)


def test_parabolas_are_of_one_dimension():
    with pytest.raises(ValueError, match="order"):
        attnpool.pool([[0.0, 0.0]], np.eye(2), [0.0, 1.0], bandwidth=1.0, order=2)


@pytest.mark.parametrize("empty, answer", [("nan", np.nan), ("nearest", 4.0), ("mean", 2.0)])
def test_empty_queries(empty, answer):
    x, y = [0.0, 1.0, 2.0], [0.0, 2.0, 4.0]
    out, status = attnpool.pool([0.1, 9.0], x, y, bandwidth=1.0, kernel="epanechnikov", empty=empty, return_status=True)
    np.testing.assert_allclose(out, [0.99 * 0 + 0.19 * 2 / 1.18, answer])
    assert status.tolist() == ["answered", "empty"]


def test_empty_queries_as_an_error():
    with pytest.raises(ValueError, match=r"quer.*1"):
        attnpool.pool([0.1, 9.0], [0.0, 1.0], [0.0, 1.0], bandwidth=1.0, kernel="boxcar", empty="error")


def test_lines_that_keys_do_not_determine():
    x, y = [0.0, 0.0, 5.0], [1.0, 3.0, 7.0]
    out, status = attnpool.pool([0.5], x, y, bandwidth=1.0, kernel="boxcar", order=1, return_status=True)
    assert out == pytest.approx(2) and status.tolist() == ["lower_order"]


def test_estimators():
    g = np.random.default_rng(6)
    x = g.random(60)
    y = 3 * x + g.normal(0, 0.1, 60)
    model = attnpool.NadarayaWatsonRegressor("loo", kernel="epanechnikov", order=1).fit(x[:, None], y)
    expected = polynomial(x, x, y, model.bandwidth_[0], "epanechnikov", 1)
    np.testing.assert_allclose(model.predict(x[:, None]), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="kernel"):
        model.predict(x[:, None], return_std=True)
    classes = attnpool.NadarayaWatsonClassifier(0.2, kernel="boxcar", empty="nearest").fit(x[:, None], y > 1.5)
    assert classes.predict([[0.9], [7.0], [-7.0]]).tolist() == [True, True, False]


# ---- selection ------------------------------------------------------------------------------------


def random_set(seed):
    g = np.random.default_rng(seed)
    x = g.random(30 + 5 * seed)
    return x, np.sin(6 * x) + g.normal(0, 0.3, len(x))


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("shape, slack", [("epanechnikov", 1e-4), ("tricube", 1e-4), ("laplace", 0), ("boxcar", 0.03)])
def test_selection_beside_a_fine_curve(shape, slack, order):
    """Criteria of compact kernels have kinks or, of the boxcar, steps: the search finds one that is nearly the lowest."""
    for seed in range(20):
        x, y = random_set(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BandwidthWarning)
            found = select(x, y, kernel=shape, order=order)
        curve = np.full(400, np.inf)
        for k, h in enumerate(np.geomspace(0.005, 50, 400)):
            error = np.mean((attnpool.pool_loo(x, y, bandwidth=h, kernel=shape, order=order) - y) ** 2)
            curve[k] = error if np.isfinite(error) else np.inf
        assert found.value <= curve.min() * (1 + slack) + 1e-12, seed


@pytest.mark.parametrize("shape", ["epanechnikov", "tricube", "laplace"])
def test_criterion_of_the_selection(shape):
    x, y = random_set(3)
    found = select(x, y, kernel=shape)
    error = np.mean((leave_one_out(x, y, found.bandwidth[0], shape, 0) - y) ** 2)
    assert found.value == pytest.approx(error, rel=1e-9)
