"""The shims that need no PyTorch, beside what they replace."""

import numpy as np
import originals
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone

from attnpool.shims import jmetzen, sklearn, tutorial

rng = np.random.default_rng(0)
x = np.sort(rng.random(50) * 5)
y = 2 * np.sin(x) + x**0.8 + rng.normal(0, 0.5, 50)
q = np.arange(0, 5, 0.1)


# ---- the tutorial -------------------------------------------------------------------------------


@pytest.mark.parametrize("h", [0.05, 0.3, 1.0, 10.0])
def test_tutorial_functions(h):
    np.testing.assert_allclose(tutorial.nadaraya_watson(q, x, y, h), originals.nadaraya_watson(q, x, y, h), rtol=1e-13)
    p = tutorial.compute_attention(q, x, h)
    np.testing.assert_allclose(p, originals.compute_attention(q, x, h), rtol=0, atol=1e-14)
    assert p.shape == (50, 50)


def test_tutorial_model_has_the_true_gradient():
    model = tutorial.ParametricNWKernelRegression(w=1.3)

    def loss(w):
        p = originals.compute_attention(x, x, 1 / w)
        np.fill_diagonal(p, 0)
        return np.mean((p @ y / p.sum(axis=1) - y) ** 2)

    assert model.gradient(x, y) == pytest.approx((loss(1.3 + 1e-5) - loss(1.3 - 1e-5)) / 2e-5, rel=1e-7)
    with_self = lambda w: np.mean((originals.nadaraya_watson(x, x, y, 1 / w) - y) ** 2)
    assert model.gradient(x, y, leave_one_out=False) == pytest.approx(
        (with_self(1.3 + 1e-5) - with_self(1.3 - 1e-5)) / 2e-5, rel=1e-7
    )


def test_tutorial_model_learns():
    model = tutorial.ParametricNWKernelRegression(w=0.8)
    with pytest.raises(ValueError, match="fit first"):
        model.predict(q)
    w, losses = 0.8, []
    for _ in range(20):  # the same descent, one step at a time
        step = tutorial.ParametricNWKernelRegression(w)
        w -= 0.5 * step.gradient(x, y)
    model.fit(x, y, learning_rate=0.5, epochs=20)
    assert model.w == pytest.approx(w, rel=1e-12) and model.losses[-1] < model.losses[0]
    np.testing.assert_allclose(model.predict(q), originals.nadaraya_watson(q, x, y, 1 / w), rtol=1e-11)
    np.testing.assert_array_equal(model(q, x, y), model.predict(q))
    np.testing.assert_allclose(model.compute_attention(q, x) @ y, model.predict(q), rtol=1e-12)
    assert 0 <= tutorial.ParametricNWKernelRegression(seed=3).w < 1


# ---- scikit-learn's idiom and jmetzen's estimator -----------------------------------------------

X = rng.normal(size=(120, 3))
Y = np.sin(X).sum(axis=1)
Q = rng.normal(size=(40, 3))


@pytest.mark.parametrize("gamma", [None, 0.1, 1.0, 5.0])
def test_pairwise_kernels_idiom(gamma):
    ours = sklearn.rbf_regression(Q, X, Y, gamma)
    np.testing.assert_allclose(ours, originals.pairwise_kernels_regression(Q, X, Y, gamma), rtol=0, atol=1e-12)
    many = sklearn.rbf_regression(Q, X, np.column_stack([Y, -Y]), gamma)
    np.testing.assert_allclose(many, np.column_stack([ours, -ours]), rtol=0, atol=1e-14)


def test_pairwise_kernels_idiom_far_away():
    with np.errstate(invalid="ignore"):
        assert np.isnan(originals.pairwise_kernels_regression(np.full((1, 3), 1e3), X, Y, 1.0))
    assert sklearn.rbf_regression(np.full((1, 3), 1e3), X, Y, 1.0) in Y


@pytest.mark.parametrize("gamma", [None, 0.3, 2.0])
def test_jmetzen_given_gamma(gamma):
    model = jmetzen.KernelRegression(kernel="rbf", gamma=gamma).fit(X, Y)
    np.testing.assert_allclose(
        model.predict(Q), originals.pairwise_kernels_regression(Q, X, Y, gamma), rtol=0, atol=1e-12
    )


def test_jmetzen_chooses_gamma():
    gammas = np.logspace(-2, 2, 10)
    model = jmetzen.KernelRegression(gamma=gammas).fit(X, Y)
    assert model.gamma_ == originals.jmetzen_gamma(X, Y, gammas)
    np.testing.assert_allclose(
        model.predict(Q), originals.pairwise_kernels_regression(Q, X, Y, model.gamma_), rtol=0, atol=1e-12
    )
    assert clone(model).gamma is not None and model.gamma is gammas


def test_jmetzen_refuses_other_kernels():
    with pytest.raises(ValueError, match="^kernel"):
        jmetzen.KernelRegression(kernel="poly").fit(X, Y)
