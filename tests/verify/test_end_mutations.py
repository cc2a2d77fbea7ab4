"""Deliberately wrong formulas of what stands before and after the layers, and of tables that they share."""

from __future__ import annotations

from typing import Any

import pytest

import costmodel as cm
from costmodel.architecture import Architecture
from costmodel.workload import Workload

from .mutations import Mutation, Ops, copied, dearer, forgotten, wider, written

LOOK = {"kind": "attention", "n_heads": 2, "head_dim": 5}
SPEC: dict[str, Any] = {"name": "ended", "d_model": 7, "vocab_size": 19, "n_layers": 2, "mixer": "look"}
HOSTED = {"kind": "host_attention", "n_heads": 2, "head_dim": 5}
# Mechanism -> the fields of a spec that has it, the beginning of its operations' paths, whether they are products.
ENDS: dict[str, tuple[dict[str, Any], str, bool]] = {
    "a table": ({}, "embedding", False),
    "tables of hashes": ({"embedding": {"hashes": 3, "hash_rows": 11}}, "embedding.hashes", False),
    "tables of other views": ({"embedding": {"beside": [{"rows": 5, "width": 3}]}}, "embedding.beside", False),
    "codebooks": ({"embedding": {"codebooks": 3, "codebook_rows": 13}}, "embedding.codebooks", False),
    "types of tokens": ({"embedding": {"token_types": 3}}, "embedding.token_types", False),
    "positions": ({"positions": 64}, "embedding.positions", False),
    "a narrow table": ({"embedding": {"width": 5, "bias": True}}, "embedding.project", True),
    "a norm of the embedding": ({"embedding": {"norm": "layer"}}, "embedding.norm", False),
    "a table of distances": ({"relative_bias": 6, "relative_heads": 2}, "layers.relative_bias", False),
    "a head": ({}, "lm_head", True),
    "heads of codebooks": ({"head": {"codebooks": 3}}, "lm_head", True),
    "a head of two matrices": ({"head": {"dense": True, "dense_bias": True}}, "head.dense", True),
    "a host": ({"host": {"d_model": 13}, "blocks": {"look": HOSTED}}, "host.", True),
}
CASES = [
    pytest.param(name, mutation, id=f"{name}-{mutation.__name__}")
    for name, (_, _, is_product) in ENDS.items()
    for mutation in (wider, forgotten, copied, *((dearer,) if is_product else ()))
]


@pytest.mark.parametrize(("name", "mutation"), CASES)
def test_a_wrong_formula_beside_the_layers_is_noticed(
    name: str, mutation: Mutation, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    fields, prefix, _ = ENDS[name]
    path = written(tmp_path, SPEC | {"blocks": {"look": LOOK}} | fields)
    assert cm.verify_(path).proved
    right = Architecture._lower

    def wrong(self: Architecture, load: Workload) -> Ops:
        ops = list(right(self, load))
        mine = [op for op in ops if op.path.startswith(prefix)]
        yield from (op for op in ops if op not in mine)
        yield from mutation(iter(mine))

    monkeypatch.setattr(Architecture, "_lower", wrong)
    found = cm.verify_(path)
    assert not found.proved
    assert found.specs[0].differs is not None
