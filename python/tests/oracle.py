"""The textbook formulas in long double, sharing nothing with the package."""

import numpy as np


def weights(queries, keys, w, visible=None, key_weights=None):
    q, k = (np.asarray(a).astype(np.longdouble) for a in (queries, keys))
    w = np.broadcast_to(np.asarray(w, dtype=np.longdouble), k.shape[-1:])
    scores = -0.5 * (((q[..., :, None, :] - k[..., None, :, :]) * w) ** 2).sum(-1)
    if visible is not None:
        scores = np.where(visible, scores, -np.inf)
    with np.errstate(invalid="ignore"):
        if key_weights is not None:
            with np.errstate(divide="ignore"):
                scores = scores + np.log(np.asarray(key_weights, dtype=np.longdouble))[..., None, :]
        p = np.exp(scores - scores.max(-1, keepdims=True))
        return p / p.sum(-1, keepdims=True)


def pool(queries, keys, values, w, visible=None, key_weights=None):
    return weights(queries, keys, w, visible, key_weights) @ np.asarray(values).astype(np.longdouble)


def gradient(queries, keys, values, w, visible=None):
    """d pool / d w_p [Q, P, V] for a vector w, minus the covariance of the values with w_p delta_p^2."""
    p = weights(queries, keys, w, visible)
    q, k, v = (np.asarray(a).astype(np.longdouble) for a in (queries, keys, values))
    w = np.asarray(w, dtype=np.longdouble)
    square = w * (q[:, None, :] - k[None, :, :]) ** 2
    mean = p @ v
    return -(
        np.einsum("qk,qkp,kv->qpv", p, square, v) - np.einsum("qk,qkp->qp", p, square)[:, :, None] * mean[:, None, :]
    )


def log_sum_exp(scores):
    x = np.asarray(scores).astype(np.longdouble)
    top = x.max(-1, keepdims=True)
    return (np.log(np.exp(x - top).sum(-1, keepdims=True)) + top)[..., 0]
