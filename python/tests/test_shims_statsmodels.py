"""KernelReg beside statsmodels' own."""

from pathlib import Path

import numpy as np
import pytest

from attnpool.shims.statsmodels import KernelReg

MCYCLE = np.loadtxt(Path(__file__).parents[2] / "tools/program/data/mcycle.csv", delimiter=",", skiprows=1)
rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def theirs():
    return pytest.importorskip("statsmodels.nonparametric.kernel_regression").KernelReg


@pytest.mark.parametrize("h", [0.5, 1.5, 5.0])
def test_motorcycle(theirs, h):
    times, accel = MCYCLE.T
    grid = np.linspace(0, 60, 50)
    for points in (None, grid):
        mean, effects = theirs(accel, times, "c", "lc", bw=[h]).fit(points)
        our_mean, our_effects = KernelReg(accel, times, "c", "lc", bw=[h]).fit(points)
        np.testing.assert_allclose(our_mean, mean, rtol=0, atol=1e-10)
        # Theirs is 2 / nobs times the derivative.
        np.testing.assert_allclose(our_effects * 2 / len(times), effects, rtol=0, atol=1e-10)


def test_several_variables(theirs):
    X = rng.normal(size=(150, 3))
    y = np.sin(X).sum(axis=1)
    bw = [0.4, 0.8, 2.0]
    original, ours = theirs(y, X, "ccc", "lc", bw=bw), KernelReg(y, X, "ccc", "lc", bw=bw)
    np.testing.assert_allclose(ours.fit()[0], original.fit()[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours.fit(X[0])[0], original.fit(X[0])[0], rtol=0, atol=1e-12)
    listed = KernelReg(y, list(X.T), "ccc", "lc", bw=bw)  # as a list of variables
    np.testing.assert_array_equal(listed.fit()[0], ours.fit()[0])
    assert ours.r_squared() == pytest.approx(original.r_squared(), rel=1e-12)
    assert ours.cv_loo(bw) == pytest.approx(
        float(np.squeeze(original.cv_loo(np.array(bw), original.est["lc"]))), rel=1e-10
    )


def test_marginal_effects_are_derivatives():
    X = rng.normal(size=(100, 2)) * [1, 30] + [0, 500]
    y = np.sin(X[:, 0]) + X[:, 1] / 30
    model = KernelReg(y, X, "cc", "lc", bw=[0.5, 20.0])
    at = X[:10]
    effects = model.fit(at)[1]
    for d, step in enumerate([1e-5, 1e-3]):
        move = step * np.eye(2)[d]
        difference = (model.fit(at + move)[0] - model.fit(at - move)[0]) / (2 * step)
        np.testing.assert_allclose(effects[:, d], difference, rtol=1e-5, atol=1e-9)


def test_cross_validated_bandwidth(theirs):
    times, accel = MCYCLE.T
    original = theirs(accel, times, "c", "lc", bw="cv_ls")
    ours = KernelReg(accel, times, "c", "lc", bw="cv_ls")
    assert ours.cv_loo(ours.bw) <= ours.cv_loo(original.bw) * (1 + 1e-9)
    assert ours.bw == pytest.approx(original.bw, rel=1e-2)  # its search stops early


def test_far_from_the_data(theirs):
    times, accel = MCYCLE.T
    with np.errstate(invalid="ignore", divide="ignore"):
        assert np.isnan(theirs(accel, times, "c", "lc", bw=[0.1]).fit([1000.0])[0])
    assert KernelReg(accel, times, "c", "lc", bw=[0.1]).fit([1000.0])[0] == pytest.approx(accel[-1])


@pytest.mark.parametrize(
    "name, options",
    [
        ("var_type", {"var_type": "u"}),
        ("ckertype", {"ckertype": "tricube"}),
        ("bw", {"bw": "cv_ml"}),
    ],
)
def test_what_is_not_here(name, options):
    with pytest.raises(NotImplementedError, match="^" + name):
        KernelReg(
            **{"endog": [0.0, 1.0], "exog": [0.0, 1.0], "var_type": "c", "reg_type": "lc", "bw": [1.0], **options}
        )


def test_unknown_regression():
    with pytest.raises(ValueError, match="^reg_type"):
        KernelReg([0.0, 1.0], [0.0, 1.0], "c", "lq", bw=[1.0])


@pytest.mark.parametrize("h", [[0.5], [0.6, 0.9], [0.9, 1.2, 1.5]])
def test_local_planes(theirs, h):
    columns = len(h)
    g = np.random.default_rng(columns)
    X, at = g.normal(size=(150, columns)) * 2 + 40, g.normal(size=(20, columns)) + 40
    y = np.sin(X).sum(axis=1) + g.normal(0, 0.1, 150)
    original, ours = (kind(y, X, "c" * columns, bw=h) for kind in (theirs, KernelReg))
    assert ours.reg_type == original.reg_type == "ll"
    for points in (None, at):
        for theirs_, ours_ in zip(original.fit(points), ours.fit(points)):
            seen = np.isfinite(ours_)
            assert seen.mean() > 0.98
            np.testing.assert_allclose(ours_[seen], theirs_[seen], rtol=1e-6, atol=1e-6)
    assert ours.r_squared() == pytest.approx(original.r_squared(), rel=1e-8)
    theirs_ = float(np.squeeze(original.cv_loo(np.array(h), original.est["ll"])))
    assert ours.cv_loo(h) == pytest.approx(theirs_, rel=1e-6)


def test_bandwidths_of_local_lines(theirs):
    times, accel = MCYCLE.T
    original, ours = (kind(accel, times, "c", bw="cv_ls") for kind in (theirs, KernelReg))
    assert ours.bw == pytest.approx([1.47579411], rel=1e-7)  # the brute-force minimum
    assert ours.cv_loo(ours.bw) <= ours.cv_loo(np.abs(original.bw)) * (1 + 1e-9)
    assert KernelReg(accel, times, "c", bw="aic").bw == pytest.approx([1.64450117], rel=1e-7)


def test_slopes_of_a_plane_and_where_there_is_none():
    X = rng.normal(size=(100, 2))
    mean, slopes = KernelReg(2 * X[:, 0] - 3 * X[:, 1] + 1, X, "cc", bw=[1.0, 1.0]).fit()
    np.testing.assert_allclose(slopes, np.tile([2.0, -3.0], (100, 1)), rtol=1e-9)
    alone = KernelReg([1.0, 2.0, 4.0], [0.0, 100.0, 200.0], "c", bw=[0.1]).fit()
    np.testing.assert_array_equal(alone[0], [1, 2, 4])
    assert np.isnan(alone[1]).all()


def test_wrong_number_of_bandwidths():
    with pytest.raises(ValueError, match="^bw"):
        KernelReg([0.0, 1.0], [0.0, 1.0], "c", "lc", bw=[1.0, 2.0])


def test_aic_and_variables_that_do_not_help():
    """The data and the optimum of statsmodels' own test, which stops at [0.3987821, 0.50933458]."""
    g = np.random.RandomState(1234)
    c1, c2, noise = g.normal(size=200), g.normal(2, 1, size=200), g.normal(size=200)
    y = 0.3 + 1.2 * c1 - 0.9 * c2 + noise
    model = KernelReg(y, np.c_[c1, c2], "cc", "lc", bw="aic")
    np.testing.assert_allclose(model.bw, [0.3988070864, 0.5093352442], rtol=1e-6)
    constant = KernelReg(y, np.c_[c1, np.ones(200)], "cc", "lc", bw="cv_ls")
    assert constant.bw[1] == np.inf
    alone = KernelReg(y, c1, "c", "lc", bw=constant.bw[:1])
    np.testing.assert_allclose(constant.fit()[0], alone.fit()[0], rtol=1e-12)
    np.testing.assert_allclose(constant.fit()[1][:, 0], alone.fit()[1][:, 0], rtol=1e-9)
    assert np.all(constant.fit()[1][:, 1] == 0)
    assert constant.cv_loo(constant.bw) == pytest.approx(alone.cv_loo(alone.bw), rel=1e-12)
