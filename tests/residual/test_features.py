"""Features of the residual stream by hand: parameters, FLOPs, elementwise steps."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from costmodel.residual import feature_class, features
from costmodel.residual.altup import AltUp
from costmodel.residual.attention_residuals import AttentionResiduals
from costmodel.residual.hyper_connections import HyperConnections
from costmodel.residual.laurel import Laurel
from costmodel.residual.layer_scale import LayerScale
from costmodel.residual.ngrams import NGramTables
from costmodel.residual.output_conv import OutputConv
from costmodel.residual.parts.mixing import Mix
from costmodel.residual.ple import PerLayerEmbeddings
from costmodel.residual.residual_gate import ResidualGate
from costmodel.residual.residual_scale import ResidualScale


def sums(ops) -> tuple[int, int, int]:
    """Return parameters, FLOPs and elementwise steps."""
    ops = list(ops)
    return (
        sum(w.total for op in ops for w in op.weights),
        sum(op.flops for op in ops),
        sum(op.elementwise for op in ops),
    )


def test_altup_in_5_layers_on_3_tokens(site) -> None:
    # A layer, d 6, 2 streams: norm 6, router 12, prediction 2*4, correction 2*2, scale 6 = 36.
    # A token: router 24 twice, prediction 16, mix 2*6*2*2 = 48, correction 8 = 120.
    # Steps: norm 24 and tanh 2, twice = 52; add 12; innovation 6; update 24; scale 6 = 100.
    assert sums(AltUp(n_streams=2).layer(site(6, 5, 3))) == (36 * 5, 120 * 15, 100 * 15)


def test_altup_once(site) -> None:
    # 4 streams of 6: three matrices in and three out.
    parameters, flops, _ = sums(AltUp(n_streams=4).model(site(6, 1, 3)))
    assert (parameters, flops) == (6 * 36, 2 * 6 * 36 * 3)
    # 2 streams: two magnitudes and one rescaling, 6 steps a value, in and out; out a mean, 2 more.
    assert sums(AltUp(n_streams=2).model(site(6, 1, 3)))[2] == (6 * 6 + 8 * 6) * 3


def test_laurel_in_5_layers_on_3_tokens(site) -> None:
    # d 6, rank 2: 12 + 12 and a norm of 6. Steps: norm 24, add 6, add and scale 12.
    assert sums(Laurel(rank=2).layer(site(6, 5, 3))) == (30 * 5, 48 * 15, 42 * 15)


def test_per_layer_embeddings_of_5_layers_on_3_tokens(site) -> None:
    # 11 rows of 5*3; once 6*15 and a norm of 3; in a layer 6*3 + 3*6 and a norm of 6.
    # Steps a token: once norm 15*4, sum 15*4; in a layer gate 3*2, norm 24, three streams 18.
    feature = PerLayerEmbeddings(vocab_size=11, width=3, streams=3)
    ops = list(feature.layer(site(6, 5, 3)))
    assert sums(ops) == (165 + 93 + 42 * 5, (180 + 72 * 5) * 3, (120 + 48 * 5) * 3)
    assert sum(w.total for op in ops for w in op.weights if w.lookup) == 165
    table = next(op for op in ops if op.path == "ple.table")
    assert (table.takes, table.component) == (15 * 3, "embedding.ple")


def test_per_layer_embeddings_are_made_once_when_the_stack_loops(site) -> None:
    at = site(6, 5, 3)
    at.runs = 10  # two loops of five layers
    ops = list(PerLayerEmbeddings(vocab_size=11, width=3).layer(at))
    # The table and its projection as before; the gates twice.
    assert sums(ops)[:2] == (165 + 93 + 42 * 5, (180 + 72 * 10) * 3)


def test_residual_scale_around_3_sublayers_on_5_tokens(site) -> None:
    # d 4: a factor and a summand for the stream and the output, 16; a sum and a product each, 16 steps.
    assert sums(ResidualScale().around(site(4, 3, 5))) == (16 * 3, 0, 16 * 15)
    assert sums(ResidualScale(bias=False).around(site(4, 3, 5))) == (8 * 3, 0, 8 * 15)
    assert sums(ResidualScale(output=False).around(site(4, 3, 5))) == (8 * 3, 0, 8 * 15)
    assert sums(ResidualScale().layer(site(4, 3, 5))) == (0, 0, 0)


def test_convolutions_of_what_3_sublayers_give_5_tokens(site) -> None:
    # d 4, 3 taps: 12 weights, 24 FLOPs a token, one add a value; 3 columns of 4 kept in fp32.
    ops = list(OutputConv(d_conv=3).around(site(4, 3, 5)))
    assert sums(ops) == (12 * 3, 24 * 15, 4 * 15)
    (state,) = [state for op in ops for state in op.states]
    assert (state.kind, state.role, state.width, state.stored) == ("conv", "state", 12, 3)


def test_residual_scale_of_the_embedding(site) -> None:
    assert sums(ResidualScale().model(site(4, 1, 5))) == (8, 0, 8 * 5)
    assert sums(ResidualScale(bias=False).model(site(4, 1, 5))) == (4, 0, 4 * 5)
    assert sums(ResidualScale(embedding=False).model(site(4, 1, 5))) == (0, 0, 0)


def test_layer_scale_around_3_sublayers_on_5_tokens(site) -> None:
    assert sums(LayerScale().around(site(4, 3, 5))) == (4 * 3, 0, 4 * 15)
    assert sums(LayerScale().layer(site(4, 3, 5))) == (0, 0, 0)


def test_mhc_around_3_sublayers_on_5_tokens(site) -> None:
    # 2 streams of 4, flat 8: (2 + 2) * 2 = 8 weights from 8 values = 64, base 8, scale 3 = 75.
    # A token: 2*64 and the mix 2*4*2*2 = 160.
    # Steps: norm 24; scale, bias, sigmoid 8*3; collapse 4*3; softmax 4*(5-1), 3 half rounds of
    # Sinkhorn 4*2*3; spread 8; one more stream to add to, 4. Together 112.
    feature = HyperConnections(n_streams=2, sinkhorn=2)
    assert sums(feature.around(site(4, 3, 5))) == (75 * 3, 160 * 15, 112 * 15)
    assert sums(feature.layer(site(4, 3, 5))) == (0, 0, 0)


def test_hc_around_3_sublayers_on_5_tokens(site) -> None:
    # 2*2 weights from 8 values = 32, base 4, scale 2. Steps: 24; 4*3; 12; 8; 4. No mixing.
    feature = HyperConnections(n_streams=2, kind="hc")
    assert sums(feature.around(site(4, 3, 5))) == (38 * 3, 64 * 15, 60 * 15)


def stack_of(at):
    """Return the site with blocks that read one input."""
    at.blocks = {"a": object(), "f": object()}
    return at


LAYERS = [(("a",), ("f",)), (("a",), ()), ((), ("f",)), (("a",), ("f",))]


def test_attention_residuals_by_hand(site) -> None:
    # Blocks of 2 layers, which begin at the first sublayers of the first and third layer. Sources of the six
    # sublayers: 1 (no sum), 2, 2, 2, 3, 3; then 3. d 4: a query and a norm of 4 each, at seven places.
    feature = AttentionResiduals(block_layers=2)
    ops = list(feature.through(stack_of(site(4, 1, 5)), LAYERS))
    # 4 * 4 for a source: 3 sums of 2 and 3 of 3. Steps: a norm of 4*4 and a softmax of 5 for a source.
    assert sums(ops) == (8 * 7, 16 * 15 * 5, (16 + 5) * 15 * 5)
    assert feature.starts(LAYERS) == 2
    assert [(op.takes, op.gives) for op in ops if "norm" not in op.path] == [(0, 0), (8 * 5, 4 * 5), (12 * 5, 4 * 5)]


def test_attention_residuals_without_norms_and_without_a_first_query(site) -> None:
    ops = list(AttentionResiduals(block_layers=2, norm="none", first=False).through(stack_of(site(4, 1, 5)), LAYERS))
    assert sums(ops) == (4 * 6, 16 * 15 * 5, (12 + 5) * 15 * 5)


def test_a_second_sublayer_with_nothing_to_choose_from_has_a_query(site) -> None:
    # The first sublayers stand where no block begins, so that two have the embedding alone: one query is missing.
    feature = AttentionResiduals(block_layers=2, norm="none", first=False)
    layers = [(), (("f",),), (("a",), ("f",))]
    # The third has 2 sources, as the end has.
    assert sums(feature.through(stack_of(site(4, 1, 5)), layers)) == (4 * 3, 16 * 2 * 2 * 5, (12 + 5) * 4 * 5)


def test_the_last_sum_is_there_without_sublayers(site) -> None:
    feature = AttentionResiduals(block_layers=2, norm="none", first=False)
    assert sums(feature.through(stack_of(site(4, 1, 5)), [()])) == (4, 0, 0)


def test_attention_residuals_of_blocks_of_one_layer(site) -> None:
    # Every layer begins a block: 1, 2; 2; 3; 4, 5; then 5. In all 2 + 2 + 3 + 4 + 5 + 5 = 21 sources.
    feature = AttentionResiduals(block_layers=1, norm="none")
    assert sums(feature.through(stack_of(site(4, 1, 5)), LAYERS))[1] == 16 * 21 * 5
    assert feature.starts(LAYERS) == 4


def test_queries_keys_and_values_read_three_sums(site) -> None:
    class Separate:
        separate_inputs = True

    at = site(4, 1, 5)
    at.blocks = {"a": Separate(), "f": object()}
    ops = list(AttentionResiduals(block_layers=9, norm="none", first=False).through(at, LAYERS))
    # Of 2 sources each: attention in the second and fourth layer for 3, the networks and the end for 1.
    assert sums(ops) == (3 * 4 * 2 + 4 * 4, 16 * 2 * (3 * 2 + 4) * 5, (2 * 12 * 6 + 5 * 2 * 10) * 5)


@pytest.mark.parametrize("kind", ["mhc", "hc"])
def test_the_streams_become_one_at_the_end(site, kind) -> None:
    # 2 weights from 8 values = 16, base 2, scale 1. Steps: norm 24, 2*3, collapse 12.
    assert sums(HyperConnections(n_streams=2, kind=kind).model(site(4, 1, 5))) == (19, 32 * 5, 42 * 5)
    mean = HyperConnections(n_streams=2, kind=kind, head="mean")
    assert sums(mean.model(site(4, 1, 5))) == (0, 0, 8 * 5)


def test_gated_streams_around_3_sublayers_on_5_tokens(site) -> None:
    # 2 streams of 4, flat 8, rank 3: norms 8, down 24, up 24, 2 weights from 8 values 16 = 72.
    # A token: 2*24 twice and 2*16 = 128.
    # Steps: norm 4*8; down 2*3; sigmoid and product 2*8; mean 2*4; weights 3*2; spread 8; add 4 = 80.
    feature = HyperConnections(n_streams=2, kind="gated", rank=3)
    assert sums(feature.around(site(4, 3, 5))) == (72 * 3, 128 * 15, 80 * 15)
    # At the end the same without the weights that spread: 56; 96; 62.
    assert sums(feature.model(site(4, 1, 5))) == (56, 96 * 5, 62 * 5)


@pytest.mark.parametrize(("kind", "rank"), [("gated", None), ("mhc", 3), ("hc", 3)])
def test_only_gated_streams_have_a_rank(kind, rank) -> None:
    with pytest.raises(ValidationError, match="rank"):
        HyperConnections(n_streams=2, kind=kind, rank=rank)


def test_gated_residuals_around_3_sublayers_on_5_tokens(site) -> None:
    # d 4: one gate a value; two products a value.
    assert sums(ResidualGate().around(site(4, 3, 5))) == (4 * 3, 0, 8 * 15)


def test_n_gram_tables_of_2_layers_on_5_tokens(site) -> None:
    # 7 and 9 rows of 6/2; in each layer, 2 streams of 4: key 6*8, value 6*4, three norms of 8, conv 8*3 = 120.
    # A token: 2*(48 + 24) and 2*24 = 192.
    # Steps: norms 3*4*8; score 2*8; gate 6*2; product 8; activation 8; two adds 16 = 156.
    feature = NGramTables(rows=[7, 9], width=6, heads=2, d_conv=3, dilation=2, streams=2)
    ops = list(feature.model(site(4, 1, 5)))
    assert sums(ops) == ((7 + 9) * 3 + 120 * 2, 192 * 10, 156 * 10)
    assert sum(w.total for op in ops for w in op.weights if w.lookup) == 48
    assert [op.takes for op in ops if op.component == "embedding.ngrams"] == [6 * 5] * 2
    (state,) = [s for op in ops for s in op.states]
    assert (state.kind, state.kept, state.width, state.stored) == ("conv", 1, 8 * 2 * 2, 2)
    with pytest.raises(ValidationError, match="not a multiple"):
        NGramTables(rows=[7], width=5, heads=2, d_conv=3)


def test_deepseek_v4_flash_has_this_many(site) -> None:
    # 43 layers, 2 sublayers, 24 * 16,384 + 24 + 3 each; the head 4 * 16,384 + 5.
    feature = HyperConnections(n_streams=4)
    assert sums(feature.around(site(4096, 86, 1)))[0] == 86 * 393_243 == 33_818_898
    assert sums(feature.model(site(4096, 1, 1)))[0] == 65_541


def test_a_mix_is_one_small_product_a_token() -> None:
    op = Mix(path="x", component="x", runs=3, tokens=5, width=4, streams=2)
    assert list(op.matmuls()) == [(3, 5, 4, 2, 2, "attention")]
    assert op.flops == 3 * 5 * 2 * 4 * 2 * 2
    assert (op.takes, op.gives) == (5 * (8 + 4), 5 * 8)  # a run: streams and matrix in, streams out


@pytest.mark.parametrize(
    "feature",
    [
        AltUp(n_streams=3),
        Laurel(rank=2),
        PerLayerEmbeddings(vocab_size=11, width=3),
        HyperConnections(n_streams=3),
        HyperConnections(n_streams=3, kind="hc"),
        HyperConnections(n_streams=3, kind="gated", rank=2),
    ],
    ids=lambda feature: feature.path,
)
def test_the_products_of_a_feature_are_its_flops(site, feature) -> None:
    at = site(6, 4, 5)
    ops = [*feature.model(at), *feature.layer(at), *feature.around(at)]
    assert ops
    for op in ops:
        assert op.flops == sum(2 * p.times * p.batch * p.m * p.k * p.n for p in op.matmuls()), op.path


def moved(ops) -> dict[str, tuple[int, int]]:
    """Return operation -> values read and written a run, of work on single values."""
    return {op.path.removeprefix("here."): (op.takes, op.gives) for op in ops if op.family == "vector"}


def test_what_features_read_and_write(site) -> None:
    # 3 tokens of 6 values; a sum reads both of its operands.
    assert moved(Laurel(rank=2).layer(site(6, 5, 3))) == {"norm": (18, 18), "add": (36, 18), "average": (36, 18)}
    # 4 streams are read to be rescaled, and to be averaged.
    assert moved(AltUp(n_streams=4).model(site(6, 1, 3))) == {"in_scale": (72, 18), "out_mean": (72, 18)}
    assert moved(AltUp(n_streams=2).layer(site(6, 5, 3))) == {
        "predict.router_norm": (18, 18),
        "predict.tanh": (6, 6),
        "predict.add": (72, 36),
        "correct.router_norm": (18, 18),
        "correct.tanh": (6, 6),
        "correct.innovation": (36, 18),
        "correct.update": (72, 36),
        "correct.scale": (18, 18),
    }
    # 5 layers of 3 values; three streams are added to.
    assert moved(PerLayerEmbeddings(vocab_size=11, width=3, streams=3).layer(site(6, 5, 3))) == {
        "ple.table": (45, 45),
        "ple.project_norm": (45, 45),
        "ple.sum": (90, 45),
        "gated": (18, 9),
        "norm": (18, 18),
        "add": (108, 54),
    }
    # 3 streams of 4 and 5 tokens: 15 weights, 9 mixed; two streams are added to.
    feature = HyperConnections(n_streams=3)
    assert moved(feature.around(site(4, 3, 5))) == {
        "norm": (60, 60),
        "activation": (75, 75),
        "collapse": (60, 20),
        "sinkhorn": (45, 45),
        "spread": (60, 60),
        "add": (80, 40),
    }
    mean = HyperConnections(n_streams=3, head="mean")
    assert moved(mean.model(site(4, 1, 5))) == {"mean": (60, 20)}


def test_features_of_more_streams(site) -> None:
    # 4 streams: the rescaling of 4 magnitudes (2 each) and 3 streams (2 each), in and out; a mean of 4.
    assert sums(AltUp(n_streams=4).model(site(6, 1, 3)))[2] == 6 * (14 + 14 + 4) * 3
    # A layer: norm 6, router 24, prediction 4*16, correction 4*4, scale 6 = 116; the router works twice
    # and the mix is 6*4*4. Steps: (24 + 4) twice; add 24; innovation 6; update 48; scale 6.
    flops = 2 * (24 + 24 + 64 + 96 + 16)
    assert sums(AltUp(n_streams=4).layer(site(6, 5, 3))) == (116 * 5, flops * 15, 140 * 15)
    # A value of the 3 x 3 takes two steps in each of 2 n - 1 half rounds.
    steps = [sums(HyperConnections(n_streams=3, sinkhorn=n).around(site(4, 3, 5)))[2] for n in (0, 1, 20)]
    assert [step - steps[0] for step in steps] == [0, 9 * 2 * 15, 9 * 2 * 39 * 15]


def test_the_streams_that_are_added_to_default_to_one(site) -> None:
    ops = list(PerLayerEmbeddings(vocab_size=11, width=3).layer(site(6, 5, 3)))
    assert moved(ops)["add"] == (36, 18)
    (table,) = [op for op in ops if op.path == "ple.table"]
    assert (table.runs, table.tokens) == (1, 3)


def test_rounds_and_bounds() -> None:
    assert HyperConnections(n_streams=1024).sinkhorn == 20
    with pytest.raises(ValidationError):
        HyperConnections(n_streams=1025)


@pytest.mark.parametrize("field", features())
def test_a_feature_knows_its_place_and_line(field) -> None:
    found = feature_class(field)
    assert found.path == field
    assert found.component.startswith("residual.")


@pytest.mark.parametrize(
    "make",
    [
        lambda: AltUp(n_streams=1),
        lambda: HyperConnections(n_streams=1),
        lambda: HyperConnections(n_streams=4, kind="gated"),
        lambda: Laurel(rank=0),
        lambda: PerLayerEmbeddings(vocab_size=11),
    ],
)
def test_what_no_feature_can_be(make) -> None:
    with pytest.raises(ValidationError):
        make()
