"""Build a model of transformers, run it step by step, and write down what torch saw."""

from __future__ import annotations

import importlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    DynamicCache,
    PreTrainedConfig,
    PreTrainedModel,
)

torch.set_num_threads(1)

SEED = 20_260_722
# Classes that fail unless the parts that they load in fp32 are in it, whatever the dtype of the rest.
FP32_PARTS = ("inkling2_text",)
PRODUCTS = {"mm": 0, "bmm": 0, "addmm": 1, "baddbmm": 1}  # where the left operand stands


def build(config: Mapping[str, Any], *, dtype: torch.dtype = torch.float32, device: str = "cpu") -> torch.nn.Module:
    """Return the model of a configuration with seeded random weights.

    Attention and experts are ``eager``: their products reach the counter as they are written. A
    language model that only a class with towers gives its head is built without a head.
    """
    torch.manual_seed(SEED)
    made = AutoConfig.for_model(**config)
    with torch.device(device):
        model = _class(made)(made, attn_implementation="eager", dtype=dtype)
    if made.model_type in FP32_PARTS:
        for name, parameter in model.named_parameters():
            if any(part in name for part in model._keep_in_fp32_modules_strict):
                parameter.data = parameter.data.float()
    if model._can_set_experts_implementation():
        model.set_experts_implementation("eager")
    if device == "cpu":
        for name, table in model.named_buffers():
            if name.endswith("tid2eid"):  # a hash router's table of experts; zeros until it is loaded
                choice = torch.rand(table.shape[0], made.n_routed_experts).argsort(-1)
                table.copy_(choice[:, : table.shape[1]])
    return model.eval()


def _class(made: PreTrainedConfig) -> Callable[..., PreTrainedModel]:
    """Return what makes the model of a configuration; AutoModel knows none of a language model inside another."""
    if made.is_encoder_decoder:
        return AutoModelForSeq2SeqLM.from_config
    if type(made) in MODEL_FOR_CAUSAL_LM_MAPPING:
        return AutoModelForCausalLM.from_config
    module = vars(importlib.import_module(type(made).__module__.replace(".configuration_", ".modeling_")))
    own = {name: cls for name, cls in module.items() if getattr(cls, "config_class", None) is type(made)}
    cls = next(cls for end in ("ForCausalLM", "TextModel") for name, cls in own.items() if name.endswith(end))
    return cls._from_config


class Products(TorchDispatchMode):
    """Counts every matrix product as (batch, m, k, n, bytes of a value)."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[int, ...]] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = func._schema.name.removeprefix("aten::")
        if name in PRODUCTS:
            left, right = args[PRODUCTS[name] :][:2]
            *batch, rows, inner = left.shape
            self.seen[(*(batch or [1]), rows, inner, right.shape[-1], left.element_size())] += 1
        return out


@dataclass(frozen=True)
class Held:
    """One tensor of a cache: which layer, what its attribute is called, and its size."""

    layer: int
    name: str
    values: int
    dtype: torch.dtype


@dataclass
class Step:
    """One forward: its tokens, and what torch computed and kept."""

    batch: int
    cached: int
    new: int
    source: int
    flops: int
    by_kind: dict[str, int]
    products: Counter[tuple[int, ...]]
    held: list[Held] = field(default_factory=list)
    routed: list[tuple[str, Counter[int]]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"batch {self.batch}, {self.cached} cached + {self.new} new"


def held(cache: Any, prefix: str = "", layer: int = -1, known: set[Any] | None = None) -> Iterator[Held]:
    """Yield the floating-point tensors that a cache object holds, each piece of memory once."""
    known = set() if known is None else known
    for name, value in cache.items() if isinstance(cache, dict) else vars(cache).items():
        path = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, torch.Tensor):
            place = (value.untyped_storage()._cdata, value.storage_offset(), value.shape)  # meta has no pointers
            if value.is_floating_point() and value.numel() and place not in known:
                known.add(place)
                yield Held(layer, path, value.numel(), value.dtype)
        elif name == "layers":
            for i, one in enumerate(value):
                yield from held(one, prefix, i, known)
        elif isinstance(value, dict):
            yield from held(value, path, layer, known)
        elif isinstance(value, (list, tuple)):
            yield from held(dict(enumerate(value)), path, layer, known)
        elif type(value).__module__.startswith("transformers") and hasattr(value, "__dict__"):
            yield from held(value, path, layer, known)


def cache_name(model: torch.nn.Module) -> str:
    """Return what a model's forward calls its cache."""
    names = inspect.signature(model.forward).parameters
    return next(name for name in ("cache_params", "past_key_values", "state") if name in names)


def first_cache(model: torch.nn.Module, batch: int) -> Any:
    """Return the cache of a first step: None, but where the model's own modules keep states until they are told."""
    if not hasattr(model, "_setup_cache"):
        return None
    model._setup_cache(model.config, batch, model.device, model.dtype)
    return DynamicCache(config=model.config)


def kept(model: torch.nn.Module, cache: Any) -> list[Held]:
    """Return what is held after a step: in a cache object, in a list (RWKV), or in modules (RecurrentGemma)."""
    if isinstance(cache, list):  # tokens before, then numerators, denominators and exponents; all layers in one
        return list(held({"conv_states": cache[:2], "recurrent_states": cache[2:]}))
    own = [module for module in model.modules() if hasattr(module, "conv1d_state")]
    found = {"conv_states": [m.conv1d_state for m in own], "recurrent_states": [m.rg_lru.recurrent_states for m in own]}
    return list(held(cache)) + list(held(found))


def routing(model: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """Return the modules that hold routed experts, by name; not those that every token uses."""
    of_experts = {name: m for name, m in model.named_modules() if type(m).__name__.endswith("Experts")}
    return {name: m for name, m in of_experts.items() if "shared" not in name.rpartition(".")[2]}


def distinct(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """Return the parameters, tied ones once."""
    return list({id(parameter): parameter for parameter in model.parameters()}.values())


def top_k(config: Any) -> int:
    """Return how many experts a token is sent to; Switch has no field for its one."""
    for name in ("num_experts_per_tok", "moe_k", "top_k_experts", "moe_topk", "moe_top_k"):
        if (value := getattr(getattr(config, "ffn_config", config), name, None)) is not None:
            return int(value)
    assert config.model_type == "switch_transformers"
    return 1


def expert_count(module: torch.nn.Module) -> int:
    """Return how many experts a module of routed experts holds."""
    if isinstance(module, torch.nn.ModuleDict):
        return len(module)
    down = [parameter for name, parameter in module.named_parameters() if name.startswith("down")]
    return int(down[0].shape[0] if down else module.num_experts)


def expert_size(module: torch.nn.Module) -> int:
    """Count the values of one routed expert."""
    if isinstance(module, torch.nn.ModuleDict):
        return sum(parameter.numel() for parameter in next(iter(module.values())).parameters())
    if hasattr(module, "mlp"):  # DBRX: the rows of all experts, one after the other
        return sum(parameter.numel() for parameter in module.parameters()) // expert_count(module)
    return sum(parameter[0].numel() for parameter in module.parameters())


def not_chosen(model: torch.nn.Module, chosen: int | None = None) -> int:
    """Count the values of the routed experts that one token does not use, from the tensors there are."""
    modules = list(routing(model).values())
    if modules and chosen is None:
        chosen = top_k(model.config.get_text_config(decoder=True))
    return sum((expert_count(m) - (chosen or 0)) * expert_size(m) for m in modules)


def rows_of_experts(module: torch.nn.Module, args: Sequence[torch.Tensor]) -> Counter[int]:
    """Return how many rows each expert was given in one call."""
    if len(args) == 1:  # Llama 4: the rows of all experts, one after the other
        experts = module.num_experts
        return Counter(dict.fromkeys(range(experts), args[0].shape[0] // experts))
    chosen = args[1]
    if isinstance(module, torch.nn.ModuleDict):  # Switch: one-hot, the last axis are the experts
        chosen = chosen.nonzero()[:, -1]
    return Counter(chosen.flatten().tolist())


def steps(
    model: torch.nn.Module, chain: Sequence[int], *, batch: int = 1, source: int = 0, count: bool = True
) -> list[Step]:
    """Run steps of so many new tokens, one after the other, on one cache.

    With a ``source``, the first step runs the encoder too. Without ``count``, FlopCounterMode, which
    takes half of the time, is left out and FLOPs are 0: products are written down all the same.
    """
    found: list[Step] = []
    generator = torch.Generator().manual_seed(SEED)
    vocab = model.config.get_text_config(decoder=True).vocab_size
    key = cache_name(model)
    past: Any = first_cache(model, batch)
    encoded: Any = None
    chosen: list[tuple[str, Counter[int]]] = []
    hooks = [
        module.register_forward_hook(
            lambda m, args, _, name=name: chosen.append((name, rows_of_experts(m, args)))  # type: ignore[misc]
        )
        for name, module in routing(model).items()
    ]
    cached = 0
    try:
        for new in chain:
            tokens = torch.randint(2, vocab, (batch, new), generator=generator).to(model.device)
            text = torch.randint(2, vocab, (batch, source), generator=generator) if source and not cached else None
            chosen.clear()
            counter = FlopCounterMode(display=False)
            # Attention that a module asks torch for by itself runs as products, which the counter sees.
            as_products = sdpa_kernel(SDPBackend.MATH)
            with torch.no_grad(), as_products, counter if count else nullcontext(), Products() as products:
                if text is not None:
                    encoded = model.get_encoder()(input_ids=text, use_cache=False)
                inputs = {"decoder_input_ids": tokens, "encoder_outputs": encoded} if source else {"input_ids": tokens}
                out = model(**inputs, **{key: past}, use_cache=True)
            past = out.get(key, past)
            counts = counter.get_flop_counts()["Global"] if count else {}
            kinds = {str(op).removeprefix("aten."): flops for op, flops in counts.items()}
            total, now = sum(kinds.values()), kept(model, past)
            found.append(Step(batch, cached, new, source, total, kinds, products.seen, now, list(chosen)))
            cached += new
    finally:
        for hook in hooks:
            hook.remove()
    return found
