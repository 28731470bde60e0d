#!/usr/bin/env python3
"""fit by selection: what it finds, reports and draws, and how it and gradient descent are told apart."""
import json
import math
import os

from program import check, check_equal, enter_scratch, leave, read, run, write

MOTORCYCLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/program/data/mcycle.csv")
XY = ["--x", "times", "--y", "accel"]
enter_scratch()


def succeed(*arguments):
    result = run(*arguments)
    check_equal((result.returncode, result.stderr), (0, b""), arguments)
    return result.stdout


def refuse(message, *arguments):
    result = run(*arguments)
    check_equal((result.returncode, result.stderr.decode()), (2, f"attnpool: {message}\n"), arguments)


# ---- the motorcycle: the optimum of a brute-force scan
text = succeed("fit", MOTORCYCLE, *XY, "--model", "m.json", "--curve", "c.csv", "--plot-curve", "c.png").decode()
check("criterion  595.936 (leave-one-out), 1192.41 by the rule of thumb" in text and "converged" in text, text)
report = json.loads(succeed("fit", MOTORCYCLE, *XY, "--model", "m.json", "--json"))
check(abs(report["bandwidth"][0] - 0.9138289) < 1e-6 and abs(report["value"] - 595.936344) < 1e-6, report)
check_equal((report["method"], report["criterion"], report["stop"], report["at_bound"], report["no_help"]),
            ("select", "leave-one-out", "converged", "", ""), "report")
check(report["minima"][0]["value"] == report["value"] or math.isclose(report["minima"][0]["value"], report["value"]), report)
check_equal(json.loads(read("m.json"))["w"], report["w"], "the model has the w")
lines = read("c.csv").decode().splitlines()
check_equal(lines[0], "bandwidth,leave-one-out,estimated", "header of the curve")
curve = [[float(cell) for cell in line.split(",")] for line in lines[1:]]
check(len(curve) >= 40 and all(a[0] < b[0] for a, b in zip(curve, curve[1:])), "bandwidths ascend")
check(min(row[1] for row in curve) >= report["value"], "no point of the curve is lower")
check(read("c.png").startswith(b"\x89PNG"), "a picture of the curve")
for criterion in ("gcv", "aicc"):
    other = json.loads(succeed("fit", MOTORCYCLE, *XY, "--model", "m.json", "--json", "--criterion", criterion))
    check(other["value"] == other[criterion] < report[criterion] and other["leave_one_out"] > report["leave_one_out"], other)

# ---- classes: the log-loss of their probabilities
write("classes.csv", "x,a,b\n" + "".join(f"{i},{int(i % 7 < i / 6)},{int(i % 7 >= i / 6)}\n" for i in range(40)))
classes = ["fit", "classes.csv", "--x", "x", "--model", "l.json", "--criterion", "log-loss"]
loss = json.loads(succeed(*classes, "--y", "a,b", "--json"))
check(loss["criterion"] == "log-loss" and 0 < loss["value"] < math.log(2) and loss["value"] < loss["value_at_rule"], loss)
alone = run(*classes, "--y", "a")
check(alone.returncode != 0 and b"must be probabilities with the sum 1 for log-loss" in alone.stderr, alone.stderr)

# ---- two columns, of which one is constant and cannot help
write("two.csv", "a,b,y\n" + "".join(f"{i / 50},7,{math.sin(i / 8) + (i * 53 % 17) / 34}\n" for i in range(100)))
two = succeed("fit", "two.csv", "--x", "a,b", "--y", "y", "--model", "t.json").decode()
check("no help    b: w = 0, the prediction does not depend on it" in two, two)
check_equal(json.loads(read("t.json"))["w"][1], 0, "w of the column that does not help")
succeed("predict", "--model", "t.json", "--leave-one-out", "--out", "o.csv")
one = json.loads(succeed("fit", "two.csv", "--x", "a,b", "--y", "y", "--model", "t.json", "--scalar", "--json", "--quiet"))
check_equal(len(one["w"]), 1, "--scalar")

# ---- nothing to find is said, and is an answer
write("flat.csv", "x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40)))
flat = run("fit", "flat.csv", "--x", "x", "--y", "y", "--model", "f.json")
check_equal((flat.returncode, flat.stderr),
            (0, b"attnpool: the loss is least at the largest bandwidth that was tried: the data do not determine one between the "
                b"closest points and a flat fit\n"), "a flat fit")
check(b"w          0\nbandwidth  inf\n" in flat.stdout, flat.stdout)

# ---- gradient descent by its options, and no mixture
descent = json.loads(succeed("fit", MOTORCYCLE, *XY, "--model", "d.json", "--json", "--method", "descent"))
check_equal((descent["method"], descent["stop"]), ("descent", "converged"), "descent")
check(abs(descent["loss_after"] - report["value"]) < 1e-6, descent)
check_equal(json.loads(succeed("fit", MOTORCYCLE, *XY, "--model", "d.json", "--json", "--epochs", "2"))["method"], "descent",
            "--epochs alone asks for descent")
refuse("--epochs: is for --method descent", "fit", MOTORCYCLE, *XY, "--model", "d.json", "--method", "select", "--epochs", "3")
refuse("--scalar: is for --method select", "fit", MOTORCYCLE, *XY, "--model", "d.json", "--method", "descent", "--scalar")
refuse("--criterion: is for --method select, which --lr rules out", "fit", MOTORCYCLE, *XY, "--model", "d.json", "--lr", "1",
       "--criterion", "gcv")
# ---- rules: the bandwidths of R (sd(x) * 133^(-1/5) and KernSmooth's dpill), and the loss that they leave
for method, bandwidth in (("scott", 4.93813111229421), ("silverman", 5.23058620436692), ("dpill", 1.44525836557079)):
    text = succeed("fit", MOTORCYCLE, *XY, "--model", "r.json", "--method", method).decode()
    check(f"rule       {method}\ncriterion  " in text and "(leave-one-out)\nfit        tr H " in text, text)
    ruled = json.loads(succeed("fit", MOTORCYCLE, *XY, "--model", "r.json", "--method", method, "--json"))
    check_equal((ruled["method"], ruled["stop"], json.loads(read("r.json"))["w"]), (method, "rule", ruled["w"]), method)
    check(math.isclose(ruled["bandwidth"][0], bandwidth, rel_tol=1e-9), ruled)
    summary = json.loads(succeed("summary", "r.json", "--json"))
    check(math.isclose(ruled["leave_one_out"], summary["leave_one_out"]) and ruled["leave_one_out"] > report["value"], ruled)
check_equal(len(json.loads(succeed("fit", "two.csv", "--x", "a,b", "--y", "y", "--model", "r.json", "--method", "scott", "--json"))["w"]),
            2, "one per column")
write("grouped.csv", "g,x,y\n" + "".join(f"{'ab'[i % 2]},{i / 50},{math.sin(i / 8) + (i * 53 % 17) / 34}\n" for i in range(100)))
groups = json.loads(succeed("fit", "grouped.csv", "--x", "x", "--y", "y", "--group", "g", "--model", "r.json", "--method", "dpill", "--json"))
check_equal([(entry["group"], entry["method"], len(entry["w"])) for entry in groups["groups"]], [("a", "dpill", 1), ("b", "dpill", 1)], "groups")
refuse("--lr: is for --method descent", "fit", MOTORCYCLE, *XY, "--model", "r.json", "--method", "dpill", "--lr", "1")
refuse("--criterion: is for --method select", "fit", MOTORCYCLE, *XY, "--model", "r.json", "--method", "scott", "--criterion", "gcv")
refuse("--method dpill: is for one x and one y column, got 2 x columns and 1 y column", "fit", "two.csv", "--x", "a,b", "--y", "y",
       "--model", "r.json", "--method", "dpill")
refuse("--key-weights: not with --method dpill", "fit", "two.csv", "--x", "a", "--y", "y", "--key-weights", "b", "--model", "r.json",
       "--method", "dpill")
write("short.csv", "x,y\n1,2\n2,3\n3,5\n")
short = run("fit", "short.csv", "--x", "x", "--y", "y", "--model", "r.json", "--method", "dpill")
check_equal((short.returncode, short.stderr),
            (3, b"attnpool: --method dpill: x: the plug-in rule needs at least 6 rows after trimming, got 3\n"), "too short")
refuse("--curve: not with --group", "fit", "two.csv", "--x", "a", "--y", "y", "--group", "b", "--model", "d.json", "--curve", "c.csv")
leave()
