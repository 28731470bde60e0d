#!/usr/bin/env python3
"""attnpool help for every topic and command, completion in bash, and the man pages.

usage: help.py PROGRAM
"""
import os
import re
import shlex
import shutil
import subprocess

from program import PROGRAM, check, check_equal, enter_scratch, leave, run, succeed

HERE = os.path.dirname(os.path.abspath(__file__))
enter_scratch()


def say(*arguments):
    return succeed(*arguments).decode()


# ---- topics: everything that is listed has a text, and nothing else has
overview = say("help")
check(overview.startswith(say("--help").split("\n")[0]), "help begins as --help does")
topics = re.findall(r"^  ([a-z][a-z-]+) ", overview.split("Topics")[1], re.M)
commands = re.findall(r"^  ([a-z]+) ", overview.split("Subcommands:")[1].split("\n\n")[0], re.M)
check(len(topics) == 7 and len(commands) == 8, (topics, commands))
for topic in topics:
    text = say("help", topic)
    check(len(text) > 100 and text.endswith("\n") and not text.startswith("\n"), topic)
    check(max(map(len, text.splitlines())) <= 120, f"no line of {topic} is longer than 120 columns")
for command in commands:
    check_equal(say("help", command), say(command, "--help"), command)
result = run("help", "knitting")
check_equal(
    (result.returncode, result.stderr), (2, b"attnpool: no topic 'knitting'; attnpool help lists them\n"), "knitting"
)
for code in range(7):
    check(re.search(rf"^{code}  ", say("help", "exit-codes"), re.M), ("exit code", code))
for option in set(re.findall(r"--[a-z-]+", "".join(say("help", topic) for topic in topics))):
    check(
        any(option in say(command, "--help") for command in commands), f"{option} of a topic is an option of a command"
    )

# ---- completion
SHARE = os.path.join(HERE, "../../tools/program/share")


def printed(shell, lines):
    done = subprocess.run([*shell, "-c", lines], capture_output=True, text=True)
    check_equal((done.returncode, done.stderr), (0, ""), lines)
    return done.stdout.split()


def in_bash(*words):
    """What bash would offer for the last of the words."""
    given = " ".join(repr(w) for w in (PROGRAM, *words))
    call = f'COMP_WORDS=({given}); COMP_CWORD={len(words)}; _attnpool; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return printed(["bash"], f"source {shlex.quote(str(SHARE))}/attnpool.bash; {call}")


def in_zsh(*words):
    """The same of zsh, whose functions that match what has been typed, and find files, are stood in for."""
    match = "compadd() { shift; print -l -- ${(M)@:#$words[CURRENT]*} }; _files() { compadd -- *(N) }; compdef() { }"
    given = " ".join(repr(w) for w in (PROGRAM, *words))
    return printed(
        ["zsh", "-f"],
        f"{match}; source {shlex.quote(str(SHARE))}/attnpool.zsh; words=({given}); CURRENT={len(words) + 1}; _attnpool",
    )


open("data.csv", "w").close()
for shell, completed in (("bash", in_bash), ("zsh", in_zsh)):
    if not shutil.which(shell):
        continue
    check_equal(completed("pre"), ["predict"], shell)
    check_equal(sorted(completed("")), sorted([*commands, "--help", "--version"]), f"{shell}: commands")
    check_equal(completed("help", "exit"), ["exit-codes"], shell)
    check_equal(completed("predict", "--standard"), ["--standard-error"], shell)
    check_equal(completed("predict", "--variance", "hc"), ["hc0", "hc1", "hc2", "hc3"], shell)
    check_equal(completed("fit", "da"), ["data.csv"], shell)
    check_equal(completed("predict", "--data", ""), ["data.csv"], shell)
    for command in commands:
        offered = completed(command, "--")
        check(
            set(offered) == set(re.findall(r"^  (?:-h,)?(--[a-z0-9-]+)", say(command, "--help"), re.M)),
            (shell, command, offered),
        )

# ---- man pages: one for each command, with every option, and nothing that groff complains of
if shutil.which("help2man"):
    subprocess.run([os.path.join(HERE, "../../tools/scripts/man_pages.sh"), PROGRAM, "man"], check=True)
    check_equal(sorted(os.listdir("man")), sorted(["attnpool.1", *(f"attnpool-{c}.1" for c in commands)]), "man pages")
    for command in commands:
        page = open(f"man/attnpool-{command}.1").read().replace("\\-", "-")
        check(page.count(f".TH ATTNPOOL-{command.upper()} ") == 1 and f"attnpool-{command} - " in page, command)
        for option in re.findall(r"^  (?:-h,)?(--[a-z0-9-]+)", say(command, "--help"), re.M):
            check(option in page, (command, option))
        check(os.path.dirname(PROGRAM) not in page, f"no folder of this machine in {command}")
    if shutil.which("groff"):
        for page in os.listdir("man"):
            done = subprocess.run(
                ["groff", "-man", "-Tutf8", "-ww", "-Wbreak", f"man/{page}"], capture_output=True, text=True
            )
            check_equal((done.returncode, done.stderr), (0, ""), page)

leave()
