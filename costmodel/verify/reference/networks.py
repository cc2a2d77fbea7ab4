"""Feed-forward networks, mixtures of experts, declared blocks."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, Span, Step, linear, matrix, silu, stack

Spec = dict[str, Any]


class FeedForward(nn.Module):
    """Two matrices, or three (arXiv:2002.05202)."""

    def __init__(self, spec: Spec, width: int, d_ff: int | None = None) -> None:
        super().__init__()
        inner, bias = d_ff or spec["d_ff"], spec.get("bias", False)

        def has(name: str) -> bool:
            return bias is True or (bias is not False and name in bias)

        self.gate = linear(width, inner, has("gate")) if spec.get("gated", True) else None
        self.up, self.down = linear(width, inner, has("up")), linear(inner, width, has("down"))
        norm = spec.get("inner_norm")
        self.norm = Norm("layer" if norm == "layer" else "rms", inner) if norm else None
        if spec.get("scalars"):
            self.scalars = nn.Parameter(torch.ones(spec["scalars"]))
        if rank := spec.get("input_scale"):
            self.scale = nn.Sequential(linear(width, rank), nn.GELU(), linear(rank, width))
        if spec.get("output_scale"):
            self.output_scale = nn.Parameter(torch.ones(1))

        if keep := spec.get("keep"):
            self.keep = Fraction(keep)
            for parameter in self.parameters():
                parameter.keep = self.keep
        if spec.get("keep_router"):
            self.keep_router = linear(width, 1)

    def forward(self, x: Tensor, _step: Step, _key: Any, adapter: nn.Module | None = None) -> Tensor:
        """Apply both layers; an adapter adds to gate and up together. ``keep``: to some tokens."""
        if not hasattr(self, "keep"):
            return self._network(x, adapter)
        flat = x.flatten(0, 1)
        score = self.keep_router(flat)[:, 0] if hasattr(self, "keep_router") else flat.sum(-1)
        chosen = score.topk(math.ceil(len(flat) * self.keep)).indices
        return torch.zeros_like(flat).index_copy(0, chosen, self._network(flat[chosen], None)).reshape(x.shape)

    def _network(self, x: Tensor, adapter: nn.Module | None) -> Tensor:
        if hasattr(self, "scale"):
            shared = torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype)[None]  # of the step: a delay, a time
            x = x * (1 + self.scale(shared))
        added = adapter(x).split(self.up.out_features, -1) if adapter is not None else ()
        up = self.up(x) + (added[-1] if added else 0)
        up = silu(up) if self.gate is None else up * silu(self.gate(x) + (added[0] if added else 0))
        if hasattr(self, "scalars"):
            up = up * self.scalars.mean()
        down = self.down(up if self.norm is None else self.norm(up))
        return down * self.output_scale if hasattr(self, "output_scale") else down


class LanguageFeedForward(nn.Module):
    """A network, and one adapter of several behind it (arXiv:2205.06266): all texts here have the first language."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        n, inner, norm = spec["languages"], spec["adapter_width"], spec.get("adapter_norm")
        self.up, self.down = linear(width, spec["d_ff"], True), linear(spec["d_ff"], width, True)
        self.norm = Norm("layer" if norm == "own" else "none", width) if norm else None
        self.adapter_down, self.adapter_up = stack(n, inner, width), stack(n, width, inner)
        self.bias_down, self.bias_up = stack(n, inner), stack(n, width)

    def forward(self, x: Tensor, _step: Step, _key: Any) -> Tensor:
        """Return what is added to the stream."""
        out = self.down(silu(self.up(x)))
        read = x + out if self.norm is None else self.norm(x + out)
        inner = silu(F.linear(read, self.adapter_down[0], self.bias_down[0]))
        return out + F.linear(inner, self.adapter_up[0], self.bias_up[0])


class MixtureOfExperts(nn.Module):
    """Routed experts, stacked; every row of work is one token in one expert."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.spec, self.n, self.k = spec, spec["n_experts"], spec["top_k"]
        inner, d_ff, route = spec.get("latent") or width, spec["d_ff"], spec.get("router", {})
        outputs = self.n + spec.get("zero_experts", 0)
        hidden = route.get("hidden")
        of_all = spec.get("shared") or {}
        self.scored = of_all.get("n_experts", 1) if of_all.get("scored") else 0
        if not route.get("by_kind"):
            self.router = linear(hidden or width, self._columns(outputs) + self.scored, route.get("bias", False))
        if route.get("output_scale"):
            self.output_scale = nn.Parameter(torch.ones(1))
        if hidden:
            self.router_down = linear(width, hidden, True)
            self.router_norm = Norm("rms", hidden)
            self.router_layers = nn.ModuleList([linear(hidden, hidden, True) for _ in range(2)])
        if route.get("carried"):
            self.carried = nn.Parameter(torch.ones(hidden))
        if route.get("scale"):
            self.scale = nn.Parameter(torch.ones(width))
        if route.get("expert_scale"):
            self.expert_scale = nn.Parameter(torch.ones(self.n))
        if route.get("correction_bias"):
            self.register_buffer("correction", torch.randn(outputs))
        names = ("gate", "up") if spec.get("gated", True) else ("up",)
        self.into = nn.ParameterDict({name: stack(self.n, d_ff, inner) for name in names})
        self.down = stack(self.n, inner, d_ff)
        if spec.get("bias"):
            self.biases = nn.ParameterDict({name: stack(self.n, d_ff) for name in names})
            self.biases["down"] = stack(self.n, inner)
        if spec.get("latent"):
            self.latent = nn.ModuleList([linear(width, inner), linear(inner, width)])
        if spec.get("latent_norms") == "sum":
            self.sum_norm = Norm("rms", inner)
        elif spec.get("latent_norms"):
            self.latent_norms = nn.ModuleList([Norm("rms", inner), Norm("rms", inner)])
        if spec.get("output_bias"):
            self.output_bias = nn.Parameter(torch.randn(width))
        if shared := spec.get("shared"):
            biased = spec | {key: shared.get(key, spec.get(key, key == "gated")) for key in ("bias", "gated")}
            other = ("keep", "keep_router", "output_scale")
            plain = {name: value for name, value in biased.items() if name not in other}
            self.shared = FeedForward(plain, width, shared.get("n_experts", 1) * shared["d_ff"])
            if shared.get("gate"):
                self.shared_gate = linear(width, 1)

    def _columns(self, outputs: int) -> int:
        """Return what the router gives: a score an expert, or one for each half of a product key."""
        return 2 * math.isqrt(outputs) if self.spec.get("router", {}).get("product_keys") else outputs

    @property
    def per_token(self) -> Fraction:
        """Return the real experts a token uses, in expectation."""
        if self.spec.get("expert_choice"):
            return Fraction(self.spec["capacity_factor"])
        if self.spec.get("expected_top_k") is not None:
            return Fraction(self.spec["expected_top_k"])
        zero = self.spec.get("zero_experts", 0)
        return Fraction(self.k * self.n, self.n + zero)

    def _choose(self, scores: Tensor, step: Step, key: Any) -> Tensor:
        """Return the expert of every row: (tokens, experts a token), the most loved ones.

        Where a choice is an expectation (zero experts, experts that choose), it is forced to be it.
        """
        per_token = self.per_token
        assert per_token.denominator == 1, "fuzzed specs have whole expectations"
        scores = scores[:, : scores.shape[1] - self.scored]
        if hasattr(self, "correction"):
            scores = scores + self.correction
        place = (key[0], *key[2:])
        if step.sticky and place in step.router:
            return step.router[place]
        chosen = scores[:, : self.n].topk(int(per_token), -1).indices
        step.router[place] = chosen
        return chosen

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Route every token, compute its rows, add them up."""
        shape, flat = x.shape, x.flatten(0, 1)
        chosen, weights, scores = self._route(flat, step, key)
        inner = self.latent[0](flat) if hasattr(self, "latent") else flat
        inner = self.latent_norms[0](inner) if hasattr(self, "latent_norms") else inner
        rows = torch.arange(len(flat))[:, None].expand_as(chosen).flatten()
        out = self._experts(inner[rows], chosen.flatten())
        out = self.latent_norms[1](out) if hasattr(self, "latent_norms") else out
        self._pad(step, len(rows), len(flat), inner)
        mixed = torch.zeros_like(inner).index_add(0, rows, out * weights.flatten()[:, None])
        mixed = self.sum_norm(mixed) if hasattr(self, "sum_norm") else mixed
        total = self.latent[1](mixed) if hasattr(self, "latent") else mixed
        if hasattr(self, "output_bias"):
            total = total + self.output_bias
        if hasattr(self, "shared"):
            shared = self.shared(flat, step, key)
            if self.scored:  # the mean of what each is given, which counts the same
                shared = shared * scores[:, -self.scored :].mean(-1, keepdim=True).to(x.dtype)
            total = total + (shared * torch.sigmoid(self.shared_gate(flat)) if hasattr(self, "shared_gate") else shared)
        return total.reshape(shape)

    def _route(self, flat: Tensor, step: Step, key: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Return the experts of every token, what each counts, and all scores; kinds of tokens take turns."""
        if not hasattr(self, "router"):
            every = torch.ones_like(flat[:, :1])
            return torch.arange(len(flat))[:, None] % self.n, every, every
        routed = Norm("none", flat.shape[-1])(flat) * self.scale if hasattr(self, "scale") else flat
        scores = self.router(self._hidden(routed, step) if hasattr(self, "router_down") else routed)
        if self.spec.get("router", {}).get("product_keys"):
            first, second = scores.chunk(2, -1)
            scores = (first[..., :, None] + second[..., None, :]).flatten(-2)  # none beyond a square
        score = self.spec.get("router", {}).get("score", "softmax")
        scores = {"softmax": lambda s: s.softmax(-1), "sigmoid": torch.sigmoid}.get(
            score, lambda s: F.softplus(s).sqrt()
        )(scores.float().clamp(-40, 40))  # nothing is exactly zero, so every chosen expert has a gradient
        chosen = self._choose(scores, step, key)
        weights = scores.gather(1, chosen).to(flat.dtype)
        if hasattr(self, "output_scale"):
            weights = weights * self.output_scale
        weights = weights * self.expert_scale[chosen] if hasattr(self, "expert_scale") else weights
        return chosen, weights, scores

    def _hidden(self, x: Tensor, step: Step) -> Tensor:
        """Return what scores are made of: a network on the token and on what the last router made of it."""
        x = self.router_down(x)
        before = step.shared.get("router")
        if hasattr(self, "carried"):
            fits = before is not None and before.shape == x.shape
            x = x + self.carried * (before if fits else torch.ones_like(x))  # nothing stood before it
        step.shared["router"] = x
        x = self.router_norm(x)
        for layer in self.router_layers:
            x = silu(layer(x))
        return x

    def _experts(self, rows: Tensor, expert: Tensor) -> Tensor:
        """Return what each row's expert makes of it."""

        def product(name: str, weight: Tensor, x: Tensor) -> Tensor:
            y = torch.bmm(weight[expert], x[..., None])[..., 0]
            return y + self.biases[name][expert] if self.spec.get("bias") else y

        inner = {name: product(name, weight, rows) for name, weight in self.into.items()}
        hidden = silu(inner["gate"]) * inner["up"] if "gate" in inner else silu(inner["up"])
        return product("down", self.down, hidden)

    def _pad(self, step: Step, useful: int, tokens: int, inner: Tensor) -> None:
        """Compute what a fixed capacity computes beyond the useful rows, or remember what it drops."""
        if not step.padded or "capacity_factor" not in self.spec:
            return
        factor = Fraction(str(self.spec["capacity_factor"]))
        share = factor if self.spec.get("expert_choice") else factor * self.k
        slots = self.n * math.ceil(share * tokens / self.n)
        if slots > useful:
            empty = inner.new_zeros(slots - useful, inner.shape[-1])
            self._experts(empty, torch.zeros(len(empty), dtype=torch.long))
        else:
            columns = sum(w.shape[1] for w in self.into.values()) + self.down.shape[2]
            step.dropped += 2 * (useful - slots) * columns * inner.shape[-1]


class Custom(nn.Module):
    """Declared weights; work of the declared size: products of the right number of terms."""

    def __init__(self, spec: Spec, _width: int) -> None:
        super().__init__()
        self.spec, self.span = spec, Span({"window": spec.get("window")})
        active = spec.get("active", {})
        self.stacks = nn.ParameterDict({n: stack(*s) for n, s in spec.get("weights", {}).items() if n in active})
        self.whole = nn.ParameterDict({n: matrix(*s) for n, s in spec.get("weights", {}).items() if n not in active})

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Do the declared work on every token and on every pair."""
        slot, batch = step.cache.slot(key), len(x)
        gain = torch.ones(())
        for name, slices in self.stacks.items():
            gain = gain + slices[: self.spec["active"][name]].sum()
        ones = x.new_ones(batch * step.new, 1, max(1, self.spec.get("flops_per_token", 0) // 2))
        if self.spec.get("flops_per_token"):
            torch.bmm(ones, ones.transpose(1, 2))
        fresh = {}
        if width := self.spec.get("cache_per_token"):
            fresh["cache"] = x.new_zeros(batch, step.new, width)
        _, positions = self.span.extend(step, slot, fresh)
        if per_pair := self.spec.get("flops_per_pair"):
            mask = self.span.mask(step.positions, positions)
            terms = x.new_ones(batch * mask.numel(), 1, per_pair // 2)
            torch.bmm(terms, terms.transpose(1, 2))
            step.executed_pairs += batch * mask.numel() * per_pair
            step.full_pairs += batch * mask.numel() * per_pair
            step.useful_pairs += batch * int(mask.sum()) * per_pair
        if size := self.spec.get("state"):
            model = self.spec.get("state_dtype") == "model"
            slot["state"] = torch.zeros(batch, size, dtype=x.dtype if model else torch.float32)
        return x * gain.to(x.dtype) + 1  # not only a factor, which a norm behind it would take away
