"""What devices hold: all stages of a plan together hold the model, and caches are those that figures count."""

from __future__ import annotations

import pytest

from costmodel import catalog, figures, memory
from costmodel.architecture import Architecture
from costmodel.dtypes import BF16
from costmodel.kernels import Device, Kernel
from costmodel.machine import Machine
from costmodel.plan import Plan
from costmodel.workload import Workload

SPECS = [found for found in catalog.load_all() if isinstance(found, Architecture)]
LOAD = Workload(cached_tokens=4999, source_cached=37)
every = pytest.mark.parametrize("found", SPECS, ids=lambda found: found.name)


def held(found: Architecture, plan: Plan) -> list[memory.Held]:
    device = Device(Machine("made-up", {"bf16": 1e12}, 1e11, 10**9), plan, BF16)
    return memory.held(found, device, found.lower(LOAD), 0)


@every
def test_one_device_holds_the_model_and_its_cache(found: Architecture) -> None:
    (one,) = held(found, Plan())
    params, buffers = figures.params(found), 0
    for _, weight in figures.weights(found.lower(Workload())):
        buffers += int(weight.stored * weight.values) if weight.role == "buffer" else 0
    assert one.weights == 2 * params.total + 4 * buffers
    assert one.cache == figures.cache(found.lower(LOAD)).bytes


@every
def test_stages_together_hold_the_model(found: Architecture) -> None:
    """A tied table stands on the first stage and on the last; shared blocks on all that run them."""
    (whole,) = held(found, Plan())
    stages = held(found, Plan(pp=min(3, found.n_layers)))
    assert sum(stage.cache for stage in stages) == whole.cache
    twice = 2 * found.vocab_size * found.d_model if found.tied and len(stages) > 1 else 0
    assert sum(stage.weights for stage in stages) >= whole.weights + twice
    parts = [(op, weight) for op, weight in figures.weights(found.lower(Workload())) if op.component != "lm_head"]
    if not any(weight.stored < op.runs for op, weight in parts):
        assert sum(stage.weights for stage in stages) == whole.weights + twice


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("llama-3.1-8b", {"kv": 5000}),
        ("deepseek-v3", {"latent": 5000}),
        ("gemma-3-27b", {"full": 5000, "window": 1024}),
        ("mamba2-2.7b", {}),  # a state is not cut
    ],
)
def test_cut_sequences_keep_their_part(name: str, entries: dict[str, int]) -> None:
    found = catalog.load(name)
    assert isinstance(found, Architecture)
    cut = whole = 0
    for op in found.lower(LOAD):
        for state in op.states:
            each = 2 * state.stored * state.width if state.role != "state" else 4 * state.stored * state.width
            whole += each * state.kept
            grows = state.kind not in ("recurrent", "conv")
            cut += each * (-(-state.kept // 4) if grows else state.kept)
            assert not grows or state.kept in entries.values()
    (one,), (part,) = held(found, Plan()), held(found, Plan(cp=4))
    assert (one.cache, part.cache) == (whole, cut)
    assert memory.cache_bytes(found, Device(Machine("made-up", {"bf16": 1e12}, 1e11, 10**9), Plan(), BF16), LOAD) == [
        whole
    ]


def test_the_tightest_stage_decides() -> None:
    stages = [memory.Held(0, 60, 10, 5), memory.Held(1, 50, 20, 5), memory.Held(2, 20, 1, 5)]
    room = memory.Room(tuple(stages), 100, 10)
    assert room.sequences == 1
    assert room.fullest(1) is stages[0]
    assert room.fullest(2) is stages[1]
    assert (room.free(stages[0]), room.used(stages[0], 2)) == (25, 95)
    assert memory.Room((memory.Held(0, 90, 10, 5),), 100, 10).sequences == 0
    assert memory.Room((memory.Held(0, 10, 0, 5),), 100, 10).sequences == 2**40  # nothing grows


def test_logits_of_a_large_batch_take_room_too() -> None:
    """90 bytes for caches and operands: 9 sequences of 10, of which 5 by 8 bytes of logits each."""
    room = memory.Room((memory.Held(0, 0, 10, 0, logits=8),), 100, 10)
    assert room.sequences == 5
    assert room.used(room.stages[0], 5) == 100


def test_operands_are_those_of_one_run_of_the_largest_kernel() -> None:
    small = Kernel("a", "g", "gemm", "bf16", 4, input_bytes=40, output_bytes=4)
    large = Kernel("b", "g", "gemm", "bf16", 2, input_bytes=20, output_bytes=20)
    idle = Kernel("c", "g", "gemm", "bf16", 0)
    assert memory.operands([small, large, idle]) == 20
    assert memory.operands([]) == 0
