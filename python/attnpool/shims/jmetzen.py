"""``KernelRegression`` of jmetzen/kernel_regression for its kernel "rbf".

Different on purpose: predictions far from the data are those of the nearest point where the original has 0 / 0 = NaN,
so that every gamma has a leave-one-out error; the parameter gamma is left as it was (``clone`` works) and the choice is
``gamma_``; y may have several columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from .. import _functions as f
from .._arrays import Array, named, numbers, refuse_not_finite
from ..bandwidth import w_from_gamma
from .sklearn import rbf_regression


class KernelRegression(RegressorMixin, BaseEstimator):
    """gamma: a number, None for 1 / n_features, or a sequence: the one with the least leave-one-out error is taken."""

    def __init__(self, kernel: str = "rbf", gamma: Any = None) -> None:
        self.kernel = kernel
        self.gamma = gamma

    def fit(self, X: Any, y: Any) -> "KernelRegression":
        if self.kernel != "rbf":
            raise ValueError(f"kernel: only 'rbf' is here, got {self.kernel!r}")
        self.X_, self.y_ = np.array(numbers("X", X)), np.array(numbers("y", y))
        if self.X_.ndim != 2 or len(self.X_) == 0:
            raise ValueError(f"X: must be a matrix with at least one row, got shape {self.X_.shape}")
        if self.y_.shape[:1] != self.X_.shape[:1]:
            raise ValueError(f"y: must have {len(self.X_)} rows to match X, got shape {self.y_.shape}")
        refuse_not_finite("X", self.X_)
        refuse_not_finite("y", self.y_)
        if self.gamma is None:
            self.gamma_ = 1.0 / self.X_.shape[1]
            return self
        w = np.atleast_1d(w_from_gamma(self.gamma))
        if len(w) == 0:
            raise ValueError("gamma: must have at least one entry")
        if np.ndim(self.gamma) == 0:
            self.gamma_ = self.gamma
        else:
            if len(self.X_) < 2:
                raise ValueError(f"X: the choice of gamma needs at least two rows, got {len(self.X_)}")
            errors = [np.mean((f.pool_loo(self.X_, self.y_, w=one) - self.y_) ** 2) for one in w]
            self.gamma_ = self.gamma[int(np.argmin(errors))]
        return self

    def predict(self, X: Any) -> Array:
        check_is_fitted(self)
        with named(X_train="the X of fit"):
            return rbf_regression(X, self.X_, self.y_, self.gamma_)
