"""scikit-learn estimators, for scikit-learn 1.2 and later.

Tags and metadata come from the mixins alone, so that both contracts (``_more_tags`` before 1.6, ``__sklearn_tags__``
since) hold; what moved between versions is looked for, not deduced from a version number.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple, Union

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from . import bandwidth as rules
from ._arrays import computing_dtype, numbers, refuse_misread, result_dtype
from ._bootstrap import Bootstrap, bootstrap
from ._functions import attention_weights, pool
from ._inference import Inference, inference
from ._kernel import Kernel, kernel_argument

try:  # scikit-learn 1.6 and later
    from sklearn.utils.validation import validate_data as _validate_data
except ImportError:

    def _validate_data(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        return estimator._validate_data(*args, **kwargs)


Bandwidth = Union[float, np.ndarray, str]


#: What a bandwidth that is chosen by the data is called here, and by ``attnpool.bandwidth.select``.
_CRITERIA = {"loo": "leave-one-out", "gcv": "gcv", "aicc": "aicc"}
_CRITERIA_OF_CLASSES = {**_CRITERIA, "brier": "leave-one-out", "log-loss": "log-loss"}


class _NadarayaWatson(BaseEstimator):
    """What regressor and classifier share: keys, their weights, and the bandwidth."""

    bandwidth: Bandwidth
    kernel: Union[str, Kernel]
    order: int
    empty: str
    n_jobs: Optional[int]
    _criteria = _CRITERIA

    def _fit(self, X: np.ndarray, values: np.ndarray, sample_weight: Any) -> None:
        """Takes the data in and sets bandwidth_; values [n, V]."""
        weight = None
        if sample_weight is not None:
            weight = rules.checked_weights(sample_weight, len(X))
            kept = weight > 0
            X, values, weight = X[kept], values[kept], weight[kept]
            if np.all(weight == weight[0]):
                weight = None
        self.bandwidth_ = self._chosen_bandwidth(X, values, weight)
        with np.errstate(over="ignore", divide="ignore"):
            self._w = 1 / self.bandwidth_
        if not np.all(np.isfinite(self._w)):
            raise ValueError(f"bandwidth: must have a finite reciprocal, got {self.bandwidth_}")
        # Copies: the caller may reuse the arrays.
        self._keys = np.array(X, order="C")
        self._values = np.array(values, order="C")
        self._weight = weight

    def _chosen_bandwidth(self, X: np.ndarray, values: np.ndarray, weight: Any) -> np.ndarray:
        columns = X.shape[1]
        self.bandwidth_at_bound_ = ""
        if isinstance(self.bandwidth, str):
            if self.bandwidth == "scott":
                return rules.scott(X, weight)
            if self.bandwidth == "silverman":
                return rules.silverman(X, weight)
            if self.bandwidth == "dpill":
                return self._plug_in(X, values, weight)
            if self.bandwidth in self._criteria:
                if len(X) < 2:
                    raise ValueError(
                        f"bandwidth: {self.bandwidth!r} needs two samples of weight > 0, got n_samples = {len(X)}"
                    )
                criterion = self._criteria[self.bandwidth]
                self.selection_ = rules.select(
                    X,
                    values,
                    weight,
                    criterion=criterion,
                    kernel=self.kernel,
                    order=self.order,
                    empty=self.empty,
                    n_jobs=self.n_jobs,
                )
                self.bandwidth_at_bound_ = self.selection_.at_bound
                return self.selection_.bandwidth
            if self.bandwidth in _CRITERIA_OF_CLASSES:
                raise ValueError(
                    f"bandwidth: {self.bandwidth!r} is for NadarayaWatsonClassifier; 'loo' serves a regressor"
                )
            names = ", ".join(repr(name) for name in self._criteria)
            raise ValueError(
                f"bandwidth: must be a number, an array, {names}, 'scott', 'silverman' or 'dpill', got {self.bandwidth!r}"
            )
        h = numbers("bandwidth", self.bandwidth).astype(np.float64)
        if h.ndim > 1 or (h.ndim == 1 and len(h) != columns):
            raise ValueError(f"bandwidth: must be one number or one per feature = {columns}, got shape {h.shape}")
        if not np.all(np.isfinite(h) & (h > 0)):
            raise ValueError(f"bandwidth: must be finite and > 0, got {self.bandwidth!r}")
        return np.broadcast_to(h, columns).copy()

    @staticmethod
    def _plug_in(X: np.ndarray, values: np.ndarray, weight: Any) -> np.ndarray:
        if X.shape[1] != 1 or values.shape[1] != 1:
            raise ValueError(
                "bandwidth: 'dpill' is for one feature and one target,"
                f" got {X.shape[1]} and {values.shape[1]}; 'loo' serves any number"
            )
        if weight is not None:
            raise ValueError("bandwidth: 'dpill' knows no sample_weight; 'loo' does")
        return np.array([rules.dpill(X, values)])

    def _queries(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        refuse_misread("X", X)
        return _validate_data(self, X, dtype=[np.float64, np.float32], reset=False)

    def _pooled(self, X: Any) -> np.ndarray:
        queries = self._queries(X)
        return pool(
            queries,
            self._keys,
            self._values,
            w=self._w,
            kernel=self.kernel,
            order=self.order,
            empty=self.empty,
            key_weights=self._weight,
            n_jobs=self.n_jobs,
        )

    def inference(self, X: Any, *, variance: str = "hc3", level: float = 0.95, slopes: bool = True) -> Inference:
        """Standard errors, bands and slopes of the predictions at X (of the probabilities, for a classifier): see
        ``attnpool.inference``.
        """
        return self._inference(self._queries(X), variance=variance, level=level, slopes=slopes)

    def bootstrap(self, X: Any, **options: Any) -> Bootstrap:
        """Standard errors and bands of the predictions at X from replicates of the training data, at the bandwidth of the
        fit; options (kind, replicates, seed, level, band ...) as ``attnpool.bootstrap``.
        """
        self._refuse_other_fits()
        own = {"queries", "keys", "values", "w", "bandwidth", "key_weights", "n_jobs"} & set(options)
        if own:
            raise TypeError(f"{min(own)}: is the estimator's, not an option of bootstrap()")
        return bootstrap(self._queries(X), self._keys, self._observed(), **options, **self._how())

    def _inference(self, queries: np.ndarray, **options: Any) -> Inference:
        self._refuse_other_fits()
        return inference(queries, self._keys, self._observed(), **options, **self._how())

    def _refuse_other_fits(self) -> None:
        if self.order > 0 or kernel_argument(self.kernel).shape != "gaussian":
            raise ValueError(
                f"kernel: standard errors are those of order 0 under the gaussian kernel, got {self.kernel!r}, order {self.order}"
            )

    def _observed(self) -> np.ndarray:
        return self._values[:, 0] if getattr(self, "_one_output", False) else self._values

    def _how(self) -> Dict[str, Any]:
        return {"w": self._w, "key_weights": self._weight, "n_jobs": self.n_jobs}

    def summary(self) -> str:
        """The fit in words: bandwidths, criteria, trace of the hat matrix, R squared, residual standard error."""
        check_is_fitted(self)
        if isinstance(self.bandwidth, str) and self.bandwidth in self._criteria:
            return self.selection_.summary()
        return self._inference(self._keys[:1], slopes=False).summary()

    def attention_weights(self, X: Any) -> np.ndarray:
        """The weight of every training point of weight > 0 in the prediction at X: [n_queries, n_points]."""
        queries = self._queries(X)
        if self.order > 0:
            raise ValueError(f"order: attention weights are those of order 0, got {self.order}")
        return attention_weights(
            queries, self._keys, w=self._w, kernel=self.kernel, key_weights=self._weight, n_jobs=self.n_jobs
        )


class NadarayaWatsonRegressor(MultiOutputMixin, RegressorMixin, _NadarayaWatson):
    """Kernel regression: Nadaraya-Watson, or local lines.

    Parameters
    ----------
    bandwidth : float, array of one per feature, "loo", "gcv", "aicc", "scott", "silverman" or "dpill"
        Of the kernel (the Gaussian's standard deviation), in the unit of the features. "loo", "gcv" and "aicc" learn one per feature: the
        least leave-one-out error, generalised cross-validation or corrected Akaike criterion
        (``attnpool.bandwidth.select``); "scott" and "silverman" are rules of thumb, "dpill" is the plug-in rule for one
        feature and one target, without sample_weight (``attnpool.bandwidth.dpill``).
    kernel : str or attnpool.Kernel
        "gaussian", "epanechnikov" and others: see ``attnpool.Kernel``.
    order : 0, 1 or 2
        1 fits a line (a plane) around each query instead of the weighted mean, 2 a parabola, for one feature.
    empty : "nan", "nearest", "mean" or "error"
        The prediction where no training point is within the reach of a kernel of compact support.
    n_jobs : int or None
        Threads, as in scikit-learn; None: what ATTNPOOL_NUM_THREADS or OpenMP say. Results do not depend on it.

    Attributes
    ----------
    bandwidth_ : array of shape (``n_features_in_``,)
        Infinite for a feature that does not help to predict.
    selection_ : attnpool.bandwidth.Selection
        With a criterion: what was found, the curve, the minima, the trace of the hat matrix; ``summary()`` in words.
    bandwidth_at_bound_ : str
        With a criterion the end of the curve, "smallest" or "largest", at which the error was least, so that the data ask for
        less or more than was tried (a ``BandwidthWarning`` says so too); otherwise "".

    Far from the data a prediction is that of the nearest training point, never NaN. float32 X and y are computed in
    float32, anything else in float64. The data are copied. sample_weight multiplies the kernel.
    """

    def __init__(
        self,
        bandwidth: Bandwidth = 1.0,
        *,
        kernel: Union[str, Kernel] = "gaussian",
        order: int = 0,
        empty: str = "nan",
        n_jobs: Optional[int] = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.kernel = kernel
        self.order = order
        self.empty = empty
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NadarayaWatsonRegressor":
        refuse_misread("X", X)
        refuse_misread("y", y)
        X, y = _validate_data(self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True)
        self._one_output = y.ndim == 1
        dtype = computing_dtype(result_dtype(X, y))  # as pool()
        self._fit(X.astype(dtype, copy=False), y.reshape(len(y), -1).astype(dtype, copy=False), sample_weight)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Union[np.ndarray, Tuple[np.ndarray, np.ndarray]]:
        """The predictions and, if asked for, their standard errors (hc3; ``inference`` has more)."""
        if return_std:
            found = self.inference(X, slopes=False)
            return found.mean, found.standard_error
        y = self._pooled(X)
        return y[:, 0] if self._one_output else y


def _labels(y: Any) -> Any:
    """Labels of a nullable integer dtype of pandas as NumPy's integers; scikit-learn would make floats of them."""
    dtype: Any = getattr(y, "dtype", None)
    is_nullable = getattr(dtype, "kind", "") in ("i", "u") and not isinstance(dtype, np.dtype)
    return y.to_numpy(dtype=dtype.numpy_dtype) if is_nullable and not np.any(y.isna()) else y


class NadarayaWatsonClassifier(ClassifierMixin, _NadarayaWatson):
    """Classification by Nadaraya-Watson regression on one-hot values: the pooled values are the class probabilities.

    Parameters, attributes and weights as NadarayaWatsonRegressor, and ``classes_``. "loo" or "brier" minimises the squared
    leave-one-out error of the probabilities, which is their Brier score (divided by the number of classes in
    ``selection_``); "log-loss" the mean of - log p, with p the leave-one-out probability of the true class, for two samples
    of every class and more.
    """

    _criteria = _CRITERIA_OF_CLASSES

    order = 0

    def __init__(
        self,
        bandwidth: Bandwidth = 1.0,
        *,
        kernel: Union[str, Kernel] = "gaussian",
        empty: str = "nan",
        n_jobs: Optional[int] = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.kernel = kernel
        self.empty = empty
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NadarayaWatsonClassifier":
        refuse_misread("X", X)
        y = _labels(y)
        X, y = _validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        self._fit(X, np.eye(len(self.classes_), dtype=X.dtype)[index], sample_weight)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        return self._pooled(X)

    def predict(self, X: Any) -> np.ndarray:
        best = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[best]
