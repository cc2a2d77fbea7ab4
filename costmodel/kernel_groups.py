"""The lines of a report that operations belong to, in the words of people."""

from __future__ import annotations

from costmodel.ops import Attend, Conv, Experts, Op, Scan

# Projections of attention that have a line of their own, by the last part of their path.
_NAMED = dict.fromkeys(("q", "kv", "q_a", "q_b", "kv_a"), "q, kv projections")
_NAMED |= {"o": "attention out", "o_a": "attention out", "o_b": "attention out", "kv_b": "expand k, v"}
_NAMED |= {"absorb_k": "absorb q, v", "absorb_v": "absorb q, v"}


def group(op: Op) -> str:
    """Return the line of a report that an operation belongs to, in the words of people."""
    kind, component = op.family, op.component
    if component == "lm_head":
        return "lm head"
    named = {"ffn.dense": "dense ffn", "moe.shared": "shared experts", "moe.router": "router", "embedding": "embedding"}
    if component in named:
        return named[component]
    if isinstance(op, Experts):
        return "experts"
    if ".indexer" in op.path:
        return "indexer"
    if isinstance(op, Attend):
        return "attention scores"
    if isinstance(op, Scan | Conv):
        return "recurrence"
    if kind == "vector":
        return "single values"
    if not component.startswith("mixer"):
        return component.removeprefix("residual.").replace("_", " ").replace(".", " ")
    last = op.path.rpartition(".")[2]
    if last in _NAMED:
        return _NAMED[last]
    return "mixer out" if op.weights and op.weights[0].split == "in" else "mixer in"
