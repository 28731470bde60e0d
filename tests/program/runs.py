"""What the program does when all is well."""
import json
import math
import os
import pty
import signal
import struct
import subprocess

from program import PROGRAM, check, check_equal, enter_scratch, leave, read, run, write

enter_scratch()


def rows(csv_bytes):
    lines = csv_bytes.decode().splitlines()
    return lines[0].split(","), [[float(cell) for cell in line.split(",")] for line in lines[1:]]


def npy(name):
    """Shape, type and cells of a file that the program wrote."""
    data = read(name)
    size = struct.unpack("<H", data[8:10])[0]
    header = eval(data[10:10 + size], {"__builtins__": {}})
    cells = struct.unpack("<%d%s" % (math.prod(header["shape"]), {"<f8": "d", "<f4": "f"}[header["descr"]]), data[10 + size:])
    return header["shape"], header["descr"], cells


def succeed(*arguments, **others):
    result = run(*arguments, **others)
    check_equal(result.returncode, 0, (arguments, result.stderr))
    return result


# ---- info, help, version
info = json.loads(succeed("info", "--json").stdout)
check_equal(list(info), ["version", "compiled", "supported", "active", "threads"], "info --json")
check_equal(json.loads(succeed("info", "--json", env={"ATTNPOOL_ISA": "scalar"}).stdout)["active"], "scalar", "forced ISA")
check_equal(succeed("--version").stdout.decode(), f"attnpool {info['version']}\n", "--version")
for command in ([], ["demo"], ["fit"], ["predict"], ["weights"], ["info"]):
    result = succeed(*command, "--help")
    check(result.stdout.count(b"Exit codes") == 1 and result.stderr == b"", ("help", command))

# ---- demo
result = succeed("demo", "--out", "a demo/with spaces", "--seed", "7")
check(b"a demo/with spaces" in result.stdout.splitlines()[-1], result.stdout)
check(all(line.startswith(b"attnpool: ") for line in result.stderr.splitlines()), result.stderr)
os.rename("a demo/with spaces", "demo")
expected_files = ["average.png", "bandwidths.png", "data.png", "loss.csv", "loss.png", "motorcycle.png", "motorcycle_loss.csv",
                  "motorcycle_predictions.csv", "parametric.png", "predictions.csv", "report.json", "train.csv",
                  "weights_nonparametric.npy", "weights_nonparametric.png", "weights_parametric.npy", "weights_parametric.png"]
check_equal(sorted(os.listdir("demo")), expected_files, "files of the demo")
for name in expected_files:
    if name.endswith(".png"):
        picture = read("demo/" + name)
        check(picture.startswith(b"\x89PNG\r\n\x1a\n") and picture.endswith(b"IEND\xaeB`\x82"), name)
check_equal(rows(read("demo/predictions.csv"))[0],
            ["x", "truth", "average", "nonparametric", "h0.1", "h0.5", "h1.0", "parametric"], "predictions.csv")
report = json.loads(read("demo/report.json"))
check(set(report) >= {"seed", "w", "bandwidth", "losses", "rmse", "isa", "threads", "version", "seconds", "motorcycle"}, list(report))
check_equal(report["seed"], 7, "seed in the report")
check(report["losses"][-1] < report["losses"][0], "the demo learns")
check(report["rmse"]["parametric"] < report["rmse"]["average"], "learning beats the average")
check(report["motorcycle"]["losses"][-1] < 0.6 * report["motorcycle"]["losses"][0], "the motorcycle demo learns")
names, losses = rows(read("demo/loss.csv"))
check_equal((names, [row[1] for row in losses]), (["epoch", "loss", "w"], report["losses"]), "loss.csv")
names, table = rows(read("demo/predictions.csv"))
check_equal(len(table), 50, "rows of predictions.csv")
rmse = math.sqrt(sum((row[-1] - row[1]) ** 2 for row in table) / 50)
check(abs(rmse - report["rmse"]["parametric"]) < 1e-12, "RMSE can be had again from predictions.csv")
for name in ("nonparametric", "parametric"):
    shape, dtype, cells = npy(f"demo/weights_{name}.npy")
    check_equal((shape, dtype), ((50, 50), "<f8"), name)
    check(all(abs(sum(cells[i * 50:i * 50 + 50]) - 1) < 1e-12 for i in range(50)), "rows of weights sum to 1")
again = json.loads(succeed("demo", "--out", "again", "--seed", "7", "--json", "--quiet", "--threads", "1").stdout)
check_equal(again["w"], report["w"], "the demo repeats itself")
for name in expected_files:
    if name.endswith((".csv", ".npy")):
        check_equal(read("again/" + name) == read("demo/" + name), True, "again " + name)
check(read("again/train.csv") != (succeed("demo", "--out", "again", "--seed", "8", "--quiet"), read("again/train.csv"))[1], "seed")

# ---- the chapter's training by `fit`, and predictions from the model
CHAPTER = ["--x", "x", "--y", "y", "--loss", "half-sum", "--lr", "0.5", "--epochs", "5", "--w0", repr(losses[0][2])]
fitted = json.loads(succeed("fit", "demo/train.csv", *CHAPTER, "--model", "m.json", "--json", "--history").stdout)
check_equal((fitted["w"], fitted["losses"]), ([report["w"]], report["losses"]), "fit does what the demo does")
text = succeed("fit", "demo/train.csv", *CHAPTER, "--model", "m.json").stdout.decode()
check(text.startswith(f"w          {report['w']!r}\nbandwidth  "), text)
queries = "x\n" + "".join(f"{row[0]!r}\n" for row in table)
write("queries.csv", queries)
predicted = succeed("predict", "--model", "m.json", "--at", "queries.csv").stdout
check_equal(rows(predicted), (["x", "y"], [[row[0], row[-1]] for row in table]), "predictions of the model")
SAME = [
    (["--model", "m.json", "--at", "-"], queries.encode()),
    (["--model", "-", "--at", "queries.csv"], read("m.json")),
    (["--data", "demo/train.csv", "--x", "x", "--y", "y", "--w", repr(report["w"]), "--at", "queries.csv"], b""),
    (["--data", "-", "--x", "x", "--y", "y", "--w", repr(-report["w"]), "--at", "queries.csv"], read("demo/train.csv")),
    (["--data", "-", "--x", "x", "--y", "y", "--w", repr(report["w"]), "--at", "queries.csv"],
     b"\xef\xbb\xbf" + read("demo/train.csv").replace(b",", b"\t").replace(b"\n", b"\r\n")),
    (["--model", "m.json", "--at", "queries.csv", "--threads", "3"], b""),
]
for arguments, stdin in SAME:
    check_equal(succeed("predict", *arguments, stdin=stdin).stdout == predicted, True, arguments)
check_equal(succeed("fit", "demo/train.csv", *CHAPTER, "--model", "-").stdout, read("m.json"), "a model on standard output")

# ---- NPY in and out
points = rows(read("demo/train.csv"))[1]
header = "{'descr': '<f8', 'fortran_order': True, 'shape': (50, 3), }\n"
columns = [p[1] for p in points] + [math.nan] * 50 + [p[0] for p in points]
write("train.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<150d", *columns))
from_npy = json.loads(succeed("fit", "train.npy", "--x", "2", "--y", "0", *CHAPTER[4:], "--model", "n.json", "--json").stdout)
check_equal(from_npy["w"], fitted["w"], "fit from NPY")
succeed("predict", "--model", "m.json", "--at", "queries.csv", "--out", "p.npy", "--quiet")
check_equal(npy("p.npy"), ((50, 2), "<f8", tuple(cell for row in rows(predicted)[1] for cell in row)), "predict to NPY")

# ---- weights
succeed("weights", "--model", "m.json", "--leave-one-out", "--out", "w.npy", "--plot", "w.png")
shape, dtype, cells = npy("w.npy")
check_equal((shape, [cells[51 * i] for i in range(50)]), ((50, 50), [0.0] * 50), "a point left out has no weight")
check(read("w.png").startswith(b"\x89PNG"), "picture of weights")
names, matrix = rows(succeed("weights", "--model", "m.json", "--leave-one-out", "--out", "-").stdout)
check_equal((names, [c for row in matrix for c in row]), ([str(k) for k in range(50)], list(cells)), "weights as CSV")
left_out = rows(succeed("predict", "--model", "m.json", "--leave-one-out").stdout)[1]
check(all(abs(sum(w * p[1] for w, p in zip(row, points)) - out[1]) < 1e-12 for row, out in zip(matrix, left_out)),
      "weights times values are the predictions")
check_equal(rows(succeed("predict", "--model", "m.json", "--at", "demo/train.csv", "--leave-one-out").stdout)[1], left_out,
            "--leave-one-out with the data named again")
succeed("weights", "--data", "demo/train.csv", "--x", "x", "--y", "y", "--w", "2", "--precision", "float", "--grid", "30000",
        "--out", "f.npy")
shape, dtype, cells = npy("f.npy")  # more than one block of rows
check_equal((shape, dtype), ((30000, 50), "<f4"), "weights in float")
check(all(abs(sum(cells[i:i + 50]) - 1) < 1e-5 for i in range(0, len(cells), 50)), "rows of every block sum to 1")

# ---- several columns
write("two.csv", "b,z,a,note\n" + "".join(f"{i % 7},{i % 5 - i % 7},{i % 3},n{i}\n" for i in range(60)))
two = json.loads(succeed("fit", "two.csv", "--x", "a,b", "--y", "z,b", "--w0", "1,2", "--model", "two.json", "--json").stdout)
check_equal(len(two["w"]), 2, "one w per column")
names, grid = rows(succeed("predict", "--model", "two.json", "--grid", "3").stdout)
check_equal((names, [row[:2] for row in grid]), (["a", "b", "z", "b"], [[a, b] for a in (0, 1, 2) for b in (0, 3, 6)]), "grid")
succeed("predict", "--data", "two.csv", "--x", "a,b", "--y", "z", "--bandwidth", "1,0.5", "--at", "two.csv", "--out", "o.csv")

# ---- pictures of odd names, and outputs beside each other
write("odd.csv", "\"it's a\nname; system 'x'\",\"`y` $z @1 \"\"q\"\" \\n\"\n1,2\n2,3\n5,1\n")
succeed("predict", "--data", "odd.csv", "--x", "it's a\nname; system 'x'", "--y", "`y` $z @1 \"q\" \\n", "--bandwidth", "1",
        "--grid", "50", "--plot", "odd.png", "--out", "odd_out.csv")
check(read("odd.png").startswith(b"\x89PNG"), "picture of odd names")
summary = json.loads(succeed("predict", "--model", "m.json", "--grid", "5", "--out", "o.csv", "--json").stdout)
check_equal((summary["queries"], summary["keys"], summary["out"]), (5, 50, "o.csv"), "report of predict")

# ---- training that does not end well
diverging = run("fit", "demo/train.csv", "--x", "x", "--y", "y", "--w0", "8", "--lr", "1e9", "--epochs", "50", "--model", "d.json")
check_equal(diverging.returncode, 4, "exit code of diverged training")
check(diverging.stderr.startswith(b"attnpool: training diverged; d.json has the best w so far, "), diverging.stderr)
check(math.isfinite(json.loads(read("d.json"))["w"][0]), "w stays finite")
unfinished = run("fit", "demo/train.csv", "--x", "x", "--y", "y", "--tolerance", "1e-9", "--lr", "0.5", "--epochs", "10",
                 "--w0", "3", "--model", "d.json")
check_equal((unfinished.returncode, unfinished.stderr),
            (4, b"attnpool: not converged within 10 epochs; more --epochs may help\n"), "not converged")
check_equal(succeed("fit", "demo/train.csv", "--x", "x", "--y", "y", "--tolerance", "0.1", "--model", "d.json", "--epochs", "1000",
                    "--quiet").stdout, b"", "--quiet")

# ---- progress: a bar on a terminal, in colour unless NO_COLOR is set
write("large.csv", "x,y\n" + "".join(f"{i % 977 / 7},{i % 13}\n" for i in range(20000)))


def on_terminal(awaited, **env):
    """What a long training shows on a terminal, until `awaited` comes and then to its end by Ctrl-C."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([PROGRAM, "fit", "large.csv", "--x", "x", "--y", "y", "--w0", "1", "--lr", "1e-9",
                                "--epochs", "1000000", "--model", "l.json"],
                               stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm", **env})
    os.close(theirs)
    seen, stopped = b"", False
    try:
        while chunk := os.read(ours, 4096):
            seen += chunk
            if awaited in seen and not stopped:
                process.send_signal(signal.SIGINT)
                stopped = True
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    check_equal(process.wait(), 5, "fit on a terminal")
    return seen


seen = on_terminal(b"\rfit [\x1b[32m", NO_COLOR="")
check(b"\r\x1b[Kattnpool: cancelled; " in seen, ("the bar is removed", seen[-200:]))
seen = on_terminal(b"\rfit [", NO_COLOR="1")
check(b"\x1b[32m" not in seen, ("plain bar", seen[-200:]))
seen = on_terminal(b"attnpool: fit: ", TERM="dumb")
check(b"\r" not in seen.replace(b"\r\n", b"\n"), ("dumb terminal", seen[-200:]))

leave()
