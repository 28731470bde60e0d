"""Standard errors, bands, slopes and summaries, against their definitions and other packages' numbers."""


import numpy as np
import pytest

import attnpool
from attnpool import NadarayaWatsonClassifier, NadarayaWatsonRegressor


def motorcycle():
    rng = np.random.default_rng(5)
    x = np.sort(rng.uniform(0, 5, 200))
    return x, 2 * np.sin(x) + x**0.8 + rng.normal(0, 0.2 + 0.1 * x)


def weights(queries, x, h):
    p = np.exp(-(((queries[:, None] - x) / h) ** 2) / 2)
    return p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("variance", ["hc0", "hc1", "hc2", "hc3", "local"])
def test_standard_errors_are_those_of_the_formula(variance):
    x, y = motorcycle()
    q, h = np.linspace(0.2, 4.8, 21), 0.3
    hat = weights(x, x, h)
    e, lever, n = y - hat @ y, np.diag(hat), len(x)
    terms = {
        "hc0": e**2,
        "hc1": e**2 * n / (n - lever.sum()),
        "hc2": e**2 / (1 - lever),
        "hc3": e**2 / (1 - lever) ** 2,
    }
    p = weights(q, x, h)
    mean = p @ y
    local = p @ y**2 - mean**2
    want = np.sqrt(p**2 @ terms[variance] if variance != "local" else local * (p**2).sum(axis=1))
    found = attnpool.inference(q, x, y, bandwidth=h, variance=variance)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-9)
    np.testing.assert_allclose(found.standard_error, want, rtol=1e-8)
    np.testing.assert_allclose(found.upper - found.mean, 1.959963984540054 * want, rtol=1e-8)
    np.testing.assert_allclose(found.effective_keys, 1 / (p**2).sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(found.nearest, np.abs(q[:, None] - x).min(axis=1) / h, rtol=1e-12)
    step = 1e-5
    slope = (weights(q + step, x, h) @ y - weights(q - step, x, h) @ y) / (2 * step)
    np.testing.assert_allclose(found.slope, slope, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.leverages, lever, rtol=1e-9)
    np.testing.assert_allclose(found.residuals, e, atol=1e-9)
    assert found.trace == pytest.approx(lever.sum())
    assert set(found.status) == {"answered"}


@pytest.mark.parametrize("uneven", [0.0, 0.2])
def test_bands_cover_the_expectation_of_the_estimate(uneven):
    """2,000 noisy samples at fixed places; the truth is the expectation of the estimate, so that bias does not matter."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 5, 150))
    sd = 0.2 + uneven * x
    q = np.linspace(0.5, 4.5, 9)
    truth = weights(q, x, 0.35) @ np.sin(x)
    inside = np.zeros(9)
    for _ in range(2000):
        found = attnpool.inference(q, x, np.sin(x) + rng.normal(0, sd), bandwidth=0.35, slopes=False)
        inside += (found.lower <= truth) & (truth <= found.upper)
    coverage = inside / 2000
    assert np.all((0.925 <= coverage) & (coverage <= 0.975)), coverage  # 0.95 and five standard errors of 2,000
    assert 0.94 <= coverage.mean() <= 0.96


def test_shapes_follow_the_input():
    rng = np.random.default_rng(1)
    x, y = rng.random((50, 2)), rng.random((50, 3))
    found = attnpool.inference(x[:4], x, y, w=[3.0, 4.0], key_weights=rng.random(50))
    assert found.mean.shape == (4, 3) and found.slope.shape == (4, 2, 3) and found.residuals.shape == (50, 3)
    assert attnpool.inference(x[:4], x, y[:, 0], w=2.0).slope_error.shape == (4, 2)
    assert attnpool.inference(x[:4, 0], x[:, 0], y, w=2.0).slope.shape == (4, 3)
    assert attnpool.inference(x[:4, 0], x[:, 0], y, w=2.0, slopes=False).slope is None
    assert attnpool.inference(np.empty((0, 2)), x, y, w=2.0).mean.shape == (0, 3)


def test_what_has_no_answer_is_said():
    found = attnpool.inference([np.nan, 0.5, 99.0], [0.0, 1.0, 2.0], [1.0, 3.0, 2.0], bandwidth=1.0)
    assert list(found.status) == ["unseen", "answered", "far"]
    assert np.isnan(found.standard_error[0]) and found.mean[2] == 2 and found.nearest[2] == 97


@pytest.mark.parametrize(
    "change, message",
    [
        ({"variance": "hc4"}, "variance: must be one of hc0, hc1, hc2, hc3, local, got 'hc4'"),
        ({"level": 1.0}, "level: must be between 0 and 1, got 1"),
        ({"algorithm": "fast"}, "algorithm: must be one of auto, dense, pruned, grid, window, got 'fast'"),
        ({"tolerance": 0}, "tolerance: must be from 1e-12 to 0.1, or None for the default, got 0"),
        ({"values": [1.0, np.nan, 2.0]}, r"values\[1,0\]: must be finite, got nan"),
        ({"keys": [1.0], "values": [1.0]}, "keys: inference needs at least two rows of positive weight, got 1"),
        (
            {"queries": np.zeros((2, 3, 1))},
            r"queries: inference serves one problem at a time, got a batch of shape \(2,\)",
        ),
        ({"key_weights": [1.0, -1.0, 1.0]}, r"key_weights\[1\]: must be finite and"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"queries": [0.0], "keys": [0.0, 1.0, 2.0], "values": [1.0, 3.0, 2.0], "bandwidth": 1.0, **change}
    with pytest.raises(ValueError, match=message):
        attnpool.inference(**arguments)


def test_estimators_say_what_their_predictions_are_worth():
    x, y = motorcycle()
    model = NadarayaWatsonRegressor("loo").fit(x[:, None], y)
    mean, std = model.predict([[1.0], [2.0]], return_std=True)
    np.testing.assert_allclose(mean, model.predict([[1.0], [2.0]]), rtol=1e-12)
    found = model.inference([[1.0], [2.0]], level=0.9)
    np.testing.assert_array_equal(found.standard_error, std)
    assert found.slope.shape == (2, 1) and "R squared" in model.summary()
    assert found.trace == pytest.approx(model.selection_.trace)
    fixed = NadarayaWatsonRegressor(0.4).fit(x[:, None], y, sample_weight=np.arange(200) % 3)
    assert "trace of hat matrix" in fixed.summary() and "133, 1" in fixed.summary()
    classes = NadarayaWatsonClassifier(0.4).fit(x[:, None], y > 2)
    assert classes.inference([[1.0]]).mean.shape == (1, 2)
