"""Keys that arrive in pieces."""

from __future__ import annotations

from typing import Any, Optional, Union

import numpy as np

from . import _core
from ._arrays import (
    Array,
    Output,
    at_most_two_dimensions,
    computing_dtype,
    call_options,
    integer,
    matrix,
    named,
    numbers,
    refuse_too_large,
    result_dtype,
    scaled_kernel,
)
from ._core import KeyRange
from ._kernel import Kernel
from ._functions import weights_vector


class PoolState:
    """The weighted sums of ``pool`` in the open, for keys that arrive in pieces, from threads or machines.

    queries [Q, D] and the kernel are fixed; ``update`` adds keys, ``merge`` another state over the same queries,
    ``finish`` divides. Threads may share a state.
    """

    def __init__(
        self,
        queries: Any,
        value_columns: int = 1,
        *,
        w: Any = None,
        bandwidth: Any = None,
        kernel: Union[str, Kernel] = "gaussian",
    ) -> None:
        scaled = scaled_kernel(w, bandwidth, kernel)[0]
        q = numbers("queries", queries)
        self.dtype = result_dtype(q)
        self._computing = computing_dtype(self.dtype)
        q = at_most_two_dimensions("queries", q)
        self.query_count, self.dimensions = q.shape
        self.value_columns = integer("value_columns", value_columns, least=1)
        refuse_too_large("value_columns", (self.query_count, self.value_columns), np.dtype(np.float64))
        kind = _core.PoolState32 if self._computing == np.float32 else _core.PoolState64
        self._state = kind(matrix(q, self._computing), value_columns, scaled)

    def update(
        self,
        keys: Any,
        values: Any,
        *,
        key_range: Optional[KeyRange] = None,
        key_weights: Any = None,
        n_jobs: Optional[int] = None,
    ) -> "PoolState":
        """Adds keys [K, D] with values [K, V], converted to the dtype of the queries. Returns self.

        key_range counts the keys of this call. After an error the state is as before.
        """
        k, v = (at_most_two_dimensions(name, numbers(name, x)) for name, x in (("keys", keys), ("values", values)))
        how = call_options(n_jobs, key_range, key_weights=weights_vector(key_weights))
        with named(value_cols="value_columns"):
            self._state.update(matrix(k, self._computing), matrix(v, self._computing), how)
        return self

    def merge(self, other: "PoolState") -> "PoolState":
        """Adds the keys of another state of the same queries, w and dtype. Returns self."""
        if not isinstance(other, PoolState):
            raise TypeError(f"other: must be a PoolState, got {type(other).__name__}")
        if type(other._state) is not type(self._state):
            raise TypeError(f"other: must compute in {self._computing}, got {other._computing}")
        self._state.merge(other._state)
        return self

    def finish(self, *, out: Optional[Array] = None) -> Array:
        """The predictions so far [Q, V]; NaN for a query that has seen no key. The state stays usable."""
        output = Output(out, (self.query_count, self.value_columns), self.dtype)
        self._state.finish(output.array)
        return output.done()

    def log_sum_exp(self) -> Array:
        """log(sum of weights) per query, -inf where none was seen: the log of the kernel density up to a constant."""
        output = Output(None, (self.query_count,), self.dtype)
        self._state.log_sum_exp(output.array.reshape(1, -1))
        return output.done()
