"""Standard errors, bands and slopes of kernel regression, and the summary of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from . import _core
from ._arrays import Array, number, numbers, text
from ._functions import problem_of

_VARIANCES = ("hc0", "hc1", "hc2", "hc3", "local")


def fit_rows(fit: Any) -> List[Tuple[str, str]]:
    """What a summary says of a fit, an ``Inference`` or a ``bandwidth.Selection``: names and words."""
    return [
        ("leave-one-out error", f"{fit.leave_one_out:.6g}"),
        ("GCV, AICc", f"{fit.gcv:.6g}, {fit.aicc:.6g}"),
        ("trace of hat matrix", f"{fit.trace:.6g}"),
        ("R squared", f"{fit.r_squared:.6g}"),
        ("residual std. error", f"{fit.residual_error:.6g}"),
    ]


def table(rows: List[Tuple[str, str]]) -> str:
    return "\n".join(f"{name:<21}{words}" for name, words in rows)


@dataclass
class Inference:
    """What ``inference`` tells of Q queries: arrays [Q], and [Q, V] where values has columns."""

    mean: Array  #: the prediction, as of ``pool``
    standard_error: Array  #: of mean as an estimate of its expectation
    lower: Array  #: pointwise band at the level: mean - z * standard_error ...
    upper: Array  #: ... and mean + z * standard_error, z of the normal distribution
    slope: Optional[
        Array
    ]  #: derivative of mean in the query, with an axis for its columns if it has one; None unless asked for
    slope_error: Optional[Array]  #: its standard error
    effective_keys: Array  #: [Q] 1 / sum of squared weights, from 1 to n
    leverage: Array  #: [Q] weight of a key of weight 1 at the query; above 1 no key is near
    nearest: Array  #: [Q] distance to the nearest key, in bandwidths
    status: Array  #: [Q] "answered", "far" (no key within four bandwidths) or "unseen" (the query is not finite)
    error_bounds: Array  #: [Q] of the arithmetic of mean, relative to the range of a value column: no statistics
    bandwidth: Array  #: per column of the keys
    n: int  #: keys of positive weight
    trace: float  #: of the hat matrix, the effective number of parameters
    leave_one_out: float  #: mean squared error of predicting each key's value from the others
    gcv: float  #: generalised cross-validation
    aicc: float  #: corrected Akaike criterion
    r_squared: float
    residual_error: float  #: sqrt(RSS n / (n - trace))
    residuals: Array  #: [K] or [K, V]: value - fit; NaN for a key of weight 0
    leverages: Array  #: [K] diagonal of the hat matrix

    def summary(self) -> str:
        """A table in words, as statisticians expect it."""
        rows = [
            ("rows, columns", f"{self.n}, {len(self.bandwidth)}"),
            ("bandwidth", ", ".join(f"{h:.6g}" for h in self.bandwidth)),
        ]
        return table(rows + fit_rows(self))


def inference(
    queries: Any,
    keys: Any,
    values: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    key_weights: Any = None,
    variance: str = "hc3",
    level: float = 0.95,
    slopes: bool = True,
    algorithm: str = "auto",
    tolerance: Optional[float] = None,
    n_jobs: Optional[int] = None,
) -> Inference:
    """What the predictions of ``pool`` are worth: standard errors, a pointwise band, slopes, and what each rests on.

    variance: "hc0" to "hc3", sum_k p_k^2 r_k^2 with r_k the residual of key k, scaled for its leverage (hc3: the error of
    predicting it from the others; the default), or "local", one variance around each query, as in R's np. The band is for
    the expectation of the estimate: a bandwidth that is too large makes a smooth curve with a narrow band beside the
    truth. Computed in float64. Values must be finite, and at least two keys have positive weight.

    >>> import attnpool, numpy as np
    >>> x = np.linspace(0, 5, 50)
    >>> found = attnpool.inference([2.5], x, np.sin(x), bandwidth=0.3)
    >>> found.status[0], bool(found.lower[0] < found.mean[0] < found.upper[0])
    ('answered', True)
    """
    if text("variance", variance) not in _VARIANCES:
        raise ValueError(f"variance: must be one of {', '.join(_VARIANCES)}, got {variance!r}")
    p = problem_of("inference", w, bandwidth, queries, keys, values, key_weights, algorithm, tolerance, n_jobs)
    given = {name: numbers(name, a) for name, a in (("queries", queries), ("keys", keys), ("values", values))}
    found = _core.infer(p.queries, p.keys, p.values, p.kernel, p.how, variance, number("level", level), bool(slopes))
    count, dims, cols = p.query_count, p.keys.shape[-1], p.columns
    one_value, one_key = given["values"].ndim == 1, given["queries"].ndim == 1

    def by_value(name: str, rows: int) -> Array:
        return found[name].reshape((rows,) if one_value else (rows, cols))

    def by_dimension(name: str) -> Optional[Array]:
        if not slopes:
            return None
        return found[name].reshape((count,) + (() if one_key else (dims,)) + (() if one_value else (cols,)))

    with np.errstate(divide="ignore", over="ignore"):
        bandwidths = 1 / np.abs(np.broadcast_to(np.asarray(found["w"]), dims))
    fields: Dict[str, Any] = {name: by_value(name, count) for name in ("mean", "standard_error", "lower", "upper")}
    fields.update({name: by_dimension(name) for name in ("slope", "slope_error")})
    for name in ("effective_keys", "leverage", "nearest", "error_bounds", "leverages"):
        fields[name] = found[name]
    for name in ("trace", "leave_one_out", "gcv", "aicc", "r_squared", "residual_error"):
        fields[name] = found[name]
    return Inference(
        status=np.array(found["status_names"], dtype=object)[found["status"]],
        bandwidth=bandwidths,
        n=found["rows"],
        residuals=by_value("residuals", p.key_count),
        **fields,
    )
