"""Language models that read pages: PaddleOCR-VL, Hunyuan-VL, DeepSeek-OCR-2."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import ALL, attention, ffn, moe, router, top


def paddleocr_vl(c: Config) -> Draft:
    """Read PaddleOCR-VL: Llama whose biases are all one key; published files have keys of ERNIE's training beside."""
    for key in ("compression_ratio", "ignored_index", "rope_is_neox_style", "use_3d_rope", "weight_share_add_bias"):
        c.get(key)  # its class reads none of them
    bias = c.flag("use_bias")
    layer = [attention(c, bias=ALL if bias else ()), ffn(c, bias=bias or None)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def hunyuan_vl(c: Config) -> Draft:
    """Read Hunyuan-VL: Llama with norms on the heads of queries and keys (after their rotation)."""
    layer = [attention(c, bias=ALL if c.flag("attention_bias") else (), qk_norm="head"), ffn(c)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def deepseek_ocr2(c: Config) -> Draft:
    """Read the language model of DeepSeek-OCR-2: plain heads, and experts where ``mlp_layer_types`` says so.

    The class has no default for ``mlp_layer_types`` and ``num_experts_per_tok``; groups of experts
    count only with ``topk_method`` group_limited_greedy.
    """
    grouped = c.require("topk_method", None, "greedy", "group_limited_greedy") == "group_limited_greedy"
    groups = {"groups": "n_group", "top_groups": "topk_group"}
    chosen = router(c, **groups) if grouped else {"score": "softmax"}
    for key in groups.values():
        c.get(key)
    biased = c.flag("mlp_bias")
    if biased:
        c.refuse("mlp_bias", "mlp_bias gives only the dense and shared networks a bias, which is not understood")
    experts = moe(
        c,
        n_experts=c.count("n_routed_experts"),
        shared=c.count("n_shared_experts"),
        router=chosen,
    )
    width = c.count("hidden_size") // c.count("num_attention_heads")
    mixer = attention(c, bias=ALL if c.flag("attention_bias") else (), head_dim=width)
    c.get("head_dim")  # the class sets it
    dense, n = ffn(c, "dense"), c.count("num_hidden_layers")
    words = c.list_of(str, "mlp_layer_types", n)
    return Draft(top(c), [[mixer, experts if word == "sparse" else dense] for word in words])
