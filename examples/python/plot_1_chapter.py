"""
The chapter of Dive into Deep Learning
======================================

"Attention pooling: Nadaraya-Watson kernel regression" in NumPy and attnpool: average pooling, a fixed bandwidth, w learnt by
gradient descent, and the bandwidth of the least leave-one-out error.

``python plot_1_chapter.py FOLDER`` writes the pictures to FOLDER instead of showing them.
"""

# %%
# Set-up
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import attnpool
from attnpool import plot_fit, plot_loss, plot_weights

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None


def show(ax, name):
    ax.figure.tight_layout()
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        ax.figure.savefig(folder / f"{name}.png", dpi=110)
        plt.close(ax.figure)


def report(name, predicted):
    print(f"{name:34} mean squared error against the truth {np.mean((predicted - truth) ** 2):.4f}")


# %%
# The data: 50 noisy points of f(x) = 2 sin(x) + x^0.8, and the x at which f is wanted
def f(x):
    return 2 * np.sin(x) + x**0.8


rng = np.random.default_rng(1)
x_train = np.sort(rng.random(50) * 5)
y_train = f(x_train) + rng.normal(0.0, 0.5, 50)
x_test = np.arange(0, 5, 0.1)
truth = f(x_test)
data = {"keys": x_train, "values": y_train, "truth": truth}

# %%
# Average pooling: the same answer everywhere
y_hat = attnpool.average_pool(y_train, len(x_test))
report("average pooling", y_hat)
show(plot_fit(x_test, y_hat, **data), "average")

# %%
# Nonparametric attention pooling: a Gaussian kernel of bandwidth 1
y_hat = attnpool.pool(x_test, x_train, y_train, bandwidth=1.0)
report("nonparametric, bandwidth 1", y_hat)
show(plot_fit(x_test, y_hat, **data), "nonparametric")
show(plot_weights(attnpool.attention_weights(x_test, x_train, bandwidth=1.0)), "nonparametric_weights")

# %%
# Parametric attention pooling: w = 1 / bandwidth learnt, each point left out of its own prediction
fitted = attnpool.fit(x_train, y_train, loss="half-sum", learning_rate=0.02, epochs=60)
print(f"w learnt in {len(fitted.losses) - 1} epochs: {fitted.ws[0]:.3f} -> {fitted.w:.3f} ({fitted.stop})")
show(plot_loss(fitted), "loss")
y_hat = attnpool.pool(x_test, x_train, y_train, w=fitted.w)
report(f"parametric, bandwidth {1 / fitted.w:.3f}", y_hat)
show(plot_fit(x_test, y_hat, **data), "parametric")
show(plot_weights(attnpool.attention_weights(x_test, x_train, w=fitted.w)), "parametric_weights")

# %%
# The least leave-one-out error, without a learning rate
choice = attnpool.bandwidth.loo(x_train, y_train)
report(
    f"leave-one-out, bandwidth {choice.bandwidth[0]:.3f}",
    attnpool.pool(x_test, x_train, y_train, bandwidth=choice.bandwidth),
)
ax = plt.subplots()[1]
ax.semilogx(choice.scales * choice.spread, choice.losses)
ax.axvline(choice.bandwidth[0], color="tab:red")
ax.set_xlabel("bandwidth")
ax.set_ylabel("leave-one-out error")
show(ax, "leave_one_out")

# %%
# Exercise: classification by one-hot values
model = attnpool.NadarayaWatsonClassifier("loo").fit(x_train[:, None], y_train > 2.5)
probability = model.predict_proba(x_test[:, None])[:, 1]
print(f"classification of f > 2.5 at {np.mean((probability > 0.5) == (truth > 2.5)):.0%} of the test points")
