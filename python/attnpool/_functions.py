"""The functions of the library on NumPy arrays. What they have in common is documented in the package itself."""


from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Tuple, Union

import numpy as np

from . import _core
from ._arrays import (
    NO_WEIGHTS,
    Array,
    Output,
    as_rows,
    at_most_two_dimensions,
    batch_shape,
    batched,
    computing_dtype,
    call_options,
    integer,
    matrix,
    named,
    number,
    number_or_vector,
    numbers,
    refuse_not_finite,
    refuse_too_large,
    result_dtype,
    score_argument,
    text,
    threads,
)
from ._core import KeyRange

# ---- elementwise and by rows --------------------------------------------------------------------


def exp(x: Any, *, out: Optional[Array] = None) -> Array:
    """e**x, at most 1 unit in the last place from exact. ``out`` may be x itself."""
    a = numbers("x", x)
    dtype = result_dtype(a)
    output = Output(out, a.shape, dtype)
    _core.exp(matrix(a.reshape(1, -1), computing_dtype(dtype)), output.array.reshape(1, -1))
    return output.done()


def _as_rows_along(axis: Optional[int], a: Array) -> Array:
    """a with the axis last; None: all of a as one row."""
    if axis is None:
        return a.reshape(1, -1)
    if a.ndim == 0:
        raise ValueError("scores: must have at least one dimension, got a number")
    integer("axis", axis, least=-sys.maxsize)
    if not -a.ndim <= axis < a.ndim:
        raise ValueError(f"axis: must be within the {a.ndim} dimensions of scores, got {axis}")
    moved = np.moveaxis(a, axis, -1)
    return moved[np.newaxis] if a.ndim == 1 else moved


def softmax(
    scores: Any, axis: Optional[int] = -1, *, out: Optional[Array] = None, n_jobs: Optional[int] = None
) -> Array:
    """Softmax along an axis (None: over everything). ``out`` may be scores itself.

    Entries of -inf get weight 0; a row of nothing but -inf, or with NaN or +inf, becomes NaN.
    """
    a = numbers("scores", scores)
    dtype = result_dtype(a)
    rows = _as_rows_along(axis, a)
    output = Output(out, a.shape, dtype)
    if a.size:
        if axis is None or axis % a.ndim == a.ndim - 1:
            _core.softmax(matrix(rows, output.array.dtype), output.rows(rows.shape[-1]), threads(n_jobs))
        else:
            result = np.empty(rows.shape, output.array.dtype)
            _core.softmax(matrix(rows, result.dtype), result.reshape(-1, rows.shape[-1]), threads(n_jobs))
            output.array[...] = np.moveaxis(result, -1, axis)
    return output.done()


def logsumexp(
    scores: Any,
    axis: Optional[int] = -1,
    *,
    keepdims: bool = False,
    out: Optional[Array] = None,
    n_jobs: Optional[int] = None,
) -> Array:
    """log(sum(exp(scores))) along an axis (None: over everything).

    -inf for an empty row or one of nothing but -inf, +inf if an entry is +inf, NaN if one is NaN.
    """
    a = numbers("scores", scores)
    dtype = result_dtype(a)
    rows = _as_rows_along(axis, a)
    reduced = [True] * a.ndim if axis is None else [d == axis % a.ndim for d in range(a.ndim)]
    shape = [1 if gone else n for gone, n in zip(reduced, a.shape) if keepdims or not gone]
    output = Output(out, shape, dtype)
    _core.log_sum_exp(matrix(rows, output.array.dtype), output.array.reshape(1, -1), threads(n_jobs))
    return output.done()


def average_pool(values: Any, count: Optional[int] = None, *, out: Optional[Array] = None) -> Array:
    """Average pooling: the mean of values [..., K, V], as ``count`` equal rows ([..., count, V]), or one ([..., V]).

    The mean of a vector of values is a number, or ``count`` of them.
    """
    a = numbers("values", values)
    dtype = result_dtype(a)
    v = as_rows("values", a)
    if count is not None:
        count = integer("count", count)
    columns = v.shape[-1:] if a.ndim > 1 else ()
    output = Output(out, v.shape[:-2] + (() if count is None else (count,)) + columns, dtype)
    rows = output.array.reshape(v.shape[:-2] + (1 if count is None else count, v.shape[-1]))
    for problem in np.ndindex(*v.shape[:-2]):
        _core.average_pool(matrix(v[problem], output.array.dtype), rows[problem])
    return output.done()


# ---- attention pooling --------------------------------------------------------------------------


class _Problem:
    """Checked and converted arguments of the pooling functions."""

    def __init__(
        self,
        w: Any,
        bandwidth: Any,
        queries: Any,
        keys: Any,
        values: Any,
        key_range: Optional[KeyRange],
        key_weights: Any,
        algorithm: str,
        tolerance: Optional[float],
        n_jobs: Optional[int],
    ) -> None:
        self.score, self.parameters, self.is_scalar = score_argument(w, bandwidth)
        given = {"queries": numbers("queries", queries), "keys": numbers("keys", keys)}
        if values is not None:
            given["values"] = numbers("values", values)
        self.dtype = result_dtype(*given.values())
        arrays = {name: as_rows(name, a) for name, a in given.items()}
        if key_weights is not None:
            arrays["key_weights"] = _weights_column(key_weights)
        q, k = arrays["queries"], arrays["keys"]
        for name in ("values", "key_weights"):
            if name in arrays and arrays[name].shape[-2] != k.shape[-2]:
                raise ValueError(f"{name}: must have {k.shape[-2]} rows to match keys, got {arrays[name].shape[-2]}")
        if q.shape[-1] != k.shape[-1]:
            raise ValueError(f"queries: must have {k.shape[-1]} columns to match keys, got {q.shape[-1]}")
        if k.shape[-2] == 0:
            raise ValueError("keys: must have at least one row, got 0")
        self.batch = batch_shape(**arrays)
        self.query_count, self.key_count = q.shape[-2], k.shape[-2]
        self.value_shape = () if values is None or given["values"].ndim == 1 else arrays["values"].shape[-1:]
        self.columns = arrays["values"].shape[-1] if values is not None else 0
        self.count = 1
        for n in self.batch:
            self.count *= n
        shared_keys = all(a.size == a.shape[-1] * a.shape[-2] for name, a in arrays.items() if name != "queries")
        if self.count > 1 and shared_keys and key_range is None:  # one problem with many queries
            self.count = 1
            key_batch: Tuple[int, ...] = ()
            arrays = {name: a if name == "queries" else a.reshape(a.shape[-2:]) for name, a in arrays.items()}
        else:
            key_batch = self.batch
        computing = computing_dtype(self.dtype)
        self.queries = batched("queries", arrays["queries"], self.batch, computing)
        self.keys = batched("keys", arrays["keys"], key_batch, computing)
        self.values = batched("values", arrays["values"], key_batch, computing) if values is not None else NO_VALUES
        weights = NO_WEIGHTS
        if key_weights is not None:
            weights = batched("key_weights", arrays["key_weights"], key_batch, np.dtype(np.float64)).reshape(-1)
        self.how = call_options(n_jobs, key_range, algorithm, tolerance, weights)


NO_VALUES = np.empty((0, 0))


def problem_of(
    function: str,
    w: Any,
    bandwidth: Any,
    queries: Any,
    keys: Any,
    values: Any,
    key_weights: Any,
    algorithm: str,
    tolerance: Optional[float],
    n_jobs: Optional[int],
) -> _Problem:
    """One problem, not a batch, in float64 matrices."""
    p = _Problem(w, bandwidth, queries, keys, values, None, key_weights, algorithm, tolerance, n_jobs)
    if p.batch:
        raise ValueError(f"queries: {function} serves one problem at a time, got a batch of shape {p.batch}")
    for name in ("queries", "keys", "values"):
        a = getattr(p, name)
        setattr(p, name, np.ascontiguousarray(a.reshape(-1, a.shape[-1]), dtype=np.float64))
    return p


def _weights_column(key_weights: Any) -> Array:
    a = numbers("key_weights", key_weights)
    if a.ndim == 0:
        raise ValueError("key_weights: must have one entry per key, got a number")
    return a[..., np.newaxis]


def _weights_vector(key_weights: Any) -> Array:
    """Those of one problem, or none."""
    if key_weights is None:
        return NO_WEIGHTS
    a = _weights_column(key_weights)[..., 0]
    if a.ndim > 1:
        raise ValueError(f"key_weights: must have one entry per key, got shape {a.shape}")
    return a.astype(np.float64)


def pool(
    queries: Any,
    keys: Any,
    values: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    key_range: Optional[KeyRange] = None,
    key_weights: Any = None,
    algorithm: str = "auto",
    tolerance: Optional[float] = None,
    out: Optional[Array] = None,
    n_jobs: Optional[int] = None,
) -> Array:
    """Nadaraya-Watson regression: the values weighted by ``softmax_k(-1/2 |w (query - key)|^2)``. Result [..., Q, V].

    Far from every key the nearest keys decide. A query that sees no key gets NaN, one that is not finite too. Values may
    be NaN or infinite: a NaN makes NaN of every prediction in its column whose query sees that key, however far it is,
    and an infinity makes it infinite. Drop rows with missing values first. Keys must be finite.
    """
    p = _Problem(w, bandwidth, queries, keys, values, key_range, key_weights, algorithm, tolerance, n_jobs)
    output = Output(out, p.batch + (p.query_count,) + p.value_shape, p.dtype)
    if p.count:
        _core.pool(p.count, p.queries, p.keys, p.values, p.score, p.how, output.rows(p.columns))
    return output.done()


def pool_loo(
    keys: Any,
    values: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    key_weights: Any = None,
    algorithm: str = "auto",
    tolerance: Optional[float] = None,
    out: Optional[Array] = None,
    n_jobs: Optional[int] = None,
) -> Array:
    """Leave-one-out: ``pool`` at the keys themselves, each left out of its own prediction. NaN for a single key."""
    keys = numbers("keys", keys)
    return pool(
        keys,
        keys,
        values,
        w=w,
        bandwidth=bandwidth,
        key_range=KeyRange.all_but_self(),
        key_weights=key_weights,
        algorithm=algorithm,
        tolerance=tolerance,
        out=out,
        n_jobs=n_jobs,
    )


def explain(
    queries: Any,
    keys: Any,
    values: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    key_range: Optional[KeyRange] = None,
    key_weights: Any = None,
    algorithm: str = "auto",
    tolerance: Optional[float] = None,
    n_jobs: Optional[int] = None,
) -> str:
    """What ``pool`` would do with these arguments, and why, in words. No batch dimensions."""
    p = _Problem(w, bandwidth, queries, keys, values, key_range, key_weights, algorithm, tolerance, n_jobs)
    if p.batch:
        raise ValueError(f"queries: batch dimensions {p.batch} are not supported here")
    return _core.explain(p.queries, p.keys, p.values, p.score, p.how)


def attention_weights(
    queries: Any,
    keys: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    key_range: Optional[KeyRange] = None,
    key_weights: Any = None,
    out: Optional[Array] = None,
    n_jobs: Optional[int] = None,
) -> Array:
    """The weights that ``pool`` gives the keys: [..., Q, K], rows sum to 1; keys out of range get exactly 0."""
    p = _Problem(w, bandwidth, queries, keys, None, key_range, key_weights, "auto", None, n_jobs)
    output = Output(out, p.batch + (p.query_count, p.key_count), p.dtype)
    if p.count:
        _core.attention_weights(p.count, p.queries, p.keys, p.score, p.how, output.rows(p.key_count))
    return output.done()


def pool_gradient(
    queries: Any,
    keys: Any,
    values: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    key_range: Optional[KeyRange] = None,
    key_weights: Any = None,
    algorithm: str = "auto",
    tolerance: Optional[float] = None,
    n_jobs: Optional[int] = None,
) -> Tuple[Array, Array]:
    """``pool`` and its derivative in w (never in the bandwidth): results [..., Q, V], derivatives [..., Q, V].

    With a vector w of P entries the derivatives have an axis more: [..., Q, P, V].
    """
    p = _Problem(w, bandwidth, queries, keys, values, key_range, key_weights, algorithm, tolerance, n_jobs)
    parameters = () if p.is_scalar else (p.parameters,)
    output = Output(None, p.batch + (p.query_count,) + p.value_shape, p.dtype)
    gradient = Output(None, p.batch + (p.query_count,) + parameters + p.value_shape, p.dtype)
    if p.count:
        results = output.rows(p.columns), gradient.rows(p.columns * p.parameters)
        _core.pool_gradient(p.count, p.queries, p.keys, p.values, p.score, p.how, *results)
    return output.done(), gradient.done()


def loss_gradient(
    queries: Any,
    keys: Any,
    values: Any,
    targets: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    loss: str = "mean",
    key_range: Optional[KeyRange] = None,
    key_weights: Any = None,
    algorithm: str = "auto",
    tolerance: Optional[float] = None,
    n_jobs: Optional[int] = None,
) -> Tuple[float, Union[float, Array]]:
    """The squared error of predicting targets [Q, V] and its exact derivative in w (never in the bandwidth).

    loss: "mean" over all entries, or "half-sum", half their sum; NaN if a value or a target is. No batch dimensions.
    """
    y = numbers("targets", targets)
    if result_dtype(y) == np.float64:  # and what meets float64 is computed in it
        values = numbers("values", values).astype(np.float64)
    p = _Problem(w, bandwidth, queries, keys, values, key_range, key_weights, algorithm, tolerance, n_jobs)
    if p.batch:
        raise ValueError(f"queries: batch dimensions {p.batch} are not supported here")
    y = matrix(at_most_two_dimensions("targets", y), p.queries.dtype)
    value, gradient = _core.loss_gradient(p.queries, p.keys, p.values, y, p.score, p.how, text("loss", loss))
    return value, (gradient[0] if p.is_scalar else np.array(gradient))


# ---- learning w ---------------------------------------------------------------------------------


@dataclass
class FitResult:
    """What ``fit`` learnt. w and its history are numbers where w0 was one, else arrays."""

    w: Union[float, Array]  #: with the lowest loss seen, whatever came after it. Always finite
    loss: float  #: at w
    losses: Array  #: at the start of every epoch, then at w
    ws: Array  #: w at those losses
    stop: str  #: "epochs", "converged", "diverged" or "cancelled"


def _rate(learning_rate: Optional[float]) -> float:
    """The rate as the library knows it, where 0 is the line search."""
    if learning_rate is None:
        return 0.0
    rate = number("learning_rate", learning_rate)
    if rate == 0:
        raise ValueError("learning_rate: must be > 0, or None for a line search, got 0")
    return rate


def fit(
    keys: Any,
    values: Any,
    *,
    w0: Any = None,
    seed: int = 0,
    loss: str = "mean",
    learning_rate: Optional[float] = None,
    epochs: int = 100,
    leave_one_out: bool = True,
    tolerance: float = 0.0,
    key_weights: Any = None,
    algorithm: str = "auto",
    algorithm_tolerance: Optional[float] = None,
    n_jobs: Optional[int] = None,
    progress: Optional[Callable[..., Optional[bool]]] = None,
) -> FitResult:
    """Learns w by gradient descent on the squared error of predicting values at keys, by default leave-one-out.

    Parameters
    ----------
    w0
        Where to begin: a number, or one per dimension. None: uniform in [0, 1) from ``seed``.
    loss
        "mean" or "half-sum" (the chapter's).
    learning_rate
        That of every step, as in the chapter (0.5 there). None: each step is found by a line search, so that units do
        not matter.
    tolerance
        Above 0 (a line search has 1e-9 by itself) the descent stops when a step changes every w by at most
        ``tolerance * abs(w)`` and w is a minimum.
    key_weights
        Those of the points as keys; the loss counts all alike.
    progress
        ``progress(epoch=, epochs=, fraction=, loss=, w=)`` is called about ten times a second and after every epoch;
        returning False stops.

    A loss that diverges is a result, not an error; keys and values must be finite.
    """
    k, v = numbers("keys", keys), numbers("values", values)
    dtype = computing_dtype(result_dtype(k, v))
    start = np.empty(0) if w0 is None else number_or_vector("w0", w0)
    k, v = at_most_two_dimensions("keys", k), at_most_two_dimensions("values", v)
    refuse_not_finite("values", v)
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: must be callable, got {progress!r}")
    result = _core.fit(
        matrix(k, dtype),
        matrix(v, dtype),
        np.atleast_1d(start).astype(np.float64),
        integer("seed", seed, most=2**64 - 1),
        text("loss", loss),
        _rate(learning_rate),
        integer("epochs", epochs, most=2**31 - 1),
        bool(leave_one_out),
        number("tolerance", tolerance),
        call_options(n_jobs, None, algorithm, algorithm_tolerance, _weights_vector(key_weights)),
        progress,
    )
    is_scalar = w0 is None or start.ndim == 0
    ws = np.array(result["ws"], dtype=np.float64).reshape(len(result["ws"]), -1)
    return FitResult(
        w=result["w"][0] if is_scalar else np.array(result["w"]),
        loss=result["loss"],
        losses=np.array(result["losses"]),
        ws=ws[:, 0] if is_scalar else ws,
        stop=result["stop"],
    )


# ---- keys that arrive in pieces -----------------------------------------------------------------


class PoolState:
    """The weighted sums of ``pool`` in the open, for keys that arrive in pieces, from threads or machines.

    queries [Q, D] and the score are fixed; ``update`` adds keys, ``merge`` another state over the same queries,
    ``finish`` divides. Threads may share a state.
    """

    def __init__(self, queries: Any, value_columns: int = 1, *, w: Any = None, bandwidth: Any = None) -> None:
        score = score_argument(w, bandwidth)[0]
        q = numbers("queries", queries)
        self.dtype = result_dtype(q)
        self._computing = computing_dtype(self.dtype)
        q = at_most_two_dimensions("queries", q)
        self.query_count, self.dimensions = q.shape
        self.value_columns = integer("value_columns", value_columns, least=1)
        refuse_too_large("value_columns", (self.query_count, self.value_columns), np.dtype(np.float64))
        kind = _core.PoolState32 if self._computing == np.float32 else _core.PoolState64
        self._state = kind(matrix(q, self._computing), value_columns, score)

    def update(
        self,
        keys: Any,
        values: Any,
        *,
        key_range: Optional[KeyRange] = None,
        key_weights: Any = None,
        n_jobs: Optional[int] = None,
    ) -> "PoolState":
        """Adds keys [K, D] with values [K, V], converted to the dtype of the queries. Returns self.

        key_range counts the keys of this call. After an error the state is as before.
        """
        k, v = (at_most_two_dimensions(name, numbers(name, x)) for name, x in (("keys", keys), ("values", values)))
        how = call_options(n_jobs, key_range, key_weights=_weights_vector(key_weights))
        with named(value_cols="value_columns"):
            self._state.update(matrix(k, self._computing), matrix(v, self._computing), how)
        return self

    def merge(self, other: "PoolState") -> "PoolState":
        """Adds the keys of another state of the same queries, w and dtype. Returns self."""
        if not isinstance(other, PoolState):
            raise TypeError(f"other: must be a PoolState, got {type(other).__name__}")
        if type(other._state) is not type(self._state):
            raise TypeError(f"other: must compute in {self._computing}, got {other._computing}")
        self._state.merge(other._state)
        return self

    def finish(self, *, out: Optional[Array] = None) -> Array:
        """The predictions so far [Q, V]; NaN for a query that has seen no key. The state stays usable."""
        output = Output(out, (self.query_count, self.value_columns), self.dtype)
        self._state.finish(output.array)
        return output.done()

    def log_sum_exp(self) -> Array:
        """log(sum of weights) per query, -inf where none was seen: the log of the kernel density up to a constant."""
        output = Output(None, (self.query_count,), self.dtype)
        self._state.log_sum_exp(output.array.reshape(1, -1))
        return output.done()


# ---- about --------------------------------------------------------------------------------------


def config() -> dict:
    """Version, instruction sets and number of threads in use."""
    return _core.config()


def show_config() -> None:
    """Prints ``config()``."""
    lines: List[str] = []
    for name, value in config().items():
        lines.append(f"{name:15} {', '.join(value) if isinstance(value, list) else value}")
    print("\n".join(lines))
