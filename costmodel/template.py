"""The spec that ``archcalc init`` writes: complete, commented, and loadable as it stands."""

from __future__ import annotations

from costmodel.errors import UsageError, quote
from costmodel.merging import NAME

TEMPLATE = """\
# yaml-language-server: $schema=archcalc.schema.json
# $schema: archcalc.schema.json
# The two lines above give editors completion and checks: archcalc schema > archcalc.schema.json
#
# What this spec costs: archcalc show {file}
# Where a figure comes from: archcalc explain {file} cache
# What changed against another: archcalc compare {file} llama-3.1-8b

name: {name}
title: {title}

# Where the numbers were read. A proposal of your own may leave it out.
# source: {{title: "organisation/model config.json", url: "https://...", read: 2026-11-22}}

# To change a spec of the catalog instead, state what differs and delete the rest of this file:
# base: llama-3.1-8b
# blocks:
#   attention: {{n_kv_heads: 4}}

d_model: 4096
vocab_size: 128_256
n_layers: 32
max_context: 131_072
tied: false # true: the LM head is the input embedding

# A block is a mechanism with the sizes it needs. Kinds of mixers: attention, mla,
# cca, compressed_attention, cross_attention, differential_attention, host_attention, mamba,
# mamba2, merged_attention, gated_deltanet, kda, lightning, mlstm, rg_lru, rwkv4_time_mix,
# short_conv; of feed-forwards: ffn, language_ffn, moe, rwkv4_channel_mix; custom: costs that you state yourself.
blocks:
  global: {{kind: attention, n_heads: 32, n_kv_heads: 8, head_dim: 128}}
  # The same with a sliding window: it keeps the last 4,096 tokens.
  local: {{like: global, window: 4096}}
  dense: {{kind: ffn, d_ff: 14_336}}
  # 8 of 64 experts for each token, and one that all tokens use.
  moe: {{kind: moe, n_experts: 64, top_k: 8, d_ff: 2048, shared: {{d_ff: 2048}}}}

# Which block stands in which layer. "repeat" fills the stack and may stop inside a turn; a bare
# last name repeats by itself. As lists of layers: mixer: [local, global, ...].
mixer: repeat 3 local + global
ffn: 2 dense then moe

# More, where a model has it: norm, positions, mtp, encoder, loops, shared, components, keep.
# docs/spec-format.md has them all, with an example each.
"""


def template(name: str, file: str) -> str:
    """Return the text of a new spec.

    Raises:
        UsageError: no name of a spec.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{quote(name)} is no name of a spec", hint="letters, digits and . _ + -, at most 64")
    return TEMPLATE.format(name=name, title=f'"{name}"', file=file)
