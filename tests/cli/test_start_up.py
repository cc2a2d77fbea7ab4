"""What a call imports: the budget of its start-up, in modules and in time beside a minimal program."""

from __future__ import annotations

import math
import os
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import costmodel

ROOT = Path(costmodel.__file__).parent.parent
HEAVY = {"rich", "numpy", "torch", "transformers", "jsonschema"}
# Of these typer or pydantic import some themselves.
OTHER = {"typer", "pydantic", "yaml", "dataclasses", "typing", "re", "json", "difflib", "importlib.metadata", "email"}
NOT_IMPORTED = {
    ("--version",): OTHER | HEAVY,
    ("--help",): OTHER | HEAVY,
    (): OTHER | HEAVY,
    ("cache", "--help"): {"pydantic", "yaml", "costmodel.catalog", "costmodel.report"} | HEAVY,
    ("--complete", "show", "gem"): {"typer", "pydantic"} | HEAVY,
    ("compare", "deepseek-v3", "llama4"): {"costmodel.render.compare_rows", "costmodel.times", "costmodel.profiles"}
    | HEAVY,
    ("fit", "gpt2", "-H", "l4"): {"costmodel.report.serve", "costmodel.calibration", "costmodel.measured"} | HEAVY,
    ("roofline", "gpt2", "-H", "l4", "-q"): {"costmodel.report.kernel", "costmodel.mix"} | HEAVY,
    ("compare", "deepseek-v3", "llama4", "--format", "json"): {"costmodel.render.compare"} | HEAVY,
    ("compare", "gpt2", "gpt2-xl", "--format", "csv"): {"costmodel.render.styles", "costmodel.timing"} | HEAVY,
    ("show", "gpt2", "--format", "json"): {"costmodel.render.show", "costmodel.blocks.mla"} | HEAVY,
    ("cache", "gpt2", "--format", "csv"): {"costmodel.render.terminal", "costmodel.blocks.moe"} | HEAVY,
    ("flops", "gpt2"): {"costmodel.blocks.mamba2"} | HEAVY,
    ("list", "gpt2"): {"costmodel.render.terminal"} | HEAVY,
}
_CODE = """
import sys
from costmodel.cli import run
status = run(sys.argv[1:])
sys.stderr.write("\\n".join(sys.modules))
raise SystemExit(status)
"""


@pytest.mark.parametrize("arguments", NOT_IMPORTED, ids=" ".join)
def test_modules(arguments: tuple[str, ...]) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    env.pop("FORCE_COLOR", None)
    command = [sys.executable, "-S", "-c", _CODE, *arguments]
    done = subprocess.run(command, env=env | site(), capture_output=True, check=True)
    modules = set(done.stderr.decode().split("\n"))
    assert "costmodel.cli" in modules
    assert modules & NOT_IMPORTED[arguments] == set()


def site() -> dict[str, str]:
    """Return the path of installed packages: ``-S`` leaves out what .pth files of editable installs import."""
    import typer

    return {"PYTHONPATH": f"{ROOT}{os.pathsep}{Path(typer.__file__).parent.parent}"}


def test_the_version_is_the_one_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == costmodel.__version__


def test_the_public_names_exist_and_are_lazy() -> None:
    for name in costmodel.__all__:
        assert getattr(costmodel, name) is not None
    with pytest.raises(AttributeError):
        _ = costmodel.nothing
    code = "import sys, costmodel; sys.exit('pydantic' in sys.modules or 'typing' in sys.modules)"
    subprocess.run([sys.executable, "-S", "-c", code], env={**os.environ, **site()}, check=True)


MINIMAL = """
import pydantic, typer, yaml
from rich.console import Console
from rich.table import Table

class Model(pydantic.BaseModel):
    size: int

app = typer.Typer()

@app.command()
def main(name: str = "x") -> None:
    table = Table("name")
    table.add_row(str(Model(**yaml.safe_load("size: 1")).size))
    Console(force_terminal=True).print(table)

app()
"""


def seconds(arguments: list[str]) -> float:
    """Return the CPU time of one run of a Python program."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env=env, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.timing
@pytest.mark.parametrize(
    ("arguments", "limit"),
    [(["compare", "deepseek-v3", "llama4"], 1.5), (["--help"], 0.6), (["cache", "--help"], 0.6), (["--version"], 0.15)],
    ids=["compare", "help", "cache-help", "version"],
)
def test_cpu_time_beside_a_minimal_program(arguments: list[str], limit: float) -> None:
    programs = (["-c", "pass"], ["-c", MINIMAL], ["-m", "costmodel", *arguments])
    least = [math.inf] * 3
    for rounds in (5, 15):  # in turns; more of them before a limit counts as broken
        for _ in range(rounds):
            least = [min(before, seconds(program)) for before, program in zip(least, programs, strict=True)]
        bare, minimal, ours = least
        if ours - bare <= limit * (minimal - bare):
            break
    assert ours - bare <= limit * (minimal - bare)
