#!/usr/bin/env python3
"""Checks that no file includes one of a higher room, and that no two rooms include each other.

    check_layers.py ROOT             says each fault; exit code 1 if there is one
    check_layers.py ROOT --dot       the rooms and the number of includes between them, for Graphviz (docs/rooms.svg)
"""

import re
import sys
from collections import Counter
from pathlib import Path

# From the top down. A room may include itself and what stands below it.
LIBRARY = [
    ["src/api"],
    ["src/inference"],
    ["src/selection", "src/lowess"],
    ["src/plan/grid", "src/plan/window", "src/plan"],
    ["src/result"],
    ["src/data"],
    ["src/base"],
    ["src"],  # the table of routines
    ["include/attnpool"],
]
PROGRAM = [["tools/program"], ["tools/program/commands"], ["tools/program/display"], ["tools/program/io"], ["tools/program/base"]]
# The plans are one room in two folders: the table of plans names the grid, which sees the request.
ALLOWED = {("src/plan", "src/plan/grid"), ("src/plan/grid", "src/plan"), ("src/plan", "src/plan/window"), ("src/plan/window", "src/plan"),
           ("src/plan/window", "src/plan/grid")}


def includes(root, rooms, prefixes):
    """Pairs (file, included file) of files within the rooms."""
    folders = {room for level in rooms for room in level}
    for folder in sorted(folders):
        for path in sorted((root / folder).glob("*.[ch]pp")):
            for name in re.findall(r'^#include ["<]([\w./-]+)[">]', path.read_text(), re.M):
                for prefix in prefixes:
                    target = root / prefix / name
                    if target.exists() and str(target.parent.relative_to(root)) in folders:
                        yield path, target
                        break


def main():
    root = Path(sys.argv[1])
    faults, counts = [], Counter()
    for rooms, prefixes in ((LIBRARY, ["src", "include"]), (PROGRAM, ["tools/program"])):
        level = {room: i for i, line in enumerate(rooms) for room in line}
        for source, target in includes(root, rooms, prefixes):
            a, b = (str(p.parent.relative_to(root)) for p in (source, target))
            if a == b:
                continue
            counts[a, b] += 1
            if level[a] >= level[b] and (a, b) not in ALLOWED:
                faults.append(f"{source.relative_to(root)} includes {target.relative_to(root)}, of a room that is not below")
    if "--dot" in sys.argv:
        print('digraph rooms { rankdir=TB; node [shape=box, fontname="DejaVu Sans"]; edge [fontname="DejaVu Sans", fontsize=9];')
        for rooms in (LIBRARY, PROGRAM):
            for line in rooms:
                print("{ rank=same;", " ".join(f'"{room}";' for room in line), "}")
        for (a, b), n in sorted(counts.items()):
            print(f'"{a}" -> "{b}" [label={n}];')
        print("}")
        return 0
    print("\n".join(faults) if faults else f"{sum(counts.values())} includes between rooms, all downward")
    return 1 if faults else 0


sys.exit(main())
