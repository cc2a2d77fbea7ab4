"""What a family is: a small model of transformers and the same architecture in our language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from costmodel.architecture import Architecture
from costmodel.loader import read_document, resolve
from costmodel.validation import parse

# Kinds with a scan or a convolution.
RECURRENT = {
    "mamba", "mamba2", "gated_deltanet", "kda", "short_conv", "rg_lru", "rwkv4_time_mix", "lightning", "mlstm",
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """One row of data.

    ``config`` is what transformers' class takes, ``spec`` the same architecture as our YAML,
    written from what the configuration means. ``differences`` name functions of execution.py: what
    transformers runs or keeps besides the architecture's own work; ``beside`` parameters that it
    allocates besides, with the reason. ``fused``: matrices that its modules hold as one, by the
    names of our weights ("q k v", or "full: q gate" in one block); ``apart``: paths of stacks
    of ours that they hold as one matrix each; ``turned``: paths whose products they run
    transposed. ``wide``: weights, roles or parts of attention ("scores") that are
    computed in fp32 in a bf16 model. ``source`` > 0: an encoder reads so many tokens.
    """

    name: str
    config: Mapping[str, Any]
    spec: str
    differences: tuple[str, ...] = ()
    beside: Mapping[str, int] = field(default_factory=dict)
    fused: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()
    source: int = 0

    @cached_property
    def architecture(self) -> Architecture:
        """Return the spec, read as a file would be."""

        def no_base(name: str) -> Any:
            raise AssertionError(f"{self.name} has a base: {name}")

        document = resolve(read_document(f"name: {self.name}\n{self.spec}", where=f"{self.name}.yaml"), no_base)
        found = parse(document.data)
        assert isinstance(found, Architecture)
        return found

    @property
    def kinds(self) -> set[str]:
        """Return the kinds of its blocks."""
        return {block.kind for block in self.architecture.blocks.values()}

    @property
    def recurrent(self) -> bool:
        """Say whether a layer has a scan or a convolution, which torch runs in a form of its own."""
        convolved = any(getattr(block, "kv_conv", None) for block in self.architecture.blocks.values())
        return convolved or bool(self.kinds & RECURRENT)

    @property
    def windowed(self) -> bool:
        """Say whether a layer keeps a window, of which transformers keeps one token less."""
        blocks = self.architecture.blocks.values()
        return any(getattr(b, "window", None) or getattr(b, "chunk", None) for b in blocks)
