"""Sphinx builds the manual by this file; tools/docs calls it with the folders of the build in the environment."""

import os
import re
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[1]
build = Path(os.environ["ATTNPOOL_BUILD"])  # of the library, the program and the Python package
sys.path.insert(0, str(build / "python"))

project = "attnpool"
author = "the attnpool developers"
copyright = author
header = (root / "include/attnpool/version.hpp").read_text()
version = release = ".".join(re.search(rf"VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))

extensions = [
    "myst_parser",
    "breathe",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
suppress_warnings = ["config.cache"]  # the gallery's options hold functions
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"attnpool {release}"
html_static_path = ["static"]
html_css_files = ["manual.css"]
# KaTeX sets the formulas from files beside the pages, so that the manual reads without a network; tools/docs copies it there.
mathjax_path = "katex/katex.min.js"
mathjax_options = {"defer": "defer"}
html_css_files += ["katex/katex.min.css"]
html_js_files = [("katex/contrib/auto-render.js", {"defer": "defer"}), ("formulas.js", {"defer": "defer"})]
html_copy_source = False
html_show_sphinx = False

breathe_projects = {"attnpool": os.environ["ATTNPOOL_DOXYGEN"]}
breathe_default_project = "attnpool"
breathe_domain_by_extension = {"h": "c", "hpp": "cpp"}
cpp_id_attributes = ["ATTNPOOL_NOEXCEPT"]
c_id_attributes = ["ATTNPOOL_NOEXCEPT"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # signatures of twelve options are read more easily without; the text says what each takes
napoleon_numpy_docstring = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples/python",
    "gallery_dirs": "gallery",
    "filename_pattern": r".*\.py",
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1e9,
    "abort_on_example_error": True,
}


def write_program_reference(_):
    """What the program says of its commands and topics, as a page."""

    def help_of(*words):
        return subprocess.run([build / "attnpool", "help", *words], capture_output=True, text=True, check=True).stdout

    overview, topics = help_of().split("Topics, for")
    page = (
        "# Program reference\n\nThis is what `attnpool help` says. The [program](../program.md) page introduces it.\n"
    )
    for heading, text, level in (("Commands", overview.split("Subcommands:")[1], "##"), ("Topics", topics, "##")):
        page += f"\n{level} {heading}\n"
        for name in re.findall(r"^  ([a-z][a-z-]+) ", text, re.M):
            page += f"\n### {name}\n\n```text\n{help_of(name)}```\n"
    path = root / "docs/reference/program.md"
    if not path.exists() or path.read_text() != page:
        path.write_text(page)


def setup(app):
    app.connect("builder-inited", write_program_reference)
