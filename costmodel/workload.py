"""What is run: tokens and the choices that a run has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from costmodel.sizes import Size

Attention = Literal["causal", "full"]
Logits = Literal["all", "last"]
LatentMode = Literal["auto", "absorbed", "expanded", "expanded-cached"]


@dataclass(slots=True, frozen=True, kw_only=True)
class Workload:
    """One step: each of ``batch`` sequences adds ``new_tokens`` to ``cached_tokens``.

    Prefill has nothing cached, decode one new token; chunked prefill and speculative verification
    lie between. ``source_*`` are the encoder's tokens, ``images`` the pictures of a step and
    ``clips`` its recordings of sound. ``prefix``: the first tokens of a sequence that a block may
    treat as its prefix, such as a prompt; None for all. ``attention``: the pairs counted.
    ``logits``: positions the head computes. ``mla``: how latent attention is executed; ``auto``
    takes what needs fewer FLOPs here. ``page``: tokens in a page of a paged cache.
    """

    batch: Size = 1
    new_tokens: Size = 1
    cached_tokens: Size = 0
    source_new: Size = 0
    source_cached: Size = 0
    images: Size = 0
    clips: Size = 0
    prefix: Size | None = None
    attention: Attention = "causal"
    logits: Logits = "all"
    mla: LatentMode = "auto"
    page: int = 16

    @property
    def context(self) -> Size:
        """Return the tokens of a sequence after the step."""
        return self.cached_tokens + self.new_tokens

    @property
    def swept(self) -> bool:
        """Say whether some size is an array."""
        text = (self.batch, self.new_tokens, self.cached_tokens, self.source_new, self.source_cached, self.prefix)
        return any(hasattr(size, "shape") for size in (*text, self.images, self.clips))

    @classmethod
    def decode(cls, context: Size, source: Size = 0) -> Workload:
        """Return the step that adds the last token of a context."""
        return cls(new_tokens=1, cached_tokens=context - 1, source_cached=source)

    @classmethod
    def prefill(cls, tokens: Size, source: Size = 0) -> Workload:
        """Return the step that reads a whole prompt."""
        return cls(new_tokens=tokens, source_new=source)
