"""Types of the compiled module; shapes and meanings stand in _functions.py."""

from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

Matrix = np.ndarray
Vector = np.ndarray

__version__: str

class KeyRange:
    """Which keys a query may see: always one interval, minus at most one key."""

    @staticmethod
    def all() -> KeyRange: ...
    @staticmethod
    def first(count: int) -> KeyRange: ...
    @staticmethod
    def causal(offset: int = 0) -> KeyRange: ...
    @staticmethod
    def window(before: int, after: int) -> KeyRange: ...
    @staticmethod
    def all_but_self(offset: int = 0) -> KeyRange: ...
    def contains(self, query: int, key: int, key_count: int) -> bool: ...

def exp(x: Matrix, out: Matrix) -> None: ...
def softmax(scores: Matrix, out: Matrix, threads: int) -> None: ...
def log_sum_exp(scores: Matrix, out: Matrix, threads: int) -> None: ...
def average_pool(values: Matrix, out: Matrix) -> None: ...
def pool(
    count: int,
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    w: Vector,
    are_bandwidths: bool,
    key_range: KeyRange,
    out: Matrix,
    threads: int,
) -> None: ...
def attention_weights(
    count: int,
    queries: Matrix,
    keys: Matrix,
    w: Vector,
    are_bandwidths: bool,
    key_range: KeyRange,
    out: Matrix,
    threads: int,
) -> None: ...
def pool_gradient(
    count: int,
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    w: Vector,
    are_bandwidths: bool,
    key_range: KeyRange,
    out: Matrix,
    gradient: Matrix,
    threads: int,
) -> None: ...
def loss_gradient(
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    targets: Matrix,
    w: Vector,
    are_bandwidths: bool,
    loss: str,
    key_range: KeyRange,
    threads: int,
) -> Tuple[float, List[float]]: ...
def fit(
    keys: Matrix,
    values: Matrix,
    w0: Vector,
    seed: int,
    loss: str,
    learning_rate: float,
    epochs: int,
    leave_one_out: bool,
    tolerance: float,
    threads: int,
    progress: Optional[Callable[..., Optional[bool]]],
) -> Dict[str, Any]: ...
def pool_error(dims: int, reach: float, is_double: bool) -> float: ...
def tiling(matrix: Matrix) -> str: ...
def config() -> Dict[str, Any]: ...

class _PoolState:
    def __init__(self, queries: Matrix, value_cols: int, w: Vector, are_bandwidths: bool) -> None: ...
    def update(self, keys: Matrix, values: Matrix, key_range: KeyRange, threads: int) -> None: ...
    def merge(self, other: Any) -> None: ...
    def finish(self, out: Matrix) -> None: ...
    def log_sum_exp(self, out: Matrix) -> None: ...

class PoolState32(_PoolState): ...
class PoolState64(_PoolState): ...
