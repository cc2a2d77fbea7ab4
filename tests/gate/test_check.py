"""Checking specs: limits, assertions, rules without a budget, waivers, the lock file."""

from __future__ import annotations

import json
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmodel.errors import SpecError, UnknownSpecError, UsageError
from costmodel.gate.check import Check, check
from costmodel.gate.findings import Finding
from costmodel.gate.lock import lock as lock_of
from costmodel.gate.lock_file import digest_of, read_lock
from costmodel.gate.rules import RULES
from costmodel.gate.sanity import SANITY
from costmodel.gate.waivers import read_waivers

SPEC = """\
name: {name}
d_model: 4096
vocab_size: 128256
n_layers: 32
max_context: 131072
blocks:
  attention: {{kind: attention, n_heads: 32, n_kv_heads: 8, head_dim: 128}}
  mlp: {{kind: ffn, d_ff: 14336}}
mixer: attention
ffn: mlp
"""
CLAIM = "claims: [{{figure: params.total, value: {}, source: me}}]"


def budgets(folder: Path, rules: str) -> Path:
    """Write a budget file of these rules for everything."""
    text = "version: 1\nworkloads: {long: {context: 128Ki}}\nbudgets:\n  - match: '*'\n" + rules
    (folder / "archcalc.budgets.yaml").write_text(text)
    return folder / "archcalc.budgets.yaml"


def found(page: Check, *rules: str) -> list[Finding]:
    """Return the findings of some rules."""
    return [one for one in page.findings if one.rule in rules]


def lock(folder: Path) -> Path:
    """Lock the designs of a folder."""
    page = lock_of("designs", file=folder / "archcalc.lock.json")
    (folder / "archcalc.lock.json").write_text(page.text)
    return folder / "archcalc.lock.json"


# ---- limits ----


@pytest.mark.parametrize(
    ("rule", "id_"),
    [
        ("params.total: {max: 8030261248}", None),
        ("params.total: {max: 8030261247}", "AC201"),
        ("params.total: {min: 8030261248}", None),
        ("params.total: {min: 8030261249}", "AC202"),
        ("params.total: {equals: 8030261248}", None),
        ("params.total: {equals: 8.03B}", None),  # at its digits
        ("params.total: {equals: 8.04B}", "AC203"),
        ("params.total: {equals: 8.1B, tolerance: 1%}", None),
        ("params.total: {equals: 8.2B, tolerance: 1%}", "AC203"),
        ("params.total: {equals: 8B, tolerance: 30261248}", None),
        ("params.total: {equals: 8B, tolerance: 30261247}", "AC203"),
        ("cache.bytes@long: {max: 16 GiB}", None),
        ("cache.bytes@long: {max: 17 GB}", "AC201"),
        ("growth.bytes_per_token: {equals: 131072}", None),
        ("flops.decode@4Ki: {equals: 17.2 GFLOP}", None),
        ("flops.decode@4Ki: {equals: 17.3 GFLOP}", "AC203"),
        ("blocks.mlp.d_ff: {max: 14335}", "AC201"),
        ("n_layers: {min: 33}", "AC202"),
        ("fits: {hardware: h200-sxm, at: long}", None),
        ("fits: {hardware: l4, at: long}", "AC205"),
        ("params.components.moe.experts: {max: 1B}", "AC207"),  # a dense model has none: no zero
        ("params.total: {max_increase: 1%, vs: llama-3.1-8b}", None),
        ("params.total: {max_increase: 1%, vs: llama-3.2-1b}", "AC204"),
        ("params.total: {max_decrease: 1%, vs: llama-3.1-70b}", "AC204"),
        ("params.total: {max_increase: 1%, vs: base}", "AC207"),  # it has none
    ],
)
def test_limits(rule: str, id_: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text(SPEC.format(name="one"))
    budgets(tmp_path, f"    rules:\n      {rule}\n")
    page = check("one.yaml", select=["AC201", "AC202", "AC203", "AC204", "AC205", "AC206", "AC207"])
    assert [one.rule for one in page.findings] == ([id_] if id_ else [])
    assert page.failed is bool(id_)
    (result,) = page.results
    assert result.passed is (id_ is None)
    assert page.checks == 2  # the file, and the rule
    assert page.passed == (1 if id_ else 2)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("params.active == params.total", None),
        ("params.total < 1.01 * llama-3.1-8b:params.total", None),
        ("cache.bytes@long / params.total < 2", "cache.bytes@long / params.total is 2.139, not < 2"),
        ("params.active < 8B", "params.active is 8.03B, not < 8B"),
        ("cache.bytes@long < 10 GB", "cache.bytes@long is 17.18 GB, not < 10 GB"),
        ("'\"cache.bytes@long\" < 10 GB'", '"cache.bytes@long" is 17.18 GB, not < 10 GB'),
        ("n_layers > 10 and n_layers < 20", "n_layers is 32, not < 20"),
        ("not n_layers == 32", '"not n_layers == 32" is false'),
        ("params.total > llama-3.1-70b:params.total", "params.total is 8.03B, not > llama-3.1-70b:params.total"),
    ],
)
def test_assertions(expression: str, message: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text(SPEC.format(name="one"))
    budgets(tmp_path, f"    assert:\n      - {expression}\n")
    page = check("one.yaml", select=["AC206", "AC207"])
    assert page.failed is bool(message)
    if message:
        assert page.findings[0].message.startswith(message)


def test_a_budget_points_at_the_line_that_broke_it(designs: Path) -> None:
    budgets(designs, "    rules:\n      params.active: {max: 38B}\n      cache.bytes: {max: 10 GB, at: long}\n")
    cache, active = found(check("designs/v3-wide-shared.yaml"), "AC201")
    assert (cache.line, cache.column, cache.end_column) == (5, 23, 26)
    assert cache.lines == [
        "cache is 11.26 GB at 128Ki, the limit 10 GB (archcalc.budgets.yaml:7): +12.6%",
        "largest kv_lora_rank within the limit: 561",
    ]
    assert (active.line, active.column, active.end_column) == (6, 24, 28)
    assert active.lines == [
        "active is 39.14B, the limit 38B (archcalc.budgets.yaml:6): +3.0%",
        "this line adds 1.28B, line 5 adds 0.31B",
    ]
    assert [(one.path, one.line, one.delta) for one in active.causes] == [
        ("blocks.moe.shared.d_ff", 6, 58 * 3 * 7168 * 1024),
        ("blocks.mla.kv_lora_rank", 5, 61 * 128 * (7168 + 1 + 128 * 256)),
    ]


def test_without_a_base_or_lock_the_largest_block_is_named(designs: Path) -> None:
    budgets(designs, "    rules:\n      params.total: {max: 1B}\n")
    (finding,) = found(check("designs/plain.yaml"), "AC201")
    assert (finding.line, finding.details) == (8, ["largest part: layers.mlp, 5.64B of 8.03B"])


def test_severity_is_what_the_limit_says_then_the_file_then_the_rule(designs: Path) -> None:
    rules = "    rules:\n      params.total: [{max: 1B, severity: warning}, {max: 2B}]\n      n_layers: {max: 1}\n"
    budgets(designs, rules + "severity: {AC201: note}\n")
    page = check("designs/plain.yaml")
    assert [one.severity for one in found(page, "AC201")] == ["warning", "note", "note"]
    assert not page.failed
    assert check("designs/plain.yaml", fail_on="note").failed
    assert not check("designs/plain.yaml", fail_on="never").failed
    budgets(designs, rules + "severity: {AC201: off}\n")
    assert not found(check("designs/plain.yaml"), "AC201")
    with pytest.raises(UsageError, match="no rule is left"):
        check("designs/plain.yaml", select=["AC201"], ignore=["AC201"])


# ---- what is checked ----


@pytest.mark.parametrize("how", ["off", "ignore", "select"])
def test_what_hides_a_rule_s_subject_is_hidden_where_that_is_asked(how: str, designs: Path) -> None:
    (designs / "designs" / "broken.yaml").write_text("base: nosuch\nname: broken\n")
    rules = "    rules:\n      params.total: {max_increase: 1%}\n    assert: [params.components.x > 1, n_layers > 0]\n"
    path, beside = budgets(designs, rules), {"AC100", "AC207", "AC213"}
    (designs / "archcalc.lock.json").write_text(lock_of("gpt2", file="archcalc.lock.json").text)
    if how == "off":
        path.write_text(path.read_text() + f"severity: {{{', '.join(f'{rule}: off' for rule in sorted(beside))}}}\n")
    asked = {"off": {}, "ignore": {"ignore": sorted(beside)}, "select": {"select": ["AC204", "AC206"]}}[how]
    page = check("designs", **asked)
    assert beside & {one.rule for one in page.findings} == (beside if how == "select" else set())
    assert page.failed is (how == "select")
    assert len([one for one in page.results if one.passed]) == 2


def test_a_spec_that_cannot_be_read_is_told_though_no_budget_is_for_the_others(designs: Path) -> None:
    path = budgets(designs, "    assert: [n_layers > 0]\n")
    path.write_text(path.read_text().replace("'*'", "nobody"))
    (designs / "designs" / "broken.yaml").write_text("name: broken\nd_modl: 3\n")
    for names in (["designs/broken.yaml"], ["designs/broken.yaml", "designs/plain.yaml"]):
        page = check(*names, budgets=path)
        assert [(one.rule, one.line) for one in page.findings if one.severity == "error"] == [("AC100", 2)]
        assert page.failed


def test_nothing_to_check_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there is nothing to check"):
        check()
    with pytest.raises(UsageError, match="there is no spec to check"):
        check(".")
    with pytest.raises(UnknownSpecError):
        check("nosuch.yaml")
    with pytest.raises(UnknownSpecError):
        check("nosuch")


def test_files_that_are_no_specs_are_counted(designs: Path) -> None:
    budgets(designs, "    rules:\n      params.total: {max: 1T}\n")
    (designs / "designs" / "chart.yaml").write_text("apiVersion: v2\nname: chart\n")
    (designs / "designs" / "device.yaml").write_text("base: h100-sxm\nname: d\nmemory_capacity: 80 GB\n")
    page = check()
    assert page.specs == ["designs/plain.yaml", "designs/v3-wide-shared.yaml"]
    assert page.skipped == ["designs/chart.yaml", "designs/device.yaml"]  # the budget file is no mystery


def test_a_spec_that_cannot_be_read_is_a_finding_and_the_others_are_checked(designs: Path) -> None:
    (designs / "designs" / "bad.yaml").write_text(SPEC.format(name="bad").replace("n_heads: 32", "n_heads: 30"))
    page = check("designs")
    (bad,) = found(page, "AC100")
    assert (bad.file, bad.line, bad.title) == ("designs/bad.yaml", 7, "AC120 spec cannot be read")
    assert bad.message == "n_heads 30 is not a multiple of n_kv_heads 8"
    assert len(page.specs) == 3
    assert page.failed


def test_an_inherited_mistake_is_told_at_the_file_that_was_asked_for(designs: Path) -> None:
    (designs / "designs" / "plain.yaml").write_text(SPEC.format(name="plain").replace("32\nmax", "many\nmax"))
    (designs / "designs" / "child.yaml").write_text("base: plain\nname: child\n")
    page = check("designs/child.yaml")
    (finding,) = page.findings
    assert finding.file == "designs/child.yaml"
    assert page.failed


def test_what_is_checked_does_not_depend_on_the_folder_where_it_runs(
    designs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (designs / "ci").mkdir()
    (designs / ".git").mkdir()
    limits = "version: 1\nbudgets:\n  - match: designs/plain.yaml\n    rules: {params.total: {max: 1B}}\n"
    (designs / "ci" / "b.yaml").write_text(limits)
    file = designs / "ci" / "archcalc.lock.json"
    file.write_text(lock_of("designs", file=file).text)
    for place in (designs, designs / "designs", designs / "ci"):
        monkeypatch.chdir(place)
        page = check(str(designs / "designs" / "plain.yaml"), budgets=designs / "ci" / "b.yaml")
        assert [one.rule for one in found(page, "AC201")] == ["AC201"]
        assert not lock_of(file=file, check=True).stale


def test_specs_of_every_form_are_found(tmp_path: Path) -> None:
    forms = (
        "{base: gpt2, name: x}",
        "\ufeffbase: gpt2\nname: x\n",
        '"base": gpt2\nname: x\n',
        "  base: gpt2\n  name: x\n",
    )
    for number, text in enumerate(forms):
        (tmp_path / f"s{number}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "values.yaml").write_text("image:\n  base: gpt2\n")
    page = check(str(tmp_path))
    assert len(page.specs) == len(forms)
    assert [Path(one).name for one in page.skipped] == ["values.yaml"]


def test_a_pipe_is_no_spec_to_wait_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "one.yaml").write_text("base: gpt2\nname: one\n")
    assert len(check(str(tmp_path)).specs) == 1


def test_a_device_without_bf16_is_refused() -> None:
    with pytest.raises(UsageError, match="has no bf16 matmul"):
        check("gpt2", hardware="local-cpu")


def test_a_base_beside_the_spec_is_the_base(designs: Path) -> None:
    """Not what the catalog calls so, nor what begins so there."""
    for name in ("zz-base", "b", "llama-3.1-8b"):
        (designs / "designs" / f"{name}.yaml").write_text(SPEC.format(name=name))
        child = f"base: {name}\nname: child\nblocks:\n  mlp: {{d_ff: 15360}}\n"
        (designs / "designs" / "child.yaml").write_text(child)
        budgets(designs, "    rules:\n      params.total: [{max: 8.2B}, {max_increase: 1%, vs: base}]\n")
        above, grown = found(check("designs/child.yaml"), "AC201", "AC204", "AC207")
        assert (above.rule, above.line, above.hint) == ("AC201", 4, f"was 14336 in {name}")
        assert grown.message.startswith(f"total is 8.43B, {name} has 8.03B: +5.01%, allowed +1%")
        page = check("designs/child.yaml")
        assert page.next == f"archcalc diff designs/{name}.yaml designs/child.yaml"
        (designs / "designs" / f"{name}.yaml").unlink()


@pytest.mark.parametrize("vs", ["one.yaml", "one"])
def test_a_spec_beside_the_budget_file_is_found_from_anywhere(
    vs: str, designs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (designs / "one.yaml").write_text(SPEC.format(name="one"))
    file = budgets(designs, f"    rules:\n      params.total: {{max_increase: 1%, vs: {vs}}}\n")
    for place in (designs, designs / "designs"):
        monkeypatch.chdir(place)
        page = check(str(designs / "designs" / "plain.yaml"), budgets=file)
        assert [one.passed for one in page.results] == [True]
    budgets(designs, "    rules:\n      params.total: {max_increase: 1%, vs: llama-3.1}\n")  # no name, a beginning
    with pytest.raises(SpecError, match=r'budgets\.yaml:6:44: error AC001: no spec "llama-3\.1" in the catalog'):
        check(str(designs / "designs" / "plain.yaml"), budgets=file)


def test_what_no_longer_fits_points_at_the_line_that_made_it_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "base: qwen3-30b-a3b\nname: one\nblocks:\n  attention:\n    n_kv_heads: {heads}\n"
    budgets(tmp_path, "    rules:\n      fits: {hardware: h100-sxm, context: 32Ki, batch: 4}\n")
    (tmp_path / "one.yaml").write_text(text.format(heads=4))
    assert not check("one.yaml").failed
    (tmp_path / "one.yaml").write_text(text.format(heads=8))
    (finding,) = found(check("one.yaml"), "AC205")
    assert (finding.line, finding.column, finding.hint) == (5, 17, "was 4 in qwen3-30b-a3b")
    assert finding.message == "needs 2 devices at 32Ki, batch 4, the limit 1 x h100-sxm (archcalc.budgets.yaml:6)"


def test_two_limits_of_one_figure_are_told_apart(designs: Path) -> None:
    more = "[{max_increase: 1%, vs: deepseek-v3}, {max_increase: 2%, vs: base}, {max_increase: 2%, vs: deepseek-v3}]"
    budgets(designs, f"    rules:\n      params.active: {more}\n")
    three = found(check("designs/v3-wide-shared.yaml"), "AC204")
    assert len({one.fingerprint for one in three}) == 3


def test_a_component_that_one_model_lacks_is_told_of_that_model(designs: Path) -> None:
    text = "version: 1\nworkloads: {v: {context: 4Ki, with: [mtp]}}\nbudgets:\n  - match: '*'\n    rules:\n"
    (designs / "archcalc.budgets.yaml").write_text(text + "      flops.forward: {max: 1 PFLOP, at: v}\n")
    page = check("designs")
    assert [(one.rule, one.file) for one in found(page, "AC207", "AC201")] == [("AC207", "designs/plain.yaml")]


def test_a_figure_that_one_model_lacks_is_not_locked_of_it(designs: Path) -> None:
    budgets(designs, '    rules:\n      "blocks.mla.kv_lora_rank": {max_increase: 1%}\n')
    path = lock(designs)
    figures = {name: one.figures for name, one in read_lock(path).specs.items()}
    assert "blocks.mla.kv_lora_rank" in figures["designs/v3-wide-shared.yaml"]
    assert "blocks.mla.kv_lora_rank" not in figures["designs/plain.yaml"]


def test_a_limit_of_a_field_points_at_the_field(designs: Path) -> None:
    budgets(designs, "    rules:\n      n_layers: {max: 30}\n      blocks.mlp.d_ff: {max: 100}\n")
    page = check("designs/plain.yaml")
    assert [(one.line, one.details) for one in found(page, "AC201")] == [(4, []), (8, [])]


def test_counts_are_of_what_was_evaluated(designs: Path) -> None:
    budgets(designs, "    rules:\n      params.active: {max_increase: 1%}\n      params.total: {max: 1T}\n")
    lock(designs)
    (designs / "designs" / "new.yaml").write_text(SPEC.format(name="new"))
    page = check("designs/new.yaml")
    assert page.checks == 1 + len(SANITY) + 2
    assert page.passed == page.checks - 1  # of the relative limit nobody knows


def test_a_waiver_in_a_text_is_text(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    for title in ('"see # archcalc: ignore-file[AC155] yes"', "|\n  see\n  # archcalc: ignore-file[AC155] yes"):
        path.write_text(SPEC.format(name="w").replace("128256", "50257") + f"title: {title}\n")
        assert [one.waived for one in found(check(str(path)), "AC155")] == [None]


def test_a_waiver_of_a_budget_is_not_unused_without_the_budget(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text("# archcalc: ignore-file[AC201] agreed\n" + SPEC.format(name="w"))
    assert not check(str(path)).findings


def test_a_lock_file_that_was_edited_is_refused(designs: Path) -> None:
    path = lock(designs)
    text = path.read_text()
    for old, new in (("8030261248", "8030261249"), ("14336", "14337")):
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(SpecError, match="was edited: it does not match its digest"):
            check("designs")


def test_growth_is_that_of_the_workload_s_formats(designs: Path) -> None:
    text = "version: 1\nworkloads: {small: {context: 128Ki, kv: fp8}}\nbudgets:\n  - match: '*'\n    rules:\n"
    (designs / "archcalc.budgets.yaml").write_text(text + "      growth.bytes_per_token: {equals: 42944, at: small}\n")
    assert not found(check("designs/v3-wide-shared.yaml"), "AC203")  # 61 x 704 bytes


def test_a_budget_that_matches_nothing_is_told_when_all_is_checked(designs: Path) -> None:
    text = "version: 1\nbudgets:\n  - match: 'desings/*'\n    rules: {params.total: {max: 1B}}\n"
    (designs / "archcalc.budgets.yaml").write_text(text)
    (finding,) = found(check(), "AC208")
    assert (finding.file, finding.line, finding.message) == (
        "archcalc.budgets.yaml",
        3,
        'no spec is called "desings/*"',
    )
    assert found(check("designs"), "AC208")
    assert not found(check("designs/plain.yaml"), "AC208")  # as a hook calls it: with the files that changed
    named = designs / "archcalc.budgets.yaml"
    for what in ("designs", "designs/plain.yaml"):
        with pytest.raises(UsageError, match=r"no budget of .* is for what is checked") as caught:
            check(what, budgets=named)
        assert "they are for desings/*: globs" in str(caught.value)
    assert not check("designs/plain.yaml", budgets=named, skip_others=True).failed


# ---- rules that need no budget ----


@pytest.mark.parametrize(
    ("edit", "rule", "message"),
    [
        (("mixer: attention", "mixer: repeat 4 attention + mla2"), None, ""),
        (("n_heads: 32", "n_heads: 36"), None, ""),
        (("n_heads: 32, n_kv_heads: 8", "n_heads: 12, n_kv_heads: 4"), "AC151", "12 query heads do not"),
        (("n_kv_heads: 8", "n_kv_heads: 2"), "AC152", "2 KV heads on 8 devices: each is kept on 4"),
        (("n_heads: 32, n_kv_heads: 8", "n_heads: 72, n_kv_heads: 12"), "AC152", "12 KV heads on 8 devices: some"),
        (("d_ff: 14336", "d_ff: 14300"), "AC153", "d_ff 14,300 is no multiple of 64"),
        (("d_model: 4096", "d_model: 4104"), "AC153", "d_model 4104 is no multiple of 64"),
        (("head_dim: 128", "head_dim: 100"), "AC153", "head_dim 100 is no multiple of 8"),
        (("kind: ffn, d_ff: 14336", "kind: moe, d_ff: 1024, n_experts: 8, top_k: 5"), "AC154", "5 of 8 experts work"),
        (("vocab_size: 128256", "vocab_size: 50257"), "AC155", "vocab_size 50,257 is no multiple of 64"),
        (("head_dim: 128", "head_dim: 128, window: 131072"), "AC156", "window 131,072 is not below"),
        (("kind: ffn, d_ff: 14336", "kind: moe, d_ff: 1024, n_experts: 2048, top_k: 1"), "AC158", "a prompt of 8Ki"),
        (("max_context: 131072", "max_context: 16Mi"), "AC159", "one sequence of 16Mi tokens keeps 2.20 TB"),
        (("max_context: 131072", "max_context: 8Mi"), None, ""),  # 1.10 TB
        (("ffn: mlp", "ffn: repeat mlp + mlp2\n"), None, ""),
        (("mixer:", f"{CLAIM.format('9B')}\nmixer:"), "AC157", "params.total is 8,030,261,248, not 9B (me)"),
        (("mixer:", f"{CLAIM.format('8B')}\nmixer:"), None, ""),
    ],
)  # fmt: skip
def test_rules_without_a_budget(
    edit: tuple[str, str], rule: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = SPEC.format(name="one")
    assert edit[0] in text
    (tmp_path / "one.yaml").write_text(text.replace(*edit))
    page = check("one.yaml", select=list(SANITY))
    if rule is None:
        assert all(one.rule not in ("AC157", "AC159") for one in page.findings)
        return
    told = found(page, rule)
    assert [one.message[: len(message)] for one in told] == [message]


def test_a_cut_schedule(tmp_path: Path) -> None:
    path = tmp_path / "cut.yaml"
    path.write_text("base: gemma-3-27b\nname: cut\nmixer: repeat 3 local + global\n")
    (finding,) = check(str(path), select=["AC150"]).findings
    assert (finding.line, finding.column, finding.end_column) == (3, 8, 31)
    assert finding.message == "62 = 15 x 4 + 2: the last layers are local"
    # what is inherited as it is, is the base's matter
    path.write_text("base: gemma-3-27b\nname: cut\nvocab_size: 64000\n")
    assert check(str(path), select=["AC150"]).findings == []
    # a depth of its own makes it this spec's
    path.write_text("base: gemma-3-27b\nname: cut\nn_layers: 61\n")
    (finding,) = check(str(path), select=["AC150"]).findings
    assert finding.line == 3


def test_the_catalog_has_no_warning_that_nobody_knows() -> None:
    """Published models are no mistakes: what the rules say of them is expected, model by model."""
    page = check("specs/architectures", "specs/proposals", fail_on="never")
    told = {(Path(one.file).stem, one.rule) for one in page.findings if one.severity != "note"}
    assert told == {
        ("deepseek-v4-flash", "AC150"),
        ("gemma-3-1b", "AC150"),
        ("gemma-3-27b", "AC150"),
        ("deepseek-v4-pro", "AC150"),
        ("gemma-3-27b-wide-window", "AC150"),
        ("gemma-3-4b", "AC150"),
        ("glm-5.2", "AC150"),
        ("mimo-v2-flash", "AC150"),
        ("nemotron-3-super", "AC150"),
        ("recurrentgemma-2b", "AC150"),
        ("step-3.5-flash", "AC150"),
    }


def test_every_rule_has_a_title_a_severity_and_a_reason() -> None:
    for rule in RULES.values():
        assert rule.title
        assert rule.severity in ("error", "warning", "note")
        assert rule.help.endswith(".")
    assert set(SANITY) <= set(RULES)


# ---- waivers ----


@pytest.mark.parametrize(
    ("line", "waived"),
    [
        ("n_kv_heads: 2}  # archcalc: ignore[AC152] served at tp 2", True),
        ("n_kv_heads: 2}  # archcalc: ignore[AC151, AC152] served at tp 2", True),
        ("n_kv_heads: 2}  # archcalc: ignore[AC151] another rule", False),
        ("n_kv_heads: 2}  # archcalc: ignore[AC152]", False),  # no reason
        ("n_kv_heads: 2}", False),
    ],
)
def test_waivers(line: str, waived: bool, tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(SPEC.format(name="w").replace("n_kv_heads: 8, head_dim: 128}", f"head_dim: 128, {line}"))
    page = check(str(path))
    (finding,) = found(page, "AC152")
    assert (finding.waived is not None) is waived
    assert page.waived == int(waived)


def test_a_waiver_on_the_line_above_and_for_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    text = SPEC.format(name="w").replace("128256", "50257")
    path.write_text(text.replace("vocab_size", "# archcalc: ignore[AC155] as published\n\n# and more\nvocab_size"))
    assert [one.waived for one in found(check(str(path)), "AC155")] == ["as published"]
    path.write_text("# archcalc: ignore-file[AC155] as published\n" + text)
    assert [one.waived for one in found(check(str(path)), "AC155")] == ["as published"]


@pytest.mark.parametrize(
    ("comment", "rule", "message"),
    [
        ("# archcalc: ignore[AC152]", "AC210", "say behind the brackets why it is fine here"),
        ("# archcalc: ignore[AC152] fine", "AC211", "AC152 found nothing here"),
        ("# archcalc: ignore[AC999] fine", "AC212", 'no rule is called "AC999"'),
        ("# archcalc: ignore fine", "AC212", "it names none: ignore[AC201] reason"),
        ("# archcalc: ignore[] fine", "AC212", "it names none: ignore[AC201] reason"),
    ],
)
def test_what_is_wrong_with_a_waiver(comment: str, rule: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(SPEC.format(name="w").replace("mixer: attention", f"mixer: attention  {comment}"))
    (finding,) = check(str(path)).findings
    assert (finding.rule, finding.line, finding.message) == (rule, 9, message)


def test_a_rule_of_a_waiver_that_finds_nothing_is_told_beside_one_that_does(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    text = SPEC.format(name="w").replace(
        "vocab_size: 128256", "vocab_size: 50257  # archcalc: ignore[AC155, AC153] why"
    )
    path.write_text(text)
    page = check(str(path))
    assert [one.waived for one in found(page, "AC155")] == ["why"]
    assert [one.message for one in found(page, "AC211")] == ["AC153 found nothing here"]


def test_many_waivers_are_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan, calls = yaml.scan, []
    monkeypatch.setattr(yaml, "scan", lambda *a, **k: calls.append(1) or scan(*a, **k))
    path, waiver = tmp_path / "w.yaml", "# archcalc: ignore[AC153] why\n"
    text = f"title: |  {waiver}" + f"  {waiver}" * 100  # one comment, and the lines of a text
    path.write_text(SPEC.format(name="w") + waiver * 9_000 + text + waiver)
    assert len(found(check(str(path)), "AC211")) == 9_002
    assert len(calls) == 1


def test_a_waived_error_does_not_fail(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text("# archcalc: ignore-file[AC157] the report counts otherwise\n" + SPEC.format(name="w").replace(
        "mixer:", "claims: [{figure: params.total, value: 9B, source: me}]\nmixer:"))  # fmt: skip
    assert not check(str(path)).failed


@given(st.lists(st.text(st.characters(blacklist_characters="\n\r"), max_size=60), max_size=5))
def test_any_lines_have_waivers_or_none(lines: list[str]) -> None:
    for waiver in read_waivers([f"# archcalc: {line}" for line in lines]):
        assert 1 <= waiver.line <= len(lines)


# ---- the lock file ----


def test_a_lock_file_whose_specs_are_gone_or_whose_lines_end_otherwise(designs: Path) -> None:
    path = lock(designs)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert not lock_of(file=path, check=True).stale
    for file in (designs / "designs").iterdir():
        file.unlink()
    page = lock_of(file=path, check=True)
    assert (page.stale, page.specs, len(page.removed)) == (True, 0, 2)


def test_a_relative_limit_is_on_the_spec_not_on_the_formulas(designs: Path) -> None:
    budgets(designs, "    rules:\n      params.active: {max_increase: 1%}\n")
    path = lock(designs)
    assert not found(check("designs"), "AC204", "AC209", "AC213")
    data = json.loads(path.read_text())
    for one in data["specs"].values():
        one["figures"]["params.active"] = one["figures"]["params.active"] * 100 // 110
        one["digest"] = digest_of(one["spec"], one["figures"])
    path.write_text(json.dumps(data))
    page = check("designs")
    assert not found(page, "AC204")
    told = found(page, "AC209")
    assert [one.message.partition(":")[0] for one in told] == ["same spec, new formulas"] * 2
    assert not page.failed


def test_a_relative_limit_points_at_the_line(designs: Path) -> None:
    budgets(designs, "    rules:\n      params.active: {max_increase: 1%}\n")
    lock(designs)
    path = designs / "designs" / "plain.yaml"
    path.write_text(path.read_text().replace("14336", "15360"))
    (finding,) = found(check("designs"), "AC204")
    assert (finding.file, finding.line) == ("designs/plain.yaml", 8)
    assert finding.lines == [
        "active is 8.43B, the lock has 8.03B: +5.01%, allowed +1% (archcalc.budgets.yaml:6)",
        "largest d_ff within the limit: 14540",
    ]


def test_two_specs_of_one_name_are_two_origins(designs: Path) -> None:
    (designs / "rival.yaml").write_text(SPEC.format(name="plain").replace("vocab_size: 128256", "vocab_size: 128128"))
    (designs / "designs" / "child.yaml").write_text("base: plain\nname: child\nmax_context: 8192\nn_layers: 40\n")
    (designs / "archcalc.budgets.yaml").write_text(
        "budgets:\n- match: child\n  rules:\n    params.total:\n"
        "    - {max_increase: 1%, vs: base}\n    - {max_increase: 1%, vs: rival.yaml}\n"
    )
    causes = [[cause.path for cause in one.causes] for one in found(check("designs/child.yaml"), "AC204")]
    assert causes == [["n_layers"], ["n_layers", "vocab_size"]]


def test_a_new_spec_has_no_baseline_yet(designs: Path) -> None:
    budgets(designs, "    rules:\n      params.active: {max_increase: 1%}\n      params.total: {max_increase: 1%}\n")
    lock(designs)
    (designs / "designs" / "new.yaml").write_text(SPEC.format(name="new"))
    page = check("designs")
    assert [(one.file, one.severity) for one in found(page, "AC213")] == [("designs/new.yaml", "warning")]


def test_the_lock_file_is_stable_and_read_back(designs: Path) -> None:
    path = lock(designs)
    assert lock_of("designs", file=path).stale is False
    found_ = read_lock(path)
    assert sorted(found_.specs) == ["designs/plain.yaml", "designs/v3-wide-shared.yaml"]
    assert found_.specs["designs/plain.yaml"].figures["params.total"] == 8_030_261_248
    (designs / "designs" / "plain.yaml").unlink()
    page = lock_of(file=path)
    assert (page.stale, page.removed) == (True, ["designs/plain.yaml"])


def test_figures_of_relative_limits_are_locked_too(designs: Path) -> None:
    budgets(designs, "    rules:\n      flops.executed: {max_increase: 1%, at: long}\n")
    page = lock_of("designs", file=designs / "archcalc.lock.json")
    assert '"flops.executed@long": ' in page.text
    assert '"workloads": {"long":{"context":131072}}' in page.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(start=st.integers(0, 2000), length=st.integers(0, 60), text=st.text(max_size=12))
def test_a_damaged_lock_file_is_a_user_error(start: int, length: int, text: str, designs: Path) -> None:
    path = designs / "archcalc.lock.json"
    if not path.exists():
        lock(designs)
        (designs / "whole").write_text(path.read_text())
    whole = (designs / "whole").read_text()
    path.write_text(whole[:start] + text + whole[start + length :], encoding="utf-8", errors="replace")
    with suppress(SpecError, UsageError):
        check("designs", budgets=None)


def test_the_fingerprint_holds_no_line_and_no_value(designs: Path) -> None:
    budgets(
        designs,
        "    rules:\n      params.total: {max: 1B}\n      cache.bytes: [{max: 1 GB, at: long}, {max: 1 kB, at: 4Ki}]\n",
    )
    before = {one.fingerprint for one in check("designs/plain.yaml").findings}
    assert len(before) == 3
    path = designs / "designs" / "plain.yaml"
    path.write_text("# a comment\n" + path.read_text().replace("14336", "16384"))
    assert {one.fingerprint for one in check("designs/plain.yaml").findings} == before


def test_values_are_exact(designs: Path) -> None:
    budgets(designs, "    rules:\n      params.total: {max: 1B}\n")
    (finding,) = found(check("designs/plain.yaml"), "AC201")
    assert (finding.value, finding.limit) == (Fraction(8_030_261_248), Fraction(10**9))
