"""Pooling on NumPy arrays. What its functions have in common is documented in the package itself."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple, Union

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
    numbers,
    result_dtype,
    scaled_kernel,
    text,
)
from ._core import KeyRange
from ._kernel import Kernel


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
        kernel: Any = "gaussian",
        order: int = 0,
        empty: str = "nan",
    ) -> None:
        self.kernel, self.parameters, self.is_scalar = scaled_kernel(w, bandwidth, kernel)
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
        self.how = call_options(n_jobs, key_range, algorithm, tolerance, weights, order, empty)


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


def weights_vector(key_weights: Any) -> Array:
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
    kernel: Union[str, Kernel] = "gaussian",
    order: int = 0,
    empty: str = "nan",
    key_range: Optional[KeyRange] = None,
    key_weights: Any = None,
    algorithm: str = "auto",
    tolerance: Optional[float] = None,
    return_status: bool = False,
    out: Optional[Array] = None,
    n_jobs: Optional[int] = None,
) -> Any:
    """Kernel regression: the mean of the values under the weights ``K(|w (query - key)|)``. Result [..., Q, V].

    The default is Nadaraya-Watson regression with the Gaussian kernel, ``softmax_k(-1/2 |w (query - key)|^2)``. kernel: the name
    of a shape, or a ``Kernel``. order: 1 fits a line (a plane) around each query instead of the mean, 2 a parabola (one
    column); where keys do not determine it, the order that they do.

    Far from every key the nearest keys decide, unless the kernel is of compact support; then empty says what the answer is
    where no key is within reach: "nan", "nearest" (the nearest key's value), "mean" (of all keys) or "error" (ValueError). A
    query that sees no key gets NaN, one that is not finite too. With return_status, also what each answer rests on, [..., Q]:
    "answered", "far" (the nearest key is more than four bandwidths away), "unseen", "empty", "lower_order".

    Values may be NaN or infinite: a NaN makes NaN of every prediction in its column whose query sees that key, however far it
    is, and an infinity makes it infinite. Drop rows with missing values first. Keys must be finite.
    """
    p = _Problem(
        w, bandwidth, queries, keys, values, key_range, key_weights, algorithm, tolerance, n_jobs, kernel, order, empty
    )
    output = Output(out, p.batch + (p.query_count,) + p.value_shape, p.dtype)
    codes = np.empty(0, dtype=np.int32)
    if p.count:
        codes = _core.pool(
            p.count, p.queries, p.keys, p.values, p.kernel, p.how, output.rows(p.columns), bool(return_status)
        )
    if not return_status:
        return output.done()
    return output.done(), _STATUSES[codes].reshape(p.batch + (p.query_count,))


_STATUSES = np.array(["answered", "far", "unseen", "empty", "lower_order"])


def pool_loo(
    keys: Any,
    values: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    kernel: Union[str, Kernel] = "gaussian",
    order: int = 0,
    empty: str = "nan",
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
        kernel=kernel,
        order=order,
        empty=empty,
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
    kernel: Union[str, Kernel] = "gaussian",
    order: int = 0,
    empty: str = "nan",
    key_range: Optional[KeyRange] = None,
    key_weights: Any = None,
    algorithm: str = "auto",
    tolerance: Optional[float] = None,
    n_jobs: Optional[int] = None,
) -> str:
    """What ``pool`` would do with these arguments, and why, in words. No batch dimensions."""
    p = _Problem(
        w, bandwidth, queries, keys, values, key_range, key_weights, algorithm, tolerance, n_jobs, kernel, order, empty
    )
    if p.batch:
        raise ValueError(f"queries: batch dimensions {p.batch} are not supported here")
    return _core.explain(p.queries, p.keys, p.values, p.kernel, p.how)


def attention_weights(
    queries: Any,
    keys: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    kernel: Union[str, Kernel] = "gaussian",
    key_range: Optional[KeyRange] = None,
    key_weights: Any = None,
    out: Optional[Array] = None,
    n_jobs: Optional[int] = None,
) -> Array:
    """The weights that ``pool`` gives the keys: [..., Q, K], rows sum to 1; keys out of range get exactly 0."""
    p = _Problem(w, bandwidth, queries, keys, None, key_range, key_weights, "auto", None, n_jobs, kernel)
    output = Output(out, p.batch + (p.query_count, p.key_count), p.dtype)
    if p.count:
        _core.attention_weights(p.count, p.queries, p.keys, p.kernel, p.how, output.rows(p.key_count))
    return output.done()


def pool_gradient(
    queries: Any,
    keys: Any,
    values: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    kernel: Union[str, Kernel] = "gaussian",
    key_range: Optional[KeyRange] = None,
    key_weights: Any = None,
    algorithm: str = "auto",
    tolerance: Optional[float] = None,
    n_jobs: Optional[int] = None,
) -> Tuple[Array, Array]:
    """``pool`` and its derivative in w (never in the bandwidth): results [..., Q, V], derivatives [..., Q, V].

    With a vector w of P entries the derivatives have an axis more: [..., Q, P, V].
    """
    p = _Problem(w, bandwidth, queries, keys, values, key_range, key_weights, algorithm, tolerance, n_jobs, kernel)
    parameters = () if p.is_scalar else (p.parameters,)
    output = Output(None, p.batch + (p.query_count,) + p.value_shape, p.dtype)
    gradient = Output(None, p.batch + (p.query_count,) + parameters + p.value_shape, p.dtype)
    if p.count:
        results = output.rows(p.columns), gradient.rows(p.columns * p.parameters)
        _core.pool_gradient(p.count, p.queries, p.keys, p.values, p.kernel, p.how, *results)
    return output.done(), gradient.done()


def loss_gradient(
    queries: Any,
    keys: Any,
    values: Any,
    targets: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    kernel: Union[str, Kernel] = "gaussian",
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
    p = _Problem(w, bandwidth, queries, keys, values, key_range, key_weights, algorithm, tolerance, n_jobs, kernel)
    if p.batch:
        raise ValueError(f"queries: batch dimensions {p.batch} are not supported here")
    y = matrix(at_most_two_dimensions("targets", y), p.queries.dtype)
    value, gradient = _core.loss_gradient(p.queries, p.keys, p.values, y, p.kernel, p.how, text("loss", loss))
    return value, (gradient[0] if p.is_scalar else np.array(gradient))


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
