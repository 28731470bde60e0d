"""Every bad input gives one exact line on standard error, its exit code, and nothing else: no output, no file."""
import json
import os
import struct

from program import check_equal, enter_scratch, leave, read, run, write

USAGE, DATA, OUTPUT = 2, 3, 6

enter_scratch()
write("good.csv", "x,y\n1,2\n2,3\n4,5\n")
write("two.csv", "a,b,y\n1,2,3\n2,3,4\n4,5,6\n")
write("four.csv", "a,b,c,d,y\n1,2,3,4,5\n2,3,4,5,6\n")
write("weighted.csv", "x,y,c,negative,zero,single,error_bound\n1,2,1,1,0,0,1\n2,3,0.5,-2,0,3,1\n4,5,0,1,0,0,1\n")
write("points.csv", "x\n1.5\n")
write("empty.csv", "")
write("header.csv", "x,y\n")
write("one.csv", "x,y\n1,2\n")
write("ragged.csv", "x,y\n1,2\n1\n")
write("text.csv", "x,y\n1,2\n3,many\n")
write("nan.csv", "x,y\n1,2\n3,NaN\n")
write("inf.csv", "x,y\n-inf,2\n3,4\n")
write("blank.csv", "x,y\n1,\n")
write("comma.tsv", "x\ty\n1\t2,5\n")
write("semicolon.csv", "x;y\n1;2\n")
write("nul.csv", b"x,y\n1,\0002\n")
write("quote.csv", 'x,y\n1,"2\n')
write("huge.csv", "x,y\n1,2\n1e300,2\n")
write("latin.csv", b"caf\xe9,y\n1,2\n2,3\n")
write("control.csv", b"x,y\n1,\x1b[31m2\n")
write("fake.npy", "x,y\n1,2\n")
dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }\n"
npy = lambda shape, cells: (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(dictionary % shape)) +
                            (dictionary % shape).encode() + cells)
write("short.npy", npy("1000000000, 2", b"\0" * 16))
write("cube.npy", npy("1, 1, 2", b"\0" * 16))
write("wide.npy", npy("1, 2", b"\0" * 16))
os.mkdir("directory")
good = run("fit", "good.csv", "--x", "x", "--y", "y", "--model", "good.json")
assert good.returncode == 0, good
model = read("good.json").decode()
assert run("fit", "weighted.csv", "--x", "x", "--y", "y", "--key-weights", "c", "--model", "weighted.json").returncode == 0
write("cut.json", model[:-20])
write("foreign.json", '{"name": "something else"}')
write("edited.json", model.replace('"w": [', '"w": [1'))
write("version.json", model.replace('"format_version": 1', '"format_version": 7'))
files_before = sorted(os.listdir("."))

DATA_XY = ["--x", "x", "--y", "y"]
PREDICT = ["predict", "--data", "good.csv", *DATA_XY]
H = ["--bandwidth", "1"]
FOUR = ["predict", "--data", "four.csv", "--x", "a,b,c,d", "--y", "y", *H, "--grid", "2"]
WEIGHTED = ["predict", "--data", "weighted.csv", *DATA_XY, *H]


def fit(file, *more, x="x", y="y"):
    return ["fit", file, "--x", x, "--y", y, "--model", "new.json", *more]


CASES = [
    # Files that are not there or not what they should be.
    (fit("none.csv"), DATA, "cannot read none.csv: No such file or directory"),
    (fit("directory"), DATA, "cannot read directory: Is a directory"),
    (fit("empty.csv"), DATA, "empty.csv: the file is empty"),
    (fit("header.csv"), DATA, "header.csv: a header and no rows"),
    (fit("one.csv"), DATA, "one.csv: one row; leaving each point out needs two"),
    (fit("ragged.csv"), DATA, "ragged.csv:3: 1 field; the header has 2"),
    (fit("text.csv"), DATA, "text.csv:3: column 'y': 'many' is not a number"),
    (fit("nan.csv"), DATA, "nan.csv:3: column 'y': 'NaN' is a missing value (--missing skip leaves such rows out)"),
    (fit("inf.csv"), DATA, "inf.csv:2: column 'x': '-inf' is not finite"),
    (fit("blank.csv"), DATA, "blank.csv:2: column 'y': '' is empty (--missing skip leaves such rows out)"),
    (fit("comma.tsv"), DATA, "comma.tsv:2: column 'y': '2,5' is not a number (decimals take a point; --decimal , reads a comma)"),
    (fit("semicolon.csv"), DATA, "semicolon.csv: one row; leaving each point out needs two"),
    (fit("nul.csv"), DATA, "nul.csv:2: a NUL byte; this is not a text file"),
    (fit("quote.csv"), DATA, "quote.csv:2: a quote is opened and not closed"),
    (fit("control.csv"), DATA, "control.csv:2: column 'y': '?[31m2' is not a number"),
    (fit("huge.csv", "--precision", "float"), DATA, "the x columns: 1 is too far from the middle of its column for a float"),
    (fit("latin.csv", x=b"caf\xe9"), DATA, "the name 'caf\udce9' is not UTF-8; a model cannot hold it"),
    (fit("fake.npy"), DATA, "fake.npy: not an NPY file"),
    (fit("short.npy", x="0", y="1"), DATA, "short.npy: the NPY header claims 1000000000 x 2 cells, 16000000000 bytes; 16 follow"),
    (fit("cube.npy", x="0", y="1"), DATA, "cube.npy: the NPY array has 3 dimensions; one or two are needed"),
    (fit("wide.npy", x="0", y="2"), DATA, "wide.npy: no column '2'; NPY columns are called by number and there are 2, from 0"),
    (fit("good.csv", x="z"), DATA, "good.csv:1: no column 'z'; there are 'x', 'y'"),
    (fit("-"), DATA, "standard input: the file is empty"),
    ([*PREDICT, *H, "--at", "none.csv"], DATA, "cannot read none.csv: No such file or directory"),
    ([*PREDICT, *H, "--at", "two.csv"], DATA, "two.csv:1: no column 'x'; there are 'a', 'b', 'y'"),
    ([*PREDICT, *H, "--at", "wide.npy"], DATA, "wide.npy: 2 columns; there must be 1, one for each of 'x'"),
    ([*PREDICT, *H, "--at", "points.csv", "--leave-one-out"], DATA,
     "points.csv: 1 row where the data have 3; --leave-one-out needs the queries to be the data"),
    (["predict", "--data", "one.csv", *DATA_XY, *H, "--leave-one-out"], DATA, "one.csv: one row; leaving each point out needs two"),
    # Key weights.
    (fit("weighted.csv", "--key-weights", "none"), DATA,
     "weighted.csv:1: no column 'none'; there are 'x', 'y', 'c', 'negative', 'zero', 'single', 'error_bound'"),
    (fit("weighted.csv", "--key-weights", "negative"), DATA,
     "weighted.csv: row 1 (from 0) has the key weight -2; none may be below 0"),
    (fit("weighted.csv", "--key-weights", "zero"), DATA, "weighted.csv: every key weight is 0"),
    (fit("weighted.csv", "--key-weights", "single"), DATA,
     "weighted.csv: one key weight above 0; leaving each point out needs two"),
    ([*WEIGHTED, "--grid", "5", "--key-weights", "negative"], DATA,
     "weighted.csv: row 1 (from 0) has the key weight -2; none may be below 0"),
    ([*WEIGHTED, "--leave-one-out", "--key-weights", "single"], DATA,
     "weighted.csv: one key weight above 0; leaving each point out needs two"),
    (["predict", "--model", "good.json", "--grid", "5", "--key-weights", "c"], USAGE, "--key-weights requires --data"),
    # Plans.
    ([*FOUR, "--algorithm", "grid"], USAGE, "--algorithm: grid serves at most 3 x columns, not 4"),
    (fit("four.csv", "--algorithm", "grid", x="a,b,c,d"), USAGE, "--algorithm: grid serves at most 3 x columns, not 4"),
    ([*FOUR, "--algorithm", "fast"], USAGE, "--algorithm: fast not in {auto,dense,pruned,grid,window}"),
    (fit("good.csv", "--algorithm", "fast"), USAGE, "--algorithm: fast not in {auto,dense,pruned,grid,window}"),
    ([*FOUR, "--algorithm-tolerance", "1e-13"], USAGE, "--algorithm-tolerance: '1e-13' is not from 1e-12 to 0.1"),
    ([*FOUR, "--algorithm-tolerance", "0.5"], USAGE, "--algorithm-tolerance: '0.5' is not from 1e-12 to 0.1"),
    ([*FOUR, "--algorithm-tolerance", "tight"], USAGE, "--algorithm-tolerance: 'tight' is not a number"),
    (fit("good.csv", "--algorithm-tolerance", "0"), USAGE, "--algorithm-tolerance: '0' is not from 1e-12 to 0.1"),
    (["predict", "--data", "weighted.csv", "--x", "x", "--y", "error_bound", *H, "--grid", "5", "--error-bounds"], USAGE,
     "--error-bounds: a column is called 'error_bound' already"),
    # Models.
    (["predict", "--model", "none.json", "--grid", "5"], DATA, "cannot read none.json: No such file or directory"),
    (["predict", "--model", "directory", "--grid", "5"], DATA, "cannot read directory: Is a directory"),
    (["predict", "--model", "empty.csv", "--grid", "5"], DATA, "empty.csv: not a model: truncated, or not JSON"),
    (["predict", "--model", "good.csv", "--grid", "5"], DATA, "good.csv: not a model: truncated, or not JSON"),
    (["predict", "--model", "cut.json", "--grid", "5"], DATA, "cut.json: not a model: truncated, or not JSON"),
    (["predict", "--model", "foreign.json", "--grid", "5"], DATA, "foreign.json: not a model: JSON of something else"),
    (["predict", "--model", "edited.json", "--grid", "5"], DATA,
     "edited.json: the checksum does not agree; the model was damaged or edited"),
    (["weights", "--model", "version.json", "--grid", "5", "--out", "w.npy"], DATA,
     "version.json: model format version 7; this program reads versions 1 and 2"),
    # Arguments.
    ([], USAGE, "no command; there are demo, fit, predict, weights, lowess, summary, info and help (see attnpool --help)"),
    (["paint"], USAGE, "no command 'paint'; there are demo, fit, predict, weights, lowess, summary, info and help (see attnpool --help)"),
    (["--colour"], USAGE, "no option '--colour' before a command; there are demo, fit, predict, weights, lowess, summary, info and help"),
    (["fit"], USAGE, "DATA is required"),
    (["fit", "good.csv", "--x", "x", "--y", "y"], USAGE, "--model is required"),
    (fit("good.csv", "--colour"), USAGE, "The following argument was not expected: --colour"),
    (fit("good.csv", x="x,"), USAGE, "--x: 'x,' has an empty name"),
    (fit("good.csv", "--w0", "abc"), USAGE, "--w0: 'abc' is not a number"),
    (fit("good.csv", "--w0", "1,2"), USAGE, "--w0: 2 numbers for 1 x column"),
    (fit("good.csv", "--w0", "inf"), USAGE, "--w0: 'inf' is not finite"),
    (fit("good.csv", "--lr", "0"), USAGE, "--lr: '0' is not above 0"),
    (fit("good.csv", "--lr", "-0.5"), USAGE, "--lr: '-0.5' is not above 0"),
    (fit("good.csv", "--epochs", "-1"), USAGE, "--epochs: '-1' is not a whole number from 0 to 2147483647"),
    (fit("good.csv", "--epochs", "2.5"), USAGE, "--epochs: '2.5' is not a whole number from 0 to 2147483647"),
    (fit("good.csv", "--epochs", "99999999999"), USAGE, "--epochs: '99999999999' is not a whole number from 0 to 2147483647"),
    (fit("good.csv", "--loss", "median"), USAGE, "--loss: median not in {mean,half-sum}"),
    (fit("good.csv", "--precision", "half"), USAGE, "--precision: half not in {float,double}"),
    (fit("good.csv", "--tolerance", "0"), USAGE, "--tolerance: '0' is not above 0"),
    (fit("good.csv", "--threads", "-2"), USAGE, "--threads: '-2' is not a whole number from 0 to 4096"),
    (["fit", "good.csv", *DATA_XY, "--model", "-", "--json"], USAGE, "--json needs --model FILE: standard output is taken"),
    ([*PREDICT, "--bandwidth", "0", "--grid", "5"], USAGE, "--bandwidth: '0' is not above 0"),
    ([*PREDICT, "--bandwidth", "-1.5", "--grid", "5"], USAGE, "--bandwidth: '-1.5' is not above 0"),
    ([*PREDICT, "--bandwidth", "nan", "--grid", "5"], USAGE, "--bandwidth: 'nan' is not finite"),
    ([*PREDICT, "--bandwidth", "1,2", "--grid", "5"], USAGE, "--bandwidth: 2 numbers for 1 x column"),
    ([*PREDICT, "--bandwidth", "1,,2", "--grid", "5"], USAGE, "--bandwidth: '' is empty"),
    ([*PREDICT, "--w", "abc", "--grid", "5"], USAGE, "--w: 'abc' is not a number"),
    ([*PREDICT, "--w", "1", *H, "--grid", "5"], USAGE, "--w excludes --bandwidth"),
    ([*PREDICT, "--grid", "5"], USAGE, "--data needs --w or --bandwidth"),
    ([*PREDICT, *H], USAGE, "say where to answer: --at FILE, --grid N or --leave-one-out"),
    ([*PREDICT, *H, "--grid", "1"], USAGE, "--grid: '1' is not a whole number from 2 to 100000000"),
    ([*PREDICT, *H, "--grid", "many"], USAGE, "--grid: 'many' is not a whole number from 2 to 100000000"),
    ([*PREDICT, *H, "--grid", "5", "--at", "points.csv"], USAGE, "--at excludes --grid"),
    ([*PREDICT, *H, "--grid", "5", "--leave-one-out"], USAGE, "--grid excludes --leave-one-out"),
    (["predict", "--data", "good.csv", *H, "--grid", "5"], USAGE, "--data requires --x"),
    (["predict", "--grid", "5"], USAGE, "say what to answer from: --model FILE or --data FILE"),
    (["predict", "--model", "good.json", "--data", "good.csv", *DATA_XY, "--grid", "5"], USAGE, "--model excludes --data"),
    (["predict", "--model", "good.json", *H, "--grid", "5"], USAGE, "--bandwidth requires --data"),
    (["predict", "--data", "-", *DATA_XY, *H, "--at", "-"], USAGE,
     "standard input can be read once only: --at - beside another -"),
    (["predict", "--data", "two.csv", "--x", "a,b", "--y", "y", *H, "--grid", "50000"], USAGE,
     "--grid: 50000 points for each of 2 x columns are too many"),
    ([*PREDICT, *H, "--grid", "5", "--plot", "-"], USAGE, "--plot: a picture is not written to standard output"),
    ([*PREDICT, *H, "--grid", "5", "--json"], USAGE, "--json needs --out FILE: standard output is taken"),
    (["weights", "--data", "good.csv", *DATA_XY, *H, "--grid", "5"], USAGE, "--out is required"),
    (["weights", "--data", "good.csv", *DATA_XY, *H, "--grid", "5", "--out", "w.txt"], USAGE,
     "--out: 'w.txt' ends in none of .csv, .tsv or .npy, which say what is written"),
    (["weights", "--data", "good.csv", *DATA_XY, *H, "--grid", "5000000", "--out", "w.npy", "--plot", "p.png"], USAGE,
     "--plot: 5000000 x 3 weights are too many for a picture"),
    (["demo", "--seed", "x"], USAGE, "--seed: 'x' is not a whole number from 0 to 18446744073709551615"),
    # Outputs.
    (["fit", "good.csv", *DATA_XY, "--model", "none/m.json"], OUTPUT, "cannot write none/m.json: No such file or directory"),
    (["fit", "good.csv", *DATA_XY, "--model", "directory"], OUTPUT, "cannot write directory: Is a directory"),
    (["fit", "good.csv", *DATA_XY, "--model", "/dev/full"], OUTPUT, "cannot write /dev/full: No space left on device"),
    ([*PREDICT, *H, "--grid", "5", "--out", "/dev/full"], OUTPUT, "cannot write /dev/full: No space left on device"),
    ([*PREDICT, *H, "--grid", "5", "--out", "o.csv", "--plot", "none/p.png"], OUTPUT,
     "cannot write none/p.png: No such file or directory"),
    (["demo", "--out", "good.csv/demo"], OUTPUT, "cannot make the directory good.csv/demo: Not a directory"),
]

for arguments, code, message in CASES:
    result = run(*arguments)
    what = b" ".join(os.fsencode(a) for a in arguments)
    check_equal(os.fsdecode(result.stderr), "attnpool: " + message + "\n", what)
    check_equal(result.returncode, code, what)
    check_equal(result.stdout, b"", what)
    check_equal(sorted(os.listdir(".")), files_before, what)

ENVIRONMENT = [
    ({"ATTNPOOL_ISA": "mmx"}, "ATTNPOOL_ISA"),
    ({"ATTNPOOL_NUM_THREADS": "many"}, "ATTNPOOL_NUM_THREADS"),
]
for env, named in ENVIRONMENT:
    for arguments in (["info"], fit("good.csv"), [*PREDICT, *H, "--grid", "5"], ["demo", "--out", "new"]):
        result = run(*arguments, env=env)
        check_equal((result.returncode, result.stdout, result.stderr.count(b"\n")), (USAGE, b"", 1), (env, arguments))
        check_equal(named.encode() in result.stderr, True, (env, arguments, result.stderr))
        check_equal(sorted(os.listdir(".")), files_before, (env, arguments))

print(len(CASES), "bad invocations;", end=" ")
leave()
