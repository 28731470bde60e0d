"""
Kernels and local lines
=======================

The four kernels of the chapter "Attention pooling by similarity" of *Dive into Deep Learning*, fits and attention weights; and what a
local line does at the ends of the data, where a weighted mean bends.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import attnpool


# %%
# The chapter's data: 40 noisy points of f(x) = 2 sin(x) + x
def f(x):
    return 2 * np.sin(x) + x


rng = np.random.default_rng(1)
x_train = np.sort(rng.random(40) * 5)
y_train = f(x_train) + rng.normal(0, 1, 40)
x_val = np.arange(0, 5, 0.1)

# %%
# Four kernels
# ------------
# A constant kernel is w = 0, the plain mean. What the chapter calls Epanechikov is max(1 - u, 0), the triangular kernel here;
# ``kernel="epanechnikov"`` is 1 - u^2.
#
# The upper row has the truth, the data and the four fits: Gaussian and triangular follow the data smoothly, the boxcar in steps, and the constant
# is a horizontal line. The lower row has the attention weights as maps, darker bands along the diagonal, of even tone for
# the boxcar; those of the constant are one tone everywhere.
kernels = {
    "Gaussian": {"w": 1.0},
    "Boxcar": {"w": 1.0, "kernel": "boxcar"},
    "Constant": {"w": 0.0},
    "Triangular": {"w": 1.0, "kernel": "triangular"},
}
figure, axes = plt.subplots(2, 4, figsize=(14, 6))
for (name, options), (above, below) in zip(kernels.items(), axes.T):
    fit = attnpool.pool(x_val, x_train, y_train, **options)
    print(f"{name:10} mean squared error against the truth {np.mean((fit - f(x_val)) ** 2):.3f}")
    attnpool.plot_fit(x_val, fit, keys=x_train, values=y_train, truth=f(x_val), ax=above)
    above.set_title(name)
    attnpool.plot_weights(attnpool.attention_weights(x_val, x_train, **options), ax=below)
figure.tight_layout()


# %%
# A mean and a line
# -----------------
# At an end all rows lie on one side, and the mean is that of rows farther in. A line through them is right there too. Each
# estimate has the bandwidth of its own least leave-one-out error.
#
# On the left the chapter's data, on the right the motorcycle data; the dashed line is the weighted mean, the full one the local line.
# They part at the ends: the mean levels off, the line goes on as the data do.
try:
    here = Path(__file__).parent
except NameError:  # in a notebook
    here = Path.cwd()
root = next(p for p in (here, *here.parents) if (p / "tools/program/data/mcycle.csv").exists())
times, accel = np.loadtxt(root / "tools/program/data/mcycle.csv", delimiter=",", skiprows=1).T

figure, axes = plt.subplots(1, 2, figsize=(12, 4.5))
for (name, x, y), ax in zip([("Chapter", x_train, y_train), ("Motorcycle", times, accel)], axes):
    grid = np.linspace(x.min(), x.max(), 400)
    ax.plot(x, y, "o", alpha=0.4)
    for order, style, label in ((0, "--", "mean"), (1, "-", "line")):
        found = attnpool.bandwidth.select(x, y, order=order)
        fit = attnpool.pool(grid, x, y, bandwidth=found.bandwidth, order=order)
        print(f"{name:10} {label}: bandwidth {found.bandwidth[0]:.3f}, leave-one-out error {found.value:.4f}")
        ax.plot(grid, fit, style, label=f"{label}, {found.value:.3g}")
    ax.set_title(name)
    ax.legend(title="leave-one-out error")
figure.tight_layout()
