"""A folder with designs and a git repository, to check and compare."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.designs import WIDE

PLAIN = """\
name: plain
d_model: 4096
vocab_size: 128256
n_layers: 32
max_context: 131072
blocks:
  attention: {kind: attention, n_heads: 32, n_kv_heads: 8, head_dim: 128}
  mlp: {kind: ffn, d_ff: 14336}
mixer: attention
ffn: mlp
"""


@pytest.fixture
def designs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two designs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "designs").mkdir()
    (tmp_path / "designs" / "v3-wide-shared.yaml").write_text(WIDE)
    (tmp_path / "designs" / "plain.yaml").write_text(PLAIN)
    return tmp_path


Git = Callable[..., str]


@pytest.fixture
def git(designs: Path) -> Git:
    """The same as a repository; ``git("commit", ...)`` runs git there."""
    who = {
        f"GIT_{role}_{what}": "someone@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=designs, env=os.environ | who | quiet, capture_output=True, text=True, check=True
        )
        return done.stdout

    run("init", "-q", "-b", "main")
    run("add", "-A")
    run("commit", "-q", "-m", "one")
    return run
