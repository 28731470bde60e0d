#!/usr/bin/env python3
"""A table of files as spreadsheets, loggers and databases write them: each is read as the plain file of the same numbers,
or refused by line and column.

usage: files.py PROGRAM
"""
import gzip
import io
import itertools
import json
import struct
import zipfile

from program import check, check_equal, enter_scratch, leave, run, write

USAGE, DATA = 2, 3
enter_scratch()

ROWS = [("1", "2.5"), ("-3", "4e2"), ("5.25", "0")]
read_count = refused_count = 0


def predict(name, *options, x="x", y="y"):
    return ["predict", "--data", name, "--x", x, "--y", y, "--bandwidth", "2", "--grid", "7", *options]


write("plain.csv", "x,y\n" + "".join(f"{a},{b}\n" for a, b in ROWS))
PLAIN = run(*predict("plain.csv")).stdout
check(PLAIN.count(b"\n") == 8, PLAIN)


def same(name, content, *options, x="x", y="y", said=b"", stdout=None):
    """The file is read, and the answer is that of the plain one (but for the names of the columns)."""
    global read_count
    read_count += 1
    write(name, content)
    result = run(*predict(name, *options, x=x, y=y))
    body = PLAIN.split(b"\n", 1)[1] if stdout is None else stdout
    check_equal((result.returncode, result.stderr, result.stdout.split(b"\n", 1)[-1]), (0, said, body), (name, content, options))


def refused(name, content, message, *options, x="x", y="y", code=DATA):
    global refused_count
    refused_count += 1
    write(name, content)
    result = run(*predict(name, *options, x=x, y=y))
    check_equal((result.returncode, result.stderr, result.stdout), (code, b"attnpool: " + message.encode() + b"\n", b""), (name, content, options))


# ---- separators x line ends x quotes x decimals, found out and told
SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";", "space": " "}
for (word, sep), end, quoted, comma in itertools.product(SEPARATORS.items(), ("\n", "\r\n", "\r"), (False, True), (False, True)):
    if comma and sep == ",":
        continue
    cell = (lambda t: t.replace(".", ",")) if comma else (lambda t: t)
    quote = (lambda t: f'"{t}"') if quoted else (lambda t: t)
    text = end.join(sep.join(quote(cell(c)) for c in row) for row in [("x", "y"), *ROWS]) + end
    decimal = ["--decimal", ","] if comma else []
    same("a.txt", text, *decimal)
    same("a.txt", text, *decimal, "--sep", word)
for sep in "|:/":
    same("a.txt", "\n".join(sep.join(row) for row in [("x", "y"), *ROWS]), "--sep", sep)
same("a.csv", "x;y, in m\n1;2.5\n-3;4e2\n5.25;0\n", y='"y, in m"')  # the separator splits both lines alike
same("a.txt", "  x     y \n 1    2.5\n -3  \t 4e2  \n5.25 0 \n")  # blanks around and between

# ---- byte order marks, encodings of names, compression
same("a.csv", b"\xef\xbb\xbf" + b"x,y\n1,2.5\n-3,4e2\n5.25,0\n")
same("a.csv", b"x,y,gr\xfc\xdfe\n1,2.5,a\n-3,4e2,\xe4\n5.25,0,b\n")  # Latin-1 where it does not matter
PLAIN_BYTES = b"x,y\n1,2.5\n-3,4e2\n5.25,0\n"
same("a.csv.gz", gzip.compress(PLAIN_BYTES))
same("a.csv", gzip.compress(PLAIN_BYTES[:9]) + gzip.compress(PLAIN_BYTES[9:]))  # two members, whatever the name
for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
    content = PLAIN_BYTES.decode().encode(encoding)
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    refused("a.csv", mark + content, "a.csv: the file is UTF-16; save it as UTF-8")
refused("a.csv.gz", gzip.compress(PLAIN_BYTES)[:-9], "a.csv.gz: the gzip data end too soon")
refused("a.csv.gz", gzip.compress(PLAIN_BYTES)[:10] + b"\xff" * 20, "a.csv.gz: the gzip data are damaged")

# ---- headers and names
same("a.csv", " x ,\ty\n1,2.5\n-3,4e2\n5.25,0\n")
same("a.csv", '"a,b","c ""d"""\n1,2.5\n-3,4e2\n5.25,0\n', x='"a,b"', y='"c ""d"""')
same("a.csv", "1,2.5\n-3,4e2\n5.25,0\n", "--no-header", x="0", y="1")
same("a.csv", "0,1\n1,2.5\n-3,4e2\n5.25,0\n", "--header", x="0", y="1")
NUMBERS = ("a.csv:1: the first row is all numbers; if the header is missing, --no-header reads it (columns 0, 1, ...), and "
           "--header takes it as one")
for text, names in (("1,2.5\n-3,4e2\n", ("0", "1")), ("0,1\n1,2\n", ("0", "1")), ("2020;1\n2021;2\n", ("2020", "1"))):
    refused("a.csv", text, NUMBERS, x=names[0], y=names[1])
refused("a.csv", "1,2.5\n-3,4e2\n", "a.csv:1: no column 'x'; there are '0', '1'", "--no-header")
refused("a.csv", "x,y\n1,2\n", "a.csv:1: column '0': 'x' is not a number", "--no-header", x="0", y="1")
refused("a.csv", "1,2\n3\n", "a.csv:2: 1 field; the first row has 2", "--no-header", x="0", y="1")
for option, message in ((['"a'], """--x: '"a' opens a quote and does not close it"""), (['"a"b'], """--x: '"a"b' has text after a closing quote""")):
    refused("a.csv", "x,y\n1,2\n", message, x=option[0], code=USAGE)

# ---- comments
same("a.csv", "# made by a logger\n#x,y\nx,y\n1,2.5\n# half\n-3,4e2\n5.25,0\n#end", "--comment", "#")
same("a.csv", "// a, b, c\nx;y\n1;2.5\n-3;4e2\n5.25;0\n", "--comment", "//")
refused("a.csv", "# made by a logger\nx,y\n1,2\n", "a.csv:1: no column 'y'; there are '# made by a logger'", x="# made by a logger")

# ---- missing values
for token in ("", "NA", "na", "NaN", "nan", "null", "NULL", "?", " ", " NA ", '""', "n/a"):
    text = f"x,y\n1,2.5\n7,{token}\n-3,4e2\n{token},1\n5.25,0\n"
    same("a.csv", text, "--missing", "skip", said=b"attnpool: a.csv: 2 rows with missing values left out\n")
    what = "is empty" if token in ("", " ", '""') else "is a missing value"
    refused("a.csv", text, f"a.csv:3: column 'y': '{token.strip(chr(34))}' {what} (--missing skip leaves such rows out)")
same("a.csv", "x,y\n1,2.5\n7,-999\n-3,4e2\nnone,1\n5.25,0\n", "--missing", "skip", "--missing-values", "-999,none",
     said=b"attnpool: a.csv: 2 rows with missing values left out\n")
same("a.csv", "x,y,z\n1,2.5,NA\n-3,4e2,\n5.25,0,?\n")  # in a column that is not used
refused("a.csv", "x,y\nNA,2\n3,NA\n", "a.csv: every row lacks a value", "--missing", "skip")
refused("a.csv", "x,y\n1,none\n", "a.csv:2: column 'y': 'none' is not a number", "--missing", "skip")
report = json.loads(run(*predict("a.csv", "--missing", "skip", "--out", "o.csv", "--json", x="x", y="x")).stdout or b"{}")
write("a.csv", "x,y\n1,2.5\n7,NA\n-3,4e2\n")
report = json.loads(run(*predict("a.csv", "--missing", "skip", "--out", "o.csv", "--json")).stdout)
check_equal(report["rows_left_out"], 1, "JSON says how many rows were left out")

# ---- numbers that are none
THOUSANDS = "is not a number (thousands separators are not read; remove them)"
for cell, decimal in (("1,234,567", "."), ("1,234.5", "."), ("1'234", "."), ("1 234 567", "."), ("1.234,5", ","), ("1.234.567", ","), ("1_000", ".")):
    refused("a.tsv", f"x\ty\n1\t{cell}\n", f"a.tsv:2: column 'y': '{cell}' {THOUSANDS}", "--decimal", decimal)
refused("a.tsv", "x\ty\n1\t1,5\n", "a.tsv:2: column 'y': '1,5' is not a number (decimals take a point; --decimal , reads a comma)")
refused("a.tsv", "x\ty\n1\t1.5\n", "a.tsv:2: column 'y': '1.5' is not a number (decimals take a comma, as --decimal says)", "--decimal", ",")
for digits in ("9007199254740993", "-9007199254740993", "18446744073709551615", "123456789012345678901234567890", "+9007199254740993"):
    refused("a.csv", f"x,y\n1,{digits}\n", f"a.csv:2: column 'y': '{digits}' is an integer beyond 2^53 that a double would round")
for digits in ("9007199254740992", "-9007199254740994", "18446744073709551616", "00000000000000000001", "9007199254740993.0", "1e22"):
    write("a.csv", f"x,y\n1,{digits}\n2,{digits}\n")
    check_equal(run(*predict("a.csv")).returncode, 0, digits)
refused("a.csv", "x,y\n1,2\n", "--decimal: a comma cannot be both the decimal mark and --sep", "--sep", ",", "--decimal", ",", code=USAGE)
refused("a.csv", "x,y\n1,2\n", "--sep: 'ab' is neither comma, tab, semicolon or space nor one such character", "--sep", "ab", code=USAGE)

# ---- dates
DATED = "t,y\n{},1\n{},2\n{},4\n"
write("d.csv", "t,y\n0,1\n86400,2\n129600,4\n")
body = run("predict", "--data", "d.csv", "--x", "t", "--y", "y", "--bandwidth", "50000", "--leave-one-out").stdout
answers = [line.split(b",")[1] for line in body.splitlines()[1:]]
for dates in (("2020-02-28", "2020-02-29", "2020-02-29T12:00"), ("2020-02-28T00:00Z", "2020-02-29T02:00+02:00", "2020-02-29T06:30:00-0530"),
              ("2020-02-28 00:00:00.25", "2020-02-29T00:00:00.250", "2020-02-29T12:00:00.25"), ("1969-12-31", "1970-01-01", "1970-01-01 12:00:00"),
              ("2016-12-31T12:00:00+12", "2017-01-01T00:00Z", "2017-01-01 12:00Z")):
    read_count += 1
    write("d.csv", DATED.format(*dates))
    result = run("predict", "--data", "d.csv", "--x", "t", "--y", "y", "--bandwidth", "50000", "--leave-one-out")
    check_equal([line.split(b",")[1] for line in result.stdout.splitlines()[1:]], answers, dates)
# What is written as dates can be read again, and a model remembers where its seconds count from.
write("d.csv", DATED.format("2020-02-28", "2020-02-29", "2020-03-01"))
check_equal(run("fit", "d.csv", "--x", "t", "--y", "y", "--model", "d.json", "--w0", "1e-5", "--epochs", "0", "--quiet").returncode, 0, "fit of dates")
write("at.csv", "t\n2020-03-01\n2020-02-28T06:00\n")
got = run("predict", "--model", "d.json", "--at", "at.csv").stdout.decode().splitlines()
check_equal([line.split(",")[0] for line in got], ["t", "2020-03-01", "2020-02-28T06:00:00"], "dates of --at")
write("other.csv", "t,y\n172800,1\n")
for content, message in (("t\n172800\n", "at.csv:2: column 't': '172800' is not a date, as the column's others are"),
                         ("t\n2020-03-01T00:00Z\n", "at.csv:2: column 't': '2020-03-01T00:00Z' has a zone, as others of the column have not")):
    write("at.csv", content)
    result = run("predict", "--model", "d.json", "--at", "at.csv")
    check_equal((result.returncode, result.stderr), (DATA, b"attnpool: " + message.encode() + b"\n"), content)
for cells, message in ((("2020-01-01", "5", "6"), "a.csv:3: column 'x': '5' is not a date, as the column's others are"),
                       (("5", "2020-01-01", "6"), "a.csv:3: column 'x': '2020-01-01' is a date, where others of the column are numbers"),
                       (("2020-01-01T00:00Z", "2020-01-02", "2020-01-03"), "a.csv:3: column 'x': '2020-01-02' has no zone, as others of the column have"),
                       (("2020-02-30", "1", "2"), "a.csv:2: column 'x': '2020-02-30' is not a number"),
                       (("2020-01-01T25:00", "1", "2"), "a.csv:2: column 'x': '2020-01-01T25:00' is not a number")):
    refused("a.csv", "x,y\n" + "".join(f"{c},1\n" for c in cells), message)

# ---- NPY and NPZ


def npy(descr, values, shape):
    kinds = {"f2": "e", "f4": "f", "f8": "d", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u8": "Q"}
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    order = ">" if descr[0] == ">" else "<"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack(f"{order}{len(values)}{kinds[descr[1:]]}", *values)


CELLS = [1, 2.5, -3, 400, 5.25, 0]
for descr in ("<f8", ">f8", "<f4", ">f4", "<f2", ">f2"):
    same("a.npy", npy(descr, CELLS, "(3, 2)"), x="0", y="1")
for descr in (">i2", ">i4", ">i8", "<i8"):
    write("i.csv", "x,y\n1,2\n-3,400\n")
    want = run(*predict("i.csv")).stdout.split(b"\n", 1)[1]
    same("a.npy", npy(descr, [1, 2, -3, 400], "(2, 2)"), x="0", y="1", stdout=want)
same("a.npy", npy("<f8", CELLS[:2] + [7, float("nan")] + CELLS[2:], "(4, 2)"), "--missing", "skip", x="0", y="1",
     said=b"attnpool: a.npy: 1 row with missing values left out\n")
for bits, value in ((0x0001, 2.0**-24), (0x03FF, 1023 * 2.0**-24), (0x7BFF, 65504.0), (0x8400, -(2.0**-14)), (0x3555, 0.333251953125)):
    write("h.npy", npy("<f2", [], "(2, 1)").rstrip(b"") + struct.pack("<2H", bits, bits))
    got = run("predict", "--data", "h.npy", "--x", "0", "--y", "0", "--bandwidth", "1", "--grid", "2").stdout.split()[1].split(b",")[0]
    check_equal(float(got), value, hex(bits))


def npz(compression, **arrays):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", compression) as archive:
        for name, content in arrays.items():
            archive.writestr(name + ".npy", content)
    return memory.getvalue()


DATA_ARRAY, OTHER = npy("<f8", CELLS, "(3, 2)"), npy("<f8", [1.0], "(1,)")
for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
    write("a.npz", npz(compression, data=DATA_ARRAY, other=OTHER))
    read_count += 1
    result = run(*predict("a.npz:data", x="0", y="1"))
    check_equal((result.returncode, result.stdout.split(b"\n", 1)[1]), (0, PLAIN.split(b"\n", 1)[1]), "an array of an NPZ file")
    same("a.npz", npz(compression, data=DATA_ARRAY), x="0", y="1")
refused("a.npz", npz(0, data=DATA_ARRAY, other=OTHER), "a.npz: say which array, as FILE.npz:NAME; there are 'data', 'other'", x="0", y="1")
write("a.npz", npz(0, data=DATA_ARRAY, text=b"no array"))
for name, message in (("a.npz:daten", "a.npz:daten: no such array; there are 'data', 'text'"), ("a.npz:text", "a.npz:text: not an NPY file")):
    result = run(*predict(name, x="0", y="1"))
    check_equal((result.returncode, result.stderr), (DATA, b"attnpool: " + message.encode() + b"\n"), name)
refused("a.npz", b"PK no archive", "cannot read a.npz: Not a zip archive", x="0", y="1")
refused("a.npz", npz(0)[:22], "a.npz: the archive holds no array", x="0", y="1")

# ---- queries: the columns of the data are found in NPY as in CSV
write("plain.npy", npy("<f8", CELLS, "(3, 2)"))
for at in (["--at", "plain.npy"], ["--at", "x.npy"]):
    write("x.npy", npy("<f8", CELLS[0::2], "(3,)"))
    read_count += 1
    result = run("predict", "--data", "plain.npy", "--x", "0", "--y", "1", "--bandwidth", "2", *at)
    check_equal([line.split(b",")[0] for line in result.stdout.split()[1:]], [b"1", b"-3", b"5.25"], at)

check(read_count >= 60 and refused_count >= 50, (read_count, refused_count))
print(f"{read_count} files read, {refused_count} refused", end="; ")
leave()
