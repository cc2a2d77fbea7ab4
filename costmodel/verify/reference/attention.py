"""Softmax attention: multi-head, grouped, multi-query, over any span; and from one stack to another."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from .indexers import BlockIndexer
from .parts import Norm, Span, Step, attend, conv, heads, linear, matrix, merged
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


class RelativeLogits(nn.Module):
    """A bias by distance that a query mixes from learned profiles (transformers' inkling)."""

    def __init__(self, spec: Spec, width: int, n_heads: int) -> None:
        super().__init__()
        self.n, self.clip = n_heads, spec.get("clip", False)
        self.mix, self.profiles = linear(width, n_heads * spec["width"]), matrix(spec["extent"], spec["width"])
        if self.clip:
            self.scale = nn.Parameter(torch.ones(n_heads, 1, spec["width"]))

    def forward(self, x: Tensor, queries: Tensor, keys: Tensor) -> Tensor:
        """Return what is added to the scores: (B, heads, queries, keys)."""
        mix = heads(self.mix(x), self.n)
        if self.clip:
            mix = clipped(mix * self.scale)
        all_of_them = mix @ self.profiles.T
        distance = (queries[:, None] - keys[None, :]).expand(*all_of_them.shape[:2], -1, -1)
        extent = len(self.profiles)
        found = all_of_them.gather(-1, distance.clamp(0, extent - 1))
        return found.masked_fill((distance < 0) | (distance >= extent), 0)


def clipped(x: Tensor, longest: float = 8.0) -> Tensor:
    """Return vectors of which none is longer."""
    return x * (longest / (x.norm(dim=-1, keepdim=True) + 1e-6)).clamp(max=1)


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
        self.separate = spec.get("separate_inputs", False)
        if spec.get("sinks") == "projected":
            self.to_sinks = linear(d_in, self.n)
        elif spec.get("sinks"):
            self.sinks = nn.Parameter(torch.randn(self.n))
        if taps := spec.get("kv_conv"):
            self.conv = matrix(self.g * (self.k + self.v), taps)
        if spec.get("dynamic_taps"):
            self.k_taps, self.v_taps = (linear(d_in, self.g * taps) for _ in range(2))
        if spec.get("qk_clip"):
            self.q_scale = nn.Parameter(torch.ones(self.n, 1, self.k))
        if relative := spec.get("relative"):
            self.relative = RelativeLogits(relative, width, self.n)
        if spec.get("indexer"):
            self.indexer = make_indexer(spec["indexer"], width, None)
        if spec.get("dynamic_mask"):
            self.to_mask = linear(self.g * self.v, self.g, "mask" in biased)
            self.mask_factor = nn.Parameter(torch.randn(self.g))
        if keep := spec.get("keep"):
            self.keep = Fraction(keep)
            for parameter in self.parameters():
                parameter.keep = self.keep
        if spec.get("keep_router"):
            self.keep_router = linear(width, 1)
        self.table = [bias_table] if bias_table is not None and bias_table.shape[1] == self.n else []

    def forward(
        self, x: Tensor, step: Step, key: Any, adapter: nn.ModuleDict | None = None, others: Any = None
    ) -> Tensor:
        """Attend and keep what the span needs. Adapters add to q, k and v; ``others`` are inputs of k and v."""
        if hasattr(self, "keep"):
            return self._some(x, step, key)
        return self._all(x, step, key, adapter, others or (x, x))

    def _some(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Let a share of the tokens in, evenly spread; which ones is nobody's business but chance's."""
        if hasattr(self, "keep_router"):
            x = x * torch.sigmoid(self.keep_router(x))
        share, past = self.keep, math.floor(self.keep * step.past)
        entered = [math.floor(share * (step.past + t)) for t in range(step.new + 1)]
        inside = torch.tensor([t for t in range(step.new) if entered[t + 1] > entered[t]], dtype=torch.long)
        inner = Step(step.cache, len(inside), past, loop=step.loop)
        out = torch.zeros_like(x)
        out[:, inside] = self._all(x[:, inside], inner, key, None, (x[:, inside],) * 2)
        step.executed_pairs += inner.executed_pairs
        # A token that is let in sees itself for sure, and every other one with the same chance.
        cost = 2 * len(x) * self.n * (self.k + self.v)
        for name, seen in (("full", step.new * (step.past + step.new)), ("useful", self._visible(step))):
            expected = share * share * (seen - step.new) + share * step.new
            setattr(step, f"{name}_pairs", getattr(step, f"{name}_pairs") + cost * expected)
        return out

    def _visible(self, step: Step) -> int:
        return int(self.span.mask(step.positions, torch.arange(step.past + step.new)).sum())

    def _all(self, x: Tensor, step: Step, key: Any, adapter: nn.ModuleDict | None, others: Any) -> Tensor:
        added = {name: low_rank(x) for name, low_rank in adapter.items()} if adapter is not None else {}
        q = apply_norm(self.q_norm, heads(self.q(x) + added.get("q", 0), self.n))
        if hasattr(self, "q_scale"):
            q = clipped(q * self.q_scale)
        k, v, positions = self._keys(others, step, key, added)
        mask = self.span.mask(step.positions, positions, step.prefix)
        if self.spec.get("indexer"):
            mask = mask & self.indexer(x, None, step, (*key, "indexer"))
        if self.spec.get("block_indexer"):
            mask = self.block_indexer(x, step, (*key, "indexer"))
        bias = None
        if self.table:
            distance = (step.positions[:, None] - positions[None, :]).abs().clamp(max=len(self.table[0]) - 1)
            bias = self.table[0][distance].permute(2, 0, 1)
        if self.spec.get("dynamic_mask"):
            mask, added_scores = self._dynamic(mask, v)
            bias = added_scores if bias is None else bias + added_scores
        if hasattr(self, "relative"):
            bias = self.relative(x, step.positions, positions) + (0 if bias is None else bias)
        sinks = self.to_sinks(x) if hasattr(self, "to_sinks") else getattr(self, "sinks", None)
        out = merged(attend(step, q, k, v, mask, sinks=sinks, bias=bias))
        if self.spec.get("gate"):
            gate = self.gate(x).unflatten(-1, (self.n, -1))
            if hasattr(self, "gate_bias"):
                gate = gate + self.gate_bias[:, None]
            out = (out.unflatten(-1, (self.n, -1)) * torch.sigmoid(gate)).flatten(-2)
        if self.out_norm is not None:
            out = merged(apply_norm(self.out_norm, heads(out, self.n)))
        return self.o(out)

    def _dynamic(self, mask: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mask of the first head's choice, of as many keys as every head's, and what scores have added."""
        numbers = torch.exp(self.mask_factor * torch.nn.functional.softplus(self.to_mask(merged(v))))
        numbers = numbers.transpose(1, 2).repeat_interleave(self.n // self.g, 1)[:, :, None]  # of every key and head
        seen = numbers[:, 0].float().masked_fill(~mask, -torch.inf)
        best = seen.topk(min(self.spec["dynamic_mask"], seen.shape[-1]), -1).indices
        return torch.zeros_like(seen, dtype=torch.bool).scatter_(-1, best, True) & mask, numbers

    def _keys(self, inputs: Any, step: Step, key: Any, added: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        if not self.own:
            return step.shared[self.spec["kv_from"]]
        flat_k, slot = self.to_k(inputs[0]) + added.get("k", 0), step.cache.slot(key)
        flat_v = flat_k if self.tied else self.to_v(inputs[1]) + added.get("v", 0)
        if hasattr(self, "conv"):
            both = torch.cat([flat_k, flat_v], -1)
            own = self._own_taps(inputs, both, slot.get("conv")) if hasattr(self, "k_taps") else 0
            mixed = both + own + conv(self.conv, None, both, slot, "conv", exact=True)
            flat_k, flat_v = mixed.split([flat_k.shape[-1], flat_v.shape[-1]], -1)
        raw = heads(flat_k, self.g)
        k = apply_norm(self.k_norm, raw)
        k = clipped(k) if hasattr(self, "q_scale") else k
        v = raw if self.tied else heads(flat_v, self.g)
        if self.spec.get("v_norm"):
            v = Norm("none", self.v)(v)
        fresh = {"k": k.transpose(1, 2)}
        if not (self.tied and self.spec.get("kv_copies") == 1):
            fresh["v"] = v.transpose(1, 2)
        seen, positions = self.span.extend(step, slot, fresh)
        found = seen["k"].transpose(1, 2), seen.get("v", seen["k"]).transpose(1, 2), positions
        step.shared[key[-1]] = found
        return found

    def _own_taps(self, inputs: Any, both: Tensor, old: Tensor | None) -> Tensor:
        """Return what keys and values of the last tokens give by taps that a token makes, a number a head and tap."""
        new, reach = both.shape[1], self.conv.shape[1]
        before = both.new_zeros(len(both), reach, both.shape[-1]) if old is None else old.transpose(1, 2).to(both.dtype)
        columns = torch.cat([before, both], 1)
        taps = [
            made(x).unflatten(-1, (self.g, 1, reach)).expand(-1, -1, -1, width, -1).flatten(2, 3)
            for made, x, width in zip((self.k_taps, self.v_taps), inputs, (self.k, self.v), strict=True)
        ]
        channels = torch.cat(taps, 2)  # (B, S, channels, taps): by how many tokens ago
        parts = [columns[:, reach - lag : reach - lag + new] * channels[..., lag] for lag in range(reach)]
        return torch.stack(parts).sum(0)


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
        self.window = spec.get("window")
        self.source_norm = Norm(spec["source_norm"], d_source) if spec.get("source_norm") else None
        if spec.get("gate"):
            self.gate = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend to all of the source, or its last tokens; only its new tokens are projected."""
        q = apply_norm(self.q_norm, heads(self.q(x), self.n))
        slot = step.cache.slot(key)
        if step.source is not None:
            source = step.source if self.source_norm is None else self.source_norm(step.source)
            k = apply_norm(self.k_norm, heads(self.to_k(source), self.g))
            v = heads(self.to_v(source), self.g)
            slot["k"] = torch.cat([slot["k"], k], 2) if "k" in slot else k
            slot["v"] = torch.cat([slot["v"], v], 2) if "v" in slot else v
        mask = torch.ones(step.new, slot["k"].shape[2], dtype=torch.bool)
        if self.window and step.seen is not None:
            last = int(step.seen[-1])
            at = torch.arange(last - slot["k"].shape[2], last)[None]
            mask = (at < step.seen[:, None]) & (at >= step.seen[:, None] - self.window)
        out = self.o(merged(attend(step, q, slot["k"], slot["v"], mask)))
        if self.window:
            slot |= {name: slot[name][:, :, -self.window :].clone() for name in ("k", "v")}
        return out * torch.tanh(self.gate) if hasattr(self, "gate") else out


class MergedAttention(nn.Module):
    """Queries on the own tokens and on the source in one softmax, with one set of matrices (t5gemma2)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.span, self.n, self.k = Span(spec), spec["n_heads"], spec["head_dim"]
        self.g, self.v = spec.get("n_kv_heads") or self.n, spec.get("v_head_dim") or self.k
        biased = spec.get("bias", [])
        self.q = linear(width, self.n * self.k, "q" in biased)
        self.to_k = linear(width, self.g * self.k, "k" in biased)
        self.to_v = linear(width, self.g * self.v, "v" in biased)
        self.o = linear(self.n * self.v, width, "o" in biased)
        self.q_norm = head_norm(spec.get("qk_norm"), self.n, self.k)
        self.k_norm = head_norm(spec.get("qk_norm"), self.g, self.k)
        self.source_norm = Norm(spec["source_norm"], width) if spec.get("source_norm") else None

    def _both(self, x: Tensor) -> dict[str, Tensor]:
        k = apply_norm(self.k_norm, heads(self.to_k(x), self.g))
        return {"k": k.transpose(1, 2), "v": heads(self.to_v(x), self.g).transpose(1, 2)}

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend to both; of the source only new tokens are projected."""
        q, beside = apply_norm(self.q_norm, heads(self.q(x), self.n)), step.cache.slot((*key, "source"))
        own, positions = self.span.extend(step, step.cache.slot(key), self._both(x))
        if step.source is not None:
            source = step.source if self.source_norm is None else self.source_norm(step.source)
            for name, fresh in self._both(source).items():
                beside[name] = torch.cat([beside[name], fresh], 1) if name in beside else fresh
        k, v = (torch.cat([own[name], beside[name]], 1).transpose(1, 2) for name in ("k", "v"))
        every = torch.ones(step.new, beside["k"].shape[1], dtype=torch.bool)
        mask = torch.cat([self.span.mask(step.positions, positions), every], 1)
        return self.o(merged(attend(step, q, k, v, mask)))
