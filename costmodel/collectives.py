"""The communication that a plan adds: where partial sums are open, where tokens meet their experts.

* all-reduce: at the end of each sublayer whose last matrices are cut along their input, over tp;
  after the embedding, whose table is cut by rows
* all-gather: of the logits over tp; of keys and values over cp where sequences are cut
* reduce: of partial attention over cp where keys are cut
* dispatch and combine: tokens to the devices of their experts and back, over ep
* send: the residual stream from one pipeline stage to the next
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodel.dtypes import FORMATS, Format, Recipe
from costmodel.machine import Machine
from costmodel.ops import Attend, Experts, Lookup, Op, Project
from costmodel.share import Share, entries_seen, present
from costmodel.sizes import Size, absent, ceil_div, indicator, maximum, minimum
from costmodel.timing.collective import Exchange, Message, copies, message

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.plan import Plan
    from costmodel.stack import Layout
    from costmodel.things import State


@dataclass(slots=True)
class Collective:
    """One kind of communication in all its ``runs``: a message within the domain, bytes beyond it.

    ``payload``: bytes of one run, the whole result or what one device sends. ``wire``: bytes one
    device sends in a run within the scale-up domain, ``wire_out`` the least it sends across domains,
    ``sent_out`` what the kernels that are used do. ``low_latency``: the kernel that may be taken
    instead, where ``few`` is 1.
    """

    path: str
    group: str
    family: str
    key: str
    runs: Size
    devices: int
    payload: Size
    message: Message
    wire_out: Size = 0
    sent_out: Size = 0
    few: Size = 0
    low_latency: Collective | None = None

    @property
    def wire(self) -> Size:
        """Return the bytes that one device sends within its domain, in one run."""
        return self.message.wire

    def floor_s(self, machine: Machine) -> Size:
        """Return the least time on the wire of all runs: both fabrics can work at once, on pieces of a message."""
        return self.runs * maximum(*self._fabrics(machine))

    def serial_s(self, machine: Machine) -> Size:
        """Return the same where a message is reduced within the domain first, as engines do."""
        inside, outside = self._fabrics(machine)
        return self.runs * (maximum(inside, outside) if self.family == "moe_a2a" else inside + outside)

    def _fabrics(self, machine: Machine) -> tuple[Size, Size]:
        inside = self.wire / machine.scale_up.bandwidth if machine.scale_up else 0.0
        outside = self.wire_out / machine.scale_out.bandwidth if machine.scale_out else 0.0
        return inside, outside


class Network:
    """The fabrics of a machine, and what a collective sends over each."""

    def __init__(self, machine: Machine, *, in_switch: bool) -> None:
        self.machine, self.in_switch = machine, in_switch

    @property
    def domain(self) -> int:
        """Return how many devices the scale-up fabric joins."""
        return self.machine.scale_up.domain if self.machine.scale_up else 1

    def collective(
        self, path: str, kind: str, runs: Size, devices: int, payload: Size, *, group: str = "", stride: int = 1
    ) -> Collective:
        """Return an all-reduce, all-gather or reduce-scatter; ``stride``: ranks between its members."""
        inside = max(1, min(devices, self.domain // stride))
        outside = ceil_div(devices, inside)
        found = message(kind, payload, inside, in_switch=self.in_switch)
        out: Size = 0
        if outside > 1:
            part = payload / inside  # reduced within the domain first
            out = (2 if kind == "all_reduce" else 1) * part * (outside - 1) / outside
        family = "all_reduce" if kind == "all_reduce" else "nccl"
        name = group or kind.replace("_", "-")
        return Collective(path, name, family, kind, runs, devices, payload, found, out, out)

    def exchange(
        self, path: str, key: str, runs: Size, devices: int, tokens: Size, each: Size, chosen: float
    ) -> Collective:
        """Return a dispatch or combine of ``tokens`` of one device, ``each`` bytes, to the experts they choose.

        Within a domain a token goes once to each device that has one of its experts. Across domains
        it need not cross more than once to each, and be forwarded there; low-latency kernels send a
        copy to every device all the same.
        """
        others = max(1, devices - 1)
        near = min(devices, self.domain) - 1
        domains = ceil_div(devices, self.domain)
        sent = copies(devices, chosen) * tokens * each
        inside, apart = sent * near / others, sent * (others - near) / others
        least = minimum(apart, copies(domains, chosen) * tokens * each)
        found = Exchange(inside, devices, inside, inside, tokens)
        used = apart if key.endswith("low-latency") else least
        return Collective(path, "all-to-all", "moe_a2a", key, runs, devices, sent, found, least, used)

    def send(self, path: str, runs: Size, payload: Size, *, crosses: bool) -> Collective:
        """Return what goes from one pipeline stage to the next."""
        inside = 0 * payload if crosses else payload
        found = Message(payload, 2, inside, inside)
        out = payload if crosses else 0
        return Collective(path, "pipeline", "nccl", "alltoall", runs, 2, payload, found, out, out)


def collectives(
    architecture: Architecture, ops: Iterable[Op], plan: Plan, recipe: Recipe, network: Network, batch: Size
) -> Iterator[Collective]:
    """Yield the communication of one step of one group of sequences, ``ops`` lowered with its ``batch``."""
    listed = list(present(ops))
    act = recipe.format("activations")
    if plan.tp > 1:
        yield from _tensor(architecture, listed, plan, act, network, batch)
    if plan.sends_tokens:
        yield from _experts(listed, plan, recipe, network)
    if plan.cp > 1:
        yield from _context(listed, plan, recipe, network, batch)


def _tensor(
    architecture: Architecture, ops: list[Op], plan: Plan, act: Format, network: Network, batch: Size
) -> Iterator[Collective]:
    """Yield what tensor parallelism adds."""
    tp = plan.tp

    def part(values: Size, op: Op) -> Size:
        """Return the values of one device's share of the rows where sequences are cut."""
        if plan.cp == 1:
            return values
        each = ceil_div(op.tokens, batch)
        return values * ceil_div(each, plan.cp) // each

    counts: dict[tuple[str, Any], tuple[Op, Size]] = {}
    for op in ops:
        if isinstance(op, Lookup) and op.weights[0].split == "vocabulary":
            yield network.collective(op.path, "all_reduce", op.runs, tp, act.bytes(part(op.gives, op)))
        elif isinstance(op, Project) and op.component == "lm_head":
            yield network.collective(op.path, "all_gather", op.runs, tp, act.bytes(part(op.gives, op)))
        elif _is_partial(op, plan):
            place = op.path.split(".")
            nested = len(place) > 3 and ".".join(place[:2]) + "." + place[2] in _shared_sites(architecture, place)
            block = ".".join(place[: 3 if nested else 2])
            sums = (block, "out" if _leaves(op, architecture) else op.path)
            counts.setdefault(sums, (op, op.runs))
    by_stack: dict[str, list[tuple[str, Op]]] = {}
    for (block, kind), (op, runs) in counts.items():
        stack, _, name = block.partition(".")
        if kind == "out" and "." not in name:
            by_stack.setdefault(stack, []).append((name, op))
        else:
            yield network.collective(op.path, "all_reduce", runs, tp, act.bytes(part(op.gives, op)))
    for stack, its in by_stack.items():
        op = its[0][1]
        names = {name for name, _ in its}
        layout = _layout(architecture, stack)
        runs = _sublayers(architecture, layout, names) if layout else sum(found.runs for _, found in its)
        runs = runs * indicator(op.tokens > 0)
        if not absent(runs):
            payload = act.bytes(part(_width(op) * op.tokens, op))
            yield network.collective(f"{stack}.all_reduce", "all_reduce", runs, tp, payload)


def _is_partial(op: Op, plan: Plan) -> bool:
    """Say whether an operation leaves a partial sum on every device of a tp group."""
    if isinstance(op, Experts):
        return not op.shared_input and not plan.sends_tokens
    return isinstance(op, Project) and bool(op.weights) and op.weights[0].split == "in"


def _leaves(op: Op, architecture: Architecture) -> bool:
    """Say whether the output goes to the residual stream, where sums of one sublayer meet."""
    beside = architecture.encoder or architecture.patches
    return _width(op) in (architecture.d_model, beside and beside.d_model)


def _width(op: Op) -> Size:
    return op.d_out  # type: ignore[attr-defined]


def _shared_sites(architecture: Architecture, place: list[str]) -> set[str]:
    """Return the inner blocks of a shared block, which follow each other and so sum one by one."""
    block = architecture.blocks.get(place[1])
    inner = getattr(block, "of", ()) if block is not None else ()
    return {f"{place[0]}.{place[1]}.{name}" for name in inner}


def _layout(architecture: Architecture, stack: str) -> Layout | None:
    return next((found.layout for found in architecture.stacks if found.path == stack), None)


def _sublayers(architecture: Architecture, layout: Layout, names: set[str]) -> int:
    """Count the sums of all layers: one a sublayer, or one a layer whose sublayers work side by side."""
    found = 0
    for count, layer in layout.groups():
        open_ = [bool(names.intersection(entry)) for entry in layer]
        found += count * (any(open_) if architecture.norm.place == "parallel" else sum(open_))
    return found * architecture.loops


def _experts(ops: list[Op], plan: Plan, recipe: Recipe, network: Network) -> Iterator[Collective]:
    """Yield dispatch and combine of every expert layer."""
    act = recipe.format("activations")
    sent_as = FORMATS[plan.dispatch] if plan.dispatch else _narrower(recipe.format("experts"), act)
    back_as = FORMATS[plan.combine] if plan.combine else act
    for op in ops:
        if not isinstance(op, Experts) or not op.shared_input:
            continue
        tokens = ceil_div(op.tokens, plan.tp * plan.cp)
        few = _few(tokens)
        for key, form in (("dispatch", sent_as), ("combine", back_as)):
            width = form.bytes(op.d_in)
            found, other = (
                network.exchange(f"{op.path}.{key}", f"{key}-{kind}", op.runs, plan.ep, tokens, width, float(op.chosen))
                for kind in ("throughput", "low-latency")
            )
            found.few, found.low_latency = few, other
            yield found


def _few(tokens: Size) -> Size:
    """Return 1 where engines may take their low-latency kernels: up to 128 tokens a device (DeepEP's limit)."""
    return indicator(tokens <= 128)


def _narrower(first: Format, second: Format) -> Format:
    """Return the format with fewer bits a value; below one byte nothing is sent."""
    found = first if first.bits < second.bits else second
    return found if found.bits >= 8 else FORMATS["fp8"]


def _gathered(state: State, cp: int) -> Size:
    """Return the entries of a state that make an all-gather carry what a device's queries lack."""
    whole = state.read + state.fresh
    seen = entries_seen(state, cp)
    lacking = seen - minimum(seen, ceil_div(state.fresh, cp))
    return minimum(whole, ceil_div(lacking * cp, cp - 1))


def _context(ops: list[Op], plan: Plan, recipe: Recipe, network: Network, batch: Size) -> Iterator[Collective]:
    """Yield what cutting sequences adds: keys travel to queries, or partial results are merged."""
    cut = Share(network.machine, plan, recipe)
    for op in ops:
        if not isinstance(op, Attend) or not op.states or absent(op.pairs):
            continue
        own = indicator(op.tokens // op.batch >= plan.cp)
        if not absent(own):
            kept = sum(cut.state_bytes(state, _gathered(state, plan.cp)) for state in op.states)
            path = f"{op.path}.keys"
            yield network.collective(path, "all_gather", op.runs * own, plan.cp, batch * kept, stride=plan.tp)
        if not absent(1 - own):
            values = op.tokens * ceil_div(op.n_heads, plan.tp) * (op.v_head_dim + 1)
            path, runs = f"{op.path}.merge", op.runs * (1 - own)
            yield network.collective(path, "all_reduce", runs, plan.cp, 4 * values, group="merge", stride=plan.tp)
