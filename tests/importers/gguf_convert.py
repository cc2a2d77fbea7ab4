"""What llama.cpp's own converter writes of small models: the data that imports of GGUF files are tested with.

    python -m tests.importers.gguf_convert PATH_OF_LLAMA_CPP

Builds small models of transformers, saves them and lets ``convert_hf_to_gguf`` of a checkout of
llama.cpp convert them, without a vocabulary. Writes gguf_converted.jsonl: a line for each model with its
configuration, the file's metadata and its tensors. Nothing else here needs llama.cpp.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING

from costmodel.verify.published import model_class
from tests.oracle.families import FAMILIES

from .gguf_files import PATH, packed


@dataclass(frozen=True)
class Case:
    """A family of the oracles' small models, with keys that are changed (None: taken away).

    ``published`` are keys that published files have, that the converter needs, and transformers does
    not write; None: those that transformers writes and they lack. ``fixed`` are keys that are not varied,
    ``held`` those that a variation may not change.
    """

    family: str
    changed: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, Any] = field(default_factory=dict)
    fixed: str = ""
    called: str = ""
    held: Mapping[str, Any] = field(default_factory=dict)


NO_WINDOW = {"sliding_window": None}
TIED, KV_HEADS = "tie_word_embeddings", "num_key_value_heads"  # where the converter takes one value
HYBRID = f"num_hidden_layers {KV_HEADS}"
LONGROPE = {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 128}
LONGROPE |= {"short_factor": [1.0] * 4, "long_factor": [1.0] * 4, "short_mscale": 1.0, "long_mscale": 1.0}
HUNYUAN_MOE = {"architectures": ["HunYuanMoEV1ForCausalLM"], "moe_intermediate_size": [70] * 4}
HUNYUAN_MOE |= {"num_shared_expert": [1] * 4, "moe_topk": [2] * 4}
LAGUNA = {"layer_types": ["full_attention", *["sliding_attention"] * 3], "num_attention_heads_per_layer": [6, 8, 8, 8]}
CASES = (
    Case("llama"),
    Case("llama-tied-biased"),
    Case("mistral", NO_WINDOW),
    Case("mixtral", NO_WINDOW),
    Case("arcee"),
    Case("apertus"),
    Case("qwen2", {"use_sliding_window": False}),
    Case("qwen3"),
    Case("seed_oss"),
    Case("smollm3"),
    Case("gemma", fixed=TIED),
    Case("gemma2", fixed=TIED),
    Case("gemma3_text", fixed=TIED),
    Case("phi", {"intermediate_size": 192, "num_key_value_heads": 6}, fixed="intermediate_size num_key_value_heads"),
    Case("phi3"),
    Case("granite"),
    Case("granitemoe"),
    Case("granitemoeshared"),
    Case("granitemoehybrid", published={"layer_types": ["mamba", "mamba", "attention", "mamba"]}, fixed=HYBRID),
    Case("bamba", published={"attn_rotary_emb": 4}, fixed=HYBRID),
    Case("exaone4"),
    Case("olmo"),
    Case("olmo2"),
    Case("olmo3"),
    Case("olmoe"),
    Case("glm", {"head_dim": 8, "hidden_size": 48}),
    Case("glm4", {"head_dim": 8, "hidden_size": 48}),
    Case("glm4_moe"),
    Case("ernie4_5"),
    Case("ernie4_5_moe", {"moe_num_shared_experts": 1}),
    Case("hunyuan_v1_dense"),
    Case("hy_v3"),
    Case("nemotron", {"head_dim": 8, "hidden_size": 48, "partial_rotary_factor": 0.5}),
    Case("jais2"),
    Case("stablelm", {"qk_layernorm": False}),
    Case("gpt_bigcode", {"n_inner": None}),
    Case("starcoder2", NO_WINDOW),
    Case("bloom"),
    Case("gpt2", {"n_inner": None}, {"n_ctx": 256}),
    Case("gpt_neox", fixed=KV_HEADS, published={"rotary_pct": 0.25}),
    Case("falcon-mqa", {"ffn_hidden_size": None, "num_kv_heads": 1}),
    Case("falcon-grouped", {"ffn_hidden_size": None}),
    Case("cohere", fixed=TIED),
    Case("cohere2", {"head_dim": 8, "hidden_size": 48}, {"rotary_pct": 1.0}, fixed=TIED),
    Case("minicpm3"),
    Case("deepseek_v2", fixed=KV_HEADS),
    Case("deepseek_v2-lite", fixed=KV_HEADS),
    Case("deepseek_v3", fixed=KV_HEADS),
    Case("glm4_moe_lite", fixed=KV_HEADS),
    Case("youtu", fixed=KV_HEADS),
    Case("mamba"),
    Case("falcon_mamba", fixed="intermediate_size"),
    Case("mamba2"),
    Case("jamba", fixed=HYBRID),
    Case("falcon_h1"),
    Case("lfm2", fixed=f"{HYBRID} {TIED}"),
    Case("lfm2_moe", fixed=f"{HYBRID} {TIED}"),
    Case("qwen2_moe", {"decoder_sparse_step": 1, "mlp_only_layers": None, "use_sliding_window": False}),
    Case("qwen3_moe", {"decoder_sparse_step": 1, "mlp_only_layers": None, "use_sliding_window": False}),
    Case("gpt_oss"),
    Case(
        "llama4_text",
        {"attention_chunk_size": 8192, "max_position_embeddings": 16384},
        fixed="num_hidden_layers max_position_embeddings",
    ),
    Case("minimax_m2"),
    Case("dots1", {"sliding_window": None, "layer_types": None}),
    Case("exaone_moe", fixed="num_hidden_layers"),
    Case("afmoe"),
    Case("mellum"),
    Case("mpt", published={"architectures": ["MPTForCausalLM"]}),
    Case(
        "phimoe",
        {"rope_parameters": LONGROPE},
        {"architectures": ["PhiMoEForCausalLM"]},
        held={"num_experts_per_tok": 2},  # its router takes no other number
    ),
    Case("hunyuan_v1_moe", fixed="num_hidden_layers intermediate_size", published=HUNYUAN_MOE),
    Case("ministral3"),
    Case("granite_swa", {"layer_rope_theta": None}),
    Case("granitemoe_swa"),
    Case("cohere2_moe", fixed=TIED),
    Case("gemma3n_text", {"altup_num_inputs": 4}, fixed=f"{TIED} vocab_size"),
    Case("gemma4_text", fixed=f"{TIED} vocab_size"),
    Case("gemma4_text-experts", fixed=f"{TIED} {KV_HEADS}"),
    Case("laguna", LAGUNA, fixed=KV_HEADS),
    Case("deepseek_v32", fixed=KV_HEADS),
    Case("glm_moe_dsa", fixed=f"{KV_HEADS} num_hidden_layers"),
    Case("qwen3_next"),
    Case("qwen3_5_text"),
    Case("qwen3_5_moe_text"),
    Case(
        "nemotron_h",
        {"mamba_head_dim": 64, "layers_block_type": ["mamba", "mlp", "attention", "mlp", "mamba"]},
        {
            "num_experts_per_tok": None,
            "layers_block_type": None,
            "hybrid_override_pattern": "M-*-M",
            "num_hidden_layers": 5,
            **dict.fromkeys(("n_routed_experts", "n_group", "topk_group")),
        },
        f"{HYBRID} {TIED}",
        called="nemotron_h-dense",
    ),
    Case("nemotron_h", {"mamba_head_dim": 64}, fixed=f"{HYBRID} {TIED}"),
)
LISTS = ("layer_types", "mlp_layer_types", "layers_block_type", "layer_rope_theta", "mlp_only_layers")
SIZES = {
    "vocab_size": range(100, 140),
    "intermediate_size": range(32, 97, 2),
    "moe_intermediate_size": range(16, 40, 2),
    "num_hidden_layers": range(2, 7),
    "n_layer": range(2, 7),
    "n_layers": range(2, 7),
    "num_key_value_heads": (1, 2, 3, 6),
    "num_experts": range(4, 9),
    "num_local_experts": range(4, 9),
    "num_experts_per_tok": range(1, 4),
    "kv_lora_rank": range(16, 33, 2),
    "max_position_embeddings": range(256, 1025),
    "state_size": range(8, 33, 2),
    "tie_word_embeddings": (True, False),
}


def variation(data: Mapping[str, Any], fixed: str, random: Random) -> dict[str, Any]:
    """Return a configuration with other sizes, where it gives them."""
    listed = any(isinstance(data.get(key), list) for key in LISTS)
    found = dict(data)
    for key, values in SIZES.items():
        if key not in data or key in fixed.split() or type(data[key]) not in (int, bool):
            continue
        if key == "num_hidden_layers" and listed:
            continue
        found[key] = random.choice(values)
    return found


def _without(data: Mapping[str, Any], taken_away: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without the keys that are taken away."""
    return {key: value for key, value in data.items() if value is not None or key not in taken_away}


class Converter:
    """A checkout of llama.cpp."""

    def __init__(self, root: Path) -> None:
        sys.path[:0] = [str(root / "gguf-py"), str(root)]
        import conversion.base
        import gguf

        self.conversion, self.gguf = conversion, gguf

    def convert(self, data: Mapping[str, Any], published: Mapping[str, Any]) -> tuple[dict[str, Any], list[Any]]:
        """Return the metadata and the tensors of the model of a configuration."""
        config = CONFIG_MAPPING[data["model_type"]](**{k: v for k, v in data.items() if k != "model_type"})
        torch.manual_seed(0)
        cls: Any = model_class(data["model_type"])
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            cls._from_config(config).save_pretrained(folder)
            said = self.conversion.base.ModelBase.load_hparams(folder, False) | dict(published)
            said = _without(said, published)
            words = {str(index): index for index in range(said["vocab_size"])}
            (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": words}, "added_tokens": []}))
            (folder / "generation_config.json").unlink(missing_ok=True)
            architecture = said["architectures"][0]
            kind = self.conversion.get_model_class(architecture)
            kind.no_mtp = True  # which transformers does not build
            for kept in ("_alpha_n", "_alpha_p", "_beta", "_eps"):  # of the model before, in the class of Apertus
                getattr(kind, kept, {}).clear()
            model = kind(folder, self.gguf.LlamaFileType.MOSTLY_BF16, folder / "model.gguf", hparams=said)
            model = getattr(model, "impl", model)  # of a class that only chooses
            model.set_vocab = lambda: None
            model.prepare_tensors()
            model.prepare_metadata(vocab_only=False)
            writer = model.gguf_writer
        metadata = {
            key: [int(value.type), None if value.sub_type is None else int(value.sub_type), value.value]
            for part in writer.kv_data
            for key, value in part.items()
            if not key.startswith(("general.", "tokenizer.")) or key == "general.architecture"
        }
        tensors = [(key, info.dtype.name, list(info.shape)) for part in writer.tensors for key, info in part.items()]
        return metadata, tensors


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="a checkout of llama.cpp")
    parser.add_argument("--variations", type=int, default=2)
    parser.add_argument("--seed", type=int, default=20261126)
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    converter, random = Converter(asked.root), Random(asked.seed)
    families = {family.name: family for family in FAMILIES}
    lines = []
    for case in CASES:
        data = dict(families[case.family].config) | dict(case.changed)
        data = _without(data, case.changed)
        for number in range(1 + asked.variations):
            config = variation(data, case.fixed, random) | case.held if number else data
            with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
                metadata, tensors = converter.convert(config, case.published)
            row = {
                "name": f"{case.called or case.family}-{number}",
                "config": _without(config | dict(case.published), case.published),
                "metadata": metadata,
            }
            lines.append(json.dumps(row | {"tensors": packed(tensors)}, separators=(",", ":")))
        print(case.family, metadata["general.architecture"][2])
    PATH.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
