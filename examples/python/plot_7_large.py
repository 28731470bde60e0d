"""
A million rows
==============

Time grows with the number of queries and rows, not with their product, and every answer has an error bound.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

import attnpool

rng = np.random.default_rng(0)
n = 1_000_000
x = rng.random(n) * 24
y = 10 + 6 * np.sin(x / 24 * 2 * np.pi) + 2 * np.sin(x / 24 * 12 * np.pi) + rng.normal(0, 4, n)

# %%
# What will be done, and why.
print(attnpool.explain(x, x, y, bandwidth=0.2))

# %%
# The bandwidth from the data, and the fit at every row.
begin = time.perf_counter()
found = attnpool.bandwidth.loo(x, y)
selected = time.perf_counter()
answers = attnpool.inference(x, x, y, w=found.w, slopes=False)
print(
    f"bandwidth {found.bandwidth[0]:.4f} in {selected - begin:.1f} s, fit and errors in {time.perf_counter() - selected:.1f} s"
)
print(f"largest error of the arithmetic: {np.max(answers.error_bounds):.1e} of the range of y")

# %%
# With so many rows the band is narrow; the cloud behind it shows every hundredth row.
order = np.argsort(x)[::100]
ax = attnpool.plot_fit(x[order], answers.mean[order], band=(answers.lower[order], answers.upper[order]))
ax.plot(x[order], y[order], ".", color="lightgrey", markersize=1, zorder=0)
ax.set(xlabel="hour", ylabel="y")
