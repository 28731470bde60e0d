#!/usr/bin/env python3
"""attnpool lowess: its columns, options, pictures and reports, and what it refuses."""
import json
import math
import os

from program import check, check_equal, enter_scratch, leave, read, refuse, run, succeed, table, write

MOTORCYCLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/program/data/mcycle.csv")
DATA = ["lowess", MOTORCYCLE, "--x", "times", "--y", "accel"]
enter_scratch()

# ---- rows of the data in their order, with fit and weight
header, rows = table(succeed(*DATA, "--fraction", "0.3"))
check_equal(header, "times,accel,accel_fit,accel_weight", "header")
data = table(read(MOTORCYCLE))[1]
check_equal([row[:2] for row in rows], data, "x and y as they came")
check(all(0 <= row[3] <= 1 for row in rows) and min(row[2] for row in rows) < -80, "fits and weights")
shuffled = sorted(data, key=lambda row: (row[0] * 7919) % 13)
write("mixed.csv", "times,accel\n" + "".join(f"{x},{y}\n" for x, y in shuffled))
mixed = table(succeed("lowess", "mixed.csv", *DATA[2:], "--fraction", "0.3"))[1]
fits = {row[0]: row[2] for row in rows}
check(all(math.isclose(row[2], fits[row[0]], rel_tol=1e-11, abs_tol=1e-11) for row in mixed), "order")

# ---- an outlier, --iterations and --delta
write("line.csv", "x,y\n" + "".join(f"{i},{1e6 if i == 20 else 2 * i + 0.1 * math.sin(i * i)}\n" for i in range(50)))
line = ["lowess", "line.csv", "--x", "x", "--y", "y"]
robust = table(succeed(*line))[1]
check(all(abs(row[2] - 2 * row[0]) < 0.2 for row in robust) and robust[20][3] == 0, robust)
check(max(abs(row[2] - 2 * row[0]) for row in table(succeed(*line, "--iterations", "0"))[1]) > 1000, "without iterations")
joined = [row[2] for row in table(succeed(*line, "--delta", "10"))[1]]
check(all(abs(joined[i + 1] - 2 * joined[i] + joined[i - 1]) < 1e-9 for i in range(1, 10)), "straight between lines")

# ---- --at
write("at.csv", "x\n20\n0\n20.5\n400\n")
header, rows = table(succeed(*line, "--at", "at.csv"))
check_equal(header, "x,y_fit", "header of --at")
check_equal([row[0] for row in rows], [20, 0, 20.5, 400], "places")
check_equal([rows[0][1], rows[1][1]], [robust[20][2], robust[0][2]], "at rows of the data")

# ---- other formats, dates, missing values, the report
succeed(*DATA, "--out", "o.npy")
check_equal(list(memoryview(read("o.npy")[-8 * 4 * 133:]).cast("d")), [c for row in table(succeed(*DATA))[1] for c in row], "NPY")
succeed(*DATA, "--out", "o.tsv", "--plot", "o.svg")
check(read("o.tsv").startswith(b"times\taccel\taccel_fit\taccel_weight\n") and b"lowess" in read("o.svg"), "TSV and picture")
write("days.csv", "day,y\n" + "".join(f"2026-01-{i:02},{i % 7}\n" for i in range(1, 29)))
check(succeed("lowess", "days.csv", "--x", "day", "--y", "y", "--plot", "d.png").decode().split("\n")[3].startswith("2026-01-03,3,"), "dates")
write("gaps.csv", "x,y\n1,2\n2,NA\n3,1\n4,4\n5,2\n6,6\n")
said = b"attnpool: gaps.csv: left out 1 row with missing values\n"
gaps = run("lowess", "gaps.csv", "--x", "x", "--y", "y", "--missing", "skip", "--fraction", "1")
check_equal((gaps.returncode, len(table(gaps.stdout)[1])), (0, 5), "missing values")
report = json.loads(succeed(*DATA, "--json", "--out", "o.csv", "--threads", "1"))
check_equal([report[name] for name in ("rows", "neighbours", "passes", "rows_without_line", "threads", "out")],
            [133, 88, 4, 0, 1, "o.csv"], report)

# ---- points without a line
said = "attnpool: 5 rows of 5 without a line: fewer than two rows in reach weigh anything there, and the fit is y itself\n"
write("few.csv", "x,y\n1,2\n2,5\n3,1\n4,4\n5,2\n")
check_equal([row[2] for row in table(succeed("lowess", "few.csv", "--x", "x", "--y", "y", "--fraction", "0", said=said.encode()))[1]],
            [2, 5, 1, 4, 2], "y itself")

# ---- what is refused, by name
refuse("--fraction: '1.5' is not from 0 to 1", *DATA, "--fraction", "1.5")
refuse("--fraction: 'half' is not a number", *DATA, "--fraction", "half")
refuse("--iterations: '-1' is not a whole number from 0 to 1000", *DATA, "--iterations=-1")
refuse("--delta: '-2' is below 0", *DATA, "--delta=-2")
refuse("--y: lowess takes one column, got 2", "lowess", MOTORCYCLE, "--x", "times", "--y", "accel,times")
refuse("--json needs --out FILE: standard output is taken", *DATA, "--json")
refuse("--plot: a picture is not written to standard output", *DATA, "--plot", "-")
write("empty.csv", "x,y\n")
check_equal(run("lowess", "empty.csv", "--x", "x", "--y", "y").returncode, 3, "no rows")
leave()
