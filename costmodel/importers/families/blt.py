"""The Byte Latent Transformer: bytes, patches of them, bytes again, and a small model that finds the patches."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import agrees, attention, ffn

_GROUPS = [3, 4, 5, 6, 7, 8]  # bytes that a hash is of, where no key says so


def blt(c: Config) -> Draft:
    """Read BLT. A patch has as many bytes in the mean as ``patch_size`` says.

    Where the next byte is hard to foretell is in no key: not how many bytes a patch really has. The
    window is that of bytes before and after the patches; the window in a file's ``encoder_config`` is
    overwritten.
    """
    c.require("patching_mode", "entropy", why="makes a patch of every byte")
    (
        c.get("patching_threshold"),
        c.get("patching_batch_size"),
        c.get("max_patch_length"),
        c.get("max_position_embeddings"),
    )
    below, between, above = c.sub("encoder_config"), c.sub("global_config"), c.sub("decoder_config")
    width, vectors, vocabulary = above.count("hidden_size"), c.count("cross_attn_k"), c.count("vocab_size")
    agrees(below, width, "hidden_size")
    agrees(between, above.count("hidden_size_global"), "hidden_size")
    for part in (below, above):
        agrees(part, vectors, "cross_attn_k")
    rows, wide = below.count("vocab_size"), between.count("hidden_size")
    if rows < vocabulary or (rows != vocabulary and c.flag("tie_word_embeddings")):
        below.refuse("vocab_size", f"vocab_size {rows} of the encoder is not that of the model, {vocabulary}")
    for unread in (above, between):
        unread.get("vocab_size"), unread.get("tie_word_embeddings"), unread.get("max_position_embeddings")
    below.get("hidden_size_global"), below.get("sliding_window"), between.get("encoder_cross_output_size")
    window = c.count("local_attention_window_len", None)
    depth = below.count("num_hidden_layers")
    if depth > 1 and below.flag("cross_attn_all_layers"):
        below.refuse(
            "cross_attn_all_layers",
            "cross_attn_all_layers makes patches in every layer, of which only the last are read",
        )
    hashes = len(c.list_of(int, "encoder_hash_byte_group_size", null=_GROUPS) or _GROUPS)
    hashes *= c.count("encoder_hash_byte_group_nb_functions")
    embedding: dict[str, Any] = {"hashes": hashes, "hash_rows": c.count("encoder_hash_byte_group_vocab")}
    embedding |= {"rows": rows} if rows != vocabulary else {}
    fields: dict[str, Any] = {"d_model": width, "vocab_size": vocabulary}
    fields["max_context"] = below.count("max_position_embeddings")
    fields |= ({"tied": True} if c.flag("tie_word_embeddings") else {}) | {"embedding": embedding}

    shape = _heads(above).fields
    read = Part("read", {**shape, "kind": "cross_attention", "window": vectors, "source_norm": "rms"})
    own, network, every = (
        _heads(above, "attention", window=window),
        _network(above),
        above.flag("cross_attn_all_layers"),
    )
    layers = [[read if every or not index else None, own, network] for index in range(above.count("num_hidden_layers"))]
    draft = Draft(fields, layers)
    encode = [_heads(below, "encode", window=window), _network(below, "encode-mlp")]
    latent = [_heads(between, "latent"), _network(between, "latent-mlp")]
    pooling = {key: value for key, value in _heads(below).fields.items() if key != "kind"}
    patches = {"size": c.count("patch_size"), "vectors": vectors, "encoder": draft.inner({}, [encode] * depth)}
    patches |= {"pooling": pooling, "d_model": wide}
    draft.more["patches"] = draft.inner(patches, [latent] * between.count("num_hidden_layers"))
    if c.flag("patch_in_forward", null=False):
        draft.more["components"] = {"patcher": _patcher(c.sub("patcher_config"))}
    else:
        c.get("patcher_config")
    draft.remarks = [f"a patch is taken to have {patches['size']} bytes in the mean, as patch_size says"]
    return draft


def _patcher(c: Config) -> dict[str, Any]:
    """Return the small model that reads every byte."""
    c.get("max_position_embeddings"), c.get("tie_word_embeddings")
    layer = [_heads(c, "attention", window=c.count("sliding_window", None)), _network(c)]
    fields = {"d_model": c.count("hidden_size"), "vocab_size": c.count("vocab_size")}
    return Draft(fields, [layer] * c.count("num_hidden_layers")).document()


def _heads(c: Config, name: str = "", **more: Any) -> Part:
    """Return attention whose heads share the whole width."""
    heads, width = c.count("num_attention_heads"), c.count("hidden_size")
    if width % heads:
        c.refuse("num_attention_heads", f"num_attention_heads {heads} do not divide hidden_size {width}")
    agrees(c, width // heads, "head_dim")  # which files have, and classes work out
    return attention(c, name, heads=heads, head_dim=width // heads, **more)


def _network(c: Config, name: str = "mlp") -> Part:
    """Return a network of ``intermediate_size``: 8/3 of the width where no key says so."""
    return ffn(c, name, d_ff=c.count("intermediate_size", 8 * c.count("hidden_size") // 3))
