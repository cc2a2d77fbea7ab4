"""The catalog, written by hand, and the configurations it was published with, imported: the same figures."""

from __future__ import annotations

import json

import pytest

from costmodel import catalog, figures
from costmodel.architecture import Architecture
from costmodel.importers import import_text
from costmodel.importers.families import TABLE
from costmodel.validation import parse
from tests.oracle.published import configs

from .test_small_models import STEPS, of

CONFIGS = configs()
_TIED = "T5's class ties the head whatever the file says; T5 1.1 and Flan-T5 have one of their own"
_CAPACITY = "the spec has the capacity factor of the paper; the class cuts off at a fixed number of tokens"
_SHORT = "this list has only what changes a count; the published file says which part of a head is rotated"
DIFFERENT = {
    "flan-t5-base": ({"total", "active"}, _TIED),
    "flan-t5-xxl": ({"total", "active"}, _TIED),
    "minimax-m2": ({"elementwise"}, _SHORT),
    "phi-4-mini": ({"elementwise"}, _SHORT),
    "switch-base-128": ({"executed"}, _CAPACITY),
    "switch-base-8": ({"executed"}, _CAPACITY),
    "switch-c-2048": ({"executed"}, _CAPACITY),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_spec_is_what_its_configuration_imports_as(name: str) -> None:
    assert CONFIGS[name]["model_type"] in TABLE
    spec, found = catalog.load(name), parse(import_text(json.dumps(CONFIGS[name]), "config.json").document)
    assert isinstance(spec, Architecture)
    assert isinstance(found, Architecture)
    mine, theirs = figures.params(spec), figures.params(found)
    different = {key for key in ("total", "active") if getattr(mine, key) != getattr(theirs, key)}
    for load in STEPS:
        ours, imported = of(spec, load), of(found, load)
        different |= {key for key in ours if ours[key] != imported[key]}
    assert different == DIFFERENT.get(name, (set(), ""))[0]


_FURTHER = ("num_nextn_predict_layers", "mtp_num_hidden_layers")


@pytest.mark.parametrize("name", [name for name, keys in CONFIGS.items() if set(_FURTHER) & keys.keys()])
def test_layers_that_predict_further_tokens_are_those_of_the_configuration(name: str) -> None:
    spec, found = catalog.load(name), parse(import_text(json.dumps(CONFIGS[name]), "config.json").document)
    assert isinstance(spec, Architecture)
    assert isinstance(found, Architecture)
    mine, theirs = (figures.params(one).not_in_total.get("mtp", 0) for one in (spec, found))
    assert mine == theirs
    assert bool(mine) == any(CONFIGS[name].get(key) for key in _FURTHER)
