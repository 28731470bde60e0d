"""The scripts of examples/python run; that of the chapter learns and writes its pictures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples/python"


def run(script, *arguments):
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    command = [sys.executable, "-B", EXAMPLES / script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", sorted(p.name for p in EXAMPLES.glob("plot_*.py") if "chapter" not in p.name))
def test_runs(script):
    for module in ("matplotlib", "sklearn", "statsmodels", "torch"):
        if f"import {module}" in (EXAMPLES / script).read_text() or f"from {module}" in (EXAMPLES / script).read_text():
            pytest.importorskip(module)
    run(script)


def test_chapter(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    said = run("plot_1_chapter.py", tmp_path)
    errors = [float(line.split()[-1]) for line in said.splitlines() if "mean squared error" in line]
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
