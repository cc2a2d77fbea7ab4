"""Write the tables of docs/data, which come from tests and benchmarks, or check that they are fresh.

    python docs/data.py            rewrites docs/data/*.csv
    python docs/data.py --check    exit status 1 and a diff where a file is stale

They need NumPy, SciPy and the measurements of benchmarks/measured; the fences of the documentation
that print them (``table docs/data/FILE.csv``) need nothing of that. Code stands in backticks.
"""

from __future__ import annotations

import argparse
import csv
import difflib
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "data"
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

Table = tuple[Iterable[str], Iterable[Iterable[str]]]
_LINKS = "benchmarks/measured/nccl__h200_sxm__nccl-2.29.2.csv.gz"


def exceptions() -> Table:
    """Return the named differences from the reference implementation, with their reasons."""
    from tests.oracle import published

    rows = [(f"`{name}`", reason) for name, reason in published.NO_CLASS.items()]
    rows += [
        (f"`{name}`", ", ".join(f"{count:,} {what}" for what, count in parts.items()))
        for name, parts in published.BESIDE.items()
    ]
    return ("spec", "why its class does not count it, or counts other than we do"), sorted(rows)


def remote() -> Table:
    """Return the model types whose class stands beside the published weights, and where it was read."""
    from costmodel.importers import defaults

    types = {name: row for name, row in defaults.remote().items() if "." not in name}
    rows = [(f"`{name}`", row["models"], "; ".join(row["source"])) for name, row in types.items()]
    return ("model type", "published as", "read in (repository: path)"), rows


def calibration() -> Table:
    """Return what ``archcalc calibrate`` says of the collectives of one device."""
    from costmodel.render.calibrate import grid
    from costmodel.render.sink import View
    from costmodel.report.calibrate import calibrate

    found = grid(calibrate([str(ROOT / _LINKS)], hardware="h200-sxm"), View())
    return [column.head for column in found.columns], [[cell.shown for cell in row] for row in found.rows]


def gguf() -> Table:
    """Return the architectures of llama.cpp that are read, their families, how many files were compared."""
    from tests.importers.gguf_files import converted

    families: dict[str, set[str]] = {}
    files = Counter(model.architecture for model in converted())
    for model in converted():
        families.setdefault(model.architecture, set()).add(model.config["model_type"])
    rows = [(name, " ".join(sorted(families[name])), str(files[name])) for name in sorted(files)]
    return ("architecture of llama.cpp", "model types", "files compared"), rows


def packings() -> Table:
    """Return how quantised weights are packed."""
    from costmodel.importers.packing import PACKINGS

    def code(ends: Iterable[str]) -> str:
        return " ".join(f"`{end}`" for end in ends if end)

    heads = ("ends with", "types", "marked by", "values an element", "beside it, no parameters", "as in")
    return heads, [
        (
            code([row.end]),
            " ".join(row.dtypes),
            code([row.beside or ""]),
            f"{row.container} bits / bits of a value" if row.per_element is None else str(row.per_element),
            code(row.more),
            row.source,
        )
        for row in PACKINGS
    ]


def tables() -> dict[str, Callable[[], Table]]:
    """Return every table by the name of its file."""
    import published
    import validation

    return {
        "exceptions": exceptions,
        "calibration": calibration,
        "remote": remote,
        "gguf": gguf,
        "packings": packings,
        **{f"measured-{name}": table for name, table in validation.TABLES.items()},
        **{f"published-{name}": table for name, table in published.TABLES.items()},
    }


def text(table: Table) -> str:
    """Return a table as CSV."""
    heads, rows = table
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([list(heads), *map(list, rows)])
    return out.getvalue()


def main() -> int:
    """Rewrite the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a file is stale")
    check = parser.parse_args().check
    made = {FOLDER / f"{name}.csv": text(table()) for name, table in tables().items()}
    there = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.csv")}
    stale = sorted(path for path in {*made, *there} if made.get(path) != there.get(path))
    for path in stale:
        name, before, after = str(path.relative_to(ROOT)), there.get(path, ""), made.get(path)
        if check:
            lines = difflib.unified_diff(
                before.splitlines(), (after or "").splitlines(), name, f"{name}, fresh", lineterm=""
            )
            print("\n".join(lines))
        elif after is None:
            path.unlink()
            print(f"removed {name}")
        else:
            path.write_text(after, encoding="utf-8", newline="\n")
            print(f"wrote {name}")
    if check and stale:
        print(f"{len(stale)} stale: python docs/data.py writes them again")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
