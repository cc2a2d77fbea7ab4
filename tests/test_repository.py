"""The repository keeps its own rules: style, types, imports, fresh documentation, one set of commands."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def run(*command: str) -> None:
    """Run a checker of this environment; its words are the failure."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_style_is_clean() -> None:
    run("ruff", "check", ".")


def test_code_is_formatted() -> None:
    run("ruff", "format", "--check", ".")


def test_types_are_strict() -> None:
    run("mypy")


def test_imports_point_one_way() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_documentation_is_fresh() -> None:
    run("costmodel", "docs", "--check", "README.md", "CONTRIBUTING.md", "docs")


def test_the_data_of_the_documentation_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "docs/data.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ci_runs_the_second_command_of_the_readme() -> None:
    commands = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)
    assert len(commands) == 2
    assert commands[0].endswith("archcalc compare deepseek-v3 llama4")
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_core_needs_four_libraries() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=~!\[ ]", requirement)[0] for requirement in project["dependencies"]}
    assert needed == {"typer", "rich", "pydantic", "pyyaml"}


def test_versions_agree() -> None:
    import costmodel

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert costmodel.__version__ == project["version"]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / "costmodel").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_stay_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""')
    assert len(text.splitlines()) <= 320
    for word in ("eval(", "exec(", "yaml.load(", "pickle", "import requests", "urllib.request"):
        assert word not in text


def test_torch_is_imported_only_by_tests() -> None:
    for path in (ROOT / "costmodel").rglob("*.py"):
        if "verify" not in path.parts:
            assert not re.search(
                r"^\s*(import|from) (torch|transformers)", path.read_text(encoding="utf-8"), re.MULTILINE
            )
