"""The families of measured kernels: which columns a file has, which coefficients it calibrates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from costmodel.timing import attention, collective, gemm, mla, moe
from costmodel.timing.fit import Fit, Measured, Numbers, Texts


class Family(NamedTuple):
    """A kind of file: its columns of texts (the first is always there) and numbers, and its coefficients.

    Rows with the same texts, and the same ``phase``, are measured together. ``fits`` has the class of
    coefficients by the prefix of a key; ``further`` texts may be missing.
    """

    name: str
    texts: tuple[str, ...]
    further: tuple[str, ...]
    numbers: tuple[str, ...]
    measured: Callable[[Texts, Numbers], Measured]
    fits: Mapping[str, type[Fit]]
    phase: Callable[[Texts], str] | None = None

    def fit_of(self, key: str) -> tuple[type[Fit], str]:
        """Return the class of coefficients and the format that a key of rows stands for."""
        prefix, separator, rest = key.partition(":")
        return (self.fits[prefix], rest) if separator else (self.fits[""], key)


GEMM = Family("gemm", ("gemm_dtype",), (), ("m", "n", "k"), gemm.measured, {"": gemm.GemmTime})
MOE = Family(
    "moe",
    ("moe_dtype",),
    ("kernel_source", "distribution"),
    ("num_tokens", "hidden_size", "inter_size", "topk", "num_experts", "moe_tp_size", "moe_ep_size"),
    moe.measured,
    {"": moe.MoeTime},
)
ATTENTION = Family(
    "attention",
    ("attn_dtype", "kv_cache_dtype"),
    (),
    ("batch_size", "isl", "num_heads", "num_key_value_heads", "head_dim", "window_size", "step"),
    attention.measured,
    attention.FITS,
    attention.phase,
)
MLA = Family(
    "mla",
    ("mla_dtype", "kv_cache_dtype"),
    (),
    ("batch_size", "isl", "num_heads", "step"),
    mla.measured,
    mla.FITS,
    attention.phase,
)


def collectives(*, in_switch: bool) -> tuple[Family, ...]:
    """Return the families of collectives; ``in_switch``: the device's switch adds, which bounds all-reduce."""
    sizes = ("num_gpus", "message_size")
    exchange = ("ep_size", "hidden_size", "topk", "num_tokens")
    return (
        Family(
            "collective",
            ("allreduce_dtype",),
            (),
            sizes,
            partial(collective.measured_all_reduce, in_switch=in_switch),
            {"": collective.AllReduceTime},
        ),
        Family(
            "collective",
            ("op_name", "nccl_dtype"),
            (),
            sizes,
            partial(collective.measured_nccl, in_switch=in_switch),
            {"": collective.NcclTime},
        ),
        Family(
            "collective",
            ("comm_backend", "phase", "comm_dtype"),
            (),
            exchange,
            collective.measured_exchange,
            {"": collective.ExchangeTime},
        ),
    )


def families(*, in_switch: bool = False) -> tuple[Family, ...]:
    """Return every family."""
    return (GEMM, MOE, ATTENTION, MLA, *collectives(in_switch=in_switch))


def family_of(columns: Iterable[str], among: Iterable[Family]) -> Family | None:
    """Return the family whose columns a file has."""
    found = set(columns)
    return next((one for one in among if found.issuperset((*one.texts, *one.numbers))), None)
