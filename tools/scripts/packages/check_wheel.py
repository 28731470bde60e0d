"""What a wheel must hold, and must say of itself: check_wheel.py WHEEL."""

import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

root = Path(__file__).resolve().parents[3]
wheel = zipfile.ZipFile(sys.argv[1])
names = wheel.namelist()
info = next(name.split("/")[0] for name in names if name.split("/")[0].endswith(".dist-info"))
metadata = HeaderParser().parsestr(wheel.read(f"{info}/METADATA").decode())
tags = HeaderParser().parsestr(wheel.read(f"{info}/WHEEL").decode())
version = sys.argv[1].split("/")[-1].split("-")[1]
modules = [path.relative_to(root / "python").as_posix() for path in (root / "python/attnpool").rglob("*.py*")]

faults = []


def check(good, fault):
    if not good:
        faults.append(fault)


for name in [*modules, "attnpool/py.typed"]:
    check(name in names or "__pycache__" in name, f"lacks {name}")
cores = [name for name in names if name.startswith("attnpool/_core.") and name.endswith(".so")]
check(len(cores) == 1, f"one compiled module is needed, not {cores}")
check(f"{info}/LICENSE" in names, "lacks LICENSE")
check({name.split("/")[0] for name in names} == {"attnpool", info}, f"has more than the package: {names}")
check(tags["Root-Is-Purelib"] == "false", "says that it is not compiled")
check(metadata["Version"] == version, f"version {metadata['Version']}")
check(metadata["License"] == "MIT", f"license {metadata['License']}")
check(metadata["Requires-Python"] == ">=3.9", f"Requires-Python {metadata['Requires-Python']}")
check(
    "numpy>=1.22" in metadata["Requires-Dist"].replace(" ", "").replace("(", "").replace(")", ""),
    "does not ask for NumPy",
)
classifiers = metadata.get_all("Classifier", [])
for wanted in ("License :: OSI Approved :: MIT License", "Typing :: Typed", "Programming Language :: Python :: 3"):
    check(wanted in classifiers, f"lacks the classifier {wanted}")
check(
    metadata["Description-Content-Type"] == "text/markdown" and "# attnpool" in metadata.get_payload(),
    "lacks the README",
)
for fault in faults:
    print(f"packages: {sys.argv[1]}: {fault}")
sys.exit(bool(faults))
