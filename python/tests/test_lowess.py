"""lowess: beside statsmodels' own, by formula, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

import attnpool
from attnpool.shims.statsmodels import lowess

rng = np.random.default_rng(3)
X = rng.random(400) * 10
Y = np.sin(X) + 0.3 * rng.normal(size=400) + 5 * (rng.random(400) < 0.05)


@pytest.fixture(scope="module")
def theirs():
    return pytest.importorskip("statsmodels.nonparametric.smoothers_lowess").lowess


def same(ours, original, scale=1.0, tolerance=1e-10):
    assert ours.shape == original.shape and ours.dtype == original.dtype
    np.testing.assert_allclose(ours, original, rtol=0, atol=tolerance * scale)


# ---- statsmodels -------------------------------------------------------------------------------


@pytest.mark.parametrize("frac", [0.05, 0.2, 2 / 3, 1.0])
@pytest.mark.parametrize("it", [0, 1, 3])
@pytest.mark.parametrize("delta", [0.0, 0.01, 0.5, 100.0])
def test_statsmodels_lowess(theirs, frac, it, delta):
    settings = {"frac": frac, "it": it, "delta": delta}
    same(lowess(Y, X, **settings), theirs(Y, X, **settings))
    same(lowess(Y, X, return_sorted=False, **settings), theirs(Y, X, return_sorted=False, **settings))
    order = np.argsort(X)
    x, y = X[order], Y[order]
    same(lowess(y, x, is_sorted=True, **settings), theirs(y, x, is_sorted=True, **settings))


@pytest.mark.parametrize("frac, it", [(0.1, 0), (0.1, 3), (2 / 3, 3)])
def test_statsmodels_xvals(theirs, frac, it):
    at = np.array([3.3, -1, 12, 0.5, 3.3, np.nan, 7])
    same(lowess(Y, X, frac, it, xvals=at), theirs(Y, X, frac, it, xvals=at), tolerance=1e-9)
    at, order = np.sort(at[np.isfinite(at)]), np.argsort(X)
    settings = {"frac": frac, "it": it, "xvals": at, "is_sorted": True}
    same(lowess(Y[order], X[order], **settings), theirs(Y[order], X[order], **settings), tolerance=1e-9)


def test_statsmodels_missing(theirs):
    x, y = X.copy(), Y.copy()
    x[[3, 70]], y[[5, 70, 9]] = np.nan, [np.inf, np.nan, -np.inf]
    for return_sorted in (True, False):
        same(lowess(y, x, return_sorted=return_sorted), theirs(y, x, return_sorted=return_sorted))
    same(lowess(Y, X, missing="none"), theirs(Y, X, missing="none"))
    same(lowess(Y, X, missing="raise"), theirs(Y, X, missing="raise"))
    for missing in ("none", "raise"):
        with pytest.raises(ValueError, match=r"exog\[3\]: must be finite, got nan"):
            lowess(y, x, missing=missing)


# Ties, heavy tails, clusters: windows of every shape. y is of unit size.
@pytest.mark.parametrize("frac", [0.004, 0.02, 0.3, 2 / 3, 1.0])
@pytest.mark.parametrize(
    "x",
    [
        np.round(X),
        np.round(X, 1),
        np.exp(X),
        rng.standard_cauchy(400),
        np.where(X < 5, X, X + 1000),
        np.where(X < 7, 1.0, X),
        np.ones(400),
        X * 1e-7,
        X * 1e6,
    ],
    ids=["integers", "tenths", "exp", "cauchy", "clusters", "mostly one", "one", "narrow", "wide"],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_statsmodels_however_x_lies(theirs, x, frac):
    # Statsmodels sums x itself, not differences from the query, and loses digits where windows are far from 0.
    tolerance = 1e-8 if frac < 0.1 or np.ptp(x) > 999 else 1e-10
    for it in (0, 2):
        same(lowess(Y, x, frac, it), theirs(Y, x, frac, it), tolerance=tolerance)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_statsmodels_few_points(theirs, n):
    for frac in (0.0, 0.5, 1.0):
        same(lowess(Y[:n], X[:n], frac), theirs(Y[:n], X[:n], frac))
        # Without iterations: lines through two points leave nothing but rounding, which statsmodels weighs.
        same(lowess(Y[:n], X[:n], frac, 0, xvals=X[:n]), theirs(Y[:n], X[:n], frac, 0, xvals=X[:n]))


def test_statsmodels_of_many_points(theirs):
    x = rng.random(5000)
    y = np.sin(9 * x) + rng.standard_t(2, size=5000)
    for frac in (0.02, 2 / 3):
        same(lowess(y, x, frac), theirs(y, x, frac), scale=float(np.ptp(y)), tolerance=1e-11)


# ---- by itself ---------------------------------------------------------------------------------


def test_what_the_result_holds():
    found = attnpool.lowess(Y, X, fraction=0.3, at=[[1.0, 2.0], [3.0, 50.0]])
    np.testing.assert_array_equal(found.residuals, Y - found.fitted)
    assert found.neighbours == 120 and found.passes == 4 and found.without_line == 0
    assert found.at.shape == (2, 2) and abs(found.at[0, 0] - np.sin(1)) < 0.3
    assert found.robustness_weights.min() == 0 and found.robustness_weights.max() <= 1
    again = attnpool.lowess(Y[:, None], list(X), fraction=0.3, at=X, n_jobs=2)
    np.testing.assert_array_equal(again.fitted, found.fitted)
    np.testing.assert_array_equal(again.at, found.fitted)
    assert attnpool.lowess(Y, X).at is None
    assert np.isnan(attnpool.lowess([1, 2], [1, 2], at=1.5).at)


@given(st.integers(1, 60), st.floats(0, 1), st.integers(0, 3), st.integers(0, 10**6))
def test_fits_move_with_y(n, fraction, iterations, seed):
    random = np.random.default_rng(seed)
    x = np.round(random.normal(size=n), random.integers(1, 4))
    y = np.round(random.normal(size=n), 3)
    found = attnpool.lowess(y, x, fraction=fraction, iterations=iterations)
    doubled = attnpool.lowess(2 * y, x, fraction=fraction, iterations=iterations)
    np.testing.assert_array_equal(doubled.fitted, 2 * found.fitted)
    order = random.permutation(n)
    if found.without_line == 0:
        mixed = attnpool.lowess(y[order], x[order], fraction=fraction, iterations=iterations)
        np.testing.assert_allclose(mixed.fitted, found.fitted[order], rtol=0, atol=1e-9)


def refused(message, call, *args, error=ValueError, **settings):
    with pytest.raises(error) as info:
        call(*args, **settings)
    assert str(info.value) == message


def test_bad_arguments_are_named():
    refused("y: must have 400 entries to match x, got 3", attnpool.lowess, [1, 2, 3], X)
    refused("x[1]: must be finite, got nan", attnpool.lowess, [1, 2], [1, np.nan])
    refused("x: must have at least one entry, got 0", attnpool.lowess, [], [])
    refused("x: must be a vector, got shape (2, 2)", attnpool.lowess, [1, 2], [[1, 2], [3, 4]])
    refused("fraction: must be in [0, 1], got 1.2", attnpool.lowess, Y, X, fraction=1.2)
    refused("iterations: must be at least 0, got -1", attnpool.lowess, Y, X, iterations=-1)
    refused("iterations: must be an integer, got 1.5", attnpool.lowess, Y, X, iterations=1.5, error=TypeError)
    refused("delta: must be 0 or more, got -1", attnpool.lowess, Y, X, delta=-1)
    refused("at[1]: must be finite, got inf", attnpool.lowess, Y, X, at=[1, np.inf])
    refused("n_jobs: 0 has no meaning; None is the default, -1 all processors", attnpool.lowess, Y, X, n_jobs=0)


def test_bad_arguments_of_the_shim_are_named():
    refused("frac: must be in [0, 1], got 2", lowess, Y, X, frac=2)
    refused("it: must be at least 0, got -1", lowess, Y, X, it=-1)
    refused("exog: must be a vector, got shape (400, 1)", lowess, Y, X[:, None])
    refused("endog: must have 400 entries to match exog, got 399", lowess, Y[1:], X)
    refused("delta: must be 0 with xvals, got 0.1", lowess, Y, X, delta=0.1, xvals=[1.0])
    refused("missing: must be 'none', 'drop' or 'raise', got 'omit'", lowess, Y, X, missing="omit")
    refused("xvals[0]: must be finite, got nan", lowess, Y, X, xvals=[np.nan], missing="raise")
    refused(
        "exog[2]: must not be below exog[1] = 3.0 if is_sorted, got 2.0", lowess, [1, 2, 3], [1, 3, 2], is_sorted=True
    )
    refused("exog: must have at least one entry, got 0", lowess, [np.nan], [1])
