"""``--style paper``: the table of a comparison as papers print it, names as published."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from costmodel import FORMULAS, __version__
from costmodel.amounts import bytes_unit, context_text, fixed, flops_unit
from costmodel.render import escape
from costmodel.render.compare import expert_width
from costmodel.render.grid import is_number, table_format
from costmodel.render.sink import View
from costmodel.render.text import clean
from costmodel.report.compare import Compare, CompareRow

Rows = list[tuple[str, str, list[str]]]  # label, mark of its footnote, a text for each model


def markdown(compare: Compare, view: View) -> str:
    """Return a GitHub table with footnotes."""
    names = [escape.markdown(_title(row)) for row in compare.rows]
    out = [f"| | {' | '.join(names)} |", f"|---|{'--:|' * len(names)}"]
    for label, mark, texts in _rows(compare, view):
        note = f"[^{mark}]" if mark else ""
        out.append(f"| {label}{note} | {' | '.join(escape.markdown(text) for text in texts)} |")
    if not view.quiet:
        notes = _notes(compare)
        out += ["", f"[^a]: {notes['a']}", f"[^c]: {notes['c']}", f"[^f]: {notes['f']}", ""]
        out.append(f"<sub>archcalc {__version__}, formulas {FORMULAS}; {_sources(compare)}.</sub>")
    return "\n".join(out) + "\n"


def latex(compare: Compare, view: View) -> str:
    """Return a table for booktabs, siunitx and threeparttable."""
    wanted = _latex_rows(compare, view)
    numbers = [text for _, _, texts, _ in wanted for text in texts if is_number(text) and "." in text]
    body = []
    for label, mark, texts, ruled in wanted:
        note = rf"\tnote{{{mark}}}" if mark else ""
        cells = " & ".join(text if "." in text and is_number(text) else f"{{{escape.latex(text)}}}" for text in texts)
        body += ["    \\midrule"] if ruled else []
        body.append(f"    {label}{note} & {cells} \\\\")
    names = " & ".join(f"{{{escape.latex(_title(row))}}}" for row in compare.rows)
    notes = _latex_notes(compare)
    column = table_format(text.replace(",", "") for text in numbers)
    lines = [
        f"% archcalc {__version__}; needs booktabs, siunitx, threeparttable",
        "\\begin{table}",
        "  \\centering",
        "  \\begin{threeparttable}",
        "  \\caption{Architectures compared.}\\label{tab:architectures}",
        f"  \\begin{{tabular}}{{l *{{{len(compare.rows)}}}{{{column}}}}}",
        "    \\toprule",
        f"    & {names} \\\\",
        "    \\midrule",
        *body,
        "    \\bottomrule",
        "  \\end{tabular}",
    ]
    if not view.quiet:
        items = [f"    \\item[{mark}] {text}" for mark, text in notes]
        lines += ["  \\begin{tablenotes}\\footnotesize", *items, "  \\end{tablenotes}"]
    return "\n".join([*lines, "  \\end{threeparttable}", "\\end{table}"]) + "\n"


def _title(row: CompareRow) -> str:
    about = "" if row.confidence == "published" else f" ({row.confidence})"
    return clean(row.title or row.name) + about


def _rows(compare: Compare, view: View) -> Rows:
    models = compare.rows
    last = len(compare.contexts) - 1
    size = bytes_unit([row.cache[last].bytes for row in models], view.units)
    means = [Fraction(row.flops[0].prefill, row.flops[0].context) for row in models]
    work = flops_unit(means)
    cache = f"Cache at {context_text(compare.contexts[last])} tokens, {compare.conventions.dtype} ({size.name})"
    flops = f"Forward FLOPs per token, {context_text(compare.contexts[0])} prefill ({work.name.removesuffix('FLOP')})"
    rows: Rows = [
        ("Total parameters (B)", "", [_billions(row.params.total) for row in models]),
        ("Active parameters (B)", "a", [_billions(row.params.active) for row in models]),
        ("Active share (%)", "", [fixed(Fraction(100 * r.params.active, r.params.total), 1) for r in models]),
        ("Layers", "", [_layers(row) for row in models]),
        ("Model dimension", "", [str(row.d_model) for row in models]),
        ("Attention", "", [attention(row) for row in models]),
        ("Heads / KV heads", "", [_heads(row) for row in models]),
        ("FFN layers", "", [_ffn(row) for row in models]),
    ]
    if any(expert_width(row) for row in models):
        rows.append(("Experts (chosen of routed + shared)", "", [_experts(row) for row in models]))
        rows.append(("Expert dimension", "", [expert_width(row) or "-" for row in models]))
    rows.append((cache, "c", [size.of(row.cache[last].bytes).replace(",", "") for row in models]))
    rows.append((flops, "f", [work.of(mean).replace(",", "") for mean in means]))
    return rows


def _latex_rows(compare: Compare, view: View) -> list[tuple[str, str, list[str], bool]]:
    """Return the shorter selection of a page in print: label, note, texts, whether a rule comes first."""
    found = {label: texts for label, _, texts in _rows(compare, view)}
    labels = list(found)
    size = labels[-2].rpartition("(")[2].rstrip(")")
    unit = {"GB": r"\giga\byte", "MB": r"\mega\byte", "TB": r"\tera\byte", "GiB": r"\gibi\byte"}.get(size)
    head = labels[-2].partition(",")[0]
    cache = rf"{head} (\unit{{{unit}}})" if unit else f"{head} ({size})"
    work = labels[-1].rpartition("(")[2].rstrip(")")
    out = [
        ("Total parameters (B)", "", found["Total parameters (B)"], False),
        ("Active parameters (B)", "a", found["Active parameters (B)"], False),
        ("Layers", "", found["Layers"], False),
        ("Attention", "", [attention(row, short=True) for row in compare.rows], False),
    ]
    if "Experts (chosen of routed + shared)" in found:
        out.append(("Experts", "", found["Experts (chosen of routed + shared)"], False))
    out.append((cache, "b", found[labels[-2]], True))
    out.append((f"Forward {work}FLOP per token", "c", found[labels[-1]], False))
    return out


def _billions(values: int) -> str:
    return fixed(Fraction(values, 10**9), 2).replace(",", "")


def _layers(row: CompareRow) -> str:
    return f"{row.encoder_layers} + {row.n_layers}" if row.encoder_layers else str(row.n_layers)


def _mixers(row: CompareRow) -> list[tuple[Any, str, int]]:
    """Return the blocks that mix tokens, their label and number of places."""
    blocks = row.architecture.blocks if row.architecture else {}
    stack = [one for one in row.shape.blocks if one.role == "mixer" and one.stack == "layers"]
    return [(blocks.get(one.name), one.label, one.places) for one in stack]


def attention(row: CompareRow, *, short: bool = False) -> str:
    """Return the attention as papers name it: ``MLA``, ``GQA, 3 chunked : 1 full``."""
    from math import gcd

    names: list[str] = []
    spans: dict[str, int] = {}
    for block, label, places in _mixers(row):
        name = _family(block, label)
        if name not in names:
            names.append(name)
        if label in ("full", "window", "chunk"):
            word = {"window": "windowed", "chunk": "chunked"}.get(label, label)
            spans[word] = spans.get(word, 0) + places
    text = ", ".join(names) or "none"
    if len(spans) < 2:
        only = next(iter(spans), "full")
        return text if only == "full" else f"{text}, {only}"
    if short:
        return f"{text}, {next(word for word in spans if word != 'full')}"
    # Where a cycle is cut, counts are rounded to the turn that it would complete.
    least = min(spans.values())
    divisor = gcd(*spans.values())
    turn = {word: n // divisor for word, n in spans.items()}
    if min(turn.values()) > 1 and row.shape.mixer.count("+") == 1:
        turn = {word: round(n / least) for word, n in spans.items()}
    return f"{text}, {' : '.join(f'{n} {word}' for word, n in turn.items())}"


def _family(block: Any, label: str) -> str:
    heads, kv = getattr(block, "n_heads", None), getattr(block, "n_kv_heads", None)
    if label.startswith("mla"):
        return "MLA" if label == "mla" else "MLA, sparse"
    if label in ("full", "window", "chunk", "bidirectional") and heads:
        return "MHA" if kv in (None, heads) else "MQA" if kv == 1 else "GQA"
    return {"mamba": "Mamba", "mamba2": "Mamba-2", "deltanet": "Gated DeltaNet", "kda": "KDA"}.get(label, label)


def _heads(row: CompareRow) -> str:
    found = []
    for block, label, _ in _mixers(row):
        heads = getattr(block, "n_heads", None)
        if heads and (label.startswith("mla") or label in ("full", "window", "chunk")):
            kv = "latent" if label.startswith("mla") else str(block.n_kv_heads or heads)
            found.append(f"{heads} / {kv}")
    return ", ".join(dict.fromkeys(found)) or "-"


def _ffn(row: CompareRow) -> str:
    found: dict[str, int] = {}
    for one in row.shape.blocks:
        if one.role == "ffn" and one.stack == "layers":
            word = "MoE" if one.kind == "moe" else "dense"
            found[word] = found.get(word, 0) + one.places
    return ", ".join(f"{n} {word}" for word, n in found.items()) or "none"


def _experts(row: CompareRow) -> str:
    labels = [one.label.removeprefix("moe ") for one in row.shape.blocks if one.kind == "moe"]
    texts = []
    for label in dict.fromkeys(labels):
        chosen, _, rest = label.partition("/")
        experts, plus, shared = rest.partition("+")
        texts.append(f"{chosen} of {experts}{f' + {shared}' if plus else ''}")
    return ", ".join(texts) or "-"


def _notes(compare: Compare) -> dict[str, str]:
    said = compare.conventions
    left_out = [{"mtp": "MTP"}.get(name, name) for name in said.not_counted if name != "buffers"]
    only = f"; language model only, no {', no '.join(left_out)}" if left_out else ""
    head = "head at every position" if said.logits == "all" else "head at the last position"
    return {
        "a": f"Values one token passes through, embedding and head included{only}.",
        "c": "Ideal: what must be kept for one sequence.",
        "f": f"One multiply or one add; {said.attention} pairs; {head}; mean over the prompt.",
    }


def _latex_notes(compare: Compare) -> Sequence[tuple[str, str]]:
    said = compare.conventions
    context = context_text(compare.contexts[0])
    pairs = f"{escape.latex(said.attention)} pairs"
    return [
        ("a", "Values one token passes through, embedding and head included."),
        ("b", f"One sequence, {escape.latex(said.dtype)}, what must be kept."),
        ("c", f"Prefill of {context} tokens, mean; one multiply or one add; {pairs}."),
    ]


def _sources(compare: Compare) -> str:
    titles = [source.title for source in compare.sources]
    if len(titles) == len(compare.rows) and all("config.json" in title for title in titles):
        return "sources: published config.json of each model"
    return "sources: " + "; ".join(escape.markdown(title) for title in titles) if titles else "no sources"
