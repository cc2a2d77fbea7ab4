"""Configurations as files: what is refused, where the caret stands, what is taken over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import costmodel as cm
from costmodel.errors import ArchcalcError, SpecError
from costmodel.importers import import_text
from costmodel.importers.config import Config
from costmodel.importers.defaults import PATH
from costmodel.importers.json_text import places
from costmodel.importers.quantization import recipe
from costmodel.nodes import Source

from .class_defaults import text

LLAMA = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "vocab_size": 100,
}


FLOATS = {"type": "float", "num_bits": 8, "group_size": None}  # of a file that says how weights are stored


def written(folder: Path, data: Any, name: str = "config.json") -> str:
    path = folder / "tiny-model" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data, indent=1), encoding="utf-8")
    return str(path)


def refused(folder: Path, data: Any) -> str:
    with pytest.raises(ArchcalcError) as error:
        cm.show(written(folder, data))
    return str(error.value)


def test_defaults_are_those_of_the_classes() -> None:
    assert PATH.read_text(encoding="utf-8") == text()


def test_a_configuration_stands_wherever_an_architecture_does(tmp_path: Path) -> None:
    path = written(tmp_path, LLAMA)
    shown = cm.show(path)
    assert shown.name == "tiny-model"
    spec = tmp_path / "copy.yaml"
    spec.write_text(cm.import_(path, name="copy").yaml, encoding="utf-8")
    assert cm.show(str(spec)).params == shown.params
    assert [row.params.total for row in cm.compare(path, str(spec)).rows] == [shown.params.total] * 2


def test_a_spec_in_json_is_still_a_spec(tmp_path: Path) -> None:
    spec = yaml.safe_load(cm.import_(written(tmp_path, LLAMA)).yaml)
    assert cm.show(written(tmp_path, spec, "spec.json")).name == "tiny-model"


@pytest.mark.parametrize("change", [{"hidden_size": "64"}, {"hidden_size": 64.0}, {"hidden_size": True}])
def test_a_wrong_type_is_named(tmp_path: Path, change: dict[str, Any]) -> None:
    said = refused(tmp_path, LLAMA | change)
    assert "config.json:3:2: error AC403: hidden_size is" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": None}, "error AC404: the configuration has no model_type"),
        ({"model_type": "lama"}, 'error AC404: the model type "lama" is not covered'),
        ({"hidden_size": None}, "error AC401: hidden_size is null"),
        ({"hidden_size": 0}, "error AC403: hidden_size is 0, and should be a whole number of at least 1"),
        ({"num_attention_heads": 3}, "error AC120: n_heads 3 is not a multiple of n_kv_heads 2"),
        ({"kv_lora_rank": 8}, 'config.json:9:2: error AC402: "kv_lora_rank" is no key of this model type'),
        ({"expert_layers": [1]}, "it could change a figure; --lenient leaves it out"),
        ({"hiden_size": 8}, "did you mean hidden_size?"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    assert said in refused(tmp_path, LLAMA | change)


def test_the_numbers_of_a_spec_point_into_the_configuration(tmp_path: Path) -> None:
    said = refused(tmp_path, LLAMA | {"num_attention_heads": 3})
    assert "config.json:5:2" in said
    assert '"num_attention_heads": 3' in said


def test_the_layers_point_at_the_key_that_says_how_many(tmp_path: Path) -> None:
    path = written(tmp_path, {"max_window_layers": 3} | LLAMA | {"model_type": "qwen2"})
    places = {row.symbol: row.place for row in cm.explain(path, "params.total").symbols}
    assert places["L"] == "config.json:5"


def test_a_key_that_changes_nothing_needs_no_reader() -> None:
    plain = {"torch_dtype": "float16", "eos_token_id": [1, 2], "rms_norm_eps": 1e-5, "use_cache": False}
    assert (
        import_text(json.dumps(LLAMA | plain), "m.json").document == import_text(json.dumps(LLAMA), "m.json").document
    )


def test_a_key_at_the_default_of_its_class_needs_no_reader() -> None:
    config = Config({"model_type": "llama", "mlp_bias": False, "head_dim": 8}, "llama", Source("x", "{}"))
    assert [name for name, _ in config.unread()] == ["head_dim"]


def test_lenient_lists_what_it_ignores(tmp_path: Path) -> None:
    found = cm.import_(written(tmp_path, LLAMA | {"mystery": 4}), lenient=True)
    assert found.ignored == ["mystery"]
    assert found.yaml.startswith("# ignored: mystery\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"model_type": "llama", "a": 1, "a": 2}', 'error AC011: the key "a" is there twice'),
        ('{"model_type": "llama",}', "error AC004: this is no JSON"),
        ("[]", "error AC005"),
        ('{"model_type": "llama", "x": ' + "[" * 5000 + "]" * 5000 + "}", "error AC010: nested too deeply"),
        ('{"model_type": "llama", "x": "' + "y" * 2**23 + '"}', "error AC010: the file is larger"),
        ('{"model_type": "llama", "x": ' + "9" * 9999 + "}", "error AC012: a number has too many digits"),
    ],
)
def test_junk_is_refused(tmp_path: Path, content: str, said: str) -> None:
    assert said in refused(tmp_path, content)


def test_places_are_those_of_the_keys() -> None:
    content = '{"a": 1,\n "b": {"c": [1, {"d": "x,]y"}], "e": {}},\n "f": []}'
    found = places(content)
    lines = content.split("\n")
    marked = {path: lines[line][column:end] for path, (line, column, end) in found.items()}
    assert marked[("a",)] == '"a"'
    assert marked[("b", "c", 1, "d")] == '"d"'
    assert marked[("b", "e")] == '"e"'
    assert marked[("f",)] == '"f"'
    assert marked[("b", "c", 0)] == "1"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "weights=fp8"),
        ({"quant_method": "mxfp4"}, "experts=mxfp4"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "weights=int4"),
        ({"quant_method": "gptq", "bits": 3, "group_size": 128}, None),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, None),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "weights=nvfp4"),
        ({"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": FLOATS}}}, "weights=fp8"),
        ({"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": FLOATS | {"num_bits": [8]}}}}, None),
        (None, None),
    ],
)
def test_how_weights_are_stored_is_a_recipe(found: Any, said: str | None) -> None:
    assert recipe(found) == said


def test_an_import_never_overwrites(tmp_path: Path) -> None:
    from costmodel.cli import run

    target = tmp_path / "out.yaml"
    config = written(tmp_path, LLAMA)
    assert run(["import", config, "-o", str(target)]) == 0
    before = target.read_text(encoding="utf-8")
    assert run(["import", config, "-o", str(target), "--name", "other"]) == 2
    assert target.read_text(encoding="utf-8") == before
    assert run(["import", config, "-o", str(target), "--name", "other", "--force"]) == 0
    assert "name: other" in target.read_text(encoding="utf-8")


def test_contradictory_names_of_one_key_are_refused() -> None:
    with pytest.raises(SpecError, match="contradicts"):
        Config({"n_routed_experts": 4, "num_local_experts": 8}, "deepseek_v3", Source("x", "{}"))


@pytest.mark.parametrize("key", ["num_hidden_layers"])
def test_as_many_layers_as_nobody_has_are_refused(tmp_path: Path, key: str) -> None:
    assert "should be at most 10,000" in refused(tmp_path, LLAMA | {key: 2**39})


def test_towers_that_are_left_out_are_said_everywhere(tmp_path: Path) -> None:
    path = written(tmp_path, {"model_type": "chameleon"})
    assert cm.show(path).left_out == ["vq_config"]
    assert "vq_config" in cm.show(path).conventions.not_counted
    assert "vq_config" in cm.compare(path, "gpt2").conventions.not_counted
    assert "left_out: [vq_config]\n" in cm.import_(path).yaml


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["LlamaForSequenceClassification"], "is of LlamaForSequenceClassification, and the language model"),
        (["LlamaModel"], "is of LlamaModel, and the language model with its head is counted"),
        (["LlamaForCausalLM"], None),
        (["GPT2LMHeadModel"], None),
        (["x" * 999 + "Model"], None),
        ([3], None),
        ("LlamaModel", None),
    ],
)
def test_a_file_of_another_head_says_so(names: Any, said: str | None) -> None:
    note = import_text(json.dumps(LLAMA | {"architectures": names}), "m.json").document["source"]["note"]
    assert said in note if said else note == "imported, model type llama"


def test_an_import_says_what_it_read_and_what_that_makes(tmp_path: Path) -> None:
    found = cm.import_(written(tmp_path, LLAMA | {"torch_dtype": "bfloat16", "hidden_act": "silu"}))
    # two tables 100*64; 3 layers with q, o 2*64*64, k, v 2*64*32, a network 3*64*96 and two norms; the last norm
    assert found.total == found.active == 2 * 6400 + 3 * (8192 + 4096 + 18_432 + 128) + 64
    assert (found.keys_read, found.keys_without_effect) == (7, 2)


# Keys of published files beside those of the class, and the type whose default configuration they stand in.
PUBLISHED = [
    ("qwen3_moe", {"shared_expert_intermediate_size": 0, "use_qk_norm": True, "qkv_bias": False}),
    ("glm_moe_dsa", {"index_share_for_mtp_iteration": True, "moe_router_dtype": "float32", "n_group": 1}),
    ("glm_moe_dsa", {"layer_types": ["deepseek_sparse_attention"] * 78}),
    ("nemotron_h", {"attention_head_dim": 128, "time_step_rank": 512}),
    ("qwen3_5_text", {"partial_rotary_factor": 0.25, "rope_parameters": {"partial_rotary_factor": 0.25}}),
    ("qwen3_5_text", {"output_gate_type": "swish", "mamba_ssm_dtype": "float32"}),
    ("cohere", {"model_max_length": 131_072}),
    ("cohere2", {"use_parallel_embedding": True}),
    ("ernie4_5_moe", {"moe_gate": "topk"}),
    ("falcon", {"n_head": 71, "n_layer": 32, "ff_factor": 4}),
    ("gemma2", {"sliding_window_size": 4096}),
    ("gpt2", {"_num_labels": 1}),
    ("gpt_bigcode", {"inference_runner": 0, "pad_key_length": True, "validate_runner_input": True}),
    ("llama", {"max_sequence_length": 2048}),
    ("llama", {"_attn_implementation_autoset": True, "_flash_attn_2_enabled": True, "pad_token": "</s>"}),
    ("llama", {"quantization": {"group_size": 64, "bits": 4}, "quantization_config": {"group_size": 64, "bits": 4}}),
    ("gemma3n_text", {"altup_lr_multiplier": 1.0}),
    ("smolvlm", {"text_config": {"model_type": "llama", "pixel_shuffle_factor": 4, "perceiver_config": {"a": 1}}}),
    ("llava", {"text_config": {"model_type": "llama", "is_composition": True, "for_llm_compressor": True}}),
    ("minimax_m2", {"mlp_intermediate_size": 8192}),
    ("mpt", {"tokenizer_name": "EleutherAI/gpt-neox-20b"}),
    ("smollm3", {"max_window_layers": 28}),
    ("step3p5", {"max_seq_len": 262_144, "yarn_only_types": ["full_attention"], "att_impl_type": "GQA"}),
    ("step3p5", {"use_head_wise_attn_gate": True, "zero_centered": True, "moe_router_scaling_factor": 3.0}),
    ("starcoder2", {"attention_softmax_in_fp32": True, "scale_attention_softmax_in_fp32": True}),
]


@pytest.mark.parametrize(("model_type", "keys"), PUBLISHED, ids=lambda one: one if isinstance(one, str) else "")
def test_what_published_files_say_beside_the_class(model_type: str, keys: dict[str, Any]) -> None:
    plain, more = ({"model_type": model_type} | extra for extra in ({}, keys))
    specs = [import_text(json.dumps(data), "config.json").document for data in (plain, more)]
    assert specs[0] == specs[1]


@pytest.mark.parametrize(
    ("model_type", "key", "value"),
    [
        ("qwen3_moe", "shared_expert_intermediate_size", 8),
        ("qwen3_moe", "use_qk_norm", False),
        ("nemotron_h", "attention_head_dim", 64),
        ("qwen3_5_text", "output_gate_type", "prelu"),
        ("ernie4_5_moe", "moe_gate", "other"),
        ("falcon", "n_head", 64),
        ("falcon", "ff_factor", 3),
        ("gemma2", "sliding_window_size", 512),
        ("phimoe", "num_experts_per_tok", 3),
        ("step3p5", "use_head_wise_attn_gate", False),
    ],
)
def test_what_they_say_against_the_class_is_refused(model_type: str, key: str, value: Any) -> None:
    with pytest.raises(SpecError, match=key):
        import_text(json.dumps({"model_type": model_type, key: value}), "config.json")
