#!/usr/bin/env python3
"""--kernel, --alpha, --product, --order, --empty and --status, in fit, predict, weights and summary."""
import json
import math
import os

from program import check, check_equal, enter_scratch, leave, read, refuse, run, succeed, table, write

MOTORCYCLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/program/data/mcycle.csv")
XY = ["--x", "times", "--y", "accel"]
FIT = ["fit", MOTORCYCLE, *XY]
DATA = ["--data", MOTORCYCLE, *XY]
SHAPES = {
    "gaussian": lambda u: math.exp(-u * u / 2),
    "boxcar": lambda u: float(u < 1),
    "triangular": lambda u: max(1 - u, 0),
    "epanechnikov": lambda u: max(1 - u * u, 0),
    "biweight": lambda u: max(1 - u * u, 0) ** 2,
    "triweight": lambda u: max(1 - u * u, 0) ** 3,
    "tricube": lambda u: max(1 - u**3, 0) ** 3,
    "cosine": lambda u: math.cos(math.pi / 2 * u) if u < 1 else 0,
    "laplace": lambda u: math.exp(-u),
    "rational_quadratic": lambda u: 1 / (1 + u * u / 2),
}
enter_scratch()
with open(MOTORCYCLE) as file:
    rows = [[float(cell) for cell in line.split(",")] for line in file.read().split()[1:]]


def close(a, b, relative=1e-9):
    return math.isclose(a, b, rel_tol=relative, abs_tol=1e-9)


def mean(shape, h, x, but=None):
    p = [SHAPES[shape](abs(x - t) / h) * (i != but) for i, (t, _) in enumerate(rows)]
    return sum(q * y for q, (_, y) in zip(p, rows)) / sum(p)


def line(shape, h, x):
    p = [SHAPES[shape](abs(x - t) / h) for t, _ in rows]
    s = [sum(q * (t - x) ** i for q, (t, _) in zip(p, rows)) for i in range(3)]
    z = [sum(q * (t - x) ** i * y for q, (t, y) in zip(p, rows)) for i in range(2)]
    return (s[2] * z[0] - s[1] * z[1]) / (s[0] * s[2] - s[1] ** 2)


# ---- the bandwidths of local lines: R's numbers
found = json.loads(succeed(*FIT, "--order", "1", "--model", "line.json", "--json"))
check(close(found["bandwidth"][0], 1.475794, 1e-6) and close(found["leave_one_out"], 561.33945, 1e-7), found)
check_equal((found["kernel"], found["order"], found["method"]), ("gaussian", 1, "select"), "report")
found = json.loads(succeed(*FIT, "--order", "1", "--criterion", "aicc", "--model", "aicc.json", "--json"))
check(close(found["bandwidth"][0], 1.644501, 1e-6), found)
said = succeed(*FIT, "--order", "1", "--model", "line.json").decode()
check("\nkernel     gaussian kernel, order 1\n" in said and "tr H 16.6096, R squared 0.801567" in said, said)
for x, y in table(succeed("predict", "--model", "line.json", "--grid", "9"))[1]:
    check(close(y, line("gaussian", 1.4757941152046439, x), 1e-6), ("line", x, y))

# ---- every kernel by its formula, from data and from the model that fit writes
for shape in SHAPES:
    how = ["--kernel", shape]
    for x, y in table(succeed("predict", *DATA, *how, "--bandwidth", "6", "--grid", "9"))[1]:
        check(close(y, mean(shape, 6, x)), (shape, x, y))
    for x, y in table(succeed("predict", *DATA, *how, "--order", "1", "--bandwidth", "6", "--grid", "9"))[1]:
        check(close(y, line(shape, 6, x), 1e-8), (shape, "line", x, y))
    weights = table(succeed("weights", *DATA, *how, "--bandwidth", "6", "--grid", "3", "--out", "-"))[1]
    check(all(close(sum(p * y for p, (_, y) in zip(w, rows)), mean(shape, 6, x), 1e-8)
              for w, x in zip(weights, (2.4, 30, 57.6))), (shape, "weights"))  # fmt: skip
    fitted = json.loads(succeed(*FIT, *how, "--model", "m.json", "--json"))
    h = fitted["bandwidth"][0]
    error = sum((mean(shape, h, t, i) - y) ** 2 for i, (t, y) in enumerate(rows)) / len(rows)
    check(close(fitted["leave_one_out"], error, 1e-8), (shape, fitted["leave_one_out"], error))
    for x, y in table(succeed("predict", "--model", "m.json", "--grid", "9"))[1]:
        check(close(y, mean(shape, h, x), 1e-8), (shape, "model", x, y))
    summary = json.loads(succeed("summary", "m.json", "--json"))
    for figure in ("leave_one_out", "gcv", "aicc", "trace", "r_squared", "residual_error"):
        check(close(summary[figure], fitted[figure], 1e-8), (shape, figure, summary[figure], fitted[figure]))
    check_equal(summary["kernel"], shape, "summary")
    check(('"format_version": 1,' in read("m.json").decode()) == (shape == "gaussian"), f"format version of {shape}")
text = succeed("summary", "line.json").decode()
check("\nkernel     gaussian kernel, order 1\n" in text and "leave-one-out 561.339" in text, text)

# ---- alpha and products
alpha = table(
    succeed("predict", *DATA, "--kernel", "rational_quadratic", "--alpha", "1000", "--bandwidth", "2", "--grid", "5")
)[1]
check(all(abs(y - mean("gaussian", 2, x)) < 0.2 for x, y in alpha), "a large alpha is nearly gaussian")
write("two.csv", "a,b,y\n" + "".join(f"{i % 5},{i // 5},{(7 * i) % 11}\n" for i in range(25)))
two = ["two.csv", "--x", "a,b", "--y", "y", "--kernel", "triangular", "--product"]
write("at.csv", "a,b\n2.25,1.5\n")
_, ((_, _, got),) = table(succeed("predict", "--data", *two, "--bandwidth", "1.5,2", "--at", "at.csv"))
p = [max(1 - abs(i % 5 - 2.25) / 1.5, 0) * max(1 - abs(i // 5 - 1.5) / 2, 0) for i in range(25)]
check(close(got, sum(q * ((7 * i) % 11) for i, q in enumerate(p)) / sum(p)), ("product", got))
succeed("fit", *two, "--order", "1", "--empty", "mean", "--model", "two.json", "--quiet")
model = json.loads(read("two.json"))
check_equal(
    [model[k] for k in ("kernel", "product", "order", "empty", "format_version")],
    ["triangular", True, 1, "mean", 2],
    "model",
)
check("alpha" not in model, "members that are defaults are not written")

# ---- nobody within reach, and statuses
boxcar = ["predict", *DATA, "--kernel", "boxcar", "--bandwidth", "0.3", "--at", "gap.csv", "--status"]
write("gap.csv", "times\n9.3\n36.9\n100\n")
nearest, average = rows[-1][1], sum(y for _, y in rows) / len(rows)
statuses = ["answered", "empty", "empty"]
for policy, answers, said in (
    ("nan", [math.nan] * 2, "without an answer (nan): no row of the data is in reach of the query"),
    ("nearest", [None, nearest], "with no row of the data in reach: there the answer is that of the nearest row"),
    ("mean", [average] * 2, "with no row of the data in reach: there the answer is the mean of all rows"),
):
    result = run(*boxcar, "--empty", policy)
    check_equal((result.returncode, result.stderr.decode()), (0, f"attnpool: 2 rows of 3 {said}\n"), policy)
    cells = [line.split(",") for line in result.stdout.decode().splitlines()[1:]]
    check_equal([c[2] for c in cells], statuses, policy)
    for cell, want in zip(cells[1:], answers):
        check(
            want is None or close(float(cell[1]), want) or (math.isnan(want) and cell[1] == "nan"), (policy, cell, want)
        )
refuse(
    "query 1 (from 0) has no row of the data within reach of the kernel, which --empty error refuses",
    *boxcar,
    "--empty",
    "error",
    code=3,
)
report = json.loads(succeed(*boxcar, "--json", "--quiet", "--out", "o.csv"))
check_equal(
    report["statuses"], {"answered": 1, "far": 0, "unseen": 0, "empty": 2, "lower_order": 0}, "statuses in JSON"
)
succeed(*FIT, "--kernel", "tricube", "--empty", "error", "--model", "error.json", "--quiet")
refuse("query 2 (from 0) has no row of the data within reach of the kernel, which --empty error refuses",
       "predict", "--model", "error.json", "--at", "gap.csv", code=3)  # fmt: skip
check(b"100,0,far\n" not in succeed("predict", *DATA, "--bandwidth", "1", "--at", "gap.csv") and
      succeed("predict", *DATA, "--bandwidth", "1", "--at", "gap.csv", "--status").endswith(b",far\n"), "far")  # fmt: skip

# ---- rules of a bandwidth, groups and pictures know them too
plugged = json.loads(succeed(*FIT, "--method", "dpill", "--order", "1", "--model", "m.json", "--json"))
check(close(plugged["leave_one_out"], 561.445, 1e-5) and plugged["order"] == 1, plugged)
write("groups.csv", "g,times,accel\n" + "".join(f"{'ab'[i % 2]},{t},{y}\n" for i, (t, y) in enumerate(rows)))
succeed("fit", "groups.csv", *XY, "--group", "g", "--order", "1", "--model", "g.json", "--quiet")
check_equal(succeed("summary", "g.json").count(b"kernel     gaussian kernel, order 1\n"), 2, "summary of groups")
check_equal(len(succeed("predict", "--model", "g.json", "--grid", "3").splitlines()), 7, "groups")
succeed("predict", "--model", "line.json", "--grid", "30", "--out", "o.csv", "--plot", "o.svg")
check(read("o.svg").startswith(b"<?xml"), "picture")

# ---- what is refused, by option and value
shapes = ",".join(SHAPES)
refuse(f"--kernel: knitted not in {{{shapes}}}", *FIT, "--kernel", "knitted", "--model", "m.json")
for wrong in ("0", "1001"):
    refuse(
        f"--alpha: '{wrong}' is not above 0 and at most 1000",
        *FIT,
        "--kernel",
        "rational_quadratic",
        "--alpha",
        wrong,
        "--model",
        "m.json",
    )
refuse(
    "--alpha: is of the rational_quadratic kernel, not of the laplace kernel",
    *FIT,
    "--kernel",
    "laplace",
    "--alpha",
    "2",
    "--model",
    "m.json",
)
refuse("--order: '3' is not a whole number from 0 to 2", *FIT, "--order", "3", "--model", "m.json")
refuse("--order: 2 serves at most 1 x column, not 2", "fit", *two, "--order", "2", "--model", "m.json")
refuse("--empty: none not in {nan,nearest,mean,error}", *FIT, "--empty", "none", "--model", "m.json")
for descent in (["--method", "descent"], ["--lr", "1"]):
    refuse(
        "--order: '1' is not for gradient descent; --method select knows it",
        *FIT,
        *descent,
        "--order",
        "1",
        "--model",
        "m.json",
    )
    refuse(
        "--kernel: 'cosine' is not for gradient descent; --method select knows it",
        *FIT,
        *descent,
        "--kernel",
        "cosine",
        "--model",
        "m.json",
    )
refuse(
    "--order: 1 is not for --criterion log-loss: lines are no probabilities",
    *FIT,
    "--order",
    "1",
    "--criterion",
    "log-loss",
    "--model",
    "m.json",
)
for option in (["--kernel", "boxcar"], ["--alpha", "2"], ["--product"], ["--order", "1"], ["--empty", "mean"]):
    refuse(f"{option[0]} requires --data", "predict", "--model", "line.json", *option, "--grid", "3")
for option in (["--standard-error"], ["--slope"], ["--bootstrap", "wild"]):
    refuse(f"{option[0]}: serves the gaussian kernel at order 0, got gaussian kernel, order 1",
           "predict", "--model", "line.json", *option, "--grid", "3")  # fmt: skip
    refuse(f"{option[0]}: serves the gaussian kernel at order 0, got boxcar kernel",
           "predict", *DATA, "--kernel", "boxcar", "--bandwidth", "5", *option, "--grid", "3")  # fmt: skip
refuse(
    "--model: 'line.json' is of order 1; `weights` knows those of order 0",
    "weights",
    "--model",
    "line.json",
    "--grid",
    "3",
    "--out",
    "-",
)
refuse(
    "--status: an NPY file cannot hold words; .csv and .tsv can",
    "predict",
    "--model",
    "line.json",
    "--grid",
    "3",
    "--status",
    "--out",
    "o.npy",
)
write("old.json", read("line.json").replace(b'"format_version": 2', b'"format_version": 1'))
refuse("old.json: 'order' is not of format version 1", "predict", "--model", "old.json", "--grid", "3", code=3)

leave()
