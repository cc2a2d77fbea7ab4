"""Wrong bytes: of kernels, and of what mechanisms read. No other figure notices these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import costmodel as cm
from costmodel.blocks import block_class, kinds
from costmodel.kernels import Device, Kernel
from costmodel.ops import Attend, Experts, Op, Project
from costmodel.report.verify import FigureRow
from costmodel.things import State
from tests.verify.mutations import written
from tests.verify.test_mutations import example, layers


def differs(name: str) -> FigureRow:
    found = cm.verify_(name)
    assert not found.proved
    row = found.specs[0].differs
    assert row is not None
    return row


def twice(kernel: Kernel) -> None:
    kernel.weight_bytes *= 2


def unread(kernel: Kernel) -> None:
    kernel.input_bytes = 0


def in_fp32(kernel: Kernel) -> None:
    kernel.output_bytes *= 2


def misplaced(kernel: Kernel) -> None:
    """A value of the input is taken for one of the weights: the sum of all bytes stays."""
    if kernel.op is not None and len(kernel.op.weights) == 1:
        kernel.input_bytes -= 2 * kernel.runs
        kernel.weight_bytes += 2 * kernel.runs


def repeated(kernel: Kernel) -> None:
    """Keys and values as a program reads them that repeats them for every head."""
    kernel.state_bytes *= kernel.sizes["heads"] // kernel.sizes["kv_heads"]


@pytest.mark.parametrize("wrong", [twice, unread, in_fp32, misplaced], ids=lambda f: f.__name__)
def test_wrong_bytes_of_products(wrong: Callable[[Kernel], None], monkeypatch: pytest.MonkeyPatch) -> None:
    right = Device._project

    def mutated(self: Any, op: Any, batch: Any) -> Kernel:
        kernel = right(self, op, batch)
        wrong(kernel)
        return kernel

    monkeypatch.setattr(Device, "_project", mutated)
    row = differs("llama-3.1-8b")
    assert row.figure == "bytes.products"
    assert (row.archcalc == row.pytorch) == (wrong is misplaced)
    ours, theirs = (next(t for t in row.terms if t.startswith(f"{who} alone: ")) for who in ("archcalc", "reference"))
    assert "; layers." in ours
    assert "; stack.layers." in theirs


@pytest.mark.parametrize("wrong", [repeated, unread, in_fp32], ids=lambda f: f.__name__)
def test_wrong_bytes_of_attention(wrong: Callable[[Kernel], None], monkeypatch: pytest.MonkeyPatch) -> None:
    right = Device._attend

    def mutated(self: Any, op: Any, batch: Any) -> Kernel:
        kernel = right(self, op, batch)
        wrong(kernel)
        return kernel

    monkeypatch.setattr(Device, "_attend", mutated)
    row = differs("llama-3.1-8b")
    assert row.figure == "bytes.attention"
    assert row.terms[0].startswith("archcalc alone: ")
    assert row.terms[0].endswith("layers.attention.attend")


def test_wrong_bytes_of_one_expert(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Device.read_bytes

    def mutated(self: Any, op: Op) -> Any:
        return right(self, op) + (2 * op.n_experts if isinstance(op, Experts) else 0)

    monkeypatch.setattr(Device, "read_bytes", mutated)
    row = differs("mixtral-8x7b")
    assert row.figure == "bytes.products"
    assert "layers.moe.experts." in row.terms[0]


def test_keys_of_an_index_that_are_not_read_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Device._attend

    def mutated(self: Any, op: Any, batch: Any) -> Kernel:
        kernel = right(self, op, batch)
        if op.variant == "index":
            kernel.state_bytes = 0
        return kernel

    monkeypatch.setattr(Device, "_attend", mutated)
    row = differs("deepseek-v3.2")
    assert row.figure == "bytes.attention"
    assert row.terms[0].endswith("layers.mla.indexer.score")


STATES: dict[str, tuple[str, Callable[[State], State]]] = {
    "a state is not read": ("mamba2-2.7b", lambda state: replace(state, read=0)),
    "a state is not written": ("mamba2-2.7b", lambda state: replace(state, written=0)),
    "a state is in the dtype of the model": ("mamba2-2.7b", lambda state: replace(state, role="conv")),
    "a cache is written as a whole": ("llama-3.1-8b", lambda state: replace(state, written=state.kept)),
    "a cache is not written": ("gemma-3-27b", lambda state: replace(state, written=0)),
    "a window keeps all of a step": ("gemma-3-27b", lambda state: replace(state, written=state.fresh)),
    "open groups are written with every step": (
        "deepseek-v4-pro",
        lambda state: replace(state, written=state.kept) if "open" in state.name else state,
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_wrong_bytes_of_what_is_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, wrong = STATES[name]
    right = Device._states

    def mutated(self: Any, kernel: Kernel, op: Any, *more: Any) -> None:
        right(self, kernel, replace(op, states=tuple(map(wrong, op.states))), *more)

    monkeypatch.setattr(Device, "_states", mutated)
    row = differs(spec)
    assert row.figure == "bytes.kept"
    assert row.terms
    assert all(term.startswith("layers.") for term in row.terms)


def wide(ops: Iterator[Op]) -> Iterator[Op]:
    """A matrix is stored in fp32."""
    done = False
    for op in ops:
        if isinstance(op, Project | Experts) and op.weights and not done:
            done = True
            op.weights = tuple(replace(weight, role="state") for weight in op.weights)
        yield op
    assert done, "nothing to change"


def reread(ops: Iterator[Op]) -> Iterator[Op]:
    """Attention reads one entry more of what is kept."""
    done = False
    for op in ops:
        reads = (isinstance(op, Project) and op.from_states) or (isinstance(op, Attend) and op.variant != "index")
        if op.states and reads:
            done = True
            first, *rest = op.states
            op.states = (replace(first, read=first.read + 1), *rest)
        yield op
    assert done, "nothing to change"


WITHOUT_PRODUCTS = {"custom"}  # declared work has no shape
WITHOUT_CALL = {"xl_attention"}  # whose scores by distance are of others than keys
ATTENDING = sorted(
    kind for kind in kinds() if ("attention" in kind or kind in ("mla", "cca")) and kind not in WITHOUT_CALL
)


def changed(kind: str, mutation: Callable[[Iterator[Op]], Iterator[Op]], monkeypatch: pytest.MonkeyPatch) -> None:
    cls: Any = block_class(kind)
    right = cls.lower
    monkeypatch.setattr(
        cls, "lower", lambda self, at: mutation(right(self, at)) if self.kind == kind else right(self, at)
    )


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind not in WITHOUT_PRODUCTS])
def test_a_matrix_of_another_format_is_noticed(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    path = written(tmp_path, example(kind))
    changed(kind, wide, monkeypatch)
    assert differs(path).figure == "bytes.products"


@pytest.mark.parametrize("kind", ATTENDING)
def test_an_entry_too_many_is_noticed(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    path = written(tmp_path, example(kind))
    changed(kind, reread, monkeypatch)
    assert differs(path).figure == "bytes.attention"


def test_every_kind_has_a_reference_of_its_name() -> None:
    from costmodel.verify.reference import blocks

    assert blocks.kinds() == kinds()
    assert all(layers(example(kind)) for kind in kinds())
