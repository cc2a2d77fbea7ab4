"""Number formats by hand, and recipes."""

from __future__ import annotations

import pytest

from costmodel.dtypes import BF16, FORMATS, ROLES, Recipe
from costmodel.errors import UsageError


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("fp32", 3, 12),
        ("bf16", 3, 6),
        ("fp16", 3, 6),
        ("fp8", 3, 3),
        ("int8", 3, 3),
        ("fp8-block", 128, 128 + 4),  # one fp32 for 128
        ("fp8-block", 129, 129 + 8),
        ("int4", 5, 3 + 2),  # packed in 3 bytes; one fp16 for 128
        ("int4", 129, 65 + 4),
        ("mxfp8", 32, 32 + 1),  # one byte for 32
        ("mxfp8", 33, 33 + 2),
        ("mxfp4", 33, 17 + 2),
        ("nvfp4", 16, 8 + 1),  # one byte for 16
        ("nvfp4", 17, 9 + 2),
        ("nvfp4", 0, 0),
        ("q8_0", 64, 64 + 4),  # one fp16 for 32
        ("q4_k", 512, 256 + 2 * 16),  # two fp16 and twelve bytes of scales for 256
        ("q6_k", 256, 192 + 18),
        ("int4", 128, 64 + 2),
        # Eight groups each: whole bytes of scale factors whatever their bits.
        ("fp8-block", 1024, 1024 + 32),
        ("int4", 1024, 512 + 16),
        ("mxfp8", 256, 256 + 8),
        ("mxfp4", 256, 128 + 8),
        ("nvfp4", 128, 64 + 8),
    ],
)
def test_bytes_by_hand(name: str, values: int, expected: int) -> None:
    assert FORMATS[name].bytes(values) == expected


def test_formats_of_whole_bytes() -> None:
    assert [name for name, form in FORMATS.items() if form.whole_bytes] == ["fp32", "bf16", "fp16", "fp8", "int8"]


def formats(text: str) -> dict[str, str]:
    """The roles whose format is not the default."""
    found = Recipe.parse(text)
    assert found.text == text
    assert set(found.formats or ()) == set(ROLES)
    assert found.format("router").name == (found.formats or {})["router"]
    return {role: found.format(role).name for role in ROLES if found.format(role).name != BF16.format(role).name}


def test_a_recurrent_state_is_fp32_and_all_else_bf16() -> None:
    assert {role: BF16.format(role).name for role in ROLES} == dict.fromkeys(ROLES, "bf16") | {"state": "fp32"}
    assert Recipe().text == "bf16"


WEIGHTS = dict.fromkeys(("weights", "attention", "ffn", "experts"), "fp8")
CACHE = dict.fromkeys(("kv", "kv_rope", "index"), "fp8")
ACTIVATIONS = dict.fromkeys(("activations", "conv"), "fp8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bf16", {}),
        ("fp8", WEIGHTS | CACHE | ACTIVATIONS),
        ("weights=fp8", WEIGHTS),
        ("cache=fp8", CACHE),
        ("kv=fp8", {"kv": "fp8", "kv_rope": "fp8"}),
        ("activations=fp8", ACTIVATIONS),
        ("state=bf16", {"state": "bf16"}),
        ("head=fp8,embed=int8", {"head": "fp8", "embed": "int8"}),
        # Wider names first, in whatever order they stand.
        ("kv_rope=bf16, fp8", WEIGHTS | CACHE | ACTIVATIONS | {"kv_rope": "bf16"}),
        ("kv=int8,cache=fp8", CACHE | {"kv": "int8", "kv_rope": "int8"}),
        ("experts=mxfp4,weights=fp8", WEIGHTS | {"experts": "mxfp4"}),
        ("compute=fp8,router=fp16", {"compute": "fp8", "router": "fp16"}),
    ],
)
def test_a_recipe_sets(text: str, expected: dict[str, str]) -> None:
    # A role that is bf16 again does not differ from the default.
    assert formats(text) == {role: name for role, name in expected.items() if (role, name) != ("kv_rope", "bf16")}


ROLES_HINT = (
    "roles: weights, attention, ffn, experts, router, norm, head, embed, kv, kv_rope, index, state, conv, "
    "activations, compute, cache"
)
DTYPES_HINT = "dtypes: fp32, bf16, fp16, fp8, fp8-block, int8, int4, mxfp8, mxfp4, nvfp4, and ggml's q8_0, q4_k, ..."


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("keys=fp8", 'there is no dtype role "keys"', ROLES_HINT),
        ("fp7", 'there is no dtype "fp7"', DTYPES_HINT),
        ("kv=", 'there is no dtype ""', DTYPES_HINT),
        ("", 'there is no dtype ""', DTYPES_HINT),
        ("=fp8", 'there is no dtype role ""', ROLES_HINT),
        ("kv=fp8,kv=bf16", 'the dtype of "kv" is given twice', None),
        ("fp8,bf16", 'the dtype of "all" is given twice', None),
    ],
)
def test_a_recipe_is_refused(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        Recipe.parse(text)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bf16", "bf16"),
        ("fp8", "fp8"),
        ("weights=fp8", "bf16"),
        ("weights=fp8, kv=int8", "kv=int8"),
        ("cache=fp8,head=fp16,state=bf16", "cache=fp8,state=bf16"),
        ("kv_rope=fp8,index=int4,activations=fp16,conv=fp8", "kv_rope=fp8,index=int4,activations=fp16,conv=fp8"),
        ("fp8,router=fp16", "fp8"),
    ],
)
def test_what_a_recipe_says_of_the_cache(text: str, expected: str) -> None:
    assert Recipe.parse(text).cache_text == expected
