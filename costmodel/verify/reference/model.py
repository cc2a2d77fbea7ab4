"""A plain eager PyTorch language model built from the data of a spec.

Written from the papers' equations and DESIGN's definitions, not from ``costmodel``: nothing of it
is imported here. One call runs one step and keeps in a ``Cache`` exactly what the next one needs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .parts import Cache, Norm, Spec, Step, linear, matrix
from .patches import Patches
from .residual.hyper_connections import connection
from .source_input import SourceInput
from .stacks import Stack

FEATURES = (
    "altup", "laurel", "ple", "ngrams", "output_conv", "residual_gate", "residual_scale", "layer_scale",
    "hyper_connections", "attention_residuals",
)  # fmt: skip


class Reference(nn.Module):
    """Embedding, an encoder if there is one, a stack, a head; MTP layers beside it."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        spec = {"norm": {}, **spec}
        self.spec, width, vocab = spec, spec["d_model"], spec["vocab_size"]
        shape = spec.get("embedding", {})
        narrow = shape.get("width") or width
        codebooks, beside = shape.get("codebooks", 1), shape.get("codebook_rows")
        self.tables = 1 if beside else codebooks  # of the same rows, one below the other
        host = (spec.get("host") or {}).get("d_model")
        self.from_host = linear(2 * host, width) if host else None
        self.to_host = linear(width, host) if host else None
        self.table: Any = None if host else matrix(self.tables * (shape.get("rows") or vocab), narrow)
        self.codes = nn.ParameterList(matrix(beside, narrow) for _ in range(codebooks if beside else 0))
        self.hashes = nn.ParameterList(matrix(shape["hash_rows"], narrow) for _ in range(shape.get("hashes", 0)))
        self.types = matrix(shape["token_types"], narrow) if shape.get("token_types") else None
        self.narrow = shape.get("narrow", False)
        first = narrow if self.narrow else width
        self.positions = matrix(spec["positions"], first) if spec.get("positions") else None
        self.beside = nn.ParameterList(matrix(one["rows"], one["width"]) for one in shape.get("beside", []))
        wide = narrow + sum(table.shape[1] for table in self.beside)
        self.up = linear(wide, width, shape.get("bias", False)) if wide > narrow or narrow != width else None
        self.norm = Norm(shape["norm"], first) if shape.get("norm") else None
        features = {f: spec[f] for f in FEATURES if spec.get(f) is not None}
        self.stack = Stack("layers", spec, spec, spec["n_layers"], width, features)
        self.patches = Patches(spec) if spec.get("patches") else None
        norm = spec["norm"]
        self.final = self._final(norm, width)
        dense = spec.get("head", {}).get("dense", False)
        narrow = spec.get("head", {}).get("width") or narrow
        self.down = linear(width, narrow, spec["head"].get("dense_bias", False) if dense else False)
        headless = not spec.get("head", {}).get("table", True)
        self.down = self.down if (dense or narrow != width) and not headless else None
        self.dense_norm = Norm(norm.get("kind", "rms"), narrow, bias=norm.get("bias", True)) if dense else None
        head = spec.get("head", {})
        self.columns = head.get("columns") or head.get("codebooks", 1) * vocab
        self.head: Any = self.table if spec.get("tied") else None if headless else matrix(self.columns, narrow)
        self.head_norm = Norm(head["norm"], width) if head.get("norm") else None
        self.head_bias = nn.Parameter(torch.randn(self.columns)) if head.get("bias") else None
        if (encoder := spec.get("encoder")) is not None:
            self._encoder(encoder, encoder.get("d_model") or width)

    def _encoder(self, encoder: Spec, width: int) -> None:
        own = encoder.get("embedding", {})
        self.encoder = Stack("encoder", encoder, self.spec, encoder["n_layers"], width, {})
        self.encoder_final = self._final(encoder.get("norm") or self.spec["norm"], width)
        rows = encoder.get("positions") or []
        rows = rows if isinstance(rows, list) else [rows]
        self.encoder_positions = nn.ParameterList(matrix(n, width) for n in rows)
        self.encoder_input = SourceInput(encoder["input"]) if encoder.get("input") else None
        rows = own.get("rows") or len(self.table) // self.tables
        self.encoder_table: Any = matrix(rows, width) if own.get("table") else None
        self.encoder_project = None
        if encoder.get("project"):
            self.encoder_project = linear(width, self.spec["d_model"], encoder.get("project_bias", False))
        self.encoder_norm = Norm(own["norm"], width) if own.get("norm") else None

    def some_source(self, batch: int, tokens: int) -> Tensor:
        """Return what the encoder reads, at random: tokens, or frames that become so many."""
        dtype = next(self.parameters()).dtype
        if width := self.spec.get("d_source"):
            return torch.randn(batch, tokens, width, dtype=dtype)
        if self.encoder_input is not None:
            return self.encoder_input.some(batch, tokens).to(dtype)
        return torch.randint(self.spec["vocab_size"], (batch, tokens))

    def _embed_source(self, source: Tensor, looked_up: Tensor | None) -> Tensor:
        """Return the encoder's input: rows of the decoder's table, or what the encoder has for its own."""
        own = self.spec["encoder"].get("embedding") is not None
        if looked_up is not None:
            x = looked_up
        elif self.encoder_input is not None:
            x, own = self.encoder_input(source), True
        else:
            x = self.encoder_table[source % len(self.encoder_table)]
        for rows in self.encoder_positions:
            x = x + rows[torch.arange(x.shape[1]) % len(rows)]
        norm = self.encoder_norm if own else self.norm
        return x if norm is None else norm(x)

    def lookups(self) -> int:
        """Return the values of tables that are only looked up."""
        tables = [self.types, self.positions, *self.codes, *self.hashes, *self.beside]
        tables += [getattr(self, "encoder_table", None), *getattr(self, "encoder_positions", ())]
        tables += [] if self.spec.get("tied") or self.table is None else [self.table]
        tables += [self.stack.inputs.table] if hasattr(self.stack, "inputs") else []
        tables += [one.table for one in getattr(self.stack, "ngrams", ())]
        return sum(table.numel() for table in tables if table is not None)

    @staticmethod
    def _final(norm: Spec, width: int) -> Norm | None:
        return Norm(norm.get("kind", "rms"), width, bias=norm.get("bias", True)) if norm.get("final", True) else None

    def _look_up(self, tokens: Tensor, *, text: bool = False) -> Tensor:
        """Return rows of the tables, added up. The other tokens of a position are made up from its first."""
        if self.from_host is not None:  # an embedding and a hidden state of the host, made up
            return self.from_host(torch.randn(*tokens.shape, self.from_host.in_features, dtype=self.head.dtype))
        rows = len(self.table) // self.tables
        x = self.table[tokens % rows]
        for number in range(1, self.tables):
            x = x + self.table[number * rows + (tokens + number) % rows]
        for table in () if text else self.codes:
            x = x + table[(tokens + 1) % len(table)]
        for table in () if text else self.hashes:
            x = x + table[(7 * tokens + 1) % len(table)]
        if self.types is not None:
            x = x + self.types[tokens % len(self.types)]
        return torch.cat([x, *(table[(tokens + 2) % len(table)] for table in self.beside)], -1)

    def _rows(self, tokens: Tensor, source: Tensor | None) -> list[Tensor]:
        """Return the rows of the tokens, and of a source that has no table of its own, at the model's width."""
        rows = [self._look_up(tokens)]
        if source is not None and "encoder" in self.spec and self.encoder_input is None and self.encoder_table is None:
            rows.append(self._look_up(source, text=True))
        if self.up is None or self.narrow:
            return rows
        return list(self.up(torch.cat(rows, 1)).split([x.shape[1] for x in rows], 1))

    def _embed(self, x: Tensor, first: int) -> Tensor:
        if self.positions is not None:
            at = torch.arange(first, first + x.shape[1]) % len(self.positions)
            x = x + self.positions[at]
        x = x if self.norm is None else self.norm(x)
        return self.up(x) if self.narrow and self.up is not None else x

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits of hidden states that are normalised already; without a head, them."""
        if self.head is None:
            return x
        if self.head_norm is not None:
            x = self.head_norm(x)
        if self.down is not None:
            x = self.down(x)
        if self.dense_norm is not None:
            x = self.dense_norm(torch.nn.functional.gelu(x))
        rows = torch.nn.functional.linear(x.flatten(0, 1), self.head[: self.columns], self.head_bias)
        return rows.unflatten(0, x.shape[:2])

    def forward(self, tokens: Tensor, step: Step, source: Tensor | None = None) -> Tensor:
        """Run one step on ``tokens`` (B, S) and, where given, new source tokens."""
        cache = step.cache
        embedded, *of_source = self._rows(tokens, source)
        if source is not None and self.spec.get("d_source"):
            step.source = source
        elif source is not None:
            read = self._embed_source(source, of_source[0] if of_source else None)
            inner = Step(
                Cache(), read.shape[1], 0, step.mla, step.padded, log=step.log, sticky=step.sticky, router=step.router
            )
            x = self.encoder(read, inner)
            x = x if self.encoder_final is None else self.encoder_final(x)
            step.source = x if self.encoder_project is None else self.encoder_project(x)
            step.executed_pairs += inner.executed_pairs
            step.full_pairs += inner.full_pairs
            step.useful_pairs += inner.useful_pairs
            step.dropped += inner.dropped
            step.log.keep(inner.cache.moved())
        step.x0 = self._embed(embedded, step.past)
        x = step.x0 if self.patches is None else self.patches(step.x0, step)
        x = self.stack(x, step, tokens, self.spec.get("loops", 1))
        if step.last_only:
            x = x[:, -1:]
        if self.final is not None:
            x = self.final(x)
        if self.to_host is not None:
            self.to_host(x)
        cache.length += step.new
        return self.logits(x)


class Mtp(nn.Module):
    """Layers that predict further tokens, with a model's embedding and head (arXiv:2412.19437, section 2.2)."""

    def __init__(self, spec: Spec, model: Reference) -> None:
        super().__init__()
        spec, width = {"norm": {}, **spec}, spec["d_model"]
        part, self.model = spec["mtp"], [model]
        self.depth = part.get("depth", 1)
        of = spec.get("hyper_connections")
        self.streams = of["n_streams"] if of else 1
        self.stack = Stack("mtp", part, spec, self.depth, width, {"hyper_connections": of} if of else {})
        if hasattr(self.stack, "head"):  # every prediction has a collapse of its own
            del self.stack.head
            self.heads = nn.ModuleList(connection(of or {}, width, head=True) for _ in range(self.depth))
        norm = {"kind": spec["norm"].get("kind", "rms"), "bias": spec["norm"].get("bias", True)}
        self.norms = nn.ModuleList(
            nn.ModuleList(Norm(width=width, **norm) for _ in range(3)) for _ in range(self.depth)
        )
        self.projects = nn.ModuleList(linear(2 * width, width) for _ in range(self.depth))

    def forward(self, hidden: Tensor, embedded: Tensor, step: Step) -> list[Tensor]:
        """Return the logits of every depth."""
        outs = []
        for i in range(self.depth):
            a, b, last = self.norms[i]
            x = self.projects[i](torch.cat([a(hidden), b(embedded)], -1))
            if self.streams > 1:
                x = x[:, :, None].expand(-1, -1, self.streams, -1)
            hidden = self.stack._layer(i, x, step)
            if hasattr(self, "heads"):
                hidden = self.heads[i].collapse(hidden, self.heads[i].weights(hidden)[0])
            elif self.streams > 1:
                hidden = hidden.mean(-2)
            outs.append(self.model[0].logits(last(hidden)))
        return outs
