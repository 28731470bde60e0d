"""attnpool: fast attention pooling (Nadaraya-Watson kernel regression) on CPUs.

::

    attnpool.pool(queries, keys, values, bandwidth=0.3)
    attnpool.NadarayaWatsonRegressor(bandwidth="loo").fit(X, y)

Common to all functions:

Shapes
    ``queries [..., Q, D]``, ``keys [..., K, D]``, ``values [..., K, V]``. Dimensions in front are batches and
    broadcast. A vector is one column, and where values is a vector the result has no last axis.
Score
    ``w`` or ``bandwidth = 1 / w``: one number, or one per dimension.
dtype
    float16 (computed in float32), float32 and float64 are kept; integers become float64; what meets float64 is
    float64. Any strides, byte order and read-only inputs, and pandas with its nullable dtypes. Refused by name and
    place: masked or missing entries, dates, and integers beyond 2**53 that float64 would round.
key_range
    which keys a query may see, a ``KeyRange``; counts within a problem of a batch.
key_weights
    ``[..., K]``, >= 0: multiply the kernel. A key of weight 0 is not seen.
algorithm
    "auto" (by predicted cost), "dense", "pruned", "grid" or "window"; ``explain`` tells. Only "grid" approximates: within
    ``tolerance`` of the range of a value column, by default 1e-11, and 1e-6 in float32.
out
    of the result's exact shape and dtype, any strides; it must not overlap an input.
n_jobs
    threads, as in scikit-learn; results do not depend on it. None: ``ATTNPOOL_NUM_THREADS``, else what OpenMP says in
    this process. ``import torch`` and ``torch.set_num_threads`` tell OpenMP how many (on import as many as torch
    counts cores, sometimes 1), and attnpool follows them; ``n_jobs=-1`` or the environment variable overrule that.
Errors
    ``ValueError`` or ``TypeError`` that begins with the name of the argument.

The GIL is released while they compute, and Ctrl-C on the main thread stops them.

``attnpool.load`` and ``attnpool.save`` read and write model files of the program. ``attnpool.bandwidth`` knows the
conventions of others and chooses bandwidths; ``attnpool.shims`` holds drop-ins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._bootstrap import Bootstrap, bootstrap
from ._core import KeyRange, __version__
from ._elementwise import exp, logsumexp, softmax
from ._fit import FitResult, fit
from ._functions import (
    attention_weights,
    average_pool,
    config,
    explain,
    loss_gradient,
    pool,
    pool_gradient,
    pool_loo,
    show_config,
)
from ._inference import Inference, inference
from ._kernel import Kernel
from ._lowess import Lowess, lowess
from ._state import PoolState

if TYPE_CHECKING:
    from . import bandwidth, shims
    from .estimators import NadarayaWatsonClassifier, NadarayaWatsonRegressor
    from .model_file import load, save
    from .plot import plot_fit, plot_loss, plot_weights

# Loaded when first asked for: they need scikit-learn, matplotlib or PyTorch, which take long to import.
_LAZY = {
    "NadarayaWatsonRegressor": "estimators",
    "NadarayaWatsonClassifier": "estimators",
    "load": "model_file",
    "save": "model_file",
    "plot_fit": "plot",
    "plot_weights": "plot",
    "plot_loss": "plot",
}
_LAZY_MODULES = ("bandwidth", "estimators", "plot", "shims")

__all__ = [
    "Bootstrap",
    "FitResult",
    "Inference",
    "Kernel",
    "KeyRange",
    "Lowess",
    "NadarayaWatsonClassifier",
    "NadarayaWatsonRegressor",
    "PoolState",
    "attention_weights",
    "average_pool",
    "bandwidth",
    "bootstrap",
    "config",
    "exp",
    "explain",
    "fit",
    "inference",
    "load",
    "logsumexp",
    "loss_gradient",
    "lowess",
    "plot_fit",
    "plot_loss",
    "plot_weights",
    "pool",
    "pool_gradient",
    "pool_loo",
    "save",
    "shims",
    "show_config",
    "softmax",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _LAZY_MODULES:
        return import_module("." + name, __name__)
    if name in _LAZY:
        value = getattr(import_module("." + _LAZY[name], __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list:
    return sorted(set(globals()) | set(__all__))
