"""What stands around the stacks by hand: embedding, head, encoder, further predictions; and what cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from small import of, problems, rows, spec

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.document import Unpublished
from costmodel.errors import InvalidSpec
from costmodel.validation import parse
from costmodel.workload import Workload

MLP: dict[str, Any] = {"kind": "ffn", "d_ff": 7}  # 3 * 10*7 = 210 parameters
BOTH: dict[str, Any] = {"kind": "attention", "n_heads": 1, "head_dim": 2, "causal": False}  # 8 * 10 = 80
CROSS: dict[str, Any] = {"kind": "cross_attention", "n_heads": 1, "head_dim": 3}  # 12 * 10 = 120
TWO = Workload(new_tokens=2, cached_tokens=3)


def model(**fields: Any) -> Architecture:
    return spec(**{"blocks": {"mlp": MLP}, "ffn": "mlp"} | fields)


def around(found: Architecture, load: Workload = TWO) -> dict[str, tuple[int, int, int]]:
    """Everything that is not in the stack: parameters, FLOPs, elementwise steps."""
    return rows([op for op in found.lower(load) if not op.path.startswith(("layers.", "encoder.layers."))], "")


# 16 rows of 10 values; 2 * 160 * 2 tokens.
BASE = {"embedding": (160, 0, 0), "lm_head": (160, 640, 0)}


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        ({"tied": True}, {"lm_head": (0, 640, 0)}),
        ({"positions": 5}, {"embedding.positions": (50, 0, 0)}),
        ({"embedding": {"rows": 16}}, {}),
        ({"embedding": {"rows": 20}}, {"embedding": (200, 0, 0)}),
        ({"embedding": {"norm": "rms"}}, {"embedding.norm": (10, 0, 80)}),
        ({"embedding": {"norm": "layer"}}, {"embedding.norm": (20, 0, 140)}),
        ({"embedding": {"token_types": 2}}, {"embedding.token_types": (20, 0, 0)}),
        # Four codes a position, of 16 rows each, and no text; or three of 9 rows, beside it.
        ({"embedding": {"codebooks": 4}}, {"embedding": (640, 0, 0)}),
        ({"embedding": {"codebooks": 3, "codebook_rows": 9}}, {"embedding.codebooks": (270, 0, 0)}),
        (
            {"embedding": {"codebooks": 3, "codebook_rows": 9, "width": 4}},
            {
                "embedding": (64, 0, 0),
                "embedding.codebooks": (108, 0, 0),
                "embedding.project": (40, 160, 0),
                "head.project": (40, 160, 0),
                "lm_head": (64, 256, 0),
            },
        ),
        ({"head": {"codebooks": 4}}, {"lm_head": (640, 2560, 0)}),
        ({"head": {"codebooks": 4, "bias": True}}, {"lm_head": (704, 2560, 128)}),
        ({"head": {"columns": 1, "bias": True}}, {"lm_head": (11, 40, 2)}),
        ({"head": {"norm": "layer"}}, {"head.own_norm": (20, 0, 140)}),
        ({"head": {"bias": True}}, {"lm_head": (176, 640, 32)}),
        ({"head": {"bias": False}}, {}),
        ({"head": {"bias": True}, "tied": True}, {"lm_head": (16, 640, 32)}),
        # 10 * 10, an activation of 10 and a norm of the layers' kind, which has no weight here.
        (
            {"head": {"dense": True}},
            {"head.dense": (100, 400, 0), "head.activation": (0, 0, 20), "head.norm": (0, 0, 60)},
        ),
        # To the width of the table: 10*4 and a bias of 4, a layer norm of 4 with its bias.
        (
            {
                "head": {"dense": True, "dense_bias": True},
                "embedding": {"width": 4},
                "norm": {"kind": "layer", "final": False},
            },
            {
                "embedding": (64, 0, 0),
                "embedding.project": (40, 160, 0),
                "head.dense": (44, 160, 8),
                "head.activation": (0, 0, 8),
                "head.norm": (8, 0, 56),
                "lm_head": (64, 256, 0),
            },
        ),
        ({"embedding": {"width": 10}}, {}),
        # A table 4 wide: 16*4, up 4*10, down 10*4, head 16*4. The norm is as wide as the model.
        (
            {"embedding": {"width": 4, "norm": "rms", "bias": True, "narrow": True}, "positions": 5},
            {
                "embedding": (64, 0, 0),
                "embedding.positions": (20, 0, 0),
                "embedding.norm": (4, 0, 32),
                "embedding.project": (50, 160, 20),
                "head.project": (40, 160, 0),
                "lm_head": (64, 256, 0),
            },
        ),
        (
            {"embedding": {"width": 4, "norm": "rms", "token_types": 2}, "positions": 5},
            {
                "embedding": (64, 0, 0),
                "embedding.token_types": (8, 0, 0),
                "embedding.positions": (50, 0, 0),
                "embedding.project": (40, 160, 0),
                "embedding.norm": (10, 0, 80),
                "head.project": (40, 160, 0),
                "lm_head": (64, 256, 0),
            },
        ),
    ],
    ids=str,
)
def test_around_the_stack_by_hand(fields: dict[str, Any], changed: dict[str, tuple[int, int, int]]) -> None:
    assert around(model(**fields)) == BASE | changed


def test_without_a_head_nothing_follows_the_last_norm() -> None:
    headless = model(embedding={"width": 4}, head={"table": False})
    assert not [op for op in headless.lower(Workload()) if op.path.startswith(("head.project", "lm_head"))]


def test_logits_of_the_last_position_alone() -> None:
    factorised = model(embedding={"width": 4}, head={"bias": True})
    last = Workload(batch=3, new_tokens=2, logits="last")
    found = around(factorised, last)
    # One row for each of 3 sequences: 2*10*4, 2*4*16 and a bias of 16.
    assert (found["head.project"][1], found["lm_head"][1:]) == (240, (384, 48))
    every = around(factorised, Workload(batch=3, new_tokens=2))
    assert (every["head.project"][1], every["lm_head"][1:]) == (480, (768, 96))


@pytest.mark.parametrize(("new", "rows_of_one"), [(0, 0), (1, 1), (2, 1), (9, 1)])
def test_the_last_position_of_a_step(new: int, rows_of_one: int) -> None:
    last = Workload(batch=3, new_tokens=new, cached_tokens=4, logits="last")
    assert around(model(), last)["lm_head"][1] == 2 * 160 * 3 * rows_of_one


def test_what_lookups_read() -> None:
    found = {op.path: op for op in model(positions=5).lower(Workload(batch=3, new_tokens=2))}
    assert (found["embedding"].takes, found["embedding"].gives, found["embedding"].tokens) == (60, 60, 6)
    assert (found["embedding.positions"].takes, found["embedding.positions"].runs) == (60, 1)
    (table,) = found["embedding"].weights
    assert (table.name, table.split, table.units, table.role, table.lookup) == (
        "embedding",
        "vocabulary",
        16,
        "embed",
        True,
    )
    (head,) = found["lm_head"].weights
    assert (head.name, head.shape, head.split, head.units, head.role) == ("head", (16, 10), "out", 16, "head")


def test_every_position_is_looked_up_in_every_codebook() -> None:
    load = Workload(batch=3, new_tokens=2)
    reads = {op.path: op.takes for op in model(embedding={"codebooks": 4}).lower(load)}
    assert reads["embedding"] == 6 * 4 * 10
    beside = model(embedding={"codebooks": 4, "codebook_rows": 9}, tied=True)
    reads = {op.path: op.takes for op in beside.lower(load)}
    assert (reads["embedding"], reads["embedding.codebooks"]) == (6 * 10, 6 * 4 * 10)
    counts = figures.params(beside)
    assert counts.active - counts.active_without_lookup == 4 * 9 * 10


def test_further_predictions_are_of_every_codebook() -> None:
    found = model(mtp={"depth": 2, "ffn": "mlp"}, head={"codebooks": 3})
    ops = found.lower_component("mtp", Workload(batch=3, new_tokens=2))
    assert rows(ops, "mtp")["head"] == (0, 2 * 480 * 2 * 6, 0)


def test_what_counts_as_looked_up() -> None:
    plain = figures.params(model(positions=5))
    assert (plain.total, plain.active_without_lookup) == (160 + 50 + 210 + 160, 210 + 160)
    tied = figures.params(model(positions=5, tied=True))
    # The tied table is the LM head.
    assert (tied.total, tied.active_without_lookup) == (160 + 50 + 210, 160 + 210)


ENCODER: dict[str, Any] = {
    "blocks": {"mlp": MLP, "both": BOTH, "cross": CROSS},
    "layer": ["cross", "mlp"],
    "encoder": {"n_layers": 2, "mixer": "both", "ffn": "mlp"},
}
READS = Workload(batch=3, new_tokens=2, cached_tokens=3, source_new=4)


def test_an_encoder_by_hand() -> None:
    found = spec(**ENCODER | {"norm": {}})
    # Encoder: 2 * (80 + 210), 4 norms and a last one; decoder: 120 + 210, 2 norms and a last one.
    assert figures.params(found).total == 320 + 2 * 290 + 50 + 330 + 30
    assert figures.params(found).groups == {
        "embedding": (160, 160),
        "encoder.both": (160, 160),
        "encoder.mlp": (420, 420),
        "encoder.norms": (40, 40),
        "encoder.final_norm": (10, 10),
        "layers.cross": (120, 120),
        "layers.mlp": (210, 210),
        "layers.norms": (20, 20),
        "head.final_norm": (10, 10),
        "lm_head": (160, 160),
    }
    ops = found.lower(READS)
    encoder = rows(of(ops, "encoder"), "encoder")
    # 12 tokens of the source, 2 layers; every one sees 4: 2 * 1 * 4 * 16 pairs * 3 sequences.
    assert encoder["both.attend"] == (0, 2 * 2 * 4 * 16 * 3, 2 * 5 * 16 * 3)
    assert encoder["mlp.up"] == (2 * 140, 2 * 2 * 140 * 12, 0)
    assert encoder["final_norm"] == (10, 0, 4 * 10 * 12)
    assert rows(of(ops, "layers"), "layers")["mlp.up"] == (140, 2 * 140 * 6, 0)
    # Both kinds of tokens are looked up: 3 * (2+4) rows of 10.
    assert next(op for op in ops if op.path == "embedding").takes == 180
    # The decoder keeps 4 entries of 2*3 and nothing is kept of the encoder.
    assert [(row.path, row.values) for row in figures.cache(ops).rows] == [("layers.cross", 24)]


def test_a_decoding_step_leaves_the_encoder_alone() -> None:
    found = spec(**ENCODER | {"norm": {}})
    decode = found.lower(Workload(new_tokens=1, cached_tokens=9, source_cached=4))
    assert figures.flops(of(decode, "encoder")).forward == 0
    assert figures.cache(decode).values == 24


def test_the_encoder_may_have_norms_and_positions_of_its_own() -> None:
    encoder = ENCODER["encoder"] | {"positions": 8, "norm": {"kind": "layer", "place": "sandwich"}}
    found = spec(**ENCODER | {"norm": {}, "encoder": encoder})
    groups = figures.params(found).groups
    assert groups["encoder.positions"] == (80, 80)
    assert groups["encoder.norms"] == (2 * 4 * 20, 160)
    assert groups["encoder.final_norm"] == (20, 20)
    assert groups["layers.norms"] == (20, 20)
    positions = next(op for op in found.lower(READS) if op.path == "encoder.positions")
    assert positions.takes == 3 * 4 * 10
    without = spec(**ENCODER | {"encoder": ENCODER["encoder"] | {"norm": {"final": False}}})
    assert "encoder.final_norm" not in figures.params(without).groups


def test_an_encoder_may_have_an_embedding_of_its_own() -> None:
    encoder = ENCODER["encoder"] | {"embedding": {"norm": "layer"}}
    steps = rows(spec(**ENCODER | {"embedding": {"norm": "rms"}, "encoder": encoder}).lower(READS), "")
    # One table for 3 * (2+4) tokens; each stack's norm works on its own 6 or 12 of them.
    assert steps["embedding"] == (160, 0, 0)
    assert "encoder.embedding" not in steps
    assert steps["embedding.norm"] == (10, 0, 4 * 10 * 6)
    assert steps["encoder.embedding_norm"] == (20, 0, 7 * 10 * 12)
    encoder = ENCODER["encoder"] | {"embedding": {"table": True}}
    found = spec(**ENCODER | {"tied": True, "embedding": {"rows": 20, "width": 4}, "encoder": encoder})
    reads = {op.path: (op.takes, op.flops) for op in found.lower(READS)}
    # Six tokens of the decoder and 12 of the encoder, whose table has rows as many and is full width.
    assert (reads["embedding"], reads["encoder.embedding"]) == ((24, 0), (120, 0))
    assert reads["embedding.project"][1] == 2 * 6 * 4 * 10
    counts = figures.params(found)
    assert counts.groups["encoder.embedding"] == (200, 200)
    assert counts.active - counts.active_without_lookup == 200


def test_an_encoder_may_have_a_width_of_its_own() -> None:
    encoder = ENCODER["encoder"] | {"d_model": 6, "embedding": {"table": True}, "positions": 5}
    found = spec(**ENCODER | {"norm": {}, "encoder": encoder})
    assert {p: n for p, (n, _) in figures.params(found).groups.items() if p.startswith(("enc", "layers.cross"))} == {
        "encoder.embedding": 16 * 6,
        "encoder.positions": 5 * 6,
        "encoder.both": 2 * 8 * 6,
        "encoder.mlp": 2 * 3 * 6 * 7,
        "encoder.norms": 4 * 6,
        "encoder.final_norm": 6,
        "layers.cross": 10 * 3 + 6 * (3 + 3) + 3 * 10,  # keys and values are read from 6
    }


def test_an_encoder_may_be_brought_to_the_width_of_the_decoder() -> None:
    own = {"embedding": {"table": True, "rows": 9}, "project": True, "project_bias": True}
    encoder = ENCODER["encoder"] | {"d_model": 6, "relative_bias": 8, "relative_heads": 3} | own
    found = spec(**ENCODER | {"norm": {}, "embedding": {"codebooks": 2}, "encoder": encoder})
    groups = figures.params(found).groups
    assert groups["encoder.embedding"] == (9 * 6, 9 * 6)
    assert groups["encoder.both"] == (2 * 8 * 6, 2 * 8 * 6)
    assert groups["encoder.project"] == (6 * 10 + 10, 70)
    assert groups["layers.cross"] == (120, 120)  # keys and values are read from 10
    assert groups["encoder.relative_bias"] == (24, 24)
    assert "layers.relative_bias" not in groups
    assert rows(found.lower(READS), "")["encoder.project"] == (70, 2 * 60 * 12, 10 * 12)


def test_every_layer_may_have_a_table_of_relative_positions() -> None:
    found = spec(**ENCODER | {"relative_bias": 8, "relative_heads": 3, "relative_per_layer": True, "n_layers": 3})
    groups = figures.params(found).groups
    assert (groups["encoder.relative_bias"], groups["layers.relative_bias"]) == ((48, 48), (72, 72))
    assert rows(found.lower(READS), "")["layers.relative_bias"][2] == 3 * 3 * 5 * 6


def test_each_stack_has_a_table_of_relative_positions() -> None:
    found = spec(**ENCODER | {"relative_bias": 8, "relative_heads": 3})
    groups = figures.params(found).groups
    assert groups["encoder.relative_bias"] == groups["layers.relative_bias"] == (24, 24)
    steps = rows(found.lower(READS), "")
    # Encoder: 2 layers, 3 heads * 4 keys * 12 tokens; decoder: 3 heads * 5 keys * 6 tokens.
    assert steps["encoder.relative_bias"][2] == 2 * 3 * 4 * 12
    assert steps["layers.relative_bias"][2] == 3 * 5 * 6


def test_further_predictions_by_hand() -> None:
    found = model(mtp={"depth": 2, "ffn": "mlp"}, norm={})
    ops = found.lower_component("mtp", Workload(batch=3, new_tokens=2, cached_tokens=3))
    # 6 tokens and two depths: 3 norms of 10 and the layer's, 20 -> 10, the layer, the head that is not its own.
    assert rows(ops, "mtp") == {
        "norms": (80, 0, 4 * 40 * 2 * 6),
        "project": (400, 2 * 200 * 2 * 6, 0),
        "mlp.up": (280, 2 * 140 * 2 * 6, 0),
        "mlp.activation": (0, 0, 2 * 7 * 2 * 6),
        "mlp.down": (140, 2 * 70 * 2 * 6, 0),
        "residual": (0, 0, 10 * 2 * 6),
        "head": (0, 2 * 160 * 2 * 6, 0),
    }


def test_the_head_of_further_predictions_is_read_as_the_model_s_own_is() -> None:
    found = model(mtp={"depth": 1, "ffn": "mlp"}, head={"bias": True})
    (own,) = [op for op in found.lower(TWO) if op.path == "lm_head"]
    (further,) = [op for op in found.lower_component("mtp", TWO) if op.path == "mtp.head"]
    read = [[(w.shape, w.role, w.split, w.units) for w in op.weights] for op in (own, further)]
    assert read[0] == read[1] == [((16, 10), "head", "out", 16), ((16,), "head", "out", 16)]
    assert [w.stored for w in further.weights] == [0, 0]


def test_further_predictions_pass_through_the_same_streams() -> None:
    found = model(mtp={"depth": 2, "ffn": "mlp"}, hyper_connections={"n_streams": 2, "kind": "hc"})
    plain = model(mtp={"depth": 2, "ffn": "mlp"})
    # Around each sublayer 4 weights from 2*10 values, their biases and two scales; at the end 2 and one.
    beside = figures.params(found).not_in_total["mtp"] - figures.params(plain).not_in_total["mtp"]
    assert beside == 2 * (80 + 4 + 2) + 2 * (40 + 2 + 1)


def test_the_head_of_further_predictions_works_on_the_last_position_alone() -> None:
    found = model(mtp={"depth": 2, "ffn": "mlp"}, embedding={"width": 4}, head={"dense": True})
    ops = found.lower_component("mtp", Workload(batch=3, new_tokens=2, logits="last"))
    # 3 tokens and two depths: 10 -> 4, an activation and a norm of 4, the table 4 -> 16; nothing is stored twice.
    assert rows(of(ops, "mtp.head"), "mtp.head") == {
        "dense": (0, 2 * 40 * 2 * 3, 0),
        "activation": (0, 0, 4 * 2 * 3),
        "norm": (0, 0, 3 * 4 * 2 * 3),
    }
    assert next(op for op in ops if op.path == "mtp.head").flops == 2 * 64 * 2 * 3


def test_further_predictions_may_read_the_encoder() -> None:
    found = spec(**ENCODER | {"mtp": {"layer": ["cross", "mlp"]}})
    kv = rows(found.lower_component("mtp", READS), "mtp")["cross.kv"]
    assert kv == (60, 2 * 60 * 12, 0)  # 10 * (3+3); 12 tokens of the source


def test_parts_that_are_counted_when_asked_for() -> None:
    found = model(mtp={"ffn": "mlp"}, norm={})
    assert found.extra_components == ["mtp"]
    assert figures.params(found).not_in_total == {"mtp": 40 + 200 + 210}
    with_it = figures.params(found, ["mtp"])
    assert (with_it.total, with_it.components["mtp"], with_it.not_in_total) == (550 + 450, 450, {})
    assert figures.params(found).total == 160 + 210 + 20 + 160
    assert model().extra_components == []
    with pytest.raises(KeyError):
        model().lower_component("mtp", TWO)
    with pytest.raises(KeyError):
        found.lower_component("vision", TWO)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"ffn": None}, "mixer: no schedule says which blocks the layers are (AC131) add mixer and ffn"),
        ({"layer": ["mlp"]}, "layer: layer replaces mixer and ffn (AC131) leave mixer and ffn out"),
        ({"embedding": {"rows": 15}}, "embedding.rows: the embedding has 15 rows for a vocabulary of 16 (AC120)"),
        (
            {"altup": {"n_streams": 2}, "hyper_connections": {"n_streams": 2}},
            "altup: altup and hyper_connections both bring residual streams (AC120) leave one out",
        ),
        ({"relative_bias": 8}, "relative_bias: relative_bias needs relative_heads (AC120) add relative_heads"),
        (
            {"relative_per_layer": True},
            "relative_per_layer: relative_per_layer asks for tables, and there are none (AC120)",
        ),
        (
            {"head": {"dense_bias": True}},
            "head.dense_bias: dense_bias is a bias of dense, and there is none (AC120) add dense: true",
        ),
        (
            {"encoder": {"n_layers": 2, "mixer": "mlp", "d_model": 8}},
            "encoder.d_model: the encoder is 8 wide, and the embedding it shares 10 (AC120) "
            "add embedding: {table: true} to the encoder",
        ),
        (
            {"encoder": {"n_layers": 2}},
            "encoder.mixer: no schedule says which blocks the layers are (AC131) add mixer and ffn",
        ),
        (
            {"encoder": {"n_layers": 2, "mixer": "mlp", "layer": ["mlp"]}},
            "encoder.layer: layer replaces mixer and ffn (AC131) leave mixer and ffn out",
        ),
        (
            {"encoder": {"n_layers": 2, "mixer": "3 mlp"}},
            "encoder.mixer: mixer fills 3 of n_layers 2: 1 too many (AC130)",
        ),
        (
            {"mtp": {"layer": ["mlp", "no"]}},
            'mtp.layer[1]: layer[1] names "no", which is not among blocks (AC130) blocks: mlp',
        ),
        (
            {"mtp": {"depth": 2, "mixer": "1 mlp", "ffn": "mlp"}},
            "mtp.mixer: mixer fills 1 of n_layers 2: 1 are missing (AC130)",
        ),
    ],
    ids=str,
)
def test_what_an_architecture_cannot_be(fields: dict[str, Any], expected: str) -> None:
    given = {name: value for name, value in ({"ffn": "mlp"} | fields).items() if value is not None}
    found = problems(blocks={"mlp": MLP}, **given)
    assert found[0].startswith(expected)
    assert len(found) == 1


def test_layer_may_name_sublayers_one_by_one() -> None:
    found = spec(blocks={"mlp": MLP, "both": BOTH}, layer=["both", "mlp", "none"], n_layers=2)
    assert found.stack.layout.layers == [(("both",), ("mlp",), ())] * 2


def test_what_nobody_published_has_claims_and_nothing_to_compute() -> None:
    found = parse(
        {"name": "gpt-9", "confidence": "rumour", "claims": [{"figure": "params.total", "value": "1T", "source": "x"}]}
    )
    assert isinstance(found, Unpublished)
    assert found.claims[0].holds
    with pytest.raises(InvalidSpec):
        parse({"name": "gpt-9", "confidence": "published"})


def test_a_window_is_not_wider_than_the_longest_context() -> None:
    near = {"kind": "attention", "n_heads": 1, "head_dim": 2, "window": 9}
    fields = {"name": "x", "d_model": 4, "vocab_size": 5, "n_layers": 1, "blocks": {"near": near}, "mixer": "near"}
    assert isinstance(parse({**fields, "max_context": 9}), Architecture)
    with pytest.raises(InvalidSpec) as caught:
        parse({**fields, "max_context": 8})
    assert str(caught.value).splitlines()[0] == (
        "blocks.near.window: error AC120: window 9 is wider than max_context 8"
    )


@pytest.mark.parametrize(
    ("mixer", "sort"),
    [
        (BOTH, "encoder"),
        (BOTH | {"window": 4, "ahead": 3}, "encoder"),
        (BOTH | {"causal": True}, "decoder"),
        ({"kind": "short_conv", "d_conv": 3}, "decoder"),
        (MLP, "decoder"),
    ],
)
def test_a_stack_that_looks_both_ways_everywhere_is_an_encoder(mixer: dict[str, Any], sort: str) -> None:
    assert model(blocks={"mlp": MLP, "mixer": mixer}, mixer="mixer").sort == sort


def test_one_layer_that_looks_back_makes_a_decoder() -> None:
    blocks = {"mlp": MLP, "both": BOTH, "back": BOTH | {"causal": True}}
    assert model(n_layers=2, blocks=blocks, mixer="both + back").sort == "decoder"


def test_tables_beside_the_table_by_hand() -> None:
    spec = {"name": "toy", "d_model": 4, "vocab_size": 9, "n_layers": 1, "ffn": "mlp"}
    spec |= {"blocks": {"mlp": {"kind": "ffn", "d_ff": 3}}}
    views = {"beside": [{"rows": 5, "width": 2}, {"rows": 6, "width": 3}], "bias": True}
    plain, found = parse(spec), parse(spec | {"embedding": views})
    # Two tables, and a matrix of (4 + 2 + 3) x 4 with a bias.
    assert figures.params(found).total - figures.params(plain).total == 10 + 18 + 36 + 4
    work = {op.path: op.flops for op in found.lower(Workload(new_tokens=5))}
    assert work["embedding.project"] == 2 * 5 * 36
