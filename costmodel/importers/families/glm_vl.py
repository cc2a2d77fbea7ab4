"""Language models of GLM-V, GLM-OCR and GLM-Image: GLM-4 and GLM-4.5 with other biases."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import QKV, attention, ffn, moe, router, top

SANDWICH = {"place": "sandwich"}


def glm4v(c: Config) -> Draft:
    """Read GLM-4V: four norms a layer, biases on q, k and v whatever the keys say."""
    width = c.count("hidden_size") // c.count("num_attention_heads")
    layer = [attention(c, bias=QKV, head_dim=width, rope_share=1.0), ffn(c)]
    return Draft(top(c, norm=SANDWICH), [layer] * c.count("num_hidden_layers"))


def glm_ocr(c: Config) -> Draft:
    """Read GLM-OCR: as GLM-4V, without biases; the head may have a width of its own."""
    layer = [attention(c, rope_share=1.0), ffn(c)]
    return Draft(top(c, norm=SANDWICH), [layer] * c.count("num_hidden_layers"))


def glm_image(c: Config) -> Draft:
    """Read the language model of GLM-Image: it reads words and image tokens, and writes image tokens only."""
    layer = [attention(c, bias=QKV if c.flag("attention_bias") else (), rope_share=1.0), ffn(c)]
    c.get("tie_word_embeddings")  # never tied: the head has other rows
    fields = top(c, tied=False, norm=SANDWICH)
    fields |= {"vocab_size": c.count("vision_vocab_size"), "embedding": {"rows": c.count("vocab_size")}}
    return Draft(fields, [layer] * c.count("num_hidden_layers"))


def glm4v_moe(c: Config) -> Draft:
    """Read GLM-4.5V: GLM-4.5 without norms on heads; half of a head is rotated where no key says so."""
    mixer = attention(c, bias=QKV if c.flag("attention_bias") else (), rope_share=0.5)
    shared = c.count("n_shared_experts")
    experts = moe(
        c,
        n_experts=c.count("n_routed_experts"),
        shared=shared,
        router=router(c, "sigmoid", correction_bias=True),
    )
    dense, first = ffn(c, "dense"), c.natural("first_k_dense_replace")
    c.require("use_qk_norm", None, False)
    layers = [[mixer, dense if index < first else experts] for index in range(c.count("num_hidden_layers"))]
    return Draft(top(c), layers)
