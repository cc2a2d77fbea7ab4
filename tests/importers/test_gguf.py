"""GGUF files: what llama.cpp's converter writes of a model is the spec that its configuration gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import pytest

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.dtypes import FORMATS, Recipe
from costmodel.errors import ArchcalcError
from costmodel.importers import import_text
from costmodel.importers.gguf.quants import QUANTS
from costmodel.importers.gguf.table import ROWS
from costmodel.report.import_ import Import, import_
from costmodel.validation import parse
from costmodel.workload import Workload

from .gguf_files import Converted, Metadata, Tensors, converted, one, write

STEPS = (Workload.prefill(40), Workload.decode(7), Workload.decode(300))


def read(path: Path, **options: Any) -> Import:
    """What ``archcalc import`` says of a file."""
    return import_(str(path), **options)


def of(document: dict[str, Any]) -> dict[str, Any]:
    """The figures of a spec, steps that tell windows apart among them."""
    model = parse(document)
    assert isinstance(model, Architecture)
    params = figures.params(model)
    found: dict[str, Any] = {"params": (params.total, params.active, params.active_without_lookup)}
    for load in STEPS:
        ops = model.lower(load)
        flops, cache = figures.flops(ops), figures.cache(ops)
        found[f"{load.new_tokens}, {load.cached_tokens}"] = flops.forward, flops.elementwise, cache.values, cache.bytes
    return found


@pytest.mark.parametrize("model", converted(), ids=lambda model: model.name)
def test_a_file_gives_the_figures_of_its_configuration(model: Converted, tmp_path: Path) -> None:
    found = read(write(model, tmp_path / "model.gguf"))
    assert found.ignored == []
    assert of(found.spec) == of(import_text(json.dumps(model.config), "config.json").document)


def test_every_row_is_compared() -> None:
    assert {model.architecture for model in converted()} == set(ROWS)
    assert len(converted()) > 2 * len(ROWS)


def test_types_are_those_of_the_gguf_package() -> None:
    theirs = {one.value: (one.name, *gguf.GGML_QUANT_SIZES[one]) for one in gguf.GGMLQuantizationType}
    assert {number: quant[:3] for number, quant in QUANTS.items()} == theirs
    named = [quant for quant in QUANTS.values() if quant.dtype]
    assert len(named) == 27
    for quant in named:
        values = 6 * quant.block
        assert FORMATS[str(quant.dtype)].bytes(values) == quant.bytes(values)


# Files that are not what they say


def drop(name: str) -> Any:
    def edit(_: Metadata, tensors: Tensors) -> None:
        tensors[:] = [tensor for tensor in tensors if tensor[0] != name]

    return edit


def reshape(name: str, *shape: int) -> Any:
    def edit(_: Metadata, tensors: Tensors) -> None:
        tensors[:] = [(key, kind, list(shape) if key == name else was) for key, kind, was in tensors]

    return edit


def add(name: str, *shape: int) -> Any:
    return lambda _, tensors: tensors.append((name, "F32", list(shape)))


def say(key: str, value: Any, kind: int = 4, item: int | None = None) -> Any:
    def edit(metadata: Metadata, _: Tensors) -> None:
        if value is None:
            del metadata[key]
        else:
            metadata[key] = [kind, item, value]

    return edit


def error(model: str, edit: Any, folder: Path, **options: Any) -> str:
    """What is said of a file, without its place."""
    path = write(one(model), folder / "model.gguf", edit)
    with pytest.raises(ArchcalcError) as caught:
        read(path, **options)
    return str(caught.value).removeprefix(f"{path}:").strip()


@pytest.mark.parametrize(
    ("model", "edit", "said"),
    [
        (
            "llama-0",
            drop("blk.2.ffn_up.weight"),
            ("AC411", "2,940 too few", "layer 2", "blk.2.ffn_up.weight is missing"),
        ),
        ("llama-0", reshape("blk.1.attn_v.weight", 20, 40), ("AC411", "40 too few", "blk.1.attn_v.weight is 20 x 40")),
        ("llama-0", drop("blk.3.attn_norm.weight"), ("AC411", "42 too few", "blk.3.attn_norm.weight is missing")),
        ("llama-0", add("blk.0.attn_q.bias", 60), ("AC411", "layer")),
        ("llama-0", add("mm.0.weight", 7, 9), ("AC411", "63 too many", "mm.0.weight of 7 x 9")),
        ("llama-0", drop("output_norm.weight"), ("AC411", "42 too few", "outside the layers")),
        ("llama-0", say("llama.experts_of_the_sea", 3), ("AC423", '"llama.experts_of_the_sea" is not understood')),
        ("llama-0", say("llama.attention.sliding_window", 64), ("AC423", "llama.attention.sliding_window")),
        ("llama-0", say("llama.block_count", None), ("AC423", "llama.block_count is missing")),
        ("llama-0", say("llama.block_count", "four", 8), ("AC423", 'llama.block_count is "four"')),
        ("llama-0", say("llama.block_count", 5), ("AC411", "layers")),
        ("llama-0", say("llama.block_count", 2**31), ("AC423", "llama.block_count")),
        ("llama-0", say("llama.attention.head_count", 0), ('"llama.attention.key_length" is not understood',)),
        ("llama-0", say("llama.attention.head_count", 7), ("AC120", "n_heads 7 is not a multiple of n_kv_heads 2")),
        ("llama-0", say("llama.attention.head_count_kv", 1), ("AC411", "layer 0", "blk.0.attn_k.weight of 20 x 42")),
        ("llama-0", say("llama.attention.causal", False, 7), ("AC423", "llama.attention.causal is false")),
        ("llama-0", say("llama.is_strange", False, 7), ("AC423", '"llama.is_strange" is not understood')),
        ("llama-0", say("llama.attention.value_length", 12), ("AC423", "llama.attention.value_length is 12")),
        ("llama-0", say("llama.rope.dimension_count", 6), ("AC423", "partial_rotary_factor 0.6 has no meaning")),
        ("llama-0", say("llama.embedding_length", 2**31), ("AC411", "too few")),
        ("llama-0", drop("token_embd.weight"), ("AC425", "token_embd.weight")),
        ("llama-0", say("general.architecture", "lama", 8), ("AC424", '"lama" is not covered', "llama")),
        ("mixtral-0", drop("blk.0.ffn_up_exps.weight"), ("AC411", "layer 0", "blk.0.ffn_up_exps.weight is missing")),
        ("mixtral-0", say("llama.expert_used_count", None), ("AC423", "llama.expert_used_count is missing")),
        ("mixtral-0", say("llama.expert_feed_forward_length", 71), ("AC423", "should be 70, as the experts are wide")),
        ("jamba-0", say("jamba.attention.head_count_kv", [0, 2, 2, 0, 0, 2, 2, 0], 9, 5), ("AC423", "equal distances")),
        ("glm4_moe-0", say("glm4moe.expert_gating_func", 1), ("AC423", "glm4moe.expert_gating_func is 1")),
        ("cohere2_moe-0", say("cohere2moe.leading_dense_block_count", 2**32 - 1), ("AC4",)),
        ("mamba2-0", say("mamba2.embedding_length", 0), ("AC423", "mamba2.embedding_length is 0, and should be")),
        ("deepseek_v3-0", say("deepseek2.attention.kv_lora_rank", 21), ("AC411", "too")),
        ("granite_swa-0", say("granite_swa.attention.sliding_window_pattern", None), ("AC423", "pattern is missing")),
        ("qwen3_next-0", say("qwen3next.ssm.time_step_rank", 5), ("AC423", "heads that divide the 56 channels")),
    ],
)
def test_what_is_wrong_is_named(model: str, edit: Any, said: tuple[str, ...], tmp_path: Path) -> None:
    found = error(model, edit, tmp_path)
    assert found.splitlines()[0].startswith(("error AC4", "1:1: error AC1"))
    for words in said:
        assert words in found


def test_an_unknown_key_is_left_out_where_that_is_asked(tmp_path: Path) -> None:
    path = write(one("llama-0"), tmp_path / "model.gguf", say("llama.experts_of_the_sea", 3))
    found = read(path, lenient=True)
    assert found.ignored == ["llama.experts_of_the_sea"]


def test_without_a_window_every_layer_sees_everything(tmp_path: Path) -> None:
    path = write(one("gemma3_text-0"), tmp_path / "model.gguf", say("gemma3.attention.sliding_window", None))
    model = parse(read(path).spec)
    assert isinstance(model, Architecture)
    assert {state.kind for op in model.lower(Workload.decode(99)) for state in op.states} == {"full"}


# What is beside


def test_what_is_no_parameter_is_passed_over(tmp_path: Path) -> None:
    def edit(_: Metadata, tensors: Tensors) -> None:
        tensors += [("rope_factors_long.weight", "F32", [5]), ("rope_factors_short.weight", "F32", [5])]
        tensors += [("rope_freqs.weight", "F32", [5])]

    plain = read(write(one("llama-0"), tmp_path / "plain.gguf")).spec
    found = read(write(one("llama-0"), tmp_path / "model.gguf", edit)).spec
    assert {**found, "name": "", "source": ""} == {**plain, "name": "", "source": ""}


def quantised(_: Metadata, tensors: Tensors) -> None:
    """As Q4_K_M does it: some matrices of a network wider, table and head apart, vectors in full."""
    for index, (name, _kind, shape) in enumerate(tensors):
        wide = [dim * 128 if dim in (42, 70, 60, 20) else dim for dim in shape]
        kind = "F32" if len(shape) == 1 else "Q4_K"
        kind = {"output.weight": "Q6_K", "blk.0.ffn_down.weight": "Q6_K"}.get(name, kind)
        tensors[index] = (name, kind, wide)


def widened(metadata: Metadata, tensors: Tensors) -> None:
    quantised(metadata, tensors)
    for key in ("embedding_length", "feed_forward_length", "attention.key_length", "attention.value_length"):
        metadata[f"llama.{key}"] = [4, None, metadata[f"llama.{key}"][2] * 128]
    metadata["llama.rope.dimension_count"] = [4, None, 1280]


def test_stored_bytes_are_exact_and_the_recipe_is_near(tmp_path: Path) -> None:
    found = read(write(one("llama-0"), tmp_path / "model.gguf", widened))
    stored = found.stored
    assert stored is not None
    d, wide, heads, kv = 42 * 128, 70 * 128, 60 * 128, 20 * 128
    layer = 2 * d * heads + 2 * d * kv + 3 * d * wide
    q6 = 131 * d + d * wide
    q4 = 131 * d + 4 * layer - d * wide
    assert stored.types["Q4_K"].values == q4
    assert stored.types["Q4_K"].bytes == q4 // 256 * 144
    assert stored.types["Q6_K"].bytes == q6 // 256 * 210
    assert stored.bytes == q4 // 256 * 144 + q6 // 256 * 210 + 9 * d * 4
    assert stored.tensors == 39
    assert found.dtype == "weights=q4_k,norm=fp32,head=q6_k,embed=q4_k"
    recipe = Recipe.parse(found.dtype)
    assert recipe.format("ffn").multiplied == "bf16"
    assert recipe.format("ffn").bytes(4 * layer) == 4 * layer // 256 * 144


def test_a_file_of_the_other_byte_order_is_the_same(tmp_path: Path) -> None:
    little, big = (write(one("jamba-0"), tmp_path / f"{name}.gguf", big_endian=name == "big") for name in ("a", "big"))
    found, other = read(little).spec, read(big).spec
    assert {**found, "name": "", "source": ""} == {**other, "name": "", "source": ""}


def with_further_layer(metadata: Metadata, tensors: Tensors) -> None:
    """As the converter writes GLM-4.5: a layer behind the last, what puts both inputs together, tables once more."""
    metadata["glm4moe.block_count"] = [4, None, 5]
    metadata["glm4moe.nextn_predict_layers"] = [4, None, 1]
    tensors += [(name.replace("blk.3.", "blk.4."), kind, shape) for name, kind, shape in tensors if "blk.3." in name]
    tensors += [("blk.4.nextn.eh_proj.weight", "F32", [42, 84])]
    tensors += [(f"blk.4.nextn.{name}.weight", "F32", [42]) for name in ("enorm", "hnorm", "shared_head_norm")]
    tensors += [(f"blk.4.nextn.{name}.weight", "F32", [131, 42]) for name in ("embed_tokens", "shared_head_head")]


def test_layers_that_predict_further_tokens_are_a_part_of_their_own(tmp_path: Path) -> None:
    model = one("glm4_moe-0")
    config = model.config | {"num_nextn_predict_layers": 1}
    found = read(write(model, tmp_path / "model.gguf", with_further_layer)).spec
    wanted = import_text(json.dumps(config), "config.json").document
    assert of(found) == of(wanted)
    assert figures.params(parse(found)).not_in_total == figures.params(parse(wanted)).not_in_total
    assert "mtp" in figures.params(parse(found)).not_in_total

    def broken(metadata: Metadata, tensors: Tensors) -> None:
        with_further_layer(metadata, tensors)
        drop("blk.4.attn_q.weight")(metadata, tensors)

    assert "the tensors of mtp hold" in error("glm4_moe-0", broken, tmp_path)
