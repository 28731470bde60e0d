"""select_batch: what select finds for each problem alone, mistakes that name their problem, and stopping."""

import warnings

import numpy as np
import pytest

from attnpool import bandwidth as b

pytestmark = pytest.mark.filterwarnings("ignore::attnpool.bandwidth.BandwidthWarning")

FIGURES = "value rule_value evaluations n leave_one_out gcv aicc trace r_squared residual_error".split()


def series(count=7, length=40, columns=None, seed=0):
    g = np.random.default_rng(seed)
    x = g.uniform(size=(count, length) if columns is None else (count, length, columns))
    first = x if columns is None else x[..., 0]
    return x, np.sin(g.uniform(3, 9, (count, 1)) * first) + 0.3 * g.normal(size=(count, length))


def assert_same(batch, i, alone):
    assert batch.w[i].tolist() == alone.w.tolist() and batch.bandwidth[i].tolist() == alone.bandwidth.tolist()
    for name in FIGURES:
        np.testing.assert_array_equal(getattr(batch, name)[i], getattr(alone, name), name)
    assert (batch.at_bound[i], batch.converged[i]) == (alone.at_bound, alone.converged)
    one = batch[i]
    np.testing.assert_array_equal(one.losses, alone.losses)
    np.testing.assert_array_equal(one.scales, alone.scales)
    assert [(w.tolist(), v) for w, v in one.minima] == [(w.tolist(), v) for w, v in alone.minima]
    assert one.summary() == alone.summary()


@pytest.mark.parametrize("criterion", ["leave-one-out", "gcv", "aicc"])
@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_each_problem_has_the_bits_of_its_own_call(criterion, n_jobs):
    x, y = series()
    batch = b.select_batch(x, y, criterion=criterion, n_jobs=n_jobs)
    assert len(batch) == 7 and batch.w.shape == (7, 1) and batch.criterion == criterion
    for i in range(7):
        assert_same(batch, i, b.select(x[i], y[i], criterion=criterion))
    assert batch[-1].summary() == batch[6].summary()
    with pytest.raises(IndexError):
        batch[7]


@pytest.mark.parametrize("per_dimension", [True, False])
def test_several_columns_and_weights(per_dimension):
    x, y = series(3, 25, columns=2)
    values = np.stack([y, y**2], axis=-1)
    weight = np.random.default_rng(1).integers(0, 3, size=y.shape)
    batch = b.select_batch(x, values, weight, per_dimension=per_dimension)
    assert batch.w.shape == (3, 2) and batch.n.tolist() == np.count_nonzero(weight, axis=1).tolist()
    for i in range(3):
        assert_same(batch, i, b.select(x[i], values[i], weight[i], per_dimension=per_dimension))


def test_lists_of_different_lengths_and_kinds():
    x, y = series(4)
    lengths = [40, 9, 2, 23]
    xs, ys = ([a[:n] for a, n in zip(both, lengths)] for both in (x, y))
    xs[1], ys[1] = xs[1].tolist(), ys[1][:, np.newaxis]
    xs[3] = xs[3].astype(np.float32)
    batch = b.select_batch(xs, ys, [np.ones(n) for n in lengths])
    assert batch.n.tolist() == lengths
    for i in range(4):
        assert_same(batch, i, b.select(xs[i], ys[i], np.ones(lengths[i])))


def test_strides_and_other_dtypes():
    x, y = series(3)
    want = b.select_batch(x, y)
    assert b.select_batch(np.asfortranarray(x), np.asfortranarray(y)).w.tolist() == want.w.tolist()
    assert b.select_batch(np.repeat(x, 2, axis=1)[:, ::2], y[..., np.newaxis]).w.tolist() == want.w.tolist()
    single = x.astype(np.float32)
    assert b.select_batch(single, y).w.tolist() == b.select_batch(single.astype(np.float64), y).w.tolist()


@pytest.mark.parametrize("empty", [[], np.empty((0, 5)), np.empty((0, 5, 2))])
def test_no_problem(empty):
    batch = b.select_batch(empty, np.empty((0, 5)) if len(np.shape(empty)) > 1 else [])
    assert len(batch) == 0 and batch.n.size == 0 and batch.at_bound.size == 0


def test_mistakes_name_the_problem():
    x, y = series(5)
    for place, wrong in (((3, 7), np.nan), ((2, 1), np.inf)):
        bad = x.copy()
        bad[place] = wrong
        with pytest.raises(ValueError, match=rf"^problem {place[0]}: x\[{place[1]},0\]: must be finite, got {wrong}$"):
            b.select_batch(bad, y)
        with pytest.raises(ValueError, match=rf"^problem {place[0]}: x\[{place[1]},0\]: must be finite"):
            b.select_batch(bad, y, per_dimension=False)
        with pytest.raises(ValueError, match=rf"^problem {place[0]}: y\[{place[1]},0\]: must be finite"):
            b.select_batch(x, bad)
    weight = np.ones(x.shape)
    weight[4, 2] = -1
    with pytest.raises(ValueError, match=r"^problem 4: sample_weight\[2\]: must be finite and >= 0, got -1$"):
        b.select_batch(x, y, weight)
    with pytest.raises(ValueError, match="^problem 1: x: selection needs at least two rows of positive weight, got 1$"):
        b.select_batch([x[0], x[1, :1]], [y[0], y[1, :1]])
    with pytest.raises(ValueError, match="^problem 1: y: must have 40 rows to match x, got 39$"):
        b.select_batch(list(x[:2]), [y[0], y[1, :39]])
    with pytest.raises(TypeError, match="^problem 1: x: must hold real numbers"):
        b.select_batch([x[0], ["a", "b"]], list(y[:2]))
    with pytest.raises(ValueError, match="^problem 1: x: must have 1 columns as problem 0, got 2$"):
        b.select_batch([x[0], np.ones((40, 2))], list(y[:2]))
    with pytest.raises(ValueError, match="^y: must have 5 problems to match x, got 4$"):
        b.select_batch(x, y[:4])
    with pytest.raises(ValueError, match=r"^x: must be an array \[B, n\]"):
        b.select_batch(x[0], y)
    with pytest.raises(ValueError, match="criterion"):
        b.select_batch(x, y, criterion="best")
    with pytest.raises(TypeError, match="progress: must be callable"):
        b.select_batch(x, y, progress=3)


def test_one_warning_counts_the_problems():
    x, y = series(6)
    y[2] = np.random.default_rng(3).normal(size=y.shape[1])
    y[4] = 1.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        batch = b.select_batch(x, y)
    bound = int(np.count_nonzero(batch.at_bound != ""))
    assert bound >= 1 and [str(w.message).count(f"{bound} of 6 problems") for w in caught] == [1]
    assert caught[0].category is b.BandwidthWarning and caught[0].filename == __file__


def test_progress_is_told_and_stops():
    x, y = series(1500, 300)
    fractions = []
    stopped = b.select_batch(x, y, n_jobs=1, progress=lambda f: fractions.append(f) or len(fractions) < 2)
    assert len(fractions) == 2 and 0 < fractions[0] < fractions[1] < 1
    begun = ~np.isnan(stopped.w[:, 0])
    assert begun[0] and not begun[-1] and stopped.cancelled[-1] and np.isnan(stopped.value[-1])
    assert not stopped.cancelled[0] and stopped.n[-1] == 300

    def fail(fraction):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        b.select_batch(x, y, progress=fail)
