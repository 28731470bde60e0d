"""Types of the compiled module; shapes and meanings stand beside the functions of the package that call it."""

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

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

class Kernel:
    """A smoothing kernel with w or bandwidths."""

    def __init__(
        self,
        numbers: Sequence[float],
        are_bandwidths: bool,
        shape: str = "gaussian",
        alpha: float = 1.0,
        product: bool = False,
    ) -> None: ...

class CallOptions:
    """CallOptions to go about a call; key_weights is empty, or has an entry per row of keys."""

    def __init__(
        self,
        key_range: KeyRange,
        threads: int,
        algorithm: str,
        tolerance: float,
        key_weights: Vector,
        order: int = 0,
        empty: str = "nan",
    ) -> None: ...

def exp(x: Matrix, out: Matrix) -> None: ...
def softmax(scores: Matrix, out: Matrix, threads: int) -> None: ...
def log_sum_exp(scores: Matrix, out: Matrix, threads: int) -> None: ...
def average_pool(values: Matrix, out: Matrix) -> None: ...
def pool(
    count: int,
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    kernel: Kernel,
    how: CallOptions,
    out: Matrix,
    with_status: bool = False,
) -> Vector: ...
def explain(queries: Matrix, keys: Matrix, values: Matrix, kernel: Kernel, how: CallOptions) -> str: ...
def attention_weights(
    count: int, queries: Matrix, keys: Matrix, kernel: Kernel, how: CallOptions, out: Matrix
) -> None: ...
def pool_gradient(
    count: int,
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    kernel: Kernel,
    how: CallOptions,
    out: Matrix,
    gradient: Matrix,
) -> None: ...
def loss_gradient(
    queries: Matrix, keys: Matrix, values: Matrix, targets: Matrix, kernel: Kernel, how: CallOptions, loss: str
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
    how: CallOptions,
    progress: Optional[Callable[..., Optional[bool]]],
) -> Dict[str, Any]: ...
def infer(
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    kernel: Kernel,
    how: CallOptions,
    variance: str,
    level: float,
    slopes: bool,
) -> Dict[str, Any]: ...
def bootstrap(
    queries: Matrix, keys: Matrix, values: Matrix, kernel: Kernel, how: CallOptions, options: Dict[str, Any]
) -> Dict[str, Any]: ...
def lowess(
    x: Vector, y: Vector, at: Vector, fraction: float, iterations: int, delta: float, threads: int
) -> Dict[str, Any]: ...
def select_bandwidth(
    keys: Matrix,
    values: Matrix,
    criterion: str,
    per_dimension: bool,
    key_weights: Optional[Vector],
    threads: int,
    progress: Optional[Callable[[float], Optional[bool]]],
    kernel: Kernel,
    order: int,
    empty: str,
) -> Dict[str, Any]: ...
def rule_of_thumb(keys: Matrix, key_weights: Optional[Vector], scaled: bool, silverman: bool) -> List[float]: ...
def plug_in(
    keys: Matrix,
    values: Matrix,
    blockmax: int,
    divisor: int,
    trim: float,
    proptrun: float,
    gridsize: int,
    interval: Optional[Tuple[float, float]],
) -> float: ...

class SelectionBatch:
    def __init__(
        self,
        offsets: List[int],
        keys: Matrix,
        values: Matrix,
        criterion: str,
        per_dimension: bool,
        key_weights: Optional[Vector],
        threads: int,
        progress: Optional[Callable[[float], Optional[bool]]],
        kernel: Kernel,
        order: int,
        empty: str,
    ) -> None: ...
    def one(self, i: int) -> Dict[str, Any]: ...
    def figures(self) -> Dict[str, Any]: ...

def load_model(path: str) -> Dict[str, Any]: ...
def save_model(path: str, model: Dict[str, Any]) -> None: ...
def pool_error(dims: int, reach: float, is_double: bool) -> float: ...
def tiling(matrix: Matrix) -> str: ...
def config() -> Dict[str, Any]: ...

class _PoolState:
    def __init__(self, queries: Matrix, value_cols: int, kernel: Kernel) -> None: ...
    def update(self, keys: Matrix, values: Matrix, how: CallOptions) -> None: ...
    def merge(self, other: Any) -> None: ...
    def finish(self, out: Matrix) -> None: ...
    def log_sum_exp(self, out: Matrix) -> None: ...

class PoolState32(_PoolState): ...
class PoolState64(_PoolState): ...
