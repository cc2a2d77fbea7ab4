"""Deliberately wrong formulas of every mechanism: verify says which figure differs, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

import costmodel as cm
from costmodel import catalog, tower
from costmodel.architecture import Architecture
from costmodel.audio_tower import AudioTower
from costmodel.blocks import block_class, kinds
from costmodel.ops import Op
from costmodel.patches import Patches
from costmodel.residual import feature_class, features
from costmodel.site import Site
from costmodel.source_input import Convolution, SourceInput
from costmodel.spans import Span, blockwise_pairs, causal_pairs, mutual_pairs, triangle
from costmodel.validation import parse
from costmodel.workload import Workload
from tests.fuzz.specs import random_spec

from .mutations import Mutation, Ops, copied, dearer, forgotten, hoarding, wider, written

STATELESS = {"ffn", "host_attention", "language_ffn", "moe"}  # what host_attention reads, its host keeps
# Fields without which a block of the kind has nothing to change: costs that are declared, columns that are kept.
WITH = {"custom": {"state", "flops_per_token", "weights"}, "conformer_conv": {"causal"}}
WITHOUT_PRODUCTS = {"residual_gate", "residual_scale", "layer_scale"}
OF_BLOCKS = [
    pytest.param(kind, mutation, id=f"{kind}-{mutation.__name__}")
    for kind in kinds()
    for mutation in (wider, forgotten, dearer, *(() if kind in STATELESS else (hoarding,)))
]
OF_FEATURES = [
    pytest.param(feature, mutation, id=f"{feature}-{mutation.__name__}")
    for feature in features()
    for mutation in (wider, forgotten, copied if feature in WITHOUT_PRODUCTS else dearer)
]
OF_STEPS = [
    pytest.param(field, mutation, id=f"{field}-{mutation.__name__}")
    for field in ("kernel", "layers", "queries", "separators")
    for mutation in (wider, forgotten, copied if field == "separators" else dearer)
]


@cache
def example(kind: str) -> dict[str, Any]:
    """Return the data of a spec with a block of a kind: of the catalog, or a random one."""
    for name in catalog.names():
        data = catalog.document(name).data
        if any(block["kind"] == kind for block in data.get("blocks", {}).values()):
            return data
    everything = WITH.get(kind, set())

    def suits(spec: dict[str, Any]) -> bool:
        mine = {name: block for name, block in spec["blocks"].items() if block["kind"] == kind}
        return all(everything <= block.keys() for block in mine.values()) and bool(mine) and mine.keys() <= layers(spec)

    return next(filter(suits, map(random_spec, range(4000))))


def layers(spec: dict[str, Any]) -> set[str]:
    """Return the blocks that stand in a layer: a random spec may declare others."""
    found = parse(spec)
    assert isinstance(found, Architecture)
    return set(found.stack.layout.counts)


@pytest.mark.parametrize(("kind", "mutation"), OF_BLOCKS)
def test_a_wrong_formula_of_a_block_is_noticed(
    kind: str, mutation: Mutation, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    path = written(tmp_path, example(kind))
    assert cm.verify_(path).proved
    cls: Any = block_class(kind)
    right = cls.lower

    def wrong(self: Any, at: Site) -> Ops:
        yield from mutation(right(self, at)) if self.kind == kind else right(self, at)

    monkeypatch.setattr(cls, "lower", wrong)
    found = cm.verify_(path)
    assert not found.proved
    row = found.specs[0].differs
    assert row is not None
    assert row.archcalc != row.pytorch


@pytest.mark.parametrize(("feature", "mutation"), OF_FEATURES)
def test_a_wrong_formula_of_a_feature_is_noticed(
    feature: str, mutation: Mutation, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    spec = next(s for s in map(random_spec, range(800)) if feature in s and "mtp" not in s)
    path = written(tmp_path, spec)
    assert cm.verify_(path).proved
    cls: Any = feature_class(feature)
    changed = 0
    for hook in ("model", "layer", "around", "through"):
        right = getattr(cls, hook)

        def wrong(self: Any, at: Site, *layers: Any, right: Any = right) -> Ops:
            ops = list(right(self, at, *layers))
            able = any(op.flops for op in ops) if mutation is dearer else any(op.weights for op in ops)
            yield from mutation(iter(ops)) if able else iter(ops)

        if hook in vars(cls):
            changed += 1
            monkeypatch.setattr(cls, hook, wrong)
    assert changed
    assert not cm.verify_(path).proved


def _with_step(field: str) -> dict[str, Any]:
    """Return a small tower whose projector has a step with a field, and then a matrix."""
    look = {"kind": "attention", "n_heads": 2, "head_dim": 3, "causal": False}
    blocks = {"look": look, "cross": {"kind": "cross_attention", "n_heads": 2, "head_dim": 3}}
    steps: dict[str, Any] = {
        "kernel": {"linear": 7, "kernel": 3, "stride": 2},
        "layers": {"layers": {"n_layers": 1, "mixer": "look"}},
        "queries": {"layers": {"n_layers": 1, "queries": 3, "d_model": 8, "mixer": "cross"}},
        "separators": {"separators": 2},
    }
    vision = {"image_size": 8, "patch_size": 2, "d_model": 6, "n_layers": 1, "blocks": blocks, "mixer": "look"}
    vision["projector"] = [steps[field], {"linear": 5}]
    text = {"name": "towered", "d_model": 5, "vocab_size": 11, "n_layers": 1, "ffn": "mlp"}
    return {**text, "blocks": {"mlp": {"kind": "ffn", "d_ff": 3}}, "components": {"vision": vision}}


@pytest.mark.parametrize(("field", "mutation"), OF_STEPS)
def test_a_wrong_formula_of_a_step_behind_a_tower_is_noticed(
    field: str, mutation: Mutation, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    path = written(tmp_path, _with_step(field))
    assert cm.verify_(path).proved
    right = tower.project

    def wrong(*given: Any) -> Ops:
        ops = list(right(*given))
        first = [op for op in ops if op.path.startswith("vision.projector.1_")]
        able = mutation is not dearer or any(op.flops for op in first)  # without images there is no work
        yield from mutation(iter(first)) if able else iter(first)
        yield from ops[len(first) :]

    monkeypatch.setattr(tower, "project", wrong)
    assert not cm.verify_(path).proved


BLOCKS, PREFIX = {"block_size": 3}, {"prefix": "bidirectional"}
KEPT = {"prefix": "kept", "window": 2}
WRONG_PAIRS: dict[str, tuple[dict[str, Any], Callable[[Span, int, int], int]]] = {
    "blocks are causal": (BLOCKS, lambda _, new, cached: causal_pairs(new, cached)),
    "blocks see only themselves": (BLOCKS, lambda _, new, cached: mutual_pairs(new, cached, 3)),
    "blocks have one token more": (BLOCKS, lambda _, new, cached: blockwise_pairs(new, cached, 4)),
    "a prefix is causal": (PREFIX, lambda _, new, cached: causal_pairs(new, cached)),
    "a prefix is everything": (PREFIX, lambda _, new, cached: new * (cached + new)),
    "a prefix has one token more": (
        PREFIX,
        lambda span, new, cached: causal_pairs(new, cached) + triangle(max(1, min(new, span.prefix + 1 - cached)) - 1),
    ),
    "a prefix is dropped": (KEPT, lambda _, new, cached: causal_pairs(new, cached, 2)),
    "a kept prefix has one token more": (
        KEPT,
        lambda span, new, cached: causal_pairs(new, cached, span.limit + 1),
    ),
    "a window hides nothing": (KEPT, lambda _, new, cached: causal_pairs(new, cached)),
}
PAIRS = Span.pairs


@pytest.mark.parametrize("name", WRONG_PAIRS)
def test_a_wrong_mask_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    fields, wrong = WRONG_PAIRS[name]
    spec = {"name": "masked", "d_model": 8, "vocab_size": 9, "n_layers": 2, "mixer": "a"}
    block = {"kind": "attention", "n_heads": 2, "head_dim": 5}
    path = written(tmp_path, spec | {"blocks": {"a": block | fields}})
    assert cm.verify_(path).proved

    def pairs(span: Span, new: int, cached: int, attention: str) -> int:
        return int(PAIRS(span, new, cached, attention) if attention == "full" else wrong(span, new, cached))

    monkeypatch.setattr(Span, "pairs", pairs)
    row = cm.verify_(path).specs[0].differs
    assert row is not None
    assert row.figure == "flops.attention"


HEARS: dict[str, Any] = {
    "name": "hears",
    "d_model": 64,
    "vocab_size": 100,
    "n_layers": 1,
    "blocks": {"mlp": {"kind": "ffn", "d_ff": 3}},
    "ffn": "mlp",
}
WAVES = {"channels": 80, "convolutions": [{"out": 48, "kernel": 3, "stride": 2}]}
STEMS: dict[str, dict[str, Any]] = {
    "frames": WAVES,
    "planes": {
        "bands": 80,
        "convolutions": [
            {"out": 16, "kernel": 3, "stride": 2, "activation": "relu"},
            {"out": 16, "kernel": 3, "stride": 2, "depthwise": True},
        ],
        "linear": 48,
    },
}


def hearing(stem: str, **more: Any) -> dict[str, Any]:
    """Return the data of a spec with a tower of a conformer's layers."""
    blocks = {
        "far": {"kind": "xl_attention", "n_heads": 4, "head_dim": 12, "causal": False, "spare_distance": False},
        "window": {"kind": "conformer_conv", "d_conv": 9},
        "half": {"kind": "ffn", "d_ff": 96, "gated": False},
    }
    tower = {"input": STEMS[stem], "frames": 303, "piece": 101, "d_model": 48, "n_layers": 4, "blocks": blocks}
    tower |= {"layer": ["half", "far", "window", "half"], "projector": [{"pool": 2}, {"linear": 64}]}
    return HEARS | {"components": {"audio": tower | more}}


@pytest.mark.parametrize("mutation", [wider, forgotten, dearer], ids=lambda f: f.__name__)
@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("part", ["lower", "layers", "lower_frames"])
def test_a_wrong_formula_of_an_audio_tower_is_noticed(
    part: str, stem: str, mutation: Mutation, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    path = written(tmp_path, hearing(stem))
    assert cm.verify_(path).proved
    cls: Any = SourceInput if part == "lower_frames" else AudioTower
    right = getattr(cls, part)

    def wrong(*given: Any) -> Ops:
        ops = list(right(*given))
        idle = mutation is dearer and not any(op.flops for op in ops)  # without clips
        yield from iter(ops) if idle else mutation(iter(ops))

    monkeypatch.setattr(cls, part, wrong)
    row = cm.verify_(path).specs[0].differs
    assert row is not None
    assert row.figure.endswith("of audio")


@pytest.mark.parametrize("stem", STEMS)
def test_lengths_that_are_not_rounded_up_are_noticed(stem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    path = written(tmp_path, hearing(stem))
    monkeypatch.setattr(Convolution, "after", lambda self, n, axis=0: n // self.along(axis)[1])
    row = cm.verify_(path).specs[0].differs
    assert row is not None
    assert row.figure in ("params of audio", "flops of audio")


PATCHED: dict[str, Any] = {
    "name": "patched",
    "d_model": 6,
    "vocab_size": 11,
    "n_layers": 1,
    "embedding": {"hashes": 2, "hash_rows": 13},
    "blocks": {
        "look": {"kind": "attention", "n_heads": 2, "head_dim": 3},
        "read": {"kind": "cross_attention", "n_heads": 2, "head_dim": 3, "window": 2, "source_norm": "rms"},
    },
    "layer": ["read", "look"],
    "patches": {
        "size": 3,
        "vectors": 2,
        "encoder": {"n_layers": 1, "mixer": "look"},
        "pooling": {"n_heads": 2, "head_dim": 3},
        "d_model": 7,
        "n_layers": 1,
        "mixer": "look",
    },
}


def hoarding_patches(ops: Ops) -> Ops:
    """The open patch keeps one byte more."""
    for op in ops:
        if op.path == "patches.pooling.kv":
            op.states = tuple(replace(state, kept=state.kept + 1) for state in op.states)
        yield op


def seen_twice(ops: Ops) -> Ops:
    """The vectors of a patch see one byte more."""
    for op in ops:
        if op.path == "patches.pooling.attend" and op.pairs:
            op.pairs = op.pairs + 1
        yield op


@pytest.mark.parametrize("mutation", [wider, forgotten, dearer, hoarding_patches, seen_twice], ids=lambda f: f.__name__)
def test_a_wrong_formula_of_patches_is_noticed(
    mutation: Mutation, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    path = written(tmp_path, PATCHED)
    assert cm.verify_(path).proved
    right = Patches.lower

    def wrong(self: Patches, model: Architecture, load: Workload) -> Any:
        ops: list[Op] = []
        found = right(self, model, load)
        while True:
            try:
                ops.append(next(found))
            except StopIteration as end:
                yield from mutation(iter(ops))
                return end.value

    monkeypatch.setattr(Patches, "lower", wrong)
    assert not cm.verify_(path).proved


@pytest.mark.parametrize("change", [{"size": 4}, {"size": 2}, {"vectors": 3}], ids=str)
def test_patches_of_other_sizes_are_noticed(
    change: dict[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    path = written(tmp_path, PATCHED)
    right = Patches.lower

    def wrong(self: Patches, model: Architecture, load: Workload) -> Any:
        return (yield from right(self.model_copy(update=change), model, load))

    monkeypatch.setattr(Patches, "lower", wrong)
    assert not cm.verify_(path).proved


def test_the_term_that_differs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cls: Any = block_class("ffn")
    right = cls.lower
    monkeypatch.setattr(cls, "lower", lambda self, at: wider(right(self, at)))
    row = cm.verify_("llama-3.1-8b").specs[0].differs
    assert row is not None
    assert row.figure == "params.total"
    assert len(row.terms) == 1
    assert row.terms[0].startswith("mlp: archcalc ")
    assert "reference alone" in row.terms[0]


def test_the_command_says_1_where_a_figure_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from costmodel.cli import run

    assert run(["verify", "llama-3.1-8b"]) == 0
    assert "43 figures equal" in capsys.readouterr().out
    cls: Any = block_class("attention")
    right = cls.lower
    monkeypatch.setattr(cls, "lower", lambda self, at: hoarding(right(self, at)))
    assert run(["verify", "llama-3.1-8b", "-q"]) == 1
    out = capsys.readouterr().out
    assert "cache.values at batch" in out
    assert "attention: archcalc" in out
    assert run(["verify", "llama-3.1-8b", "--format", "json"]) == 1
    assert run(["verify", "gpt-4"]) == 2
