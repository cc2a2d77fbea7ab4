"""Hybrid language models with towers around them, which are left out."""

from __future__ import annotations

from typing import Any, NamedTuple

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.families import adapter


class Inner(NamedTuple):
    """The language model of a wrapper: its type where it says none, and what the class puts there for nothing.

    ``flat``: text-only files have the keys of the language model at the top, and no ``text_config``.
    """

    model_type: str
    missing: dict[str, Any] = {}
    flat: bool = False


NANO = {
    "hidden_size": 2688,
    "intermediate_size": 1856,
    "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
    "mamba_num_heads": 64,
    "max_position_embeddings": 262_144,
    "moe_intermediate_size": 1856,
    "moe_shared_expert_intermediate_size": 3712,
    "n_routed_experts": 128,
    "num_experts_per_tok": 6,
    "num_key_value_heads": 2,
}
INNER = {
    "glm5_next": Inner("glm5_next_text", flat=True),
    "lfm2_vl": Inner("lfm2"),
    "lfm3_vl": Inner("lfm3"),
    "minicpm_ocr": Inner("qwen3_5_text"),
    "minicpmv4_6": Inner("qwen3_5_text"),
    "minicpmv4_7": Inner("qwen3_5_text"),
    "muse_glimmer": Inner("muse_glimmer_text"),
    "muse_spark": Inner("muse_spark_text"),
    "nemo_speechlm": Inner("nemotron_h", NANO),
    "qwen3_5": Inner("qwen3_5_text"),
    "qwen3_5_moe": Inner("qwen3_5_moe_text"),
    "qwen4_exp": Inner("qwen4_exp_text"),
}


def wrapper(c: Config) -> Draft:
    """Read the language model; the wrapper's flag ties the tables, whatever the inner one says.

    ``tie_embedding`` is Liquid's older name of it, and wins.
    """
    kind = INNER[c.model_type]
    flat = kind.flat and not c.has("text_config")
    text = c.as_type(kind.model_type) if flat else c.sub("text_config", kind.model_type, kind.missing)
    try:
        read = adapter(text.model_type)
    except KeyError:
        text.refuse("model_type", f"the model type {text.model_type} is not covered", code="AC404")
    draft = read(text)
    tied, older = c.flag("tie_word_embeddings"), "tie_embedding"
    draft.fields.pop("tied", None)
    if c.flag(older) if older in c.given else tied:
        draft.fields["tied"] = True
    if flat:  # whatever else is there is none of a tower's
        c.get("vision_config")
        draft.left_out = ["vision_config"]
        return draft
    draft.left_out = c.leave_out("vision_config", "audio_config", "word_timestamp_config")
    return draft
