"""Language models behind towers: where their keys are, who ties their tables, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from costmodel.errors import SpecError
from costmodel.importers import Imported, import_text

SMALL = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 99}


def read(model_type: str, text: dict[str, Any] | None = None, **keys: Any) -> Imported:
    """Import a wrapper of a small language model."""
    inside = {} if text is None else {"text_config": SMALL | text}
    return import_text(json.dumps({"model_type": model_type, **keys, **inside}), "small.json")


@pytest.mark.parametrize(
    ("model_type", "wrapper", "text", "tied"),
    [
        ("llava_next", None, True, False),  # the wrapper's flag alone
        ("llava_next", True, None, True),
        ("llava", None, True, True),  # either flag
        ("llava", True, False, True),
        ("internvl", None, None, True),  # the wrapper's default
        ("internvl", False, True, False),
        ("vibevoice", True, None, False),  # the language model's alone
        ("vibevoice", None, True, True),
        ("voxtral", True, True, False),  # never
        ("perception_lm", None, True, True),  # null: the language model's
        ("perception_lm", False, True, False),
    ],
)
def test_the_class_says_who_ties_the_tables(
    model_type: str, wrapper: bool | None, text: bool | None, tied: bool
) -> None:
    outer = {} if wrapper is None else {"tie_word_embeddings": wrapper}
    inner = {} if text is None else {"tie_word_embeddings": text}
    assert read(model_type, inner, **outer).document.get("tied", False) is tied


def test_a_missing_language_model_has_the_defaults_of_the_wrapper() -> None:
    found = read("lighton_ocr").document
    assert (found["d_model"], found["n_layers"], found["vocab_size"]) == (1024, 28, 151936)


def test_a_partial_language_model_has_the_defaults_of_its_class_or_is_filled_up() -> None:
    partly = json.dumps({"model_type": "lighton_ocr", "text_config": {"num_hidden_layers": 3}})
    assert import_text(partly, "small.json").document["d_model"] == 4096  # of Qwen3
    partly = json.dumps({"model_type": "voxtral", "text_config": {"num_hidden_layers": 3}})
    found = import_text(partly, "small.json").document
    assert (found["d_model"], found["n_layers"]) == (3072, 3)


def test_keys_beside_the_towers_are_the_language_models_where_the_class_reads_them() -> None:
    beside = read("qwen2_vl", **SMALL, use_sliding_window=True, sliding_window=32, max_window_layers=1)
    assert beside.document["mixer"] == "attention then local"
    assert beside.left_out == ["vision_config"]
    assert "tied" not in read("paddleocr_vl", **SMALL, num_key_value_heads=2, tie_word_embeddings=False).document


def test_keys_beside_the_towers_are_refused_where_the_class_reads_none() -> None:
    with pytest.raises(SpecError) as caught:
        read("llava", **SMALL, mm_vision_tower="openai/clip")
    assert caught.value.message == '"hidden_size" is no key of this model type'
    with pytest.raises(SpecError) as caught:
        read("qwen2_vl", **SMALL, num_memory_tokens=4)
    assert caught.value.message == '"num_memory_tokens" is no key of this model type'


def test_unknown_keys_of_the_language_model_are_refused_and_those_of_towers_are_not() -> None:
    with pytest.raises(SpecError) as caught:
        read("llava", {"num_memory_tokens": 4})
    assert caught.value.message == '"num_memory_tokens" is no key of this model type'
    assert read("llava", {}, num_memory_tokens=4, vision_config={"anything": 1}).left_out == ["vision_config"]


def test_a_class_reads_its_own_language_model_whatever_type_a_file_gives_it() -> None:
    assert read("qwen3_vl", {"model_type": "qwen3_vl"}).document["blocks"]["attention"]["qk_norm"] == "head"


def test_a_language_model_of_an_unknown_type_is_refused_at_its_type() -> None:
    with pytest.raises(SpecError) as caught:
        read("llava", {"model_type": "clip_text_model"})
    assert caught.value.code == "AC404"


def test_the_head_of_ovis2_has_the_sizes_of_the_wrapper() -> None:
    found = read("ovis2", {}, tie_word_embeddings=False, hidden_size=64, vocab_size=90).document
    assert (found["vocab_size"], found["embedding"]) == (90, {"rows": 99})
    assert read("ovis2", {}, hidden_size=32, vocab_size=90).document["vocab_size"] == 99
    with pytest.raises(SpecError):
        read("ovis2", {}, tie_word_embeddings=False, hidden_size=32, vocab_size=90)


def test_step_lists_go_on_for_the_layers_that_predict_further_tokens() -> None:
    text = {
        "num_hidden_layers": 4,
        "num_attention_groups": 2,
        "head_dim": 16,
        "layer_types": [*["full_attention", "sliding_attention"] * 2, "sliding_attention"],
        "attention_other_setting": {"num_attention_heads": 6},
        "moe_layers_enum": "2,3",
        "partial_rotary_factors": [0.5, 1.0, 0.5, 1.0, 1.0],
        "num_nextn_predict_layers": 1,
        "sliding_window": 8,
    }
    found = read("step3p7", text).document
    assert found["mixer"] == "repeat global + local"
    assert found["ffn"] == "2 dense then moe"
    assert found["mtp"] == {"depth": 1, "mixer": "local", "ffn": "dense"}
    blocks = found["blocks"]
    assert (blocks["global"]["rope_dim"], blocks["global"]["n_heads"]) == (8, 4)
    assert ("rope_dim" in blocks["local"], blocks["local"]["n_heads"], blocks["local"]["window"]) == (False, 6, 8)
