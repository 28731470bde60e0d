"""Bad arguments are errors that begin with their name; odd but good ones are right."""

import re

import numpy as np
import pytest

import attnpool
from attnpool import KeyRange

q, k, v = np.linspace(0, 1, 5), np.linspace(0, 1, 8), np.arange(8.0)


def bad(name, kind=ValueError):
    return pytest.raises(kind, match="^" + re.escape(name))


@pytest.mark.parametrize(
    "name, kind, arguments",
    [
        ("queries", ValueError, (q.reshape(1, 5), k, v)),
        ("queries", ValueError, (0.5, k, v)),
        ("queries", TypeError, (["a"], k, v)),
        ("queries", TypeError, (q.astype(complex), k, v)),
        ("queries", TypeError, (q.astype(np.longdouble), k, v)),
        ("queries", TypeError, (q.astype(object), k, v)),
        ("queries", ValueError, ([[1.0], [1.0, 2.0]], k, v)),
        ("keys", ValueError, (q, np.empty(0), np.empty(0))),
        ("keys", ValueError, (q, [np.nan] * 8, v)),
        ("keys", ValueError, (q, np.ma.array(k, mask=k > 0.5), v)),
        ("values", ValueError, (q, k, v[:7])),
        ("values", ValueError, (q, k, np.empty((8, 0)))),
        ("batch", ValueError, (np.zeros((2, 5, 1)), np.zeros((3, 8, 1)), v)),
    ],
)
def test_arrays(name, kind, arguments):
    with bad(name, kind):
        attnpool.pool(*arguments, w=1.0)


@pytest.mark.parametrize(
    "name, kind, options",
    [
        ("give either w or bandwidth", TypeError, {}),
        ("give either w or bandwidth", TypeError, {"w": 1.0, "bandwidth": 1.0}),
        ("w", ValueError, {"w": np.nan}),
        ("w", ValueError, {"w": [1.0, 2.0]}),
        ("w", ValueError, {"w": [[1.0]]}),
        ("w", TypeError, {"w": "wide"}),
        ("bandwidth", ValueError, {"bandwidth": 0.0}),
        ("bandwidth", ValueError, {"bandwidth": -1.0}),
        ("key_range", TypeError, {"w": 1.0, "key_range": 3}),
        ("key_weights", ValueError, {"w": 1.0, "key_weights": 2.0}),
        ("key_weights", ValueError, {"w": 1.0, "key_weights": v[:7]}),
        ("key_weights[3]", ValueError, {"w": 1.0, "key_weights": [1, 1, 1, -1, 1, 1, 1, 1]}),
        ("key_weights[0]", ValueError, {"w": 1.0, "key_weights": np.full(8, np.nan)}),
        ("algorithm", ValueError, {"w": 1.0, "algorithm": "fast"}),
        ("algorithm", TypeError, {"w": 1.0, "algorithm": 3}),
        ("algorithm", ValueError, {"w": 1.0, "algorithm": "grid", "key_range": KeyRange.causal()}),
        ("tolerance", ValueError, {"w": 1.0, "tolerance": -1.0}),
        ("tolerance", TypeError, {"w": 1.0, "tolerance": "small"}),
        ("n_jobs", ValueError, {"w": 1.0, "n_jobs": 0}),
        ("n_jobs", TypeError, {"w": 1.0, "n_jobs": 1.5}),
        ("out", ValueError, {"w": 1.0, "out": np.empty(4)}),
        ("out", TypeError, {"w": 1.0, "out": np.empty(5, np.float32)}),
        ("out", TypeError, {"w": 1.0, "out": [0.0] * 5}),
        ("out", TypeError, {"w": 1.0, "out": np.ma.zeros(5)}),
        ("out", ValueError, {"w": 1.0, "out": np.broadcast_to(0.0, 5)}),
    ],
)
def test_options(name, kind, options):
    with bad(name, kind):
        attnpool.pool(q, k, v, **options)


def test_other_functions():
    with bad("axis"):
        attnpool.softmax(v, axis=1)
    with bad("scores"):
        attnpool.softmax(1.0)
    with bad("count"):
        attnpool.average_pool(v, -1)
    with bad("values"):
        attnpool.average_pool(np.empty((0, 2)))
    with bad("learning_rate"):
        attnpool.fit(k, v, learning_rate=-1)
    with bad("epochs"):
        attnpool.fit(k, v, epochs=-1)
    for name, wrong in (("epochs", 2.5), ("seed", "x"), ("learning_rate", "fast"), ("tolerance", "small")):
        with bad(name, TypeError):
            attnpool.fit(k, v, **{name: wrong})
    with bad("seed"):
        attnpool.fit(k, v, seed=-1)
    with bad("key_range", TypeError):
        attnpool.PoolState(q, w=1.0).update(k, v, key_range=3)
    with bad("loss"):
        attnpool.fit(k, v, loss="median")
    with bad("w0"):
        attnpool.fit(k, v, w0=[1.0, 2.0])
    with bad("keys"):
        attnpool.fit(k[:1], v[:1])
    with bad("value_columns"):
        attnpool.PoolState(q, 0, w=1.0)
    with bad("keys"):
        attnpool.PoolState(q, w=1.0).update(np.zeros((3, 2)), np.zeros(3))


def test_out_overlapping_an_input():
    shared = np.linspace(0, 1, 8)
    with bad("out"):
        attnpool.pool(shared, k, v, w=1.0, out=shared)
    buffer = np.linspace(0, 1, 40).reshape(5, 8, 1)  # the result of one problem on the queries of the next
    with bad("out"):
        attnpool.pool(buffer[:4], k, v[:, None], w=1.0, out=buffer[1:], key_range=KeyRange.first(3))
    with bad("out"):
        attnpool.attention_weights(buffer[:4, :1], buffer[:4], w=1.0, out=buffer[1:].reshape(4, 1, 8))
    # A strided out goes through a temporary, so that even sharing memory with an input is right.
    table = np.column_stack([k, v])
    expected = attnpool.pool(k, k, v, w=3.0)
    attnpool.pool(table[:, 0], table[:, 0], table[:, 1], w=3.0, out=table[:, 1])
    np.testing.assert_array_equal(table[:, 1], expected)


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.empty((5, 2)),
        lambda: np.empty((5, 2), order="F"),
        lambda: np.empty((5, 4))[:, ::2],
        lambda: np.empty((5, 2))[::-1, ::-1],
        lambda: np.empty((2, 5, 2))[1],
    ],
)
def test_out_of_any_strides(make):
    values = np.column_stack([v, v**2])
    out = make()
    out.fill(np.nan)
    assert attnpool.pool(q, k, values, w=3.0, out=out) is out
    np.testing.assert_array_equal(out, attnpool.pool(q, k, values, w=3.0))


def test_out_float16_and_batches():
    out = np.empty((3, 5), np.float16)
    half = [a.astype(np.float16) for a in (q, k, v)]
    queries = np.broadcast_to(half[0][:, None], (3, 5, 1))
    assert attnpool.pool(queries, half[1], half[2], w=3.0, out=out) is out
    np.testing.assert_array_equal(out[1], attnpool.pool(*half, w=3.0))


def test_zero_sizes():
    assert attnpool.pool(np.empty(0), k, v, w=1.0).shape == (0,)
    assert attnpool.pool(np.empty((0, 1)), k, v[:, None], w=1.0).shape == (0, 1)
    assert attnpool.pool(np.empty((0, 5, 1)), k, v[:, None], w=1.0).shape == (0, 5, 1)
    assert attnpool.pool(np.empty((0, 5, 1)), np.empty((0, 8, 1)), np.empty((0, 8, 2)), w=1.0).shape == (0, 5, 2)
    assert attnpool.attention_weights(np.empty(0), k, w=1.0).shape == (0, 8)
    assert [a.shape for a in attnpool.pool_gradient(np.empty((0, 1)), k, v, w=[1.0])] == [(0,), (0, 1)]
    assert attnpool.exp(np.empty((0, 3))).shape == (0, 3)
    assert attnpool.softmax(np.empty((2, 0))).shape == (2, 0)
    assert attnpool.PoolState(np.empty((0, 1)), w=1.0).update(k, v).finish().shape == (0, 1)
    assert attnpool.PoolState(q, w=1.0).update(np.empty(0), np.empty(0)).finish().shape == (5, 1)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_subclasses_are_read_as_their_data():
    class Tagged(np.ndarray):
        pass

    expected = attnpool.pool(q, k, v, w=3.0)
    for wrap in (lambda a: a.view(Tagged), np.ma.array, list):
        out = attnpool.pool(wrap(q), wrap(k), wrap(v), w=3.0)
        assert type(out) is np.ndarray
        np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(attnpool.pool(np.matrix(q).T, np.matrix(k).T, np.matrix(v).T, w=3.0)[:, 0], expected)


def test_mixed_dtypes_meet_in_the_larger():
    assert attnpool.pool(q.astype("f2"), k.astype("f4"), v.astype("f4"), w=1.0).dtype == np.float32
    assert attnpool.pool(q.astype("f4"), k.astype("f4"), v.astype("i1"), w=1.0).dtype == np.float64
    assert attnpool.pool(q.astype("f4"), k, v.astype("f4"), w=1.0).dtype == np.float64


def test_key_range_says_what_it_shows():
    assert KeyRange.window(1, 0).contains(3, 2, 8) and not KeyRange.window(1, 0).contains(3, 4, 8)


def test_core_refuses_what_the_python_side_never_sends():
    from attnpool import _core

    good, out = np.zeros((2, 3)), np.zeros((2, 3))
    for wrong in (good.T, good[:, ::-1], good.astype("f4"), good[0], np.broadcast_to(0.0, (2, 3))):
        with pytest.raises(TypeError, match="^scores"):
            _core.softmax(wrong, out, 1)
    out.flags.writeable = False
    with pytest.raises(ValueError):
        _core.softmax(good, out, 1)
