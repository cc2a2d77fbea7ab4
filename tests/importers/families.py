"""The families of transformers that generate text: one a folder, with the model types of its configurations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES, model_type_to_module_name

from costmodel.importers.defaults import class_of

from .class_defaults import MODELS

# Folders whose generating classes have another name than ...ForCausalLM or ...ForConditionalGeneration.
HEADS = ("bert", "ctrl", "flaubert", "gpt2", "openai", "xlm", "xlnet")
_GENERATES = re.compile(r"^class \w*(?:ForCausalLM|ForConditionalGeneration)\w*\(", re.MULTILINE)
# By their parameters, when they generate text (MECHANISMS of the design).
ENCODER_DECODER = frozenset(
    """
    bart bigbird_pegasus blenderbot blenderbot_small canary cohere_asr dia fsmt led longt5 m2m_100 marian
    mbart mllama moonshine moonshine_streaming mt5 musicgen musicgen_melody mvp nllb_moe pegasus pegasus_x
    pix2struct plbart pop2piano pp_formulanet prophetnet qwen2_5_omni seamless_m4t seamless_m4t_v2
    switch_transformers t5 t5gemma t5gemma2 udop umt5 whisper
    """.split()  # noqa: SIM905  (names are easier to read)
)
MASKED = frozenset(
    """
    bert big_bird blip camembert data2vec electra ernie git megatron_bert rembert roberta
    roberta_prelayernorm roc_bert roformer xlm_roberta xlm_roberta_xl xmod
    """.split()  # noqa: SIM905  (names are easier to read)
)
# Families without an adapter, and what they need that the spec language does not have.
MISSING: Mapping[str, str] = MappingProxyType(
    {
        "led": "global tokens beside windows",
        "pegasus_x": "global tokens beside blocks",
        "prophetnet": "streams that predict further tokens in every layer",
        "udop": "tables of positions in two dimensions",
    }
)


@cache
def families() -> dict[str, list[str]]:
    """Return every family with its model types."""
    types: dict[str, list[str]] = {}
    for model_type in CONFIG_MAPPING_NAMES:
        types.setdefault(model_type_to_module_name(model_type), []).append(model_type)
    found = {}
    for folder in sorted(path for path in MODELS.iterdir() if path.name != "auto"):
        code = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("modeling_*.py")))
        if folder.name in HEADS or _GENERATES.search(code):
            found[folder.name] = types.get(folder.name, [folder.name])
    return found


def kind(family: str) -> str:
    """Return what a family is: decoder, multimodal decoder, encoder-decoder, masked."""
    if family in ENCODER_DECODER:
        return "encoder-decoder"
    if family in MASKED:
        return "masked"
    inside = any(class_of(name).inside for name in families()[family])
    return "multimodal decoder" if inside else "decoder"
