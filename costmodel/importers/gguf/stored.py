"""How a file stores its tensors: exact bytes by type, and the recipe of ours that comes nearest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from costmodel.dtypes import ROLES
from costmodel.importers.gguf.header import Info
from costmodel.importers.stored_types import StoredType, StoredTypes


def stored(tensors: Iterable[Info]) -> StoredTypes:
    """Return what is stored how."""
    types: dict[str, StoredType] = {}
    for tensor in tensors:
        row = types.setdefault(tensor.quant.name, StoredType())
        row.tensors, row.values, row.bytes = row.tensors + 1, row.values + tensor.values, row.bytes + tensor.bytes
    largest = dict(sorted(types.items(), key=lambda item: (-item[1].bytes, item[0])))
    rows = largest.values()
    return StoredTypes(
        sum(row.tensors for row in rows), sum(row.values for row in rows), sum(row.bytes for row in rows), largest
    )


def recipe(tensors: Iterable[Info]) -> str | None:
    """Return the recipe that gives every role the type in which most of its values are stored.

    A file mixes types within a role, so its bytes are those of ``stored``. None where a type has no
    word in recipes.
    """
    votes: dict[str, Counter[str | None]] = {}
    for tensor in tensors:
        if (role := _role(tensor)) is not None:
            votes.setdefault(role, Counter())[tensor.quant.dtype] += tensor.values
    most = {role: vote.most_common(1)[0][0] for role, vote in votes.items()}
    weights = sum((votes[role] for role in ("attention", "ffn", "experts") if role in votes), Counter[str | None]())
    if not weights or None in most.values():
        return None
    usual = weights.most_common(1)[0][0]
    expected = ROLES | dict.fromkeys(("attention", "ffn", "experts"), usual)
    apart = [f"{role}={most[role]}" for role in ROLES if role in most and most[role] != expected[role]]
    return ",".join([f"weights={usual}", *apart])


def _role(tensor: Info) -> str | None:
    """Return the role of a tensor in recipes; None for biases and other vectors, which are with their matrix."""
    name = tensor.name.removesuffix(".weight")
    if name in ("token_embd", "per_layer_token_embd"):
        return "embed"
    if name == "output":
        return "head"
    if "norm" in name:
        return "norm"
    end = name.rpartition(".")[2]
    if len(tensor.shape) < 2:
        return None
    if end.startswith("ffn_gate_inp"):
        return "router"
    if end.endswith("_exps"):
        return "experts"
    return "ffn" if end.startswith("ffn_") else "attention"
