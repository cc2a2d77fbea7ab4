"""How many experts a step touches, and how unequal their loads are.

Uniform routing: every token chooses independently, so an expert is missed by all of T tokens with
probability (1 - k/E)^T. Skewed routing: experts' popularity follows a gamma distribution of a given
shape (the smaller, the more unequal); averaging the same probability over it gives the closed form
below, and its spread over devices the busiest one's load. ``docs/validation.md`` shows which shape
describes measured power-law loads.
"""

from __future__ import annotations

from math import log

from costmodel.sizes import Size, maximum, minimum

_SPREAD = 2.757  # standard deviations of the busiest device; fitted to measured power-law loads


def touched_uniform(local: Size, n_experts: Size, chosen: float, tokens: Size) -> Size:
    """Return the expected distinct experts of ``local`` ones that ``tokens`` choose."""
    return local * (1 - (1 - chosen / n_experts) ** tokens)


def touched_skewed(local: Size, rows: Size, shape: float) -> Size:
    """Return the same where popularity is gamma-distributed: ``rows`` of them reach this device."""
    return local * (1 - (1 + rows / (local * shape)) ** (-shape))


def busiest_share(local: Size, devices: Size, shape: float) -> Size:
    """Return the busiest device's load over the mean one's: 1 where there is one device."""
    if hasattr(devices, "shape"):
        import numpy as np

        spread = np.sqrt(2 * np.log(devices) / (local * shape))
    else:
        spread = (2 * log(devices) / (local * shape)) ** 0.5
    return maximum(1.0, minimum(1 + _SPREAD * spread, devices))
