"""Bootstrap standard errors and bands of kernel regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional

import numpy as np

from . import _core
from ._arrays import Array, integer, number, numbers, refuse_too_large, text
from ._functions import problem_of

_CHOICES = {
    "kind": ("wild", "pairs"),
    "multiplier": ("rademacher", "mammen"),
    "residuals": ("hc0", "hc1", "hc2", "hc3"),
    "band": ("percentile", "basic", "normal", "simultaneous"),
}


@dataclass
class Bootstrap:
    """What ``bootstrap`` tells of Q queries: arrays [Q], and [Q, V] where values has columns."""

    mean: Array  #: the prediction, as of ``pool``
    standard_error: Array  #: standard deviation of the replicates
    lower: Array  #: the band at the level ...
    upper: Array  #: ... pointwise, or for all queries at once if it is "simultaneous"
    used: Array  #: [Q] replicates that count: with "pairs" those in which rows near the query were drawn
    critical: Any  #: half the width of the simultaneous band in standard errors, per value column; None for others
    replicates: Optional[Array]  #: [B, Q] or [B, Q, V] if asked for; NaN where passed over


def bootstrap(
    queries: Any,
    keys: Any,
    values: Any,
    *,
    w: Any = None,
    bandwidth: Any = None,
    key_weights: Any = None,
    kind: str = "wild",
    replicates: int = 999,
    seed: int = 0,
    level: float = 0.95,
    band: str = "percentile",
    multiplier: str = "rademacher",
    residuals: str = "hc3",
    keep_replicates: bool = False,
    algorithm: str = "auto",
    tolerance: Optional[float] = None,
    n_jobs: Optional[int] = None,
) -> Bootstrap:
    """Standard errors and bands of the predictions of ``pool`` from replicates of the data, at the same bandwidth.

    kind: "wild" moves the values, ``mean + sum_k p_k r_k eta_k`` with r_k the residuals ("hc3": the errors of predicting each
    key's value from the others) and eta_k random multipliers ("rademacher": -1 or 1; "mammen": two points that keep
    skewness); "pairs" draws rows with replacement, keys too. band: "percentile", "basic" (2 mean - percentile), "normal"
    (mean -+ z standard_error), each for every query alone, or "simultaneous": wide enough for all queries at once. The bands
    are for the expectation of the estimate, as those of ``inference``. Computed in float64; a seed gives the same answer
    for any n_jobs. All replicates share one exp for each query and key.

    >>> import attnpool, numpy as np
    >>> x = np.linspace(0, 5, 50)
    >>> found = attnpool.bootstrap([2.5], x, np.sin(x), bandwidth=0.3, replicates=200)
    >>> bool(found.lower[0] < found.mean[0] < found.upper[0])
    True
    """
    options: Dict[str, Any] = {"kind": kind, "multiplier": multiplier, "residuals": residuals, "band": band}
    for name, given in options.items():
        if text(name, given) not in _CHOICES[name]:
            raise ValueError(f"{name}: must be one of {', '.join(_CHOICES[name])}, got {given!r}")
    options["replicates"] = integer("replicates", replicates)
    options["seed"] = integer("seed", seed, most=2**64 - 1)
    options["level"] = number("level", level)
    options["keep_replicates"] = bool(keep_replicates)
    p = problem_of("bootstrap", w, bandwidth, queries, keys, values, key_weights, algorithm, tolerance, n_jobs)
    shape = (p.query_count,) + (() if numbers("values", values).ndim == 1 else (p.columns,))
    if keep_replicates:
        refuse_too_large("replicates", (options["replicates"],) + shape, np.dtype(np.float64))
    found = _core.bootstrap(p.queries, p.keys, p.values, p.kernel, p.how, options)
    critical = None
    if band == "simultaneous":
        critical = found["critical"] if len(shape) > 1 else float(found["critical"][0])
    return Bootstrap(
        **{name: found[name].reshape(shape) for name in ("mean", "standard_error", "lower", "upper")},
        used=found["used"],
        critical=critical,
        replicates=found["replicates"].reshape((-1,) + shape) if keep_replicates else None,
    )
