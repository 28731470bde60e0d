"""Robust local lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from . import _core
from ._arrays import Array, integer, number, numbers, threads


@dataclass
class Lowess:
    """What ``lowess`` tells of N points."""

    fitted: Array  #: [N] in the order given; y itself where there is no line
    residuals: Array  #: [N] y - fitted
    robustness_weights: Array  #: [N] from 0, an outlier, to 1: those that the last pass was fitted with
    at: Optional[Array]  #: the fit at ``at``, in its shape; NaN where there is no line
    neighbours: int  #: points in each window
    passes: int  #: that were carried out, at most 1 + iterations
    without_line: int  #: of the N points: fewer than two of their window weigh anything


def lowess(
    y: Any,
    x: Any,
    *,
    fraction: float = 2 / 3,
    iterations: int = 3,
    delta: float = 0.0,
    at: Any = None,
    n_jobs: Optional[int] = None,
) -> Lowess:
    """Cleveland's robust locally weighted regression of y [N] on x [N]: a curve through points with outliers.

    The fit at a point is a line through the ``fraction`` of all points that are nearest to it, under tricube weights. After each of
    ``iterations`` passes points with large residuals get smaller weights. ``delta``: lines are fitted about so far apart, in
    units of x, and joined by straight ones; 0: at every point. ``at``: further points to evaluate the last pass at. The
    conventions, and the numbers, are those of ``statsmodels.nonparametric.lowess``, whose own signature is
    ``attnpool.shims.statsmodels.lowess``. Time grows as N log N, whatever the fraction.

    >>> import attnpool, numpy as np
    >>> x = np.arange(20.0)
    >>> y = 2 * x + np.sin(5 * x) / 10
    >>> y[7] = 100
    >>> found = attnpool.lowess(y, x)
    >>> bool(abs(found.fitted[7] - 14) < 0.1), float(found.robustness_weights[7])
    (True, 0.0)
    """
    rows, values = vector("x", x), vector("y", y)
    points = np.empty(0) if at is None else numbers("at", at).astype(np.float64)
    found = _core.lowess(
        rows,
        values,
        points.reshape(-1),
        number("fraction", fraction),
        integer("iterations", iterations, most=1000),
        number("delta", delta),
        threads(n_jobs),
    )
    found["at"] = None if at is None else found["at"].reshape(points.shape)
    return Lowess(**found)


def vector(name: str, x: Any) -> Array:
    """As float64; one column of a matrix will do."""
    a = numbers(name, x).astype(np.float64)
    if a.ndim == 2 and a.shape[1] == 1:
        a = a[:, 0]
    if a.ndim != 1:
        raise ValueError(f"{name}: must be a vector, got shape {a.shape}")
    return a
