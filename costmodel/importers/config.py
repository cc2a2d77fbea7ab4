"""A configuration as its class reads it: missing keys have the class's defaults, every reading is noted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from costmodel.errors import SpecError, count_of, did_you_mean, quote
from costmodel.importers.defaults import class_of
from costmodel.importers.harmless import is_harmless
from costmodel.importers.json_text import Path, error_at
from costmodel.nodes import Source

_MOST, _MOST_LAYERS = 2**40, 10_000  # as for the fields of a spec
_LAYERS = ("layer", "layers", "depth", "blocks", "cycles")  # ends of keys of which adapters make lists
_WHOLE = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers")  # of those, a whole model's
_ITEMS = {int: "whole numbers", str: "texts", dict: "objects"}
_ABSENT: Any = object()


class Read(int):
    """A number that knows the key it was read from, so that a field of the spec can be traced to its line.

    What is computed from it is a plain number again.
    """

    path: Path

    def __new__(cls, value: int, path: Path) -> Read:
        """Return the number with the path of its key."""
        found = super().__new__(cls, value)
        found.path = path
        return found

    def __repr__(self) -> str:
        return int.__repr__(self)


class Config:
    """The keys of one JSON object, for the class of its model type.

    Every method that returns a value notes its key as read; ``unread`` lists what is left. A value
    of null is ``null`` where the caller says what its class then does; else it is refused.
    """

    def __init__(self, data: Mapping[str, Any], model_type: str, source: Source, path: Path = ()) -> None:
        self.model_type, self.source, self.path = model_type, source, path
        self.keys, self.also, self.inside = class_of(model_type)
        self.given: dict[str, Any] = {}
        self.names: dict[str, str] = {}  # our name of a key -> the name in the file
        for key, value in data.items():
            name = self.also.get(key, key)
            if name in self.given and self.given[name] != value:
                self.refuse(key, f"{key} contradicts {self.names[name]}, which is another name for it")
            self.given[name] = value
            self.names[name] = key
        self.seen = {"model_type"}
        self.parts: list[Config] = []
        self.depths: list[Read] = []  # numbers of layers, of which adapters make lists of layers

    # Reading

    def get(self, key: str) -> Any:
        """Return a value as it stands; the class's default where it is missing."""
        self.seen.add(key)
        return self.given.get(key, self.keys.get(key))

    def has(self, key: str) -> bool:
        """Say whether the file gives a key a value other than null."""
        return self.given.get(key) is not None

    def count(self, key: str, null: Any = _ABSENT) -> Any:
        """Return a number of at least 1, or ``null``."""
        return self._number(key, 1, null)

    def natural(self, key: str, null: Any = _ABSENT) -> Any:
        """Return a number of at least 0, or ``null``."""
        return self._number(key, 0, null)

    def flag(self, key: str, null: bool = False) -> bool:
        """Return true or false."""
        value = self.get(key)
        if value is None:
            return null
        if not isinstance(value, bool):
            self._wrong(key, "true or false")
        return bool(value)

    def word(self, key: str, null: Any = _ABSENT) -> Any:
        """Return a text, or ``null``."""
        value = self.get(key)
        if value is None:
            return self._null(key, null)
        if not isinstance(value, str):
            self._wrong(key, "a text")
        return value

    def list_of(self, kind: type, key: str, length: int | None = None, null: Any = _ABSENT) -> Any:
        """Return a list of values of one type, of a ``length``, or ``null``."""
        value = self.get(key)
        if value is None:
            return self._null(key, null)
        if not isinstance(value, list) or any(type(item) is not kind for item in value):
            self._wrong(key, f"a list of {_ITEMS.get(kind, 'values')}")
        if kind is int and any(not 0 <= item <= _MOST for item in value):
            self._wrong(key, f"a list of numbers from 0 to {_MOST:,}")
        if length is not None and len(value) != length:
            self.refuse(key, f"{key} lists {count_of(len(value), 'layer')}, and there are {length}")
        return value

    def share(self, key: str, null: Any = _ABSENT) -> Any:
        """Return a number that may be a fraction, or ``null``."""
        value = self.get(key)
        if value is None:
            return self._null(key, null)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MOST:
            self._wrong(key, "a number of at least 0")
        return value

    def sub(self, key: str, model_type: str | None = None, *, fill: bool = False, flat: bool = False) -> Config:
        """Return a configuration inside this one; what is missing is what the class puts there.

        ``model_type``: what it is where neither the class nor the file says so. ``fill``: the class
        puts it also where only some keys are given. ``flat``: where the whole is missing, its keys are
        looked for beside it.
        """
        spec = self.inside.get(key, {})
        value, path = self.get(key), (*self.path, self.names.get(key, key))
        if value is None and flat:
            own = self.keys.keys() - {"tie_word_embeddings"}
            beside = {self.names[name]: given for name, given in self.given.items() if name not in own}
            if any(name not in self.keys and not is_harmless(name) for name in beside):
                value, path = beside, self.path
                self.seen |= self.given.keys()
        if value is None:
            value = dict(spec.get("missing", {}))
        if not isinstance(value, dict):
            self._wrong(key, "an object")
        if fill:
            value = {**spec.get("missing", {}), **value}
        kind = spec.get("only") or value.get("model_type") or spec.get("type") or model_type
        if not isinstance(kind, str):
            self.refuse(key, f"{key} has no model_type")
        try:
            part = Config(value, kind, self.source, path)
        except KeyError:
            self.refuse(key, f"{key} is of the unknown model type {quote(str(kind))}")
        self.parts.append(part)
        return part

    def each(self, key: str, model_type: str, length: int) -> list[Config]:
        """Return the configurations that a list of a ``length`` holds, all of one type."""
        values, path = self.list_of(dict, key, length), (*self.path, self.names.get(key, key))
        found = [Config(value, model_type, self.source, (*path, index)) for index, value in enumerate(values)]
        self.parts += found
        return found

    def as_type(self, model_type: str) -> Config:
        """Return the same keys as another class reads them; they are noted here."""
        part = Config(self.given, model_type, self.source, self.path)
        part.names, part.seen, part.depths = self.names, self.seen, self.depths
        return part

    def overlaid(self, values: Mapping[str, Any]) -> Config:
        """Return the same keys with some replaced, as one layer has them; they are noted here."""
        part = Config({**self.given, **values}, self.model_type, self.source, self.path)
        part.names, part.seen, part.depths = {key: key for key in values} | self.names, self.seen, self.depths
        return part

    def depth(self, layers: int) -> int:
        """Return the layers of the model as the key that says how many, here or inside; else as they are."""
        found = {one.path: one for one in self._depths() if one == layers}
        return found.popitem()[1] if len(found) == 1 else layers

    def _depths(self) -> Iterator[Read]:
        yield from self.depths
        for part in self.parts:
            yield from part._depths()

    def leave_out(self, *towers: str) -> list[str]:
        """Return the keys of towers that are there and not read; every other key is taken for theirs.

        To be called last, when everything that belongs to the language model has been read. Where no
        configuration inside is given, only the keys of the class are taken: others may be a language
        model's, beside the towers.
        """
        theirs = self.keys.keys() | set(towers)
        if any(self.has(key) for key in self.inside if key not in towers):
            theirs |= self.given.keys()
        self.seen |= theirs - {"is_encoder_decoder"}
        return [key for key in towers if key in self.keys or key in self.given]

    # Refusing

    def refuse(self, key: str, message: str, hint: str | None = None, code: str = "AC401") -> NoReturn:
        """Raise SpecError at a key."""
        raise error_at(self.source, (*self.path, self.names.get(key, key)), code, message, hint)

    def stated(self, *keys: str) -> None:
        """Refuse a file that lacks keys of which nothing read here says what their class does without them."""
        for key in keys:
            if key not in self.given:
                self.refuse(key, f"{key} is missing, and what {self.model_type} then does is not known")

    def require(self, key: str, *allowed: Any, why: str = "is not understood") -> Any:
        """Return a value that must be one of a few, of which the adapter knows what they mean."""
        value = self.get(key)
        if value not in allowed:
            self.refuse(key, f"{key} {_shown(value)} {why}", f"known: {', '.join(map(_shown, allowed))}")
        return value

    def tally(self) -> tuple[int, int]:
        """Return how many keys that are given, here and inside, were read, and how many others change nothing."""
        read = sum(key in self.seen and not isinstance(value, dict) for key, value in self.given.items())
        found = [(read, sum(key not in self.seen for key in self.given)), *(part.tally() for part in self.parts)]
        return sum(one for one, _ in found), sum(other for _, other in found)

    def unread(self) -> Iterator[tuple[str, SpecError]]:
        """Yield every key, here and inside, that could change a figure and that nothing read."""
        for key, value in self.given.items():
            if key in self.seen or is_harmless(key, value):
                continue
            if key in self.keys and value == self.keys[key]:
                continue  # as where it is missing
            if key not in self.keys and (value is None or value is False or value in ([], {})):
                continue  # off, and no class of this type knows it
            if key not in self.keys and key == "top_k":
                continue  # of sampling, as older files have it beside temperature
            name = self.names[key]
            known = "has no meaning here that is understood" if key in self.keys else "is no key of this model type"
            near = None if key in self.keys else did_you_mean(name, self.keys)
            hint = near or "it could change a figure; --lenient leaves it out"
            path = (*self.path, name)
            message = f"{quote(name)} {known}"
            yield ".".join(map(str, path)), error_at(self.source, path, "AC402", message, hint)
        for part in self.parts:
            yield from part.unread()

    def _number(self, key: str, least: int, null: Any) -> Any:
        value = self.get(key)
        if value is None:
            return self._null(key, null)
        if isinstance(value, Read):
            return value
        most = _MOST_LAYERS if key.endswith(_LAYERS) else _MOST
        if type(value) is not int or not least <= value:
            self._wrong(key, f"a whole number of at least {least}")
        if value > most:
            self._wrong(key, f"at most {most:,}")
        if key not in self.given:
            return value
        found = Read(value, (*self.path, self.names[key]))
        if self.also.get(key, key) in _WHOLE:
            self.depths.append(found)
        return found

    def _null(self, key: str, null: Any) -> Any:
        if null is _ABSENT:
            if (default := self.keys.get(key)) is not None:
                hint = f"the default of {self.model_type} is {_shown(default)}: leave the key out for it"
                self.refuse(key, f"{key} is null, and should be a number", hint)
            state = "null" if key in self.given else "missing"
            self.refuse(key, f"{key} is {state}, and the model type {self.model_type} has no default for it")
        return null

    def _wrong(self, key: str, wanted: str) -> NoReturn:
        self.refuse(key, f"{key} is {_shown(self.get(key))}, and should be {wanted}", code="AC403")


def _shown(value: Any) -> str:
    import json

    text = json.dumps(value)
    return text if len(text) <= 48 else text[:45] + "..."
