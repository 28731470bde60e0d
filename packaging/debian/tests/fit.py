"""A fit by the package as it is installed; the build runs this too."""

import numpy as np

import attnpool

attnpool.show_config()
x = np.linspace(0, 8, 81)
found = attnpool.NadarayaWatsonRegressor(bandwidth="loo").fit(x[:, None], 2 * x + 1)
# A symmetric kernel finds the line again in the middle.
answer, error = found.predict([[4.0]], return_std=True)
assert abs(answer[0] - 9) < 1e-9, answer
assert np.isfinite(error).all(), error
print(f"attnpool {attnpool.__version__}: f(4) = {answer[0]:.12g}, good")
