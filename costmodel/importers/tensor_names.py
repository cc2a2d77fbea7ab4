"""What names of tensors say: which are buffers, which belong to towers or to layers for further tokens.

Names were read in the state dicts of transformers 5.23's classes unless a row says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import NamedTuple


class BufferName(NamedTuple):
    """The end of a name whose tensor is not learned by gradient, and where that is so."""

    pattern: str
    source: str


BUFFERS = (
    BufferName(r"(?:rotary|rope|rotary_emb|rotary_pos_emb)\.\w+|(?:\w+_)?inv_freq|rope_freqs\.weight", "rotary tables"),
    BufferName(r"(?:cos|sin)_cached|freqs_cis", "rotary tables of older checkpoints"),
    BufferName(r"(?:attn|attention|self_attn|self_attention)\.(?:bias|masked_bias)", "causal masks"),
    BufferName(r"position_ids|token_type_ids", "bert, siglip: counted from 0"),
    BufferName(r"e_score_correction_bias|expert_bias|balancing_biases", "routers: moved by load, not by gradient"),
    BufferName(r"running_mean|running_var|num_batches_tracked", "batch norms of convolutions"),
    BufferName(r"final_logits_bias", "marian, bart: a constant added to logits"),
    BufferName(r"(?:slope_rate|query_decay|key_decay|diagonal_decay)", "minimax: decays of heads"),
    BufferName(r"layer_scalar", "gemma4: a factor of a layer"),
    BufferName(r"latent_mean|latent_std|latent_stats_num_updates", "pocket_tts: statistics of frames"),
    BufferName(r"act_fn\.(?:beta|eps)", "apertus: constants of xIELU"),
    BufferName(r"roformer\.encoder\.embed_positions\.weight", "roformer: sines"),
    BufferName(r"tid2eid|layer_multipliers|ngram_heads_vocab_sizes|ngram_heads_offsets", "hashes of tokens"),
    BufferName(r"(?:\w+\.)?_float_tensor|version", "fairseq: where sinusoids shall be made"),
)
# In files of deepseek_v4, ling and others a correction bias too; elsewhere a bias that is learned.
CORRECTION = re.compile(r".*\.(?:gate\.bias|router_bias)")
_BUFFER = re.compile("|".join(rf"(?:.*\.)?(?:{row.pattern})" for row in BUFFERS))

# Words in the names of what stands beside a language model ...
TOWERS = frozenset(
    """
    vision visual image images img video audio speech sound acoustic semantic codec tokenizer vqmodel vqgan
    projector projectors aligner connector resampler merger perceiver qformer generation diffusion flow action timestamp
    """.split()  # noqa: SIM905  (names are easier to read)
)
# ... and modules there whose words say nothing.
TOWER_MODULES = frozenset(
    """
    query_tokens view_separator language_projection loss_weighting bos_latent num_speakers_embed num_speakers_proj
    duration_delta_proj latent_scaling_factor latent_bias_factor
    """.split()  # noqa: SIM905  (names are easier to read)
)
# Modules that stand beside it where the import leaves a key out: in musicgen_melody and clvp.
WITH_KEY = MappingProxyType(
    {"text_encoder": ("enc_to_dec_proj",), "text_config": ("text_encoder_model", "logit_scale")},
)
# Modules of a language model with such a word: tables for codes of sound, the decoder of clvp.
NOT_TOWERS = frozenset(("embed_audio_tokens", "speech_decoder_model"))
# Weights of a spec that files of a model type do not hold: sines, which marian's class makes anew.
UNSAVED = MappingProxyType({"marian": ("positions.positions",)})
# Words in names of adapters beside a model's matrices, as peft has them.
_ADAPTER = re.compile(r".*[._]lora_(?:[AB]|embedding_[AB]|magnitude_vector)(?:\..*)?")
# Words in names of layers that predict further tokens: qwen3_next, deepseek_v3 in GGUF, mimo.
FURTHER = frozenset(("mtp", "nextn"))
# Modules of such a layer where it stands behind the others under their name: deepseek_v3, glm4_moe.
FURTHER_MODULES = frozenset(("eh_proj", "enorm", "hnorm", "shared_head", "nextn"))
_WORD = re.compile(r"[._]")


def words(name: str) -> list[str]:
    """Return the words of a name."""
    return _WORD.split(name)


def is_buffer(name: str, shape: tuple[int, ...], *, corrected: bool = False) -> bool:
    """Say whether a tensor is no parameter; a mask of attention has four axes, its bias one.

    ``corrected``: the routers of the spec have correction biases.
    """
    if corrected and CORRECTION.fullmatch(name):
        return True
    if _BUFFER.fullmatch(name) is None:
        return False
    return not name.endswith(("attn.bias", "attention.bias")) or len(shape) == 4


def tower_modules(left_out: Iterable[str], *, reads_source: bool = False) -> frozenset[str]:
    """Return what modules of parts that an import left out are called: like their keys, without ``_config``.

    ``reads_source``: the encoder of what the layers read is left out too.
    """
    keys = [*left_out, "encoder"] if reads_source else list(left_out)
    named = (module for key in keys for module in WITH_KEY.get(key, ()))
    return TOWER_MODULES.union((key.removesuffix("_config") for key in keys), named)


def tower(name: str, modules: frozenset[str]) -> str | None:
    """Return the module beside the language model that a tensor belongs to, with what stands before; None for none."""
    parts = name.split(".")
    for index, part in enumerate(parts):
        named = part in modules and (part != "encoder" or index < 2)  # many decoders call their own layers so
        if named or (part not in NOT_TOWERS and not TOWERS.isdisjoint(part.split("_"))):
            return ".".join(parts[: index + 1])
    return None


def is_adapter(name: str) -> bool:
    """Say whether a tensor belongs to a low-rank adapter."""
    return _ADAPTER.fullmatch(name) is not None


def further(name: str) -> str | None:
    """Return the module that predicts further tokens and a tensor belongs to; None for none."""
    parts = name.split(".")
    at = next((index for index, part in enumerate(parts) if not FURTHER.isdisjoint(part.split("_"))), None)
    return None if at is None else ".".join(parts[: at + 1])
