"""Every format of every command: it parses, its integers are exact, its keys are the documented ones."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

CALLS = {
    "list": ("list",),
    "list gemma": ("list", "gemma"),
    "show": ("show", "deepseek-v3"),
    "show gpt-4": ("show", "gpt-4"),
    "show t5": ("show", "t5-small"),
    "compare": ("compare", "deepseek-v3", "llama4"),
    "compare 3": ("compare", "jamba-v0.1", "t5-small", "gemma-3n-e4b"),
    "compare columns": ("compare", "gpt2", "llama4", "--columns", "total,mixer,cache@1Mi"),
    "flops": ("flops", "deepseek-v3", "--new", "8", "--cached", "4088"),
    "cache": ("cache", "gemma-3-27b"),
    "cache hybrid": ("cache", "zamba2-2.7b", "--batch", "3"),
}


@pytest.mark.parametrize("name", CALLS)
def test_json(name: str, archcalc) -> None:
    answer = archcalc(*CALLS[name], "--format", "json")
    assert (answer.status, answer.err) == (0, "")
    data = json.loads(answer.out)
    assert list(data)[:2] == ["schema", "command"]
    assert data["schema"] == "archcalc/1"
    assert data["command"] == CALLS[name][0]
    assert data["conventions"]["flop"] == "one multiply or one add"
    assert answer.out.endswith("}\n")


@pytest.mark.parametrize("name", CALLS)
def test_csv(name: str, archcalc) -> None:
    answer = archcalc(*CALLS[name], "--format", "csv")
    rows = list(csv.reader(io.StringIO(answer.out)))
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}
    assert all(rows[0])
    assert "\r" not in answer.out


def test_show_keys(archcalc) -> None:
    data = json.loads(archcalc("show", "deepseek-v3", "--format", "json").out)
    params = data["params"]
    assert params["total"] == 671026404352
    assert params["active"] == params["active_min"] == params["active_max"] == 37552282624
    assert params["active_without_lookup"] == 36625603584
    assert params["components"] == {
        "moe.experts": 653908770816,
        "mixer.mla": 11413547008,
        "moe.shared": 2554331136,
        "ffn.dense": 1189085184,
        "embedding": 926679040,
        "lm_head": 926679040,
        "moe.router": 106430464,
        "norms": 881664,
    }
    assert sum(params["active_components"].values()) == params["active"]
    assert sum(group["total"] for group in params["groups"].values()) == params["total"]
    assert params["not_in_total"] == {"mtp": 11610067968, "buffers": 14848}
    assert data["cache"][-1] == {
        "context": 131072,
        "values": 4605345792,
        "bytes": 9210691584,
        "state_bytes": 0,
        "paged_bytes": 9210691584,
        "one_pool_bytes": 9210691584,
        "dtype": "bf16",
    }
    assert data["conventions"]["mla"] == {"prefill": "expanded", "decode": "absorbed"}
    assert data["conventions"]["attention"] == "causal"
    assert data["conventions"]["logits"] == "all"
    assert {claim["verdict"] for claim in data["claims"]} == {"holds"}
    assert data["source"]["title"].startswith("deepseek-ai/DeepSeek-V3")
    assert data["receptive_field"] is None
    assert [group["layers"] for group in data["shape"]["stacks"][0]["groups"]] == [3, 58]
    assert "weights" not in data


def test_json_loses_no_character_in_any_encoding(archcalc, tmp_path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text('base: gpt2\nname: mine\ntitle: "Gr\u00f6\u00dfe \u6f22"\n', encoding="utf-8")
    for encoding in ("utf-8", "ascii", "latin-1"):
        out = archcalc("show", str(path), "--format", "json", encoding=encoding).out
        assert json.loads(out)["title"] == "Gr\u00f6\u00dfe \u6f22"
    assert archcalc("show", str(path), "--format", "json", "--ascii").out.isascii()


def test_show_weights_are_in_json_when_asked_for(archcalc) -> None:
    data = json.loads(archcalc("show", "deepseek-v3", "-v", "--format", "json").out)
    kept = [row for row in data["weights"] if row["role"] != "buffer"]
    assert sum(row["values"] for row in kept) == data["params"]["total"]
    assert sum(row["active"] for row in kept) == data["params"]["active"]
    experts = next(row for row in kept if row["name"] == "down" and row["component"] == "moe.experts")
    assert experts["shape"] == [256, 7168, 2048]
    assert experts["stored"] == 58


def test_flops_keys(archcalc) -> None:
    call = ("flops", "llama4", "--new", "16", "--cached", "100", "--batch", "3", "--format", "json")
    data = json.loads(archcalc(*call).out)
    flops = data["flops"]
    assert set(flops) == {"forward", "executed", "attention", "training", "elementwise", "parts"}
    assert sum(flops["parts"].values()) == flops["forward"]
    assert flops["training"] == 3 * flops["forward"]
    assert data["workload"] == {
        "batch": 3,
        "new_tokens": 16,
        "cached_tokens": 100,
        "source_new": 0,
        "source_cached": 0,
        "images": 0,
        "clips": 0,
        "attention": "causal",
        "logits": "all",
        "mla": "auto",
    }


def test_compare_keys_in_the_order_asked(archcalc) -> None:
    call = ("compare", "llama4", "deepseek-v3", "--context", "100,1Mi", "--format", "json")
    data = json.loads(archcalc(*call).out)
    assert [row["name"] for row in data["rows"]] == ["llama-4-maverick", "deepseek-v3"]
    assert [[point["context"] for point in row["cache"]] for row in data["rows"]] == [[100, 2**20]] * 2
    assert data["rows"][1]["params"]["total"] == 671026404352
    assert data["cache_order"] == [{"up_to": 57195, "sign": -1}, {"up_to": None, "sign": 1}]


def test_list_keys(archcalc) -> None:
    data = json.loads(archcalc("list", "gpt", "--format", "json").out)
    rows = {row["name"]: row for row in data["rows"]}
    assert rows["gpt2"]["title"]
    assert rows["gpt2"]["total"] == 124439808
    assert rows["gpt-4"]["total"] is None
    assert rows["gpt-4"]["confidence"] == "rumour"
    assert rows["gpt-4"]["claimed"]["params.total"]


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown", "latex", "html"])
@pytest.mark.parametrize("command", ["show", "list"])
def test_a_rumour_says_so_in_every_format(form: str, command: str, archcalc) -> None:
    out = archcalc(command, "gpt-4", "--format", form).out
    assert "rumour" in out
    if form != "json":
        assert "~1.8T" in out or r"\textasciitilde{}1.8T" in out
    assert "1.76T" not in out or form == "json"


def test_csv_integers_are_exact(archcalc) -> None:
    out = archcalc("compare", "deepseek-v3", "kimi-k2", "--format", "csv").out
    first = next(csv.DictReader(io.StringIO(out)))
    assert first["total_params"] == "671026404352"
    assert first["cache@131072_bytes"] == "9210691584"
    assert first["decode@131072_flops"] == "2300189736960"


def test_out_is_written_whole_or_not_at_all(archcalc, tmp_path) -> None:
    target = tmp_path / "out.json"
    answer = archcalc("show", "gpt2", "--format", "json", "--out", str(target))
    assert (answer.status, answer.out) == (0, "")
    assert json.loads(target.read_bytes())["name"] == "gpt2"
    assert b"\r" not in target.read_bytes()
    before = target.read_bytes()
    assert archcalc("show", "no-such-model", "--out", str(target)).status == 2
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
    answer = archcalc("show", "gpt2", "--out", str(tmp_path / "no" / "x"))
    assert answer.status == 2
    assert "no such file or directory" in answer.err
    page = tmp_path / "page.txt"
    assert archcalc("show", "deepseek-v3", "--out", str(page), terminal=True).status == 0
    assert "next: " not in page.read_text(encoding="utf-8")
    assert "━" in page.read_text(encoding="utf-8")


HOSTILE = "\\u001b[31m\\u202e[red]x[/red] | a <script>&amp; \\\\write18{ls} $x_1^2$ 100% #1 ~\\n=cmd()"
SPEC = f"""
name: hostile
title: "=cmd() {HOSTILE}"
source: {{title: "{HOSTILE}", read: 2026-11-22}}
claims: [{{figure: params.total, value: 1M, source: "{HOSTILE}"}}]
d_model: 64
vocab_size: 100
n_layers: 2
blocks:
  a: {{kind: attention, n_heads: 4, head_dim: 16}}
  f: {{kind: ffn, d_ff: 128}}
mixer: a
ffn: f
"""


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown", "latex", "html"])
@pytest.mark.parametrize("command", ["show", "compare", "list"])
def test_a_users_text_is_no_markup_anywhere(form: str, command: str, archcalc, tmp_path) -> None:
    path = tmp_path / "hostile.yaml"
    path.write_text(SPEC, encoding="utf-8")
    calls = {
        "show": ("show", str(path), "-v"),
        "compare": ("compare", str(path), "gpt2", "--columns", "title,total"),
        "list": ("list", "--specs", str(tmp_path), "hostile"),
    }
    answer = archcalc(*calls[command], "--format", form, terminal=form == "table", columns=200)
    assert answer.status == 0
    out = answer.out
    assert "\x1b" not in out
    assert "\\u001b" not in out
    assert "\u202e" not in out
    if form == "markdown":
        assert "<script>" not in out
        assert "[red]" not in out.replace("\\[", "")
    if form == "latex":
        assert "\\write18" not in out
        assert not re.search(r"(?<!\\)[#$]", out)
    if form == "csv" and command != "show":
        row = list(csv.reader(io.StringIO(out)))[1]
        assert any(value.startswith("'=cmd()") for value in row)
    if form == "json":
        json.loads(out)
