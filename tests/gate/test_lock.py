"""The lock file: what is added to it, what it keeps, and what it calls a spec."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from costmodel.errors import SpecError, UnknownSpecError, UsageError
from costmodel.gate.check import check
from costmodel.gate.lock import LockPage, lock
from costmodel.gate.lock_file import read_lock

CHILD = "base: gpt2\nname: {}\nn_layers: {}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two specs, locked, and a budget of relative limits."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        Path(f"{name}.yaml").write_text(CHILD.format(name, 13))
    Path("archcalc.budgets.yaml").write_text("budgets: [{rules: {params.total: {max_increase: 1%}}}]\n")
    written(lock("one.yaml", "two.yaml"))
    return tmp_path


def written(page: LockPage) -> LockPage:
    Path(page.path).write_text(page.text)
    return page


@pytest.mark.usefixtures("here")
def test_a_new_spec_is_added_as_the_hint_says_and_the_others_stay() -> None:
    before = read_lock(Path("archcalc.lock.json")).specs
    Path("new one.yaml").write_text(CHILD.format("new", 14))
    Path("two.yaml").write_text(CHILD.format("two", 15))
    (finding,) = [one for one in check("new one.yaml").findings if one.rule == "AC213"]
    assert finding.details == ["archcalc lock 'new one.yaml' adds it"]
    page = written(lock("new one.yaml"))
    assert (page.added, page.changed, page.removed) == (["new one.yaml"], [], [])
    after = read_lock(Path("archcalc.lock.json")).specs
    assert {key: after[key] for key in before} == before  # two.yaml, too, which would be another one now
    assert lock().changed == ["two.yaml"]
    Path("one.yaml").unlink()
    assert lock("new one.yaml").removed == ["one.yaml"]


@pytest.mark.usefixtures("here")
def test_specs_of_other_formulas_or_workloads_are_not_mixed() -> None:
    path, limit = Path("archcalc.lock.json"), "{max_increase: 1%, at: long}"
    text = path.read_text()
    path.write_text(text.replace('"formulas": 1', '"formulas": 0'))
    with pytest.raises(UsageError, match="of other formulas or workloads"):
        lock("one.yaml")
    path.write_text(text)
    budgets = "workloads: {{long: {{context: {}}}}}\nbudgets: [{{rules: {{cache.bytes: {}}}}}]\n"
    Path("archcalc.budgets.yaml").write_text(budgets.format(512, limit))
    written(lock())
    assert not lock("one.yaml").stale
    Path("archcalc.budgets.yaml").write_text(budgets.format(256, limit))
    with pytest.raises(UsageError, match="of other formulas or workloads"):
        lock("one.yaml")
    assert lock().changed == ["one.yaml", "two.yaml"]


@pytest.mark.parametrize("damage", [("{", "<<<<<<< ours\n{", 1), ('"n_layers": 13', '"n_layers": 14', 1)])
@pytest.mark.usefixtures("here")
def test_a_lock_file_that_cannot_be_read_is_written_anew(damage: tuple[str, str, int]) -> None:
    path = Path("archcalc.lock.json")
    text = path.read_text()
    path.write_text(text.replace(*damage))
    with pytest.raises(SpecError) as caught:
        lock()
    assert caught.value.hint == "archcalc lock SPEC ... writes it anew"
    assert written(lock("one.yaml", "two.yaml")).stale
    assert path.read_text() == text
    path.write_text(f"\ufeff{text}", encoding="utf-8")  # as editors write it
    assert not lock(check=True).stale


@pytest.mark.usefixtures("here")
def test_a_file_that_is_no_lock_file_is_not_written_over() -> None:
    for wanted in ((), ("one.yaml",)):
        with pytest.raises(SpecError) as caught:
            lock(*wanted, file="two.yaml")
        assert caught.value.hint == "name a lock file, or remove it"
    os.mkfifo("pipe")
    with pytest.raises(SpecError, match="no regular file"):  # it would wait for its writer
        lock("one.yaml", file="pipe")


@pytest.mark.usefixtures("here")
def test_a_spec_that_is_called_as_one_that_ships_is_another() -> None:
    Path("architectures").mkdir()
    Path("architectures/gpt2.yaml").write_text(CHILD.format("mine", 24).replace("gpt2", "gpt2-medium"))
    written(lock("architectures/gpt2.yaml", "gpt2"))
    assert {"architectures/gpt2.yaml", "gpt2"} < set(read_lock(Path("archcalc.lock.json")).specs)
    page = check("architectures/gpt2.yaml", "gpt2")
    assert not [one for one in page.findings if one.rule in ("AC204", "AC209", "AC213")]
    assert page.specs[0] == "architectures/gpt2.yaml" != page.specs[1]
    assert json.loads(lock().text)["specs"].keys() == read_lock(Path("archcalc.lock.json")).specs.keys()


@pytest.mark.usefixtures("here")
def test_a_spec_whose_architecture_nobody_published_is_named() -> None:
    with pytest.raises(UnknownSpecError, match=r"^architectures/gpt-4\.yaml: error: the architecture of gpt-4 is not"):
        lock("gpt-4", "gpt2", file="nosuch.json")
