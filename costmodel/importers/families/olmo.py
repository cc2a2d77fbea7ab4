"""OLMo: norms without weights, then norms behind sublayers, then windows."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import ALL, attention, ffn, top
from costmodel.importers.windows import windowed


def olmo(c: Config) -> Draft:
    """Read OLMo: layer norms that have no weights; ``clip_qkv`` changes no count."""
    bias = ALL if c.flag("attention_bias") else ()
    layer = [attention(c, bias=bias), ffn(c)]
    return Draft(top(c, norm={"kind": "none"}), [layer] * c.count("num_hidden_layers"))


def olmo2(c: Config) -> Draft:
    """Read OLMo 2: norms behind the sublayers, and one norm over all heads of the queries, one of the keys."""
    bias = ALL if c.flag("attention_bias") else ()
    layer = [attention(c, bias=bias, qk_norm="full"), ffn(c)]
    return Draft(top(c, norm={"place": "post"}), [layer] * c.count("num_hidden_layers"))


def olmo3(c: Config) -> Draft:
    """Read OLMo 3: as OLMo 2, with a window in three layers of four."""
    bias = ALL if c.flag("attention_bias") else ()
    mixers = windowed(c, lambda index: (index + 1) % 4, bias=bias, qk_norm="full")
    return Draft(top(c, norm={"place": "post"}), [[mixer, ffn(c)] for mixer in mixers])
