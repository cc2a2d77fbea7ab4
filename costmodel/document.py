"""The parts of a spec that only hold what was written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from costmodel.block import Count, Impossible, Layers, Model
from costmodel.stack import Norm

Schedule = str | list[str]
Sublayers = Annotated[list[Schedule], Field(max_length=64)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]


class Source(Model):
    """Where the numbers of a spec were read: ``url`` and the day, ``note`` through which copy."""

    title: str
    url: str | None = None
    locator: str | None = None
    read: str | None = None
    note: str | None = None


class Claim(Model):
    """What somebody published about a figure; checked, never used by the model.

    ``figure`` is a dotted name (params.total); ``value`` as published, ``671B``. ``at`` is the
    context. ``holds: false`` with a ``reason`` is a known disagreement.
    """

    figure: str
    value: str | int | float
    source: str
    at: str | int | None = None
    holds: bool = True
    reason: str | None = None
    unverified: bool = False


class Entry(Model):
    """What every entry of the catalog has, published or not.

    ``left_out`` names parts of the model that the spec does not describe: they are in no figure.
    """

    format: Literal[1] = 1
    name: Name
    title: str | None = None
    aliases: list[Name] = []
    source: Source | None = None
    claims: list[Claim] = []
    confidence: Literal["published", "rumour", "unverified"] = "published"
    max_context: Count | str | None = None
    left_out: list[Annotated[str, Field(min_length=1, max_length=64)]] = []


class Unpublished(Entry):
    """A model whose architecture nobody published: claims, and nothing to compute."""

    confidence: Literal["rumour", "unverified"] = "rumour"


class Embedding(Model):
    """The input embedding: a table of ``width`` (the residual stream's unless told otherwise).

    A narrower table is factorised: a projection up to the residual stream, and one down before the
    head. ``norm`` follows it (``none``: one without weights); ``token_types`` are rows of a second
    table. ``rows``: rows of the table where they differ from the vocabulary.
    """

    width: Count | None = None
    rows: Count | None = None
    norm: Literal["rms", "layer", "none"] | None = None
    token_types: Count | None = None


class Head(Model):
    """The LM head: one matrix, with a ``bias`` or not.

    ``dense``: before it a matrix to the width of the table (d_model x d_model where it is not
    factorised), with ``dense_bias`` or not, an activation and a norm of the layers' kind, as in
    BERT and ModernBERT's decoder. ``table: false``: there is no head at all; the model gives hidden
    states, to another model or as embeddings.
    """

    table: bool = True
    bias: bool = False
    dense: bool = False
    dense_bias: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Head:
        if self.dense_bias and not self.dense:
            raise Impossible("dense_bias is a bias of dense, and there is none", "dense_bias", "add dense: true")
        if not self.table and (self.bias or self.dense):
            field = "bias" if self.bias else "dense"
            raise Impossible(f"{field} is a part of the head, and there is none", field, f"leave {field} out")
        return self


class Host(Model):
    """The model that this one drafts for, from which it takes its input in place of an embedding.

    The input is a projection of the host's embedding of the last token beside the host's last hidden
    state, of ``d_model`` values each; a second projection leads back, so that a drafted token's hidden
    state can stand in the place of the host's. Blocks of the kind ``host_attention`` read its cache.
    Source: transformers' gemma4_assistant.
    """

    d_model: Count


class EncoderEmbedding(Model):
    """What an encoder does not share with the decoder: the ``table``, the ``norm`` that follows it.

    The norm of the top-level ``embedding`` is then the decoder's alone.
    """

    table: bool = False
    norm: Literal["rms", "layer"] | None = None


class Encoder(Model):
    """An encoder stack that uses the same ``blocks``; its tokens see each other both ways.

    It shares the decoder's embedding, its norm included, unless ``embedding`` says otherwise.
    ``d_model``: its width where it differs, which takes a table of its own.
    """

    n_layers: Layers
    d_model: Count | None = None
    embedding: EncoderEmbedding | None = None
    layer: Sublayers | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None
    norm: Norm | None = None
    positions: Count | None = None


class Mtp(Model):
    """Multi-token prediction: ``depth`` further layers that share embedding and head.

    Each has a projection of (hidden state, next embedding) to the residual stream, two norms
    before it and one after. Source: arXiv:2412.19437, section 2.2.
    """

    depth: Layers = 1
    layer: Sublayers | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None
