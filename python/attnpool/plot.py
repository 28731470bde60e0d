"""Pictures of fits, attention weights and losses, on matplotlib. Each draws on ``ax`` or a new figure and returns it."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def plot_fit(
    x: Any,
    fit: Any,
    *,
    keys: Any = None,
    values: Any = None,
    truth: Any = None,
    band: Optional[Tuple[Any, Any]] = None,
    label: str = "Pred",
    ax: Any = None,
) -> Any:
    """The fit at x [n] as a line; where given, the data (keys, values) as points, the truth at x, and a band (lower, upper)."""
    lower, upper = band if band is not None else (None, None)
    for name, a in (("fit", fit), ("truth", truth), ("band", lower), ("band", upper)):
        if a is not None and np.size(a) != np.size(x):
            raise ValueError(f"{name}: must have {np.size(x)} entries to match x, got {np.size(a)}")
    if np.size(keys) != np.size(values) or (keys is None) != (values is None):
        raise ValueError(f"values: must be given with keys and match them, got {np.size(keys)} keys and {values!r}")
    ax = _axes(ax)
    order = np.argsort(np.ravel(x))
    line = np.ravel(x)[order]
    if lower is not None and upper is not None:
        ax.fill_between(line, np.ravel(lower)[order], np.ravel(upper)[order], color="tab:red", alpha=0.2, label="Band")
    if truth is not None:
        ax.plot(line, np.ravel(truth)[order], color="0.6", label="Truth")
    ax.plot(line, np.ravel(fit)[order], color="tab:red", label=label)
    if keys is not None:
        ax.plot(np.ravel(keys), np.ravel(values), "o", color="tab:blue", alpha=0.5, markersize=4, label="Data")
    ax.set_xlabel("x")
    ax.set_ylabel("y")
    ax.legend()
    return ax


def plot_weights(
    weights: Any,
    *,
    xlabel: str = "Sorted training inputs",
    ylabel: str = "Sorted testing inputs",
    cmap: str = "Reds",
    ax: Any = None,
) -> Any:
    """Heat map of attention weights [Q, K], with a colour bar."""
    weights = np.asarray(weights)
    if weights.ndim != 2:
        raise ValueError(f"weights: must be a matrix, got shape {weights.shape}")
    ax = _axes(ax)
    image = ax.imshow(weights, cmap=cmap, aspect="auto", interpolation="nearest")
    ax.figure.colorbar(image, ax=ax)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    return ax


def plot_loss(losses: Any, *, label: Optional[str] = None, ax: Any = None) -> Any:
    """Loss per epoch: the ``losses`` of a fit, or the fit's result itself."""
    losses = np.asarray(getattr(losses, "losses", losses))
    ax = _axes(ax)
    ax.plot(np.arange(len(losses)), losses, label=label)
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    if label is not None:
        ax.legend()
    return ax
