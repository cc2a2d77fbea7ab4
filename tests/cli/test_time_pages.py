"""roofline, serve, fit and compare with a device: pages to the character, JSON keys, mistakes as whole messages."""

from __future__ import annotations

import csv
import io
import json

import pytest

import costmodel as cm
from costmodel import catalog, memory

V3 = ("--hardware", "h200-sxm", "--ep", "8", "--dtype", "weights=fp8,kv=fp8")
CALLS = {
    "roofline": ("roofline", "deepseek-v3", *V3, "--batch", "128", "--cached", "8192"),
    "roofline prefill": ("roofline", "llama-3.1-8b", "-H", "l40s", "--new", "2048"),
    "roofline pipeline": ("roofline", "llama-3.1-405b", "-H", "h100-sxm", "--tp", "8", "--pp", "2", "--batch", "8"),
    "roofline not measured": ("roofline", "qwen3-8b", "-H", "tpu-v5p", "--new", "2048"),
    "serve": ("serve", "deepseek-v3", *V3, "--context", "8Ki"),
    "serve mixed": ("serve", "llama-3.1-70b", "-H", "h100-sxm", "--tp", "4", "--prompt", "2048", "--output", "512",
                    "--price", "2.50"),
    "serve drafted": ("serve", "deepseek-v3", *V3, "--draft", "1", "--accept", "0.85"),
    "fit": ("fit", "llama-3.1-405b", "--hardware", "h100-sxm", "--context", "128Ki"),
    "fit plan": ("fit", "llama-3.1-70b", "-H", "h100-sxm", "--tp", "1", "--context", "8Ki"),
    "compare": ("compare", "deepseek-v3", "llama4", "-H", "h200-sxm", "--devices", "8", "--batch", "64", "--dtype",
                "weights=fp8"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_page(name: str, archcalc, golden) -> None:
    answer = archcalc(*CALLS[name], terminal=True)
    assert (answer.status, answer.err) == (0, "")
    golden(f"{name.replace(' ', '-')}.txt" if name != "compare" else "compare-hardware.txt", answer.out)


@pytest.mark.parametrize("name", ["roofline", "serve", "fit"])
def test_help(name: str, archcalc, golden) -> None:
    golden(f"{name}-help.txt", archcalc(name, "--help").out)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("columns", [48, 80, 120])
def test_lines_fit_the_terminal(name: str, columns: int, archcalc) -> None:
    answer = archcalc(*CALLS[name], terminal=True, columns=columns)
    assert answer.status == 0
    assert "..." not in answer.out
    assert max(map(len, answer.out.splitlines())) <= max(columns, 48)


@pytest.mark.parametrize("name", CALLS)
def test_ascii(name: str, archcalc) -> None:
    assert archcalc(*CALLS[name], "--ascii").out.isascii()


def test_roofline_keys_and_sums(archcalc) -> None:
    data = json.loads(archcalc(*CALLS["roofline"], "--format", "json").out)
    time = data["time"]
    assert {"floor_s", "serial_s", "expected_s", "bound"} <= set(time)
    assert time["bound"] == "memory"
    assert time["floor_s"] == max(time["compute_s"], time["memory_s"], time["network_s"])
    assert time["floor_s"] <= time["serial_s"] <= time["expected_s"]
    assert sum(op["floor_s"] for op in data["ops"]) == pytest.approx(time["serial_s"], rel=1e-12)
    assert sum(op["bytes"] for op in data["ops"]) / 4.8e12 == pytest.approx(time["memory_s"], rel=1e-9)
    expected = sum(op["expected_s"] for op in data["ops"]) + time["overhead_s"]
    assert expected == pytest.approx(time["expected_s"], rel=1e-12)
    assert sum(group["serial_s"] for group in data["groups"]) == pytest.approx(time["serial_s"], rel=1e-12)
    assert data["plan"]["dp"] == data["plan"]["ep"] == 8
    assert data["local_batch"] == 16


def test_roofline_explains_what_binds(archcalc) -> None:
    """16 sequences a device, 32 of 256 experts: 32 x (1 - (31/32)^128) = 31.45 are read, 44,040,192 bytes each."""
    data = json.loads(archcalc(*CALLS["roofline"], "--format", "json").out)
    experts = next(op for op in data["ops"] if op["group"] == "experts")
    assert experts["weight_bytes"] == pytest.approx(58 * 32 * (1 - (31 / 32) ** 128) * 44_040_192, abs=1)
    attend = next(op for op in data["ops"] if op["group"] == "attention scores")
    assert attend["state_bytes"] == 61 * 16 * 576 * (8193 + 1)  # latents and rotated keys in fp8; one is added
    assert attend["flops"] == 61 * 16 * 8193 * 128 * 2 * (576 + 512)
    exchange = next(group for group in data["groups"] if group["group"] == "all-to-all")
    copies = 7 * (1 - (7 / 8) ** 8)  # of the seven other devices, those with one of a token's eight experts
    assert exchange["wire_bytes"] == pytest.approx(58 * 16 * copies * 7168 * (1 + 2), abs=1)  # fp8 there, bf16 back
    answer = archcalc(*CALLS["roofline"]).out
    assert "31.5 of the 32 on a device are read for 4.1 tokens each" in answer
    assert "all-to-all: the bytes take 0.204 ms, the start of 116 calls the other" in answer
    assert "--batch 512" in answer


def test_fit_gives_the_smallest_count_with_its_arithmetic(archcalc) -> None:
    data = json.loads(archcalc(*CALLS["fit"], "--format", "json").out)
    first = data["rows"][0]
    assert (first["devices"], first["plan"]["tp"], first["plan"]["pp"]) == (12, 4, 3)
    assert data["weights_total_bytes"] == 2 * 405_853_388_800
    assert data["cache_total_bytes"] == 131_072 * 126 * 2 * 8 * 128 * 2
    # 42 of 126 layers on four devices, and the head of 128,256 x 16,384 on the last stage, all in two bytes.
    layer = 2 * 16384 * 16384 + 2 * 16384 * 1024 + 3 * 16384 * 53248
    norms = 2 * 16384
    assert first["weights_bytes"] == 2 * (42 * (layer // 4 + norms) + 128_256 * 16384 // 4 + 16384)
    assert first["cache_bytes"] == 131_072 * 42 * 2 * 2 * 128 * 2  # two of the eight key heads
    assert first["used_bytes"] == sum(first[f"{name}_bytes"] for name in ("weights", "cache", "activation", "reserve"))
    assert first["used_bytes"] <= first["capacity_bytes"] == 80 * 10**9
    less = data["less"]
    assert less["devices"] == 11
    assert less["used_bytes"] > 80 * 10**9


def test_no_smaller_count_fits() -> None:
    """Every plan of fewer devices is refused, each by its own arithmetic."""
    import costmodel as cm
    from costmodel.errors import UsageError

    for tp in (1, 2, 4, 8):
        for pp in range(1, 12 // tp + 1):
            if tp * pp >= 12:
                continue
            try:
                page = cm.fit("llama-3.1-405b", "h100-sxm", context=["128Ki"], dtype="bf16", tp=tp, pp=pp)
            except UsageError:
                continue
            assert not page.fits, (tp, pp)


def test_serve_rows_agree_with_roofline(archcalc) -> None:
    served = json.loads(archcalc(*CALLS["serve"], "--batch", "128", "--format", "json").out)
    step = json.loads(
        archcalc("roofline", "deepseek-v3", *V3, "--batch", "128", "--cached", "8191", "--format", "json").out
    )
    row = served["rows"][0]
    for name in ("floor_s", "serial_s", "expected_s"):
        assert row[name] == pytest.approx(step["time"][name], rel=1e-12)
    assert row["tokens_per_s_per_device"] == pytest.approx(128 / 8 / row["expected_s"])
    assert row["joule_per_token"] == pytest.approx(700 * 8 * row["expected_s"] / 128)
    memory = served["memory"]
    most = memory["capacity_bytes"] - memory["weights_bytes"] - memory["activation_bytes"] - memory["reserve_bytes"]
    assert served["limits"]["largest_batch"] == 8 * (most // memory["cache_bytes"])


def test_a_ladder_of_batches_is_what_single_steps_are(archcalc) -> None:
    """The steps of a ladder are lowered once; each must be what it is alone."""
    ladder = json.loads(archcalc(*CALLS["serve"], "--format", "json").out)["rows"]
    for row in ladder:
        alone = json.loads(archcalc(*CALLS["serve"], "--batch", str(row["batch"]), "--format", "json").out)["rows"][0]
        assert row == alone


def test_drafting_pays_by_what_is_accepted(archcalc) -> None:
    plain = json.loads(archcalc(*CALLS["serve"], "--context", "4Ki", "--batch", "8", "--format", "json").out)
    drafted = json.loads(archcalc(*CALLS["serve drafted"], "--batch", "8", "--format", "json").out)
    assert drafted["speculation"]["tokens_per_step"] == pytest.approx(1 + 0.85)
    assert drafted["rows"][0]["floor_s"] < plain["rows"][0]["floor_s"]


def test_a_drafter_takes_room(tmp_path) -> None:
    """8,030,261,248 parameters, 131,072 bytes of cache a token; an MTP layer of a tied model over two stages."""
    alone = cm.serve("llama-3.1-8b", "h100-sxm", batches=[1])
    drafted = cm.serve("llama-3.1-8b", "h100-sxm", batches=[1], draft=1, accept=0.8, draft_model="llama-3.1-8b")
    assert drafted.memory.weights_bytes == 2 * alone.memory.weights_bytes == 4 * 8_030_261_248
    assert drafted.memory.cache_bytes == 2 * alone.memory.cache_bytes == 2 * 4096 * 131_072
    path = tmp_path / "tied-mtp.yaml"
    path.write_text("base: llama-3.2-1b\nname: tied-mtp\nmtp: {depth: 1, mixer: attention, ffn: mlp}\n")
    plain = cm.serve(str(path), "h100-sxm", pp=2, batches=[1])
    mtp = cm.serve(str(path), "h100-sxm", pp=2, batches=[1], draft=1, accept=0.5)
    assert mtp.memory.weights_bytes > plain.memory.weights_bytes


def test_price(archcalc) -> None:
    row = json.loads(archcalc(*CALLS["serve mixed"], "--format", "json").out)["rows"][-1]
    assert row["usd_per_million_tokens"] == pytest.approx(2.5 / 3600 / row["tokens_per_s_per_device"] * 1e6)


@pytest.mark.parametrize("name", CALLS)
def test_csv_has_one_header_and_full_rows(name: str, archcalc) -> None:
    rows = list(csv.reader(io.StringIO(archcalc(*CALLS[name], "--format", "csv").out)))
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}


MISTAKES = {
    ("roofline", "llama-3.1-405b", "-H", "h100-sxm", "--tp", "3"): (
        "error: tp 3 does not divide n_heads 128\n  tp that does: 1, 2, 4, 8, 16, 32, 64, 128\n"
    ),
    ("fit", "llama-3.1-405b", "-H", "h100-sxm", "--dtype", "int4"): (
        "error: h100-sxm has no int4 matmul (it has fp64, fp32, tf32, bf16, fp16, fp8, int8)\n"
        "  --emulate int4 stores int4 and computes in bf16\n"
    ),
    ("roofline", "deepseek-v3", "-H", "h200-sxm", "--ep", "7"): (
        "error: ep 7 does not divide n_experts 256\n  ep that does: 2, 4, 8, 16, 32, 64, 128, 256\n"
    ),
    ("roofline", "llama-3.1-8b", "-H", "h200-sxm", "--ep", "8"): (
        "error: ep 8 spreads experts, and llama-3.1-8b has none\n  leave --ep out\n"
    ),
    ("roofline", "llama-3.1-8b", "-H", "h200-sxm", "--pp", "33"): (
        "error: pp 33 is more than the 32 layers\n  a stage needs a layer\n"
    ),
    ("roofline", "deepseek-v3", "-H", "h200-sxm", "--ep", "8", "--tp", "3"): (
        "error: ep 8 is no multiple of tp x cp = 3\n  ep 9\n"
    ),
    ("roofline", "llama-3.1-8b", "-H", "h300"): (
        'error: no hardware "h300"\n  did you mean h800-sxm, h200-sxm, h100-sxm? All names: archcalc hardware list\n'
    ),
    ("roofline", "llama-3.1-8b", "-H", "m2-ultra", "--tp", "2"): (
        "error: m2-ultra has no link, and 2 are asked for\n  add scale_up or scale_out in its profile\n"
    ),
    ("serve", "llama-3.1-405b", "-H", "rtx-4090", "--tp", "8", "--pp", "2"): (
        "error: rtx-4090 links 8 devices, and 16 are asked for\n  add scale_out in its profile\n"
    ),
    ("roofline", "llama-3.1-8b"): "error: --hardware NAME is missing\n  archcalc roofline --help shows examples\n",
    ("serve", "llama-3.1-405b", "-H", "h100-sxm"): (
        "error: llama-3.1-405b does not fit on 1 x h100-sxm: 819.8 GB a device of 80.0\n"
        "  archcalc fit llama-3.1-405b --hardware h100-sxm --context 4Ki finds a plan\n"
    ),
    ("serve", "llama-3.1-8b", "-H", "h100-sxm", "--draft", "2", "--accept", "0.8"): (
        "error: llama-3.1-8b has no MTP layers to draft with\n  a smaller model: --draft-model NAME\n"
    ),
    (
        "serve",
        "deepseek-v3",
        "-H",
        "h200-sxm",
        "--ep",
        "16",
        "--draft",
        "1",
        "--accept",
        "0.8",
        "--prompt",
        "9",
        "--output",
        "9",
    ): ("error: drafting is not timed beside prompts that are read\n  leave --prompt and --output out\n"),
    ("serve", "llama-3.1-8b", "-H", "h100-sxm", "--cp", "2", "--prompt", "9", "--output", "9"): (
        "error: prompts beside decoding are not timed with --cp\n  leave --cp out\n"
    ),
    ("serve", "llama-3.1-8b", "-H", "h100-sxm", "--prompt", "9", "--output", "9", "--context", "8"): (
        "error: --prompt and --output say how long sequences get\n  leave --context out\n"
    ),
    ("serve", "llama-3.1-8b", "-H", "h100-sxm", "--draft", "1", "--accept", "1.5"): (
        'error: --accept "1.5" is no share of 1\n  --accept 0.8\n'
    ),
    ("serve", "llama-3.1-8b", "-H", "h100-sxm", "--prompt", "2048"): (
        "error: --prompt and --output are given together\n  --prompt 2048 --output 512\n"
    ),
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_mistakes(arguments: tuple[str, ...], archcalc) -> None:
    answer = archcalc(*arguments)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err == MISTAKES[arguments]


def test_what_does_not_fit_is_said_and_what_would_help_fits(archcalc) -> None:
    """Llama 3.1 8B: 16,060,522,496 bytes in bf16, 131,072 of cache a token; an H100 holds 80 GB."""
    command = ("roofline", "llama-3.1-8b", "-H", "h100-sxm", "--cached", "8191")
    data = json.loads(archcalc(*command, "--batch", "50", "--format", "json").out)
    held = data["memory"]
    assert (held["weights_bytes"], held["cache_bytes"], held["fits"]) == (16_060_522_496, 50 * 8192 * 131_072, True)
    assert "--batch 200" not in [change["options"] for change in data["changes"]]
    answer = archcalc(*command, "--batch", "100").out
    assert "does not fit: weights 16.1, caches 107.4 of 80.0 GB a device\n" in answer
    assert "does not fit" not in archcalc(*command, "--batch", "50").out


@pytest.mark.parametrize("command", ["roofline", "serve", "fit", "compare"])
def test_examples_of_the_help_run(command: str, archcalc) -> None:
    lines = [text.split() for text in archcalc(command, "--help").out.splitlines() if text.startswith("  archcalc ")]
    assert len(lines) >= 3
    for _, *arguments in lines:
        answer = archcalc(*arguments)
        assert (answer.status, answer.err) == (0, ""), arguments


@pytest.mark.parametrize("model", ["gemma-3-27b", "qwen3-next-80b-a3b", "llama-3.1-70b", "deepseek-v4-flash"])
@pytest.mark.parametrize("context", ["512", "8Ki"])
def test_the_longest_sequence_is_the_longest_that_fits(model: str, context: str) -> None:
    """Also where windows are not full at the context that was asked for."""
    page = cm.serve(model, "h200-sxm", tp=4, context=[context], overhead="66GB", batches=[1], dtype="weights=fp8")
    longest, device = page.limits.longest_context, page.setup.roofline.device
    assert longest is not None
    found = catalog.load(model)
    kept = [max(memory.cache_bytes(found, device, page.setup.choices.decode(found, longest + n))) for n in (0, 1)]
    assert kept[0] <= page.memory.cache_room_bytes
    assert longest == found.max_context or page.memory.cache_room_bytes < kept[1]


def test_a_plan_in_a_file(archcalc, tmp_path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("ep: 16\ndp: 16\nredundant_experts: 32\ndispatch: fp8\noverlap: 0.5\n")
    data = json.loads(archcalc("roofline", "deepseek-v3", "-H", "h800-sxm", "--batch", "512", "--cached", "4096",
                               "--plan", str(path), "--dtype", "weights=fp8", "--format", "json").out)  # fmt: skip
    assert (data["plan"]["ep"], data["plan"]["dp"], data["plan"]["redundant_experts"]) == (16, 16, 32)
    assert data["plan"]["overlap"] == 0.5
    path.write_text("ep: 16\ntpp: 2\n")
    answer = archcalc("roofline", "deepseek-v3", "-H", "h800-sxm", "--plan", str(path))
    assert answer.status == 2
    assert 'plan.yaml:2:1: error AC102: there is no field "tpp"' in answer.err
    assert "did you mean" in answer.err
