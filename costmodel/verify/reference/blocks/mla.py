"""Multi-head latent attention, absorbed or expanded."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.indexers import PositionScale
from costmodel.verify.reference.parts import (
    Block,
    Norm,
    Span,
    Spec,
    Step,
    attend,
    grouped,
    heads,
    linear,
    matrix,
    merged,
)
from costmodel.verify.reference.pooled import make_indexer


class LatentAttention(Block):
    """MLA (arXiv:2405.04434, section 2.1), absorbed or expanded."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.spec, self.span, self.n = spec, Span({"window": spec.get("window")}), spec["n_heads"]
        self.nope, self.rope, self.v = spec["qk_nope_head_dim"], spec["qk_rope_head_dim"], spec["v_head_dim"]
        self.rank, q_rank, biased = spec["kv_lora_rank"], spec.get("q_lora_rank"), spec.get("bias", [])
        if q_rank:
            self.q_a, self.q_a_norm = linear(width, q_rank, "q_a" in biased), Norm("rms", q_rank)
        self.both = spec.get("gate_from") == "latent"
        self.q_b = linear((2 if self.both else 1) * (q_rank or width), self.n * (self.nope + self.rope))
        if spec.get("position_scale"):
            self.by_position = PositionScale(self.n)
        if not spec.get("kv_from"):
            self.kv_a = linear(width, self.rank + self.rope, "kv_a" in biased)
            self.kv_a_norm = Norm("rms", self.rank)
        if spec.get("rope_norm"):
            self.k_rope_norm = Norm("rms", self.rope)
        self.k_up, self.v_up = matrix(self.n, self.nope, self.rank), matrix(self.n, self.v, self.rank)
        self.o = linear(self.n * self.v, width, "o" in biased)
        if gate := spec.get("gate"):
            d_in = 2 * (q_rank or 0) if self.both else width
            self.gate = linear(d_in, self.n * (self.v if gate == "element" else 1), "gate" in biased)
        if spec.get("sinks"):
            self.sinks = nn.Parameter(torch.randn(self.n))
        if spec.get("indexer"):
            self.indexer = make_indexer(spec["indexer"], width, q_rank)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend in the way that the step names."""
        raw = self.q_a(x) if self.spec.get("q_lora_rank") else None
        latent = None if raw is None else self.q_a_norm(raw)
        wide = x if latent is None else torch.cat([latent, raw], -1) if self.both else latent
        q = heads(self.q_b(wide), self.n)
        q = self.by_position(q, step.positions) if hasattr(self, "by_position") else q
        q_nope, q_rope = q.split([self.nope, self.rope], -1)
        if source := self.spec.get("kv_from"):
            c, k_rope = step.shared[f"new latents of {source}"]
        else:
            c, k_rope = self.kv_a(x).split([self.rank, self.rope], -1)
            c = self.kv_a_norm(c)
            if self.spec.get("rope_norm"):
                k_rope = self.k_rope_norm(k_rope)
        step.shared[f"new latents of {key[-1]}"] = c, k_rope
        slot = step.cache.slot(key)
        if self.spec.get("indexer"):
            step.shared[key[-1]] = self.indexer(x, latent, step, (*key, "indexer"))
        if step.mla == "expanded-cached":
            fresh = self._expand(c, k_rope)
            both, positions = self.span.extend(step, slot, {n: t.transpose(1, 2) for n, t in fresh.items()})
            out = self._attend(step, q, both["k"].transpose(1, 2), both["v"].transpose(1, 2), positions, key)
            return self._output(wide if self.both else x, out)
        if source:  # all that the other block sees, and nothing of its own
            c, k_rope, positions = step.shared[f"latents of {source}"]
        else:
            both, positions = self.span.extend(step, slot, {"latent": c, "rope": k_rope})
            c, k_rope = both["latent"], both["rope"]
        step.shared[f"latents of {key[-1]}"] = c, k_rope, positions
        if step.mla == "expanded":
            if not (self.spec.get("indexer") or self.spec.get("index_from")):  # picked keys alone would do
                step.log.read(key, c, k_rope)
            new = self._expand(c, k_rope)
            return self._output(wide if self.both else x, self._attend(step, q, new["k"], new["v"], positions, key))
        q_latent = torch.cat([grouped(q_nope, self.k_up), q_rope], -1)  # (B, n, S, rank + rope)
        keys = torch.cat([c, k_rope], -1)[:, None]
        values = keys[..., : self.rank]
        out = self._attend(step, q_latent, keys, values, positions, key)
        return self._output(wide if self.both else x, grouped(out, self.v_up.mT))

    def _expand(self, c: Tensor, k_rope: Tensor) -> dict[str, Tensor]:
        k, v = (F.linear(c, up.flatten(0, 1)) for up in (self.k_up, self.v_up))
        rope = k_rope[:, None].expand(-1, self.n, -1, -1)
        return {"k": torch.cat([heads(k, self.n), rope], -1), "v": heads(v, self.n)}

    def _attend(self, step: Step, q: Tensor, k: Tensor, v: Tensor, positions: Tensor, key: Any) -> Tensor:
        mask = self.span.mask(step.positions, positions)
        source = self.spec.get("index_from") or (key[-1] if self.spec.get("indexer") else None)
        if source is not None:
            mask = mask & step.shared[source][:, :, positions]
        return attend(step, key, q, k, v, mask, sinks=getattr(self, "sinks", None))

    def _output(self, x: Tensor, out: Tensor) -> Tensor:
        out = merged(out)
        if self.spec.get("gate"):
            gate = torch.sigmoid(self.gate(x)).unflatten(-1, (self.n, -1))
            out = (out.unflatten(-1, (self.n, -1)) * gate).flatten(-2)
        return self.o(out)
