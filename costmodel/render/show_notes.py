"""What ``archcalc show`` says below its figures, and of a model without any."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from costmodel.amounts import context_text, count_text, fixed
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, broken, clean, line, paragraph
from costmodel.report.claims import Verdict
from costmodel.report.show import Show
from costmodel.report.source import SourceRow


def notes(show: Show, view: View) -> Page:
    """Return definitions, what others published, and the source."""
    logits = "head at every position" if show.conventions.logits == "all" else "head at the last position"
    out = [
        line("active: values one token passes through, embedding and head included.", "dim"),
        line(f"FLOP: one multiply or one add; {show.conventions.attention} pairs; {logits}.", "dim"),
    ]
    if show.receptive_field is not None:
        field = f"receptive field: {count_text(show.receptive_field)} tokens"
        out.append(line(f"{field}: windows and chunks only, layer upon layer.", "dim"))
    if show.max_context is not None and any(point.context > show.max_context for point in show.cache):
        longest = f"longest context published: {context_text(show.max_context)}"
        out.append(line(f"{longest}; figures beyond it are arithmetic.", "yellow"))
    if show.model == "encoder":
        said = "every token sees later ones, so that an engine reads all of them anew and keeps nothing: "
        out += paragraph(f"{said}decode and cache are of a step that keeps keys all the same.", 80, "yellow")
    if show.patch_size is not None:
        said = f"a patch of {show.patch_size} bytes is worked on in the step of its last one: other steps of decode do"
        out += paragraph(f"{said} without, and the mean is that of {show.patch_size} new tokens.", 80, "yellow")
    if show.left_out:
        out += paragraph(f"not described, in no figure: {', '.join(map(clean, show.left_out))}.", 80, "yellow")
    out += _published(show.claims)
    out += _source(show.source, view)
    return out


def _published(claims: Sequence[Verdict]) -> Page:
    """Return what others say, with our verdict; claims of one source and verdict share a sentence."""
    groups: dict[tuple[str, str, str | None, bool], list[Verdict]] = {}
    for claim in claims:
        groups.setdefault((claim.source, claim.verdict, claim.reason, claim.unverified), []).append(claim)
    out: Page = []
    for (source, verdict, reason, unverified), found in groups.items():
        said = ", ".join(_said(claim) for claim in found)
        both = {1: "", 2: "both "}.get(len(found), "all ")
        holds = f"{both}hold" if verdict == "holds" and len(found) > 1 else verdict
        ours = f": {clean(reason)}" if reason else ""
        if verdict == "does not hold" and not reason:
            ours = f": {_computed(found[0])}"
        mark = ", unverified" if unverified and verdict != "not computed" else ""
        out += paragraph(f"published: {said}: {holds}{ours}{mark} ({clean(source)})", 80, "dim")
    return out


def _said(claim: Verdict) -> str:
    name = {
        "params.total": "total",
        "params.active": "active",
        "params.active_without_lookup": "active without lookup tables",
    }.get(claim.figure, claim.figure)
    at = f" at {context_text(claim.at)}" if claim.at else ""
    return f"{clean(claim.published)} {name}{at}"


def _computed(claim: Verdict) -> str:
    return count_text(claim.computed or 0)


def _source(source: SourceRow | None, view: View) -> Page:
    if source is None:
        return []
    read = f", read {source.read}" if source.read else ""
    where = f", {clean(source.locator)}" if source.locator else ""
    out = paragraph(f"source: {clean(source.title)}{where}{read}", 80, "dim")
    if view.verbose and source.url:
        out += paragraph(clean(source.url), 80, "dim", "  ")
    if view.verbose and source.note:
        out += paragraph(clean(source.note), 80, "dim", "  ")
    return out


def rough(published: str) -> str:
    """Return a rumoured number with two significant digits and a tilde: ``~1.8T``."""
    number = published.lstrip("~").rstrip("kKMBGTPi ")
    unit = published.lstrip("~")[len(number) :]
    try:
        value = Fraction(number.replace("_", "").replace(",", ""))
    except ValueError:
        return f"~{clean(published)}"
    digits = 0 if value >= 10 else 1
    return f"~{fixed(value, digits)}{unit}"


def unpublished(show: Show, view: View) -> Page:
    """Return the page of a model whose architecture nobody published: what is said of it."""
    title = f"  {clean(show.title)}" if show.title else ""
    head = line(show.name, "bold").add(f"{title}, architecture not published, ").add(show.confidence, "yellow")
    out = [head, line(), line("what is said", "bold")]
    for claim in show.claims:
        text = rough(claim.published) if show.confidence == "rumour" else claim.published
        name = claim.figure.removeprefix("params.")
        one = line(f"  {name}").right(text, 24).add(f"  {show.confidence}", "yellow").add("  ")
        first, *rest = broken(clean(claim.source), 80 - one.width)
        column = one.width
        out.append(one.add(first, "dim"))
        out += [Line().to(column).add(more, "dim") for more in rest]
    if not view.quiet:
        out += [line(), line("Nothing is computed: nobody published the layers of this model.", "dim")]
        out += _source(show.source, view)
        if view.tips:
            out.append(line("next: ", "dim").add("archcalc list", "cyan"))
    return out
