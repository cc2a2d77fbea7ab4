"""Kernels of one device: FLOPs, bytes by what they are, number formats."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from costmodel import catalog, figures
from costmodel.architecture import Architecture
from costmodel.blocks.attention import Attention
from costmodel.dtypes import BF16, Recipe
from costmodel.errors import UsageError
from costmodel.kernels import Device, Kernel
from costmodel.machine import Machine
from costmodel.ops import Lookup, Op, Project
from costmodel.plan import Plan
from costmodel.workload import Workload
from tests.lowering import lower
from tests.small import spec

SPECS = {found.name: found for found in catalog.load_all() if isinstance(found, Architecture)}
SOURCE = 37  # tokens an encoder has read
STEPS = {
    "decode": Workload(batch=3, new_tokens=1, cached_tokens=4999, source_cached=SOURCE),
    "prefill": Workload(batch=2, new_tokens=300, source_new=SOURCE),
    "chunk": Workload(batch=1, new_tokens=200, cached_tokens=700, source_cached=SOURCE),
}
every_spec = pytest.mark.parametrize("name", SPECS)
every_step = pytest.mark.parametrize("step", STEPS)
PEAK, BANDWIDTH = 1e12, 1e11


def machine(*formats: str, emulated: Iterable[str] = ()) -> Machine:
    """A machine with the same peak for some formats."""
    peaks = dict.fromkeys(formats or ("bf16",), PEAK)
    return Machine("made-up", peaks, BANDWIDTH, 10**9, emulated=frozenset(emulated))


def kernels(ops: Iterable[Op], batch: int = 1, recipe: str = "bf16", *, fused: bool = True) -> list[Kernel]:
    """The kernels of one device that holds everything."""
    dtype = BF16 if recipe == "bf16" else Recipe.parse(recipe)
    known = machine("bf16", "fp8", "int8", "int4", "mxfp8", "mxfp4", "nvfp4")
    return Device(known, Plan(), dtype, fused=fused).kernels(ops, batch)


def moved(kernel: Kernel) -> tuple[int, int, int, int, int]:
    """Bytes of weights, read state, written state, inputs, outputs."""
    return (
        kernel.weight_bytes, kernel.state_bytes, kernel.written_bytes, kernel.input_bytes, kernel.output_bytes,
    )  # fmt: skip


# FLOPs


@every_spec
@every_step
def test_kernels_compute_what_the_operations_say(name: str, step: str) -> None:
    ops = SPECS[name].lower(STEPS[step])
    counted = figures.flops(ops)
    for fused in (True, False):
        found = kernels(ops, STEPS[step].batch, fused=fused)
        assert sum(kernel.useful for kernel in found) == counted.forward
        assert sum(kernel.flops for kernel in found) == counted.executed


# Weights


def reads_once(found: Architecture) -> bool:
    """Whether every weight is used once in a step.

    Not by shared blocks, loops, AltUp's router (it predicts and corrects) and T5's table of relative
    positions, which all layers read; nor by blocks that a share of the tokens enters.
    """
    used = any(block.kind == "shared" or block.keep for block in found.blocks.values())
    return not used and found.loops == 1 and "altup" not in found.features and not found.relative_bias


ONCE = [name for name, found in SPECS.items() if reads_once(found)]


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "naive"])
def test_one_token_reads_its_active_weights_once(fused: bool) -> None:
    """Every weight but buffers and tables, which are looked up, at two bytes; an expert layer what it chooses."""
    wrong = {}
    step = Workload(cached_tokens=127, source_new=1)  # the 128th token, which closes groups of compressed attention
    for name in ONCE:
        found = kernels(SPECS[name].lower(step), fused=fused)
        read = sum(kernel.weight_bytes for kernel in found if kernel.family != "lookup")
        read += sum(kernel.norm_bytes for kernel in found)
        active = 2 * figures.params(SPECS[name]).active_without_lookup
        chosen = any(block.kind == "moe" for block in SPECS[name].blocks.values())
        if abs(read - active) > (1e-14 * active if chosen else 0):  # a share of the experts is a float
            wrong[name] = (read, active)
    assert len(ONCE) > 100
    assert wrong == {}


@every_spec
def test_operations_without_tokens_read_nothing(name: str) -> None:
    """An encoder rests while tokens are decoded, and so do the projections of what it gave."""
    ops = SPECS[name].lower(STEPS["decode"])
    resting = {op.path for op in ops if op.tokens == 0}
    for kernel in kernels(ops, 3):
        if kernel.path in resting:
            assert kernel.bytes == 0, kernel.path


def test_a_shared_block_is_read_at_every_place() -> None:
    blocks = {"f": {"kind": "ffn", "d_ff": 6, "gated": False}}
    found = spec(blocks=blocks, shared={"s": {"of": ["f"]}}, mixer="s", n_layers=3)
    up = next(kernel for kernel in kernels(found.lower(Workload())) if kernel.path.endswith("up"))
    assert up.weight_bytes == 2 * 3 * 6 * 10  # one set of 6 x 10, read in three layers


def test_a_table_is_read_by_the_row() -> None:
    found = spec(blocks={"f": {"kind": "ffn", "d_ff": 6}}, mixer="f", vocab_size=1000)
    rows = kernels(found.lower(Workload(batch=3, new_tokens=4)), 3)[0]
    assert (rows.family, moved(rows)) == ("lookup", (2 * 12 * 10, 0, 0, 0, 2 * 12 * 10))  # 12 rows of 10


# Projections of one input


def test_projections_of_one_input_are_one_product() -> None:
    # 4 query and 2 KV heads of 8 on a stream of 10: 32 + 16 + 16 columns; 5 tokens.
    block = Attention(kind="attention", n_heads=4, n_kv_heads=2, head_dim=8)
    ops = lower(block, 10, new=5)
    joined, attend, out = kernels(ops)
    assert joined.sizes == {"m": 5, "n": 64, "k": 10, "batch": 1}
    assert moved(joined) == (2 * 10 * 64, 0, 0, 2 * 5 * 10, 2 * 5 * 64)
    assert (joined.useful, joined.flops) == (2 * 5 * 10 * 64, 2 * 5 * 10 * 64)
    assert moved(out) == (2 * 32 * 10, 0, 0, 2 * 5 * 32, 2 * 5 * 10)
    # Queries in, the new keys and values read and kept, outputs out.
    assert moved(attend) == (0, 2 * 5 * 2 * 16, 2 * 5 * 2 * 16, 2 * 5 * 32, 2 * 5 * 32)
    apart = kernels(ops, fused=False)
    assert [kernel.sizes["n"] for kernel in apart if kernel.family == "gemm"] == [32, 32, 10]


@every_spec
@every_step
def test_joining_saves_reading_the_input_again_and_nothing_else(name: str, step: str) -> None:
    ops = [op for op in SPECS[name].lower(STEPS[step]) if isinstance(op, Project) and op.tokens]
    batch = STEPS[step].batch
    joined, apart = kernels(ops, batch), kernels(ops, batch, fused=False)
    again = sum(2 * op.runs * op.takes for op in ops if op.beside)
    for field in ("useful", "flops", "weight_bytes", "state_bytes", "written_bytes", "output_bytes"):
        assert sum(getattr(k, field) for k in joined) == sum(getattr(k, field) for k in apart), field
    assert sum(k.input_bytes for k in apart) - sum(k.input_bytes for k in joined) == again
    assert len(apart) - len(joined) == sum(op.beside for op in ops)


# Attention


def test_fused_attention_never_writes_scores() -> None:
    block = Attention(kind="attention", n_heads=16, head_dim=64)
    sizes = {"new": 4096, "batch": 2}
    (fused,) = (kernel for kernel in kernels(lower(block, 10, **sizes), 2) if kernel.family == "attention")
    naive = next(k for k in kernels(lower(block, 10, **sizes), 2, fused=False) if k.family == "attention")
    values = 2 * 16 * 4096 * 64  # of queries; so many keys, values and outputs
    pairs = 4096 * 4097 // 2
    assert fused.bytes - fused.written_bytes == 2 * 4 * values
    # Scores written and read, probabilities written and read.
    assert naive.bytes - fused.bytes == 2 * 4 * 2 * 16 * pairs
    assert naive.useful == fused.useful == 2 * 2 * 16 * pairs * (64 + 64)


def test_the_gain_of_fused_attention_as_two_rooflines() -> None:
    # n tokens and heads of 64, a head and token: 128 (n + 1) FLOPs over the causal pairs; 6 x 64 values
    # (q, k, v, the outputs, k and v kept), 768 bytes; naive 4 (n + 1) bytes of scores and probabilities more.
    # At 100 TFLOP/s and 1 TB/s fused attention is bound by memory to n = 599, naive attention always.
    block = Attention(kind="attention", n_heads=16, head_dim=64)

    def seconds(new: int, *, fused: bool) -> float:
        found = kernels(lower(block, 10, new=new), fused=fused)
        kernel = next(kernel for kernel in found if kernel.family == "attention")
        return max(kernel.useful / 1e14, kernel.bytes / 1e12)

    short, long = (seconds(new, fused=False) / seconds(new, fused=True) for new in (128, 4096))
    assert short == pytest.approx((768 + 4 * 129) / 768, rel=1e-12)  # 1.67 times
    assert long == pytest.approx((768 + 4 * 4097) / (128 * 4097 / 100), rel=1e-12)  # 3.27 times


@every_spec
@every_step
def test_the_naive_program_moves_more(name: str, step: str) -> None:
    ops = [op for op in SPECS[name].lower(STEPS[step]) if op.tokens]
    fused, naive = kernels(ops, STEPS[step].batch), kernels(ops, STEPS[step].batch, fused=False)
    assert sum(kernel.bytes for kernel in naive) > sum(kernel.bytes for kernel in fused)
    written = [k.output_bytes for k in naive if k.family in ("attention", "mla_decode", "mla_prefill", "indexer")]
    own = [k.output_bytes for k in fused if k.family in ("attention", "mla_decode", "mla_prefill", "indexer")]
    pairs = [k.runs * k.sizes["heads"] * k.sizes["batch"] * k.sizes["pairs"] for k in fused if "pairs" in k.sizes]
    assert sum(written) - sum(own) == 8 * sum(pairs)


# Number formats


@pytest.mark.parametrize(
    ("form", "each"),
    [
        ("bf16", 2 * 6144),
        ("fp8", 6144),
        ("fp8-block", 6144 + 6144 // 128 * 4),  # an fp32 for 128
        ("mxfp8", 6144 + 6144 // 32),
        ("mxfp4", 6144 // 2 + 6144 // 32),
        ("nvfp4", 6144 // 2 + 6144 // 16),
        ("int4", 6144 // 2 + 6144 // 128 * 2),
    ],
)
def test_scale_factors_are_read_with_the_weights(form: str, each: int) -> None:
    # 64 x 96 = 6,144 values a matrix: gate and up are one product, down another.
    found = spec(d_model=64, blocks={"f": {"kind": "ffn", "d_ff": 96}}, mixer="f")
    up, down = kernels(found.lower(Workload()), recipe=f"ffn={form}")[1:3]
    assert [kernel.weight_bytes for kernel in (up, down)] == [2 * each, each]
    assert moved(down)[3:] == (2 * 96, 2 * 64)  # activations stay bf16


def test_experts_and_caches_have_scale_factors_too() -> None:
    # One token chooses 2 of 4 experts of 2 x (8 x 32); 8 tokens of 2 heads x (16 + 16) values are kept.
    blocks = {
        "a": {"kind": "attention", "n_heads": 2, "head_dim": 16},
        "f": {"kind": "moe", "n_experts": 4, "top_k": 2, "d_ff": 8, "gated": False},
    }
    found = spec(d_model=32, blocks=blocks, mixer="a", ffn="f")
    its = kernels(found.lower(Workload(cached_tokens=7)), recipe="experts=mxfp4,kv=mxfp8")
    (experts,) = (kernel for kernel in its if kernel.family == "moe")
    assert experts.weight_bytes == 2 * 2 * (256 // 2 + 256 // 32)
    (attend,) = (kernel for kernel in its if kernel.family == "attention")
    assert (attend.state_bytes, attend.written_bytes) == (8 * 64 * 33 // 32, 64 * 33 // 32)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (
            "weights=fp8",
            "error: made-up has no fp8 matmul (it has bf16, fp16)\n  --emulate fp8 stores fp8 and computes in bf16",
        ),
        (
            "experts=int4",
            "error: made-up has no int4 matmul (it has bf16, fp16)\n  --emulate int4 stores int4 and computes in bf16",
        ),
        (
            "ffn=fp8-block",  # what is multiplied is fp8
            "error: made-up has no fp8 matmul (it has bf16, fp16)\n  --emulate fp8 stores fp8 and computes in bf16",
        ),
        (
            "compute=tf32",
            "error: made-up has no tf32 matmul (it has bf16, fp16)\n  --emulate tf32 stores tf32 and computes in bf16",
        ),
    ],
)
def test_a_format_that_the_device_does_not_multiply(recipe: str, message: str) -> None:
    device = Device(machine("bf16", "fp16"), Plan(), Recipe.parse(recipe))
    with pytest.raises(UsageError) as caught:
        device.kernels(SPECS["qwen3-30b-a3b"].lower(Workload()) + SPECS["llama-3.1-8b"].lower(Workload()), 1)
    assert str(caught.value) == message


def test_an_emulated_format_is_stored_and_multiplied_as_bf16() -> None:
    load = Workload()
    native = kernels(SPECS["llama-3.1-8b"].lower(load), recipe="weights=fp8")
    device = Device(machine("bf16", emulated={"fp8"}), Plan(), Recipe.parse("weights=fp8"))
    emulated = device.kernels(SPECS["llama-3.1-8b"].lower(load), 1)
    assert [kernel.bytes for kernel in emulated] == [kernel.bytes for kernel in native]
    assert {kernel.dtype for kernel in native if kernel.group == "dense ffn"} == {"fp8"}
    assert {kernel.dtype for kernel in emulated} == {"bf16"}
    bare = Device(machine("bf16", emulated={"fp8"}), Plan(), Recipe.parse("fp8"))  # activations too
    assert {kernel.dtype for kernel in bare.kernels(SPECS["llama-3.1-8b"].lower(load), 1)} == {"bf16"}
    both = Device(machine("bf16", "fp8", emulated={"fp8"}), Plan(), Recipe.parse("weights=fp8"))
    assert {k.dtype for k in both.kernels(SPECS["llama-3.1-8b"].lower(load), 1)} == {"bf16", "fp8"}  # it is not needed


def test_attention_computes_in_what_there_is_unless_told() -> None:
    block = Attention(kind="attention", n_heads=2, head_dim=8)
    ops = [op for op in lower(block, 10) if not isinstance(op, Project | Lookup)]

    def computed(recipe: str, *formats: str) -> str:
        return Device(machine(*formats), Plan(), Recipe.parse(recipe)).kernels(ops, 1)[0].dtype

    assert computed("bf16", "bf16", "fp16") == "bf16"
    assert computed("bf16", "fp16", "fp32") == "fp16"
    assert computed("bf16", "fp32") == "fp32"
    assert computed("compute=fp8", "bf16", "fp8") == "fp8"


@pytest.mark.parametrize("name", ["mamba2-2.7b", "qwen3-next-80b-a3b"])
@pytest.mark.parametrize("tp", [2, 4])
def test_recurrences_are_cut_by_heads(name: str, tp: int) -> None:
    ops = SPECS[name].lower(Workload(batch=2, new_tokens=64, cached_tokens=100))
    whole, part = (
        [one for one in Device(machine(), Plan(tp=n), BF16).kernels(ops, 2) if one.path.endswith(".scan")]
        for n in (1, tp)
    )
    assert whole
    for one, other in zip(whole, part, strict=True):
        for size in ("useful", "flops", "output_bytes"):
            assert tp * getattr(other, size) == getattr(one, size), (one.path, size)
