"""Tensors of models that transformers saved or built: equal to the spec of their configuration, whatever its family."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import pytest

from costmodel.architecture import Architecture
from costmodel.errors import SpecError
from costmodel.importers import import_text
from costmodel.importers.tensors import Tensor, check
from costmodel.report.import_ import CheckedTensors, import_
from costmodel.validation import parse
from tests.importers.weight_files import LLAMA, llama, write, write_model
from tests.oracle.families import FAMILIES, Family

Said = dict[str, tuple[str, tuple[int, ...]]]


@pytest.fixture
def silent() -> Iterator[None]:
    """Keep transformers from drawing bars."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    yield
    logging.enable_progress_bar()


# What a file of these holds otherwise than the spec of its configuration, and why.
OTHERWISE = {
    "longcat_flash": "the class allocates first matrices of experts that pass their input on",
    "minimax_m3_vl_text": "the configuration that is saved has a share of rotated values that the class does not read",
    "minimax_m3_vl_text-sparse": "the same",
}


@pytest.mark.oracle
@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(
    "family", [one for one in FAMILIES if one.name not in OTHERWISE], ids=lambda family: family.name
)
def test_a_saved_model_holds_what_its_configuration_says(
    family: Family, tmp_path: Path, compared: Callable[..., None]
) -> None:
    from tests.oracle.models import build

    model = build(family.config)
    model.save_pretrained(tmp_path, max_shard_size="40KB")
    assert (tmp_path / "model.safetensors.index.json").is_file()  # in several files
    found = import_(str(tmp_path), check_tensors=True).tensors
    assert found is not None
    saved = [json.loads((path.read_bytes())[8:].split(b"}}", 1)[0] + b"}}") for path in tmp_path.glob("model-*")]
    assert sum(len(one) - ("__metadata__" in one) for one in saved) == sum(
        part.tensors for part in (found.language_model, *found.components, *found.left_out, found.copies, found.buffers)
    )
    compared(files_of_weights=1, tensors=found.language_model.tensors)
    for shard in tmp_path.glob("model-*.safetensors"):
        shard.unlink()
    names = import_(str(tmp_path / "model.safetensors.index.json")).tensors  # and by names alone
    assert names is not None
    assert names.unchecked[0].startswith("the shape of any tensor: model-00001-of-")
    assert names.language_model.parameters == 0


@pytest.mark.oracle
@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("name", ["longcat_flash"])
def test_what_a_class_allocates_beyond_the_published_model_is_noticed(name: str, tmp_path: Path) -> None:
    from tests.oracle.models import build

    family = next(one for one in FAMILIES if one.name == name)
    build(family.config).save_pretrained(tmp_path)
    with pytest.raises(SpecError, match="too many"):
        import_(str(tmp_path), check_tensors=True)


# Towers, encoders, layers that share weights: default configurations at their full size, built without memory.
BUILT = (
    "gemma3", "gemma3n", "gemma4", "qwen2_5_vl", "qwen3_vl_moe", "qwen2_5_omni", "llava", "mistral3", "llama4",
    "internvl", "glm4v", "idefics3", "smolvlm", "paligemma", "kimi_k25", "phi4_multimodal", "blip-2", "musicgen",
    "whisper", "t5", "bart", "marian", "m2m_100", "umt5", "bert", "gpt2", "gpt_oss", "mamba", "falcon_mamba", "rwkv",
    "zamba2", "jamba", "qwen3_next", "deepseek_v3", "deepseek_v4", "nemotron_h", "qwen4_exp", "modernbert-decoder",
    "xlm", "csm", "pi0", "granite_speech", "vibevoice", "hrm_text", "musicgen_melody", "clvp", "pp_formulanet",
    "gemma4_assistant",
)  # fmt: skip


def tensors_of(model: Any, *, tied: bool) -> list[Tensor]:
    """Return the tensors of a state dict, as files have them: those that are tied once, unless all are asked for."""
    seen: set[int] = set()
    found = []
    for name, tensor in model.state_dict(keep_vars=True).items():
        if tied or id(tensor) not in seen:
            found.append(Tensor(name, tuple(tensor.shape), tensor.numel()))
        seen.add(id(tensor))
    return found


@pytest.mark.oracle
@pytest.mark.parametrize("model_type", BUILT)
def test_the_state_of_a_whole_model_is_told_apart(model_type: str, compared: Callable[..., None]) -> None:
    from tests.importers import zoo
    from tests.importers.survey import quiet

    quiet()
    data = zoo.bare(model_type)
    cls = zoo.model_class(model_type)
    assert cls is not None
    imported = import_text(json.dumps(data), "config.json")
    found = parse(imported.document)
    assert isinstance(found, Architecture)
    model = zoo.build(data, cls)
    tensors = tensors_of(model, tied=False)
    whole = check(tensors, found, "state", imported.left_out)
    parts = [whole.language_model, *whole.components.values(), *whole.left_out.values(), whole.copies, whole.buffers]
    assert sum(part.values for part in parts) == sum(tensor.values for tensor in tensors)
    assert bool(whole.left_out) == bool(imported.left_out)
    assert not whole.copies.tensors
    if model_type != "zamba2":  # whose shared layers no file has several times
        more = check(tensors_of(model, tied=True), found, "state", imported.left_out)
        assert more.language_model == whole.language_model  # tied tables once more
    compared(files_of_weights=1, tensors=len(tensors))
    without = [one for one in tensors if one.values > 1 and not one.name.endswith(("bias", "norm.weight"))]
    lost = max(without, key=lambda one: one.values)
    rest = [one for one in tensors if one is not lost]
    if lost.name not in _beside(whole.left_out):
        with pytest.raises(SpecError):
            check(rest, found, "state", imported.left_out)


def _beside(left_out: Mapping[str, Any]) -> Any:
    class Names:
        def __contains__(self, name: object) -> bool:
            return str(name).startswith(tuple(left_out))

    return Names()


def checked(folder: Path, tensors: Said, **config: Any) -> CheckedTensors:
    found = import_(str(write_model(folder / "model", LLAMA | config, tensors))).tensors
    assert found is not None
    return found


def test_a_plain_file(tmp_path: Path) -> None:
    found = checked(tmp_path, llama())
    assert (found.language_model.tensors, found.language_model.parameters) == (30, 108_992)
    assert (found.components, found.left_out, found.unchecked) == ([], [], [])
    assert found.copies.tensors == found.buffers.tensors == 0


def test_a_tied_table_may_be_there_twice(tmp_path: Path) -> None:
    found = checked(tmp_path, llama(), tie_word_embeddings=True)
    assert (found.language_model.parameters, found.copies.parameters) == (108_992 - 8192, 8192)
    once = llama()
    del once["lm_head.weight"]
    assert checked(tmp_path, once, tie_word_embeddings=True).copies.tensors == 0


def test_buffers_are_no_parameters(tmp_path: Path) -> None:
    more: Said = {f"model.layers.{layer}.self_attn.rotary_emb.inv_freq": ("F32", (8,)) for layer in range(3)}
    found = checked(tmp_path, llama() | more)
    assert (found.language_model.parameters, found.buffers.tensors, found.buffers.parameters) == (108_992, 3, 24)


def test_layers_that_predict_further_tokens_and_are_no_part_of_the_spec_are_told(tmp_path: Path) -> None:
    found = checked(tmp_path, llama() | {"mtp.fc.weight": ("BF16", (64, 128)), "mtp.norm.weight": ("BF16", (64,))})
    assert [(one.name, one.tensors, one.parameters) for one in found.left_out] == [("mtp", 2, 8256)]


def without(name: str) -> Said:
    return {key: value for key, value in llama().items() if key != name}


UP = "model.layers.1.mlp.up_proj.weight"
CHANGED: dict[str, tuple[Said, str, str | None]] = {
    "a tensor is missing": (
        without(UP),
        "the tensors hold 102,848 parameters of the language model, and the spec has 108,992: 6,144 too few",
        f"layer 1 holds 6,144 too few ({UP} is missing)",
    ),
    "a tensor has another shape": (
        llama() | {UP: ("BF16", (97, 64))},
        "the tensors hold 109,056 parameters of the language model, and the spec has 108,992: 64 too many",
        f"layer 1 holds 64 too many ({UP} is 97 x 64, in layer 0 96 x 64)",
    ),
    "a tensor is too many": (
        llama() | {"model.layers.2.self_attn.q_proj.bias": ("BF16", (64,))},
        "the tensors hold 109,056 parameters of the language model, and the spec has 108,992: 64 too many",
        "layer 2 holds 64 too many (model.layers.2.self_attn.q_proj.bias is not in layer 0)",
    ),
    "all layers have one more": (
        llama() | {f"model.layers.{n}.self_attn.q_norm.weight": ("BF16", (16,)) for n in range(3)},
        "the tensors hold 109,040 parameters of the language model, and the spec has 108,992: 48 too many",
        "layer 0 and 2 more hold 16 too many (model.layers.0.self_attn.q_norm.weight of 16 is like no weight)",
    ),
    "a layer is too many": (
        llama(4),
        "the spec has 3 layers, and the tensors 4, as in model.layers.0.self_attn.q_proj.weight: layer 3 is too many",
        None,
    ),
    "a layer is missing": (
        llama(2),
        "the spec has 3 layers, and the tensors 2, as in model.layers.0.self_attn.q_proj.weight: layer 2 is missing",
        None,
    ),
    "the head is there twice, and not tied": (
        llama() | {"output.weight": ("BF16", (128, 64))},
        "the tensors hold 117,184 parameters of the language model, and the spec has 108,992: 8,192 too many",
        "outside the layers: 8,192 too many (output.weight of 128 x 64 is like no weight)",
    ),
    "a tower that the spec does not have": (
        llama() | {"model.vision_tower.patch.weight": ("BF16", (10, 10))},
        "the tensors hold 109,092 parameters of the language model, and the spec has 108,992: 100 too many",
        "outside the layers: 100 too many (model.vision_tower.patch.weight of 10 x 10 is like no weight)",
    ),
    "what one layer lacks another has": (
        without(UP) | {"model.layers.2.mlp.more.weight": ("BF16", (96, 64))},
        "the tensors hold as many parameters as the spec has, but in other layers",
        f"layer 1 holds 6,144 too few ({UP} is missing); "
        "layer 2 holds 6,144 too many (model.layers.2.mlp.more.weight is not in layer 0)",
    ),
    "no layers at all": (
        {"model.embed_tokens.weight": ("BF16", (128, 64))},
        "the spec has 3 layers, and the tensors 0",
        None,
    ),
}


@pytest.mark.parametrize("change", CHANGED)
def test_what_differs_is_named(change: str, tmp_path: Path) -> None:
    tensors, message, note = CHANGED[change]
    with pytest.raises(SpecError) as caught:
        checked(tmp_path, tensors)
    error = caught.value
    assert (error.code, error.message, error.note) == ("AC411", message, note)
    assert error.where == str(tmp_path / "model" / "model.safetensors")
    assert error.hint == "is the config.json that of this file?"


def test_fused_and_split_projections_are_the_same_parameters(tmp_path: Path) -> None:
    tensors = llama()
    for layer in range(3):
        at = f"model.layers.{layer}"
        for name in ("q", "k", "v"):
            del tensors[f"{at}.self_attn.{name}_proj.weight"]
        tensors[f"{at}.self_attn.qkv_proj.weight"] = ("BF16", (128, 64))
    assert checked(tmp_path, tensors).language_model.parameters == 108_992


def sharded(folder: Path, tensors: Said, *, total_size: int | None = None, files: bool = True, **more: Any) -> Path:
    """Write a model of two files with an index, and return the index."""
    write_model(folder, LLAMA | more, {})
    (folder / "model.safetensors").unlink()
    weight_map = {}
    for number, half in enumerate((list(tensors)[::2], list(tensors)[1::2]), 1):
        name = f"model-0000{number}-of-00002.safetensors"
        weight_map |= dict.fromkeys(half, name)
        if files:
            write(folder / name, {key: tensors[key] for key in half})
    size = sum(2 * prod(shape) for _, shape in tensors.values()) if total_size is None else total_size
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": weight_map}), encoding="utf-8")
    return index


def test_an_index_reads_all_its_files(tmp_path: Path) -> None:
    found = import_(str(sharded(tmp_path / "m", llama()))).tensors
    assert found is not None
    assert (found.language_model.parameters, found.unchecked) == (108_992, [])


def test_an_index_alone_has_names_and_a_number_of_bytes(tmp_path: Path) -> None:
    index = sharded(tmp_path / "m", llama(), files=False)
    found = import_(str(index)).tensors
    assert found is not None
    unread = "the shape of any tensor: model-00001-of-00002.safetensors and 1 more are not beside the index"
    assert (found.language_model.tensors, found.unchecked) == (30, [unread])
    for config, why in (
        ({"quantization_config": {"quant_method": "fp8"}}, "bytes in all, since weights are quantised"),
        ({"dtype": None}, "bytes in all, since the configuration names no type"),
        ({"dtype": "bfloat16"}, None),
    ):
        index = sharded(tmp_path / "m", llama(), files=False, **config)
        rest = import_(str(index)).tensors.unchecked[1:]  # type: ignore[union-attr]
        assert rest == ([why] if why else [])


@pytest.mark.parametrize(
    ("tensors", "size", "message"),
    [
        (
            llama(4),
            None,
            "the spec has 3 layers, and the tensors 4, as in model.layers.0.self_attn.k_proj.weight: layer 3",
        ),
        (
            without("model.layers.2.mlp.up_proj.weight"),
            None,
            "model.layers.1.mlp.up_proj.weight is there, and layer 2, which is like layer 1, has no such tensor",
        ),
        (llama(), 217_982, "the index has 217,982 bytes, and the spec's 108,992 parameters take 217,984"),
        (llama(), 435_970, "the index has 435,970 bytes, and the spec's 108,992 parameters take 217,984"),
    ],
    ids=["a layer", "a tensor", "too few bytes", "too many bytes"],
)
def test_an_index_alone_that_is_of_another_model(tensors: Said, size: int | None, message: str, tmp_path: Path) -> None:
    index = sharded(tmp_path / "m", tensors, total_size=size, files=False)
    with pytest.raises(SpecError) as caught:
        import_(str(index))
    assert caught.value.code == "AC411"
    assert caught.value.message.startswith(message)


def test_bytes_that_may_be_wider_are_said_to_be_unchecked(tmp_path: Path) -> None:
    index = sharded(tmp_path / "m", llama(), total_size=217_984 + 128, files=False)
    found = import_(str(index)).tensors
    assert found is not None
    assert found.unchecked[1:] == ["bytes in all, which are 128 more than the parameters take at 2 each"]


def test_files_that_are_not_all_there(tmp_path: Path) -> None:
    index = sharded(tmp_path / "m", llama())
    shutil.copy(index, tmp_path / "kept.json")
    (tmp_path / "m" / "model-00002-of-00002.safetensors").unlink()
    found = import_(str(index)).tensors
    assert found is not None
    assert found.unchecked == ["the shape of any tensor: model-00002-of-00002.safetensors is not beside the index"]
