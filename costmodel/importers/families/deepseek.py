"""DeepSeek-V3 and what was built after it: latent attention, many small experts behind a few dense layers."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import ffn, further, mla, moe, router, top


def deepseek_v3(c: Config) -> Draft:
    """Read DeepSeek-V3: sigmoid scores with a correction bias; ``num_key_value_heads`` is not used."""
    c.get("num_key_value_heads")
    bias = ("q_a", "kv_a", "o") if c.flag("attention_bias") else ()
    experts = moe(
        c,
        n_experts=c.count("n_routed_experts"),
        shared=c.natural("n_shared_experts", 0),
        router=router(c, "sigmoid", correction_bias=True),
    )
    dense, attention = ffn(c, "dense"), mla(c, bias=bias)
    first = c.natural("first_k_dense_replace", 0)
    layers = [[attention, dense if index < first else experts] for index in range(c.count("num_hidden_layers"))]
    mtp = further(c, layers[-1], "num_nextn_predict_layers", "num_mtp_layers")
    return Draft(top(c), layers, mtp=mtp)
