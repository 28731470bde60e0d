"""Converts array-likes to the two-dimensional arrays with contiguous rows that ``_core`` requires."""

from __future__ import annotations

import os
import sys
from typing import Any, Optional, Sequence, Tuple

import numpy as np

from ._core import Gaussian, How, KeyRange

Array = np.ndarray
ALL_KEYS = KeyRange.all()
NO_WEIGHTS = np.empty(0)
FLOATS = {size: np.dtype(f"f{size}") for size in (2, 4, 8)}


def numbers(name: str, x: Any) -> Array:
    """x as a plain array of real numbers, of the dtype it came with.

    Refused by name: masked and missing entries, dates, and integers that float64 would round.
    """
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise ValueError(f"{name}: has masked entries; drop them or fill them first")
    refuse_dates(name, x)
    try:
        a = np.asarray(x)
    except ValueError as error:  # ragged lists
        raise ValueError(f"{name}: {error}") from None
    if a.dtype.kind == "O" and hasattr(x, "isna"):
        a = _without_missing(name, x, a)
    if a.dtype.kind not in "fiub" or a.dtype.itemsize > 8:
        raise TypeError(f"{name}: must hold real numbers of at most 64 bits, got dtype {a.dtype}")
    refuse_rounded_integers(name, x, a)
    return a


def refuse_dates(name: str, x: Any) -> None:
    """Dates would become numbers of some unit that depends on where they come from."""
    dtypes = getattr(x, "dtypes", None)  # of the columns of a data frame
    if dtypes is None or not hasattr(dtypes, "__iter__"):
        dtypes = [getattr(x, "dtype", None)]
    for dtype in dtypes:
        if getattr(dtype, "kind", "") in ("M", "m"):
            raise TypeError(
                f"{name}: holds dates or durations ({dtype}); make them numbers first, for instance seconds:"
                f" ({name} - {name}.min()) / numpy.timedelta64(1, 's')"
            )


def refuse_misread(name: str, x: Any) -> None:
    """What scikit-learn would convert without a word: dates, and integers that float64 would round."""
    refuse_dates(name, x)
    dtype = getattr(x, "dtype", None)
    if isinstance(x, (list, tuple)) or (isinstance(dtype, np.dtype) and dtype.kind in "iu"):
        try:
            a = np.asarray(x)
        except ValueError:
            return  # ragged: scikit-learn says so
        if a.dtype.kind in "iuf":
            refuse_rounded_integers(name, x, a)


def _without_missing(name: str, x: Any, a: Array) -> Array:
    """A pandas object of nullable dtypes, which NumPy sees as objects, as numbers."""
    missing = np.asarray(x.isna())
    if missing.any():
        raise ValueError(f"{name}{_place(np.argwhere(missing)[0])}: is missing; drop such rows or fill them first")
    if not all(isinstance(v, (int, float, np.number, np.bool_)) for v in a.flat):
        return a
    refuse_rounded_integers(name, a.tolist(), a.astype(np.float64))
    return a.astype(np.float64)


def refuse_rounded_integers(name: str, x: Any, a: Array) -> None:
    """Raises ValueError for the first integer beyond 2**53 that float64 cannot hold."""
    of_integers = a.dtype.kind in "iu" and a.dtype.itemsize == 8
    if a.size == 0 or not (of_integers or isinstance(x, (list, tuple))):
        return
    if not np.any(np.abs(a.astype(np.float64)) >= 2.0**53):
        return
    if of_integers:
        rounded = a.astype(np.longdouble) != a.astype(np.float64)  # long double holds all 64 bits
    else:  # Python numbers, of which NumPy has made floats
        rounded = np.array(
            [isinstance(v, (int, np.integer)) and int(float(v)) != v for v in np.asarray(x, dtype=object).flat]
        ).reshape(a.shape)
    if rounded.any():
        place = np.argwhere(rounded)[0]
        value = a[tuple(place)] if of_integers else np.asarray(x, dtype=object)[tuple(place)]
        raise ValueError(f"{name}{_place(place)}: the integer {value} is beyond 2**53 and would be rounded to a float64")


def _place(index: Sequence[int]) -> str:
    return "[" + ",".join(str(int(i)) for i in index) + "]" if len(index) else ""


def refuse_not_finite(name: str, a: Array) -> None:
    wrong = ~np.isfinite(a)
    if wrong.any():
        place = np.argwhere(wrong)[0]
        raise ValueError(f"{name}{_place(place)}: must be finite, got {a[tuple(place)]}")


def refuse_too_large(name: str, shape: Sequence[int], dtype: np.dtype) -> None:
    """Raises MemoryError before an array is made that this machine cannot hold."""
    size = float(np.prod([float(n) for n in shape])) * dtype.itemsize
    if size > 2**28 and size > (memory := _available_memory()):
        raise MemoryError(
            f"{name}: an array of shape {tuple(shape)} would take {size / 1e9:.4g} GB; {memory / 1e9:.4g} GB are available"
        )


def _available_memory() -> float:
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(1024.0 * float(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")


def result_dtype(*arrays: Array) -> np.dtype:
    """float16 and float32 are kept, all else is float64."""
    size = max(a.dtype.itemsize if a.dtype.kind == "f" else 8 for a in arrays)
    return FLOATS[size]


def computing_dtype(dtype: np.dtype) -> np.dtype:
    return FLOATS[max(dtype.itemsize, 4)]


def as_rows(name: str, a: Array) -> Array:
    """A vector as one column; anything else must have two dimensions or more."""
    if a.ndim == 0:
        raise ValueError(f"{name}: must have at least one dimension, got a number")
    return a[:, np.newaxis] if a.ndim == 1 else a


def matrix(a: Array, dtype: np.dtype) -> Array:
    """a [..., rows, columns] as [all rows, columns] of dtype with contiguous rows; a view where it can be one."""
    if a.ndim != 2:
        a = a.reshape(int(np.prod(a.shape[:-1])), a.shape[-1])
    if a.dtype != dtype:
        a = a.astype(dtype)
    item, (rows, columns), (down, across) = dtype.itemsize, a.shape, a.strides
    fits = (columns <= 1 or across == item) and (rows <= 1 or (down >= columns * item and down % item == 0))
    return a if fits and a.flags.aligned else np.array(a, order="C")


def batch_shape(**arrays: Array) -> Tuple[int, ...]:
    """The dimensions in front of the last two, broadcast against each other."""
    if all(a.ndim == 2 for a in arrays.values()):
        return ()
    try:
        return np.broadcast_shapes(*(a.shape[:-2] for a in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise ValueError(f"batch dimensions do not broadcast: {shapes}") from None


def batched(a: Array, batch: Tuple[int, ...], dtype: np.dtype) -> Array:
    """a broadcast to the batch, its problems one below the other."""
    return matrix(np.broadcast_to(a, batch + a.shape[-2:]) if batch else a, dtype)


class Output:
    """The caller's ``out`` or a new array; ``rows()`` gives what ``_core`` writes, ``done()`` what the caller gets.

    ``out`` is written directly where it is contiguous and of the computing dtype, else through a temporary array, so
    that any strides are right.
    """

    def __init__(self, out: Optional[Array], shape: Sequence[int], dtype: np.dtype, name: str = "out") -> None:
        shape = tuple(shape)
        if out is not None:
            if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
                raise TypeError(f"{name}: must be a numpy.ndarray, got {type(out).__name__}")
            if out.dtype != dtype:
                raise TypeError(f"{name}: must have dtype {dtype}, got {out.dtype}")
            if out.shape != shape:
                raise ValueError(f"{name}: must have shape {shape}, got {out.shape}")
            if not out.flags.writeable:
                raise ValueError(f"{name}: is read-only")
        self.out = out
        self.dtype = dtype
        computing = computing_dtype(dtype)
        if out is None:
            refuse_too_large(name, shape, computing)
        self.is_direct = out is not None and out.flags.c_contiguous and out.flags.aligned and out.dtype == computing
        self.array = np.asarray(out) if self.is_direct else np.empty(shape, computing)

    def rows(self, columns: int) -> Array:
        """The array as a matrix of so many columns."""
        return self.array.reshape(self.array.size // max(columns, 1), columns)

    def done(self) -> Any:
        if self.out is None:
            return self.array if self.array.dtype == self.dtype else self.array.astype(self.dtype)
        if not self.is_direct:
            self.out[...] = self.array
        return self.out


def score_argument(w: Any, bandwidth: Any) -> Tuple[Gaussian, int, bool]:
    """(score, number of its entries, whether it was one number) from the one of the two that was given."""
    if (w is None) == (bandwidth is None):
        raise TypeError("give either w or bandwidth (w = 1 / bandwidth)")
    name, given = ("bandwidth", bandwidth) if w is None else ("w", w)
    a = numbers(name, given)
    if a.ndim > 1:
        raise ValueError(f"{name}: must be a number or a vector, got shape {a.shape}")
    return Gaussian(a.reshape(-1).tolist(), w is None), a.size, a.ndim == 0


def integer(name: str, x: Any, least: int = 0) -> int:
    if isinstance(x, (bool, np.bool_)) or not isinstance(x, (int, np.integer)):
        raise TypeError(f"{name}: must be an integer, got {x!r}")
    if x < least:
        raise ValueError(f"{name}: must be at least {least}, got {x}")
    return int(x)


def number(name: str, x: Any) -> float:
    try:
        return float(x)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: must be a number, got {x!r}") from None


def threads(n_jobs: Optional[int]) -> int:
    """As in scikit-learn: None the default, -1 every processor this process may use, -2 all but one, and so on.

    The default is ``ATTNPOOL_NUM_THREADS``, else what OpenMP says (``OMP_NUM_THREADS``, else every processor).
    """
    if n_jobs is None:
        return 0
    count = integer("n_jobs", n_jobs, least=-sys.maxsize)
    if count == 0:
        raise ValueError("n_jobs: 0 has no meaning; None is the default, -1 all processors")
    return min(count, 1024) if count > 0 else max(1, len(os.sched_getaffinity(0)) + 1 + count)


def how_argument(
    n_jobs: Optional[int],
    key_range: Any = None,
    plan: str = "automatic",
    tolerance: float = 0.0,
    key_weights: Array = NO_WEIGHTS,
) -> How:
    """key_weights: none, or one per row of all keys."""
    if key_range is not None and not isinstance(key_range, KeyRange):
        raise TypeError(f"key_range: must be an attnpool.KeyRange, got {type(key_range).__name__}")
    if not isinstance(plan, str):
        raise TypeError(f"plan: must be a string, got {plan!r}")
    seen = ALL_KEYS if key_range is None else key_range
    return How(seen, threads(n_jobs), plan, number("tolerance", tolerance), key_weights)
