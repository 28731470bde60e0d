"""The plug-in rule of Ruppert, Sheather and Wand: the numbers of R, and what it cannot do."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import attnpool
from attnpool import bandwidth as b

MOTORCYCLE = Path(__file__).parents[2] / "tools" / "program" / "data" / "mcycle.csv"


def scattered(n, seed, wiggle=4, noise=0.5):
    random = np.random.default_rng(seed)
    x = random.exponential(size=n) if seed % 2 else random.uniform(-3, 9, n)
    return x, np.sin(wiggle * x / np.ptp(x)) + noise * random.normal(size=n)


def test_dpill_is_that_of_r_for_the_motorcycle():
    """R 4.2.2, KernSmooth 2.23-20: dpill(times, accel), and with trim = 0, gridsize = 101, range.x = c(2, 56)."""
    times, accel = np.loadtxt(MOTORCYCLE, delimiter=",", skiprows=1).T
    assert b.dpill(times, accel) == pytest.approx(1.44525836557079, rel=1e-9)
    assert b.dpill(times[:, None], accel[:, None], trim=0) == pytest.approx(1.62728732566623, rel=1e-9)
    assert b.dpill(times, accel, gridsize=101) == pytest.approx(1.46216427672376, rel=1e-9)
    assert b.dpill(times, accel, range_x=(2, 56)) == pytest.approx(1.44745090806604, rel=1e-9)
    model = attnpool.NadarayaWatsonRegressor("dpill").fit(times[:, None], accel)
    assert model.bandwidth_ == pytest.approx([1.44525836557079], rel=1e-9)
    doubled = model.fit(np.r_[times, 60.0][:, None], np.r_[accel, 7.0], np.r_[np.full(133, 2.0), 0.0])
    assert doubled.bandwidth_ == pytest.approx([1.44525836557079], rel=1e-9)


R = shutil.which("Rscript")


@pytest.mark.skipif(
    R is None or subprocess.run([R, "-e", "library(KernSmooth)"], capture_output=True, check=False).returncode != 0,
    reason="R with KernSmooth is not installed",
)
def test_dpill_is_that_of_the_r_that_is_installed(tmp_path):
    cases = [(*scattered(n, seed), {}) for seed, n in enumerate([60, 100, 133, 250, 600, 1000, 3000])]
    cases += [
        (*scattered(500, 3), settings)
        for settings in ({"blockmax": 2}, {"divisor": 200}, {"trim": 0.1}, {"proptrun": 0.2}, {"gridsize": 201})
    ]
    x, y = scattered(800, 4)
    cases.append((np.floor(2 * x), y, {}))  # many ties
    script = ["suppressMessages(library(KernSmooth))"]
    for i, (x, y, settings) in enumerate(cases):
        np.savetxt(tmp_path / f"{i}.txt", np.c_[x, y], fmt="%.17g")
        script.append(f"d <- read.table('{tmp_path}/{i}.txt')")
        more = "".join(f", {name} = {value}" for name, value in settings.items())
        script.append(f"cat(sprintf('%.15g', dpill(d$V1, d$V2{more})), '\\n')")
    (tmp_path / "dpill.R").write_text("\n".join(script))
    printed = subprocess.run([R, str(tmp_path / "dpill.R")], capture_output=True, text=True, check=True).stdout.split()
    ours = [b.dpill(x, y, **settings) for x, y, settings in cases]
    np.testing.assert_allclose(ours, np.array(printed, dtype=float), rtol=1e-6)


@pytest.mark.parametrize(
    "arguments, settings, message",
    [
        (([1.0, 2.0], [1.0]), {}, "^y: must have 2 rows to match x, got 1"),
        ((np.arange(5.0), np.arange(5.0) % 2), {}, "^x: the plug-in rule needs at least 6 rows after trimming, got 5"),
        ((np.ones(50), np.arange(50.0)), {}, "^x: are all 1 after trimming"),
        ((np.arange(50.0) // 20, np.arange(50.0)), {}, "^x: the plug-in rule needs at least 5 different keys .* got 3"),
        ((np.arange(50.0), np.ones(50)), {}, "^y: quartics in the keys fit them without residual"),
        ((np.ones((9, 2)), np.ones(9)), {}, "^x: the plug-in rule is for one column, got 2"),
        (([1.0, np.nan], [1.0, 2.0]), {}, r"^x\[1,0\]: must be finite, got nan"),
        (scattered(99, 0), {"trim": 0.5}, r"^trim: must be in \[0, 0.5\), got 0.5"),
        (scattered(99, 0), {"blockmax": 0}, "^blockmax: must be"),
        (scattered(99, 0), {"gridsize": 3}, r"^gridsize: must be in \[10, 100001\], got 3"),
        (scattered(99, 0), {"range_x": (3, 1)}, "^range_x: must be finite and ascending, got 3 to 1"),
        (scattered(99, 0), {"range_x": 3}, "^range_x: must be two numbers, got 3"),
    ],
)
def test_what_dpill_cannot_do_is_said(arguments, settings, message):
    with pytest.raises(ValueError, match=message):
        b.dpill(*arguments, **settings)


def test_dpill_of_estimators_is_for_one_feature_and_one_target():
    x, y = scattered(99, 0)
    model = attnpool.NadarayaWatsonRegressor("dpill")
    for X, Y in ((np.c_[x, y], y), (x[:, None], np.c_[y, y])):
        with pytest.raises(ValueError, match="^bandwidth: 'dpill' is for one feature and one target"):
            model.fit(X, Y)
    with pytest.raises(ValueError, match="^bandwidth: 'dpill' knows no sample_weight"):
        model.fit(x[:, None], y, np.arange(99.0))
