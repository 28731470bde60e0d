"""Pictures by gnuplot, for the scripts beside this file."""
import os
import subprocess


class Failed(Exception):
    """Says in one line why there is no picture."""


def quoted(text):
    """A gnuplot string that shows the text as it is."""
    return "'" + "".join(c if c.isprintable() else " " for c in text).replace("'", "''") + "'"


def draw(script, path):
    """Writes what the script draws, a PNG file, to path; all of it or nothing."""
    # --default-settings: nobody's ~/.gnuplot changes our pictures.
    try:
        result = subprocess.run(["gnuplot", "--default-settings", "-"], input=script.encode(), capture_output=True)
    except OSError as error:
        raise Failed(f"cannot draw: gnuplot: {error.strerror} (Debian package gnuplot-nox)") from error
    if result.returncode != 0 or not result.stdout:
        reason = (result.stderr.decode().strip().splitlines() or ["no reason given"])[0]
        raise Failed(f"cannot draw: gnuplot: {reason}")
    try:
        with open(path + ".part", "wb") as file:
            file.write(result.stdout)
        os.replace(path + ".part", path)
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}") from error
