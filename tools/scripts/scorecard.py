#!/usr/bin/env python3
"""Prints which promises of docs/trust.md the tests just held, with the figures they measured.

    scorecard.py LOG MATRIX     the log of ctest (Testing/Temporary/LastTest.log), and the JSON of tools/scripts/isa_matrix.py
"""
import json
import re
import sys

log = open(sys.argv[1], errors="replace").read()
matrix = json.load(open(sys.argv[2]))
passed = set(re.findall(r"\[       OK \] (?:Isa/)?([\w.]+)", log))
programs = set(re.findall(r'"(\w[\w.]*)" end time', log)) - set(re.findall(r'Test Failed\.\n"(\w[\w.]*)" end time', log))


def found(pattern, pick=max, kind=float):
    values = [kind(value) for value in re.findall(pattern, log)]
    return pick(values) if values else None


def held(*tests):
    """Whether all of these tests passed: Suite.Name on every ISA, or the name of a ctest."""
    return all(test in passed or test in programs for test in tests) and not any(
        re.search(rf"\[  FAILED  \] (Isa/)?{re.escape(test)}\b", log) for test in tests)


def sum_of(pattern):
    return sum(map(int, re.findall(pattern, log, re.M)))


def ulp(kind):
    figures = re.findall(rf"\[ exp      \] \w+, {kind}, .*?: at most ([\d.e-]+) ULP, ([\d.e-]+) where", log)
    return max((float(x) for pair in figures for x in pair), default=None)


share = found(r"at most ([\d.e-]+) of the bound")
shapes = found(r": (\d+) shapes", kind=int)
plain = found(r"at most ([\d.e-]+) times the error")
calls, lines = found(r"(\d+) wrong calls", kind=int), found(r"(\d+) bad invocations", kind=int)
files = ", ".join(f"{n} {kind}" for n, kind in re.findall(r"(\d+) bad (NPY|CSV|model) files", log))
objects = found(r"(\d+) objects, 0 faults", kind=int)
in_library, in_program = found(r"\] (\d+) failed allocations", kind=int), sum_of(r"^(\d+) failed allocations")
inputs = sum_of(r"^(?:routines|npy|csv|model|arguments): (\d+) files")
emulated = {row[0] for row in matrix["rows"] if row[0] != "this CPU" and row[2] != ""}
old = {machine for machine in emulated if "aarch64" not in machine and machine != "Bochs AVX-512"}
counts = ", ".join(f"{isa} {n}" for isa, n in matrix["tests"].items())
guards = ["Guard.EveryCountOf" + what for what in ("Keys", "Dimensions", "ValueColumns", "Queries")] + ["Guard.FewQueriesOnManyKeys"]
hashes_agree = not any("hash" in fault for fault in matrix["faults"])

rows = [
    ("A1", "float exp at most 1 ULP", held("Exp.FloatEvery997thBitPattern"), f"{ulp('float')} ULP over every 997th float"),
    ("A2", "double exp at most 1 ULP", held("Exp.DoubleRandom", "Exp.DoubleAroundEveryBreakpoint"), f"{ulp('double')} ULP"),
    ("A4", "same bits on ISAs with FMA, and on those without",
     held("IsaBits.FloatIsTheSameWithinAFamily", "IsaBits.DoubleIsTheSameWithinAFamily") and hashes_agree,
     "emulated ones too" if emulated else "those of this CPU"),
    ("A5", "pooled error within the bound", held("Accuracy.RandomShapesStayWithinTheBound"), f"{share} of it, {shapes} shapes"),
    ("A6", "at most twice the plain formula's error", held("Accuracy.AtMostTwiceTheErrorOfThePlainFormula"), f"{plain} times"),
    ("A7", "one sum over 2^26 keys", held("Accuracy.OneSumOverTwoToThe26Keys"), "below 1e-5"),
    ("B3", "bad arguments", held("Arguments.EveryMistakeIsRefusedByName", "program_bad_input"), f"{calls} calls, {lines} command lines"),
    ("B4", "bad files, memory bounded", held("program_bad_files"), files),
    ("C1", "every ISA runs the same tests", not matrix["faults"], counts),
    ("C2", "right ISA on old CPUs, nothing illegal", not any(f.startswith(tuple(old)) for f in matrix["faults"]),
     f"{len(old)} emulated CPUs, {sum(row[2] or 0 for row in matrix['rows'] if row[0] in old)} tests") if old else None,
    ("C3", "no code of an ISA leaks", held("objects"), f"{objects} objects, Release and Debug"),
    ("D1", "fuzz corpus", held("fuzz_corpus"), f"{inputs} inputs replayed"),
    ("D2", "no byte outside the buffers", held(*guards), "all counts up to 4 registers and 3"),
    ("E1", "same bits for 1 to 16 threads", held("Threads.AgainAndAgainTheSameBits", "Threads.AnyNumberGivesTheSameBits"), "250 repeats"),
    ("E3", "a forked child computes", held("ThreadCount.AChildForkedAfterAParallelCallComputes"), ""),
    ("E4", "no thread more in a parallel region", held("ThreadCount.InsideAParallelRegionItIsOne"), ""),
    ("F1", "memory does not grow with queries x keys", held("Process.MemoryOfPoolDoesNotGrowWithQueriesTimesKeys"), ""),
    ("F2", "failed allocations", held("Failures.EveryAllocationOfEveryFunction", "program_out_of_memory"),
     f"{in_library} in the library, {in_program} in the program"),
    ("G1", "control words, signals, locale untouched",
     held("Process.FloatingPointControlIsLeftAlone", "Process.SignalHandlersAreLeftAlone"), ""),
    ("", "killed, full disk: old file or new, never half", held("program_kills", "program_outputs"), "200 moments"),
]
rows = [row for row in rows if row]
width = max(len(row[1]) for row in rows)
print("\nscorecard")
for identifier, promise, good, figure in rows:
    print(f"  {identifier:2}  {promise:{width}}  {'held  ' if good else 'NOT HELD'}  {figure}")
print("long runs (exhaustive exp, mutation, fuzzing, sanitizers, clang): docs/trust.md has the figures and the commands")
sys.exit(0 if all(row[2] for row in rows) else 1)
