#!/usr/bin/env python3
"""Groups, ranges in the order of the file, endings, answers that are missing, sizes known beforehand, float and offsets.

usage: commands.py PROGRAM
"""
import json
import math
import os
import pty
import struct
import subprocess

from program import PROGRAM, check, check_equal, enter_scratch, leave, read, run, succeed, write

enter_scratch()
USAGE, DATA, OUTPUT = 2, 3, 6
XY = ["--x", "x", "--y", "y"]


def refuse(code, message, *arguments):
    before = sorted(os.listdir("."))
    result = run(*arguments)
    check_equal((result.returncode, result.stdout, result.stderr), (code, b"", f"attnpool: {message}\n".encode()), arguments)
    check_equal(sorted(os.listdir(".")), before, ("nothing is left behind", arguments))


def rows(text, separator=","):
    return [line.split(separator) for line in text.decode().splitlines()]


def exact(points, x, h, sees):
    """The formula, for query number i."""
    weights = [(math.exp(-(((x - a) / h) ** 2) / 2), b) for k, (a, b) in enumerate(points) if sees(k)]
    total = math.fsum(w for w, _ in weights)
    return math.fsum(w * b for w, b in weights) / total if weights else math.nan


POINTS = [(i * 0.37 % 3, math.sin(i)) for i in range(40)]
write("d.csv", "x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in POINTS))
PREDICT = ["predict", "--data", "d.csv", *XY, "--bandwidth", "0.5"]

# ---- ranges follow the rows of the file
RANGES = {("--causal",): lambda i, k: k <= i, ("--window", "3,1"): lambda i, k: i - 3 <= k <= i + 1,
          ("--window", "0,0"): lambda i, k: k == i, ("--leave-one-out",): lambda i, k: k != i}
for options, sees in RANGES.items():
    got = rows(succeed(*PREDICT, *options))[1:]
    for i, (x, _) in enumerate(POINTS):
        check(abs(float(got[i][1]) - exact(POINTS, x, 0.5, lambda k: sees(i, k))) < 1e-12, (options, i, got[i]))
    succeed("weights", "--data", "d.csv", *XY, "--bandwidth", "0.5", *options, "--out", "w.csv")
    for i, row in enumerate(rows(read("w.csv"))[1:]):
        check(all((float(w) > 0) == sees(i, k) for k, w in enumerate(row)) and abs(math.fsum(map(float, row)) - 1) < 1e-12, (options, i))
write("at.csv", "x\n" + "".join(f"{a!r}\n" for a, _ in POINTS[:7]))
check_equal(rows(succeed(*PREDICT, "--causal", "--at", "at.csv")), rows(succeed(*PREDICT, "--causal"))[:8], "--causal with --at")
refuse(USAGE, "--window: '3' is not two numbers of rows, BEFORE,AFTER", *PREDICT, "--window", "3")
refuse(USAGE, "--window: '-1' is not a whole number from 0 to 1152921504606846976", *PREDICT, "--window", "-1,2")
refuse(USAGE, "--leave-one-out excludes --causal", *PREDICT, "--causal", "--leave-one-out")

# ---- rows without an answer are counted, and nan has no sign
write("far.csv", "x\n" + "0\n" * 60)
said = b"attnpool: 18 rows of 60 without an answer (nan): no row of the data is in reach of the query\n"
text = succeed(*PREDICT, "--window", "2,0", "--at", "far.csv", said=said).decode()
check_equal((text.count(",nan\n"), "-nan" in text), (18, False), "queries 42 to 59 see no row")
report = json.loads(run(*PREDICT, "--window", "2,0", "--at", "far.csv", "--json", "--out", "o.csv", "--quiet").stdout)
check_equal(report["rows_without_answer"], text.count(",nan\n"), "JSON counts them too")

# ---- groups
GROUPS = {"a": POINTS[:11], "b c": POINTS[11:30], "7": POINTS[30:]}
order = [(name, point) for i in range(20) for name, points in GROUPS.items() for point in points[i : i + 1]]
write("g.csv", "id,x,y\n" + "".join(f"{name},{a!r},{b!r}\n" for name, (a, b) in order))
BY_GROUP = ["--data", "g.csv", *XY, "--group", "id", "--bandwidth", "0.4"]
got = rows(succeed("predict", *BY_GROUP, "--leave-one-out"))
check_equal(got[0], ["id", "x", "y"], "the group comes first")
check_equal([(row[0], float(row[1])) for row in got[1:]], [(name, a) for name, (a, _) in order], "rows in the order of the file")
for row, (name, (a, b)) in zip(got[1:], order):
    want = exact([p for p in GROUPS[name] if p != (a, b)], a, 0.4, lambda k: True)
    check(abs(float(row[2]) - want) < 1e-12, (row, want))
write("ga.csv", "x,id\n0.5,7\n0.25,a\n1,7\n")
got = rows(succeed("predict", *BY_GROUP, "--at", "ga.csv"))[1:]
for row, (name, x) in zip(got, (("7", 0.5), ("a", 0.25), ("7", 1))):
    check(row[0] == name and abs(float(row[2]) - exact(GROUPS[name], x, 0.4, lambda k: True)) < 1e-12, row)
got = rows(succeed("predict", *BY_GROUP, "--grid", "3"))[1:]
check_equal([row[0] for row in got], ["a"] * 3 + ["b c"] * 3 + ["7"] * 3, "a grid for each group")
write("gb.csv", "x,id\n0.5,7\n0.25,z\n")
refuse(DATA, "gb.csv: row 1 (from 0): the data have no group 'z' in column 'id'", "predict", *BY_GROUP, "--at", "gb.csv")
refuse(USAGE, "--out: an NPY file cannot hold the names of groups; .csv and .tsv can", "predict", *BY_GROUP, "--grid", "3", "--out", "g.npy")
report = json.loads(succeed("fit", "g.csv", *XY, "--group", "id", "--model", "g.json", "--json", "--quiet"))
check_equal([entry["group"] for entry in report["groups"]], list(GROUPS), "groups in the order of their first rows")
for entry in report["groups"]:
    write("one.csv", "x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in GROUPS[entry["group"]]))
    alone = json.loads(succeed("fit", "one.csv", *XY, "--model", "one.json", "--json", "--quiet"))
    check_equal((entry["w"], entry["value"]), (alone["w"], alone["value"]), "a group learns as it does alone")
    by_group = [row[1:] for row in rows(succeed("predict", "--model", "g.json", "--leave-one-out")) if row[0] == entry["group"]]
    check_equal(by_group, rows(succeed("predict", "--model", "one.json", "--leave-one-out"))[1:], "and predicts so")
quiet = ("--model", "g.json", "--json", "--quiet")
for extra in ((), ("--criterion", "gcv", "--scalar"), ("--precision", "float")):
    report = json.loads(succeed("fit", "g.csv", *XY, "--group", "id", *extra, "--out", "groups.csv", *quiet))
    head, *table = rows(read("groups.csv"))
    check_equal(head, ["id", "rows", "w", "bandwidth", report["groups"][0]["criterion"], "trace", "status", "at_bound"], "columns")
    for row, entry in zip(table, report["groups"], strict=True):
        check_equal((row[0], int(row[1]), *row[6:]), (entry["group"], entry["rows"], entry["stop"], entry["at_bound"]), row)
        numbers = entry["w"][0], entry["bandwidth"][0], entry["value"], entry["trace"]
        want = [float("inf") if number is None else number for number in numbers]
        check_equal([float(cell) for cell in row[2:6]], want, row)
refuse(USAGE, "--out: an NPY file cannot hold the names of groups; .csv and .tsv can", "fit", "g.csv", *XY, "--group", "id", "--out", "g.npy", *quiet)
refuse(USAGE, "--out: needs --group", "fit", "g.csv", *XY, "--out", "g.csv", *quiet)
refuse(USAGE, "--out: is for --method select", "fit", "g.csv", *XY, "--group", "id", "--method", "descent", "--out", "o.csv", *quiet)
write("single.csv", "id,x,y\na,1,2\na,2,3\nb,1,1\n")
refuse(DATA, "single.csv: group 'b': one row; leaving each point out needs two", "fit", "single.csv", *XY, "--group", "id", "--model", "s.json")

# ---- endings
plain = succeed(*PREDICT, "--grid", "5")
succeed(*PREDICT, "--grid", "5", "--out", "o.tsv")
check_equal(rows(read("o.tsv"), "\t"), rows(plain), "TSV has tabs")
succeed("weights", "--data", "d.csv", *XY, "--bandwidth", "1", "--grid", "3", "--out", "w.tsv")
check_equal(len(rows(read("w.tsv"), "\t")[1]), 40, "weights as TSV")
for ending, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
    succeed(*PREDICT, "--grid", "50", "--out", "o.csv", "--plot", "p" + ending)
    check(read("p" + ending).startswith(magic), ending)
    succeed("weights", "--data", "d.csv", *XY, "--bandwidth", "1", "--grid", "3", "--out", "o.csv", "--plot", "w" + ending)
    check(read("w" + ending).startswith(magic), ending)
for name in ("o.parquet", "o", "o.csv.gz", "o.xlsx"):
    refuse(USAGE, f"--out: '{name}' ends in none of .csv, .tsv or .npy, which say what is written", *PREDICT, "--grid", "5", "--out", name)
for name in ("p.jpg", "p", "p.gif"):
    refuse(USAGE, f"--plot: '{name}' ends in none of .png, .svg or .pdf, which say what is written", *PREDICT, "--grid", "5", "--out", "o.csv", "--plot", name)

# ---- a picture alone does not flood a terminal; where rows are piped they come
master, slave = pty.openpty()
shown = subprocess.run([PROGRAM, *PREDICT, "--grid", "5", "--plot", "t.png"], stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE)
os.close(slave)
os.set_blocking(master, False)
try:
    output = os.read(master, 10000)
except BlockingIOError:
    output = b""
except OSError:
    output = b""
os.close(master)
check_equal((shown.returncode, output, shown.stderr), (0, b"", b""), "nothing on the terminal")
check(os.path.getsize("t.png") > 5000, "but a picture")
check_equal(succeed(*PREDICT, "--grid", "5", "--plot", "t.png"), plain, "rows in a pipe")

# ---- sizes are known before anything is written
write("many.csv", "x,y\n" + "".join(f"{i},{i % 3}\n" for i in range(200000)))
result = run("weights", "--data", "many.csv", *XY, "--bandwidth", "1", "--at", "many.csv", "--out", "huge.npy")
free = os.statvfs(".").f_bavail * os.statvfs(".").f_frsize
if free < 200000 * 200000 * 8:
    check_equal(result.returncode, OUTPUT, result.stderr)
    check(result.stderr.startswith(b"attnpool: cannot write huge.npy: it would take at least 320 GB; "), result.stderr)
    check(not os.path.exists("huge.npy"), "and nothing is")

# ---- float: numbers far from 0 keep the digits that tell them apart
for offset in (0.0, 180.0, -5e4, 1e7):
    near = [(a + offset, b) for a, b in POINTS]
    write("o.csv", "x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in near))
    got = rows(succeed("predict", "--data", "o.csv", *XY, "--bandwidth", "0.4", "--leave-one-out", "--precision", "float"))[1:]
    worst = max(abs(float(row[1]) - exact(near, a, 0.4, lambda k: k != i)) for i, (row, (a, _)) in enumerate(zip(got, near)))
    check(worst < 1e-6 * 2, (offset, worst))
    fitted = [json.loads(succeed("fit", "o.csv", *XY, "--model", "o.json", "--json", "--w0", "2", "--epochs", "3", "--precision", p))
              for p in ("float", "double")]
    check(abs(fitted[0]["loss_after"] / fitted[1]["loss_after"] - 1) < 1e-5, (offset, fitted))

# ---- reports
report = json.loads(succeed("fit", "d.csv", *XY, "--lr", "0.1", "--epochs", "10", "--model", "m.json", "--json", "--quiet"))
check("losses" not in report and "ws" not in report and report["epochs"] == 10, report)
report = json.loads(succeed("fit", "d.csv", *XY, "--lr", "0.1", "--epochs", "10", "--model", "m.json", "--json", "--history",
                            "--quiet"))
check_equal((len(report["losses"]), len(report["ws"])), (11, 11), "--history")
one = run("predict", "--data", "many.csv", *XY, "--bandwidth", "9", "--at", "at.csv", "--out", "one.csv")
same = run("predict", "--data", "many.csv", *XY, "--bandwidth", "9", "--at", "at.csv", "--out", "two.csv", "--json", "--error-bounds")
check_equal([row[:2] for row in rows(read("two.csv"))], rows(read("one.csv")), "a report and bounds change no digit")

# ---- messages name what was written
refuse(USAGE, "no option '-x'; do you mean --x?", "predict", "-x", "x", "--data", "d.csv")
refuse(USAGE, "no option '-bandwidth'; do you mean --bandwidth?", *PREDICT[:-2], "-bandwidth", "1")
refuse(USAGE, "no option '--completion' before a command; there are demo, fit, predict, weights, lowess, summary, info and help", "--completion")
leave()
