"""A fit by the package as it is installed: Debian's, by the tests beside this file and while it is built, and the wheel's."""

import numpy as np

import attnpool

attnpool.show_config()
x = np.linspace(0, 8, 401)
noise = np.random.default_rng(1).normal(0, 0.2, len(x))
found = attnpool.NadarayaWatsonRegressor(bandwidth="loo").fit(x[:, None], np.sin(x) + noise)
answer, error = found.predict([[4.0]], return_std=True)
assert abs(answer[0] - np.sin(4)) < 0.1, answer
assert 0 < error[0] < 0.1, error
print(f"attnpool {attnpool.__version__}: bandwidth {found.bandwidth_}, f(4) = {answer[0]:.6g}, as expected")
