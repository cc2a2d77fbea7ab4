"""The page of ``archcalc show``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.amounts import bytes_text, count_text, params_text, params_unit, percent
from costmodel.render.show_costs import costs, weights
from costmodel.render.show_layers import layers
from costmodel.render.show_notes import notes, unpublished
from costmodel.render.show_parameters import parameters
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, clean, fit, line
from costmodel.report.show import Show

if TYPE_CHECKING:
    from costmodel.render.grid import Grid


def page(show: Show, view: View) -> Page:
    """Return the whole page."""
    if show.params is None:
        return fit(unpublished(show, view), view.width)
    out = [*identity(show, view), line(), _headline(show, view), line()]
    out += layers(show, view)
    out += [line(), *parameters(show, view), line(), *costs(show, view)]
    if view.verbose:
        out += [line(), *weights(show)]
    if not view.quiet:
        out += [line(), *notes(show, view)]
        if view.tips:
            out.append(line("next: ", "dim").add(f"archcalc explain {show.name} params.active", "cyan"))
    return fit(out, view.width)


def identity(show: Show, view: View) -> Page:
    """Return who the model is, in one line where it fits; that it is a decoder goes without saying."""
    layers = f"{show.encoder_layers} + {show.n_layers}" if show.encoder_layers else str(show.n_layers)
    looped = f" run {show.loops} times" if show.loops and show.loops > 1 else ""
    parts = [clean(show.title)] if show.title else []
    parts += [show.model, f"{layers} layers{looped}", f"d_model {show.d_model}"]
    parts += [f"vocabulary {count_text(show.vocab_size or 0)}"]
    parts += [f"with {', '.join(show.choices.include)}"] if show.choices.include else []
    about = f", {show.confidence}" if show.confidence != "published" else ""
    width = max(80, view.columns)
    if len(f"{show.name}  {', '.join(parts)}{about}") > width and "decoder" in parts:
        parts.remove("decoder")
    found = line(show.name, "bold").add(f"  {', '.join(parts)}").add(about, "yellow")
    return fit([found], width)


def _headline(show: Show, view: View) -> Line:
    params = show.params
    growth = show.growth
    assert params is not None
    assert growth is not None
    unit = params_unit(params.total)
    about = "~" if show.confidence == "rumour" else ""
    whole = params.active == params.total
    out = line("  ").add(about + params_text(params.total, unit), "bold").add(" total     ")
    out.add(about + params_text(params.active, unit), "bold")
    out.add(f" active ({'100%' if whole else percent(params.active, params.total)})     ")
    dtype = show.conventions.dtype
    states = bytes_text(growth.state_bytes, view.units, 1) if growth.state_bytes else ""
    if not growth.bytes_per_token and growth.beyond:
        return out.add(bytes_text(growth.fixed_bytes, view.units, 1), "bold").add(
            f" cache past {growth.beyond:,} ({dtype})"
        )
    if not growth.bytes_per_token:
        return out.add(states or "0 B", "bold").add(f" state ({dtype})")
    out.add(bytes_text(growth.bytes_per_token, view.units, 1), "bold")
    if states:
        return out.add(" a token + ").add(states, "bold").add(" state")
    if growth.beyond and growth.first_bytes != growth.bytes_per_token:
        return out.add(f" a token past {growth.beyond:,} ({dtype})")
    each = "a target token" if show.encoder_layers else "per token"
    return out.add(f" cache {each} ({dtype})")


def grids(show: Show, view: View) -> list[Grid]:
    """Return parameters, and work and memory, as tables."""
    from costmodel.render import show_grids

    return show_grids.grids(show, view)


def csv_grid(show: Show, view: View) -> Grid:
    """Return every figure on a line of its own."""
    from costmodel.render import show_grids

    return show_grids.csv_grid(show, view)
