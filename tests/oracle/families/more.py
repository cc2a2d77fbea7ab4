"""More families: whatever of transformers 5.23 the other files leave out and the spec language can say."""

from __future__ import annotations

from .base import Family
from .linear import LINEAR
from .more_bert import MORE_BERT
from .more_classic import MORE_CLASSIC
from .more_dense import MORE_DENSE
from .more_experts import MORE_EXPERTS
from .more_hybrid import MORE_HYBRID
from .more_seq2seq import MORE_ENCODER_DECODER
from .more_windows import MORE_WINDOWS

MORE: tuple[Family, ...] = (
    *MORE_DENSE,
    *MORE_CLASSIC,
    *MORE_EXPERTS,
    *MORE_WINDOWS,
    *MORE_HYBRID,
    *LINEAR,
    *MORE_ENCODER_DECODER,
    *MORE_BERT,
)
