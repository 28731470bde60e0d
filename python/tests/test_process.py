"""What the package does to the process: nothing at import; threads, signals and forks while it computes."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import attnpool


def run(code, *, send=None, **environment):
    """Runs code in a new Python; sends a signal when it has printed a line. (exit status, output)."""
    child = subprocess.Popen(
        [sys.executable, "-B", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    first = child.stdout.readline()
    if send is not None:
        time.sleep(0.3)
        child.send_signal(send)
    rest = child.stdout.read()
    return child.wait(timeout=10), first + rest


def test_import_loads_nothing_heavy():
    status, output = run(
        """
import sys
import attnpool
heavy = {"sklearn", "scipy", "torch", "matplotlib", "pandas", "statsmodels"} & set(sys.modules)
print(sorted(heavy))
"""
    )
    assert (status, output) == (0, "[]\n")


def test_import_and_use_change_nothing():
    status, output = run(
        """
import signal, numpy as np

def state():
    with open("/proc/self/status") as f:
        lines = [line for line in f if line.startswith(("SigCgt", "SigIgn", "SigBlk", "Cpus_allowed:"))]
    tiny = np.float32(1e-42) * np.float32(1), np.float64(5e-324) * np.float64(1)
    return lines, [signal.getsignal(s) for s in signal.valid_signals()], tiny, np.geterr()

def threads():
    with open("/proc/self/status") as f:
        return [line for line in f if line.startswith("Threads")]

before, before_threads = state(), threads()
import attnpool
print(before == state(), before_threads == threads())
attnpool.pool(np.linspace(0, 1, 3000), np.linspace(0, 1, 3000), np.ones(3000), w=9.0)
print(before == state())
"""
    )
    assert (status, output) == (0, "True True\nTrue\n")


LONG = {
    "pool": "attnpool.pool(x, x, x, w=5.0, algorithm='dense')",
    "one job": "attnpool.pool(x, x, x, w=5.0, algorithm='dense', n_jobs=1)",
    "pruned": "attnpool.pool(x, x, x, w=5.0, algorithm='pruned')",
    "auto": "[attnpool.pool(x, x, x, w=5.0) for _ in range(1000)]",
    "batch": "attnpool.pool(np.tile(small, (10**5, 1, 1)), small, small, w=5.0, key_range=attnpool.KeyRange.all())",
    "two large": "attnpool.pool(*[np.stack([x[:, None]] * 2)] * 3, w=5.0, algorithm='dense')",
    "weights": "[attnpool.attention_weights(x[:2000], x[:50000], w=5.0) for _ in range(1000)]",
    "gradient": "attnpool.pool_gradient(x, x, x, w=5.0, algorithm='dense')",
    "fit": "attnpool.fit(x, x, w0=5.0, epochs=1000)",
    "loo": "attnpool.bandwidth.loo(x, x)",
    "state": "attnpool.PoolState(x, w=5.0).update(x, x)",
    "exp": "[attnpool.exp(x) for _ in range(10**6)]",
}


@pytest.mark.parametrize("call", LONG)
def test_ctrl_c(call):
    """Each would take from several seconds to hours."""
    prepare = "import warnings; warnings.simplefilter('ignore')"
    if call == "loo":  # imports SciPy, in the middle of which Ctrl-C may become some other exception
        pytest.importorskip("scipy")
        prepare += "; attnpool.bandwidth.loo(small, small)"
    code = f"""
import numpy as np, attnpool
x = np.random.default_rng(0).random(3 * 10**6)
small = np.linspace(0, 1, 200)[:, None]
{prepare}
print("begin", flush=True)
try:
    {LONG[call]}
except KeyboardInterrupt:
    print("interrupted")
"""
    status, output = run(code, send=signal.SIGINT)
    assert (status, output) == (0, "begin\ninterrupted\n")


def test_a_handler_of_the_caller_decides():
    code = """
import numpy as np, attnpool, signal, sys
class Stop(Exception): pass
def handler(*_): raise Stop
signal.signal(signal.SIGTERM, handler)
x = np.linspace(0, 1, 10**6)
print("begin", flush=True)
try:
    attnpool.pool(x, x, x, w=5.0, algorithm="dense")
except Stop:
    print("stopped")
"""
    assert run(code, send=signal.SIGTERM) == (0, "begin\nstopped\n")


def test_the_gil_is_free_while_computing():
    x = np.linspace(0, 1, 20000)
    counted, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            counted[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    before = counted[0]
    attnpool.pool(x, x, x, w=5.0, n_jobs=1, algorithm="dense")
    during = counted[0] - before
    stop.set()
    thread.join()
    assert during > 1000


def test_threads_of_the_caller_may_share_data():
    rng = np.random.default_rng(0)
    x, y = rng.random((2000, 2)), rng.random(2000)
    expected = attnpool.pool(x, x, y, w=9.0)
    state = attnpool.PoolState(x, w=9.0)
    results = [None] * 4

    def work(i):
        results[i] = attnpool.pool(x, x, y, w=9.0)
        state.update(x[i::4], y[i::4])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(np.array_equal(r, expected) for r in results)
    np.testing.assert_allclose(state.finish()[:, 0], expected, rtol=0, atol=1e-13)


def test_a_forked_child_computes():
    x = np.linspace(0, 1, 5000)
    expected = attnpool.pool(x, x, x, w=5.0)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(attnpool.pool(x, x, x, w=5.0), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_environment():
    code = "import attnpool; c = attnpool.config(); print(c['isa'], c['threads'])"
    assert run(code, ATTNPOOL_ISA="sse2", ATTNPOOL_NUM_THREADS="3") == (0, "sse2 3\n")
    # A wrong setting is no reason not to import, but one not to compute.
    status, output = run(
        "import attnpool; print(attnpool.__version__, flush=True); attnpool.exp([1.0])", ATTNPOOL_ISA="mmx"
    )
    assert status != 0 and "ATTNPOOL_ISA" in output and output.startswith(attnpool.__version__)


def test_n_jobs_counts_like_scikit_learn():
    from attnpool._arrays import threads as count

    processors = len(os.sched_getaffinity(0))
    assert count(None) == 0 and count(1) == 1 and count(-1) == processors
    assert count(10**12) == 1024 and count(-processors) == 1 and count(-1000) == 1 and count(np.int64(3)) == 3


def test_show_config(capsys):
    attnpool.show_config()
    assert attnpool.__version__ in capsys.readouterr().out


def test_results_pickle():
    result = attnpool.fit([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], w0=1.0)
    assert pickle.loads(pickle.dumps(result)).w == result.w
    with pytest.raises(TypeError):
        pickle.dumps(attnpool.PoolState([0.0], w=1.0))  # rather than a state without its sums


def test_names():
    assert set(attnpool.__all__) <= set(dir(attnpool))
    for name in ("pool", "KeyRange", "bandwidth", "shims"):
        assert getattr(attnpool, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        attnpool.nothing
