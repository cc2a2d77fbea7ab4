"""The weights beside a configuration: their headers, or the names alone where only an index is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from costmodel.errors import SpecError, count_of, plain, quote
from costmodel.importers.packing import Stored
from costmodel.importers.safetensors import INDEX, SHARD, Index, read_header, read_index
from costmodel.reading import is_file

NAMES = ("model.safetensors", f"model{INDEX}")  # what save_pretrained writes, in the order in which readers look
MAX_TENSORS = 4_000_000


@dataclass(frozen=True)
class Weights:
    """The tensors of a model. ``stored`` is None where only the names in ``index`` are known; ``why`` is the reason."""

    where: str
    stored: list[Stored] | None
    index: Index | None = None
    why: str = ""


def beside(folder: Path) -> Path | None:
    """Return the weights in a folder; None where there are none."""
    return next((folder / name for name in NAMES if is_file(folder / name)), None)


def is_weights(path: Path) -> bool:
    """Say whether a file is one of weights, or their index, by its name."""
    return path.name.endswith((".safetensors", INDEX))


def read_weights(path: Path) -> Weights:
    """Read the headers of a file, or of all files that an index names; its names where some are not there.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: AC413: it is of another format, or contradicts itself.
    """
    where = plain(str(path))
    if path.name.endswith(INDEX):
        index = read_index(path)
        missing = [name for name in index.shards if not is_file(path.parent / name)]
        if missing:
            many = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
            verb = "are" if many else "is"
            return Weights(where, None, index, f"{missing[0]}{many} {verb} not beside the index")
        return Weights(where, joined(index, where, lambda name: read_header(path.parent / name)), index)
    if match := SHARD.fullmatch(path.name):
        hint = f"name the index beside it, as in {NAMES[1]}"
        raise SpecError(f"this is one of {int(match[2]):,} files that hold the weights together", "AC413", where, hint)
    return Weights(where, read_header(path))


def joined(index: Index, where: str, header_of: Callable[[str], list[Stored]]) -> list[Stored]:
    """Return the tensors of all files of an index, which has just these.

    Raises:
        SpecError: AC413: a file lacks a tensor, or holds one that belongs to another or to none.
    """
    found: list[Stored] = []
    expected: dict[str, set[str]] = {}
    for name, file in index.files.items():
        expected.setdefault(file, set()).add(name)
    for file in index.shards:
        tensors = header_of(file)
        names = {tensor.name for tensor in tensors}
        _same(expected[file] - names, f"is not in {plain(file)}, as the index has it", where)
        _same(names - expected[file], f"is in {plain(file)}, and the index does not have it there", where)
        found += tensors
        if len(found) > MAX_TENSORS:
            raise SpecError(f"more than {MAX_TENSORS:,} tensors", "AC413", where)
    return found


def _same(different: Iterable[str], message: str, where: str) -> None:
    names = sorted(different)
    if names:
        note = f"so {count_of(len(names) - 1, 'more tensor')}" if len(names) > 1 else None
        raise SpecError(f"the tensor {quote(names[0])} {message}", "AC413", where, note=note)
