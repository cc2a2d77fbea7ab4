"""A hardware profile as YAML that the loader reads back to the same profile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costmodel.profiles import Fabric, Hardware, Quantity

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ._/()+-]*[A-Za-z0-9.)]|[A-Za-z]")
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "nan", "inf"))
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def profile_yaml(hardware: Hardware, calibration: str = "", head: Iterable[str] = ()) -> str:
    """Return a profile; ``calibration`` is its last section as ``to_yaml`` writes it, ``head`` comments above all.

    Aliases belong to the file a profile came from and are left out.
    """
    lines = [f"# {text}" for text in head]
    lines += [f"{name}: {_text(getattr(hardware, name))}" for name in ("name", "title", "vendor", "generation")]
    if hardware.sources:
        lines.append("sources:")
        for key, source in hardware.sources.items():
            lines.append(f"  {key}:")
            said = source.model_dump(exclude_none=True)
            lines += [f"    {name}: {_text(value)}" for name, value in said.items()]
    if hardware.note:
        lines.append(f"note: {_text(hardware.note)}")
    for name in ("memory_capacity", "memory_bandwidth", "on_chip_memory", "compute_units"):
        lines += _quantity(name, getattr(hardware, name))
    lines.append("dense_peak:")
    for name, rate in hardware.dense_peak.items():
        lines += [f"  {line}" for line in _quantity(name, rate)]
    lines += _fabric("scale_up", hardware.scale_up) + _fabric("scale_out", hardware.scale_out)
    for name in ("power", "price"):
        lines += _quantity(name, getattr(hardware, name))
    return "\n".join(lines) + "\n" + calibration


def _quantity(name: str, quantity: Quantity | None) -> list[str]:
    if quantity is None:
        return []
    parts = [f"value: {quantity.value}", f"basis: {quantity.basis}"]
    parts += [f"{key}: {_text(text)}" for key in ("source", "note") if (text := getattr(quantity, key))]
    return [f"{name}: {{{', '.join(parts)}}}"]


def _fabric(name: str, fabric: Fabric | None) -> list[str]:
    if fabric is None:
        return []
    lines = [f"{name}:", f"  name: {_text(fabric.name)}"]
    if fabric.reduces:
        lines.append("  reduces: true")
    for part in ("bandwidth", "latency", "domain"):
        lines += [f"  {line}" for line in _quantity(part, getattr(fabric, part))]
    return lines


def _text(value: Any) -> str:
    """Return a text so that YAML reads it as this text: quoted unless it is plain words or a date."""
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain or _DATE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
