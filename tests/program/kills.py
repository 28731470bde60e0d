"""SIGKILL at 200 moments of `fit` and `predict`, and a disk that is really full: an output file is old or new, never half."""
import os
import subprocess
import time

from program import PROGRAM, check, check_equal, enter_scratch, leave, read, run, write

enter_scratch()
write("data.csv", "x,y\n" + "".join(f"{i % 977 / 7},{i % 13}\n" for i in range(4000)))
COLUMNS = ["--x", "x", "--y", "y"]
FIT = ["fit", "data.csv", *COLUMNS, "--epochs", "1", "--w0", "1", "--quiet", "--model", "out.csv"]
PREDICT = ["predict", "--data", "data.csv", *COLUMNS, "--bandwidth", "1", "--grid", "40000", "--quiet", "--out", "out.csv"]

for command in (FIT, PREDICT):
    start = time.monotonic()
    check_equal(run(*command).returncode, 0, command)
    seconds = time.monotonic() - start
    new, old = read("out.csv"), b"old " * 1000
    seen = {"old": 0, "new": 0, "left": 0}
    for moment in range(100):
        write("out.csv", old)
        process = subprocess.Popen([PROGRAM, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(seconds * 1.1 * moment / 100)
        process.kill()
        process.wait()
        content = read("out.csv")
        check(content in (old, new), (command[0], "moment", moment, "half a file", len(content), len(new)))
        seen["new" if content == new else "old"] += 1
        for name in os.listdir("."):  # what a killed process cannot clean up has a name that says so
            if name not in ("data.csv", "out.csv"):
                check(name.startswith(".attnpool-") and name.endswith(".tmp"), name)
                seen["left"] += 1
                os.remove(name)
    check(seen["old"] > 0, (command[0], seen))
    print(command[0], seen, end="; ")

# A file system of 64 KiB, where we may make one.
os.mkdir("disk")
if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", "disk"], capture_output=True).returncode == 0:
    try:
        write("disk/out.csv", "precious")
        for command in (FIT, PREDICT):
            smaller = ["10000" if word == "40000" else word for word in command[:-1]]  # else refused beforehand
            result = run(*smaller, "disk/out.csv")
            check_equal((result.returncode, result.stderr), (6, b"attnpool: cannot write disk/out.csv: No space left on device\n"), command)
            check_equal((os.listdir("disk"), read("disk/out.csv")), (["out.csv"], b"precious"), command)
    finally:
        subprocess.run(["umount", "disk"], check=True)
else:
    print("no small file system could be mounted", end="; ")
leave()
