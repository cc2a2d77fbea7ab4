"""Language models of Qwen-VL and Qwen-Omni: rotations have three axes, which changes no count."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.families.llama import windows
from costmodel.importers.parts import ALL, QKV, attention, ffn, moe, router, top


def qwen2_vl(c: Config) -> Draft:
    """Read Qwen2-VL, Qwen2.5-VL and the thinker of Qwen2.5-Omni: Qwen2 whose head has no width of its own.

    ``tie_word_embeddings`` is no key of the VL classes; wrappers read it where a file has it.
    """
    width = c.count("hidden_size") // c.count("num_attention_heads")
    return Draft(top(c), [[mixer, ffn(c)] for mixer in windows(c, bias=QKV, head_dim=width)])


def qwen3_vl(c: Config) -> Draft:
    """Read Qwen3-VL: Qwen3 without windows."""
    layer = [attention(c, bias=ALL if c.flag("attention_bias") else (), qk_norm="head"), ffn(c)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def qwen3_vl_moe(c: Config) -> Draft:
    """Read Qwen3-VL-MoE and the thinker of Qwen3-Omni: experts in every ``decoder_sparse_step``-th layer.

    ``sliding_window`` is not used. ``shared_expert_intermediate_size`` is 0 in published files.
    """
    for key in ("sliding_window", "use_sliding_window", "max_window_layers"):
        c.get(key)  # the class sets the window to none
    c.require("shared_expert_intermediate_size", None, 0)
    mixer = attention(c, bias=ALL if c.flag("attention_bias") else (), qk_norm="head")
    dense, step = ffn(c, "dense"), c.count("decoder_sparse_step")
    skipped = c.list_of(int, "mlp_only_layers", null=[])
    experts = moe(c, router=router(c)) if c.natural("num_experts") else dense
    n = c.count("num_hidden_layers")
    networks = [dense if index in skipped or (index + 1) % step else experts for index in range(n)]
    return Draft(top(c), [[mixer, network] for network in networks])
