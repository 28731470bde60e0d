#!/usr/bin/env python3
"""predict --standard-error, --level, --variance and --slope, summary, and the pictures of one, two and more columns."""
import json
import math
import os
import random

from program import check, check_equal, enter_scratch, leave, read, refuse, run, succeed, table, write

MOTORCYCLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/program/data/mcycle.csv")
XY = ["--x", "times", "--y", "accel"]
enter_scratch()


def close(a, b, relative=1e-9):
    return math.isclose(a, b, rel_tol=relative)


# ---- standard errors by their formula
with open(MOTORCYCLE) as file:
    rows = [[float(cell) for cell in line.split(",")] for line in file.read().split()[1:]]
H = 1.5


def weights(x):
    p = [math.exp(-(((x - t) / H) ** 2) / 2) for t, _ in rows]
    return [v / sum(p) for v in p]


def mean(x):
    return sum(p * y for p, (_, y) in zip(weights(x), rows))


residuals = [y - mean(t) for t, y in rows]
leverages = [weights(t)[i] for i, (t, _) in enumerate(rows)]
succeed("fit", MOTORCYCLE, *XY, "--model", "m.json", "--quiet")
header, answers = table(succeed("predict", "--data", MOTORCYCLE, *XY, "--bandwidth", str(H), "--grid", "9", "--standard-error", "--slope",
                                "--level", "0.9"))
check_equal(header, "times,accel,accel_se,accel_lower,accel_upper,effective_keys,accel_per_times,accel_per_times_se", "header")
for x, y, error, lower, upper, effective, slope, slope_error in answers:
    p = weights(x)
    want = math.sqrt(sum((q * e / (1 - h)) ** 2 for q, e, h in zip(p, residuals, leverages)))
    check(close(y, mean(x), 1e-8) and close(error, want, 1e-7), (x, error, want))
    check(close(upper - y, 1.6448536269514722 * error, 1e-7) and close(y - lower, upper - y, 1e-7), (x, lower, y, upper))
    check(close(effective, 1 / sum(q * q for q in p), 1e-8), (x, effective))
    check(abs(slope - (mean(x + 1e-5) - mean(x - 1e-5)) / 2e-5) < 1e-4 and slope_error > 0, (x, slope))
_, other = table(succeed("predict", "--data", MOTORCYCLE, *XY, "--bandwidth", str(H), "--grid", "9", "--standard-error", "--variance", "hc0"))
for (x, _, error, *_), full in zip(other, answers):
    want = math.sqrt(sum((q * e) ** 2 for q, e in zip(weights(x), residuals)))
    check(close(error, want, 1e-7) and error < full[2], (x, error, want))

# ---- predictions are the same digits with and without; an NPY file holds the same numbers
plain = table(succeed("predict", "--model", "m.json", "--grid", "20"))[1]
full = table(succeed("predict", "--model", "m.json", "--grid", "20", "--standard-error", "--error-bounds"))
check_equal(full[0], "times,accel,accel_se,accel_lower,accel_upper,effective_keys,error_bound", "header")
check_equal([row[:2] for row in full[1]], plain, "standard errors change no digit")
succeed("predict", "--model", "m.json", "--grid", "20", "--standard-error", "--error-bounds", "--out", "o.npy")
check_equal(list(memoryview(read("o.npy")[-20 * 7 * 8:]).cast("d")), [cell for row in full[1] for cell in row], "NPY")

# ---- queries far from all data are counted
write("far.csv", "times\n30\n1000\n-200\n")
succeed("predict", "--model", "m.json", "--at", "far.csv", "--standard-error", "--out", "o.csv",
        said=b"attnpool: 2 rows of 3 more than four bandwidths from all data: there the answer is that of the nearest rows\n")
report = json.loads(succeed("predict", "--model", "m.json", "--at", "far.csv", "--standard-error", "--out", "o.csv", "--json", "--quiet"))
check_equal(report["rows_far_from_data"], 2, "in the report")

# ---- groups, each from its own rows
write("groups.csv", "g,x,y\n" + "".join(f"{'ab'[i % 2]},{i},{(i * 37) % 11 + 20 * (i % 2)}\n" for i in range(40)))
succeed("fit", "groups.csv", "--group", "g", "--x", "x", "--y", "y", "--model", "g.json", "--quiet")
text = succeed("predict", "--model", "g.json", "--grid", "3", "--standard-error").decode().splitlines()
check_equal((text[0], len(text)), ("g,x,y,y_se,y_lower,y_upper,effective_keys", 7), "groups")
both = succeed("summary", "g.json").decode()
check(both.startswith("g a\nrows       20, 1 x column, 1 y column\n") and "\ng b\n" in both, both)
check_equal([entry["group"] for entry in json.loads(succeed("summary", "g.json", "--json"))["groups"]], ["a", "b"], "groups")

# ---- summary
summary = json.loads(succeed("summary", "m.json", "--json"))
check(close(summary["leave_one_out"], 595.936344121737, 1e-9) and close(summary["trace"], 23.41280298, 1e-6), summary)
check_equal((summary["rows"], round(summary["bandwidth"][0], 6)), (133, 0.913829), "summary")
check("bandwidth  times: 0.913829\n" in succeed("summary", "m.json").decode(), "summary in words")

# ---- pictures
random.seed(1)
write("three.csv", "a,b,c,y\n" + "".join(
    f"{a},{b},{random.random()},{math.sin(6 * a) + b + random.gauss(0, 0.2)}\n" for a, b in
    ((random.random(), random.random()) for _ in range(120))))
for columns, name, options in (("a", "one.svg", ["--standard-error"]), ("a,b", "two.svg", []), ("a,b,c", "three.svg", ["--standard-error"])):
    succeed("predict", "--data", "three.csv", "--x", columns, "--y", "y", "--bandwidth", "0.1", "--grid", "5", "--plot", name,
            "--out", "o.csv", *options)
check(b"95 % band" in read("one.svg") and b"95 % band" in read("three.svg"), "the band is in the legend")
check(b"y over a and b" in read("two.svg") and b"y over c, the others at their medians" in read("three.svg"), "titles")

# ---- what is refused, by name
refuse("--standard-error: serves predictions from all rows, not --leave-one-out, --causal or --window", "predict", "--model", "m.json",
       "--leave-one-out", "--standard-error")
refuse("--slope: serves predictions from all rows, not --leave-one-out, --causal or --window", "predict", "--model", "m.json", "--causal",
       "--slope")
refuse("--level: '95' is not between 0 and 1", "predict", "--model", "m.json", "--grid", "5", "--level", "95")
refuse("--variance: hc9 not in {hc0,hc1,hc2,hc3,local}", "predict", "--model", "m.json", "--grid", "5", "--variance", "hc9")
write("one.csv", "x,y\n1,2\n")
result = run("predict", "--data", "one.csv", "--x", "x", "--y", "y", "--bandwidth", "1", "--grid", "5", "--standard-error")
check(result.returncode == 3 and result.stderr.startswith(b"attnpool: one.csv: ") and result.stdout == b"", result)
write("taken.csv", "x,y,y_se\n1,2,3\n2,3,4\n3,1,2\n")
refuse("--standard-error or --slope: a column is called 'y_se' already", "predict", "--data", "taken.csv", "--x", "x", "--y", "y,y_se",
       "--bandwidth", "1", "--grid", "5", "--standard-error")
result = run("summary", "none.json")
check(result.returncode == 3 and b"none.json" in result.stderr, result)
leave()
