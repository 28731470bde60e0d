"""The example runs and writes its pictures."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_chapter(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    done = subprocess.run([sys.executable, "-B", EXAMPLES / "chapter.py", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    errors = [float(line.split()[-1]) for line in done.stdout.splitlines() if "mean squared error" in line]
    assert len(errors) == 4 and errors[0] > errors[1] > errors[2] and errors[3] < errors[1]
    pictures = sorted(p.name for p in tmp_path.iterdir())
    assert pictures == [
        "average.png",
        "leave_one_out.png",
        "loss.png",
        "nonparametric.png",
        "nonparametric_weights.png",
        "parametric.png",
        "parametric_weights.png",
    ]
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in tmp_path.iterdir())
