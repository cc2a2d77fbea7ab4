"""What files of hybrid families say in words that their class's defaults do not show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.errors import SpecError
from costmodel.importers import import_text
from costmodel.importers.families.next_generation import is_prime
from costmodel.validation import parse


def document(model_type: str, **keys: Any) -> dict[str, Any]:
    return import_text(json.dumps({"model_type": model_type, **keys}), "config.json").document


def refused(model_type: str, **keys: Any) -> str:
    with pytest.raises(SpecError) as caught:
        document(model_type, **keys)
    return caught.value.message


def test_kimi_linear_counts_its_layers_from_1() -> None:
    lists = {"full_attn_layers": [4, 8], "kda_layers": [1, 2, 3, 5, 6, 7]}
    sizes = {"head_dim": 64, "num_heads": 8, "short_conv_kernel_size": 3}
    found = document("kimi_linear", num_hidden_layers=8, linear_attn_config=lists | sizes, num_experts=16)
    assert found["mixer"] == "repeat 3 kda + mla"
    assert found["blocks"]["kda"] == {"kind": "kda", "n_heads": 8, "head_dim": 64, "d_conv": 3}
    assert found["blocks"]["moe"]["n_experts"] == 16  # num_experts is another name of num_local_experts
    lists["kda_layers"] = [1, 2, 3, 5, 6]
    assert "do not share out layers 1 to 8" in refused("kimi_linear", num_hidden_layers=8, linear_attn_config=lists)


def test_ling_3_is_read_with_the_keys_of_its_published_files_and_ling_2_6_is_not() -> None:
    # What Ling-3.0-tiny says beside the keys of its class; its publisher counts 7.9B.
    sizes: dict[str, Any] = {
        "hidden_size": 1536, "intermediate_size": 4608, "num_hidden_layers": 24, "layer_group_size": 4,
        "first_k_dense_replace": 1, "q_lora_rank": 256, "num_attention_heads": 16, "num_key_value_heads": 16,
        "num_experts": 128, "moe_intermediate_size": 512, "num_nextn_predict_layers": 0,
    }  # fmt: skip
    besides = {
        "gated_attention_proj_granularity_type": "head_wise", "group_norm_size": 1, "linear_silu": True,
        "max_window_layers": 20, "moe_router_enable_expert_bias": True, "moe_shared_expert_intermediate_size": 512,
        "mtp_use_kda": False, "no_kda_lora": True, "num_kv_heads_for_linear_attn": 0, "partial_rotary_factor": 0.5,
        "qk_head_dim": 192, "rotary_dim": 64, "score_function": "sigmoid", "scoring_func": "sigmoid",
        "expert_swiglu_limit_list": None, "use_qk_norm": True, "use_kda_lora": False, "value_norm": False,
    }  # fmt: skip
    found = parse(document("bailing_hybrid", architectures=["BailingMoeV3ForCausalLM"], **sizes, **besides))
    assert isinstance(found, Architecture)
    assert round(figures.params(found).total / 10**9, 1) == 7.9
    for key, value in (("no_kda_lora", False), ("group_norm_size", 8), ("moe_shared_expert_intermediate_size", 1024)):
        assert key in refused("bailing_hybrid", **sizes, **(besides | {key: value}))
    message = refused("bailing_hybrid", architectures=["BailingMoeV2_5ForCausalLM"], **sizes)
    assert message == "BailingMoeV2_5ForCausalLM has lightning attention in place of KDA, which is not read here"


def test_nemotron_h_has_the_layers_of_its_pattern() -> None:
    found = document(
        "nemotron_h", hybrid_override_pattern="M-M*E", num_hidden_layers=99, num_nextn_predict_layers=2,
        mtp_hybrid_override_pattern="*E", mamba_n_groups=4, mamba_chunk_size=256, mamba_conv_bias=False,
    )  # fmt: skip
    assert found["n_layers"] == 5
    assert found["layer"] == ["mamba then mlp then mamba then attention then moe"]
    assert found["mtp"] == {"depth": 2, "mixer": "attention", "ffn": "moe"}
    mamba = found["blocks"]["mamba"]
    assert (mamba["n_groups"], mamba["conv_bias"], "chunk_size" in mamba) == (4, False, False)
    assert refused("nemotron_h", hybrid_override_pattern="MX") == 'hybrid_override_pattern has the letter "X"'


def test_older_names_of_lfm2_win() -> None:
    found = document("lfm2", num_hidden_layers=4, full_attn_idxs=[1, 3], block_ff_dim=3000, tie_embedding=False)
    assert found["mixer"] == "repeat conv + attention"
    assert found["blocks"]["mlp"] == {"kind": "ffn", "d_ff": 2048}  # two thirds of 3000, in steps of 256
    assert "tied" not in found


def test_falcon_mamba_says_a_factor_that_it_does_not_mean() -> None:
    found = document("falcon_mamba", hidden_size=4096, expand=16, intermediate_size=8192)
    assert found["blocks"]["mamba"]["d_inner"] == 8192


def test_olmo_hybrid_is_rotated_unless_its_base_is_null() -> None:
    assert "rope" not in document("olmo_hybrid")["blocks"]["full"]
    for keys in ({"rope_theta": None}, {"rope_parameters": {"rope_theta": None}}):
        assert document("olmo_hybrid", **keys)["blocks"]["full"]["rope"] is False


def test_glm5_next_may_be_flat() -> None:
    flat = {"num_hidden_layers": 8, "index_topk_pattern": "FFFFFFFS", "hidden_size": 512}
    assert document("glm5_next", **flat)["mixer"] == "3 kda then dsa then 3 kda then reuse"
    assert document("glm5_next", **flat, index_topk_freq=2)["blocks"]["reuse"]["index_from"] == "dsa"
    assert refused("glm5_next", **flat, strange=1) == '"strange" is no key of this model type'


def test_rows_of_n_gram_tables_are_sums_of_primes() -> None:
    index = {"n_heads": 4, "kv_heads": 1, "head_dim": 256, "budget": 64, "compress_ratio": 16}
    tables = {"ple_layer_ids": [3, 1], "ngram_vocab_size_base": 10, "heads_per_ngram": 1}
    keys = {f"indexer_{key}": value for key, value in index.items()}
    found = document("qwen4_exp_text", **keys, **tables, make_ngram_vocab_size_divisible_by=5)
    assert found["ngrams"]["rows"] == [25, 40]  # 11 + 13 and 17 + 19, in steps of 5
    assert "is no linear attention" in refused("qwen4_exp_text", **keys, ple_layer_ids=[4])
    assert [n for n in range(2000) if is_prime(n)] == [n for n in range(2, 2000) if all(n % d for d in range(2, n))]
    assert is_prime(2**61 - 1)
    assert not is_prime(3_215_031_751)  # a strong pseudoprime to the bases 2, 3, 5 and 7


def test_hrm_text_counts_layers_of_a_stack_or_all_places() -> None:
    short = document("hrm_text", num_hidden_layers=2)
    assert short["n_layers"] == 16
    assert document("hrm_text", num_hidden_layers=16, num_layers_per_stack=2) == short
    assert "are 16 places" in refused("hrm_text", num_hidden_layers=15, num_layers_per_stack=2)


def test_shared_blocks_of_zamba2_are_in_turn() -> None:
    kinds = ["mamba", "hybrid"] * 3
    found = document(
        "zamba2", num_hidden_layers=6, layers_block_type=kinds, num_mem_blocks=2, hybrid_layer_ids=[1, 3, 5]
    )
    assert found["shared"]["block"]["copies"] == 2
    assert found["layer"] == ["repeat none + block", "mamba"]
    architecture = parse(found)
    assert isinstance(architecture, Architecture)
    assert figures.params(architecture).components["mixer.shared"] > 0
    assert document("zamba2", num_hidden_layers=2, layers_block_type=["mamba"] * 2)["layer"] == ["mamba"]
