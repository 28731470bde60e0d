"""Derivatives against differences in long double, and fit against the same descent written out."""

import numpy as np
import oracle
import pytest

import attnpool
from attnpool import KeyRange

rng = np.random.default_rng(1)
X = rng.random((60, 2)) * 4
Y = np.column_stack([np.sin(X).sum(1), np.cos(X[:, 0])])
LOO = ~np.eye(len(X), dtype=bool)


def exact_loss(w, visible, kind):
    square = np.sum((oracle.pool(X, X, Y, w, visible) - Y) ** 2)
    return square / Y.size if kind == "mean" else square / 2


@pytest.mark.parametrize("kind", ["mean", "half-sum"])
@pytest.mark.parametrize("leave_out", [True, False])
@pytest.mark.parametrize("w", [1.7, np.array([1.7, 0.6])])
def test_loss_gradient(kind, leave_out, w):
    visible = LOO if leave_out else None
    loss, gradient = attnpool.loss_gradient(
        X, X, Y, Y, w=w, loss=kind, key_range=KeyRange.all_but_self() if leave_out else None
    )
    assert loss == pytest.approx(float(exact_loss(w, visible, kind)), rel=1e-13)
    step = np.longdouble(1e-6)
    w = np.asarray(w, dtype=np.longdouble)
    for p, got in enumerate(np.atleast_1d(gradient)):
        direction = step if w.ndim == 0 else step * np.eye(2, dtype=np.longdouble)[p]
        difference = (exact_loss(w + direction, visible, kind) - exact_loss(w - direction, visible, kind)) / (2 * step)
        assert got == pytest.approx(float(difference), rel=1e-9)
    assert np.ndim(gradient) == w.ndim


@pytest.mark.parametrize("w0", [0.8, [0.8, 1.1]])
def test_fit_is_gradient_descent(w0):
    result = attnpool.fit(X, Y, w0=w0, learning_rate=0.7, epochs=6)
    w = np.asarray(w0, dtype=np.float64)
    for epoch in range(6):
        np.testing.assert_allclose(result.ws[epoch], w, rtol=1e-12)
        loss, gradient = attnpool.loss_gradient(X, X, Y, Y, w=w, key_range=KeyRange.all_but_self())
        assert result.losses[epoch] == pytest.approx(loss, rel=1e-12)
        w = w - 0.7 * np.asarray(gradient)
    np.testing.assert_allclose(result.w, w, rtol=1e-12)
    assert result.stop == "epochs" and len(result.losses) == 7 and np.shape(result.w) == np.shape(w0)
    assert result.loss < result.losses[0]


def test_w0_from_seed():
    same = [attnpool.fit(X, Y, seed=5, epochs=0).w for _ in range(2)]
    assert same[0] == same[1] != attnpool.fit(X, Y, seed=6, epochs=0).w and 0 <= same[0] < 1


def test_fit_keeps_float32_data_and_any_strides():
    whole = attnpool.fit(X, Y, w0=1.0, epochs=3)
    single = attnpool.fit(X.astype("f4"), Y.astype("f4"), w0=1.0, epochs=3)
    assert single.w == pytest.approx(whole.w, rel=1e-5) and single.w != whole.w
    assert attnpool.fit(np.asfortranarray(X), Y[::-1][::-1], w0=1.0, epochs=3).w == whole.w


def test_progress_stops_and_tells():
    told = []

    def progress(**now):
        told.append(now)
        return now["epoch"] < 3

    result = attnpool.fit(X, Y, w0=0.5, epochs=100, progress=progress)
    assert result.stop == "cancelled" and result.loss == min(result.losses)
    assert [now["epoch"] for now in told][-1] == 3 and told[-1]["w"] == [result.ws[3]]
    assert attnpool.fit(X, Y, w0=0.5, epochs=2, progress=lambda **_: None).stop == "epochs"


def test_an_exception_in_progress_comes_out():
    def progress(**_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        attnpool.fit(X, Y, w0=0.5, epochs=3, progress=progress)


def test_divergence_is_a_result():
    noise = np.random.default_rng(0).normal(size=len(X))  # for which the nearest point is a bad guess
    result = attnpool.fit(X, noise, w0=0.5, learning_rate=1e300, epochs=50)
    assert result.stop == "diverged" and result.w == 0.5
    assert attnpool.fit([0.0, 1.0], [2.0, 2.0], w0=1.0, epochs=5).stop == "converged"
