"""Every figure by name is the one that the command prints: the same path in its JSON."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest

import costmodel as cm
from costmodel.errors import UsageError
from costmodel.gate.names import Figures, check, dimension
from costmodel.gate.workloads import Load

SPECS = ["deepseek-v3", "gemma-3-27b", "flan-t5-base", "granite-4.0-h-small", "deepseek-v4-flash", "moe-mod-1t"]


def leaves(data: object, path: str) -> Iterator[tuple[str, int | float]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(data, (int, float)) and not isinstance(data, bool):
        yield path, data


@pytest.mark.parametrize("name", SPECS)
def test_parameters_shape_cache_and_work(name: str) -> None:
    page = cm.to_data(cm.show(name, context=["32Ki"]))
    figures, load = Figures(cm.load(name)), Load(context="32Ki")  # type: ignore[arg-type]
    seen = 0
    for path, value in leaves(page["params"], "params"):
        if not path.startswith("params.groups"):
            assert figures(path) == value
            seen += 1
    for path, value in leaves(page["cache"][0], "cache"):
        if path != "cache.context":
            assert figures(path, load) == value
            seen += 1
    for path, value in leaves(page["flops"][0], "flops"):
        if path != "flops.context":
            assert figures(path, load) == value
            seen += 1
    for key in ("n_layers", "d_model", "vocab_size", "max_context", "receptive_field", "encoder_layers"):
        if page[key] is not None:
            assert figures(key) == page[key]
            seen += 1
    assert seen > 20


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize(("new", "cached"), [(1, 8191), (512, 100), (64, 0)])
def test_the_work_of_a_step(name: str, new: int, cached: int) -> None:
    page = cm.to_data(cm.flops(name, new=new, cached=cached, batch=3))
    figures, load = Figures(cm.load(name)), Load(new=new, cached=cached, batch=3)  # type: ignore[arg-type]
    for path, value in leaves(page["flops"], "flops"):
        assert figures(path, load) == value
    assert figures("flops.per_token", load) == Fraction(page["flops"]["forward"], 3 * new)


def test_times_and_memory_under_a_plan() -> None:
    load = Load(context="8Ki", batch=64, hardware="8x h200-sxm", ep=8, weights="fp8", kv="fp8")
    asked = {"batch": 64, "new": 1, "cached": 8191, "ep": 8, "dtype": "weights=fp8,kv=fp8"}
    page = cm.to_data(cm.roofline("deepseek-v3", hardware="h200-sxm", **asked))
    figures = Figures(cm.load("deepseek-v3"))  # type: ignore[arg-type]
    for group in ("time", "memory"):
        for path, value in leaves(page[group], group):
            assert figures(path, load) == Fraction(value)


def test_without_a_plan_the_fastest_that_fits_is_taken() -> None:
    load = Load(context="8Ki", batch=64, hardware="8x h200-sxm", weights="fp8", kv="fp8")
    row = cm.compare(
        "deepseek-v3", "kimi-k2", context=["8Ki"], batch=64, hardware="h200-sxm", devices=8, dtype="weights=fp8,kv=fp8"
    ).rows[0]
    assert row.time is not None
    figures = Figures(cm.load("deepseek-v3"))  # type: ignore[arg-type]
    assert figures("memory.weights_bytes", load) == row.time["h200-sxm"][0].weights_bytes


def test_serving_and_fitting() -> None:
    load = Load(context="8Ki", hardware="8x h200-sxm", weights="fp8", tp=8)
    figures = Figures(cm.load("llama-3.1-70b"))  # type: ignore[arg-type]
    page = cm.serve("llama-3.1-70b", "h200-sxm", context=["8Ki"], tp=8, dtype="weights=fp8")
    assert figures("limits.largest_batch", load) == page.limits.largest_batch
    fitted = cm.fit("llama-3.1-70b", "h200-sxm", context=["8Ki"], dtype="weights=fp8")
    assert figures("fit.devices", Load(context="8Ki", hardware="h200-sxm", weights="fp8")) == fitted.rows[0].devices


def test_one_workload_has_one_plan_and_the_head_of_its_command() -> None:
    figures = Figures(cm.load("deepseek-v3"))  # type: ignore[arg-type]
    load = Load(context=8193, batch=128, hardware="8x h200-sxm", weights="fp8", kv="fp8")
    asked = {"dtype": "weights=fp8,kv=fp8", "batch": 128, "ep": 8}
    step = cm.roofline("deepseek-v3", hardware="h200-sxm", new=1, cached=8192, **asked)
    assert figures("time.expected_s", load) == Fraction(step.time.expected_s or 0)
    served = cm.serve("deepseek-v3", "h200-sxm", context=[8193], **asked)
    assert figures("limits.largest_batch", load) == served.limits.largest_batch
    prompt = Load(context="8Ki", phase="prefill", hardware="8x h200-sxm", weights="fp8", tp=8)
    page = cm.roofline("deepseek-v3", hardware="h200-sxm", new=8192, tp=8, dtype="weights=fp8")
    assert figures("time.floor_s", prompt) == Fraction(page.time.floor_s)


def test_components_count_where_a_workload_names_them() -> None:
    figures = Figures(cm.load("deepseek-v3"))  # type: ignore[arg-type]
    with_mtp = Load.model_validate({"context": 4096, "with": ["mtp"]})
    assert figures("params.total", with_mtp) - figures("params.total") == figures("params.not_in_total.mtp")


@pytest.mark.parametrize(
    ("name", "load", "message"),
    [
        ("params.totl", None, 'there is no figure "params.totl"'),
        ("nlayers", None, 'there is no figure "nlayers"'),
        ("params.components", None, 'there is no figure "params.components"'),
        ("cache.bytes", None, 'the figure "cache.bytes" needs a workload or context'),
        ("time.floor_s", Load(context=4096), 'the figure "time.floor_s" needs a device'),
        ("flops.parts", Load(context=4096), 'there is no figure "flops.parts"'),
        ("weights.total", None, 'there is no figure "weights.total"'),
    ],
)
def test_a_figure_that_no_model_has(name: str, load: Load | None, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(name, load)
    assert caught.value.message == message
    assert caught.value.hint


def test_a_figure_that_this_model_lacks_is_an_error_not_zero() -> None:
    dense = Figures(cm.load("llama-3.1-8b"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="in this model"):
        dense("params.components.moe.experts")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("params.total", "count"),
        ("cache.bytes", "bytes"),
        ("cache.values", "count"),
        ("growth.bytes_per_token", "bytes"),
        ("flops.forward", "FLOP"),
        ("time.floor_s", "seconds"),
        ("time.tokens_per_s", "count"),
        ("n_layers", "count"),
    ],
)
def test_dimensions(name: str, what: str) -> None:
    assert dimension(name) == what
