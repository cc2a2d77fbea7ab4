"""What families with experts have in common: which layers have them, DeepSeek's router, keys of published files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Layer, Part
from costmodel.importers.parts import ffn, layer_types, moe, router


def sparse_layers(c: Config, missing: Sequence[bool] | None = None) -> list[bool]:
    """Say which layers have experts, by ``mlp_layer_types``; ``missing`` is what the class puts there."""
    return layer_types(c, {"dense": False, "sparse": True}, missing, "mlp_layer_types")


def after(c: Config, first: int) -> list[bool]:
    """Say which layers have experts where the first few have none."""
    return [index >= first for index in range(c.count("num_hidden_layers"))]


def stack(mixers: Sequence[Any], sparse: Sequence[bool], experts: Part, dense: Part) -> list[Layer]:
    """Return layers of a mixer and either experts or a dense network."""
    return [[mixer, experts if one else dense] for mixer, one in zip(mixers, sparse, strict=True)]


def every(c: Config, mixer: Part) -> list[Part]:
    """Return the same mixer for every layer."""
    return [mixer] * c.count("num_hidden_layers")


def deepseek_experts(
    c: Config,
    score: str = "sigmoid",
    *,
    correction_bias: bool = True,
    n_experts: int | None = None,
    called: str | None = None,
    **more: Any,
) -> Part:
    """Return experts with DeepSeek's keys: ``n_shared_experts`` of the routed ones' size, groups of experts.

    Keys that its published files have besides are read here: they must say what the class does anyway;
    ``called`` is another word of the family's for the score.
    """
    c.require("scoring_func", None, score, *([called] if called else []))
    return moe(
        c,
        n_experts=n_experts or c.count("n_routed_experts"),
        shared=c.natural("n_shared_experts", 0),
        router=plain(router(c, score, correction_bias=correction_bias)),
        **more,
    )


def biased(experts: Part, flag: bool) -> Part:
    """Return experts of which only those that every token uses have a bias, where a flag says so."""
    if not flag or "shared" not in experts.fields:
        return experts
    return experts._replace(fields={**experts.fields, "shared": {**experts.fields["shared"], "bias": True}})


def plain(fields: dict[str, Any]) -> dict[str, Any] | None:
    """Return the fields of a router without a softmax, which needs no word; None where nothing is left."""
    return {key: value for key, value in fields.items() if value != "softmax"} or None


def same(c: Config, key: str, other: str) -> None:
    """Refuse a second name of a number, as files have it that a class wrote, where it says another number."""
    c.require(key, None, c.get(other))


def dense(c: Config, **more: Any) -> Part:
    """Return the network of the layers without experts."""
    return ffn(c, "dense", **more)


def windows(
    c: Config, local: Part, full: Part, missing: Sequence[bool] | None = None, *, rename: bool = True
) -> list[Part]:
    """Return the attention of each layer by ``layer_types``; ``missing`` says where the class puts windows.

    A window of no width is no window: a file whose layers ask for one is refused. Where all layers
    are alike, ``rename`` calls their block plainly attention.
    """
    usual = None if missing is None else [local if one else full for one in missing]
    found = layer_types(c, {"full_attention": full, "sliding_attention": local}, usual)
    if local in found and "window" not in local.fields:
        c.refuse("layer_types", "layers have a window, and sliding_window gives it no width")
    alike = all(part == found[0] for part in found)
    return [part._replace(name="attention") for part in found] if rename and alike else found


def rope_of(c: Config, kind: str, head_dim: int, usual: float, missing: float = 1.0) -> int | None:
    """Return how many values of a head are rotated in layers of one type; None for all of them.

    ``usual`` is the share where the file has no ``rope_parameters``, ``missing`` where those of
    the type name none.
    """
    inner = c.get("rope_parameters")
    share: Any = usual
    if isinstance(inner, dict):
        own = inner.get(kind)
        share = own.get("partial_rotary_factor", missing) if isinstance(own, dict) else missing
    dims = int(head_dim * share)
    return None if dims == head_dim else dims


def unrotated(part: Part) -> Part:
    """Return the same attention without a rotation."""
    return part._replace(fields={**part.fields, "rope": False})


def alike(c: Config, key: str) -> int:
    """Return a number that may stand as a list with an entry a layer."""
    value = c.get(key)
    if isinstance(value, list) and value and all(one == value[0] for one in value) and type(value[0]) is int:
        return int(value[0])
    return int(c.count(key))
