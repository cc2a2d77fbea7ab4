"""What a model is, in the words of papers: attention, heads, networks, experts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from costmodel.report.compare import CompareRow


def layers(row: CompareRow) -> str:
    """Return the number of layers, an encoder's before the decoder's."""
    return f"{row.encoder_layers} + {row.n_layers}" if row.encoder_layers else str(row.n_layers)


def _mixers(row: CompareRow) -> list[tuple[Any, str, int]]:
    """Return the blocks that mix tokens, their label and number of places."""
    blocks = row.architecture.blocks if row.architecture else {}
    stack = [one for one in row.shape.blocks if one.role == "mixer" and one.stack == "layers"]
    return [(blocks.get(one.name), one.label, one.places) for one in stack]


def _attentions(row: CompareRow) -> Iterator[tuple[Any, str]]:
    """Yield each kind of block that mixes tokens, with its label; a shared block's own blocks in its place."""
    for block, label, _ in _mixers(row):
        for name in getattr(block, "of", ()):
            assert row.architecture is not None
            inner = row.architecture.blocks[name]
            yield inner, inner.describe()
        yield block, label


def attention(row: CompareRow, *, short: bool = False) -> str:
    """Return the attention as papers name it: ``MLA``, ``GQA, 3 chunked : 1 full``, ``7 Mamba : 1 GQA``.

    Where kinds alternate, their numbers are those of one turn. ``short`` says only that they do: ``GQA, chunked``.
    """
    families = {label: _family(block, label) for block, label, _ in _mixers(row)}
    names = list(dict.fromkeys(families.values()))
    spans = [_SPANS[label] for label in families if label in _SPANS]
    text = ", ".join(names) or "none"
    if len(families) < 2:
        return f"{text}, {spans[0]}" if spans and spans[0] != "full" else text
    if short:
        return f"{text}, {next(word for word in spans if word != 'full')}" if len(spans) > 1 else text
    turn = _turn(row, families)
    if len(names) == 1 and len(spans) == len(families):
        return f"{text}, {' : '.join(f'{n} {_SPANS[label]}' for label, n in turn.items())}" if turn else text
    return " : ".join(f"{n} {families[label]}" for label, n in turn.items()) or text


_SPANS = {"full": "full", "window": "windowed", "chunk": "chunked", "blockwise": "blockwise"}
_FAMILIES = {
    "mamba": "Mamba",
    "mamba2": "Mamba-2",
    "deltanet": "Gated DeltaNet",
    "kda": "KDA",
    "rg-lru": "RG-LRU",
    "rwkv": "RWKV-4",
    "lightning": "Lightning",
    "mlstm": "mLSTM",
}


def _turn(row: CompareRow, labels: Iterable[str]) -> dict[str, int]:
    """Return how many of each kind follow each other before they repeat; nothing where they share layers."""
    found = {}
    for term in row.shape.mixer.split(" + "):
        number, _, label = term.partition(" ")
        found.update({label: int(number)} if number.isdigit() else {term: 1})
    return found if found.keys() == set(labels) and "cross" not in found else {}


def _family(block: Any, label: str) -> str:
    heads = getattr(block, "n_heads", None)
    if label.startswith("mla"):
        return "MLA" if label == "mla" else "MLA, sparse"
    if label in (*_SPANS, "bidirectional") and heads:
        kv = _kv_heads(block)
        return "MHA" if kv == heads else "MQA" if kv == 1 else "GQA"
    return _FAMILIES.get(label, label)


def _kv_heads(block: Any) -> int:
    """Return the KV heads of an attention; a kind that has no number of them has one."""
    return int(getattr(block, "n_kv_heads", 1) or block.n_heads)


def heads(row: CompareRow) -> str:
    """Return query heads and KV heads of each kind of attention: ``128 / latent``."""
    found = []
    for block, label in _attentions(row):
        if label.startswith("mla"):
            found.append(f"{block.n_heads} / latent")
        elif label in _SPANS:
            found.append(f"{block.n_heads} / {_kv_heads(block)}")
    return ", ".join(dict.fromkeys(found)) or "-"


def ffn_layers(row: CompareRow) -> str:
    """Return how many layers have which network: ``3 dense, 58 MoE``."""
    found: dict[str, int] = {}
    for one in row.shape.blocks:
        if one.role == "ffn" and one.stack == "layers":
            word = "MoE" if one.kind == "moe" else "dense"
            found[word] = found.get(word, 0) + one.places
    return ", ".join(f"{n} {word}" for word, n in found.items()) or "none"


def experts(row: CompareRow) -> str:
    """Return experts as chosen of routed + shared: ``8 of 256 + 1``."""
    labels = [one.label.removeprefix("moe ") for one in row.shape.blocks if one.kind == "moe"]
    texts = []
    for label in dict.fromkeys(labels):
        chosen, _, rest = label.partition("/")
        experts, plus, shared = rest.partition("+")
        texts.append(f"{chosen} of {experts}{f' + {shared}' if plus else ''}")
    return ", ".join(texts) or "-"


def head_dim(row: CompareRow) -> str:
    """Return the dimension of a head, of keys and values where they differ: ``192 (v 128)``."""
    found = []
    for block, label in _attentions(row):
        if label.startswith("mla"):
            keys, values = block.qk_nope_head_dim + block.qk_rope_head_dim, block.v_head_dim
        elif label in _SPANS:
            keys, values = block.head_dim, getattr(block, "v_head_dim", None) or block.head_dim
        else:
            continue
        found.append(str(keys) if keys == values else f"{keys} (v {values})")
    return ", ".join(dict.fromkeys(found)) or "-"


def expert_width(row: CompareRow) -> str:
    """Return the inner width of the routed experts, empty where there are none."""
    blocks = row.architecture.blocks if row.architecture else {}
    used = [blocks[block.name] for block in row.shape.blocks if block.kind == "moe"]
    return ", ".join(dict.fromkeys(str(block.d_ff) for block in used))
