"""How wide a table is in print, and which size, heads and broken words make it fit a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from costmodel.render.grid import Cell, Column, Grid

LINE = 345.0  # points of a line of the standard class at 10 points, the narrowest of the usual pages
PAGE = 540.0  # points of the height of such a page; taller tables run over several
_ROW, _GAP, _NOTE, _HEAD = 12.0, 6.0, 9.5, 60.0  # points of a row, between rows, of a note, of caption and rules
# What is tried until a table fits: size and its scale, points beside columns, lines of a head, words broken.
_TRIES = (
    ("", 1.0, 6.0, 1, False),
    ("", 1.0, 6.0, 2, False),
    ("\\small", 0.925, 5.0, 2, False),
    ("\\footnotesize", 0.85, 4.0, 3, False),
    ("\\footnotesize", 0.85, 4.0, 4, True),
    ("\\scriptsize", 0.8, 3.0, 4, False),
    ("\\scriptsize", 0.8, 3.0, 4, True),
)
_BREAKABLE = 60.0  # points: narrower columns of words are left whole
_SURE = 0.985  # of a line: what is filled to its end has to fit, though smaller letters are a little wider
_LEAST, _ENOUGH = 45.0, 95.0  # points: no column is broken to less than one, nor to less than 70% below the other
# Points of the characters of Computer Modern Roman at 10 points, as its metrics say.
_CHARACTERS = {
    2.78: "!',.:;[]`il|", 3.06: "fj_", 3.33: " \u00a0-", 3.61: "I", 3.89: "()t", 3.92: "r", 3.94: "s", 4.44: "cez",
    5.0: "$*/0123456789^ago{}~\\", 5.14: 'J"', 5.28: "kqvxy?", 5.56: "Sbdhnpu", 6.11: "Z", 6.25: "L", 6.53: "F",
    6.81: "EP", 7.08: "B", 7.22: "CTw", 7.36: "R", 7.5: "AHNUVXY", 7.64: "D", 7.78: "&+=<>@KOQ", 7.85: "G",
    8.33: "#%m", 9.17: "M", 10.28: "W",
}  # fmt: skip
_WIDTHS = {character: width for width, characters in _CHARACTERS.items() for character in characters}
_PIECE = re.compile(r"(?<=[/._-])(?=[A-Za-z0-9])")
_LONG = 18  # characters of a word that may be broken


def width_of(text: str) -> float:
    """Return about how many points a text takes at 10 points, rather more than less."""
    return sum(_width(character) for character in text)


def _width(character: str) -> float:
    if character in _WIDTHS:
        return _WIDTHS[character]
    return 8.0 if character.isalpha() and ord(character) < 0x250 else 46.0  # the rest is named: [U+6F22]


def table_format(texts: Iterable[str]) -> str:
    """Return the siunitx format that holds numbers: digits before and behind the point."""
    before, behind = 1, 0
    for text in texts:
        left, _, right = text.partition(".")
        before, behind = max(before, len(left.lstrip("-"))), max(behind, len(right))
    return f"S[table-format={before}.{behind}]"


def is_number(text: str) -> bool:
    """Say whether siunitx reads a text as a number."""
    return text.isascii() and text.replace(",", "").replace(".", "", 1).isdigit()


@dataclass(slots=True, frozen=True)
class Layout:
    """How a table is set: the size of its letters, points beside its columns, lines of its heads.

    ``breaks``: points of the columns whose words are broken. ``fits`` False: nothing made it fit.
    """

    size: str = "\\scriptsize"
    scale: float = 0.8
    gap: float = 3.0
    lines: int = 4
    breaks: Mapping[int, float] = field(default_factory=dict)
    fits: bool = True


@dataclass(slots=True, eq=False, repr=False)
class Set:
    """A column as LaTeX sets it: its letter (``S[...]``, r or l) and its head.

    ``cells`` is the width of its widest cell, ``piece`` that of the longest piece that is not broken.
    """

    spec: str
    head: str
    cells: float
    piece: float

    def width(self, lines: int) -> float:
        """Return the points it takes with its head on so many lines."""
        return max(self.cells, *map(width_of, self.heads(lines)))

    def heads(self, lines: int) -> list[str]:
        """Return the head on at most so many lines, as narrow as they allow or as its cells are."""
        words = self.head.split()
        parts = {width_of(" ".join(words[i:j])) for j in range(1, len(words) + 1) for i in range(j)}
        for room in sorted({self.cells, *(part for part in parts if part > self.cells)}):
            found = _filled(words, room)
            if len(found) <= lines and max(map(width_of, found)) <= room:
                return found
        return [self.head]


def _filled(words: Sequence[str], room: float) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and width_of(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def columns_of(grid: Grid) -> list[Set]:
    """Return the columns of a table as LaTeX sets them."""
    return [_column(column, [row[index] for row in grid.rows]) for index, column in enumerate(grid.columns)]


def _column(column: Column, cells: Sequence[Cell]) -> Set:
    texts = [cell.shown + ("*" if cell.note else "") for cell in cells]  # a mark is as wide as a star
    found = max([0.0, *map(width_of, texts)])
    spec = _spec(column, cells)
    if spec.startswith("S"):
        found = max(found, width_of(re.sub(r"(\d+)\.(\d+)", _digits, spec[len("S[table-format=") : -1])))
    head = column.shown + ("*" if column.note else "")
    pieces = [piece for text in (*texts, head) for word in words_of(text) for piece in breakable(word)]
    return Set(spec, head, found, max([0.0, *map(width_of, pieces)]))


def _digits(form: re.Match[str]) -> str:
    """Return a number of a format: 4.2 stands for 9999.99; from five digits on they stand in groups."""
    whole = f"{10 ** int(form[1]) - 1:,}" if int(form[1]) > 4 else "9" * int(form[1])
    return whole + ("." if int(form[2]) else "") + "9" * int(form[2])


def _spec(column: Column, cells: Sequence[Cell]) -> str:
    """Return l for words, r for texts with numbers in them, S where most are numbers."""
    if not column.number:
        return "l"
    shown = [cell.shown for cell in cells if cell.shown not in ("-", "")]
    numbers = [cell.shown.replace(",", "") for cell in cells if cell.aligned and is_number(cell.shown)]
    mixed = any(not cell.aligned for cell in cells)
    return table_format(numbers) if numbers and (mixed or 2 * len(numbers) > len(shown)) else "r"


def words_of(text: str) -> list[str]:
    """Return the words of a text; a number stays with its noun, joined by a space that is not broken."""
    return re.sub(r"(?<=[0-9]) (?=[A-Za-z])", "\u00a0", text).split(" ")


def breakable(word: str) -> list[str]:
    """Return the pieces that a long word may be broken into: after slashes, points and dashes."""
    return _PIECE.split(word) if len(word) > _LONG else [word]


def layout(columns: Sequence[Set]) -> Layout:
    """Return the largest way of setting a table that fits a line."""
    for size, scale, gap, lines, broken in _TRIES:
        room = (LINE - 2 * gap * len(columns)) / scale
        widths = [column.width(lines) for column in columns]
        breaks = _broken(columns, widths, _SURE * room) if broken else {}
        if sum(widths) <= room or breaks:
            return Layout(size, scale, gap, lines, {index: width * scale for index, width in breaks.items()})
    return Layout(fits=False)


def parts_of(grid: Grid) -> list[Grid]:
    """Return a table as it is, or, where no size makes it fit, as few tables as do, one below the other.

    Each has the first column and some of the others. A table that cannot be cut so is returned as it is.
    """
    columns = columns_of(grid)
    if layout(columns).fits:
        return [grid]
    for many in range(2, len(columns) - 1):
        cuts = _cuts([column.width(Layout().lines) for column in columns[1:]], many)
        if all(layout([columns[0], *(columns[1 + i] for i in cut)]).fits for cut in cuts):
            return [_part(grid, cut, last=cut is cuts[-1]) for cut in cuts]
    return [grid]


def _cuts(widths: Sequence[float], many: int) -> list[list[int]]:
    """Return positions in ``many`` runs of about the same width."""
    found: list[list[int]] = [[] for _ in range(many)]
    done = 0.0
    for index, width in enumerate(widths):
        found[min(many - 1, int(many * (done + width / 2) / sum(widths)))].append(index)
        done += width
    return [run for run in found if run]


def _part(grid: Grid, cut: Sequence[int], *, last: bool) -> Grid:
    """Return a table with some of its columns; what is said of the whole stands below the last."""
    keep = [0, *(1 + index for index in cut)]
    columns = [grid.columns[index] for index in keep]
    rows = [[row[index] for index in keep] for row in grid.rows]
    marks = {column.note for column in columns} | {cell.note for row in rows for cell in row}
    return replace(
        grid,
        columns=columns,
        rows=rows,
        caption=grid.caption if cut[0] == 0 else f"{(grid.caption or 'The same').rstrip('.')}, continued.",
        footnotes={key: text for key, text in grid.footnotes.items() if key in marks},
        notes=grid.notes if last else [],
        closing=grid.closing if last else "",
    )


def height_of(grid: Grid, how: Layout) -> float:
    """Return about how many points a table takes with its caption and notes, rather more than less."""
    high = _HEAD + how.lines * _ROW * how.scale
    for row in grid.rows:
        parts = [how.scale * width_of(row[index].shown) // (0.9 * wide) for index, wide in how.breaks.items()]
        high += (1 + max(parts, default=0)) * _ROW * how.scale + (_GAP if parts else 0)
    notes = [text for text in (*grid.footnotes.values(), *grid.notes, grid.closing) if text]
    return high + sum((1 + width_of(text) // LINE) * _NOTE for text in notes)


def _broken(columns: Sequence[Set], widths: Sequence[float], room: float) -> dict[int, float]:
    """Return widths for columns of words that make a table fit; none where nothing does."""
    least = {
        i: max(_LEAST, column.piece, min(0.7 * widths[i], _ENOUGH))
        for i, column in enumerate(columns)
        if column.spec == "l" and widths[i] > _BREAKABLE
    }
    free = room - sum(least.get(i, width) for i, width in enumerate(widths))
    if not least or free < 0:
        return {}
    # The columns that need least more get all they need; what remains goes to the others in equal parts.
    found, waiting = dict(least), sorted(least, key=lambda i: widths[i] - least[i])
    while waiting:
        index = waiting.pop(0)
        more = max(0.0, min(widths[index] - least[index], free / (len(waiting) + 1)))
        found[index] += more
        free -= more
    return {i: width for i, width in found.items() if width < widths[i]}
