"""``archcalc hardware``: its pages to the character, its formats, its keys, its mistakes."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from unicodedata import combining, east_asian_width

import pytest

import costmodel as cm
from costmodel.catalog import spec_root
from costmodel.cli.app import _sections, build
from costmodel.profiles import SHELF, load_hardware

PAGES = {
    "hardware-help.txt": (("hardware", "--help"), {}),
    "hardware-list-hopper.txt": (("hardware", "list", "hopper"), {}),
    "hardware-list-hopper-44.txt": (("hardware", "list", "h200"), {"columns": 44}),
    "hardware-show-l40s.txt": (("hardware", "show", "l40s"), {}),
    "hardware-show-h100-pcie.txt": (("hardware", "show", "h100-pcie", "-q"), {}),
    "hardware-compare.txt": (("hardware", "compare", "h100-sxm", "h200-sxm", "mi300x"), {}),
}
COMMANDS = [
    ("hardware",),
    ("hardware", "list", "nvidia"),
    ("hardware", "show", "gb200", "-v"),
    ("hardware", "show", "tpu-v5e"),
    ("hardware", "show", "local-cpu"),
    ("hardware", "compare", "h100-sxm", "b200-sxm", "gaudi-3"),
]


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str, archcalc, golden) -> None:
    arguments, options = PAGES[name]
    answer = archcalc(*arguments, terminal=True, **options)
    assert (answer.status, answer.err) == (0, "")
    golden(name, answer.out)


def cells(text: str) -> int:
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("columns", [48, 60, 80, 100, 160])
def test_lines_fit_the_terminal(command: tuple[str, ...], columns: int, archcalc) -> None:
    out = archcalc(*command, terminal=True, columns=columns).out
    assert [row for row in out.splitlines() if cells(row) > columns and len(row.split()) > 1] == []
    assert not any(row != row.rstrip() for row in out.splitlines())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_format(command: tuple[str, ...], archcalc) -> None:
    assert archcalc(*command, "--ascii").out.isascii()
    assert "next: " in archcalc(*command, terminal=True).out
    assert "next: " not in archcalc(*command).out
    data = json.loads(archcalc(*command, "--format", "json").out)
    assert list(data)[:2] == ["schema", "command"]
    assert (data["schema"], data["command"]) == ("archcalc/1", "hardware")
    assert data["conventions"]["flop"] == "one multiply or one add"
    rows = list(csv.reader(io.StringIO(archcalc(*command, "--format", "csv").out)))
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}
    assert archcalc(*command, "--format", "markdown").out.count("\n| --") >= 1
    latex = archcalc(*command, "--format", "latex").out
    assert r"\bottomrule" in latex


def test_list_keys(archcalc) -> None:
    data = json.loads(archcalc("hardware", "list", "--format", "json").out)
    rows = {row["name"]: row for row in data["rows"]}
    assert list(rows) == [row.name for row in cm.hardware("list").rows]
    h200 = rows["h200-sxm"]
    assert h200["title"] == "NVIDIA H200 SXM 141 GB"
    assert (h200["memory_bytes"], h200["bandwidth_bytes_per_s"]) == (141 * 10**9, 4800 * 10**9)
    assert tuple(h200[f"{name}_flop_per_s"] for name in ("bf16", "fp8", "fp4")) == (989 * 10**12, 1979 * 10**12, None)
    assert (h200["link_bytes_per_s"], h200["power_w"], h200["unverified"]) == (450 * 10**9, 700, 2)
    assert (h200["calibrated"], h200["like"]) == ("own", [])
    assert (rows["h100-pcie"]["calibrated"], rows["h100-pcie"]["like"]) == ("like", ["h100-sxm"])
    assert rows["mi300x"]["calibrated"] == "none"
    assert rows["b200-sxm"]["fp4_flop_per_s"] == 9000 * 10**12


def test_show_has_every_figure_with_its_source(archcalc) -> None:
    data = json.loads(archcalc("hardware", "show", "h200-sxm", "--format", "json").out)
    figures = {figure["name"]: figure for figure in data["figures"]}
    assert figures == {figure["name"]: figure for figure in cm.to_data(cm.hardware("show", "h200-sxm"))["figures"]}
    assert set(figures) == set(load_hardware("h200-sxm").quantities())
    assert figures["dense_peak.fp8"] == {
        "name": "dense_peak.fp8",
        "value": "1979 TFLOP/s",
        "amount": 1979 * 10**12,
        "unit": "FLOP/s",
        "basis": "derived",
        "source": "trtllm",
        "source_title": "NVIDIA TensorRT-LLM, cluster_info.py",
        "note": "half of the 3958 printed, which is with sparsity",
    }
    assert figures["scale_up.latency"]["source"] is None
    assert {source["name"] for source in data["sources"]} == set(load_hardware("h200-sxm").sources)


def test_inherited_errors_are_twice_as_wide(archcalc) -> None:
    def rows(name: str) -> dict[tuple[str, str], dict[str, object]]:
        data = json.loads(archcalc("hardware", "show", name, "--format", "json").out)
        return {(row["family"], row["key"]): row for row in data["calibrations"]}

    own, inherited = rows("h100-sxm"), rows("h100-pcie")
    assert set(own) == set(inherited)
    for key, row in inherited.items():
        assert (row["device"], row["inherited"], own[key]["inherited"]) == ("h100-sxm", True, False)
        assert row["coefficients"] == own[key]["coefficients"]
        assert row["median_error"] == 2 * own[key]["median_error"]
        assert row["p90_error"] == 2 * own[key]["p90_error"]


def test_compare_is_in_the_order_asked_and_ratio_is_last_over_first(archcalc) -> None:
    data = json.loads(archcalc("hardware", "compare", "b200-sxm", "h100-sxm", "--format", "json").out)
    assert [device["name"] for device in data["devices"]] == ["b200-sxm", "h100-sxm"]
    figures = {figure["name"]: figure for figure in data["figures"]}
    assert figures["memory_capacity"]["values"] == [180 * 10**9, 80 * 10**9]
    assert figures["memory_capacity"]["ratio"] == 80 / 180
    assert figures["dense_peak.nvfp4"]["values"] == [9000 * 10**12, None]
    assert figures["dense_peak.nvfp4"]["ratio"] is None


def test_a_profile_of_ones_own(archcalc, tmp_path) -> None:
    folder = tmp_path / "mine" / "hardware"
    folder.mkdir(parents=True)
    text = (spec_root() / "hardware" / "l4.yaml").read_text(encoding="utf-8")
    text = text.replace("name: l4\n", "name: my-card\n").replace("aliases: [", "aliases: [mine, x")
    (folder / "my-card.yaml").write_text(text, encoding="utf-8")
    listed = archcalc("hardware", "list", "my-card", "--specs", str(tmp_path / "mine"), "-q").out
    assert listed.splitlines()[1].startswith("my-card")
    by_name = archcalc("hardware", "show", "my-card", "--specs", str(tmp_path / "mine")).out
    assert archcalc("hardware", "show", str(folder / "my-card.yaml")).out == by_name
    assert by_name.startswith("my-card  ")


HOSTILE = "\\u001b[31m\\u202e[red]x[/red] | a <script> \\\\write18{ls} $x$"


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown", "latex", "html"])
def test_a_users_text_is_no_markup_anywhere(form: str, archcalc, tmp_path) -> None:
    text = (spec_root() / "hardware" / "l4.yaml").read_text(encoding="utf-8")
    path = tmp_path / "hostile.yaml"
    path.write_text(text.replace("title: NVIDIA L4\n", f'title: "=cmd() {HOSTILE}"\n'), encoding="utf-8")
    answer = archcalc("hardware", "show", str(path), "--format", form, terminal=form == "table", columns=200)
    assert answer.status == 0
    assert "\x1b" not in answer.out
    assert "\u202e" not in answer.out
    assert form != "markdown" or "<script>" not in answer.out
    assert form != "latex" or "\\write18" not in answer.out


MISTAKES = {
    ("hardware", "shwo"): 'error: hardware has no action "shwo"\n  did you mean show?\n',
    ("hardware", "h100-sxm"): (
        'error: hardware has no action "h100-sxm"\n'
        "  archcalc hardware list, show or compare; of one device: archcalc hardware show h100-sxm\n"
    ),
    ("hardware", "list", "a", "b"): "error: hardware list takes one filter, not 2\n  archcalc hardware list a\n",
    ("hardware", "show"): "error: hardware show takes one name, not 0\n  archcalc hardware list\n",
    ("hardware", "show", "l4", "l40s"): (
        "error: hardware show takes one name, not 2\n  archcalc hardware compare NAME NAME\n"
    ),
    ("hardware", "compare", "l4"): (
        "error: hardware compare takes two names or more, not 1\n  archcalc hardware compare h100-sxm h200-sxm\n"
    ),
    ("hardware", "show", "h201-sxm"): (
        'error: no hardware "h201-sxm"\n'
        "  did you mean h20, h200-sxm, h800-sxm? All names: archcalc hardware list\n"
    ),
    ("hardware", "list", "--specs", "no-such-folder"): (
        'error: --specs "no-such-folder" is not a folder\n  name the folder of your spec files\n'
    ),
}  # fmt: skip


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_a_mistake(arguments: tuple[str, ...], archcalc) -> None:
    answer = archcalc(*arguments)
    assert (answer.status, answer.out, answer.err) == (2, "", MISTAKES[arguments])


def test_nothing_found_is_no_mistake(archcalc) -> None:
    answer = archcalc("hardware", "list", "abacus")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out == 'no name, title, alias or vendor contains "abacus"\n'


def test_examples_of_the_help_run(archcalc) -> None:
    examples = _sections(build("hardware").help or "")[1]
    assert len(examples) >= 2
    for example in examples:
        program, *arguments = example.split()
        assert program == "archcalc"
        assert archcalc(*arguments).status == 0, example


def test_every_profile_that_ships_is_shown(archcalc) -> None:
    from costmodel.catalog import names

    for name in names((), SHELF):
        answer = archcalc("hardware", "show", name, "--format", "csv")
        assert answer.status == 0
        assert f"\n{name},memory_capacity," in answer.out


def test_a_write_to_a_file_is_whole(archcalc, tmp_path) -> None:
    target = tmp_path / "list.json"
    assert archcalc("hardware", "list", "--format", "json", "--out", str(target)).out == ""
    assert json.loads(target.read_text(encoding="utf-8"))["action"] == "list"
    shutil.rmtree(tmp_path)
    assert archcalc("hardware", "list", "--out", str(target)).status == 2
    assert not Path(target).exists()


@pytest.mark.parametrize(
    ("calibration", "device", "error"),
    [
        ("", "h100-sxm", 2.0),  # what the base measured, twice as wide
        ("calibration: {gemm: {bf16: {fixed_us: 1}}}\n", "derived", None),  # other coefficients: no known error
    ],
)
def test_what_a_base_measured_is_not_a_derived_devices_own(
    calibration: str, device: str, error: float | None, tmp_path: Path
) -> None:
    path = tmp_path / "derived.yaml"
    path.write_text(f"base: h100-sxm\nname: derived\ntitle: Derived\n{calibration}")
    own, found = (
        next(op.coefficients for op in cm.roofline("llama-3.1-8b", name).ops if op.family == "gemm")
        for name in ("h100-sxm", str(path))
    )
    assert own is not None
    assert found is not None
    assert (found.device, found.inherited) == (device, device == "h100-sxm")
    assert found.median_error == (error and error * (own.median_error or 0))


def test_without_multiprocessors_attention_is_not_expected(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text("base: h100-sxm\nname: odd\ntitle: Odd\ncompute_units: ~\n")
    page = cm.roofline("llama-3.1-8b", str(path))
    assert {op.family for op in page.ops if op.expected_s is None} == {"attention"}
    assert page.time.expected_s is None


def test_no_module_takes_the_name_of_a_function() -> None:
    root = Path(cm.__file__).parent
    assert not [name for name in cm.__all__ if (root / f"{name}.py").exists() or (root / name).exists()]
