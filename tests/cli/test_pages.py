"""Whole pages, to the character, as docs and users see them; and what holds for every page."""

from __future__ import annotations

import re
from unicodedata import combining, east_asian_width

import pytest

SIX = ("deepseek-v3", "llama4", "kimi-k2", "qwen3-235b", "gpt-oss-120b", "gemma-3-27b")
PAGES = {
    "root.txt": ((), {}),
    "cache-help.txt": (("cache", "--help"), {}),
    "show-help.txt": (("show", "--help"), {}),
    "show-deepseek-v3.txt": (("show", "deepseek-v3"), {}),
    "show-deepseek-v3-44.txt": (("show", "deepseek-v3"), {"columns": 44}),
    "show-deepseek-v3-120.txt": (("show", "deepseek-v3"), {"columns": 120}),
    "show-gemma-3-27b-ascii.txt": (("show", "gemma-3-27b"), {"env": {"LC_ALL": "C"}}),
    "show-gpt-4.txt": (("show", "gpt-4"), {}),
    "show-jamba-v0.1.txt": (("show", "jamba-v0.1"), {}),
    "show-t5-small.txt": (("show", "t5-small"), {}),
    "compare-2.txt": (("compare", "deepseek-v3", "llama4"), {}),
    "compare-2-ascii.txt": (("compare", "deepseek-v3", "llama4", "--ascii"), {}),
    "compare-2-120.txt": (("compare", "deepseek-v3", "llama4"), {"columns": 120}),
    "compare-3.txt": (("compare", "deepseek-v3", "llama4", "gemma-3-27b"), {}),
    "compare-6.txt": (("compare", *SIX), {}),
    "compare-44.txt": (("compare", "deepseek-v3", "llama4", "gemma-3-27b"), {"columns": 44}),
    "compare-same.txt": (("compare", "deepseek-v3", "deepseek-r1"), {}),
    "compare-columns.txt": (
        ("compare", *SIX, "--columns", "total,active,cache@1Mi,decode@32Ki", "--sort", "cache@1Mi"),
        {},
    ),
    "cache-gemma-3-27b.txt": (("cache", "gemma-3-27b", "--context", "4Ki,32Ki,128Ki,1Mi"), {}),
    "cache-jamba-v0.1-ascii.txt": (("cache", "jamba-v0.1", "--batch", "4", "--dtype", "kv=fp8", "--ascii"), {}),
    "flops-deepseek-v3.txt": (("flops", "deepseek-v3", "--new", "4Ki"), {}),
    "list-gemma.txt": (("list", "gemma"), {}),
    "list-gpt.txt": (("list", "gpt-"), {}),
}


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str, archcalc, golden) -> None:
    arguments, options = PAGES[name]
    answer = archcalc(*arguments, terminal=True, **options)
    assert (answer.status, answer.err) == (0, "")
    golden(name, answer.out)


COMMANDS = [
    ("show", "deepseek-v3"),
    ("show", "deepseek-v4-flash"),
    ("show", "zamba2-2.7b", "-v"),
    ("show", "nemotron-3-ultra"),
    ("show", "gemma-4-e2b"),
    ("show", "gpt-4"),
    ("show", "t5-11b"),
    ("compare", "deepseek-v3", "llama4"),
    ("compare", "zamba2-2.7b", "deepseek-v4-flash"),
    ("compare", *SIX),
    ("cache", "gemma-3-27b"),
    ("cache", "deepseek-v4-flash", "--batch", "64"),
    ("flops", "jamba-v0.1", "--new", "128Ki"),
    ("list",),
]


def cells(text: str) -> int:
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("columns", [48, 60, 80, 100, 140])
def test_lines_fit_the_terminal_and_no_number_is_cut(command: tuple[str, ...], columns: int, archcalc) -> None:
    answer = archcalc(*command, terminal=True, columns=columns)
    assert answer.status == 0
    long = [row for row in answer.out.splitlines() if cells(row) > columns and len(row.split()) > 1]
    assert not long
    assert "..." not in answer.out
    assert not any(row != row.rstrip() for row in answer.out.splitlines())


# A narrow comparison shows fewer rows, and gpt-4 has no numbers.
@pytest.mark.parametrize("command", [c for c in COMMANDS if c[0] != "compare" and "gpt-4" not in c], ids=" ".join)
def test_every_number_of_the_wide_page_is_on_the_narrow_one(command: tuple[str, ...], archcalc) -> None:
    wide = archcalc(*command, "-q", terminal=True, columns=80).out
    narrow = archcalc(*command, "-q", terminal=True, columns=48).out
    # Shares and strips may go; values with two or more digits behind the point may not.
    found = set(re.findall(r"[0-9][0-9,]*\.[0-9]{2,}[A-Z]?", wide))
    assert found
    assert found <= set(re.findall(r"[0-9][0-9,]*\.[0-9]{2,}[A-Z]?", narrow))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_ascii_pages_are_ascii(command: tuple[str, ...], archcalc) -> None:
    assert archcalc(*command, "--ascii", terminal=True).out.isascii()
    assert archcalc(*command, encoding="latin-1").out.isascii()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_pipe_gets_the_same_table_without_tips(command: tuple[str, ...], archcalc) -> None:
    piped = archcalc(*command)
    assert "\x1b" not in piped.out
    assert "next: " not in piped.out
    shown = archcalc(*command, terminal=True, columns=200 if command == ("list",) else 80)
    if command[0] in ("show", "flops"):
        body = shown.out.partition("next: ")[0]
        assert piped.out == body.rstrip("\n") + "\n"


def test_a_pipe_has_no_width(archcalc) -> None:
    wide = archcalc("compare", *SIX, "zamba2-2.7b", "deepseek-v4-flash").out
    row = next(row for row in wide.splitlines() if row.startswith("deepseek-v4-flash"))
    assert "2 window + 21 compressed 4 + 20 compressed 128" in row


def test_quiet_leaves_figures_only(archcalc) -> None:
    for command in COMMANDS:
        out = archcalc(*command, "-q", terminal=True).out
        assert not {"next: ", "active: ", "in short", "ideal: "} & {row.split("  ")[0] for row in out.splitlines()}
        assert "FLOP: one" not in out


def test_screens_stay_short(archcalc) -> None:
    for command in COMMANDS[:1] + COMMANDS[7:8]:
        assert len(archcalc(*command, terminal=True).out.splitlines()) <= 40


def test_parts_sum_to_the_total_that_is_printed(archcalc) -> None:
    out = archcalc("show", "deepseek-v3", "-q").out
    rows = re.findall(r"^  ([a-z, ]+?) +([0-9.]+)B", out.partition("parameters")[2], re.MULTILINE)
    parts = [float(value) for name, value in rows if name != "total"]
    total = next(float(value) for name, value in rows if name == "total")
    assert len(parts) == 7
    assert abs(sum(parts) - total) <= 0.005 * len(parts)


def test_what_is_counted_stands_in_the_identity(archcalc) -> None:
    with_mtp = archcalc("show", "deepseek-v3", "--with", "mtp").out
    assert "with mtp" in with_mtp
    assert "682.64B total" in with_mtp
    assert "full pairs" in archcalc("show", "deepseek-v3", "--attention", "full").out
    assert "head at the last position" in archcalc("show", "deepseek-v3", "--logits", "last").out
    assert "mla absorbed" in archcalc("flops", "deepseek-v3", "--new", "16", "--mla", "absorbed").out


def test_iec_units(archcalc) -> None:
    out = archcalc("cache", "gemma-3-27b", "--units", "iec", "--context", "128Ki").out
    assert "GiB" in out
    assert "10.406" in out  # 11,173,625,856 / 2^30
