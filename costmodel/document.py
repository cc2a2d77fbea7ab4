"""The parts of a spec that only hold what was written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from costmodel.block import Count, Impossible, Layers, Model

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


class Beside(Model):
    """A table of another view of every token, as its shape or its sound: ``rows`` of ``width`` values."""

    rows: Count
    width: Count


class Embedding(Model):
    """The input embedding: a table of ``width`` (the residual stream's unless told otherwise).

    A narrower table is factorised: a projection up to the residual stream, with a ``bias`` or not, and one
    down before the head. ``narrow``: norm and positions stand at its width, before that projection
    (ELECTRA). ``norm`` follows it (``none``: one without weights); ``token_types`` are rows of a second
    table. ``rows``: rows of the table where they differ from the vocabulary.

    ``codebooks``: a position is so many tokens at once, as a frame of sound is; each has a table of
    its own, and their rows are added up. With ``codebook_rows`` those tables have so many rows and
    stand beside the table of text, of which every position is counted with a row too (Moshi, CSM);
    without it there is no text (MusicGen, Dia).

    ``beside``: further tables, of whose rows each token has one beside its own, in one wider vector that the
    projection, with a ``bias`` or not, brings to the residual stream (RoCBert).

    ``hashes``: further tables of ``hash_rows`` rows, in each of which a token looks up one by a hash of
    itself and the last few before it; their rows are added up. The ids of those are not counted.
    Source: arXiv:2306.05284 (MusicGen); arXiv:2410.00037 (Moshi); arXiv:2412.09871, section 3.2.1 (hashes).
    """

    width: Count | None = None
    rows: Count | None = None
    norm: Literal["rms", "layer", "none"] | None = None
    token_types: Count | None = None
    bias: bool = False
    narrow: bool = False
    codebooks: Count | None = None
    codebook_rows: Count | None = None
    beside: list[Beside] = []
    hashes: Count | None = None
    hash_rows: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Embedding:
        if self.codebook_rows and not self.codebooks:
            message = "codebook_rows are rows of codebooks, and there are none"
            raise Impossible(message, "codebook_rows", "add codebooks")
        if self.narrow and self.beside:
            raise Impossible("beside stands before the projection, and narrow puts a norm there", "narrow")
        if bool(self.hashes) != bool(self.hash_rows):
            given, other = ("hashes", "hash_rows") if self.hashes else ("hash_rows", "hashes")
            raise Impossible(f"{given} stands beside {other}, and there is none", given, f"add {other}")
        for field in ("bias", "narrow"):
            if getattr(self, field) and self.width is None and (field == "narrow" or not self.beside):
                raise Impossible(f"{field} is of a projection from the table's width, and there is none", field)
        return self

    @property
    def beside_width(self) -> int:
        """Return the values that stand beside those of the table."""
        return sum(one.width for one in self.beside)

    @property
    def tables(self) -> int:
        """Return how many tables of ``rows`` rows a token is looked up in."""
        return 1 if self.codebook_rows else self.codebooks or 1


class Head(Model):
    """The LM head: one matrix, with a ``bias`` or not; ``codebooks``: one for each token of a position.

    ``columns``: where it is not over the vocabulary, one column for a score (or for whether a frame is
    the last). ``norm``: a norm of its own before it, beside the final one. ``dense``: before it a matrix to
    the width of the table (d_model x d_model where it is not factorised), with ``dense_bias`` or
    not, an activation and a norm of the layers' kind, as in BERT and ModernBERT's decoder.
    ``width``: what ``dense`` leads to where it is not the table's (RemBERT). ``table: false``: there is
    no head at all; the model gives hidden states, to another model or as embeddings.
    """

    table: bool = True
    bias: bool = False
    codebooks: Count = 1
    columns: Count | None = None
    norm: Literal["rms", "layer"] | None = None
    dense: bool = False
    dense_bias: bool = False
    width: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Head:
        if self.width and not self.dense:
            raise Impossible("width is what dense leads to, and there is none", "width", "add dense: true")
        if self.columns and self.codebooks > 1:
            raise Impossible("columns are no vocabulary of which there are several", "columns", "leave codebooks out")
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


class Mtp(Model):
    """Multi-token prediction: ``depth`` further layers that share embedding and head.

    Each has a projection of (hidden state, next embedding) to the residual stream, two norms
    before it and one after. Source: arXiv:2412.19437, section 2.2.
    """

    depth: Layers = 1
    layer: Sublayers | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None
