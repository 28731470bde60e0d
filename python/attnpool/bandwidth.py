"""Bandwidths: other people's conventions as our w = 1 / bandwidth, rules, and selection by a criterion.

Every ``w_from_*`` takes a number or an array of one per dimension.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Tuple

import numpy as np

from . import _core
from ._arrays import Array, at_most_two_dimensions, integer, numbers, refuse_not_finite, text, threads
from ._inference import fit_rows, table

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


def _table(name: str, a: Any) -> Array:
    """a as finite numbers [n, d] in float64, of at least one row and column."""
    x = at_most_two_dimensions(name, numbers(name, a)).astype(np.float64)
    for count, what in zip(x.shape, ("row", "column")):
        if count == 0:
            raise ValueError(f"{name}: must have at least one {what}, got 0")
    refuse_not_finite(name, x)
    return x


def _brought_to_size(name: str, a: Any) -> Tuple[Array, Array]:
    """a [n, d] less the median of its columns, divided by powers of two so that they reach 1; and those exponents [d].

    Time stamps in nanoseconds, or columns near 1e200, then give what the same data near 1 give: the powers are exact, and
    so is the difference of numbers that are close to each other. A constant column has the exponent 0.
    """
    x = _table(name, a)
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


# ---- rules --------------------------------------------------------------------------------------


def _rule(silverman: bool, x: Any, sample_weight: Any, scaled: bool) -> Array:
    x = _table("x", x)
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
    x, y = _table("x", x), _table("y", y)
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


class BandwidthWarning(UserWarning):
    """A bandwidth was chosen, but not with confidence: the warning says why."""


@dataclass
class Selection:
    """What ``select`` found: the bandwidths, how they were found, and what the fit with them is worth.

    A bandwidth of infinity, w = 0, says that the column does not help to predict.
    """

    w: Array  #: one per column, 1 / bandwidth
    criterion: str  #: "leave-one-out", "gcv" or "aicc"
    value: float  #: of the criterion at w
    rule_value: float  #: of the criterion at the rule of thumb 1.06 * robust spread * n^(-1 / (d + 4))
    scales: Array  #: the curve: factors of ``spread``, ascending ...
    losses: Array  #: ... and the criterion at each
    estimated: Array  #: True where the curve is an estimate from 2,000 rows, which told enough
    spread: Array  #: a robust spread of each column; the bandwidths of the curve are factor * spread
    minima: List[Tuple[Array, float]]  #: (bandwidths, criterion) of the minima that were found, the lowest first
    #: "" or the end of the curve, "smallest" or "largest", at which the criterion is least: the data ask for less or more
    at_bound: str
    converged: bool  #: the gradient vanishes at w, or w lies at a bound
    cancelled: bool  #: progress stopped the search; w is the best so far
    evaluations: int  #: of the criterion on all rows
    n: int  #: rows of weight > 0
    leave_one_out: float  #: mean squared error of predicting each row from the others
    gcv: float  #: generalised cross-validation, (RSS / n) / (1 - trace / n)^2
    aicc: float  #: corrected Akaike criterion, log(RSS / n) + (1 + trace / n) / (1 - (trace + 2) / n)
    trace: float  #: of the hat matrix, the effective number of parameters
    r_squared: float
    residual_error: float  #: sqrt(RSS / (n - trace))

    @property
    def bandwidth(self) -> Array:
        with np.errstate(divide="ignore", over="ignore"):
            return 1 / self.w

    @property
    def loss(self) -> float:
        return self.value

    def summary(self) -> str:
        """A table in words, as statisticians expect it."""
        rows: List[Tuple[str, str]] = [
            ("rows, columns", f"{self.n}, {len(self.w)}"),
            ("bandwidth", ", ".join(f"{h:.6g}" for h in self.bandwidth)),
            ("criterion", f"{self.criterion} {self.value:.6g} ({self.rule_value:.6g} by the rule of thumb)"),
            ("minima seen", f"{len(self.minima)}, {self.evaluations} evaluations"),
        ] + fit_rows(self)
        if self.at_bound:
            rows.append(("at a bound", f"{self.at_bound}: {_WHY_AT_BOUND}"))
        unhelpful = [str(d) for d in np.flatnonzero(self.w == 0)]
        if unhelpful and self.at_bound != "largest":
            rows.append(("no help", "column " + ", ".join(unhelpful)))
        return table(rows)


_WHY_AT_BOUND = "the data do not determine a bandwidth between the closest points and a flat fit"


def select(
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    criterion: str = "leave-one-out",
    per_dimension: bool = True,
    n_jobs: Optional[int] = None,
    progress: Optional[Callable[[float], Optional[bool]]] = None,
) -> Selection:
    """The bandwidths with the least criterion of predicting y [n, V] from x [n, d].

    criterion: "leave-one-out" squared error, "gcv" or "aicc". One bandwidth per column, or with per_dimension=False one
    factor of the robust spreads of the columns. The criterion is computed along a curve from the closest spacing of points
    to a flat fit; every minimum is refined on its exact derivative, and with several columns descents by BFGS start from
    these and from a search in every column. Weighted points weigh in predictions and in the criterion, and all of a point
    is left out. progress(fraction) is called about ten times a second; returning False stops with the best so far. A
    ``BandwidthWarning`` says if the criterion is least at an end of the curve, or if the search did not converge.
    """
    x, y = _table("x", x), _table("y", y)
    if len(y) != len(x):
        raise ValueError(f"y: must have {len(x)} rows to match x, got {len(y)}")
    weight = None if sample_weight is None else checked_weights(sample_weight, len(x))
    rows = len(x) if weight is None else int(np.count_nonzero(weight))
    if rows < 2:
        raise ValueError(f"x: leave-one-out needs at least two rows of weight > 0, got {rows}")
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: must be callable, got {progress!r}")
    keys, unit = (x, np.ones(x.shape[1])) if per_dimension else _in_units_of_spread(x)
    try:
        found = _core.select_bandwidth(
            np.ascontiguousarray(keys),
            y,
            text("criterion", criterion),
            bool(per_dimension),
            weight,
            threads(n_jobs),
            progress,
        )
    except ValueError as error:
        message = str(error)
        raise ValueError("x" + message[4:] if message.startswith("keys:") else message) from None
    curve = np.array(found["curve"], dtype=np.float64).reshape(-1, 3)
    with np.errstate(divide="ignore", over="ignore"):
        selection = Selection(
            w=np.array(found["w"]) / unit,
            criterion=criterion,
            scales=curve[:, 0],
            losses=curve[:, 1],
            estimated=curve[:, 2] != 0,
            spread=unit * np.array(found["scale"]),
            minima=[(unit / np.array(w), value) for w, value in found["minima"]],
            n=rows,
            **{
                name: found[name]
                for name in (
                    "value rule_value at_bound converged cancelled evaluations leave_one_out gcv aicc trace"
                    " r_squared residual_error"
                ).split()
            },
        )
    if selection.at_bound:
        _warn(f"the {_NAMES[criterion]} is least at the {selection.at_bound} bandwidth that was tried: {_WHY_AT_BOUND}")
    elif not selection.converged and not selection.cancelled:
        _warn("the search for a bandwidth did not converge; the best that was seen is returned")
    return selection


_NAMES = {"leave-one-out": "leave-one-out error", "gcv": "GCV", "aicc": "AICc"}


def _warn(message: str) -> None:
    warnings.warn(message, BandwidthWarning, stacklevel=3)


def _in_units_of_spread(x: Array) -> Tuple[Array, Array]:
    """x with every column in units of its robust spread, and those units."""
    scaled, exponent = _brought_to_size("x", x)
    sigma = _robust_spread(scaled)
    sigma = np.where(sigma > 0, sigma, 1.0)
    return scaled / sigma, np.ldexp(sigma, exponent)


def loo(
    x: Any, y: Any, sample_weight: Any = None, *, per_dimension: bool = True, n_jobs: Optional[int] = None
) -> Selection:
    """``select`` by the mean squared leave-one-out error."""
    return select(x, y, sample_weight, per_dimension=per_dimension, n_jobs=n_jobs)
