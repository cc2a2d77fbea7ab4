"""Tables in LaTeX: booktabs, siunitx and threeparttable, as wide as a line of a page takes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from costmodel.render import escape
from costmodel.render.grid import Cell, Grid, letters
from costmodel.render.typeset import (
    LINE,
    PAGE,
    breakable,
    columns_of,
    height_of,
    is_number,
    layout,
    parts_of,
    width_of,
    words_of,
)

_NUMBER = 55.0  # points of what stands before a caption: Table 10
_PREFIXES = {"k": r"\kilo", "M": r"\mega", "G": r"\giga", "T": r"\tera", "P": r"\peta"}
_PREFIXES |= {"Ki": r"\kibi", "Mi": r"\mebi", "Gi": r"\gibi", "Ti": r"\tebi", "Pi": r"\pebi"}


def to_latex(grids: Sequence[Grid], version: str, *, quiet: bool = False) -> str:
    """Return tables with their notes; footnotes that tables share stand below each that has a mark of them."""
    parts = [part for grid in grids for part in parts_of(grid)]
    names = [re.sub(r"[^A-Za-z0-9.-]+", "-", grid.label).strip("-") or "archcalc" for grid in parts]
    labels = [f"{name}-{n + 1}" if (n := names[:i].count(name)) else name for i, name in enumerate(names)]
    tables = [_Table(grid, label, quiet) for grid, label in zip(parts, labels, strict=True)]
    needed = ["booktabs", "siunitx", *dict.fromkeys(name for table in tables for name in table.packages)]
    cut = "% wider than a line of 345pt, so cut into more tables; fewer columns or models make one\n"
    head = f"% archcalc {version}; needs {', '.join(needed)}\n" + (cut if len(parts) > len(grids) else "")
    return "\n".join([head, *(table.text() for table in tables)])


def unit(name: str) -> str:
    """Return a unit by siunitx, bytes of any prefix; others as they are."""
    prefix = name.removesuffix("B")
    return rf"\unit{{{_PREFIXES[prefix]}\byte}}" if name != prefix and prefix in _PREFIXES else escape.latex(name)


class _Table:
    """One table: how it is laid out, and its text."""

    def __init__(self, grid: Grid, label: str, quiet: bool) -> None:
        self.grid, self.label, self.quiet = grid, label, quiet
        self.marks = {} if quiet else letters([grid])
        self.columns = columns_of(grid)
        self.how = layout(self.columns)
        self.long = height_of(grid, self.how) > PAGE

    @property
    def packages(self) -> list[str]:
        """Return the packages it needs: a table of many rows runs over pages."""
        return ["longtable"] if self.long else ["threeparttable", *([] if self.how.fits else ["adjustbox"])]

    def text(self) -> str:
        """Return the table."""
        caption = rf"\caption{{{escape.latex(self.grid.caption or 'Computed by archcalc.')}}}\label{{tab:{self.label}}}"
        return self._pages(caption) if self.long else self._float(caption)

    def _float(self, caption: str) -> str:
        how = self.how
        size = [f"  {how.size}\\setlength{{\\tabcolsep}}{{{how.gap:g}pt}}"] if how.size else []
        wide = sum(column.width(how.lines) * how.scale + 2 * how.gap for column in self.columns)
        # A caption that is wider than its table stands outside, where it has the whole line.
        outside = wide < min(width_of(self.grid.caption) + _NUMBER, 0.95 * LINE)
        out = ["\\begin{table}", "  \\centering"]
        out += ["  \\setlength{\\abovecaptionskip}{0pt}\\setlength{\\belowcaptionskip}{10pt}"] if outside else []
        out += [f"  {caption}"] if outside else []
        out += ["  \\renewcommand{\\TPTminimum}{0.5\\linewidth}"] if wide < LINE / 2 else []
        out += [] if how.fits else ["  % too wide for every size, so scaled; fewer columns or --transpose read better"]
        out += [] if how.fits else ["  \\begin{adjustbox}{max width=\\linewidth}"]
        out += ["  \\begin{threeparttable}", *([] if outside else [f"  {caption}"]), *size]
        out += [f"  \\begin{{tabular}}{{{self._specs()}}}", "    \\toprule", f"    {self._heads()} \\\\"]
        out += ["    \\midrule", *self._body(), "    \\bottomrule", "  \\end{tabular}"]
        notes = self._notes()
        if notes:
            out += ["  \\begin{tablenotes}\\footnotesize\\raggedright", *(f"    {one}" for one in notes)]
            out += ["  \\end{tablenotes}"]
        out += ["  \\end{threeparttable}", *([] if how.fits else ["  \\end{adjustbox}"]), "\\end{table}"]
        return "\n".join(out) + "\n"

    def _pages(self, caption: str) -> str:
        size = f"{self.how.size or chr(92) + 'normalsize'}\\setlength{{\\tabcolsep}}{{{self.how.gap:g}pt}}"
        head = ["  \\toprule", f"  {self._heads()} \\\\", "  \\midrule"]
        out = [f"\\begingroup{size}", f"\\begin{{longtable}}{{{self._specs()}}}", f"  {caption} \\\\", *head]
        out += ["  \\endfirsthead", *head, "  \\endhead", "  \\bottomrule", "  \\endfoot"]
        out += [*self._body(), "\\end{longtable}"]
        notes = [f"{self._mark(key)} {escape.latex(self.grid.footnotes[key])}" for key in self.marks]
        notes += [] if self.quiet else [escape.latex(note) for note in (*self.grid.notes, self.grid.closing) if note]
        out += [f"\\noindent\\footnotesize\\raggedright {' '.join(notes)}\\par"] if notes else []
        return "\n".join([*out, "\\endgroup"]) + "\n"

    def _specs(self) -> str:
        specs = []
        for index, column in enumerate(self.columns):
            width = self.how.breaks.get(index)
            specs.append(f">{{\\raggedright\\arraybackslash}}p{{{int(10 * width) / 10:g}pt}}" if width else column.spec)
        first, *rest = specs
        if len(rest) > 1 and len(set(rest)) == 1 and not self.how.breaks:
            return f"{first} *{{{len(rest)}}}{{{rest[0]}}}"
        return " ".join(specs)

    def _heads(self) -> str:
        return " & ".join(self._head(index) for index in range(len(self.columns)))

    def _head(self, index: int) -> str:
        one, column = self.grid.columns[index], self.columns[index]
        if not one.head:
            return ""
        broken = index in self.how.breaks
        lines = [one.shown] if broken else column.heads(self.how.lines)
        lines[-1] = lines[-1].removesuffix("*") if one.note else lines[-1]  # the room of its mark
        if len(lines) == 1:
            return f"{{{self._with_unit(escape.latex(one.head), one.unit)}{self._mark(one.note)}}}"
        side = column.spec if column.spec in ("l", "r") else "c"
        stacked = " \\\\ ".join(escape.latex(part) for part in lines)
        return f"{{\\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{stacked}{self._mark(one.note)}\\end{{tabular}}}}"

    def _body(self) -> list[str]:
        out = []
        for number, row in enumerate(self.grid.rows):
            out += ["    \\midrule"] if number in self.grid.rules else []
            out += ["    \\addlinespace"] if number and self.how.breaks else []
            cells = [self._cell(cell, index) for index, cell in enumerate(row)]
            out.append(f"    {' & '.join(cells)} \\\\")
        return out

    def _cell(self, cell: Cell, index: int) -> str:
        text = cell.text if cell.text is not None else cell.shown
        if not self.columns[index].spec.startswith("S"):
            words = escape.latex(text)
            if index in self.how.breaks:
                words = " ".join(map(_broken, words_of(text)))
            return self._with_unit(words, cell.unit) + self._mark(cell.note)
        return text.replace(",", "") if cell.aligned and is_number(text) else f"{{{escape.latex(text)}}}"

    def _with_unit(self, text: str, name: str) -> str:
        return f"{text} ({unit(name)})" if name else text

    def _mark(self, note: str) -> str:
        command = "textsuperscript" if self.long else "tnote"
        return rf"\{command}{{{self.marks[note]}}}" if note in self.marks else ""

    def _notes(self) -> list[str]:
        if self.quiet:
            return []
        out = [rf"\item[{mark}] {escape.latex(self.grid.footnotes[key])}" for key, mark in self.marks.items()]
        out += [rf"\item {escape.latex(note)}" for note in self.grid.notes]
        return out + ([rf"\item {escape.latex(self.grid.closing)}"] if self.grid.closing else [])


def _broken(word: str) -> str:
    return r"\allowbreak ".join("~".join(map(escape.latex, piece.split("\u00a0"))) for piece in breakable(word))
