"""Parameters by what they are for, in the words of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Component -> row, in the order of a comparison. What is not here is named after its component.
ROWS = {
    "moe.experts": "routed experts",
    "moe.shared": "shared experts",
    "moe.latent": "expert projections",
    "ffn.dense": "dense ffn",
    "mixer.attention": "attention",
    "mixer.differential_attention": "attention",
    "mixer.xl_attention": "attention",
    "mixer.mla": "attention",
    "mixer.compressed_attention": "attention",
    "mixer.cca": "attention",
    "mixer.cross_attention": "cross-attention",
    "mixer.merged_attention": "attention",
    "mixer.host_attention": "attention",
    "mixer.relative_bias": "attention",
    "mixer.mamba": "mamba",
    "mixer.mamba2": "mamba2",
    "mixer.gated_deltanet": "deltanet",
    "mixer.kda": "kda",
    "mixer.lightning": "lightning",
    "mixer.mlstm": "mlstm",
    "mixer.rg_lru": "rg-lru",
    "mixer.rwkv4": "rwkv",
    "mixer.short_conv": "convolution",
    "mixer.conformer_conv": "convolution",
    "mixer.shared": "shared block",
    "embedding": "input embedding",
    "embedding.ple": "layer embeddings",
    "embedding.ngrams": "n-gram tables",
    "lm_head": "lm head",
    "moe.router": "router, norms",
    "norms": "router, norms",
}
_LAST = ("router, norms", "norms")


@dataclass(slots=True, eq=False, repr=False)
class ComponentRow:
    """A row of a table of parameters."""

    label: str
    total: int
    active: int


def label_of(component: str) -> str:
    """Return the row that a component belongs to."""
    return ROWS.get(component) or component.rpartition(".")[2].replace("_", " ")


def rows_of(total: Mapping[str, int], active: Mapping[str, int], *, tied: bool = False) -> list[ComponentRow]:
    """Return the parts of a total, largest first, small ones folded last; they sum to it."""
    found: dict[str, ComponentRow] = {}
    for name, values in total.items():
        label = label_of(name)
        if label == "router, norms" and "moe.router" not in total:
            label = "norms"
        if name == "embedding" and tied:
            label = "embedding, tied"
        row = found.setdefault(label, ComponentRow(label, 0, 0))
        row.total += values
        row.active += active[name]
    return sorted((row for row in found.values() if row.total), key=lambda row: (row.label in _LAST, -row.total))


def compared(total: Mapping[str, int]) -> dict[str, int]:
    """Return the parts of a total as a comparison names them: embedding and head together."""
    found: dict[str, int] = {}
    for name, values in total.items():
        label = label_of(name)
        label = "embedding + head" if label in ("input embedding", "lm head") else label
        found[label] = found.get(label, 0) + values
    return found


def order(labels: Iterable[str]) -> list[str]:
    """Return the rows of a comparison in their order."""
    known = list(dict.fromkeys("embedding + head" if v in ("input embedding", "lm head") else v for v in ROWS.values()))
    wanted = set(labels)
    others = sorted(wanted - set(known))
    return [label for label in known[:-1] if label in wanted] + others + [n for n in known[-1:] if n in wanted]
