"""Typer around one command: only the one that is called is imported and built."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from costmodel.cli import COMMANDS
from costmodel.errors import plain

DASHES = "\0--"  # stands for ``--`` among the arguments: no file is called so


class Command(TyperCommand):
    """A command whose help is plain text, as docs/commands.md shows it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a command that tells revisions from paths the ``--`` between them; no option stands behind it."""
        if getattr(self.callback, "keeps_dashes", False) and "--" in args:
            args.insert(args.index("--"), DASHES)
        return super().parse_args(ctx, args)

    def get_help(self, ctx: Any) -> str:
        """Return usage, what it does, options with defaults, examples, and the trap of the command."""
        intro, examples, trap = _sections(self.help or "")
        arguments = [p for p in self.params if p.param_type_name == "argument"]
        options = [p for p in self.params if p.param_type_name == "option" and not getattr(p, "hidden", False)]
        usage = " ".join(_argument(p) for p in arguments)
        out = [f"Usage: {ctx.command_path} {usage}{' ' if usage else ''}[OPTIONS]", ""]
        out += _wrapped(intro)
        rows = [_option(p) for p in options]
        width = max([20, *(len(left) + 2 for left, _ in rows)])
        out += ["", "Options:", *(f"  {left:<{width}}{right}".rstrip() for left, right in rows)]
        if examples:
            out += ["", "Examples:", *(f"  {text}" for text in examples)]
        if trap:
            out += ["", *_wrapped(trap)]
        return "\n".join(out)


def build(name: str) -> Command:
    """Return a command by its name; its module is imported now."""
    module, _, function = COMMANDS[name].partition(":")
    callback: Callable[..., None] = getattr(import_module(f"costmodel.cli.{module}"), function)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    settings = {"help_option_names": ["--help", "-h"], "obj": {}}  # a new dict for each command that is built
    app.command(name, cls=Command, context_settings=settings, help=callback.__doc__)(callback)
    return typer.main.get_command(app)  # type: ignore[return-value]


def invoke(name: str, arguments: list[str]) -> int:
    """Run a command and return its exit status.

    Raises:
        ArchcalcError: a user's mistake; typer's own usage errors pass too.
    """
    command = build(name)
    try:
        with command.make_context(f"archcalc {name}", list(arguments)) as context:
            result = command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    return result if isinstance(result, int) else 0


def usage_error(error: Any) -> str:
    """Return typer's usage error in our words."""
    from costmodel.errors import UsageError, did_you_mean, quote

    context = getattr(error, "ctx", None)
    path = context.command_path if context else "archcalc"
    help_ = f"All options: {path} --help"
    kind = type(error).__name__
    if kind == "NoSuchOption":
        known = [name for p in context.command.params for name in p.opts] if context else []
        near = did_you_mean(error.option_name, known)
        found = UsageError(
            f"there is no option {quote(error.option_name)}", hint=f"{f'{near} ' if near else ''}{help_}"
        )
    elif kind == "MissingParameter" and error.param is not None:
        found = UsageError(f"{_wanted(error.param)} is missing", hint=f"{path} --help shows examples")
    elif kind == "BadOptionUsage":
        found = UsageError(f"{error.option_name}: a value is missing or too much", hint=help_)
    else:
        text = plain(error.format_message()).rstrip(".")
        found = UsageError(text[:1].lower() + text[1:], hint=help_)
    return str(found)


def _sections(text: str) -> tuple[str, list[str], str]:
    """Split a docstring into what comes before its examples, the examples, and what follows."""
    from inspect import cleandoc

    before, _, rest = cleandoc(text).partition("\nExamples:\n")
    lines = rest.splitlines()
    count = next((i for i, one in enumerate(lines) if not one.strip()), len(lines))
    return before.strip(), [one.strip() for one in lines[:count]], "\n".join(lines[count:]).strip()


def _wrapped(text: str) -> list[str]:
    """Return paragraphs of at most 80 columns, indented by two."""
    from textwrap import wrap

    out: list[str] = []
    for paragraph in text.split("\n\n"):
        out += [""] if out else []
        out += [f"  {row}" for row in wrap(paragraph, 78, break_long_words=False, break_on_hyphens=False)]
    return out


def _argument(param: Any) -> str:
    """Return an argument as usage shows it: ARCH, ARCH..., [FILTER]."""
    name = param.metavar or param.name.upper()
    many = "..." if param.nargs == -1 else ""
    return f"{name}{many}" if param.required else f"[{name}{many}]"


def _wanted(param: Any) -> str:
    """Return a parameter as it is typed."""
    long = next((name for name in param.opts if name.startswith("--")), "")
    return f"{long} {param.metavar}" if long else _argument(param)


def _option(param: Any) -> tuple[str, str]:
    """Return an option and its sentence with the default."""
    names = ", ".join(sorted(param.opts, key=len))
    metavar = "" if param.is_flag or getattr(param, "count", False) else f" {param.metavar or 'TEXT'}"
    default = param.default
    shown = default not in (None, False, 0, (), []) and param.show_default is not False
    return names + metavar, (param.help or "") + (f"  [default: {default}]" if shown else "")
