"""Models of masked words that also write text: XLM, FlauBERT, and ModernBERT's decoder."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.families.gpt import LAYER, POST, fields, heads, plain
from costmodel.importers.families.llama_like import biased
from costmodel.importers.parts import attention, ffn, layer_types, top
from costmodel.importers.windows import WORDS


def xlm(c: Config) -> Draft:
    """Read XLM: a norm behind the embedding, norms behind sublayers, a bias on the head.

    Tokens see each other both ways unless ``causal``. Several languages have a table of their own.
    Adaptive softmax is refused.
    """
    return _xlm(c, POST)


def flaubert(c: Config) -> Draft:
    """Read FlauBERT: XLM, whose norms may stand before sublayers; after the last layer there is none."""
    c.get("layerdrop")
    return _xlm(c, {**LAYER, "final": False} if c.flag("pre_norm") else POST)


def _xlm(c: Config, norm: dict[str, Any]) -> Draft:
    c.require("asm", False)
    c.require("is_encoder", True)
    for key in ("gelu_activation", "lang_id", "mask_index", "sinusoidal_embeddings", "unk_index", "start_n_top"):
        c.get(key)
    for key in ("bos_index", "end_n_top", "eos_index", "pad_index"):
        c.get(key)
    embedding: dict[str, Any] = {"norm": "layer"}
    languages = c.count("n_langs")
    if c.flag("use_lang_emb") and languages > 1:
        embedding["token_types"] = languages
    longest = "max_position_embeddings"
    above = fields(
        c, "emb_dim", longest, positions=c.count(longest), embedding=embedding, norm=norm, head={"bias": True}
    )
    mixer = heads(c, "emb_dim", "n_heads")
    if not c.flag("causal"):
        mixer = mixer._replace(fields={**mixer.fields, "causal": False})
    return Draft(above, [[mixer, plain(c, 4 * c.count("emb_dim"))]] * c.count("n_layers"))


def modernbert_decoder(c: Config) -> Draft:
    """Read ModernBERT's decoder: half of ``local_attention`` lies before a token; a matrix before the head.

    The norm of the first layer stands behind the embedding.
    """
    n, d_model, n_heads = c.count("num_hidden_layers"), c.count("hidden_size"), c.count("num_attention_heads")
    turn = c.count("global_attn_every_n_layers", 3)
    local = layer_types(c, WORDS, [bool(index % turn) for index in range(n)])
    for key in ("initializer_cutoff_factor", "sliding_window"):  # the second is made of local_attention
        c.get(key)
    shape = {"bias": biased(c), "kv_heads": n_heads, "head_dim": d_model // n_heads}
    mixers = {
        False: attention(c, "global" if any(local) else "attention", **shape),
        True: attention(c, "local", window=c.count("local_attention") // 2, **shape),
    }
    network = ffn(c, bias=c.flag("mlp_bias") or None)
    head = {"bias": c.flag("decoder_bias"), "dense": True, "dense_bias": c.flag("classifier_bias")}
    norm = {"kind": "layer"} | ({} if c.flag("norm_bias") else {"bias": False})
    above = top(c, norm=norm, head={key: value for key, value in head.items() if value})
    return Draft(above, [[mixers[one], network] for one in local])
