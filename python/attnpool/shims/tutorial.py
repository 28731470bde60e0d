"""The functions of NumPy tutorials on attention pooling: vectors x, values y, a bandwidth.

    x_query [Q], x_keys [K], y_values [K] (or [Q, D], [K, D], [K, V])

No matrix of weights is built to predict, and the derivative in w is the exact one, of the softmax too.
"""

from __future__ import annotations

from typing import Any, ContextManager, List, Optional

import numpy as np

from .. import _fit
from .. import _functions as f
from .._arrays import Array, named, numbers
from .._core import KeyRange


def _names() -> ContextManager[None]:
    return named(queries="x_query", keys="x_keys", values="y_values", targets="y_values")


def nadaraya_watson(x_query: Any, x_keys: Any, y_values: Any, bandwidth: float = 1.0) -> Array:
    """Predictions at x_query: sum_k softmax_k(-(x - x_k)^2 / (2 bandwidth^2)) y_k."""
    with _names():
        return f.pool(x_query, x_keys, y_values, bandwidth=bandwidth)


def compute_attention(x_query: Any, x_keys: Any, bandwidth: float = 1.0) -> Array:
    """The weights of ``nadaraya_watson``: [Q, K], rows sum to 1."""
    with _names():
        return f.attention_weights(x_query, x_keys, bandwidth=bandwidth)


class ParametricNWKernelRegression:
    """Attention pooling with a learnt w: softmax_k(-((x - x_k) w)^2 / 2).

    w: a number (or one per dimension); None: uniform in [0, 1) from seed, as in the chapter of Dive into Deep Learning.
    """

    def __init__(self, w: Any = None, seed: int = 0) -> None:
        self.w = np.random.default_rng(seed).random() if w is None else w
        self.losses: List[float] = []
        self._keys: Optional[Array] = None
        self._values: Optional[Array] = None

    def compute_attention(self, x_query: Any, x_keys: Any) -> Array:
        """The weights [Q, K]."""
        with _names():
            return f.attention_weights(x_query, x_keys, w=self.w)

    def forward(self, x_query: Any, x_keys: Any, y_values: Any) -> Array:
        """Predictions at x_query."""
        with _names():
            return f.pool(x_query, x_keys, y_values, w=self.w)

    __call__ = forward

    def gradient(self, x_keys: Any, y_values: Any, leave_one_out: bool = True) -> Any:
        """The derivative in w of the mean squared error of predicting y_values at x_keys."""
        seen = KeyRange.all_but_self() if leave_one_out else None
        x_keys = numbers("x_keys", x_keys)  # which are the queries too
        with _names():
            return f.loss_gradient(x_keys, x_keys, y_values, y_values, w=self.w, key_range=seen)[1]

    def fit(
        self, x_keys: Any, y_values: Any, learning_rate: float = 0.5, epochs: int = 5, leave_one_out: bool = True
    ) -> "ParametricNWKernelRegression":
        """Gradient descent on the mean squared error, each point left out of its own prediction by default."""
        with _names():
            result = _fit.fit(
                x_keys, y_values, w0=self.w, learning_rate=learning_rate, epochs=epochs, leave_one_out=leave_one_out
            )
        self.w, self.losses = result.w, list(result.losses)
        self._keys, self._values = np.array(numbers("x_keys", x_keys)), np.array(numbers("y_values", y_values))
        return self

    def predict(self, x_query: Any) -> Array:
        """Predictions from the data of ``fit``."""
        if self._keys is None:
            raise ValueError("predict: call fit first, or forward with keys and values")
        return self.forward(x_query, self._keys, self._values)
