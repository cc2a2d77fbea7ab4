"""The documentation as a site and in the repository: every link leads somewhere in both."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "specs/README.md", ROOT / "benchmarks/measured/README.md"]
pytestmark = pytest.mark.xdist_group("site")


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Build as ``nox -s site`` does."""
    strict = ("-W", "--keep-going", "-n", "-q")
    command = [sys.executable, "-m", "sphinx", "-c", str(source / "docs"), *strict, str(source), str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Page(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name == "id":
                self.ids.add(value)
            elif value and (tag, name) in (("a", "href"), ("link", "href"), ("script", "src"), ("img", "src")):
                self.links.append(value)


def test_the_site(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    pages = {path.resolve(): Page(path) for path in tmp_path.rglob("*.html")}
    assert {path.relative_to(tmp_path.resolve()).with_suffix(".md") for path in pages} >= {
        path.relative_to(ROOT) for path in PAGES
    }
    lost = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert link.startswith("https://"), link
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            known = pages[target].ids if target in pages else {anchor}
            if not target.is_file() or (anchor and anchor not in known):
                lost.append(f"{path.relative_to(tmp_path.resolve())}: {link}")
    assert lost == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("lost.md", "# A page\n", "document isn't included in any toctree"),
        ("index.md", "# Start\n\n- [A](design.md#nowhere)\n", "local id not found"),
        ("index.md", "# Start\n\n- [A](nowhere.md)\n", "nowhere"),
        ("index.md", "# Start\n\n[a file](../nowhere.py)\n", "nowhere.py"),
    ],
)
def test_mistakes_fail(name: str, text: str, said: str, tmp_path: Path) -> None:
    """On a site of two pages."""
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "docs" / "conf.py", tmp_path / "docs")
    shutil.copytree(ROOT / "docs" / "_templates", tmp_path / "docs" / "_templates")
    (tmp_path / "docs" / "index.md").write_text("# Start\n\n## All\n\n- [Design](design.md)\n", encoding="utf-8")
    (tmp_path / "docs" / "design.md").write_text("# Design\n", encoding="utf-8")
    assert build(tmp_path, tmp_path / "whole").returncode == 0
    (tmp_path / "docs" / name).write_text(text, encoding="utf-8")
    done = build(tmp_path, tmp_path / "broken")
    assert done.returncode != 0
    assert said in done.stderr


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page; the second of a name is not linked to here."""
    tokens = MarkdownIt().parse(path.read_text(encoding="utf-8"))
    heads = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_in_the_repository(path: Path) -> None:
    for token in MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8")):
        for child in token.children or []:
            link = urlsplit(str(child.attrs.get("href", "")))
            if child.type != "link_open" or link.scheme:
                continue
            target = (path.parent / unquote(link.path)).resolve() if link.path else path
            assert target.exists(), link.geturl()
            assert target.is_relative_to(ROOT), link.geturl()
            if link.fragment:
                assert link.fragment in anchors(target), link.geturl()
