"""Layers of the reference model: which blocks stand where, and what is done around them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .around import GatedInput, Normed
from .attention import Attention, CrossAttention, MergedAttention
from .compressed import CompressedAttention
from .conformer import ConformerConv
from .convolved import ConvolvedAttention
from .depth import OverDepth
from .differential import DifferentialAttention
from .host import HostAttention
from .kept import Kept
from .latent import LatentAttention
from .linear import Lightning, Mlstm, RgLru, RwkvChannelMix, RwkvTimeMix
from .mixture_of_attention import MixtureOfAttention
from .networks import Custom, FeedForward, LanguageFeedForward, MixtureOfExperts
from .parts import Norm, Step, conv, linear, matrix
from .recurrent import GatedDeltaNet, KimiDeltaAttention, Mamba, Mamba2, ShortConv
from .schedules import Place, expand
from .streams import AltUp, AltUpLayer, Laurel, NGrams, PerLayerGate, PerLayerInputs, Scaled, connection
from .xl import XlAttention

Spec = dict[str, Any]

KINDS: dict[str, Any] = {
    "mixture_of_attention": MixtureOfAttention,
    "mla": LatentAttention,
    "differential_attention": DifferentialAttention,
    "compressed_attention": CompressedAttention,
    "cca": ConvolvedAttention,
    "host_attention": HostAttention,
    "merged_attention": MergedAttention,
    "mamba": Mamba,
    "mamba2": Mamba2,
    "gated_deltanet": GatedDeltaNet,
    "kda": KimiDeltaAttention,
    "lightning": Lightning,
    "mlstm": Mlstm,
    "rg_lru": RgLru,
    "rwkv4_channel_mix": RwkvChannelMix,
    "rwkv4_time_mix": RwkvTimeMix,
    "short_conv": ShortConv,
    "conformer_conv": ConformerConv,
    "ffn": FeedForward,
    "language_ffn": LanguageFeedForward,
    "moe": MixtureOfExperts,
    "custom": Custom,
    "xl_attention": XlAttention,
}


def layers_of(part: Spec, n_layers: int) -> list[list[Place]]:
    """Return the sublayers of every layer: ``layer``, or ``mixer`` and ``ffn``."""
    schedules = part.get("layer") or [part[f] for f in ("mixer", "ffn") if part.get(f) is not None]
    columns = [expand(schedule, n_layers) for schedule in schedules]
    return [[column[i] for column in columns] for i in range(n_layers)]


def module_name(name: str) -> str:
    """Return the name of a block as torch can have it: without points, and none of a module's own (``half``)."""
    found = name.replace(".", "_")
    return f"{found}_" if hasattr(nn.ModuleDict, found) else found


def block(spec: Spec, width: int, table: nn.Parameter | None = None, source: int | None = None) -> nn.Module:
    """Return the module of one block."""
    if rank := spec.get("input_gate"):
        inner = {k: v for k, v in spec.items() if k != "input_gate"}
        return GatedInput(block(inner, width, table, source), width, rank)
    if spec["kind"] == "cross_attention":
        return CrossAttention(spec, width, source or width)
    if spec["kind"] == "attention":
        return Attention(spec, width, table)
    found: nn.Module = KINDS[spec["kind"]](spec, width)
    return Kept(spec, width, found) if spec.get("keep") and spec["kind"] != "ffn" else found


class SharedSet(nn.Module):
    """One weight set of a shared block: blocks in turn, each behind a norm."""

    def __init__(self, spec: Spec, blocks: dict[str, Spec], width: int) -> None:
        super().__init__()
        self.names, self.wide = spec["of"], spec.get("concat_embedding", False)
        widths = [2 * width if self.wide and i == 0 else width for i in range(len(self.names))]
        self.norms = nn.ModuleList(Norm(spec.get("norm", "rms"), w) for w in widths)
        specs = [blocks[n] | ({"d_in": 2 * width} if self.wide and i == 0 else {}) for i, n in enumerate(self.names)]
        self.blocks = nn.ModuleList(block(s, width) for s in specs)


def low_rank(d_in: int, rank: int, d_out: int) -> nn.Sequential:
    """Return an adapter."""
    return nn.Sequential(linear(d_in, rank), linear(rank, d_out))


class SharedSite(nn.Module):
    """One place of a shared block: a set that others use too, and what is the place's own."""

    def __init__(self, spec: Spec, blocks: dict[str, Spec], width: int, weights: SharedSet) -> None:
        super().__init__()
        self.weights, rank = weights, spec.get("adapter_rank")
        if spec.get("site_linear"):
            self.linear = linear(width, width)
        self.adapters = nn.ModuleDict()
        for i, name in enumerate(spec["of"]):
            inner = blocks[name]
            if rank and inner["kind"] == "ffn":
                columns = inner["d_ff"] * (2 if inner.get("gated", True) else 1)
                self.adapters[str(i)] = low_rank(width, rank, columns)
            if spec.get("attention_adapters") and inner["kind"] == "attention":
                k, v = inner["head_dim"], inner.get("v_head_dim") or inner["head_dim"]
                kv_heads = inner.get("n_kv_heads") or inner["n_heads"]
                outs = {"q": inner["n_heads"] * k, "k": kv_heads * k, "v": kv_heads * v}
                d_in = 2 * width if weights.wide and i == 0 else width
                self.adapters[str(i)] = nn.ModuleDict(
                    {n: low_rank(d_in, spec["adapter_rank"], out) for n, out in outs.items()}
                )

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Run the blocks one after another, without residuals."""
        shared = self.weights
        if shared.wide:
            x = torch.cat([x, step.x0], -1)
        for i, (norm, inner) in enumerate(zip(shared.norms, shared.blocks, strict=True)):
            adapter = {"adapter": self.adapters[str(i)]} if str(i) in self.adapters else {}
            x = inner(norm(x), step, (*key, shared.names[i]), **adapter)
        return self.linear(x) if hasattr(self, "linear") else x


class Stack(nn.Module):
    """Layers of one width, with their norms and the features of the residual stream."""

    def __init__(self, name: str, part: Spec, spec: Spec, n_layers: int, width: int, features: Spec) -> None:
        super().__init__()
        self.name, self.norm = name, part.get("norm") or spec["norm"]
        self.layout, self.features = layers_of(part, n_layers), features
        blocks, shared = spec["blocks"], spec.get("shared", {})
        source = None if spec.get("encoder", {}).get("project") else spec.get("encoder", {}).get("d_model")
        source = source or spec.get("d_source")
        of = part if name == "encoder" and part.get("relative_bias") is not None else spec
        buckets = of.get("relative_bias") if name in ("layers", "encoder") else None
        tables = n_layers if spec.get("relative_per_layer") else 1
        self.tables = nn.ParameterList(
            nn.Parameter(torch.randn(buckets, of["relative_heads"])) for _ in range(tables if buckets else 0)
        )
        sets: dict[str, list[SharedSet]] = {n: [] for n in shared}
        seen = dict.fromkeys(shared, 0)
        self.layers = nn.ModuleList()
        for i, layer in enumerate(self.layout):
            modules, table = nn.ModuleList(), self.tables[i % tables] if buckets else None
            for place in layer:
                here = nn.ModuleDict()
                for block_name in place:
                    if block_name not in shared:
                        inner = block(blocks[block_name], width, table, source)
                        if blocks[block_name].get("extra_norm"):
                            inner = Normed(blocks[block_name], width, inner, self.norm)
                        here[module_name(block_name)] = inner
                        continue
                    of = shared[block_name]
                    turn = seen[block_name] % of.get("copies", 1)
                    if turn == len(sets[block_name]):
                        sets[block_name].append(SharedSet(of, blocks, width))
                    here[module_name(block_name)] = SharedSite(of, blocks, width, sets[block_name][turn])
                    seen[block_name] += 1
                modules.append(here)
            self.layers.append(modules)
        self.shared_names = set(shared)
        if (depth := features.get("attention_residuals")) is not None:
            self.depth = OverDepth(depth, self.layout, blocks, width, self.norm)
        self._norms(width)
        self._features(width, n_layers)

    def _norms(self, width: int) -> None:
        norm, place = self.norm, self.norm.get("place", "pre")

        def new() -> Norm:
            return Norm(norm.get("kind", "rms"), width, bias=norm.get("bias", True), kinds=norm.get("kinds", 1))

        self.before, self.after = nn.ModuleDict(), nn.ModuleDict()
        for i, layer in enumerate(self.layout):
            normed = [j for j, names in enumerate(layer) if any(n not in self.shared_names for n in names)]
            common = new() if place == "parallel" and normed and not norm.get("separate") else None
            for j in normed:
                if place not in ("post", "none"):
                    self.before[f"{i}_{j}"] = common or new()
                if place in ("post", "sandwich"):
                    self.after[f"{i}_{j}"] = new()

    def _features(self, width: int, n_layers: int) -> None:
        features = self.features
        if (of := features.get("altup")) is not None:
            self.altup, self.altups = AltUp(of, width), nn.ModuleList(AltUpLayer(of, width) for _ in range(n_layers))
        if (of := features.get("laurel")) is not None:
            self.laurels = nn.ModuleList(Laurel(of, width) for _ in range(n_layers))
        if (of := features.get("ple")) is not None:
            self.inputs = PerLayerInputs(of, width, n_layers)
            self.gates = nn.ModuleList(PerLayerGate(of, width) for _ in range(n_layers))
        if (of := features.get("ngrams")) is not None:
            self.ngrams = nn.ModuleList(NGrams(of, width, rows) for rows in of["rows"])
        places = [f"{i}_{j}" for i, layer in enumerate(self.layout) for j, names in enumerate(layer) if names]
        if (of := features.get("output_conv")) is not None:
            self.convs = nn.ParameterDict({p: matrix(width, of["d_conv"]) for p in places})
        if features.get("residual_gate") is not None:
            self.residual_gates = nn.ParameterDict({p: nn.Parameter(torch.randn(width)) for p in places})
        scaled = places if features.get("layer_scale") is not None else []
        self.layer_scales = nn.ParameterDict({p: nn.Parameter(torch.randn(width)) for p in scaled})
        if (of := features.get("residual_scale")) is not None:
            bias = of.get("bias", True)
            if of.get("embedding", True):
                self.scaled = Scaled(width, bias=bias)
            sums = range(2 if of.get("output", True) else 1)
            self.scales = nn.ModuleDict({p: nn.ModuleList(Scaled(width, bias=bias) for _ in sums) for p in places})
        if (of := features.get("hyper_connections")) is not None:
            self.connections = nn.ModuleDict({place: connection(of, width) for place in places})
            if of.get("head", "learned") == "learned":
                self.head = connection(of, width, head=True)

    def forward(self, x: Tensor, step: Step, tokens: Tensor | None = None, loops: int = 1) -> Tensor:
        """Run all layers, ``loops`` times over the same weights."""
        pieces = self.inputs(tokens, x) if hasattr(self, "inputs") else None
        stream = self.scaled(x) if hasattr(self, "scaled") else x
        if hasattr(self, "altup"):
            stream = self.altup.split(x)
        if hasattr(self, "connections"):
            stream = x[:, :, None].expand(-1, -1, self.features["hyper_connections"]["n_streams"], -1)
        if hasattr(self, "depth"):
            stream = x[:, :, None]
        for loop in range(loops):
            step.loop = loop
            for i in range(len(self.layers)):
                stream = self._with_ngrams(i, stream, step, tokens)
                stream = self._around(i, stream, step, None if pieces is None else pieces[:, :, i])
        if hasattr(self, "altup"):
            return self.altup.join(stream)
        if hasattr(self, "depth"):
            return self.depth.read("end", stream)[0]
        if hasattr(self, "head"):
            return self.head.collapse(stream, self.head.weights(stream)[0])
        return stream.mean(-2) if hasattr(self, "connections") else stream

    def _with_ngrams(self, i: int, stream: Tensor, step: Step, tokens: Tensor | None) -> Tensor:
        """Add what the tokens spell, in the first layers, once."""
        if step.loop or i >= len(getattr(self, "ngrams", ())) or tokens is None:
            return stream
        one = stream[:, :, None] if stream.dim() == 3 else stream
        added = one + self.ngrams[i](tokens, one, step.cache.slot((self.name, i, "ngrams")))
        return added[:, :, 0] if stream.dim() == 3 else added

    def _around(self, i: int, stream: Tensor, step: Step, piece: Tensor | None) -> Tensor:
        """Run layer ``i`` with what the features do around it."""
        predicted = self.altups[i].predicted(stream) if hasattr(self, "altup") else None
        x = stream if predicted is None else predicted[0]
        low_rank: Any = (
            self.laurels[i](x if not hasattr(self, "connections") else x.mean(-2)) if hasattr(self, "laurels") else 0
        )
        x = self._layer(i, x, step)
        if hasattr(self, "laurels"):
            x = x + (low_rank if not hasattr(self, "connections") else low_rank[:, :, None])
        if predicted is not None:
            x = self.altups[i].corrected(predicted, x)
        if piece is not None:
            base = x[0] if predicted is not None else x.mean(-2) if hasattr(self, "connections") else x
            added = self.gates[i](base, piece)
            if predicted is not None:
                x = torch.cat([x[:1], x[1:] + added])
            else:
                x = x + (added[:, :, None] if hasattr(self, "connections") else added)
        return x

    def _layer(self, i: int, x: Tensor, step: Step) -> Tensor:
        parallel = self.norm.get("place", "pre") == "parallel"
        entry, total = x, x
        shared_norm: dict[int, Tensor] = {}
        for j, names in enumerate(self.layout[i]):
            if not names:
                continue
            place = f"{i}_{j}"
            read = entry if parallel else total
            weights = others = None
            if hasattr(self, "depth"):
                read, *others = self.depth.read(place, total)
            if hasattr(self, "connections"):
                weights = self.connections[place].weights(read)
                read = self.connections[place].collapse(read, weights[0])
            normed = read
            if place in self.before:
                norm = self.before[place]
                once = parallel and weights is None
                normed = shared_norm.setdefault(id(norm), norm(read)) if once else norm(read)
            outs = []
            for name in names:
                key = (self.name, step.loop, i, j, name)
                inner = self.layers[i][j][module_name(name)]
                more = {"others": others} if getattr(inner, "separate", False) else {}
                outs.append(inner(read if name in self.shared_names else normed, step, key, **more))
            out = torch.stack(outs).sum(0)
            if place in self.after:
                out = self.after[place](out)
            if hasattr(self, "convs"):
                slot = step.cache.slot((self.name, step.loop, i, j, "output_conv"))
                out = out + conv(self.convs[place], None, out, slot, "conv", exact=True)
            if hasattr(self, "residual_gates"):  # muse_spark, without its temperature and floor
                gate = torch.sigmoid(self.residual_gates[place])
                total, out = (1 - gate * gate).sqrt() * total, gate * out
            out = self.layer_scales[place] * out if place in self.layer_scales else out
            if hasattr(self, "scales"):
                total = self.scales[place][0](total)
                out = out if len(self.scales[place]) == 1 else self.scales[place][1](out)
            if hasattr(self, "depth"):
                total = self.depth.add(i, j, total, out)
            else:
                total = total + out if weights is None else self.connections[place].spread(total, weights, out)
        return total
