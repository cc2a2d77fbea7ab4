"""How errors look, and that nothing of a user's text can harm a terminal."""

import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.codes import CODES
from costmodel.errors import (
    ArchcalcError,
    Excerpt,
    FieldError,
    InvalidSpec,
    Problem,
    SpecError,
    UnknownSpecError,
    did_you_mean,
    dotted,
    one_of,
    plain,
    quote,
)
from costmodel.gate.rules import RULES

LINE = "  global: {kind: attention, n_kv_head: 8, head_dim: 128}"


def test_an_error_in_a_file_shows_the_line_a_caret_and_the_way_out() -> None:
    error = SpecError(
        'block "global" (attention) has no field "n_kv_head"',
        "AC102",
        "my.yaml:9:29",
        "did you mean n_kv_heads?",
        Excerpt(9, LINE, 28, 9),
    )
    assert str(error) == (
        'my.yaml:9:29: error AC102: block "global" (attention) has no field "n_kv_head"\n'
        "  9 |   global: {kind: attention, n_kv_head: 8, head_dim: 128}\n"
        "    |                             ^^^^^^^^^ did you mean n_kv_heads?"
    )


def test_an_error_without_a_place_has_its_way_out_below() -> None:
    error = UnknownSpecError('no architecture "deepseek-v33"', hint="did you mean deepseek-v3?")
    assert str(error) == 'error: no architecture "deepseek-v33"\n  did you mean deepseek-v3?'


def test_a_note_comes_last() -> None:
    error = SpecError("m", "AC010", "a.yaml", hint="h", note="2 more problems")
    assert str(error).splitlines() == ["a.yaml: error AC010: m", "  h", "  2 more problems"]


def test_a_long_line_is_cut_around_the_caret() -> None:
    source, caret = Excerpt(3, "x" * 5000 + "HERE" + "y" * 5000, 5000, 4).rows()
    assert len(source) < 130
    assert source[caret.index("^") : caret.rindex("^") + 1] == "HERE"
    assert source.startswith("  3 | ...")
    assert source.endswith("...")


@pytest.mark.parametrize("text", ["ab\tHERE", "\u6f22\u5b57 HERE", "e\u0301 HERE", "\u202e HERE", "a\x1b[31m HERE"])
def test_the_caret_stands_below_what_it_marks(text: str) -> None:
    from unicodedata import combining, east_asian_width

    source, caret = Excerpt(1, text, text.index("HERE"), 4).rows()
    before = source[: source.index("HERE")]
    cells = sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in before)
    assert caret == " " * 4 + "|" + " " * (cells - 5) + "^^^^"


@given(st.text())
def test_plain_text_has_no_control_or_direction_characters(text: str) -> None:
    assert plain(text).isprintable()


def test_plain_keeps_words_apart_and_other_scripts_whole() -> None:
    assert plain("a\r\nb\tc") == "a  b c"
    assert plain("\x1b]0;title\x07\u202eevil\u200b\x9b") == "]0;titleevil"
    assert plain("Qwen3 \u5343\u95ee \u00e9") == "Qwen3 \u5343\u95ee \u00e9"


@given(st.text(), st.text(), st.text())
def test_no_error_writes_raw_user_text(message: str, hint: str, line: str) -> None:
    error = SpecError(message, "AC004", message, hint, Excerpt(1, line, 0, 1), note=hint)
    assert all(row.isprintable() for row in str(error).split("\n"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "~"),
        (True, "true"),
        (8.0, "8.0"),
        (7, "7"),
        pytest.param(2**20000, "a number of 20001 bits", id="too long for str"),
        ("a\nb", '"a b"'),
        ("x" * 1000, '"' + "x" * 48 + '..."'),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
    ],
)
def test_quoted_values_are_short(value: object, shown: str) -> None:
    assert quote(value) == shown


def test_sentences() -> None:
    assert one_of(["a"]) == "a"
    assert one_of(["a", "b", "c"]) == "a, b or c"
    assert dotted(("blocks", "local", "bias", 2)) == "blocks.local.bias[2]"
    assert did_you_mean("n_kv_head", ["n_heads", "n_kv_heads"]) == "did you mean n_kv_heads?"
    assert did_you_mean("zzz", ["n_heads"]) is None


def test_errors_cross_process_borders() -> None:
    invalid = InvalidSpec([Problem(("blocks", "a"), "m", "AC120", "h"), Problem((), "n")])
    errors = [
        SpecError("m", "AC120", "w", "h", Excerpt(1, "t", 0, 1), "n"),
        UnknownSpecError(message="m", hint="h"),
        FieldError("m", path=("a", 1)),
        invalid,
    ]
    for error in errors:
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy)) == (type(error), str(error))
    assert pickle.loads(pickle.dumps(invalid)).problems == invalid.problems
    assert pickle.loads(pickle.dumps(errors[2])).path == ("a", 1)


def test_what_a_model_found_reads_well_without_a_file() -> None:
    invalid = InvalidSpec([Problem(("blocks", "a", "d_ff"), "d_ff is missing", "AC101", "add d_ff")])
    assert str(invalid) == "blocks.a.d_ff: error AC101: d_ff is missing\n  add d_ff"


def test_an_error_is_itself() -> None:
    assert SpecError("a") != SpecError("a")
    assert len({SpecError("a"), SpecError("a")}) == 2
    assert issubclass(FieldError, ValueError)
    assert issubclass(FieldError, ArchcalcError)


def test_every_code_that_is_raised_is_explained() -> None:
    rooms = Path(__file__).parent.parent / "costmodel"
    files = [file for file in rooms.rglob("*.py") if file.name != "codes.py"]
    raised = {code for file in files for code in re.findall(r"\b(AC\d{3})\b", file.read_text("utf-8"))}
    assert raised == set(CODES) | set(RULES)
    assert not set(CODES) & set(RULES)
    assert len(set(CODES.values())) == len(CODES)
