"""What a step read and wrote beside weights, as the modules of the reference model tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass
class Log:
    """What was read in a step, besides weights: told by the modules, where a product does not show it."""

    routed: dict[str, list[Counter[int]]] = field(default_factory=dict)  # block -> rows of each expert, a call
    attended: Counter[tuple[str, int, int]] = field(default_factory=Counter)  # block, bytes read and written
    picked: set[str] = field(default_factory=set)  # blocks in which every query has keys of its own
    without_call: set[str] = field(default_factory=set)  # blocks whose scores no one call of q, k and v makes

    kept: Counter[str] = field(default_factory=Counter)  # block -> bytes read and written of what is kept

    def route(self, key: Any, expert: Tensor) -> None:
        """Remember which experts a block sends its rows to."""
        rows = Counter(expert.flatten().tolist())
        self.routed.setdefault(place_of(key), []).append(rows)

    def keep(self, moved: Mapping[Any, int]) -> None:
        """Remember what was read and written of what is kept between steps, attention's keys and values apart."""
        for key, size in moved.items():
            self.kept[place_of(key)] += size

    def read(self, key: Any, *kept: Tensor) -> None:
        """Remember that what is kept was read beside a call: to make keys of it, or as keys of an index."""
        if size := sum(tensor.nbytes for tensor in kept):
            self.attended[place_of(key), size, 0] += 1

    def blend(self, key: Any, queries: Tensor, sources: Tensor, sums: Tensor) -> None:
        """Remember what sums over the sources of a token read and wrote."""
        self.attended[place_of(key), queries.nbytes + sources.nbytes, sums.nbytes] += 1

    def attend(self, key: Any, q: Tensor, k: Tensor, v: Tensor, out: Tensor, *, picked: bool) -> None:
        """Remember what an attention read and wrote: values that are keys once, picked keys not."""
        place, read = place_of(key), q.nbytes
        if not k.shape[2]:
            return
        if picked:
            self.picked.add(place)
        else:
            one = k.data_ptr() == v.data_ptr()
            read += k.nbytes if one else k.nbytes + v.nbytes
        self.attended[place, read, out.nbytes] += 1


def place_of(key: Any) -> str:
    """Return the names in the key of a place: ``layers.shared.moe``."""
    return ".".join(part for part in key if isinstance(part, str))
