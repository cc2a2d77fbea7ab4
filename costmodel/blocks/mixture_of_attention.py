"""Mixture of attention heads: experts that are pairs of a query and an output projection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.spans import Span
from costmodel.steps import STEPS


class MixtureOfAttention(Block):
    """Attention with ``top_k`` of ``n_experts`` query and output projections, chosen for each token.

    Every expert has ``n_kv_heads`` query heads, one for each head of the keys and values, which all
    share; so a token attends with ``top_k * n_kv_heads`` heads. Kept per token and layer: ``2 *
    n_kv_heads * head_dim`` values. ``output_bias``: one of the model's width on the sum.
    Source: arXiv:2306.04640 (ModuleFormer); as transformers 5.23 runs it in jetmoe.
    """

    component: ClassVar[str] = "mixer.attention"
    role: ClassVar[str] = "attention"

    kind: Literal["mixture_of_attention"]
    n_experts: Count
    top_k: Count
    n_kv_heads: Count
    head_dim: Count
    output_bias: bool = False
    rope: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> MixtureOfAttention:
        if self.top_k > self.n_experts:
            raise Impossible(
                f"top_k {self.top_k} is more than the {self.n_experts} experts there are",
                "top_k",
                f"at most {self.n_experts}",
            )
        return self

    def describe(self) -> str:
        """Return chosen/experts, as ``attention 2/8``."""
        return f"attention {self.top_k}/{self.n_experts}"

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, width = self.n_kv_heads, self.n_kv_heads * self.head_dim
        chosen: dict[str, Any] = {"n_experts": self.n_experts, "chosen": self.top_k}
        router, experts = at.sub("router", "moe.router", "router"), at.sub("experts")
        yield router.project("scores", router=self.n_experts)
        yield router.vector("choice", self.n_experts, STEPS["softmax"])
        yield experts.experts("q", d_in=at.width, shared_input=True, **chosen, q=width)
        yield at.project("kv", split="out", units=heads, k=width, v=width)
        if self.rope:
            yield at.vector("rope", (self.top_k + 1) * width, STEPS["rotary"])
        span, attention = Span(), at.load.attention
        yield at.attend(
            "attend",
            at.pairs(lambda new, cached: span.pairs(new, cached, attention)),
            at.resident(span),
            n_heads=self.top_k * heads,
            n_kv_heads=heads,
            qk_head_dim=self.head_dim,
            v_head_dim=self.head_dim,
            states=(at.cache("kv", span, 2 * width, units=heads),),
        )
        yield experts.experts("o", d_in=width, **chosen, o=at.width)
        # Each chosen expert's output is scaled and added to the sum.
        yield experts.vector("combine", at.width, 2, tokens=at.tokens * self.top_k)
        if self.output_bias:
            yield at.vector("output_bias", at.width, STEPS["add"], weights=(at.weight("output_bias", at.width),))
