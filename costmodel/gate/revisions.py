"""Specs as they were in a git revision: copied to a folder for a while, never checked out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from costmodel.errors import UsageError, plain, quote
from costmodel.gate.files import Copy
from costmodel.reading import is_confined
from costmodel.yaml_events import MAX_BYTES

_MOST = 10_000  # files of a revision
_SECONDS = 120


def common_ancestor(first: str, second: str) -> str:
    """Return the commit where two revisions parted. Raises UsageError where there is none."""
    found = _git("merge-base", commit(first), commit(second), wrong=f"{first} and {second} have no common ancestor")
    return found.decode().strip()


def commit(revision: str) -> str:
    """Return the hash of a revision's commit.

    Raises:
        UsageError: there is no repository here, or no such revision.
    """
    # What starts with a dash would be read as an option.
    wrong = f"there is no revision {quote(revision)}"
    if revision.startswith("-") or not revision.isprintable():
        raise UsageError(wrong)
    hint = "git branch -a lists branches; a shallow clone may lack it: git fetch"
    asked = ("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    return _git(*asked, wrong=wrong, hint=hint).decode().strip()


def is_revision(text: str) -> bool:
    """Say whether a text names a revision of the repository here."""
    try:
        return bool(commit(text))
    except UsageError:
        return False


def repository() -> Path:
    """Return the top folder of the repository here. Raises UsageError where there is none."""
    return Path(
        _git("rev-parse", "--show-toplevel", wrong="there is no working tree of git here").decode().rstrip("\n")
    ).resolve()


def from_here(path: str) -> str:
    """Return a path as ``REV:PATH`` has it, from the top of the repository (or from here with ``./``), from here."""
    if path.startswith(("./", "../")):
        return path
    return os.path.relpath(repository() / path, Path.cwd().resolve())


def ignored(paths: Sequence[Path]) -> set[Path]:
    """Return the files of the working tree that git is told to ignore, or that are another repository's."""
    modules = _submodules() if paths else []
    others = {path for path in paths if any(path.resolve().is_relative_to(module) for module in modules)}
    asked = b"\0".join(os.fsencode(path) for path in paths if path not in others)
    if not asked:
        return others
    found = _git("check-ignore", "-z", "--stdin", wrong="git check-ignore failed", given=asked, fine=(0, 1))
    return others | {Path(os.fsdecode(name)) for name in found.split(b"\0") if name}


def _submodules() -> list[Path]:
    """Return the folders of submodules, whose files git knows nothing of."""
    root = repository()
    listed = _git("-C", str(root), "ls-files", "--stage", "-z", wrong="git ls-files failed").split(b"\0")
    return [root / os.fsdecode(entry.partition(b"\t")[2]) for entry in listed if entry.startswith(b"160000 ")]


def folder_there(folder: Path, top: Path) -> Path:
    """Return a folder of the repository in the copy whose current folder is ``top``; one outside stays."""
    whole = folder.resolve()
    if not whole.is_relative_to(repository()):
        return folder
    return Path(os.path.normpath(top / os.path.relpath(whole, Path.cwd().resolve())))


def check_link(revision: str, path: str) -> None:
    """Raise UsageError where links of the path led elsewhere in a revision than in the working tree."""
    root, whole = repository(), Path(os.path.normpath(Path.cwd().resolve() / path))
    now = Path(path).resolve()
    if not whole.is_relative_to(root) or not now.is_relative_to(root):
        return  # no link that git knows
    then, today = (_followed(commit(revision), one.relative_to(root).as_posix()) for one in (whole, now))
    if then != today and not then.endswith(b" missing") and not then.startswith(b"notdir "):
        hint = f"name what they lead to, as in archcalc diff {revision}:FILE {os.path.relpath(now)}"
        raise UsageError(f"the links of {quote(path)} led elsewhere in {quote(revision)}", hint=hint)


def _followed(whole: str, path: str) -> bytes:
    """Return what git says of a path in a commit, links followed: hash, kind and size, or why there is nothing."""
    asked = os.fsencode(f"{whole}:{path}\n")
    return _git("cat-file", "--batch-check", "--follow-symlinks", wrong="git cat-file failed", given=asked).split(
        b"\n"
    )[0]


@contextmanager
def copied(revision: str, paths: Iterable[str], folders: Sequence[Path] = ()) -> Iterator[Copy]:
    """Give a folder with the YAML files of a revision while it lasts; it is hidden from a search of the current one.

    Copied are those in and beside ``paths`` and in ``folders``, since bases are found there.

    Raises:
        UsageError: there is no repository here, no such revision, or the files are too many.
    """
    whole = commit(revision)
    root = repository()
    here = Path.cwd().resolve().relative_to(root)
    folders = [one.resolve() for one in folders if one.resolve().is_relative_to(root)]
    asked = [_inside(root, Path(path)) for path in (*paths, *map(str, folders))]
    with TemporaryDirectory(prefix=".archcalc-") as name:
        top = Path(name).resolve()
        (top / here).mkdir(parents=True, exist_ok=True)
        for folder in folders:
            (top / _inside(root, folder)).mkdir(parents=True, exist_ok=True)
        entries = list(_entries(whole, root, {_folder(path) for path in asked}))
        if len(entries) > _MOST:
            raise UsageError(f"{quote(revision)} holds more than {_MOST:,} YAML files there", hint="name a folder")
        for path, content in _contents(root, entries):
            target = top / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        yield Copy(top, top / here)


def _inside(root: Path, path: Path) -> PurePosixPath:
    """Return a path from the root of the repository. Raises UsageError where it lies outside."""
    whole = Path(os.path.normpath(Path.cwd().resolve() / path))
    if not whole.is_relative_to(root):
        raise UsageError(f"{quote(str(path))} lies outside the repository", hint="name a path in it")
    return PurePosixPath(whole.relative_to(root).as_posix())


def _folder(path: PurePosixPath) -> PurePosixPath:
    """Return the folder to copy: a file's own, since its base may lie beside it."""
    return path.parent if path.suffix in (".yaml", ".yml") else path


def _entries(whole: str, root: Path, folders: set[PurePosixPath]) -> Iterator[tuple[str, str]]:
    """Yield hash and path of the regular YAML files in folders of a commit."""
    where = sorted(str(folder) for folder in folders)
    listed = _git(
        "-C", str(root), "ls-tree", "-r", "-z", "--full-tree", whole, "--", *where, wrong="git ls-tree failed"
    )
    for entry in listed.split(b"\0"):
        about, _, name = entry.partition(b"\t")
        if about.startswith(b"100") and name.endswith((b".yaml", b".yml")):
            path = name.decode("utf-8", "surrogateescape")
            if ".." not in path.split("/"):
                yield about.split()[2].decode(), path


def _contents(root: Path, entries: Sequence[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content; what is larger than a spec may be is cut just beyond, so that reading it says so."""
    if not entries:
        return
    asked = "".join(f"{name}\n" for name, _ in entries).encode()
    out = _git("-C", str(root), "cat-file", "--batch", wrong="git cat-file failed", given=asked)
    at = 0
    for _, path in entries:
        end = out.index(b"\n", at)
        *_, size_ = out[at:end].split()
        if not size_.isdigit():  # a clone that does not hold every file
            raise UsageError(f"git does not have {quote(path)} of that revision", hint="git fetch --refetch")
        size = int(size_)
        yield path, out[end + 1 : end + 1 + min(size, MAX_BYTES + 1)]
        at = end + 1 + size + 1


def _git(
    *arguments: str, wrong: str, given: bytes | None = None, fine: Sequence[int] = (0,), hint: str | None = None
) -> bytes:
    """Run git, which never asks and never fetches.

    ``fine`` are the statuses of success; ``hint`` is the way out where git says nothing.
    """
    if is_confined():
        raise UsageError("a document may not read revisions", "AC305", hint="compare files or names")
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *arguments], input=given, capture_output=True, timeout=_SECONDS, env=os.environ | quiet, check=False
        )
    except FileNotFoundError:
        raise UsageError("git is not installed", hint="compare two files or folders instead") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git took more than {_SECONDS} seconds") from None
    if done.returncode not in fine:
        said = plain(done.stderr.decode("utf-8", "replace").strip().splitlines()[-1] if done.stderr.strip() else "")
        raise UsageError(wrong, hint=said.removeprefix("fatal: ")[:200] or hint)
    return done.stdout
