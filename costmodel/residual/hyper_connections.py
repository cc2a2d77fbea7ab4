"""Hyper-connections: several residual streams, mixed anew around every sublayer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Count, Impossible, Natural
from costmodel.feature import Feature
from costmodel.ops import Op
from costmodel.residual.parts.mixing import Streams, mix
from costmodel.site import Site
from costmodel.steps import STEPS


class HyperConnections(Feature):
    """``n_streams`` residual streams (N); a sublayer reads one weighted sum of them.

    Around every sublayer the N streams, flattened and normalised without a weight, are projected
    to N weights that collapse them, N that spread the output and, for ``mhc``, N x N that mix the
    streams themselves (made doubly stochastic by ``sinkhorn`` rounds); ``hc`` leaves the streams
    unmixed. Each kind of weight has a bias a value and one learned scale. ``head``: how the
    streams become one after the last layer, by a ``learned`` collapse or their ``mean``.

    FLOPs a token and sublayer: 2 (2 + N) N x N d and, for the mixing, 2 N^2 d. Elementwise: the
    norm; scale, bias and sigmoid or softmax of the weights; two steps a value and half round of
    Sinkhorn; N products and N - 1 sums a value to collapse; a product and, where the layer's own
    residual add does not do it, an add for each stream on the way out. The copies that start the
    streams are not counted.
    ``gated``: every value of every stream has a weight of its own. The streams are normalised one by
    one, with weights, and projected through ``rank`` back to N x d gates; a sublayer reads the mean
    of the gated streams, without a norm of its own (``norm: {place: none, final: false}``), and N
    more weights spread its output. FLOPs: 2 N d (2 rank + N), at the head without the N.
    Source: arXiv:2512.24880 (mHC); as transformers 5.23 runs them in deepseek_v4 (``mhc``), hy_v4
    (``hc``) and qwen4_exp (``gated``). A collapse at each further prediction: hc_head_fn, _base and
    _scale of the MTP layer in sglang's deepseek_v4.
    """

    path: ClassVar[str] = "hyper_connections"
    component: ClassVar[str] = "residual.hyper_connections"

    n_streams: Streams
    kind: Literal["mhc", "hc", "gated"] = "mhc"
    rank: Count | None = None
    head: Literal["learned", "mean"] = "learned"
    sinkhorn: Natural = 20

    @model_validator(mode="after")
    def _consistent(self) -> HyperConnections:
        if (self.kind == "gated") != (self.rank is not None):
            message = "gated streams need a rank" if self.rank is None else f"{self.kind} has no rank"
            raise Impossible(message, "rank", "add rank" if self.rank is None else "leave it out")
        return self

    def check(self, architecture: Any) -> None:
        """Raise Impossible where something else brings streams too."""
        if "altup" in architecture.features:
            raise Impossible("altup and hyper_connections both bring residual streams", "altup", "leave one out")

    def around(self, at: Site) -> Iterator[Op]:
        """Yield what is done around every sublayer."""
        streams = self.n_streams
        if self.rank is not None:
            yield from self._gates(at, self.rank)
            yield at.project("inject", d_in=streams * at.width, inject=streams)
            yield at.vector("inject_activation", streams, STEPS["activation"] + 2 * STEPS["gate"])
            yield from self._spread(at)
            return
        mixes = self.kind == "mhc"
        yield from self._weights(at, (2 + streams) * streams if mixes else 2 * streams, 3 if mixes else 2)
        yield from self._collapse(at)
        if mixes:
            rounds = max(0, 2 * self.sinkhorn - 1)  # rows and columns in turn, columns last
            # A softmax, whose exponential is among the activations already, then the rounds.
            steps = STEPS["softmax"] - STEPS["activation"] + 2 * rounds
            yield at.vector("sinkhorn", streams * streams, steps)
            yield mix(at, "mix", streams)
        yield from self._spread(at)

    def model(self, at: Site) -> Iterator[Op]:
        """Yield how the streams become one after the last layer."""
        if self.head == "mean":
            yield at.vector("mean", at.width, self.n_streams, inputs=self.n_streams)
            return
        head = at.sub("head")
        if self.rank is not None:
            yield from self._gates(head, self.rank)
            return
        yield from self._weights(head, self.n_streams, 1)
        yield from self._collapse(head)

    def further(self, at: Site) -> Iterator[Op]:
        """Yield how the streams of a further prediction become one: each has a collapse of its own."""
        yield from self.model(at)

    def _gates(self, at: Site, rank: int) -> Iterator[Op]:
        """Yield the norm of each stream, a gate for every value through ``rank``, and the mean."""
        streams, flat = self.n_streams, self.n_streams * at.width
        yield at.norm("norm", at.width, count=streams, shape=(streams, at.width))
        yield at.project("gate_down", d_in=flat, gate_down=rank)
        yield at.vector("gate_activation", rank, STEPS["gate"] + STEPS["activation"])
        yield at.project("gate_up", d_in=rank, gate_up=flat)
        yield at.vector("gated", flat, STEPS["activation"] + STEPS["gate"], inputs=2)
        yield at.vector("mean", at.width, streams, inputs=streams)

    def _spread(self, at: Site) -> Iterator[Op]:
        """Yield the output times a weight for each stream, added to all but the one of the layer's own residual."""
        yield at.vector("spread", self.n_streams * at.width, STEPS["gate"])
        yield at.vector("add", (self.n_streams - 1) * at.width, STEPS["add"], inputs=2)

    def _weights(self, at: Site, columns: int, scales: int) -> Iterator[Op]:
        """Yield the norm of the flattened streams and their projection to so many weights."""
        flat = self.n_streams * at.width
        yield at.norm("norm", flat, kind="none")
        yield at.project("weights", d_in=flat, fn=columns)
        learned = (at.weight("base", columns), at.weight("scale", scales))
        steps = STEPS["gate"] + STEPS["add"] + STEPS["activation"]
        yield at.vector("activation", columns, steps, weights=learned)

    def _collapse(self, at: Site) -> Iterator[Op]:
        """Yield the weighted sum of the streams: N products and N - 1 sums a value."""
        yield at.vector("collapse", at.width, 2 * self.n_streams - 1, inputs=self.n_streams)
