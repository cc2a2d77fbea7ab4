"""The command ``archcalc``: the way in, the table of commands, and how errors end.

What is imported here is imported by every call; the version and the root page need nothing else.
"""

from __future__ import annotations

import io
import os
import sys

# Command -> module and function. A module is imported only when its command is called.
COMMANDS = {
    "list": "list_:list_",
    "show": "show:show",
    "compare": "compare:compare",
    "flops": "flops:flops",
    "cache": "cache:cache",
    "explain": "explain:explain",
    "roofline": "roofline:roofline",
    "serve": "serve:serve",
    "fit": "fit:fit",
    "kernel": "kernel:kernel",
    "hardware": "hardware:hardware",
    "calibrate": "calibrate:calibrate",
    "schema": "schema:schema",
    "verify": "verify:verify",
    "reference": "reference:reference",
    "docs": "docs:docs",
    "init": "init:init",
    "import": "import_:import_",
    "check": "check:check",
    "lock": "lock:lock",
    "diff": "diff:diff",
    "claims": "claims:claims",
}
GROUPS = {
    "look": ("list", "show", "compare", "flops", "cache", "explain"),
    "run": ("roofline", "serve", "fit", "kernel", "hardware", "calibrate"),
    "design": ("init", "import", "verify", "schema"),
    "gate": ("check", "lock", "diff"),
    "publish": ("docs", "reference", "claims"),
}
ROOT = """\
archcalc  what a language model costs: parameters, FLOPs, cache, time

  archcalc show deepseek-v3                 one architecture on one screen
  archcalc compare deepseek-v3 llama4       side by side, differences marked
  archcalc explain gemma-3-27b cache        how a figure came about
  archcalc serve gemma-3-27b -H h100-sxm    times, batches, limits on a device

{groups}

archcalc COMMAND --help     archcalc list     archcalc explain --words
"""
_FINE, _MISTAKE, _OURS, _INTERRUPTED, _CLOSED = 0, 2, 3, 130, 141


def main() -> None:
    """Run the command line and exit with its status."""
    # Python has no stream where the shell closed one (>&-).
    sys.stdout = sys.stdout or _Closed()
    sys.stderr = sys.stderr or _Closed()
    raise SystemExit(run(sys.argv[1:]))


class _Closed(io.TextIOBase):
    """A stream that was closed before the start: like a pipe that nobody reads."""

    encoding = "utf-8"

    def write(self, _: str, /) -> int:
        """Raise BrokenPipeError."""
        raise BrokenPipeError


def run(arguments: list[str]) -> int:
    """Run the command line and return its status.

    0 fine, 1 a check failed, 2 the user's mistake, 3 our bug, 130 interrupted, 141 closed pipe.
    """
    try:
        status = dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop("stdout")
        return _CLOSED
    except KeyboardInterrupt:
        _drop("stdout")
        return _INTERRUPTED
    except Exception as error:
        return _failed(error, arguments)
    return status


def dispatch(arguments: list[str]) -> int:
    """Run one command and return its status.

    Raises:
        ArchcalcError: a user's mistake; typer's own usage errors pass too.
    """
    first = arguments[0] if arguments else "--help"
    if first in ("--version", "-V"):
        from costmodel import __version__

        sys.stdout.write(f"archcalc {__version__}\n")
        return _FINE
    if first in ("--help", "-h", "help") and len(arguments) < 2:
        groups = "\n".join(f"{name:<10}{'  '.join(names)}" for name, names in GROUPS.items())
        sys.stdout.write(ROOT.format(groups=groups))
        return _FINE
    if first in ("--show-completion", "--complete"):
        from costmodel.cli import completion

        return completion.answer(arguments)
    # Plugins of pydantic are searched in the metadata of every installed package; we have none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from costmodel.cli import app

    return app.invoke(*_command(arguments))


def _command(arguments: list[str]) -> tuple[str, list[str]]:
    """Return the command and its arguments; ``help COMMAND`` is ``COMMAND --help``."""
    name, *rest = arguments
    if name in ("--help", "-h", "help"):
        name, rest = rest[0], ["--help"]
    if name in COMMANDS:
        return name, rest
    from costmodel.errors import UsageError, did_you_mean, quote

    what = "option" if name.startswith("-") else "command"
    near = did_you_mean(name, COMMANDS)
    raise UsageError(f"there is no {what} {quote(name)}", hint=f"{f'{near} ' if near else ''}All: archcalc --help")


def _failed(error: Exception, arguments: list[str]) -> int:
    """Say what went wrong on stderr; a traceback only where ARCHCALC_TRACEBACK asks for it."""
    from costmodel.errors import ArchcalcError, plain

    if isinstance(error, ArchcalcError):
        say(str(error))
        return _MISTAKE
    if hasattr(error, "format_message"):  # typer's own: they come through without typer's exit
        from costmodel.cli import app

        say(app.usage_error(error))
        return _MISTAKE
    if isinstance(error, OSError) and error.filename is None and error.errno is not None:
        say(f"error: cannot write: {(error.strerror or 'unknown').lower()}")  # a full disk
        _drop("stdout")
        return _MISTAKE
    from costmodel import __version__

    if os.environ.get("ARCHCALC_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    trace, place = error.__traceback__, "unknown"
    while trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119
        trace = trace.tb_next
    said = plain(str(error))[:200]
    say(
        f"error: a bug in archcalc: {type(error).__name__}: {said} ({place})\n"
        f"  please report it with this: archcalc {__version__}, Python {sys.version.split()[0]},\n"
        f"  archcalc {plain(' '.join(arguments))[:200]}\n"
        "  ARCHCALC_TRACEBACK=1 prints the traceback"
    )
    return _OURS


def _drop(stream: str) -> None:
    """Point stdout or stderr nowhere: what is left in its buffer would fail or wait once more when Python exits."""
    from contextlib import suppress

    with suppress(OSError, ValueError):  # no file behind it: a test, or an embedding program
        os.dup2(os.open(os.devnull, os.O_WRONLY), getattr(sys, stream).fileno())


def say(text: str) -> None:
    """Write to stderr; where that is closed or full there is nobody to tell."""
    try:
        encoding = sys.stderr.encoding or "utf-8"
        sys.stderr.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        _drop("stderr")
