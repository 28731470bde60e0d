"""``KernelReg`` and ``lowess`` of statsmodels.nonparametric.

``KernelReg``: continuous variables, Gaussian kernel, local linear (the default) and local constant. Different on purpose:

- Far from the data the nearest points decide, where the original has 0 / 0 = NaN, or the pseudo-inverse of rounding errors.
- Marginal effects: of "ll" the slopes of the local planes, as the original's, but NaN where the points within reach do not
  determine the plane, or where its slopes would keep less than some five digits; of "lc" the derivatives of the fit (those
  of statsmodels 0.13 are 2 / nobs times that with one variable, and no derivative with more).
- ``bw="cv_ls"`` and ``"aic"`` search the whole curve of bandwidths (``attnpool.bandwidth.select``), where the original's simplex
  search may stop in a local minimum or at a negative bandwidth; a variable that does not help to predict has an infinite
  bandwidth ("lc"). The "aic" of "ll" counts the parameters of the planes, as R's np; the original those of the local constant.

Discrete variables are not here.

``lowess``: the same numbers, up to rounding, hundreds of times as fast from some ten thousand points on. Different on purpose:
what is not finite is refused where statsmodels computes with it (``missing="none"``), and so are data that are not sorted
though ``is_sorted`` says so; ``missing="raise"`` with ``xvals`` is an error only if something is missing; iterations end once
the median residual is below 1e-12 of the range of endog (statsmodels up to 0.14: once it is 0; later: 1e-7).
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np

from .. import _functions as f
from .._arrays import Array, named, numbers, refuse_not_finite, text
from .._lowess import lowess as _lowess
from ..bandwidth import select, w_from_bw

_ORDERS = {"lc": 0, "ll": 1}
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
        if reg_type not in _ORDERS:
            raise ValueError(f"reg_type: must be 'll' (local linear) or 'lc' (local constant), got {reg_type!r}")
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
                order = _ORDERS[reg_type]
                self.bw = select(self.exog, self.endog, criterion=_CRITERIA[bw], order=order, n_jobs=n_jobs).bandwidth
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
        if self.reg_type == "lc":
            mean, _, covariance = self._moments(x)
            return mean, _w(self.bw) ** 2 * covariance  # d mean / d x = w^2 Cov(key, y) under the weights
        mean = f.pool(x, self.exog, self.endog[:, 0], w=_w(self.bw), order=1, n_jobs=self.n_jobs)
        return mean, self._slopes(x)

    def _moments(self, x: Array, unit: Any = 1.0, squares: bool = False) -> Tuple[Array, Array, Array]:
        """Under the weights of each point: the mean of y, with squares Cov(key / unit), and Cov(key / unit, y)."""
        k, y = self.k_vars, self.endog - self.endog.mean()
        key = (self.exog - self.exog.mean(axis=0)) / unit
        products = (key[:, :, np.newaxis] * key[:, np.newaxis]).reshape(-1, k * k)[:, : k * k if squares else 0]
        columns = np.hstack([self.endog, y, key, y * key, products])
        pooled = f.pool(x, self.exog, columns, w=_w(self.bw), tolerance=1e-12, n_jobs=self.n_jobs)
        mean, y_mean, key_mean, product, second = np.split(pooled, [1, 2, 2 + k, 2 + 2 * k], axis=1)
        outer = key_mean[:, :, np.newaxis] * key_mean[:, np.newaxis]
        spread = second.reshape(-1, k, k) - outer if squares else outer
        return mean[:, 0], spread, product - y_mean * key_mean

    def _slopes(self, x: Array) -> Array:
        """Of the local planes, Cov(key)^-1 Cov(key, y); NaN where that is not determined to five digits."""
        unit = self.exog.std(axis=0)
        unit[unit == 0] = 1
        _, spread, covariance = self._moments(x, unit, squares=True)
        determined = np.isfinite(spread).all(axis=(1, 2))
        determined[determined] = np.linalg.eigvalsh(spread[determined])[:, 0] > 1e-11
        slopes = np.full(x.shape, np.nan)
        slopes[determined] = np.linalg.solve(spread[determined], covariance[determined, :, np.newaxis])[:, :, 0] / unit
        return slopes

    def cv_loo(self, bw: Any, func: Any = None) -> float:
        """Mean squared leave-one-out error at bw; func is not looked at."""
        order = _ORDERS[self.reg_type]
        predicted = f.pool_loo(self.exog, self.endog, w=_w(bw), order=order, n_jobs=self.n_jobs)
        return float(np.mean((predicted - self.endog) ** 2))

    def r_squared(self) -> float:
        """The squared correlation of endog and fit about the mean of the fit, as the original."""
        fitted = self.fit()[0]
        y, mean = self.endog[:, 0], fitted.mean()
        return float(((y - mean) @ (fitted - mean)) ** 2 / (np.sum((y - mean) ** 2) * np.sum((fitted - mean) ** 2)))


def _vector(name: str, x: Any) -> Array:
    a = numbers(name, x).astype(np.float64)
    if a.ndim != 1:
        raise ValueError(f"{name}: must be a vector, got shape {a.shape}")
    return a


def _kept(missing: str, **arrays: Array) -> Array:
    """Which entries stay; raises if none may be missing and one is."""
    if missing not in ("none", "drop", "raise"):
        raise ValueError(f"missing: must be 'none', 'drop' or 'raise', got {missing!r}")
    if missing != "drop":
        for name, a in arrays.items():
            refuse_not_finite(name, a)
    return np.logical_and.reduce([np.isfinite(a) for a in arrays.values()])


def _order(name: str, x: Array, is_sorted: bool) -> Array:
    """Ascending, and among ties as the original has it: where ties have no line, the first of them decides."""
    if not is_sorted:
        return np.argsort(x)
    down = np.flatnonzero(x[1:] < x[:-1])
    if len(down):
        i = int(down[0]) + 1
        raise ValueError(f"{name}[{i}]: must not be below {name}[{i - 1}] = {x[i - 1]} if is_sorted, got {x[i]}")
    return np.arange(len(x))


def _spread(fits: Array, kept: Array) -> Array:
    result = np.full(len(kept), np.nan)
    result[kept] = fits
    return result


def lowess(
    endog: Any,
    exog: Any,
    frac: float = 2.0 / 3.0,
    it: int = 3,
    delta: float = 0.0,
    xvals: Any = None,
    is_sorted: bool = False,
    missing: str = "drop",
    return_sorted: bool = True,
    *,
    n_jobs: Optional[int] = None,
) -> Array:
    """As the original: [n, 2] of sorted exog and fit, or the fit in the order of exog or xvals.

    xvals cannot go with delta. With is_sorted, what is missing in xvals is dropped from the result too.
    """
    y, x = _vector("endog", endog), _vector("exog", exog)
    if len(x) != len(y):
        raise ValueError(f"endog: must have {len(x)} entries to match exog, got {len(y)}")
    kept = _kept(missing, exog=x, endog=y)
    x, y = x[kept], y[kept]
    order = _order("exog", x, is_sorted)
    points = None
    if xvals is not None:
        if delta != 0:
            raise ValueError(f"delta: must be 0 with xvals, got {delta!r}")
        at = _vector("xvals", xvals)
        kept = _kept(missing, xvals=at)
        points = at[kept]
        _order("xvals", at[kept], is_sorted)
    with named(fraction="frac", iterations="it", x="exog", y="endog"):
        found = _lowess(y[order], x[order], fraction=frac, iterations=it, delta=delta, at=points, n_jobs=n_jobs)
    if found.at is not None:
        return found.at if is_sorted else _spread(found.at, kept)
    if return_sorted:
        return np.column_stack([x[order], found.fitted])
    fits = np.empty(len(order))
    fits[order] = found.fitted
    return _spread(fits, kept)
