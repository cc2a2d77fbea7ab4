"""The sentences of ``in short``: each is a rule over the figures, no adjective without a number."""

from __future__ import annotations

from fractions import Fraction

from costmodel.amounts import context_text, fixed, ratio
from costmodel.report.compare import Compare

_WORDS = {-1: "smaller", 0: "equal", 1: "larger"}


def sentences(compare: Compare) -> list[str]:
    """Return at most three sentences that compare the last of two models with the first."""
    if len(compare.rows) != 2:
        return []
    return [text for text in (_sizes(compare), _caches(compare), _decode(compare)) if text]


def _sizes(compare: Compare) -> str:
    first, last = compare.rows
    total = ratio(last.params.total, first.params.total)
    active = ratio(last.params.active, first.params.active)
    if total == active == "1.00x":
        exact = last.params.total == first.params.total and last.params.active == first.params.active
        return f"{last.name} has {'the same number of' if exact else '1.00x the'} parameters, total and active."
    if total == active:
        return f"{last.name} has {total} the parameters, total and active."
    return f"{last.name} has {total} the parameters and {active} the active ones."


def _caches(compare: Compare) -> str:
    order = compare.cache_order
    first, last = (row.cache[-1].bytes for row in compare.rows)
    at = context_text(compare.contexts[-1])
    if order is None:
        return f"At {at} its cache is {ratio(last, first)} that of {compare.rows[0].name}."
    if len(order) == 1:
        if not order[0].sign:
            return "Its cache is equal at every length."
        return f"Its cache is {_WORDS[order[0].sign]} at every length, {ratio(last, first)} at {at}."
    *before, final = order[-3:]
    parts = [f"{_WORDS[one.sign]} up to {one.up_to:,} tokens" for one in before]
    return f"Its cache is {', '.join(parts)} and {_WORDS[final.sign]} beyond."


def _decode(compare: Compare) -> str:
    first, last = (row.flops[-1] for row in compare.rows)
    at = context_text(compare.contexts[-1])
    if not first.decode or not last.decode:
        return ""
    less = last.decode < first.decode
    factor = Fraction(max(first.decode, last.decode), min(first.decode, last.decode))
    if factor < Fraction(101, 100):
        return f"At {at} their decode needs the same FLOPs within 1%."
    times = fixed(factor, 0 if factor >= 10 else 2)
    text = f"At {at} its decode needs {times}x {'fewer' if less else 'the'} FLOPs"
    worker = first if less else last
    other = last if less else first
    if "absorbed" in worker.decode_mla and "absorbed" not in other.decode_mla:
        return f"{text}: absorbed mla trades work for cache."
    return f"{text}."
