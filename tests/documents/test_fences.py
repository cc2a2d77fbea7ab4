"""Fences: what is one in each markup, what stays as it is, and which of two ways a block is wrong."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from costmodel.documents import blocks, fences
from costmodel.documents.code_blocks import Markup
from costmodel.documents.fences import Fence, parse
from costmodel.errors import UsageError

BEGIN = {
    "markdown": "<!-- archcalc:begin {} -->",
    "rst": ".. archcalc:begin {}",
    "latex": "% archcalc:begin {}",
}
END = {"markdown": "<!-- archcalc:end -->", "rst": ".. archcalc:end", "latex": "% archcalc:end"}
MARKUPS = tuple(BEGIN)


def document(
    markup: str, command: str = "show gpt2", block: str = "old\n", before: str = "a\n", after: str = "b\n"
) -> str:
    return f"{before}{BEGIN[markup].format(command)}\n{block}{END[markup]}\n{after}"


def only(text: str, markup: Markup) -> Fence:
    (fence,) = parse(text, markup, "d")
    return fence


def fill(text: str, markup: Markup, output: str, language: str = "console") -> str:
    """The text with every fence filled with one output."""
    found = parse(text, markup, "d")
    return blocks.rewritten(text, found, [blocks.block(output, language, fence) for fence in found])


@pytest.mark.parametrize("markup", MARKUPS)
def test_a_fence_has_a_command_and_a_block(markup: Markup) -> None:
    fence = only(document(markup), markup)
    assert (fence.line, fence.words, fence.digest, fence.block) == (2, "show gpt2", None, "old\n")


def test_the_digest_is_twelve_digits_of_the_block() -> None:
    # By another program: printf '```console\n$ x\n```\n' | sha256sum
    whole = hashlib.sha256(b"```console\n$ x\n```\n").hexdigest()
    text = fill(document("markdown", block=""), "markdown", "$ x\n")
    assert text == (
        f"a\n<!-- archcalc:begin show gpt2 digest=sha256:{whole[:12]} -->\n"
        "```console\n$ x\n```\n<!-- archcalc:end -->\nb\n"
    )
    assert fences.digest("a\r\nb\r\n") == fences.digest("a\nb\n")


@pytest.mark.parametrize(
    ("markup", "language", "block"),
    [
        ("markdown", "console", "```console\n$ x\n\ny\n```\n"),
        ("markdown", "", "\n$ x\n\ny\n\n"),
        ("rst", "console", "\n.. code-block:: console\n\n   $ x\n\n   y\n\n"),
        ("latex", "console", "\\begin{verbatim}\n$ x\n\ny\n\\end{verbatim}\n"),
        ("latex", "", "\n$ x\n\ny\n\n"),
    ],
)
def test_a_block_is_written_in_the_markup_of_its_document(markup: Markup, language: str, block: str) -> None:
    fence = only(document(markup), markup)
    assert blocks.block("$ x\n\ny\n", language, fence) == block


def test_a_code_block_has_more_ticks_than_what_it_holds() -> None:
    fence = only(document("markdown"), "markdown")
    assert blocks.block("a ```` b\n", "json", fence) == "`````json\na ```` b\n`````\n"


@pytest.mark.parametrize("indent", ["  ", "   "])
def test_the_block_of_an_indented_fence_is_indented(indent: str) -> None:
    text = f"- item\n{indent}<!-- archcalc:begin list -->\n{indent}<!-- archcalc:end -->\n"
    after = fill(text, "markdown", "x\n\ny\n")
    assert f"\n{indent}```console\n{indent}x\n\n{indent}y\n{indent}```\n{indent}<!-- archcalc:end -->\n" in after
    assert fill(after, "markdown", "x\n\ny\n") == after


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("markdown", "```\n{0}\n```\n"),
        ("markdown", "~~~ md\n{0}\n```\n{0}\n~~~~\n"),
        ("markdown", "`````\n````\n{0}\n`````\n"),
        ("markdown", "- ```\n  {0}\n  ```\n"),
        ("markdown", "> ```\n> x\n> ```\n    {0}\n"),
        ("markdown", "    {0}\n"),
        ("markdown", "text {0}\n"),
        ("markdown", "```\n{0}\n"),
        ("rst", "As here::\n\n   {0}\n\n   x\n"),
        ("rst", ".. code-block:: rst\n\n   {0}\n"),
        ("rst", "  ::\n\n     {0}\n"),
        ("latex", "\\begin{{verbatim}}\n{0}\n\\end{{verbatim}}\n"),
        ("latex", "\\begin{{lstlisting}}[x]\n{0}\n\\end{{lstlisting}}\n"),
        ("latex", "text {0}\n"),
        ("latex", "\\verb|x| \\begin{{verbatim}}\n{0}\n\\end{{verbatim}}\n"),
        ("latex", "see \\begin{{verbatim}}\n{0}\n\\end{{verbatim}}\n"),
        ("latex", "\\begin{{filecontents}}{{a.tex}}\n{0}\n\\end{{filecontents}}\n"),
    ],
)
def test_a_fence_in_a_code_block_is_text(markup: Markup, text: str) -> None:
    shown = text.format(BEGIN[markup].format("show gpt2"))
    assert parse(shown, markup, "d") == []
    if not shown.startswith("```\n<"):  # a code block that is never closed reaches to the end
        assert only(shown + "\n" + document(markup), markup).words == "show gpt2"


LINES = (
    "text", "", "- item", "  - item", "   - item", "-   wide", "+ a", "1. one", "10) b", "  text", "     text",
    "\ttext", "    code", "```", "  ```", "   ```", "    ```", "      ```", "\t```", "- ```sh", "1. ```", "````",
    "``` a`b", "~~~", "~~~~ sh", "> q", ">", "> ```", "<!-- c", "-->", "# head", "  # head", "* * *", "---",
    "-", "*", "1.", "01) one", "2. two", "-  ", "=", "   -", "<!-- x -->", "  <!-- x -->", "- <!-- c", "    - deep",
    "> - a", "- > ```", "- - ```", ">     x", "-     code", "-\t```", ">\t```", " > ```", "~~~ a`b", "#no", "* *", "-x",
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(st.sampled_from(LINES), max_size=6), st.lists(st.sampled_from(LINES), max_size=2), st.integers(0, 3))
def test_what_a_code_block_is_agrees_with_commonmark(before: list[str], after: list[str], indent: int) -> None:
    marker = " " * indent + "<!-- archcalc:begin list -->"
    text = "\n".join([*before, marker, " " * indent + "<!-- archcalc:end -->", *after, ""])
    code = [token.map for token in MarkdownIt("commonmark").parse(text) if token.type in ("fence", "code_block")]
    line = len(before)
    shown = any(first <= line < last for first, last in filter(None, code))
    assert [fence.line for fence in parse(text, "markdown", "d")] == ([] if shown else [line + 1])


@pytest.mark.parametrize("before", ["- item\n<!-- c -->\n  ```", "-\n\n  ```", "para\n-\n  ```"])
def test_what_ended_above_a_code_block_does_not_hold_it(before: str) -> None:
    assert parse(f"{before}\n{BEGIN['markdown'].format('show gpt2')}\n```\n", "markdown", "d") == []


def test_an_environment_that_is_only_named_opens_nothing() -> None:
    for text in (
        r"\verb|\begin{verbatim}| prints",
        r"as \verb*!\begin{lstlisting}! and",
        r"\lstinline+\begin{minted}+",
    ):
        assert only(f"{text}\n{document('latex')}", "latex").words == "show gpt2"


def test_a_line_of_many_items_is_read_at_once() -> None:
    assert only("* " * 100_000 + "x\n" + "\n" * 100_000 + document("markdown"), "markdown").words == "show gpt2"


def test_ticks_inside_a_line_open_nothing() -> None:
    assert only("```a``` b\n" + document("markdown"), "markdown").line == 3
    assert only(".. note::\n\n   " + document("rst", before="", after="").replace("\n", "\n   "), "rst").indent == "   "


def test_what_is_written_inside_is_no_markup_of_the_document() -> None:
    text = document("markdown", block="```\nnever closed\n") + document("markdown", "list", block="")
    assert [fence.words for fence in parse(text, "markdown", "d")] == ["show gpt2", "list"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (END["markdown"], 'd:1:1: error AC302: this end has no beginning\n  1 | <!-- archcalc:end -->\n    | '
         "^^^^^^^^^^^^^^^^^^^^^ put <!-- archcalc:begin COMMAND --> above it, or take it out"),
        ("<!-- archcalc:begin show gpt2 -->", "d:1:1: error AC302: this fence has no end\n"
         "  1 | <!-- archcalc:begin show gpt2 -->\n    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ "
         "put <!-- archcalc:end --> where its table shall end"),
        ("<!-- archcalc:begin list -->\n<!-- archcalc:begin list -->\n<!-- archcalc:end -->",
         "d:2:1: error AC302: a fence begins inside that of line 1\n"
         "  2 | <!-- archcalc:begin list -->\n    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ put <!-- archcalc:end --> above it"),
        ("<!-- archcalc:begni list -->", "d:1:1: error AC303: archcalc:begni is no fence\n"
         "  1 | <!-- archcalc:begni list -->\n    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ did you mean begin?"),
        ("<!-- archcalc:begin list", 'd:1:1: error AC303: the line ends without "-->"\n'
         "  1 | <!-- archcalc:begin list\n    | ^^^^^^^^^^^^^^^^^^^^^^^^ "
         "write <!-- archcalc:begin COMMAND --> alone on its line"),
        ("<!-- archcalc:begin list --> <!-- archcalc:end -->",
         "d:1:1: error AC303: there is more on the line of a fence\n"
         "  1 | <!-- archcalc:begin list --> <!-- archcalc:end -->\n"
         f"    | {'^' * 50} write <!-- archcalc:begin COMMAND --> alone on its line"),
        ("<!-- archcalc:begin -->", "d:1:1: error AC303: the fence names no command\n"
         "  1 | <!-- archcalc:begin -->\n    | ^^^^^^^^^^^^^^^^^^^^^^^ as in <!-- archcalc:begin show gpt2 -->"),
        ("<!-- archcalc:begin list digest=sha256:12 -->\n<!-- archcalc:end -->",
         "d:1:26: error AC303: the digest cannot be read\n  1 | <!-- archcalc:begin list digest=sha256:12 -->\n"
         "    |                          ^^^^^^^^^^^^^^^^ take it out: archcalc docs writes it, last on the line"),
        ("<!-- archcalc:begin digest=sha256:0123456789ab -->\n<!-- archcalc:end -->",
         "d:1:1: error AC303: the fence names no command\n"
         "  1 | <!-- archcalc:begin digest=sha256:0123456789ab -->\n"
         "    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ put a command before the digest, as in show gpt2"),
    ],
)  # fmt: skip
def test_an_error_names_the_line_and_the_way_out(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(line + "\n", "markdown", "d")
    assert str(caught.value) == message


@pytest.mark.parametrize("markup", MARKUPS)
def test_a_hand_edit_is_told_from_stale_data(markup: Markup) -> None:
    text = fill(document(markup), markup, "671.03\n")
    fence = only(text, markup)
    assert not fence.edited
    assert blocks.is_fresh(fence, blocks.block("671.03\n", "console", fence))
    assert not blocks.is_fresh(fence, blocks.block("671.04\n", "console", fence))
    assert only(text.replace("671.03", "671.04"), markup).edited
    assert not only(document(markup), markup).edited  # never written


@pytest.mark.parametrize("markup", MARKUPS)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_breaks_byte_order_mark_and_a_missing_last_break_are_kept(markup: Markup, end: str) -> None:
    text = "\ufeff" + document(markup, before="", after="last").replace("\n", end)
    after = fill(text, markup, "x\ny\n")
    assert after.startswith("\ufeff" + BEGIN[markup].format("show gpt2 digest=sha256:")[:30])
    assert after.endswith(END[markup] + end + "last")
    assert after.count("\n") == after.count(end)
    assert fill(after, markup, "x\ny\n") == after


def test_a_line_that_would_end_the_fence_is_refused() -> None:
    fence = only(document("latex"), "latex")
    with pytest.raises(ValueError, match="the line of a fence"):
        blocks.block("% archcalc:end\n", "console", fence)
    with pytest.raises(ValueError, match="verbatim"):
        blocks.block("\\end{verbatim}\n", "console", fence)


# Whatever is written in a document

PIECES = (
    *BEGIN.values(), *END.values(), "```", "~~~~", "::", "\\begin{verbatim}", "\\end{verbatim}", " ", "  ", "\t", "\n",
    "\r\n", "\r", "\ufeff", "digest=", "digest=sha256:0123456789ab", "-->", "archcalc:", "show gpt2", "'", "| 1 |",
    "> ", "- ", ".. note::", "\x0c", "\u2028", "%",
)  # fmt: skip
characters = st.text(st.characters(codec="utf-8"), max_size=5)
pieces = st.sampled_from(PIECES) | characters
texts = st.lists(pieces, max_size=30).map("".join)
markups = st.sampled_from(MARKUPS)


@given(texts, markups)
def test_any_text_is_read_or_refused_with_a_place(text: str, markup: Markup) -> None:
    found: list[Fence] = []
    refused: UsageError | None = None
    try:
        found = parse(text, markup, "d")
    except UsageError as error:
        refused = error
    assert refused is None or (str(refused)[:2], refused.code in ("AC302", "AC303")) == ("d:", True)
    ends = [at for fence in found for at in (fence.begin_at, fence.block_at, fence.end_at)]
    assert ends == sorted(ends)
    for fence in found:
        assert text[fence.block_at : fence.end_at].replace("\r\n", "\n") == fence.block


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, Markup]:
    """A document that has fences more often than not."""
    markup = draw(markups)
    end = draw(st.sampled_from(["\n", "\r\n"]))
    begin = draw(st.sampled_from(["", " ", "  "])) + BEGIN[markup].format(draw(st.sampled_from(["list", "show 'a b'"])))
    fence = st.lists(pieces, max_size=5).map(lambda block: f"{end}{begin}{end}{''.join(block)}{end}{END[markup]}{end}")
    return "".join(draw(st.lists(pieces | fence, max_size=12))), markup


@given(documents(), texts, st.sampled_from(["", "console"]))
def test_writing_twice_is_writing_once_and_changes_nothing_outside(
    document: tuple[str, Markup], output: str, language: str
) -> None:
    text, markup = document
    try:
        found = parse(text, markup, "d")
        fresh = [blocks.block(output, language, fence) for fence in found]
    except (UsageError, ValueError):
        return
    after = blocks.rewritten(text, found, fresh)
    again = parse(after, markup, "d")
    assert [fence.words for fence in again] == [fence.words for fence in found]
    assert all(blocks.is_fresh(fence, block) for fence, block in zip(again, fresh, strict=True))
    assert blocks.rewritten(after, again, fresh) == after
    assert outside(after, again) == outside(text, found)


@given(markups, texts, st.text("ab \r\n", max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_any_block_is_replaced(markup: Markup, block: str, around: str, end: str) -> None:
    text = f"{around}\n{BEGIN[markup].format('list')}{end}{block}\n{END[markup]}{end}{around}"
    try:
        (fence,) = parse(text, markup, "d")
    except (UsageError, ValueError):  # the block has lines of fences
        assert "archcalc:" in block
        return
    after = blocks.rewritten(text, [fence], ["x\n"])
    begin = BEGIN[markup].format(f"list digest={fences.digest(chr(120) + chr(10))}")
    assert after == f"{around}\n{begin}{end}x{end}{END[markup]}{end}{around}"


def outside(text: str, found: list[Fence]) -> list[str]:
    """What stands before, between and behind the fences, byte order mark included."""
    starts = [0, *(fence.end_at for fence in found)]
    stops = [*(fence.begin_at for fence in found), len(text)]
    return [text[start:stop] for start, stop in zip(starts, stops, strict=True)]
