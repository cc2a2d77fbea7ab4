"""Text for each sink: nothing that a user wrote is read as markup there."""

from __future__ import annotations

from re import sub

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
    "[": "{[}",  # after the end of a row both would be read as its option
    "*": "{*}",
    "\u00a0": "~",
    "\u2013": r"\textendash{}",
    "\u2014": r"\textemdash{}",
    "\u2018": "`",
    "\u2019": "'",
    "\u201c": "``",
    "\u201d": "''",
    "\u2026": r"\dots{}",
    "\u00d7": r"$\times$",
    "\u00b7": r"$\cdot$",
    "\u00b1": r"$\pm$",
    "\u00b5": r"$\mu$",
    "\u2264": r"$\le$",
    "\u2265": r"$\ge$",
    "\u2192": r"$\to$",
    "\u00df": r"\ss{}",
    "\u00e6": r"\ae{}",
    "\u00c6": r"\AE{}",
    "\u0153": r"\oe{}",
    "\u0152": r"\OE{}",
    "\u00f8": r"\o{}",
    "\u00d8": r"\O{}",
    "\u0142": r"\l{}",
    "\u0141": r"\L{}",
}
_RST = "\\*_|<>"
_ACCENTS = dict(
    zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327", "`'^~=u.\"rHvc", strict=True)
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def markdown(text: str) -> str:
    """Escape text of a Markdown cell: pipes, emphasis, links, HTML and names of characters stay characters."""
    return _markdown(clean(text))


def _markdown(text: str) -> str:
    found = sub(r"([\\`*\[\]|#])", r"\\\1", text.replace("&", "&amp;"))
    found = found.replace("<", "&lt;").replace(">", "&gt;")
    found = sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", found)  # within a word it is no emphasis
    return found.replace("~", "\\~") if found.count("~") > 1 else found


def markdown_line(text: str) -> str:
    """Escape text that is a line of Markdown by itself: it begins no list, heading or rule."""
    return sub(r"^(?:[-+=]|[0-9]+(?=[.)]))", lambda start: _held(start[0]), markdown(text))


def _held(start: str) -> str:
    """Return the start of a line with its mark escaped: of ``1.`` the point is one."""
    return f"{start}\\" if start.isdigit() else f"\\{start}"


def prose(text: str) -> str:
    """Escape Markdown in which code stands in backticks, also over the end of a line: it stays code."""
    found = "\n".join(clean(row) for row in text.split("\n")).replace("``", "`")
    parts = found.split("`")
    if len(parts) % 2 == 0:  # a backtick without a partner
        return _markdown(found)
    return "`".join(part.replace("|", "\\|") if at % 2 else _markdown(part) for at, part in enumerate(parts))


def bare(text: str) -> str:
    """Return text without the backticks around its code."""
    return text.replace("`", "")


def rst(text: str) -> str:
    """Escape text of a cell of ``csv-table``, code in backticks included: nothing of it is a role or a link."""
    return "".join(f"\\{c}" if c in _RST else c for c in bare(clean(text))).replace('"', '""')


def latex(text: str) -> str:
    """Escape text of LaTeX: no character of it starts a command, and every engine can set it.

    Accented letters are written with their accents; what classic fonts do not have is named, ``[U+6F22]``.
    """
    found = "".join(_LATEX.get(c) or (c if c.isascii() else _letter(c)) for c in clean(text))
    return sub("-(?=-)", "-{}", found)  # two hyphens would be a dash


def _letter(character: str) -> str:
    from unicodedata import normalize

    parts = normalize("NFD", character)
    accent = _ACCENTS.get(parts[1:])
    if accent is None or not (parts[0].isascii() and parts[0].isalpha()):
        return f"{{[}}U+{ord(character):04X}]"
    base = f"\\{parts[0]}" if parts[0] in "ij" and accent != "c" else parts[0]
    return f"\\{accent}{{{base}}}"


def html(text: str) -> str:
    """Escape text and values of attributes in HTML."""
    from html import escape

    return escape(clean(text), quote=True)


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
