"""Text for each sink: nothing that a user wrote is read as markup there."""

from __future__ import annotations

from costmodel.render.text import clean

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
}
_MARKDOWN = "\\`*_[]<>|~#"
_RST = "\\*_|<>"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def markdown(text: str) -> str:
    """Escape text of a Markdown cell: pipes, emphasis, links and HTML stay characters."""
    return _markdown(clean(text))


def prose(text: str) -> str:
    """Escape Markdown in which code stands in backticks, also over the end of a line: it stays code."""
    found = "\n".join(clean(row) for row in text.split("\n")).replace("``", "`")
    parts = found.split("`")
    if len(parts) % 2 == 0:  # a backtick without a partner
        return _markdown(found)
    return "`".join(part.replace("|", "\\|") if at % 2 else _markdown(part) for at, part in enumerate(parts))


def _markdown(text: str) -> str:
    found = text.replace("&", "&amp;")
    return (
        "".join(f"\\{c}" if c in _MARKDOWN and not (c == "_" or c == "~") else c for c in found)
        .replace("\\<", "&lt;")
        .replace("\\>", "&gt;")
    )


def bare(text: str) -> str:
    """Return text without the backticks around its code."""
    return text.replace("`", "")


def rst(text: str) -> str:
    """Escape text of a cell of ``csv-table``, code in backticks included: nothing of it is a role or a link."""
    return "".join(f"\\{c}" if c in _RST else c for c in bare(clean(text))).replace('"', '""')


def latex(text: str) -> str:
    """Escape text of LaTeX; no character of it starts a command."""
    return "".join(_LATEX.get(c, c) for c in clean(text))


def csv(value: object) -> str:
    """Return a CSV cell; text that a spreadsheet would calculate gets an apostrophe in front."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    text = clean(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()
