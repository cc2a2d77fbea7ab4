"""Collectives: the calls and bytes of real tensor parallelism, sharded and plain data parallelism.

Tensor and sharded parallelism run on a process group whose other ranks do not exist: every call is made
with its real operands and computes nothing of meaning. Two real processes confirm the plain one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from costmodel import figures
from costmodel.collectives import Network, collectives
from costmodel.dtypes import ROLES, Recipe
from costmodel.machine import Machine
from costmodel.plan import Plan
from costmodel.workload import Workload

from .families import Family
from .models import build
from .ranks import LLAMA, Calls, fake

pytestmark = pytest.mark.oracle

FP32 = Recipe.parse(",".join(f"{role}=fp32" for role in ROLES))
BATCH, NEW = 2, 5
TIMEOUT = 120  # seconds; two processes take about five


@dataclass(frozen=True)
class Parallel:
    """A family, which of its modules are cut along their outputs and inputs, and what torch does besides.

    ``besides``: (kind, bytes) -> how many more calls torch makes than we count, with the reason.
    """

    family: Family
    out: tuple[str, ...]
    into: tuple[str, ...]
    besides: Mapping[tuple[str, int], int] = field(default_factory=dict)
    reason: str = ""


SHAPE: dict[str, Any] = dict(LLAMA.config)
ATTENTION = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
NETWORK = ("mlp.gate_proj", "mlp.up_proj")
SUMS = ("self_attn.o_proj", "mlp.down_proj")
STREAM = BATCH * NEW * 64 * 4  # bytes of the residual stream
DENSE = """
d_model: 64
vocab_size: 96
n_layers: 3
blocks:
  attention: {kind: attention, n_heads: 8, n_kv_heads: 4, head_dim: 8}
  mlp: {kind: ffn, d_ff: 176}
mixer: attention
ffn: mlp
"""
PARALLEL = (
    Parallel(LLAMA, (*ATTENTION, *NETWORK), SUMS),
    Parallel(
        Family(
            "gemma3_text",
            {**SHAPE, "model_type": "gemma3_text", "sliding_window": 4, "num_hidden_layers": 7},
            DENSE.replace("n_layers: 3", "n_layers: 7\nnorm: {place: sandwich}"),
        ),
        (*ATTENTION, *NETWORK),
        SUMS,
    ),
    Parallel(
        Family(
            "cohere",
            {**SHAPE, "model_type": "cohere"},
            DENSE + "norm: {kind: layer, bias: false, place: parallel}",
        ),
        (*ATTENTION, *NETWORK),
        SUMS,
        {("all_reduce", STREAM): 3},
        "both sublayers of a layer are summed over ranks and then added; engines add first and sum once a layer",
    ),
    Parallel(
        Family(
            "deepseek_v3",
            {
                **{name: value for name, value in SHAPE.items() if name != "head_dim"},
                "model_type": "deepseek_v3",
                "num_key_value_heads": 8,
                "q_lora_rank": 24,
                "kv_lora_rank": 20,
                "qk_nope_head_dim": 14,
                "qk_rope_head_dim": 6,
                "v_head_dim": 10,
                "first_k_dense_replace": 3,
            },
            """
d_model: 64
vocab_size: 96
n_layers: 3
blocks:
  mla:
    kind: mla
    n_heads: 8
    q_lora_rank: 24
    kv_lora_rank: 20
    qk_nope_head_dim: 14
    qk_rope_head_dim: 6
    v_head_dim: 10
  mlp: {kind: ffn, d_ff: 176}
mixer: mla
ffn: mlp
""",
        ),
        ("self_attn.q_b_proj", "self_attn.kv_b_proj", *NETWORK),
        SUMS,
    ),
)


def ours(family: Family, tp: int) -> Counter[tuple[str, int]]:
    """What we say tensor parallelism adds to a step: (kind, bytes of the payload)."""
    load = Workload(batch=BATCH, new_tokens=NEW, mla="expanded")
    network = Network(Machine("made-up", {"fp32": 1.0}, 1.0, 1), in_switch=False)
    ops = family.architecture.lower(load)
    found: Counter[tuple[str, int]] = Counter()
    for one in collectives(family.architecture, ops, Plan(tp=tp), FP32, network, BATCH):
        assert one.devices == tp
        found[one.key, one.payload] += one.runs
    return found


@pytest.mark.parametrize("tp", [2, 4])
@pytest.mark.parametrize("parallel", PARALLEL, ids=lambda one: one.family.name)
def test_tensor_parallelism_sums_what_torch_sums(parallel: Parallel, tp: int, compared: Callable[..., None]) -> None:
    plan: dict[str, Any] = {
        "model.embed_tokens": RowwiseParallel(input_layouts=Replicate()),
        "lm_head": ColwiseParallel(output_layouts=Replicate()),
    }
    plan |= {f"model.layers.*.{name}": ColwiseParallel() for name in parallel.out}
    plan |= {f"model.layers.*.{name}": RowwiseParallel() for name in parallel.into}
    with fake(tp) as mesh:
        model = parallelize_module(build(parallel.family.config), mesh, plan)
        with torch.no_grad(), Calls() as calls:
            model(input_ids=torch.randint(0, 96, (BATCH, NEW)))
    expected = ours(parallel.family, tp)
    assert calls.seen == expected + Counter(parallel.besides), parallel.reason
    compared(collective_calls_that_are_equal=sum(expected.values()))


def test_the_sums_of_a_llama_by_hand() -> None:
    # The embedding and two a layer, each the residual stream; the logits of 96 entries are gathered.
    assert ours(LLAMA, 4) == {("all_reduce", STREAM): 1 + 2 * 3, ("all_gather", BATCH * NEW * 96 * 4): 1}


@pytest.mark.parametrize("world", [4, 64])
def test_sharded_data_parallelism_gathers_the_parameters(world: int, compared: Callable[..., None]) -> None:
    """Every tensor once in a forward, its first axis made up to a multiple of the ranks."""
    model = build(LLAMA.config)
    with fake(world) as mesh:
        for layer in model.model.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        with torch.no_grad(), Calls() as calls:
            model(input_ids=torch.randint(0, 96, (BATCH, NEW)))
    padded = sum(
        weight.stored * -(-weight.shape[0] // world) * world * (weight.values // weight.shape[0])
        for op in LLAMA.architecture.lower(Workload())
        for weight in op.weights
    )
    assert {kind for kind, _ in calls.seen} == {"all_gather"}
    assert sum(payload * times for (_, payload), times in calls.seen.items()) == 4 * padded
    assert sum(calls.seen.values()) == 3 + 1  # the layers, and what stands outside of them
    if world == 4:  # which divides every axis
        assert padded == figures.params(LLAMA.architecture).total
    compared(parameters_that_are_gathered=padded)


def test_plain_data_parallelism_sums_the_gradients_of_two_processes(
    tmp_path: Path, compared: Callable[..., None]
) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.oracle.ranks"]
    started = [
        subprocess.Popen([*command, str(rank), "2", str(tmp_path / "store")], cwd=root, stdout=subprocess.PIPE)
        for rank in range(2)
    ]
    try:
        printed = [process.communicate(timeout=TIMEOUT)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0]
    total = figures.params(LLAMA.architecture).total
    for text in printed:
        calls = {kind: (payload, times) for kind, payload, times in json.loads(text.splitlines()[-1])}
        assert calls == {"all_reduce": (4 * total, 1)}  # one bucket of fp32 gradients
    compared(gradients_that_are_summed=total)
