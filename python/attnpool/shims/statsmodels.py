"""``KernelReg`` of statsmodels.nonparametric.kernel_regression: continuous variables, local constant, Gaussian kernel.

Different on purpose: far from the data the nearest points decide (the original has 0 / 0 = NaN); the marginal effects
are the derivatives of the fit (those of statsmodels 0.13 are 2 / nobs times that with one variable, and no derivative
with more); ``bw="cv_ls"`` and ``"aic"`` search the whole curve with the exact gradient (``attnpool.bandwidth.select``),
where the original's simplex search may stop in a local minimum or at a negative bandwidth; a variable that does not
help to predict has an infinite bandwidth. statsmodels' default reg_type="ll" and discrete variables are not here.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np

from .. import _functions as f
from .._arrays import Array, named, numbers, refuse_not_finite, text
from ..bandwidth import select, w_from_bw

_CRITERIA = {"cv_ls": "leave-one-out", "aic": "aicc"}


def _w(bw: Any) -> Array:
    """1 / bw; an infinite bandwidth, which only a selection gives, is w = 0."""
    h = numbers("bw", bw).astype(np.float64)
    return np.where(h == np.inf, 0.0, w_from_bw(np.where(h == np.inf, 1.0, h)))


class KernelReg:
    """Parameters as the original's; ``var_type`` is "c" for every column of exog."""

    def __init__(
        self,
        endog: Any,
        exog: Any,
        var_type: str,
        reg_type: str = "ll",
        bw: Any = "cv_ls",
        ckertype: str = "gaussian",
        *,
        n_jobs: Optional[int] = None,
    ) -> None:
        if not text("var_type", var_type) or set(var_type) != {"c"}:
            raise NotImplementedError(
                f"var_type: only continuous variables ('c', 'cc', ...) are here, got {var_type!r}"
            )
        if reg_type != "lc":
            raise NotImplementedError(f"reg_type: only 'lc' (local constant) is here, got {reg_type!r}")
        if ckertype != "gaussian":
            raise NotImplementedError(f"ckertype: only 'gaussian' is here, got {ckertype!r}")
        self.var_type, self.reg_type, self.ckertype, self.n_jobs = var_type, reg_type, ckertype, n_jobs
        self.k_vars = len(var_type)
        y = numbers("endog", endog).astype(np.float64)
        if y.ndim > 1 and y.size != len(y):
            raise ValueError(f"endog: must be a vector, got shape {y.shape}")
        self.endog = y.reshape(-1, 1)
        self.exog = self._points("exog", exog)
        self.nobs = len(self.exog)
        if len(self.endog) != self.nobs:
            raise ValueError(f"endog: must have {self.nobs} entries to match exog, got {len(self.endog)}")
        if self.nobs == 0:
            raise ValueError("exog: must have at least one row, got 0")
        refuse_not_finite("endog", self.endog[:, 0])
        refuse_not_finite("exog", self.exog)
        if isinstance(bw, str):
            if bw not in _CRITERIA:
                raise NotImplementedError(f"bw: must be numbers, 'cv_ls' or 'aic', got {bw!r}")
            with named(x="exog", y="endog"):
                self.bw = select(self.exog, self.endog, criterion=_CRITERIA[bw], n_jobs=n_jobs).bandwidth
        else:
            self.bw = numbers("bw", bw).astype(np.float64)
            if self.bw.shape != (self.k_vars,):
                raise ValueError(f"bw: must have {self.k_vars} entries, one per variable, got shape {self.bw.shape}")

    def _points(self, name: str, x: Any) -> Array:
        """As the original: a vector is one variable's, or one point of several."""
        x = numbers(name, x).astype(np.float64)
        if x.ndim > 2 or (x.ndim == 2 and x.shape[1] != self.k_vars and x.shape[0] != self.k_vars):
            raise ValueError(f"{name}: must have {self.k_vars} columns, got shape {x.shape}")
        if x.ndim < 2 and x.size % self.k_vars:
            raise ValueError(f"{name}: must have {self.k_vars} columns, or be one point, got shape {x.shape}")
        if x.ndim == 2 and x.shape[1] != self.k_vars:
            return x.T
        return x.reshape(-1, self.k_vars)

    def fit(self, data_predict: Any = None) -> Tuple[Array, Array]:
        """(mean [n], marginal effects [n, k_vars]) at data_predict, by default at exog."""
        x = self.exog if data_predict is None else self._points("data_predict", data_predict)
        w = _w(self.bw)
        y, key = self.endog - self.endog.mean(), self.exog - self.exog.mean(axis=0)
        pooled = f.pool(
            x, self.exog, np.hstack([self.endog, y, key, y * key]), w=w, tolerance=1e-12, n_jobs=self.n_jobs
        )
        mean, y_mean, key_mean, product = np.split(pooled, [1, 2, 2 + self.k_vars], axis=1)
        return mean[:, 0], w**2 * (product - y_mean * key_mean)  # d mean / d x = w^2 Cov(y, key) under the weights

    def cv_loo(self, bw: Any, func: Any = None) -> float:
        """Mean squared leave-one-out error at bw; func is not looked at."""
        predicted = f.pool_loo(self.exog, self.endog, w=_w(bw), n_jobs=self.n_jobs)
        return float(np.mean((predicted - self.endog) ** 2))

    def r_squared(self) -> float:
        """The squared correlation of endog and fit about the mean of the fit, as the original."""
        fitted = self.fit()[0]
        y, mean = self.endog[:, 0], fitted.mean()
        return float(((y - mean) @ (fitted - mean)) ** 2 / (np.sum((y - mean) ** 2) * np.sum((fitted - mean) ** 2)))
