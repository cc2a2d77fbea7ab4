"""The documentation as a site: ``nox -s site``, or ``sphinx-build -c docs . FOLDER``.

Sources are the pages as they lie in the repository, so that a link is right in both places: the top
of the repository is the top of the site. The table of contents is the list of docs/index.md.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"^- \[(?P<title>[^\]]+)\]\((?P<page>[^)#]+)\.md\)$", re.MULTILINE)

project = "archcalc"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "specs/README.md", "benchmarks/measured/README.md"]
exclude_patterns = [".*"]
myst_heading_anchors = 4
highlight_language = "none"
html_theme = "furo"
html_title = "archcalc"
html_use_index = html_domain_indices = False
html_show_copyright = html_show_sphinx = html_copy_source = False
templates_path = ["_templates"]
html_additional_pages = {"index": "start.html"}


def contents(_: Any, name: str, source: list[str]) -> None:
    """Give each list of the index a table of contents behind it, which is not shown."""
    if name != root_doc:
        return
    head, *sections = re.split(r"^## ", source[0], flags=re.MULTILINE)
    made = [head]
    for section in sections:
        caption = section.partition("\n")[0]
        pages = "\n".join(f"{match['title']} <{match['page']}>" for match in LINK.finditer(section))
        made.append(f"{section.rstrip()}\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n\n")
    source[0] = "## ".join(made)


def setup(app: Any) -> dict[str, bool]:
    """Connect the table of contents."""
    app.connect("source-read", contents)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
