"""What all devices of a plan hold together, less their replicas, is what one device would hold.

Every spec of the catalog, with every plan of up to 64 devices that suits it.
"""

from __future__ import annotations

from functools import cache

from hypothesis import example, given
from hypothesis import strategies as st

from costmodel import catalog
from costmodel.architecture import Architecture
from costmodel.dtypes import BF16
from costmodel.errors import UsageError
from costmodel.kernels import Device
from costmodel.machine import Machine
from costmodel.ops import Attend, Op, Project
from costmodel.plan import Plan, resolve
from costmodel.things import Weight
from costmodel.workload import Workload

SPECS = {found.name: found for found in catalog.load_all() if isinstance(found, Architecture)}
SOURCE = 37  # tokens an encoder has read
STEPS = {
    "decode": Workload(batch=3, new_tokens=1, cached_tokens=4999, source_cached=SOURCE),
    "prefill": Workload(batch=2, new_tokens=300, source_new=SOURCE),
    "chunk": Workload(batch=1, new_tokens=200, cached_tokens=700, source_cached=SOURCE, mla="expanded-cached"),
}


def device(plan: Plan, *, fused: bool = True) -> Device:
    return Device(Machine("made-up", {"bf16": 1e12}, 1e11, 10**9), plan, BF16, fused=fused)


def copies_of(weight: Weight, plan: Plan) -> int:
    """How many devices of a stage hold the same values, from what parallelism means."""
    if weight.split.startswith("experts"):
        inner_sum = weight.name.startswith("down") and len(weight.shape) == 2  # a bias of the sum
        return plan.stage_devices // plan.ep // (1 if inner_sum else plan.moe_tp)
    whole = weight.split == "none" or (weight.split == "in" and len(weight.shape) == 1)
    apart = 1 if whole else plan.tp if weight.split == "vocabulary" else min(plan.tp, weight.units)
    return plan.stage_devices // apart


@cache
def degrees(name: str) -> list[dict[str, int]]:
    """The plans of up to 64 devices that suit a spec."""
    found = []
    for tp in range(1, 65):
        for ep in (1, 2, 3, 4, 6, 8, 16, 32, 64):
            try:
                resolve(SPECS[name], {"tp": tp, "ep": ep})
            except UsageError:
                continue
            found.append({"tp": tp, "ep": ep})
    return found


def plans() -> st.SearchStrategy[tuple[str, dict[str, int]]]:
    """A spec of the catalog and a plan that suits it."""
    return st.sampled_from(sorted(SPECS)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(degrees(name))))


def padded(weight: Weight, plan: Plan) -> int:
    """The values of a tensor, its rows of the vocabulary made up to a multiple of tp."""
    rows = weight.shape[0]
    if weight.units != rows or weight.split not in ("vocabulary", "out") or len(weight.shape) != 2:
        return weight.values
    return -(-rows // plan.tp) * plan.tp * weight.shape[1]


def lowered(name: str) -> list[Op]:
    """All steps of a spec, with its parts that are not in ``total``."""
    found = SPECS[name]
    ops = [op for load in STEPS.values() for op in found.lower(load)]
    return ops + [op for part in found.extra_components for op in found.lower_component(part, STEPS["prefill"])]


@example(("gpt-oss-120b", {"tp": 8, "ep": 1}))  # experts with biases
@example(("gpt2", {"tp": 12, "ep": 1}))  # a vocabulary that 12 does not divide
@given(plans())
def test_sharded_minus_replicas_is_unsharded(drawn: tuple[str, dict[str, int]]) -> None:
    name, asked = drawn
    plan = resolve(SPECS[name], asked)
    cut = device(plan)
    for op in lowered(name):
        for weight in op.weights:
            held = cut.part(weight) * plan.stage_devices
            assert held == padded(weight, plan) * copies_of(weight, plan), (op.path, weight)
        for state in op.states:
            copies = plan.tp if state.units == 1 else plan.tp // min(plan.tp, state.units)
            entries = state.read + state.fresh
            whole = BF16.format(state.role).bytes(state.width * entries)
            assert cut.state_bytes(state, entries) * plan.tp == whole * copies, (op.path, state)


@example(("deepseek-v3", {"tp": 8, "ep": 64}))
@given(plans())
def test_columns_and_heads_of_all_devices_are_those_of_one(drawn: tuple[str, dict[str, int]]) -> None:
    name, asked = drawn
    plan = resolve(SPECS[name], asked)
    for load in STEPS.values():
        ops = [op for op in SPECS[name].lower(load) if isinstance(op, Project | Attend) and op.tokens]
        ops = [op for op in ops if not isinstance(op, Attend) or op.pairs]
        kernels = device(plan, fused=False).kernels(ops, load.batch)
        for op, kernel in zip(ops, kernels, strict=True):
            sizes = kernel.sizes
            if isinstance(op, Attend):
                apart = 1 if op.variant.endswith("index") else plan.tp
                assert sizes["heads"] * apart == op.n_heads
                assert sizes["kv_heads"] * min(apart, op.n_kv_heads) == op.n_kv_heads
                continue
            first = op.weights[0]
            axis = {"groups": sizes["batch"], "in": sizes["k"], "out": sizes["n"]}
            whole = {"groups": op.groups, "in": op.d_in, "out": op.d_out}
            along = "groups" if op.groups != 1 else first.split
            for other in axis.keys() - {along}:
                assert axis[other] == whole[other], op.path
            if first.split != "none":
                vocabulary = op.component == "lm_head"
                size = -(-whole[along] // plan.tp) * plan.tp if vocabulary else whole[along]
                assert axis[along] * min(plan.tp, first.units) == size, op.path
