"""What stands before and after the stacks: embeddings, positions, norms that stand once, the LM head."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from costmodel.block import Impossible
from costmodel.document import Embedding, Head
from costmodel.ops import Lookup, Op, Project
from costmodel.site import Site
from costmodel.sizes import Size, indicator
from costmodel.steps import STEPS
from costmodel.things import Weight
from costmodel.workload import Workload

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.stack import Stack


def once(model: Architecture, load: Workload, path: str, component: str) -> Site:
    """Return the site of something that stands once in the model and works on every new token."""
    return Site(
        load=load,
        path=path,
        component=component,
        width=model.d_model,
        runs=1,
        stored=1,
        new=load.new_tokens,
        cached=load.cached_tokens,
        tokens=load.batch * load.new_tokens,
        blocks=model.blocks,
    )


def check_codebooks(model: Architecture) -> None:
    """Raise Impossible where one table would have to be several, or text has none."""
    tables, heads = (model.embedding or Embedding()).tables, (model.head or Head()).codebooks
    if model.tied and model.head and model.head.columns:
        raise Impossible("a head that is the table has the columns of the vocabulary", "head.columns")
    if model.tied and (tables > 1 or heads > 1):
        place = "embedding.codebooks" if tables > 1 else "head.codebooks"
        raise Impossible("one table that is the head too has no codebooks", place, "leave tied out")
    if tables > 1 and model.encoder and not (model.encoder.embedding and model.encoder.embedding.table):
        message = "the encoder reads text, and the embedding has only codebooks"
        raise Impossible(message, "encoder.embedding", "add embedding: {table: true} to the encoder")


def check_host(model: Architecture) -> None:
    """Raise Impossible unless a model that reads a host's cache takes its input from there, and only from there."""
    reader = next((name for name, block in model.blocks.items() if block.reads_host), None)
    if model.host is None:
        if reader is not None:
            raise Impossible(f'"{reader}" reads the cache of a host, and there is none', "blocks", "add host")
        return
    if reader is None:
        raise Impossible("no block reads the host", "host", "add a host_attention block to the layers")
    given = [name for name in ("tied", "embedding", "positions", "encoder", "mtp") if getattr(model, name)]
    given += [name for name in ("ple", "ngrams") if name in model.features]
    if given:
        raise Impossible(f"the input comes from the host, and {given[0]} asks for tables of its own", given[0])


def _table(
    path: str, rows: int, width: int, load: Workload, new: Size, *, lookup: bool = True, tables: int = 1
) -> Lookup:
    """Return rows of a table, or of several that are one below the other, that every new token looks up."""
    name, rows = path.rpartition(".")[2], tables * rows
    weight = Weight(name, (rows, width), role="embed", lookup=lookup, split="vocabulary", units=rows)
    tokens = load.batch * new * tables
    return Lookup(path=path, component="embedding", runs=1, tokens=tokens, weights=(weight,), width=width)


def embed(model: Architecture, load: Workload) -> Iterator[Op]:
    """Yield the decoder's embedding, which an encoder shares unless it has its own; or a host's vectors."""
    if model.host is not None:
        at = once(model, load, "host", "host")
        yield at.project("project", d_in=2 * model.host.d_model, down=model.d_model)
        return
    shape = model.embedding or Embedding()
    width = shape.width or model.d_model
    own = model.encoder.embedding if model.encoder else None
    apart = model.encoder is None or model.encoder.apart
    shared = load.new_tokens if apart else load.new_tokens + load.source_new
    rows, only = shape.rows or model.vocab_size, not model.tied
    yield _table("embedding", rows, width, load, shared, lookup=only, tables=shape.tables)
    if shape.codebooks and shape.codebook_rows:
        yield _table("embedding.codebooks", shape.codebook_rows, width, load, load.new_tokens, tables=shape.codebooks)
    if shape.hashes and shape.hash_rows:
        yield _table("embedding.hashes", shape.hash_rows, width, load, load.new_tokens, tables=shape.hashes)
    for number, one in enumerate(shape.beside, 1):
        yield _table(f"embedding.beside_{number}", one.rows, one.width, load, shared)
    at = once(model, load, "embedding", "embedding")
    at.tokens = load.batch * shared
    if shape.token_types:
        yield _table("embedding.token_types", shape.token_types, width, load, shared)
    if model.positions:
        at_width = width if shape.narrow else model.d_model
        yield _table("embedding.positions", model.positions, at_width, load, load.new_tokens)
    if width != model.d_model or shape.beside:
        yield at.project("project", d_in=width + shape.beside_width, bias=shape.bias, up=model.d_model, role="embed")
    if shape.norm:
        at.component = "norms"
        at_width = width if shape.narrow else model.d_model
        yield at.norm("norm", at_width, kind=shape.norm, tokens=load.batch * load.new_tokens if own else None)


def embed_source(model: Architecture, stack: Stack, load: Workload) -> Iterator[Op]:
    """Yield what the encoder has for its own before its first layer."""
    encoder = model.encoder
    if encoder is None:
        return
    if encoder.embedding and encoder.embedding.table:
        rows = encoder.embedding.rows or (model.embedding or Embedding()).rows or model.vocab_size
        yield _table("encoder.embedding", rows, stack.width, load, load.source_new)
    if encoder.input:
        yield from encoder.input.lower(stack.site(load, load.source_new, 0, "encoder.input", 1, "embedding"))
    for name, rows in encoder.tables.items():
        yield _table(f"encoder.{name}", rows, stack.width, load, load.source_new)
    if encoder.embedding and encoder.embedding.norm:
        at = stack.site(load, load.source_new, 0, "encoder", 1)
        yield at.norm("embedding_norm", kind=encoder.embedding.norm)


def leave_source(model: Architecture, stack: Stack, load: Workload) -> Iterator[Op]:
    """Yield what stands behind the encoder's layers: its final norm, the matrix to the decoder's width."""
    at = stack.site(load, load.source_new, 0, "encoder", 1)
    if stack.norm.final:
        yield at.norm("final_norm", kind=stack.norm.kind, bias=stack.norm.bias)
    if model.encoder and model.encoder.project:
        at.component = "mixer.cross_attention"
        yield at.project("project", project=model.d_model, bias=model.encoder.project_bias)


def head_rows(load: Workload) -> Size:
    """Return the positions that the head computes: all new ones, or the last of each sequence that has any."""
    if load.logits == "all":
        return load.batch * load.new_tokens
    return load.batch * indicator(load.new_tokens > 0)


def unembed(model: Architecture, load: Workload) -> Iterator[Op]:
    """Yield the LM head and what stands before it."""
    shape = model.head or Head()
    if not shape.table:
        return
    at = once(model, load, "head", "lm_head")
    at.tokens = head_rows(load)
    width = yield from narrowed(model, at)
    stored, columns = 0 if model.tied else 1, head_columns(model)
    weights = [Weight("head", (columns, width), stored, "head", None, "out", columns)]
    if shape.bias:
        weights.append(Weight("head.bias", (columns,), 1, "head", None, "out", columns))
    yield Project(
        path="lm_head",
        component="lm_head",
        runs=1,
        tokens=at.tokens,
        weights=tuple(weights),
        d_in=width,
        d_out=columns,
        biased=columns if shape.bias else 0,
    )
    if model.host is not None:
        back = once(model, load, "host", "host")
        yield back.project("back", tokens=head_rows(load), up=model.host.d_model)


def head_columns(model: Architecture) -> int:
    """Return the logits of a position: the vocabulary, for each of the tokens that it predicts."""
    shape = model.head or Head()
    return shape.columns or shape.codebooks * model.vocab_size


def narrowed(model: Architecture, at: Site) -> Generator[Op, None, Size]:
    """Yield what turns the residual stream into the input of the head; return that input's width."""
    shape, norm = model.head or Head(), model.norm
    width = shape.width or (model.embedding and model.embedding.width) or model.d_model
    if shape.norm:
        yield at.norm("own_norm", kind=shape.norm)
    if shape.dense:
        yield at.project("dense", dense=width, bias=shape.dense_bias, role="head")
        yield at.vector("activation", width, STEPS["activation"])
        yield at.norm("norm", width, kind=norm.kind, bias=norm.bias)
    elif width != model.d_model:
        yield at.project("project", down=width, role="head")
    return width
