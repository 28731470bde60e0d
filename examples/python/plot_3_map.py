"""
Two columns: a map
==================

How a patient's diabetes progressed in a year, from body mass index and the logarithm of serum triglycerides (442 patients of
scikit-learn's data set, Efron and others 2004). Each column has a bandwidth of its own.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

import attnpool

data = load_diabetes(scaled=False)
X, y = data.data[:, [2, 8]], data.target
model = attnpool.NadarayaWatsonRegressor(bandwidth="loo").fit(X, y)
print(model.summary())

# %%
# The prediction and its standard error. Where no patient is within one bandwidth the map stays white.
bmi, triglycerides = np.meshgrid(
    np.linspace(*np.percentile(X[:, 0], [0, 100]), 120), np.linspace(*np.percentile(X[:, 1], [0, 100]), 120)
)
answers = model.inference(np.column_stack([bmi.ravel(), triglycerides.ravel()]))
near = answers.nearest.reshape(bmi.shape) < 1

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, what, title in ((axes[0], answers.mean, "progression"), (axes[1], answers.standard_error, "standard error")):
    filled = ax.contourf(bmi, triglycerides, np.where(near, np.reshape(what, bmi.shape), np.nan), levels=16)
    figure.colorbar(filled, ax=ax, label=title)
    ax.set(xlabel="body mass index", ylabel="log of serum triglycerides")
axes[0].scatter(*X.T, c=y, s=8, edgecolor="white", linewidth=0.3)
