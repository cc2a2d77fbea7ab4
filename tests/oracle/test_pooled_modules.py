"""Indexers of grouped keys, gated streams, n-gram tables and Muse Spark against the modules of transformers.

Parameters equal; FLOPs equal as FlopCounterMode counts them. Glm5Next scores every closed group for
every query (``full``), Qwen4-Exp the groups that a query sees (``causal``), one query at a time.
Both keep raw keys and pool them at every step, where we keep pooled ones: caches are not compared.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from lowering import parameters, useful

from costmodel.architecture import Architecture
from costmodel.blocks.parts.indexer import Indexer
from costmodel.importers import import_text
from costmodel.residual.hyper_connections import HyperConnections
from costmodel.residual.ngrams import NGramTables
from costmodel.site import Site
from costmodel.validation import parse
from costmodel.workload import Attention, Workload

from .modules import counted, stored

pytestmark = pytest.mark.oracle

BATCH, WIDTH = 2, 22


def site(new: int, attention: Attention = "full") -> Site:
    load = Workload(batch=BATCH, new_tokens=new, attention=attention)
    return Site(
        load=load,
        path="here",
        component="here",
        width=WIDTH,
        runs=1,
        stored=1,
        new=new,
        cached=0,
        tokens=BATCH * new,
        blocks={},
    )


def qwen4(**fields: Any) -> Any:
    from transformers.models.qwen4_exp.configuration_qwen4_exp import Qwen4ExpTextConfig

    usual = {"hidden_size": WIDTH, "num_hidden_layers": 4, "head_dim": 10, "num_attention_heads": 4}
    index = {"indexer_n_heads": 3, "indexer_kv_heads": 1, "indexer_head_dim": 10, "indexer_compress_ratio": 4}
    return Qwen4ExpTextConfig(**usual, **index, indexer_budget=8, eos_token_id=1, hc_count=3, hc_lowrank=7, **fields)


@pytest.mark.parametrize("new", [1, 3, 4, 9, 21])
def test_keys_averaged_by_qwen4_exp(new: int) -> None:
    from transformers.models.qwen4_exp import modeling_qwen4_exp as modeling

    module = modeling.Qwen4ExpTextQSAIndexer(qwen4(), 3)
    cos = torch.randn(BATCH, new, 10)
    mask = torch.ones(new, new, dtype=torch.bool).tril().expand(BATCH, 1, -1, -1)
    ours = Indexer(n_heads=3, head_dim=10, top_k=8, queries="hidden", pool=4, pooling="mean")
    ops = list(ours.lower(site(new, "causal"), None))
    assert parameters(ops) == stored(module)
    assert useful(ops) == counted(lambda: module(torch.randn(BATCH, new, WIDTH), (cos, cos), mask, None))


@pytest.mark.parametrize("new", [1, 3, 4, 9, 21])
def test_keys_pooled_by_a_gate_of_glm5_next(new: int) -> None:
    from transformers.models.glm5_next import modeling_glm5_next as modeling
    from transformers.models.glm5_next.configuration_glm5_next import Glm5NextTextConfig

    config = Glm5NextTextConfig(
        hidden_size=WIDTH, q_lora_rank=13, index_n_heads=3, index_head_dim=6, index_topk=8, index_kpool=4
    )
    module = modeling.Glm5NextTextIndexer(config, 3)
    mask = torch.ones(BATCH, new, dtype=torch.bool)
    ops = list(Indexer(n_heads=3, head_dim=6, top_k=8, pool=4, rope_dim=0).lower(site(new), 13))
    assert parameters(ops) == stored(module)
    x, latent = torch.randn(BATCH, new, WIDTH), torch.randn(BATCH, new, 13)
    assert useful(ops) == counted(lambda: module(x, latent, mask, None))
    picked = module(x, latent, mask, None)
    causal = Indexer(n_heads=3, head_dim=6, top_k=8, pool=4).selected(new, 0)
    assert BATCH * causal == int((picked >= 0).sum())


def test_gated_streams_of_qwen4_exp() -> None:
    from transformers.models.qwen4_exp import modeling_qwen4_exp as modeling

    around = modeling.Qwen4ExpTextGatedResidual(qwen4())
    head = modeling.Qwen4ExpTextGatedResidual(qwen4(), use_combine=False)
    feature = HyperConnections(n_streams=3, kind="gated", rank=7)
    x = torch.randn(BATCH, 5, 3 * WIDTH)
    for module, ops in ((around, list(feature.around(site(5)))), (head, list(feature.model(site(5))))):
        assert parameters(ops) == stored(module)
        assert useful(ops) == counted(lambda module=module: module(x))


@pytest.mark.parametrize("new", [1, 7, 12])
def test_an_n_gram_table_of_qwen4_exp(new: int) -> None:
    from transformers.models.qwen4_exp import modeling_qwen4_exp as modeling

    config = qwen4(
        ple_layer_ids=[1, 2], ple_embed_dim=12, heads_per_ngram=2, ngram_vocab_size_base=20,
        make_ngram_vocab_size_divisible_by=8, vocab_size=50,
    )  # fmt: skip
    modules = [modeling.Qwen4ExpTextPLELayer(config, layer, layer) for layer in (0, 1)]
    rows = [module.ple_embedding.ngram_embedding.num_embeddings for module in modules]
    feature = NGramTables(rows=rows, width=12, heads=4, d_conv=4, dilation=3, streams=3)
    ops = list(feature.model(site(new)))
    assert parameters(ops) == stored(*modules)
    x, ids = torch.randn(BATCH, new, 3 * WIDTH), torch.randint(50, (BATCH, new))
    assert useful(ops) == counted(lambda: [module(x, ids, None) for module in modules])


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_a_layer_of_muse_spark(kind: str) -> None:
    """Norms with and without weights, gated residuals, experts between norms of their own width."""
    from transformers.models.muse_spark import modeling_muse_spark as modeling
    from transformers.models.muse_spark.configuration_muse_spark import MuseSparkTextConfig

    sizes = {"hidden_size": 24, "intermediate_size": 17, "num_attention_heads": 4, "num_key_value_heads": 2}
    experts = {"moe_hidden_size": 10, "moe_intermediate_size": 7, "num_local_experts": 5, "num_experts_per_tok": 2}
    config = MuseSparkTextConfig(
        **sizes, **experts, head_dim=6, num_hidden_layers=1, mlp_layer_types=[kind], layer_types=["full_attention"]
    )
    config._attn_implementation = config._experts_implementation = "eager"
    layer = modeling.MuseSparkTextDecoderLayer(config, 0)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    found = import_text(json.dumps({"model_type": "muse_spark_text"} | config.to_dict(), default=str), "config.json")
    architecture = parse(found.document)
    assert isinstance(architecture, Architecture)
    load = Workload(batch=BATCH, new_tokens=5, attention="full")
    ops = [op for op in architecture.lower(load) if op.path.startswith("layers")]
    assert parameters(ops) == stored(layer)
    assert sum(op.executed for op in ops) == counted(lambda: layer(torch.randn(BATCH, 5, 24)))
