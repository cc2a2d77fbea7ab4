"""What every word in an output means: one table, for ``archcalc explain WORD`` and for footnotes.

``short`` is the sentence that a footnote prints after the word and a colon; ``more`` goes on where
there is room. docs/conventions.md is the same at length.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from costmodel.errors import UsageError, did_you_mean
from costmodel.report.data import SCHEMA


@dataclass(slots=True, frozen=True)
class Word:
    """A word, what it means in a sentence, what to know beyond, and other names for it."""

    name: str
    short: str
    more: str = ""
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.short}"


_ALL = (
    # Parameters
    Word(
        "total",
        "learnable values of the language model, tied tensors once",
        "Buffers (a router's correction bias, rotary tables) are never in it. Multi-token prediction layers, "
        "vision and audio towers and projectors are components of their own: --with NAME adds one.",
        ("params.total", "params", "parameters"),
    ),
    Word(
        "active",
        "values one token passes through: total minus the routed experts that are not chosen; embedding and "
        "head included",
        "Where a router decides, it is an expectation. keep multiplies a block's weights, rounded down. Weights "
        "used several times (shared blocks, loops) count once; FLOPs per token then exceed 2 x active. In an "
        "encoder-decoder both stacks count. Other countings leave out the embedding, or the head as well.",
        ("params.active",),
    ),
    Word(
        "active_without_lookup",
        "active minus tables that are only looked up: input embedding, learned positions, per-layer embeddings",
        "A tied table stays, since it is the LM head. Buckets of a relative position bias are no lookup table.",
        ("params.active_without_lookup", "lookup"),
    ),
    Word(
        "buffers",
        "stored values that are not learned by gradient, such as a router's correction bias; not in total",
        aliases=("buffer",),
    ),
    Word("mtp", "multi-token prediction: further layers that share embedding and head; not in total"),
    Word("shared expert", "an expert that every token uses, beside the routed ones", aliases=("shared",)),
    # FLOPs
    Word(
        "FLOP",
        "one multiply or one add; a product of (m, k) by (k, n) matrices is 2 m k n of them",
        "FLOPs are counts, FLOP/s is a rate.",
        ("FLOPs", "flops"),
    ),
    Word(
        "forward",
        "matrix products, attention scores and weighted sums, convolutions, scans, and the LM head at every position",
        "A scan counts 2 for each state value and each rank-1 update or read-out: RG-LRU 2, Mamba and SSD 4, delta "
        "rules 6. Norms, softmax, rotary, activations and decay are elementwise and never mixed in. --logits last "
        "counts the head at one position, as serving does after a prompt.",
        ("flops.forward",),
    ),
    Word(
        "attention FLOPs",
        "attention scores and weighted sums, an indexer's too; no projections",
        "Softmax is elementwise.",
        ("flops.attention",),
    ),
    Word(
        "executed",
        "what a named execution computes: useful FLOPs and padding to capacity, chunked scan kernels",
        "flops is what must be computed. Times are built on what is executed.",
        ("flops.executed", "useful"),
    ),
    Word(
        "elementwise",
        "arithmetic steps on single values, one an output element: norms, softmax, rotary, activations, adds",
        "Counted apart from FLOPs; docs/conventions.md lists the steps.",
        ("flops.elementwise",),
    ),
    Word(
        "training",
        "forward and backward: 3 x forward for trained weights, 2 x for frozen ones",
        "What recomputation repeats comes on top.",
        ("flops.training",),
    ),
    Word(
        "causal",
        "attention pairs that a causal kernel must compute",
        "With S new tokens after P cached ones: S P + S (S + 1) / 2, less what a window or chunk hides.",
        ("pairs", "attention pairs"),
    ),
    Word(
        "full",
        "attention pairs as an eager program computes them: every query against every resident key",
        "Masks and top-k are ignored: S (P + S) for full attention, S (min(P, W - 1) + S) for a window W. This is "
        "what counters of executed operations see.",
    ),
    Word(
        "absorbed",
        "latent attention run inside the latent space: queries and outputs are moved there",
        "Fewer FLOPs for a few queries, as in decode. --mla auto takes what needs fewer FLOPs at these sizes.",
        ("mla",),
    ),
    Word("expanded", "latent attention run on keys and values that are expanded from every resident latent"),
    # Cache
    Word(
        "cache",
        "bytes resident for one sequence after C tokens, ideal",
        "C counts cached and new tokens. A window or chunk W keeps min(C, W) entries, the current one included; "
        "latent attention its latent and rotated key; recurrent states and convolutions the same at any context; "
        "cross-attention the source's keys and values; layers that read another's cache nothing.",
        ("cache.bytes", "kv", "kv cache"),
    ),
    Word("cache.values", "the same cache in values, before a dtype gives each its bytes", aliases=("values",)),
    Word(
        "state_bytes",
        "bytes of recurrent and convolution states of one sequence, the same at any context",
        "Recurrent states are fp32 unless --dtype state= says otherwise. A convolution keeps d_conv columns. "
        "Windows, chunks and cross-attention caches are not in it.",
        ("state", "states"),
    ),
    Word(
        "paged",
        "the cache as an engine allocates it, whole pages for each kind of layer",
        "A window of W tokens spans up to floor((W - 2) / page) + 2 pages.",
        ("paged_bytes", "pages", "page"),
    ),
    Word(
        "one pool",
        "the cache of an engine that keeps every token in every layer, whatever its window",
        aliases=("one_pool", "one_pool_bytes", "pool"),
    ),
    Word(
        "receptive field",
        "tokens that the last layer can depend on, its own included",
        "Each window of W moves information over W - 1 tokens; a stack of them reaches the sum and 1. One layer "
        "that sees everything makes it unlimited.",
        ("receptive_field", "reach"),
    ),
    # What is run
    Word("context", "tokens of one sequence after the step: cached and new ones"),
    Word("decode", "a step of one new token in each sequence"),
    Word("prefill", "a step that reads a whole prompt, with nothing cached"),
    Word(
        "GB",
        "10^9 bytes; GiB is 2^30 bytes, 7.4% more",
        "k, M, G, T are powers of 1000; Ki, Mi, Gi, Ti powers of 1024. A bare B glued to a number is 10^9 values.",
        ("GiB", "units", "B"),
    ),
    # Time
    Word(
        "floor",
        "the larger of FLOPs / dense peak and compulsory bytes / bandwidth: no run that reads its operands from "
        "memory is faster",
    ),
    Word("serial", "the same larger of two for each kernel, kernels one after another: what engines do"),
    Word("expected", "serial, corrected by measured and sourced coefficients of the device, with their error"),
    # Sources
    Word(
        "published",
        "a value that somebody else printed, with its source; it holds where ours rounds to it at the same digits",
        aliases=("claim", "claims", "holds"),
    ),
    Word("rumour", "a figure that nobody published; marked ~ wherever it shows", aliases=("unverified",)),
)

WORDS = MappingProxyType({word.name: word for word in _ALL})
_NAMES = {name.lower(): word for word in _ALL for name in (word.name, *word.aliases)}


@dataclass(slots=True)
class Words:
    """What ``archcalc explain WORD`` and ``explain --words`` print."""

    words: list[Word]
    command: str = "explain"
    schema: str = SCHEMA


def words(name: str | None = None) -> Words:
    """Return one definition, or all of them.

    Raises:
        UsageError: no such word.
    """
    return Words([define(name)] if name is not None else list(_ALL))


def define(name: str) -> Word:
    """Return the word of a name or of another name for it, in any case.

    Raises:
        UsageError: no such word, with the nearest.
    """
    found = _NAMES.get(name.lower().replace("-", "_")) or _NAMES.get(name.lower().replace("-", " "))
    if found is None:
        near = did_you_mean(name.lower(), _NAMES)
        raise UsageError(
            f'there is no word "{name[:48]}"',
            hint=" ".join(filter(None, (near, "All words: archcalc explain --words"))),
        )
    return found
