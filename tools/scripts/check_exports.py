#!/usr/bin/env python3
"""Holds what the libraries give out to what the headers declare.

    check_exports.py [--nm NM] --include FOLDER --map FILE --symbols DEBIAN STATIC_LIBRARY SHARED_LIBRARY

C        the functions that FOLDER/attnpool.h and its parts declare, those that FILE (the linker's version script) and DEBIAN (the
         package's list) have, and the C symbols of either library are the same names
C++      the shared library exports those symbols of namespace attnpool in the static one whose names the public headers
         declare, all of them and nothing else: no detail, no copy of the standard library, no routine
Exit code 0: all hold; 1: each fault on a line of its own.
"""
import argparse
import pathlib
import re
import subprocess
import sys


def symbols(nm, library, *options):
    """The names of the global symbols that a library defines."""
    result = subprocess.run([nm, "--defined-only", "--extern-only", *options, library], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"check_exports: {result.stderr.strip()}")
    return {line.split()[2] for line in result.stdout.splitlines() if len(line.split()) == 3}


def words(path):
    """The identifiers of a header, without those in comments."""
    return set(re.findall(r"\w+", re.sub(r"//.*", "", path.read_text(encoding="utf-8"))))


def nested_name(symbol):
    """["attnpool", "PoolState"] of _ZNK8attnpool9PoolStateIdE6finishE...: the names before the first template argument."""
    match = re.match(r"_Z(?:T[ISV])?NK?", symbol)
    names, at = [], match.end() if match else len(symbol)
    while digits := re.match(r"\d+", symbol[at:]):
        begin = at + digits.end()
        at = begin + int(digits.group())
        names.append(symbol[begin:at])
    return names


def main():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[2].strip())
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--include", type=pathlib.Path, required=True)
    parser.add_argument("--map", type=pathlib.Path, required=True)
    parser.add_argument("--symbols", type=pathlib.Path, required=True)
    parser.add_argument("static")
    parser.add_argument("shared")
    args = parser.parse_args()

    static = symbols(args.nm, args.static)
    shared = symbols(args.nm, args.shared, "--dynamic")
    headers = [args.include / "attnpool.h", *sorted((args.include / "c").glob("*.h"))]
    header = re.sub(r"//.*", "", "".join(path.read_text(encoding="utf-8") for path in headers))
    declared = set(re.findall(r"^[^#(]*?\b(attnpool_\w+)\([^;{]*\) ATTNPOOL_NOEXCEPT;", header, re.M))
    listed = set(re.findall(r"^ +(attnpool_\w+);", args.map.read_text(encoding="utf-8"), re.M))
    public = set().union(*(words(path) for path in args.include.glob("*.hpp")))
    c_plus_plus = {s for s in static if nested_name(s)[:1] == ["attnpool"] and public.issuperset(nested_name(s))}

    faults = []

    def same(what, got, want):
        faults.extend(f"{what}: {name} is missing" for name in sorted(want - got))
        faults.extend(f"{what}: {name} should not be there" for name in sorted(got - want))

    same("the version script", listed, declared)
    packaged = set(re.findall(r"^ (attnpool_\w+)@", args.symbols.read_text(encoding="utf-8"), re.M))
    same("the symbols of the Debian package", packaged, declared)
    same("C symbols of the static library", {s for s in static if not s.startswith(("_Z", "DW.ref.", "__clang_"))}, declared)
    same("C symbols of the shared library", {s for s in shared if not s.startswith("_Z")}, declared)
    same("C++ symbols of the shared library", {s for s in shared if s.startswith("_Z")}, c_plus_plus)
    if not declared or not c_plus_plus:
        faults.append("no symbols at all")
    for fault in faults:
        print("fault:", fault)
    print(f"{len(declared)} C functions, {len(c_plus_plus)} C++ symbols, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
