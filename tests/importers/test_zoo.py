"""Every family of transformers, its default and configurations drawn anew each day: equal, or refused.

A day again: ``ARCHCALC_ZOO_SEED=20261126 pytest tests/importers/test_zoo.py``; more of them:
``nox -s zoo``, which also writes docs/data/zoo/coverage.csv.
"""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime

import pytest

from costmodel.verify.published import model_class

from .families import ENCODER_DECODER, MASKED, families
from .survey import PATH, quiet, survey
from .sweep import TYPES, tied, wrapped
from .zoo import Tally, examine

CHUNKS = 24
SEED = int(os.environ.get("ARCHCALC_ZOO_SEED") or datetime.now(UTC).strftime("%Y%m%d"))

pytestmark = pytest.mark.oracle


def committed() -> dict[str, dict[str, str]]:
    """Return the rows of the page, by family."""
    with PATH.open(encoding="utf-8", newline="") as file:
        return {row["family"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_configuration_is_silently_wrong(chunk: int, record_property: pytest.RecordProperty) -> None:
    quiet()
    rows, counts = committed(), {"families": 0, "equal": 0, "refused": 0}
    for family in list(families())[chunk::CHUNKS]:
        row, tallies = survey(family, 2, SEED)
        for model_type, tally in tallies.items():
            assert not tally.wrong, f"ARCHCALC_ZOO_SEED={SEED}, {model_type}:\n" + "\n".join(tally.wrong)
        said = rows[family]
        assert (row.kind, " ".join(row.types), row.state, row.note) == (
            said["kind"],
            said["model types"],
            said["imported"],
            said["what is left out or missing"],
        )
        counts["families"] += 1
        counts["equal"] += row.equal
        counts["refused"] += row.refused
    record_property("zoo", counts)


@pytest.mark.parametrize("model_type", [name for name in TYPES if wrapped(name)])
def test_tables_are_tied_by_whom_the_class_asks(model_type: str) -> None:
    quiet()
    cls, tally = model_class(model_type), Tally()
    assert cls is not None
    outcomes = {examine(data, cls, tally) for data in tied(model_type)}
    assert not tally.wrong, "\n".join(tally.wrong)
    assert "equal" in outcomes


def test_the_page_has_every_family_and_nothing_wrong() -> None:
    rows = committed()
    assert list(rows) == list(families())
    assert {row["wrong"] for row in rows.values()} == {"0"}
    assert all(row["what is left out or missing"] for row in rows.values() if row["imported"] != "whole")


def test_most_families_are_imported() -> None:
    covered = {name for name, row in committed().items() if row["imported"] in ("whole", "language model")}
    decoders = set(families()) - ENCODER_DECODER - MASKED
    assert len(decoders) == 231
    assert len(covered & decoders) >= 0.97 * len(decoders)
    assert len(covered) >= 0.90 * len(families())
