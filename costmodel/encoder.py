"""An encoder: a stack whose tokens see each other, of which the decoder's cross-attention reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from costmodel.block import Count, Impossible, Layers, Model, Natural
from costmodel.document import Schedule, Sublayers
from costmodel.source_input import SourceInput
from costmodel.stack import Norm, arrange

if TYPE_CHECKING:
    from costmodel.architecture import Architecture


class EncoderEmbedding(Model):
    """What an encoder does not share with the decoder: the ``table``, the ``norm`` that follows it.

    ``rows``: rows of its table, where its vocabulary is another than the decoder's. The norm of the
    top-level ``embedding`` is then the decoder's alone.
    """

    table: bool = False
    rows: Count | None = None
    norm: Literal["rms", "layer"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> EncoderEmbedding:
        if self.rows and not self.table:
            raise Impossible("rows are those of a table of its own, and there is none", "rows", "add table: true")
        return self


class Encoder(Model):
    """An encoder stack that uses the same ``blocks``; its tokens see each other both ways.

    It shares the decoder's embedding, its norm included, unless ``embedding`` says otherwise.
    ``input``: it reads frames or pixels and no table. ``d_model``: its width where it differs, which
    takes a table of its own or an ``input``. ``project``: a matrix, with ``project_bias`` or not,
    brings its output to the decoder's width before anything reads it. ``relative_bias`` and
    ``relative_heads`` are the encoder's where the decoder has none; ``relative_bias: 0``: it has none of
    the decoder's. ``positions``: rows of a learned table, or of several that are added (one for rows
    and one for columns of patches).
    """

    n_layers: Layers
    d_model: Count | None = None
    project: bool = False
    project_bias: bool = False
    embedding: EncoderEmbedding | None = None
    input: SourceInput | None = None
    layer: Sublayers | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None
    norm: Norm | None = None
    positions: Count | list[Count] | None = None
    relative_bias: Natural | None = None
    relative_heads: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Encoder:
        if self.project_bias and not self.project:
            message = "project_bias is a bias of project, and there is none"
            raise Impossible(message, "project_bias", "add project: true")
        if self.relative_bias and not self.relative_heads:
            raise Impossible("relative_bias needs relative_heads", "relative_bias", "add relative_heads")
        return self

    @property
    def apart(self) -> bool:
        """Say whether it does not look up the decoder's table."""
        return self.input is not None or (self.embedding is not None and self.embedding.table)

    @property
    def tables(self) -> dict[str, int]:
        """Return the tables of positions by name: rows."""
        if isinstance(self.positions, list):
            return {f"positions_{index}": rows for index, rows in enumerate(self.positions, 1)}
        return {"positions": self.positions} if self.positions else {}

    def check(self, model: Architecture) -> None:
        """Raise Impossible where the encoder does not fit the model around it."""
        inner = arrange(self, self.n_layers, model.blocks, "encoder.")
        self._check_source(model.d_model)
        if self.d_model not in (None, model.d_model) and not self.apart:
            message = f"the encoder is {self.d_model} wide, and the embedding it shares {model.d_model}"
            raise Impossible(message, "encoder.d_model", "add embedding: {table: true} to the encoder")
        if model.embedding and model.embedding.narrow and not self.apart:
            raise Impossible("an encoder shares the embedding, and its positions are wide", "embedding.narrow")
        if (wrong := next((name for name in inner.counts if model.blocks[name].reads_source), None)) is not None:
            raise Impossible(f'"{wrong}" reads the encoder, so it cannot stand in it', "encoder")
        if (wrong := next((name for name in inner.counts if model.blocks[name].of_decoder()), None)) is not None:
            raise Impossible(f'"{wrong}" has {model.blocks[wrong].of_decoder()}, as only a decoder has', "encoder")
        if model.d_source is not None:
            raise Impossible("the encoder makes what d_source is the width of", "d_source", "leave d_source out")
        if not model.reads_source:
            raise Impossible("no block reads the encoder", "encoder", "add a cross_attention block to the layers")

    def _check_source(self, d_model: int) -> None:
        """Raise Impossible where what it reads is not as wide as its layers, or said twice."""
        if self.input is None:
            return
        if self.embedding is not None and self.embedding.table:
            raise Impossible("an encoder has an input or a table, not both", "encoder.input", "leave one of them out")
        width = self.d_model or d_model
        if self.input.width != width:
            message = f"the input ends at a width of {self.input.width}, and the encoder is {width} wide"
            raise Impossible(message, f"encoder.input.convolutions[{len(self.input.convolutions) - 1}].out")
