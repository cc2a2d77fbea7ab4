"""The page of ``archcalc explain``."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from costmodel.amounts import bytes_text, context_text, fixed, flops_unit, params_text, params_unit, percent
from costmodel.formula_text import number_text
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, clean, line, paragraph
from costmodel.report.claims import Verdict
from costmodel.report.explain import Explained, SymbolRow, TermRow
from costmodel.report.pieces import Piece
from costmodel.report.words import WORDS

_WIDTH = 80
_MEANING = 30  # columns of what a symbol means
_LONG = 15  # characters of a path; beyond it gaps between columns shrink


def page(found: Explained, view: View) -> Page:
    """Return the whole page."""
    out = [*_heading(found, view), line(), line("formula", "bold")]
    hang = found.formula[0].index("=") + 6
    out += [one for row in found.formula for one in _wrapped(f"  {row}", _WIDTH, hang)]
    if found.symbols and (found.figure != "params.active" or view.verbose):
        out += [line(), line("symbols", "bold"), *_symbols(found.symbols)]
    if found.terms:
        out += [line(), *_terms(found)]
    if found.pieces:
        out += [line(), line("as a function of the context", "bold"), *_pieces(found)]
    elif found.branches:
        out += [line(), line("at these sizes", "bold"), *_branches(found)]
    if found.countings or found.claims:
        out += [line(), line("other countings in use", "bold"), *_countings(found)]
    if not view.quiet:
        out += [line(), *_notes(found)]
        if view.tips:
            out.append(line("next: ", "dim").add(_next(found), "cyan"))
    return out


def _heading(found: Explained, view: View) -> Page:
    """Return what was asked and the answer, on two lines where one is too short."""
    one = _identity(found, view)
    if one.width <= _WIDTH:
        return [one]
    (asked, style), *answer = one.parts
    return [line(asked.removesuffix(" = "), style), Line([("  = ", ""), *answer])]


def _identity(found: Explained, view: View) -> Line:
    text = f"{_label(found) if found.figure == 'cache.bytes' else found.figure} of {found.name}"
    if "context" in found.at:
        text += f" at {found.at['context']:,} tokens"
    elif "new_tokens" in found.at:
        text += f", {found.at['new_tokens']:,} new after {found.at['cached_tokens']:,} cached"
    choices = found.choices
    asked = [f"batch {choices.batch}"] if choices.batch > 1 and found.unit == "FLOPs" else []
    asked += [f"{choices.attention} pairs"] if choices.attention != "causal" else []
    asked += [f"logits {choices.logits}"] if choices.logits != "all" else []
    asked += [f"mla {choices.mla}"] if choices.mla != "auto" else []
    asked += [f"with {', '.join(choices.include)}"] if choices.include else []
    text += "".join(f", {one}" for one in asked)
    if found.value is None:
        return line(f"{text} = ").add("unlimited", "bold")
    unit = "" if found.unit == "values" and found.figure != "cache.values" else f" {found.unit}"
    out = line(f"{text} = ").add(f"{found.value:,}{unit}", "bold")
    short = [part for part in (_short(found.value, found, view.units),) if part]
    if found.share_of_total is not None and found.share_of_total < 1:
        short.append(f"{fixed(Fraction(found.share_of_total) * 100, 1)}% of total")
    if found.confidence != "published":
        short.append(found.confidence)
    return out.add(f" ({', '.join(short)})") if short else out


def _short(value: int, found: Explained, units: str = "si") -> str:
    """Return a value in a few digits, as people say it."""
    if found.unit == "bytes":
        return bytes_text(value, units) if value >= 1000 else ""
    if found.unit == "FLOPs":
        unit = flops_unit([value])
        return f"{unit.of(value)} {unit.name}" if value >= 10**4 else ""
    return params_text(value, params_unit(value)) if found.figure.startswith("params.") else ""


def _label(found: Explained) -> str:
    return "cache" if found.figure == "cache.bytes" else found.figure.rpartition(".")[2]


def _symbols(rows: Sequence[SymbolRow]) -> Page:
    values = [number_text(row.value, tokens=row.tokens) for row in rows]
    name, value = max(len(row.symbol) for row in rows), max(map(len, values))
    meaning = max([_MEANING, *(len(row.meaning) + 2 for row in rows)])
    out: Page = []
    for row, text in zip(rows, values, strict=True):
        one = line(f"  {row.symbol}").right(text, 5 + name + value).add(f"   {row.meaning}")
        column = 8 + name + value + meaning
        place = next((p for p in (row.place, row.place.rpartition(", ")[2]) if column + len(p) <= _WIDTH), "")
        out.append(one.to(column).add(clean(place), "dim") if place else one)
        if not place:
            out += [line("      ").add(part.text, "dim") for part in paragraph(clean(row.place), _WIDTH - 6)]
    return out


def _terms(found: Explained) -> Page:
    label = _label(found)
    longest = max(len(label), *(len(row.path) for row in found.terms))
    roomy = longest <= _LONG
    start = 2 + longest + (3 if roomy else 2)
    edge = 72 if roomy else 73
    value = found.value or 0
    room = edge - max(len(f"{row.value:,}") for row in [*found.terms, TermRow("", "", "", None, value, 1)]) - 1 - start
    head = line("terms", "bold").right(found.unit, edge, "dim").right("share", _WIDTH, "dim")
    out: Page = [head]
    for row in found.terms:
        parts = _expression(row, room)
        for part in parts[:-1]:
            out.append(_begin(row.path if part is parts[0] else "", start).add(part))
        last = _begin(row.path if len(parts) == 1 else "", start).add(parts[-1])
        out.append(last.right(f"{row.value:,}", edge).right(percent(row.value, value), _WIDTH))
    total = _begin(label, start).right(f"{value:,}", edge, "bold")
    return [*out, total.right(percent(value, value), _WIDTH)]


def _begin(path: str, start: int) -> Line:
    return line(f"  {path}").to(start)


def _expression(row: TermRow, room: int) -> list[str]:
    """Return the numbers of a term, or the values of its parts where that is shorter, in lines."""
    room = max(room, 24)
    texts = [row.numbers, row.split] if row.split else [row.numbers]
    return min(([one.text for one in _wrapped(text, room, 3)] for text in texts), key=len)


def _wrapped(text: str, width: int, hang: int) -> Page:
    """Break an expression before an operator; further lines hang by so many columns."""
    rows, rest = [], text
    while len(rest) > width:
        start = len(rest) - len(rest.lstrip())
        cuts = [_cut(rest, width, mark, start) for mark in (" + ", " - ", " x ", ", ", " ")]
        at = next((cut for cut in cuts if cut > width // 3), max(cuts))
        if at <= start:
            break
        rows.append(line(rest[:at].rstrip()))
        rest = " " * hang + rest[at:].lstrip()
    return [*rows, line(rest)]


def _cut(text: str, width: int, mark: str, start: int) -> int:
    """Return the last place to break before a mark (behind a comma), 0 where there is none."""
    at = text.rfind(mark, start + 1, width + (1 if mark != ", " else 0))
    if at <= start:
        return 0
    return at + 1 if mark == ", " else at


def _pieces(found: Explained) -> Page:
    unit = " B" if found.unit == "bytes" else ""
    ranges = [_range(piece) for piece in found.pieces]
    slopes = [
        f"{number_text(piece.per_token, tokens=True)}{unit} x C" if piece.per_token else "" for piece in found.pieces
    ]
    left, right = max(map(len, ranges)), max(map(len, slopes))
    out: Page = []
    for piece, where, slope in zip(found.pieces, ranges, slopes, strict=True):
        one = line(f"  {where}").to(left + 6).add(slope.rjust(right))
        if piece.fixed or not slope:
            sign = "" if not slope else "  -  " if piece.fixed < 0 else "  +  "
            one.add(f"{sign}{number_text(abs(piece.fixed), tokens=True)}{unit}")
        out.append(one.add(f"   C a multiple of {piece.every:,}" if piece.every > 1 else "", "dim"))
    return out


def _range(piece: Piece) -> str:
    if piece.up_to is None:
        return f"C >  {piece.above:,}" if piece.above else "any C"
    return f"{piece.above:,} < C <= {piece.up_to:,}" if piece.above else f"C <= {piece.up_to:,}"


def _branches(found: Explained) -> Page:
    out: Page = []
    for row in found.branches:
        value = f"{row.value:,}"
        text = f"  {row.formula} = " + (value if row.taken == value else f"{row.taken} = {value}")
        out += _wrapped(text, _WIDTH, 6)
    return out


def _countings(found: Explained) -> Page:
    rows = [(row.label, f"{row.value:,}", _rough(row.value, found)) for row in found.countings]
    rows += [_claim(claim, found) for claim in found.claims]
    note = max(len(row[2]) for row in rows)
    edge = _WIDTH - note - 2 if note else _WIDTH
    room = edge - max(len(row[1]) for row in rows) - 4
    out: Page = []
    for label, value, text in rows:
        *before, last = [one.text for one in paragraph(label, room)]
        out += [line(f"  {part}") for part in before]
        one = line(f"  {last}").right(value, edge)
        out.append(one.add(f"  {text}" if text else ""))
    return out


def _rough(value: int, found: Explained) -> str:
    if found.unit == "values":
        return f"{fixed(Fraction(value, 10**9), 1)}B" if value >= 10**9 else f"{fixed(Fraction(value, 10**6), 1)}M"
    return _short(value, found)


def _claim(claim: Verdict, found: Explained) -> tuple[str, str, str]:
    other = ", without lookup tables" if claim.figure != found.figure else ""
    verdict = claim.verdict
    if verdict == "does not hold" and claim.computed is not None:
        verdict += f": {_short(claim.computed, found)}"
    return f"published{other} ({clean(claim.source)})", clean(claim.published), verdict


def _notes(found: Explained) -> Page:
    text = f"{_label(found) if found.figure.startswith('params.') else found.definition.name}: {found.definition.short}"
    if any("2 G k" in row.formula for row in found.terms) and found.unit == "bytes":
        text += "; 2 G k: K and V"
    text += "."
    if found.figure.startswith("params.") and found.not_in_total:
        text += f" {', '.join(sorted(found.not_in_total, key=lambda name: name == 'buffers'))}: not in total."
    if found.unit == "FLOPs" and found.figure not in ("flops.elementwise",):
        text += f" {found.conventions.attention} pairs: {WORDS[found.conventions.attention].short}."
    out = paragraph(text, _WIDTH, "dim")
    if found.figure == "cache.bytes":
        out += paragraph(f"What an engine allocates: archcalc cache {found.name} --page 16.", _WIDTH, "dim")
    if any(row.path.startswith("rounding") for row in found.terms):
        out += paragraph("Terms are expectations, each rounded down; the figure is rounded once.", _WIDTH, "dim")
    return out


def _next(found: Explained) -> str:
    if found.figure == "cache.bytes":
        return f"archcalc cache {found.name} --context {context_text(int(found.at['context']))}"
    return f"archcalc explain {found.name} {'cache' if found.figure == 'params.active' else 'params.active'}"


# Other formats


def grids(found: Explained, view: View) -> list[Grid]:
    """Return the terms, then the symbols, as tables."""
    columns = [Column("term", "Term", number=False), Column("formula", "Formula", number=False)]
    columns += [Column("numbers", "With numbers", number=False)]
    columns += [Column(found.unit.lower(), found.unit.capitalize() if found.unit != "FLOPs" else "FLOPs")]
    columns += [Column("share", "Share (%)")]
    value = found.value or 0
    rows = [_term_cells(row, value) for row in found.terms]
    if found.value is not None:
        rows.append(_term_cells(TermRow(_label(found), "", "", None, value, 1.0), value))
    notes = [f"{found.definition}."]
    terms = Grid(columns, rows, _identity(found, view).text, f"{found.name}-{found.figure}", notes)
    if not found.symbols:
        return [terms]
    heads = [Column("symbol", "Symbol", number=False), Column("value", "Value")]
    heads += [Column("meaning", "Meaning", number=False), Column("place", "Where", number=False)]
    named = [
        [
            Cell(row.symbol),
            Cell(row.value, number_text(row.value, tokens=row.tokens)),
            Cell(row.meaning),
            Cell(row.place),
        ]
        for row in found.symbols
    ]
    return [terms, Grid(heads, named, f"Symbols of {' '.join(found.formula[:1])}", f"{found.name}-symbols")]


def csv_grid(found: Explained, view: View) -> Grid:
    """Return the terms."""
    return grids(found, view)[0]


def _term_cells(row: TermRow, whole: int) -> list[Cell]:
    share = Fraction(100 * row.value, whole) if whole else None
    shown = fixed(share, 1) if share is not None else "-"
    return [
        Cell(row.path),
        Cell(row.formula),
        Cell(row.numbers),
        Cell(row.value, f"{row.value:,}"),
        Cell(float(share) if share is not None else None, shown),
    ]
