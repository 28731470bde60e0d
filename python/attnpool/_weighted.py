"""Weighted points, exactly, by one more dimension.

A weight c_k multiplies the kernel: e^(score + log c_k). A further coordinate sqrt(-2 log(c_k / max c)) of the keys, 0
in the queries and with w = 1 there, adds just that log to the score, so that every function of the library can weigh
its keys without loss of digits however far apart the weights are. Points of weight 0 must be dropped before.
"""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np

from ._arrays import Array
from ._core import KeyRange
from ._functions import pool_gradient


def lifted(keys: Array, weight: Array) -> Array:
    """keys [K, D] with the coordinate that carries the weights [K] > 0."""
    log_ratio = np.log(np.asarray(weight, dtype=np.float64) / np.max(weight))
    return np.column_stack([keys, np.sqrt(-2 * log_ratio)])


def lifted_queries(queries: Array) -> Array:
    return np.column_stack([queries, np.zeros(len(queries))])


def weighted_loo(x: Array, y: Array, weight: Array, w: Array, n_jobs: Optional[int]) -> Tuple[float, Array]:
    """The weighted mean of the squared leave-one-out error, and its derivative in w [D]."""
    predicted, derivative = pool_gradient(
        lifted_queries(x), lifted(x, weight), y, w=np.append(w, 1.0), key_range=KeyRange.all_but_self(), n_jobs=n_jobs
    )
    residual = predicted - y
    share = weight / (np.sum(weight) * y.shape[1])
    return (
        float(np.sum(share[:, None] * residual**2)),
        2 * np.einsum("i,iv,ipv->p", share, residual, derivative[:, :-1]),
    )
