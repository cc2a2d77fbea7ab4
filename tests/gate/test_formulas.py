"""A formula that changes is a new version: figures of one version never change."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from costmodel import FORMULAS, catalog
from costmodel.architecture import Architecture
from costmodel.gate.files import read
from costmodel.gate.lock import entry_of

GOLDEN = Path(__file__).parent / "formulas.csv"
HEAD = f"spec,fields,figures of formulas {FORMULAS}"


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def test_figures_of_one_version_never_change() -> None:
    """Where this fails: count FORMULAS up, write the changelog's entry, and ARCHCALC_WRITE_GOLDEN=1 pytest this file.

    A spec whose fields changed has new figures, of course: then only its line is written again.
    """
    entries = {}
    for name in catalog.names():
        subject = read(catalog.find(name))
        if isinstance(subject.model, Architecture):
            entry = entry_of(subject)
            entries[name] = (digest(entry.spec), digest(entry.figures))
    if os.environ.get("ARCHCALC_WRITE_GOLDEN"):
        rows = [f"{name},{fields},{figures}" for name, (fields, figures) in entries.items()]
        GOLDEN.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    head, *rows = GOLDEN.read_text(encoding="utf-8").splitlines()
    assert head == HEAD
    before = {name: (fields, figures) for name, fields, figures in (row.split(",") for row in rows)}
    same = [name for name in entries if name in before and entries[name][0] == before[name][0]]
    assert [name for name in same if entries[name][1] != before[name][1]] == []
    assert len(entries) - len(same) < 20, "write the file again: most of it is of other specs"
