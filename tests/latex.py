"""Compile every table in LaTeX and fail on any warning: ``nox -s latex``, where a TeX is installed.

    python tests/latex.py [--keep FOLDER] [NAME ...]

Each output is a document of its own, of the standard class at 10 points. A box that is too wide is a
warning too. ``--keep`` leaves the PDFs in a folder, to be looked at.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import table_calls

from costmodel.cli import run

WARNING = re.compile(r"^(!.*|.*Warning:.*|(?:Over|Under)full .*|Missing character.*)$", re.MULTILINE)


def output_of(call: tuple[str, ...], folder: Path) -> str:
    """Return what a command prints as LaTeX; the hostile spec lies in the folder."""
    out = io.StringIO()
    words = [str(folder / word) if word == "hostile.yaml" else word for word in call]
    with contextlib.redirect_stdout(out):
        status = run([*words, "--format", "latex"])
    if status:
        raise SystemExit(f"archcalc {' '.join(call)} ended with status {status}")
    return out.getvalue()


def document(body: str) -> str:
    """Return a document with the packages that the first line of an output names."""
    needed = re.match(r"% archcalc \S+; needs (.*)\n", body)
    assert needed
    packages = "".join(f"\\usepackage{{{name}}}\n" for name in needed[1].split(", "))
    return f"\\documentclass{{article}}\n{packages}\\begin{{document}}\n{body}\\end{{document}}\n"


def problems(name: str, body: str, folder: Path) -> list[str]:
    """Return the warnings of a document that is compiled twice, as tables over pages need it."""
    stem = name.replace(" ", "-")
    (folder / f"{stem}.tex").write_text(document(body), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{stem}.tex"]
    for _ in range(3):
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        log = (folder / f"{stem}.log").read_text(encoding="latin-1")
        if "Rerun" not in log and "have changed" not in log:
            break
    found = WARNING.findall(log)
    return found if found or not done.returncode else [f"pdflatex ended with status {done.returncode}"]


def main() -> int:
    """Compile the outputs asked for, or all; return 1 where one has a warning."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    if shutil.which("pdflatex") is None:
        print("there is no pdflatex: nothing was compiled")
        return 1
    calls = table_calls.STYLES | table_calls.PLAIN | table_calls.HOSTILE_CALLS
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hostile.yaml").write_text(table_calls.HOSTILE, encoding="utf-8")
        for name in asked.names or calls:
            found = problems(name, output_of(calls[name], folder), folder)
            failed += bool(found)
            print(f"{name}: {'fine' if not found else ''}", *found, sep="\n  " if found else "")
    print(f"{failed} of {len(asked.names or calls)} with warnings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
