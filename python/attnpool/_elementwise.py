"""exp, and softmax and log-sum-exp along an axis."""

from __future__ import annotations

import sys
from typing import Any, Optional

import numpy as np

from . import _core
from ._arrays import (
    Array,
    Output,
    computing_dtype,
    integer,
    matrix,
    numbers,
    result_dtype,
    threads,
)


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
