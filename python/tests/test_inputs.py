"""What cannot be told apart from numbers without a loss is refused by name and place; what can be is taken."""

import subprocess
import sys

import numpy as np
import pytest

import attnpool
from attnpool import bandwidth as b

pd = pytest.importorskip("pandas")

x = np.linspace(0.0, 1.0, 6)
y = np.sin(x)
estimators = pytest.importorskip("attnpool.estimators")

# Every public function with one argument replaced: (name of the argument, call).
CALLS = {
    "pool queries": ("queries", lambda a: attnpool.pool(a, x, y, bandwidth=1.0)),
    "pool keys": ("keys", lambda a: attnpool.pool(x, a, y, bandwidth=1.0)),
    "pool values": ("values", lambda a: attnpool.pool(x, x, a, bandwidth=1.0)),
    "pool key_weights": ("key_weights", lambda a: attnpool.pool(x, x, y, bandwidth=1.0, key_weights=a)),
    "pool_loo": ("keys", lambda a: attnpool.pool_loo(a, y, bandwidth=1.0)),
    "weights": ("keys", lambda a: attnpool.attention_weights(x, a, bandwidth=1.0)),
    "gradient": ("keys", lambda a: attnpool.pool_gradient(x, a, y, bandwidth=1.0)),
    "loss": ("targets", lambda a: attnpool.loss_gradient(x, x, y, a, bandwidth=1.0)),
    "fit": ("values", lambda a: attnpool.fit(x, a)),
    "softmax": ("scores", lambda a: attnpool.softmax(a)),
    "exp": ("x", lambda a: attnpool.exp(a)),
    "average_pool": ("values", lambda a: attnpool.average_pool(a)),
    "state": ("keys", lambda a: attnpool.PoolState(x, bandwidth=1.0).update(a, y)),
    "scott": ("x", lambda a: b.scott(a)),
    "loo": ("y", lambda a: b.loo(x, a)),
}
calls = pytest.mark.parametrize("name, call", CALLS.values(), ids=CALLS.keys())


@calls
@pytest.mark.parametrize("wrong", [2**53 + 1, -(2**53) - 3, 2**62 + 1, 2**63 - 1])
def test_integers_that_would_be_rounded_are_refused(name, call, wrong):
    numbers = [1, 2, 3, wrong, 5, 6]
    for given in (np.array(numbers), numbers, [1.5, 2, 3, wrong, 5, 6], pd.Series(numbers, dtype="Int64")):
        with pytest.raises(ValueError, match=rf"^{name}\[3\]: the integer {wrong} is beyond 2\*\*53"):
            call(given)
    unsigned = np.array([1, 2, 3, abs(wrong), 5, 6], dtype=np.uint64)
    with pytest.raises(ValueError, match=rf"^{name}\[3\]: the integer {abs(wrong)} is beyond"):
        call(unsigned)


@pytest.mark.parametrize("exact", [2**53, 2**53 + 2, -(2**60), 2**62 + 2**10, 3 * 2**61])
def test_integers_that_floats_hold_are_taken(exact):
    keys = np.array([0, exact])
    assert attnpool.pool(keys, keys, [1.0, 2.0], bandwidth=1.0).tolist() == [1.0, 2.0]
    assert attnpool.pool([0, exact], [0, exact], [1.0, 2.0], bandwidth=1.0).tolist() == [1.0, 2.0]


def test_two_dimensional_integers_name_row_and_column():
    keys = np.arange(12).reshape(6, 2)
    keys[4, 1] = 2**53 + 1
    with pytest.raises(ValueError, match=r"^keys\[4,1\]: the integer 9007199254740993"):
        attnpool.pool_loo(keys, y, bandwidth=1.0)
    with pytest.raises(ValueError, match=r"^X\[4,1\]: the integer 9007199254740993"):
        attnpool.NadarayaWatsonRegressor().fit(keys, y)


@calls
@pytest.mark.parametrize("kind", ["datetime64[ns]", "datetime64[D]", "timedelta64[s]"])
def test_dates_are_refused(name, call, kind):
    dates = np.arange(6).astype(kind)
    for given in (dates, pd.Series(dates.astype(kind.replace("[D]", "[ns]").replace("[s]", "[ns]")))):
        with pytest.raises(TypeError, match=rf"^{name}: holds dates or durations"):
            call(given)


def test_estimators_refuse_dates():
    dates = np.arange(6).astype("datetime64[s]").astype("datetime64[ns]")
    for X in (dates[:, None], pd.DataFrame({"a": x, "when": dates})):
        with pytest.raises(TypeError, match="^X: holds dates"):
            attnpool.NadarayaWatsonRegressor().fit(X, y)
        with pytest.raises(TypeError, match="^X: holds dates"):
            attnpool.NadarayaWatsonRegressor().fit(np.c_[x, x][:, : X.shape[1]], y).predict(X)
    with pytest.raises(TypeError, match="^y: holds dates"):
        attnpool.NadarayaWatsonRegressor().fit(x[:, None], dates)


@calls
def test_nullable_series_are_taken_or_refused(name, call):
    for dtype in ("Float64", "Int64"):
        series = pd.Series([1, 2, 3, 4, 5, 6], dtype=dtype)
        got, want = call(series), call(np.arange(1.0, 7.0))
        if isinstance(want, np.ndarray):
            np.testing.assert_array_equal(got, want)
        series[2] = pd.NA
        with pytest.raises(ValueError, match=rf"^{name}\[2\]: is missing"):
            call(series)


def test_nullable_frames_keep_their_names():
    frame = pd.DataFrame({"a": pd.array(x, dtype="Float64"), "b": pd.array(range(6), dtype="Int64")})
    plain = frame.astype("float64")
    np.testing.assert_array_equal(
        attnpool.pool(frame, frame, y, bandwidth=1.0), attnpool.pool(plain, plain, y, bandwidth=1.0)
    )
    model = attnpool.NadarayaWatsonRegressor().fit(frame, y)
    assert list(model.feature_names_in_) == ["a", "b"]
    np.testing.assert_array_equal(model.predict(frame), model.predict(plain))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_estimators_keep_their_own_copy(order, dtype):
    X, values = np.array([[0, 3], [1, 2], [4, 1.0]], dtype=dtype, order=order), np.array([1, 2, 3], dtype=dtype)
    weight = np.array([1.0, 2.0, 3.0])
    model = attnpool.NadarayaWatsonRegressor(0.5).fit(X, values, weight)
    before = model.predict([[1.0, 2.0]])
    X[:], values[:], weight[:] = 7, 9, 1
    np.testing.assert_array_equal(model.predict([[1.0, 2.0]]), before)


@pytest.mark.parametrize("x_dtype, y_dtype", [(np.float32, np.float64), (np.float64, np.float32), (np.float32, np.int64), (np.float32, np.float32)])
def test_estimators_compute_as_pool(x_dtype, y_dtype):
    g = np.random.default_rng(1)
    X, values = g.random((50, 1)).astype(x_dtype), (100 * g.random(50)).astype(y_dtype)
    want = attnpool.pool(X, X, values, bandwidth=0.1)
    got = attnpool.NadarayaWatsonRegressor(0.1).fit(X, values).predict(X)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_attention_weights_of_an_estimator_know_the_weights_of_any_ratio():
    model = attnpool.NadarayaWatsonRegressor(1.0).fit([[0.0], [100.0]], [1.0, 2.0], [1e-300, 1e300])
    assert model.predict([[0.0]]) == 1
    np.testing.assert_allclose(model.attention_weights([[0.0]]), [[1.0, 0.0]], rtol=1e-15)
    np.testing.assert_allclose(attnpool.attention_weights([0.0], [0.0, 0.0], bandwidth=1.0, key_weights=[3, 1]), [[0.75, 0.25]])


def test_what_cannot_fit_is_refused_before_memory_is_touched():
    keys = np.zeros(3_000_000)
    with pytest.raises(MemoryError, match=r"^out: an array of shape \(3000000, 3000000\) would take 7.2e\+04 GB"):
        attnpool.attention_weights(keys, keys, bandwidth=1.0)
    with pytest.raises(MemoryError, match="^out: an array of shape"):
        attnpool.average_pool(np.zeros((1, 1000)), count=10**10)


def test_messages_name_the_class_that_was_called():
    for kind in (attnpool.NadarayaWatsonRegressor, attnpool.NadarayaWatsonClassifier):
        with pytest.raises(TypeError, match=rf"{kind.__name__}.__init__\(\)"):
            kind(bandwith=1.0)


def test_kernel_reg_names_endog_and_exog():
    KernelReg = pytest.importorskip("attnpool.shims.statsmodels").KernelReg
    with pytest.raises(ValueError, match="^endog: must have 6 entries to match exog, got 5"):
        KernelReg(y[:5], x, "c", reg_type="lc", bw=[0.3])
    for wrong, message in ((np.r_[x[:5], np.nan], "must be finite"), (np.array([1, 2, 3, 4, 5, 2**53 + 1]), "the integer")):
        with pytest.raises(ValueError, match=rf"^exog\[5(,0)?\]: {message}"):
            KernelReg(y, wrong, "c", reg_type="lc", bw=[0.3])
        with pytest.raises(ValueError, match=rf"^endog\[5\]: {message}"):
            KernelReg(wrong, x, "c", reg_type="lc", bw=[0.3])


def test_threads_follow_torch_and_can_be_told():
    pytest.importorskip("torch")
    code = "import torch; torch.set_num_threads({}); import attnpool; print(attnpool.config()['threads'])"
    for count in (1, 3):
        run = [sys.executable, "-c", code.format(count)]
        environment = {"PYTHONPATH": ":".join(sys.path)}
        assert subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout == f"{count}\n"
        told = dict(environment, ATTNPOOL_NUM_THREADS="2")
        assert subprocess.run(run, env=told, capture_output=True, text=True, check=True).stdout == "2\n"
