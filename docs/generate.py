"""Write the generated parts of the documentation, or check that they are fresh.

    python docs/generate.py            rewrites README.md, CONTRIBUTING.md, docs/*.md and the JSON Schema
    python docs/generate.py --check    exit status 1 and a diff where a page is stale

A generated part stands between two comments and is never edited by hand:

    <!-- archcalc:begin show deepseek-v3 -->
    <!-- archcalc:end -->

The command in the first comment is run as typed, and what it prints is put between the two as a
console block (as it is for ``--format markdown``). Words that are no command make tables from the
code: ``fields KIND`` (the fields of a block or of the document), ``kinds``, ``operations``,
``codes``, ``words``, ``steps``, ``dtypes``, ``claims``, ``exceptions``, ``measured NAME``,
``devices count`` (or ``figures``), ``timing``, ``keys``, ``published GROUP``.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from fractions import Fraction
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"(<!-- archcalc:begin (?P<what>[^\n]*?) -->\n)(?P<text>.*?)(<!-- archcalc:end -->)", re.DOTALL)


def run(words: str) -> str:
    """Return what a command prints, as a console block or as the Markdown that it is."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ARCHCALC", "FORCE_COLOR", "CLICOLOR"))}
    environment |= {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words.split()],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"archcalc {words} ended with status {done.returncode}:\n{done.stderr}")
    if "--format markdown" in words:
        return "\n" + done.stdout.rstrip() + "\n\n"
    return f"```console\n$ archcalc {words}\n{done.stdout.rstrip()}\n```\n"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = list(header)
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n" + "\n".join(lines) + "\n\n"


def first_line(thing: Any) -> str:
    """Return the first line of a docstring."""
    return (thing.__doc__ or "").strip().splitlines()[0]


def fields(name: str) -> str:
    """Return the fields of a block kind, a feature, or a part of the document."""
    from costmodel import architecture, document, stack
    from costmodel.blocks import block_class, kinds
    from costmodel.residual import feature_class, features
    from costmodel.shared_block import SharedBlock
    from costmodel.tower import Tower

    parts: dict[str, Any] = {
        "architecture": architecture.Architecture,
        "embedding": document.Embedding,
        "head": document.Head,
        "encoder": document.Encoder,
        "mtp": document.Mtp,
        "source": document.Source,
        "claim": document.Claim,
        "norm": stack.Norm,
        "shared": SharedBlock,
        "tower": Tower,
    }
    cls = parts.get(name) or (block_class(name) if name in kinds() else None)
    cls = cls or (feature_class(name) if name in features() else None)
    if cls is None:
        raise SystemExit(f"docs: nothing is called {name}")
    text = "\n".join(line.strip() for line in (cls.__doc__ or "").strip().splitlines())
    rows = []
    for field, info in cls.model_fields.items():
        if field == "features":  # in a spec each feature is a field by itself
            continue
        default = "required" if info.is_required() else f"`{plain_default(info)}`"
        rows.append((f"`{field}`", type_text(info.annotation), default))
        if name not in ("architecture", "encoder", "mtp"):  # whose parts have a section each
            rows += nested_rows(field, info.annotation)
    return f"\n{text}\n".replace("``", "`") + table(("field", "type", "default"), rows).replace("``", "`")


def nested_rows(field: str, annotation: Any) -> list[tuple[str, str, str]]:
    """Return the fields of a mapping inside a field, as ``router.score``."""
    models = [part for part in (annotation, *get_args(annotation)) if isinstance(part, type)]
    rows = []
    for model in models:
        for name, info in model.model_fields.items() if issubclass(model, BaseModel) else ():
            default = "required" if info.is_required() else f"`{plain_default(info)}`"
            rows.append((f"`{field}.{name}`", type_text(info.annotation), default))
    return rows


def plain_default(info: Any) -> str:
    """Return a default as YAML would write it."""
    value = info.get_default(call_default_factory=True)
    if value is None:
        return "~"
    if isinstance(value, bool):
        return str(value).lower()
    if hasattr(value, "model_dump"):
        return "{}"
    return str(value)


def type_text(annotation: Any) -> str:
    """Return a type in the words of the spec language."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(inner[0])
    if origin is Literal:
        return " or ".join(f"`{word}`" if isinstance(word, str) else str(word) for word in inner)
    if origin in (Union, UnionType):
        words = [type_text(part) for part in inner if part is not NoneType]
        return " or ".join(dict.fromkeys(words))
    if origin is list:
        return f"list of {type_text(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"mapping, {first_line(annotation)[0].lower()}{first_line(annotation)[1:].rstrip('.')}"
    plain = {int: "whole number", bool: "true or false", str: "text", float: "number", Fraction: "share or number"}
    return plain.get(annotation, "mapping")


def kinds_table(_: str) -> str:
    """Return every kind of block and what it is."""
    from costmodel.blocks import block_class, kinds

    return table(("kind", "what it is"), ((f"`{kind}`", first_line(block_class(kind))) for kind in kinds()))


def operations(_: str) -> str:
    """Return the formula of every operation, from its docstring."""
    from costmodel import ops

    rows = []
    for cls in (ops.Project, ops.Experts, ops.Attend, ops.Scan, ops.Conv, ops.Lookup, ops.Vector):
        formula = (cls.flops.fget.__doc__ or "").strip().splitlines()[0].removeprefix("Return ")
        elementwise = (cls.elementwise.fget.__doc__ or "").strip().splitlines()[0].removeprefix("Return ")
        rows.append((f"`{cls.__name__}`", first_line(cls), formula, elementwise))
    return table(("operation", "what it is", "FLOPs", "elementwise"), rows)


def codes(_: str) -> str:
    """Return what every error code means."""
    from costmodel.codes import CODES

    return table(("code", "what it means"), ((f"`{code}`", text) for code, text in CODES.items()))


def words(_: str) -> str:
    """Return the definition of every word in an output."""
    from costmodel.report.words import WORDS

    return table(
        ("word", "meaning"), ((word.name, ". ".join(filter(None, (word.short, word.more)))) for word in WORDS.values())
    )


def steps(_: str) -> str:
    """Return the arithmetic steps of every elementwise operation."""
    from costmodel.steps import STEPS

    return table(("operation", "steps per element"), ((f"`{name}`", str(n)) for name, n in STEPS.items()))


def dtypes(_: str) -> str:
    """Return the number formats."""
    from costmodel.dtypes import FORMATS, ROLES

    formats = table(
        ("format", "bits a value", "values that share a scale factor", "bits of the factor"),
        ((f"`{f.name}`", str(f.bits), str(f.group or "-"), str(f.scale_bits or "-")) for f in FORMATS.values()),
    )
    roles = table(("role", "default"), ((f"`{role}`", f"`{name}`") for role, name in ROLES.items()))
    return formats.rstrip() + "\n" + roles


def claims(_: str) -> str:
    """Return every claim in the catalog with its verdict."""
    from costmodel import catalog
    from costmodel.report.claims import check_all

    rows = []
    for spec in catalog.load_all():
        for found in check_all(spec):
            verdict = found.verdict + (f": {found.reason}" if found.reason else "")
            verdict += " (claim unverified)" if found.unverified else ""
            ours = "-" if found.computed is None else f"{found.computed:,}"
            rows.append((f"`{spec.name}`", found.figure, found.published, ours, verdict, found.source))
    return table(("spec", "figure", "published", "computed", "verdict", "source"), rows)


def exceptions(_: str) -> str:
    """Return the named differences from the reference implementation, with their reasons."""
    sys.path.insert(0, str(ROOT))
    from tests.oracle import published

    rows = [(f"`{name}`", reason) for name, reason in published.NO_CLASS.items()]
    rows += [
        (f"`{name}`", ", ".join(f"{count:,} {what}" for what, count in parts.items()))
        for name, parts in published.BESIDE.items()
    ]
    return table(("spec", "why its class does not count it, or counts other than we do"), sorted(rows))


def measured(name: str) -> str:
    """Return a table of expected times against public measurements: kernels, transfer, floors, steps, ..."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import validation

    return table(*validation.table(name))


def devices(what: str) -> str:
    """Return every profile: its figures with their basis (``figures``), or how many of each basis (``count``)."""
    from costmodel.profiles import load_all_hardware

    profiles = list(load_all_hardware())
    bases = ("datasheet", "derived", "measured", "reported", "unverified")
    if what == "count":
        counts = [[q.basis for q in profile.quantities().values()] for profile in profiles]
        rows = [
            (f"`{profile.name}`", profile.title, str(len(found)), *(str(found.count(basis)) for basis in bases))
            for profile, found in zip(profiles, counts, strict=True)
        ]
        whole = [str(sum(found.count(basis) for found in counts)) for basis in bases]
        rows.append(("all", f"{len(profiles)} devices", str(sum(map(len, counts))), *whole))
        return table(("device", "title", "figures", *bases), rows)
    rows = [
        (
            f"`{profile.name}`",
            name,
            str(quantity.value),
            quantity.basis,
            profile.sources[quantity.source].title if quantity.source else "",
            quantity.note or "",
        )
        for profile in profiles
        for name, quantity in profile.quantities().items()
    ]
    return table(("device", "figure", "value", "basis", "source", "note"), rows)


def timing(_: str) -> str:
    """Return the formula of every family of kernels and what its coefficients mean."""
    from costmodel.profiles import FAMILIES, Calibration

    rows = []
    for name in FAMILIES:
        fit = get_args(Calibration.model_fields[name].annotation)[1]
        text = " ".join((fit.__doc__ or "").split()).replace("``", "`")
        rows.append((f"`{name}`", text))
    return table(("family", "expected time of one kernel, in microseconds"), rows)


def published(group: str) -> str:
    """Return figures that others published beside our floor and expectation: a table of benchmarks/published.py."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from published import TABLES as PUBLISHED

    return table(*PUBLISHED[group]())


def keys(_: str) -> str:
    """Return the JSON keys of every command: an object a table, those that several share once."""
    from importlib import import_module
    from pkgutil import iter_modules

    from costmodel import report

    pages: dict[str, str] = {}
    objects: dict[str, type] = {}
    for info in iter_modules(report.__path__):
        for name, found in vars(import_module(f"costmodel.report.{info.name}")).items():
            if is_dataclass(found) and isinstance(found, type):
                objects[name] = found
                command = next((one.default for one in dataclass_fields(found) if one.name == "command"), None)
                if isinstance(command, str):
                    pages[name] = command
    shown: dict[str, None] = {}

    def walk(name: str) -> None:
        if name in shown:
            return
        shown[name] = None
        for one in public(objects[name]):
            for word in re.findall(r"[A-Z]\w+", str(one.type)):
                if word in objects:
                    walk(word)

    def public(kind: type) -> list[Any]:
        return [one for one in dataclass_fields(kind) if not one.metadata.get("private")]

    for name in sorted(pages, key=lambda one: pages[one]):
        walk(name)
    parts = []
    for name in shown:
        head = f"## archcalc {pages[name]}\n\n" if name in pages else f"**{name}** "
        text = " ".join((objects[name].__doc__ or "").split()).replace("``", "`")
        rows = [(f"`{one.name}`", f"`{one.type}`".replace("|", "or")) for one in public(objects[name])]
        parts.append(f"\n{head}{text}\n{table(('key', 'type'), rows)}")
    return "".join(parts)


TABLES: dict[str, Callable[[str], str]] = {
    "measured": measured,
    "keys": keys,
    "devices": devices,
    "timing": timing,
    "fields": fields,
    "kinds": kinds_table,
    "operations": operations,
    "codes": codes,
    "words": words,
    "steps": steps,
    "dtypes": dtypes,
    "claims": claims,
    "exceptions": exceptions,
    "published": published,
}


def fresh(page: str) -> str:
    """Return a page with every generated part made anew."""

    def replace(match: re.Match[str]) -> str:
        what, _, rest = match["what"].partition(" ")
        text = TABLES[what](rest) if what in TABLES else run(match["what"])
        return f"{match[1]}{text}{match[4]}"

    return FENCE.sub(replace, page)


def schema() -> str:
    """Return the JSON Schema of the spec language, as the command prints it."""
    from costmodel.schema import schema_text

    return schema_text()


def main() -> int:
    """Rewrite the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a page is stale")
    check = parser.parse_args().check
    sys.path.insert(0, str(ROOT))
    stale = 0
    made = {path: fresh(path.read_text(encoding="utf-8")) for path in PAGES}
    made[ROOT / "docs" / "archcalc.schema.json"] = schema()
    for path, after in made.items():
        before = path.read_text(encoding="utf-8")
        if before == after:
            continue
        stale += 1
        name = str(path.relative_to(ROOT))
        if check:
            lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, f"{name}, fresh", lineterm="")
            print("\n".join(lines))
        else:
            path.write_text(after, encoding="utf-8", newline="\n")
            print(f"wrote {name}")
    if check and stale:
        print(f"{stale} stale: python docs/generate.py writes them again")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
