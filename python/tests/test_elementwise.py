"""exp, softmax, logsumexp, average_pool against long double, along every axis."""

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import attnpool

SCORES = hnp.arrays(
    st.sampled_from([np.float16, np.float32, np.float64, np.int32]),
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=30),
    elements=st.integers(-40, 40),
)


def eps_of(dtype):
    return np.finfo(dtype if np.dtype(dtype).kind == "f" else np.float64).eps


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=0, min_side=0, max_dims=3),
        elements=st.floats(-80, 80, width=32),
    ),
    st.booleans(),
)
def test_exp(x, reverse):
    given_x = x.T[..., ::-1] if reverse and x.ndim else x
    out = attnpool.exp(given_x)
    exact = np.exp(given_x.astype(np.longdouble))
    assert out.shape == given_x.shape and out.dtype == x.dtype
    assert np.all(np.abs(out - exact) <= eps_of(x.dtype) * exact)


def test_exp_special_and_in_place():
    x = np.array([np.nan, -np.inf, np.inf, 1e4, -1e4, 0.0])
    np.testing.assert_array_equal(attnpool.exp(x), [np.nan, 0, np.inf, np.inf, 0, 1])
    assert attnpool.exp(x, out=x) is x and x[-1] == 1
    assert attnpool.exp(np.float16([1])).dtype == np.float16
    assert attnpool.exp(1) == pytest.approx(np.e)


@given(SCORES, st.data())
def test_softmax_and_logsumexp(x, data):
    axis = data.draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1)))
    shaped = x.reshape(1, -1) if axis is None else np.moveaxis(x, axis, -1)
    p = attnpool.softmax(x, axis)
    assert p.shape == x.shape and p.dtype == (x.dtype if x.dtype.kind == "f" else np.float64)
    total = attnpool.logsumexp(x, axis)
    kept = attnpool.logsumexp(x, axis, keepdims=True)
    if x.size == 0:
        if shaped.shape[-1] == 0:
            assert np.all(total == -np.inf)
        return
    exact_total = oracle.log_sum_exp(shaped)
    exact = np.exp(shaped.astype(np.longdouble) - exact_total[..., None])
    got = p.reshape(1, -1) if axis is None else np.moveaxis(p, axis, -1)
    tolerance = 100 * eps_of(x.dtype)
    assert np.all(np.abs(got - exact) <= tolerance * exact + np.finfo(p.dtype).tiny)
    assert np.all(np.abs(total - (exact_total[0] if axis is None else exact_total)) <= 4 * tolerance)
    assert kept.shape == tuple(1 if axis is None or d == axis % x.ndim else n for d, n in enumerate(x.shape))
    assert np.array_equal(kept.ravel(), np.ravel(total))


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_softmax_in_place(axis):
    x = np.random.default_rng(0).normal(size=(5, 7))
    expected = attnpool.softmax(x, axis)
    assert attnpool.softmax(x, axis, out=x) is x
    np.testing.assert_array_equal(x, expected)


def test_softmax_masked_rows():
    p = attnpool.softmax([[0.0, -np.inf], [-np.inf, -np.inf]])
    assert p[0].tolist() == [1, 0] and np.all(np.isnan(p[1]))


@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=6),
        elements=st.floats(-1e6, 1e6, allow_subnormal=False),
    ),
    st.sampled_from([None, 0, 1, 3]),
)
def test_average_pool(values, count):
    rows = values[:, None] if values.ndim == 1 else values
    mean = rows.astype(np.longdouble).mean(axis=-2)
    if values.ndim == 1:
        mean = mean[0]
        expected = mean if count is None else np.full(count, mean)
    else:
        expected = mean if count is None else np.repeat(mean[..., None, :], count, axis=-2)
    out = attnpool.average_pool(values, count)
    assert out.shape == expected.shape
    assert np.all(np.abs(out - expected) <= 1e-15 * np.max(np.abs(values)) * 4)
