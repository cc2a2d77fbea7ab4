"""Number formats and the recipe that gives each role one.

A recipe such as ``bf16`` or ``weights=fp8,kv=fp8`` names roles or groups of roles; naming a group
sets its members. Embedding, head, router and norms keep bf16 unless they are named themselves, and
a recurrent state keeps fp32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from costmodel.errors import UsageError, quote
from costmodel.sizes import Size, ceil_div


@dataclass(slots=True, frozen=True)
class Format:
    """Bits of a value, and of the scale factor that ``group`` values share (0: none).

    ``computed``: the format that hardware multiplies, where it has another name.
    """

    name: str
    bits: int
    group: int = 0
    scale_bits: int = 0
    computed: str | None = None

    @property
    def multiplied(self) -> str:
        """Return the format that matrix units multiply."""
        return self.computed or self.name

    @property
    def whole_bytes(self) -> bool:
        """Say whether a value is a whole number of bytes, and nothing comes on top."""
        return self.bits % 8 == 0 and not self.group

    def bytes(self, values: Size) -> Size:
        """Return the bytes that hold so many values, packed, scale factors included."""
        if self.whole_bytes:
            return values * (self.bits // 8)
        data = ceil_div(values * self.bits, 8)
        return data + ceil_div(values, self.group) * self.scale_bits // 8 if self.group else data


# Scale factors: MX formats one 8-bit exponent for 32 values (OCP Microscaling Formats v1.0,
# section 5); nvfp4 one fp8 for 16; block-scaled fp8 one fp32 for 128 (arXiv:2412.19437, section
# 3.3.2); int4 one fp16 for a group of 128.
# Types of ggml, as GGUF files have them: bits of a value, values of a block, and bits that the block
# shares (scales, minima, signs). Compared with the gguf package by a test. They are computed in bf16.
_GGML = """
q8_0 8 32 16, q6_k 6 256 144, q5_k 5 256 128, q5_1 5 32 32, q5_0 5 32 16, q4_k 4 256 128, q4_1 4 32 32, q4_0 4 32 16,
iq4_nl 4 32 16, iq4_xs 4 256 64, q3_k 3 256 112, iq3_s 3 256 112, iq3_xxs 3 256 16, q2_k 2 256 160, iq2_s 2 256 144,
iq2_xs 2 256 80, iq2_xxs 2 256 16, tq2_0 2 256 16, iq1_m 1 256 192, iq1_s 1 256 144, tq1_0 1 256 176, q1_0 1 128 16
"""
_OF_GGML = tuple(
    Format(name, int(bits), int(group), int(shared), "bf16")
    for name, bits, group, shared in (row.split() for row in _GGML.split(","))
)
FORMATS = MappingProxyType(
    {
        f.name: f
        for f in (
            Format("fp32", 32),
            Format("bf16", 16),
            Format("fp16", 16),
            Format("fp8", 8),
            Format("fp8-block", 8, 128, 32, "fp8"),
            Format("int8", 8),
            Format("int4", 4, 128, 16),
            Format("mxfp8", 8, 32, 8),
            Format("mxfp4", 4, 32, 8),
            Format("nvfp4", 4, 16, 8),
            *_OF_GGML,
        )
    }
)

KNOWN = (
    f"dtypes: {', '.join(name for name, form in FORMATS.items() if form not in _OF_GGML)}, and ggml's q8_0, q4_k, ..."
)

GROUPS = MappingProxyType(
    {
        "weights": ("weights", "attention", "ffn", "experts"),
        "cache": ("kv", "kv_rope", "index"),
        "kv": ("kv", "kv_rope"),
        "state": ("state",),
        "activations": ("activations", "conv"),
    }
)
ROLES = MappingProxyType(
    {
        "weights": "bf16",
        "attention": "bf16",
        "ffn": "bf16",
        "experts": "bf16",
        "router": "bf16",
        "norm": "bf16",
        "head": "bf16",
        "embed": "bf16",
        "kv": "bf16",
        "kv_rope": "bf16",
        "index": "bf16",
        "state": "fp32",
        "conv": "bf16",
        "activations": "bf16",
        "compute": "bf16",
    }
)
# A bare format: what a group would name, so not embedding, head, router, norms, recurrent state.
_BARE = (*GROUPS["weights"], *GROUPS["cache"], *GROUPS["activations"])


@dataclass(slots=True, frozen=True)
class Recipe:
    """The format of every role, and the text that a reader would type for it."""

    text: str = "bf16"
    formats: Mapping[str, str] | None = None  # None: the defaults
    compute: str | None = None  # what is multiplied, where it was said

    @property
    def cache_text(self) -> str:
        """Return the recipe as far as it names what is cached: ``weights=fp8`` leaves bf16."""
        kept = {"all", *GROUPS["cache"], *GROUPS["activations"], "cache", "state"}
        parts = [part for part in self.text.replace(" ", "").split(",") if (part.rpartition("=")[0] or "all") in kept]
        return ",".join(parts) or "bf16"

    def format(self, role: str) -> Format:
        """Return the format of one role."""
        return FORMATS[(self.formats or ROLES)[role]]

    @classmethod
    def parse(cls, text: str) -> Recipe:
        """Read ``bf16`` or ``role=format,...``.

        A bare format stands for weights, cache and activations. Wider names apply first, so
        the order in which they are written does not matter.

        Raises:
            UsageError: an unknown role or format, or a role named twice.
        """
        named: dict[str, str] = {}
        for part in text.replace(" ", "").split(","):
            role, separator, name = part.rpartition("=")
            role = role if separator else "all"
            if role != "all" and role not in ROLES and role not in GROUPS:
                raise UsageError(f"there is no dtype role {quote(role)}", hint="roles: " + ", ".join([*ROLES, "cache"]))
            if name not in FORMATS and not (role == "compute" and name == "tf32"):
                raise UsageError(f"there is no dtype {quote(name)}", hint=KNOWN)
            if role in named:
                raise UsageError(f'the dtype of "{role}" is given twice')
            named[role] = name
        formats = dict(ROLES)
        for group, members in (("all", _BARE), *GROUPS.items()):
            if group in named:
                formats.update(dict.fromkeys(members, named[group]))
        formats.update({role: name for role, name in named.items() if role in ROLES and role not in GROUPS})
        return cls(text, MappingProxyType(formats), named.get("compute"))


BF16 = Recipe()
