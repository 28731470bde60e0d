"""Results against the long double formulas, over shapes, dtypes, layouts, batches and key ranges."""

import numpy as np
import oracle
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import attnpool
from attnpool import KeyRange, _core

DTYPES = [np.float16, np.float32, np.float64, np.int16, np.int64, np.uint8, np.bool_, ">f8", ">f4"]


def promised_error(keys, values, w, dtype):
    """What pool.hpp promises, per value column; plus the rounding of a float16 result."""
    keys, values = keys.astype(np.float64), values.astype(np.float64)
    flat = keys.reshape(-1, keys.shape[-1])
    reach = np.max(np.abs(np.broadcast_to(w, flat.shape[1:])) * np.ptp(flat, axis=0) / 2)
    is_double = dtype == np.float64
    eps = np.finfo(np.float64 if is_double else np.float32).eps
    spread, largest = np.ptp(values, axis=-2), np.max(np.abs(values), axis=-2)
    bound = _core.pool_error(keys.shape[-1], reach, is_double) * spread + eps * largest
    return bound + (np.finfo(np.float16).eps * largest if dtype == np.float16 else 0)


def layout(draw, a):
    """The same numbers, lying in memory in some other way."""
    kind = draw(st.sampled_from(["as is", "fortran", "reversed", "strided", "read-only", "unaligned", "wide rows"]))
    if kind == "fortran":
        return np.asfortranarray(a)
    if kind == "reversed":
        return a[..., ::-1, ::-1].copy()[..., ::-1, ::-1]
    if kind == "strided":
        spaced = np.zeros(tuple(2 * n for n in a.shape), a.dtype)
        spaced[tuple(slice(None, None, 2) for _ in a.shape)] = a
        return spaced[tuple(slice(None, None, 2) for _ in a.shape)]
    if kind == "read-only":
        a = a.copy()
        a.flags.writeable = False
    if kind == "unaligned":
        raw = np.zeros(a.nbytes + 1, np.uint8)
        moved = raw[1:].view(a.dtype).reshape(a.shape)
        moved[...] = a
        return moved
    if kind == "wide rows":
        wide = np.full(a.shape[:-1] + (a.shape[-1] + 3,), 7).astype(a.dtype)
        wide[..., : a.shape[-1]] = a
        return wide[..., : a.shape[-1]]
    return a


@st.composite
def problems(draw, dtypes=DTYPES, max_batch=2):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    q, k, d, v = draw(st.tuples(st.integers(1, 40), st.integers(1, 150), st.integers(1, 5), st.integers(1, 4)))
    batch = tuple(draw(st.lists(st.integers(1, 3), max_size=max_batch)))
    dtype = np.dtype(draw(st.sampled_from(dtypes)))

    def array(rows, columns):
        own = tuple(draw(st.sampled_from([n, 1])) for n in batch)[draw(st.integers(0, len(batch))) if batch else 0 :]
        numbers = rng.normal(0, 3, own + (rows, columns))
        if dtype.kind in "iub":
            numbers = np.abs(numbers) * 10 if dtype.kind == "u" else numbers * 10
        return layout(draw, numbers.astype(dtype))

    queries, keys, values = array(q, d), array(k, d), array(k, v)
    w = draw(st.sampled_from([0.0, 0.01, 0.3, -1.0, 4.0, 100.0]))
    if draw(st.booleans()):
        w = w * rng.uniform(0.2, 1, d)
    return queries, keys, values, w


def expected_dtype(dtype):
    return dtype.newbyteorder("=") if dtype.kind == "f" else np.dtype(np.float64)


@given(problems())
def test_pool(problem):
    queries, keys, values, w = problem
    out = attnpool.pool(queries, keys, values, w=w)
    dtype = expected_dtype(queries.dtype)
    assert out.dtype == dtype and out.flags.c_contiguous
    exact = oracle.pool(queries, keys, values, w)
    assert out.shape == exact.shape
    assert np.all(np.abs(out - exact) <= promised_error(keys, values, w, dtype).max())


@given(problems(dtypes=[np.float32, np.float64]))
def test_bandwidth_is_one_over_w(problem):
    queries, keys, values, w = problem
    assume(np.all(w != 0))
    same = attnpool.pool(queries, keys, values, w=1 / (1 / np.abs(w)))
    assert np.array_equal(attnpool.pool(queries, keys, values, bandwidth=1 / np.abs(w)), same)


@given(problems())
def test_attention_weights(problem):
    queries, keys, _, w = problem
    p = attnpool.attention_weights(queries, keys, w=w)
    exact = oracle.weights(queries, keys, w)
    assert p.shape == exact.shape and p.dtype == expected_dtype(queries.dtype)
    # Computed in the dtype: a score carries its own rounding, which grows with the coordinates in bandwidths.
    reach = np.max(np.abs(w)) * max(np.ptp(queries.astype(float)), np.ptp(keys.astype(float)), 1) + 1
    eps = np.finfo(np.float32 if p.dtype == np.float16 else p.dtype).eps
    half = np.finfo(np.float16).eps if p.dtype == np.float16 else 0
    assert np.all(np.abs(p - exact) <= 100 * keys.shape[-1] * reach * eps + half)
    assert np.all(p >= 0)


RANGES = [
    (KeyRange.all(), lambda i, k: True),
    (KeyRange.first(3), lambda i, k: k < 3),
    (KeyRange.causal(), lambda i, k: k <= i),
    (KeyRange.causal(-2), lambda i, k: k <= i - 2),
    (KeyRange.window(2, 1), lambda i, k: i - 2 <= k <= i + 1),
    (KeyRange.all_but_self(), lambda i, k: k != i),
    (KeyRange.all_but_self(1), lambda i, k: k != i + 1),
]


@given(problems(dtypes=[np.float32, np.float64]), st.sampled_from(RANGES))
def test_key_ranges_count_within_a_problem(problem, chosen):
    queries, keys, values, w = problem
    key_range, rule = chosen
    q, k = queries.shape[-2], keys.shape[-2]
    visible = np.array([[rule(i, j) for j in range(k)] for i in range(q)])
    out = attnpool.pool(queries, keys, values, w=w, key_range=key_range)
    p = attnpool.attention_weights(queries, keys, w=w, key_range=key_range)
    seen = visible.any(axis=1)
    assert np.all(np.isnan(out[..., ~seen, :]))
    exact = oracle.pool(queries, keys, values, w, visible)
    bound = promised_error(keys, values, w, out.dtype).max()
    assert np.all(np.abs(out - exact)[..., seen, :] <= bound)
    assert np.all(p[..., ~visible] == 0)


@given(problems(dtypes=[np.float64], max_batch=0))
def test_pool_loo_is_pool_without_the_point(problem):
    _, keys, values, w = problem
    assume(len(keys) > 1)
    out = attnpool.pool_loo(keys, values, w=w)
    for i in (0, len(keys) // 2, len(keys) - 1):
        one = attnpool.pool(keys[i : i + 1], np.delete(keys, i, 0), np.delete(values, i, 0), w=w)
        np.testing.assert_allclose(out[i], one[0], rtol=0, atol=promised_error(keys, values, w, out.dtype).max())


@given(problems(dtypes=[np.float64]))
def test_pool_gradient(problem):
    queries, keys, values, w = problem
    out, gradient = attnpool.pool_gradient(queries, keys, values, w=w)
    batch = out.shape[:-2]
    q, k, v = (np.broadcast_to(a, batch + a.shape[-2:]) for a in (queries, keys, values))
    vector = np.broadcast_to(w, k.shape[-1:])
    for i in np.ndindex(*batch):
        exact = oracle.gradient(q[i], k[i], v[i], vector)
        if np.ndim(w) == 0:
            exact = exact.sum(axis=1)
        # Relative to |w delta^2| |v|, the size of the terms of the covariance.
        size = np.max(np.abs(vector)) * (np.ptp(k[i]) + np.ptp(q[i])) ** 2 * np.ptp(v[i]) * k.shape[-1] + 1e-300
        reach = 1 + np.max(np.abs(vector)) * (np.ptp(k[i]) + np.ptp(q[i]))
        assert gradient[i].shape == exact.shape
        assert np.all(np.abs(gradient[i] - exact) <= 1e-13 * size * reach)
    assert np.all(
        np.abs(out - oracle.pool(queries, keys, values, w)) <= promised_error(keys, values, w, out.dtype).max()
    )


@given(problems(dtypes=[np.float32, np.float64]), st.integers(2, 4))
def test_same_bits_for_any_number_of_jobs(problem, n_jobs):
    queries, keys, values, w = problem
    assert np.array_equal(
        attnpool.pool(queries, keys, values, w=w, n_jobs=1), attnpool.pool(queries, keys, values, w=w, n_jobs=n_jobs)
    )


@given(problems(dtypes=[np.float32, np.float64]), st.data())
def test_key_weights(problem, data):
    queries, keys, values, w = problem
    shape = data.draw(st.sampled_from([keys.shape[-2:-1], keys.shape[:-1]]))
    weights = 10.0 ** np.random.default_rng(keys.size).uniform(-9, 6, shape)
    weights[..., 1::3] = 0
    out = attnpool.pool(queries, keys, values, w=w, key_weights=weights)
    exact = oracle.pool(queries, keys, values, w, key_weights=weights)
    assert np.all(np.abs(out - exact) <= promised_error(keys, values, w, out.dtype).max())
    assert np.array_equal(out, attnpool.pool(queries, keys, values, w=w, key_weights=weights, n_jobs=3))
    gradient = attnpool.pool_gradient(queries, keys, values, w=w, key_weights=weights)[0]
    assert np.all(np.abs(gradient - exact) <= promised_error(keys, values, w, out.dtype).max())


def test_key_weights_everywhere_else():
    rng = np.random.default_rng(0)
    x, y, weights = rng.random((60, 2)), rng.random(60), rng.integers(0, 3, 60)
    repeated = np.repeat(x, weights, axis=0), np.repeat(y, weights)
    ours, theirs = attnpool.PoolState(x, w=3.0), attnpool.PoolState(x, w=3.0)
    ours.update(x, y, key_weights=weights)
    np.testing.assert_allclose(ours.finish(), theirs.update(*repeated).finish(), rtol=0, atol=1e-14)
    np.testing.assert_allclose(ours.log_sum_exp(), theirs.log_sum_exp(), rtol=0, atol=1e-13)
    loss = attnpool.loss_gradient(x, x, y, y, w=3.0, key_weights=weights)
    np.testing.assert_allclose(loss, attnpool.loss_gradient(x, *repeated, y, w=3.0), rtol=1e-10)
    loo = attnpool.pool_loo(x, y, w=3.0, key_weights=weights)
    seen = ~np.eye(60, dtype=bool)
    np.testing.assert_allclose(loo, oracle.pool(x, x, y[:, None], 3.0, seen, weights)[:, 0].astype(float), atol=1e-14)
    fitted = attnpool.fit(x, y, w0=3.0, epochs=1, key_weights=weights)
    assert fitted.losses[0] == pytest.approx(np.mean((loo - y) ** 2), rel=1e-12)


PLANS = ["auto", "dense", "pruned", "grid"]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, None), (np.float64, 1e-6), (np.float32, None)])
@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("loo", [False, True])
def test_plans(plan, dtype, tolerance, dims, loo):
    rng = np.random.default_rng(0)
    x = rng.random((700, dims)).astype(dtype)
    y = np.sin(6 * x[:, :1]).astype(dtype)
    seen = KeyRange.all_but_self() if loo else None
    out = attnpool.pool(x, x, y, bandwidth=0.05, algorithm=plan, tolerance=tolerance, key_range=seen)
    exact = oracle.pool(x, x, y, 20.0, ~np.eye(700, dtype=bool) if loo else None)
    allowed = (tolerance or {4: 1e-6, 8: 1e-11}[x.itemsize]) * np.ptp(y) + promised_error(x, y, 20.0, np.dtype(dtype))
    assert np.all(np.abs(out - exact) <= allowed)
    said = attnpool.explain(x, x, y, bandwidth=0.05, algorithm=plan, tolerance=tolerance, key_range=seen)
    assert plan == "auto" or plan in said


def test_large_problems_of_a_batch_are_pooled_one_by_one():
    rng = np.random.default_rng(0)
    q, k, v = rng.random((2, 1500, 1)), rng.random((2, 1500, 1)), rng.random((2, 1500, 2))
    whole = attnpool.pool(q, k, v, w=20.0)
    assert np.array_equal(whole[1], attnpool.pool(q[1], k[1], v[1], w=20.0))


def test_far_queries_take_the_nearest_key():
    out = attnpool.pool([-1e30, 1e30], [0.0, 1.0], [3.0, 5.0], bandwidth=1e-3)
    assert out.tolist() == [3.0, 5.0]


@given(problems(dtypes=[np.float16, np.float32, np.float64], max_batch=0), st.integers(1, 5))
def test_state(problem, pieces):
    queries, keys, values, w = problem
    columns = values.shape[1]
    cuts = np.linspace(0, len(keys), pieces + 1).astype(int)
    state = attnpool.PoolState(queries, columns, w=w)
    other = attnpool.PoolState(queries, columns, w=w)
    for i, (a, b) in enumerate(zip(cuts, cuts[1:])):
        (state if i % 2 else other).update(keys[a:b], values[a:b])
    state.merge(other)
    out = state.finish()
    dtype = expected_dtype(queries.dtype)
    assert out.dtype == dtype
    bound = 2 * promised_error(keys, values, w, dtype).max()
    assert np.all(np.abs(out - oracle.pool(queries, keys, values, w)) <= bound)
    q, k = queries.astype(np.longdouble), keys.astype(np.longdouble)
    scores = -0.5 * (((q[:, None] - k) * np.asarray(w, dtype=np.longdouble)) ** 2).sum(-1)
    exact = oracle.log_sum_exp(scores)
    if dtype != np.float16:  # whose range is too small for scores far away
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(state.log_sum_exp(), exact.astype(np.float64), rtol=100 * eps, atol=1e4 * eps)


def test_state_without_keys_and_twice_its_own():
    state = attnpool.PoolState([0.0, 1.0], w=1.0)
    assert np.all(np.isnan(state.finish())) and np.all(state.log_sum_exp() == -np.inf)
    state.update([0.5], [2.0])
    before = state.log_sum_exp()
    state.merge(state)
    np.testing.assert_allclose(state.log_sum_exp(), before + np.log(2))
    assert state.finish().tolist() == [[2.0], [2.0]]
    with pytest.raises(TypeError, match="^other"):
        state.merge(attnpool.PoolState(np.zeros(2, np.float32), w=1.0))
    with pytest.raises(ValueError, match="^other"):
        state.merge(attnpool.PoolState([0.0, 1.0], w=2.0))
