#!/usr/bin/env python3
"""Checks that the files and folders which the documents for readers of the code name are there.

    check_doc_paths.py ROOT     says each fault; exit code 1 if there is one

Looked at are words in backticks that look like a path, the folders at the head of indented lists, links within the tree, and
whether a file holds what "`name` in `path`" says of it. <word> and * stand for anything.
"""

import re
import sys
from pathlib import Path

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "docs/design.md", "docs/trust.md", "simd/README.md", "packaging/README.md"]
# A path begins at the root, in the document's own folder or in one of these; a name alone may be anywhere.
BASES = ["", "src", "tools/program", "tests", "python/tests"]
PATH = re.compile(r"\.?[\w<>*-][\w<>*./-]*")
SOURCE = re.compile(r"\.(cpp|hpp|h|c|py|map|txt|symbols)$")


def places(root, document, name):
    """What is there under this name."""
    name = re.sub(r"<\w+>", "*", name).rstrip("/")
    found = [path for base in [*BASES, str(document.parent.relative_to(root))] for path in (root / base).glob(name)]
    if not found and "/" not in name:
        found = [path for path in root.rglob(name) if "build" not in path.relative_to(root).parts]
    return found


def names(text):
    """The paths that the text names."""
    for quoted in re.findall(r"`([^`\n]+)`", text):
        word = quoted.split()[0]
        if PATH.fullmatch(word) and ("/" in word or SOURCE.search(word)):
            yield word
    yield from re.findall(r"^    ([\w-]+/[\w/.-]*|[\w./-]+\.[ch]pp)  ", text, re.M)
    yield from re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text)


def faults(root):
    for name in DOCUMENTS:
        document = root / name
        text = document.read_text()
        for path in sorted(set(names(text))):
            if not path.startswith("build/") and not places(root, document, path):
                yield f"{name}: there is no {path}"
        for symbol, path in re.findall(r"`(\w+)(?:\(\))?`(?: \([^)]*\))? in `([\w./*-]+)`", text):
            files = [place for place in places(root, document, path) if place.is_file()]
            if files and not any(symbol in place.read_text() for place in files):
                yield f"{name}: {path} has no {symbol}"


def main():
    found = list(faults(Path(sys.argv[1]).resolve()))
    print("\n".join(found) if found else f"{len(DOCUMENTS)} documents name what is there")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
