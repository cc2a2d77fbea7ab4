"""``archcalc kernel``: one shape by hand, files with two more columns, pages, keys and mistakes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from itertools import islice
from pathlib import Path

import pytest

import costmodel as cm
from costmodel.cli.app import _sections, build
from costmodel.report.kernel_shapes import KINDS

MEASURED = Path(__file__).parent.parent.parent / "benchmarks" / "measured"
SHAPES = {
    "gemm": ("--m", "128", "--n", "8192", "--k", "4096", "--dtype", "fp8"),
    "attention": ("--batch", "32", "--cached", "4095", "--heads", "32", "--kv-heads", "8"),
    "mla": ("--batch", "64", "--cached", "8Ki", "--kv", "fp8"),
    "moe": (
        "--tokens", "128", "--d-model", "7168", "--d-ff", "2048", "--experts", "256", "--top-k", "8", "--ep", "8",
        "--dtype", "fp8-block",
    ),
    "collective": ("--kind", "all_reduce", "--bytes", "64Mi", "--devices", "8"),
}  # fmt: skip
# Name in the files -> kernel, and its profile.
FILES = {
    "allreduce_custom": "collective", "attn_decode": "attention", "attn_prefill": "attention", "gemm": "gemm",
    "mla_decode": "mla", "mla_prefill": "mla", "moe": "moe", "moe_a2a": "collective", "nccl": "collective",
}  # fmt: skip


def asked(archcalc, kernel: str, *options: str, hardware: str = "h200-sxm") -> dict[str, object]:
    answer = archcalc("kernel", kernel, "-H", hardware, *options, "--format", "json")
    assert (answer.status, answer.err) == (0, "")
    return json.loads(answer.out)


@pytest.mark.parametrize("kernel", KINDS)
def test_page(kernel: str, archcalc, golden) -> None:
    answer = archcalc("kernel", kernel, "-H", "h200-sxm", *SHAPES[kernel], terminal=True)
    assert (answer.status, answer.err) == (0, "")
    golden(f"kernel-{kernel}.txt", answer.out)


def test_pages_of_help_and_of_what_was_not_measured(archcalc, golden) -> None:
    golden("kernel-help.txt", archcalc("kernel", "--help", terminal=True).out)
    golden("kernel-not-measured.txt", archcalc("kernel", "gemm", "-H", "mi300x", *SHAPES["gemm"], terminal=True).out)
    far = ("--m", "7", "--n", "512", "--k", "512")  # no shape that errors are of, on a device like another
    golden("kernel-inherited.txt", archcalc("kernel", "gemm", "-H", "h100-pcie", *far, terminal=True, columns=60).out)


# Peaks of the profile: 989 TFLOP/s bf16, 1,979 fp8, 494.5 tf32; 4.8 TB/s; links 450 GB/s whose switches add.
BY_HAND = {
    "gemm": (SHAPES["gemm"], 2 * 128 * 8192 * 4096, 128 * 4096 + 8192 * 4096 + 2 * 128 * 8192, "memory"),
    "gemm bf16": (("--m", "4Ki", "--n", "4Ki", "--k", "4Ki"), 2 * 4096**3, 3 * 2 * 4096**2, "compute"),
    "gemm tf32": (
        ("--m", "4", "--n", "5", "--k", "6", "--dtype", "tf32"), 2 * 4 * 5 * 6, 4 * (4 * 6 + 6 * 5 + 4 * 5), "memory"
    ),
    "gemm int4": (
        ("--m", "16", "--n", "64", "--k", "32", "--dtype", "int4-weights"),
        2 * 16 * 64 * 32, 2 * 16 * 32 + 64 * 32 // 2 + 2 * 16 * 64, "memory",
    ),
    # 4,096 keys of 8 heads, keys and values of 128 in two bytes; a query and a result of 32 heads.
    "attention": (
        SHAPES["attention"], 32 * 32 * 4096 * 2 * (128 + 128),
        32 * (4096 * 8 * 256 * 2 + 2 * 32 * 128 * 2), "memory",
    ),
    # Prefill: 5 queries, nothing cached: 15 pairs.
    "attention prefill": (
        ("--new", "5", "--heads", "2"), 2 * 15 * 2 * 256, 2 * 5 * 2 * 256 + 2 * 5 * 2 * 256, "memory"
    ),
    # Each of 3 queries sees a window of 4; keys 98 to 103 are read.
    "attention window": (
        ("--new", "3", "--cached", "100", "--heads", "1", "--window", "4"),
        3 * 4 * 2 * 256, 6 * 256 * 2 + 2 * 3 * 256, "memory",
    ),
    # 8,193 latents of 512 + 64 fp8 values; queries of 576 and results of 512, two bytes, in 128 heads.
    "mla": (
        SHAPES["mla"], 64 * 128 * 8193 * 2 * (576 + 512), 64 * (8193 * 576 + 128 * (2 * 576 + 2 * 512)), "compute"
    ),
    # A device has 32 experts, gets 128 * 8 / 8 rows and touches them all; three matrices each.
    "moe": (
        SHAPES["moe"], 2 * 128 * 3 * 7168 * 2048, 32 * 3 * 7168 * 2048 + 4 * 128 * 7168, "memory"
    ),
    # The switch adds: 9/8 of the message instead of a ring's 14/8.
    "collective": (SHAPES["collective"], 0, 64 * 2**20 * 9 // 8, "network"),
    "collective gather": (
        ("--kind", "all_gather", "--bytes", "1Mi", "--devices", "4"), 0, 2**20 * 3 // 4, "network"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_counts_by_hand(name: str, archcalc) -> None:
    options, flops, moved, bound = BY_HAND[name]
    data = asked(archcalc, name.split()[0], *options)
    assert (data["flops"], data["bytes"], data["time"]["bound"]) == (flops, moved, bound)
    peaks = {"fp8": 1979e12, "bf16": 989e12, "tf32": 494.5e12}
    if bound == "network":
        assert data["time"]["floor_s"] == pytest.approx(moved / 450e9, rel=1e-12)
        assert (data["intensity"], data["ridge"]) == (None, None)
    else:
        peak = peaks[data["multiplies"]]
        assert data["time"]["floor_s"] == pytest.approx(max(flops / peak, moved / 4.8e12), rel=1e-12)
        assert data["intensity"] == flops / moved
        assert data["ridge"] == pytest.approx(peak / 4.8e12, rel=1e-12)
    assert data["time"]["expected_s"] is None or data["time"]["expected_s"] >= data["time"]["floor_s"]


def test_keys(archcalc) -> None:
    data = asked(archcalc, "gemm", *SHAPES["gemm"])
    assert list(data)[:2] == ["schema", "command"]
    assert (data["kernel"], data["hardware"], data["key"]) == ("gemm", "h200-sxm", "fp8")
    assert (data["sizes"], data["choices"]) == ({"m": 128, "n": 8192, "k": 4096}, {"dtype": "fp8"})
    assert data["conventions"]["flop"] == "one multiply or one add"
    one = data["coefficients"]
    assert (one["family"], one["device"], one["inherited"]) == ("gemm", "h200-sxm", False)
    assert data["time"]["of_floor"] == data["time"]["expected_s"] / data["time"]["floor_s"]
    found = cm.kernel("gemm", hardware="h200-sxm", m=128, n="8Ki", k=4096, dtype="fp8")
    assert cm.to_data(found) == data


@pytest.mark.parametrize("kernel", KINDS)
def test_one_shape_is_a_row_of_a_file(kernel: str, archcalc, tmp_path) -> None:
    rows = {
        "gemm": "gemm_dtype,m,n,k\nfp8,128,8192,4096\n",
        "attention": "batch_size,isl,num_heads,num_key_value_heads,head_dim,attn_dtype,kv_cache_dtype,window_size,"
        "step\n32,1,32,8,128,bfloat16,bfloat16,0,4095\n",
        "mla": "batch_size,isl,num_heads,mla_dtype,kv_cache_dtype,step\n64,1,128,bfloat16,fp8,8192\n",
        "moe": "moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,moe_tp_size,moe_ep_size\n"
        "fp8_block,128,7168,2048,8,256,1,8\n",
        "collective": "allreduce_dtype,num_gpus,message_size\nbfloat16,8,33554432\n",
    }
    path = tmp_path / "row.csv"
    path.write_text(rows[kernel])
    out = archcalc("kernel", kernel, "-H", "h200-sxm", "--from", str(path), "--format", "csv").out
    row = next(csv.DictReader(io.StringIO(out)))
    time = asked(archcalc, kernel, *SHAPES[kernel])["time"]
    assert float(row["floor_us"]) == pytest.approx(time["floor_s"] * 1e6, rel=1e-8)
    assert float(row["expected_us"]) == pytest.approx(time["expected_s"] * 1e6, rel=1e-8)


@pytest.mark.parametrize("without", ["", "1"], ids=["numpy", "plain"])
@pytest.mark.parametrize("name", FILES)
def test_rows_keep_their_columns_and_get_two_more(name: str, without: str, archcalc, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ARCHCALC_NO_NUMPY", without)
    packed = next(MEASURED.glob(f"{name}__h200_sxm__*.csv.gz"))
    with gzip.open(packed, "rt") as file:
        lines = [line.rstrip("\n") for line in islice(file, 300)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    answer = archcalc("kernel", FILES[name], "-H", "h200-sxm", "--from", str(path), "--format", "csv")
    assert (answer.status, answer.err) == (0, "")
    out = answer.out.splitlines()
    assert out[0] == f"{lines[0]},floor_us,expected_us"
    assert [row.rsplit(",", 2)[0] for row in out] == lines
    for row in csv.DictReader(io.StringIO(answer.out)):
        assert 0 < float(row["floor_us"]) <= float(row["expected_us"])
    target = tmp_path / "out.csv"
    call = ("kernel", FILES[name], "-H", "h200-sxm", "--from", str(path), "--format", "csv", "--out", str(target))
    assert archcalc(*call).out == ""
    assert target.read_text() == answer.out


def test_where_nothing_was_measured_the_column_is_empty(archcalc, tmp_path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("gemm_dtype,m,n,k\nbfloat16,1307,1307,1307\n")
    out = archcalc("kernel", "gemm", "-H", "mi300x", "--from", str(path), "--format", "csv").out
    floor = f"{2 * 1307**3 / 1307.4e6:.9g}"
    assert out == f"gemm_dtype,m,n,k,floor_us,expected_us\nbfloat16,1307,1307,1307,{floor},\n"
    assert "not measured" not in archcalc("kernel", "gemm", "-H", "l4", "--from", str(path)).out


def test_quotes_and_what_a_spreadsheet_would_calculate(archcalc, tmp_path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('gemm_dtype,m,n,k,remark\nfp8,1,2,3,"a, ""b"""\nfp8,1,2,3,=cmd()\nfp8,1,2,3,-1e-3\n')
    out = archcalc("kernel", "gemm", "-H", "h200-sxm", "--from", str(path), "--format", "csv").out
    assert [row[4] for row in csv.reader(io.StringIO(out))] == ["remark", 'a, "b"', "'=cmd()", "-1e-3"]
    path.write_text("gemm_dtype,m,n,k,remark\nfp8,1,2,3,\x1b[31mred\u202e\n", encoding="utf-8")
    out = archcalc("kernel", "gemm", "-H", "h200-sxm", "--from", str(path), "--format", "csv").out
    assert "[31mred," in out
    assert "\x1b" not in out
    assert "\u202e" not in out


ROWS = """gemm_dtype,m,n,k,latency_us
bfloat16,2048,2048,2048,{0}
bfloat16,2048,2048,2048,{1}
bfloat16,2048,2048,2048,{2}
fp8,2048,2048,512,1
"""


@pytest.mark.parametrize("without", ["", "1"], ids=["numpy", "plain"])
def test_errors_by_format(without: str, archcalc, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ARCHCALC_NO_NUMPY", without)
    big = ("--m", "2048", "--n", "2048", "--k", "2048")
    expected = asked(archcalc, "gemm", *big)["time"]["expected_s"] * 1e6
    path = tmp_path / "rows.csv"
    # 0, 20 and 100 % off: the median is 20 %, the 90th percentile 0.2 + 0.8 * 0.8.
    path.write_text(ROWS.format(expected, expected / 1.2, expected / 2))
    data = asked(archcalc, "gemm", "--from", str(path))
    assert (data["rows"], data["measured"], data["file"]) == (4, True, str(path))
    bf16, fp8 = data["formats"]
    assert (bf16["key"], bf16["device"], bf16["rows"], bf16["judged"]) == ("bf16", "h200-sxm", 3, 3)
    assert bf16["median_error"] == pytest.approx(0.2, rel=1e-9)
    assert bf16["p90_error"] == pytest.approx(0.84, rel=1e-9)
    assert (bf16["judged_median_error"], bf16["below_floor"]) == (bf16["median_error"], 1)
    assert (fp8["judged"], fp8["judged_median_error"], fp8["below_floor"]) == (0, None, 1)
    shown = archcalc("kernel", "gemm", "-H", "h200-sxm", "--from", str(path)).out
    assert shown.startswith("gemm on h200-sxm  4 rows of rows.csv\n")
    assert "20.0%  84.0%" in shown
    path.write_text("\n".join(row.rpartition(",")[0] for row in ROWS.splitlines()))
    bare = asked(archcalc, "gemm", "--from", str(path))
    assert (bare["measured"], bare["formats"][0]["median_error"], bare["formats"][0]["below_floor"]) == (
        False, None, None
    )  # fmt: skip


def test_the_page_of_a_file(archcalc, golden) -> None:
    path = next(MEASURED.glob("nccl__h200_sxm__*.csv.gz"))
    answer = archcalc("kernel", "collective", "-H", "h200-sxm", "--from", str(path), terminal=True)
    golden("kernel-file.txt", answer.out)
    for form in ("markdown", "latex", "html", "json"):
        assert archcalc("kernel", "collective", "-H", "h200-sxm", "--from", str(path), "--format", form).status == 0


@pytest.mark.parametrize("kernel", KINDS)
@pytest.mark.parametrize("columns", [48, 80, 120])
def test_lines_fit_the_terminal(kernel: str, columns: int, archcalc) -> None:
    out = archcalc("kernel", kernel, "-H", "h200-sxm", *SHAPES[kernel], terminal=True, columns=columns).out
    assert all(len(row) <= columns for row in out.splitlines())
    assert archcalc("kernel", kernel, "-H", "h200-sxm", *SHAPES[kernel], "--ascii").out.isascii()
    for form in ("csv", "markdown", "latex", "html"):
        rows = archcalc("kernel", kernel, "-H", "h200-sxm", *SHAPES[kernel], "--format", form).out.splitlines()
        assert form != "csv" or len(rows) == 2


def test_fp32_on_a_cpu_uses_its_one_fit(archcalc) -> None:
    data = asked(archcalc, "gemm", "--m", "64", "--n", "64", "--k", "64", "--dtype", "fp32", hardware="local-cpu")
    assert (data["flops"], data["bytes"]) == (2 * 64**3, 3 * 4 * 64**2)
    assert data["time"]["expected_s"] > data["time"]["floor_s"]
    assert data["coefficients"]["median_error"] is None
    assert asked(archcalc, "gemm", "--m", "64", "--n", "64", "--k", "64", "--dtype", "fp32")["coefficients"] is None


GEMM = ("--m", "1", "--n", "2", "--k", "3")
MOE = ("--tokens", "1", "--d-model", "8", "--d-ff", "8", "--experts", "4", "--top-k")
MISTAKES = {
    ("gem",): 'there is no kernel "gem"\n  did you mean gemm?',
    ("softmax",): 'there is no kernel "softmax"\n  kernels: gemm, attention, mla, moe, collective',
    ("gemm", "--m", "1"): "gemm needs --n\n  archcalc kernel gemm -H h200-sxm --m 128 --n 8192 --k 4096",
    ("gemm", *GEMM, "--heads", "4"): "gemm has no --heads\n  it takes --m, --n, --k, --dtype",
    ("gemm", *GEMM, "--dtype", "fp9"): 'gemm has no dtype "fp9"\n  did you mean fp8?',
    ("gemm", *GEMM, "--dtype", "nvfp4"): (
        "h200-sxm has no nvfp4 matmul (it has fp64, fp32, tf32, bf16, fp16, fp8, int8)\n"
        "  archcalc hardware list shows what others multiply"
    ),
    ("gemm", "--m", "0", "--n", "2", "--k", "3"): '--m "0" is not a number from 1 to 2^60\n  --m 1',
    ("attention", "--heads", "30", "--kv-heads", "8"): "--heads 30 is not a multiple of --kv-heads 8\n  --kv-heads 30",
    ("moe", *MOE, "5"): (
        "--top-k 5 is more than --experts 4\n  --top-k 4"
    ),
    ("moe", *MOE, "2", "--ep", "3"): (
        "--experts 4 is not a multiple of --ep 3\n  --ep 1"
    ),
    ("moe", *MOE, "2", "--tp", "3"): (
        "--d-ff 8 is not a multiple of --tp 3\n  --tp 1"
    ),
    ("collective", "--bytes", "1", "--devices", "1"): "a collective needs two devices or more, not 1\n  --devices 8",
    ("collective", "--bytes", "1", "--devices", "9"): (
        "NVLink 4 of h200-sxm joins 8 devices, not 9\n"
        "  --devices 8; archcalc roofline times collectives beyond that"
    ),
    ("collective", "--bytes", "1", "--devices", "2", "--kind", "gather"): (
        'collective has no kind "gather"\n  did you mean all_gather?'
    ),
    ("gemm", *GEMM, "--from", "x.csv"): "--m stands beside --from, and the file has the sizes\n  take --m out",
    ("moe", "--from", "gemm.csv"): (
        "gemm.csv has the columns of gemm, not of moe\n  archcalc kernel gemm --hardware h200-sxm --from gemm.csv"
    ),
    ("gemm", "--from", "twice.csv"): (
        'twice.csv has a column "floor_us" already\n  take it out, or give the input'
    ),
    ("gemm", "--from", "no.csv"): "no.csv cannot be read: no such file or directory",
    ("gemm", *GEMM, "--format", "xml"): '--format is table, json, markdown, csv, latex or html, not "xml"',
}  # fmt: skip


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_a_mistake(arguments: tuple[str, ...], archcalc, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gemm.csv").write_text("gemm_dtype,m,n,k\nfp8,1,2,3\n")
    Path("twice.csv").write_text("gemm_dtype,m,n,k,floor_us\nfp8,1,2,3,4\n")
    kernel, *options = arguments
    answer = archcalc("kernel", kernel, "--hardware", "h200-sxm", *options)
    assert (answer.status, answer.out, answer.err) == (2, "", f"error: {MISTAKES[arguments]}\n")


def test_a_kernel_needs_a_device(archcalc) -> None:
    answer = archcalc("kernel", "gemm", *GEMM)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.endswith("archcalc kernel --help shows examples\n")


def test_examples_of_the_help_run(archcalc) -> None:
    examples = _sections(build("kernel").help or "")[1]
    assert len(examples) >= 3
    for example in examples:
        program, *arguments = example.split()
        assert program == "archcalc"
        assert archcalc(*arguments).status == 0, example
