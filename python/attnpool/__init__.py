"""attnpool: fast attention pooling (Nadaraya-Watson kernel regression) on CPUs.

    attnpool.pool(queries, keys, values, bandwidth=0.3)

See ``attnpool.pool`` for shapes and dtypes; ``attnpool.shims`` holds drop-ins for other people's interfaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._core import KeyRange, __version__
from ._functions import (
    FitResult,
    PoolState,
    attention_weights,
    average_pool,
    config,
    exp,
    fit,
    logsumexp,
    loss_gradient,
    pool,
    pool_gradient,
    pool_loo,
    show_config,
    softmax,
)

if TYPE_CHECKING:
    from . import bandwidth, shims
    from .estimators import NadarayaWatsonClassifier, NadarayaWatsonRegressor
    from .plot import plot_fit, plot_loss, plot_weights

# Loaded when first asked for: they need scikit-learn, matplotlib or PyTorch, which take long to import.
_LAZY = {
    "NadarayaWatsonRegressor": "estimators",
    "NadarayaWatsonClassifier": "estimators",
    "plot_fit": "plot",
    "plot_weights": "plot",
    "plot_loss": "plot",
}
_LAZY_MODULES = ("bandwidth", "estimators", "plot", "shims")

__all__ = [
    "FitResult",
    "KeyRange",
    "NadarayaWatsonClassifier",
    "NadarayaWatsonRegressor",
    "PoolState",
    "attention_weights",
    "average_pool",
    "bandwidth",
    "config",
    "exp",
    "fit",
    "logsumexp",
    "loss_gradient",
    "plot_fit",
    "plot_loss",
    "plot_weights",
    "pool",
    "pool_gradient",
    "pool_loo",
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
