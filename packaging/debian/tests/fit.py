"""A fit by the package as it is installed: Debian's, by the tests beside this file and while it is built, and the wheel's.
Alone it needs NumPy only; with "estimators" scikit-learn too."""

import sys

import numpy as np

import attnpool

attnpool.show_config()
x = np.linspace(0, 8, 401)
y = np.sin(x) + np.random.default_rng(1).normal(0, 0.2, len(x))

w = attnpool.bandwidth.loo(x, y).w
answer = attnpool.pool([4.0], x, y, w=w)
assert abs(answer[0] - np.sin(4)) < 0.1, answer
if "estimators" in sys.argv:
    model = attnpool.NadarayaWatsonRegressor(bandwidth="loo").fit(x[:, None], y)
    again, error = model.predict([[4.0]], return_std=True)
    assert abs(again[0] - answer[0]) < 1e-9, again
    assert 0 < error[0] < 0.1, error
print(f"attnpool {attnpool.__version__}: w = {w}, f(4) = {answer[0]:.6g}, as expected")
