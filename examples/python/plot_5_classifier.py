"""
Classification
==============

Classes as one-hot values: the pooled values are probabilities.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score

import attnpool

iris = load_iris()
X, y = iris.data[:, 2:], iris.target  # length and width of the petals

model = attnpool.NadarayaWatsonClassifier(bandwidth="loo")
print(f"accuracy in five-fold cross-validation: {cross_val_score(model, X, y, cv=5).mean():.3f}")

# %%
# The probability of the most likely class, with the data on it.
model.fit(X, y)
length, width = np.meshgrid(np.linspace(0.5, 7.5, 200), np.linspace(0, 3, 150))
probability = model.predict_proba(np.column_stack([length.ravel(), width.ravel()]))

figure, ax = plt.subplots(layout="constrained")
filled = ax.contourf(
    length, width, probability.max(axis=1).reshape(length.shape), levels=np.linspace(0.3, 1, 15), cmap="Greys"
)
figure.colorbar(filled, label="probability of the most likely class")
for k, name in enumerate(iris.target_names):
    ax.scatter(*X[y == k].T, s=12, label=name)
ax.set(xlabel=iris.feature_names[2], ylabel=iris.feature_names[3])
ax.legend(loc="upper left")
