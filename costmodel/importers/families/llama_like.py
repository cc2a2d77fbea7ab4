"""Families that are Llama but for a few things: biases, norms, rotated shares, windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.families.llama import llama
from costmodel.importers.parts import ALL, QKV, attention, ffn, layer_types, top
from costmodel.importers.windows import WORDS, sliding, windowed

SANDWICH = {"place": "sandwich"}


def biased(c: Config, which: Sequence[str] = ALL, key: str = "attention_bias") -> Sequence[str]:
    """Return which projections of attention have a bias, where a flag says that they have."""
    return which if c.flag(key) else ()


def stack(c: Config, mixer: Part, network: Part, **fields: Any) -> Draft:
    """Return a model all of whose layers are alike; ``fields`` stand above the blocks."""
    return Draft(top(c, **fields), [[mixer, network]] * c.count("num_hidden_layers"))


def even(c: Config) -> int:
    """Return the width of a head of a class whose heads must make up the model's width together."""
    d_model, n_heads = c.count("hidden_size"), c.count("num_attention_heads")
    head_dim: int = c.count("head_dim", None) or d_model // n_heads
    if head_dim * n_heads != d_model:
        c.refuse("num_attention_heads", f"{n_heads} heads of {head_dim} are not the {d_model} values of hidden_size")
    return head_dim


def apertus(c: Config) -> Draft:
    """Read Apertus: xIELU, which learns two numbers a layer, without a gate; norms on heads."""
    c.require("qk_norm", True, None)  # as its published files say; no key of the class
    learned = 2 if c.given.get("hidden_act", "xielu") == "xielu" and c.get("hidden_act") in (None, "xielu") else None
    return stack(c, attention(c, bias=biased(c), qk_norm="head"), ffn(c, gated=False, scalars=learned))


def arcee(c: Config) -> Draft:
    """Read Arcee: squared ReLU without a gate."""
    return stack(c, attention(c, bias=biased(c)), ffn(c, gated=False, bias=c.flag("mlp_bias") or None))


def bitnet(c: Config) -> Draft:
    """Read BitNet: a norm before the last matrix of attention, as wide as the model, and of the network."""
    mixer = attention(c, bias=biased(c), head_dim=even(c), out_norm="full")
    return stack(c, mixer, ffn(c, inner_norm=True))


def cwm(c: Config) -> Draft:
    """Read CWM: a window in three layers of four, the first layer sees everything."""
    mixers = windowed(c, lambda index: index % 4)
    return Draft(top(c), [[mixer, ffn(c, bias=c.flag("mlp_bias") or None)] for mixer in mixers])


def diffllama(c: Config) -> Draft:
    """Read DiffLlama: differential attention; ``lambda_std_dev`` is how its vectors start."""
    c.get("lambda_std_dev")
    plain = attention(c, bias=biased(c))
    mixer = Part(plain.name, {**plain.fields, "kind": "differential_attention"})
    return stack(c, mixer, ffn(c))


def ernie4_5(c: Config) -> Draft:
    """Read ERNIE 4.5: one flag for the biases of attention and network."""
    bias = c.flag("use_bias")
    return stack(c, attention(c, bias=ALL if bias else ()), ffn(c, bias=bias or None))


def exaone4(c: Config) -> Draft:
    """Read EXAONE 4: norms behind sublayers; where there are windows, the layers without one rotate nothing.

    The layer that predicts further tokens in EXAONE 4.5's file is left out, as the class does.
    """
    for key in ("_num_mtp_layers", "mtp_loss_scaling_factor", "mtp_share_layers"):
        c.get(key)
    further = ["num_nextn_predict_layers"] if c.natural("num_nextn_predict_layers", 0) else []
    window = c.count("sliding_window", None)
    turn = c.count("sliding_window_pattern", 0) if window and not c.has("layer_types") else 0
    c.get("sliding_window_pattern")  # of no use beside layer_types; it may then be a text
    full = {"rope": False} if window else {}
    mixers = windowed(c, lambda index: window and (index + 1) % turn, full=full, qk_norm="head")
    return Draft(top(c, norm={"place": "post"}), [[mixer, ffn(c)] for mixer in mixers], left_out=further)


def glm(c: Config) -> Draft:
    """Read GLM-4 of 2024: half of a head is rotated; no bias on the output."""
    return stack(c, attention(c, bias=biased(c, QKV), rope_share=0.5), ffn(c))


def glm4(c: Config) -> Draft:
    """Read GLM-4-0414: as GLM, with norms around sublayers."""
    return stack(c, attention(c, bias=biased(c, QKV), rope_share=0.5), ffn(c), norm=SANDWICH)


def granite(c: Config) -> Draft:
    """Read Granite: multipliers, which change no count."""
    return llama(c)


def granite_swa(c: Config) -> Draft:
    """Read Granite with windows: sinks in every layer; a layer whose base is 0 or null rotates nothing."""
    local = sliding(c, lambda index: index % 4)
    window = c.count("sliding_window") if any(local) else None
    c.get("sliding_window")
    bases = c.get("layer_rope_theta") or [True] * len(local)
    if not isinstance(bases, list) or len(bases) != len(local):
        c.refuse("layer_rope_theta", f"layer_rope_theta should list a base for each of {len(local)} layers")
    fields: dict[str, Any] = {"bias": biased(c), "sinks": True}
    mixers = [
        attention(c, "local" if one else "global", window=window if one else None, rope=bool(base), **fields)
        for one, base in zip(local, bases, strict=True)
    ]
    return Draft(top(c), [[mixer, ffn(c, bias=c.flag("mlp_bias") or None)] for mixer in mixers])


def helium(c: Config) -> Draft:
    """Read Helium: no bias on the output of attention, whose heads make up the model's width."""
    mixer = attention(c, bias=biased(c, QKV), head_dim=even(c))
    return stack(c, mixer, ffn(c, bias=c.flag("mlp_bias") or None))


def hunyuan_v1_dense(c: Config) -> Draft:
    """Read Hunyuan dense: norms on heads."""
    c.require("use_qk_norm", True, None)  # as its published files say; no key of the class
    return stack(c, attention(c, bias=biased(c), qk_norm="head"), ffn(c))


def hyperclovax(c: Config) -> Draft:
    """Read HyperCLOVA X: norms around sublayers where a flag says so."""
    fields: dict[str, Any] = {"norm": SANDWICH} if c.flag("use_post_norm") else {}
    return stack(c, attention(c, bias=biased(c)), ffn(c, bias=c.flag("mlp_bias") or None), **fields)


def iquestcoder(c: Config) -> Draft:
    """Read IQuest-Coder: Llama; its class refuses windows and clipping."""
    c.require("use_sliding_window", None, False)
    c.require("clip_qkv", None)
    for key in ("sliding_window", "max_window_layers"):
        c.get(key)  # of no use without windows
    return llama(c)


def ministral(c: Config) -> Draft:
    """Read Ministral: a window in every layer unless ``layer_types`` says otherwise."""
    window = c.count("sliding_window", None)
    return Draft(top(c), [[mixer, ffn(c)] for mixer in windowed(c, lambda _: window)])


def nanochat(c: Config) -> Draft:
    """Read nanochat: no norm has weights, those on heads neither; no gate."""
    mixer = attention(c, bias=biased(c), qk_norm="l2")
    return stack(c, mixer, ffn(c, gated=False), norm={"kind": "none"})


def phi3(c: Config) -> Draft:
    """Read Phi-3 and Phi-4: fused matrices, which change no count; part of a head may not be rotated."""
    for key in ("full_attn_mod", "interpolate_factor"):
        c.require(key, 1, None)  # keys of Phi-4-mini's files; its own code reads no other value
    window = c.count("sliding_window", None)
    return stack(c, attention(c, window=window, rope_share=1.0), ffn(c))


def seed_oss(c: Config) -> Draft:
    """Read Seed-OSS: a flag of its own for the bias on the output of attention."""
    bias = [*biased(c, QKV), *biased(c, ("o",), "attention_out_bias")]
    return stack(c, attention(c, bias=bias), ffn(c, bias=c.flag("mlp_bias") or None))


def smollm3(c: Config) -> Draft:
    """Read SmolLM3: every fourth layer rotates nothing; those have the windows, where windows are used.

    A window needs its flag too, not its layer type alone.
    """
    n = c.count("num_hidden_layers")
    c.get("max_window_layers")  # of the published file, and of no use to the class
    turn = c.natural("no_rope_layer_interval", 0)
    rotated = c.list_of(int, "no_rope_layers", n, None) or [(index + 1) % turn for index in range(n)]
    window = c.count("sliding_window", None)
    window = window if c.flag("use_sliding_window") else None
    local = layer_types(c, WORDS, [bool(window and not turns) for turns in rotated])
    if any(local) and not window:
        c.refuse("layer_types", "layer_types has windows, and use_sliding_window or sliding_window says there are none")
    mixers = []
    for is_local, turns in zip(local, rotated, strict=True):
        name = "local" if is_local else "rope" if turns else "nope"
        mixers.append(attention(c, name, bias=biased(c), rope=bool(turns), window=window if is_local else None))
    return Draft(top(c), [[mixer, ffn(c, bias=c.flag("mlp_bias") or None)] for mixer in mixers])
