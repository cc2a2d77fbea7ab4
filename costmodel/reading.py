"""Reading files that users name: regular ones of bounded size, within the folders that may be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from costmodel.errors import SpecError, UnknownSpecError, plain
from costmodel.nodes import Source
from costmodel.yaml_events import MAX_BYTES, too_large

_FOLDERS: ContextVar[tuple[Path, ...] | None] = ContextVar("folders", default=None)
_FILES: ContextVar[set[Path] | None] = ContextVar("files", default=None)


@contextmanager
def confined(*folders: Path) -> Iterator[None]:
    """Read nothing but files in some folders, wherever links lead, while this lasts."""
    token = _FOLDERS.set(tuple(folder.resolve() for folder in folders))
    try:
        yield
    finally:
        _FOLDERS.reset(token)


@contextmanager
def recorded() -> Iterator[set[Path]]:
    """Give the files that are read while this lasts, so that none of them is written over."""
    files: set[Path] = set()
    token = _FILES.set(files)
    try:
        yield files
    finally:
        _FILES.reset(token)


def is_confined() -> bool:
    """Say whether only some folders may be read: a document asks, which anybody may have written."""
    return _FOLDERS.get() is not None


def check_confined(path: Path, where: str) -> None:
    """Raise SpecError for a file outside of the folders that may be read; every file that is read passes here."""
    folders, files = _FOLDERS.get(), _FILES.get()
    if files is not None:
        files.add(path.resolve())
    if folders is not None and not any(path.resolve().is_relative_to(folder) for folder in folders):
        raise SpecError("the file lies outside of what may be read here", "AC305", where)


def is_file(path: Path) -> bool:
    """Say whether a regular file is there; never where the name cannot be one."""
    return stat.S_ISREG(_mode(path))


def is_folder(path: Path) -> bool:
    """Say whether a folder is there; never where the name cannot be one."""
    return stat.S_ISDIR(_mode(path))


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):  # too long, not allowed, a NUL
        return 0


@contextmanager
def opened(path: Path, where: str | None = None, *, follow: bool = True) -> Iterator[BinaryIO]:
    """Give a regular file to read. ``follow=False`` refuses a symbolic link.

    Raises:
        UnknownSpecError: no such file.
        SpecError: no regular file, or not readable.
    """
    where = plain(where or str(path))
    check_confined(path, where)
    # O_NONBLOCK: opening a pipe must not wait for its writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    try:
        if not follow and path.is_symlink():  # systems without O_NOFOLLOW, and a clear message
            raise SpecError("the file is a symbolic link", "AC001", where, "name the file itself")
        try:
            descriptor = os.open(path, flags)
        except ValueError:  # a NUL in the name
            raise UnknownSpecError("this is no name of a file", "AC001", where) from None
        try:
            kind = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(kind):
                what = "a folder" if stat.S_ISDIR(kind) else "no regular file"
                raise SpecError(f"this is {what}", "AC001", where, "name a spec file")
            with open(descriptor, "rb", closefd=False) as file:
                yield file
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        raise UnknownSpecError("there is no such file", "AC001", where) from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise SpecError(f"the file cannot be read: {reason}", "AC001", where) from None


def read_bytes(path: Path, where: str | None = None, *, follow: bool = True, most: int = MAX_BYTES) -> bytes:
    """Read a regular file of at most ``most`` bytes. ``follow=False`` refuses a symbolic link.

    Raises:
        UnknownSpecError: no such file.
        SpecError: no regular file, too large, or not readable.
    """
    with opened(path, where, follow=follow) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise too_large(plain(where or str(path)), most)
    return content


def to_text(content: bytes, where: str) -> str:
    """Decode UTF-8, with or without a byte order mark.

    Raises:
        SpecError: UTF-16, UTF-32, or bytes that are no UTF-8.
    """
    hint = "save the file as UTF-8"
    if content.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        raise SpecError("the file is UTF-16 or UTF-32, not UTF-8", "AC002", plain(where), hint)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        source = Source(where, content.decode("latin-1"))
        line, column = source.position(error.start)
        message = f"byte 0x{content[error.start]:02X} is not UTF-8"
        raise source.error("AC002", message, hint, line=line, column=column, end=column + 1) from None
