"""A design that changes two lines of a published one."""

WIDE = """\
base: deepseek-v3
name: v3-wide-shared
title: DeepSeek-V3 with a wider shared expert
blocks:
  mla: {kv_lora_rank: 640}
  moe: {shared: {d_ff: 3072}}
"""
