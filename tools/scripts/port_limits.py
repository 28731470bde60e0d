#!/usr/bin/env python3
"""What the vector ports allow: llvm-mca on the inner loops of the AVX2 routines, as the compiler makes them.

    port_limits.py [--mca LLVM_MCA] [--cxx COMPILER] [--keep ASSEMBLY]

Per register of queries and key: the operations counted in the loop, the limits that follow from the ports by counting
(see tools/scripts/roofline.py), and what llvm-mca makes of the whole loop with its loads, copies and dependences. A slot is half a
cycle: there are two FMA ports. llvm-mca knows of no cache misses, nor that a sum on the stack waits for its store.
Exit code 0: all loops were found; 1: not all, or a tool failed; 2: usage, or a tool is missing.
"""
import argparse
import collections
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# An older llvm-mca knows the newer names but runs them on another core's model, which its ports' names give away.
CORES = [[("znver3", "Zn3")], [("sapphirerapids", "SPR"), ("alderlake", "ADLP"), ("icelake-server", "ICX")]]

# Kind of operation by mnemonic. Loads, broadcasts of loads, and copies between registers take no vector port.
KINDS = {"fma": r"vfn?m(add|sub)\d+p[sd]", "mul": r"v(mul|min|max|cmp)p[sd]", "add": r"v(add|sub)p[sd]",
         "shift": r"vpsll[dq]", "int": r"vp(add|sub)[dq]|v?p?and\w*"}
FIELDS = ("fma", "mul", "add", "shift", "int")

# Per register: fma, mul (with min and max), add, shift, integer add. One dimension's loops do at least 2 registers at a
# time; the others are those of the full tile, 6 keys or columns x 2 registers.
Loop = collections.namedtuple("Loop", "name suffix ops per_fma consecutive")
LOOPS = [
    Loop("pool, D = 1, float", "s", (8, 0, 3, 1, 1), False, None),
    Loop("pool, D = 1, double", "d", (13, 0, 3, 1, 1), False, None),
    Loop("gradient, D = 1, float", "s", (9, 2, 4, 1, 1), False, None),
    Loop("gradient, D = 1, double", "d", (14, 2, 4, 1, 1), False, None),
    Loop("product form, a dimension, float", "s", (1, 0, 0, 0, 0), True, False),
    Loop("accumulate_columns, a column, float", "s", (1, 0, 0, 0, 0), True, True),
]


def run(*command, text=None):
    result = subprocess.run(command, input=text, capture_output=True, text=True)
    if result.returncode != 0:
        reason = (result.stderr.strip() or "no reason given").splitlines()[0]
        sys.exit(f"port_limits: {command[0]} failed: {reason}")
    return result.stdout


def find_mca(name):
    """The newest llvm-mca; Debian's llvm-19 and the like bring one with the number in its name."""
    names = [name] if name else [f"llvm-mca-{n}" for n in range(40, 13, -1)] + ["llvm-mca"]
    return next((found for found in map(shutil.which, names) if found), None)


def assembly(cxx):
    """simd/avx2.cpp with the flags that CMake gives it, whatever they are."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = [f"-DCMAKE_CXX_COMPILER={cxx}"] if cxx else []
        run("cmake", "-S", str(ROOT), "-B", folder, "-DCMAKE_BUILD_TYPE=Release", *chosen,
            *(f"-DATTNPOOL_{part}=OFF" for part in ("TOOLS", "TESTS", "BENCH", "INSTALL")))
        commands = json.loads(pathlib.Path(folder, "compile_commands.json").read_text())
        entry = next((c for c in commands if c["file"].endswith("simd/avx2.cpp")), None)
        if entry is None:
            sys.exit("port_limits: CMake compiles no simd/avx2.cpp here")
        command = shlex.split(entry["command"])
        at = command.index("-o")
        del command[at:at + 2]
        command[command.index("-c")] = "-S"
        return run(*command, "-o", "-")


def innermost_loops(text):
    """Instructions of every loop that is one basic block."""
    label, body = None, []
    for line in text.splitlines():
        if match := re.match(r"(\.L\w+):", line):
            label, body = match[1], []
        elif re.match(r"\t[a-z]", line):
            body.append(line.strip())
            if line.strip().startswith("j"):
                if label and line.split()[-1] == label:
                    yield body
                label, body = None, []


def counts(body, suffix):
    """How many operations of each kind the loop has; None if it works on the other element type."""
    found = collections.Counter()
    for instruction in body:
        mnemonic = instruction.split()[0]
        if "%ymm" not in instruction:
            continue
        if re.fullmatch(r"v(fn?m|add|sub|mul|min|max).*p" + ("d" if suffix == "s" else "s"), mnemonic):
            return None
        for kind, pattern in KINDS.items():
            found[kind] += bool(re.fullmatch(pattern, mnemonic))
    return tuple(found[kind] for kind in FIELDS)


def consecutive_broadcasts(body):
    """Whether the broadcasts read neighbours: the values of a key do, the coordinates of several keys do not."""
    places = [re.search(r"\s(-?\d*)\((.*?)\)", i) for i in body if i.startswith("vbroadcast")]
    places = [p for p in places if p]
    return len(places) > 2 and len({p[2] for p in places}) == 1 and len({p[1] for p in places}) == len(places)


def find(loop, bodies):
    """The instructions with exactly the loop's operations, for as many registers as there are, and that number."""
    best, registers = None, 1
    for body in bodies:
        found = counts(body, loop.suffix)
        n = found[0] // loop.ops[0] if found else 0
        if n <= registers or found != tuple(n * count for count in loop.ops):
            continue
        if not any(i.startswith("vbroadcast") for i in body):
            continue  # lanes along the keys: a row routine
        if loop.per_fma and (consecutive_broadcasts(body) != loop.consecutive
                             or any(i.startswith("vmov") and i.endswith(")") for i in body)):
            continue  # the last: a tile that does not fit into the registers
        best, registers = body, n
    return best, registers


def simulate(mca, cpu, body, iterations=1000):
    """Cycles per iteration that the ports alone take, and all in all; and the names of the model's ports."""
    code = "\n".join(i for i in body if not i.startswith("j"))
    out = run(mca, "-march=x86-64", f"-mcpu={cpu}", f"-iterations={iterations}", text=code)
    ports = "".join(re.findall(r"^\[[\d.]+\]\s+- (\w+)", out, re.M))
    least = float(re.search(r"Block RThroughput:\s+([\d.]+)", out)[1])
    return least, int(re.search(r"Total Cycles:\s+(\d+)", out)[1]) / iterations, ports


def core_models(mca):
    """Of each line of CORES, the first CPU that this llvm-mca has a model of its own for."""
    known = subprocess.run([mca, "-march=x86-64", "-mcpu=help"], input="", capture_output=True, text=True)
    known = known.stdout + known.stderr
    for line in CORES:
        for cpu, prefix in line:
            if re.search(rf"^\s*{cpu}\s", known, re.M) and prefix in simulate(mca, cpu, ["nop"], 1)[2]:
                yield cpu
                break


def main():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[2].strip())
    parser.add_argument("--mca", help="llvm-mca to use (default: the newest in PATH)")
    parser.add_argument("--cxx", help="compiler (default: CMake's)")
    parser.add_argument("--keep", help="also write the assembly to this file")
    options = parser.parse_args()
    mca = find_mca(options.mca)
    if not mca:
        print("port_limits: no llvm-mca here; Debian's package llvm has it (llvm-19: newer models)", file=sys.stderr)
        return 2
    text = assembly(options.cxx)
    if options.keep:
        pathlib.Path(options.keep).write_text(text)
    bodies = list(innermost_loops(text))
    cpus = list(core_models(mca))

    version = re.search(r"LLVM version (\d+)\S*", run(mca, "--version"))
    if int(version[1]) < 17:
        print("port_limits: before LLVM 17 there is no Golden Cove, and LLVM 14's znver3 takes 256-bit registers in "
              "two halves: install Debian's llvm-19", file=sys.stderr)
    print(f"{version[0]}. Per register of queries and key: operations; slots that the ports allow, by counting, with\n"
          "separate adders and on Golden Cove; by llvm-mca: slots that the ports allow; cycles, slots of the loop.\n")
    print(" " * 76 + "".join(f"  {cpu:>21}" for cpu in cpus))
    print(f"{'':36} fma mul add shift int total   counted   " + "    ports  cycles  slots" * len(cpus))
    missing = 0
    for loop in LOOPS:
        body, registers = find(loop, bodies)
        fma, mul, add, shift, integer = loop.ops
        total = sum(loop.ops)
        intel = max(fma + mul + shift, 2 / 3 * total)
        line = (f"{loop.name:36} {fma:3} {mul:3} {add:3} {shift:5} {integer:3} {total:5}  "
                f"{fma + mul:4} / {intel:4.1f}")
        if body is None:
            missing += 1
            print(line + "  not found in the assembly: another compiler, or the routine has changed")
            continue
        for cpu in cpus:
            ports, cycles, _ = simulate(mca, cpu, body)
            line += f"  {2 * ports / registers:6.2f} {cycles / registers:7.2f} {2 * cycles / registers:6.2f}"
        print(line)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
