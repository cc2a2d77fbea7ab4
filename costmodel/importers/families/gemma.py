"""Gemma 1 to 3, and VaultGemma: heads wider than the model's share, then windows, soft caps, more norms."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, agrees, attention, changed, ffn, top
from costmodel.importers.windows import windowed


def gemma(c: Config) -> Draft:
    """Read Gemma; its flag for embedding models, which see both ways, is refused."""
    _causal(c)
    layer = [attention(c, bias=_bias(c)), ffn(c)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def gemma2(c: Config) -> Draft:
    """Read Gemma 2: norms around sublayers, capped scores, a window in every other layer from the first."""
    _causal(c)
    agrees(c, c.get("sliding_window"), "sliding_window_size")  # of the first files
    return _capped(c, norm={"place": "sandwich"})


def vaultgemma(c: Config) -> Draft:
    """Read VaultGemma: Gemma 2 without the norms behind sublayers."""
    return _capped(c)


def gemma3_text(c: Config) -> Draft:
    """Read Gemma 3: norms on heads; every sixth layer sees everything unless ``layer_types`` says otherwise.

    ``attn_logit_softcapping`` stands in the class, and nothing reads it. In EmbeddingGemma tokens see
    each other; half of the window then lies before a token, and half after it.
    """
    is_both = c.flag("use_bidirectional_attention")
    if c.path:  # inside a wrapper, which masks by itself
        _causal(c)
    c.get("attn_logit_softcapping")
    c.get("_sliding_window_pattern")  # what the class notes of the key without the underscore
    turn = c.count("sliding_window_pattern", 6)
    mixers = windowed(c, lambda index: (index + 1) % turn, bias=_bias(c), qk_norm="head")
    if is_both:
        mixers = [_both_ways(mixer) for mixer in mixers]
    return Draft(top(c, norm={"place": "sandwich"}), [[mixer, ffn(c)] for mixer in mixers])


def _both_ways(mixer: Part) -> Part:
    if "window" not in mixer.fields:
        return changed(mixer, causal=False)
    half = mixer.fields["window"] // 2
    return changed(mixer, window=half + 1, **({"causal": False, "ahead": half} if half else {}))


def _capped(c: Config, **more: Any) -> Draft:
    cap = c.share("attn_logit_softcapping", None)
    mixers = windowed(c, lambda index: (index + 1) % 2, bias=_bias(c), softcap=cap)
    return Draft(top(c, **more), [[mixer, ffn(c)] for mixer in mixers])


def _bias(c: Config) -> tuple[str, ...]:
    return ALL if c.flag("attention_bias") else ()


def _causal(c: Config) -> None:
    c.require("use_bidirectional_attention", None, False)
