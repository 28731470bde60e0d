"""The package beside what it replaces: agreement, and how many times faster. Prints Markdown.

    tools/bench --python [--threads N] [--large] [PART ...]

PARTs: d2l statsmodels selection long inference bootstrap lowess batch process; all by default. --large adds the chapter at n = 20,000, where its own
code takes some 13 GB and minutes, local lines at n = 5,000, and lowess at n = 100,000 with its default fraction, where
statsmodels takes minutes.
Times are medians of interleaved runs (one run each at n = 20,000), on one thread unless told otherwise.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--threads", default="1")
parser.add_argument("--large", action="store_true")
parser.add_argument("parts", nargs="*", default=[])
options = parser.parse_args()
for name in ("ATTNPOOL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = options.threads

import numpy as np  # noqa: E402

import attnpool  # noqa: E402

here = Path(__file__).parent
sys.path.insert(0, str(here.parent / "python/tests"))
import originals  # noqa: E402


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def both(theirs, ours, repeats):
    """Median seconds of the two, run in turns after one run of each, and their last results."""
    if repeats > 1:
        theirs(), ours()
    runs = [(timed(theirs), timed(ours)) for _ in range(repeats)]
    return [statistics.median(run[i][0] for run in runs) for i in (0, 1)], [runs[-1][i][1] for i in (0, 1)]


def seconds(t):
    return f"{t:.3g} s" if t >= 1 else f"{t * 1e3:.3g} ms" if t >= 1e-3 else f"{t * 1e6:.3g} µs"


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def d2l():
    import torch

    from attnpool.shims.d2l import NWKernelRegression

    torch.set_num_threads(int(options.threads))
    modules = originals.chapter_module(), NWKernelRegression
    print("\nThe chapter's PyTorch code, and the same with the module imported from attnpool.shims.d2l (float32):\n")
    row(
        "n",
        "5 epochs of training",
        "ours",
        "ratio",
        "prediction of 50",
        "ours",
        "ratio",
        "with the tiles built",
        "w apart",
        "predictions apart",
    )
    row(*["--:"] * 10)
    for n in [50, 2000] + [20000] * options.large:
        torch.manual_seed(0)
        x, y, q = originals.chapter_data(n)
        tiles_time, (keys, values) = timed(lambda: originals.chapter_tiles(x, y))

        def train(kind):
            torch.manual_seed(1)
            net = kind()
            originals.chapter_training(net, x, y, keys, values, lr=0.5 * 50 / n)  # the chapter's 0.5 at its n = 50
            return net

        times, nets = both(*(lambda kind=kind: train(kind) for kind in modules), {50: 101, 2000: 5}.get(n, 1))
        tiled = [t.repeat((len(q), 1)) for t in (x, y)]
        predict_times, _ = both(*(lambda net=net: net(q, *tiled) for net in nets), 101 if n < 20000 else 5)
        w = [float(net.w) for net in nets]
        nets[1].w.data = nets[0].w.data.clone()
        outs = [net(q, *tiled).detach() for net in nets]
        whole = (tiles_time + times[0]) / (tiles_time + times[1])
        row(
            n,
            *map(seconds, times),
            f"{times[0] / times[1]:.1f}×",
            *map(seconds, predict_times),
            f"{predict_times[0] / predict_times[1]:.1f}×",
            f"{whole:.1f}×",
            f"{abs(w[1] / w[0] - 1):.0e}",
            f"{float((outs[0] - outs[1]).abs().max()):.0e}",
        )


def statsmodels():
    from statsmodels.nonparametric.kernel_regression import KernelReg

    from attnpool.shims import statsmodels as shim

    data = np.loadtxt(here.parent / "tools/program/data/mcycle.csv", delimiter=",", skiprows=1)
    rng = np.random.default_rng(0)
    print(
        "\nstatsmodels' KernelReg(..., reg_type='lc', bw=[1.5]).fit() on the motorcycle data and on resamples of it:\n"
    )
    row("n", "statsmodels", "ours", "ratio", "fits apart")
    row(*["--:"] * 5)
    for n in (len(data), 1000, 5000):
        times, accel = (data if n == len(data) else data[rng.integers(0, len(data), n)] + rng.normal(0, 0.3, (n, 2))).T
        runs, fits = both(
            *(
                lambda kind=kind: kind(accel, times, "c", reg_type="lc", bw=[1.5]).fit()
                for kind in (KernelReg, shim.KernelReg)
            ),
            5 if n < 5000 else 3,
        )
        row(n, *map(seconds, runs), f"{runs[0] / runs[1]:.0f}×", f"{np.abs(fits[0][0] - fits[1][0]).max():.0e}")
    statsmodels_lines(data, rng)


def statsmodels_lines(data, rng):
    """statsmodels takes a matrix, and a pseudo-inverse, for every query."""
    from statsmodels.nonparametric.kernel_regression import KernelReg

    from attnpool.shims import statsmodels as shim

    print("\nThe same with its default, reg_type='ll', and the means alone by attnpool.pool(..., order=1):\n")
    row("n", "statsmodels", "the drop-in", "ratio", "pool", "ratio", "fits apart")
    row(*["--:"] * 7)
    for n in (len(data), 1000) + (5000,) * options.large:
        times, accel = (data if n == len(data) else data[rng.integers(0, len(data), n)] + rng.normal(0, 0.3, (n, 2))).T
        runs, fits = both(
            *(lambda kind=kind: kind(accel, times, "c", bw=[1.5]).fit() for kind in (KernelReg, shim.KernelReg)),
            5 if n == len(data) else 1,
        )
        pool = median_run(lambda: attnpool.pool(times, times, accel, bandwidth=1.5, order=1), 9)[0]
        ratios = [f"{runs[0] / t:.0f}×" for t in (runs[1], pool)]
        apart = f"{np.abs(fits[0][0] - fits[1][0]).max():.0e}"
        row(n, seconds(runs[0]), seconds(runs[1]), ratios[0], seconds(pool), ratios[1], apart)


def batch():
    rng = np.random.default_rng(0)
    x = np.sort(rng.random((10000, 100)), axis=1)
    y = np.sin(6 * x) + rng.normal(0, 0.2, x.shape)
    print("\n10,000 fits of 100 points at 100 queries, bandwidth 0.1: one call beside a loop over the NumPy formula:\n")
    row("dtype", "loop", "one call", "ratio", "results apart")
    row(*["--:"] * 5)
    for dtype in (np.float64, np.float32):
        a, b = x.astype(dtype), y.astype(dtype)
        runs, results = both(
            lambda: np.stack([originals.nadaraya_watson(u, u, v, dtype(0.1)) for u, v in zip(a, b)]),
            lambda: attnpool.pool(a[..., None], a[..., None], b[..., None], bandwidth=0.1)[..., 0],
            3,
        )
        row(
            np.dtype(dtype),
            *map(seconds, runs),
            f"{runs[0] / runs[1]:.1f}×",
            f"{np.abs(results[0] - results[1]).max():.0e}",
        )


def process():
    code = "import time, numpy; t = time.perf_counter(); import attnpool; print(time.perf_counter() - t)"
    loads = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(11)
    ]
    median, largest = seconds(statistics.median(loads)), seconds(max(loads))
    print(f"\nimport attnpool after numpy: {median}, largest of {len(loads)}: {largest}")
    k, v = np.linspace(0, 1, 100), np.zeros(100)
    runs = [timed(lambda: [attnpool.pool(k[:7], k, v, w=3.0) for _ in range(1000)])[0] for _ in range(9)]
    print(f"a call of pool on 7 queries and 100 keys: {seconds(statistics.median(runs) / 1000)}")
    calls = [
        "attnpool.pool(x, x, x, w=5.0, algorithm='dense')",
        "attnpool.pool(x, x, x, w=5.0)",
        "attnpool.fit(x, x, w0=5.0, epochs=99)",
        "attnpool.bandwidth.loo(x, x)",
        "attnpool.attention_weights(x[:9999], x[:99999], w=5.0)",
    ]
    print("Ctrl-C to KeyboardInterrupt, slowest of 5: ", end="")
    slowest = []
    for call in calls:
        code = f"""
import time, numpy as np, attnpool
x = np.random.default_rng(0).random(1000000)
print("begin", flush=True)
try:
    while True:
        {call}
except KeyboardInterrupt:
    print(time.time())
"""
        waits = []
        for _ in range(5):
            child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
            child.stdout.readline()
            time.sleep(0.25 + 0.1 * np.random.default_rng().random())
            sent = time.time()
            child.send_signal(2)
            waits.append(float(child.stdout.read()) - sent)
            child.wait()
        slowest.append(f"{call.split('attnpool.')[1]} {seconds(max(waits))}")
    print(", ".join(slowest))


def selection():
    from statsmodels.nonparametric.kernel_regression import KernelReg

    rng = np.random.default_rng(0)
    print(
        "\nThe bandwidths with the least leave-one-out error: statsmodels' KernelReg(..., bw='cv_ls') and bandwidth.select:\n"
    )
    row("n, columns", "statsmodels", "ours", "ratio", "its error / ours")
    row(*["--:"] * 5)
    for n, columns in ((200, 1), (1000, 1), (200, 2), (1000, 2)):
        x = rng.random((n, columns))
        y = np.sin(6 * x[:, 0]) * x[:, -1] + rng.normal(0, 0.2, n)
        runs, found = both(
            lambda: KernelReg(y, x, "c" * columns, reg_type="lc", bw="cv_ls"),
            lambda: attnpool.bandwidth.select(x, y),
            3,
        )
        theirs = float(np.squeeze(found[0].cv_loo(found[0].bw, found[0].est["lc"])))
        row(f"{n}, {columns}", *map(seconds, runs), f"{runs[0] / runs[1]:.0f}×", f"{theirs / found[1].value:.9f}")


def selection_of_long_data():
    """No peer finishes: times alone."""
    print("\nThe same on larger data:\n")
    row("n, columns", "ours", "evaluations")
    row(*["--:"] * 3)
    rng = np.random.default_rng(0)
    for n, columns in ((2000, 1), (10_000, 1), (1_000_000, 1), (100_000, 2), (10_000, 5)):
        x = rng.random((n, columns))
        y = np.sin(6 * x[:, 0]) + rng.normal(0, 0.3, n)
        runs = [timed(lambda: attnpool.bandwidth.select(x, y)) for _ in range(1 if n * columns > 20_000 else 5)]
        t, found = sorted(runs, key=lambda run: run[0])[len(runs) // 2]
        row(f"{n}, {columns}", seconds(t), str(found.evaluations))
    selection_of_many_series(rng)


def selection_of_many_series(rng):
    """One call for all; statsmodels on a few of them."""
    from statsmodels.nonparametric.kernel_regression import KernelReg

    print(
        "\nA bandwidth for each of many series (bandwidth.select_batch), statsmodels' time for a series from five of them:\n"
    )
    row("series of 100", "statsmodels for one", "ours for all", "for one", "ratio", "its error / ours")
    row(*["--:"] * 6)
    x = rng.random((10_000, 100))
    y = np.sin(rng.uniform(2, 8, (10_000, 1)) * x) + rng.normal(0, 0.3, x.shape)
    found = attnpool.bandwidth.select_batch(x, y)
    t = statistics.median(timed(lambda: attnpool.bandwidth.select_batch(x, y))[0] for _ in range(5))
    theirs = [timed(lambda: KernelReg(y[i], x[i], "c", reg_type="lc", bw="cv_ls")) for i in range(5)]
    one = statistics.median(run[0] for run in theirs)
    errors = [float(np.squeeze(k.cv_loo(k.bw, k.est["lc"]))) / found.value[i] for i, (_, k) in enumerate(theirs)]
    row("10,000", *map(seconds, (one, t, t / 10_000)), f"{one / t * 10_000:.0f}×", f"{statistics.median(errors):.9f}")


def inference():
    print("\nStandard errors: the NumPy formula (hc3, all pairs), and attnpool.inference next to attnpool.pool:\n")
    row("n", "NumPy", "pool", "inference", "and slopes", "largest difference of standard errors")
    row(*["--:"] * 6)
    rng = np.random.default_rng(0)

    def by_numpy(x, y, h):
        p = np.exp(-(((x[:, None] - x) / h) ** 2) / 2)
        p /= p.sum(axis=1, keepdims=True)
        e = (y - p @ y) / (1 - np.diag(p))
        return np.sqrt(p**2 @ e**2)

    for n, h in ((2000, 0.05), (10_000, 0.03), (1_000_000, 0.005)):
        x = rng.random(n)
        y = np.sin(6 * x) + rng.normal(0, 0.3, n)
        ours = [
            lambda: attnpool.pool(x, x, y, bandwidth=h),
            lambda: attnpool.inference(x, x, y, bandwidth=h, slopes=False),
            lambda: attnpool.inference(x, x, y, bandwidth=h),
        ]
        runs = [sorted((timed(f) for _ in range(5)), key=lambda run: run[0])[2] for f in ours]
        theirs = timed(lambda: by_numpy(x, y, h)) if n <= 10_000 else None
        difference = "" if theirs is None else f"{np.max(np.abs(theirs[1] / runs[1][1].standard_error - 1)):.0e}"
        times = [seconds(t) for t, _ in runs]
        row(str(n), "-" if theirs is None else seconds(theirs[0]), *times, difference)


def bootstrap():
    print(
        "\nBootstrap, 999 replicates: NumPy (weights once, replicates as one matrix product), and attnpool.bootstrap:\n"
    )
    row("kind, n = queries", "NumPy", "attnpool", "", "largest difference of standard errors (other random numbers)")
    row(*["--:"] * 5)
    rng = np.random.default_rng(0)

    def wild_by_numpy(x, y, h):
        p = np.exp(-(((x[:, None] - x) / h) ** 2) / 2)
        p /= p.sum(axis=1, keepdims=True)
        e = (y - p @ y) / (1 - np.diag(p))
        replicates = p @ (e[:, None] * rng.choice([-1.0, 1.0], (len(x), 999)))
        return replicates.std(axis=1), np.quantile(replicates, [0.025, 0.975], axis=1)

    def pairs_by_numpy(x, y, h):
        p = np.exp(-(((x[:, None] - x) / h) ** 2) / 2)
        m = rng.multinomial(len(x), np.full(len(x), 1 / len(x)), 999).T.astype(float)
        replicates = (p @ (m * y[:, None])) / (p @ m)
        return replicates.std(axis=1), np.quantile(replicates, [0.025, 0.975], axis=1)

    for kind, numpy_way in (("wild", wild_by_numpy), ("pairs", pairs_by_numpy)):
        for n, h in ((500, 0.1), (2000, 0.05), (10_000, 0.03), (100_000, 0.01)):
            x = rng.random(n)
            y = np.sin(6 * x) + rng.normal(0, 0.3, n)
            runs = 3 if n < 100_000 else 1
            ours = median_run(lambda: attnpool.bootstrap(x, x, y, bandwidth=h, kind=kind), runs)
            theirs = median_run(lambda: numpy_way(x, y, h), runs) if n <= 10_000 else None
            difference = "" if theirs is None else f"{np.max(np.abs(theirs[1][0] / ours[1].standard_error - 1)):.0%}"
            times = ["-", seconds(ours[0]), ""]
            if theirs is not None:
                times = [seconds(theirs[0]), seconds(ours[0]), f"{theirs[0] / ours[0]:.1f}×"]
            row(f"{kind}, {n}", *times, difference)


def lowess():
    from statsmodels.nonparametric.smoothers_lowess import lowess as original

    from attnpool.shims.statsmodels import lowess as shim

    print("\nstatsmodels' lowess(y, x, frac) with its three iterations, delta = 0, one outlier in fifty:\n")
    row("n, frac", "statsmodels", "ours", "ratio", "fits apart, of the range of y")
    row(*["--:"] * 5)
    rng = np.random.default_rng(0)
    cases = [(133, 2 / 3), (1000, 2 / 3), (10_000, 2 / 3), (100_000, 0.01), (100_000, 0.1)]
    for n, frac in cases + [(100_000, 2 / 3)] * options.large:
        x = 10 * rng.random(n)
        y = np.sin(x) + rng.normal(0, 0.3, n) + 5 * (np.arange(n) % 50 == 0)
        theirs = median_run(lambda: original(y, x, frac), 3 if n <= 10_000 else 1)
        ours = median_run(lambda: shim(y, x, frac), 5)
        times = [seconds(theirs[0]), seconds(ours[0]), f"{theirs[0] / ours[0]:.0f}×"]
        row(f"{n}, {frac:.3g}", *times, f"{np.abs(theirs[1] - ours[1]).max() / np.ptp(y):.0e}")
    print("\nLonger data, no peer finishes:\n")
    row("n", "frac 0.01", "frac 2/3", "frac 2/3, delta 1 % of the range")
    row(*["--:"] * 4)
    for n in (1_000_000, 10_000_000):
        x = 10 * rng.random(n)
        y = np.sin(x) + rng.normal(0, 0.3, n)
        calls = [{"frac": 0.01}, {"frac": 2 / 3}, {"frac": 2 / 3, "delta": 0.1}]
        row(f"{n}", *(seconds(median_run(lambda call=call: shim(y, x, **call), 3)[0]) for call in calls))


def median_run(f, runs):
    return sorted((timed(f) for _ in range(runs)), key=lambda run: run[0])[runs // 2]


parts = {
    "d2l": d2l,
    "statsmodels": statsmodels,
    "selection": selection,
    "long": selection_of_long_data,
    "inference": inference,
    "bootstrap": bootstrap,
    "lowess": lowess,
    "batch": batch,
    "process": process,
}
config = attnpool.config()
print(f"attnpool {config['version']}, {config['isa']}, {config['threads']} thread(s); NumPy {np.__version__}")
for name in options.parts or parts:
    parts[name]()
