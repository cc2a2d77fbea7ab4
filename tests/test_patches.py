"""Patches of bytes, by hand; and a small model that finds them."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel import figures
from costmodel.errors import InvalidSpec
from costmodel.ops import Op
from costmodel.patches import Patches
from costmodel.validation import parse
from costmodel.workload import Workload

POOLING = {"n_heads": 2, "n_kv_heads": 1, "head_dim": 3}
BLOCKS: dict[str, Any] = {
    "look": {"kind": "attention", "n_heads": 1, "head_dim": 4},
    "read": {"kind": "cross_attention", "n_heads": 2, "head_dim": 3, "window": 2, "source_norm": "rms"},
    "mlp": {"kind": "ffn", "d_ff": 5},
}


def spec(**changes: Any) -> dict[str, Any]:
    """Return a model on bytes, 4 wide, with patches of three bytes that are 7 wide."""
    patches = {"size": 3, "vectors": 2, "encoder": {"n_layers": 1, "ffn": "mlp"}, "pooling": POOLING}
    patches |= {"d_model": 7, "n_layers": 2, "mixer": "look"}
    found = {"name": "toy", "d_model": 4, "vocab_size": 9, "n_layers": 1, "mixer": "read", "blocks": BLOCKS}
    return found | {"patches": {key: value for key, value in (patches | changes).items() if value is not None}}


def ops(load: Workload, **changes: Any) -> dict[str, Op]:
    return {op.path: op for op in parse(spec(**changes)).lower(load)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Bytes: 3*4*5 and a norm of 4. Pooling: 4*8, norms 2*4, q and o 4*6 each, k and v 4*3 each. Up 8*7, down 7*8;
        # two layers 4*7*4 and a norm of 7 each. Reading: q and o 4*6 each, k and v 4*6 each, norms 2*4.
        # Table and head 9*4 each, last norm 4.
        ({}, 64 + 32 + 8 + 72 + 56 + 56 + 2 * 119 + 96 + 8 + 72 + 4),
        # As wide as two vectors side by side: without the matrix before, 4*8*4 and a norm of 8 a layer, 8*8 behind.
        ({"d_model": 8}, 64 + 32 + 8 + 72 + 64 + 2 * 136 + 96 + 8 + 72 + 4),
        # As many heads for keys and values: 4*6 each.
        ({"pooling": {"n_heads": 2, "head_dim": 3}}, 64 + 32 + 8 + 96 + 56 + 56 + 2 * 119 + 96 + 8 + 72 + 4),
    ],
)
def test_parameters_by_hand(changes: dict[str, Any], expected: int) -> None:
    assert figures.params(parse(spec(**changes))).total == expected


def test_patches_end_where_their_last_byte_is() -> None:
    found = Patches.model_validate(spec()["patches"])
    assert [found.whole(n) for n in range(9)] == [0, 1, 1, 1, 2, 2, 2, 3, 3]
    assert [found.within(n) for n in range(9)] == [0, 1, 1, 1, 4, 4, 4, 7, 7]


def test_flops_of_a_prefill_by_hand() -> None:
    # Six bytes: the first, three more, and two of a patch that is open. Two patches, four vectors.
    work = {path: op.flops for path, op in ops(Workload(new_tokens=6)).items()}
    assert work["bytes.mlp.up"] + work["bytes.mlp.down"] == 2 * 6 * 60
    assert work["patches.pooling.patch"] == 2 * 2 * 4 * 8
    assert (work["patches.pooling.q"], work["patches.pooling.kv"]) == (2 * 4 * 24, 2 * 6 * 24)
    assert work["patches.pooling.attend"] == 2 * (1 + 3) * 2 * 2 * (3 + 3)  # two vectors of each see its own bytes
    assert (work["patches.up"], work["patches.down"]) == (2 * 2 * 56, 2 * 2 * 56)
    assert work["patches.look.attend"] == 2 * (1 + 2) * 2 * (4 + 4)  # two layers, causal
    assert work["layers.read.kv"] == 2 * 4 * 2 * 24
    assert work["layers.read.attend"] == 6 * 2 * 2 * 2 * (3 + 3)  # each byte sees two vectors
    full = {path: op.flops for path, op in ops(Workload(new_tokens=6, attention="full")).items()}
    assert full["patches.pooling.attend"] == 4 * 6 * 2 * 2 * (3 + 3)
    assert full["layers.read.attend"] == 6 * 4 * 2 * 2 * (3 + 3)


def test_a_step_in_which_no_patch_ends_leaves_patches_alone() -> None:
    found = ops(Workload(new_tokens=1, cached_tokens=5))
    mine = {path: op for path, op in found.items() if path.startswith("patches.")}
    assert {path for path, op in mine.items() if op.flops} == {"patches.pooling.kv"}
    assert found["layers.read.attend"].flops == 2 * 2 * 2 * (3 + 3)
    next_one = ops(Workload(new_tokens=1, cached_tokens=6))
    assert next_one["patches.pooling.attend"].flops == 2 * 3 * 2 * 2 * (3 + 3)
    assert next_one["patches.look.attend"].flops == 2 * 3 * 2 * (4 + 4)


def test_steps_sum_to_a_prefill() -> None:
    def work(**load: int) -> int:
        return figures.flops(parse(spec()).lower(Workload(**load))).forward

    for n in range(1, 12):
        assert work(new_tokens=n + 1) - work(new_tokens=n) == work(new_tokens=1, cached_tokens=n)


def test_the_cache_by_hand() -> None:
    def kept(context: int) -> int:
        return figures.cache(parse(spec()).lower(Workload(new_tokens=context))).values

    # Two layers on patches keep 8 each; the last two vectors 12 each. Of an open patch keys and values, 6, and 4.
    assert kept(1) == 2 * 8 + 2 * 12
    assert kept(6) == 2 * 2 * 8 + 2 * 12 + 2 * 6 + 4
    assert kept(7) == 3 * 2 * 8 + 2 * 12


def test_what_pooling_reads_and_writes_by_hand() -> None:
    # 3 bytes after 5: patches end with bytes 1, 4 and 7, so the fifth is left, and the eighth stays.
    found = ops(Workload(new_tokens=3, cached_tokens=5))
    (made,), (read,) = (found[f"patches.pooling.{name}"].states for name in ("kv", "attend"))
    assert (made.kept, made.read, made.fresh, made.written, made.stored) == (1, 0, 0, 1, 1)
    assert (read.read, read.fresh, read.written, read.stored) == (1, 3, 0, 0)
    # A step that closes no patch keeps its byte as well: two of them are then in the open one.
    (made,) = ops(Workload(new_tokens=1, cached_tokens=5))["patches.pooling.kv"].states
    assert (made.kept, made.written) == (2, 1)


def test_a_patcher_by_hand() -> None:
    layer = {"look": {"kind": "attention", "n_heads": 1, "head_dim": 2}, "mlp": {"kind": "ffn", "d_ff": 5}}
    patcher = {"d_model": 3, "vocab_size": 8, "n_layers": 2, "blocks": layer, "mixer": "look", "ffn": "mlp"}
    found = parse(spec() | {"components": {"patcher": patcher}})
    # Table and head 8*3 each, norms 5*3; a layer 4*3*2 and 3*3*5.
    assert figures.params(found, ["patcher"]).total - figures.params(found).total == 48 + 15 + 2 * 69
    work = figures.flops(found.lower_component("patcher", Workload(new_tokens=4)))
    assert work.forward == 2 * 4 * (24 + 2 * 69) + 2 * 10 * 2 * (2 + 2)
    assert figures.cache(found.lower_component("patcher", Workload(new_tokens=4))).values == 2 * 4 * 4


@pytest.mark.parametrize(
    ("changes", "message", "place"),
    [
        (
            {"patches": None},
            "cross-attention with a window reads patches of bytes, and there are none",
            "blocks.read.window",
        ),
        (
            {"mixer": "look"},
            "no block reads the patches by a window of their 2 vectors",
            "patches.vectors",
        ),
        (
            {"patches": spec()["patches"] | {"vectors": 3}},
            "no block reads the patches by a window of their 3 vectors",
            "patches.vectors",
        ),
        (
            {"patches": spec()["patches"] | {"mixer": "read"}},
            '"read" reads patches, so it cannot stand before them',
            "patches.layer",
        ),
        (
            {"blocks": spec()["blocks"] | {"look": spec()["blocks"]["look"] | {"prefix": "bidirectional"}}},
            '"look" has prefix, as only layers that read the patches have',
            "patches.layer",
        ),
        (
            {"patches": spec()["patches"] | {"pooling": POOLING | {"n_kv_heads": 3}}},
            "n_heads 2 is not a multiple of n_kv_heads 3",
            "patches.pooling.n_heads",
        ),
        ({"mtp": {"mixer": "look"}}, "what mtp means beside patches of bytes is nowhere said", "mtp"),
        (
            {"patches": spec()["patches"] | {"mixer": None}},
            "no schedule says which blocks the layers are",
            "patches.mixer",
        ),
        ({"embedding": {"hashes": 3}}, "hashes stands beside hash_rows, and there is none", "embedding.hashes"),
        ({"embedding": {"hash_rows": 3}}, "hash_rows stands beside hashes, and there is none", "embedding.hash_rows"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], message: str, place: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse({key: value for key, value in (spec() | changes).items() if value is not None})
    assert (caught.value.message, caught.value.where) == (message, place)


def test_tables_of_hashes() -> None:
    found = parse(spec() | {"embedding": {"hashes": 3, "hash_rows": 5}})
    assert figures.params(found).total - figures.params(parse(spec())).total == 3 * 5 * 4
    table = next(op for op in found.lower(Workload(new_tokens=6)) if op.path == "embedding.hashes")
    assert table.gives == 3 * 6 * 4
