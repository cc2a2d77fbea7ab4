"""Small models of transformers and the same architectures in our language: data only."""

from __future__ import annotations

from .base import Family
from .classic import CLASSIC
from .convolved import CONVOLVED
from .dense import DENSE
from .encoder_decoder import ENCODER_DECODER
from .experts import EXPERTS
from .hybrid import HYBRID
from .latent import LATENT
from .more import MORE
from .recurrent import RECURRENT
from .streams import STREAMS
from .windows import WINDOWS

FAMILIES: tuple[Family, ...] = (
    *DENSE,
    *WINDOWS,
    *CLASSIC,
    *EXPERTS,
    *STREAMS,
    *LATENT,
    *RECURRENT,
    *HYBRID,
    *CONVOLVED,
    *ENCODER_DECODER,
    *MORE,
)
