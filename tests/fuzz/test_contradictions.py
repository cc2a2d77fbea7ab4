"""Specs whose fields contradict each other are refused, where a figure would be nonsense otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel.errors import InvalidSpec
from costmodel.validation import parse

ATTENTION = {"kind": "attention", "n_heads": 4, "n_kv_heads": 2, "head_dim": 8}
FFN = {"kind": "ffn", "d_ff": 16}
MOE = {"kind": "moe", "n_experts": 4, "top_k": 2, "d_ff": 8}
MLA = {
    "kind": "mla",
    "n_heads": 2,
    "kv_lora_rank": 8,
    "qk_nope_head_dim": 4,
    "qk_rope_head_dim": 4,
    "v_head_dim": 4,
}
INDEXER = {"n_heads": 2, "head_dim": 4, "top_k": 8, "queries": "hidden"}
CROSS = {"kind": "cross_attention", "n_heads": 2, "head_dim": 4}
READER = ATTENTION | {"kv_from": "a"}
DEPTH = {"block_layers": 2}
ENCODER = {"n_layers": 1, "mixer": "a", "ffn": "f"}


def spec(blocks: dict[str, Any], mixer: str = "a", **fields: Any) -> dict[str, Any]:
    """Return a spec of two layers."""
    base = {"name": "x", "d_model": 32, "vocab_size": 50, "n_layers": 2, "mixer": mixer, "ffn": "f"}
    return base | {"blocks": {"a": ATTENTION, "f": FFN} | blocks} | fields


CASES = {
    "a cache is read that no layer keeps": (spec({"r": READER}, "r"), "mixer"),
    "a cache is read before a layer keeps it": (spec({"r": READER}, "r + a"), "mixer"),
    "a window is read as if it were all": (
        spec({"a": ATTENTION | {"window": 4}, "r": READER}, "1 a then r"),
        "blocks.r.kv_from",
    ),
    "a choice is used before it is made": (
        spec({"a": MLA | {"index_from": "b"}, "b": MLA | {"indexer": INDEXER}}, "a + b"),
        "mixer",
    ),
    "a bidirectional layer has a window": (spec({"a": ATTENTION | {"causal": False, "window": 4}}), "blocks.a.window"),
    "sums over depth are read, and none are made": (
        spec({"a": ATTENTION | {"separate_inputs": True}}),
        "blocks.a.separate_inputs",
    ),
    "three inputs have norms elsewhere": (
        spec({"a": ATTENTION | {"separate_inputs": True}}, attention_residuals=DEPTH, norm={"place": "post"}),
        "blocks.a.separate_inputs",
    ),
    "three inputs share keys": (
        spec({"a": ATTENTION | {"separate_inputs": True, "kv": "tied"}}, attention_residuals=DEPTH),
        "blocks.a.separate_inputs",
    ),
    "three inputs have one gate": (
        spec({"a": ATTENTION | {"separate_inputs": True, "input_gate": 4}}, attention_residuals=DEPTH),
        "blocks.a.input_gate",
    ),
    "a clip stands beside a norm": (spec({"a": ATTENTION | {"qk_clip": True, "qk_norm": "head"}}), "blocks.a.qk_clip"),
    "taps are dynamic without a convolution": (
        spec({"a": ATTENTION | {"dynamic_taps": True}}),
        "blocks.a.dynamic_taps",
    ),
    "depth is attended to beside streams": (
        spec({}, attention_residuals=DEPTH, hyper_connections={"n_streams": 2}),
        "hyper_connections",
    ),
    "depth is attended to in a loop": (spec({}, attention_residuals=DEPTH, loops=2), "loops"),
    "depth is attended to side by side": (
        spec({}, attention_residuals=DEPTH, norm={"place": "parallel"}),
        "norm.place",
    ),
    "further predictions attend to depth": (
        spec({}, attention_residuals=DEPTH, mtp={"depth": 1, "mixer": "a", "ffn": "f"}),
        "mtp",
    ),
    "a prefix is the encoder's": (
        spec({"c": CROSS, "e": ATTENTION | {"prefix": "bidirectional"}}, "c", encoder=ENCODER | {"mixer": "e"}),
        "encoder",
    ),
    "an indexer picks where a window hides": (
        spec({"a": MLA | {"window": 4, "indexer": INDEXER}}),
        "blocks.a.window",
    ),
    "a bias has no gate": (spec({"a": ATTENTION | {"bias": ["gate"]}}), "blocks.a.bias"),
    "a latent is read that is not one": (spec({"m": MLA | {"kv_from": "a"}}, "a + m"), "blocks.m.kv_from"),
    "a latent of another width is read": (
        spec({"m": MLA, "r": MLA | {"kv_from": "m", "kv_lora_rank": 40}}, "m + r"),
        "blocks.r.kv_from",
    ),
    "a bias by head has no gate": (spec({"a": ATTENTION | {"gate_bias": "head"}}), "blocks.a.gate_bias"),
    "a gate reads a latent that is not there": (
        spec({"a": MLA | {"gate": "element", "gate_from": "latent"}}),
        "blocks.a.gate_from",
    ),
    "an input is gated that some tokens do not have": (
        spec({"f": FFN | {"keep": "1/2", "input_gate": 3}}),
        "blocks.f.input_gate",
    ),
    "an input is scaled that some tokens do not have": (
        spec({"f": FFN | {"keep": "1/2", "input_scale": 3}}),
        "blocks.f.input_scale",
    ),
    "a product key reaches no zero expert": (
        spec({"m": MOE | {"zero_experts": 1, "router": {"product_keys": True}}}),
        "blocks.m.zero_experts",
    ),
    "product keys reach too few experts": (
        spec({"m": MOE | {"n_experts": 3, "router": {"product_keys": True}}}),
        "blocks.m.top_k",
    ),
    "a dynamic mask sees a chunk": (spec({"a": ATTENTION | {"chunk": 4, "dynamic_mask": 2}}), "blocks.a.chunk"),
    "a head that is not there has a bias": (spec({}, head={"table": False, "bias": True}), "head.bias"),
    "a head that is not there is tied": (spec({}, head={"table": False}, tied=True), "tied"),
    "a head that is not there predicts further tokens": (
        spec({}, head={"table": False}, mtp={"mixer": "a", "ffn": "f"}),
        "mtp",
    ),
    "a bias has no values": (spec({"a": ATTENTION | {"kv": "tied", "bias": ["v"]}}), "blocks.a.bias"),
    "a bias has no query latent": (spec({"a": MLA | {"bias": ["q_a"]}}), "blocks.a.bias"),
    "a bias has no gate in a network": (spec({"f": FFN | {"gated": False, "bias": ["gate"]}}), "blocks.f.bias"),
    "more is rotated than there is": (spec({"a": ATTENTION | {"rope_dim": 100}}), "blocks.a.rope_dim"),
    "weights are fewer than none": (spec({"f": FFN | {"scalars": -5}}), "blocks.f.scalars"),
    "a token uses more experts than there are": (
        spec({"f": MOE | {"expert_choice": True, "capacity_factor": 5}}),
        "blocks.f.capacity_factor",
    ),
    "experts choose, and tokens are expected to": (
        spec({"f": MOE | {"expert_choice": True, "capacity_factor": 1, "expected_top_k": 2}}),
        "blocks.f.expected_top_k",
    ),
    "experts that do nothing choose": (
        spec({"f": MOE | {"expert_choice": True, "capacity_factor": 1, "zero_experts": 2}}),
        "blocks.f.zero_experts",
    ),
    "nothing is scored, and there is a bias": (
        spec({"f": MOE | {"top_k": 1, "router": {"by_kind": True, "bias": True}}}),
        "blocks.f.router.bias",
    ),
    "a token of one kind has two experts": (
        spec({"f": MOE | {"router": {"by_kind": True}}}),
        "blocks.f.router.by_kind",
    ),
    "a router picks what is kept, and all is": (spec({"f": FFN | {"keep_router": True}}), "blocks.f.keep_router"),
    "nobody reads the encoder": (spec({}, encoder=ENCODER), "encoder"),
    "the encoder reads itself": (spec({"c": CROSS}, "c", encoder=ENCODER | {"mixer": "c"}), "encoder"),
    "a predicting layer reads an encoder that is not there": (
        spec({"c": CROSS}, mtp={"depth": 1, "mixer": "c"}),
        "blocks",
    ),
    "the source has another width": (
        spec({"c": CROSS | {"d_source": 77}}, "c", encoder=ENCODER),
        "blocks.c.d_source",
    ),
    "tokens have no row": (spec({}, embedding={"rows": 10}), "embedding.rows"),
    "codebooks have rows, and there are none": (spec({}, embedding={"codebook_rows": 10}), "embedding.codebook_rows"),
    "one table is several": (spec({}, embedding={"codebooks": 2}, tied=True), "embedding.codebooks"),
    "one table is several heads": (spec({}, head={"codebooks": 2}, tied=True), "head.codebooks"),
    "a score is several": (spec({}, head={"codebooks": 2, "columns": 1}), "head.columns"),
    "a score is the table": (spec({}, head={"columns": 1}, tied=True), "head.columns"),
    "an encoder reads text that has no table": (
        spec({"c": CROSS}, "c", encoder=ENCODER, embedding={"codebooks": 2}),
        "encoder.embedding",
    ),
    "an encoder's table has rows, and there is none": (
        spec({"c": CROSS}, "c", encoder=ENCODER | {"embedding": {"rows": 9}}),
        "encoder.embedding.rows",
    ),
    "a projection has a bias, and there is none": (
        spec({"c": CROSS}, "c", encoder=ENCODER | {"project_bias": True}),
        "encoder.project_bias",
    ),
    "relative positions of an encoder lack heads": (
        spec({"c": CROSS}, "c", encoder=ENCODER | {"relative_bias": 9}),
        "encoder.relative_bias",
    ),
    "two features bring streams": (
        spec({}, altup={"n_streams": 2}, hyper_connections={"n_streams": 2}),
        "altup",
    ),
    "a shared block reads another's cache": (
        spec({"r": READER}, "s", shared={"s": {"of": ["r"]}}),
        "shared.s.of.0",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_contradictions_are_refused(case: str) -> None:
    data, place = CASES[case]
    with pytest.raises(InvalidSpec) as refused:
        parse(data)
    (problem,) = refused.value.problems
    assert ".".join(map(str, problem.path)) == place
