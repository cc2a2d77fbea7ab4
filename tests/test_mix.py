"""Steps that decode and read prompts at once."""

from fractions import Fraction

import pytest

from costmodel.catalog import load, names
from costmodel.dtypes import BF16
from costmodel.errors import UsageError
from costmodel.kernels import Kernel
from costmodel.mix import _fused, _joined, mixed_step
from costmodel.plan import resolve
from costmodel.profiles import load_hardware
from costmodel.times import Roofline
from costmodel.workload import Workload


def roofline(name: str, **plan: int) -> Roofline:
    architecture = load(name)
    return Roofline(architecture, load_hardware("h100-sxm"), resolve(architecture, plan), BF16)


def prompt(tokens: int) -> Workload:
    return Workload(new_tokens=tokens, logits="last")


@pytest.mark.parametrize("name", [name for name in names() if hasattr(load(name), "lower")])
def test_joining_two_loads_keeps_their_work(name: str) -> None:
    architecture = load(name)
    decoding = architecture.lower(Workload(batch=3, cached_tokens=99, logits="last", source_cached=10))
    reading = architecture.lower(Workload(batch=2, new_tokens=50, logits="last", source_new=10))
    both, rest, reads = _joined(iter(decoding), iter(reading))
    alone = [*decoding, *reading]
    assert sum(op.flops for op in [*both, *rest, *reads]) == sum(op.flops for op in alone)
    assert sum(op.elementwise for op in [*both, *rest, *reads]) == sum(op.elementwise for op in alone)
    assert len(both) + len(both) + len(rest) + len(reads) == len(alone)


def test_weights_are_read_once() -> None:
    found = roofline("llama-3.1-8b")
    load = Workload(batch=4, cached_tokens=1023, logits="last")

    def weights(step) -> int:
        kernels = [row.work for row in step.rows if isinstance(row.work, Kernel)]
        return sum(kernel.weight_bytes for kernel in kernels if kernel.family == "gemm")

    assert weights(_fused(found, load, 1, 2, prompt(512))) == weights(found.step(load))


@pytest.mark.parametrize("plan", [{}, {"tp": 2}, {"dp": 2}, {"pp": 2}])
def test_without_prompts_worth_the_name_it_is_decode(plan: dict[str, int]) -> None:
    found = roofline("llama-3.1-8b", **plan)
    mixed = mixed_step(found, 8, 1000, 2_000_000)
    decode = found.step(Workload(batch=8, cached_tokens=1_000_999, logits="last"))
    assert decode.expected_s < mixed.expected_s < 1.001 * decode.expected_s
    assert decode.serial_s < mixed.serial_s < 1.001 * decode.serial_s


def test_steps_without_a_prompt_and_with_one_are_averaged() -> None:
    found = roofline("llama-3.1-8b")
    load = Workload(batch=3, cached_tokens=101, logits="last")
    without, one = found.step(load), _fused(found, load, 1, 1, prompt(100))
    mixed = mixed_step(found, 3, 100, 4)  # mean context 100 + 2; three of four steps read a prompt
    assert mixed.prompts == Fraction(3, 4)
    assert mixed.serial_s == pytest.approx(without.serial_s / 4 + 3 * one.serial_s / 4)
    assert mixed.floor_s <= mixed.serial_s <= mixed.expected_s


def test_whole_numbers_of_prompts() -> None:
    found = roofline("llama-3.1-8b")
    load = Workload(batch=8, cached_tokens=101, logits="last")
    assert mixed_step(found, 8, 100, 4).serial_s == _fused(found, load, 1, 2, prompt(100)).serial_s


@pytest.mark.parametrize(("sizes", "name"), [((0, 1, 1), "batch"), ((1, 0, 1), "prompt"), ((1, 1, 0), "output")])
def test_empty_loads(sizes: tuple[int, int, int], name: str) -> None:
    with pytest.raises(UsageError) as caught:
        mixed_step(roofline("llama-3.1-8b"), *sizes)
    assert str(caught.value) == f"error: a {name} of 0 is no step of continuous batching\n  a {name} of 1 or more"
