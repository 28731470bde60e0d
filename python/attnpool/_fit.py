"""Learning w by gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional, Union

import numpy as np

from . import _core
from ._arrays import (
    Array,
    at_most_two_dimensions,
    computing_dtype,
    call_options,
    integer,
    matrix,
    number,
    number_or_vector,
    numbers,
    refuse_not_finite,
    result_dtype,
    text,
)
from ._functions import weights_vector


@dataclass
class FitResult:
    """What ``fit`` learnt. w and its history are numbers where w0 was one, else arrays."""

    w: Union[float, Array]  #: with the lowest loss seen, whatever came after it. Always finite
    loss: float  #: at w
    losses: Array  #: at the start of every epoch, then at w
    ws: Array  #: w at those losses
    stop: str  #: "epochs", "converged", "diverged" or "cancelled"


def _rate(learning_rate: Optional[float]) -> float:
    """The rate as the library knows it, where 0 is the line search."""
    if learning_rate is None:
        return 0.0
    rate = number("learning_rate", learning_rate)
    if rate == 0:
        raise ValueError("learning_rate: must be > 0, or None for a line search, got 0")
    return rate


def fit(
    keys: Any,
    values: Any,
    *,
    w0: Any = None,
    seed: int = 0,
    loss: str = "mean",
    learning_rate: Optional[float] = None,
    epochs: int = 100,
    leave_one_out: bool = True,
    tolerance: float = 0.0,
    key_weights: Any = None,
    algorithm: str = "auto",
    algorithm_tolerance: Optional[float] = None,
    n_jobs: Optional[int] = None,
    progress: Optional[Callable[..., Optional[bool]]] = None,
) -> FitResult:
    """Learns w by gradient descent on the squared error of predicting values at keys, by default leave-one-out.

    Parameters
    ----------
    w0
        Where to begin: a number, or one per dimension. None: uniform in [0, 1) from ``seed``.
    loss
        "mean" or "half-sum" (the chapter's).
    learning_rate
        That of every step, as in the chapter (0.5 there). None: each step is found by a line search, so that units do
        not matter.
    tolerance
        Above 0 (a line search has 1e-9 by itself) the descent stops when a step changes every w by at most
        ``tolerance * abs(w)`` and w is a minimum.
    key_weights
        Those of the points as keys; the loss counts all alike.
    progress
        ``progress(epoch=, epochs=, fraction=, loss=, w=)`` is called about ten times a second and after every epoch;
        returning False stops.

    A loss that diverges is a result, not an error; keys and values must be finite.
    """
    k, v = numbers("keys", keys), numbers("values", values)
    dtype = computing_dtype(result_dtype(k, v))
    start = np.empty(0) if w0 is None else number_or_vector("w0", w0)
    k, v = at_most_two_dimensions("keys", k), at_most_two_dimensions("values", v)
    refuse_not_finite("values", v)
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: must be callable, got {progress!r}")
    result = _core.fit(
        matrix(k, dtype),
        matrix(v, dtype),
        np.atleast_1d(start).astype(np.float64),
        integer("seed", seed, most=2**64 - 1),
        text("loss", loss),
        _rate(learning_rate),
        integer("epochs", epochs, most=2**31 - 1),
        bool(leave_one_out),
        number("tolerance", tolerance),
        call_options(n_jobs, None, algorithm, algorithm_tolerance, weights_vector(key_weights)),
        progress,
    )
    is_scalar = w0 is None or start.ndim == 0
    ws = np.array(result["ws"], dtype=np.float64).reshape(len(result["ws"]), -1)
    return FitResult(
        w=result["w"][0] if is_scalar else np.array(result["w"]),
        loss=result["loss"],
        losses=np.array(result["losses"]),
        ws=ws[:, 0] if is_scalar else ws,
        stop=result["stop"],
    )
