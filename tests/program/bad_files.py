"""Bad files: each gives its exact message, exit code 3, no output, and little memory (twice the file and 64 MiB)."""
import json
import os
import struct
import subprocess

from program import PROGRAM, SCALE, check, check_equal, enter_scratch, leave, read, run, write

enter_scratch()
DATA = 3
BASE = 64 << 20
count = {}


def refuse(kind, arguments, file, message, code=DATA):
    """Runs the program on a file; waits for it by hand, to learn its peak memory."""
    count[kind] = count.get(kind, 0) + 1
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ATTNPOOL_")}
    with open("out", "wb") as out, open("err", "wb") as err:
        process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=clean)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    what = (kind, file, message)
    check_equal(read("err").decode(), f"attnpool: {message}\n", what)
    check_equal((process.returncode, read("out")), (code, b""), what)
    if SCALE >= 10:  # a sanitizer keeps what is freed for a while
        return
    limit = 2 * os.path.getsize(file) + BASE
    check(usage.ru_maxrss * 1024 <= limit, (what, "peak memory", usage.ru_maxrss * 1024, "limit", limit))


def predict(file, x, y):
    return ["predict", "--data", file, "--x", x, "--y", y, "--w", "1", "--grid", "3"]


# ---- NPY
MAGIC = b"\x93NUMPY"
TEXT = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n"
CELLS = struct.pack("<4d", 1, 2, 3, 4)


def header(text, version=1, size=None):
    text = text.encode() if isinstance(text, str) else text
    size = len(text) if size is None else size
    return MAGIC + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", size) + text


def npy(descr="<f8", order="False", shape="(2, 2)", cells=CELLS, **others):
    return header(TEXT % (descr, order, shape), **others) + cells


PLAIN = TEXT % ("<f8", "False", "(2, 2)")
ENDS = "the file ends inside its NPY header"
MALFORMED = "malformed NPY header"
NEEDED = "; a float of at most 64 bits, bool or an integer type is needed"
NPY = [(b"", "not an NPY file"), (b"x,y\n1,2\n", "not an NPY file"), (MAGIC[:5], "not an NPY file"),
       (b"\x93NUMPX\x01\x00", "not an NPY file"), (b"\x92NUMPY\x01\x00", "not an NPY file"), (b"PK\x03\x04", "not an NPY file"),
       (b"\n" + npy(), "not an NPY file"), (MAGIC, ENDS), (MAGIC + b"\x01", ENDS), (MAGIC + b"\x01\x00", ENDS),
       (MAGIC + b"\x01\x00\x10", ENDS), (MAGIC + b"\x02\x00\x10\x00", ENDS), (npy()[:11], ENDS), (npy()[:40], ENDS),
       (header(PLAIN, size=len(PLAIN) + 1), ENDS), (header("", size=65536, version=2), ENDS)]
NPY += [(npy(version=v), f"NPY version {v} is not known") for v in (0, 4, 9, 127, 128, 255)]
NPY += [(header("", size=size, version=2), f"the NPY header claims {size} bytes")
        for size in (65537, 1 << 20, 1 << 31, (1 << 32) - 1)]
NPY += [(header(text) + CELLS, MALFORMED) for text in (
    "", " ", "\n", "{}", "{", "}", "()", "[]", "nonsense", "{'descr", "{'descr'", "{'descr':", "{'descr': '<f8'",
    "{'descr': '<f8'}", "{'descr': '<f8', 'fortran_order': False}", "{'shape': (2, 2), 'fortran_order': False}",
    PLAIN.replace("False", "false"), PLAIN.replace("False", "0"), PLAIN.replace("False", "None"), PLAIN.replace("False", "'False'"),
    PLAIN.replace("(2, 2)", "(2, -2)"), PLAIN.replace("(2, 2)", "(2, 2.0)"), PLAIN.replace("(2, 2)", "(2, 'a')"),
    PLAIN.replace("(2, 2)", "[2, 2]"), PLAIN.replace("(2, 2)", "(2 2)"), PLAIN.replace("(2, 2)", "(2, 2"),
    PLAIN.replace("(2, 2)", "(,)"), PLAIN.replace("(2, 2)", "(2, 0x2)"), PLAIN.replace("(2, 2)", "(2, 1e1)"),
    PLAIN.replace("(2, 2)", "2"), PLAIN.replace("(2, 2)", "(99999999999999999999, 2)"),
    PLAIN.replace("(2, 2)", "(18446744073709551616,)"), PLAIN.replace("}", ""), PLAIN.replace(":", "="),
    PLAIN.replace(", }", ", 'more': 1}"), PLAIN + "x", PLAIN.replace("}", "}}"), PLAIN.replace("'descr'", "'dtype'"),
    PLAIN.replace("'descr'", "descr"), PLAIN.replace("'<f8'", "<f8"), b"\xff\xfe{\x00", b"\x00" * 40)]
NPY += [(npy(descr=d), f"the NPY array has dtype '{d}'{NEEDED}") for d in (
    "<f16", "<c8", "<c16", "|S1", "<U1", "|O", "<M8[ns]", "<m8", "|V8", "", "f", "<f", "f8", "<f9", "<i3", "<u16",
    "float64", "<f8 ", "<<f8", "|b2")]
NPY += [(npy(descr=d), "the NPY header claims 2 x 2 cells, 8 bytes; 32 follow") for d in (">f2", "<f2", ">i2", ">u2")]
NPY += [(npy(shape=s), f"the NPY array has {n} dimension{'' if n == 1 else 's'}; one or two are needed")
        for s, n in (("()", 0), ("(2, 2, 1)", 3), ("(1, 1, 1, 4)", 4), ("(" + "1," * 32 + ")", 32))]
NPY += [(header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (4,), }") + CELLS,
         "the NPY array holds records; a plain numeric array is needed")]
NPY += [(npy(shape=s), f"the NPY header claims {c} cells, {n} bytes; 32 follow")
        for s, c, n in (("(3, 2)", "3 x 2", 48), ("(1, 2)", "1 x 2", 16), ("(2, 3)", "2 x 3", 48), ("(0, 2)", "0 x 2", 0),
                        ("(1000000000, 2)", "1000000000 x 2", 16000000000), ("(2, 1000000000)", "2 x 1000000000", 16000000000),
                        ("(18446744073709551615, 0)", "18446744073709551615 x 0", 0))]
NPY += [(npy(shape=s), f"the NPY header claims {c} cells")
        for s, c in (("(4611686018427387904, 4)", "4611686018427387904 x 4"), ("(4294967296, 4294967296)", "4294967296 x 4294967296"),
                     ("(18446744073709551615,)", "18446744073709551615 x 1"))]
NPY += [(npy(cells=CELLS[:31]), "the NPY header claims 2 x 2 cells, 32 bytes; 31 follow"),
        (npy(cells=CELLS + b"\0"), "the NPY header claims 2 x 2 cells, 32 bytes; 33 follow"),
        (npy(cells=b""), "the NPY header claims 2 x 2 cells, 32 bytes; 0 follow"),
        (npy(shape="(0, 2)", cells=b""), "no rows"),
        (npy(shape="(0, 1000000000000)", cells=b""), "no rows"),
        (npy(shape="(4,)"), "no column '1'; NPY columns are called by number and there are 1, from 0"),
        (npy(shape="(4, 1)"), "no column '1'; NPY columns are called by number and there are 1, from 0"),
        (npy(shape="(1000000000000, 0)", cells=b""), "no column '0'; NPY columns are called by number and there are 0, from 0"),
        (npy(cells=struct.pack("<4d", 1, 2, 3, float("nan"))), "row 1, column 1: 'nan' is not finite"),
        (npy(order="True", cells=struct.pack("<4d", 1, 2, float("inf"), 4)), "row 0, column 1: 'inf' is not finite"),
        (npy(descr="<f4", cells=struct.pack("<4f", 1, float("-inf"), 3, 4)), "row 0, column 1: '-inf' is not finite"),
        (npy(descr="<i8", cells=struct.pack("<4q", 1, 2, -(2**53) - 3, 4)), "row 1, column 0: an integer beyond 2^53 that a double would round"),
        (npy(descr=">i8", cells=struct.pack(">4q", 1, 2**53 + 1, 3, 4)), "row 0, column 1: an integer beyond 2^53 that a double would round"),
        (npy(descr="<u8", cells=struct.pack("<4Q", 1, 2, 3, 2**64 - 1)), "row 1, column 1: an integer beyond 2^53 that a double would round")]
for content, message in NPY:
    write("a.npy", content)
    refuse("NPY", predict("a.npy", "0", "1"), "a.npy", "a.npy: " + message)
write("a.npy", npy())
for column in ("2", "-1", "x", "1.0", "99999999999999999999", " 1", "+1"):
    refuse("NPY", predict("a.npy", "0", column), "a.npy",
           f"a.npy: no column '{column}'; NPY columns are called by number and there are 2, from 0")

# ---- CSV
HUGE_LINE = 8 << 20
CSV = [
    ("", ": the file is empty"), ("\ufeff", ": the file is empty"), ("\n", ": the file is empty"), ("\r\n\r\n", ": the file is empty"),
    ("x,y", ": a header and no rows"), ("x,y\n", ": a header and no rows"), ("x,y\n\n\n", ": a header and no rows"),
    ("x,y\r", ": a header and no rows"), ("a,y\n1,2\n", ":1: no column 'x'; there are 'a', 'y'"), ("x;z\n1;2\n", ":1: no column 'y'; there are 'x', 'z'"),
    ("x y\n1,2\n", ":1: no column 'x'; there are 'x y'; is another separator meant (--sep)?"), ("X,Y\n1,2\n", ":1: no column 'x'; there are 'X', 'Y'"),
    (" z ,y\n1,2\n", ":1: no column 'x'; there are 'z', 'y'"), ("1,2\n3,4\n", ":1: the first row is all numbers; if the header is missing, --no-header reads it (columns 0, 1, ...), and --header takes it as one"),
    ("'x','y'\n1,2\n", ":1: no column 'x'; there are ''x'', ''y''"), ("x\n1\n", ":1: no column 'y'; there are 'x'"),
    ("x|y\n1|2\n", ":1: no column 'x'; there are 'x|y'; is another separator meant (--sep)?"), ("a\x1bb,y\n1,2\n", ":1: no column 'x'; there are 'a?b', 'y'"),
    (",".join("abcdefghijklmnop") + "\n", ":1: no column 'x'; there are " + ", ".join(f"'{c}'" for c in "abcdefghijkl") + ", ..."),
    ("\n" + "x,y\n1,2\n", ":1: an empty line"), ("x,x,y\n1,2,3\n", ":1: two columns are called 'x'"), ("x,y,y\n1,2,3\n", ":1: two columns are called 'y'"),
    ("x,y\n1\n", ":2: 1 field; the header has 2"), ("x,y\n1,2,3\n", ":2: 3 fields; the header has 2"), ("x,y\n1,2\n3\n", ":3: 1 field; the header has 2"),
    ("x,y\n1,2,\n", ":2: 3 fields; the header has 2"), ("x,y\n1\t2\n", ":2: 1 field; the header has 2"), ("x\ty\n1,2\n", ":2: 1 field; the header has 2"),
    ("x,y\n1;2\n", ":2: 1 field; the header has 2"), ("x,y\n,\n", ":2: column 'x': '' is empty (--missing skip leaves such rows out)"), ("x,y\n1,\n", ":2: column 'y': '' is empty (--missing skip leaves such rows out)"),
    ("x,y\n1, \n", ":2: column 'y': ' ' is empty (--missing skip leaves such rows out)"), ('x,y\n1,""\n', ":2: column 'y': '' is empty (--missing skip leaves such rows out)"), ("x,y\n1,a\n", ":2: column 'y': 'a' is not a number"),
    ("x,y\n1,2a\n", ":2: column 'y': '2a' is not a number"), ("x,y\n1,0x10\n", ":2: column 'y': '0x10' is not a number"),
    ("x,y\n1,1e\n", ":2: column 'y': '1e' is not a number"), ("x,y\n1,1 2\n", ":2: column 'y': '1 2' is not a number"),
    ("x,y\n1,--2\n", ":2: column 'y': '--2' is not a number"), ("x,y\n1,+-2\n", ":2: column 'y': '+-2' is not a number"),
    ("x,y\n1,+\n", ":2: column 'y': '+' is not a number"), ("x,y\n1,.\n", ":2: column 'y': '.' is not a number"),
    ("x,y\n1,1.2.3\n", ":2: column 'y': '1.2.3' is not a number"), ("x,y\n1,$2\n", ":2: column 'y': '$2' is not a number"),
    ("x,y\n1,2%\n", ":2: column 'y': '2%' is not a number"), ("x,y\n1,NA\n", ":2: column 'y': 'NA' is a missing value (--missing skip leaves such rows out)"),
    ("x,y\n1,null\n", ":2: column 'y': 'null' is a missing value (--missing skip leaves such rows out)"), ("x,y\n1,true\n", ":2: column 'y': 'true' is not a number"),
    ("x,y\n1,2020-01-01\n", ":2: column 'y': '2020-01-01' is a date; only x columns may hold dates"), ("x,y\n1,\u0663\n", ":2: column 'y': '\u0663' is not a number"),
    ("x,y\n1,\u22122\n", ":2: column 'y': '\u22122' is not a number"), ("x,y\n1,2\u00a0\n", ":2: column 'y': '2\u00a0' is not a number"),
    ('x,y\n1,"2,5"\n', ":2: column 'y': '2,5' is not a number (decimals take a point; --decimal , reads a comma)"),
    ("x\ty\n1\t2,5\n", ":2: column 'y': '2,5' is not a number (decimals take a point; --decimal , reads a comma)"),
    ('x,y\n1,"1,000.5"\n', ":2: column 'y': '1,000.5' is not a number (thousands separators are not read; remove them)"),
    ("x,y\n1,nan\n", ":2: column 'y': 'nan' is a missing value (--missing skip leaves such rows out)"), ("x,y\n1,-nan\n", ":2: column 'y': '-nan' is not finite"),
    ("x,y\nINF,2\n", ":2: column 'x': 'INF' is not finite"), ("x,y\n-infinity,2\n", ":2: column 'x': '-infinity' is not finite"),
    ("x,y\n1,1e309\n", ":2: column 'y': '1e309' is out of the range of a double"), ("x,y\n1,-1e99999\n", ":2: column 'y': '-1e99999' is out of the range of a double"),
    ("x,y\n1,1e-400\n", ":2: column 'y': '1e-400' is out of the range of a double"), ('x,y\n1,"2\n', ":2: a quote is opened and not closed"),
    ('"x,y\n1,2\n', ":1: a quote is opened and not closed"), ('x,y\n1,2\n3,"4\n5,6\n', ":3: a quote is opened and not closed"),
    ('x,y\n1,"2"3\n', ":2: text after a closing quote"), ('x,y\n1,"2" \n', ":2: text after a closing quote"),
    ('"x"y,z\n', ":1: text after a closing quote"), (b"x,y\n1,\0\n", ":2: a NUL byte; this is not a text file"),
    (b"\0", ":1: a NUL byte; this is not a text file"), (b"x,y\n1,2\0", ":2: a NUL byte; this is not a text file"),
    (b"\xff\xfex\0,\0y\0\n\0", ": the file is UTF-16; save it as UTF-8"), ("x,y\n1,2\n\n3,4\n", ":3: an empty line"),
    ("x,y\r\n1,2\r\n\r\n3,4\r\n", ":3: an empty line"), ("x,y\r1,2\r\r3,4\r", ":3: an empty line"),
    (b"\x7fELF\x02\x01\x01\x00", ":1: a NUL byte; this is not a text file"), (b"x,y\n1,\x80\xff\n", None),
    ("x,y\n1," + "9" * HUGE_LINE + "\n", ":2: column 'y': '" + "9" * 40 + "...' is out of the range of a double"),
    ("a" * HUGE_LINE + "\n", ":1: no column 'x'; there are '" + "a" * 40 + "...'"),
    ("x,y\n1,2\n" * 1 + "3,4\n" * (1 << 19) + "5\n", f":{(1 << 19) + 3}: 1 field; the header has 2"),
    ("," * HUGE_LINE + "\n", ":1: more than 500000 fields; this is not a table"),
    ("x,y\n" + "," * HUGE_LINE + "\n", ":2: more than 500000 fields; this is not a table"),
]
for content, message in CSV:
    write("a.csv", content)
    if message is None:  # not UTF-8: shown as it is
        result = run(*predict("a.csv", "x", "y"))
        check_equal((result.returncode, result.stderr), (DATA, b"attnpool: a.csv:2: column 'y': '\x80\xff' is not a number\n"), content)
    else:
        refuse("CSV", predict("a.csv", "x", "y"), "a.csv", "a.csv" + message)

# ---- models
write("d.csv", "x,y\n1,2\n2,3\n4,5\n")
check_equal(run("fit", "d.csv", "--x", "x", "--y", "y", "--model", "good.json").returncode, 0, "a good model")
GOOD = read("good.json").decode()


def edited(**members):
    model = json.loads(GOOD)
    for key, value in members.items():
        if value is ...:
            del model[key]
        else:
            model[key] = value
    return json.dumps(model)


NOT_JSON = "not a model: truncated, or not JSON"
ELSE = "not a model: JSON of something else"
DAMAGED = "the checksum does not agree; the model was damaged or edited"
MODELS = [("", NOT_JSON), ("x,y\n1,2\n", NOT_JSON), (GOOD[:-3], NOT_JSON), (GOOD[:100], NOT_JSON), (GOOD + "x", NOT_JSON),
          ("[" * 100000, NOT_JSON), ('{"a":' * 100000, NOT_JSON), (b"\xff\xfe{\x00}\x00", NOT_JSON), (b"\0" * 1000, NOT_JSON),
          (GOOD.replace('"w": [', '"w": [1e999, '), NOT_JSON), (GOOD.replace('"w": [', '"w": [NaN, '), NOT_JSON),
          ("null", ELSE), ("3", ELSE), ("[]", ELSE), ("{}", ELSE), ('"attnpool-model"', ELSE), (edited(format=...), ELSE),
          (edited(format="attnpool-models"), ELSE), (edited(format=1), ELSE),
          (edited(format_version=...), "the model has no 'format_version'"),
          (edited(format_version=0), "model format version 0; this program reads versions 1 and 2"),
          (edited(format_version=3), "model format version 3; this program reads versions 1 and 2"),
          (edited(format_version="1"), 'model format version "1"; this program reads versions 1 and 2'),
          (edited(precision=...), "the model has no 'precision'"), (edited(precision=8), "'precision' is not a string"),
          (edited(precision="half"), "'precision' has an unknown value, 'half'"), (edited(x=...), "the model has no 'x'"),
          (edited(x=[]), "'x' is empty"), (edited(x="x"), "'x' is not an array of names"), (edited(x=[1]), "'x' is not an array of names"),
          (edited(y=[]), "'y' is empty"), (edited(y={"a": "b"}), "'y' is not an array of names"), (edited(x=["x", "z"]), "'keys' has 3 numbers; 'rows' and the names ask for 3 x 2"),
          (edited(w=...), "the model has no 'w'"), (edited(w=1), "'w' is not an array"), (edited(w=[]), "'w' has 0 numbers for 1 x column"),
          (edited(w=[1, 2]), "'w' has 2 numbers for 1 x column"), (edited(w=["1"]), "'w' holds something that is not a finite number"),
          (edited(w=[None]), "'w' holds something that is not a finite number"), (edited(loss="median"), "'loss' has an unknown value, 'median'"),
          (edited(leave_one_out=1), "'leave_one_out' is not true or false"), (edited(loss_before="a"), "'loss_before' holds something that is not a finite number"),
          (edited(loss_after=...), "the model has no 'loss_after'"), (edited(stop=3), "'stop' is not a string"),
          (edited(rows=0), "'rows' is not a whole number above 0"), (edited(rows=-3), "'rows' is not a whole number above 0"),
          (edited(rows=3.0), "'rows' is not a whole number above 0"), (edited(rows="3"), "'rows' is not a whole number above 0"),
          (edited(rows=4), "'keys' has 3 numbers; 'rows' and the names ask for 4 x 1"),
          (edited(rows=18446744073709551615), "'keys' has 3 numbers; 'rows' and the names ask for 18446744073709551615 x 1"),
          (edited(keys=[1, 2]), "'keys' has 2 numbers; 'rows' and the names ask for 3 x 1"), (edited(keys=[1, 2, "3"]), "'keys' holds something that is not a finite number"),
          (edited(values=[1, 2, 3, 4]), "'values' has 4 numbers; 'rows' and the names ask for 3 x 1"), (edited(values={}), "'values' is not an array"),
          (edited(keys=[1, 2, 3]), DAMAGED), (edited(w=[1]), DAMAGED), (edited(x=["z"]), DAMAGED), (edited(precision="float"), DAMAGED),
          (edited(checksum="fnv1a64:0000000000000000"), DAMAGED), (edited(checksum=""), DAMAGED), (edited(checksum=...), "the model has no 'checksum'"),
          (edited(checksum=7), "'checksum' is not a string")]
for content, message in MODELS:
    write("m.json", content)
    refuse("model", ["predict", "--model", "m.json", "--grid", "3"], "m.json", "m.json: " + message)

for kind, least in (("NPY", 80), ("CSV", 60), ("model", 20)):
    check(count[kind] >= least, (kind, count[kind]))
print(", ".join(f"{n} bad {kind} files" for kind, n in count.items()), end="; ")
leave()
