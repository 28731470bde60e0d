#!/usr/bin/env python3
"""Holds the object files of the library to the rules that a compiler or linker can break in silence.

    check_objects.py [--nm NM] [--objdump OBJDUMP] --isa NAME OBJECT... [--isa ...] --baseline OBJECT... [--linked FILE...]
                  [--commands JSON]

Every object      no reference to abort, exit, printf, stdout, std::cout and the like: the library throws and is silent
ISA objects       no weak symbol: the linker may make it the whole program's only copy, and an old CPU dies of it
                  no initialiser: it would run before anything has asked the CPU what it can do
                  every global symbol lies in namespace attnpool::<isa>; nothing else is called but memcpy, memset, memmove
                  the registers and the fused multiply-add that the name promises, and none of a wider ISA
baseline objects  none of the registers and encodings of AVX and later; no initialiser
all of these      no instruction that sets the floating-point control word; no code left to link-time optimisation
linked files      registers and encodings of AVX and later in functions of attnpool::<isa> only: programs and libraries
commands          of compile_commands.json: no flag that changes arithmetic or ties the code to this machine
Exit code 0: all rules hold; 1: each fault on a line of its own; 2: usage.
"""
import argparse
import json
import re
import subprocess
import sys

# Name of an ISA: (patterns that its disassembly must have, patterns it must not have). A tab precedes the mnemonic,
# and every VEX or EVEX instruction begins with v.
VEX = r"\tv(?!err|erw)[a-z]"
RULES = {
    "scalar": ([], [VEX, r"%[yz]mm"]),
    "sse2": ([r"mulps.*%xmm", r"mulpd.*%xmm"], [VEX, r"%[yz]mm"]),
    "avx2": ([r"%ymm", r"\tvfn?madd[0-9]+ps.*%ymm", r"\tvfn?madd[0-9]+pd.*%ymm"],
             [r"%zmm", r"%k[0-7]\b", r"%[xy]mm(1[6-9]|2[0-9]|3[01])\b"]),
    "avx512": ([r"%zmm", r"\tvfn?madd[0-9]+ps.*%zmm", r"\tvfn?madd[0-9]+pd.*%zmm"], []),
    "neon": ([r"\tfml[as]\tv[0-9]+\.4s", r"\tfml[as]\tv[0-9]+\.2d"], [r"\tz[0-9]+\.[sd]"]),
}
BASELINE = ([], [VEX, r"%[yz]mm"])
EVERYWHERE = [r"\t(v?ldmxcsr|fldcw|fldenv)\b", r"\tmsr\tfpcr"]
FORBIDDEN_FLAGS = re.compile(r"\s(-ffast-math|-Ofast|-funsafe-math-optimizations|-ffinite-math-only|-fassociative-math|-mdaz-ftz"
                             r"|-freciprocal-math|-march=\S+|-mtune=native|-mcpu=\S+|-ffp-contract=(?!off)\S+)(?=\s)")
NO_WEAK_BUT = {"DW.ref.__gxx_personality_v0"}
MAY_CALL = {"memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
TALK = re.compile(r"^(abort|_?exit|quick_exit|__assert_fail|(__)?v?[fs]?n?printf(_chk)?|puts|putchar|fputs|fwrite"
                  r"|perror|stdout|stderr|_ZSt[47](cout|cerr|clog)|_ZNSt8ios_base4Init.*)$")

# nlohmann_json puts code points into its messages with snprintf: into memory, and digits that no locale changes.
MAY_FORMAT = {"model.cpp.o": {"snprintf", "__snprintf_chk"}}

faults = []


def output(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"check_objects: {' '.join(command)}: {result.stderr.strip()}")
    return result.stdout


def fault(path, text):
    faults.append(f"{path}: {text}")


def check(path, isa, tools):
    must, must_not = RULES[isa] if isa else BASELINE
    symbols = [tuple(line.split()[-2:]) for line in output(tools.nm, path).splitlines() if len(line.split()) >= 2]
    undefined = {name for kind, name in symbols if kind in "Uw"}

    for name in sorted(undefined - MAY_FORMAT.get(path.rsplit("/", 1)[-1], set())):
        if TALK.match(name):
            fault(path, f"refers to {name}")
    for section in re.findall(r"(\.init_array|\.preinit_array|\.ctors)\S*", output(tools.objdump, "-h", path)):
        fault(path, f"has an initialiser ({section})")
    if ".gnu.lto_" in output(tools.objdump, "-h", path):
        fault(path, "holds code for link-time optimisation")

    if isa:
        namespace = f"_ZN8attnpool{len(isa)}{isa}"
        for kind, name in symbols:
            if kind in "WVu" and name not in NO_WEAK_BUT:
                fault(path, f"defines the weak symbol {name}")
            elif kind in "ABCDGRST" and not name.startswith(namespace):
                fault(path, f"defines {name} outside of attnpool::{isa}")
        for name in sorted(undefined - MAY_CALL):
            if not name.startswith(namespace):  # the other object of this ISA
                fault(path, f"refers to {name}")

    code = output(tools.objdump, "-d", "--no-show-raw-insn", path)
    for pattern in must:
        if not re.search(pattern, code):
            fault(path, f"has no instruction like {pattern!r}")
    function = "?"
    seen = set()
    for line in code.splitlines():
        if line.endswith(">:"):
            function = line.split("<", 1)[1][:-2]
        for pattern in must_not + EVERYWHERE:
            if (function, pattern) not in seen and re.search(pattern, line):
                seen.add((function, pattern))
                fault(path, f"{function} has '{' '.join(line.split()[1:])}'")
    return len(symbols), len(code.splitlines())


def check_linked(path, isas, tools):
    """How many functions hold AVX; a fault for each outside of attnpool::<isa>."""
    wide = re.compile(rf"{VEX}|%[yz]mm")
    ours = re.compile("|".join(f"_ZNK?8attnpool{len(isa)}{isa}|_ZZNK?8attnpool{len(isa)}{isa}" for isa in isas))
    function, seen = "?", set()
    for line in output(tools.objdump, "-d", "--no-show-raw-insn", path).splitlines():
        if line.endswith(">:"):
            function = line.split("<", 1)[1][:-2]
        elif function not in seen and wide.search(line):
            seen.add(function)
            if not ours.match(function):
                fault(path, f"{function} has '{' '.join(line.split()[1:])}'")
    return len(seen)


def check_commands(path):
    with open(path) as file:
        commands = [(entry["file"], entry["command"] + " ") for entry in json.load(file)]
    library = [(source, command) for source, command in commands if re.search(r"/(src|simd|tools/program)/[^/]+\.cpp$", source)]
    for source, command in library:
        for flag in FORBIDDEN_FLAGS.findall(command):
            fault(source, f"is compiled with {flag}")
        if re.search(r"/(src|simd)/", source) and " -ffp-contract=off " not in command:
            fault(source, "is compiled without -ffp-contract=off")
        if "/simd/" in source and " -fno-lto " not in command:
            fault(source, "is compiled without -fno-lto")
    return len(library)


def main():
    parser = argparse.ArgumentParser(usage=" ".join(line.strip() for line in __doc__.splitlines()[2:4]))
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--isa", nargs="+", action="append", default=[])
    parser.add_argument("--baseline", nargs="+", default=[])
    parser.add_argument("--linked", nargs="+", default=[])
    parser.add_argument("--commands")
    tools = parser.parse_args()
    objects = [(path, names[0]) for names in tools.isa for path in names[1:]]
    objects += [(path, None) for path in tools.baseline]
    unknown = [names[0] for names in tools.isa if names[0] not in RULES or len(names) < 2]
    if unknown or not tools.isa or not tools.baseline:
        parser.error(f"needs objects of the baseline and of known ISAs ({', '.join(RULES)}), got {unknown or 'none'}")

    for path, isa in objects:
        symbols, lines = check(path, isa, tools)
        print(f"{isa or 'baseline':9} {symbols:5} symbols {lines:7} lines  {path.rsplit('/', 1)[-1]}")
    for path in tools.linked:
        functions = check_linked(path, [names[0] for names in tools.isa], tools)
        print(f"linked    {functions:5} functions with AVX  {path.rsplit('/', 1)[-1]}")
    if tools.commands:
        print(f"commands  {check_commands(tools.commands):5} of the library and the program")
    for line in faults:
        print("fault:", line)
    print(f"{len(objects)} objects, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
