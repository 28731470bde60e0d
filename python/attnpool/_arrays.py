"""Converts array-likes to the two-dimensional arrays with contiguous rows that ``_core`` requires."""

from __future__ import annotations

import datetime
import os
import re
import sys
from contextlib import contextmanager
from typing import Any, Iterator, Optional, Sequence, Tuple

import numpy as np

from ._core import CallOptions, KeyRange
from ._core import Kernel as ScaledKernel
from ._kernel import kernel_argument

Array = np.ndarray
ALL_KEYS = KeyRange.all()
NO_WEIGHTS = np.empty(0)
FLOATS = {size: np.dtype(f"f{size}") for size in (2, 4, 8)}


def numbers(name: str, x: Any) -> Array:
    """x as a plain array of real numbers, of the dtype it came with.

    Refused by name and place: masked and missing entries, dates, and integers that float64 would round.
    """
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise ValueError(f"{name}: has masked entries; drop them or fill them first")
    refuse_misread(name, x)
    try:
        a = np.asarray(x)
    except (ValueError, OverflowError) as error:  # ragged lists
        raise ValueError(f"{name}: {error}") from None
    if a.dtype.kind == "O" and not isinstance(x, np.ndarray):
        a = _from_objects(name, x, a)
    if a.dtype.kind not in "fiub" or a.dtype.itemsize > 8:
        raise TypeError(f"{name}: must hold real numbers of at most 64 bits, got dtype {a.dtype}")
    return a


def _from_objects(name: str, x: Any, a: Array) -> Array:
    """As float64 what NumPy sees as objects: nullable dtypes of pandas, and lists of integers beyond 64 bits."""
    missing = np.asarray(x.isna()) if hasattr(x, "isna") else np.zeros(a.shape, dtype=bool)
    for place in np.argwhere(missing):
        raise ValueError(f"{name}{_place(place)}: is missing; drop such rows or fill them first")
    for place, item in np.ndenumerate(a):
        if not isinstance(item, (int, float, np.number, np.bool_)) or isinstance(item, np.complexfloating):
            raise TypeError(f"{name}{_place(place)}: must be a real number, got {item!r}")
    return a.astype(np.float64)


def refuse_misread(name: str, x: Any) -> None:
    """Raises for what NumPy and scikit-learn would convert without a word.

    These are integers that float64 would round, and dates: the unit of the numbers that they would become depends on
    where they come from.
    """
    if getattr(x, "ndim", 0) == 2 and hasattr(x, "iloc"):  # a data frame: NumPy would bring its columns to one dtype
        for column in range(x.shape[1]):
            _refuse_misread_array(name, x.iloc[:, column], (column,))
    else:
        _refuse_misread_array(name, x)


def _refuse_misread_array(name: str, x: Any, column: Tuple[int, ...] = ()) -> None:
    dtype: Any = getattr(x, "dtype", None)
    kind = getattr(dtype, "kind", None)
    if kind in ("M", "m"):
        raise TypeError(_dates_message(name, dtype))
    if kind in ("f", "b", "c", "U", "S"):
        return
    try:
        if kind in ("i", "u") and not isinstance(dtype, np.dtype):  # nullable integers of pandas
            a = x.to_numpy(dtype=dtype.numpy_dtype, na_value=0)
        else:
            a = np.asarray(x)
    except (ValueError, TypeError, OverflowError):
        return  # ragged lists and the like, which have messages of their own
    if a.dtype.kind in "Mm":
        raise TypeError(_dates_message(name, a.dtype))
    if a.dtype.kind == "O":
        for item in a.flat:
            if isinstance(item, _DATES):
                raise TypeError(_dates_message(name, type(item).__name__))
    rounded = _rounded(x, a)
    if rounded is not None:
        place, value = rounded
        shown = value if abs(value) < 2**1024 else f"of {value.bit_length()} bits"
        raise ValueError(
            f"{name}{_place(place + column)}: the integer {shown} is beyond 2**53 and would be rounded to a float64"
        )


_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


def _dates_message(name: str, kind: Any) -> str:
    return (
        f"{name}: holds dates or durations ({kind}); make them numbers first, for instance seconds:"
        f" ({name} - {name}.min()) / numpy.timedelta64(1, 's')"
    )


def _rounded(x: Any, a: Array) -> Optional[Tuple[Tuple[int, ...], int]]:
    """Place and value of the first integer of x that float64 cannot hold; a is x as NumPy reads it."""
    if a.size == 0 or a.dtype.kind not in "iufO" or (a.dtype.kind in "iu" and a.dtype.itemsize < 8):
        return None
    if a.dtype.kind != "O":
        size = np.abs(a.astype(np.float64))
        if not np.any(size >= 2.0**53):
            return None
        if a.dtype.kind in "iu":
            step = np.maximum(np.spacing(size), 1).astype(a.dtype)  # between the floats there
            wrong = np.argwhere(a % step != 0)
            return None if len(wrong) == 0 else (tuple(map(int, wrong[0])), int(a[tuple(wrong[0])]))
    for place, item in np.ndenumerate(np.asarray(x, dtype=object)):  # NumPy may have made floats of Python's integers
        if isinstance(item, (int, np.integer)) and not _fits_float64(int(item)):
            return place, int(item)
    return None


def _fits_float64(value: int) -> bool:
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def _place(index: Sequence[int]) -> str:
    return "[" + ",".join(str(int(i)) for i in index) + "]" if len(index) else ""


@contextmanager
def named(**names: str) -> Iterator[None]:
    """Makes the errors raised inside speak of the caller's arguments: named(keys="X_train")."""
    try:
        yield
    except (ValueError, TypeError, MemoryError) as error:
        if type(error) not in (ValueError, TypeError, MemoryError):  # not ours
            raise

        def theirs(found: re.Match[str]) -> str:
            return names[found.group()]

        raise type(error)(re.sub(r"\b(" + "|".join(names) + r")\b", theirs, str(error))) from None


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


def batched(name: str, a: Array, batch: Tuple[int, ...], dtype: np.dtype) -> Array:
    """a broadcast to the batch, its problems one below the other."""
    if not batch:
        return matrix(a, dtype)
    shape = batch + a.shape[-2:]
    if a.shape != shape:  # broadcasting makes copies
        refuse_too_large(name, shape, dtype)
    return matrix(np.broadcast_to(a, shape), dtype)


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


def number_or_vector(name: str, x: Any) -> Array:
    a = numbers(name, x)
    if a.ndim > 1:
        raise ValueError(f"{name}: must be a number or a vector, got shape {a.shape}")
    return a


def at_most_two_dimensions(name: str, a: Array) -> Array:
    """A vector as one column, a matrix as it is."""
    a = as_rows(name, a)
    if a.ndim > 2:
        raise ValueError(f"{name}: must have at most two dimensions, got shape {a.shape}")
    return a


def scaled_kernel(w: Any, bandwidth: Any, kernel: Any = "gaussian") -> Tuple[ScaledKernel, int, bool]:
    """(kernel, number of its bandwidths, whether it was one number) from the one of the two that was given."""
    if (w is None) == (bandwidth is None):
        raise TypeError("give either w or bandwidth (w = 1 / bandwidth)")
    name, given = ("bandwidth", bandwidth) if w is None else ("w", w)
    a = number_or_vector(name, given)
    k = kernel_argument(kernel)
    return ScaledKernel(a.reshape(-1).tolist(), w is None, k.shape, k.alpha, k.product), a.size, a.ndim == 0


def integer(name: str, x: Any, least: int = 0, most: int = 2**63 - 1) -> int:
    if isinstance(x, (bool, np.bool_)) or not isinstance(x, (int, np.integer)):
        raise TypeError(f"{name}: must be an integer, got {x!r}")
    if x < least:
        raise ValueError(f"{name}: must be at least {least}, got {x}")
    if x > most:
        raise ValueError(f"{name}: must be at most {most}, got {x}")
    return int(x)


def text(name: str, x: Any) -> str:
    if not isinstance(x, str):
        raise TypeError(f"{name}: must be a string, got {x!r}")
    return x


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


def _tolerance(value: Optional[float]) -> float:
    """For the core, where 0 is the default."""
    if value is None:
        return 0.0
    value = number("tolerance", value)
    if value == 0:
        raise ValueError("tolerance: must be from 1e-12 to 0.1, or None for the default, got 0")
    return value


def call_options(
    n_jobs: Optional[int],
    key_range: Any = None,
    algorithm: str = "auto",
    tolerance: Optional[float] = None,
    key_weights: Array = NO_WEIGHTS,
    order: int = 0,
    empty: str = "nan",
) -> CallOptions:
    """key_weights: none, or one per row of all keys."""
    if key_range is not None and not isinstance(key_range, KeyRange):
        raise TypeError(f"key_range: must be an attnpool.KeyRange, got {type(key_range).__name__}")
    text("algorithm", algorithm)
    seen = ALL_KEYS if key_range is None else key_range
    degree = integer("order", order, most=2)
    return CallOptions(
        seen, threads(n_jobs), algorithm, _tolerance(tolerance), key_weights, degree, text("empty", empty)
    )
