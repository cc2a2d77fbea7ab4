"""A CSV file as columns of texts, plain or gzipped: all rows at once, for files of a hundred thousand rows."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path

from costmodel.errors import UsageError, plain
from costmodel.loader import check_confined

MAX_BYTES = 512 * 2**20  # uncompressed
# Header, columns, rows as they were written (None where values are quoted), numbers of blank lines.
Columns = tuple[list[str], list[Sequence[str]], "list[str] | None", list[int]]


def columns_of(path: Path, where: str) -> Columns:
    """Read a file; messages call it ``where``.

    Raises:
        UsageError: it cannot be read, is too large, is empty, or a row has more or fewer values than the header.
    """
    text = _text(path, where)
    return _plain_columns(text, where) if '"' not in text else _quoted_columns(text, where)


def _text(path: Path, where: str) -> str:
    check_confined(path, where)
    if path.is_fifo():  # opening it would wait for its writer
        raise UsageError(f"{where} is no regular file")
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with (gzip.open if packed else open)(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError) as error:
        reason = (getattr(error, "strerror", None) or str(error) or "it is cut short").lower()
        raise UsageError(f"{where} cannot be read: {reason}") from None
    except Exception as error:  # zlib's own, where the middle of a file is damaged
        raise UsageError(f"{where} cannot be read: {plain(str(error))[:80].lower()}") from None
    if len(content) > MAX_BYTES:
        raise UsageError(f"{where} is larger than {MAX_BYTES:,} bytes", hint="split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{where} is no text in UTF-8", hint="name a CSV, one kernel a row") from None


def _plain_columns(text: str, where: str) -> Columns:
    """Return header, columns, rows and blank lines of a text without quotes, cut at its commas all at once."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blank = [number for number, line in enumerate(lines, 1) if not line]
    if blank:
        lines = [line for line in lines if line]
    if not lines:
        raise _empty(where)
    header, body = lines[0].split(","), lines[1:]
    width = len(header)
    if set(map(str.count, body, repeat(","))) - {width - 1}:
        row = next(i for i, line in enumerate(body) if line.count(",") != width - 1)
        raise _ragged(where, row, body[row].count(",") + 1, width, blank)
    flat = ",".join(body).split(",") if body else []
    return header, [flat[column::width] for column in range(width)], body, blank


def _quoted_columns(text: str, where: str) -> Columns:
    """Return the same of a text with quotes, where a comma or the end of a line may be part of a value."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise UsageError(f"{where} is not CSV: {plain(str(error))[:80]}") from None
    blank = [number for number, row in enumerate(rows, 1) if not row]
    rows = [row for row in rows if row]
    if not rows:
        raise _empty(where)
    header, *body = rows
    for number, row in enumerate(body):
        if len(row) != len(header):
            raise _ragged(where, number, len(row), len(header), blank)
    return header, list(zip(*body, strict=True)) if body else [()] * len(header), None, blank


def _empty(where: str) -> UsageError:
    return UsageError(f"{where} is empty", hint="a header and rows, as in benchmarks/measured")


def _ragged(where: str, row: int, values: int, columns: int, blank: Sequence[int]) -> UsageError:
    return UsageError(f"{where}:{line_of(row, blank)}: {values} values under {columns} columns")


def line_of(row: int, blank: Sequence[int]) -> int:
    """Return the line of a file that holds a row, both counted as people do: the header is line 1."""
    number = row + 2
    for one in blank:
        number += one <= number
    return number
