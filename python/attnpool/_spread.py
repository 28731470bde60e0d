"""Columns brought to size one, and how far they spread."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

from ._arrays import Array, at_most_two_dimensions, numbers, refuse_not_finite


def finite_table(name: str, a: Any) -> Array:
    """a as finite numbers [n, d] in float64, of at least one row and column."""
    x = at_most_two_dimensions(name, numbers(name, a)).astype(np.float64)
    for count, what in zip(x.shape, ("row", "column")):
        if count == 0:
            raise ValueError(f"{name}: must have at least one {what}, got 0")
    refuse_not_finite(name, x)
    return x


def brought_to_size(name: str, a: Any) -> Tuple[Array, Array]:
    """a [n, d] less the median of its columns, divided by powers of two so that they reach 1; and those exponents [d].

    Time stamps in nanoseconds, or columns near 1e200, then give what the same data near 1 give: the powers are exact, and
    so is the difference of numbers that are close to each other. A constant column has the exponent 0.
    """
    x = finite_table(name, a)
    power = np.frexp(np.max(np.abs(x), axis=0))[1]
    middle = np.sort(x, axis=0)[len(x) // 2]
    x = np.ldexp(x, -power) - np.ldexp(middle, -power)  # a difference of the raw numbers may overflow
    more = np.frexp(np.max(np.abs(x), axis=0))[1]
    return np.ldexp(x, -more), np.where(np.any(x, axis=0), power + more, 0)


def robust_spread(x: Array) -> Array:
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


def in_units_of_spread(x: Array) -> Tuple[Array, Array]:
    """x with every column in units of its robust spread, and those units."""
    scaled, exponent = brought_to_size("x", x)
    sigma = robust_spread(scaled)
    sigma = np.where(sigma > 0, sigma, 1.0)
    return scaled / sigma, np.ldexp(sigma, exponent)
