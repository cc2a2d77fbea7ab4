"""The sentences of a comparison, and the words of papers, are rules."""

from __future__ import annotations

import pytest

from costmodel.render.described import attention
from costmodel.render.in_short import sentences
from costmodel.report.compare import compare

CASES = {
    ("deepseek-v3", "llama4"): [
        "llama-4-maverick has 0.60x the parameters and 0.46x the active ones.",
        "Its cache is larger up to 57,195 tokens and smaller beyond.",
        "At 128Ki its decode needs 33x fewer FLOPs: absorbed mla trades work for cache.",
    ],
    ("llama4", "deepseek-v3"): [
        "deepseek-v3 has 1.67x the parameters and 2.19x the active ones.",
        "Its cache is smaller up to 57,195 tokens and larger beyond.",
        "At 128Ki its decode needs 33x the FLOPs: absorbed mla trades work for cache.",
    ],
    ("gemma-3-27b", "gemma-3-27b-wide-window"): [
        "gemma-3-27b-wide-window has the same number of parameters, total and active.",
        "Its cache is equal up to 1,024 tokens and larger beyond.",
        "At 128Ki its decode needs 1.17x the FLOPs.",
    ],
    ("deepseek-v3", "deepseek-r1"): [
        "deepseek-r1 has the same number of parameters, total and active.",
        "Its cache is equal at every length.",
        "At 128Ki their decode needs the same FLOPs within 1%.",
    ],
}


@pytest.mark.parametrize("names", CASES, ids=" ".join)
def test_sentences(names: tuple[str, str]) -> None:
    assert sentences(compare(*names)) == CASES[names]


def test_a_saw_tooth_cache_has_no_exact_crossing() -> None:
    found = compare("deepseek-v3", "deepseek-v4-flash")
    assert found.cache_order is None
    assert sentences(found)[1].startswith("At 128Ki its cache is 0.")


def test_three_models_are_not_summed_up() -> None:
    assert sentences(compare("gpt2", "phi-4", "llama4")) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deepseek-v3", "MLA"),
        ("deepseek-v3.2", "MLA, sparse"),
        ("llama4", "GQA, 3 chunked : 1 full"),
        ("gemma-3-27b", "GQA, 5 windowed : 1 full"),
        ("mistral-7b", "GQA, windowed"),
        ("gpt2", "MHA"),
        ("falcon-7b", "MQA"),
        ("jamba-v0.1", "7 Mamba : 1 GQA"),
        ("mamba-130m", "Mamba"),
    ],
)
def test_attention_of_papers(name: str, text: str) -> None:
    assert attention(compare(name, "gpt2").rows[0]) == text
