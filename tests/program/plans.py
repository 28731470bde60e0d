"""Plans, their tolerance and bounds, key weights and explanations."""
import json
import math
import os
import random
import re
import signal
import subprocess

from program import PROGRAM, SCALE, check, check_equal, enter_scratch, leave, read, run, write

MOTORCYCLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "program", "data", "mcycle.csv")
PLANS = ["dense", "pruned", "grid"]
EPSILON = {"float": 2.0**-23, "double": 2.0**-52}
DEFAULT_TOLERANCE = {"float": 1e-6, "double": 1e-11}

enter_scratch()


def rows(csv_bytes):
    lines = csv_bytes.decode().splitlines()
    return lines[0].split(","), [[float(cell) for cell in line.split(",")] for line in lines[1:]]


def succeed(*arguments, **others):
    result = run(*arguments, **others)
    check_equal(result.returncode, 0, (arguments, result.stderr))
    return result


def exact(points, w, x, left_out=None):
    """The prediction at x from (x, y, key weight) by its definition."""
    squares = [(w * (x - p[0])) ** 2 / 2 for p in points]
    seen = [k for k, p in enumerate(points) if p[2] > 0 and k != left_out]
    nearest = min(squares[k] for k in seen)
    weights = {k: points[k][2] * math.exp(nearest - squares[k]) for k in seen}
    return math.fsum(weight * points[k][1] for k, weight in weights.items()) / math.fsum(weights.values())


# ---- the motorcycle data, with and without key weights: every plan keeps to the definition, and to its bound
points = [[float(cell) for cell in line.split(b",")] + [1.0] for line in read(MOTORCYCLE).splitlines()[1:]]
check_equal(len(points), 133, "rows of the motorcycle data")
weighted = [[x, y, k % 4 / 2] for k, (x, y, _) in enumerate(points)]
write("weighted.csv", "times,accel,c\n" + "".join(f"{x!r},{y!r},{c!r}\n" for x, y, c in weighted))
span = max(p[1] for p in points) - min(p[1] for p in points)
largest = max(abs(p[1]) for p in points)
DATA = ["--data", "weighted.csv", "--x", "times", "--y", "accel"]
for keys, given in ((points, []), (weighted, ["--key-weights", "c"])):
    for where in (["--grid", "101"], ["--leave-one-out"]):
        for precision in ("double", "float"):
            for plan in PLANS:
                what = (given, where, precision, plan)
                out = succeed("predict", *DATA, "--w", "0.5", *where, *given, "--precision", precision, "--algorithm", plan, "--error-bounds",
                              "--out", "o.csv", "--json").stdout
                result = json.loads(out)["result"]
                check_equal((list(result), result["algorithm"]), (["algorithm", "fallback_queries", "error_bound"], plan), what)
                names, table = rows(read("o.csv"))
                check_equal((names, len(table)), (["times", "accel", "error_bound"], 133 if "--leave-one-out" in where else 101), what)
                for i, (x, y, bound) in enumerate(table):
                    error = abs(y - exact(keys, 0.5, x, i if "--leave-one-out" in where else None))
                    # The data themselves are rounded to float, which no bound can know; 1e-14 is for our own sums.
                    slack = (2 * EPSILON[precision] * largest + 1e-14 * span) * (8 if precision == "float" else 1)
                    check(error <= bound * span + slack, (what, i, error, bound))
                    check(0 < bound <= result["error_bound"], (what, i, bound, result))
                # Dense and pruned state a worst case, which in float is far above the grid's tolerance.
                check(result["error_bound"] <= (DEFAULT_TOLERANCE[precision] if plan == "grid" else 4000 * EPSILON[precision]),
                      (what, result))

# A looser tolerance is used, and kept.
bounds = [json.loads(succeed("predict", *DATA, "--w", "0.5", "--grid", "101", "--algorithm", "grid", "--algorithm-tolerance", tolerance,
                             "--out", "o.csv", "--json").stdout)["result"]["error_bound"] for tolerance in ("1e-3", "1e-6", "1e-12")]
check(1e-3 >= bounds[0] > 1e-6 >= bounds[1] > 1e-12 >= bounds[2] > 0, bounds)

# NPY has the column too.
csv = rows(succeed("predict", *DATA, "--w", "0.5", "--grid", "5", "--error-bounds").stdout)[1]
succeed("predict", *DATA, "--w", "0.5", "--grid", "5", "--error-bounds", "--out", "o.npy")
check(b"'shape': (5, 3)" in read("o.npy"), read("o.npy")[:128])
check_equal(list(memoryview(read("o.npy")[-120:]).cast("d")), [cell for row in csv for cell in row], "bounds in NPY")

# ---- fit: every plan learns the same w; a model keeps its key weights
FIT = ["fit", "weighted.csv", "--x", "times", "--y", "accel", "--w0", "0.5", "--epochs", "5", "--json", "--history"]
for given, keys in (([], points), (["--key-weights", "c"], weighted)):
    fitted = {plan: json.loads(succeed(*FIT, *given, "--algorithm", plan, "--model", plan + ".json").stdout) for plan in PLANS}
    loss = math.fsum((exact(keys, 0.5, p[0], k) - p[1]) ** 2 for k, p in enumerate(points)) / 133
    for plan in PLANS:
        check(abs(fitted[plan]["loss_before"] / loss - 1) < 1e-9, (given, plan, fitted[plan]["loss_before"], loss))
        check(abs(fitted[plan]["w"][0] / fitted["dense"]["w"][0] - 1) < 1e-9, (given, plan, fitted[plan]["w"]))
    check_equal(fitted["dense"]["w"][0] != 0.5, True, "w was learnt")
    for where in (["--grid", "101"], ["--leave-one-out"]):
        by_model = succeed("predict", "--model", "dense.json", *where).stdout
        by_data = succeed("predict", *DATA, *given, "--w", repr(fitted["dense"]["w"][0]), *where).stdout
        check_equal(by_model == by_data, True, ("the model predicts as its data do", given, where))
loose = json.loads(succeed(*FIT, "--algorithm", "grid", "--algorithm-tolerance", "1e-3", "--model", "m.json").stdout)
tight = json.loads(succeed(*FIT, "--algorithm", "grid", "--algorithm-tolerance", "1e-12", "--model", "m.json").stdout)
check(loose["losses"] != tight["losses"] and abs(loose["losses"][0] / tight["losses"][0] - 1) < 1e-2, "tolerance of fit")

# ---- explanations: words on standard error, the result alone on standard output; in the report, all of it
PARTS = ["algorithm", "forced", "queries", "keys", "x_columns", "y_columns", "threads", "tolerance", "extent", "costs", "details"]
result = succeed("predict", *DATA, "--bandwidth", "1.5", "--grid", "3", "--explain")
check_equal(len(result.stdout.splitlines()), 4, "predict --explain")
check(result.stderr.startswith(b"dense, the quickest by prediction: 3 queries, 133 keys, 1 dimension, 1 value column"), result.stderr)
check_equal(succeed("predict", *DATA, "--bandwidth", "1.5", "--grid", "3", "--explain", "--quiet").stderr, b"", "--explain --quiet")
report = json.loads(succeed("predict", *DATA, "--bandwidth", "1.5", "--grid", "3", "--explain", "--algorithm", "grid", "--threads", "2",
                            "--algorithm-tolerance", "1e-5", "--json", "--out", "o.csv").stdout)
told = report["explanation"]
check_equal(list(told), PARTS, "explanation")
check_equal([told[part] for part in PARTS[:6]] + [told["tolerance"]], ["grid", True, 3, 133, 1, 1, 1e-5], "explanation")
check(abs(told["extent"][0] - (57.6 - 2.4) / 1.5) < 1e-9, told["extent"])
check_equal([list(cost) for cost in told["costs"]], [["algorithm", "possible", "seconds", "bytes", "error"]] * 4, "costs")
check_equal([(cost["algorithm"], cost["possible"]) for cost in told["costs"]], [(plan, True) for plan in PLANS] + [("window", False)], "costs")
check(all(cost["seconds"] > 0 and cost["bytes"] > 0 and 0 < cost["error"] <= 1e-5 for cost in told["costs"][:3]), told["costs"])
check("explanation" not in json.loads(succeed("predict", *DATA, "--w", "1", "--grid", "3", "--json", "--out", "o.csv").stdout),
      "an explanation that was not asked for")
result = succeed(*FIT, "--explain", "--algorithm", "pruned", "--model", "m.json")
told = json.loads(result.stdout)["explanation"]
check_equal([told[part] for part in PARTS[:4]], ["pruned", True, 133, 133], "explanation of fit")
check(result.stderr.startswith(b"pruned, as asked: 133 queries, 133 keys"), result.stderr)
write("four.csv", "a,b,c,d,y\n" + "".join(f"{i % 7},{i % 5},{i % 3},{i % 2},{i}\n" for i in range(60)))
told = json.loads(succeed("predict", "--data", "four.csv", "--x", "a,b,c,d", "--y", "y", "--w", "1", "--grid", "2", "--explain",
                          "--json", "--out", "o.csv").stdout)["explanation"]
check_equal(told["costs"][2], {"algorithm": "grid", "possible": False, "seconds": None, "bytes": None, "error": None}, "not possible")

# ---- a plan that finds out late that it cannot serve: one line, no output
write("wide.csv", "x,y\n0,1\n1e200,2\n-1e200,2\n")
before = sorted(os.listdir("."))
for command in (["predict", "--data", "wide.csv", "--bandwidth", "1e-100", "--leave-one-out", "--out", "new.csv"],
                ["fit", "wide.csv", "--w0", "1e100", "--model", "new.json"]):
    result = run(*command, "--x", "x", "--y", "y", "--algorithm", "grid")
    check_equal((result.returncode, result.stdout, sorted(os.listdir("."))), (2, b"", before), command)
    check(result.stderr.startswith(b"attnpool: algorithm: grid would need ") and result.stderr.count(b"\n") == 1, result.stderr)

# ---- 100,000 rows, or 40,000
generator = random.Random(1)
xs = [generator.random() for _ in range(100000 if SCALE < 10 else 40000)]
write("large.csv", "x,y\n" + "".join(f"{x!r},{math.sin(20 * x) + generator.gauss(0, 0.3)!r}\n" for x in xs))
ys = [row[1] for row in rows(read("large.csv"))[1]]
span = max(ys) - min(ys)
LARGE = ["--data", "large.csv", "--x", "x", "--y", "y"]


def predictions(*more):
    return [row[1] for row in rows(succeed("predict", *LARGE, "--bandwidth", "0.005", *more).stdout)[1]]


def difference(a, b):
    check_equal(len(a), len(b), "predictions")
    return max(abs(p - q) for p, q in zip(a, b)) / span


# 1e-9: at the default tolerance all these queries may be handed over to other plans, and the grid would not be seen.
TOLERANCE = ["--algorithm-tolerance", "1e-9"]
dense = predictions("--grid", "2000", "--algorithm", "dense")
check(difference(predictions("--grid", "2000", "--algorithm", "pruned"), dense) < 1e-13, "pruned against dense")
check(difference(predictions("--grid", "2000", "--algorithm", "grid"), dense) < 1.1e-11, "grid against dense")
check(0 < difference(predictions("--grid", "2000", "--algorithm", "grid", *TOLERANCE), dense) < 1.1e-9, "grid against dense, 1e-9")
left_out = {plan: predictions("--leave-one-out", "--algorithm", plan, *TOLERANCE) for plan in ("pruned", "grid")}
check(0 < difference(left_out["grid"], left_out["pruned"]) < 1.1e-9, "grid against pruned, leave-one-out")
for plan in ("pruned", "grid"):
    check(predictions("--leave-one-out", "--algorithm", plan, *TOLERANCE, "--threads", "3") == left_out[plan],
          ("same bits on 3 threads", plan))
result = succeed("predict", *LARGE, "--bandwidth", "0.005", "--leave-one-out", *TOLERANCE, "--explain", "--json", "--out", "o.csv")
report = json.loads(result.stdout)
check_equal(report["explanation"]["algorithm"], report["result"]["algorithm"], "what was told is what was done")
check(report["result"]["algorithm"] != "dense", "so many pairs are too many for dense")
check(report["result"]["fallback_queries"] < 1000 and report["result"]["error_bound"] <= 1e-9, report["result"])
check([row[1] for row in rows(read("o.csv"))[1]] == left_out[report["result"]["algorithm"]], "the plan chosen and the plan forced")
fitted = [json.loads(succeed("fit", "large.csv", "--x", "x", "--y", "y", "--w0", "200", "--epochs", "1", "--algorithm", plan, *TOLERANCE,
                             "--model", "l.json", "--json", "--history").stdout) for plan in ("pruned", "grid")]
for loss, other in zip(*(one["losses"] for one in fitted)):
    check(abs(loss / other - 1) < 1e-8, fitted)
steps = [one["w"][0] - 200 for one in fitted]
check(steps[0] != 0 and abs(steps[1] / steps[0] - 1) < 1e-2, steps)

# ---- progress, and an end by Ctrl-C, in the plans that take long
before = sorted(os.listdir("."))
for plan in ("dense", "pruned"):
    process = subprocess.Popen([PROGRAM, "predict", "--data", "large.csv", "--x", "x", "--y", "y,y,y,y,y,y", "--bandwidth", "1",
                                "--leave-one-out", "--algorithm", plan, "--threads", "1", "--out", "new.csv"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = process.stderr.readline()
    check(re.match(rb"attnpool: predict: \d+%", line), (plan, line))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    check_equal((process.returncode, out, err.splitlines()[-1:]), (5, b"", [b"attnpool: cancelled"]), plan)
    check_equal(sorted(os.listdir(".")), before, plan)

leave()
