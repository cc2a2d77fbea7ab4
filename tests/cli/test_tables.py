"""Every table of every command in the formats for people: its syntax, and whole files for each style."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path

import pytest
from table_calls import HOSTILE, HOSTILE_CALLS, HOSTILE_TEXT, PLAIN, SIX, STYLES
from table_checks import html_tables, latex_tables, markdown_tables

import costmodel as cm

ENDINGS = {"markdown": "md", "latex": "tex", "html": "html"}
CALLS = STYLES | PLAIN | HOSTILE_CALLS
GOLDEN = {
    "paper": ("compare", *SIX[:4], "--style", "paper"),
    "paper-rows": ("compare", *SIX[:3], "--style", "paper", "--transpose", "--digits", "3", "--sort", "cache@128Ki"),
    "paper-columns": ("compare", *SIX[:2], "--style", "paper", "--columns", "total,decode@32Ki", "--units", "iec"),
    "gallery": ("compare", *SIX[:3], "--style", "gallery", "--units", "iec"),
    "card": ("show", "deepseek-v3", "--style", "card"),
    "cards": ("compare", "gemma-3-27b", "jamba-v0.1", "--style", "card"),
    "full": ("compare", *SIX[:2]),
}


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Stand where the hostile spec is."""
    place, before = tmp_path_factory.mktemp("specs"), Path.cwd()
    (place / "hostile.yaml").write_text(HOSTILE, encoding="utf-8")
    os.chdir(place)
    yield place
    os.chdir(before)


@pytest.mark.parametrize("name", CALLS)
def test_html_is_well_formed(name: str, archcalc) -> None:
    answer = archcalc(*CALLS[name], "--format", "html")
    assert (answer.status, answer.err) == (0, "")
    html_tables(answer.out)


@pytest.mark.parametrize("name", CALLS)
def test_latex_is_sound(name: str, archcalc) -> None:
    answer = archcalc(*CALLS[name], "--format", "latex")
    assert (answer.status, answer.err) == (0, "")
    rows = latex_tables(answer.out)
    if name in STYLES:
        assert "archcalc 0.1.0, formulas 1" in answer.out
        assert len(rows) > 2
        assert "adjustbox" not in answer.out  # nothing had to be scaled


@pytest.mark.parametrize("name", CALLS)
def test_markdown_is_tables(name: str, archcalc) -> None:
    answer = archcalc(*CALLS[name], "--format", "markdown")
    assert (answer.status, answer.err) == (0, "")
    markdown_tables(answer.out)


@pytest.mark.parametrize("form", ENDINGS)
@pytest.mark.parametrize("name", GOLDEN)
def test_whole(name: str, form: str, archcalc, golden) -> None:
    golden(f"{name}.{ENDINGS[form]}", archcalc(*GOLDEN[name], "--format", form).out)


@pytest.mark.parametrize(("name", "columns"), [("gallery", 60), ("cards", 80)])
def test_on_a_terminal(name: str, columns: int, archcalc, golden) -> None:
    answer = archcalc(*GOLDEN[name], terminal=True, columns=columns)
    assert max(map(len, answer.out.splitlines())) <= columns
    golden(f"{name}-{columns}.txt", answer.out)


def test_the_gallery_says_what_the_galleries_say(archcalc) -> None:
    call = ("compare", "deepseek-v3", "gpt2", "--style", "gallery", "--units", "iec")
    head, row = markdown_tables(archcalc(*call, "--format", "markdown").out)[:2]
    found = dict(zip(head, row, strict=True))
    # 61 layers x (512 + 64) values x 2 bytes = 70,272 bytes; / 1024 = 68.625
    assert next(text for name, text in found.items() if name.startswith("Cache per token, bf16 (KiB)")) == "68.6"
    assert (found["Experts"], found["Attention"]) == ("8 of 256 + 1", "MLA")
    rows = list(csv.DictReader(io.StringIO(archcalc(*call, "--format", "csv").out)))
    assert rows[0]["cache_per_token_bytes"] == "70272"
    assert rows[0]["cache@131072_bytes"] == str(cm.cache("deepseek-v3", context=["128Ki"]).cache[0].bytes)
    assert rows[1]["total_params"] == "124439808"


def test_html_holds_exact_integers(archcalc) -> None:
    out = archcalc("compare", "deepseek-v3", "gpt2", "--style", "paper", "--format", "html").out
    assert 'data-value="671026404352">671.03</td>' in out
    assert 'data-value="9210691584">9.21</td>' in out


def test_digits_are_significant_ones(archcalc) -> None:
    call = ("compare", "deepseek-v3", "kimi-k2", "gpt2", "--style", "paper", "--format", "markdown", "--digits", "2")
    rows = {row[0].partition("[")[0]: row[1:] for row in markdown_tables(archcalc(*call).out)}
    assert rows["Total parameters (B)"] == ["671", "1026", "0.12"]  # no digit before the point is lost
    assert rows["Active share (%)"] == ["5.6", "3.2", "100"]
    assert rows["Layers"] == ["61", "61", "12"]
    table = archcalc("compare", "deepseek-v3", "gpt2", "--columns", "total,cache@4Ki", "--digits", "4").out
    assert re.search(r"deepseek-v3 +671\.0B +0\.2878\n", table)


@pytest.mark.parametrize("form", ["table", "csv", "markdown", "latex", "html"])
def test_a_rumour_says_so_in_every_format(form: str, archcalc, tmp_path) -> None:
    path = tmp_path / "said.yaml"
    path.write_text(HOSTILE.replace("name: hostile", "name: said\nconfidence: rumour"), encoding="utf-8")
    out = archcalc("compare", str(path), "gpt2", "--style", "gallery", "--format", form).out
    assert "rumour" in out
    assert form == "csv" or re.search(r"(~|\\textasciitilde\{\})95\.04", out)  # 95,040 values, in k


@pytest.mark.parametrize(
    ("name", "total", "active"), [("deepseek-v3", "671.03B", "37.55B"), ("gpt2", "124.44M", "124.44M")]
)
def test_a_card_has_values_with_their_units(name: str, total: str, active: str, archcalc) -> None:
    out = archcalc("show", name, "--style", "card", "--format", "markdown", "--units", "iec").out
    found = {row[0].partition("[")[0]: row[1] for row in markdown_tables(out)}
    assert (found["Total parameters"], found["Active parameters"]) == (total, active)
    per_token = {"deepseek-v3": "68.6 KiB", "gpt2": "36.0 KiB"}  # gpt2: 12 layers x 2 x 768 x 2 bytes = 36,864
    assert found["Cache per token, bf16"] == per_token[name]
    assert out.count("\n[^") == len(re.findall(r"\[\^.\] \|", out))


def test_only_notes_of_shown_rows(archcalc) -> None:
    for form, mark in (("markdown", "[^c]: "), ("latex", r"\item[a] One sequence"), ("html", "<sup>a</sup> One seq")):
        call = ("compare", "gpt2", "phi-4", "--style", "paper", "--columns", "total,cache@4Ki", "--format", form)
        out = archcalc(*call).out
        assert mark in out
        assert "Values one token" not in out
        assert "one multiply" not in out
        assert "archcalc 0.1.0, formulas 1" in out
        assert "archcalc 0.1.0, formulas 1" not in archcalc(*call, "-q").out


def test_sorted_and_turned(archcalc) -> None:
    call = ("compare", "deepseek-v3", "gpt2", "phi-4", "--style", "paper", "--format", "markdown", "--sort", "total")
    assert markdown_tables(archcalc(*call).out)[0] == ["", "DeepSeek-V3", "Phi-4", "GPT-2 124M"]
    turned = markdown_tables(archcalc(*call, "--transpose").out)
    assert [row[0] for row in turned] == ["Model", "DeepSeek-V3", "Phi-4", "GPT-2 124M"]


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("head_dim", ["gpt2", "phi-4", "deepseek-v3", "falcon-mamba-7b"]),  # 64, 128, 192 (v 128), none
        ("-head_dim", ["deepseek-v3", "phi-4", "gpt2", "falcon-mamba-7b"]),
        ("max_context", ["deepseek-v3", "phi-4", "gpt2", "falcon-mamba-7b"]),
        ("-max_context", ["gpt2", "phi-4", "deepseek-v3", "falcon-mamba-7b"]),
    ],
)
def test_numbers_are_sorted_as_numbers_and_what_is_missing_comes_last(key: str, order: list[str], archcalc) -> None:
    names = ("phi-4", "falcon-mamba-7b", "deepseek-v3", "gpt2")
    out = archcalc("compare", *names, "--columns", "name", "--sort", key, "--format", "csv").out
    assert [row.partition(",")[0] for row in out.splitlines()[1:]] == order


def test_columns_are_turned_on_a_terminal_too(archcalc) -> None:
    call = ("compare", "deepseek-v3", "qwen3-8b", "--columns", "total,kb_per_token", "--transpose")
    assert archcalc(*call).out.splitlines() == [
        "                     deepseek-v3  qwen3-8b",
        "total                    671.03B     8.19B",
        "cache per token, kB         70.3     147.5",
    ]
    for form in ("csv", "json"):
        assert archcalc(*call, "--format", form).err.startswith(f"error: {form} has one row a model in any case\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--columns", "expected@4Ki"), "error: --columns has a time, and no device is named\n  add --hardware"),
        (("--style", "paper", "--format", "csv", "-H", "l40s"), "error: times on --hardware: --style paper shows none"),
        (("--sort", "floor@8Ki"), "error: --sort has a time, and not one device is named\n  --hardware h200-sxm"),
        (("--sort", "total,active"), "error: --sort takes one key, not 2\n  --sort total\n"),
        (("--columns", "total,expected@8Ki", "-H", "l40s", "-H", "h200-sxm"), "error: a table has times on one --har"),
        (("--format", "csv", "-H", "l40s", "-H", "h200-sxm"), "error: a table has times on one --hardware\n  name one"),
        (("--columns", "total", "-H", "l40s"), "error: times on --hardware: --columns has none\n  --columns total,act"),
    ],
)
def test_a_device_without_times_and_times_without_a_device(arguments: tuple[str, ...], message: str, archcalc) -> None:
    answer = archcalc("compare", "gpt2", "phi-4", *arguments)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith(message)


def test_figures_beyond_the_longest_context_are_said_to_be(archcalc) -> None:
    text = "longest context of qwen3-8b (40Ki)"
    call = ("compare", "deepseek-v3", "qwen3-8b")
    for more in ((), ("--columns", "total,cache@64Ki"), ("--transpose",)):
        assert f"{text}: figures beyond it are arithmetic." in archcalc(*call, *more).out
    for form in ("markdown", "latex", "html"):
        for style in ("paper", "gallery", "card"):
            out = archcalc(*call, "--style", style, "--format", form).out
            assert "Beyond the longest context of qwen3-8b (40Ki)." in out or "Qwen3 8B (40Ki)." in out
        for more in ((), ("--columns", "total,cache@64Ki")):
            out = archcalc(*call, *more, "--format", form).out
            assert "Beyond the longest context of qwen3-8b (40Ki) figures are" in out
    assert "arithmetic" not in archcalc(*call, "--columns", "total,cache@32Ki").out


def test_a_card_of_show_is_a_card_of_compare(archcalc) -> None:
    one = markdown_tables(archcalc("show", "phi-4", "--style", "card", "--format", "markdown").out)
    both = markdown_tables(archcalc("compare", "phi-4", "gpt2", "--style", "card", "--format", "markdown").out)
    assert one == both[: len(one)]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (name, form)
        for name, call in HOSTILE_CALLS.items()
        for form in ("table", "csv", "markdown", "latex", "html")
        if not (form == "csv" and ("card" in name or "--transpose" in call))  # no such tables
        and not (form == "table" and "paper" in call)
    ],
)
def test_a_title_stays_text(name: str, form: str, archcalc) -> None:
    out = archcalc(*HOSTILE_CALLS[name], "--format", form, terminal=form == "table", columns=400).out
    shown = " ".join(f"=cmd() {HOSTILE_TEXT}".split())
    if form == "markdown" and "show" not in name:
        assert any(shown in cell for row in markdown_tables(out) for cell in row)
    if form == "html":
        assert "=cmd() 100% {a} _b_" in out
    if form == "csv" and "show" not in name:
        assert any(cell == f"'{shown}" for row in csv.reader(io.StringIO(out)) for cell in row)
    if form == "table":
        assert "=cmd() 100%" in out or "columns" not in name
