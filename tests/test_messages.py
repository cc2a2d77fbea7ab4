"""What plans send: sequences cut over cp carry less, windows reach one slice back, stages pass every stream on."""

from __future__ import annotations

from typing import Any

import pytest

import costmodel as cm
from costmodel.report.roofline import OpTime


def ops(name: str, device: str, group: str, **asked: Any) -> list[OpTime]:
    return [op for op in cm.roofline(name, device, **asked).ops if op.group == group]


def wire(name: str, group: str, **asked: Any) -> int:
    return sum(op.wire_bytes for op in ops(name, "h100-sxm", group, **asked))


def test_all_reduces_are_of_the_rows_of_a_device() -> None:
    whole, cut = (wire("llama-3.1-70b", "all-reduce", new=65_536, tp=8, cp=cp) for cp in (1, 8))
    assert whole == 8 * cut


def test_keys_of_a_devices_heads_are_gathered() -> None:
    """80 layers of 8 key heads of 128, keys and values, of 65,536 tokens; with tp 8, one head; 7/8 are elsewhere."""
    assert wire("llama-3.1-70b", "all-gather", new=65_536, cp=8) == 80 * 2 * 8 * 128 * 2 * 65_536 * 7 // 8
    logits = 128_256 * 2 * 7 // 8
    assert wire("llama-3.1-70b", "all-gather", new=65_536, tp=8, cp=8) == 80 * 2 * 128 * 2 * 65_536 * 7 // 8 + logits


def test_windows_reach_into_the_slice_before() -> None:
    """52 local layers of gemma-3-27b lack 1,023 keys of 16 x 128 x 2 values; 10 global ones 63/64 of all."""
    found = {op.path.split(".")[1]: op for op in ops("gemma-3-27b", "h100-sxm", "all-gather", new=65_536, cp=64)}
    each = 2 * 2 * 16 * 128
    assert found["local"].wire_bytes == pytest.approx(52 * each * 1023, rel=1e-3)
    assert found["global"].wire_bytes == 10 * each * 65_536 * 63 // 64


@pytest.mark.parametrize(("plan", "crosses"), [({"tp": 4, "pp": 2}, False), ({"tp": 4, "dp": 3, "pp": 2}, True)])
def test_a_stage_whose_ranks_leave_the_domain_sends_over_the_slow_link(plan: dict[str, int], crosses: bool) -> None:
    (send,) = ops("llama-3.1-70b", "h100-sxm", "pipeline", batch=8, **plan)
    rate = 50e9 if crosses else 450e9
    assert send.floor_s == pytest.approx(send.wire_bytes / rate, rel=1e-12)


@pytest.mark.parametrize(("name", "width"), [("deepseek-v4-flash", 4 * 4096), ("gemma-3n-e4b", 4 * 2048)])
def test_stages_pass_on_every_residual_stream(name: str, width: int) -> None:
    (send,) = ops(name, "h200-sxm", "pipeline", pp=2, cached=100)
    assert send.wire_bytes == 2 * width


@pytest.mark.parametrize(
    "plan", [{"cp": 4}, {"cp": 4, "ep": 2}, {"cp": 4, "ep": 4}, {"tp": 2, "ep": 4, "cp": 2, "dp": 2}]
)
def test_experts_of_all_devices_do_the_work_once(plan: dict[str, int]) -> None:
    page = cm.roofline("qwen3-30b-a3b", "h200-sxm", new=1024, batch=4, **plan)
    one = cm.roofline("qwen3-30b-a3b", "h200-sxm", new=1024, batch=4)
    work = [sum(op.flops for op in found.ops if op.group == "experts") for found in (page, one)]
    assert page.plan.devices * work[0] == pytest.approx(work[1], rel=1e-12)


def test_sparse_attention_is_expected_by_the_keys_it_reads() -> None:
    """2,048 picked keys take as long at any context; every key would take 8 times as long at 8 times as many."""
    times = [
        sum(op.expected_s or 0 for op in ops("deepseek-v3.2", "h200-sxm", "attention scores", batch=16, cached=cached))
        for cached in (16_384, 131_072)
    ]
    assert times[0] == times[1]


def test_cut_keys_take_less_time() -> None:
    whole, cut = (
        sum(op.expected_s or 0 for op in ops("llama-3.1-8b", "h100-sxm", "attention scores", cached=131_072, cp=cp))
        for cp in (1, 4)
    )
    assert 0.25 < cut / whole < 0.5
