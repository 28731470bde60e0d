"""
Motorcycle: a bandwidth, a band and a slope
===========================================

The acceleration of a dummy's head after an impact (Silverman 1985), 133 rows. The bandwidth is the one with the least
leave-one-out error; the band is for the expectation of the fit.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import attnpool

# %%
# The data are in the repository, in the folder of the program.
try:
    here = Path(__file__).parent
except NameError:  # in a notebook
    here = Path.cwd()
root = next(p for p in (here, *here.parents) if (p / "tools/program/data/mcycle.csv").exists())
times, accel = np.loadtxt(root / "tools/program/data/mcycle.csv", delimiter=",", skiprows=1).T

# %%
# Selection
# ---------
# The whole curve of the criterion is computed, from the closest spacing of the rows to a flat fit.
model = attnpool.NadarayaWatsonRegressor(bandwidth="loo").fit(times[:, None], accel)
print(model.summary())

found = model.selection_
ax = plt.subplots()[1]
ax.loglog(found.scales * found.spread, found.losses)
ax.axvline(model.bandwidth_[0], color="tab:red")
ax.set(xlabel="bandwidth, ms", ylabel="leave-one-out error")

# %%
# The fit with its band
# ---------------------
grid = np.linspace(times.min(), times.max(), 400)
answers = model.inference(grid[:, None])
ax = attnpool.plot_fit(grid, answers.mean, band=(answers.lower, answers.upper), keys=times, values=accel)
ax.set(xlabel="time after the impact, ms", ylabel="acceleration, g")

# %%
# Its slope
# ---------
slope = np.ravel(answers.slope)
error = np.ravel(answers.slope_error)
ax = plt.subplots()[1]
ax.fill_between(grid, slope - 1.96 * error, slope + 1.96 * error, alpha=0.3)
ax.plot(grid, slope)
ax.axhline(0, color="grey", linewidth=0.8)
ax.set(xlabel="time after the impact, ms", ylabel="slope, g per ms")

# %%
# How much each answer rests on
# -----------------------------
# The number of rows that an equally weighted mean of the same variance would have.
ax = plt.subplots()[1]
ax.plot(grid, answers.effective_keys)
ax.set(xlabel="time after the impact, ms", ylabel="effective number of keys")
