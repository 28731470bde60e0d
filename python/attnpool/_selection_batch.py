"""Selection of bandwidths for many data sets in one call."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, List, Optional, Tuple, Union

import numpy as np

from . import _core
from ._arrays import Array, at_most_two_dimensions, integer, named, numbers, text, threads
from ._kernel import Kernel, profile
from ._selection import NAMES, WHY_AT_BOUND, Selection, as_selection, warn
from ._spread import in_units_of_spread


@dataclass
class Selections:
    """What ``select_batch`` found for B problems: arrays of one entry per problem, and ``batch[i]`` is a ``Selection``.

    A problem that was not begun when progress stopped the search is cancelled, with NaN in w and in every figure.
    """

    w: Array  #: [B, d], 1 / bandwidth
    criterion: str  #: "leave-one-out", "gcv", "aicc" or "log-loss"
    value: Array  #: of the criterion at w
    rule_value: Array  #: of the criterion at the rule of thumb
    at_bound: Array  #: "", "smallest" or "largest": the end of the curve at which the criterion is least
    converged: Array
    cancelled: Array
    evaluations: Array  #: of the criterion on all rows
    n: Array  #: rows of weight > 0
    leave_one_out: Array
    gcv: Array
    aicc: Array
    trace: Array  #: of the hat matrix, the effective number of parameters
    r_squared: Array
    residual_error: Array
    _found: Any = field(repr=False, compare=False)
    _units: Array = field(repr=False, compare=False)  # [B, d]

    @property
    def bandwidth(self) -> Array:
        """[B, d]; infinity where a column does not help to predict."""
        with np.errstate(divide="ignore", over="ignore"):
            return 1 / self.w

    def __len__(self) -> int:
        return len(self.w)

    def __getitem__(self, i: int) -> Selection:
        """Problem i with its curve and its minima, as ``select`` returns it."""
        place = range(len(self))[i]  # negative ones count from the end, others are refused
        return as_selection(self._found.one(place), self._units[place], self.criterion, int(self.n[place]))


def select_batch(
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
) -> Selections:
    """``select`` for each of many problems, which threads share: ten thousand series take one call.

    x is an array [B, n, d], or [B, n] for one column, and y one [B, n, V] or [B, n]; or both are lists of arrays, whose
    lengths may differ: [n_i, d] or [n_i], and [n_i, V] or [n_i]. sample_weight: an array [B, n] or a list of arrays [n_i].
    All problems have the same number of columns. Each gets what ``select`` finds for it alone, to the bit. Mistakes are
    reported with the number of the problem, and one ``BandwidthWarning`` says how many problems are undetermined or did not
    converge. progress(fraction) counts over the whole batch; returning False stops.
    """
    rows, values, weight, offsets = _checked(x, y, sample_weight)
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: must be callable, got {progress!r}")
    units = np.ones((len(offsets) - 1, rows.shape[1]))
    if not per_dimension:
        rows, units = _each_in_units_of_spread(rows, offsets)
    with named(keys="x", values="y", key_weights="sample_weight"):
        found = _core.SelectionBatch(
            offsets.tolist(),
            rows,
            values,
            text("criterion", criterion),
            bool(per_dimension),
            weight,
            threads(n_jobs),
            progress,
            profile(kernel),
            integer("order", order, most=2),
            text("empty", empty),
        )
    figures = found.figures()
    with np.errstate(over="ignore"):
        figures["w"] = figures["w"] / units
    figures["at_bound"] = np.array(figures["at_bound"], dtype="U8")
    counted = np.ones(len(rows), dtype=bool) if weight is None else weight > 0
    n = np.add.reduceat(counted, offsets[:-1], dtype=np.intp) if len(offsets) > 1 else np.empty(0, np.intp)
    batch = Selections(criterion=criterion, n=n, _found=found, _units=units, **figures)
    for message in _doubts(batch):
        warn(message)
    return batch


def _checked(x: Any, y: Any, sample_weight: Any) -> Tuple[Array, Array, Optional[Array], Array]:
    """x, y and weights of all problems, and where each begins."""
    rows, offsets = _one_below_the_other("x", x)
    values, value_offsets = _one_below_the_other("y", y)
    _refuse_other_lengths("y", value_offsets, offsets)
    if sample_weight is None:
        return rows, values, None, offsets
    weight, weight_offsets = _one_below_the_other("sample_weight", sample_weight)
    _refuse_other_lengths("sample_weight", weight_offsets, offsets)
    if weight.shape[1] != 1:
        raise ValueError(f"sample_weight: must have one entry per row, got {weight.shape[1]}")
    return rows, values, weight[:, 0], offsets


def _one_below_the_other(name: str, given: Any) -> Tuple[Array, Array]:
    """All problems as one matrix of float64, and the row at which each begins, with the end behind them."""
    if isinstance(given, (list, tuple)):
        return _from_list(name, given)
    a = numbers(name, given)
    if a.ndim not in (2, 3):
        raise ValueError(
            f"{name}: must be an array [B, n] or [B, n, columns], or a list of arrays, got shape {a.shape}"
        )
    count, length = a.shape[:2]
    matrix = np.ascontiguousarray(a, np.float64).reshape(count * length, -1 if a.size else (a.shape + (1,))[2])
    return matrix, np.arange(count + 1) * length


def _from_list(name: str, given: Any) -> Tuple[Array, Array]:
    parts: List[Array] = []
    for i, part in enumerate(given):
        # Arrays of floats, of which there may be very many, need no further look.
        plain = type(part) is np.ndarray and part.dtype.kind == "f" and part.dtype.itemsize <= 8
        with _in_problem(i):
            parts.append(at_most_two_dimensions(name, part if plain else numbers(name, part)))
        if parts[i].shape[1] != parts[0].shape[1]:
            raise ValueError(
                f"problem {i}: {name}: must have {parts[0].shape[1]} columns as problem 0, got {parts[i].shape[1]}"
            )
    offsets = np.cumsum([0] + [len(part) for part in parts])
    together = np.concatenate(parts) if parts else np.empty((0, 1))
    return np.ascontiguousarray(together, np.float64), offsets


def _refuse_other_lengths(name: str, offsets: Array, wanted: Array) -> None:
    if len(offsets) != len(wanted):
        raise ValueError(f"{name}: must have {len(wanted) - 1} problems to match x, got {len(offsets) - 1}")
    for i in np.flatnonzero(np.diff(offsets) != np.diff(wanted)):
        want, got = (int(bounds[i + 1] - bounds[i]) for bounds in (wanted, offsets))
        raise ValueError(f"problem {i}: {name}: must have {want} rows to match x, got {got}")


@contextmanager
def _in_problem(i: int) -> Iterator[None]:
    """Makes the errors raised inside name the problem."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise type(error)(f"problem {i}: {error}") from None


def _each_in_units_of_spread(rows: Array, offsets: Array) -> Tuple[Array, Array]:
    scaled = np.empty_like(rows)
    units = np.ones((len(offsets) - 1, rows.shape[1]))
    for i, (begin, end) in enumerate(zip(offsets[:-1], offsets[1:])):
        with _in_problem(i):
            scaled[begin:end], units[i] = in_units_of_spread(rows[begin:end])
    return scaled, units


def _doubts(batch: Selections) -> Iterator[str]:
    bound = int(np.count_nonzero(batch.at_bound != ""))
    lost = int(np.count_nonzero(~batch.converged & ~batch.cancelled & (batch.at_bound == "")))
    if bound:
        yield (
            f"the {NAMES[batch.criterion]} of {bound} of {len(batch)} problems is least at an end of the bandwidths that"
            f" were tried: {WHY_AT_BOUND}; see at_bound"
        )
    if lost:
        yield f"the search for a bandwidth did not converge in {lost} of {len(batch)} problems; see converged"
