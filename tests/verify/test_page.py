"""The page about proofs shows what the command prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.cli import run

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"


def test_the_page_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, rest = PAGE.read_text().partition("```console\n$ archcalc ")
    asked, _, shown = rest.partition("```")[0].partition("\n")
    assert run(asked.split()) == 0
    assert capsys.readouterr().out.rstrip() == shown.rstrip()
