"""What all families share: ceilings, coefficients with their errors, and the columns of measurements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import Field

from costmodel.block import Model
from costmodel.errors import UsageError, quote
from costmodel.sizes import Size, maximum

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
Texts = Mapping[str, str]  # column -> what all rows have there
Numbers = Mapping[str, Any]  # column -> one number, or an array of the rows'


class Ceilings(NamedTuple):
    """A device's rates as a formula needs them: per microsecond. ``units`` are multiprocessors."""

    flop_per_us: float
    bytes_per_us: float
    units: float
    on_chip: float
    link_per_us: float = 0.0


@dataclass(slots=True)
class Shape:
    """One kernel's sizes: FLOPs and the bytes it must move at least."""

    @property
    def flops(self) -> Size:
        """Return the FLOPs."""
        raise NotImplementedError

    @property
    def bytes(self) -> Size:
        """Return the bytes of its operands, each read or written once."""
        raise NotImplementedError


class Fit(Model):
    """Coefficients of one family and format on one device, and their error on shapes not fitted to.

    ``rows`` were measured; ``median_error`` and ``p90_error`` are of |expected / measured - 1| on
    the half that was not fitted, over the shapes that models have (``judged`` rows), and
    ``all_median_error`` over every shape. ``multiplies``: the format whose peak the formula divides by.
    """

    family: ClassVar[str]
    start: ClassVar[Mapping[str, float]]  # coefficient -> where fitting begins
    most: ClassVar[Mapping[str, float]] = {}  # its upper bound: efficiencies are at most 1

    multiplies: str
    rows: Annotated[int, Field(ge=0)] = 0
    judged: Annotated[int, Field(ge=0)] = 0
    median_error: NonNegative | None = None
    p90_error: NonNegative | None = None
    all_median_error: NonNegative | None = None

    @abstractmethod
    def time_us(self, shape: Any, ceilings: Ceilings) -> Size:
        """Return the formula's time of one kernel, not yet held above its floor."""

    def expected_us(self, shape: Any, ceilings: Ceilings) -> Size:
        """Return the expected time: the formula, and no less than the floor."""
        return maximum(self.time_us(shape, ceilings), floor_us(shape, ceilings))

    @classmethod
    def of(cls, multiplies: str, values: Mapping[str, float]) -> Self:
        """Return coefficients without checks: inside a fit they may be anything above 0."""
        return cls.model_construct(None, multiplies=multiplies, **values)


class Measured(NamedTuple):
    """Rows of a file that share their texts: their coefficients' key, their sizes, which are judged.

    ``multiplies`` is the format that bounds their floor. ``fitted``: whether coefficients are fitted to
    them, where there are others.
    """

    key: str
    multiplies: str
    shape: Any
    judged: Any
    fitted: bool = True


def floor_us(shape: Any, ceilings: Ceilings) -> Size:
    """Return max(FLOPs / peak, bytes / bandwidth)."""
    return maximum(shape.flops / ceilings.flop_per_us, shape.bytes / ceilings.bytes_per_us)


def both(compute: Size, memory: Size, power: float = 2.0) -> Size:
    """Return the time of work that overlaps well where one side is larger, and less at the knee."""
    return (compute**power + memory**power) ** (1 / power)


def known(table: Mapping[str, Any], label: str, column: str) -> Any:
    """Return what a label of a file stands for. Raises UsageError for one that no table has."""
    if label not in table:
        raise UsageError(f"there is no {column} {quote(label)}", hint=f"known: {', '.join(table)}")
    return table[label]
