"""Byte patching (arXiv:2412.09871): bytes, patches of bytes, and vectors that the bytes of the decoder read."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .parts import Norm, Spec, Step, attend, heads, linear, matrix, merged
from .stacks import Stack


class Patches(nn.Module):
    """Layers on bytes, one attention that makes patches of them, layers on patches.

    The byte at position t belongs to patch number ceil(t / size): the first one is alone.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        own, width = spec["patches"], spec["d_model"]
        self.size, self.vectors, shape = own["size"], own.get("vectors", 1), own["pooling"]
        self.n, self.g = shape["n_heads"], shape.get("n_kv_heads") or shape["n_heads"]
        k, wide = shape["head_dim"], self.vectors * width
        self.encoder = Stack("bytes", own["encoder"], spec, own["encoder"]["n_layers"], width, {})
        self.patch = linear(width, wide)
        self.q_norm, self.k_norm = Norm("rms", width), Norm("rms", width)
        self.q, self.o = linear(width, self.n * k), linear(self.n * k, width)
        self.to_k, self.to_v = linear(width, self.g * k), linear(width, self.g * k)
        self.up = linear(wide, own["d_model"]) if wide != own["d_model"] else nn.Identity()
        self.stack = Stack("patches", own, spec, own["n_layers"], own["d_model"], {})
        self.down = linear(own["d_model"], wide)

    def number(self, position: Tensor) -> Tensor:
        """Return the patch of the byte at a position."""
        return -(-position // self.size)

    def whole(self, n: int) -> int:
        """Return how many patches have ended with the first ``n`` bytes: the last of patch p is at p * size."""
        return sum(1 for position in range(n) if position % self.size == 0)

    def forward(self, x: Tensor, step: Step) -> Tensor:
        """Return the bytes after their encoder; leave the vectors of new patches, and how many each byte sees."""
        x = self.encoder(x, step)
        past = self.whole(step.past)
        new = self.whole(step.past + step.new) - past
        vectors = self._pool(x, step, past, new)
        step.source = None
        if new:
            inner = Step(
                step.cache, new, past, step.mla, step.padded, log=step.log, sticky=step.sticky, router=step.router
            )
            out = self.down(self.stack(self.up(vectors.flatten(2)), inner))
            step.source = out.unflatten(-1, (self.vectors, -1)).flatten(1, 2)
            for name in ("executed_pairs", "full_pairs", "useful_pairs", "dropped"):
                setattr(step, name, getattr(step, name) + getattr(inner, name))
        step.seen = torch.tensor([self.vectors * self.whole(int(p) + 1) for p in step.positions])
        return x

    def _pool(self, x: Tensor, step: Step, past: int, new: int) -> Tensor:
        """Return (batch, new patches, vectors, width), and keep what the open patch needs."""
        slot = step.cache.slot(("patches", "pooling"))
        normed = self.k_norm(x)
        k, v = heads(self.to_k(normed), self.g), heads(self.to_v(normed), self.g)
        left = slot["k"].shape[2] if slot else 0
        positions = torch.arange(step.past - left, step.past + step.new)
        high, of = x, self.number(positions[left:])
        if left:  # the maximum of the bytes that stand before, as if it were one of them
            k, v = torch.cat([slot["k"], k], 2), torch.cat([slot["v"], v], 2)
            slot.read += slot["high"].nbytes
            high, of = torch.cat([slot["high"], x], 1), torch.cat([self.number(positions[:1]), of])
        numbers = self.number(positions)
        found = x.new_zeros(len(x), 0, self.vectors, x.shape[-1])
        if new:
            highest = torch.stack([high[:, of == n].amax(1) for n in range(past, past + new)], 1)
            found = self.patch(highest).unflatten(-1, (self.vectors, -1))
            asks = found.flatten(1, 2)
            mask = torch.arange(past, past + new).repeat_interleave(self.vectors)[:, None] == numbers[None]
            out = self.o(
                merged(attend(step, ("patches", "pooling"), heads(self.q(self.q_norm(asks)), self.n), k, v, mask))
            )
            found = (2 * asks + out).unflatten(1, (new, self.vectors))
        slot.clear()
        rest = numbers >= past + new
        if rest.any():
            slot |= {"k": k[:, :, rest].clone(), "v": v[:, :, rest].clone()}
            slot["high"] = high[:, of >= past + new].amax(1, keepdim=True)
            slot.written += sum(slot[name][:, :, -step.new :].nbytes for name in ("k", "v")) + slot["high"].nbytes
        return found


class Patcher(nn.Module):
    """A small language model on the same bytes."""

    def __init__(self, spec: Spec, text_width: int) -> None:
        super().__init__()
        del text_width
        self.spec, width = {"norm": {}, **spec}, spec["d_model"]
        norm = self.spec["norm"]
        self.table, self.head = matrix(spec["vocab_size"], width), linear(width, spec["vocab_size"])
        self.stack = Stack("patcher", self.spec, self.spec, spec["n_layers"], width, {})
        final = norm.get("final", True)
        self.final = Norm(norm.get("kind", "rms"), width, bias=norm.get("bias", True)) if final else nn.Identity()

    def forward(self, tokens: Tensor, step: Step) -> Tensor:
        """Return the logits of the next byte."""
        step.cache.length += step.new
        return self.head(self.final(self.stack(self.table[tokens % len(self.table)], step)))
