"""Bandwidths: other people's conventions as our w = 1 / bandwidth, rules of thumb, and selection by a criterion.

Every ``w_from_*`` takes a number or an array of one per dimension.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

import numpy as np

from ._arrays import Array, integer, numbers
from ._selection import BandwidthWarning, Selection, select
from ._selection_batch import Selections, select_batch
from ._spread import brought_to_size, checked_weights, robust_spread

# ---- conventions --------------------------------------------------------------------------------


def _positive(name: str, x: Any) -> Array:
    a = numbers(name, x).astype(np.float64)
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
    x, exponent = brought_to_size("x", x)
    n, columns = x.shape
    if c.ndim > 1 or c.size not in (1, columns):
        raise ValueError(f"scale: must be one number or one per column of x = {columns}, got shape {c.shape}")
    integer("kernel_order", kernel_order, least=1)
    sigma = robust_spread(x)
    if not np.all(sigma > 0):
        raise ValueError(f"x: column {int(np.argmax(~(sigma > 0)))} is constant")
    return 1 / np.ldexp(c * sigma * n ** (-1 / (2 * kernel_order + columns)), exponent)


# ---- rules of thumb -----------------------------------------------------------------------------


def _rule(factor: Callable[[float, int], float], x: Any, sample_weight: Any, scaled: bool) -> Array:
    """Bandwidths factor(n, d) * sigma_j; a constant column gets 1, since any bandwidth gives the same there."""
    x, exponent = brought_to_size("x", x)
    n, columns = x.shape
    c = np.full(n, 1 / n) if sample_weight is None else checked_weights(sample_weight, n)
    c = c / np.max(c)  # the sum of large weights may overflow
    c = c / np.sum(c)
    effective = 1 / np.sum(c * c)
    if not scaled:
        return np.full(columns, factor(effective, columns))
    counted = x[c > 0]
    variance = c @ (x - c @ x) ** 2 / max(1 - np.sum(c * c), 1e-300)
    constant = np.max(counted, axis=0) == np.min(counted, axis=0)
    return np.where(constant, 1.0, np.ldexp(factor(effective, columns) * np.sqrt(variance), exponent))


def scott(x: Any, sample_weight: Any = None, *, scaled: bool = True) -> Array:
    """Scott's rule per column of x [n, d]: n^(-1 / (d + 4)) * sigma_j, as scipy and skpro.

    scaled=False leaves sigma_j out, as scikit-learn's KernelDensity and GuillaumeDehaene/nadaraya_watson do. With
    weights c, n is Kish's (sum c)^2 / sum c^2. A rule for densities: for regression a start, not an optimum. sigma_j is
    the standard deviation, which a single outlier carries away; 1 / w_from_np_scale(1.06, x) takes a robust spread.
    """
    return _rule(lambda n, d: n ** (-1 / (d + 4)), x, sample_weight, scaled)


def silverman(x: Any, sample_weight: Any = None, *, scaled: bool = True) -> Array:
    """Silverman's rule per column: (n (d + 2) / 4)^(-1 / (d + 4)) * sigma_j. Arguments as ``scott``."""
    return _rule(lambda n, d: (n * (d + 2) / 4) ** (-1 / (d + 4)), x, sample_weight, scaled)


# ---- selection ----------------------------------------------------------------------------------


def loo(
    x: Any, y: Any, sample_weight: Any = None, *, per_dimension: bool = True, n_jobs: Optional[int] = None
) -> Selection:
    """``select`` by the mean squared leave-one-out error."""
    return select(x, y, sample_weight, per_dimension=per_dimension, n_jobs=n_jobs)
