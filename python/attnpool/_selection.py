"""Selection of the bandwidths of one data set by a criterion."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import numpy as np

from . import _core
from ._arrays import Array, integer, text, threads
from ._inference import fit_rows, table
from ._kernel import Kernel, profile
from ._spread import checked_weights, finite_table, in_units_of_spread


class BandwidthWarning(UserWarning):
    """A bandwidth was chosen, but not with confidence: the warning says why."""


@dataclass
class Selection:
    """What ``select`` found: the bandwidths, how they were found, and what the fit with them is worth.

    A bandwidth of infinity, w = 0, says that the column does not help to predict.
    """

    w: Array  #: one per column, 1 / bandwidth
    criterion: str  #: "leave-one-out", "gcv", "aicc" or "log-loss"
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
            rows.append(("at a bound", f"{self.at_bound}: {WHY_AT_BOUND}"))
        unhelpful = [str(d) for d in np.flatnonzero(self.w == 0)]
        if unhelpful and self.at_bound != "largest":
            rows.append(("no help", "column " + ", ".join(unhelpful)))
        return table(rows)


WHY_AT_BOUND = "the data do not determine a bandwidth between the closest points and a flat fit"


def select(
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    criterion: str = "leave-one-out",
    per_dimension: bool = True,
    kernel: Union[str, Kernel] = "gaussian",
    order: int = 0,
    empty: str = "nan",
    n_jobs: Optional[int] = None,
    progress: Optional[Callable[[float], Optional[bool]]] = None,
) -> Selection:
    """The bandwidths with the least criterion of predicting y [n, V] from x [n, d].

    criterion: "leave-one-out" squared error, "gcv", "aicc", or of y that are probabilities of classes "log-loss", the mean
    of - sum(y log m) with m the prediction of a row from the others. One bandwidth per column, or with per_dimension=False one
    factor of the robust spreads of the columns. The criterion is computed along a curve from the closest spacing of points
    to a flat fit; every minimum is refined on its exact derivative, and with several columns descents by BFGS start from
    these and from a search in every column. Weighted points weigh in predictions and in the criterion, and all of a point
    is left out. kernel, order, empty: as ``pool``; criteria and trace are then those of local lines, and the minima of kernels
    other than the Gaussian and of local lines are refined without derivatives. With empty="nan" a bandwidth at which a row
    has no other within reach is out of the question. progress(fraction) is called about ten times a second; returning False stops with the best so far. A
    ``BandwidthWarning`` says if the criterion is least at an end of the curve, or if the search did not converge.
    """
    x, y = finite_table("x", x), finite_table("y", y)
    if len(y) != len(x):
        raise ValueError(f"y: must have {len(x)} rows to match x, got {len(y)}")
    weight = None if sample_weight is None else checked_weights(sample_weight, len(x))
    rows = len(x) if weight is None else int(np.count_nonzero(weight))
    if rows < 2:
        raise ValueError(f"x: leave-one-out needs at least two rows of weight > 0, got {rows}")
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: must be callable, got {progress!r}")
    keys, unit = (x, np.ones(x.shape[1])) if per_dimension else in_units_of_spread(x)
    try:
        found = _core.select_bandwidth(
            np.ascontiguousarray(keys),
            y,
            text("criterion", criterion),
            bool(per_dimension),
            weight,
            threads(n_jobs),
            progress,
            profile(kernel),
            integer("order", order, most=2),
            text("empty", empty),
        )
    except ValueError as error:
        message = str(error)
        for theirs, ours in (("keys:", "x:"), ("values", "y")):
            if message.startswith(theirs):
                message = ours + message[len(theirs) :]
        raise ValueError(message) from None
    selection = as_selection(found, unit, criterion, rows)
    if selection.at_bound:
        warn(f"the {NAMES[criterion]} is least at the {selection.at_bound} bandwidth that was tried: {WHY_AT_BOUND}")
    elif not selection.converged and not selection.cancelled:
        warn("the search for a bandwidth did not converge; the best that was seen is returned")
    return selection


def as_selection(found: Dict[str, Any], unit: Array, criterion: str, rows: int) -> Selection:
    """What the core found for columns in units of ``unit``, in the caller's."""
    curve = np.array(found["curve"], dtype=np.float64).reshape(-1, 3)
    with np.errstate(divide="ignore", over="ignore"):
        return Selection(
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


NAMES = {"leave-one-out": "leave-one-out error", "gcv": "GCV", "aicc": "AICc", "log-loss": "log-loss"}


def warn(message: str) -> None:
    warnings.warn(message, BandwidthWarning, stacklevel=3)
