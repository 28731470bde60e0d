"""What the shims replace, written out from its formulas, and the recipes of its users.

NumPy is needed for all of it, PyTorch for the chapter's part, scikit-learn for pairwise_kernels; each is imported where
it is used.
"""

import numpy as np


# ---- NumPy tutorials ----------------------------------------------------------------------------


def compute_attention(x_query, x_keys, bandwidth):
    scores = -0.5 * ((np.asarray(x_query)[:, None] - np.asarray(x_keys)[None, :]) / bandwidth) ** 2
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def nadaraya_watson(x_query, x_keys, y_values, bandwidth):
    return compute_attention(x_query, x_keys, bandwidth) @ np.asarray(y_values)


# ---- scikit-learn's idiom, and jmetzen's estimator around it ------------------------------------


def pairwise_kernels_regression(X, X_train, y_train, gamma=None):
    from sklearn.metrics.pairwise import pairwise_kernels

    K = pairwise_kernels(X, X_train, metric="rbf", gamma=gamma)
    return (K * y_train).sum(axis=1) / K.sum(axis=1)


def jmetzen_gamma(X, y, gammas):
    from sklearn.metrics.pairwise import pairwise_kernels

    errors = []
    for gamma in gammas:
        K = pairwise_kernels(X, X, metric="rbf", gamma=gamma)
        np.fill_diagonal(K, 0)
        with np.errstate(invalid="ignore"):
            errors.append(np.mean(((K * y).sum(axis=1) / K.sum(axis=1) - y) ** 2))
    return gammas[int(np.nanargmin(errors))]


# ---- the chapter --------------------------------------------------------------------------------


def chapter_module():
    """The class of the d2l chapter "Attention pooling: Nadaraya-Watson kernel regression"."""
    import torch
    from torch import nn

    class NWKernelRegression(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.rand((1,), requires_grad=True))

        def forward(self, queries, keys, values):
            queries = queries.repeat_interleave(keys.shape[1]).reshape((-1, keys.shape[1]))
            self.attention_weights = nn.functional.softmax(-(((queries - keys) * self.w) ** 2) / 2, dim=1)
            return torch.bmm(self.attention_weights.unsqueeze(1), values.unsqueeze(-1)).reshape(-1)

    return NWKernelRegression


def chapter_masked_softmax(X, valid_lens):
    import torch
    from torch import nn

    if valid_lens is None:
        return nn.functional.softmax(X, dim=-1)
    shape = X.shape
    lens = torch.repeat_interleave(valid_lens, shape[1]) if valid_lens.dim() == 1 else valid_lens.reshape(-1)
    X = X.reshape(-1, shape[-1]).clone()
    mask = torch.arange(shape[-1], dtype=torch.float32)[None, :] < lens[:, None]
    X[~mask] = -1e6
    return nn.functional.softmax(X.reshape(shape), dim=-1)


def chapter_data(n, dtype=None):
    """x sorted in [0, 5), y = 2 sin x + x^0.8 + noise, queries 0 .. 5."""
    import torch

    x_train, _ = torch.sort(torch.rand(n, dtype=dtype) * 5)
    y_train = 2 * torch.sin(x_train) + x_train**0.8 + torch.normal(0.0, 0.5, (n,), dtype=dtype)
    return x_train, y_train, torch.arange(0, 5, 0.1, dtype=dtype)


def chapter_tiles(x_train, y_train):
    """Keys and values [n, n - 1]: all the others, for every training point."""
    import torch

    n = len(x_train)
    others = (1 - torch.eye(n)).type(torch.bool)
    keys = x_train.repeat((n, 1))[others].reshape((n, -1))
    values = y_train.repeat((n, 1))[others].reshape((n, -1))
    return keys, values


def chapter_training(net, x_train, y_train, keys, values, epochs=5, lr=0.5):
    """The chapter's loop; the loss of every epoch."""
    import torch
    from torch import nn

    loss = nn.MSELoss(reduction="none")
    trainer = torch.optim.SGD(net.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        trainer.zero_grad()
        error = loss(net(x_train, keys, values), y_train)
        error.sum().backward()
        trainer.step()
        losses.append(float(error.sum()))
    return losses
