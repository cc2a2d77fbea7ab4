"""Claims of the field: every row, every verdict, and what is wrong with a file of them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

import costmodel as cm
from costmodel import catalog
from costmodel.errors import ArchcalcError, SpecError, UnknownSpecError, UsageError
from costmodel.gate.claims import ClaimRow

SHIPPED = catalog.spec_root() / "claims"
ROWS = 34  # of the list that the statements were taken from


@pytest.fixture(scope="module")
def shipped() -> dict[str, ClaimRow]:
    return {row.id: row for row in cm.claims().claims}


def write(folder: Path, *claims: str, head: str = "subject: Mine\n") -> Path:
    path = folder / "mine.yaml"
    path.write_text(f"{head}claims:\n" + "\n".join(claims) + "\n", encoding="utf-8")
    return path


def statement(*lines: str, name: str = "one", number: str = "1", verdict: str = "holds") -> str:
    body = [f"  - id: {name}", f"number: {number}", "statement: Something", f"verdict: {verdict}", *lines]
    return "\n    ".join(body)


SIZE = 'checks: [{{figure: "gpt2:params.total", equals: {}}}]'
FIVE = 'checks: ["1 + 1 < 5"]'


def test_every_row_has_a_statement(shipped: dict[str, ClaimRow]) -> None:
    found = {int("".join(filter(str.isdigit, row.number))) for row in shipped.values()}
    assert found == set(range(1, ROWS + 1))


def test_every_verdict_is_as_expected(shipped: dict[str, ClaimRow]) -> None:
    assert {name: row.verdict for name, row in shipped.items() if not row.as_expected} == {}
    assert cm.claims().unexpected == 0


def test_what_does_not_hold_says_what_is_right(shipped: dict[str, ClaimRow]) -> None:
    for row in shipped.values():
        assert (row.verdict == "not decidable") == (not row.checks), row.id
        assert row.right or row.verdict != "does not hold", row.id
        assert row.reason or row.verdict != "not decidable", row.id
        assert "{" not in f"{row.right}{row.reason}", row.id


@pytest.mark.parametrize(
    ("name", "figure", "value", "text"),
    [
        ("deepseek-v3-size", "active, with the input embedding", 37_552_282_624, "37.55B"),
        ("mla-860k-to-34k", "DeepSeek-V3, 61 layers", 61 * 576, "35,136"),
        ("mla-28-times", "(keys + values) / (latent + rotated key)", Fraction(2 * 16384, 576), "56.89x"),
        ("gemma-3-cache", "saved at 4Ki", 1 - Fraction(10 * 4096 + 52 * 1024, 62 * 4096), "62.9%"),
        ("window-reach", "tokens that the last layer can depend on", 32 * 4095 + 1, "131,041"),
        ("jamba-3-to-1", "attention layers", 4, "4"),
        ("two-of-eight", "feed-forward parameters alone", 4, "4.00x"),
        ("lion-20-percent", "saved of weights, gradients and states", Fraction(1, 4), "25.0%"),
        # 2048 x 7168: five times 4 m m n + 2 m m m
        (
            "muon-divides-by-norm",
            "FLOPs of five Newton-Schulz steps",
            5 * 2048**2 * (4 * 7168 + 2 * 2048),
            "687.19 GFLOP",
        ),
    ],
)
def test_figures_by_hand(shipped: dict[str, ClaimRow], name: str, figure: str, value: int, text: str) -> None:
    found = next(one for one in shipped[name].figures if one.name == figure)
    assert (found.value, found.text) == (value, text)


def test_right_is_filled_with_what_is_computed(shipped: dict[str, ClaimRow]) -> None:
    assert "17.18B of Maverick" in str(shipped["llama-4-active-70b"].right)
    assert "62.9% at 4Ki" in str(shipped["gemma-3-cache"].right)


@pytest.mark.parametrize(
    ("figure", "verdict"), [("124M", "holds"), ("124_439_808", "holds"), ("125M", "does not hold")]
)  # fmt: skip
def test_another_number_is_another_verdict(tmp_path: Path, figure: str, verdict: str) -> None:
    (row,) = cm.claims(source=write(tmp_path, statement(SIZE.format(figure)))).claims
    assert (row.verdict, row.as_expected) == (verdict, verdict == "holds")


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        ('"gpt2:params.total < 125M"', "holds"),
        ('"gpt2:params.total < 124M"', "does not hold"),
        ('{figure: "gpt2:params.total", max: 124.5M}', "holds"),
        ('{figure: "gpt2:params.total", min: 124.5M}', "does not hold"),
        ('{figure: "gpt2:params.total", equals: 120M, tolerance: 4%}', "holds"),
        ('{figure: "gpt2:params.total", equals: 120M, tolerance: 3%}', "does not hold"),
        ('{figure: "gpt2:params.total", equals: 120M, tolerance: 5_000_000}', "holds"),
        ('{figure: "gpt2:cache.bytes", at: 1Ki, equals: 37.7 MB}', "holds"),
        ('{figure: "gpt2:cache.bytes", at: long, equals: 37.7 MB}', "does not hold"),
        ('{figure: "gpt2:cache.bytes@long", max: 19 MB}', "holds"),
        ('{figure: "switch-base-8:blocks.moe.capacity_factor", equals: 1.25}', "holds"),
        ('"gpt2:time.memory_s@naive > gpt2:time.memory_s@fused"', "holds"),
        ('"gpt2:flops.forward@naive == gpt2:flops.forward@fused"', "holds"),
        ('{figure: "gpt2:n_layers / 5", equals: 2.4}', "holds"),
        ('{figure: "gpt2:n_layers / 5", equals: 2}', "holds"),
        ('{figure: "gpt2:n_layers / 5", equals: 3}', "does not hold"),
    ],
)
def test_checks(tmp_path: Path, check: str, verdict: str) -> None:
    prompt = "new: 1Ki, hardware: h100-sxm"
    loads = f"long: {{context: 1Ki, kv: int8}}, fused: {{{prompt}}}, naive: {{{prompt}, kernels: naive}}"
    head = f"subject: Mine\nworkloads: {{{loads}}}\n"
    (row,) = cm.claims(source=write(tmp_path, statement(f"checks: [{check}]"), head=head)).claims
    assert row.verdict == verdict


def test_all_checks_must_be_true(tmp_path: Path) -> None:
    (row,) = cm.claims(source=write(tmp_path, statement('checks: ["1 < 2", "2 < 1"]'))).claims
    assert [check.passed for check in row.checks] == [True, False]
    assert (row.verdict, row.checks[1].value) == ("does not hold", 2)


def test_no_checks_and_a_reason_are_not_decidable(tmp_path: Path) -> None:
    text = statement("reason: Nobody says.", verdict="not decidable")
    (row,) = cm.claims(source=write(tmp_path, text)).claims
    assert (row.verdict, row.as_expected, row.reason) == ("not decidable", True, "Nobody says.")
    assert not cm.claims(source=write(tmp_path, statement("reason: Nobody says."))).claims[0].as_expected


def test_figures_and_units(tmp_path: Path) -> None:
    shown = (
        '["gpt2:params.total", {name: a, value: "1 / 3", unit: "%"}, {value: "5 / 2", unit: x}, '
        '{value: "2 * gpt2:params.total", unit: bytes}, {value: "1 / 3"}, {value: "3e9", unit: FLOP}, '
        '{value: "1 / 4", unit: seconds}, {value: "7B", unit: params}, {value: "70_000", unit: count}]'
    )
    text = statement(FIVE, f"figures: {shown}", "right: About {1 / 2 | %} of {gpt2:params.total}.")
    (row,) = cm.claims(source=write(tmp_path, text)).claims
    assert [one.text for one in row.figures] == [
        "124.44M", "33.3%", "2.50x", "248.88 MB", "0.3333", "3.00 GFLOP", "250.00 ms", "7.00B", "70,000",
    ]  # fmt: skip
    assert [one.name for one in row.figures[:3]] == ["gpt2:params.total", "a", "5 / 2"]
    assert row.figures[1].value == Fraction(1, 3)
    assert row.right == "About 50.0% of 124.44M."


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        ('checks: ["gpt9:params.total < 1"]', "7:14", 'no architecture "gpt9"'),
        ('checks: ["params.total < 1"]', "7:14", '"params.total" names no spec'),
        ('checks: ["gpt2:params.size < 1"]', "7:14", 'no figure "params.size"'),
        ('checks: ["gpt2:params.groups.x.total < 1"]', "7:14", 'no figure "params.groups.x.total" in this model'),
        ('checks: ["gpt2:cache.bytes < 1"]', "7:14", "needs a workload or context"),
        ('checks: ["gpt2:cache.bytes@long < 1"]', "7:14", 'no workload "long"'),
        ('checks: ["gpt2:params.total"]', "7:14", "an assertion compares something"),
        ('checks: ["1 / 0 < 1"]', "7:14", "divides by zero"),
        ('checks: [{figure: "gpt2:params.total"}]', "7:23", "has no bound"),
        ('checks: [{figure: "gpt2:params.total", max: 1 GB}]', "7:23", "no amount of a figure in count"),
        ('checks: [{figure: "1 < 2", max: 1}]', "7:23", "true or false, not a figure"),
        (f'{FIVE}\n    figures: ["gpt9:params.total"]', "8:15", 'no architecture "gpt9"'),
        (f'{FIVE}\n    figures: [{{value: "1 +"}}]', "8:23", "expected a figure or number"),
        (f'{FIVE}\n    right: "It is {{gpt9:params.total}}."', "8:12", 'no architecture "gpt9"'),
        (f'{FIVE}\n    right: "It is {{1 / 2 | pounds}}."', "8:12", 'no unit "pounds"'),
        (f'{FIVE}\n    right: "{"{1}" * 13}"', "8:12", "at most 12 figures"),
        (f"{FIVE}\n    colour: red", "8:5", 'no field "colour"'),
        ("source: x", "3:5", "says why it cannot be decided"),
    ],
)
def test_what_is_wrong_has_its_place(tmp_path: Path, line: str, place: str, message: str) -> None:
    path = write(tmp_path, statement(line))
    with pytest.raises(ArchcalcError) as caught:
        cm.claims(source=path)
    assert message in caught.value.message
    assert caught.value.where == f"{path}:{place}"


def test_a_wrong_statement_says_what_is_right(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="says what is right instead"):
        cm.claims(source=write(tmp_path, statement('checks: ["2 < 1"]', verdict="does not hold")))


def test_an_id_is_given_once(tmp_path: Path) -> None:
    path = write(tmp_path, statement(FIVE), statement(FIVE, number="2"))
    with pytest.raises(SpecError, match="given twice") as caught:
        cm.claims(source=path)
    assert caught.value.where == f"{path}:8:9"


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (["12"], ["12a", "12b"]),
        (["12b"], ["12b"]),
        (["gemma-3-cache", "17"], ["12b", "17"]),
        (["unpublished"], ["32a", "32b"]),
        (["smollm3"], ["29"]),
        (["1", "kimi-k2"], ["1a", "1b", "10a", "10b", "26d", "33a", "34"]),
    ],
)
def test_what_is_asked_for(wanted: list[str], numbers: list[str]) -> None:
    assert [row.number for row in cm.claims(*wanted).claims] == numbers


def test_a_spec_brings_its_own_claims() -> None:
    found = cm.claims("smollm3")
    assert [(row.spec, row.verdict, row.as_expected) for row in found.catalog] == [
        ("smollm3-3b", "does not hold", True)
    ]
    assert cm.claims("12").catalog == []
    assert len({row.spec for row in cm.claims().catalog}) > 100


def test_what_nobody_knows() -> None:
    with pytest.raises(UsageError, match="no claim, subject or spec") as caught:
        cm.claims("gemma-3-cach")
    assert caught.value.hint == "did you mean gemma-3-cache?"
    with pytest.raises(UnknownSpecError):
        cm.claims(source="nowhere.yaml")


def test_designs_of_claims_are_found_by_claims_alone(tmp_path: Path) -> None:
    own = {path.stem for path in (SHIPPED / "models").glob("*.yaml")}
    assert own
    assert not own & set(catalog.names())
    for name in own:
        spec = cm.load(str(SHIPPED / "models" / f"{name}.yaml"))
        assert spec.name == name
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "small.yaml").write_text("base: gpt2\nname: small\nn_layers: 2\n", encoding="utf-8")
    path = write(tmp_path, statement('checks: ["small:n_layers == 2"]'))
    assert cm.claims(source=path).holds == 1
    assert cm.claims(source=tmp_path).holds == 1


def test_no_design_is_unused() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SHIPPED.glob("*.yaml"))
    models = (SHIPPED / "models").glob("*.yaml")
    bases = "".join(path.read_text(encoding="utf-8") for path in (SHIPPED / "models").glob("*.yaml"))
    assert all(f"{path.stem}:" in text or f"base: {path.stem}\n" in bases for path in models)
