"""``archcalc diff`` as a comment of a pull request: short, bounded, found again by its first line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from costmodel import FORMULAS, __version__
from costmodel.errors import count_of
from costmodel.gate.diff import Diff, FigureDiff, SpecDiff
from costmodel.gate.findings import plain_value
from costmodel.render import escape
from costmodel.render.diff import (
    RATE,
    by_share,
    change_of,
    counts,
    effect,
    headline,
    label_text,
    shown_columns,
    sizes,
    unreadable,
    weight,
)
from costmodel.render.scale import scale_of
from costmodel.render.text import clean

MOST = 60_000  # characters of a comment: GitHub takes 65,536


def markdown(found: Diff, limit: int = MOST) -> str:
    """Return a comment for a pull request, of at most ``limit`` characters.

    Its first line is a comment by which a bot finds the one that it wrote before.
    """
    key = re.sub(r"[^A-Za-z0-9._/ -]|--+", "", found.topic or found.head).strip() or "specs"
    out = [f"<!-- archcalc-diff:{key} -->"]
    if not found.differs:
        return "\n".join([*out, f"archcalc: no figure differs in {count_of(len(found.specs), 'spec')}."]) + "\n"
    changed = [one for one in found.specs if one.status != "equal" or one.formulas]
    out.append(f"### archcalc: {_title(found, changed)}")
    tail = ["", f"<sub>{_footnote(found)}</sub>"]
    size = sum(map(len, out)) + sum(map(len, tail)) + 200
    told: dict[tuple[tuple[str, int, str], ...], str] = {}
    for number, spec in enumerate(changed):
        lines = tuple((cause.file, cause.line, cause.path) for cause in spec.causes)
        name = f"`{_code(spec.head or spec.key)}`"
        if lines and lines in told:  # of what many specs start from
            part = ["", f"{name}: {escape.markdown(headline(spec, found))}, by the same lines as {told[lines]}."]
        else:
            part = ["", *_section(spec, found)]
        told.setdefault(lines, name)
        size += sum(len(row) + 1 for row in part)
        if size > limit:
            out += ["", f"{count_of(len(changed) - number, 'more spec')} changed; `archcalc diff` shows all."]
            break
        out += part
    return "\n".join([*out, *tail]) + "\n"


def _title(found: Diff, changed: Sequence[SpecDiff]) -> str:
    first = max((one for one in changed if one.status == "changed"), key=_most, default=changed[0])
    name = f"`{_code(first.head or first.base or first.key)}`"
    what = headline(first, found) if first.status in ("changed", "equal") else first.status
    if len(found.specs) == 1:
        return f"{name} {escape.markdown(what)}"
    if found.changed and len(changed) == found.changed:
        return f"{found.changed} of {len(found.specs)} specs changed, {name} {escape.markdown(what)}"
    return f"{counts(found)}; {name} {escape.markdown(what)}"


def _most(spec: SpecDiff) -> float:
    """Return the largest change of a spec's parameters or cache, as a share."""
    told = [one for one in spec.figures if one.figure in ("params.total", "params.active", "cache.bytes")]
    return max((abs(one.change) for one in told if one.change is not None), default=0.0)


def _code(text: str) -> str:
    return clean(text).replace("`", "'").replace("|", "/")


def _section(spec: SpecDiff, found: Diff) -> list[str]:
    name = f"`{_code(spec.head or spec.base or spec.key)}`"
    if spec.status == "unreadable":
        text = escape.markdown((spec.problem or "").splitlines()[0] if spec.problem else "")
        return [f"`{_code(spec.key)}` {escape.markdown(unreadable(spec, found))}: {text}"]
    if spec.status in ("added", "removed"):
        return [f"{name} {spec.status}: {escape.markdown(sizes(spec, found))}."]
    out = []
    if spec.formulas:
        told = [f"{one.key} {change_of(one)}" for one in spec.formulas[:5]]
        more = f" and {count_of(len(spec.formulas) - 5, 'more figure')}" if len(spec.formulas) > 5 else ""
        out.append(f"{name}: same spec, new formulas: {escape.markdown(', '.join(told) + more)}.")
    rows = [one for key in _order(found) if (one := spec.figure(key))] or spec.figures[:8]
    if not rows:
        return out
    out += [*([""] if out else []), f"| {_code(spec.head or spec.key)} | base | head | change |", "|---|--:|--:|--:|"]
    for one in rows:
        out.append(_markdown_row(one, found))
    if spec.causes:
        out += ["", _sentence(spec, rows)]
    return out


def _order(found: Diff) -> list[str]:
    total, active, *rest = found.main()
    return [active, total, *rest]


def _markdown_row(one: FigureDiff, found: Diff) -> str:
    words = {"params.active": "active params", "params.total": "total params", "cache.bytes": "cache"}
    at = f" at {one.at}" if one.at else ""
    label = words.get(one.figure, one.figure.removeprefix("flops.")) + at
    if one.figure == "cache.bytes":
        label += f", {found.conventions.dtype}"
    label += ", per token" if one.figure in RATE else ""
    scale = scale_of(one)
    shown = [scale.with_unit(value) if value is not None else "-" for value in (one.base, one.head)]
    change = change_of(one)
    if one.delta is not None:
        sign = "-" if one.delta < 0 else "+"
        change = f"{sign}{scale.with_unit(abs(one.delta))}" + (f" ({change})" if one.base else "")
    large = one.change is not None and abs(one.change) >= 0.01
    cells_ = [escape.markdown(label), *shown, f"**{change}**" if large else change]
    return f"| {' | '.join(cells_)} |"


def _sentence(spec: SpecDiff, rows: Sequence[FigureDiff]) -> str:
    """Return which fields did it, at most five."""
    keys = [key for key in shown_columns(spec, rows) if not key.startswith("flops.")] or shown_columns(spec, rows)
    causes = by_share(spec, [one.key for one in rows])
    parts = []
    for cause in sorted(causes[:5], key=lambda cause: -weight(cause, keys)):
        moved = [
            f"{label_text(key).partition(' at ')[0]} {effect(cause, key, spec)}"
            for key in keys
            if cause.deltas.get(key)
        ]
        before, after = (_code(plain_value(value)) for value in (cause.before, cause.after))
        change = {"+": f"new: {after}", "-": "gone"}.get(cause.sign, f"{before} → {after}")
        path = cause.path.removeprefix("blocks.")
        did = f": {', '.join(moved)}" if moved else ""
        where = f"line {cause.line}" if cause.file == spec.file else f"{escape.markdown(cause.file)} line {cause.line}"
        parts.append(f"`{_code(path)}` {escape.markdown(change)} ({where}{did})")
    more = f" and {count_of(len(causes) - 5, 'more line')}" if len(causes) > 5 else ""
    joined = (
        ", ".join(parts[:-1]) + (" and " if len(parts) > 1 and not more else ", " if parts[:-1] else "") + parts[-1]
    )
    return f"Caused by {joined}{more}."


def _footnote(found: Diff) -> str:
    said = found.conventions
    words = f"active includes embedding and head · FLOP = one multiply or add, {said.attention}"
    return f"archcalc {__version__}, formulas {FORMULAS} · {words}"
