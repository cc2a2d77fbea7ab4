"""Decoders of sound: a position is a frame, which has a token of each codebook; codecs are left out."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.defaults import class_of
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.families import adapter
from costmodel.importers.families.t5 import act
from costmodel.importers.parts import ALL, QKV, attention, changed, ffn, top

LAYER_NORM = {"kind": "layer"}


def clvp(c: Config) -> Draft:
    """Read the speech decoder of CLVP, which writes Tortoise's sounds: GPT-2 with one norm more before its head.

    The encoders of text and speech only choose among finished candidates; what conditions the
    decoder stands before its first token.
    """
    part = c.sub("decoder_config")
    part.require("add_cross_attention", False, None)
    for key in ("max_text_tokens", "num_mel_attn_blocks", "feature_size"):  # of what conditions it
        part.get(key)
    part.get("decoder_fixing_codes"), part.get("tie_word_embeddings")  # the class ties nothing
    bias = [*(QKV if part.flag("use_attention_bias") else ()), "o"]
    width = part.count("hidden_size")
    mixer = attention(part, bias=bias, kv_heads=part.count("num_attention_heads"), head_dim=_head(part), rope=False)
    inner = part.count("n_inner", None) or 4 * width
    network = ffn(part, d_ff=inner, gated=False, bias=True, activation=act(part.word("activation_function", None)))
    above = top(part, tied=False, positions=part.count("max_position_embeddings"), norm=LAYER_NORM)
    draft = Draft(
        above | {"head": {"bias": True, "norm": "layer"}}, [[mixer, network]] * part.count("num_hidden_layers")
    )
    draft.left_out = [*c.leave_out("text_config", "speech_config"), "conditioning_encoder"]
    return draft


def csm(c: Config) -> Draft:
    """Read CSM's backbone: Llama over text or frames of sound, which predicts the first code of the next frame.

    The small decoder of the frame's other codes is left out. Its table is tied to the backbone's or
    not; tables of other sizes cannot be.
    """
    c.get("tie_word_embeddings")  # which the class drops for the next
    if c.flag("tie_codebooks_embeddings"):
        depth = c.get("depth_decoder_config") or {}
        missing = class_of("csm_depth_decoder_model").keys
        for key, other in (
            ("num_codebooks", "num_codebooks"),
            ("vocab_size", "vocab_size"),
            ("hidden_size", "backbone_hidden_size"),
        ):
            size = depth.get(other, depth.get("codebook_size") if key == "vocab_size" else None)
            if (missing[other] if size is None else size) != c.count(key):
                c.refuse(
                    key,
                    f"{key} is {c.count(key)}, and not that of depth_decoder_config, whose table is tied to this one",
                )
    layer = [attention(c, bias=ALL if c.flag("attention_bias") else ()), ffn(c, bias=c.flag("mlp_bias") or None)]
    codes, rows = c.count("num_codebooks"), c.count("vocab_size")
    table = {"rows": c.count("text_vocab_size"), "codebooks": codes, "codebook_rows": rows}
    draft = Draft(top(c, tied=False, embedding=table), [layer] * c.count("num_hidden_layers"))
    draft.left_out = c.leave_out("depth_decoder_config", "codec_config")
    return draft


def higgs_audio_v2(c: Config) -> Draft:
    """Read Higgs Audio 2: Llama whose networks and norms tokens of text and of sound have one each; it writes sound.

    The head of text is built for training alone.
    """
    c.get("tie_word_embeddings")  # there is no head of text to tie
    for key in ("audio_stream_bos_id", "audio_stream_eos_id"):  # two of the rows of a codebook
        c.get(key)
    codes, rows, text = c.count("num_codebooks"), c.count("codebook_size"), c.count("vocab_size")
    experts = {"kind": "moe", "n_experts": 2, "top_k": 1, "d_ff": c.count("intermediate_size")}
    experts |= {"bias": True} if c.flag("mlp_bias") else {}
    bias = ALL if c.flag("attention_bias") else ()
    layer = [attention(c, bias=bias), Part("text-or-sound", experts | {"router": {"by_kind": True}})]
    table = {"rows": text, "codebooks": codes, "codebook_rows": rows}
    above = top(c, tied=False, norm={"kinds": 2}, embedding=table, head={"codebooks": codes})
    return Draft(above | {"vocab_size": rows}, [layer] * c.count("num_hidden_layers"))


def kyutai_speech_to_text(c: Config) -> Draft:
    """Read Kyutai's speech to text: Moshi's layers, one table of text, codes and a row for padding; it writes text."""
    c.require("tie_word_embeddings", False, None, why="would tie a head to a table of more rows")
    c.get("frame_size")  # written by the class, from the codec
    table = {"codebooks": c.count("num_codebooks"), "codebook_rows": c.count("codebook_vocab_size")}
    draft = _moshi(c, table)
    draft.left_out = c.leave_out("codec_config")
    return draft


def moshi(c: Config) -> Draft:
    """Read Moshi's large transformer: what it hears and what it said are a row of each codebook, beside its text.

    The codec and the small transformer over codebooks are left out.
    """
    c.require("tie_word_embeddings", False, None)
    codec = c.get("audio_encoder_config") or {}
    own = codec.get("codebook_size", 2048) if isinstance(codec, dict) and codec else None
    rows = c.count("audio_vocab_size", own) or c.refuse("audio_vocab_size", "audio_vocab_size is missing")
    draft = _moshi(c, {"codebooks": 2 * c.count("num_codebooks"), "codebook_rows": rows + 1})
    draft.left_out = c.leave_out("audio_encoder_config", "depth_decoder_config")
    return draft


def _moshi(c: Config, table: dict[str, int]) -> Draft:
    """Return Moshi's layers: windows, a network of half ``ffn_dim``; one row more than the vocabulary."""
    d_ff = c.count("ffn_dim")
    if d_ff % 2:
        c.refuse("ffn_dim", f"ffn_dim is {d_ff}, and one half of it is the gate")
    layer = [attention(c, window=c.count("sliding_window", None)), ffn(c, d_ff=d_ff // 2)]
    above = top(c, tied=False, embedding={"rows": c.count("vocab_size") + 1, **table})
    return Draft(above, [layer] * c.count("num_hidden_layers"))


def dia(c: Config) -> Draft:
    """Read Dia: an encoder of bytes, and a decoder whose position is a code of every channel; a head for each.

    Widths, heads and vocabularies of the two are their own; cross-attention has heads of its own too.
    """
    below, above = c.sub("encoder_config"), c.sub("decoder_config")
    channels, width = above.count("num_channels"), above.count("hidden_size")
    delays = c.get("delay_pattern")
    if channels != (len(delays) if isinstance(delays, list) else 9):
        c.refuse("delay_pattern", f"delay_pattern should have a delay for each of {channels} channels")
    inner = below.count("hidden_size")
    if above.count("cross_hidden_size") != inner:
        above.refuse("cross_hidden_size", f"cross_hidden_size is not the encoder's width {inner}")
    encode = changed(attention(below, "encode"), causal=False)
    heads, kv_heads = above.count("cross_num_attention_heads"), above.count("cross_num_key_value_heads")
    cross: dict[str, Any] = {"kind": "cross_attention", "n_heads": heads, "head_dim": above.count("cross_head_dim")}
    cross |= {"n_kv_heads": kv_heads} if kv_heads != heads else {}
    layer = [attention(above, "self"), Part("cross", cross), ffn(above)]
    source = {"d_model": inner} if inner != width else {}
    below.get("max_position_embeddings")
    return Draft(
        top(above, tied=False, embedding={"codebooks": channels}, head={"codebooks": channels}),
        [layer] * above.count("num_hidden_layers"),
        encoder=(
            {**source, "embedding": {"table": True, "rows": below.count("vocab_size")}},
            [[encode, ffn(below, "encode-mlp")]] * below.count("num_hidden_layers"),
        ),
    )


def musicgen(c: Config) -> Draft:
    """Read MusicGen: a T5 encoder of text, and a decoder over codebooks with a table and a head for each.

    What the encoder writes is projected to the decoder's width where that is another. The relative
    positions are the encoder's; those of the decoder are sines.
    """
    part, text = c.sub("decoder"), c.sub("text_encoder")
    if text.model_type not in ("t5", "mt5"):
        text.refuse("model_type", f"a text encoder of the type {text.model_type} is not covered")
    found = adapter(text.model_type)(text)
    assert found.encoder is not None
    inner, width = found.fields["d_model"], part.count("hidden_size")
    part.require("cross_attention_hidden_size", None, *([inner] if inner == width else []), why="is not covered")
    fields: dict[str, Any] = {
        "d_model": inner,
        "embedding": {"table": True, "rows": found.fields["vocab_size"]},
        "norm": {"kind": "rms"},
        **{key: found.fields[key] for key in ("relative_bias", "relative_heads")},
    }
    if inner == width:
        del fields["d_model"]
    else:
        fields |= {"project": True, "project_bias": True}
    below: list[Layer] = [[mixer, Part("encode-mlp", network.fields)] for mixer, network in found.encoder[1]]  # type: ignore[union-attr]
    draft = _musicgen(part, cross=True)
    draft.encoder = fields, below
    draft.left_out = c.leave_out("audio_encoder")
    return draft


def musicgen_melody(c: Config) -> Draft:
    """Read MusicGen Melody: a decoder alone, as text and melody stand before its first token.

    Their towers are left out, and with them the matrices that bring them to its width.
    """
    draft = _musicgen(c.sub("decoder"), cross=False)
    draft.left_out = c.leave_out("text_encoder", "audio_encoder")
    return draft


def _musicgen(c: Config, *, cross: bool) -> Draft:
    """Return the decoder of MusicGen, without a bias but those of its norms; one row more than the vocabulary."""
    c.require("tie_word_embeddings", False, None), c.require("audio_channels", 1, 2)
    c.get("add_cross_attention"), c.get("is_decoder")  # the class has what it has
    codes, heads = c.count("num_codebooks"), c.count("num_attention_heads")
    own = attention(c, "self" if cross else "attention", kv_heads=heads, head_dim=_head(c), rope=False)
    shape = {"kind": "cross_attention", "n_heads": heads, "head_dim": _head(c)}
    network = ffn(c, d_ff=c.count("ffn_dim"), gated=False, activation=act(c.word("activation_function", None)))
    layer = [own, *([Part("cross", shape)] if cross else []), network]
    table = {"rows": c.count("vocab_size") + 1, "codebooks": codes}
    above = top(c, tied=False, norm=LAYER_NORM, embedding=table, head={"codebooks": codes})
    return Draft(above, [layer] * c.count("num_hidden_layers"))


def pocket_tts(c: Config) -> Draft:
    """Read Pocket TTS and Phonon: frames are vectors, not tokens; the one logit says whether a frame is the last.

    The flow head that writes a frame is left out, and with it the matrices that read vectors,
    speakers and durations.
    """
    c.get("tie_word_embeddings")  # there is no head of text to tie
    mixer = attention(c, bias=ALL if c.flag("attention_bias") else ())
    network = ffn(c, gated=False, activation=act(c.word("hidden_act", None)))
    above = top(c, tied=False, norm=LAYER_NORM, head={"columns": 1, "bias": True})
    draft = Draft(above, [[mixer, network]] * c.count("num_hidden_layers"))
    vectors = ("flow_head_config", "latent_dim", "audio_prompt_dim", "num_speakers", "duration_delta")
    draft.left_out = c.leave_out(*vectors)
    return draft


def _head(c: Config) -> int:
    """Return the width of a head of a class whose heads must make up the model's width together."""
    width, heads = c.count("hidden_size"), c.count("num_attention_heads")
    if width % heads:
        c.refuse("num_attention_heads", f"num_attention_heads {heads} do not divide the width {width}")
    return int(width // heads)
