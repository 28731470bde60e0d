"""Every convention of other packages against its own kernel, and the choice of bandwidths."""

import numpy as np
import pytest

stats = pytest.importorskip("scipy.stats")

import attnpool
from attnpool import bandwidth as b

x = np.array([-1.3, 0.0, 0.2, 0.9, 2.1])
rng = np.random.default_rng(0)
X = np.column_stack([rng.normal(0, 2, 300), rng.exponential(30, 300), rng.integers(0, 4, 300)])
n = len(X)


def kernel(w):
    """Our kernel as a ratio to its value at 0."""
    return np.exp(-0.5 * (w * x) ** 2)


@pytest.mark.parametrize(
    "w, theirs",
    [
        (0.7, np.exp(-(((x - 0) * 0.7) ** 2) / 2)),  # d2l, older chapter: w itself
        (b.w_from_sigma(0.4), np.exp(-(x**2) / (2 * 0.4**2))),  # d2l, current chapter
        (b.w_from_sigma(0.5), np.exp(-2 * x**2)),  # its first plot in one version
        (b.w_from_bw(0.4), stats.norm.pdf(x, scale=0.4) / stats.norm.pdf(0, scale=0.4)),  # statsmodels bw, np bws, h
        (b.w_from_gamma(3.0), np.exp(-3.0 * x**2)),  # scikit-learn, jmetzen
        (b.w_from_ksmooth(2.0), stats.norm.pdf(x / (0.3706506 * 2)) / stats.norm.pdf(0)),  # R ksmooth
        (b.w_from_lengthscale(1.5), np.exp(-0.5 * (x / 1.5) ** 2)),  # GPyTorch
    ],
)
def test_conventions(w, theirs):
    np.testing.assert_allclose(kernel(w), theirs, rtol=1e-6)


def test_ksmooth_has_its_quartiles_at_a_quarter():
    sd = 1 / b.w_from_ksmooth(8.0)
    assert stats.norm.ppf([0.25, 0.75], scale=sd) == pytest.approx([-2.0, 2.0])


def test_np_scale():
    w = b.w_from_np_scale([0.5, 1.0, 2.0], X)
    for j, c in enumerate([0.5, 1.0, 2.0]):
        column = X[:, j]
        sigma = min(column.std(ddof=1), stats.median_abs_deviation(column) * 1.4826, stats.iqr(column) / 1.349)
        assert w[j] == pytest.approx(1 / (c * sigma * n ** (-1 / (2 * 2 + 3))), rel=1e-12)
    assert b.w_from_np_scale(1.0, X, kernel_order=4)[0] == pytest.approx(w[0] / 2 * n ** (1 / 11 - 1 / 7), rel=1e-12)
    with pytest.raises(ValueError, match="^x: column 1 is constant"):
        b.w_from_np_scale(1.0, np.column_stack([X[:, 0], np.ones(n)]))


def test_rules_of_gaussian_kde_and_skpro():
    kde = stats.gaussian_kde(X.T, "scott")
    np.testing.assert_allclose(b.scott(X), kde.factor * X.std(axis=0, ddof=1), rtol=1e-12)
    kde = stats.gaussian_kde(X.T, "silverman")
    np.testing.assert_allclose(b.silverman(X), kde.factor * X.std(axis=0, ddof=1), rtol=1e-12)
    # skpro standardises the features first; in its units the bandwidth is the factor.
    standardised = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    np.testing.assert_allclose(b.scott(standardised), n ** (-1 / 7), rtol=1e-12)


def test_rules_without_sigma():
    """As scikit-learn's KernelDensity and GuillaumeDehaene/nadaraya_watson."""
    KernelDensity = pytest.importorskip("sklearn.neighbors").KernelDensity
    for name, rule in (("scott", b.scott), ("silverman", b.silverman)):
        theirs = KernelDensity(bandwidth=name).fit(X).bandwidth_
        np.testing.assert_allclose(rule(X, scaled=False), theirs, rtol=1e-12)


def test_weighted_rules():
    weight = rng.random(n)
    kde = stats.gaussian_kde(X.T, "scott", weights=weight)
    np.testing.assert_allclose(
        b.scott(X, weight), kde.factor * np.sqrt(np.diag(kde.covariance)) / kde.factor, rtol=1e-12
    )
    np.testing.assert_allclose(b.scott(X, np.full(n, 7.0)), b.scott(X), rtol=1e-12)


def test_constant_columns_and_single_points():
    assert b.scott(np.ones((5, 1)))[0] == 1
    assert np.isfinite(b.scott([[3.0]])).all()
    assert b.loo(np.ones((5, 1)), np.arange(5.0)).loss == pytest.approx(np.mean((np.arange(5) - 2) ** 2) * (5 / 4) ** 2)


@pytest.mark.parametrize(
    "convert", [b.w_from_sigma, b.w_from_bw, b.w_from_gamma, b.w_from_lengthscale, b.w_from_ksmooth]
)
@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_wrong_bandwidths(convert, wrong):
    with pytest.raises(ValueError, match="must be finite and > 0"):
        convert(wrong)


def loo_error(keys, values, h):
    return np.mean((attnpool.pool_loo(keys, values, bandwidth=h) - values) ** 2)


def test_loo_finds_the_least_error_in_one_dimension():
    keys = np.sort(rng.random(150)) * 5
    values = 2 * np.sin(keys) + keys**0.8 + rng.normal(0, 0.5, 150)
    found = b.loo(keys, values)
    grid = np.geomspace(1e-3, 20, 2000)
    best = min(loo_error(keys, values, h) for h in grid)
    assert found.loss <= best * (1 + 1e-9) and found.loss == pytest.approx(loo_error(keys, values, found.bandwidth))
    assert not found.at_bound
    for unit in (1e-9, 1e9):  # of y, and of x
        assert b.loo(keys, values * unit).bandwidth == pytest.approx(found.bandwidth, rel=1e-4)
        assert b.loo(keys * unit, values).bandwidth / unit == pytest.approx(found.bandwidth, rel=1e-4)


def test_loo_per_dimension_smooths_out_what_does_not_matter():
    keys = rng.normal(size=(200, 2)) * [1, 1000]
    values = np.sin(3 * keys[:, 0]) + rng.normal(0, 0.1, 200)
    found = b.loo(keys, values)
    assert found.bandwidth[1] / 1000 > 5 * found.bandwidth[0]
    one = b.loo(keys, values, per_dimension=False)
    assert found.loss < one.loss and one.bandwidth[1] / one.bandwidth[0] == pytest.approx(
        keys[:, 1].std() / keys[:, 0].std()
    )


def test_loo_weights():
    keys = np.sort(rng.random(80)) * 5
    values = np.sin(keys) + rng.normal(0, 0.3, 80)
    np.testing.assert_allclose(
        b.loo(keys, values, np.full(80, 3.0)).bandwidth, b.loo(keys, values).bandwidth, rtol=1e-4
    )
    weight = rng.random(80) + 0.1
    loss = lambda w: b._weighted_loss(keys[:, None], values[:, None], weight, np.array([w]), None)
    value, gradient = loss(2.0)
    # The definition, point by point.
    predicted = np.array(
        [
            np.average(
                np.delete(values, i),
                weights=np.delete(weight, i) * np.exp(-0.5 * (2.0 * (keys[i] - np.delete(keys, i))) ** 2),
            )
            for i in range(80)
        ]
    )
    assert value == pytest.approx(np.average((predicted - values) ** 2, weights=weight), rel=1e-12)
    assert gradient[0] == pytest.approx((loss(2 + 1e-5)[0] - loss(2 - 1e-5)[0]) / 2e-5, rel=1e-6)
