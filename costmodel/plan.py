"""How a model is spread over devices: the degrees of parallelism, what they divide, what they replicate.

``tp`` cuts matrices by heads, inner columns and the vocabulary; ``pp`` cuts the layers into stages;
``ep`` spreads the experts; ``dp`` gives each group of devices its own sequences; ``cp`` cuts
sequences. The devices are tp x cp x dp x pp, and the experts' group lies within tp x cp x dp.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costmodel.errors import UsageError
from costmodel.ops import Attend, Experts, Op
from costmodel.sizes import Size, ceil_div

if TYPE_CHECKING:
    from costmodel.architecture import Architecture

_ALL = Fraction(1)
DEGREES = ("tp", "pp", "ep", "dp", "cp")
_MOST = 2**20  # devices


@dataclass(slots=True, frozen=True, kw_only=True)
class Plan:
    """Degrees of parallelism, resolved: ``ep`` alone means attention data-parallel over the same devices.

    ``redundant_experts``: further copies of routed experts, spread with the rest. ``dispatch`` and
    ``combine``: number formats of the tokens sent to experts and back (None: as the experts
    multiply them, and the activations'). ``overlap``: the share of communication that runs beside
    computation. ``skew``: how unequal experts are loaded, None for uniform routing.
    """

    tp: int = 1
    pp: int = 1
    ep: int = 1
    dp: int = 1
    cp: int = 1
    redundant_experts: int = 0
    dispatch: str | None = None
    combine: str | None = None
    overlap: Fraction = Fraction(0)
    skew: float | None = None

    @property
    def devices(self) -> int:
        """Return how many devices hold the model and its copies."""
        return self.tp * self.cp * self.dp * self.pp

    @property
    def stage_devices(self) -> int:
        """Return the devices of one pipeline stage."""
        return self.tp * self.cp * self.dp

    @property
    def moe_tp(self) -> int:
        """Return into how many pieces each expert's matrices are cut."""
        return max(1, self.tp // self.ep)

    @property
    def moe_dp(self) -> int:
        """Return how many groups of token-owning devices share one set of experts."""
        return max(1, self.ep // self.tp)

    @property
    def sends_tokens(self) -> bool:
        """Say whether tokens travel to experts on devices that do not hold them."""
        return self.ep > self.tp

    @property
    def text(self) -> str:
        """Return the degrees above 1: ``tp 8, pp 2``."""
        return ", ".join(f"{name} {getattr(self, name)}" for name in DEGREES if getattr(self, name) > 1) or "1 device"

    def pieces(self, units: Size) -> Size:
        """Return how many of ``units`` whole pieces the busiest device of a tp group holds."""
        return ceil_div(units, self.tp)

    def columns(self, columns: Size, split: str, units: Size) -> Size:
        """Return one device's part of an axis; fewer units than devices are replicated."""
        if split == "none" or self.tp == 1:
            return columns
        if columns % units:
            return ceil_div(columns, self.tp)
        return columns // units * self.pieces(units)

    def experts(self, n_experts: Size) -> Size:
        """Return how many experts one device holds, further copies included."""
        return (n_experts + self.redundant_experts) // self.ep


def resolve(architecture: Architecture, asked: Mapping[str, Any]) -> Plan:
    """Return the plan that ``asked`` describes; degrees that are not given follow from the others.

    Raises:
        UsageError: the plan cannot be; the message names the two numbers.
    """
    known = {field.name for field in fields(Plan)}
    given = {name: value for name, value in asked.items() if value is not None and name in known}
    for name in DEGREES:
        value = given.get(name, 1)
        if not 0 < value <= _MOST:
            raise UsageError(f"--{name} {value} is not a number from 1 to {_MOST:,}")
    plan = Plan(**given)
    group = plan.tp * plan.cp
    if "dp" not in given and plan.ep > group:
        if plan.ep % group:
            raise UsageError(
                f"ep {plan.ep} is no multiple of tp x cp = {group}", hint=f"ep {group * (plan.ep // group + 1)}"
            )
        plan = replace(plan, dp=plan.ep // group)
    check(architecture, plan)
    return plan


def check(architecture: Architecture, plan: Plan) -> None:
    """Raise UsageError where a plan does not suit a model."""
    small, large = sorted((plan.ep, plan.tp))
    if large % small:
        raise UsageError(f"of ep {plan.ep} and tp {plan.tp} one must divide the other", hint=f"ep {plan.tp}")
    if plan.stage_devices % plan.ep:
        raise UsageError(
            f"ep {plan.ep} does not divide the {plan.stage_devices} devices of tp x cp x dp",
            hint=f"ep {', '.join(map(str, _divisors(plan.stage_devices)))}",
        )
    if plan.pp > 1 and architecture.patches is not None:
        message = f"pp {plan.pp} cuts one stack into stages, and patches of bytes have three"
        raise UsageError(message, hint="leave --pp out")
    if plan.pp > architecture.n_layers:
        raise UsageError(f"pp {plan.pp} is more than the {architecture.n_layers} layers", hint="a stage needs a layer")
    widest = _limits(architecture)
    experts = [limit for limit in widest if limit[0] == "n_experts"]
    if plan.ep > 1 and not experts:
        raise UsageError(f"ep {plan.ep} spreads experts, and {architecture.name} has none", hint="leave --ep out")
    for _, n_experts, _ in experts:
        held = n_experts + plan.redundant_experts
        if held % plan.ep:
            extra = f" + {plan.redundant_experts} redundant" if plan.redundant_experts else ""
            near = ", ".join(str(n) for n in _divisors(held) if n > 1)
            raise UsageError(f"ep {plan.ep} does not divide n_experts {n_experts}{extra}", hint=f"ep that does: {near}")
    for name, units, shared in widest:
        degree = plan.moe_tp if name == "expert columns" else plan.tp
        if name == "n_experts" or units % degree == 0 or (shared and degree % units == 0):
            continue
        near = ", ".join(str(n) for n in _divisors(units)[:8])
        if name == "expert columns":
            raise UsageError(
                f"tp {plan.tp} over ep {plan.ep} cuts each expert into {degree}, and they are {units} wide",
                hint=_fewer_cuts(plan, units, [held for _, held, _ in experts]) or f"tp that does: {near}",
            )
        raise UsageError(f"tp {degree} does not divide {name} {units}", hint=f"tp that does: {near}")


def _fewer_cuts(plan: Plan, columns: int, experts: list[int]) -> str:
    """Return the ep that cuts experts of so many columns evenly; empty where none does."""
    others = (replace(plan, ep=ep) for ep in _divisors(plan.tp) if not any(n % ep for n in experts))
    fitting = [str(one.ep) for one in others if columns % one.moe_tp == 0]
    return f"ep that does not: {', '.join(fitting)}" if fitting else ""


def _limits(architecture: Architecture) -> list[tuple[str, int, bool]]:
    """Return (what, whole pieces, whether fewer pieces than devices are replicated), the heads first."""
    key = "plan limits"
    if key not in architecture.kept:
        from costmodel.workload import Workload

        architecture.kept[key] = sorted(
            set(_pieces(architecture, architecture.lower(Workload()))),
            key=_first,
        )
    found: list[tuple[str, int, bool]] = architecture.kept[key]
    return found


def _first(limit: tuple[str, int, bool]) -> tuple[bool, bool, bool, str, int]:
    """Return the order in which limits are checked: heads first, since they are what people divide."""
    name, units, shared = limit
    return name != "n_heads", "head" not in name, shared, name, units


def _pieces(architecture: Architecture, ops: list[Op]) -> Iterator[tuple[str, int, bool]]:
    for op in ops:
        if isinstance(op, Attend) and any(weight.split != "none" for weight in op.weights):
            yield "n_heads", op.n_heads, False
        for weight in op.weights:
            if isinstance(op, Experts) and weight.split == "experts":
                yield "n_experts", weight.units, False
                if len(weight.shape) > 2:
                    inner = weight.shape[2] if op.path.endswith("down") else weight.shape[1]
                    yield "expert columns", inner, False
            elif weight.split == "in":
                yield _unit_name(architecture, op, weight.units), weight.units, False
            elif weight.split == "out" and op.component != "lm_head":
                yield _unit_name(architecture, op, weight.units), weight.units, True


def _unit_name(architecture: Architecture, op: Op, units: int) -> str:
    """Return what the pieces of an operation's matrices are: the field of its block that says how many."""
    if op.component == "moe.shared":
        return "d_ff"
    names = op.path.split(".")[1:3]
    for name in reversed(names):
        block = architecture.blocks.get(name)
        fields = [field for field in type(block).model_fields if getattr(block, field) == units] if block else []
        if op.path.endswith(".kv") and "n_kv_heads" in fields:
            return "n_kv_heads"
        if fields:
            return str(min(fields, key=lambda field: ("head" not in field, fields.index(field))))
    return "n_heads"


def expert_counts(architecture: Architecture) -> list[int]:
    """Return the different numbers of experts that layers have; none in a dense model."""
    return sorted({n for block in architecture.blocks.values() if (n := getattr(block, "n_experts", None))})


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, min(number, 1024) + 1) if number % n == 0]


@dataclass(slots=True, frozen=True)
class Stage:
    """The layers ``first`` to ``last`` (exclusive) of one pipeline stage."""

    index: int
    of: int
    first: int
    last: int

    @property
    def layers(self) -> int:
        """Return how many layers the stage holds."""
        return self.last - self.first


def stages(n_layers: int, pp: int) -> list[Stage]:
    """Cut layers into stages as evenly as they go; the first ones take what is left over."""
    each, more = divmod(n_layers, pp)
    found, start = [], 0
    for index in range(pp):
        end = start + each + (index < more)
        found.append(Stage(index, pp, start, end))
        start = end
    return found


def share(architecture: Architecture, stage: Stage, op: Op) -> Fraction:
    """Return the share of an operation's runs that a stage does."""
    if stage.of == 1:
        return _ALL
    place = op.path.split(".", 2)
    if place[0] == "layers":
        layers = architecture.stack.layout.layers
        if len(place) > 2 and place[1] in architecture.stack.layout.counts:
            here = sum(names.count(place[1]) for layer in layers[stage.first : stage.last] for names in layer)
            return Fraction(here, architecture.stack.layout.counts[place[1]])
        sublayers = sum(map(bool, (entry for layer in layers for entry in layer)))
        runs = op.runs.max() if hasattr(op.runs, "shape") else op.runs
        if runs % sublayers == 0:  # norms and adds: some layers have one sublayer only
            here = sum(map(bool, (entry for layer in layers[stage.first : stage.last] for entry in layer)))
            return Fraction(here, sublayers)
        if not runs:
            return Fraction(stage.layers, len(layers))
        here = runs * stage.last // len(layers) - runs * stage.first // len(layers)  # whole runs, as even as they go
        return Fraction(int(here), int(runs))
    last = place[0] in ("lm_head", "head", "mtp")
    return Fraction(int(stage.index == (stage.of - 1 if last else 0)))
