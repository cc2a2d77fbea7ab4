"""CPM-Ant: a learned prompt in front of every text, distances and segments as biases of the scores."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import attention, changed, ffn


def cpmant(c: Config) -> Draft:
    """Read CPM-Ant, whose tokens see each other both ways within a step; only the head has a table of its own.

    The rows of the prompts stand behind the vocabulary. The class puts ``prompt_length`` of them in
    front of every text: they are tokens of the sequence and are kept like others, but no workload of
    ours adds them, so they are named as left out. The biases are for the buckets of distances and,
    between segments, for each pair of kinds.
    """
    c.get("tie_word_embeddings")  # the class ties nothing: the tables differ in their rows
    c.get("position_bias_max_distance"), c.get("eps")
    heads = c.count("num_attention_heads")
    kinds, length, segments = c.natural("prompt_types"), c.natural("prompt_length"), c.count("segment_types")
    mixer = attention(c, heads=heads, kv_heads=heads, head_dim=c.count("dim_head"), rope=False)
    mixer = changed(mixer, causal=False)
    fields = {
        "d_model": c.count("hidden_size"),
        "vocab_size": c.count("vocab_size"),
        "embedding": {"rows": c.count("vocab_size") + kinds * length, "token_types": segments},
        "relative_bias": segments * segments + c.count("position_bias_num_buckets"),
        "relative_heads": heads,
    }
    layers = [[mixer, ffn(c, d_ff=c.count("dim_ff"))]] * c.count("num_hidden_layers")
    return Draft(fields, layers, left_out=["prompt_length"] if length else [])
