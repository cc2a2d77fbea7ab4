"""A GGUF header -> the configuration that its family's adapter reads, every key of it with a reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from costmodel.errors import count_of, did_you_mean, quote
from costmodel.importers.config import Config
from costmodel.importers.gguf.facts import Facts
from costmodel.importers.gguf.rows import Row
from costmodel.importers.gguf.table import ROWS
from costmodel.importers.harmless import is_harmless

# Keys of an architecture that change no count: constants of formulas, and what was true of the training.
_HARMLESS = re.compile(
    r"""
    vocab_size | pooling_type | decoder_start_token_id | tensor_data_layout
    | rope\.(?:freq_base(?:_swa)?|scale_linear|dimension_sections|scaling\.[a-z_]+)
    | attention\.(?:layer_norm_(?:rms_)?epsilon | (?:output_)?scale | temperature_(?:scale|length))
    | attention\.(?:max_alibi_bias | clamp_kqv)
    | (?:attn|final|router)_logit_softcapping | (?:logit|residual|embedding)_scale
    | expert_weights_(?:scale|norm) | swiglu_clamp_(?:sh)?exp | activation_sparsity_scale
    """,
    re.VERBOSE,
)


def configuration(facts: Facts, lenient: bool = False) -> tuple[dict[str, Any], Row, list[str]]:
    """Return the configuration, the row of the table that it follows, and keys left out because that was asked for.

    Raises:
        SpecError: an architecture that is not covered, or a key that could change a count and is not understood.
    """
    if facts.name not in ROWS:
        hint = did_you_mean(facts.name, ROWS) or "import its config.json instead"
        facts.refuse(f"the architecture {quote(facts.name)} is not covered", "AC424", hint)
    row = ROWS[facts.name]
    row = row(facts) if callable(row) else row
    found = _usual(facts) | dict.fromkeys(row.unused.split()) | dict(row.fixed)
    found |= {key: facts.has(*ends.split()) for key, ends in row.flags.items()}
    found |= {name: facts.number(key) for key, name in row.keys.items()}
    for part in row.parts:
        found |= part(facts)
    if facts.get("attention.causal", True) is not True:
        facts.wrong("attention.causal", "true: layers that see both ways are not understood")
    unread = [key for key in facts.given if key not in facts.seen and not _is_idle(key, facts.given[key])]
    if unread and not lenient:
        more = f", and {count_of(len(unread) - 1, 'more key')} like it" if len(unread) > 1 else ""
        hint = "it could change a figure; --lenient leaves it out"
        facts.refuse(f'"{facts.name}.{unread[0][:64]}" is not understood here{more}', "AC423", hint)
    return found | {"model_type": row.model_type}, row, [f"{facts.name}.{key}" for key in unread]


def _is_idle(key: str, value: object) -> bool:
    """Say whether a key changes no count, or is off."""
    return _HARMLESS.fullmatch(key) is not None or (value in (0, "", []) and value is not False)


def _usual(facts: Facts) -> dict[str, Any]:
    """Return what most architectures say, in the usual keys; an adapter that does not read one needs it not."""
    found: dict[str, Any] = {
        "num_hidden_layers": facts.layers,
        "hidden_size": facts.number("embedding_length", least=1),
        "vocab_size": facts.vocab_size,
        "max_position_embeddings": facts.number("context_length", 0) or None,
        "tie_word_embeddings": "output.weight" not in facts.tensors,
    }
    widths = set(facts.by_layer("feed_forward_length", 0)) - {0}
    if len(widths) < 2:
        found["intermediate_size"] = next(iter(widths), None)
    heads = [set(facts.by_layer(f"attention.{key}", 0)) - {0} for key in ("head_count", "head_count_kv")]
    if len(heads[0]) == 1 and len(heads[1]) < 2:  # else the row says what each layer has
        found |= {"num_attention_heads": facts.heads, "num_key_value_heads": facts.kv_heads}
        if "attention.kv_lora_rank" not in facts.given:
            found |= {"head_dim": facts.head_dim, "partial_rotary_factor": facts.rotated(facts.head_dim)}
    for key, name in (("expert_group_count", "n_group"), ("expert_group_used_count", "topk_group")):
        found[name] = facts.number(key, 0) or None
    if experts := facts.number("expert_count", 0):
        found |= dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), experts)
        found["num_experts_per_tok"] = facts.number("expert_used_count")
        found["moe_intermediate_size"] = facts.expert_width
        if facts.number("expert_feed_forward_length", found["moe_intermediate_size"]) != found["moe_intermediate_size"]:
            facts.wrong("expert_feed_forward_length", f"{found['moe_intermediate_size']}, as the experts are wide")
    return found


def settled(config: Config, row: Row, facts: Facts, usual: Mapping[str, Any]) -> None:
    """Refuse a configuration of which the adapter read a key that the file does not settle, or read one not.

    Raises:
        SpecError: the class's default would be used for something, or a key would be lost.
    """
    for key in sorted(config.seen - config.given.keys()):
        if key in config.keys and not is_harmless(key) and config.keys[key] not in (None, False):
            message = f'the file does not say what {row.model_type} calls "{key}"'
            facts.refuse(message, "AC423", "import its config.json instead")
    idle = _USUAL if usual.get("partial_rotary_factor") in (None, 1.0) else _USUAL - {"partial_rotary_factor"}
    for key, value in config.given.items():
        if key not in config.seen and key not in idle and value is not None and value is not False:
            facts.refuse(f"{key} {value!r:.64} has no meaning for {row.model_type}", "AC423")


_USUAL = frozenset(
    """
    num_hidden_layers hidden_size vocab_size max_position_embeddings tie_word_embeddings intermediate_size
    num_attention_heads num_key_value_heads head_dim partial_rotary_factor num_experts num_local_experts
    n_routed_experts num_experts_per_tok moe_intermediate_size n_group topk_group model_type
    """.split()  # noqa: SIM905  (names are easier to read)
)
