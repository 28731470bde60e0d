#!/usr/bin/env python3
"""Draws how near each workload comes to what stops it, from the JSON that tools/bench writes; or prints its table.

    roofline.py [--isa ISA] [--cpu MODEL] [--date DATE] BENCH.json OUT.png
    roofline.py --markdown [--cpu MODEL] [--date DATE] BENCH.json

The picture: FMA slots per pair of attnpool and of the best peer, one thread, as multiples of the limit of the workload.
--isa chooses attnpool's (default avx2); peers with wider registers do not count. The table is that of docs/performance.md.
Exit code 0: done; 1: the file or gnuplot is no use; 2: usage.
"""
import argparse
import json
import re
import signal
import sys

import gnuplot
from gnuplot import quoted

# Vector operations per register of queries and key: (on the FMA ports, additions, shifts, integer additions). min and
# mul run where FMAs do. gaussian = difference, 2 fused squares, shifter - t, polynomial (5; double 10), shift, integer
# add; with the sum of weights and one weighted sum that is (8, 3, 1, 1), in double (13, 3, 1, 1).
OPERATIONS = {
    "W1": (8, 3, 1, 1),
    "W1b": (13, 3, 1, 1),
    "W3": (8 + 1 + 5 + 1, 1 + 3 + 1, 1, 1),    # product form: sum of norms, 8 fma; min; 2^-e with 3 additions; two sums
    "W4": (64 + 1 + 5 + 64, 1 + 3 + 1, 1, 1),  # the same with 64 dimensions and 64 columns
    "W7": (8 + 1 + 2, 3 + 1, 1, 1),            # W1, delta^2, times w, and two more sums
    "W10": (8, 3, 1, 1),
}


def fma_limit(workload):
    """Slots per pair where additions and integers have ports of their own (Zen 3 and later)."""
    return OPERATIONS[workload][0]


def intel_limit(workload, isa):
    """Golden Cove: three ports, of which the two that multiply also shift; 512 bits: two. A slot is half a cycle."""
    fma, add, shift, integer = OPERATIONS[workload]
    total = fma + add + shift + integer
    return total if isa == "avx512" else max(fma + shift, total * 2 / 3)


def fail(text):
    sys.exit(f"roofline: {text}")


def load(path):
    """Rows of one thread by workload, in the order of the file."""
    try:
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
        by_workload = {}
        for row in rows:
            if row["threads"] == 1:
                by_workload.setdefault(row["workload"], []).append(row)
    except (OSError, ValueError, KeyError, TypeError) as error:
        fail(f"{path} is not what tools/bench --json writes: {error}")
    if not by_workload:
        fail(f"{path} has no rows of one thread")
    return by_workload


def own(rows, isa):
    return next((r for r in rows if r["implementation"].startswith("attnpool") and r["isa"] == isa), None)


def memory(rows):
    return next((r for r in rows if r["implementation"] == "(memory only)"), None)


def best_peer(rows, isa):
    peers = [r for r in rows if not r["implementation"].startswith(("attnpool", "("))
             and (isa == "avx512" or r["isa"] != "avx512")]
    return min(peers, key=lambda r: r["seconds_median"], default=None)


def describe(row):
    return re.sub(r"(?<=\d) x (?=\d)", " × ", row.get("description", ""))


def heading(by_workload, options):
    first = next(iter(by_workload.values()))[0]
    return options.cpu or first.get("cpu", "unknown CPU"), options.date or first.get("date", "unknown date")


# ---- the table -----------------------------------------------------------------------------------------------------

def in_units(seconds):
    scale, unit = next((s, u) for s, u in ((1e-6, "µs"), (1e-3, "ms"), (1, "s")) if seconds < 1000 * s or s == 1)
    return f"{seconds / scale:#.3g}".rstrip(".") + f" {unit}"


def in_slots(slots):
    return f"{slots:.1f}" if slots < 100 else f"{slots:.0f}"


def in_words(error, workload):
    if error is None:
        return "–"
    unit = " ULP" if workload.startswith("W6") else " ε" if workload.startswith("W5") else ""
    return f"{error:.2g}{unit}"


def markdown(by_workload, cpu, date):
    isas = [i for i in ("avx2", "avx512", "neon", "sse2", "scalar") if any(own(r, i) for r in by_workload.values())]
    print(f"One thread of {cpu}, {date}. Median time; FMA slots per pair (softmax, exp: per element); how much faster\n"
          "than the best peer with registers no wider; largest error, of the range of the values (W7: relative).\n")
    print("| workload | " + " | ".join(f"{i} | slots | best peer" for i in isas) + " | error |")
    print("|---|" + "--:|--:|:--|" * len(isas) + "--:|")
    for workload, rows in by_workload.items():
        mine = [own(rows, isa) for isa in isas]
        if not any(mine):
            continue
        cells = [f"{workload} {describe(rows[0])}".strip()]
        for isa, row in zip(isas, mine):
            peer = best_peer(rows, isa)
            cells += [in_units(row["seconds_median"]), in_slots(row['slots_per_pair'])] if row else ["–", "–"]
            cells.append(f"{peer['seconds_median'] / row['seconds_median']:.2f}× {peer['implementation']}"
                         if row and peer else "–")
        errors = [row["max_error"] for row in mine if row and row["max_error"] is not None]
        cells.append(in_words(max(errors, default=None), workload))
        print("| " + " | ".join(cells) + " |")


# ---- the picture ---------------------------------------------------------------------------------------------------

def picture(by_workload, isa, cpu, date):
    mine, peers, golden_cove, tics, labels = [], [], [], [], []
    for workload, rows in by_workload.items():
        row, peer, floor = own(rows, isa), best_peer(rows, isa), memory(rows)
        if not row or not (floor or workload in OPERATIONS):
            continue
        if peer and peer["isa"] != isa:  # slots of other registers: of our peak in its time
            peer = peer | {"slots_per_pair": row["slots_per_pair"] * peer["seconds_median"] / row["seconds_median"]}
        y = -len(tics)
        # Memory does not know FMA slots; where it is the limit, times are compared.
        measure, shown = ("seconds_median", in_units) if floor else ("slots_per_pair", in_slots)
        limit = floor[measure] if floor else fma_limit(workload)
        tics.append(f"{quoted(workload + '   ' + describe(row))} {y}")
        labels.append((None, y, f"memory: {in_units(limit)}" if floor else f"ports: {limit} slots"))
        mark = 0 if floor else intel_limit(workload, isa) / limit
        if mark:
            golden_cove.append((mark, y))
        for bar, which, at in ((row, mine, y + 0.18), (peer, peers, y - 0.18)):
            if bar:
                x = bar[measure] / limit
                which.append((x, at))
                name = "" if bar is row else f"   {bar['implementation']}"
                labels.append((max(x, mark), at, shown(bar[measure]) + name))
    if not tics:
        fail(f"no workload of {isa} with a known limit")
    right = 1.75 * max(x for x, _ in mine + peers)
    bottom, top = 0.45 - len(tics), 0.55

    script = f"""
set terminal pngcairo noenhanced size 1280,{200 + 58 * len(tics)} font 'DejaVu Sans,12' background '#ffffff'
set encoding utf8
set border 1 linewidth 1 linecolor '#555555'
set label {quoted('FMA slots per pair, and the limit of each workload')} at screen 0.5,1 center offset 0,-1.6 \
    font ',15' textcolor '#222222'
set label {quoted(f'attnpool on {isa}, one thread; {cpu}, {date}')} at screen 0.5,1 center offset 0,-3.3 \
    textcolor '#666666'
set xlabel 'multiples of the limit' textcolor '#222222'
set tics nomirror out scale 0.6 textcolor '#333333'
set ytics scale 0 ({', '.join(tics)})
set grid xtics linewidth 1 linecolor '#e8e8e8'
set xrange [0:{right:.3f}]
set yrange [{bottom}:{top}]
set key at screen 0.5,0.04 center center horizontal maxrows 1 reverse Left textcolor '#333333' samplen 2 width 1
set tmargin 5
set bmargin 7
set rmargin 3
set style fill solid noborder
"""
    for name, points in (("mine", mine), ("peers", peers), ("limit", [(1, bottom), (1, top)]), ("cove", golden_cove)):
        script += f"${name} << END\n" + "".join(f"{x:.4f} {y:.2f}\n" for x, y in points) + "END\n"
    for x, y, text in labels:
        place, color = (f"{x:.4f},{y:.2f} left offset 0.7,0", "333333") if x else (f"{right:.4f},{y} right", "8a8a8a")
        script += f"set label {quoted(text)} at {place} font ',10' textcolor '#{color}'\n"
    bar = "using (0.5*$1):2:(0.5*$1):(0.16) with boxxyerror linecolor"
    plots = [f"$mine {bar} '#1f6fb4' title 'attnpool'"]
    if peers:
        plots.append(f"$peers {bar} '#c9ced6' title 'best peer'")
    plots.append("$limit with lines linewidth 2 linecolor '#d1495b' title 'limit: FMA ports, or memory'")
    if golden_cove:
        plots.append("$cove using 1:($2-0.36):(0):(0.72) with vectors nohead linewidth 2 dashtype (4,3) "
                     "linecolor '#d1495b' title 'limit of Golden Cove''s vector ports'")
    return script + "plot " + ", \\\n     ".join(plots) + "\n"


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the reader of the table may stop early
    usage = "\n       ".join(line.strip() for line in __doc__.splitlines()[2:4])
    parser = argparse.ArgumentParser(usage=usage)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--isa", default="avx2")
    parser.add_argument("--cpu", help="instead of the file's")
    parser.add_argument("--date", help="instead of the file's")
    parser.add_argument("json")
    parser.add_argument("png", nargs="?")
    options = parser.parse_args()
    if options.markdown == bool(options.png):
        parser.error("OUT.png or --markdown, one of the two")
    by_workload = load(options.json)
    cpu, date = heading(by_workload, options)
    if options.markdown:
        markdown(by_workload, cpu, date)
        return
    try:
        gnuplot.draw(picture(by_workload, options.isa, cpu, date), options.png)
    except gnuplot.Failed as error:
        fail(error)


if __name__ == "__main__":
    main()
