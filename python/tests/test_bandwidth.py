"""Every convention of other packages against its own kernel, and the choice of bandwidths."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.filterwarnings("ignore::attnpool.bandwidth.BandwidthWarning")
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
    spread = [
        min(x.std(ddof=1), stats.median_abs_deviation(x) * 1.4826, stats.iqr(x) / 1.349)
        for x in (keys[:, 0], keys[:, 1])
    ]
    assert found.loss < one.loss and one.bandwidth[1] / one.bandwidth[0] == pytest.approx(spread[1] / spread[0])


def test_loo_weights():
    keys = np.sort(rng.random(80)) * 5
    values = np.sin(keys) + rng.normal(0, 0.3, 80)
    np.testing.assert_allclose(
        b.loo(keys, values, np.full(80, 3.0)).bandwidth, b.loo(keys, values).bandwidth, rtol=1e-4
    )
    weight = rng.random(80) + 0.1
    found = b.loo(keys, values, weight)
    # The definition, point by point.
    predicted = np.array(
        [
            np.average(
                np.delete(values, i),
                weights=np.delete(weight, i) * np.exp(-0.5 * (found.w[0] * (keys[i] - np.delete(keys, i))) ** 2),
            )
            for i in range(80)
        ]
    )
    assert found.loss == pytest.approx(np.average((predicted - values) ** 2, weights=weight), rel=1e-12)


# ---- offsets, scales, outliers ------------------------------------------------------------------


def sample(seed, n=60):
    g = np.random.default_rng(seed)
    keys = np.sort(g.random(n)) * 5
    return keys, np.sin(2 * keys) + 0.2 * g.standard_normal(n)


@pytest.mark.parametrize("rule", [b.scott, b.silverman, lambda x, c=None: 1 / b.w_from_np_scale(1.0, x)])
@pytest.mark.parametrize("exponent", [-600, -30, 1, 400, 660])
def test_rules_know_no_unit(rule, exponent):
    keys = sample(1)[0]
    assert np.array_equal(rule(np.ldexp(keys, exponent)), np.ldexp(rule(keys), exponent))  # to the bit
    np.testing.assert_allclose(rule(keys * 1e-200), rule(keys) * 1e-200, rtol=1e-12)
    np.testing.assert_allclose(rule(keys * 1e200), rule(keys) * 1e200, rtol=1e-12)


@pytest.mark.parametrize("offset", [1.7e9, -1.7e9, 1e15, 1.7e18])
@pytest.mark.parametrize("spacing_in_ulps", [1, 7, 1000, 10**6])
@pytest.mark.parametrize("rule", [b.scott, b.silverman])
def test_rules_know_no_offset(rule, offset, spacing_in_ulps):
    """Time stamps whose spread is small compared with their distance from zero."""
    stamps = offset + np.spacing(abs(offset)) * spacing_in_ulps * np.arange(20.0) ** 2
    np.testing.assert_allclose(rule(stamps), rule(stamps - stamps[0]), rtol=1e-12)
    assert np.all(rule(stamps) != 1)


def test_loo_knows_no_offset_and_no_unit():
    keys, values = sample(2)
    keys, values = (
        np.round(keys * 2**20) / 2**20,
        np.round(values * 2**20) / 2**20,
    )  # so that the shifts are exact
    found = b.loo(keys, values)
    for x_shift, y_shift in ((2.0**30, 0.0), (0.0, 2.0**31), (-(2.0**29), 2.0**30)):
        moved = b.loo(keys + x_shift, values + y_shift)
        assert moved.bandwidth == pytest.approx(found.bandwidth, rel=1e-5)
        assert moved.loss == pytest.approx(found.loss, rel=1e-9)
    for unit in (1e-200, 1e200):
        assert b.loo(keys * unit, values).bandwidth / unit == pytest.approx(found.bandwidth, rel=1e-4)
        assert b.loo(keys, values * unit).bandwidth == pytest.approx(found.bandwidth, rel=1e-4)
    weight = np.linspace(0.5, 1, len(keys))
    want = b.loo(keys, values, weight)
    assert b.loo(keys, values, weight * 1e307).bandwidth == pytest.approx(want.bandwidth, rel=1e-9)
    np.testing.assert_allclose(b.scott(keys, weight * 1e307), b.scott(keys, weight), rtol=1e-12)


@pytest.mark.parametrize("function", [b.scott, b.silverman, lambda x, c: b.loo(x, x, c)])
@pytest.mark.parametrize(
    "weight, message",
    [
        (np.zeros(60), "^sample_weight: at least one must be > 0"),
        (np.r_[np.ones(59), -1.0], r"^sample_weight\[59\]: must be 0 or more, got -1"),
        (np.r_[1.0, np.nan, np.ones(58)], r"^sample_weight\[1\]: must be finite, got nan"),
        (np.r_[1.0, np.inf, np.ones(58)], r"^sample_weight\[1\]: must be finite, got inf"),
        (np.ones(59), "^sample_weight: must have one entry per row = 60"),
    ],
)
def test_wrong_weights_are_refused_by_name(function, weight, message):
    with pytest.raises(ValueError, match=message):
        function(sample(3)[0], weight)


@pytest.mark.parametrize("outlier", [30.0, 1e3, 999999.0, -1e12])
@pytest.mark.parametrize("seed", range(4))
def test_loo_is_not_misled_by_an_outlier(outlier, seed):
    """The outlier predicts itself from its nearest neighbour whatever the bandwidth, as long as it is short."""
    keys, values = sample(10 + seed)
    found = b.loo(np.r_[keys, outlier], np.r_[values, 0.0])
    grid = np.geomspace(1e-3, 5, 400)
    x, y = np.r_[keys, outlier], np.r_[values, 0.0]
    best = min(np.mean((attnpool.pool_loo(x, y, bandwidth=h) - y) ** 2) for h in grid)
    assert found.loss <= best * (1 + 1e-9)
    assert found.loss == pytest.approx(np.mean((attnpool.pool_loo(x, y, bandwidth=found.bandwidth) - y) ** 2), rel=1e-6)


@given(st.integers(0, 60), st.floats(3, 30), st.booleans(), st.integers(0, 1000))
def test_the_row_of_an_outlier_and_its_size_do_not_matter(row, decades, is_negative, seed):
    keys, values = sample(seed % 7)
    outlier = (-1 if is_negative else 1) * 10**decades
    found = b.loo(np.insert(keys, row, outlier), np.insert(values, row, 0.0))
    edge = values[np.argmin(keys) if is_negative else np.argmax(keys)]  # is what the outlier gets, and then its error
    want = b.loo(keys, values)
    assert found.loss * 61 == pytest.approx(want.loss * 60 + edge**2, rel=1e-6)
    assert found.bandwidth == pytest.approx(want.bandwidth, rel=1e-3) and found.at_bound == ""


@pytest.mark.parametrize("outlier", [1e120, -np.finfo(np.float64).max])
def test_outliers_beyond_all_measure_are_refused(outlier):
    keys, values = sample(1)
    with pytest.raises(ValueError, match="^x: column 0 has outliers more than 1e[+]100 times its robust spread away"):
        b.loo(np.r_[outlier, keys], np.r_[0.0, values])
    assert np.isfinite(b.scott(np.r_[outlier, keys])) and np.isfinite(b.w_from_np_scale(1.0, np.r_[outlier, keys]))


@pytest.mark.parametrize("exponent", [-900, -300, 13, 500, 900])
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_powers_of_two_give_the_same_bits(exponent, columns):
    g = np.random.default_rng(columns)
    keys, values = g.random((50, columns)), g.standard_normal((50, 2))
    found = b.loo(keys, values)
    moved = b.loo(np.ldexp(keys, exponent), values)
    assert np.array_equal(moved.bandwidth, np.ldexp(found.bandwidth, exponent)) and moved.loss == found.loss
    moved = b.loo(keys, np.ldexp(values, exponent))
    assert np.array_equal(moved.bandwidth, found.bandwidth)
    with np.errstate(over="ignore"):
        assert moved.loss == np.ldexp(found.loss, 2 * exponent)


@pytest.mark.parametrize("constant", [0.0, 1.0, 1e200, -1e-200])
@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_constant_columns_change_nothing(constant, unit):
    keys, values = sample(5)
    want = b.loo(keys, values * unit)
    beside = b.loo(keys, np.c_[values * unit, np.full(60, constant)])
    assert beside.bandwidth == pytest.approx(want.bandwidth, rel=1e-5)
    beside = b.loo(np.c_[np.full(60, constant), keys * unit], values)
    assert beside.bandwidth[1] / unit == pytest.approx(want.bandwidth[0], rel=1e-4)
    assert b.scott(np.c_[np.full(60, constant), keys])[0] == 1


def test_points_without_weight_are_not_there():
    keys, values = sample(6)
    weight = np.linspace(0, 1, 60).round(1)
    kept = weight > 0
    found, want = b.loo(keys, values, weight), b.loo(keys[kept], values[kept], weight[kept])
    assert found.bandwidth == want.bandwidth and found.loss == want.loss
    np.testing.assert_allclose(b.scott(keys, weight), b.scott(keys[kept], weight[kept]), rtol=1e-12)


def test_the_scan_reaches_the_closest_points():
    """Bursts of samples a millisecond apart, with a day between bursts: structure 1e-9 of the spread."""
    g = np.random.default_rng(0)
    keys = np.ravel(86400.0 * np.arange(30)[:, None] + 1e-3 * np.sort(g.random(25)) * 25)
    values = np.tile(np.sin(np.arange(25) / 3), 30) + 0.3 * g.standard_normal(750)
    found = b.loo(keys, values)
    grid = np.geomspace(1e-6, 1e7, 400)
    assert found.loss <= min(loo_error(keys, values, h) for h in grid) * (1 + 1e-9) and found.bandwidth < 0.1


def test_loo_says_when_it_stops_at_an_end():
    keys = np.arange(40.0)
    with pytest.warns(b.BandwidthWarning, match="smallest bandwidth"):
        assert b.loo(np.repeat(keys, 2), np.repeat(np.sin(9 * keys**2), 2)).at_bound == "smallest"  # pairs of twins
    with pytest.warns(b.BandwidthWarning, match="largest bandwidth"):
        assert b.loo(keys, (-1.0) ** keys).at_bound == "largest"  # every neighbour is wrong
    board = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    with pytest.warns(b.BandwidthWarning, match="largest bandwidth"):
        assert b.loo(board, (-1.0) ** board.sum(axis=1)).at_bound == "largest"
    keys, values = sample(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert b.loo(keys, values).at_bound == ""
        assert b.loo(np.c_[keys, np.random.default_rng(0).random(60)], values).at_bound == ""  # one column is flat


def test_loo_names_what_is_wrong():
    keys, values = sample(4)
    for wrong in (np.nan, np.inf):
        spoilt = keys.copy()
        spoilt[3] = wrong
        with pytest.raises(ValueError, match=r"^x\[3,0\]: must be finite"):
            b.loo(spoilt, values)
        with pytest.raises(ValueError, match=r"^y\[3,0\]: must be finite"):
            b.loo(keys, spoilt)
    with pytest.raises(ValueError, match="^y: must have 60 rows to match x, got 59"):
        b.loo(keys, values[1:])


@pytest.mark.parametrize("seed", [1, 3, 5, 7, 11])
def test_loo_of_two_columns_is_not_beaten_by_a_grid(seed):
    g = np.random.default_rng(seed)
    keys = g.random((60, 2))
    values = np.sin(6 * keys[:, 0]) + np.sin(40 * keys[:, 1]) + 0.1 * g.standard_normal(60)
    found = b.loo(keys, values)
    grid = np.geomspace(0.01, 30, 12)
    best = min(np.mean((attnpool.pool_loo(keys, values, bandwidth=[p, q]) - values) ** 2) for p in grid for q in grid)
    assert found.loss <= best * (1 + 1e-9)
