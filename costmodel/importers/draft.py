"""A spec that an adapter fills in: layers one by one; names and schedules follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from costmodel.importers.schedules import shortest


class Part(NamedTuple):
    """A block and the name it would like to have."""

    name: str
    fields: Mapping[str, Any]


Sublayer: TypeAlias = Part | tuple[Part, ...] | None  # one block, several added (a & b), or none
Layer: TypeAlias = Sequence[Sublayer]


@dataclass
class Draft:
    """What an adapter found: fields of the spec, and every layer with its sublayers.

    ``fields`` are d_model, vocab_size and what else stands above the blocks; ``more`` what stands
    below the schedules (features of the residual stream, components). ``mtp`` and ``encoder`` are
    further stacks: their own fields and layers. ``blocks`` are named by no schedule (parts of
    shared blocks). ``left_out`` are keys of towers that are not read: their parameters are in no
    component, and the spec says so. ``remarks`` are sentences for its source.
    """

    fields: dict[str, Any]
    layers: Sequence[Layer]
    more: dict[str, Any] = field(default_factory=dict)
    mtp: tuple[dict[str, Any], Sequence[Layer]] | None = None
    encoder: tuple[dict[str, Any], Sequence[Layer]] | None = None
    blocks: Sequence[Part] = ()
    left_out: Sequence[str] = ()
    remarks: Sequence[str] = ()

    def inner(self, fields: Mapping[str, Any], layers: Sequence[Layer]) -> dict[str, Any]:
        """Return a stack that stands in ``more``, of blocks that are listed with the others.

        None of them may be called like another one of these.
        """
        parts = list(_parts(layers))
        self.blocks = [*self.blocks, *parts]
        return {"n_layers": len(layers), **fields, **_schedules(layers, _names(parts))}

    def document(self) -> dict[str, Any]:
        """Return the spec's data, without its name and source."""
        stacks = [("", self.layers)]
        stacks += [(name, found[1]) for name in ("mtp", "encoder") if (found := getattr(self, name))]
        _drop_short_context(self.fields, stacks)
        names = _names([*self.blocks, *(part for _, layers in stacks for part in _parts(layers))])
        document: dict[str, Any] = {**self.fields, "n_layers": len(self.layers), "blocks": {}}
        for name, fields in names.values():
            if fields.get("kind") == "shared":
                document.setdefault("shared", {})[name] = {k: v for k, v in fields.items() if k != "kind"}
            else:
                document["blocks"][name] = dict(fields)
        document |= _schedules(self.layers, names)
        document |= self.more
        if self.encoder is not None:
            fields, layers = self.encoder
            document["encoder"] = {"n_layers": len(layers), **fields, **_schedules(layers, names)}
        if self.mtp is not None:
            fields, layers = self.mtp
            document["mtp"] = {"depth": len(layers), **fields, **_schedules(layers, names)}
        return document


def _drop_short_context(fields: dict[str, Any], stacks: Sequence[tuple[str, Sequence[Layer]]]) -> None:
    """Forget a longest context that a window exceeds: such a window was never meant to be reached."""
    parts = [part for _, layers in stacks for part in _parts(layers)]
    widest = max((part.fields.get(key) or 0 for part in parts for key in ("window", "chunk")), default=0)
    if widest > fields.get("max_context", widest):
        del fields["max_context"]


_MIXERS = frozenset(("attention", "mla", "mamba", "mamba2"))  # that stand second in some family

Names: TypeAlias = dict[tuple[str, str], tuple[str, Mapping[str, Any]]]


def _key(part: Part) -> tuple[str, str]:
    return part.name, repr(part.fields)


def _parts(layers: Sequence[Layer]) -> Iterator[Part]:
    """Yield the blocks of a stack in order of their sublayer, so that mixers are listed before networks.

    Layers that are alike usually share their sublayers, of which each comes once.
    """
    seen: set[int] = set()
    for index in range(max((len(layer) for layer in layers), default=0)):
        for layer in layers:
            if index < len(layer) and id(layer[index]) not in seen:
                seen.add(id(layer[index]))
                yield from _together(layer[index])


def _together(sublayer: Sublayer) -> tuple[Part, ...]:
    if sublayer is None:
        return ()
    return (sublayer,) if isinstance(sublayer, Part) else sublayer


def _names(parts: Sequence[Part]) -> Names:
    """Give every block a name of its own: the one it would like, with what tells it from others behind it."""
    wanted: dict[str, dict[tuple[str, str], Part]] = {}
    for part in parts:
        wanted.setdefault(part.name, {}).setdefault(_key(part), part)
    found: Names = {}
    for name, variants in wanted.items():
        if len(variants) == 1:
            found |= {key: (name, part.fields) for key, part in variants.items()}
            continue
        suffixes = _suffixes([part.fields for part in variants.values()])
        for (key, part), suffix in zip(variants.items(), suffixes, strict=True):
            found[key] = (f"{name}-{suffix}", part.fields)
    return found


def _suffixes(variants: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the one value in which blocks of a name differ, or else numbers from 1."""
    keys = {key for fields in variants for key in fields}
    differing = [key for key in keys if len({repr(fields.get(key)) for fields in variants}) > 1]
    if len(differing) == 1:
        values = [fields.get(differing[0]) for fields in variants]
        if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
            return [str(value) for value in values]
    return [str(number) for number in range(1, len(variants) + 1)]


def _schedules(layers: Sequence[Layer], names: Names) -> dict[str, Any]:
    """Return the schedules of a stack: mixer and ffn where the second of two sublayers is a network, else layer."""
    if not layers:
        return {}
    depth = max(len(layer) for layer in layers)
    entries: dict[int, str] = {}  # by the sublayer, which layers share

    def entry(sublayer: Sublayer) -> str:
        if id(sublayer) not in entries:
            together = [names[_key(part)][0] for part in _together(sublayer)]
            entries[id(sublayer)] = " & ".join(together) or "none"
        return entries[id(sublayer)]

    columns = [
        shortest([entry(layer[index]) if index < len(layer) else "none" for layer in layers]) for index in range(depth)
    ]
    second = [part for layer in layers for part in _together(layer[1] if len(layer) > 1 else None)]
    if depth == 2 and not any(part.fields.get("kind") in _MIXERS for part in second):
        return dict(zip(("mixer", "ffn"), columns, strict=True))
    return {"layer": columns}
