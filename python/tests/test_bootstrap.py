"""Bootstrap replicates, standard errors and bands, against NumPy and a Philox of our own."""

import numpy as np
import pytest

import attnpool
from attnpool import NadarayaWatsonClassifier, NadarayaWatsonRegressor


def philox(counter, key):
    """Philox4x32-10 on arrays of counters [..., 4]: Salmon et al. 2011."""
    mask = np.uint64(0xFFFFFFFF)
    c = [np.asarray(word, dtype=np.uint64) for word in np.broadcast_arrays(*counter)]
    k0, k1 = key
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [
            (b >> np.uint64(32)) ^ c[1] ^ np.uint64(k0),
            b & mask,
            (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k1),
            a & mask,
        ]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack(c, axis=-1)


def factors(kind, multiplier, n, replicates, seed):
    """Multipliers or counts, [replicates, n]."""
    key, b = (seed % 2**32, seed >> 32), np.arange(replicates)[:, None]
    blocks = np.arange(n)[None, :]
    if kind == "pairs":
        words = philox((np.arange(n)[None, :], 0, b, 2), key).reshape(replicates, -1)
        result = np.zeros((replicates, n))
        for i, row in enumerate(words):
            products = row * np.uint64(n)
            accepted = products[(products & np.uint64(2**32 - 1)) >= 2**32 % n][:n] >> np.uint64(32)
            assert len(accepted) == n
            result[i] = np.bincount(accepted.astype(int), minlength=n)
        return result
    if multiplier == "rademacher":
        words = philox((blocks // 128, 0, b, 0), key)
        word = np.take_along_axis(words, np.broadcast_to(blocks // 32 % 4, (replicates, n))[..., None], -1)[..., 0]
        return np.where(word >> (blocks % 32).astype(np.uint64) & np.uint64(1), 1.0, -1.0)
    words = philox((blocks // 4, 0, b, 1), key)
    word = np.take_along_axis(words, np.broadcast_to(blocks % 4, (replicates, n))[..., None], -1)[..., 0]
    return np.where(word < 2**32 * (5 + 5**0.5) / 10, (1 - 5**0.5) / 2, (1 + 5**0.5) / 2)


def data(n=180, seed=5):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 5, n))
    return x, 2 * np.sin(x) + x**0.8 + rng.normal(0, 0.2 + 0.1 * x), rng.uniform(0.5, 2, n)


def weights(queries, x, h, c):
    p = c * np.exp(-(((queries[:, None] - x) / h) ** 2) / 2)
    return p / p.sum(axis=1, keepdims=True)


def test_philox_has_its_published_answers():
    zeros = philox((0, 0, 0, 0), (0, 0))
    assert [hex(word) for word in zeros] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
    digits = philox((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0))
    assert [hex(word) for word in digits] == ["0xd16cfe09", "0x94fdcceb", "0x5001e420", "0x24126ea1"]


@pytest.mark.parametrize("algorithm", ["dense", "grid"])
@pytest.mark.parametrize(
    "kind, multiplier, residuals",
    [
        ("wild", "rademacher", "hc3"),
        ("wild", "mammen", "hc3"),
        ("wild", "rademacher", "hc2"),
        ("pairs", "rademacher", "hc3"),
    ],
)
def test_replicates_are_those_of_the_formula(kind, multiplier, residuals, algorithm):
    x, y, c = data()
    q, h, seed = np.linspace(0.2, 4.8, 11), 0.4, 2**40 + 3
    p, hat = weights(q, x, h, c), weights(x, x, h, c)
    e = (y - hat @ y) / (1 - np.diag(hat)) ** (1 if residuals == "hc3" else 0.5)
    m = factors(kind, multiplier, len(x), 150, seed)
    want = p @ y + m @ (p * e).T if kind == "wild" else m @ (p * y).T / (m @ p.T)
    found = attnpool.bootstrap(
        q,
        x,
        y,
        bandwidth=h,
        key_weights=c,
        kind=kind,
        multiplier=multiplier,
        residuals=residuals,
        replicates=150,
        seed=seed,
        level=0.9,
        keep_replicates=True,
        algorithm=algorithm,
    )
    np.testing.assert_allclose(found.mean, p @ y, rtol=1e-9)
    np.testing.assert_allclose(found.replicates, want, rtol=1e-8)
    np.testing.assert_allclose(found.standard_error, want.std(axis=0, ddof=1), rtol=1e-7)
    np.testing.assert_allclose(found.lower, np.quantile(want, 0.05, axis=0), rtol=1e-8)
    np.testing.assert_allclose(found.upper, np.quantile(want, 0.95, axis=0), rtol=1e-8)
    assert np.all(found.used == 150) and found.critical is None


def test_bands():
    x, y, _ = data()
    q = np.linspace(0.2, 4.8, 11)

    def of(band):
        return attnpool.bootstrap(q, x, y, bandwidth=0.4, band=band, level=0.8, keep_replicates=True)

    percentile, basic, normal, whole = map(of, ("percentile", "basic", "normal", "simultaneous"))
    np.testing.assert_allclose(basic.upper, 2 * basic.mean - percentile.lower, rtol=1e-12)
    np.testing.assert_allclose(normal.upper, normal.mean + 1.2815515655446004 * normal.standard_error, rtol=1e-12)
    farthest = (np.abs(whole.replicates - whole.mean) / whole.standard_error).max(axis=1)
    assert whole.critical == pytest.approx(np.quantile(farthest, 0.8))
    np.testing.assert_allclose(whole.lower, whole.mean - whole.critical * whole.standard_error, rtol=1e-12)
    assert np.all(whole.upper - whole.lower > normal.upper - normal.lower)


def test_shapes_follow_the_arrays():
    rng = np.random.default_rng(0)
    x, y = rng.random((50, 2)), rng.random((50, 3))
    found = attnpool.bootstrap(x[:4], x, y, w=[3.0, 4.0], replicates=20, band="simultaneous", keep_replicates=True)
    assert (found.mean.shape, found.used.shape, found.critical.shape) == ((4, 3), (4,), (3,))
    assert found.replicates.shape == (20, 4, 3)
    one = attnpool.bootstrap(x[:4].astype("f4"), x.astype("f4"), y[:, 0].astype("f4"), w=2.0, replicates=20)
    assert (one.lower.shape, one.lower.dtype, one.replicates) == ((4,), np.float64, None)
    assert attnpool.bootstrap(np.empty((0, 2)), x, y, w=2.0, replicates=20).upper.shape == (0, 3)


def test_threads_change_nothing_and_seeds_do():
    x, y, _ = data(2000)
    one, three = (attnpool.bootstrap(x, x, y, bandwidth=0.1, replicates=50, n_jobs=n) for n in (1, 3))
    assert np.array_equal(one.lower, three.lower) and np.array_equal(one.standard_error, three.standard_error)
    other = attnpool.bootstrap(x, x, y, bandwidth=0.1, replicates=50, seed=1)
    assert not np.array_equal(one.lower, other.lower)


def test_what_has_no_answer():
    found = attnpool.bootstrap([np.nan, 0.5, 99.0], [0.0, 1.0, 99.0], [1.0, 3.0, 2.0], bandwidth=1.0, kind="pairs")
    assert np.isnan(found.lower[0]) and np.isnan(found.standard_error[0])
    assert found.used[0] == 0 and 500 < found.used[2] < 999
    assert found.lower[2] == found.upper[2] == 2


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"kind": "block"}, "kind: must be one of wild, pairs, got 'block'"),
        ({"band": "bca"}, "band: must be one of percentile, basic, normal, simultaneous, got 'bca'"),
        ({"multiplier": "normal"}, "multiplier: must be one of rademacher, mammen, got 'normal'"),
        ({"residuals": "local"}, "residuals: must be one of hc0, hc1, hc2, hc3, got 'local'"),
        ({"replicates": 1}, "replicates: must be from 2 to 1000000, got 1"),
        ({"replicates": -1}, "replicates: must be"),
        ({"seed": -1}, "seed: must be"),
        ({"level": 95}, "level: must be between 0 and 1, got 95"),
        ({"keys": [1.0], "values": [1.0]}, "keys: inference needs at least two rows of positive weight, got 1"),
        ({"kind": "pairs", "multiplier": "mammen"}, "multiplier: is an option of the wild bootstrap, not of pairs"),
        ({"queries": np.zeros((2, 1, 1))}, "queries: bootstrap serves one problem at a time"),
    ],
)
def test_bad_arguments_are_named(changed, message):
    arguments = {"queries": [0.5], "keys": [0.0, 1.0, 2.0], "values": [1.0, 3.0, 2.0], "bandwidth": 1.0}
    with pytest.raises(ValueError, match=message):
        attnpool.bootstrap(**{**arguments, **changed})


def test_estimators():
    x, y, c = data()
    model = NadarayaWatsonRegressor(bandwidth=0.4).fit(x[:, None], y, sample_weight=c)
    found = model.bootstrap([[1.0], [2.0]], kind="pairs", replicates=99, seed=4, level=0.9)
    want = attnpool.bootstrap(
        [1.0, 2.0], x, y, bandwidth=0.4, key_weights=c, kind="pairs", replicates=99, seed=4, level=0.9
    )
    np.testing.assert_allclose(found.lower, want.lower, rtol=1e-9)
    assert found.mean.shape == (2,)
    with pytest.raises(TypeError, match="bandwidth: is the estimator's"):
        model.bootstrap([[1.0]], bandwidth=1.0)
    classes = NadarayaWatsonClassifier(bandwidth=0.4).fit(x[:, None], y > 2)
    assert classes.bootstrap([[1.0]], replicates=20).mean.shape == (1, 2)
