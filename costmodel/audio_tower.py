"""An audio tower: frames of sound through convolutions and a stack of its own, then a projector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

from pydantic import model_validator

from costmodel.block import Count, Impossible
from costmodel.ops import Op
from costmodel.projector import Grid, project
from costmodel.sizes import Size, absent
from costmodel.source_input import SourceInput
from costmodel.tower_stack import TowerStack
from costmodel.workload import Workload


class AudioTower(TowerStack):
    """Clips of ``frames`` frames of sound, a stack of width ``d_model``, and a projector.

    A frame is one position of ``input``, most often 10 ms of a spectrogram; 3000 of them are the 30
    seconds that most encoders are made for. ``piece``: so many frames go through the convolutions by
    themselves, as if silence stood around them. ``positions``, ``pre_norm``, ``norm.final`` and
    ``separators`` are as in a vision tower; the tokens of a ``chunk`` of attention that is not causal
    see each other. Every clip is a sequence of its own, as long as the tower says or padded to it, and
    nothing is kept between steps. Steps of the projector that pool or merge drop what is left over.

    ``Workload.clips`` counts the clips of the whole step, over its batch.
    Source: arXiv:2212.04356 (Whisper); transformers 5.23, qwen2_audio, voxtral, qwen3_omni_moe.
    """

    sense: ClassVar[str] = "clips"

    input: SourceInput
    frames: Count
    piece: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> AudioTower:
        if self.input.width != self.d_model:
            message = f"the input ends at a width of {self.input.width}, and the tower is {self.d_model} wide"
            last = len(self.input.convolutions) - 1
            raise Impossible(message, "input.linear" if self.input.linear else f"input.convolutions[{last}].out")
        if self.frames % self._piece:
            raise Impossible(f"frames {self.frames} is not a multiple of piece {self.piece}", "piece")
        if not self.tokens:
            raise Impossible(f"of {self._piece} frames no token is left", "frames")
        if (rows := min(self.tables.values(), default=self.tokens)) < self.tokens:
            message = f"{self.tokens} tokens have no row each in a table of {rows} positions"
            raise Impossible(message, "positions", f"positions: {self.tokens}")
        self.check_steps()
        if not self.tokens_out:
            raise Impossible(f"of {self.tokens} tokens the projector leaves none", "projector")
        return self

    @property
    def _piece(self) -> int:
        return self.piece or self.frames

    @cached_property
    def tokens(self) -> int:
        """Return the tokens of one clip in the stack."""
        return self.frames // self._piece * int(self.input.lengths(self._piece)[-1])

    @property
    def grid(self) -> Grid:
        """Return what the projector gets: tokens along one axis."""
        return Grid(self.d_model, self.tokens, self.tokens, axes=1)

    def lower(self, load: Workload, d_model: int) -> Iterator[Op]:
        """Yield the operations on all clips of a step; ``d_model`` is the language model's."""
        self.check(d_model)
        # Without clips there are weights and no work: one sequence of no tokens.
        no_clips = absent(load.clips)
        clips: Size = 1 if no_clips else load.clips
        inner = replace(load, batch=clips, images=0, clips=0, source_new=0, source_cached=0)
        new = 0 if no_clips else self.tokens
        stack = self.stack("audio")
        at = stack.site(inner, new, 0, "audio", 1, "audio")
        pieces = 0 if no_clips else clips * (self.frames // self._piece)
        yield from self.input.lower_frames(replace(at, path="audio.input"), self._piece, pieces)
        yield from self.begin(at)
        yield from self.layers(stack, at)
        out = replace(at, path="audio.projector")
        yield from project(out, self.projector, self.grid, self.blocks)
        yield from self.between(out, d_model)
