"""Bandwidths: other people's conventions as our w = 1 / bandwidth, rules of thumb, and the leave-one-out choice.

Every ``w_from_*`` takes a number or an array of one per dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional, Tuple

import numpy as np

from ._arrays import Array, as_rows, numbers
from ._functions import loss_gradient, pool_gradient
from ._core import KeyRange

# ---- conventions --------------------------------------------------------------------------------


def _positive(name: str, x: Any) -> Array:
    a = np.asarray(x, dtype=np.float64)
    if not np.all(np.isfinite(a) & (a > 0)):
        raise ValueError(f"{name}: must be finite and > 0, got {x!r}")
    return a


def w_from_sigma(sigma: Any) -> Array:
    """The d2l chapter "Attention pooling by similarity": exp(-x^2 / (2 sigma^2)); its older version has w itself."""
    return 1 / _positive("sigma", sigma)


def w_from_bw(bw: Any) -> Array:
    """statsmodels ``bw``, R np ``bws``, KernSmooth, hbw and astroML ``h``: standard deviations of the kernel."""
    return 1 / _positive("bw", bw)


def w_from_gamma(gamma: Any) -> Array:
    """scikit-learn's and jmetzen's ``gamma``: exp(-gamma d^2)."""
    return np.sqrt(2 * _positive("gamma", gamma))


def w_from_lengthscale(lengthscale: Any) -> Array:
    """GPyTorch's and scikit-learn's RBF length scale."""
    return 1 / _positive("lengthscale", lengthscale)


#: Standard deviation of R's ``ksmooth(kernel = "normal", bandwidth = 1)``: quartiles at +-1/4, 0.25 / qnorm(0.75).
KSMOOTH_SD = 0.25 / 0.6744897501960817


def w_from_ksmooth(bandwidth: Any) -> Array:
    """R's ``ksmooth(kernel = "normal", bandwidth)``, which also cuts its kernel at 4 standard deviations; we do not."""
    return 1 / (KSMOOTH_SD * _positive("bandwidth", bandwidth))


def w_from_np_scale(scale: Any, x: Any, kernel_order: int = 2) -> Array:
    """R np with ``bwscaling = TRUE``: h_j = c_j sigma_j n^(-1 / (2 P + l)), l the number of columns of x [n, l].

    sigma_j is the smallest positive one of standard deviation, median absolute deviation * 1.4826 (R's ``mad``) and
    interquartile range / 1.349.
    """
    c = _positive("scale", scale)
    x = as_rows("x", numbers("x", x)).astype(np.float64)
    n, columns = x.shape
    quartiles = np.percentile(x, [25, 75], axis=0)
    spreads = np.array(
        [
            np.std(x, axis=0, ddof=1),
            1.4826 * np.median(np.abs(x - np.median(x, axis=0)), axis=0),
            (quartiles[1] - quartiles[0]) / 1.349,
        ]
    )
    sigma = np.min(np.where(spreads > 0, spreads, np.inf), axis=0)
    if not np.all(np.isfinite(sigma)):
        raise ValueError(f"x: column {int(np.argmax(~np.isfinite(sigma)))} is constant")
    return 1 / (c * sigma * n ** (-1 / (2 * kernel_order + columns)))


# ---- rules of thumb -----------------------------------------------------------------------------


def _rule(factor: Callable[[float, int], float], x: Any, sample_weight: Any, scaled: bool) -> Array:
    """Bandwidths factor(n, d) * sigma_j; a constant column gets 1, since any bandwidth gives the same there."""
    x = as_rows("x", numbers("x", x)).astype(np.float64)
    n, columns = x.shape
    if n == 0:
        raise ValueError("x: must have at least one row, got 0")
    c = (
        np.full(n, 1 / n)
        if sample_weight is None
        else np.asarray(sample_weight, dtype=np.float64) / np.sum(sample_weight)
    )
    effective = 1 / np.sum(c * c)
    if not scaled:
        return np.full(columns, factor(effective, columns))
    variance = c @ (x - c @ x) ** 2 / max(1 - np.sum(c * c), 1e-300)
    tiny = variance <= (1e-12 * np.max(np.abs(x), axis=0)) ** 2
    return np.where(tiny, 1.0, factor(effective, columns) * np.sqrt(variance))


def scott(x: Any, sample_weight: Any = None, *, scaled: bool = True) -> Array:
    """Scott's rule per column of x [n, d]: n^(-1 / (d + 4)) * sigma_j, as scipy and skpro.

    scaled=False leaves sigma_j out, as scikit-learn's KernelDensity and GuillaumeDehaene/nadaraya_watson do. With
    weights c, n is Kish's (sum c)^2 / sum c^2. A rule for densities: for regression a start, not an optimum.
    """
    return _rule(lambda n, d: n ** (-1 / (d + 4)), x, sample_weight, scaled)


def silverman(x: Any, sample_weight: Any = None, *, scaled: bool = True) -> Array:
    """Silverman's rule per column: (n (d + 2) / 4)^(-1 / (d + 4)) * sigma_j. Arguments as ``scott``."""
    return _rule(lambda n, d: (n * (d + 2) / 4) ** (-1 / (d + 4)), x, sample_weight, scaled)


# ---- leave-one-out ------------------------------------------------------------------------------


@dataclass
class LooChoice:
    """What ``loo`` found."""

    bandwidth: Array  #: one per column
    loss: float  #: mean squared leave-one-out error there
    scales: Array  #: the factors of the scan ...
    losses: Array  #: ... and the loss at each
    at_bound: bool  #: whether the best of the scan was its first or last: the data ask for less or more than was tried


def _weighted_loss(x: Array, y: Array, weight: Any, w: Array, n_jobs: Optional[int]) -> Tuple[float, Array]:
    """The weighted mean of the squared leave-one-out error, and its derivative in w [d]."""
    weight = np.asarray(weight, dtype=np.float64)
    seen = KeyRange.all_but_self()
    predicted, derivative = pool_gradient(x, x, y, w=w, key_range=seen, key_weights=weight, n_jobs=n_jobs)
    residual = predicted - y
    share = weight / (np.sum(weight) * y.shape[1])
    gradient = 2 * np.einsum("i,iv,ipv->p", share, residual, derivative)
    return float(np.sum(share[:, None] * residual**2)), gradient


def loo(
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    steps: int = 40,
    per_dimension: bool = True,
    n_jobs: Optional[int] = None,
) -> LooChoice:
    """The bandwidths with the least mean squared leave-one-out error of predicting y [n, V] from x [n, d].

    All columns' standard deviations are scaled by one factor, scanned from the closest spacing of points to 10, so that
    no local minimum is missed; from the best factor on, one log w per column (or the factor alone) descends along the
    exact gradient (L-BFGS-B, needs SciPy). Weighted points weigh in predictions and in the error, and all of a point is
    left out.
    """
    from scipy.optimize import minimize

    x = as_rows("x", numbers("x", x)).astype(np.float64)
    y = as_rows("y", numbers("y", y)).astype(np.float64)
    n, columns = x.shape
    if n < 2:
        raise ValueError(f"x: leave-one-out needs at least two rows, got {n}")
    sigma = np.std(x, axis=0)
    sigma = np.where(sigma > 1e-12 * np.max(np.abs(x), axis=0), sigma, 1.0)

    def loss(log_w: Array) -> Tuple[float, Array]:
        w = np.exp(log_w)
        if sample_weight is None:
            value, gradient = loss_gradient(x, x, y, y, w=w, key_range=KeyRange.all_but_self(), n_jobs=n_jobs)
        else:
            value, gradient = _weighted_loss(x, y, sample_weight, w, n_jobs)
        return value, np.asarray(gradient) * w

    gaps = np.diff(np.sort(x / sigma, axis=0), axis=0)
    gaps = gaps[gaps > 0]
    smallest = max(float(gaps.min()) if len(gaps) else 1e-3, 1e-4)
    scales = np.geomspace(min(smallest, 0.1), 10.0, steps)
    losses = np.array([loss(-np.log(scale * sigma))[0] for scale in scales])
    if not np.any(np.isfinite(losses)):
        raise ValueError("x, y: no bandwidth has a finite leave-one-out error")
    best = int(np.nanargmin(losses))
    start = -np.log(scales[best] * sigma)
    reach = np.log(100.0)
    unit = losses[best] if losses[best] > 0 else 1.0  # so that the search stops alike in every unit of y
    settings = {"ftol": 1e-13, "gtol": 1e-7}

    def descent(shift: Array) -> Tuple[float, Array]:
        value, gradient = loss(start + shift)
        return value / unit, (gradient if per_dimension else gradient.sum(keepdims=True)) / unit

    shift = np.zeros(columns if per_dimension else 1)
    found = minimize(
        descent, shift, jac=True, method="L-BFGS-B", bounds=[(-reach, reach)] * len(shift), options=settings
    )
    log_w, value = start + found.x, float(found.fun) * unit
    if not value <= losses[best]:
        log_w, value = start, float(losses[best])
    return LooChoice(np.exp(-log_w), value, scales, losses, best in (0, steps - 1))
