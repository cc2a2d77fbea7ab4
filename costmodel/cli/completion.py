"""Completion of commands, options and names, for bash, zsh and fish."""

from __future__ import annotations

import sys

from costmodel.cli import COMMANDS

_SCRIPTS = {
    "bash": """\
# archcalc --show-completion bash >> ~/.bashrc
_archcalc() {
    local IFS=$'\\n'
    COMPREPLY=($(archcalc --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _archcalc archcalc
""",
    "zsh": """\
# archcalc --show-completion zsh >> ~/.zshrc, after compinit
_archcalc() {
    local -a found
    found=("${(@f)$(archcalc --complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    compadd -a found || _files
}
compdef _archcalc archcalc
""",
    "fish": """\
# archcalc --show-completion fish > ~/.config/fish/completions/archcalc.fish
complete -c archcalc -a '(archcalc --complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
""",
}
# Commands that take names of specs, and an option that takes the name of a device.
_NAMED = ("show", "compare", "flops", "cache", "explain", "init", "list", "roofline", "serve", "fit")
_DEVICE = ("-H", "--hardware")


def answer(arguments: list[str]) -> int:
    """Print the script of a shell, or what may stand at the end of a command line."""
    option, *words = arguments
    if option == "--show-completion":
        from costmodel.errors import UsageError, one_of

        shell = words[0] if words else "bash"
        if shell not in _SCRIPTS:
            raise UsageError(f'there is no completion for "{shell[:48]}"', hint=f"shells: {one_of(_SCRIPTS)}")
        sys.stdout.write(_SCRIPTS[shell])
        return 0
    sys.stdout.write("".join(f"{word}\n" for word in candidates(words or [""])))
    return 0


def candidates(words: list[str]) -> list[str]:
    """Return what may stand in place of the last of ``words``, which follow ``archcalc``."""
    *before, last = words
    if not before:
        found = [*COMMANDS, "--help", "--version"]
    elif before[0] not in COMMANDS:
        found = []
    elif last.startswith("-"):
        from costmodel.cli.app import build

        found = [name for param in build(before[0]).params for name in param.opts if name.startswith("--")]
    elif before[-1] in _DEVICE or before[0] == "hardware":
        from costmodel import catalog
        from costmodel.profiles import SHELF

        found = catalog.names(shelf=SHELF) if len(before) > 1 else ["list", "show", "compare"]
    elif before[0] in _NAMED:
        from costmodel import catalog

        found = catalog.names()
    elif before[0] == "reference":
        from costmodel.report.reference import choices

        found = list(choices(*before[1:2])) if len(before) < 3 else []
    elif before[0] == "claims":
        from costmodel.gate.claims import names

        found = names()
    else:
        found = []
    return [word for word in found if word.startswith(last)]
