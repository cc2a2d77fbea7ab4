"""Mixture of experts: a router, routed experts, shared experts."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from math import isqrt
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Expected, Impossible, Model, Natural
from costmodel.blocks.ffn import gated_pair
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, ceil_div
from costmodel.steps import STEPS
from costmodel.things import Weight
from costmodel.units import count_text


class Shared(Model):
    """Experts that every token uses.

    ``d_ff`` is one expert's; ``gate`` scales their sum; ``bias`` and ``gated`` where they are not those
    of the routed ones. ``scored``: the router scores them as well, and what it gives each of them
    scales it (transformers' inkling).
    """

    n_experts: Count = 1
    d_ff: Count
    gate: bool = False
    bias: bool | None = None
    gated: bool | None = None
    scored: bool = False


class Router(Model):
    """How experts are scored.

    ``correction_bias`` is a buffer that only the choice uses. ``groups`` and ``top_groups`` limit
    the choice and change no count. ``hash``: the choice comes from a table by token id (a buffer
    of vocabulary x top_k). ``scale``: a learned vector on the router's normalised input;
    ``expert_scale``: a learned factor of every expert; ``output_scale``: one of all that is chosen.
    ``hidden``: the scores come from a network of this width, a projection down, a norm and two layers
    with biases; ``carried``: what the router of the layer before made of the token, scaled by a
    learned vector, is added to it. ``by_kind``: nothing is scored, the kind of a token (text, sound,
    images) is its expert; work is shared out as if every kind were as likely. ``product_keys``: an
    expert's score is the sum of two of twice the root of n_experts scores (arXiv:2407.04153, whose
    experts have ``d_ff: 1``).
    """

    score: Literal["softmax", "sigmoid", "sqrtsoftplus"] = "softmax"
    bias: bool = False
    correction_bias: bool = False
    groups: Count | None = None
    top_groups: Count | None = None
    hash: bool = False
    scale: bool = False
    expert_scale: bool = False
    output_scale: bool = False
    hidden: Count | None = None
    carried: bool = False
    by_kind: bool = False
    product_keys: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Router:
        given = next((name for name in type(self).model_fields if name in self.model_fields_set - {"by_kind"}), None)
        if self.by_kind and given:
            raise Impossible(f"by_kind scores nothing, so there is no {given}", given, "leave it out")
        if self.carried and self.hidden is None:
            raise Impossible("carried adds to hidden values, and there are none", "carried", "add hidden")
        return self


class MixtureOfExperts(Block):
    """``top_k`` of ``n_experts`` feed-forward networks, chosen for each token.

    ``zero_experts`` can be chosen too and do nothing; ``expected_top_k`` is then how many real ones
    a token uses (default: as if the choice were uniform). ``latent``: experts work at a smaller
    width, behind two projections, and with ``latent_norms`` between two norms of that width: one
    before them, one on what each of the chosen gives; ``latent_norms: sum`` is one, on their sum
    (Kimi K3, arXiv:2607.24653). ``capacity_factor``: experts work on a fixed number of rows,
    ceil(factor x tokens x top_k / experts), filled or not. ``expert_choice``: experts choose
    ``capacity_factor`` times their share of tokens, so a token uses that many in expectation.
    ``output_bias``: one of the model's width on the sum of the routed experts (transformers' jetmoe).
    Source: arXiv:1701.06538; shared experts arXiv:2401.06066, section 3.2; capacity
    arXiv:2101.03961, section 2.2; expert choice arXiv:2202.09368, section 3.2.
    """

    component: ClassVar[str] = "moe.experts"
    role: ClassVar[str] = "ffn"

    kind: Literal["moe"]
    n_experts: Count
    top_k: Count
    expected_top_k: Expected | None = None
    zero_experts: Natural = 0
    d_ff: Count
    gated: bool = True
    bias: bool = False
    shared: Shared | None = None
    router: Router = Router()
    latent: Count | None = None
    latent_norms: bool | Literal["sum"] = False
    capacity_factor: Expected | None = None
    expert_choice: bool = False
    output_bias: bool = False
    activation: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> MixtureOfExperts:
        outputs = self.n_experts + self.zero_experts
        if self.top_k > outputs:
            raise Impossible(
                f"top_k {self.top_k} is more than the {outputs} experts there are", "top_k", f"at most {outputs}"
            )
        if self.expected_top_k is not None and not self.least <= self.expected_top_k <= self.most:
            raise Impossible(
                f"expected_top_k {self.expected_top_k} cannot be: a token uses {self.least} to {self.most} experts",
                "expected_top_k",
            )
        if self.expert_choice and self.capacity_factor is None:
            raise Impossible("expert_choice needs a capacity_factor", "expert_choice", "add capacity_factor: 1")
        if self.expert_choice and (self.zero_experts or self.expected_top_k is not None):
            field = "zero_experts" if self.zero_experts else "expected_top_k"
            raise Impossible(f"with expert_choice tokens do not choose, so there is no {field}", field)
        if self.expert_choice and self.capacity_factor and self.capacity_factor > self.n_experts:
            raise Impossible(
                f"capacity_factor {self.capacity_factor} gives a token more than all {self.n_experts} experts",
                "capacity_factor",
                f"at most {self.n_experts}",
            )
        if self.latent_norms and self.latent is None:
            raise Impossible("latent_norms stand around a latent, and there is none", "latent_norms", "add latent")
        if self.router.by_kind and (self.top_k != 1 or self.zero_experts or self.capacity_factor is not None):
            raise Impossible("a token is of one kind, and its expert takes it", "router.by_kind", "top_k: 1, no more")
        if self.router.product_keys and self.top_k > isqrt(self.n_experts) ** 2:
            raise Impossible("product_keys reach a square of experts, and top_k is more", "top_k")
        if self.router.product_keys and (self.zero_experts or (self.shared and self.shared.scored)):
            field = "zero_experts" if self.zero_experts else "shared.scored"
            raise Impossible("product_keys reach routed experts that exist", field, "leave one out")
        groups, top_groups = self.router.groups, self.router.top_groups
        if groups and self.n_experts % groups:
            raise Impossible(f"n_experts {self.n_experts} is not a multiple of router.groups {groups}", "n_experts")
        if top_groups and groups is None:
            raise Impossible("router.top_groups chooses among groups, and there are none", "router", "add groups")
        if top_groups and groups and top_groups > groups:
            raise Impossible(f"router.top_groups {top_groups} is more than router.groups {groups}", "router")
        return self

    @cached_property
    def least(self) -> int:
        """Return the fewest real experts one token can use."""
        return 0 if self.expert_choice else max(0, self.top_k - self.zero_experts)

    @cached_property
    def most(self) -> int:
        """Return the most real experts one token can use."""
        return self.n_experts if self.expert_choice else min(self.top_k, self.n_experts)

    @cached_property
    def chosen(self) -> Size:
        """Return the real experts one token uses, in expectation."""
        if self.expert_choice and self.capacity_factor is not None:
            return _whole(self.capacity_factor)
        if self.expected_top_k is not None:
            return _whole(self.expected_top_k)
        if self.zero_experts:
            return _whole(Fraction(self.top_k * self.n_experts, self.n_experts + self.zero_experts))
        return self.top_k

    def reach(self) -> int:
        """Return 0: tokens do not see each other."""
        return 0

    def describe(self) -> str:
        """Return chosen/experts+shared, as ``moe 8/256+1``."""
        shared = f"+{self.shared.n_experts}" if self.shared else ""
        return f"moe {self.top_k}/{self.n_experts}{shared}"

    def details(self) -> str:
        """Return experts, choice and router: ``256 experts of d_ff 2048, 8 chosen, 1 shared; sigmoid router``."""
        shared = self.shared
        own = f" of d_ff {count_text(shared.d_ff)}" if shared and shared.d_ff != self.d_ff else ""
        parts = [
            f"{self.n_experts} experts of d_ff {count_text(self.d_ff)}",
            f"{self.top_k} chosen" + (f", {self.chosen} in the mean" if self.chosen != self.top_k else ""),
            f"{self.zero_experts} zero experts" if self.zero_experts else "",
            f"{shared.n_experts} shared{own}" if shared else "",
        ]
        router = "hash" if self.router.hash else self.router.score
        return ", ".join(filter(None, parts)) + ("; by kind" if self.router.by_kind else f"; {router} router")

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        if not self.router.by_kind:
            yield from self._route(at.sub("router", "moe.router", "router"))
        width = self.latent or at.width
        experts = at.sub("experts")
        if self.latent:
            yield at.sub("latent", "moe.latent").project("down", down=width)
        if self.latent_norms is True:
            yield at.sub("latent", "moe.latent").norm("norm", width)
        chosen = self.chosen if isinstance(self.chosen, int) else at.expectation(self.chosen)
        spread = (self.least, self.most) if self.least != self.most else None
        common: dict[str, Any] = {"n_experts": self.n_experts, "chosen": chosen, "slots": self._slots(at)}
        common["chosen_range"] = spread
        columns: dict[str, Size] = {"gate": self.d_ff, "up": self.d_ff} if self.gated else {"up": self.d_ff}
        yield experts.experts("up", d_in=width, bias=self.bias, shared_input=True, **common, **columns)
        steps = STEPS["activation"] + (STEPS["gate"] if self.gated else 0)
        yield experts.vector("activation", self.d_ff, steps, inputs=2, tokens=at.tokens * chosen)
        yield experts.experts("down", d_in=self.d_ff, bias=self.bias, **common, down=width)
        if self.latent_norms is True:
            yield at.sub("latent", "moe.latent").norm("expert_norm", width, tokens=at.tokens * chosen)
        if not self.router.by_kind:  # each chosen expert's output is scaled and added to the sum
            yield experts.vector("combine", width, 2, tokens=at.tokens * chosen)
        if self.latent_norms == "sum":
            yield at.sub("latent", "moe.latent").norm("sum_norm", width)
        if self.latent:
            yield at.sub("latent", "moe.latent").project("up", d_in=width, up=at.width)
        if self.output_bias:
            yield experts.vector("output_bias", at.width, STEPS["add"], weights=(at.weight("output_bias", at.width),))
        if self.shared is not None:
            shared = at.sub("shared", "moe.shared")
            d_ff = self.shared.n_experts * self.shared.d_ff
            bias = self.bias if self.shared.bias is None else self.shared.bias
            gated = self.gated if self.shared.gated is None else self.shared.gated
            if self.shared.scored:
                yield shared.vector("scored", d_ff, STEPS["gate"])
            yield from gated_pair(shared, d_ff, gated=gated, bias=bias)
            if self.shared.gate:
                yield shared.project("gate", gate=1)
                yield shared.vector("gated", at.width, STEPS["gate"], inputs=2)

    def _route(self, at: Site) -> Iterator[Op]:
        outputs = self.n_experts + self.zero_experts
        if self.router.scale:
            yield at.norm("scale", at.width)
        width = self.router.hidden or at.width
        if self.router.hidden:
            yield from _hidden(at, width, carried=self.router.carried)
        scored = outputs + (self.shared.n_experts if self.shared and self.shared.scored else 0)
        columns = scored
        if self.router.product_keys:
            scored, columns = isqrt(outputs) ** 2, 2 * isqrt(outputs)
        yield at.project("scores", d_in=width, bias=self.router.bias, router=columns)
        if self.router.product_keys:
            yield at.vector("sums", scored, STEPS["add"], inputs=2)
        extra: tuple[Weight, ...] = ()
        if self.router.expert_scale:
            extra += (at.weight("expert_scale", self.n_experts),)
        if self.router.output_scale:
            extra += (at.weight("output_scale", 1),)
        if self.router.hash:
            extra += (at.weight("token_experts", at.vocab_size, self.top_k, role="buffer"),)
        if self.router.correction_bias:
            extra += (at.weight("correction_bias", outputs, role="buffer"),)
        steps = STEPS["softmax"] if self.router.score == "softmax" else STEPS["activation"]
        yield at.vector("choice", scored, steps, weights=extra)

    def _slots(self, at: Site) -> Size | None:
        """Return the rows computed when experts work at a fixed capacity."""
        if self.capacity_factor is None:
            return None
        share = self.capacity_factor if self.expert_choice else self.capacity_factor * self.top_k
        rows = at.tokens * share.numerator
        return self.n_experts * ceil_div(rows, share.denominator * self.n_experts)


def _hidden(at: Site, width: int, *, carried: bool) -> Iterator[Op]:
    """Yield what a router with a network of its own does before the scores."""
    yield at.project("down", bias=True, down=width)
    if carried:
        scale = at.weight("carried", width)
        yield at.vector("carried", width, STEPS["gate"] + STEPS["add"], inputs=2, weights=(scale,))
    yield at.norm("norm", width)
    for name in ("first", "second"):
        yield at.project(name, d_in=width, bias=True, hidden=width)
        yield at.vector(f"{name}_activation", width, STEPS["activation"])


def _whole(value: Fraction) -> Size:
    """Return an int where the fraction is one, so that exact sizes stay ints."""
    return value.numerator if value.denominator == 1 else value
