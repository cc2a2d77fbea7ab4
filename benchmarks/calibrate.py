"""Fit the coefficients of every measured device again and write them into its profile.

    python benchmarks/calibrate.py

Reads ``benchmarks/measured``; replaces the ``calibration`` of the profiles in ``specs/hardware``,
which is the last field of the file. docs/data.py writes the errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from costmodel.calibration import Calibrated, calibrate
from costmodel.measured import read
from costmodel.profiles import Hardware, load_hardware

HERE = Path(__file__).parent
PROFILES = HERE.parent / "specs" / "hardware"
# Name in the files -> profile.
DEVICES = {
    "a100_sxm": "a100-sxm-80gb",
    "h100_sxm": "h100-sxm",
    "h200_sxm": "h200-sxm",
    "b200_sxm": "b200-sxm",
    "l40s": "l40s",
}


def files(device: str) -> list[Path]:
    """Return the files of measured kernels of one device, in order."""
    return sorted(path for path in (HERE / "measured").glob("*.csv.gz") if path.name.split("__")[1] == device)


def fits(device: str, hardware: Hardware) -> Iterator[Calibrated]:
    """Yield the coefficients of every family and format of a device."""
    for path in files(device):
        yield from calibrate(read(path, hardware), hardware)


def main() -> None:
    """Write the calibration of every measured device."""
    from costmodel.render.calibration import to_yaml

    for device, name in DEVICES.items():
        path = PROFILES / f"{name}.yaml"
        hardware = load_hardware(str(path))
        kept = hardware.calibration
        text = path.read_text(encoding="utf-8")
        before = text.partition("\ncalibration:\n")[0].rstrip("\n")
        section = to_yaml(fits(device, hardware), source=kept.source, step=kept.step, like=kept.like)
        path.write_text(f"{before}\n{section}", encoding="utf-8")


if __name__ == "__main__":
    main()
