"""The PyTorch parts of the chapter "Attention pooling: Nadaraya-Watson kernel regression" of Dive into Deep Learning.

    from attnpool.shims.d2l import NWKernelRegression, masked_softmax
"""

from __future__ import annotations

import weakref
from typing import Any, Optional, Tuple

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from .. import _core
from .. import _functions as f
from .._core import KeyRange

_FLOATS = (torch.float32, torch.float64)


class _Tilings:
    """What ``_core.tiling`` found for a tensor, kept as long as the tensor lives unchanged: a training loop passes the
    same tensors in every epoch."""

    def __init__(self) -> None:
        self._found: dict = {}

    def of(self, tensor: torch.Tensor) -> str:
        if tensor.stride(0) == 0:
            return "tiled"
        known = self._found.get(id(tensor))
        if known is not None and known[0]() is tensor and known[1] == tensor._version:
            return known[2]
        rows = tensor.detach()
        tiling = _core.tiling(np.ascontiguousarray(rows.numpy()))
        key = id(tensor)
        self._found[key] = (weakref.ref(tensor, lambda _: self._found.pop(key, None)), tensor._version, tiling)
        return tiling


_tilings = _Tilings()


def _shared(keys: torch.Tensor, values: torch.Tensor, query_count: int) -> Optional[Tuple]:
    """(keys [K], values [K], key range) if the rows of keys and values are all alike, or all but the point itself."""
    if keys.dim() != 2 or keys.shape != values.shape or len(keys) != query_count or keys.numel() == 0:
        return None
    if keys.dtype not in _FLOATS or values.dtype != keys.dtype or keys.device.type != "cpu":
        return None
    tiling = _tilings.of(keys)
    if tiling == "" or _tilings.of(values) != tiling:
        return None
    if tiling == "tiled":
        return keys[0], values[0], KeyRange.all()
    whole = [torch.cat([m[1, :1], m[0]]) for m in (keys, values)]
    return whole[0], whole[1], KeyRange.all_but_self()


class _Pool(torch.autograd.Function):
    """Predictions [Q], differentiable in w; one pass over the keys gives them and their derivatives."""

    @staticmethod
    def forward(ctx: Any, w: torch.Tensor, queries: Any, keys: Any, values: Any, key_range: KeyRange) -> torch.Tensor:
        arguments = [t.detach().numpy() for t in (queries, keys, values)]
        number = float(w.detach())
        if not ctx.needs_input_grad[0]:
            return torch.from_numpy(f.pool(*arguments, w=number, key_range=key_range))
        out, derivative = f.pool_gradient(*arguments, w=number, key_range=key_range)
        ctx.save_for_backward(torch.from_numpy(derivative), w)
        return torch.from_numpy(out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple:
        derivative, w = ctx.saved_tensors
        return (gradient @ derivative).reshape(w.shape).to(w.dtype), None, None, None, None


class NWKernelRegression(nn.Module):
    """The chapter's module: ``forward(queries [Q], keys [Q, K], values [Q, K])`` gives predictions [Q].

    The chapter repeats its keys once per query, or once per query without the query's own. Such matrices are recognised
    (once per tensor) and neither the differences, the scores nor the weights are built: memory of O(K) beside the
    caller's own. Anything else - rows that differ, gradients in queries, keys or values, other dtypes or devices - is
    computed by torch with the chapter's formula. Of the recognised ones w has first derivatives only.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.w = nn.Parameter(torch.rand((1,), requires_grad=True))  # the chapter's draw: same seed, same w
        self._seen: Optional[Tuple] = None

    def forward(self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        self._seen = (queries.detach(), keys, self.w.detach().clone())
        fixed = not (queries.requires_grad or keys.requires_grad or values.requires_grad)
        shared = _shared(keys, values, queries.numel()) if fixed and queries.dtype == keys.dtype else None
        if shared is not None and self.w.numel() == 1 and queries.device.type == "cpu":
            return _Pool.apply(self.w, queries.reshape(-1), *shared)
        weights = _chapter_weights(queries, keys, self.w)
        return (weights * values).sum(dim=1)

    @property
    def attention_weights(self) -> torch.Tensor:
        """The weights [Q, K] of the last call, built when asked for; without a history of gradients."""
        if self._seen is None:
            raise AttributeError("attention_weights: call the module first")
        queries, keys, w = self._seen
        shared = _shared(keys, keys, queries.numel()) if queries.dtype == keys.dtype else None
        if shared is None or w.numel() != 1:
            return _chapter_weights(queries, keys.detach(), w)
        numbers = [t.detach().reshape(-1).numpy() for t in (queries, shared[0])]
        weights = torch.from_numpy(f.attention_weights(*numbers, w=float(w), key_range=shared[2]))
        n = len(weights)
        if keys.shape[1] == weights.shape[1]:
            return weights
        return weights[~torch.eye(n, dtype=torch.bool)].reshape(n, n - 1)  # without the point itself, as its keys


def _chapter_weights(queries: torch.Tensor, keys: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return torch.softmax(-(((queries.reshape(-1, 1) - keys) * w) ** 2) / 2, dim=1)


class _Softmax(torch.autograd.Function):
    """Softmax over the visible entries of the last axis; a row without any is uniform."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        scores = x.detach().masked_fill(~visible, float("-inf"))
        weights = torch.from_numpy(f.softmax(scores.numpy()))
        empty = ~visible.any(dim=-1, keepdim=True)
        weights = torch.where(empty, torch.full_like(weights, 1 / x.shape[-1]), weights)
        ctx.save_for_backward(weights, visible)
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple:
        weights, visible = ctx.saved_tensors
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
