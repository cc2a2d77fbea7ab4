"""Every figure of every spec, explained: terms sum to it, and what is printed computes to it."""

from __future__ import annotations

import json
from functools import cache as remember

import pytest

from costmodel import catalog, figures
from costmodel.architecture import Architecture
from costmodel.errors import UsageError
from costmodel.render.explain import csv_grid, grids, page
from costmodel.render.grid import to_csv, to_markdown
from costmodel.render.latex import to_latex
from costmodel.render.sink import View
from costmodel.render.text import plain_text
from costmodel.render.words import grid as words_grid
from costmodel.render.words import page as words_page
from costmodel.report.data import to_data
from costmodel.report.explain import Explained, explain
from costmodel.report.terms import CACHE, FIGURES
from costmodel.report.words import WORDS, define, words
from costmodel.validation import parse
from costmodel.workload import Workload
from tests.arithmetic import value_in_symbols, value_of


@remember
def load(name: str) -> Architecture | None:
    """A spec of the catalog, or None where nothing is published to compute."""
    found = catalog.load(name)
    return found if isinstance(found, Architecture) else None


NAMES = [name for name in catalog.names() if load(name) is not None]
# One step that is prefill and decode at once, beyond small windows and within large ones.
STEP = {"new": 37, "cached": 1500}


def explained(name: str, figure: str) -> Explained:
    spec = load(name)
    assert spec is not None
    if figure in CACHE:
        return explain(spec, figure, context=5000)
    return explain(spec, figure, **STEP) if figure.startswith("flops") else explain(spec, figure)


def plain(spec: Architecture, figure: str) -> int | None:
    """The figure as figures.py sums it, without anything of explain."""
    group, _, name = figure.rpartition(".")
    source = 0 if spec.encoder is None else 5000
    if figure == "receptive_field":
        return figures.reach(spec)
    if group == "params":
        return getattr(figures.params(spec), name)
    if figure in CACHE:
        return getattr(figures.cache(spec.lower(Workload.decode(5000, source))), name)
    step = Workload(new_tokens=37, cached_tokens=1500, source_cached=0 if spec.encoder is None else 1537)
    return getattr(figures.flops(spec.lower(step)), name)


@pytest.mark.parametrize("name", NAMES)
def test_terms_sum_to_the_figure_and_compute_to_their_values(name: str) -> None:
    for figure in FIGURES:
        spec = load(name)
        assert spec is not None
        found = explained(name, figure)
        assert found.value == plain(spec, figure), figure
        assert sum(row.value for row in found.terms) == (found.value or 0), figure
        symbols = {row.symbol: row.value for row in found.symbols}
        for row in found.terms:
            assert value_of(row.numbers) == row.value, (figure, row.path)
            assert row.split is None or value_of(row.split) == row.value, (figure, row.path)
            assert value_in_symbols(row.formula, symbols) == row.value, (figure, row.path)
        for branch in found.branches:
            assert value_in_symbols(branch.formula, symbols) == branch.value
            assert value_in_symbols(branch.taken, symbols) == branch.value


@pytest.mark.parametrize("name", NAMES)
def test_a_cache_as_a_function_of_the_context_is_the_cache(name: str) -> None:
    spec = load(name)
    assert spec is not None
    found = explained(name, "cache")
    source = found.at.get("source_cached", 0)
    for piece in found.pieces:
        last = piece.up_to or piece.above + 100_000
        first = piece.above + 1
        for context in {-(-first // piece.every) * piece.every, (first + last) // 2, last}:
            context -= context % piece.every
            if context >= first:
                step = Workload.decode(context, int(source))
                assert piece.per_token * context + piece.fixed == figures.cache(spec.lower(step)).bytes


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_narrow_and_every_format_is_written(name: str) -> None:
    for figure in ("params.active", "cache", "flops.executed"):
        found = explained(name, figure)
        for row in plain_text(page(found, View())).splitlines():
            assert len(row) <= 80 or " " not in row.strip(), row
        data = json.loads(json.dumps(to_data(found)))
        assert data["schema"] == "archcalc/1"
        assert sum(row["value"] for row in data["terms"]) == data["value"]
        tables = grids(found, View())
        assert to_csv(csv_grid(found, View())).count("\n") == len(found.terms) + 2
        assert f"{found.value:,}" in to_markdown(tables)
        assert "\\toprule" in to_latex(tables, "0")


CHOICES: list[dict[str, object]] = [
    {"attention": "full", "logits": "last", "dtype": "weights=fp8,kv=mxfp4,state=bf16"},
    {"mla": "expanded", "dtype": "int4"},
    {"mla": "expanded-cached", "dtype": "fp8-block", "source": 100},
]
VARIED = (
    "deepseek-v3",
    "deepseek-v4-flash",
    "gemma-3n-e4b",
    "t5-small",
    "moe-mod-1t",
    "qwen3-next-80b-a3b",
    "zamba2-2.7b",
)


@pytest.mark.parametrize("name", VARIED)
@pytest.mark.parametrize("choices", CHOICES, ids=["full", "expanded", "cached"])
def test_other_choices_are_explained_too(name: str, choices: dict[str, object]) -> None:
    spec = load(name)
    assert spec is not None
    for figure in FIGURES:
        step: dict[str, object] = {"new": 3, "cached": 777, "batch": 5} if figure.startswith("flops") else {}
        found = explain(spec, figure, **step, **choices, include=spec.extra_components)  # type: ignore[arg-type]
        assert sum(row.value for row in found.terms) == (found.value or 0), figure
        for row in found.terms:
            assert value_of(row.numbers) == row.value, (figure, row.path)


def test_components_are_terms_of_their_own() -> None:
    alone, more = (explain("deepseek-v3", "params.total", include=extra) for extra in ((), ("mtp",)))
    assert alone.value is not None
    assert more.value == alone.value + figures.params(load("deepseek-v3")).not_in_total["mtp"]  # type: ignore[arg-type]
    assert any(row.path.startswith("mtp") for row in more.terms)


GEMMA = """\
cache of gemma-3-27b at 131,072 tokens = 11,173,625,856 bytes (11.17 GB)

formula
  cache(C) = b x ( 52 x 2 G k x min(C, W)  +  10 x 2 G k x C )

symbols
  C   131,072   context, tokens               --context 128Ki
  b         2   bytes a value, bf16           --dtype kv=bf16
  G        16   n_kv_heads                    gemma-3-27b.yaml:{line}
  k       128   head_dim                      gemma-3-27b.yaml:{line}
  W     1,024   window                        blocks.local, gemma-3-27b.yaml:{line}

terms                                                              bytes   share
  layers.local    2 x 52 x 2x16x128 x min(131,072, 1,024)    436,207,616    3.9%
  layers.global   2 x 10 x 2x16x128 x 131,072             10,737,418,240   96.1%
  cache                                                   11,173,625,856  100.0%

as a function of the context
  C <= 1,024    507,904 B x C
  C >  1,024     81,920 B x C  +  436,207,616 B

cache: bytes resident for one sequence after C tokens, ideal; 2 G k: K and V.
What an engine allocates: archcalc cache gemma-3-27b --page 16.
"""

DEEPSEEK = """\
params.active of deepseek-v3 = 37,552,282,624 (37.55B, 5.6% of total)

formula
  active = total - (E - K) x expert x layers
         = 671,026,404,352 - (256 - 8) x 44,040,192 x 58

terms                                                              values  share
  embedding           129,280 x 7168                          926,679,040   2.5%
  layers.mla          61 x (q 48,758,784 + kv 20,905,984
                         + out 117,440,512 + norms 2,048)  11,413,547,008  30.4%
  layers.dense        3 x 3 x 7168 x 18,432                 1,189,085,184   3.2%
  layers.moe.router   58 x 256 x 7168                         106,430,464   0.3%
  layers.moe.experts  58 x 8 x 3 x 7168 x 2048             20,434,649,088  54.4%
  layers.moe.shared   58 x 3 x 7168 x 2048                  2,554,331,136   6.8%
  norms               (2 x 61 + 1) x 7168                         881,664   0.0%
  lm_head             129,280 x 7168                          926,679,040   2.5%
  active                                                   37,552,282,624 100.0%

other countings in use
  without lookup tables                                    36,625,603,584  36.6B
  without embedding and head                               35,698,924,544  35.7B
"""


def test_the_cache_page_is_the_specified_one() -> None:
    text = (catalog.spec_root() / "architectures" / "gemma-3-27b.yaml").read_text(encoding="utf-8")
    line = 1 + next(i for i, row in enumerate(text.splitlines()) if row.lstrip().startswith("local:"))
    found = plain_text(page(explain("gemma-3-27b", "cache", context="128Ki"), View()))
    assert found == GEMMA.format(line=line)


def test_the_active_page_is_the_specified_one() -> None:
    found = plain_text(page(explain("deepseek-v3", "params.active"), View()))
    assert found.startswith(DEEPSEEK)
    assert "  published" in found
    assert found.endswith(
        "active: values one token passes through: total minus the routed experts that are\n"
        "not chosen; embedding and head included. mtp, buffers: not in total.\n"
    )


SMALL = {
    "name": "small",
    "d_model": 64,
    "vocab_size": 100,
    "n_layers": 3,
    "blocks": {
        "local": {"kind": "attention", "n_heads": 4, "head_dim": 16, "window": 10},
        "wide": {"kind": "attention", "n_heads": 4, "n_kv_heads": 2, "head_dim": 32, "window": 30},
        "moe": {"kind": "moe", "n_experts": 5, "top_k": 2, "d_ff": 50, "keep": "1/3"},
    },
    "mixer": "repeat 2 local + wide",
    "ffn": "moe",
}


def small(**changes: object) -> Architecture:
    found = parse(json.loads(json.dumps({**SMALL, **changes})))
    assert isinstance(found, Architecture)
    return found


def test_blocks_that_differ_get_symbols_of_their_own() -> None:
    found = explain(small(), "cache.values", context=20)
    assert {row.symbol: row.value for row in found.symbols} == {
        "C": 20,
        "H": 4,
        "G": 2,
        "k_local": 16,
        "k_wide": 32,
        "W_local": 10,
        "W_wide": 30,
    }
    # 2 local layers keep 10 of 2 x 4 x 16 values, the wide one 20 of 2 x 2 x 32.
    assert [row.value for row in found.terms] == [2 * 10 * 128, 20 * 128]
    assert {row.symbol: row.place for row in found.symbols}["W_wide"] == "blocks.wide.window"
    assert [(p.above, p.up_to, p.per_token, p.fixed) for p in found.pieces] == [
        (0, 10, 384, 0),
        (10, 30, 128, 2560),
        (30, None, 0, 6400),
    ]


def test_a_reach_is_the_sum_of_the_windows() -> None:
    found = explain(small(), "receptive_field")
    assert found.value == 1 + 2 * 9 + 29
    assert [row.numbers for row in found.terms] == ["1", "2 x (10 - 1)", "30 - 1"]
    blocks = json.loads(json.dumps(SMALL["blocks"]))
    del blocks["local"]["window"]
    assert explain(small(blocks=blocks), "reach").value is None


def test_expectations_round_once_and_say_so() -> None:
    blocks: dict[str, dict[str, object]] = json.loads(json.dumps(SMALL["blocks"]))
    blocks["wide"] |= {"n_kv_heads": 4, "keep": "2/3"}
    blocks["moe"] |= {"keep": "2/3"}
    spec = small(n_layers=4, blocks=blocks)
    found = explain(spec, "flops", new=7)
    # Projections of the wide layer and scores of the router both end in 2/3.
    assert (found.terms[-1].path, found.terms[-1].value) == ("rounding of the above", 1)
    step = spec.lower(Workload(new_tokens=7))
    assert sum(row.value for row in found.terms) == found.value == figures.flops(step).forward


def test_dtypes_have_symbols_where_they_differ() -> None:
    found = explain("jamba-v0.1", "cache", context=100)
    assert {"b", "b_state"} <= {row.symbol for row in found.symbols}
    quarter = explain("gemma-3-27b", "cache", context=100, dtype="kv=mxfp4")
    assert quarter.value == 62 * (100 * 4096 * 4 // 8 + 100 * 4096 // 32)


@pytest.mark.parametrize(
    ("figure", "asked", "message"),
    [
        ("chache", {}, 'there is no figure "chache" to explain'),
        ("cache", {"new": 3}, "a cache is explained at a context"),
        ("flops", {"new": 3, "context": "4Ki"}, "--context and --new or --cached ask for two steps"),
        ("cache", {"context": ["4Ki", "8Ki"]}, "a figure is explained at one context"),
    ],
)
def test_what_cannot_be_explained_is_an_error(figure: str, asked: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain("llama-3.1-8b", figure, **asked)  # type: ignore[arg-type]
    assert caught.value.message == message


def test_every_figure_and_alias_has_one_definition() -> None:
    names = [alias for word in WORDS.values() for alias in (word.name, *word.aliases)]
    assert len({name.lower() for name in names}) == len({name.lower() for name in names if define(name)})
    for figure in FIGURES:
        assert define(figure).short
    for word in WORDS.values():
        assert define(word.name) is word
        assert not word.short.endswith(".")
        assert not word.more or word.more.endswith(".")
    assert plain_text(words_page(words("GiB"), View())).startswith("GB: 10^9 bytes")
    assert len(words_page(words(), View())) >= len(WORDS) == len(words_grid(words(), View()).rows)
    with pytest.raises(UsageError, match="no word"):
        define("nonsense")
