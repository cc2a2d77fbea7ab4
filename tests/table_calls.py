"""The commands whose tables are checked in every format, and a spec with a title that is hard on all of them."""

from __future__ import annotations

SIX = ("deepseek-v3", "llama4", "kimi-k2", "qwen3-235b", "gpt-oss-120b", "gemma-3-27b")
DIFFERENT = ("jamba-v0.1", "t5-small", "gemma-3n-e4b", "deepseek-v4-flash", "zamba2-2.7b", "qwen3-next-80b-a3b")
FULL_COLUMNS = "name,title,confidence,total,active,active_without_lookup,share,layers,d_model,vocab_size,max_context,"
FULL_COLUMNS += "kb_per_token,attention,heads,head_dim,experts,expert_width,ffn_layers,mixer,ffn,source,cache@4Ki,"
FULL_COLUMNS += "paged@1Mi,pool@1Mi,decode@4Ki,decode@1Mi,prefill@4Ki,prefill@1Mi"
V3 = ("deepseek-v3", "-H", "h200-sxm", "--ep", "8", "--dtype", "weights=fp8,kv=fp8")
HOSTILE_TEXT = (
    r"""100% {a} _b_ $x^2$ ~ \write18{ls} # & | `q` **b** [l](u) <i title='x'>&amp;</i> "é Größe ł" 漢 ½ … -- --- ~~"""
)
HOSTILE = f"""
name: hostile
title: '=cmd() {HOSTILE_TEXT.replace("'", "''")}'
source: {{title: '[x] {HOSTILE_TEXT.replace("'", "''")}', read: 2026-11-22}}
claims: [{{figure: params.total, value: 1M, source: '- {HOSTILE_TEXT.replace("'", "''")}'}}]
d_model: 64
vocab_size: 100
n_layers: 2
blocks:
  a: {{kind: attention, n_heads: 4, head_dim: 16}}
  f: {{kind: ffn, d_ff: 128}}
mixer: a
ffn: f
"""

STYLES = {
    "paper": ("compare", *SIX[:4], "--style", "paper"),
    "paper of 2": ("compare", *SIX[:2], "--style", "paper"),
    "paper of 3": ("compare", *SIX[:3], "--style", "paper", "--digits", "3"),
    "paper of 5": ("compare", *SIX[:5], "--style", "paper", "--units", "iec"),
    "paper of 6": ("compare", *SIX, "--style", "paper"),
    "paper as rows": ("compare", *SIX, "--style", "paper", "--transpose", "--sort", "cache@128Ki"),
    "paper of choice": ("compare", *SIX[:3], "--style", "paper", "--columns", "total,attention,cache@1Mi,decode@1Mi"),
    "paper of everything": ("compare", *SIX, "--style", "paper", "--columns", FULL_COLUMNS),
    "paper of small ones": ("compare", "gpt2", "smollm2-135m", "--style", "paper"),
    "paper of kinds": ("compare", *DIFFERENT, "--style", "paper"),
    "gallery": ("compare", *SIX, "--style", "gallery", "--units", "iec"),
    "gallery of kinds": ("compare", *DIFFERENT, "--style", "gallery", "--dtype", "kv=fp8", "--attention", "full"),
    "gallery as columns": ("compare", *SIX[:3], "--style", "gallery", "--transpose"),
    "gallery with times": ("compare", *SIX[:2], "--style", "gallery", "-H", "h200-sxm", "--devices", "8", "--columns",
                           "total,floor@8Ki,expected@8Ki"),
    "card": ("show", "deepseek-v3", "--style", "card"),
    "card of states": ("show", "zamba2-2.7b", "--style", "card", "--logits", "last"),
    "cards": ("compare", *SIX[:3], "--style", "card", "--with", "mtp"),
}  # fmt: skip
PLAIN = {
    "list": ("list",),
    "list of rumours": ("list", "gpt-"),
    "show": ("show", "deepseek-v3"),
    "show hybrid": ("show", "zamba2-2.7b"),
    "show encoder": ("show", "t5-small"),
    "show rumour": ("show", "gpt-4"),
    "compare": ("compare", *SIX[:2]),
    "compare six": ("compare", *SIX),
    "compare turned": ("compare", *SIX[:3], "--transpose"),
    "compare columns": ("compare", *DIFFERENT, "--columns", FULL_COLUMNS),
    "compare times": ("compare", *SIX[:2], "-H", "h200-sxm", "--devices", "8", "--batch", "64", "--dtype", "fp8"),
    "cache": ("cache", "gemma-3-27b"),
    "cache hybrid": ("cache", "zamba2-2.7b", "--batch", "3"),
    "flops": ("flops", "deepseek-v3", "--new", "8", "--cached", "4088"),
    "explain": ("explain", "deepseek-v3", "cache"),
    "explain params": ("explain", "deepseek-v3", "params.active"),
    "explain words": ("explain", "--words"),
    "hardware list": ("hardware", "list"),
    "hardware show": ("hardware", "show", "h100-sxm"),
    "hardware compare": ("hardware", "compare", "h100-sxm", "h200-sxm"),
    "kernel gemm": ("kernel", "gemm", "--hardware", "h200-sxm", "--m", "128", "--n", "8192", "--k", "4096"),
    "roofline": ("roofline", *V3, "--batch", "128", "--cached", "8192"),
    "serve": ("serve", *V3, "--context", "8Ki"),
    "fit": ("fit", "llama-3.1-405b", "--hardware", "h100-sxm", "--context", "128Ki"),
}  # fmt: skip
HOSTILE_CALLS = {
    "hostile show": ("show", "hostile.yaml"),
    "hostile card": ("show", "hostile.yaml", "--style", "card"),
    "hostile compare": ("compare", "hostile.yaml", "gpt2", "--columns", "title,total,source"),
    "hostile paper": ("compare", "hostile.yaml", "gpt2", "--style", "paper"),
    "hostile gallery": ("compare", "hostile.yaml", "gpt2", "--style", "gallery"),
    "hostile rows": ("compare", "hostile.yaml", "gpt2", "--style", "paper", "--transpose"),
}
