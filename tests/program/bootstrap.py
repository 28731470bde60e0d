#!/usr/bin/env python3
"""predict --bootstrap with its options, its columns, its pictures, and what it refuses."""
import json
import math
import os
import random

from program import check, check_equal, enter_scratch, leave, read, refuse, run, succeed, table, write

MOTORCYCLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/program/data/mcycle.csv")
DATA = ["--data", MOTORCYCLE, "--x", "times", "--y", "accel", "--bandwidth", "1.5"]
enter_scratch()


# ---- wild: near the standard errors of --standard-error, with the columns of both
header, rows = table(succeed("predict", *DATA, "--grid", "9", "--standard-error", "--bootstrap", "wild", "--replicates", "4000",
                             "--error-bounds"))
check_equal(header, "times,accel,accel_se,accel_lower,accel_upper,effective_keys,accel_boot_se,accel_boot_lower,accel_boot_upper,error_bound",
            "header")
for _, y, error, _, _, _, boot_error, lower, upper, _ in rows:
    check(math.isclose(error, boot_error, rel_tol=0.06), (error, boot_error))
    check(lower < y < upper and 2.5 < (upper - lower) / error < 5, (lower, y, upper, error))
plain = table(succeed("predict", *DATA, "--grid", "9"))[1]
check_equal([row[:2] for row in rows], plain, "a bootstrap changes no digit of the predictions")

# ---- the seed decides, threads do not; --level, --band and --simultaneous
narrow = ["predict", *DATA, "--grid", "9", "--bootstrap", "wild", "--replicates", "200"]
one = succeed(*narrow, "--seed", "5", "--threads", "1")
check_equal(one, succeed(*narrow, "--seed", "5", "--threads", "3"), "threads")
check(one != succeed(*narrow, "--seed", "6"), "seeds")
level = table(succeed(*narrow, "--seed", "5", "--level", "0.5"))[1]
check(all(a[3] < b[3] < b[4] < a[4] for a, b in zip(table(one)[1], level)), level)
for row, base in zip(table(succeed(*narrow, "--seed", "5", "--band", "basic"))[1], table(one)[1]):
    check(math.isclose(row[3], 2 * base[1] - base[4], abs_tol=1e-9), (row, base))
whole = table(succeed(*narrow, "--seed", "5", "--simultaneous"))[1]
critical = (whole[0][4] - whole[0][1]) / whole[0][2]
check(critical > 2 and all(math.isclose(row[1] - row[3], critical * row[2], rel_tol=1e-9) for row in whole), whole)
check(one != succeed(*narrow, "--seed", "5", "--multiplier", "mammen"), "multiplier")
check(one != succeed(*narrow, "--seed", "5", "--variance", "hc2"), "residuals")

# ---- pairs: replicates without a row near the query are counted
write("far.csv", "x,y\n0,1\n1,3\n2,2\n3,4\n50,7\n")
write("at.csv", "x\n1.5\n50\n")
far = ["predict", "--data", "far.csv", "--x", "x", "--y", "y", "--bandwidth", "1", "--at", "at.csv", "--bootstrap", "pairs"]
said = b"attnpool: 1 row of 2 not from all replicates (column boot_used): in the others no row near the query was drawn\n"
header, rows = table(succeed(*far, said=said))
check_equal(header, "x,y,y_boot_se,y_boot_lower,y_boot_upper,boot_used", "header")
check(rows[0][5] == 999 and 500 < rows[1][5] < 800 and rows[1][1:5] == [7, 0, 7, 7], rows)
report = json.loads(succeed(*far, "--out", "o.csv", "--json", "--quiet"))
check_equal(report["rows_not_from_all_replicates"], 1, "in the report")
succeed(*far, "--quiet", "--out", "o.npy")
check_equal(list(memoryview(read("o.npy")[-2 * 6 * 8:]).cast("d")), [cell for row in rows for cell in row], "NPY")

# ---- groups, and two y columns
write("groups.csv", "g,x,y,z\n" + "".join(f"{'ab'[i % 2]},{i},{(i * 37) % 11 + 20 * (i % 2)},{i % 5}\n" for i in range(40)))
text = succeed("predict", "--data", "groups.csv", "--group", "g", "--x", "x", "--y", "y,z", "--bandwidth", "2", "--grid", "3", "--bootstrap",
               "wild", "--replicates", "50").decode().splitlines()
check_equal((text[0], len(text)), ("g,x,y,z,y_boot_se,y_boot_lower,y_boot_upper,z_boot_se,z_boot_lower,z_boot_upper", 7), "groups")

# ---- pictures: the band of the bootstrap where there is none of --standard-error
random.seed(1)
write("three.csv", "a,b,c,y\n" + "".join(
    f"{random.random()},{random.random()},{random.random()},{random.gauss(0, 0.2)}\n" for _ in range(60)))
for columns, name, options, label in (
    ("a", "one.svg", [], b"95 % bootstrap band"),
    ("a", "both.svg", ["--standard-error"], b"95 % band"),
    ("a,b,c", "three.svg", ["--simultaneous"], b"95 % simultaneous band"),
):
    succeed("predict", "--data", "three.csv", "--x", columns, "--y", "y", "--bandwidth", "0.3", "--grid", "5", "--plot", name, "--out", "o.csv",
            "--bootstrap", "wild", "--replicates", "50", *options)
    check(label in read(name), (name, label))

# ---- what is refused, by name
refuse("--bootstrap: serves predictions from all rows, not --leave-one-out, --causal or --window", "predict", *DATA, "--leave-one-out",
       "--bootstrap", "wild")
refuse("--bootstrap: block not in {wild,pairs}", "predict", *DATA, "--grid", "5", "--bootstrap", "block")
for option in (["--replicates", "50"], ["--seed", "1"], ["--simultaneous"], ["--band", "basic"], ["--multiplier", "mammen"]):
    refuse(f"{option[0]} requires --bootstrap", "predict", *DATA, "--grid", "5", *option)
refuse("--replicates: '1' is not a whole number from 2 to 1000000", "predict", *DATA, "--grid", "5", "--bootstrap", "wild", "--replicates", "1")
refuse("--multiplier: is an option of --bootstrap wild, not of pairs", "predict", *DATA, "--grid", "5", "--bootstrap", "pairs",
       "--multiplier", "mammen")
refuse("--variance: local has no residuals for --bootstrap wild; hc0, hc1, hc2 and hc3 have", "predict", *DATA, "--grid", "5",
       "--bootstrap", "wild", "--variance", "local")
result = run("predict", *DATA, "--grid", "5", "--bootstrap", "wild", "--simultaneous", "--band", "basic")
check(result.returncode == 2 and b"--simultaneous" in result.stderr and b"--band" in result.stderr, result)
write("taken.csv", "x,y,y_boot_se\n1,2,3\n2,3,4\n3,1,2\n")
refuse("--bootstrap: a column is called 'y_boot_se' already", "predict", "--data", "taken.csv", "--x", "x", "--y", "y,y_boot_se",
       "--bandwidth", "1", "--grid", "5", "--bootstrap", "wild")
write("one.csv", "x,y\n1,2\n")
result = run("predict", "--data", "one.csv", "--x", "x", "--y", "y", "--bandwidth", "1", "--grid", "5", "--bootstrap", "wild")
check(result.returncode == 3 and result.stderr.startswith(b"attnpool: one.csv: ") and result.stdout == b"", result)
leave()
