"""Bandwidths: other people's conventions as our w = 1 / bandwidth, rules of thumb, and the leave-one-out choice.

Every ``w_from_*`` takes a number or an array of one per dimension.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Sequence, Tuple

import numpy as np

from ._arrays import Array, at_most_two_dimensions, integer, numbers, refuse_not_finite
from ._functions import loss_gradient, pool_gradient
from ._core import KeyRange

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
    x, exponent = _brought_to_size("x", x)
    n, columns = x.shape
    if c.ndim > 1 or c.size not in (1, columns):
        raise ValueError(f"scale: must be one number or one per column of x = {columns}, got shape {c.shape}")
    integer("kernel_order", kernel_order, least=1)
    sigma = _robust_spread(x)
    if not np.all(sigma > 0):
        raise ValueError(f"x: column {int(np.argmax(~(sigma > 0)))} is constant")
    return 1 / np.ldexp(c * sigma * n ** (-1 / (2 * kernel_order + columns)), exponent)


# ---- data of any offset and scale ---------------------------------------------------------------


def _brought_to_size(name: str, a: Any) -> Tuple[Array, Array]:
    """a [n, d] less the median of its columns, divided by powers of two so that they reach 1; and those exponents [d].

    Time stamps in nanoseconds, or columns near 1e200, then give what the same data near 1 give: the powers are exact, and
    so is the difference of numbers that are close to each other. A constant column has the exponent 0.
    """
    x = at_most_two_dimensions(name, numbers(name, a)).astype(np.float64)
    for count, what in zip(x.shape, ("row", "column")):
        if count == 0:
            raise ValueError(f"{name}: must have at least one {what}, got 0")
    refuse_not_finite(name, x)
    power = np.frexp(np.max(np.abs(x), axis=0))[1]
    middle = np.sort(x, axis=0)[len(x) // 2]
    x = np.ldexp(x, -power) - np.ldexp(middle, -power)  # a difference of the raw numbers may overflow
    more = np.frexp(np.max(np.abs(x), axis=0))[1]
    return np.ldexp(x, -more), np.where(np.any(x, axis=0), power + more, 0)


def _robust_spread(x: Array) -> Array:
    """The smallest positive one of standard deviation, 1.4826 MAD and IQR / 1.349 per column; 0 if it is constant.

    The first follows an outlier, the others may be 0 where many points are tied.
    """
    if len(x) == 1:
        return np.zeros(x.shape[1])
    quartiles = np.percentile(x, [25, 75], axis=0)
    spreads = np.array(
        [
            np.std(x, axis=0, ddof=1),
            1.4826 * np.median(np.abs(x - np.median(x, axis=0)), axis=0),
            (quartiles[1] - quartiles[0]) / 1.349,
        ]
    )
    spreads = np.where(np.max(x, axis=0) > np.min(x, axis=0), spreads, 0.0)
    smallest = np.min(np.where(spreads > 0, spreads, np.inf), axis=0)
    return np.where(np.isfinite(smallest), smallest, 0.0)


def checked_weights(sample_weight: Any, n: int) -> Array:
    """sample_weight [n], refused by name unless finite, not negative and not all zero."""
    c = numbers("sample_weight", sample_weight).astype(np.float64)
    if c.ndim == 0:  # the same for every row
        c = np.full(n, c)
    if c.shape != (n,):
        raise ValueError(f"sample_weight: must have one entry per row = {n}, got shape {c.shape}")
    refuse_not_finite("sample_weight", c)
    if np.any(c < 0):
        raise ValueError(f"sample_weight[{int(np.argmax(c < 0))}]: must be 0 or more, got {c[np.argmax(c < 0)]}")
    if not np.any(c > 0):
        raise ValueError("sample_weight: at least one must be > 0")
    return c


# ---- rules of thumb -----------------------------------------------------------------------------


def _rule(factor: Callable[[float, int], float], x: Any, sample_weight: Any, scaled: bool) -> Array:
    """Bandwidths factor(n, d) * sigma_j; a constant column gets 1, since any bandwidth gives the same there."""
    x, exponent = _brought_to_size("x", x)
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


# ---- leave-one-out ------------------------------------------------------------------------------


class BandwidthWarning(UserWarning):
    """A bandwidth was chosen, but not with confidence: the warning says why."""


@dataclass
class LooChoice:
    """What ``loo`` found."""

    bandwidth: Array  #: one per column
    loss: float  #: mean squared leave-one-out error there
    scales: Array  #: the factors of the scan ...
    losses: Array  #: ... and the loss at each
    #: "" or the end of the scan, "smallest" or "largest", at which the loss is least: the data ask for less or more
    at_bound: str


def _weighted_loss(x: Array, y: Array, weight: Any, w: Array, n_jobs: Optional[int]) -> Tuple[float, Array]:
    """The weighted mean of the squared leave-one-out error, and its derivative in w [d]."""
    weight = np.asarray(weight, dtype=np.float64)
    seen = KeyRange.all_but_self()
    predicted, derivative = pool_gradient(x, x, y, w=w, key_range=seen, key_weights=weight, n_jobs=n_jobs)
    residual = predicted - y
    share = weight / np.max(weight)
    share = share / (np.sum(share) * y.shape[1])
    gradient = 2 * np.einsum("i,iv,ipv->p", share, residual, derivative)
    return float(np.sum(share[:, None] * residual**2)), gradient


def _loss_of(x: Array, y: Array, weight: Optional[Array], n_jobs: Optional[int]) -> Callable:
    """The leave-one-out loss and its derivative, as a function of log w."""

    def loss(log_w: Array) -> Tuple[float, Array]:
        w = np.exp(log_w)
        if weight is None:
            value, gradient = loss_gradient(x, x, y, y, w=w, key_range=KeyRange.all_but_self(), n_jobs=n_jobs)
        else:
            value, gradient = _weighted_loss(x, y, weight, w, n_jobs)
        return value, np.asarray(gradient) * w

    return loss


#: A scan over so many robust spreads takes some 500 steps; no data are that wide.
MOST_SPREADS = 1e100


def _scan(x: Array, sigma: Array, steps: int) -> Array:
    """Factors of sigma from the closest distinct points, where the nearest decide, to a flat kernel over all points."""
    with np.errstate(over="ignore"):
        z = x / sigma
        reach = np.ptp(z, axis=0)
    if not np.all(reach < MOST_SPREADS):
        wide = int(np.argmax(~(reach < MOST_SPREADS)))
        raise ValueError(
            f"x: column {wide} has outliers more than {MOST_SPREADS:g} times its robust spread away;"
            " drop rows with a stand-in for a missing value"
        )
    gaps = _gaps(z)
    smallest = min(max(float(gaps.min()) / 4 if len(gaps) else 1e-3, 1e-18), 0.1)  # at 1/4 only neighbours count
    largest = max(10.0, 4.0 * float(np.max(reach)))
    ratio = 1.6  # between neighbours, at most
    return np.geomspace(smallest, largest, max(steps, int(np.ceil(np.log(largest / smallest) / np.log(ratio)))))


def _gaps(z: Array) -> Array:
    """Distances between neighbours within each column that are not tied."""
    gaps = np.diff(np.sort(z, axis=0), axis=0)
    return gaps[gaps > 0]


def _coarse_scan(z: Array, scales: Array) -> Array:
    """20 factors from the usual spacing of points to a kernel that is flat over all but outliers."""
    gaps = _gaps(z)
    usual = float(np.median(gaps)) / 4 if len(gaps) else scales[0]
    return np.geomspace(min(max(scales[0], usual), 0.1), min(scales[-1], 100.0), 20)


def _local_minima(losses: Array, most: int) -> List[int]:
    """Indices of the lowest local minima, the lowest first; of equal losses that of the largest bandwidth."""
    padded = np.concatenate([[np.inf], np.where(np.isfinite(losses), losses, np.inf), [np.inf]])
    here = [i for i in range(len(losses)) if padded[i] >= padded[i + 1] < np.inf and padded[i + 1] < padded[i + 2]]
    return sorted(here, key=lambda i: (losses[i], -i))[:most]


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

    A robust spread of every column is scaled by one factor, scanned in ``steps`` steps or more from the closest spacing
    of points to a flat kernel; with several columns a sample of the points is scanned in each of them too. From the
    lowest minima on, one log w per column (or the factor alone) descends along the exact gradient (L-BFGS-B, needs
    SciPy). Weighted points weigh in predictions and in the error, and all of a point is left out. A
    ``BandwidthWarning`` says if the error is least at an end of the scan.
    """
    integer("steps", steps, least=2)
    x, x_exponent, y, y_exponent, weight = _loo_data(x, y, sample_weight)
    sigma = _robust_spread(x)
    sigma = np.where(sigma > 0, sigma, 1.0)
    scales = _scan(x, sigma, steps)

    loss = _loss_of(x, y, weight, n_jobs)
    losses = np.array([loss(-np.log(scale * sigma))[0] for scale in scales])
    starts = [(losses[i], -np.log(scales[i] * sigma)) for i in _local_minima(losses, 3)]
    if per_dimension and x.shape[1] > 1:
        few = np.random.default_rng(0).permutation(len(x))[:500]
        of_few = _loss_of(x[few], y[few], None if weight is None else weight[few], 1)
        starts += [
            (loss(log_w)[0], log_w) for log_w in _coordinate_starts(of_few, _coarse_scan(x[few] / sigma, scales), sigma)
        ]
    value, log_w = _descend(loss, starts, per_dimension)
    at_bound = _end_of_scan(np.exp(-log_w) / sigma, scales)
    if at_bound:
        warnings.warn(
            f"the leave-one-out error is least at the {at_bound} bandwidth that was tried:"
            f" the data do not determine a bandwidth between the closest points and a flat fit",
            BandwidthWarning,
            stacklevel=2,
        )
    with np.errstate(over="ignore"):
        losses, value = np.ldexp(losses, 2 * y_exponent), float(np.ldexp(value, 2 * y_exponent))
        return LooChoice(np.ldexp(np.exp(-log_w), x_exponent), value, scales, losses, at_bound)


def _loo_data(x: Any, y: Any, sample_weight: Any) -> Tuple[Array, Array, Array, int, Optional[Array]]:
    """(x, exponents of its columns, y, their common exponent, weights) of the rows that have a weight."""
    x, x_exponent = _brought_to_size("x", x)
    y, y_exponents = _brought_to_size("y", y)
    if len(y) != len(x):
        raise ValueError(f"y: must have {len(x)} rows to match x, got {len(y)}")
    weight = None
    if sample_weight is not None:
        weight = checked_weights(sample_weight, len(x))
        x, y, weight = x[weight > 0], y[weight > 0], weight[weight > 0]
    if len(x) < 2:
        raise ValueError(f"x: leave-one-out needs at least two rows of weight > 0, got {len(x)}")
    varies = np.any(y, axis=0)
    y_exponent = int(np.max(y_exponents[varies])) if np.any(varies) else 0
    return x, x_exponent, np.ldexp(y, y_exponents - y_exponent), y_exponent, weight


def _end_of_scan(factors: Array, scales: Array) -> str:
    """The end of the scan at or beyond which every column's factor lies."""
    if np.all(factors >= scales[-1] * (1 - 1e-9)):
        return "largest"
    return "smallest" if np.all(factors <= scales[0] * (1 + 1e-9)) else ""


def _coordinate_starts(loss: Callable[[Array], Tuple[float, Array]], factors: Array, sigma: Array) -> List[Array]:
    """log w of starts whose columns have factors of their own.

    Two columns: the lowest minima of a grid. More: from a flat kernel on, one column after the other goes to its best
    factor, in both orders.
    """
    values = -np.log(np.multiply.outer(factors, sigma))  # [factors, columns]
    columns = len(sigma)
    if columns > 2:
        return [_by_coordinates(loss, values, order) for order in (range(columns), range(columns)[::-1])]
    grid = np.array([[loss(np.array([p, q]))[0] for q in values[:, 1]] for p in values[:, 0]])
    padded = np.pad(np.where(np.isfinite(grid), grid, np.inf), 1, constant_values=np.inf)
    around = [padded[i : i + len(grid), j : j + len(grid)] for i in range(3) for j in range(3)]
    minima = np.argwhere(grid <= np.min(around, axis=0))
    lowest = sorted(minima.tolist(), key=lambda place: grid[tuple(place)])[:4]
    return [np.array([values[p, 0], values[q, 1]]) for p, q in lowest]


def _by_coordinates(loss: Callable[[Array], Tuple[float, Array]], values: Array, order: Sequence[int]) -> Array:
    log_w = values[-1].copy()
    for _ in range(2):
        for d in order:
            tried = [loss(np.where(np.arange(len(log_w)) == d, v, log_w))[0] for v in values[:, d]]
            log_w[d] = values[int(np.argmin(np.where(np.isfinite(tried), tried, np.inf))), d]
    return log_w


def _descend(
    loss: Callable[[Array], Tuple[float, Array]], starts: List[Tuple[float, Array]], per_dimension: bool
) -> Tuple[float, Array]:
    """The least loss and its log w of the descents from the lowest of the starts."""
    from scipy.optimize import minimize

    reach = np.log(100.0)
    settings = {"ftol": 1e-13, "gtol": 1e-7}
    found = []
    for at_start, start in sorted(starts, key=lambda s: s[0])[:5]:
        unit = at_start if at_start > 0 else 1.0  # so that the search stops alike in every unit of y

        def descent(shift: Array) -> Tuple[float, Array]:
            value, gradient = loss(start + shift)
            return value / unit, (gradient if per_dimension else gradient.sum(keepdims=True)) / unit

        shift = np.zeros(len(start) if per_dimension else 1)
        bounds = [(-reach, reach)] * len(shift)
        result = minimize(descent, shift, jac=True, method="L-BFGS-B", bounds=bounds, options=settings)
        value = float(result.fun) * unit
        found.append((value, start + result.x) if value <= at_start else (at_start, start))
    return min(found, key=lambda f: f[0])
