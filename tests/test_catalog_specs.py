"""The shipped specs: names, sources, aliases, claims."""

from __future__ import annotations

import re

import pytest

from costmodel import catalog
from costmodel.architecture import Architecture
from costmodel.report import claims

NAMES = catalog.names()
PROPOSALS = {path.stem for path in (catalog.spec_root() / "proposals").glob("*.yaml")}


def test_there_are_enough() -> None:
    assert len(set(NAMES) - PROPOSALS) >= 200
    assert len(PROPOSALS) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_says_who_it_is_and_where_it_was_read(name: str) -> None:
    spec = catalog.load(name)
    assert spec.name == name
    assert spec.name == spec.name.lower()
    assert catalog.find(name).read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=")
    if name in PROPOSALS:
        return
    assert spec.title
    assert spec.source is not None
    assert spec.source.read is not None
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", spec.source.read)
    assert spec.source.url or spec.source.note
    for claim in spec.claims:
        assert claim.source
        assert claim.holds or claim.reason


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_has_the_verdict_that_the_spec_knows(name: str) -> None:
    spec = catalog.load(name)
    assert claims.unexpected(claims.check_all(spec)) == []


def test_every_published_spec_has_a_claim_or_says_its_source_makes_none() -> None:
    with_claims = [spec.name for spec in catalog.load_all() if spec.claims]
    assert len(with_claims) >= 60


def test_aliases_are_what_parsing_gives_and_name_one_spec_each() -> None:
    parsed: dict[str, str] = {}
    for spec in catalog.load_all():
        for alias in spec.aliases:
            assert alias.lower() not in parsed
            assert alias.lower() not in NAMES
            parsed[alias.lower()] = spec.name
    assert catalog.aliases() == parsed


def test_a_proposal_keeps_its_promise() -> None:
    from costmodel import figures

    spec = catalog.load("moe-mod-1t")
    assert isinstance(spec, Architecture)
    found = figures.params(spec)
    assert 980 * 10**9 <= found.total <= 1_020 * 10**9
    assert found.active < 50 * 10**9
    kinds = {block.kind for block in spec.blocks.values()}
    assert {"mla", "moe"} <= kinds
    assert any(block.keep for block in spec.blocks.values())


def test_gpt_4_is_a_rumour_and_nothing_is_computed() -> None:
    spec = catalog.load("gpt-4")
    assert not isinstance(spec, Architecture)
    assert spec.confidence == "rumour"
    assert spec.claims
