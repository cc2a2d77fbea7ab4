"""Attention of every kind, as the papers write it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, Span, Step, attend, heads, linear, matrix, merged, tally
from .pooled import make_indexer

Spec = dict[str, Any]


def head_norm(spec: Any, n_heads: int, width: int) -> Norm | None:
    """Return the norm on queries or keys that a spec asks for."""
    if spec is None:
        return None
    spec = {"shape": spec} if isinstance(spec, str) else spec
    kind, bias = spec.get("kind", "rms"), spec.get("bias", False)
    if spec["shape"] == "l2":
        return Norm("none", width)
    if spec["shape"] == "full":
        return Norm(kind, n_heads * width, bias=bias)
    return Norm(kind, width, bias=bias, shape=(n_heads, 1, width) if spec["shape"] == "heads" else (width,))


def apply_norm(norm: Norm | None, x: Tensor) -> Tensor:
    """Normalise x (B, heads, S, width), over all heads together where the norm is that wide."""
    if norm is None:
        return x
    if norm.width != x.shape[-1]:
        return heads(norm(merged(x)), x.shape[1])
    return norm(x)


class Attention(nn.Module):
    """Multi-head, grouped and multi-query attention (arXiv:1706.03762, arXiv:2305.13245)."""

    def __init__(self, spec: Spec, width: int, bias_table: nn.Parameter | None = None) -> None:
        super().__init__()
        self.spec, self.span = spec, Span(spec)
        self.n, self.k = spec["n_heads"], spec["head_dim"]
        self.g, self.v = spec.get("n_kv_heads") or self.n, spec.get("v_head_dim") or self.k
        self.own, self.tied = spec.get("kv_from") is None, spec.get("kv") == "tied"
        d_in, biased, norm = spec.get("d_in") or width, spec.get("bias", []), spec.get("qk_norm")
        self.q = linear(d_in, self.n * self.k, "q" in biased)
        self.o = linear(self.n * self.v, width, "o" in biased)
        self.q_norm, self.out_norm = head_norm(norm, self.n, self.k), head_norm(spec.get("out_norm"), self.n, self.v)
        if self.own:
            self.to_k = linear(d_in, self.g * self.k, "k" in biased)
            self.k_norm = head_norm(norm, self.g, self.k)
            if not self.tied:
                self.to_v = linear(d_in, self.g * self.v, "v" in biased)
        if gate := spec.get("gate"):
            self.gate = linear(d_in, self.n * self.v if gate == "element" else self.n, "gate" in biased)
        if spec.get("gate_bias"):
            self.gate_bias = nn.Parameter(torch.randn(self.n))
        if spec.get("block_indexer"):
            self.block_indexer = BlockIndexer(spec["block_indexer"], width)
        if spec.get("sinks"):
            self.sinks = nn.Parameter(torch.randn(self.n))
        if spec.get("indexer"):
            self.indexer = make_indexer(spec["indexer"], width, None, Indexer)
        if keep := spec.get("keep"):
            self.keep = Fraction(keep)
            for parameter in self.parameters():
                parameter.keep = self.keep
        if spec.get("keep_router"):
            self.keep_router = linear(width, 1)
        self.table = [bias_table] if bias_table is not None and bias_table.shape[1] == self.n else []

    def forward(self, x: Tensor, step: Step, key: Any, adapter: nn.ModuleDict | None = None) -> Tensor:
        """Attend and keep what the span needs. Adapters add to q, k and v."""
        if hasattr(self, "keep"):
            return self._some(x, step, key)
        return self._all(x, step, key, adapter)

    def _some(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Let a share of the tokens in, evenly spread; which ones is nobody's business but chance's."""
        if hasattr(self, "keep_router"):
            x = x * torch.sigmoid(self.keep_router(x))
        share, past = self.keep, math.floor(self.keep * step.past)
        entered = [math.floor(share * (step.past + t)) for t in range(step.new + 1)]
        inside = torch.tensor([t for t in range(step.new) if entered[t + 1] > entered[t]], dtype=torch.long)
        inner = Step(step.cache, len(inside), past, loop=step.loop)
        out = torch.zeros_like(x)
        out[:, inside] = self._all(x[:, inside], inner, key, None)
        step.executed_pairs += inner.executed_pairs
        # A token that is let in sees itself for sure, and every other one with the same chance.
        cost = 2 * len(x) * self.n * (self.k + self.v)
        for name, seen in (("full", step.new * (step.past + step.new)), ("useful", self._visible(step))):
            expected = share * share * (seen - step.new) + share * step.new
            setattr(step, f"{name}_pairs", getattr(step, f"{name}_pairs") + cost * expected)
        return out

    def _visible(self, step: Step) -> int:
        return int(self.span.mask(step.positions, torch.arange(step.past + step.new)).sum())

    def _all(self, x: Tensor, step: Step, key: Any, adapter: nn.ModuleDict | None) -> Tensor:
        added = {name: low_rank(x) for name, low_rank in adapter.items()} if adapter is not None else {}
        q = apply_norm(self.q_norm, heads(self.q(x) + added.get("q", 0), self.n))
        k, v, positions = self._keys(x, step, key, added)
        mask = self.span.mask(step.positions, positions)
        if self.spec.get("indexer"):
            mask = mask & self.indexer(x, None, step, (*key, "indexer"))
        if self.spec.get("block_indexer"):
            mask = self.block_indexer(x, step, (*key, "indexer"))
        bias = None
        if self.table:
            distance = (step.positions[:, None] - positions[None, :]).abs().clamp(max=len(self.table[0]) - 1)
            bias = self.table[0][distance].permute(2, 0, 1)
        out = merged(attend(step, q, k, v, mask, sinks=getattr(self, "sinks", None), bias=bias))
        if self.spec.get("gate"):
            gate = self.gate(x).unflatten(-1, (self.n, -1))
            if hasattr(self, "gate_bias"):
                gate = gate + self.gate_bias[:, None]
            out = (out.unflatten(-1, (self.n, -1)) * torch.sigmoid(gate)).flatten(-2)
        if self.out_norm is not None:
            out = merged(apply_norm(self.out_norm, heads(out, self.n)))
        return self.o(out)

    def _keys(self, x: Tensor, step: Step, key: Any, added: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        if not self.own:
            return step.shared[self.spec["kv_from"]]
        raw = heads(self.to_k(x) + added.get("k", 0), self.g)
        k = apply_norm(self.k_norm, raw)
        v = raw if self.tied else heads(self.to_v(x) + added.get("v", 0), self.g)
        if self.spec.get("v_norm"):
            v = Norm("none", self.v)(v)
        fresh = {"k": k.transpose(1, 2)}
        if not (self.tied and self.spec.get("kv_copies") == 1):
            fresh["v"] = v.transpose(1, 2)
        both, positions = self.span.extend(step, step.cache.slot(key), fresh)
        found = both["k"].transpose(1, 2), both.get("v", both["k"]).transpose(1, 2), positions
        step.shared[key[-1]] = found
        return found


class DifferentialAttention(nn.Module):
    """Two softmaxes a pair of heads, one subtracted from the other (arXiv:2410.05258, section 2.1)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.span, self.n, self.k = Span(spec), spec["n_heads"], spec["head_dim"]
        self.g, biased = spec.get("n_kv_heads") or self.n, spec.get("bias", [])
        self.q = linear(width, self.n * self.k, "q" in biased)
        self.to_k = linear(width, self.g * self.k, "k" in biased)
        self.to_v = linear(width, self.g * self.k, "v" in biased)
        self.o = linear(self.n * self.k, width, "o" in biased)
        self.first, self.second = (nn.Parameter(0.1 * torch.randn(2, self.k)) for _ in range(2))
        self.norm = Norm("rms" if spec.get("norm_weight") else "none", 2 * self.k)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend with every head; heads 2i and 2i + 1 are a pair, whose keys share a value of twice the width."""
        fresh = {
            "k": heads(self.to_k(x), self.g).transpose(1, 2),
            "v": heads(self.to_v(x), self.g // 2).transpose(1, 2),
        }
        both, positions = self.span.extend(step, step.cache.slot(key), fresh)
        k, v = both["k"].transpose(1, 2), both["v"].transpose(1, 2).repeat_interleave(2, 1)
        share = self.n // self.g  # queries of a key: the first ones of its pair, then the second ones
        q = heads(self.q(x), self.n)
        out = attend(step, q, k, v, self.span.mask(step.positions, positions))
        out = out.unflatten(1, (self.g // 2, 2, share))
        factor = (self.first.prod(0).sum().exp() - self.second.prod(0).sum().exp() + 0.2).to(x.dtype)
        pairs = (out[:, :, 0] - factor * out[:, :, 1]).flatten(1, 2)
        return self.o(merged(0.8 * self.norm(pairs)))


class BlockIndexer(nn.Module):
    """Scores of single keys, of which the best stands for its block (transformers' minimax_m3_vl)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, self.e, self.block, self.top = (spec[key] for key in ("n_heads", "head_dim", "block", "top_blocks"))
        self.q, self.k = linear(width, self.n * self.e), linear(width, self.e)
        self.q_norm, self.k_norm = Norm("rms", self.e), Norm("rms", self.e)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Return the choice as a mask (B, S, keys) over all tokens so far; every head has the same."""
        q, span = self.q_norm(heads(self.q(x), self.n)), Span({})
        both, positions = span.extend(step, step.cache.slot(key), {"index": self.k_norm(self.k(x))})
        causal = span.mask(step.positions, positions)
        scores = (q @ both["index"][:, None].transpose(-1, -2)).amax(1).masked_fill(~causal, -torch.inf)
        tally(step, len(x), self.n, causal, self.e, causal.numel())
        of = positions // self.block
        blocks = torch.stack([scores[..., of == b].amax(-1) for b in range(int(of[-1]) + 1)], -1)
        own = (step.positions // self.block).expand(len(x), -1)[..., None]
        best = blocks.scatter(-1, own, torch.inf).topk(min(self.top, blocks.shape[-1]), -1).indices
        return torch.zeros_like(blocks, dtype=torch.bool).scatter_(-1, best, True)[..., of] & causal


class CrossAttention(nn.Module):
    """Queries of the decoder, keys and values of the source (arXiv:1706.03762, section 3.2.3)."""

    def __init__(self, spec: Spec, width: int, d_source: int) -> None:
        super().__init__()
        self.n, self.k = spec["n_heads"], spec["head_dim"]
        self.g, self.v = spec.get("n_kv_heads") or self.n, spec.get("v_head_dim") or self.k
        biased = spec.get("bias", [])
        self.q = linear(width, self.n * self.k, "q" in biased)
        self.to_k = linear(d_source, self.g * self.k, "k" in biased)
        self.to_v = linear(d_source, self.g * self.v, "v" in biased)
        self.o = linear(self.n * self.v, width, "o" in biased)
        self.q_norm = head_norm(spec.get("qk_norm"), self.n, self.k)
        self.k_norm = head_norm(spec.get("qk_norm"), self.g, self.k)
        if spec.get("gate"):
            self.gate = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend to all of the source; only its new tokens are projected."""
        q = apply_norm(self.q_norm, heads(self.q(x), self.n))
        slot = step.cache.slot(key)
        if step.source is not None:
            k = apply_norm(self.k_norm, heads(self.to_k(step.source), self.g))
            v = heads(self.to_v(step.source), self.g)
            slot["k"] = torch.cat([slot["k"], k], 2) if "k" in slot else k
            slot["v"] = torch.cat([slot["v"], v], 2) if "v" in slot else v
        mask = torch.ones(step.new, slot["k"].shape[2], dtype=torch.bool)
        out = self.o(merged(attend(step, q, slot["k"], slot["v"], mask)))
        return out * torch.tanh(self.gate) if hasattr(self, "gate") else out


class Indexer(nn.Module):
    """The lightning indexer: DeepSeek-V3.2-Exp technical report, equation 1.

    From the hidden state, queries have a LayerNorm on their input (transformers' mistral_large4).
    """

    def __init__(self, spec: Spec, width: int, latent: int) -> None:
        super().__init__()
        self.n, self.e, self.top_k = spec["n_heads"], spec["head_dim"], spec["top_k"]
        self.hidden = spec.get("queries") == "hidden"
        self.q = linear(width if self.hidden else latent, self.n * self.e)
        self.k = linear(width, self.e)
        self.k_norm = Norm("layer", self.e)
        if self.hidden:
            self.q_norm = Norm("layer", width)
        self.weights = linear(width, self.n)

    def forward(self, x: Tensor, latent: Tensor | None, step: Step, key: Any) -> Tensor:
        """Return the choice as a mask (B, S, keys) over all tokens so far."""
        q = heads(self.q(self.q_norm(x) if self.hidden else latent), self.n)
        span = Span({})
        both, positions = span.extend(step, step.cache.slot(key), {"index": self.k_norm(self.k(x))})
        causal = span.mask(step.positions, positions)
        scores = F.relu(q @ both["index"][:, None].transpose(-1, -2))
        weighted = (self.weights(x)[:, :, None] @ scores.transpose(1, 2))[:, :, 0]
        tally(step, len(x), self.n, causal, self.e + 1, causal.numel())
        weighted = weighted.float().masked_fill(~causal, -torch.inf)
        best = weighted.topk(min(self.top_k, weighted.shape[-1]), -1).indices
        return torch.zeros_like(weighted, dtype=torch.bool).scatter_(-1, best, True) & causal


class LatentAttention(nn.Module):
    """MLA (arXiv:2405.04434, section 2.1), absorbed or expanded."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.spec, self.span, self.n = spec, Span({"window": spec.get("window")}), spec["n_heads"]
        self.nope, self.rope, self.v = spec["qk_nope_head_dim"], spec["qk_rope_head_dim"], spec["v_head_dim"]
        self.rank, q_rank, biased = spec["kv_lora_rank"], spec.get("q_lora_rank"), spec.get("bias", [])
        if q_rank:
            self.q_a, self.q_a_norm = linear(width, q_rank, "q_a" in biased), Norm("rms", q_rank)
        self.q_b = linear(q_rank or width, self.n * (self.nope + self.rope))
        self.kv_a = linear(width, self.rank + self.rope, "kv_a" in biased)
        self.kv_a_norm = Norm("rms", self.rank)
        if spec.get("rope_norm"):
            self.k_rope_norm = Norm("rms", self.rope)
        self.k_up, self.v_up = matrix(self.n, self.nope, self.rank), matrix(self.n, self.v, self.rank)
        self.o = linear(self.n * self.v, width, "o" in biased)
        if gate := spec.get("gate"):
            self.gate = linear(width, self.n * (self.v if gate == "element" else 1), "gate" in biased)
        if spec.get("sinks"):
            self.sinks = nn.Parameter(torch.randn(self.n))
        if spec.get("indexer"):
            self.indexer = make_indexer(spec["indexer"], width, q_rank, Indexer)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend in the way that the step names."""
        latent = self.q_a_norm(self.q_a(x)) if self.spec.get("q_lora_rank") else None
        q = heads(self.q_b(x if latent is None else latent), self.n)
        q_nope, q_rope = q.split([self.nope, self.rope], -1)
        c, k_rope = self.kv_a(x).split([self.rank, self.rope], -1)
        c = self.kv_a_norm(c)
        if self.spec.get("rope_norm"):
            k_rope = self.k_rope_norm(k_rope)
        slot = step.cache.slot(key)
        if self.spec.get("indexer"):
            step.shared[key[-1]] = self.indexer(x, latent, step, (*key, "indexer"))
        if step.mla == "expanded-cached":
            fresh = self._expand(c, k_rope)
            both, positions = self.span.extend(step, slot, {n: t.transpose(1, 2) for n, t in fresh.items()})
            out = self._attend(step, q, both["k"].transpose(1, 2), both["v"].transpose(1, 2), positions, key)
            return self._output(x, out)
        both, positions = self.span.extend(step, slot, {"latent": c, "rope": k_rope})
        c, k_rope = both["latent"], both["rope"]
        if step.mla == "expanded":
            new = self._expand(c, k_rope)
            return self._output(x, self._attend(step, q, new["k"], new["v"], positions, key))
        q_latent = torch.cat([q_nope @ self.k_up, q_rope], -1)  # (B, n, S, rank + rope)
        keys, values = torch.cat([c, k_rope], -1)[:, None], c[:, None]
        out = self._attend(step, q_latent, keys, values, positions, key)
        return self._output(x, out @ self.v_up.transpose(-1, -2))

    def _expand(self, c: Tensor, k_rope: Tensor) -> dict[str, Tensor]:
        up = torch.cat([self.k_up.flatten(0, 1), self.v_up.flatten(0, 1)])
        k, v = F.linear(c, up).split([self.n * self.nope, self.n * self.v], -1)
        rope = k_rope[:, None].expand(-1, self.n, -1, -1)
        return {"k": torch.cat([heads(k, self.n), rope], -1), "v": heads(v, self.n)}

    def _attend(self, step: Step, q: Tensor, k: Tensor, v: Tensor, positions: Tensor, key: Any) -> Tensor:
        mask = self.span.mask(step.positions, positions)
        source = self.spec.get("index_from") or (key[-1] if self.spec.get("indexer") else None)
        if source is not None:
            mask = mask & step.shared[source][:, :, positions]
        return attend(step, q, k, v, mask, sinks=getattr(self, "sinks", None))

    def _output(self, x: Tensor, out: Tensor) -> Tensor:
        out = merged(out)
        if self.spec.get("gate"):
            gate = torch.sigmoid(self.gate(x)).unflatten(-1, (self.n, -1))
            out = (out.unflatten(-1, (self.n, -1)) * gate).flatten(-2)
        return self.o(out)
