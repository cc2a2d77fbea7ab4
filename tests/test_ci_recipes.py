"""What docs/ci.md tells people to copy, really run: the GitHub action, the GitLab template, the pre-commit hooks.

Nothing here imports costmodel: each recipe installs archcalc by itself, from a copy of this repository.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from junitparser import JUnitXml

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
GOOD = "base: deepseek-v3\nname: good\nblocks:\n  moe: {shared: {d_ff: 2112}}\n"
WIDE = "base: deepseek-v3\nname: wide\nblocks:\n  moe: {shared: {d_ff: 3072}}\n"
pytestmark = pytest.mark.xdist_group("recipes")  # one installation for all


def example(name: str) -> str:
    """A text of the page, by the comment before it."""
    match = re.search(rf"<!-- example: {re.escape(name)} -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert match is not None
    return match[1]


WORKFLOW = yaml.safe_load(example(".github/workflows/archcalc.yml"))
USED = next(step for step in WORKFLOW["jobs"]["archcalc"]["steps"] if "archcalc@" in step.get("uses", ""))


def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    whole = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    return subprocess.run(command, cwd=cwd, env=whole | (env or {}), capture_output=True, text=True, check=False)


def git(*words: str, cwd: Path) -> str:
    done = run("git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, message: str = "change") -> str:
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", message, cwd=folder)
    return git("rev-parse", "HEAD", cwd=folder)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of archcalc as it is here, at a path with a blank."""
    folder = tmp_path_factory.mktemp("source") / "arch calc"
    for name in ("costmodel", "specs", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "action.yml", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, folder)
    git("init", "-q", cwd=folder)
    commit(folder, "archcalc")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with the budgets of the page and a design that keeps them; its last commit is the first change."""
    folder = tmp_path / "a project"
    for name, text in {
        "archcalc.budgets.yaml": example("archcalc.budgets.yaml"),
        "designs/good.yaml": GOOD.replace("2112", "2048"),
        "designs/notes.yml": "todo: [one, two]\n",
        "README.md": "# Designs\n\n<!-- archcalc:begin list -->\n<!-- archcalc:end -->\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git("init", "-q", "-b", "main", cwd=folder)
    commit(folder, "base")
    (folder / "designs" / "good.yaml").write_text(GOOD, encoding="utf-8")
    commit(folder)
    return folder


@dataclass
class Job:
    """What a run of the action leaves behind."""

    status: int
    log: str
    summary: str
    outputs: dict[str, str]


class Runner:
    """A machine that runs the steps of action.yml as GitHub's runner does."""

    def __init__(self, source: Path, temp: Path) -> None:
        self.source, self.temp = source, temp
        self.steps = ACTION["runs"]["steps"]
        self.env = {"RUNNER_TEMP": str(temp), "GITHUB_ACTION_PATH": str(source)}

    def step(self, step: dict[str, Any], cwd: Path, inputs: dict[str, str]) -> Job:
        """Run one step: its inputs come by the environment, as the step says."""
        assert step["shell"] == "bash"
        script = self.temp / "step.sh"
        script.write_text(step["run"], encoding="utf-8")
        files = {name: self.temp / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
        for file in files.values():
            file.write_text("", encoding="utf-8")
        env = {name: self.value(str(text), inputs) for name, text in step.get("env", {}).items()}
        env |= {name: str(file) for name, file in files.items()}
        done = run(
            "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script), cwd=cwd, env=self.env | env
        )  # fmt: skip
        lines = files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines()
        summary = files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        outputs = dict(one.split("=", 1) for one in lines)
        return Job(done.returncode, done.stdout + done.stderr, summary, outputs)

    def value(self, text: str, inputs: dict[str, str]) -> str:
        """Fill ``${{ inputs.NAME }}``; nothing else may stand in an env of the action."""
        match = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", text)
        assert match is not None
        return inputs.get(match[1], ACTION["inputs"][match[1]]["default"])

    def job(self, cwd: Path, **inputs: str) -> Job:
        """Run check and diff, the second under its own condition, and return what they leave together."""
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert set(given) <= set(ACTION["inputs"])
        _, check, diff = self.steps
        found = self.step(check, cwd, given)
        if given.get("base") and found.outputs.get("sarif"):
            more = self.step(diff, cwd, given)
            assert more.status == 0
            found.log += more.log
            found.summary += more.summary
            found.outputs |= more.outputs
        return found


@pytest.fixture(scope="module")
def runner(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A machine on which the action's first step has been run, beside files that would stand in for its tools."""
    machine = Runner(source, tmp_path_factory.mktemp("runner temp"))
    hostile = tmp_path_factory.mktemp("hostile")
    for name in ("venv", "pip", "ensurepip", "hatchling", "typer"):
        (hostile / f"{name}.py").write_text("raise SystemExit('run from the repository')\n", encoding="utf-8")
    done = machine.step(machine.steps[0], hostile, {})
    assert done.status == 0, done.log
    return machine


def test_no_input_is_pasted_into_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert "uses" not in step
    for uses in re.findall(r"uses: (\S+)", PAGE):
        assert re.fullmatch(r"\S+@([0-9a-f]{40}|COMMIT)", uses), uses


def test_the_diff_runs_after_a_failed_check() -> None:
    assert ACTION["runs"]["steps"][2]["if"] == (
        "${{ !cancelled() && inputs.base != '' && steps.check.outputs.sarif != '' }}"
    )


def test_a_proposal_within_its_budget(runner: Runner, project: Path, tmp_path: Path) -> None:
    """As the page has it: a pull request's merge commit, in a checkout of two commits."""
    git("checkout", "-q", "-b", "merged", "HEAD^1", cwd=project)
    git("merge", "-q", "--no-ff", "-m", "merge", "main", cwd=project)
    shallow = tmp_path / "checkout"
    git("clone", "-q", "--depth", "2", f"file://{project}", str(shallow), cwd=tmp_path)
    job = runner.job(shallow, **USED["with"])
    assert (job.status, job.log) == (0, "")
    assert "### archcalc check: passed" in job.summary
    assert "### archcalc: `good` active" in job.summary
    comment = Path(job.outputs["comment"]).read_text(encoding="utf-8")
    assert comment.startswith("<!-- archcalc-diff:designs -->\n")
    assert "(line 4: active" in comment
    assert json.loads(Path(job.outputs["sarif"]).read_text(encoding="utf-8"))["runs"][0]["results"] == []


def test_a_proposal_over_its_budget(runner: Runner, project: Path) -> None:
    (project / "designs" / "wide one").mkdir()
    (project / "designs" / "wide one" / "wide.yaml").write_text(WIDE, encoding="utf-8")
    commit(project)
    job = runner.job(project, paths="designs/wide one\ndesigns/good.yaml\n", base="HEAD^1")
    assert job.status == 1
    (annotation,) = [line for line in job.log.splitlines() if line.startswith("::error")]
    assert annotation.startswith("::error file=designs/wide one/wide.yaml,line=4,col=24,endColumn=28,title=AC201 ")
    assert "### archcalc check: failed" in job.summary
    assert "`wide` added" in job.summary
    (result,) = json.loads(Path(job.outputs["sarif"]).read_text(encoding="utf-8"))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "designs/wide%20one/wide.yaml"


def test_a_spec_that_cannot_be_read_is_in_the_comment(runner: Runner, project: Path) -> None:
    (project / "designs" / "broken.yaml").write_text("base: gpt2\nname: broken\nn_heads: 3\n", encoding="utf-8")
    commit(project)
    job = runner.job(project, paths="designs", base="HEAD^1")
    assert (job.status, "nothing was compared" in job.log) == (1, False)
    assert "`designs/broken.yaml` cannot be read" in Path(job.outputs["comment"]).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("inputs", "status", "said"),
    [
        ({"fail_on": "never"}, 0, "AC201"),
        ({"budgets": "other limits.yaml"}, 0, ""),
        ({"budgets": "nowhere.yaml"}, 2, "nowhere.yaml: error AC001"),
        ({"paths": "nowhere"}, 2, 'error: no architecture "nowhere"'),
        ({"paths": "--help"}, 2, "error: "),
        ({"paths": "$(touch hacked)`touch hacked`"}, 2, "error: "),
        ({"base": "gone", "fail_on": "never"}, 0, "::warning::nothing was compared"),
        ({"base": "--output=x; touch hacked", "fail_on": "never"}, 0, "::warning::nothing was compared"),
    ],
    ids=str,
)
def test_inputs(inputs: dict[str, str], status: int, said: str, runner: Runner, project: Path) -> None:
    """Without paths all that lies beside the budget file is checked; no input is run."""
    (project / "designs" / "wide.yaml").write_text(WIDE, encoding="utf-8")
    (project / "other limits.yaml").write_text("budgets: [{match: wide, assert: [n_layers < 100]}]\n", encoding="utf-8")
    job = runner.job(project, **inputs)
    assert job.status == status, job.log
    assert said in job.log
    assert ("sarif" in job.outputs, "comment" in job.outputs) == (status < 2, False)
    assert bool(job.summary) == (status < 2)
    assert not (project / "hacked").exists()


@pytest.mark.parametrize(("spec", "status"), [("good", 0), ("wide", 1)])
def test_gitlab(spec: str, status: int, runner: Runner, project: Path, tmp_path: Path) -> None:
    """The job's script, in bash, with the variables of the page and an installation that is there already."""
    (project / "designs" / "good.yaml").write_text(GOOD if spec == "good" else WIDE, encoding="utf-8")
    job = yaml.safe_load((ROOT / "templates" / "gitlab.yml").read_text(encoding="utf-8"))["archcalc"]
    assert [line.partition(" -m ")[0] for line in job["script"][:2]] == ["python3 -I", "/tmp/archcalc/bin/python -I"]
    own = yaml.safe_load(example(".gitlab-ci.yml"))
    assert set(own) - {"include"} == {"archcalc"}
    assert set(own["archcalc"]["variables"]) <= set(job["variables"])
    assert own["include"][0]["file"] == "templates/gitlab.yml"
    (check,) = job["script"][2:]
    script = tmp_path / "job.sh"
    script.write_text(check.replace("/tmp/archcalc/", f"'{runner.temp}'/archcalc/"), encoding="utf-8")
    done = run("bash", "-eu", str(script), cwd=project, env=job["variables"] | own["archcalc"]["variables"])
    assert done.returncode == status, done.stderr
    reports = job["artifacts"]["reports"]
    rows = json.loads((project / reports["codequality"]).read_text(encoding="utf-8"))
    assert [(row["check_name"], row["location"]["path"]) for row in rows] == [("AC201", "designs/good.yaml")] * status
    suites = JUnitXml.fromfile(str(project / reports["junit"]))
    assert (suites.failures, suites.errors) == (status, 0)
    assert suites.tests >= 4


def test_pre_commit(source: Path, project: Path, tmp_path: Path) -> None:
    """The hooks in the environment that pre-commit makes for them, on commits with and without specs."""
    config = example(".pre-commit-config.yaml")
    config = config.replace("https://github.com/OWNER/archcalc", str(source))
    config = config.replace("COMMIT", git("rev-parse", "HEAD", cwd=source))
    (project / ".pre-commit-config.yaml").write_text(config, encoding="utf-8")

    home = {"PRE_COMMIT_HOME": str(tmp_path / "home")}

    def pre_commit(*words: str) -> tuple[int, str]:
        git("add", "-A", cwd=project)
        done = run(sys.executable, "-m", "pre_commit", "run", "--color=never", *words, cwd=project, env=home)
        return done.returncode, done.stdout + done.stderr

    status, said = pre_commit("archcalc-check", "--all-files")  # notes, budgets and the config are no specs
    assert status == 0, said
    status, said = pre_commit("archcalc-docs", "--all-files")
    assert (status, "README.md:3: error AC301" in said) == (1, True), said
    commit(project)
    (project / "designs" / "notes.yml").write_text("todo: []\n", encoding="utf-8")
    status, said = pre_commit("archcalc-check")  # only files that are no specs
    assert status == 0, said
    (project / "designs" / "a wide one.yaml").write_text(WIDE, encoding="utf-8")
    status, said = pre_commit("archcalc-check")
    assert (status, "designs/a wide one.yaml:4:24: error AC201 params.active over budget" in said) == (1, True), said
