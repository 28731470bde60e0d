"""The estimators: scikit-learn's own checks, and what they promise beyond."""

import pickle

import numpy as np
import oracle
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import attnpool
from attnpool import NadarayaWatsonClassifier, NadarayaWatsonRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 2))
Y = np.column_stack([np.sin(2 * X[:, 0]) + 0.1 * rng.normal(size=200), X[:, 1] ** 2])
Q = rng.normal(size=(50, 2))
LABELS = np.array(["blue", "green", "red"])[np.digitize(X[:, 0], [-0.4, 0.4])]


@pytest.fixture(scope="module")
def kept_searches():
    return {}


@pytest.fixture
def long_searches_are_kept(kept_searches, monkeypatch):
    """The checks fit a few large sets again and again, for seconds each: their bandwidths are sought once."""
    select = attnpool.bandwidth.select

    def kept(X, y, weight, **options):
        if X.size < 500:
            return select(X, y, weight, **options)
        key = [None if a is None else (a.dtype.str, a.shape, a.tobytes()) for a in (X, y, weight)]
        key = (*key, *sorted(options.items()))
        if key not in kept_searches:
            kept_searches[key] = select(X, y, weight, **options)
        return kept_searches[key]

    monkeypatch.setattr(attnpool.bandwidth, "select", kept)


@parametrize_with_checks(
    [
        kind(h)
        for kind in (NadarayaWatsonRegressor, NadarayaWatsonClassifier)
        for h in (1.0, "scott", "silverman", "loo")
    ]
)
def test_scikit_learn_contract(estimator, check, long_searches_are_kept):
    check(estimator)


def test_the_newer_contract_finds_no_tags_of_the_older():
    """Since scikit-learn 1.6 tags come from __sklearn_tags__ of the bases, which stand right of the mixins."""
    for kind in (NadarayaWatsonRegressor, NadarayaWatsonClassifier):
        own = [c for c in kind.__mro__ if c.__module__.startswith("attnpool")]
        assert not any({"_more_tags", "_get_tags"} & set(vars(c)) for c in own)
        names = [c.__name__ for c in kind.__mro__]
        mixins = [i for i, name in enumerate(names) if name.endswith("Mixin") and name not in BASE_MIXINS]
        assert max(mixins) < names.index("BaseEstimator")


BASE_MIXINS = ("_HTMLDocumentationLinkMixin", "ReprHTMLMixin", "_MetadataRequester")  # bases of BaseEstimator itself


@pytest.mark.parametrize("h", [0.4, [0.2, 0.7]])
def test_regressor_is_the_formula(h):
    model = NadarayaWatsonRegressor(h).fit(X, Y)
    expected = oracle.pool(Q, X, Y, 1 / np.asarray(h))
    np.testing.assert_allclose(model.predict(Q), expected.astype(float), rtol=0, atol=1e-14)
    one = NadarayaWatsonRegressor(h).fit(X, Y[:, 0])
    assert one.predict(Q).shape == (50,)
    np.testing.assert_allclose(model.attention_weights(Q) @ Y, model.predict(Q), rtol=0, atol=1e-13)


def test_weights_multiply_the_kernel_however_far_apart():
    weight = 10.0 ** rng.uniform(-12, 3, 200)
    weight[::7] = 0
    model = NadarayaWatsonRegressor(0.3).fit(X, Y, sample_weight=weight)
    kernel = np.exp(-0.5 * (((Q[:, None] - X) / np.longdouble(0.3)) ** 2).sum(-1)) * weight
    expected = (kernel @ Y) / kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(Q), expected.astype(float), rtol=0, atol=1e-12)
    p = model.attention_weights(Q)
    assert p.shape == (50, np.count_nonzero(weight)) and np.allclose(p.sum(axis=1), 1)


@pytest.mark.parametrize("kind, y", [(NadarayaWatsonRegressor, Y), (NadarayaWatsonClassifier, LABELS)])
def test_whole_weights_are_repetitions(kind, y):
    weight = rng.integers(0, 4, 200)
    weighted = kind(0.5).fit(X, y, sample_weight=weight)
    repeated = kind(0.5).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0))
    predict = "predict_proba" if kind is NadarayaWatsonClassifier else "predict"
    np.testing.assert_allclose(getattr(weighted, predict)(Q), getattr(repeated, predict)(Q), rtol=0, atol=1e-13)


def test_far_from_the_data_the_nearest_point_answers():
    model = NadarayaWatsonRegressor(0.01).fit(X, Y)
    far = np.array([[1e9, 0.0], [-1e9, 0.0]])
    np.testing.assert_allclose(model.predict(far), Y[[np.argmax(X[:, 0]), np.argmin(X[:, 0])]])


def test_float32_stays():
    model = NadarayaWatsonRegressor(0.5).fit(X.astype("f4"), Y.astype("f4"))
    assert model.predict(Q.astype("f4")).dtype == np.float32
    np.testing.assert_allclose(
        model.predict(Q.astype("f4")), NadarayaWatsonRegressor(0.5).fit(X, Y).predict(Q), atol=1e-5
    )


def test_loo_and_rules():
    model = NadarayaWatsonRegressor("loo").fit(X, Y[:, 0])
    np.testing.assert_array_equal(model.bandwidth_, attnpool.bandwidth.loo(X, Y[:, 0]).bandwidth)
    assert NadarayaWatsonRegressor("loo").fit(X, Y[:, 0]).score(X, Y[:, 0]) > 0.9
    np.testing.assert_array_equal(NadarayaWatsonRegressor("scott").fit(X, Y).bandwidth_, attnpool.bandwidth.scott(X))
    assert model.bandwidth == "loo"  # fit leaves parameters alone


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, 1e-310, "wide", [1.0, 2.0, 3.0], [[1.0]]])
def test_wrong_bandwidths(wrong):
    with pytest.raises(ValueError, match="^bandwidth"):
        NadarayaWatsonRegressor(wrong).fit(X, Y)


@pytest.mark.parametrize("wrong", [-np.ones(200), np.zeros(200)])
def test_wrong_weights(wrong):
    with pytest.raises(ValueError, match="^sample_weight"):
        NadarayaWatsonRegressor().fit(X, Y, sample_weight=wrong)


def test_classifier():
    model = NadarayaWatsonClassifier(0.2).fit(X, LABELS)
    p = model.predict_proba(Q)
    expected = oracle.pool(Q, X, (LABELS[:, None] == model.classes_).astype(float), 5.0)
    np.testing.assert_allclose(p, expected.astype(float), rtol=0, atol=1e-14)
    assert model.classes_.tolist() == ["blue", "green", "red"] and np.all(p >= 0)
    assert model.score(X, LABELS) > 0.9
    assert (
        NadarayaWatsonClassifier("loo")
        .fit(X, LABELS)
        .score(Q, np.array(["blue", "green", "red"])[np.digitize(Q[:, 0], [-0.4, 0.4])])
        > 0.8
    )


@pytest.mark.parametrize("kind, y", [(NadarayaWatsonRegressor, Y), (NadarayaWatsonClassifier, LABELS)])
def test_tools_of_scikit_learn(kind, y):
    model = kind(0.5, n_jobs=1).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(Q), model.predict(Q))
    parameters = {"bandwidth": 0.5, "kernel": "gaussian", "empty": "nan", "n_jobs": 1}
    if kind is NadarayaWatsonRegressor:
        parameters["order"] = 0
    assert clone(model).get_params() == parameters
    name = kind.__name__.lower() + "__bandwidth"
    search = GridSearchCV(make_pipeline(StandardScaler(), kind()), {name: [0.2, 50.0]}).fit(X, y)
    assert search.best_params_ == {name: 0.2}
    best = GridSearchCV(kind(), {"bandwidth": [0.2, 50.0]}).fit(X, y, sample_weight=np.ones(200))
    assert best.best_params_ == {"bandwidth": 0.2}
    assert cross_val_score(kind(0.3), X, y).mean() > 0.5


def test_data_frames_keep_their_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b"])
    model = NadarayaWatsonRegressor(0.5).fit(frame, Y)
    assert model.feature_names_in_.tolist() == ["a", "b"]
    np.testing.assert_array_equal(model.predict(frame), NadarayaWatsonRegressor(0.5).fit(X, Y).predict(X))
