"""Tables of hashed n-grams: in some layers a token looks up what its last few tokens spell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from costmodel.block import Count, require_multiple
from costmodel.feature import Feature
from costmodel.ops import Conv, Lookup, Op
from costmodel.site import Site
from costmodel.steps import STEPS
from costmodel.things import Weight


class NGramTables(Feature):
    """A table of hashed n-grams in each of some layers: ``rows`` has one number a layer that has one.

    A token looks up ``heads`` rows of ``width / heads`` values, for hashes of its last 2, 3, ...
    tokens. They are projected to a key for each of the ``streams`` of the residual stream and to one
    value (of d_model each). Key times stream, both normalised, is a gate on the value; what it lets
    through goes through a norm and a causal convolution of ``d_conv`` taps that are ``dilation``
    tokens apart, and both are added to the streams.

    Kept per sequence and such layer: (``d_conv`` - 1) x ``dilation`` columns of ``streams`` x d_model
    values. The ids of the last tokens are not counted.
    Source: transformers 5.23, qwen4_exp (Qwen4ExpTextPLELayer).
    """

    path: ClassVar[str] = "ngrams"
    component: ClassVar[str] = "residual.ngrams"

    rows: Annotated[list[Count], Field(min_length=1)]
    width: Count
    heads: Count
    d_conv: Count
    dilation: Count = 1
    streams: Count = 1

    @model_validator(mode="after")
    def _consistent(self) -> NGramTables:
        require_multiple(self, "width", "heads")
        return self

    def model(self, at: Site) -> Iterator[Op]:
        """Yield the tables, one by one, and what every layer that has one does, once whatever the loops."""
        tables = len(self.rows)
        for number, rows in enumerate(self.rows, 1):
            shape = (rows, self.width // self.heads)
            table = Weight(f"table_{number}", shape, role="embed", lookup=True, split="vocabulary", units=rows)
            yield Lookup(
                path=f"{at.path}.table_{number}",
                component="embedding.ngrams",
                runs=1,
                tokens=at.tokens,
                weights=(table,),
                width=self.width,
            )
        yield from self._inject(replace(at, runs=tables, stored=tables))

    def _inject(self, at: Site) -> Iterator[Op]:
        """Yield how what was looked up comes into the streams."""
        streams, flat = self.streams, self.streams * at.width
        shape = (streams, at.width)
        yield at.project("kv", d_in=self.width, key=flat, value=at.width)
        yield at.norm("key_norm", at.width, count=streams, shape=shape)
        yield at.norm("query_norm", at.width, count=streams, shape=shape)
        yield at.vector("score", flat, STEPS["gate"] + STEPS["add"], inputs=2)
        # The score is scaled; the root of its magnitude, with its sign, goes through a sigmoid.
        yield at.vector("gate", streams, 5 + STEPS["activation"])
        yield at.vector("gated", flat, STEPS["gate"], inputs=2)
        yield at.norm("conv_norm", at.width, count=streams, shape=shape)
        yield Conv(
            path=f"{at.path}.conv",
            component=at.component,
            runs=at.runs,
            tokens=at.tokens,
            weights=(at.weight("conv", flat, self.d_conv),),
            states=(at.fixed("conv", flat * (self.d_conv - 1) * self.dilation, kind="conv", role="conv"),),
            width=flat,
            d_conv=self.d_conv,
        )
        yield at.vector("conv_activation", flat, STEPS["activation"])
        yield at.vector("add", flat, 2 * STEPS["add"], inputs=3)
