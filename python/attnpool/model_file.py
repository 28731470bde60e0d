"""Model files of the program ``attnpool``, read and written as fitted estimators."""

from __future__ import annotations

import os
from typing import Any, Dict, Optional, Sequence, Union

import numpy as np

from . import _core
from ._kernel import Kernel, kernel_argument
from .estimators import NadarayaWatsonRegressor


def _estimator(keys: np.ndarray, values: np.ndarray, weight: Optional[np.ndarray], w: np.ndarray, file: Dict) -> Any:
    dtype = np.float64 if file["in_double"] else np.float32
    w = np.broadcast_to(np.abs(w), keys.shape[1]).astype(np.float64)
    kernel = Kernel(file["kernel"], file["alpha"], file["product"])
    with np.errstate(divide="ignore"):
        model = NadarayaWatsonRegressor(
            bandwidth=1 / w,
            kernel=kernel.shape if kernel == Kernel(kernel.shape) else kernel,
            order=file["order"],
            empty=file["empty"],
        )
    model.bandwidth_ = 1 / w if np.all(w > 0) else np.where(w > 0, 1 / np.where(w > 0, w, 1), np.inf)
    model.bandwidth_at_bound_ = ""
    model.n_features_in_ = keys.shape[1]
    model.feature_names_in_ = np.array(file["x"], dtype=object)
    model.target_names_ = list(file["y"])
    model.feature_origins_ = list(file["x_origin"])
    model._w, model._weight = w, weight
    model._keys, model._values = keys.astype(dtype), values.astype(dtype)
    model._one_output = values.shape[1] == 1
    return model


def load(path: Union[str, "os.PathLike[str]"]) -> Any:
    """The model in a file that ``attnpool fit`` or ``save`` wrote, as a fitted ``NadarayaWatsonRegressor``.

    Its predictions are those of ``attnpool predict --model``, in double to the bit. ``feature_names_in_`` and
    ``target_names_`` are the names of the columns; ``feature_origins_`` the dates from which the seconds of x columns
    count, if some were dates. A model with groups gives a dictionary of one estimator per group. Raises ``RuntimeError``
    that begins with the name of the file.
    """
    file = _core.load_model(os.fspath(path))
    keys = np.array(file["keys"]).reshape(-1, len(file["x"]))
    values = np.array(file["values"]).reshape(-1, len(file["y"]))
    weight = np.array(file["key_weights"]) if file["key_weights"] else None
    if not file["groups"]:
        return _estimator(keys, values, weight, np.array(file["w"]), file)
    groups = np.array(file["groups"], dtype=object)
    models = {}
    for name, w in zip(dict.fromkeys(file["groups"]), file["group_w"]):
        rows = groups == name
        models[name] = _estimator(keys[rows], values[rows], None if weight is None else weight[rows], np.array(w), file)
    return models


def save(
    model: NadarayaWatsonRegressor,
    path: Union[str, "os.PathLike[str]"],
    *,
    target_names: Optional[Sequence[str]] = None,
) -> None:
    """Writes a fitted ``NadarayaWatsonRegressor`` as a file that ``attnpool predict --model`` reads.

    Columns are called as ``feature_names_in_`` says, else x0, x1, ...; targets as target_names says, else y, or y0,
    y1, ...
    """
    from sklearn.utils.validation import check_is_fitted

    if not isinstance(model, NadarayaWatsonRegressor):
        raise TypeError(f"model: must be a NadarayaWatsonRegressor, got {type(model).__name__}")
    check_is_fitted(model)
    columns = model._values.shape[1]
    names = getattr(model, "feature_names_in_", [f"x{i}" for i in range(model._keys.shape[1])])
    if target_names is None:
        target_names = getattr(model, "target_names_", ["y"] if columns == 1 else [f"y{i}" for i in range(columns)])
    if len(target_names) != columns:
        raise ValueError(f"target_names: must have {columns} entries, got {len(target_names)}")
    kernel = kernel_argument(model.kernel)
    _core.save_model(
        os.fspath(path),
        {
            "x": [str(name) for name in names],
            "y": [str(name) for name in target_names],
            "keys": model._keys.astype(np.float64).ravel().tolist(),
            "values": model._values.astype(np.float64).ravel().tolist(),
            "key_weights": [] if model._weight is None else model._weight.tolist(),
            "w": model._w.tolist(),
            "in_double": model._keys.dtype == np.float64,
            "kernel": kernel.shape,
            "alpha": kernel.alpha,
            "product": kernel.product,
            "order": model.order,
            "empty": model.empty,
        },
    )
