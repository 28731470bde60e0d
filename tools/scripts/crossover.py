#!/usr/bin/env python3
"""Draws time against n for every plan and peer, and prints from where each is quicker than dense.

    crossover.py [--threads N] [--isa ISA] OUT.png       measures first (tools/bench --plans), under a minute
    crossover.py --json PLANS.json OUT.png               draws what tools/bench --plans --json PLANS.json measured

Exit code 0: done; 1: the measurement, the file or gnuplot is no use; 2: usage.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import gnuplot
from gnuplot import quoted

COLORS = {
    "attnpool dense": "#7a7f87",
    "attnpool pruned": "#e08a1e",
    "attnpool grid": "#1f6fb4",
    "attnpool automatic": "#111111",
    "libmvec loop": "#b9a7d6",
    "SciPy binning + FFT": "#d1495b",
}


def fail(text):
    sys.exit(f"crossover: {text}")


def measure(options, path):
    bench = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench")
    command = [bench, "--plans", "--json", path]
    for name in ("threads", "isa"):
        if getattr(options, name):
            command += [f"--{name}", getattr(options, name)]
    if subprocess.run(command).returncode != 0:
        fail("the measurement failed")


def load(path):
    """Rows by dimensions, then by implementation, in the order of the file."""
    curves = {}
    try:
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
        for row in rows:
            curve = curves.setdefault(row["dims"], {}).setdefault(row["implementation"], [])
            curve.append((row["n"], row["seconds"]))
        first = rows[0]
        heading = f"{first['isa']}, threads: {first['threads']}; {first['cpu']}, {first['date']}"
        titles = {row["dims"]: f"{row['dims']} dimension{'s' if row['dims'] > 1 else ''}, tolerance "
                               f"{row['tolerance']:g}, bandwidth {row['bandwidth']:g} of the range" for row in rows}
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        fail(f"{path} is not what tools/bench --plans --json writes: {error}")
    return curves, titles, heading


def picture(curves, titles, heading):
    points = [point for by_name in curves.values() for curve in by_name.values() for point in curve]
    (least, shortest), (most, longest) = (tuple(f(p[i] for p in points) for i in (0, 1)) for f in (min, max))
    script = f"""
set terminal pngcairo noenhanced size 1280,640 font 'DejaVu Sans,12' background '#ffffff'
set encoding utf8
set multiplot layout 1,{len(curves)} title {quoted('Time of n queries on n keys, double; ' + heading)}
set border 1+2 linewidth 1 linecolor '#555555'
set tics nomirror out scale 0.6 textcolor '#333333'
set logscale xy
set grid linewidth 1 linecolor '#dddddd'
set xlabel 'n' textcolor '#222222'
set ylabel 'time' textcolor '#222222'
set rmargin 5
set xrange [{0.8 * least}:{1.25 * most}]
set yrange [{0.7 * shortest:.3g}:{1.5 * longest:.3g}]
set xtics ('100' 1e2, '1,000' 1e3, '10,000' 1e4, '100,000' 1e5, '1,000,000' 1e6)
set ytics ('1 µs' 1e-6, '10 µs' 1e-5, '100 µs' 1e-4, '1 ms' 1e-3, '10 ms' 1e-2, '100 ms' 1e-1, '1 s' 1, '10 s' 10)
set key top left reverse Left textcolor '#333333' samplen 2
"""
    for dims, by_name in curves.items():
        plots = []
        for i, (name, points) in enumerate(by_name.items()):
            script += f"$curve{dims}_{i} << END\n" + "".join(f"{n} {s:.6g}\n" for n, s in points) + "END\n"
            # The choice lies on top of another curve.
            style = "with linespoints linewidth 2 pointtype 7 pointsize 0.7"
            if name == "attnpool automatic":
                style = "with lines linewidth 2 dashtype (3,4)"
            plots.append(f"$curve{dims}_{i} {style} linecolor '{COLORS.get(name, '#555555')}' title {quoted(name)}")
        script += f"set title {quoted(titles[dims])}\nplot " + ", \\\n     ".join(plots) + "\n"
    return script + "unset multiplot\n"


def main():
    usage = "\n       ".join(line.strip() for line in __doc__.splitlines()[2:4])
    parser = argparse.ArgumentParser(usage=usage)
    parser.add_argument("--json", help="measured beforehand")
    parser.add_argument("--threads")
    parser.add_argument("--isa")
    parser.add_argument("png")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.json or os.path.join(folder, "plans.json")
        if not options.json:
            measure(options, path)
        script = picture(*load(path))
    try:
        gnuplot.draw(script, options.png)
    except gnuplot.Failed as error:
        fail(error)


if __name__ == "__main__":
    main()
