"""Quantised weights: headers made by each format's own rules hold the parameters of the model that was quantised."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import pytest

from costmodel.errors import SpecError
from costmodel.importers.packing import PACKINGS, Stored, bits_of, unpack
from costmodel.report.import_ import import_

from .weight_files import LLAMA, MATRICES, Said, llama, write_model

Pack = Callable[[str, int, int], Said]  # the module, d_out, d_in
# By hand: 2 x 128*64 (tables) + 64 + 3 x (2 x 64*64 + 2 x 32*64 + 3 x 96*64 + 2*64)
TOTAL = 2 * 8192 + 64 + 3 * (2 * 4096 + 2 * 2048 + 3 * 6144 + 128)
GROUP = 32


def gptq(bits: int) -> Pack:
    """AutoGPTQ: rows of inputs are packed into int32, zeros along outputs; a group index for each input."""

    def pack(module: str, d_out: int, d_in: int) -> Said:
        return {
            f"{module}.qweight": ("I32", (d_in // 32 * bits, d_out)),
            f"{module}.qzeros": ("I32", (d_in // GROUP, d_out // 32 * bits)),
            f"{module}.scales": ("F16", (d_in // GROUP, d_out)),
            f"{module}.g_idx": ("I32", (d_in,)),
        }

    return pack


def awq(module: str, d_out: int, d_in: int) -> Said:
    """AutoAWQ gemm: outputs are packed, 8 to an int32."""
    return {
        f"{module}.qweight": ("I32", (d_in, d_out // 8)),
        f"{module}.qzeros": ("I32", (d_in // GROUP, d_out // 8)),
        f"{module}.scales": ("F16", (d_in // GROUP, d_out)),
    }


def nf4(module: str, d_out: int, d_in: int) -> Said:
    """bitsandbytes, 4 bits, the scales quantised once more."""
    blocks = d_out * d_in // 64
    weight = f"{module}.weight"
    return {
        weight: ("U8", (d_out * d_in // 2, 1)),
        f"{weight}.absmax": ("U8", (blocks,)),
        f"{weight}.quant_map": ("F32", (16,)),
        f"{weight}.nested_absmax": ("F32", (-(-blocks // 256),)),
        f"{weight}.nested_quant_map": ("F32", (256,)),
        f"{weight}.quant_state.bitsandbytes__nf4": ("U8", (100,)),
    }


def int8(module: str, d_out: int, d_in: int) -> Said:
    """bitsandbytes, 8 bits."""
    scales = {f"{module}.SCB": ("F32", (d_out,)), f"{module}.weight_format": ("U8", ())}
    return {f"{module}.weight": ("I8", (d_out, d_in)), **scales}


def fp8_blocks(module: str, d_out: int, d_in: int) -> Said:
    """DeepSeek-V3: a scale for each square of 128 x 128."""
    scales = (-(-d_out // 128), -(-d_in // 128))
    return {f"{module}.weight": ("F8_E4M3", (d_out, d_in)), f"{module}.weight_scale_inv": ("F32", scales)}


def fp8_static(module: str, d_out: int, d_in: int) -> Said:
    """compressed-tensors and Model Optimizer: one scale a matrix, one for its input; the cache has two more."""
    found: dict[str, Any] = {
        f"{module}.weight": ("F8_E4M3", (d_out, d_in)),
        f"{module}.weight_scale": ("F32", (1,)),
        f"{module}.input_scale": ("F32", ()),
    }
    if module.endswith("k_proj"):
        found |= {f"{module}.k_scale": ("F32", ())}
    return found


def packed(bits: int) -> Pack:
    """compressed-tensors pack-quantized: inputs are packed densely, the shape is a tensor."""

    def pack(module: str, d_out: int, d_in: int) -> Said:
        return {
            f"{module}.weight_packed": ("I32", (d_out, -(-d_in * bits // 32))),
            f"{module}.weight_scale": ("BF16", (d_out, d_in // GROUP)),
            f"{module}.weight_shape": ("I64", (2,)),
            f"{module}.weight_zero_point": ("I32", (-(-d_out * bits // 32), d_in // GROUP)),
            f"{module}.weight_g_idx": ("I32", (d_in,)),
        }

    return pack


def int_quantized(module: str, d_out: int, d_in: int) -> Said:
    """compressed-tensors int-quantized: one value a byte."""
    return {f"{module}.weight": ("I8", (d_out, d_in)), f"{module}.weight_scale": ("BF16", (d_out, 1))}


def nvfp4_packed(module: str, d_out: int, d_in: int) -> Said:
    """compressed-tensors nvfp4-pack-quantized."""
    return {
        f"{module}.weight_packed": ("U8", (d_out, d_in // 2)),
        f"{module}.weight_scale": ("F8_E4M3", (d_out, d_in // 16)),
        f"{module}.weight_global_scale": ("F32", (1,)),
        f"{module}.input_global_scale": ("F32", (1,)),
    }


def nvfp4(module: str, d_out: int, d_in: int) -> Said:
    """Model Optimizer."""
    return {
        f"{module}.weight": ("U8", (d_out, d_in // 2)),
        f"{module}.weight_scale": ("F8_E4M3", (d_out, d_in // 16)),
        f"{module}.weight_scale_2": ("F32", ()),
        f"{module}.input_scale": ("F32", ()),
    }


def fp4_bytes(module: str, d_out: int, d_in: int) -> Said:
    """DeepSeek-V4's experts: two values a byte, a power of two for 32 of them."""
    return {f"{module}.weight": ("I8", (d_out, d_in // 2)), f"{module}.scale": ("F8_E8M0", (d_out, d_in // 32))}


def mlx(bits: int) -> Pack:
    """mlx: inputs are packed into uint32."""

    def pack(module: str, d_out: int, d_in: int) -> Said:
        return {
            f"{module}.weight": ("U32", (d_out, d_in * bits // 32)),
            f"{module}.scales": ("BF16", (d_out, d_in // GROUP)),
            f"{module}.biases": ("BF16", (d_out, d_in // GROUP)),
        }

    return pack


def groups(**weights: Any) -> dict[str, Any]:
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}}


CASES: dict[str, tuple[Pack, dict[str, Any]]] = {
    "gptq-4": (gptq(4), {"quant_method": "gptq", "bits": 4, "group_size": GROUP}),
    "gptq-3": (gptq(3), {"quant_method": "gptq", "bits": 3, "group_size": GROUP}),
    "gptq-8": (gptq(8), {"quant_method": "gptq", "bits": 8, "group_size": GROUP}),
    "awq": (awq, {"quant_method": "awq", "bits": 4, "group_size": GROUP}),
    "bitsandbytes-4": (nf4, {"quant_method": "bitsandbytes", "load_in_4bit": True}),
    "bitsandbytes-8": (int8, {"quant_method": "bitsandbytes", "load_in_8bit": True}),
    "fp8-blocks": (fp8_blocks, {"quant_method": "fp8", "weight_block_size": [128, 128]}),
    "fp8-static": (fp8_static, groups(num_bits=8, type="float")),
    "packed-4": (packed(4), groups(num_bits=4, type="int", group_size=GROUP)),
    "packed-8": (packed(8), groups(num_bits=8, type="int", group_size=GROUP)),
    "int-quantized": (int_quantized, groups(num_bits=8, type="int")),
    "nvfp4-packed": (nvfp4_packed, groups(num_bits=4, type="float", group_size=16)),
    "nvfp4": (nvfp4, {"quant_method": "modelopt", "quant_algo": "NVFP4"}),
    "fp4-bytes": (fp4_bytes, {"quant_method": "fp8", "expert_dtype": "fp4"}),
    "mlx-4": (mlx(4), {"bits": 4, "group_size": GROUP}),
    "mlx-8": (mlx(8), {"bits": 8, "group_size": GROUP}),
}


def quantised(pack: Pack) -> dict[str, Any]:
    """Return the tensors of the small model with every matrix of its layers packed."""
    tensors: dict[str, Any] = {}
    for name, said in llama().items():
        module = name.removesuffix(".weight")
        matrix = MATRICES.get(module.split(".", 3)[-1])
        tensors |= pack(module, *matrix) if matrix else {name: said}
    return tensors


@pytest.mark.parametrize("case", CASES)
def test_a_packed_model_has_its_parameters(case: str, tmp_path: Path) -> None:
    pack, quantization = CASES[case]
    config = LLAMA | {"quantization_config": quantization}
    found = import_(str(write_model(tmp_path / "model", config, quantised(pack)))).tensors
    assert found is not None
    assert found.language_model.parameters == TOTAL
    assert found.language_model.tensors == 30  # what only helps to read another is none
    assert not found.left_out
    assert found.unchecked == []


@pytest.mark.parametrize("case", CASES)
def test_a_packed_matrix_that_is_smaller_is_noticed(case: str, tmp_path: Path) -> None:
    pack, quantization = CASES[case]
    tensors = quantised(pack)
    module = "model.layers.1.mlp.up_proj"
    for name in [name for name in tensors if name.startswith(module)]:
        del tensors[name]
    tensors |= pack(module, 64, 64)
    path = write_model(tmp_path / "model", LLAMA | {"quantization_config": quantization}, tensors)
    with pytest.raises(SpecError, match="2,048 too few") as caught:
        import_(str(path))
    assert caught.value.note is not None
    assert caught.value.note.startswith(f"layer 1 holds 2,048 too few ({module}.")


def test_experts_of_gpt_oss_are_blocks_and_scales() -> None:
    # gpt-oss-20b: 32 experts, gate and up of 2 x 2880 rows, 90 blocks of 32 values in a row of 2880
    name = "model.layers.0.mlp.experts.gate_up_proj"
    tensors = [
        Stored(f"{name}_blocks", "U8", (32, 5760, 90, 16)),
        Stored(f"{name}_scales", "U8", (32, 5760, 90)),
        Stored(f"{name}_bias", "BF16", (32, 5760)),
    ]
    assert [(one.name, one.values) for one in unpack(tensors, "x")] == [
        (f"{name}_blocks", 32 * 5760 * 2880),
        (f"{name}_bias", 32 * 5760),
    ]


@pytest.mark.parametrize(
    ("tensors", "bits", "message"),
    [
        (
            [Stored("a.weight", "I32", (2, 2))],
            4,
            'the tensor "a.weight" is I32, and no way of packing weights is known',
        ),
        ([Stored("a.weight", "U8", (2, 2))], 4, 'the tensor "a.weight" is U8'),
        ([Stored("a.qweight", "I32", (2, 2))], 4, 'the tensor "a.qweight" is I32'),  # no scales beside it
        (
            [Stored("a.qweight", "I32", (2, 2)), Stored("a.scales", "F16", (1, 2))],
            None,
            'the tensor "a.qweight" is packed, and the configuration does not say in how many bits',
        ),
        (
            [Stored("a.qweight", "I32", (1, 1)), Stored("a.scales", "F16", (1, 1))],
            5,
            'the tensor "a.qweight" holds no whole number of values of 5 bits',
        ),
    ],
)
def test_what_is_not_known_is_named(tensors: list[Stored], bits: int | None, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        unpack(tensors, "model.safetensors", bits)
    assert caught.value.message.startswith(message)
    assert caught.value.code == "AC412"


def test_learned_scales_are_parameters() -> None:
    tensors = [Stored("a.scale", "F32", (7,)), Stored("a.weight_scale", "BF16", (3, 2)), Stored("scales", "F16", (5,))]
    assert [one.values for one in unpack(tensors, "x")] == [7, 6, 5]


def test_bits_of_a_configuration() -> None:
    assert bits_of({"quantization_config": {"bits": 3}}) == 3
    assert bits_of({"text_config": {"quantization_config": {"w_bit": 4}}}) == 4
    assert bits_of({"quantization": {"bits": 6}, "quantization_config": {"bits": 6}}) == 6
    mixed = {"config_groups": {"a": {"weights": {"num_bits": 4}}, "b": {"weights": {"num_bits": 8}}}}
    assert bits_of({"quantization_config": mixed}) is None
    assert bits_of({"quantization_config": {"bits": True}}) is None
    assert bits_of({"quantization_config": {"bits": 10**9}}) is None
    assert bits_of({}) is None


def test_every_packing_has_a_source() -> None:
    assert all(row.source and row.dtypes for row in PACKINGS)


def deepseek_v3() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return DeepSeek-V3's configuration and the 91,991 tensors of its files, in fp8 as published."""
    config = {
        "model_type": "deepseek_v3", "hidden_size": 7168, "intermediate_size": 18432, "moe_intermediate_size": 2048,
        "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128, "n_routed_experts": 256,
        "n_shared_experts": 1, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "n_group": 8, "topk_group": 4,
        "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
        "vocab_size": 129280, "num_nextn_predict_layers": 1, "tie_word_embeddings": False,
        "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    }  # fmt: skip
    table, width = ("BF16", (129280, 7168)), ("BF16", (7168,))
    tensors: dict[str, Any] = {
        "model.embed_tokens.weight": table,
        "model.norm.weight": width,
        "lm_head.weight": table,
    }
    for layer in range(62):
        at = f"model.layers.{layer}"
        shapes = {
            "self_attn.q_a_proj": (1536, 7168), "self_attn.q_b_proj": (128 * 192, 1536),
            "self_attn.kv_a_proj_with_mqa": (576, 7168), "self_attn.kv_b_proj": (128 * 256, 512),
            "self_attn.o_proj": (7168, 128 * 128),
        }  # fmt: skip
        networks = {"mlp": 18432} if layer < 3 else {f"mlp.experts.{e}": 2048 for e in range(256)}
        networks |= {} if layer < 3 else {"mlp.shared_experts": 2048}
        for name, inner in networks.items():
            shapes |= {f"{name}.gate_proj": (inner, 7168), f"{name}.up_proj": (inner, 7168)}
            shapes |= {f"{name}.down_proj": (7168, inner)}
        for name, shape in shapes.items():
            tensors |= fp8_blocks(f"{at}.{name}", *shape)
        norms = {"input_layernorm": 7168, "post_attention_layernorm": 7168}
        norms |= {"self_attn.q_a_layernorm": 1536, "self_attn.kv_a_layernorm": 512}
        norms |= {"enorm": 7168, "hnorm": 7168, "shared_head.norm": 7168} if layer == 61 else {}
        tensors |= {f"{at}.{name}.weight": ("BF16", (size,)) for name, size in norms.items()}
        if layer >= 3:
            tensors |= {f"{at}.mlp.gate.weight": ("BF16", (256, 7168))}
            tensors |= {f"{at}.mlp.gate.e_score_correction_bias": ("F32", (256,))}
    extra = {"embed_tokens": table, "shared_head.head": table, "eh_proj": ("BF16", (7168, 2 * 7168))}
    return config, tensors | {f"model.layers.61.{name}.weight": said for name, said in extra.items()}


def test_the_header_of_deepseek_v3_at_its_full_size(tmp_path: Path) -> None:
    config, tensors = deepseek_v3()
    found = import_(str(write_model(tmp_path / "deepseek-v3", config, tensors))).tensors
    assert found is not None
    assert len(tensors) == 91_991
    assert found.language_model.parameters == 671_026_404_352  # the paper's 671B
    # one layer for further tokens: 11,610,067,968, and the embedding and the head once more
    assert [(one.name, one.parameters) for one in found.components] == [("mtp", 11_610_067_968)]
    assert (found.copies.tensors, found.copies.parameters) == (2, 2 * 129280 * 7168)
    assert found.buffers.parameters == 59 * 256
    everything = sum(prod(shape) for name, (_, shape) in tensors.items() if "scale" not in name)
    parts = (found.language_model, *found.components, found.copies, found.buffers)
    assert sum(part.parameters for part in parts) == everything == 684_489_845_504  # the hub's 685B
