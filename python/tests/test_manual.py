"""Every block of code in the README and the manual runs, and says what the page says that it says.

Blocks of a page run in order in one folder: ``python`` in one namespace, ``console`` line by line in bash, ``cpp`` compiled
within a function that has the matrices of the page as arguments. An ``output`` block is what the ``python`` block before it
prints. Numbers agree to four digits, and ``...`` stands for anything.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAM = os.environ.get("ATTNPOOL_PROGRAM")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.?\d*(?:e[-+]?\d+)?(?!\w)")


def blocks(page):
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.M | re.S)


def agrees(expected, said):
    """Whether ``said`` is the text that is expected, its numbers to four digits."""
    pattern, numbers = "", []
    for k, part in enumerate(re.split(r"(\.\.\.|" + NUMBER.pattern + ")", expected.strip())):
        if part == "...":
            pattern += ".*?"
        elif k % 2:
            numbers.append(float(part))
            pattern += f"({NUMBER.pattern})"
        else:
            pattern += re.sub(r"(?:\\ )+", r"\\s+", re.escape(part))
    match = re.fullmatch(pattern, said.strip(), re.S)
    return bool(match) and all(abs(float(a) - b) <= 1e-4 * abs(b) for a, b in zip(match.groups(), numbers))


def test_agreement_is_noticed():
    assert agrees("a 1.2345 b", "a  1.23451 b") and agrees("a\n...\nz", "a\nb\nc\nz")
    assert not agrees("a 1.234", "a 1.235") and not agrees("a 1", "b 1") and not agrees("a", "a b")


def run_console(text, folder):
    environment = {**os.environ, "PATH": f"{Path(PROGRAM).parent}:{os.environ['PATH']}"}
    for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.M):
        done = subprocess.run(
            ["bash", "-c", f"exec 2>&1; {command}"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        said = done.stdout
        assert not expected or agrees(expected, said), f"$ {command}\n{said}\nexpected:\n{expected}"
        assert done.returncode == 0, (command, said)


def check_cpp(text, folder):
    """Compiles the block as the body of a function; it refers to matrices of the caller."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    includes = re.findall(r"^#include.*$", text, re.M)
    body = re.sub(r"^#include.*$", "", text, flags=re.M)
    arguments = "const double* queries, const double* keys, const double* values, double* out"
    sizes = "std::size_t Q, std::size_t K, std::size_t D, std::size_t V"
    source = folder / "block.cpp"
    source.write_text("\n".join([*includes, f"void block({arguments}, {sizes}) {{", body, "}"]))
    command = [compiler, "-std=c++20", "-fsyntax-only", f"-I{ROOT / 'include'}", source]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks(page, tmp_path, monkeypatch):
    found = blocks(page)
    kinds = {kind for kind, _ in found}
    assert kinds <= {"python", "output", "console", "cpp", "text"}, "a kind of block that nobody runs"
    if "console" in kinds and not PROGRAM:
        pytest.skip("needs the program")
    for module in ("sklearn", "matplotlib"):
        if "python" in kinds:
            pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    namespace = {}
    printed = None
    for kind, text in found:
        if kind == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(text, str(page), "exec"), namespace)
            printed = output.getvalue()
        elif kind == "output":
            assert agrees(text, printed), f"it prints:\n{printed}\nexpected:\n{text}"
        elif kind == "console":
            run_console(text, tmp_path)
        elif kind == "cpp":
            check_cpp(text, tmp_path)
