"""The commands of fences, run in this process: a table of what they may be, no shell, nothing that writes."""

from __future__ import annotations

import io
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from costmodel.catalog import spec_root
from costmodel.cli import COMMANDS, dispatch, say
from costmodel.documents.blocks import block
from costmodel.documents.code_blocks import Markup
from costmodel.documents.docs import Filled
from costmodel.documents.documents import Document, leaves
from costmodel.documents.fences import Fence, error
from costmodel.errors import ArchcalcError, UsageError, count_of, did_you_mean, quote
from costmodel.loader import confined

TABLE = "table"  # table FILE.csv: a word of fences alone
SAFE = (
    "list", "show", "compare", "flops", "cache", "explain", "roofline", "serve", "fit", "kernel", "hardware",
    "schema", "reference", "check", "diff", "claims",
)  # fmt: skip
_REMOTE = re.compile(r"(?:^|[=,\s])hf:")
_WRITE = ("--out", "--output")
_HELP = ("--help", "-h")
_TOLD = 5  # places of further errors
_RAW = {"markdown": ("markdown", "html"), "rst": (), "latex": ("latex",)}
_ENVIRONMENT = {"NO_COLOR": "1", "COLUMNS": "80", "LC_ALL": "C.UTF-8"}
_CLEARED = ("ARCHCALC_", "FORCE_COLOR", "CLICOLOR")


@dataclass(eq=False)
class CommandError(UsageError):
    """The command of a fence fails; ``said`` is what it says."""

    said: str = ""

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.said}"


class Runner:
    """Runs the commands of fences, each once."""

    def __init__(self) -> None:
        self._printed: dict[tuple[Path, tuple[str, ...]], str] = {}
        self._root: Path | None = None

    def filled(self, documents: Iterable[Document]) -> list[Filled]:
        """Return documents with what shall stand in their fences.

        Raises:
            UsageError: AC303 to AC306: a command cannot be read, is not allowed, reaches outside or
                fails; AC309: what it prints cannot stand there. The first is told in full, of the
                others where they are.
        """
        failed: list[UsageError] = []
        found = [(document, list(self._blocks(document, failed))) for document in documents]
        if failed:
            raise _told(failed)
        return found

    def _blocks(self, document: Document, failed: list[UsageError]) -> Iterator[str]:
        for fence in document.fences:
            try:
                yield self._block(fence, _Place(document, fence))
            except UsageError as error:
                failed.append(error)

    def _block(self, fence: Fence, place: _Place) -> str:
        words = _words(fence, place)
        if words[0] == TABLE:
            language, output = "", self._table(words, fence.markup, place)
        else:
            language = _language(words, fence.markup)
            output = self._run(words, place)
            if language == "console":
                output = f"$ archcalc {fence.words}\n{output}"
        try:
            return block(output, language, fence)
        except ValueError as reason:
            raise place.error("AC309", f"what the command prints cannot stand here: {reason}") from None

    def _table(self, words: list[str], markup: Markup, place: _Place) -> str:
        from costmodel.render.csv_table import csv_table

        if len(words) != 2:
            hint = "as in table docs/data/errors.csv"
            raise place.error("AC304", f"table takes one CSV file, not {len(words) - 1}", hint=hint)
        try:
            return csv_table(place.document.root / words[1], words[1], markup)
        except ArchcalcError as failed:
            raise place.failed(str(failed)) from None

    def _run(self, words: list[str], place: _Place) -> str:
        root = place.document.root
        key = (root, tuple(words))
        if key not in self._printed:
            if root != self._root:  # a relative folder of specs is another one there
                from costmodel.catalog import forget

                forget()
                self._root = root
            self._printed[key] = _output(words, place)
        return self._printed[key]


@dataclass(slots=True)
class _Place:
    """A fence in its document, for errors."""

    document: Document
    fence: Fence

    def error(self, code: str, message: str, word: str | None = None, hint: str | None = None) -> UsageError:
        """Return an error at a word of the command, or at the whole command."""
        return error(code, message, self.document.name, self.fence.line, *self._mark(word), hint)

    def failed(self, said: str) -> CommandError:
        """Return the error of a command that fails, with what it says below."""
        at = self.error("AC306", "the command of this fence fails")
        return CommandError(at.message, at.code, at.where, excerpt=at.excerpt, said=said)

    def _mark(self, word: str | None) -> tuple[str, int, int]:
        fence = self.fence
        text = self.document.text[fence.begin_at : fence.block_at].removeprefix("\ufeff").rstrip("\r\n")
        start = text.find(fence.words, fence.column)
        at = fence.words.find(word) if word else -1
        return (text, start + at, len(word)) if word and at >= 0 else (text, start, len(fence.words))


def _told(failed: list[UsageError]) -> UsageError:
    """Return the first error, with the places of the others."""
    first, *others = failed
    if others:
        places = [str(error.where).rpartition(":")[0] for error in others]
        more = f", and {len(places) - _TOLD} more" if len(places) > _TOLD else ""
        verb = "fails" if len(others) == 1 else "fail"
        note = f"{count_of(len(others), 'more fence')} {verb}: {', '.join(places[:_TOLD])}{more}"
        if isinstance(first, CommandError):
            first.said += f"\n  {note}"
        else:
            first.note = note
    return first


def _words(fence: Fence, place: _Place) -> list[str]:
    """Return the words of a command that may be run."""
    try:
        words = shlex.split(fence.words)
    except ValueError:
        raise place.error("AC303", "a quotation mark or a backslash has no partner", hint="close it") from None
    if not words:
        raise place.error("AC303", "the fence names no command", hint="as in archcalc:begin show gpt2")
    first, rest = words[0], words[1:]
    helps = first in ("help", *_HELP) or (first in COMMANDS and len(rest) == 1 and rest[0] in _HELP)
    if first not in (*SAFE, TABLE) and not helps:
        known = f"fences take {', '.join((*SAFE, TABLE))}"
        if first in COMMANDS:
            message = f"a document may not run {first}: fences only look and count"
        elif first == "archcalc":
            message, known = "the command stands without archcalc", "take the word out"
        else:
            message = f"there is no command {quote(first)}"
            known = did_you_mean(first, (*SAFE, TABLE)) or known
        raise place.error("AC304", message, first, known)
    for word in rest:
        if word.partition("=")[0] in _WRITE:
            raise place.error("AC305", "a document may not write files", word, f"take {word.partition('=')[0]} out")
        if _REMOTE.search(word):
            raise place.error("AC305", "a document may not read from the network", word, "import it into a spec first")
        if first == "diff" and (word == "--" or ":" in word or ".." in word):
            raise place.error("AC305", "a document may not read revisions", word, "compare files or names")
        if leaves(word, place.document.root):
            hint = "name a file of the repository, from its root"
            raise place.error("AC305", f"{quote(word)} leaves the folder of the document's repository", word, hint)
    return words


def _language(words: list[str], markup: Markup) -> str:
    """Return the language of the code block that holds an output, ``""`` where it is markup of the document."""
    if words[0] in ("help", *_HELP) or any(word in _HELP for word in words):
        return "console"
    form = "json" if words[0] == "schema" else "table"
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word == "--format":
            form = after
        elif word.startswith("--format="):
            form = word.partition("=")[2]
    if form == "table":
        return "console"
    return "" if form in _RAW[markup] else form


def _output(words: list[str], place: _Place) -> str:
    """Return what a command prints to a pipe; its warnings go to stderr, with the fence before them."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)
    err = io.StringIO()
    try:
        root = place.document.root
        with chdir(root), _environment(), confined(root, spec_root()), redirect_stdout(out), redirect_stderr(err):
            status = dispatch(words)
    except ArchcalcError as failed:
        if isinstance(failed, UsageError) and failed.code == "AC305":  # revisions, which only diff knows from names
            raise place.error("AC305", failed.message, hint=failed.hint) from None
        raise place.failed(str(failed)) from None
    except Exception as failed:
        if not hasattr(failed, "format_message"):  # typer's own are the user's mistakes
            raise
        from costmodel.cli.app import usage_error

        raise place.failed(usage_error(failed)) from None
    if status:
        raise place.failed(f"it ends with status {status}")
    for row in err.getvalue().splitlines():
        say(f"{place.document.name}:{place.fence.line}: {row}")
    out.seek(0)
    return out.read()


@contextmanager
def _environment() -> Iterator[None]:
    """Set the environment in which a command prints the same everywhere."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(_CLEARED):
            del os.environ[name]
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
