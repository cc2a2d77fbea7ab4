"""Language models that read pages: PaddleOCR-VL, Hunyuan-VL, DeepSeek-OCR-2, Unlimited-OCR."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, attention, changed, ffn, layer_types, moe, router, top


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

    The class has no default for ``mlp_layer_types`` and ``num_experts_per_tok``.
    """
    return Draft(top(c), _layers(c, c.list_of(str, "mlp_layer_types", c.count("num_hidden_layers"))))


def unlimited_ocr(c: Config) -> Draft:
    """Read the language model of Unlimited-OCR: DeepSeek-OCR-2's, with windows that never drop the prompt.

    How long the prompt is, the step says. Without ``mlp_layer_types`` all layers have experts but the
    first ``first_k_dense_replace``.
    """
    n, first = c.count("num_hidden_layers"), c.natural("first_k_dense_replace", 1)
    missing = ["dense" if index < first else "sparse" for index in range(n)]
    words = c.list_of(str, "mlp_layer_types", n, None) or missing
    known = {"full_attention": False, "reference_sliding_attention": True}
    has_window = layer_types(c, known, [True] * n)
    window = c.count("sliding_window")
    layers = [
        [changed(mixer, window=window, prefix="kept") if here else mixer, network]
        for here, (mixer, network) in zip(has_window, _layers(c, words), strict=True)
    ]
    return Draft(top(c), layers)


def _layers(c: Config, words: list[str]) -> list[tuple[Part, Part]]:
    """Return layers with experts where a word is sparse; groups of them count with group_limited_greedy only."""
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
    dense = ffn(c, "dense")
    return [(mixer, experts if word == "sparse" else dense) for word in words]
