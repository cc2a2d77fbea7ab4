"""What a GGUF file says of its architecture: keys without its prefix, and tensors by layer."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NoReturn

from costmodel.errors import SpecError, quote
from costmodel.importers.gguf.header import MAX_LIST, Header, Info

_LAYER = re.compile(r"blk\.(\d{1,9})\.(.+)")


def ratio(part: int, whole: int) -> float:
    """Return a share of which ``whole`` times it, rounded down as adapters do, is exactly ``part``."""
    share = part / whole
    return math.nextafter(share, math.inf) if int(whole * share) < part else share


def period(there: Sequence[bool]) -> tuple[int, int] | None:
    """Return the turn and the first place of what comes at equal distances; None where it does not."""
    places = [index for index, one in enumerate(there) if one]
    if not places:
        return len(there) + 1, len(there)
    turn = places[1] - places[0] if len(places) > 1 else len(there)
    return (turn, places[0]) if [index % turn == places[0] for index in range(len(there))] == list(there) else None


class Facts:
    """A header as the architecture's row reads it.

    ``layers`` is the number of those that make up the model; further ones predict further tokens.
    Reading a key notes it; ``unread`` lists the others.
    """

    def __init__(self, header: Header, where: str) -> None:
        self.where = where
        kind = header.metadata.get("general.type", "model")
        if kind != "model":
            hint = "adapters, projectors and the like stand beside a model; import its file"
            self.refuse(f"the file says that it is of type {quote(kind)}, and no model", "AC424", hint)
        self.metadata, self.tensors = header.metadata, {tensor.name: tensor for tensor in header.tensors}
        name = self.metadata.get("general.architecture")
        if not isinstance(name, str) or not name:
            self.refuse("the file does not say which architecture it has: general.architecture is missing", "AC424")
        self.name: str = name
        self.seen: set[str] = set()

    def refuse(self, message: str, code: str = "AC423", hint: str | None = None) -> NoReturn:
        """Raise SpecError for the file."""
        raise SpecError(message, code, self.where, hint)

    # Keys

    @cached_property
    def given(self) -> Mapping[str, Any]:
        """The keys of the architecture, without its prefix."""
        prefix = f"{self.name}."
        return {key[len(prefix) :]: value for key, value in self.metadata.items() if key.startswith(prefix)}

    def get(self, key: str, missing: Any = None) -> Any:
        """Return the value of a key."""
        self.seen.add(key)
        return self.given.get(key, missing)

    def wrong(self, key: str, wanted: str) -> NoReturn:
        """Refuse a value."""
        value = self.given.get(key)
        shown = quote(value) if not isinstance(value, (list, tuple)) else "a list"
        self.refuse(f"{self.name}.{key} is {shown}, and should be {wanted}")

    def number(self, key: str, missing: int | None = None, least: int = 0) -> int:
        """Return a whole number, which must be there unless it has a value where it is missing."""
        value = self.get(key, missing)
        if value is None:
            self.refuse(f"the key {self.name}.{key} is missing")
        if type(value) is not int or not least <= value <= 2**40:
            self.wrong(key, f"a whole number from {least}")
        return value

    def by_layer(self, key: str, missing: int | None = None) -> list[int]:
        """Return a number for each layer, which may stand as one number for all of them."""
        value = self.get(key, missing)
        if not isinstance(value, list):
            return [self.number(key, missing)] * self.layers
        if len(value) < self.layers or any(type(one) not in (int, bool) or not 0 <= one <= 2**40 for one in value):
            self.wrong(key, f"a number for each of {self.layers} layers")
        return [int(one) for one in value[: self.layers]]

    @cached_property
    def layers(self) -> int:
        """How many layers the language model has."""
        found = self.number("block_count") - self.further
        if not 1 <= found <= MAX_LIST:
            self.wrong("block_count", f"a number from 1 to {MAX_LIST:,}, and that of the layers that predict further")
        return found

    @cached_property
    def further(self) -> int:
        """How many layers at the end predict further tokens."""
        return self.number("nextn_predict_layers", 0)

    # Tensors

    @cached_property
    def in_layers(self) -> Mapping[int, Mapping[str, Info]]:
        """The tensors of every layer, by the ends of their names."""
        found: dict[int, dict[str, Info]] = {}
        for name, tensor in self.tensors.items():
            if match := _LAYER.fullmatch(name):
                found.setdefault(int(match[1]), {})[match[2]] = tensor
        return found

    def where_is(self, end: str) -> list[bool]:
        """Say which layers have a tensor."""
        return [end in self.in_layers.get(index, {}) for index in range(self.layers)]

    def has(self, *ends: str) -> bool:
        """Say whether some layer has one of these tensors."""
        return any(any(self.where_is(end)) for end in ends)

    def shape(self, end: str) -> tuple[int, ...]:
        """Return the shape of a tensor in the first layer that has it."""
        layers = (self.in_layers.get(index, {}) for index in range(self.layers))
        first = next((layer[end] for layer in layers if end in layer), None)
        if first is None:
            self.refuse(f"no layer has a tensor {quote(end)}", "AC425")
        return first.shape

    @cached_property
    def expert_width(self) -> int:
        """The inner width of an expert, whose first matrices may be one."""
        return self.shape("ffn_down_exps.weight")[-1]

    @cached_property
    def vocab_size(self) -> int:
        """The rows of the embedding."""
        if (table := self.tensors.get("token_embd.weight")) is None or len(table.shape) != 2:
            self.refuse('the file has no table "token_embd.weight"', "AC425", "a file of a language model has one")
        return table.shape[0]

    # What several architectures say alike

    @cached_property
    def heads(self) -> int:
        """The heads of queries of every layer that has some."""
        found = set(self.by_layer("attention.head_count")) - {0}
        if len(found) != 1:
            self.wrong("attention.head_count", "the same for all layers")
        return found.pop()

    @cached_property
    def kv_heads(self) -> int:
        """The heads of keys of every layer that has some."""
        found = set(self.by_layer("attention.head_count_kv", self.heads)) - {0}
        if len(found) != 1:
            self.wrong("attention.head_count_kv", "the same for all layers")
        return found.pop()

    @cached_property
    def head_dim(self) -> int:
        """The width of a head: the embedding's share unless a key says so."""
        return self.width(missing=self.number("embedding_length") // self.heads)

    def width(self, kind: str = "", missing: int | None = None) -> int:
        """Return the width of a head's keys, which is that of its values; ``kind`` is the end of the keys."""
        found = self.number(f"attention.key_length{kind}", missing)
        if self.number(f"attention.value_length{kind}", missing) != found:
            self.wrong(f"attention.value_length{kind}", f"{found}, as attention.key_length{kind}")
        return found

    def rotated(self, whole: int, key: str = "rope.dimension_count") -> float:
        """Return the share of ``whole`` values that is rotated."""
        rotated = self.number(key, whole)
        if not whole or rotated > whole:
            self.wrong(key, f"at most {whole}, the width of a head")
        return ratio(rotated, whole)

    def windows(self, turn: int | None, *, dense_first: bool = False) -> dict[str, Any]:
        """Return the window and which layers have it.

        Unless a key says otherwise these are all but every ``turn``-th, which is the last of its turn, or the
        first with ``dense_first``; without a turn the key must be there.
        """
        window, key = self.number("attention.sliding_window", 0), "attention.sliding_window_pattern"
        if isinstance(self.get(key, turn), list):
            local = [bool(one) for one in self.by_layer(key)]
        else:
            every = self.number(key, turn)
            full = 0 if dense_first else every - 1
            local = [not every or index % every != full for index in range(self.layers)]
        local = [one and bool(window) for one in local]
        types = ["sliding_attention" if one else "full_attention" for one in local]
        return {"sliding_window": window if any(local) else None, "layer_types": types}
