"""``archcalc show`` as tables for Markdown, LaTeX and CSV."""

from __future__ import annotations

from fractions import Fraction

from costmodel.amounts import bytes_unit, context_text, fixed, flops_unit, params_unit
from costmodel.render.components import ComponentRow, rows_of
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.show_notes import rough
from costmodel.render.sink import View
from costmodel.render.text import clean
from costmodel.report.show import Show


def grids(show: Show, view: View) -> list[Grid]:
    """Return parameters, and work and memory, as tables."""
    about = "" if show.confidence == "published" else f" ({show.confidence})"
    name = clean(show.title or show.name) + about
    if show.params is None:
        columns = [Column("figure", "Figure", number=False), Column("claimed", "Said", number=False)]
        columns += [Column("confidence", "Confidence", number=False), Column("source", "Source", number=False)]
        rows = [[Cell(v.figure), Cell(rough(v.published)), Cell(show.confidence), Cell(v.source)] for v in show.claims]
        return [Grid(columns, rows, f"{name}: architecture not published", show.name)]
    return [_parameter_grid(show, name), _cost_grid(show, name, view)]


def _parameter_grid(show: Show, name: str) -> Grid:
    params = show.params
    assert params is not None
    unit = params_unit(params.total)
    columns = [Column("part", "Parameters", number=False)]
    columns += [Column("total", f"Total ({unit.name})"), Column("total_share", "Share (%)")]
    columns += [Column("active", f"Active ({unit.name})"), Column("active_share", "Share (%)")]
    parts = [*rows_of(params.components, params.active_components, tied=bool(show.tied))]
    parts.append(ComponentRow("total", params.total, params.active))
    rows = [
        [
            Cell(row.label),
            Cell(row.total, _uncomma(unit.of(row.total))),
            Cell(None, fixed(Fraction(100 * row.total, params.total), 1)),
            Cell(row.active, _uncomma(unit.of(row.active))),
            Cell(None, fixed(Fraction(100 * row.active, params.active), 1)),
        ]
        for row in parts
    ]
    notes = ["Active: values one token passes through, embedding and head included."]
    return Grid(columns, rows, f"{name}: parameters.", show.name, notes)


def _cost_grid(show: Show, name: str, view: View) -> Grid:
    prefill = [Fraction(point.prefill, point.context) for point in show.flops]
    unit = flops_unit([*prefill, *(point.decode for point in show.flops)])
    size = bytes_unit((point.bytes for point in show.cache), view.units)
    columns = [Column("context", "Context")]
    columns += [Column("prefill_flops", f"Prefill, mean ({unit.name} per token)")]
    columns += [Column("decode_flops", f"Decode ({unit.name} per token)")]
    columns += [Column("cache_bytes", f"Cache, {show.conventions.dtype} ({size.name})")]
    rows = [
        [
            Cell(point.context, context_text(point.context)),
            Cell(point.prefill, unit.of(mean)),
            Cell(point.decode, unit.of(point.decode)),
            Cell(cache.bytes, size.of(cache.bytes)),
        ]
        for point, mean, cache in zip(show.flops, prefill, show.cache, strict=True)
    ]
    notes = [f"FLOP: one multiply or one add; {show.conventions.attention} pairs; cache: one sequence, ideal."]
    return Grid(columns, rows, f"{name}: work and memory.", f"{show.name}-costs", notes)


def _uncomma(text: str) -> str:
    return text.replace(",", "")


def csv_grid(show: Show, view: View) -> Grid:
    """Return every figure on a line of its own: figure, context, value, unit."""
    if show.params is None:
        return grids(show, view)[0]
    params = show.params
    columns = [Column(key, key) for key in ("model", "confidence", "figure", "context", "value", "unit")]
    found: list[tuple[str, int | None, int, str]] = [
        (f"params.{name}", None, getattr(params, name), "values")
        for name in ("total", "active", "active_min", "active_max", "active_without_lookup")
    ]
    for kind in ("components", "active_components", "not_in_total"):
        found += [(f"params.{kind}.{name}", None, n, "values") for name, n in getattr(params, kind).items()]
    for cache in show.cache:
        found += [
            (f"cache.{name}", cache.context, getattr(cache, name), "values" if name == "values" else "B")
            for name in ("values", "bytes", "state_bytes", "paged_bytes", "one_pool_bytes")
        ]
    for point in show.flops:
        names = ("prefill", "prefill_attention", "decode", "decode_attention")
        found += [(f"flops.{name}", point.context, getattr(point, name), "FLOP") for name in names]
    model, confidence = Cell(show.name), Cell(show.confidence)
    rows = [[model, confidence, *(Cell(value) for value in values)] for values in found]
    return Grid(columns, rows)
