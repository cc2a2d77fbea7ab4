"""What every page with times is asked for: a device, a plan, formats, what is declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.block import Model, Natural
from costmodel.dtypes import FORMATS, KNOWN, Recipe
from costmodel.errors import ArchcalcError, UsageError, one_of, quote
from costmodel.plan import DEGREES, Plan, resolve
from costmodel.profiles import Hardware, load_hardware
from costmodel.report.choices import Asked, Choices, natural, tokens
from costmodel.report.source import SourceRow, Wanted, architecture_of, check_components
from costmodel.times import Roofline
from costmodel.units import context_text, parse_fraction, parse_quantity

if TYPE_CHECKING:
    from costmodel.architecture import Architecture

RESERVE = "5 GB"


class OnHardware(Asked, total=False):
    """Keywords of every function that times something, beside those of ``Asked``.

    ``tp pp ep dp cp``: degrees of parallelism; ``plan``: a YAML file with them and with
    ``redundant_experts dispatch combine overlap skew``. ``emulate``: formats to store that the
    device does not multiply. ``kernels``: fused, as engines run them, or naive. ``overhead``: bytes
    of a device that the engine takes. ``price``: USD a device and hour.
    """

    tp: int | str
    pp: int | str
    ep: int | str
    dp: int | str
    cp: int | str
    plan: str | Path
    emulate: Sequence[str]
    kernels: str
    overhead: str | int
    price: str | float
    skew: str | float
    overlap: str | float


class PlanFile(Model):
    """A plan in a file: degrees of parallelism and how experts are reached."""

    tp: Natural | None = None
    pp: Natural | None = None
    ep: Natural | None = None
    dp: Natural | None = None
    cp: Natural | None = None
    redundant_experts: Natural = 0
    dispatch: str | None = None
    combine: str | None = None
    overlap: str | float | int | None = None
    skew: float | int | None = None


@dataclass(slots=True)
class PlanRow:
    """A resolved plan, as JSON prints it."""

    tp: int
    pp: int
    ep: int
    dp: int
    cp: int
    devices: int
    text: str
    redundant_experts: int
    dispatch: str | None
    combine: str | None
    overlap: float
    skew: float | None


@dataclass(slots=True)
class Setup:
    """A model on a machine: everything that a page with times computes with."""

    architecture: Architecture
    hardware: Hardware
    plan: Plan
    roofline: Roofline
    choices: Choices
    reserve: int
    price: Fraction | None
    given: tuple[str, ...]  # degrees that were asked for

    @property
    def plan_row(self) -> PlanRow:
        """Return the plan as data."""
        return plan_row(self.plan)

    def context(self, command: str) -> int:
        """Return the one context asked for; else 4Ki, or the model's longest where that is less.

        Raises:
            UsageError: several were asked for.
        """
        asked, known = self.choices.contexts, self.architecture.max_context
        if self.choices.given and len(asked) > 1:
            raise UsageError(f"{command} takes one context", hint=f"--context {asked[0]}")
        return asked[0] if self.choices.given else min(asked[0], known if isinstance(known, int) else asked[0])

    def options(self, context: int) -> str:
        """Return what another command needs to be asked the same of: model, device, context, formats."""
        text = f"{self.architecture.name} --hardware {self.hardware.name} --context {context_text(context)}"
        return text + ("" if self.choices.recipe.text == "bf16" else f" --dtype {self.choices.recipe.text}")

    def changed(self, plan: Plan, recipe: Recipe) -> Roofline:
        """Return the same model and machine under another plan and other formats.

        Raises:
            UsageError: the device lacks the links or a format.
        """
        old = self.roofline
        emulated, fused = old.machine.emulated, old.device.fused
        return Roofline(
            self.architecture, self.hardware, plan, recipe, emulated=emulated, fused=fused, include=old.include
        )


def plan_row(plan: Plan) -> PlanRow:
    """Return a plan as data."""
    return PlanRow(
        tp=plan.tp,
        pp=plan.pp,
        ep=plan.ep,
        dp=plan.dp,
        cp=plan.cp,
        devices=plan.devices,
        text=plan.text,
        redundant_experts=plan.redundant_experts,
        dispatch=plan.dispatch,
        combine=plan.combine,
        overlap=float(plan.overlap),
        skew=plan.skew,
    )


def setup(architecture: Wanted, hardware: str | Hardware, **asked: Any) -> Setup:
    """Read and check everything.

    Raises:
        UnknownSpecError: no such model or device.
        SpecError: a file says something impossible.
        UsageError: a choice or a plan cannot be; the message names the two numbers.
    """
    own = {name: asked.pop(name) for name in list(asked) if name in OnHardware.__annotations__ and name not in _BASE}
    choices = Choices.of(**asked)
    found = architecture_of(architecture, choices.specs)
    choices.check(found)
    check_components(found, choices.include)
    device = load_hardware(hardware, choices.specs) if isinstance(hardware, str) else hardware
    wanted = _plan(own)
    plan = resolve(found, wanted)
    fused = own.get("kernels") or "fused"
    if fused not in ("fused", "naive"):
        raise UsageError(f"--kernels is {one_of(('fused', 'naive'))}, not {quote(fused)}")
    emulated = frozenset(_formats(own.get("emulate") or ()))
    roofline = Roofline(
        found, device, plan, choices.recipe, emulated=emulated, fused=fused == "fused", include=choices.include
    )
    reserve = own.get("overhead")
    return Setup(
        found,
        device,
        plan,
        roofline,
        choices,
        _bytes(RESERVE if reserve is None else reserve, "overhead"),
        _price(own.get("price")),
        tuple(name for name in DEGREES if wanted.get(name) is not None),
    )


_BASE = frozenset(Asked.__annotations__)


def _plan(own: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked of a plan: the file's fields, then single options over them."""
    found: dict[str, Any] = {}
    if own.get("plan") is not None:
        found |= {name: value for name, value in read_plan(Path(own["plan"])) if value is not None}
    for name in DEGREES:
        if own.get(name) is not None:
            found[name] = tokens(own[name], name)
    for name in ("overlap", "skew"):
        value = own.get(name, found.get(name))
        if value is not None:
            found[name] = _share(value) if name == "overlap" else _shape(value)
    for name in ("dispatch", "combine"):
        if found.get(name) is not None:
            _formats([found[name]])
    return found


def read_plan(path: Path) -> PlanFile:
    """Read a plan's file. Raises SpecError with file, line and column."""
    from costmodel.loader import read_model

    return read_model(path, PlanFile, "a plan")[0]


def _share(value: str | float) -> Fraction:
    text = str(value)
    if text in ("0", "0.0"):
        return Fraction(0)
    try:
        return parse_fraction(text)
    except ArchcalcError:
        raise UsageError(f"--overlap {quote(str(value))} is no share of 1", hint="--overlap 0.5") from None


def _shape(value: str | float) -> float:
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e6:
        raise UsageError(
            f"--skew {quote(str(value))} is not a number above 0",
            hint="the shape of experts' popularity: 1.3 is mildly, 0.8 strongly unequal; leave it out for uniform",
        )
    return found


def _formats(names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if name not in FORMATS:
            raise UsageError(f"there is no dtype {quote(name)}", hint=KNOWN)
    return names


def _bytes(value: str | int, option: str) -> int:
    if isinstance(value, int):
        return value
    try:
        return 0 if value.strip() in ("0", "0 B", "0B") else parse_quantity(value, "B")
    except ArchcalcError as error:
        raise UsageError(f"--{option}: {error.message}", hint=error.hint) from None


def _price(value: str | float | None) -> Fraction | None:
    if value is None:
        return None
    try:
        return parse_fraction(str(value).removeprefix("$"), share=False)
    except ArchcalcError:
        raise UsageError(f"--price {quote(str(value))} is no price", hint="dollars a device and hour: 2.50") from None


def hardware_source(hardware: Hardware) -> list[SourceRow]:
    """Return the sources of a device's profile."""
    return [
        SourceRow(hardware.name, one.title, one.url, one.locator, one.read, one.note)
        for one in hardware.sources.values()
    ]


__all__ = ["OnHardware", "PlanRow", "Setup", "hardware_source", "natural", "plan_row", "setup", "tokens"]
