"""Bandwidths: other people's conventions as our w = 1 / bandwidth, rules of thumb, and selection by a criterion.

Every ``w_from_*`` takes a number or an array of one per dimension.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np

from . import _core
from ._arrays import Array, integer, numbers
from ._selection import BandwidthWarning, Selection, select
from ._selection_batch import Selections, select_batch
from ._spread import brought_to_size, checked_weights, finite_table, robust_spread

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


# ---- rules --------------------------------------------------------------------------------------


def _rule(silverman: bool, x: Any, sample_weight: Any, scaled: bool) -> Array:
    x = finite_table("x", x)
    c = None if sample_weight is None else checked_weights(sample_weight, len(x))
    return np.array(_core.rule_of_thumb(np.ascontiguousarray(x), c, bool(scaled), silverman))


def scott(x: Any, sample_weight: Any = None, *, scaled: bool = True) -> Array:
    """Scott's rule per column of x [n, d]: n^(-1 / (d + 4)) * sigma_j, as scipy and skpro.

    scaled=False leaves sigma_j out, as scikit-learn's KernelDensity and GuillaumeDehaene/nadaraya_watson do. With
    weights c, n is Kish's (sum c)^2 / sum c^2. A rule for densities: for regression a start, not an optimum. sigma_j is
    the standard deviation, which a single outlier carries away; 1 / w_from_np_scale(1.06, x) takes a robust spread. A
    constant column gets 1, since any bandwidth gives the same there.
    """
    return _rule(False, x, sample_weight, scaled)


def silverman(x: Any, sample_weight: Any = None, *, scaled: bool = True) -> Array:
    """Silverman's rule per column: (n (d + 2) / 4)^(-1 / (d + 4)) * sigma_j. Arguments as ``scott``."""
    return _rule(True, x, sample_weight, scaled)


def dpill(
    x: Any,
    y: Any,
    *,
    blockmax: int = 5,
    divisor: int = 20,
    trim: float = 0.01,
    proptrun: float = 0.05,
    gridsize: int = 401,
    range_x: Optional[Tuple[float, float]] = None,
) -> float:
    """The direct plug-in bandwidth of Ruppert, Sheather and Wand (JASA 1995) for y [n] at x [n], as R's KernSmooth.

    Made for local linear regression; for the weighted mean here a good start, which ``select`` improves. Quartic fits on at
    most blockmax blocks of at least divisor rows give pilot bandwidths; curvature and variance are then estimated on gridsize
    bins over range_x (default: that of x after trimming; rows outside are left out). trim is the part of the rows that is
    left out at either end, proptrun the part of the bins there where curvature counts as 0. A ``ValueError`` says what the
    data leave undetermined.
    """
    x, y = finite_table("x", x), finite_table("y", y)
    if len(y) != len(x):
        raise ValueError(f"y: must have {len(x)} rows to match x, got {len(y)}")
    counts = [integer(n, v, least=1) for n, v in (("blockmax", blockmax), ("divisor", divisor), ("gridsize", gridsize))]
    parts = [_number(name, value) for name, value in (("trim", trim), ("proptrun", proptrun))]
    interval = None
    if range_x is not None:
        if np.shape(range_x) != (2,):
            raise ValueError(f"range_x: must be two numbers, got {range_x!r}")
        interval = (_number("range_x", range_x[0]), _number("range_x", range_x[1]))
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    try:
        return _core.plug_in(x, y, counts[0], counts[1], parts[0], parts[1], counts[2], interval)
    except ValueError as error:
        name, colon, rest = str(error).partition(":")
        name = {"keys": "x", "values": "y", "interval": "range_x"}.get(name, name)
        raise ValueError(name + colon + rest) from None


def _number(name: str, value: Any) -> float:
    a = numbers(name, value)
    if a.ndim != 0:
        raise ValueError(f"{name}: must be one number, got shape {a.shape}")
    return float(a)


# ---- selection ----------------------------------------------------------------------------------


def loo(
    x: Any, y: Any, sample_weight: Any = None, *, per_dimension: bool = True, n_jobs: Optional[int] = None
) -> Selection:
    """``select`` by the mean squared leave-one-out error."""
    return select(x, y, sample_weight, per_dimension=per_dimension, n_jobs=n_jobs)
