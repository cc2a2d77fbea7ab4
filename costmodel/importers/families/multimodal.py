"""Language models of multimodal families that no text family has."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, QKV, attention, ffn, layer_types, moe, top
from costmodel.importers.towers import add_towers


def aria(c: Config) -> Draft:
    """Read Aria: ``intermediate_size`` is one expert's width, and that of one shared expert."""
    c.require("mlp_bias", False, why="gives only the shared experts a bias, which is not understood")
    experts = moe(
        c,
        n_experts=c.count("moe_num_experts"),
        top_k=c.count("moe_topk"),
        d_ff=c.count("intermediate_size"),
        shared=c.count("moe_num_shared_experts"),
    )
    layer = [attention(c, bias=ALL if c.flag("attention_bias") else ()), experts]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def molmo2(c: Config) -> Draft:
    """Read Molmo2: the embedding has further rows for image tokens, which the head does not write."""
    kinds = {"qwen3": "head", "olmo": "full"}
    norm = kinds[c.require("qk_norm_type", *kinds)]
    c.get("rope_scaling_layers")  # where angles are scaled
    layer = [attention(c, bias=QKV if c.flag("attention_bias") else (), qk_norm=norm), ffn(c)]
    fields = top(c, tied=False)
    c.get("tie_word_embeddings")  # no class ties a head to a table of other rows
    if further := c.natural("additional_vocab_size"):
        fields["embedding"] = {"rows": fields["vocab_size"] + further}
    if c.flag("norm_after"):
        fields["norm"] = {"place": "post"}
    return Draft(fields, [layer] * c.count("num_hidden_layers"))


def cosmos3_edge(c: Config) -> Draft:
    """Read Cosmos 3 Edge: a network without a gate, tables that are never tied."""
    layer = [
        attention(c, bias=ALL if c.flag("attention_bias") else ()),
        ffn(c, gated=False, bias=c.flag("mlp_bias") or None),
    ]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def cohere_compass(c: Config) -> Draft:
    """Read Cohere Compass: one norm a layer for attention and network; ``rope_parameters`` is by layer type.

    A type whose entry is null has no positions. The class has no default for them, and takes every
    layer for full attention where ``layer_types`` is missing.
    """
    ropes = c.get("rope_parameters")
    bias = ALL if c.flag("attention_bias") else ()
    n, window = c.count("num_hidden_layers"), c.count("sliding_window", None)
    kinds = {"full_attention": ("global", None), "sliding_attention": ("local", window)}
    words = layer_types(c, {kind: kind for kind in kinds}, ["full_attention"] * n)
    mixers = {}
    for word in words:
        if not isinstance(ropes, dict) or word not in ropes:
            c.refuse("rope_parameters", f"rope_parameters has no entry for {word}, and the model type has no default")
        name, seen = kinds[word]
        mixer = attention(c, name, bias=bias, window=seen)
        mixers[word] = mixer if ropes[word] is not None else Part(name, {**mixer.fields, "rope": False})
    norm = {"kind": "layer", "bias": False, "place": "parallel"}
    return Draft(top(c, norm=norm), [[mixers[word], ffn(c)] for word in words])


def chameleon(c: Config) -> Draft:
    """Read Chameleon: every head of queries and keys has a norm of its own weights; ``swin_norm`` moves the norms."""
    qk_norm = {"shape": "heads", "kind": "layer", "bias": True}
    width = c.count("hidden_size") // c.count("num_attention_heads")
    bias = ALL if c.flag("attention_bias") else ()
    layer = [attention(c, bias=bias, head_dim=width, qk_norm=qk_norm), ffn(c, bias=c.flag("mlp_bias") or None)]
    c.get("model_parallel_size")
    fields = top(c)
    if c.flag("swin_norm"):
        fields["norm"] = {"place": "post"}
    draft = Draft(fields, [layer] * c.count("num_hidden_layers"))
    draft.left_out = c.leave_out("vq_config")
    return draft


def phi4_multimodal(c: Config) -> Draft:
    """Read Phi-4-multimodal: Phi-3 with towers, and with adapters that a file lists beside it."""
    layer = [attention(c, rope_share=1.0, window=c.count("sliding_window", None)), ffn(c)]
    draft = Draft(top(c), [layer] * c.count("num_hidden_layers"))
    adapters = [key for key in ("vision_lora", "speech_lora") if c.get(key)]
    draft.left_out = c.leave_out(*add_towers(c, draft, ("vision_config", "audio_config", *adapters)))
    return draft


def voxtral_realtime(c: Config) -> Draft:
    """Read Voxtral Realtime: Mistral whose networks read an input scaled by what the delay says, through 32 values."""
    layer = [attention(c, window=c.count("sliding_window", None)), ffn(c, input_scale=32)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))
