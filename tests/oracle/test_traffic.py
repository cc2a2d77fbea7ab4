"""The bytes of our kernels are those of the operands that torch's products and fused attention are given.

Only matrix products and the fused attention call are compared: what an eager program moves besides
(casts, repeated keys, concatenated caches) is its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
import torch.nn.functional as functional
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AttentionInterface, AutoConfig, AutoModelForCausalLM
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from costmodel.dtypes import BF16, ROLES, Recipe
from costmodel.kernels import Device, Kernel
from costmodel.machine import Machine
from costmodel.ops import Project
from costmodel.plan import Plan
from costmodel.workload import Workload

from .models import SEED, Step
from .operands import matrices
from .runs import BY_NAME, bf16_forwards, forwards, lowered

pytestmark = pytest.mark.oracle

FP32 = Recipe.parse(",".join(f"{role}=fp32" for role in ROLES))
RECIPES = {torch.float32: FP32, torch.bfloat16: BF16}
FLASH = "aten::_scaled_dot_product_flash_attention_for_cpu"


def kernels(name: str, step: Step, dtype: torch.dtype, *, fused: bool) -> list[Kernel]:
    """Our kernels of a step of a family, on one device."""
    device = Device(Machine("made-up", {"bf16": 1.0, "fp32": 1.0}, 1.0, 1), Plan(), RECIPES[dtype], fused=fused)
    return device.kernels(lowered(BY_NAME[name], step), step.batch)


# Projections


def observed(step: Step) -> Counter[tuple[int, ...]]:
    """Bytes of A, B and the output of every product of two matrices; attention's are of stacks."""
    found: Counter[tuple[int, ...]] = Counter()
    for (batch, m, k, n, size), times in step.products.items():
        if batch == 1:
            found[m * k * size, k * n * size, m * n * size] += times
    return found


def whole(found: Iterable[Kernel]) -> Counter[tuple[int, ...]]:
    """Bytes of inputs, weights and outputs of one run of every product of ours."""
    operands: Counter[tuple[int, ...]] = Counter()
    for kernel in found:
        if kernel.family == "gemm":
            its = (kernel.input_bytes, kernel.weight_bytes, kernel.output_bytes)
            operands[tuple(size // kernel.runs for size in its)] += kernel.runs
    return operands


def by_matrix(found: Iterable[Kernel]) -> Counter[tuple[int, ...]]:
    """The same where every matrix is a product of its own: the input again, a share of weights and outputs."""
    operands: Counter[tuple[int, ...]] = Counter()
    for kernel in found:
        if isinstance(kernel.op, Project):
            for weight in matrices(kernel.op):
                share = [size // kernel.runs * weight.shape[-2] for size in (kernel.weight_bytes, kernel.output_bytes)]
                assert all(size % kernel.op.d_out == 0 for size in share)
                sizes = (kernel.input_bytes // kernel.runs, *(size // kernel.op.d_out for size in share))
                operands[sizes] += kernel.runs
    return operands


def steps_of(name: str, dtype: torch.dtype) -> tuple[Step, ...]:
    return forwards(name) if dtype == torch.float32 else bf16_forwards(name)


@pytest.mark.parametrize("dtype", RECIPES, ids=str)
@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma", "mistral", "gemma2", "gemma3_text"])
def test_projections_move_the_operands_of_torchs_products(
    name: str, dtype: torch.dtype, compared: Callable[..., None]
) -> None:
    steps = steps_of(name, dtype)
    for step in steps:
        assert by_matrix(kernels(name, step, dtype, fused=False)) == observed(step), str(step)
    compared(steps_whose_projections_move_the_same_bytes=len(steps))


@pytest.mark.parametrize("dtype", RECIPES, ids=str)
@pytest.mark.parametrize("name", ["phi3", "mamba2"])
def test_joined_projections_move_the_operands_of_one_product(
    name: str, dtype: torch.dtype, compared: Callable[..., None]
) -> None:
    """Phi-3 holds q, k and v as one matrix, and gate and up; Mamba 2 all that its mixer projects to."""
    steps = steps_of(name, dtype)
    for step in steps:
        assert whole(kernels(name, step, dtype, fused=True)) == observed(step), str(step)
    compared(steps_whose_projections_move_the_same_bytes=len(steps))


def test_joining_is_what_makes_them_equal() -> None:
    """The negative control: apart, q and kv read their input twice."""
    step = bf16_forwards("phi3")[0]
    assert whole(kernels("phi3", step, torch.bfloat16, fused=False)) != observed(step)


# Fused attention


class Attention(TorchDispatchMode):
    """Sums the bytes of q, k, v and the output of every fused call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[int] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func._schema.name == FLASH:
            self.calls[sum(tensor.nbytes for tensor in (*args[:3], out[0]))] += 1
        return out


def grouped(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend to the KV heads there are: transformers' own function repeats them beside a mask."""
    causal = attention_mask is None and query.shape[2] > 1
    out = functional.scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, is_causal=causal, scale=scaling, enable_gqa=True
    )
    return out.transpose(1, 2).contiguous(), None


AttentionInterface.register("grouped", grouped)
AttentionMaskInterface.register("grouped", sdpa_mask)

# Windows are 24 long: prefill below and above one, decode on both sides, a chunk that crosses it.
CHAINS = ((9, 1, 1), (70, 1, 30, 1), (20, 9, 1))


@pytest.mark.parametrize("dtype", RECIPES, ids=str)
@pytest.mark.parametrize("name", ["llama", "llama-tied-biased", "gemma", "mistral", "gemma2", "gemma3_text"])
def test_fused_attention_moves_queries_cache_and_outputs(
    name: str, dtype: torch.dtype, compared: Callable[..., None]
) -> None:
    torch.manual_seed(SEED)
    config = AutoConfig.for_model(**BY_NAME[name].config)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="grouped", dtype=dtype).eval()
    device = Device(Machine("made-up", {"bf16": 1.0, "fp32": 1.0}, 1.0, 1), Plan(), RECIPES[dtype])
    batch, count = 2, 0
    for chain in CHAINS:
        past, cached = None, 0
        for new in chain:
            with torch.no_grad(), Attention() as attention:
                tokens = torch.randint(2, config.vocab_size, (batch, new))
                past = model(input_ids=tokens, past_key_values=past, use_cache=True).past_key_values
            load = Workload(batch=batch, new_tokens=new, cached_tokens=cached)
            ours: Counter[int] = Counter()
            for kernel in device.kernels(BY_NAME[name].architecture.lower(load), batch):
                if kernel.family == "attention":
                    ours[(kernel.input_bytes + kernel.state_bytes + kernel.output_bytes) // kernel.runs] += kernel.runs
            assert ours == attention.calls, f"{cached} cached + {new} new"
            cached += new
            count += sum(ours.values())
    compared(fused_attention_calls_that_move_the_same_bytes=count)
