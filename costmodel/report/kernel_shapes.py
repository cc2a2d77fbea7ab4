"""One kernel's sizes from options: the same shapes, keys and formats as rows of measured files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from costmodel.dtypes import FORMATS
from costmodel.errors import UsageError, did_you_mean, one_of, quote
from costmodel.machine import Machine
from costmodel.report.choices import natural, tokens
from costmodel.sizes import Size
from costmodel.timing import attention, collective, gemm, mla, moe
from costmodel.timing.families import ATTENTION, GEMM, MLA, MOE, Family, collectives
from costmodel.timing.fit import Measured

_WIDE = {"fp32": 4, "tf32": 4, "fp64": 8}  # bytes a value of inputs, weights and outputs
_QUERY = {"bf16": "bfloat16", "fp16": "float16", "fp8": "fp8"}
_FROM_ZERO = ("cached", "window")


class Option(NamedTuple):
    """A size: what an example has, and its default (None: it must be given; a name: that option's value)."""

    example: str
    default: int | str | None = None


class Kind(NamedTuple):
    """A family of kernels: the options it takes, and how they become sizes."""

    sizes: Mapping[str, Option]
    words: Mapping[str, tuple[tuple[str, ...], str]]  # option -> its words, the default
    shape: Callable[[Mapping[str, int], Mapping[str, str], Machine, bool], tuple[Family, Measured]]


@dataclass(slots=True)
class Read:
    """Options of one kernel, read and checked."""

    sizes: dict[str, int]
    words: dict[str, str]
    family: Family
    measured: Measured


@dataclass(slots=True)
class WideGemm(gemm.GemmShape):
    """A product whose outputs are as wide as its inputs: fp32 and wider."""

    @property
    def moved(self) -> Size:
        """Return the bytes of inputs and outputs."""
        return self.batch * self.m * self.input_width * (self.k + self.n)


def read(kind: str, asked: Mapping[str, Any], machine: Machine, *, in_switch: bool) -> Read:
    """Read the options of a kernel.

    Raises:
        UsageError: there is no such family or format, an option is missing, or is another family's.
    """
    found = kind_of(kind)
    sizes, words = _sizes(kind, found, asked), {}
    for name, (known, default) in found.words.items():
        word = asked.get(name) or default
        if word not in known:
            near = did_you_mean(word, known)
            raise UsageError(f"{kind} has no {name} {quote(word)}", hint=near or f"--{name} is {one_of(known)}")
        words[name] = word
    return Read(sizes, words, *found.shape(sizes, words, machine, in_switch))


def kind_of(kind: str) -> Kind:
    """Return a family of kernels by its name.

    Raises:
        UsageError: there is none.
    """
    if kind not in KINDS:
        near = did_you_mean(kind, KINDS)
        raise UsageError(f"there is no kernel {quote(kind)}", hint=near or f"kernels: {', '.join(KINDS)}")
    return KINDS[kind]


def _sizes(kind: str, found: Kind, asked: Mapping[str, Any]) -> dict[str, int]:
    own = (*found.sizes, *found.words)
    options = ", ".join(map(_flag, own))
    for name, value in asked.items():
        if value is not None and name not in own:
            raise UsageError(f"{kind} has no {_flag(name)}", hint=f"it takes {options}")
    sizes: dict[str, int] = {}
    for name, option in found.sizes.items():
        value = asked.get(name)
        if value is None and isinstance(option.default, str):
            value = sizes[option.default]
        value = option.default if value is None else value
        if value is None:
            example = " ".join(f"{_flag(n)} {o.example}" for n, o in found.sizes.items() if o.default is None)
            raise UsageError(f"{kind} needs {_flag(name)}", hint=f"archcalc kernel {kind} -H h200-sxm {example}")
        flag = name.replace("_", "-")
        sizes[name] = natural(value, flag) if name in _FROM_ZERO else tokens(value, flag)
    return sizes


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _keys(labels: Mapping[str, tuple[Any, ...]]) -> dict[str, str]:
    """Map the format that a user types to the label of a file: the first label of each key."""
    found: dict[str, str] = {}
    for label, about in labels.items():
        found.setdefault(about[0], label)
    return found


_GEMM_LABELS = _keys(gemm.LABELS) | {"fp16": "float16"}
_MOE_LABELS = _keys(moe.LABELS) | {"fp16": "float16"}
GEMM_FORMATS = tuple(dict.fromkeys([*_GEMM_LABELS, *FORMATS, *_WIDE]))


def _gemm(sizes: Mapping[str, int], words: Mapping[str, str], machine: Machine, _: bool) -> tuple[Family, Measured]:
    dtype = words["dtype"]
    if dtype in _GEMM_LABELS:
        return GEMM, gemm.measured({"gemm_dtype": _GEMM_LABELS[dtype]}, sizes)
    if dtype in _WIDE:
        wide = _WIDE[dtype]
        # Profiles of devices without bf16 keep their one fit under bf16, as a roofline looks it up.
        key = "bf16" if dtype == "fp32" and "bf16" not in machine.peaks else dtype
        return GEMM, Measured(key, dtype, WideGemm(sizes["m"], sizes["n"], sizes["k"], wide, wide), True)
    form = FORMATS[dtype]
    width = (form.bits + (form.scale_bits / form.group if form.group else 0)) / 8
    shape = gemm.GemmShape(sizes["m"], sizes["n"], sizes["k"], width, width)
    return GEMM, Measured(dtype, form.multiplied, shape, True)


def _attention(sizes: Mapping[str, int], words: Mapping[str, str], _: Machine, __: bool) -> tuple[Family, Measured]:
    heads, kv_heads = sizes["heads"], sizes["kv_heads"]
    if heads % kv_heads:
        raise UsageError(f"--heads {heads} is not a multiple of --kv-heads {kv_heads}", hint=f"--kv-heads {heads}")
    texts = {"attn_dtype": _QUERY[words["dtype"]], "kv_cache_dtype": _QUERY[words["kv"]]}
    numbers = {
        "batch_size": sizes["batch"], "isl": sizes["new"], "step": sizes["cached"], "num_heads": heads,
        "num_key_value_heads": kv_heads, "head_dim": sizes["head_dim"], "window_size": sizes["window"],
    }  # fmt: skip
    return ATTENTION, attention.measured(texts | {"phase": _phase(sizes)}, numbers)


def _mla(sizes: Mapping[str, int], words: Mapping[str, str], _: Machine, __: bool) -> tuple[Family, Measured]:
    texts = {"kv_cache_dtype": _QUERY[words["kv"]], "phase": _phase(sizes)}
    numbers = {
        "batch_size": sizes["batch"], "isl": sizes["new"], "step": sizes["cached"], "num_heads": sizes["heads"]
    }  # fmt: skip
    return MLA, mla.measured(texts, numbers)


def _phase(sizes: Mapping[str, int]) -> str:
    return attention.phase({"isl": str(sizes["new"]), "step": str(sizes["cached"])})


def _moe(sizes: Mapping[str, int], words: Mapping[str, str], _: Machine, __: bool) -> tuple[Family, Measured]:
    experts, ep, tp = sizes["experts"], sizes["ep"], sizes["tp"]
    if sizes["top_k"] > experts:
        raise UsageError(f"--top-k {sizes['top_k']} is more than --experts {experts}", hint=f"--top-k {experts}")
    for name, value, whole in (("ep", ep, experts), ("tp", tp, sizes["d_ff"])):
        if whole % value:
            what = "--experts" if name == "ep" else "--d-ff"
            raise UsageError(f"{what} {whole} is not a multiple of --{name} {value}", hint=f"--{name} 1")
    numbers = {
        "num_tokens": sizes["tokens"], "hidden_size": sizes["d_model"], "inter_size": sizes["d_ff"],
        "topk": sizes["top_k"], "num_experts": experts, "moe_tp_size": tp, "moe_ep_size": ep,
    }  # fmt: skip
    return MOE, moe.measured({"moe_dtype": _MOE_LABELS[words["dtype"]]}, numbers)


def _collective(
    sizes: Mapping[str, int], words: Mapping[str, str], machine: Machine, in_switch: bool
) -> tuple[Family, Measured]:
    devices, kind = sizes["devices"], words["kind"]
    domain = machine.scale_up.domain if machine.scale_up else devices
    if devices < 2:
        raise UsageError(f"a collective needs two devices or more, not {devices}", hint="--devices 8")
    if devices > domain:
        machine.check_links(devices)
        fabric = machine.scale_up.name if machine.scale_up else "it"
        raise UsageError(
            f"{fabric} of {machine.name} joins {domain} devices, not {devices}",
            hint=f"--devices {domain}; archcalc roofline times collectives beyond that",
        )
    shape = collective.message(kind, sizes["bytes"], devices, in_switch=in_switch)
    engines, nccl, _ = collectives(in_switch=in_switch)
    return (engines if kind == "all_reduce" else nccl), Measured(kind, "", shape, True)


_CACHES = (("bf16", "fp8"), "bf16")
KINDS: Mapping[str, Kind] = {
    "gemm": Kind(
        {"m": Option("128"), "n": Option("8192"), "k": Option("4096")}, {"dtype": (GEMM_FORMATS, "bf16")}, _gemm
    ),
    "attention": Kind(
        {
            "batch": Option("32", 1), "new": Option("1", 1), "cached": Option("4095", 0), "heads": Option("32"),
            "kv_heads": Option("8", "heads"), "head_dim": Option("128", 128), "window": Option("0", 0),
        },
        {"dtype": (tuple(_QUERY), "bf16"), "kv": _CACHES},
        _attention,
    ),
    "mla": Kind(
        {"batch": Option("32", 1), "new": Option("1", 1), "cached": Option("4095", 0), "heads": Option("128", 128)},
        {"kv": _CACHES},
        _mla,
    ),
    "moe": Kind(
        {
            "tokens": Option("128"), "d_model": Option("7168"), "d_ff": Option("2048"), "experts": Option("256"),
            "top_k": Option("8"), "tp": Option("1", 1), "ep": Option("8", 1),
        },
        {"dtype": (tuple(_MOE_LABELS), "bf16")},
        _moe,
    ),
    "collective": Kind(
        {"bytes": Option("64Mi"), "devices": Option("8")}, {"kind": (collective.KINDS, "all_reduce")}, _collective
    ),
}  # fmt: skip
