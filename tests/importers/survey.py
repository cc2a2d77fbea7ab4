"""Every family of transformers: what of it is imported. Writes docs/data/zoo/coverage.csv.

python -m tests.importers.survey --variations 12 --seed 20261126 [families whose rows alone are written again]
"""

from __future__ import annotations

import argparse
import csv
import io
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers

from costmodel.importers.families import TABLE

from .families import MISSING, families, kind
from .zoo import Tally, model_class, run

PATH = Path(__file__).parents[2] / "docs" / "data" / "zoo" / "coverage.csv"
SUMMARY = PATH.with_name("summary.csv")
KINDS = {
    "decoders, text": ("decoder",),
    "decoders, with towers": ("multimodal decoder",),
    "all decoders": ("decoder", "multimodal decoder"),
    "encoder-decoders, masked models": ("encoder-decoder", "masked"),
    "all": ("decoder", "multimodal decoder", "encoder-decoder", "masked"),
}
HEAD = ("family", "kind", "model types", "imported", "equal", "refused", "wrong", "what is left out or missing")


@dataclass
class Row:
    """What was found out about one family."""

    family: str
    kind: str
    types: list[str]
    state: str
    equal: int
    refused: int
    wrong: int
    note: str

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        counts = [str(n) for n in (self.equal, self.refused, self.wrong)]
        return (self.family, self.kind, " ".join(self.types), self.state, *counts, self.note)


def survey(family: str, variations: int, seed: int) -> tuple[Row, dict[str, Tally]]:
    """Examine the model types of a family that are read and that a class generates text with.

    ``imported`` is ``whole`` (everything the class has), ``language model`` (towers are left out),
    ``in part`` (the default of the class is refused, others are equal) or ``no``.
    """
    types = [name for name in families()[family] if name in TABLE]
    tallies = {name: run(name, variations, seed) for name in types if model_class(name) is not None}
    equal, wrong = sum(t.equal for t in tallies.values()), sum(len(t.wrong) for t in tallies.values())
    refused = sum(t.refused.total() for t in tallies.values())
    towers = sorted({key for tally in tallies.values() for key in tally.left_out})
    reasons = [reason for tally in tallies.values() for reason in tally.refused_default]
    if family in MISSING:
        state, note = "no", MISSING[family]
    elif not all(tally.default == "equal" for tally in tallies.values()):
        state, note = "in part", "; ".join(reasons)
    else:
        state, note = "language model" if towers else "whole", ", ".join(towers)
    return Row(family, kind(family), types, state, equal, refused, wrong, note), tallies


def text(rows: list[Row]) -> str:
    """Return the file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows(row.cells() for row in rows)
    return out.getvalue()


def committed() -> dict[str, Row]:
    """Return the rows of the file by family."""
    with PATH.open(encoding="utf-8", newline="") as file:
        cells = list(csv.reader(file))[1:]
    found = [
        Row(name, kind, types.split(), state, *map(int, counts), note)
        for name, kind, types, state, *counts, note in cells
    ]  # type: ignore[arg-type]
    return {row.family: row for row in found}


def summary(rows: list[Row]) -> str:
    """Return the file of sums by kind, with the versions it was made with."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    versions = f"transformers {transformers.__version__}, torch {torch.__version__.partition('+')[0]}"
    writer.writerow((versions, "families", "imported", "share", "configurations equal", "refused", "wrong"))
    for name, kinds in KINDS.items():
        of_kind = [row for row in rows if row.kind in kinds]
        read = sum(row.state in ("whole", "language model") for row in of_kind)
        sums = [sum(getattr(row, key) for row in of_kind) for key in ("equal", "refused", "wrong")]
        writer.writerow((name, len(of_kind), read, f"{100 * read / len(of_kind):.1f} %", *sums))
    return out.getvalue()


def quiet() -> None:
    """Keep the classes from talking about configurations that nobody would write."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    transformers.utils.logging.set_verbosity(50)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--variations", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("families", nargs="*")
    asked = parser.parse_args()
    quiet()
    rows, known = [], committed() if asked.families else {}
    for family in families():
        if asked.families and family not in asked.families:
            rows.append(known[family])
            continue
        row, tallies = survey(family, asked.variations, asked.seed)
        rows.append(row)
        print(
            f"{row.family:28} {row.state:15} equal {row.equal:4} refused {row.refused:4} wrong {row.wrong}", flush=True
        )
        for tally in tallies.values():
            for found in tally.wrong:
                print("   WRONG", found)
    PATH.write_text(text(rows), encoding="utf-8")
    SUMMARY.write_text(summary(rows), encoding="utf-8")
    wrong = sum(row.wrong for row in rows)
    print(f"transformers {transformers.__version__}, torch {torch.__version__}: {len(rows)} families, wrong {wrong}")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
