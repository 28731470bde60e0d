"""The idiom of scikit-learn's ``pairwise_kernels``, without the matrix and without 0 / 0 far from the data:

    K = pairwise_kernels(X, X_train, metric="rbf", gamma=gamma)
    y = (K * y_train).sum(axis=1) / K.sum(axis=1)
"""

from __future__ import annotations

from typing import Any, Optional

from .. import _functions as f
from .._arrays import Array, as_rows, named, numbers
from ..bandwidth import w_from_gamma


def rbf_regression(
    X: Any, X_train: Any, y_train: Any, gamma: Optional[float] = None, *, n_jobs: Optional[int] = None
) -> Array:
    """y at X [Q, D] from X_train [K, D] and y_train [K] or [K, V]. gamma as scikit-learn's; None: 1 / D."""
    if gamma is None:
        gamma = 1.0 / as_rows("X_train", numbers("X_train", X_train)).shape[-1]
    w = w_from_gamma(gamma)
    if w.ndim:
        raise ValueError(f"gamma: must be a number, got {gamma!r}")
    with named(queries="X", keys="X_train", values="y_train"):
        return f.pool(X, X_train, y_train, w=w, n_jobs=n_jobs)
