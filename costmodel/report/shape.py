"""What stands where in a model, in words: groups of layers, patterns, what a layer keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from costmodel.report.data import PRIVATE
from costmodel.schedule import is_cut
from costmodel.units import context_text

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.block import Block
    from costmodel.ops import Op
    from costmodel.stack import Stack

# What a layer keeps, most first: the first of a block's states decides.
_KEEPS = {
    "full": "all",
    "cross": "all",
    "latent": "latent",
    "compressed": "latent",
    "window": "window",
    "chunk": "window",
    "recurrent": "state",
    "conv": "state",
}


@dataclass(slots=True)
class LayerGroup:
    """``layers`` layers of one kind; ``sublayers`` lists the blocks of each sublayer."""

    layers: int
    sublayers: list[list[str]]


@dataclass(slots=True)
class BlockRow:
    """A block: how often it stands in the stack, what it keeps and is.

    ``role`` is mixer or ffn; ``keeps`` all, latent, window, state or nothing.
    """

    name: str
    kind: str
    label: str  # as a pattern names it: window
    sized: str  # with what makes it differ: window 1024
    role: str
    places: int
    keeps: str
    details: str
    stack: str = field(default="layers", metadata=PRIVATE)


@dataclass(slots=True)
class StackRow:
    """A stack of layers: ``name`` is layers, encoder, bytes or patches."""

    name: str
    n_layers: int
    groups: list[LayerGroup]
    schedule: str | None  # what stops inside a turn, as written: "repeat 5 local + global"
    strips: dict[str, list[str]] = field(metadata=PRIVATE)  # role -> one word a layer


@dataclass(slots=True)
class Shape:
    """The layers of a model: stacks, blocks, and the same in a few words."""

    stacks: list[StackRow]
    blocks: list[BlockRow]
    mixer: str  # as a pattern: 5 window + full
    ffn: str  # what occurs: dense, moe 8/256+1
    mixers: list[str]  # with counts: ["52 window 1024", "10 full"]
    ffns: list[str]


def describe(architecture: Architecture) -> Shape:
    """Return what stands where."""
    found = architecture.kept.get("shape")
    if found is None:
        found = architecture.kept["shape"] = _describe(architecture)
    return found


def _describe(architecture: Architecture) -> Shape:
    from costmodel.workload import Workload

    stacks = architecture.stacks
    ops = architecture.lower(Workload(new_tokens=1, cached_tokens=1, source_cached=1))
    kept = {stack.path: _kept(stack, ops) for stack in stacks}
    rows = [_stack_row(stack, kept[stack.path], _schedules(architecture, stack)) for stack in stacks]
    blocks = [
        _block_row(name, stack.blocks[name], places * stack.loops, kept[stack.path][name], stack.path)
        for stack in stacks
        for name, places in stack.layout.counts.items()
    ]
    main = architecture.stack
    sequences = {role: _sequence(main, role) for role in ("mixer", "ffn")}
    counted = {
        role: [f"{n} {text}" for text, n in _counts(sized(main.blocks[b]) for b in names).items()]
        for role, names in sequences.items()
    }
    networks = ", ".join(dict.fromkeys(_labels(main, "ffn"))) or "none"
    return Shape(rows, blocks, pattern(_labels(main, "mixer")), networks, counted["mixer"], counted["ffn"])


def role(block: Block) -> str:
    """Return ``ffn`` for a block that works on each token alone, else ``mixer``."""
    return "ffn" if block.component.partition(".")[0] in ("ffn", "moe") else "mixer"


def sized(block: Block) -> str:
    """Return a block in a few words with its span: ``window 1024``, ``chunk 8Ki``."""
    text = block.describe()
    span = getattr(block, "span", None)
    if span is not None and text == "window":
        return f"window {span.window}"
    if span is not None and text == "chunk":
        return f"chunk {context_text(span.chunk)}"
    return text


def limits(architecture: Architecture, prefix: int | None = None) -> list[int]:
    """Return the context lengths at which some layer stops to keep more, in order.

    Where a prefix is kept, that is its tokens later; never, where it is as long as the context (None).
    """
    found = set()
    for name in architecture.stack.layout.counts:
        block = architecture.blocks[name]
        span, held = getattr(block, "span", None), prefix if getattr(block, "prefix", None) == "kept" else 0
        if span and span.limit and held is not None:
            found.add(span.limit + held)
    return sorted(found)


def pattern(labels: Sequence[str]) -> str:
    """Return a sequence in short: ``mla``, ``5 window + full``, ``23 mamba2 + 6 full``.

    A cycle, cut or whole, is given by its counts in a turn, anything else by its counts in all.
    """
    if not labels:
        return "none"
    counts = _counts(labels)
    if len(counts) == 1:
        return labels[0]
    period = next((p for p in range(2, len(labels) // 2 + 1) if _repeats(labels, p)), None)
    turn = _counts(labels[:period]) if period else {}
    shown = turn if turn and min(turn.values()) == 1 else counts
    return " + ".join(f"{n} {label}" if n > 1 else label for label, n in shown.items())


def _repeats(labels: Sequence[str], period: int) -> bool:
    return all(labels[i] == labels[i - period] for i in range(period, len(labels)))


def _counts(labels: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for label in labels:
        found[label] = found.get(label, 0) + 1
    return found


def _sequence(stack: Stack, wanted: str) -> list[str]:
    """Return the blocks of one role in the order of the layers."""
    return [
        name for layer in stack.layout.layers for entry in layer for name in entry if role(stack.blocks[name]) == wanted
    ]


def _labels(stack: Stack, wanted: str) -> list[str]:
    """Return what every sublayer of one role is, in order: ``full``, ``full & mamba2``."""
    named = ([n for n in entry if role(stack.blocks[n]) == wanted] for layer in stack.layout.layers for entry in layer)
    return [" & ".join(stack.blocks[name].describe() for name in names) for names in named if names]


def _kept(stack: Stack, ops: Iterable[Op]) -> dict[str, str]:
    """Return what each block of a stack keeps, in the words of the strip."""
    names = sorted(stack.layout.counts, key=len, reverse=True)  # a name may begin another
    kinds: dict[str, set[str]] = {name: set() for name in names}
    for op in ops:
        for state in op.states:
            if state.stored:
                owner = next((n for n in names if op.path.startswith(f"{stack.path}.{n}.")), None)
                if owner is not None:
                    kinds[owner].add(state.kind)
    return {
        name: next((word for kind, word in _KEEPS.items() if kind in found), "nothing") for name, found in kinds.items()
    }


def _block_row(name: str, block: Block, places: int, keeps: str, path: str) -> BlockRow:
    return BlockRow(name, block.kind, block.describe(), sized(block), role(block), places, keeps, block.details(), path)


def _stack_row(stack: Stack, kept: dict[str, str], schedules: list[str]) -> StackRow:
    strips: dict[str, list[str]] = {}
    for wanted in ("mixer", "ffn"):
        cells = [_cell(layer, stack, kept, wanted) for layer in stack.layout.layers]
        if len(set(cells)) > 1:
            strips[wanted] = cells
    groups = [LayerGroup(n, [list(entry) for entry in layer if entry]) for n, layer in stack.layout.groups()]
    cut = next((text for text in schedules if is_cut(text, len(stack.layout.layers))), None)
    return StackRow(stack.path, len(stack.layout.layers), groups, cut, strips)


def _cell(layer: Any, stack: Stack, kept: dict[str, str], wanted: str) -> str:
    """Return the word of one layer in a strip: what it keeps, or dense or moe."""
    names = [name for entry in layer for name in entry if role(stack.blocks[name]) == wanted]
    if wanted == "ffn":
        kinds = {stack.blocks[name].component.partition(".")[0] for name in names}
        return "moe" if "moe" in kinds else "dense" if kinds else "none"
    words = {kept[name] for name in names}
    return next((word for word in dict.fromkeys(_KEEPS.values()) if word in words), "nothing")


def _schedules(architecture: Architecture, stack: Stack) -> list[str]:
    """Return the schedules of a stack as written."""
    patches = architecture.patches
    parts = {"encoder": architecture.encoder, "patches": patches, "bytes": patches and patches.encoder}
    part: Any = parts.get(stack.path, architecture)
    found = [part.mixer, part.ffn, *(part.layer or [])]
    return [text for text in found if isinstance(text, str)]
