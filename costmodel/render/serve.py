"""The page of ``archcalc serve``."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costmodel.amounts import context_text, count_text, fixed
from costmodel.plan import expert_counts
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.sink import View
from costmodel.render.text import Page, clean, fit, line, paragraph
from costmodel.render.times import BOUND, GIGABYTE, beyond, gigabytes, percent_text, plan_text, rate_text, time_text

if TYPE_CHECKING:
    from costmodel.report.serve import ServePage, ServeRow

_BAR = 42


def page(found: ServePage, view: View) -> Page:
    """Return the whole page."""
    where = f"{found.plan.devices} x {found.hardware}" if found.plan.devices > 1 else found.hardware
    formats = found.dtype.replace("=", " ").replace(",", ", ")
    out = [line(found.name, "bold").add(f" on {where}   serving at {context_text(found.context)} tokens, {formats}")]
    if found.confidence != "published":
        out[0].add(f", {found.confidence}", "yellow")
    out += paragraph(f"plan: {_plan(found)}", view.columns)
    out += beyond(found.context, found.setup, view)
    out += [line(), *_memory(found, view), line(), *_decode(found), line(), *_limits(found)]
    if not view.quiet:
        out += [line(), *_notes(found, view)]
        if view.tips:
            tip = f"archcalc fit {found.name} --hardware {found.hardware} --context {context_text(found.context)}"
            out.append(line("next: ", "dim").add(tip, "cyan"))
    return fit(out, view.width)


def _plan(found: ServePage) -> str:
    assert found.setup is not None
    experts = expert_counts(found.setup.architecture)
    groups = found.plan.dp
    text = plan_text(found.plan, max(1, found.rows[-1].batch // groups), found.plan.pp, experts)
    if found.prompt is not None:
        text += f"; prompts of {count_text(found.prompt)} tokens read beside, {count_text(found.output or 0)} given"
    else:
        text += "; no prefill"
    if found.speculation is not None:
        guess = found.speculation
        text += (
            f"; {guess.draft} drafted by {guess.drafter}, {percent_text(guess.accept)} accepted: "
            f"{fixed(Fraction(guess.tokens_per_step), 2)} tokens a step"
        )
    return text


def _memory(found: ServePage, view: View) -> Page:
    name, size = GIGABYTE[view.units]
    held = found.memory
    largest = max(1, found.limits.largest_batch // found.plan.dp)
    rows = [
        ("weights", held.weights_bytes, "with the drafter's" if found.speculation else ""),
        (
            "cache",
            held.cache_bytes * largest,
            f"{count_text(largest)} sequence{'' if largest == 1 else 's'} of {context_text(found.context)} at "
            f"{fixed(Fraction(held.cache_bytes, size), 3)}",
        ),
        ("activations", held.activation_bytes, "operands of the largest kernel"),
        ("reserve", held.reserve_bytes, "declared: --overhead"),
    ]
    out = [line(f"memory of a device, {name}", "bold")]
    for label, value, note in rows:
        one = line(f"  {label}").right(gigabytes(value, size), 20).add("  ")
        one.add(view.marks.bar(value, held.capacity_bytes, _BAR), "cyan")
        out.append(one.add("  " if note and one.parts[-1][0].strip() else "").add(note, "dim"))
    return [*out, line("  of", "bold").right(gigabytes(held.capacity_bytes, size), 20, "bold")]


def _decode(found: ServePage) -> Page:
    priced = found.usd_per_hour is not None
    power = f"at {fixed(Fraction(found.power_w), 0)} W" if found.power_w else ""
    over = (
        line("decode", "bold").right("ms a token", 32, "dim").right("tokens/s", 55, "dim").right("J a token", 66, "dim")
    )
    head = line("  sequences", "dim")
    bounds = not priced and any(row.bound for row in found.rows)
    labels = [("floor", 21), ("expected", 32), ("a user", 44), ("a device", 55), (power, 66)]
    if priced:
        over.right("$/Mtoken", 77, "dim")
        price = f"at ${fixed(Fraction(found.usd_per_hour or 0), 2)}"
        labels.append((price, 77))
    for text, edge in labels:
        head.right(text, edge, "dim")
    if bounds:
        head.add("  bound", "dim")
    out = [over, head]
    for row in found.rows:
        one = line("").right(count_text(row.batch), 11).right(_ms(row.floor_s), 21)
        one.right(_ms(row.expected_s), 32, "bold")
        one.right(rate_text(row.tokens_per_s_per_user), 44).right(rate_text(row.tokens_per_s_per_device), 55)
        one.right(_optional(row.joule_per_token), 66)
        if priced:
            one.right(_optional(row.usd_per_million_tokens), 77)
        if bounds and row.bound:
            one.add("  ").add(row.bound, BOUND[row.bound])
        out.append(one)
    return out


def _ms(value: float | None) -> str:
    return "-" if value is None else fixed(Fraction(value) * 1000, 1)


def _optional(value: float | None) -> str:
    return "-" if value is None else fixed(Fraction(value), 2)


def _limits(found: ServePage) -> Page:
    limits = found.limits
    most = f"{count_text(limits.largest_batch)} sequences, bound by {limits.bound_by}"
    rows = [(f"largest batch at {context_text(found.context)}", most)]
    if limits.cache_room_tokens is not None:
        rows.append(("cache room of a device", f"{limits.cache_room_tokens:,} tokens"))
    if limits.longest_context is not None:
        rows.append(("longest one sequence", f"{limits.longest_context:,} tokens"))
    prompt = f"first token, {context_text(limits.prompt)} prompt"
    text = f"{time_text(limits.first_token_floor_s)} floor"
    if limits.first_token_expected_s is not None:
        text += f", {time_text(limits.first_token_expected_s)} expected"
    if found.plan.dp > 1:
        text += f" (on {found.plan.devices // found.plan.dp} of {found.plan.devices})"
    rows.append((prompt, text))
    return [line("limits", "bold"), *(line(f"  {label}").to(28).add(text) for label, text in rows)]


def _notes(found: ServePage, view: View) -> Page:
    if found.rows[-1].expected_s is None:
        text = f"expected: no kernels were measured on {found.hardware} or a device like it."
    elif found.step_error is not None:
        text = f"expected: median error of held-out whole steps {percent_text(found.step_error)}"
        text += f" (9 in 10 within {percent_text(found.step_error_p90)}; docs/validation.md names the models)"
        text += f", engine's overhead as on {found.overhead_from}."
    else:
        text = "expected: kernels only, no engine's overhead was measured here."
    if found.power_w:
        text += " J: board power x time."
    out = paragraph(text, view.columns, "dim")
    if found.usd_per_hour is None:
        said = "No price in this profile: add --price 2.50 ($ per device and hour) for $/Mtoken."
        out += paragraph(said, view.columns, "dim")
    return out


def grid(found: ServePage, view: View) -> Grid:  # noqa: ARG001  (every page has the same call)
    """Return the rows."""
    columns = [
        Column("batch", "Sequences"),
        Column("floor_s", "Floor (ms)"),
        Column("serial_s", "Serial (ms)"),
        Column("expected_s", "Expected (ms)"),
        Column("tokens_per_s_per_user", "Tokens/s a user"),
        Column("tokens_per_s_per_device", "Tokens/s a device"),
        Column("joule_per_token", "J a token"),
        Column("usd_per_million_tokens", "$/Mtoken"),
    ]
    where = f"{found.plan.devices} x {found.hardware} ({found.plan.text})"
    name = clean(found.title or found.name)
    caption = f"{name} on {where}, {context_text(found.context)} tokens a sequence, {found.dtype}."
    notes = ["Times between two tokens of a sequence. Floor: no run is faster. Expected: measured coefficients."]
    return Grid(columns, [_cells(row) for row in found.rows], caption, f"{found.name}-serve", notes)


def _cells(row: ServeRow) -> list[Cell]:
    return [
        Cell(row.batch),
        Cell(row.floor_s, _ms(row.floor_s)),
        Cell(row.serial_s, _ms(row.serial_s)),
        Cell(row.expected_s, _ms(row.expected_s)),
        Cell(row.tokens_per_s_per_user, rate_text(row.tokens_per_s_per_user)),
        Cell(row.tokens_per_s_per_device, rate_text(row.tokens_per_s_per_device)),
        Cell(row.joule_per_token, _optional(row.joule_per_token)),
        Cell(row.usd_per_million_tokens, _optional(row.usd_per_million_tokens)),
    ]
