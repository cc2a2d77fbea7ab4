"""DeepSeek-V3 and what was built after it: latent attention, many small experts behind a few dense layers."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.expert_parts import after, deepseek_experts, dense, every, stack
from costmodel.importers.parts import further, mla, top


def deepseek_v3(c: Config) -> Draft:
    """Read DeepSeek-V3, which Kimi-K2 is too: sigmoid scores with a correction bias.

    ``num_key_value_heads`` is not used. ``head_dim`` is the rotated part, whatever a file says.
    """
    attention = mla(c, bias=("q_a", "kv_a", "o") if c.flag("attention_bias") else ())
    for key in ("num_key_value_heads", "head_dim"):
        c.get(key)
    c.require("qk_head_dim", None, attention.fields["qk_nope_head_dim"] + attention.fields["qk_rope_head_dim"])
    c.require("moe_layer_freq", None, 1)
    sparse = after(c, c.natural("first_k_dense_replace", 0))
    layers = stack(every(c, attention), sparse, deepseek_experts(c), dense(c))
    return Draft(top(c), layers, mtp=further(c, layers[-1], "num_nextn_predict_layers", "num_mtp_layers"))
