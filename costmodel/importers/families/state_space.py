"""Mamba and Mamba-2, alone and between attention layers."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part, Sublayer
from costmodel.importers.parts import ALL, agrees, attention, changed, ffn, layer_types, moe, router, top


def dt_rank(c: Config, key: str) -> int:
    """Return the width of the step size: ``auto`` is a sixteenth of the stream, rounded up."""
    if c.get(key) == "auto":
        return -(-int(c.count("hidden_size")) // 16)
    rank: int = c.count(key)
    return rank


def mamba(c: Config) -> Draft:
    """Read Mamba: one mixer a layer. ``intermediate_size``, where a file has it, is not the product with ``expand``."""
    return _mamba(c, norms=False)


def falcon_mamba(c: Config) -> Draft:
    """Read Falcon Mamba: Mamba with weightless norms. Its file says ``expand: 16`` and means ``intermediate_size``."""
    c.get("use_falcon_mambapy")  # a kernel
    return _mamba(c, norms="weightless")


def _mamba(c: Config, norms: bool | str) -> Draft:
    inner = c.count("intermediate_size", int(c.share("expand") * c.count("hidden_size")))
    _first_names(c, inner)
    block: dict[str, Any] = {
        "kind": "mamba",
        "d_inner": inner,
        "d_state": c.count("state_size"),
        "d_conv": c.count("conv_kernel"),
        "dt_rank": dt_rank(c, "time_step_rank"),
    }
    return Draft(top(c), [[_mixer(c, block, norms=norms)]] * c.count("num_hidden_layers"))


def _first_names(c: Config, inner: int) -> None:
    """Check what files that were converted from the first implementation still say in its words."""
    agrees(c, inner, "d_inner")
    agrees(c, c.count("hidden_size"), "d_model")
    agrees(c, c.count("num_hidden_layers"), "n_layer")
    c.require("rms_norm", True, None)
    c.require("ssm_cfg", {}, None)
    for key in ("fused_add_norm", "pad_vocab_size_multiple"):  # vocab_size is padded already
        c.get(key)


def _mixer(c: Config, block: dict[str, Any], norms: bool | str = False, conv_bias: str = "use_conv_bias") -> Part:
    """Return Mamba or Mamba-2 with what is off by default, in the keys of the first classes."""
    if norms:
        block["norms"] = norms
    if c.flag("use_bias"):
        block["bias"] = True
    if not c.flag(conv_bias):
        block["conv_bias"] = False
    return Part("mamba", block)


def mamba2(c: Config) -> Draft:
    """Read Mamba-2: one mixer a layer, with a norm on the gated output. ``time_step_rank`` is not used."""
    c.get("time_step_rank")
    inner = c.count("num_heads") * c.count("head_dim")
    if inner != int(c.share("expand") * c.count("hidden_size")):
        c.refuse("expand", "expand times hidden_size is not num_heads times head_dim")
    _first_names(c, inner)
    agrees(c, inner, "intermediate_size")
    c.get("norm_before_gate")
    block = _mamba2(c, "num_heads", "head_dim", "state_size", "n_groups", "conv_kernel", "chunk_size")
    return Draft(top(c), [[_mixer(c, block)]] * c.count("num_hidden_layers"))


def _mamba2(c: Config, heads: str, head_dim: str, state: str, groups: str, conv: str, chunk: str) -> dict[str, Any]:
    """Return the sizes of Mamba-2, of which every class has names of its own."""
    fields: dict[str, Any] = {
        "kind": "mamba2",
        "n_heads": c.count(heads),
        "head_dim": c.count(head_dim),
        "d_state": c.count(state),
        "n_groups": c.count(groups),
        "d_conv": c.count(conv),
    }
    size = c.count(chunk)
    return fields if size == 256 else fields | {"chunk_size": size}


def _bamba_mixer(c: Config, inner: int, **more: Any) -> Part:
    """Return Mamba-2 of ``inner`` channels in the keys of Bamba."""
    heads = c.count("mamba_n_heads")
    width = inner // heads if c.get("mamba_d_head") == "auto" else c.count("mamba_d_head")
    if width * heads != inner:
        c.refuse("mamba_d_head", f"{heads} heads of {width} are not {inner} channels")
    fields = {
        "kind": "mamba2",
        "n_heads": heads,
        "head_dim": width,
        "d_state": c.count("mamba_d_state"),
        "n_groups": c.count("mamba_n_groups"),
        "d_conv": c.count("mamba_d_conv"),
    }
    if not c.flag("mamba_conv_bias"):
        fields["conv_bias"] = False
    size = c.count("mamba_chunk_size")
    return Part("mamba", fields | more | ({} if size == 256 else {"chunk_size": size}))


def bamba(c: Config) -> Draft:
    """Read Bamba: Mamba-2, and attention in ``attn_layer_indices``, of which half of a head is rotated."""
    bias = {"bias": True} if c.flag("mamba_proj_bias") else {}
    mixer = _bamba_mixer(c, c.count("mamba_expand") * c.count("hidden_size"), **bias)
    c.require("partial_rotary_factor", 0.5, None)
    full = attention(c, bias=ALL if c.flag("attention_bias") else (), rope_share=0.5)
    agrees(c, full.fields.get("rope_dim", full.fields["head_dim"]), "attn_rotary_emb")
    network = ffn(c, bias=c.flag("mlp_bias") or None)
    listed = c.list_of(int, "attn_layer_indices", null=[])
    layers = [[full if index in listed else mixer, network] for index in range(c.count("num_hidden_layers"))]
    return Draft(top(c), layers)


def falcon_h1(c: Config) -> Draft:
    """Read Falcon-H1: attention and Mamba-2 side by side on one norm; the norm on the gated output is an option."""
    inner = c.count("mamba_d_ssm", c.count("mamba_expand") * c.count("hidden_size"))
    projections = [name for name, key in (("in", "mamba_proj_bias"), ("out", "projectors_bias")) if c.flag(key)]
    more: dict[str, Any] = {} if c.flag("mamba_rms_norm") else {"gated_norm": False}
    if projections:
        more["bias"] = True if len(projections) == 2 else projections[0]
    mixer = _bamba_mixer(c, inner, **more)
    c.require("mamba_use_mlp", True, None)
    c.require("attn_layer_indices", None)
    c.get("mlp_expansion_factor")  # intermediate_size says it
    full = attention(c, bias=ALL if c.flag("attention_bias") else ())
    layer: Layer = [(full, mixer), ffn(c, bias=c.flag("mlp_bias") or None)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def granitemoehybrid(c: Config) -> Draft:
    """Read Granite 4: no positions unless ``position_embedding_type`` is rope.

    Without experts, the shared one is the whole network, and ``intermediate_size`` is not used.
    """
    bias = {"bias": True} if c.flag("mamba_proj_bias") else {}
    mixer = _bamba_mixer(c, c.count("mamba_expand") * c.count("hidden_size"), **bias)
    rope = c.require("position_embedding_type", "rope", "nope", None) == "rope"
    c.require("normalization_function", "rmsnorm", None)
    for key in ("init_method", "intermediate_size", "num_experts_per_tok"):
        c.get(key)
    full = attention(c, bias=ALL if c.flag("attention_bias") else ())
    full = full if rope else changed(full, rope=False)
    shared, experts = c.count("shared_intermediate_size"), c.natural("num_local_experts", 0)
    network = ffn(c, d_ff=shared)
    if experts:
        network = moe(c, n_experts=experts, d_ff=c.count("intermediate_size"), shared=1, shared_d_ff=shared)
    n = c.count("num_hidden_layers")
    known = {"mamba": mixer, "linear_attention": mixer, "attention": full, "full_attention": full}
    mixers = layer_types(c, known, [mixer] * n, "layers_block_type" if c.has("layers_block_type") else "layer_types")
    return Draft(top(c), [[one, network] for one in mixers])


def jamba(c: Config) -> Draft:
    """Read Jamba: Mamba with norms, attention without positions, experts as wide as the dense network."""
    c.require("mamba_inner_layernorms", True, None)
    c.get("n_ctx")  # max_position_embeddings says it
    block: dict[str, Any] = {
        "kind": "mamba",
        "d_inner": c.count("mamba_expand") * c.count("hidden_size"),
        "d_state": c.count("mamba_d_state"),
        "d_conv": c.count("mamba_d_conv"),
        "dt_rank": dt_rank(c, "mamba_dt_rank"),
        "norms": True,
    }
    if c.flag("mamba_proj_bias"):
        block["bias"] = True
    if not c.flag("mamba_conv_bias"):
        block["conv_bias"] = False
    mixer = Part("mamba", block)
    full = changed(attention(c), rope=False)
    dense = ffn(c, "dense")
    many = c.count("num_experts")
    experts = moe(c, n_experts=many, d_ff=c.count("intermediate_size")) if many > 1 else dense
    c.get("num_experts_per_tok")
    periods = [c.count(f"{what}_layer_period") for what in ("attn", "expert")]
    offsets = [c.natural(f"{what}_layer_offset") for what in ("attn", "expert")]
    layers = [
        [
            full if index % periods[0] == offsets[0] else mixer,
            experts if index % periods[1] == offsets[1] else dense,
        ]
        for index in range(c.count("num_hidden_layers"))
    ]
    return Draft(top(c), layers)


LETTERS = {"M": "mamba", "E": "moe", "*": "attention", "-": "mlp"}


def nemotron_h(c: Config) -> Draft:
    """Read Nemotron-H: one block a layer. The number of layers is that of the list or pattern, not a key's.

    Attention ignores ``attention_bias``, ``sliding_window`` and the keys of rotation. ``mlp_bias`` is
    that of the dense and shared networks and of latent projections, and never of the experts: the
    spec has no such mixture, so it is refused.
    """
    for key in (
        "attention_bias",
        "sliding_window",
        "mamba_proj_bias",
        "expand",
        "mamba_expand",
        "partial_rotary_factor",
        "time_step_rank",
    ):
        c.get(key)
    c.require("attention_head_dim", c.count("head_dim"), None)  # an older name, which the class does not know
    c.require("mamba_ssm_cache_dtype", "float32", None)
    c.require("tie_word_embeddings", False, why="is not what the class builds: it never ties the tables")
    c.get("moe_shared_expert_overlap")  # a schedule of streams
    groups, conv = _older(c, "n_groups", "mamba_n_groups"), _older(c, "conv_kernel", "mamba_d_conv")
    chunk, conv_bias = _older(c, "chunk_size", "mamba_chunk_size"), _older(c, "use_conv_bias", "mamba_conv_bias")
    block = _mamba2(c, "mamba_num_heads", "mamba_head_dim", "ssm_state_size", groups, conv, chunk)
    bias = c.flag("mlp_bias")
    mixer, full = _mixer(c, block, conv_bias=conv_bias), changed(attention(c), rope=False)
    dense = ffn(c, gated=False, bias=bias or None)
    known: dict[str, Sublayer] = {"mamba": mixer, "linear_attention": mixer, "attention": full, "full_attention": full}
    known |= {"mlp": dense, "moe": _nemotron_experts(c)}
    layers = [[known[word]] for word in _words(c, "layers_block_type", "hybrid_override_pattern", tuple(known))]
    if bias and [known["moe"]] in layers:
        c.refuse("mlp_bias", "mlp_bias gives the shared expert biases, and the others none")
    further = _words(c, "mtp_layers_block_type", "mtp_hybrid_override_pattern", tuple(known))
    depth = c.natural("num_nextn_predict_layers", 0)
    layer: Layer = [known[word] for word in further]
    c.get("num_hidden_layers")
    return Draft(top(c), layers, mtp=({}, [layer] * depth) if depth else None)


def _older(c: Config, new: str, old: str) -> str:
    """Return the older name of a key where the file has it: it wins."""
    c.get(new)
    return old if old in c.given else new


def _nemotron_experts(c: Config) -> Part:
    latent = c.count("moe_latent_size", None)
    c.get("n_shared_experts")  # moe_shared_expert_intermediate_size is that of all of them
    experts = moe(
        c,
        n_experts=c.count("n_routed_experts"),
        latent=latent,
        shared=1,
        shared_d_ff=c.count("moe_shared_expert_intermediate_size"),
        router=router(c, "sigmoid", correction_bias=True),
    )
    return changed(experts, gated=False)


def _words(c: Config, listed: str, letters: str, known: tuple[str, ...]) -> list[str]:
    """Return what layers are: a list of words, or else one letter each."""
    pattern = c.word(letters, None)
    words = c.list_of(str, listed, null=None)
    if words is None:
        if pattern is None:
            return ["mamba", "moe", "attention", "mlp"] if listed == "layers_block_type" else ["attention", "moe"]
        wrong = [letter for letter in pattern if letter not in LETTERS]
        if wrong:
            c.refuse(letters, f'{letters} has the letter "{wrong[0]}"', f"known: {' '.join(LETTERS)}")
        return [LETTERS[letter] for letter in pattern]
    for index, word in enumerate(words):
        if word not in known:
            c.refuse(listed, f'{listed}[{index}] is "{word[:64]}"', f"known: {', '.join(known)}")
    found: list[str] = words
    return found
