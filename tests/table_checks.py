"""Reading tables back: LaTeX by its syntax, HTML as XML, Markdown as GitHub does. Each returns rows of texts."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from markdown_it import MarkdownIt

# All that our tables may say; anything else would be a user's.
_COMMANDS = {
    *("begin", "end", "centering", "caption", "label", "toprule", "midrule", "bottomrule", "addlinespace", "item"),
    *("tnote", "unit", "giga", "mega", "kilo", "tera", "gibi", "mebi", "kibi", "tebi", "byte", "setlength"),
    *("renewcommand", "TPTminimum", "linewidth", "tabcolsep", "abovecaptionskip", "belowcaptionskip", "allowbreak"),
    *("raggedright", "arraybackslash"),
    *("small", "footnotesize", "scriptsize", "normalsize", "endfirsthead", "endhead", "endfoot", "begingroup"),
    *("endgroup", "noindent", "par", "textsuperscript", "textbackslash", "textasciicircum", "textasciitilde"),
    *("textless", "textgreater", "textbar", "textendash", "textemdash", "dots", "times", "cdot", "pm", "mu", "le"),
    *("ge", "to", "ss", "ae", "AE", "oe", "OE", "o", "O", "l", "L", "i", "j", "u", "r", "H", "v", "c"),
}
_SYMBOLS = set("{}$&#%_\\`'^~=.\"")
_TOKEN = re.compile(r"%[^\n]*|\\[A-Za-z]+|\\.|[{}&$#_^]|[^\\{}&%$#_^]+")


def latex_tables(text: str) -> list[list[str]]:
    """Return the rows of every table, each a list of cells, after checking that the text is sound.

    It is ASCII; braces, mathematics and environments close; every command is one of ours; every row has as
    many cells as its table has columns; every mark of a note has its item, and the reverse.
    """
    assert text.isascii()
    tokens = _TOKEN.findall(text)
    assert "".join(tokens) == text
    depth = math = 0
    for token in tokens:
        depth += (token == "{") - (token == "}")
        assert depth >= 0
        math ^= token == "$"
        if re.match(r"\\[A-Za-z]", token):
            assert token[1:] in _COMMANDS, token
        elif token.startswith("\\"):
            assert token[1] in _SYMBOLS, token
        assert token not in ("#", "_", "^"), token
    assert not depth
    assert not math
    _check_environments(text)
    for table in re.findall(r"\\begin\{table\}(.*?)\\end\{table\}", text, re.DOTALL):
        marks = re.findall(r"\\tnote\{(.)\}", table)
        assert set(marks) == set(re.findall(r"\\item\[(.)\]", table))
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(labels) == len(set(labels))
    assert all(re.fullmatch(r"tab:[A-Za-z0-9.-]+", label) for label in labels)
    return [row for body in re.findall(_BODY, text, re.DOTALL) for row in _rows(*body)]


_BRACED = r"\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
_BODY = rf"\\begin\{{(?:tabular|longtable)\}}{_BRACED}\n(.*?)\n *\\end\{{(?:tabular|longtable)\}}\n"


def _check_environments(text: str) -> None:
    open_ = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            open_.append(name)
        else:
            assert open_.pop() == name
    assert not open_


def _rows(spec: str, body: str) -> list[list[str]]:
    """Return the rows of a table; braces and what stands in them belong to a cell."""
    spec = re.sub(r"\*\{(\d+)\}\{([^{}]*)\}", lambda m: m[2] * int(m[1]), re.sub(r">\{.*?\}(?=p)", "", spec))
    width = len(re.findall(r"[lrc]|S\[[^]]*\]|p\{[^}]*\}", spec))
    rows, cells, depth = [], [""], 0
    for token in _TOKEN.findall(body):
        depth += (token == "{") - (token == "}")
        assert token != "&" or not depth
        if token == "&":
            cells.append("")
        elif token == "\\\\" and not depth:
            rows.append(cells)
            cells = [""]
        else:
            cells[-1] += token
    captions = [row for row in rows if "\\caption" in row[0]]
    assert all(len(row) == width for row in rows if row not in captions), (spec, rows)
    assert rows
    return rows


def html_tables(text: str) -> list[list[str]]:
    """Return the rows of every table of a fragment, after checking that it is well formed and plain."""
    root = ElementTree.fromstring(f"<body>{text}</body>")
    assert {one.tag for one in root} <= {"table", "p"}
    known = {"body", "table", "caption", "thead", "tbody", "tr", "th", "td", "sup", "p"}
    assert {one.tag for one in root.iter()} <= known
    assert {name for one in root.iter() for name in one.attrib} <= {"class", "scope", "data-value"}
    found = []
    for table in root.iter("table"):
        assert table.get("class") == "archcalc"
        assert [one.tag for one in table if one.tag != "caption"][:2] == ["thead", "tbody"]
        assert all(one.get("scope") == "col" for one in table.findall("thead/tr/th"))
        assert all(one.get("scope") == "row" for one in table.findall("tbody/tr/th"))
        for cell in table.iter("td"):
            assert re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell.get("data-value", "0"))
        rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
        assert len({len(row) for row in rows}) == 1
        found += rows
    assert found
    return found


def markdown_tables(text: str) -> list[list[str]]:
    """Return the rows of every table as GitHub reads them, after checking that nothing else is there."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
    assert kinds <= {"table", "thead", "tbody", "tr", "th", "td", "inline", "paragraph", "html_block"}, kinds
    # The notes of a footnote are a reference to this parser unless they begin a paragraph with their key.
    rows: list[list[str]] = []
    for number, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type in ("th_open", "td_open"):
            rows[-1].append(_said(tokens[number + 1]))
    assert rows
    starts = [row for row in text.splitlines() if re.match(r"\| --[-:] \|", row)]
    assert len(starts) == sum(token.type == "table_open" for token in tokens)
    # A parser drops the cells that a row has too many, so they are counted as they are written.
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in table.splitlines()}) == 1
    for mark in re.findall(r"\[\^(\w)\](?!:)", text):
        assert f"\n[^{mark}]: " in text
    return rows


def _said(token: object) -> str:
    """Return what a reader sees of a cell; markup would be lost and show."""
    parts = []
    for child in token.children or []:  # type: ignore[attr-defined]
        assert child.type in ("text", "text_special"), child.type
        parts.append(child.content)
    return "".join(parts)
