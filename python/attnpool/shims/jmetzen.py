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
from .._arrays import Array
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
        self.X_, self.y_ = np.array(X), np.array(y)
        if self.gamma is None:
            self.gamma_ = 1.0 / self.X_.shape[1]
        elif np.ndim(self.gamma) == 0:
            self.gamma_ = self.gamma
        else:
            errors = [np.mean((f.pool_loo(self.X_, self.y_, w=w_from_gamma(g)) - self.y_) ** 2) for g in self.gamma]
            self.gamma_ = self.gamma[int(np.nanargmin(errors))]
        return self

    def predict(self, X: Any) -> Array:
        check_is_fitted(self)
        return rbf_regression(X, self.X_, self.y_, self.gamma_)
