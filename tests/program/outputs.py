"""Output files appear whole or not at all: on a full disk, a closed pipe, a signal."""
import json
import os
import resource
import signal
import subprocess
import time

from program import PROGRAM, check, check_equal, enter_scratch, leave, read, run, write

enter_scratch()
write("good.csv", "x,y\n1,2\n2,3\n4,5\n")
write("large.csv", "x,y\n" + "".join(f"{i % 977 / 7},{i % 13}\n" for i in range(20000)))
GOOD = ["--data", "good.csv", "--x", "x", "--y", "y", "--bandwidth", "1"]
LARGE = ["--data", "large.csv", "--x", "x", "--y", "y", "--bandwidth", "1"]
files_before = sorted(os.listdir("."))


def check_untouched(what):
    check_equal(sorted(os.listdir(".")), files_before, what)


def start(*arguments, **others):
    return subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **others)


# A disk that fills up in the middle: here, a limit on the size of a file.
small_files = dict(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)))
for command in (["predict", *GOOD, "--grid", "50000", "--out", "o.csv"], ["predict", *GOOD, "--grid", "50000", "--out", "o.npy"],
                ["weights", *GOOD, "--grid", "50000", "--out", "w.npy"], ["weights", *GOOD, "--grid", "50000", "--out", "w.csv"],
                ["fit", "large.csv", "--x", "x", "--y", "y", "--epochs", "0", "--model", "m.json"]):
    result = run(*command, **small_files)
    check_equal((result.returncode, result.stderr.decode()), (6, f"attnpool: cannot write {command[-1]}: File too large\n"), command)
    check_untouched(command)

# An old file survives a failed attempt to replace it.
write("old.csv", "precious")
files_before = sorted(os.listdir("."))
result = run("predict", *GOOD, "--grid", "50000", "--out", "old.csv", **small_files)
check_equal((result.returncode, read("old.csv")), (6, b"precious"), "old file")
check_untouched("old file")

# Standard output that cannot be written.
for command in (["predict", *GOOD, "--grid", "5"], ["info"], ["--help"], ["fit", "--help"], ["--version"]):
    with open("/dev/full", "w") as full:
        process = start(*command, stdout=full)
        check_equal((process.communicate()[1], process.returncode),
                    (b"attnpool: cannot write standard output: No space left on device\n", 6), command)
    result = subprocess.run(["sh", "-c", '"$0" "$@" >&-', PROGRAM, *command], capture_output=True)
    check_equal((result.returncode, result.stderr), (6, b"attnpool: cannot write standard output: Bad file descriptor\n"), command)

# A reader that leaves early, as head does, is no reason for words.
process = start("predict", *GOOD, "--grid", "1000000", stdout=subprocess.PIPE)
process.stdout.readline()
process.stdout.close()
check_equal((process.stderr.read(), process.wait()), (b"", 6), "closed pipe")

# A reader that does not read, and a signal.
process = start("predict", *GOOD, "--grid", "1000000", stdout=subprocess.PIPE)
time.sleep(1)
process.send_signal(signal.SIGTERM)
check_equal((process.wait(20), process.stderr.read()), (5, b"attnpool: cancelled\n"), "signal while writing to a pipe")

# A signal in the middle of a large output file, or of reading.
process = start("weights", *LARGE, "--grid", "20000", "--out", "w.csv")
while process.poll() is None and sum(os.path.getsize(name) for name in os.listdir(".") if name.endswith(".tmp")) < 100000:
    time.sleep(0.05)
process.send_signal(signal.SIGINT)
check_equal((process.wait(20), process.stderr.read().splitlines()[-1:]), (5, [b"attnpool: cancelled"]), "signal while writing")
check_untouched("signal while writing")
reading = subprocess.Popen([PROGRAM, "fit", "-", "--x", "x", "--y", "y", "--model", "m.json"], stdin=subprocess.PIPE,
                           stderr=subprocess.PIPE)
time.sleep(1)
reading.send_signal(signal.SIGINT)
check_equal((reading.wait(20), reading.stderr.read()), (5, b"attnpool: cancelled\n"), "signal while reading")
check_untouched("signal while reading")

# A signal in a long training: the best w so far is kept.
process = start("fit", "large.csv", "--x", "x", "--y", "y", "--w0", "1", "--lr", "1e-9", "--epochs", "1000000", "--model", "m.json", stdout=subprocess.PIPE)
time.sleep(3)
process.send_signal(signal.SIGINT)
out, err = process.communicate(timeout=20)
check_equal(process.returncode, 5, "exit code of cancelled training")
check(err.splitlines()[-1].startswith(b"attnpool: cancelled; m.json has the best w so far, "), err)
check(any(line.startswith(b"attnpool: fit: ") for line in err.splitlines()), "no progress was shown")
model = json.loads(read("m.json"))
check_equal((model["stop"], model["rows"]), ("cancelled", 20000), "cancelled model")
check(str(model["w"][0])[:5].encode() in out, out)
check_equal(run("predict", "--model", "m.json", "--grid", "5", "--out", "o.csv").returncode, 0, "cancelled model predicts")

# Nobody may write here (root may everywhere).
if os.geteuid() != 0:
    os.mkdir("locked", 0o500)
    result = run("predict", *GOOD, "--grid", "5", "--out", "locked/o.csv")
    check_equal((result.returncode, result.stderr), (6, b"attnpool: cannot write locked/o.csv: Permission denied\n"), "locked")

leave()
