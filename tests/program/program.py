"""Shared by the tests that run the program from outside: python3 SCRIPT PROGRAM."""
import os
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])
SCALE = int(os.environ.get("ATTNPOOL_TEST_SCALE", "1"))  # 10 and more: a sanitizer or an emulator makes the program slow
failures = 0


def enter_scratch():
    """Works in an empty directory from now on, so that messages name files without a path."""
    global _scratch
    _scratch = tempfile.TemporaryDirectory(prefix="attnpool-test-")
    os.chdir(_scratch.name)


def write(name, content):
    with open(name, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def read(name):
    with open(name, "rb") as file:
        return file.read()


def run(*arguments, stdin=b"", env=None, **others):
    """Runs the program on no terminal and in an environment of ours."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ATTNPOOL_")}
    return subprocess.run([PROGRAM, *arguments], input=stdin, capture_output=True, env={**clean, **(env or {})}, timeout=120,
                          **others)


def check(condition, what):
    global failures
    if not condition:
        failures += 1
        print("FAILED:", what)


def check_equal(got, expected, what):
    check(got == expected, f"{what}\n  got      {got!r}\n  expected {expected!r}")


def succeed(*arguments, said=b""):
    """What the program writes to standard output; it must succeed, with nothing but `said` on standard error."""
    result = run(*arguments)
    check_equal((result.returncode, result.stderr), (0, said), arguments)
    return result.stdout


def refuse(message, *arguments, code=2):
    """The program must end with this one line on standard error and this exit code."""
    result = run(*arguments)
    check_equal((result.returncode, result.stderr.decode()), (code, f"attnpool: {message}\n"), arguments)


def table(text):
    """The header, and the rows as numbers, of a CSV."""
    lines = text.decode().splitlines()
    return lines[0], [[float(cell) for cell in line.split(",")] for line in lines[1:]]


def leave():
    os.chdir("/")
    _scratch.cleanup()
    print("all passed" if failures == 0 else f"{failures} failed")
    sys.exit(1 if failures else 0)
