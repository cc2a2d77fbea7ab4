"""Figures that others published, on the right side of our floors; bounds worked out by hand beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import published  # noqa: E402
import published_deepseek as deepseek  # noqa: E402
import published_row  # noqa: E402

PAGE = (ROOT / "docs" / "published.md").read_text(encoding="utf-8")
# (source, what, conditions) -> why a figure may beat its floor. Nothing does.
EXCEPTIONS: dict[tuple[str, str, str], str] = {}


def one(group: str, **wanted: object) -> published_row.Published:
    """Return the first figure that has every wanted value."""
    return next(row for row in published.rows(group) if all(getattr(row, name) == it for name, it in wanted.items()))


def test_every_line_is_stated_or_listed_with_its_reason() -> None:
    lines = published_row.lines()
    stated, missing = published.rows(), published.missing()
    assert len(stated) + len(missing) == len(lines)
    assert all(row.reason for row in missing)
    known = {line["source"] for line in lines}
    assert {row.source for row in (*stated, *missing)} == known


def test_no_published_figure_beats_its_floor() -> None:
    faster = {(row.source, row.what, row.conditions) for row in published.rows() if row.reached > 1}
    assert faster == EXCEPTIONS.keys()


@pytest.mark.parametrize("group", published.GROUPS)
def test_nothing_is_expected_to_beat_the_floor(group: str) -> None:
    """The bound of a rate is of a batch at least as large as that of the expectation."""
    for row in published.rows(group):
        if row.expected is not None:
            assert row.bound <= row.expected if row.unit == "ms" else row.expected <= row.bound


def test_decoding_one_sequence_by_hand() -> None:
    # Llama 3 8B: 8,030,261,248 parameters, of which the embedding (128,256 x 4,096) is looked up; two bytes each.
    # The mean of 512 tokens from an empty cache sees 256: 32 layers x 2 x 1,024 values, two bytes each. 936 GB/s.
    moved = 2 * (8_030_261_248 - 128_256 * 4096) + 256 * 32 * 2 * 1024 * 2
    row = one("local", what="Llama 3 8B F16", device="rtx-3090", conditions="tg 512")
    assert row.bound == pytest.approx(936e9 / moved, rel=1e-3)  # activations are in the floor, not in the hand's


def test_four_and_a_half_bits_a_weight_by_hand() -> None:
    moved = 4.5 / 8 * (8_030_261_248 - 128_256 * 4096) + 256 * 32 * 2 * 1024 * 2
    row = one("local", what="Llama 3 8B Q4_K_M", device="rtx-3090", conditions="tg 512")
    assert row.bound == pytest.approx(936e9 / moved, rel=2e-3)


def test_devices_take_turns_for_a_token_and_share_a_prompt() -> None:
    alone = {
        row.conditions: row.bound for row in published.rows("local") if row.device == "l40s" and "8B F" in row.what
    }
    four = {
        row.conditions: row.bound for row in published.rows("local") if row.device == "4 l40s" and "8B F" in row.what
    }
    assert {name: four[name] / alone[name] for name in alone} == pytest.approx(
        {name: 4 if name.startswith("pp") else 1 for name in alone}
    )


def test_training_by_hand() -> None:
    # Llama 3 8B at 8,192 tokens: 2 FLOPs a parameter but for the embedding; attention 4 x 4,096 x mean keys
    # 4,096.5 in each of 32 layers. Three passes at 989 TFLOP/s.
    forward = 2 * (8_030_261_248 - 128_256 * 4096) + 32 * 4 * 4096 * 4096.5
    row = one("training", what="Llama 3 8B", conditions="bf16 64x FSDP8 TP8 8Ki")
    assert row.bound == pytest.approx(989e12 / (3 * forward), rel=1e-3)  # norms are parameters and no products


def test_lora_has_two_passes_and_the_rest_three() -> None:
    tuned, full = (
        next(row for row in published.rows("training") if word in row.conditions and row.unit == "tokens/s")
        for word in ("LoRA", "SFT")
    )
    assert tuned.bound / full.bound == pytest.approx(3 / 2)


def test_logical_bandwidth_counts_what_stays() -> None:
    """Of two nodes' shares one needs no wire of 50 GB/s; of four, one in four."""
    names = ("EP8x2, 12 SMs", "EP8x4, 6 SMs")
    two, four = (one("kernels", what="MoE dispatch", device="h100-sxm", conditions=name) for name in names)
    assert (two.bound, four.bound) == (pytest.approx(100), pytest.approx(200 / 3))


def test_deepseeks_mean_lies_between_hidden_and_exposed_communication() -> None:
    row = one("deepseek", what="decode")
    implied = deepseek.decode(144, 32, deepseek.CONTEXT, 88)  # 14,800 / 8 devices / 21 tokens/s of a sequence
    assert row.expected == implied.hidden
    assert implied.in_turn < row.published < implied.hidden < implied.bound
    full = deepseek.decode(144, 32, deepseek.CONTEXT, deepseek.largest())
    assert full.in_turn < row.published
    assert deepseek.decode(144, 32, deepseek.CONTEXT, deepseek.same_rate(row.published) - 1).hidden < row.published


def test_the_page_has_every_table_and_fits_a_hundred_columns() -> None:
    assert [
        name
        for name in published.TABLES
        if PAGE.count(f"<!-- archcalc:begin table docs/data/published-{name}.csv ") != 1
    ] == []
    assert [line for line in PAGE.splitlines() if len(line.replace("\\", "")) > 100] == []
