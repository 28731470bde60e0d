"""The PyTorch parts of the chapter "Attention pooling: Nadaraya-Watson kernel regression" of Dive into Deep Learning.

    from attnpool.shims.d2l import NWKernelRegression, masked_softmax
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple, Optional, Tuple

import numpy as np
import torch
from torch import nn

from .. import _core
from .. import _functions as f
from .._arrays import NO_WEIGHTS
from .._core import KeyRange
from .._elementwise import softmax

_FLOATS = (torch.float32, torch.float64)


class _Rows(NamedTuple):
    """What the rows of a matrix [Q, K] have in common: how they repeat, and the vector they repeat, as a column."""

    tiling: str  # as _core.tiling says: "tiled", "leave_one_out", or "" for rows that differ
    column: Optional[np.ndarray]


class _Memory:
    """The _Rows of tensors, found once for as long as a tensor lives unchanged: training passes the same each epoch.

    Changes are noticed as autograd notices them, by the tensor's version: not those behind torch's back, through
    ``.data`` or a NumPy array on the same memory.
    """

    def __init__(self) -> None:
        self.found: dict = {}

    def rows_of(self, tensor: torch.Tensor) -> _Rows:
        if tensor.is_inference():  # has no version
            return self._look(tensor)
        key = id(tensor)
        known = self.found.get(key)
        if known is not None and known[0]() is tensor and known[1] == tensor._version:
            return known[2]
        rows = self._look(tensor.detach())
        self.found[key] = (weakref.ref(tensor, lambda _: self.found.pop(key, None)), tensor._version, rows)
        return rows

    @staticmethod
    def _look(matrix: torch.Tensor) -> _Rows:
        tiling = "tiled" if matrix.stride(0) == 0 else _core.tiling(np.ascontiguousarray(matrix.numpy()))
        if tiling == "":
            return _Rows(tiling, None)
        vector = matrix[0] if tiling == "tiled" else torch.cat([matrix[1, :1], matrix[0]])
        return _Rows(tiling, vector.contiguous().clone().numpy()[:, np.newaxis])


_memory = _Memory()
_ALL, _ALL_BUT_SELF = KeyRange.all(), KeyRange.all_but_self()


def _range(rows: _Rows) -> KeyRange:
    return _ALL if rows.tiling == "tiled" else _ALL_BUT_SELF


def _shared(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> Optional[Tuple[_Rows, _Rows]]:
    """The rows of keys and values if they are alike, or all but the query itself, and nothing needs their gradient."""
    if queries.requires_grad or keys.requires_grad or values.requires_grad:
        return None
    if keys.dim() != 2 or keys.shape != values.shape or keys.shape[0] != queries.numel() or keys.numel() == 0:
        return None
    if queries.dtype not in _FLOATS or not queries.dtype == keys.dtype == values.dtype:
        return None
    if any(t.device.type != "cpu" for t in (queries, keys, values)):
        return None
    rows = _memory.rows_of(keys), _memory.rows_of(values)
    return rows if rows[0].tiling == rows[1].tiling != "" else None


class _Pool(torch.autograd.Function):
    """Predictions [Q], differentiable in w; one pass over the keys gives them and their derivatives."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any, **_: Any) -> torch.Tensor:
        w, number, queries, keys, values = arguments
        column = queries.detach().reshape(-1, 1).contiguous()
        out = torch.empty_like(column)
        how = _core.CallOptions(_range(keys), 0, "auto", 0.0, NO_WEIGHTS)
        call = (1, column.numpy(), keys.column, values.column, _core.Kernel([number], False), how, out.numpy())
        if ctx.needs_input_grad[0]:
            derivative = torch.empty_like(column)
            _core.pool_gradient(*call, derivative.numpy())
            ctx.save_for_backward(derivative, w)
            ctx.data = queries, keys, values
        else:
            _core.pool(*call)
        return out.reshape(-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tuple:
        (gradient,), (derivative, w) = gradients, ctx.saved_tensors
        if (
            torch.is_grad_enabled()
        ):  # The caller will differentiate once more, which torch does on the chapter's formula.
            out = _formula(w, *ctx.data)
            return torch.autograd.grad(out, w, gradient, create_graph=True) + (None,) * 4
        return (gradient @ derivative).reshape(w.shape), None, None, None, None


def _formula(w: torch.Tensor, queries: torch.Tensor, keys: _Rows, values: _Rows) -> torch.Tensor:
    """What _Pool computes, all pairs at a time."""
    key, value = (torch.from_numpy(rows.column[:, 0]) for rows in (keys, values) if rows.column is not None)
    scores = -(((queries.detach().reshape(-1, 1) - key) * w) ** 2) / 2
    if keys.tiling == "leave_one_out":
        scores = scores.masked_fill(torch.eye(len(key), dtype=torch.bool), float("-inf"))
    return torch.softmax(scores, dim=1) @ value


class NWKernelRegression(nn.Module):
    """The chapter's module: ``forward(queries [Q], keys [Q, K], values [Q, K])`` gives predictions [Q].

    The chapter repeats its keys once per query, or once per query without the query's own. Such matrices are recognised
    (once per tensor) and neither the differences, the scores nor the weights are built: memory of O(K) beside the
    caller's own. Anything else - rows that differ, gradients in queries, keys or values, other dtypes or devices - is
    computed by torch with the chapter's formula, and so are second derivatives in w. Between two calls
    change keys and values by torch, not through ``.data`` or a NumPy array on their memory, which neither this module
    nor autograd sees.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.w = nn.Parameter(torch.rand((1,), requires_grad=True))  # the chapter's draw: same seed, same w
        self._seen: Optional[Tuple] = None

    def forward(self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        if self.w.numel() == 1 and self.w.dtype == queries.dtype:
            shared = _shared(queries, keys, values)
            if shared is not None:
                number = self.w.item()
                self.__dict__["_seen"] = (queries, shared[0], number)  # past nn.Module.__setattr__, which takes longer
                return _Pool.apply(self.w, number, queries, *shared)
        weights = _chapter_weights(queries, keys, self.w)
        self.__dict__["_seen"] = (weights,)
        return (weights * values).sum(dim=1)

    @property
    def attention_weights(self) -> torch.Tensor:
        """The weights [Q, K] of the last call; where rows were recognised built now, without a history of gradients."""
        if self._seen is None:
            raise AttributeError("attention_weights: call the module first")
        if len(self._seen) == 1:
            return self._seen[0]
        queries, keys, number = self._seen
        weights = torch.from_numpy(
            f.attention_weights(queries.detach().reshape(-1, 1).numpy(), keys.column, w=number, key_range=_range(keys))
        )
        if keys.tiling == "tiled":
            return weights
        n = len(weights)
        return weights[~torch.eye(n, dtype=torch.bool)].reshape(n, n - 1)  # without the point itself, as its keys


def _chapter_weights(queries: torch.Tensor, keys: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return torch.softmax(-(((queries.reshape(-1, 1) - keys) * w) ** 2) / 2, dim=1)


class _Softmax(torch.autograd.Function):
    """Softmax over the visible entries of the last axis; a row without any is uniform."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any, **_: Any) -> torch.Tensor:
        x, visible = arguments
        scores = x.detach().masked_fill(~visible, float("-inf"))
        weights = torch.from_numpy(softmax(scores.numpy()))
        empty = ~visible.any(dim=-1, keepdim=True)
        weights = torch.where(empty, torch.full_like(weights, 1 / x.shape[-1]), weights)
        ctx.save_for_backward(weights, visible)
        return weights

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tuple:
        """The derivative, by torch operations on the output, so that it has derivatives of any order itself."""
        (gradient,), (weights, visible) = gradients, ctx.saved_tensors
        inner = (gradient * weights).sum(dim=-1, keepdim=True)
        return torch.where(visible, weights * (gradient - inner), torch.zeros_like(weights)), None


def masked_softmax(X: torch.Tensor, valid_lens: Optional[torch.Tensor]) -> torch.Tensor:
    """Softmax over the last axis of X [batch, queries, keys] with keys from a valid length on left out.

    valid_lens: None, [batch] or [batch, queries]. A row of length 0 gets equal weights, as the chapter's own (which
    masks with -1e6) gives it. X is left as it is; the chapter's function writes into it.
    """
    if valid_lens is None:
        visible = torch.ones(X.shape, dtype=torch.bool)
    else:
        lens = valid_lens if valid_lens.dim() == 2 else valid_lens[:, None]
        visible = torch.arange(X.shape[-1]) < lens[..., None]
        visible = visible.expand(X.shape)
    return _Softmax.apply(X, visible)
