"""The lock file, as it is read: specs as they were, their figures, and the formulas that gave them.

It holds the resolved fields of each spec, so that a later run can compute old and new by the same
formulas and tell a changed spec from a changed formula.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from costmodel.block import Model
from costmodel.errors import ArchcalcError, SpecError, UsageError, plain, quote
from costmodel.gate.files import Subject
from costmodel.gate.keys import key_of
from costmodel.gate.names import Figures
from costmodel.gate.workloads import Load
from costmodel.reading import read_bytes, to_text
from costmodel.report.choices import tokens
from costmodel.validation import parse

NAME = "archcalc.lock.json"
FORM = "archcalc-lock/1"
_OURS = '"archcalc-lock/'  # in the head of every lock file, also of one that cannot be read
_HEAD = 4096
_MOST = 2**26  # bytes of a lock file


class Locked(Model):
    """A spec as it was: its name, fields and figures (``NAME`` or ``NAME@WORKLOAD``); fractions as text."""

    name: str
    digest: str
    spec: dict[str, Any]
    figures: dict[str, int | Annotated[str, Field(pattern=r"^-?[0-9]{1,60}/[1-9][0-9]{0,60}$")]]


class LockFile(Model):
    """The file."""

    form: str = Field(alias="schema")
    version: str
    formulas: int
    workloads: dict[str, dict[str, Any]] = {}
    specs: dict[str, Locked]


@dataclass(slots=True)
class Lock:
    """A lock file, read. ``folder``: where the paths of its specs start."""

    path: Path
    formulas: int
    version: str
    workloads: dict[str, Load]
    specs: dict[str, Locked]
    text: str

    def of(self, subject: Subject) -> Locked | None:
        """Return what is locked of a spec: by its path beside the lock file, or its name where it ships."""
        return self.specs.get(key_of(subject.path, self.path.parent))

    def load(self, at: str) -> Load:
        """Return a workload by the name it had, or the decode step at a context."""
        return self.workloads.get(at) or Load(context=tokens(at, "at"))


def digest_of(spec: Mapping[str, Any], figures: Mapping[str, int | str]) -> str:
    """Return what tells whether an entry is as it was written: of its fields and figures."""
    return "sha256:" + hashlib.sha256(json_line([spec, figures], ordered=False).encode()).hexdigest()


def json_line(value: Any, *, ordered: bool = True) -> str:
    """Return a value as JSON in one line; unless ``ordered``, its keys are sorted."""
    return json.dumps(value, sort_keys=not ordered, separators=(",", ":"), ensure_ascii=False, default=str)


def is_ours(path: Path) -> bool:
    """Say whether a file that cannot be read was a lock file, and no other that --lock names by mistake."""
    try:
        return _OURS.encode() in read_bytes(path, most=_MOST)[:_HEAD]
    except ArchcalcError:
        return False


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        SpecError: it cannot be read, or is none; the message has file, line and column.
    """
    where = plain(str(path))
    text = to_text(read_bytes(path, where, most=_MOST), where).removeprefix("\ufeff")
    hint = "archcalc lock SPEC ... writes it anew" if _OURS in text[:_HEAD] else "name a lock file, or remove it"
    try:
        file = LockFile.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise SpecError(
            f"this is no JSON: {error.msg.lower()}", "AC004", f"{where}:{error.lineno}:{error.colno}", hint
        ) from None
    except RecursionError:
        raise SpecError("this is nested too deeply", "AC010", where, hint) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(plain(str(part))[:64] for part in first["loc"])
        raise SpecError(
            f"this is no lock file: {place or 'it'}: {first['msg'].lower()}", "AC103", where, hint
        ) from None
    except ValueError:  # a number of thousands of digits
        raise SpecError("a number of the lock file is too long", "AC010", where, hint) from None
    if file.form != FORM:
        raise SpecError(f"the lock file is {quote(file.form)}, not {quote(FORM)}", "AC103", where, hint)
    edited = next((key for key, one in file.specs.items() if one.digest != digest_of(one.spec, one.figures)), None)
    if edited is not None:
        raise SpecError(f"{quote(edited)} was edited: it does not match its digest", "AC103", where, hint)
    try:
        loads = {name: Load.model_validate(value) for name, value in file.workloads.items()}
    except ValidationError:
        raise SpecError("a workload of the lock file cannot be read", "AC103", where, hint) from None
    return Lock(path, file.formulas, file.version, loads, file.specs, text)


def moved(locked: Locked, lock: Lock) -> dict[str, tuple[Fraction, Fraction]]:
    """Return the figures of a locked spec that today's formulas give otherwise: name -> (locked, now).

    Raises:
        ArchcalcError: the fields are no spec any more.
    """
    model = parse(dict(locked.spec) | {"name": locked.name})
    figures = Figures(model)  # type: ignore[arg-type]  # an unpublished model has no figures to lock
    found = {}
    for text, value in locked.figures.items():
        name, _, at = text.partition("@")
        try:
            now = figures(name, lock.load(at) if at else None)
        except UsageError:  # a figure that this version does not know by that name
            continue
        if now != Fraction(value):
            found[text] = (Fraction(value), now)
    return found
