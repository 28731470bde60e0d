"""Builds the extension module with CMake; everything else stands in pyproject.toml.

For packagers, in the environment: ATTNPOOL_INSTALLED=1 links an installed library, which CMake looks for (CMAKE_PREFIX_PATH),
in place of one compiled into the module; CMAKE_ARGS has more options of CMake.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

root = Path(__file__).parent.resolve()
header = (root / "include/attnpool/version.hpp").read_text()
version = ".".join(re.search(rf"VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))


class CMakeBuild(build_ext):
    def build_extension(self, ext):
        build = Path(self.build_temp).resolve()
        options = {"CMAKE_BUILD_TYPE": "Release", "Python3_EXECUTABLE": sys.executable}
        source = root / "python"
        if not os.environ.get("ATTNPOOL_INSTALLED"):
            source = root
            options["BUILD_SHARED_LIBS"] = "OFF"
            options.update({f"ATTNPOOL_{part}": "OFF" for part in ("TOOLS", "TESTS", "BENCH", "INSTALL")})
            options["ATTNPOOL_PYTHON"] = "ON"
        try:
            import pybind11
        except ImportError:
            pass  # CMake looks for it where the system has it
        else:
            options["pybind11_DIR"] = pybind11.get_cmake_dir()
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        settings = [f"-D{name}={value}" for name, value in options.items()]
        settings += shlex.split(os.environ.get("CMAKE_ARGS", ""))
        subprocess.run(["cmake", "-S", source, "-B", build, *generator, *settings], check=True)
        subprocess.run(["cmake", "--build", build, "--target", "attnpool_python", "--parallel"], check=True)
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(build / "python/attnpool" / target.name, target)


setup(version=version, ext_modules=[Extension("attnpool._core", [])], cmdclass={"build_ext": CMakeBuild})
