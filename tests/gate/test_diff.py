"""Comparing specs, folders, lock files and revisions."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from costmodel.errors import ArchcalcError, UsageError
from costmodel.gate.conditions import Condition
from costmodel.gate.diff import diff
from costmodel.gate.lock import lock as locked_page
from costmodel.gate.lock_file import digest_of
from costmodel.render.comment import markdown

Git = Callable[..., str]


def locked(folder: Path) -> Path:
    page = locked_page("designs", file=folder / "archcalc.lock.json")
    (folder / "archcalc.lock.json").write_text(page.text)
    return folder / "archcalc.lock.json"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_proposal_in_a_repository_of_three_commits(git: Git, designs: Path) -> None:
    edit(designs / "designs" / "v3-wide-shared.yaml", "3072", "4096")
    git("commit", "-q", "-am", "two")
    edit(designs / "designs" / "plain.yaml", "14336", "16384")
    (designs / "designs" / "new.yaml").write_text(
        (designs / "designs" / "plain.yaml").read_text().replace("plain", "new")
    )
    git("add", "-A")
    git("commit", "-q", "-m", "three")
    page = diff("HEAD~2...HEAD", paths=["designs"])
    assert [(one.key, one.status) for one in page.specs] == [
        ("designs/new.yaml", "added"),
        ("designs/plain.yaml", "changed"),
        ("designs/v3-wide-shared.yaml", "changed"),
    ]
    wide = page.specs[2]
    (cause,) = wide.causes
    assert (cause.path, cause.before, cause.after, cause.file, cause.line) == (
        "blocks.moe.shared.d_ff", 3072, 4096, "designs/v3-wide-shared.yaml", 6,
    )  # fmt: skip
    active = wide.figure("params.active")
    assert active is not None
    assert active.delta == cause.deltas["params.active"] == 58 * 3 * 7168 * 1024
    # between the second commit and the working tree, from a folder below
    edit(designs / "designs" / "new.yaml", "16384", "8192")
    tree = diff("HEAD", paths=["designs/new.yaml"])
    assert [(one.key, one.status) for one in tree.specs] == [("designs/new.yaml", "changed")]
    assert diff("HEAD~1..HEAD", paths=["designs"]).changed == 1
    assert not diff("HEAD..HEAD", paths=["designs"]).differs


def test_a_comment_for_one_spec_is_short(git: Git, designs: Path) -> None:
    edit(designs / "designs" / "v3-wide-shared.yaml", "3072", "4096")
    git("commit", "-q", "-am", "two")
    text = markdown(diff("main~1...main", paths=["designs"]))
    assert len(text.splitlines()) < 15
    assert text.startswith(
        "<!-- archcalc-diff:designs -->\n### archcalc: 1 of 2 specs changed, `v3-wide-shared` active +3.3%"
    )
    assert "Caused by `moe.shared.d_ff` 3072 → 4096 (line 6: active +1.28B)." in text


def test_a_comment_is_bounded(designs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for number in range(40):
        text = (designs / "designs" / "plain.yaml").read_text().replace("name: plain", f"name: plain-{number}")
        (designs / "designs" / f"p{number}.yaml").write_text(text)
        (other / f"p{number}.yaml").write_text(text.replace("14336", str(14_400 + 64 * number)))
    page = diff("designs", "other")
    whole = markdown(page)
    assert page.changed == 40
    short = markdown(page, 4_000)
    assert len(short) < 4_000 < len(whole)
    assert "more specs changed; `archcalc diff` shows all." in short


def test_a_base_beside_the_file_is_that_of_its_revision(git: Git, designs: Path) -> None:
    (designs / "designs" / "child.yaml").write_text("base: plain\nname: child\nvocab_size: 64000\n")
    git("add", "-A")
    git("commit", "-q", "-m", "two")
    edit(designs / "designs" / "plain.yaml", "14336", "16384")
    page = diff("HEAD", paths=["designs/child.yaml"])
    (child,) = page.specs
    assert child.status == "changed"  # through its base alone
    assert [cause.path for cause in child.causes] == ["blocks.mlp.d_ff"]
    figure = child.figure("params.total")
    assert figure is not None
    assert figure.delta == 32 * 3 * 4096 * 2048


def test_a_spec_that_moved_is_compared_by_name(git: Git, designs: Path) -> None:
    git("mv", "designs/plain.yaml", "designs/moved.yaml")
    edit(designs / "designs" / "moved.yaml", "14336", "16384")
    page = diff("HEAD", paths=["designs"])
    assert {one.key: one.status for one in page.specs} == {
        "designs/moved.yaml": "changed",
        "designs/v3-wide-shared.yaml": "equal",
    }


def test_a_spec_that_is_gone(git: Git) -> None:
    git("rm", "-q", "designs/plain.yaml")
    assert diff("HEAD", paths=["designs"]).removed == 1


def test_a_broken_revision_is_said_and_the_rest_compared(git: Git, designs: Path) -> None:
    edit(designs / "designs" / "plain.yaml", "d_model: 4096", "d_model: many")
    git("commit", "-q", "-am", "broken")
    edit(designs / "designs" / "plain.yaml", "d_model: many", "d_model: 4096")
    edit(designs / "designs" / "v3-wide-shared.yaml", "3072", "4096")
    page = diff("HEAD", paths=["designs"])
    status = {one.key: one.status for one in page.specs}
    assert status == {"designs/plain.yaml": "unreadable", "designs/v3-wide-shared.yaml": "changed"}
    (broken,) = [one for one in page.specs if one.status == "unreadable"]
    assert broken.problem is not None
    assert broken.problem.startswith("designs/plain.yaml:2:10: error AC103: d_model must be a whole number")


@pytest.mark.parametrize("revision", ["nosuch", "-q", "--output=x", "HEAD~99", "main...nosuch", "a\nb", ""])
@pytest.mark.usefixtures("git")
def test_what_is_no_revision(revision: str) -> None:
    with pytest.raises(ArchcalcError):
        diff(revision, paths=["designs"])


@pytest.mark.usefixtures("git")
def test_paths_outside_the_repository() -> None:
    with pytest.raises(UsageError, match="lies outside the repository"):
        diff("HEAD", paths=["../.."])


def test_links_of_a_revision_are_not_followed(git: Git, designs: Path) -> None:
    (designs / "designs" / "link.yaml").symlink_to("/etc/passwd")
    git("add", "-A")
    git("commit", "-q", "-m", "a link")
    assert "designs/link.yaml" not in [one.key for one in diff("HEAD~1...HEAD", paths=["designs"]).specs]


def test_a_link_that_led_elsewhere_is_refused(git: Git, designs: Path) -> None:
    for link in ("current.yaml", "folder"):
        (designs / link).symlink_to("designs/plain.yaml" if link == "current.yaml" else "designs")
    git("add", "-A")
    git("commit", "-q", "-m", "links")
    (designs / "other").mkdir()
    (designs / "other" / "plain.yaml").write_text("base: gpt2\nname: plain\n")
    for link, target in (("current.yaml", "designs/v3-wide-shared.yaml"), ("folder", "other")):
        assert not diff("HEAD", paths=[link]).differs
        (designs / link).unlink()
        (designs / link).symlink_to(target)
        for path in (link, "folder/plain.yaml") if link == "folder" else (link,):
            with pytest.raises(UsageError, match=rf'the links of "{path}" led elsewhere in "HEAD"') as caught:
                diff("HEAD", paths=[path])
            assert target in str(caught.value.hint)
        (designs / link).unlink()
        (designs / link).symlink_to("designs")  # as it was
    (designs / "new").symlink_to("designs")
    assert not diff("HEAD", paths=["new"]).differs


def test_submodules_are_other_repositories(git: Git, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "theirs.yaml").write_text("base: gpt2\nname: theirs\n")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "one")):
        git("-C", str(other), *words)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "designs/theirs")
    assert diff("HEAD", paths=["designs"]).added == 0
    git("commit", "-q", "-m", "two")
    assert not diff("HEAD", paths=["."]).differs


@pytest.mark.usefixtures("git")
def test_what_moved_is_found_by_content_before_its_name(designs: Path) -> None:
    old = designs / "designs" / "plain.yaml"
    (designs / "designs" / "a.yaml").write_text(old.read_text().replace("14336", "16384"))  # another of its name
    old.rename(designs / "designs" / "b.yaml")
    page = diff("HEAD", paths=["designs"])
    assert {one.key: one.status for one in page.specs if "v3" not in one.key} == {
        "designs/a.yaml": "added", "designs/b.yaml": "equal",
    }  # fmt: skip


@pytest.mark.usefixtures("git")
def test_revision_and_path_in_one_word(designs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(designs / "designs" / "plain.yaml", "14336", "16384")
    for folder, base, head in (
        (designs, "HEAD:designs/plain.yaml", "designs/plain.yaml"),
        (designs / "designs", "HEAD:designs/plain.yaml", "plain.yaml"),
        (designs / "designs", "HEAD:./plain.yaml", "plain.yaml"),
    ):
        monkeypatch.chdir(folder)
        assert diff(base, head).changed == 1
    with pytest.raises(UsageError, match="has no spec"):
        diff("HEAD:nosuch.yaml", "plain.yaml")


def test_a_changed_formula_is_told_from_a_changed_spec(designs: Path) -> None:
    path = locked(designs)
    data = json.loads(path.read_text())
    figures = data["specs"]["designs/plain.yaml"]["figures"]
    figures["params.total"] = figures["params.total"] * 100 // 103  # as another version would have counted
    entry = data["specs"]["designs/plain.yaml"]
    entry["digest"] = digest_of(entry["spec"], figures)
    path.write_text(json.dumps(data))
    edit(designs / "designs" / "v3-wide-shared.yaml", "3072", "4096")
    page = diff(str(path), "designs")
    specs = {one.key: one for one in page.specs}
    plain, wide = specs["designs/plain.yaml"], specs["designs/v3-wide-shared.yaml"]
    assert (plain.status, [one.key for one in plain.formulas]) == ("equal", ["params.total"])
    assert plain.formulas[0].change == pytest.approx(0.03)
    assert (wide.status, wide.formulas) == ("changed", [])
    assert [cause.path for cause in wide.causes] == ["blocks.moe.shared.d_ff"]


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("params.active > +1%", "params.active +4.2%"),
        ("params.active > +5%", None),
        ("params.active < -1%", None),
        ("cache.bytes@128Ki > 10 GB", "cache.bytes@128Ki 11.26 GB"),
        ("cache.bytes@131072 > 12 GB", None),
        ("params.total >= +1.5B", "params.total +1.59B"),
        ("flops.decode@4Ki > +0%", "flops.decode@4Ki +"),
        ("n_layers > 60", "n_layers 61"),
        ("n_layers > +0", None),
    ],
)
@pytest.mark.usefixtures("designs")
def test_conditions(condition: str, met: str | None) -> None:
    found = diff("deepseek-v3", "designs/v3-wide-shared.yaml", fail_if=[condition]).failed
    assert bool(found) is (met is not None)
    if met:
        assert found[0].startswith(f"designs/v3-wide-shared.yaml: {met}")


def test_a_change_from_nothing_and_a_new_figure_are_changes() -> None:
    for condition in ("growth.fixed_bytes > +1%", "growth.fixed_bytes > +1 MB", "params.not_in_total.mtp > +1"):
        pair = ("llama4", "deepseek-v3") if "mtp" in condition else ("gpt2", "falcon-mamba-7b")
        assert diff(*pair, fail_if=[condition]).failed, condition
        assert not diff(*reversed(pair), fail_if=[condition]).failed, condition
    assert diff("gpt2", "falcon-mamba-7b", fail_if=["growth.bytes_per_token < -1%"]).failed  # to nothing


def test_an_absolute_condition_is_of_specs_that_are_there(git: Git) -> None:
    git("rm", "-q", "designs/plain.yaml")
    page = diff("HEAD", paths=["designs"], fail_if=["params.total > 1B"])
    assert [one.partition(":")[0] for one in page.failed] == ["designs/v3-wide-shared.yaml"]


def test_two_that_have_nothing_in_common_are_not_compared(git: Git, designs: Path) -> None:
    git("rm", "-q", "designs/v3-wide-shared.yaml")
    git("commit", "-q", "-m", "one spec")
    git("rm", "-q", "designs/plain.yaml")
    (designs / "designs").mkdir(exist_ok=True)
    (designs / "designs" / "other.yaml").write_text("base: gpt2\nname: other\n")
    assert [(one.key, one.status) for one in diff("HEAD", paths=["designs"]).specs] == [
        ("designs/other.yaml", "added"),
        ("designs/plain.yaml", "removed"),
    ]


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("variable", [False, True])
@pytest.mark.parametrize("linked", [False, True])
def test_folders_of_bases_are_those_of_the_revision(
    absolute: bool, variable: bool, linked: bool, git: Git, designs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (designs / "bases").mkdir()
    (designs / "bases" / "mine.yaml").write_text("base: gpt2\nname: mine\n")
    (designs / "designs" / "child.yaml").write_text("base: mine\nname: child\n")
    git("add", "-A")
    git("commit", "-q", "-m", "two")
    if linked:
        (designs / "link").symlink_to("bases")
    name = "link" if linked else "bases"
    folder = str(designs / name) if absolute else name
    if variable:
        monkeypatch.setenv("ARCHCALC_SPECS", folder)
    specs = [] if variable else [folder]
    assert not diff("HEAD", paths=["designs/child.yaml"], specs=specs).differs
    edit(designs / "bases" / "mine.yaml", "gpt2", "gpt2-medium")
    (child,) = diff("HEAD", paths=["designs/child.yaml"], specs=specs).specs
    assert child.status == "changed"


def test_what_is_inherited_changed_at_the_line_of_the_base(git: Git, designs: Path) -> None:
    (designs / "designs" / "child.yaml").write_text("# a comment\nbase: plain\nname: child\n")
    git("add", "-A")
    git("commit", "-q", "-m", "two")
    edit(designs / "designs" / "plain.yaml", "14336", "16384")
    edit(designs / "designs" / "plain.yaml", "n_layers: 32", "n_layers: 33")
    (child,) = diff("HEAD", paths=["designs/child.yaml"]).specs
    lines = (designs / "designs" / "plain.yaml").read_text().splitlines()
    changed = [1 + next(i for i, line in enumerate(lines) if text in line) for text in ("n_layers: 33", "16384")]
    assert [(cause.file, cause.line) for cause in child.causes] == [("designs/plain.yaml", line) for line in changed]
    edit(designs / "designs" / "child.yaml", "base: plain", "base: llama-3.1-70b")  # another base: one edit
    (child,) = diff("HEAD", paths=["designs/child.yaml"]).specs
    assert len(child.causes) == 1
    assert len(child.causes[0].fields) > 2


def test_specs_that_one_line_changed_have_one_table(git: Git, designs: Path) -> None:
    for name in ("a", "b", "c"):
        (designs / "designs" / f"{name}.yaml").write_text(f"base: plain\nname: {name}\n")
    git("add", "-A")
    git("commit", "-q", "-m", "two")
    edit(designs / "designs" / "plain.yaml", "14336", "16384")
    text = markdown(diff("HEAD", paths=["designs"]))
    assert text.count("| base | head | change |") == 1
    assert text.count("active +10.0%, by the same lines as `a`.") == 3


def test_a_comment_names_the_line_behind_every_headline(git: Git, designs: Path) -> None:
    path = designs / "designs" / "v3-wide-shared.yaml"
    path.write_text("base: qwen3-30b-a3b\nname: wide\n")
    git("add", "-A")
    git("commit", "-q", "-m", "two")
    path.write_text(
        "base: qwen3-30b-a3b\nname: wide\nn_layers: 50\nvocab_size: 160_000\nd_model: 2112\nblocks:\n"
        "  attention: {n_heads: 36, window: 4096}\n  moe: {d_ff: 832, top_k: 9}\n"
    )
    text = markdown(diff("HEAD", paths=["designs/v3-wide-shared.yaml"]))
    assert "`attention.window` new: 4096 (line 7: cache -13.00 GB) and 2 more lines." in text
    assert "`n_layers` 48 → 50 (line 3: " in text


def test_a_renamed_block_is_no_change(designs: Path) -> None:
    path = designs / "designs" / "plain.yaml"
    (designs / "renamed.yaml").write_text(path.read_text().replace("mlp", "network"))
    assert not diff("designs/plain.yaml", "renamed.yaml").differs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "params.active",
        "params.active > 1%",
        "cache.bytes > 1 GB",
        "params.activ > +1%",
        "params.active > +x",
        "x" * 300,
    ],
)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(ArchcalcError):
        Condition.read(text)


def test_a_context_that_is_not_compared_is_said() -> None:
    with pytest.raises(UsageError, match="is not compared"):
        diff("deepseek-v3", "kimi-k2", fail_if=["cache.bytes@64Ki > +1%"])


@pytest.mark.usefixtures("designs")
def test_figures_are_exact() -> None:
    (spec,) = diff("deepseek-v3", "designs/v3-wide-shared.yaml").specs
    figure = spec.figure("cache.bytes@128Ki")
    assert figure is not None
    assert figure.base == 61 * 576 * 2 * 131_072
    assert figure.head == 61 * 704 * 2 * 131_072
    assert figure.change == pytest.approx(float(Fraction(128, 576)))


@pytest.mark.usefixtures("git")
def test_nothing_to_compare_is_a_mistake(designs: Path) -> None:
    (designs / "empty").mkdir()
    with pytest.raises(UsageError, match="there is no spec to compare"):
        diff("empty", "empty")
    with pytest.raises(UsageError, match="is in neither revision"):
        diff("HEAD", paths=["designs", "nosuch"])


@pytest.mark.usefixtures("git")
def test_a_forgotten_dash_and_a_folder_without_git(designs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match='"main" is a revision, and paths stand behind --') as caught:
        diff("main", "designs")
    assert caught.value.hint == "archcalc diff main -- designs"
    with pytest.raises(UsageError, match='there is no revision "nope"') as caught:
        diff("nope...HEAD", paths=["designs"])
    assert "git fetch" in str(caught.value.hint)
    (designs / ".git").rename(designs / "gone")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(designs.parent))
    with pytest.raises(UsageError, match="there is no working tree of git here"):
        diff("HEAD~1", paths=["designs"])


# ---- what the working folder, links and temporary folders are called ----


@pytest.mark.parametrize("how", ["absolute", "around", "below", "linked", "linked file", "plain"])
def test_a_path_is_the_same_however_it_is_written(
    how: str, git: Git, designs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (designs / "link").symlink_to("designs")
    git("add", "-A")
    git("commit", "-q", "-m", "two")
    edit(designs / "designs" / "plain.yaml", "name: plain\n", "name: other\n")
    edit(designs / "designs" / "plain.yaml", "14336", "16384")
    if how == "below":
        monkeypatch.chdir(designs / "designs")
    path = {
        "absolute": str(designs / "designs"),
        "around": "designs/../designs/",
        "below": f"../../{designs.name}/designs",
        "linked": "link",
        "linked file": "link/plain.yaml",
        "plain": "designs",
    }[how]
    page = diff("HEAD", paths=[path], fail_if=["params.total > +1%"])
    folder = "" if how == "below" else "designs/"
    assert [(one.key, one.status) for one in page.specs if one.status != "equal"] == [
        (f"{folder}plain.yaml", "changed")
    ]
    assert len(page.failed) == 1
    assert diff("HEAD..HEAD", paths=[path]).differs is False
    git("commit", "-q", "-am", "three")
    assert len(diff("HEAD~1..HEAD", paths=[path], fail_if=["params.total > +1%"]).failed) == 1


@pytest.mark.parametrize("path", [".", "designs"])
def test_temporary_files_below_the_working_folder(
    path: str, git: Git, designs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (designs / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(designs / "tmp"))
    edit(designs / "designs" / "plain.yaml", "name: plain\n", "name: other\n")
    edit(designs / "designs" / "plain.yaml", "14336", "16384")
    page = diff("HEAD", paths=[path])
    assert [(one.key, one.status) for one in page.specs] == [
        ("designs/plain.yaml", "changed"), ("designs/v3-wide-shared.yaml", "equal"),
    ]  # fmt: skip
    git("commit", "-q", "-am", "two")
    assert [(one.key, one.causes[0].file) for one in diff("HEAD~1..HEAD", paths=[path]).specs if one.causes] == [
        ("designs/plain.yaml", "designs/plain.yaml")
    ]


@pytest.mark.usefixtures("git")
def test_what_git_ignores_is_no_proposal(designs: Path) -> None:
    (designs / ".gitignore").write_text("build/\n")
    (designs / "build").mkdir()
    (designs / "build" / "a.yaml").write_text((designs / "designs" / "plain.yaml").read_text())
    assert not diff("HEAD").differs
    assert diff("HEAD", paths=["build/a.yaml"]).added == 1  # named, it is asked for
    (designs / "new.yaml").write_text((designs / "designs" / "plain.yaml").read_text())
    assert diff("HEAD").added == 1


@pytest.mark.usefixtures("git")
def test_one_spec_that_is_gone_became_one_that_is_new(designs: Path) -> None:
    path = designs / "designs" / "plain.yaml"
    for name in ("y.yaml", "z.yaml"):
        (designs / "designs" / name).write_text(path.read_text())
    path.unlink()
    page = diff("HEAD", paths=["designs"])
    assert (page.added, page.removed, page.equal) == (1, 0, 2)


# ---- what cannot be read on one side ----


def test_a_spec_that_is_broken_on_both_sides_is_broken(git: Git, designs: Path) -> None:
    path = designs / "designs" / "plain.yaml"
    edit(path, "n_layers: 32", "n_layers: 32\nfoo: 1")
    git("commit", "-q", "-am", "two")
    edit(path, "foo: 1", "bar: 2")
    page = diff("HEAD", paths=["designs"])
    assert page.broken == ["designs/plain.yaml"]
    assert '"bar"' in str(page.specs[0].problem)
    edit(path, "bar: 2\n", "")
    for paths in (["designs"], ["designs/plain.yaml"]):  # the commit that repairs it
        page = diff("HEAD", paths=paths, fail_if=["params.total > 1B", "params.total > 900B"])
        assert page.broken == []
        assert page.specs[0].problem
        assert [text.partition(":")[0] for text in page.failed if "plain" in text] == ["designs/plain.yaml"]


def test_a_clone_without_a_file_says_so(git: Git, designs: Path) -> None:
    name = git("rev-parse", "HEAD:designs/plain.yaml").strip()
    lost = designs / ".git" / "objects" / name[:2] / name[2:]
    lost.chmod(0o600)
    lost.unlink()
    with pytest.raises(UsageError, match=r'git does not have "designs/plain\.yaml" of that revision'):
        diff("HEAD", paths=["designs"])


@pytest.mark.usefixtures("git")
def test_a_condition_on_what_some_specs_lack(designs: Path) -> None:
    edit(designs / "designs" / "plain.yaml", "14336", "16384")
    edit(designs / "designs" / "v3-wide-shared.yaml", "3072", "4096")
    page = diff("HEAD", paths=["designs"], fail_if=["params.components.moe.shared > +1%"])
    assert [text.partition(":")[0] for text in page.failed] == ["designs/v3-wide-shared.yaml"]
    with pytest.raises(UsageError, match=r"components\.moe\.shard is not compared"):
        diff("HEAD", paths=["designs"], fail_if=["params.components.moe.shard > +1%"])


# ---- lock files ----


def test_a_lock_file_and_a_folder_are_compared_within_the_folder(designs: Path) -> None:
    file = designs / "archcalc.lock.json"
    (designs / "other").mkdir()
    (designs / "other" / "b.yaml").write_text((designs / "designs" / "plain.yaml").read_text())
    file.write_text(locked_page("designs", "other", "mistral-7b", file=file).text)
    for pair in (("archcalc.lock.json", "designs"), ("designs", "archcalc.lock.json"), ("archcalc.lock.json", ".")):
        page = diff(*pair)
        assert (page.added, page.removed, page.changed) == (0, 0, 0), pair
    (designs / "other" / "b.yaml").unlink()
    assert diff("archcalc.lock.json", ".").removed == 1
    (designs / "designs" / "plain.yaml").unlink()
    assert diff("archcalc.lock.json", "designs").removed == 1
    assert diff("designs", "archcalc.lock.json").added == 1


def test_two_lock_files_are_compared_both_ways(designs: Path) -> None:
    one, two = designs / "one.json", designs / "two.json"
    one.write_text(locked_page("designs", file=one).text)
    two.write_text(locked_page("designs/plain.yaml", file=two).text)
    assert (diff("one.json", "two.json").removed, diff("two.json", "one.json").added) == (1, 1)
