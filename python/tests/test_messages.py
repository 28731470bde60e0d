"""Messages name the argument that the caller wrote, of functions, estimators and drop-ins alike."""

import re

import numpy as np
import pytest

import attnpool
from attnpool import bandwidth as b

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from attnpool.shims import jmetzen, tutorial  # noqa: E402
from attnpool.shims import sklearn as sklearn_idiom  # noqa: E402
from attnpool.shims.statsmodels import KernelReg  # noqa: E402

x = np.linspace(0.0, 1.0, 6)
y = np.sin(x)
NAN = np.r_[x[:3], np.nan, x[4:]]
X, FIVE = x[:, None], x[:5]


@pytest.mark.parametrize(
    "message, call",
    [
        ("keys[3,0]: must be finite", lambda: attnpool.pool_loo(NAN, y, bandwidth=1.0)),
        ("values: must have 6 rows to match keys", lambda: attnpool.pool_loo(x, FIVE, bandwidth=1.0)),
        ("targets: must have 6 rows", lambda: attnpool.loss_gradient(x, x, y, FIVE, bandwidth=1.0)),
        ("targets: must have at most two", lambda: attnpool.loss_gradient(x, x, y, y.reshape(1, 6, 1), bandwidth=1.0)),
        ("values[3,0]: must be finite", lambda: attnpool.fit(x, NAN)),
        ("keys[3,0]: must be finite", lambda: attnpool.fit(NAN, y)),
        ("epochs: must be at most", lambda: attnpool.fit(x, y, epochs=2**40)),
        ("seed: must be at most", lambda: attnpool.fit(x, y, seed=2**64)),
        ("key_weights: must have one entry", lambda: attnpool.fit(x, y, key_weights=np.ones((2, 3)))),
        ("key_weights: must have one", lambda: attnpool.PoolState(x, w=1.0).update(x, y, key_weights=np.ones((2, 3)))),
        (
            "values: must have 1 column to match value_columns",
            lambda: attnpool.PoolState(x, w=1.0).update(x, np.c_[y, y]),
        ),
        ("count: must be 0 or more, got -1", lambda: attnpool.KeyRange.first(-1)),
        ("after: must be 0 or more, got -3", lambda: attnpool.KeyRange.window(2, -3)),
        ("x[3,0]: must be finite", lambda: b.scott(NAN)),
        ("x: must have at most two dimensions", lambda: b.scott(np.ones((2, 2, 2)))),
        ("x: must have at least one column", lambda: b.silverman(np.ones((3, 0)))),
        ("scale: must be one number or one per column", lambda: b.w_from_np_scale([1.0, 2.0], x)),
        ("kernel_order: must be at least 1", lambda: b.w_from_np_scale(1.0, x, kernel_order=0)),
        ("y: must have at most two dimensions", lambda: b.loo(x, np.ones((6, 1, 1)))),
        ("x: leave-one-out needs at least two rows of weight > 0", lambda: b.loo(x, y, [1, 0, 0, 0, 0, 0])),
        ("x_keys[3,0]: must be finite", lambda: tutorial.compute_attention(x, NAN)),
        ("y_values: must have 6 rows to match x_keys", lambda: tutorial.nadaraya_watson(x, x, FIVE)),
        ("y_values[3,0]: must be finite", lambda: tutorial.ParametricNWKernelRegression(1.0).fit(x, NAN)),
        ("X: must have 1 columns to match X_train", lambda: sklearn_idiom.rbf_regression(np.ones((2, 3)), x, y)),
        ("y_train: must have 6 rows to match X_train", lambda: sklearn_idiom.rbf_regression(X, X, FIVE)),
        ("gamma: must be a number", lambda: sklearn_idiom.rbf_regression(X, X, y, gamma=[1.0, 2.0])),
        ("X[3,0]: must be finite", lambda: jmetzen.KernelRegression().fit(NAN[:, None], y)),
        ("y: must have 6 rows to match X", lambda: jmetzen.KernelRegression().fit(X, FIVE)),
        ("X: must be a matrix", lambda: jmetzen.KernelRegression().fit(x, y)),
        ("gamma: must be finite and > 0", lambda: jmetzen.KernelRegression(gamma=[-1.0, 1.0]).fit(X, y)),
        ("gamma: must have at least one entry", lambda: jmetzen.KernelRegression(gamma=[]).fit(X, y)),
        ("X: must have 1 columns", lambda: jmetzen.KernelRegression().fit(X, y).predict(np.ones((2, 3)))),
        ("exog: must have 2 columns", lambda: KernelReg(y, FIVE, "cc", "lc", bw=[1.0, 1.0])),
        ("endog: must be a vector", lambda: KernelReg(np.c_[y, y], x, "c", "lc", bw=[1.0])),
        ("exog: must have at least one row", lambda: KernelReg([], [], "c", "lc", bw=[1.0])),
        ("exog: leave-one-out needs at least two rows", lambda: KernelReg([1.0], [1.0], "c", "lc")),
    ],
)
def test_messages_name_the_argument_that_the_caller_wrote(message, call):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


@pytest.mark.parametrize(
    "name, call",
    [
        ("loss", lambda: attnpool.fit(x, y, loss=3)),
        ("loss", lambda: attnpool.loss_gradient(x, x, y, y, bandwidth=1.0, loss=None)),
        ("progress", lambda: attnpool.fit(x, y, progress=3)),
        ("axis", lambda: attnpool.softmax(X, axis=0.5)),
        ("axis", lambda: attnpool.logsumexp(X, axis=(0, 1))),
        ("count", lambda: attnpool.KeyRange.first(2.5)),
        ("offset", lambda: attnpool.KeyRange.causal("a")),
        ("criterion", lambda: b.select(x, y, criterion=3)),
        ("var_type", lambda: KernelReg(y, x, 3, "lc", bw=[1.0])),
        ("x[1]", lambda: b.scott([1.0, None, 2.0])),
    ],
)
def test_wrong_types_name_the_argument(name, call):
    with pytest.raises(TypeError, match="^" + re.escape(name) + ": must be"):
        call()


def test_an_error_of_the_callers_own_is_left_alone():
    def progress(**_):
        raise ValueError("keys of my own")

    with pytest.raises(ValueError, match="^keys of my own"):
        attnpool.fit(x, y, progress=progress)


def test_messages_name_the_class_that_was_called():
    for kind in (attnpool.NadarayaWatsonRegressor, attnpool.NadarayaWatsonClassifier):
        with pytest.raises(TypeError, match=rf"{kind.__name__}.__init__\(\)"):
            kind(bandwith=1.0)


def test_kernel_reg_names_endog_and_exog():
    with pytest.raises(ValueError, match="^endog: must have 6 entries to match exog, got 5"):
        KernelReg(y[:5], x, "c", reg_type="lc", bw=[0.3])
    for wrong, message in (
        (np.r_[x[:5], np.nan], "must be finite"),
        (np.array([1, 2, 3, 4, 5, 2**53 + 1]), "the integer"),
    ):
        with pytest.raises(ValueError, match=rf"^exog\[5(,0)?\]: {message}"):
            KernelReg(y, wrong, "c", reg_type="lc", bw=[0.3])
        with pytest.raises(ValueError, match=rf"^endog\[5\]: {message}"):
            KernelReg(wrong, x, "c", reg_type="lc", bw=[0.3])
