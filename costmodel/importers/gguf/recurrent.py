"""Architectures with recurrent layers: Mamba, Mamba-2, Gated DeltaNet, short convolutions."""

from __future__ import annotations

from typing import Any

from costmodel.importers.gguf.facts import Facts, period
from costmodel.importers.gguf.rows import BIAS, BIASES, ROUTER, Part, Row, experts_only, kinds, number


def mamba2(prefix: str, *, heads: str, width: str, state: str, groups: str, conv: str, chunk: str) -> Part:
    """Return what reads Mamba-2 into the names that a family has for its sizes.

    No file says in what pieces a scan is executed, which no count but that of executed FLOPs knows.
    """

    def sizes(facts: Facts) -> dict[str, Any]:
        channels, count = facts.number("ssm.inner_size"), facts.number("ssm.time_step_rank")
        if not count or channels % count:
            facts.wrong("ssm.time_step_rank", f"heads that divide the {channels} channels")
        found = {
            heads: count,
            width: channels // count,
            state: facts.number("ssm.state_size"),
            groups: facts.number("ssm.group_count"),
            conv: facts.number("ssm.conv_kernel"),
            chunk: 256,
        }
        return {prefix + key: value for key, value in found.items()}

    return sizes


MAMBA2 = mamba2(
    "", heads="num_heads", width="head_dim", state="state_size", groups="n_groups",
    conv="conv_kernel", chunk="chunk_size",
)  # fmt: skip
BAMBA = mamba2(
    "mamba_", heads="n_heads", width="d_head", state="d_state", groups="n_groups", conv="d_conv",
    chunk="chunk_size",
)  # fmt: skip
BAMBA_FLAGS = {"mamba_conv_bias": "ssm_conv1d.bias", "mamba_proj_bias": "ssm_in.bias"}


def whole_expand(facts: Facts) -> dict[str, Any]:
    """Return how often the channels of Mamba are as many as the stream is wide, which is a whole number."""
    channels, width = facts.number("ssm.inner_size"), facts.number("embedding_length")
    if not width or channels % width:
        facts.wrong("ssm.inner_size", f"a multiple of {width}, the width of the stream")
    return {"mamba_expand": channels // width}


def mamba(facts: Facts) -> Row:
    """Return Falcon Mamba where vectors are normed, else Mamba."""
    inner = number("ssm.inner_size", "intermediate_size")
    keys = {"ssm.state_size": "state_size", "ssm.conv_kernel": "conv_kernel", "ssm.time_step_rank": "time_step_rank"}
    flags = {"use_bias": "ssm_in.bias", "use_conv_bias": "ssm_conv1d.bias"}
    kind = "falcon_mamba" if facts.get("ssm.dt_b_c_rms") else "mamba"
    # expand is read, and intermediate_size wins
    return Row(kind, keys, flags, fixed={"expand": 2}, unused="use_falcon_mambapy", parts=[inner])


def jamba(facts: Facts) -> dict[str, Any]:
    """Return at which distances layers have attention, and experts."""
    found: dict[str, Any] = {"num_experts": facts.number("expert_count", 0) or 1}
    found["num_experts_per_tok"] = facts.number("expert_used_count", 0) or None
    attention = [n > 0 for n in facts.by_layer("attention.head_count_kv")]
    for what, there in (("attn", attention), ("expert", facts.where_is(ROUTER))):
        if (turn := period(there)) is None:
            facts.refuse(f"layers with {what} do not come at equal distances, as the family has them")
        found |= {f"{what}_layer_period": turn[0], f"{what}_layer_offset": turn[1]}
    return found


def granite_hybrid(facts: Facts) -> Row:
    """Return Bamba where a part of a head is rotated, else Granite 4."""
    parts: list[Part] = [BAMBA, whole_expand]
    rotated = facts.number("rope.dimension_count", facts.head_dim)
    if rotated != facts.head_dim:
        listed = [index for index, n in enumerate(facts.by_layer("attention.head_count_kv")) if n]
        fixed = {"attn_layer_indices": listed, "attn_rotary_emb": rotated}
        return Row("bamba", flags=BIASES | BAMBA_FLAGS, fixed=fixed, unused="layers_block_type", parts=parts)
    has_experts = facts.number("expert_count", 0) > 0
    name, key = "shared_intermediate_size", "expert_shared_feed_forward_length"
    parts += [kinds("attention", "mamba"), number(key if has_experts else "feed_forward_length", name)]
    parts += [experts_only] if has_experts else []
    rope = "rope" if facts.get("rope.scaling.finetuned", True) else "nope"
    fixed = {"position_embedding_type": rope} | ({} if has_experts else {"num_local_experts": 0})
    return Row("granitemoehybrid", flags=BIAS | BAMBA_FLAGS, fixed=fixed, parts=parts)


def short_conv(facts: Facts) -> dict[str, Any]:
    """Return the short convolutions between the layers with attention."""
    return kinds("full_attention", "conv")(facts) | {
        "conv_L_cache": facts.number("shortconv.l_cache"),
        "conv_bias": facts.has("shortconv.conv.bias"),
    }


def delta(facts: Facts) -> dict[str, Any]:
    """Return the sizes of Gated DeltaNet, in the names of Mamba, and which layers are it."""
    channels, heads = facts.number("ssm.inner_size"), facts.number("ssm.time_step_rank")
    if not heads or channels % heads:
        facts.wrong("ssm.time_step_rank", f"heads that divide the {channels} channels")
    linear = facts.where_is("ssm_out.weight")
    for key in ("attention.recurrent_layers", "full_attention_interval"):
        facts.get(key)  # which the tensors say too
    return {
        "linear_num_key_heads": facts.number("ssm.group_count"),
        "linear_key_head_dim": facts.number("ssm.state_size"),
        "linear_num_value_heads": heads,
        "linear_value_head_dim": channels // heads,
        "linear_conv_kernel_dim": facts.number("ssm.conv_kernel"),
        "layer_types": ["linear_attention" if one else "full_attention" for one in linear],
        "mtp_num_hidden_layers": facts.further,
    }


def one_block_a_layer(facts: Facts) -> dict[str, Any]:
    """Return what each layer of Nemotron-H is: every layer has one block."""
    told = {"ssm_in.weight": "mamba", "attn_q.weight": "attention", ROUTER: "moe", "ffn_up.weight": "mlp"}
    words = []
    for index in range(facts.layers):
        layer = facts.in_layers.get(index, {})
        word = next((word for end, word in told.items() if end in layer), None)
        if word is None:
            facts.refuse(f"layer {index} has none of {', '.join(told)}", "AC425")
        words.append(word)
    facts.get("expert_shared_count")  # the width is that of all of them
    found: dict[str, Any] = {"layers_block_type": words, "moe_latent_size": facts.number("moe_latent_size", 0) or None}
    shared = "moe_shared_expert_intermediate_size"
    if "moe" in words:
        return found | {shared: facts.number("expert_shared_feed_forward_length")}
    sizes = ("n_routed_experts", "num_experts_per_tok", "moe_intermediate_size", shared)
    return found | dict.fromkeys(sizes, 1)  # of experts that no layer has


NEMOTRON_H = mamba2(
    "", heads="mamba_num_heads", width="mamba_head_dim", state="ssm_state_size", groups="n_groups", conv="conv_kernel",
    chunk="chunk_size",
)  # fmt: skip
