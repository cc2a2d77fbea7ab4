"""``archcalc calibrate``: coefficients found again, profiles that load, this machine measured, mistakes."""

from __future__ import annotations

import csv
import io
import json
import math
from itertools import product
from pathlib import Path

import pytest

import costmodel as cm
from costmodel.machine import Machine
from costmodel.measured import ceilings
from costmodel.profiles import load_hardware
from costmodel.render.calibrate import yaml_text
from costmodel.render.profile import profile_yaml
from costmodel.report import local
from costmodel.report.local import LocalFigures, local_page
from costmodel.timing.gemm import GemmShape

MEASURED = Path(__file__).parent.parent.parent / "benchmarks" / "measured"
NCCL = next(MEASURED.glob("nccl__h200_sxm__*.csv.gz"))
FIGURES = LocalFigures(
    flop_per_s={512: 125.91e9, 1024: 120e9, 2048: 100e9},
    bytes_per_s={1: 100e9, 2: 129.4e9, 4: 110e9, 8: 90e9, 16: 60e9, 256: 40e9},
    call_s=7.391e-7,
    memory_bytes=16 * 2**30,
    cpu='Some "CPU" #1: fast',
    threads="one thread by OMP_NUM_THREADS=1",
)


@pytest.fixture
def kernels(tmp_path) -> Path:
    """A file whose latencies follow the formula exactly: fixed 5 us, 0.6 of the peak, 0.8 of the bandwidth."""
    path = tmp_path / "gemm.csv"
    fit = load_hardware("h200-sxm").fit("gemm", "bf16")
    assert fit is not None
    known = type(fit).of("bf16", {"fixed_us": 5.0, "compute": 0.6, "memory": 0.8, "step_us": 0.25})
    rates = ceilings(Machine.of(load_hardware("h200-sxm")), "bf16")
    shapes = product((1, 16, 64, 256, 1024, 4096), (1024, 4096, 16384), (1024, 3072, 8192, 12288))
    rows = [f"bfloat16,{m},{n},{k},{known.time_us(GemmShape(m, n, k, 2.0, 2.0), rates)}\n" for m, n, k in shapes]
    path.write_text("gemm_dtype,m,n,k,latency_us\n" + "".join(rows))
    return path


def test_the_coefficients_that_made_the_rows_are_found_again(archcalc, kernels) -> None:
    answer = archcalc("calibrate", "-H", "h200-sxm", "--from", str(kernels), "--format", "json")
    assert (answer.status, answer.err) == (0, "")
    data = json.loads(answer.out)
    assert list(data)[:2] == ["schema", "command"]
    assert (data["command"], data["hardware"], data["files"]) == ("calibrate", "h200-sxm", [str(kernels)])
    (row,) = data["rows"]
    assert (row["family"], row["key"], row["multiplies"], row["rows"]) == ("gemm", "bf16", "bf16", 72)
    assert row["coefficients"]["fixed_us"] == pytest.approx(5, rel=0.01)
    assert row["coefficients"]["compute"] == pytest.approx(0.6, rel=0.01)
    assert row["coefficients"]["memory"] == pytest.approx(0.8, rel=0.01)
    assert row["coefficients"]["step_us"] == pytest.approx(0.25, rel=0.01)
    for name in ("train_median_error", "train_p90_error", "median_error", "p90_error", "all_median_error"):
        assert row[name] < 0.001
    assert row["floor_median_error"] > 0.1
    assert row["below_floor"] == 0


def test_out_is_a_profile_that_hardware_takes(archcalc, kernels, tmp_path) -> None:
    target = tmp_path / "my-h200.yaml"
    call = ("calibrate", "-H", "h200-sxm", "--from", str(kernels), "--date", "2026-11-25", "--out", str(target))
    answer = archcalc(*call)
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith("h200-sxm  1 format fitted to 1 file\n\nfitted ")
    found, base = load_hardware(str(target)), load_hardware("h200-sxm")
    assert (found.name, found.title, found.aliases) == ("my-h200", "NVIDIA H200 SXM 141 GB, calibrated", [])
    assert found.quantities() == base.quantities()
    assert (found.scale_up, found.scale_out, found.note) == (base.scale_up, base.scale_out, base.note)
    assert found.sources["fitted"].title == "kernels measured in gemm.csv"
    assert found.sources["fitted"].read == "2026-11-25"
    assert found.calibration.source == "fitted"
    fit, device = found.fit_from("gemm", "bf16") or pytest.fail("nothing was fitted")
    assert device == "my-h200"
    assert fit.compute == pytest.approx(0.6, rel=0.01)
    assert found.fit_from("gemm", "fp8") == base.fit_from("gemm", "fp8")  # from the device, as a like one
    again = archcalc("kernel", "gemm", "-H", str(target), "--from", str(kernels), "--format", "json").out
    assert json.loads(again)["formats"][0]["median_error"] < 0.001
    before = target.read_bytes()
    assert archcalc(*call).out == answer.out
    assert target.read_bytes() == before  # nothing in it depends on when or how often


def test_yaml_goes_to_the_terminal_when_asked_for(archcalc, kernels, tmp_path) -> None:
    call = ("calibrate", "-H", "h200-sxm", "--from", str(kernels), "--format", "yaml")
    text = archcalc(*call).out
    assert text.startswith("# Written by archcalc calibrate --from.\nname: h200-sxm-calibrated\n")
    path = tmp_path / "h200-sxm-calibrated.yaml"
    assert archcalc(*call, "--out", str(path)).out == ""
    assert path.read_text(encoding="utf-8") == text
    same = tmp_path / "h200-sxm.yaml"  # a profile cannot be like itself
    assert archcalc(*call, "--out", str(same)).status == 0
    assert load_hardware(str(same)).name == "h200-sxm-calibrated"


def test_a_fit_of_what_ships_finds_what_ships(archcalc) -> None:
    page = cm.calibrate(NCCL, hardware="h200-sxm")
    assert {row.key for row in page.rows} == {"all_gather", "alltoall", "reduce_scatter", "all_reduce"}
    for row in page.rows:
        known = load_hardware("h200-sxm").fit("nccl", row.key)
        assert row.coefficients["link"] == pytest.approx(known.link, rel=0.01)
        assert row.median_error == pytest.approx(known.median_error, abs=1e-3)
        assert row.floor_median_error > 3 * row.median_error
    for form in ("csv", "markdown", "latex", "html", "table"):
        answer = archcalc("calibrate", "-H", "h200-sxm", "--from", str(NCCL), "--format", form)
        assert answer.status == 0
    rows = list(
        csv.reader(io.StringIO(archcalc("calibrate", "-H", "h200", "--from", str(NCCL), "--format", "csv").out))
    )
    assert len(rows) == 5


@pytest.mark.parametrize("name", ["h200-sxm", "tpu-v5e", "mi300x", "m3-ultra", "local-cpu"])
def test_a_profile_survives_being_written(name: str, tmp_path) -> None:
    found = load_hardware(name)
    path = tmp_path / f"{name}.yaml"
    path.write_text(profile_yaml(found), encoding="utf-8")
    again = load_hardware(str(path))
    bare = found.model_copy(update={"aliases": [], "calibration": again.calibration})
    assert again.model_dump() == bare.model_dump()


def test_the_profile_of_this_machine(archcalc, golden, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(local, "measure", lambda **_: FIGURES)
    target = tmp_path / "local-cpu.yaml"
    answer = archcalc("calibrate", "--local", "--date", "2026-11-25", "--out", str(target), terminal=True)
    assert (answer.status, answer.err) == (0, "")
    golden("calibrate-local.txt", answer.out)
    golden("calibrate-local.yaml", target.read_text(encoding="utf-8"))
    found = load_hardware(str(target))
    assert {quantity.basis for quantity in found.quantities().values()} == {"measured"}
    assert found.title == 'One core of this machine\'s CPU (Some "CPU" #1: fast)'
    assert found.memory_capacity.amount == 16 * 2**30
    assert found.memory_bandwidth.amount == 129 * 10**9  # the best copy, so that nothing beats the floor
    assert found.dense_peak["fp32"].amount == 126 * 10**9
    fit = found.fit("gemm", "bf16")
    # 100 of 125.91 GFLOP/s, 40 of 129.4 GB/s, 0.7391 us a call.
    assert (fit.multiplies, fit.compute, fit.memory, fit.fixed_us) == ("fp32", 0.794, 0.309, 0.739)
    data = json.loads(archcalc("calibrate", "--local", "--date", "2026-11-25", "--format", "json").out)
    assert data["measured"]["flop_per_s"]["512"] == 125.91e9
    for form in ("csv", "markdown", "latex", "html"):
        assert "256 MB" in archcalc("calibrate", "--local", "--format", form).out


def test_its_source_says_the_day(monkeypatch) -> None:
    from datetime import date

    monkeypatch.setattr(local, "measure", lambda **_: FIGURES)
    page = local.calibrate_local()
    assert page.profile is not None
    assert page.profile.sources["local"].read == date.today().isoformat()
    assert "read: 2020-02-29" in yaml_text(local_page(FIGURES, name="x", date="2020-02-29"))


def test_this_machine_is_measured() -> None:
    found = local.measure(rounds=1)
    assert set(found.flop_per_s) == {512, 1024, 2048}
    assert set(found.bytes_per_s) == {1, 2, 4, 8, 16, 256}
    for value in (*found.flop_per_s.values(), *found.bytes_per_s.values(), found.call_s):
        assert math.isfinite(value)
        assert value > 0
    # A core does more than 1 GFLOP/s and less than 10 TFLOP/s; a call takes less than a millisecond.
    assert 1e9 < found.peak < 1e13
    assert found.call_s < 1e-3
    assert found.memory_bytes > 2**28


def test_a_call_is_timed_by_as_many_calls_as_the_clock_needs(monkeypatch) -> None:
    clock = 0.0

    def tick() -> None:
        nonlocal clock
        clock += 0.0003

    monkeypatch.setattr(local, "process_time", lambda: clock)
    assert local.seconds(tick, 3) == pytest.approx(0.0003)


TWICE = "nccl all_gather is in one.csv and in two.csv\n  put their rows into one file"
MISTAKES = {
    (): "calibrate needs --hardware NAME, or --local\n  archcalc calibrate --help shows examples",
    ("-H", "h200-sxm"): "calibrate needs --from FILE, or --local\n  archcalc calibrate --help shows examples",
    ("--from", "one.csv"): "calibrate needs --hardware NAME, or --local\n  archcalc calibrate --help shows examples",
    ("--local", "-H", "h200-sxm"): (
        "--hardware stands beside --local, which measures this machine\n  take --hardware out"
    ),
    ("--local", "--from", "one.csv"): "--from stands beside --local, which measures this machine\n  take --from out",
    ("--local", "--date", "today"): '--date "today" is not a day\n  --date 2026-11-25',
    ("-H", "h200-sxm", "--from", "bare.csv"): (
        "bare.csv has no column latency_us\n  calibrate needs what was measured"
    ),
    ("-H", "h200-sxm", "--from", "no.csv"): "no.csv cannot be read: no such file or directory",
    ("-H", "h200-sxm", "--from", "one.csv", "--from", "two.csv"): TWICE,
    ("-H", "h200-sxm", "--from", "one.csv", "--format", "xml"): (
        '--format is table, json, markdown, csv, latex, html or yaml, not "xml"'
    ),
    ("-H", "h200-sxm", "--from", "none.csv"): "none.csv has no rows\n  calibrate needs what was measured",
    ("-H", "h200-sxm", "--from", "few.csv"): (
        "few.csv has 2 rows of gemm bf16, 2 in the half that is fitted to\n"
        "  5 coefficients need 12 shapes or more; or take these rows out"
    ),
    ("-H", "h200-sxm", "--from", "zero.csv"): (
        'zero.csv:2: latency_us "0" is not a number above 0 to 2^60'
    ),
    ("-H", "l4", "--from", "fp4.csv"): (
        "l4 has no nvfp4 matmul (it has fp32, tf32, bf16, fp16, fp8, int8, int4)\n"
        "  archcalc hardware list shows what others multiply"
    ),
}  # fmt: skip


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_a_mistake(arguments: tuple[str, ...], archcalc, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "measure", lambda **_: FIGURES)
    rows = "".join(f"all_gather,half,8,{1024 * 2**i},{10 + 2**i}\n" for i in range(12))
    for name in ("one.csv", "two.csv"):
        Path(name).write_text("op_name,nccl_dtype,num_gpus,message_size,latency_us\n" + rows)
    Path("none.csv").write_text("gemm_dtype,m,n,k,latency_us\n")
    Path("few.csv").write_text("gemm_dtype,m,n,k,latency_us\nbfloat16,1,2048,3072,5\nbfloat16,1,2048,3072,6\n")
    Path("zero.csv").write_text("gemm_dtype,m,n,k,latency_us\nbfloat16,1,2048,3072,0\n")
    Path("bare.csv").write_text("gemm_dtype,m,n,k\nbfloat16,1,2,3\n")
    Path("fp4.csv").write_text("gemm_dtype,m,n,k,latency_us\nnvfp4,1,2,3,4\n")
    answer = archcalc("calibrate", *arguments)
    assert (answer.status, answer.out, answer.err) == (2, "", f"error: {MISTAKES[arguments]}\n")


def test_without_numpy_it_says_what_to_install(archcalc, kernels, monkeypatch) -> None:
    monkeypatch.setenv("ARCHCALC_NO_NUMPY", "1")
    answer = archcalc("calibrate", "-H", "h200-sxm", "--from", str(kernels))
    assert (answer.status, answer.out) == (2, "")
    assert answer.err == 'error: calibrate needs NumPy and SciPy\n  pip install "archcalc[calibrate]"\n'


def test_a_file_that_cannot_be_written_prints_no_table(archcalc, kernels, tmp_path) -> None:
    target = tmp_path / "no" / "x.yaml"
    answer = archcalc("calibrate", "-H", "h200-sxm", "--from", str(kernels), "--out", str(target))
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.endswith(": no such file or directory\n  nothing was written\n")


def test_examples_of_the_help_run(archcalc, kernels, tmp_path, monkeypatch) -> None:
    from costmodel.cli.app import _sections, build

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "measure", lambda **_: FIGURES)
    Path("nccl.csv").write_text(kernels.read_text())
    for example in _sections(build("calibrate").help or "")[1]:
        program, *arguments = example.split()
        assert program == "archcalc"
        assert archcalc(*arguments).status == 0, example
    assert {path.name for path in tmp_path.iterdir()} >= {"my-h200.yaml", "local-cpu.yaml"}
