"""The n-th allocation of the program fails, for every n: one line, exit code 1, and nothing half-written."""
import os
import signal

from program import SCALE, check, check_equal, enter_scratch, leave, read, run, write

enter_scratch()
write("d.csv", "x,y\n1,2\n2,3\n4,5\n")
check_equal(run("fit", "d.csv", "--x", "x", "--y", "y", "--model", "m.json").returncode, 0, "a model")
write("o.csv", "old")
total = json_library = 0
for arguments in (["fit", "d.csv", "--x", "x", "--y", "y", "--model", "o.csv", "--quiet"],
                  ["predict", "--model", "m.json", "--grid", "3", "--out", "o.csv", "--json"],
                  ["weights", "--data", "d.csv", "--x", "x", "--y", "y", "--w", "1", "--grid", "3", "--out", "o.csv"]):
    check_equal(run(*arguments, env={"ATTNPOOL_TEST_COUNT": "count"}).returncode, 0, arguments)
    allocations = int(read("count"))
    os.remove("count")
    new = read("o.csv")
    write("o.csv", "old")
    files = sorted(os.listdir("."))
    for n in range(1, allocations + 1, min(SCALE, 31)):
        # Leaks are looked for in the library; nlohmann_json leaves some behind, in a process that ends.
        result = run(*arguments, env={"ATTNPOOL_TEST_FAIL_AT": str(n), "ASAN_OPTIONS": "detect_leaks=0"})
        total += 1
        # nlohmann_json 3.11.2: an array whose construction threw is destroyed.
        if result.returncode == -signal.SIGSEGV or (b"AddressSanitizer: SEGV" in result.stderr and b"nlohmann" in result.stderr):
            json_library += 1
            continue
        what = (arguments[0], "allocation", n, "of", allocations)
        check_equal((result.returncode, result.stderr), (1, b"attnpool: out of memory\n"), what)
        # New where the report on standard output failed, after the file was complete.
        check(read("o.csv") in (b"old", new) and sorted(os.listdir(".")) == files, (what, "left", read("o.csv")[:80]))
        write("o.csv", "old")
check(json_library <= 3, ("died of the JSON library", json_library))
print(f"{total} failed allocations, {json_library} of them fatal in the JSON library;", end=" ")
leave()
