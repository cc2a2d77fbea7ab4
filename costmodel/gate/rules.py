"""Every rule of ``archcalc check``: its id, which never changes, its severity, what it means and why."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(slots=True, frozen=True)
class About:
    """A rule. ``severity``: error, warning or note, unless a budget file changes it."""

    id: str
    title: str
    severity: str
    help: str


_ALL = (
    About("AC100", "spec cannot be read", "error", "The message says where and what; nothing else is checked of it."),
    About(
        "AC150",
        "schedule is cut short",
        "warning",
        "A repeated cycle stops inside a turn, so that the last layers are not what the pattern suggests.",
    ),
    About(
        "AC151",
        "heads do not divide",
        "note",
        "Query heads are no multiple of 8, the usual tensor parallelism of a node: a plan with tp 8 is refused.",
    ),
    About(
        "AC152",
        "KV heads are repeated",
        "note",
        "Fewer KV heads than 8, or no multiple: at tp 8 some are kept on several devices, whose caches grow.",
    ),
    About(
        "AC153",
        "size is no multiple of 64",
        "note",
        "Tensor cores multiply tiles; NVIDIA's guide to matrix multiplication recommends multiples of 64 values of "
        "16 bits. A size that is no multiple of 8 is a warning: rows are then not aligned to 16 bytes.",
    ),
    About(
        "AC154",
        "experts are hardly sparse",
        "warning",
        "top_k is more than half of the experts: nearly all of them work on every token.",
    ),
    About(
        "AC155",
        "vocabulary is not padded",
        "note",
        "The rows of embedding and LM head are no multiple of 64: padding them costs little and aligns the product.",
    ),
    About(
        "AC156",
        "window is wider than the context",
        "warning",
        "A window or chunk of at least max_context tokens is full attention by another name.",
    ),
    About("AC157", "claim does not hold", "error", "A figure that the spec claims is not what the spec computes."),
    About(
        "AC158",
        "prefill is bound by memory",
        "note",
        "Even 8Ki tokens read at once do fewer FLOPs per byte of weights than the device's ridge: a token uses so few "
        "of the weights that reading them sets the pace. The device is --hardware.",
    ),
    About(
        "AC159",
        "cache does not fit",
        "warning",
        "One sequence of the longest context keeps more than all devices of --hardware hold.",
    ),
    About("AC201", "over budget", "error", "A figure is above its max."),
    About("AC202", "under budget", "error", "A figure is below its min."),
    About(
        "AC203", "not as stated", "error", "A figure is not what equals says, at its digits or within its tolerance."
    ),
    About(
        "AC204", "changed too much", "error", "A figure grew or shrank by more than allowed, both by today's formulas."
    ),
    About("AC205", "does not fit", "error", "Weights, caches and activations exceed the memory of the hardware."),
    About("AC206", "assertion is false", "error", "An expression of the budget file is not true of the spec."),
    About(
        "AC207", "figure cannot be computed", "error", "The model has no such figure, or it contradicts the workload."
    ),
    About(
        "AC208",
        "budget matches nothing",
        "warning",
        "No spec that is checked matches; a typing mistake checks nothing.",
    ),
    About("AC209", "formulas changed", "warning", "The same spec had another figure by the formulas of the lock file."),
    About("AC210", "waiver gives no reason", "error", "Write why: # archcalc: ignore[AC201] reason."),
    About("AC211", "waiver is not used", "warning", "Nothing was found there that it would waive: take it out."),
    About("AC212", "waiver names no rule", "error", "A waiver that is misspelt would waive nothing in silence."),
    About(
        "AC213", "not in the lock file", "warning", "Relative limits have no baseline yet: archcalc lock SPEC adds it."
    ),
)
RULES = MappingProxyType({rule.id: rule for rule in _ALL})
# A file that cannot be read has no waivers; a budget and a waiver are not waived.
NOT_WAIVED = frozenset({"AC100", "AC208", "AC210", "AC211", "AC212"})
