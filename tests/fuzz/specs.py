"""Random valid specs: blocks in random schedules, and what stands around the layers."""

from __future__ import annotations

from typing import Any

from costmodel.verify.reference.schedules import Place, expand

from .draws import MIXERS, NETWORKS, Draw, ffn, heads, host_attention, merged_attention, qk_norm

Spec = dict[str, Any]


# What these do around the layers that predict further tokens is nowhere published.
UNSAID = {"altup", "laurel", "output_conv", "ple", "residual_gate", "residual_scale", "layer_scale"}


def schedule(d: Draw, names: list[str], n: int) -> str | list[str]:
    """Return a schedule of ``n`` layers over some of the names, in one of the forms of the language."""

    def unit() -> str:
        if len(names) > 1 and d.chance(0.15):
            return " & ".join(d.random.sample(names, 2))
        return "none" if d.chance(0.08) else d.one(*names)

    def cycle(length: int, depth: int = 0) -> str:
        items = []
        while length:
            take = d.dim(1, length)
            if depth < 2 and take > 1 and d.chance(0.35):
                inner = d.dim(1, take)
                count = take // inner
                body = cycle(inner, depth + 1)
                items.append(f"{count} x ({body})" if d.chance() else f"{count} ({body})")
                length -= count * inner
            else:
                items.append(f"{take} {unit()}" if take > 1 or d.chance(0.2) else unit())
                length -= take
        return " + ".join(items)

    form = d.one("bare", "list", "repeat", "parts", "parts", "fixed")
    if form == "bare":
        return unit()
    if form == "list":
        return [unit() for _ in range(n)]
    if form == "repeat" or n == 1:
        return f"repeat {cycle(d.dim(1, n))}"
    first = d.dim(1, n - 1)
    head = cycle(first)
    if form == "fixed":
        rest = cycle(n - first)
        single = not any(c in rest for c in "+(") and not rest[0].isdigit()
        return f"{head} then {'1 ' if single else ''}{rest}"
    tail = d.one(unit(), f"repeat {cycle(d.dim(1, n - first))}")
    return f"{head} then {tail}"


def readers(blocks: dict[str, Spec], d: Draw) -> dict[str, Spec]:
    """Return blocks that read another's cache or choice: reader -> source."""
    found: dict[str, Spec] = {}
    for name, spec in blocks.items():
        picks = {"keep", "indexer", "block_indexer", "dynamic_mask"}
        if spec["kind"] == "attention" and not picks & spec.keys() and d.chance(0.25):
            reader = {
                k: v
                for k, v in spec.items()
                if k not in ("kv", "kv_copies", "kv_conv", "dynamic_taps", "v_norm", "bias")
            }
            found[f"{name}-kv"] = reader | {"kv_from": name}
        if spec["kind"] == "mla" and "indexer" in spec and d.chance():
            found[f"{name}-index"] = {k: v for k, v in spec.items() if k != "indexer"} | {"index_from": name}
        if spec["kind"] == "mla" and d.chance(0.3):
            drop = {"rope_norm", "bias"} | ({"indexer"} if d.chance() else set())
            reader = {k: v for k, v in spec.items() if k not in drop} | {"kv_from": name}
            found[f"{name}-latent"] = reader | ({"index_from": name} if "indexer" in drop & spec.keys() else {})
    return found


def in_order(columns: list[list[Place]], sources: dict[str, str]) -> bool:
    """Say whether every reader comes after its source."""
    seen: set[str] = set()
    for layer in zip(*columns, strict=True):
        for names in layer:
            for name in names:
                if name in sources and sources[name] not in seen:
                    return False
                seen.add(name)
    return True


def stack(
    d: Draw,
    mixers: list[str],
    networks: list[str],
    n: int,
    sources: dict[str, str],
    needed: frozenset[str] = frozenset(),
) -> Spec:
    """Return the schedules of a stack: ``mixer`` and ``ffn``, or ``layer`` with any number of sublayers."""
    for attempt in range(200):
        pool = mixers if attempt < 100 else [m for m in mixers if m not in sources]
        form = d.one("short", "short", "layer", "single")
        if form == "short":
            part: Spec = {"mixer": schedule(d, pool, n)} | d.maybe("ffn", schedule(d, networks, n), 0.9)
        else:
            lists = (
                [pool + networks]
                if form == "single"
                else d.one([pool, networks], [pool, networks, pool, networks], [pool, pool, networks])
            )
            part = {"layer": [schedule(d, names, n) for names in lists]}
        columns = [expand(s, n) for s in part.get("layer") or part.values()]
        used = {name for column in columns for names in column for name in names}
        if in_order(columns, sources) and needed <= used:
            return part
    raise AssertionError("no schedule was found")


def norm(d: Draw) -> Spec:
    """Return the norms of a stack."""
    place = d.one("pre", "pre", "post", "sandwich", "parallel")
    kind = d.one("rms", "rms", "layer", "none")
    found: Spec = {"kind": kind, "place": place} | d.maybe("final", False, 0.2)
    found |= d.maybe("bias", False) if kind == "layer" else {}
    found |= d.maybe("kinds", d.dim(2, 3), 0.1)
    return found | (d.maybe("separate", True) if place == "parallel" else {})


def features(d: Draw, n_layers: int) -> Spec:
    """Return features of the residual stream."""
    found: Spec = {}
    way = d.one("altup", "hyper_connections", None)
    if way == "altup":
        found["altup"] = {"n_streams": d.dim(2, 4)}
    elif way:
        found["hyper_connections"] = {"n_streams": d.dim(2, 4)} | d.maybe("head", "mean")
        kind = d.one("mhc", "hc", "gated")
        found["hyper_connections"] |= {"kind": kind} | ({"rank": d.dim(2, 9)} if kind == "gated" else {})
    if way != "altup" and d.chance():
        streams = found["hyper_connections"]["n_streams"] if way else 1
        n_heads, rows = d.dim(1, 3), [d.dim(5, 30) for _ in range(d.dim(1, n_layers))]
        found["ngrams"] = {"rows": rows, "width": n_heads * d.dim(2, 5), "heads": n_heads, "d_conv": d.dim(2, 4)}
        found["ngrams"] |= {"streams": streams} | d.maybe("dilation", d.dim(1, 3))
    if way is None:
        scale = d.maybe("bias", False) | d.maybe("embedding", False) | d.maybe("output", False)
        found |= d.one({"residual_gate": {}}, {"residual_scale": scale}, {"layer_scale": {}}, {})
    found |= d.maybe("output_conv", {"d_conv": d.dim(1, 4)}, 0.3)
    found |= d.maybe("laurel", {"rank": d.dim(2, 9)})
    return found | d.maybe("ple", {"vocab_size": d.dim(5, 30), "width": d.dim(2, 9)})


def over_depth(d: Draw, spec: Spec) -> None:
    """Make layers read sums over depth in place of the stream, and some attention three of them."""
    for name in ("altup", "hyper_connections", "ngrams", "residual_gate", "residual_scale", "laurel", "ple", "loops"):
        spec.pop(name, None)
    spec["attention_residuals"] = {"block_layers": d.dim(1, 3)} | d.maybe("norm", "none") | d.maybe("first", False)
    if spec.get("norm", {}).get("place") == "parallel":
        spec["norm"] |= {"place": "pre"}
        spec["norm"].pop("separate", None)
    if spec.get("norm", {}).get("place", "pre") != "pre" or "patches" in spec:
        return
    shared = {name for one in spec.get("shared", {}).values() for name in one["of"]}
    alone = {"kv_from", "keep", "d_in", "extra_norm", "input_gate", "kv"}
    for name, block in spec["blocks"].items():
        ours = block["kind"] == "attention" and name not in {"enc", *shared}
        if ours and not alone & block.keys() and d.chance(0.8):
            block["separate_inputs"] = True


def random_spec(seed: int) -> Spec:
    """Return the plain data of a valid spec. The same seed gives the same spec."""
    d = Draw(seed)
    width, n = d.dim(3, 40), d.dim(1, 6)
    spec: Spec = {"name": f"fuzz-{seed}", "d_model": width, "vocab_size": d.dim(5, 60), "n_layers": n}
    kinds = [d.one("attention", *MIXERS) for _ in range(d.dim(1, 3))]
    blocks = {f"{'abc'[i]}.{kind.replace('_', '-')}": MIXERS[kind](d) for i, kind in enumerate(kinds)}
    networks = {
        f"{name}-{i}": NETWORKS[name](d)
        for i, name in enumerate(d.random.choices(list(NETWORKS), [10, 10, 2, 1, 1], k=d.dim(1, 2)))
    }
    for block in (*blocks.values(), *networks.values()):
        # What a custom block gives is one number a token, of which a norm would leave the sign.
        places = ("pre",) if block["kind"] == "custom" else ("pre", "post", "sandwich", "plain")
        block |= d.maybe("extra_norm", d.one(*places), 0.1)
        if "keep" not in block and block["kind"] != "custom" and d.chance(0.06):
            block["input_gate"] = d.dim(2, 7)
    reading = readers(blocks, d)
    sources = {name: block.get("kv_from") or block["index_from"] for name, block in reading.items()}
    plain = list(blocks)
    spec["blocks"] = blocks | reading | networks
    mixers = [*blocks, *reading]
    _frame(d, spec)
    if d.chance(0.2):
        spec["norm"] = spec.get("norm", {})
        _encoder(d, spec, list(networks), mixers)
    if d.chance(0.15):
        mixers += _shared(d, spec)
    patched = not {"encoder", "d_source"} & spec.keys() and not any("keep" in b for b in spec["blocks"].values())
    if patched and d.chance(0.12):
        before = [name for name in plain if "prefix" not in spec["blocks"][name]]
        if before:
            mixers.append(_patches(d, spec, before, list(networks)))
    needed = frozenset({"to-source", "to-patch"} & set(mixers))
    spec |= stack(d, mixers, list(networks), n, sources, needed)
    if d.chance(0.3) and not {"patches", *UNSAID} & set(spec) and spec.get("head", {}).get("table", True):
        depth = d.dim(1, 2)
        spec["mtp"] = {"depth": depth} | stack(d, plain, list(networks), depth, {})
    if "mtp" not in spec and d.chance(0.12):
        over_depth(d, spec)
    tables = {"tied", "embedding", "positions", "encoder", "mtp", "ple", "ngrams", "patches"}
    if d.chance(0.12) and not tables & spec.keys():
        _host(d, spec)
    if d.chance(0.12):
        spec["components"] = {"vision": tower(d, spec["d_model"])}
    if d.chance(0.12):
        spec["components"] = spec.get("components", {}) | {"audio": audio_tower(d, spec["d_model"])}
    if "patches" in spec and d.chance():
        own = {"look": {"kind": "attention"} | heads(d) | d.maybe("window", d.dim(2, 5)), "mlp": ffn(d)}
        n = d.dim(1, 3)
        patcher = {"d_model": d.dim(), "vocab_size": d.dim(5, 30), "n_layers": n, "blocks": own} | d.maybe(
            "norm", norm(d)
        )
        spec["components"] = spec.get("components", {}) | {"patcher": patcher | stack(d, ["look"], ["mlp"], n, {})}
    if "host" in spec and not spec.get("head", {}).get("table", True):
        del spec["head"]  # who writes for a host has a head
    return spec


def _patches(d: Draw, spec: Spec, mixers: list[str], networks: list[str]) -> str:
    """Make the tokens bytes, which patches of them stand before; return the block that reads these."""
    width, vectors, n, below = spec["d_model"], d.dim(1, 3), d.dim(1, 3), d.dim(1, 2)
    cross = {"kind": "cross_attention", "window": vectors} | heads(d) | qk_norm(d)
    spec["blocks"] |= {"to-patch": cross | d.maybe("source_norm", d.one("rms", "layer", "none"))}
    pooling = {name: value for name, value in heads(d).items() if name in ("n_heads", "n_kv_heads", "head_dim")}
    patches: Spec = {"size": d.dim(1, 4), "vectors": vectors, "pooling": pooling}
    patches |= {"encoder": {"n_layers": below} | stack(d, mixers, networks, below, {})}
    patches |= {"d_model": d.one(vectors * width, d.dim()), "n_layers": n} | stack(d, mixers, networks, n, {})
    spec["patches"] = patches
    spec.get("norm", {}).pop("kinds", None)  # whose share of a token is rounded for each stack
    if "embedding" in spec or d.chance():
        spec["embedding"] = spec.get("embedding", {}) | {"hashes": d.dim(1, 3), "hash_rows": d.dim(5, 30)}
    return "to-patch"


def _host(d: Draw, spec: Spec) -> None:
    """Make a drafter of a model without tables: every layer also reads the cache of its host."""
    spec["host"] = {"d_model": d.dim()}
    spec["blocks"] |= {"to-host": host_attention(d)}
    columns = spec.get("layer") or [spec[name] for name in ("mixer", "ffn") if name in spec]
    every = d.one("to-host", ["to-host"] * spec["n_layers"])
    spec["layer"] = [*columns, every]
    for name in ("mixer", "ffn"):
        spec.pop(name, None)


def tower(d: Draw, width: int) -> Spec:
    """Return a vision tower and a projector that ends at ``width``."""
    side, patch, own = d.one(2, 4, 6), d.dim(2, 4), d.dim(5, 24)
    look: Spec = {"kind": "attention", "causal": False} | heads(d) | qk_norm(d)
    blocks = {"look": look, "near": look | {"chunk": d.dim(2, 9)}, "mlp": ffn(d)}
    found: Spec = {"image_size": side * patch + d.dim(0, patch - 1), "patch_size": patch, "d_model": own}
    n = d.dim(1, 3)
    found |= {"n_layers": n, "blocks": blocks} | stack(d, ["look", "near"], ["mlp"], n, {})
    found |= d.maybe("frames", d.dim(1, 3), 0.3) | d.maybe("layer_scale", {}, 0.3)
    found |= d.maybe("norm", norm(d)) | d.maybe("channels", d.dim(1, 4)) | d.maybe("patch_bias", True)
    found |= d.maybe("class_token", True) | d.maybe("pre_norm", True)
    found |= d.maybe("input_norm", d.one("rms", "layer"), 0.1)
    found |= d.maybe("positions", d.one(d.dim(4, 50), [d.dim(4, 9), d.dim(4, 9)]))
    if found.get("class_token") and d.chance(0.3):
        found["class_token"] = "kept"
    if d.chance(0.1):  # straight to the projector
        for name in ("mixer", "ffn", "layer"):
            found.pop(name, None)
        found["n_layers"] = 0
    found |= d.maybe("separators", d.dim(1, 3), 0.2)
    half = {} if found.get("class_token") == "kept" else d.maybe("by", d.one("pool", "merge"))
    steps = projector(d, half.get("by"))
    if steps or d.chance():
        last = {"linear": width}
        found["projector"] = [*steps, *inner_layers(d, blocks), last | d.maybe("bias", True)]
        for step in found["projector"] if found.get("class_token") == "kept" else ():
            step.pop("kernel", None), step.pop("stride", None)
        found |= d.maybe("feature_layers", d.dim(2, 3), 0.2)
        alike = not any(step.keys() & {"layers", "stride"} for step in found["projector"])
        if alike and d.chance(0.3):
            beside = projector(d, d.one("pool", "merge") if half else None)
            for step in beside if found.get("class_token") == "kept" else ():
                step.pop("kernel", None)
            found["deepstack"] = {"copies": d.dim(1, 3), "projector": [*beside, last | d.maybe("bias", True)]}
    return found


def audio_tower(d: Draw, width: int) -> Spec:
    """Return a tower of sound and a projector that ends at ``width``."""
    own, n, half = d.dim(5, 24), d.dim(1, 3), d.maybe("by", d.one("pool", "merge"))
    look: Spec = {"kind": "attention", "causal": False} | heads(d) | qk_norm(d)
    far: Spec = {"kind": "xl_attention", "n_heads": d.dim(1, 3), "head_dim": d.dim(3, 8), "causal": False}
    window: Spec = {"kind": "conformer_conv", "d_conv": d.dim(1, 5)}
    blocks = {"look": look, "near": look | {"chunk": d.dim(2, 9)}, "far": far, "window": window, "mlp": ffn(d)}
    source = source_input(d, own)
    if d.chance():
        source = planes(d, own)
    while source["convolutions"][0].get("kernel") and _axes(source) > 1:  # patches are no sound
        source = source_input(d, own)
    pieces, piece = d.dim(1, 3), d.dim(160, 220)
    found: Spec = {"input": source, "frames": pieces * piece, "d_model": own, "n_layers": n, "blocks": blocks}
    found |= stack(d, ["look", "near", "far", "window"], ["mlp"], n, {}) | ({"piece": piece} if pieces > 1 else {})
    found |= d.maybe("norm", norm(d)) | d.maybe("pre_norm", True) | d.maybe("layer_scale", {}, 0.2)
    found |= d.maybe("positions", d.dim(660, 700)) | d.maybe("separators", d.dim(1, 3), 0.2)
    if half or d.chance():
        last = {"linear": width} | d.maybe("bias", True)
        found["projector"] = [*projector(d, half.get("by")), last]
    return found


def planes(d: Draw, width: int) -> Spec:
    """Return convolutions over time and bands, some of them on every channel by itself, and a matrix to ``width``."""
    steps: list[Spec] = []
    for _ in range(d.dim(1, 3)):
        last = steps[-1]["out"] if steps else 1
        depthwise = bool(steps) and d.chance()
        step: Spec = {
            "out": last if depthwise else d.dim(2, 9),
            "kernel": d.one(d.dim(1, 4), [d.dim(1, 4), d.dim(1, 4)]),
        }
        step |= d.maybe("stride", d.dim(1, 3)) | d.maybe("depthwise", True, 1.0 * depthwise) | d.maybe("bias", False)
        step |= (
            d.maybe("activation", "relu") | d.maybe("norm", d.one("rms", "layer"), 0.3) | d.maybe("norm_bias", False)
        )
        steps.append(step)
    return {"bands": d.dim(3, 20), "convolutions": steps, "linear": width} | d.maybe("linear_bias", True)


def _axes(source: Spec) -> int:
    kernel = source["convolutions"][0]["kernel"]
    return len(kernel) if isinstance(kernel, list) and "bands" not in source else 1


def projector(d: Draw, half: str | None) -> list[Spec]:
    """Return steps of a projector, all but the last; ``half`` of the patches along a side are left."""
    steps: list[Spec] = [{half: 2}] if half else []
    if d.chance():
        steps.append({"norm": d.one("rms", "layer", "none")} | d.maybe("activation", "gelu", 0.2))
    steps += [d.one({"separators": d.dim(1, 3)}, {"repeat": 2})] if d.chance(0.2) else []
    if d.chance():
        gate = d.maybe("gated", True, 0.3) | d.one({}, {}, {"kernel": 3})
        steps.append({"linear": d.dim()} | gate | d.maybe("bias", True) | d.maybe("activation", "gelu"))
    return d.random.sample(steps, len(steps))


def inner_layers(d: Draw, blocks: Spec) -> list[Spec]:
    """Return a convolution that leaves fewer patches, and layers on them or on queries, or neither."""
    found: list[Spec] = []
    if d.chance(0.2):
        found.append({"linear": d.dim(), "kernel": 3, "stride": 2} | d.maybe("bias", True))
    if d.chance(0.4):
        look = {"kind": "attention", "causal": False} | heads(d) | qk_norm(d)
        cross = {"kind": "cross_attention"} | heads(d) | qk_norm(d)
        merged = d.chance(0.3)
        cross = merged_attention(d) if merged else cross
        blocks |= {"inner-look": look, "inner-cross": cross}
        own: Spec = {"n_layers": d.dim(1, 3), "norm": norm(d)} | d.maybe("pre_norm", True)
        asks = d.maybe("queries", d.dim(1, 6), 0.7)
        own |= asks | (d.maybe("d_model", d.dim(5, 24)) if asks and not merged else {})
        mixers = ["inner-look", "inner-cross"] if asks else ["inner-look"]
        needed = frozenset({"inner-cross"} if asks else ())
        found.append({"layers": own | stack(d, mixers, ["mlp"], own["n_layers"], {}, needed)})
    return found


def _frame(d: Draw, spec: Spec) -> None:
    """Add what stands around the layers."""
    if d.chance(0.7):
        spec["norm"] = norm(d)
    if d.chance(0.3):
        spec |= features(d, spec["n_layers"]) if spec.get("norm", {}).get("place") != "parallel" else {}
    if spec.get("hyper_connections", {}).get("kind") == "gated" and d.chance():  # they have norms of their own
        spec["norm"] = spec.get("norm", {}) | {"place": "none"}
    spec |= d.maybe("tied", True) | d.maybe("positions", d.dim(20, 50), 0.25) | d.maybe("loops", d.dim(2, 3), 0.15)
    head = d.maybe("bias", True, 0.2) | (d.maybe("dense", True, 0.15) and {"dense": True} | d.maybe("dense_bias", True))
    head |= d.maybe("norm", d.one("rms", "layer"), 0.15) | (
        {} if "tied" in spec else d.maybe(d.one("codebooks", "codebooks", "columns"), d.dim(1, 4), 0.25)
    )
    if "tied" not in spec and d.chance(0.05):
        head = {"table": False}
    spec |= {"head": head} if head else {}
    if d.chance(0.4):
        shape = (
            d.maybe("rows", spec["vocab_size"] + d.dim(1, 9), 0.2)
            | d.maybe("width", d.dim(3, 40))
            | d.maybe("norm", d.one("rms", "layer", "none"))
            | d.maybe("token_types", 2, 0.3)
        )
        shape |= (d.maybe("bias", True) | d.maybe("narrow", True)) if "width" in shape else {}
        if "narrow" not in shape and d.chance(0.2):
            shape["beside"] = [{"rows": d.dim(5, 30), "width": d.dim(3, 9)} for _ in range(d.dim(1, 2))]
            shape |= d.maybe("bias", True)
        if d.chance(0.3):
            shape["codebooks"] = d.dim(1, 4)
            shape |= d.maybe("codebook_rows", d.dim(5, 30), 1 if "tied" in spec else 0.5)
        spec |= {"embedding": shape} if shape else {}
    if spec.get("head", {}).get("dense") and not spec.get("tied"):
        spec["head"] |= d.maybe("width", d.dim())
    if d.chance(0.15):
        spec |= {"relative_bias": d.dim(3, 9), "relative_heads": d.dim(1, 6)} | d.maybe("relative_per_layer", True)


def _encoder(d: Draw, spec: Spec, networks: list[str], mixers: list[str]) -> None:
    """Add an encoder, and cross-attention to the decoder's blocks."""
    both = {"kind": "attention", "causal": False} | heads(d) | qk_norm(d) | d.maybe("sinks", True)
    both |= {"window": d.dim(1, 5), "ahead": d.dim(1, 4)} if d.chance(0.3) else {}
    spec["blocks"] |= {"enc": both}
    n = d.dim(1, 3)
    part = stack(d, ["enc"], networks, n, {})
    spec["encoder"] = {"n_layers": n} | part | d.maybe("positions", d.dim(20, 40), 0.3) | d.maybe("norm", norm(d), 0.3)
    shape = spec.get("embedding", {})
    if d.chance(0.3) or ("codebooks" in shape and "codebook_rows" not in shape):
        spec["encoder"]["embedding"] = {"table": True} | d.maybe("norm", d.one("rms", "layer"))
        spec["encoder"]["embedding"] |= d.maybe("rows", d.dim())
        spec["encoder"] |= d.maybe("d_model", d.dim())
    elif d.chance(0.2):
        spec["encoder"]["embedding"] = {"norm": d.one("rms", "layer")}
    if not spec["encoder"].get("embedding", {}).get("table") and d.chance(0.4):
        spec["encoder"] |= d.maybe("d_model", d.dim())
        spec["encoder"]["input"] = source_input(d, spec["encoder"].get("d_model") or spec["d_model"])
        spec["encoder"] |= d.maybe("positions", [d.dim(20, 40), d.dim(20, 40)], 0.3)
    spec["encoder"] |= d.maybe("relative_bias", 0, 0.2)
    if not spec["encoder"].keys() & {"input"} and not spec["encoder"].get("embedding", {}).get("table"):
        spec.get("embedding", {}).pop("narrow", None)
    cross = {"kind": "cross_attention"} | heads(d) | qk_norm(d) | d.maybe("v_head_dim", d.dim(3, 13))
    if d.chance(0.25):
        spec["encoder"] |= {"project": True} | d.maybe("project_bias", True)
    if "relative_bias" not in spec:
        spec["encoder"] |= d.maybe("relative_bias", d.dim(3, 9), 0.2) and {"relative_bias": 5, "relative_heads": 3}
    width = spec["d_model"] if "project" in spec["encoder"] else spec["encoder"].get("d_model") or spec["d_model"]
    cross |= d.maybe("d_source", width, 0.3)
    cross |= d.maybe("gate", "tanh", 0.3) | ({"bias": bias} if (bias := d.some("q", "k", "v", "o")) else {})
    if d.chance(0.2):
        spec["d_source"] = spec.pop("encoder").get("d_model") or spec["d_model"]
        cross |= {"d_source": spec["d_source"]} if "d_source" in cross else {}
        del spec["blocks"]["enc"]
        width = spec["d_source"]
    spec["blocks"]["to-source"] = merged_attention(d) if width == spec["d_model"] and d.chance(0.3) else cross
    mixers.append("to-source")


def source_input(d: Draw, width: int) -> Spec:
    """Return convolutions that end at ``width``."""
    axes, steps = d.one(1, 1, 2), []
    for index in range(last := d.dim(1, 3)):
        gated = d.chance(0.3)
        step: Spec = {"out": (width if index == last - 1 else d.dim()) * (2 if gated else 1)}
        sizes = [[d.dim(1, 5) for _ in range(axes)] for _ in ("kernel", "stride")]
        step["kernel"] = sizes[0] if axes > 1 or d.chance(0.2) else sizes[0][0]
        step |= d.maybe("stride", sizes[1] if isinstance(step["kernel"], list) else sizes[1][0])
        step |= d.maybe("gated", True, 1.0 * gated) | d.maybe("bias", False) | d.maybe("activation", "gelu")
        if axes == 1 or step["kernel"] == step.get("stride"):
            step |= d.maybe("padding", False)
        steps.append(step | d.maybe("norm", d.one("rms", "layer", "none"), 0.3))
    return {"channels": d.dim(1, 9), "convolutions": steps} | d.maybe("scalars", d.dim(1, 3), 0.2)


def _shared(d: Draw, spec: Spec) -> list[str]:
    """Add a shared block; return its name."""
    wide = d.chance()
    inner = {"kind": "attention"} | heads(d) | d.maybe("window", d.dim(2, 7))
    spec["blocks"] |= {"s-attention": inner, "s-mlp": ffn(d)}
    of = ["s-attention", "s-mlp"] if wide or d.chance() else d.one(["s-mlp"], ["s-mlp", "s-attention"])
    shared: Spec = {"of": of} | d.maybe("copies", d.dim(1, 3)) | d.maybe("site_linear", True) | d.maybe("norm", "none")
    shared |= {"concat_embedding": True} if wide else {}
    if "s-mlp" in of and d.chance():
        shared |= {"adapter_rank": d.dim(2, 7)} | (d.maybe("attention_adapters", True))
    spec["shared"] = {"zz": shared}
    return ["zz"]
