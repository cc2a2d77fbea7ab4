"""Whisper's encoder, and those made of it: a spectrogram through convolutions, and attention both ways."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, agrees, attention, changed, ffn
from costmodel.importers.towers.parts import activation

FRAMES = 3000  # of a spectrogram, the 30 seconds that most encoders are made for
_QVO = ("q", "v", "o")  # no bias on keys


def whisper(c: Config) -> Draft:
    """Read Whisper's encoder; a clip is as long as its table of positions, in which the sines are stored."""
    c.get("vocab_size")
    rows, width = c.count("max_source_positions"), size(c, "hidden_size")
    fields = {"d_model": width, "input": _stem(c, width), "frames": 2 * rows, "positions": rows}
    return Draft(fields, _layers(c, look(c, width)))


def pooled(c: Config) -> Draft:
    """Read Whisper's encoder where a mean over two positions stands before the last norm."""
    draft = whisper(c)
    draft.fields["norm"] = {"kind": "layer", "final": False}
    draft.more["projector"] = [{"pool": 2}, {"norm": "layer"}]
    return draft


def glmasr(c: Config) -> Draft:
    """Read GLM-ASR: Whisper's encoder with rotated positions, and no table of them."""
    width = c.count("hidden_size")
    c.get("max_position_embeddings")
    mixer = changed(attention(c, bias=_QVO, rope_share=0.5), causal=False)
    fields = {"d_model": width, "input": _stem(c, width), "frames": FRAMES}
    plain = ffn(c, gated=False, bias=True, activation=activation(c, "hidden_act", "gelu"))
    return Draft(fields, [[mixer, plain]] * c.count("num_hidden_layers"), remarks=[any_length(FRAMES)])


def voxtral_realtime(c: Config) -> Draft:
    """Read Voxtral Realtime: causal convolutions, windows that look back, gated networks, RMS norms."""
    width, heads = c.count("hidden_size"), c.count("num_attention_heads")
    c.get("vocab_size"), c.get("max_position_embeddings")
    mixer = attention(c, bias=_QVO, heads=heads, kv_heads=heads, window=c.count("sliding_window", None))
    gated = ffn(c, bias=["down"], activation=activation(c, "hidden_act", "silu"))
    fields = {"d_model": width, "input": _stem(c, width), "frames": FRAMES, "norm": {"kind": "rms"}}
    return Draft(fields, [[mixer, gated]] * c.count("num_hidden_layers"), remarks=[any_length(FRAMES)])


def qwen2_omni(c: Config) -> Draft:
    """Read Qwen2.5-Omni: pieces of a clip go through the convolutions and see each other; the projector is its own.

    Two learned vectors would stand before and after a clip. Positions are sines.
    """
    width, piece = size(c, "hidden_size"), 2 * c.count("n_window")
    c.get("max_source_positions")
    frames = whole(piece)
    fields = {"d_model": width, "input": _stem(c, width), "frames": frames, "piece": piece}
    fields |= {"norm": {"kind": "layer", "final": False}}
    more = {"projector": [{"pool": 2}, {"norm": "layer"}, {"linear": c.count("output_dim"), "bias": True}]}
    mixer = changed(look(c, width), chunk=piece // 2)
    return Draft(fields, _layers(c, mixer), {**more, "separators": 2}, remarks=[any_length(frames)])


def qwen3_omni(c: Config) -> Draft:
    """Read Qwen3-Omni: convolutions over time and bands of a piece; tokens of several pieces see each other."""
    width, out = size(c, "hidden_size"), c.count("output_dim")
    c.get("max_source_positions"), c.get("conv_chunksize")
    steps = [{"linear": width, "bias": True, "activation": "gelu"}, {"linear": out, "bias": True}]
    return _planes(c, width, {"projector": steps})


def qwen3_asr(c: Config) -> Draft:
    """Read Qwen3-ASR: Qwen3-Omni's encoder, whose last two matrices are the wrapper's."""
    c.get("max_position_embeddings"), c.get("output_dim")
    return _planes(c, size(c, "hidden_size"), {})


def _planes(c: Config, width: int, more: dict[str, Any]) -> Draft:
    """Return layers behind three convolutions over time and bands, each of which halves both."""
    piece = 2 * c.count("n_window")
    near = c.count("n_window_infer") // piece
    if not near:
        c.refuse("n_window_infer", f"n_window_infer is less than the {piece} frames of a piece")
    channels, frames = c.count("downsample_hidden_size"), whole(piece * near)
    one = {"out": channels, "kernel": 3, "stride": 2, "activation": "gelu"}
    source = {"bands": c.count("num_mel_bins"), "convolutions": [one] * 3, "linear": width}
    fields = {"d_model": width, "input": source, "frames": frames, "piece": piece}
    tokens = piece
    for _ in range(3):
        tokens = -(-tokens // 2)
    mixer = changed(look(c, width, ALL), chunk=near * tokens)
    return Draft(fields, _layers(c, mixer), more, remarks=[any_length(frames)])


def size(c: Config, key: str) -> int:
    """Return a number under the name that the class has for it."""
    found: int = c.count(c.also.get(key, key))
    return found


def whole(piece: int) -> int:
    """Return the length of a clip of whole pieces, about 30 seconds."""
    return max(1, FRAMES // piece) * piece


def any_length(frames: int) -> str:
    """Return a remark: the length of a clip is ours."""
    return f"clips have any length, and here {frames} frames"


def look(c: Config, width: int, bias: tuple[str, ...] = _QVO) -> Part:
    """Return attention in which all positions see each other; heads share the whole width."""
    heads = size(c, "num_attention_heads")
    if width % heads:
        c.refuse("num_attention_heads", f"hidden_size {width} is not a multiple of num_attention_heads {heads}")
    agrees(c, heads, "num_key_value_heads")  # Voxtral's published file says both, and no class reads them
    agrees(c, width // heads, "head_dim")
    mixer = attention(c, bias=bias, heads=heads, kv_heads=heads, head_dim=width // heads, rope=False)
    return changed(mixer, causal=False)


def _stem(c: Config, width: int) -> dict[str, Any]:
    """Return two convolutions of three frames, of which the second halves the length."""
    one = {"out": width, "kernel": 3, "activation": "gelu"}
    return {"channels": c.count("num_mel_bins"), "convolutions": [one, {**one, "stride": 2}]}


def _layers(c: Config, mixer: Part) -> list[list[Part]]:
    """Return layers with a plain network, as the class calls its sizes."""
    act = activation(c, "activation_function", "gelu")
    plain = ffn(c, d_ff=size(c, "intermediate_size"), gated=False, bias=True, activation=act)
    return [[mixer, plain]] * size(c, "num_hidden_layers")
