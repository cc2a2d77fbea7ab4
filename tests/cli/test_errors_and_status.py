"""What a user can do wrong: exit 2, a message on stderr with a way out, never a traceback."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import costmodel
from costmodel.cli import run

ROOT = Path(costmodel.__file__).parent.parent
MISTAKES = {
    ("shw",): ('there is no command "shw"', "did you mean show?"),
    ("--frobnicate",): ('there is no option "--frobnicate"', "archcalc --help"),
    ("show",): ("ARCH is missing", "archcalc show --help"),
    ("show", "deepseek-v33"): ('no architecture "deepseek-v33"', "did you mean deepseek-v3"),
    ("show", "deepseek"): ('"deepseek" is the beginning of', "All names: archcalc list"),
    ("show", "gpt2", "--contxt", "4Ki"): ('there is no option "--contxt"', "did you mean --context?"),
    ("show", "gpt2", "more"): ("unexpected extra argument", "archcalc show --help"),
    ("show", "gpt2", "--page"): ("--page", "--help"),
    ("show", "gpt2", "--context", ""): ("there is no context", "4Ki"),
    ("show", "gpt2", "--context", "x"): ('--context: "x" is not a count', "128Ki"),
    ("show", "gpt2", "--context", "0"): ("--context", "from 1 to 2^60"),
    ("show", "gpt2", "--context", "-5"): ("--context", "0 or more"),
    ("show", "gpt2", "--context", "1.5"): ("--context", "exactly"),
    ("show", "gpt2", "--context", "9" * 5000): ("--context", "is not a count"),
    ("show", "gpt2", "--context", "131,072"): ('--context: "072" starts with 0', "131072"),
    ("show", ""): ('no architecture ""', "archcalc list"),
    ("show", "gpt2.yaml"): ("there is no such file", "did you mean gpt2 of the catalog?"),
    ("show", "./gpt2"): ("there is no such file", "did you mean gpt2 of the catalog?"),
    ("show", "gpt2", "--specs", "no-such-folder"): ('--specs "no-such-folder" is not a folder', "spec files"),
    ("list", "--specs", "no-such-folder"): ('--specs "no-such-folder" is not a folder', "spec files"),
    ("flops", "t5-small", "--source", "5", "--source-new", "9"): ("--source-new 9 is more", "source of 5"),
    ("show", "gpt2", "--dtype", "9" * 5000): ('there is no dtype "9999', '9..."'),
    ("show", "gpt2", "--dtype", "fp9"): ('there is no dtype "fp9"', "bf16"),
    ("show", "gpt2", "--dtype", "kw=fp8"): ('there is no dtype role "kw"', "roles"),
    ("show", "gpt2", "--with", "mtp"): ('gpt2 has no component "mtp"', "it has none"),
    ("show", "gpt2", "--attention", "some"): ("--attention is causal or full", "some"),
    ("show", "gpt2", "--logits", "none"): ("--logits is all or last", "none"),
    ("show", "gpt2", "--mla", "folded"): ("--mla is auto, absorbed", "folded"),
    ("show", "gpt2", "--format", "xml"): ("--format is table, json, markdown, csv, latex or html", "xml"),
    ("show", "gpt2", "--units", "imperial"): ("--units is si or iec", "imperial"),
    ("show", "./no-such.yaml"): ("no-such.yaml", "no such file"),
    ("compare", "gpt2"): ("compare takes two models or more", "archcalc compare"),
    ("compare", "gpt2", "gpt-4"): ("the architecture of gpt-4 is not published", "archcalc show gpt-4"),
    ("flops", "gpt-4"): ("the architecture of gpt-4 is not published", "archcalc show gpt-4"),
    ("cache", "gpt-4"): ("the architecture of gpt-4 is not published", "archcalc show gpt-4"),
    ("flops", "gpt2", "--new", "0"): ("--new", "from 1 to 2^60"),
    ("flops", "gpt2", "--cached", "-1"): ("--cached", "0 or more"),
    ("compare", "gpt2", "phi-4", "--columns", "toal"): ('there is no column "toal"', "did you mean total?"),
    ("compare", "gpt2", "phi-4", "--columns", "cache"): ("cache needs a context", "cache@128Ki"),
    ("compare", "gpt2", "phi-4", "--columns", "total@4Ki"): ("total has no context", "write total"),
    ("compare", "gpt2", "phi-4", "--sort", "speed"): ("--sort", "columns"),
    ("compare", "gpt2", "phi-4", "--style", "paper"): (
        "--style paper is for markdown, latex, html and csv",
        "--format",
    ),
    ("compare", "gpt2", "phi-4", "--style", "poster"): ("--style is full, paper, card or gallery", "poster"),
    ("compare", "gpt2", "phi-4", "--style", "card", "--format", "csv"): ("one table a model", "--format markdown"),
    ("compare", "gpt2", "phi-4", "--style", "card", "--format", "json"): ("json has every figure", "take --style out"),
    ("compare", "gpt2", "phi-4", "--style", "card", "--transpose"): ("nothing to transpose", "gallery --transpose"),
    ("compare", "gpt2", "phi-4", "--digits", "3"): ("--digits needs --columns or a style", "add --columns"),
    ("compare", "gpt2", "phi-4", "--digits", "0"): ("--digits is a number from 1 to 15", "--digits 3"),
    ("compare", "gpt2", "phi-4", "--columns", "total", "--digits", "3", "--format", "csv"): ("csv is exact", "take"),
    ("show", "gpt2", "--style", "paper"): ("--style is full or card", "archcalc compare gpt2 phi-4 --style paper"),
    ("show", "gpt2", "--style", "poster"): ("--style is full or card", "poster"),
    ("show", "gpt2", "--style", "card", "--format", "json"): ("json has every figure", "take --style out"),
    ("show", "gpt-4", "--style", "card"): ("the architecture of gpt-4 is not published", "archcalc show gpt-4"),
    ("--show-completion", "tcsh"): ('no completion for "tcsh"', "bash"),
    ("show", "\x1b[31mred\u202e"): ('no architecture "[31mred"', "archcalc list"),
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=lambda a: " ".join(a)[:40])
def test_a_mistake(arguments: tuple[str, ...], archcalc) -> None:
    answer = archcalc(*arguments)
    assert answer.status == 2
    assert answer.out == ""
    for part in MISTAKES[arguments]:
        assert part in answer.err
    assert "error" in answer.err.splitlines()[0]
    assert "Traceback" not in answer.err
    assert "\x1b" not in answer.err
    assert len(answer.err.splitlines()) <= 5


def test_an_error_in_a_spec_has_its_place(archcalc, tmp_path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("name: my\nd_model: 64\nvocab_size: 9\nn_layers: 2\nblocks: {a: {kind: ffn, d_f: 3}}\nffn: a\n")
    answer = archcalc("show", str(path))
    assert answer.status == 2
    assert "my.yaml:5:" in answer.err
    assert "error AC" in answer.err
    assert "^" in answer.err


def test_help_is_no_error_and_names_every_option(archcalc) -> None:
    from costmodel.cli import COMMANDS
    from costmodel.cli.app import build

    for name in COMMANDS:
        answer = archcalc(name, "--help")
        assert (answer.status, answer.err) == (0, "")
        assert answer.out.startswith(f"Usage: archcalc {name} ")
        assert "Examples:" in answer.out
        for param in build(name).params:
            if param.param_type_name == "option":
                assert max(param.opts, key=len) in answer.out
        assert archcalc(name, "-h").out == archcalc("help", name).out == answer.out
        assert all(len(row) <= 84 for row in answer.out.splitlines())


def test_examples_of_the_help_run(archcalc, tmp_path, monkeypatch) -> None:
    import shlex

    from costmodel.cli.app import _sections, build

    (tmp_path / "my-model.yaml").write_bytes((ROOT / "specs/architectures/gpt2.yaml").read_bytes())
    for folder in ("proposals", "specs", "docs", "designs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "designs" / "small.yaml").write_text("base: llama-3.1-8b\nname: small\nn_layers: 16\n")
    limit = "version: 1\nbudgets: [{match: 'designs/*', rules: {params.total: {max: 10B}}}]\n"
    (tmp_path / "archcalc.budgets.yaml").write_text(limit)
    (tmp_path / "README.md").write_text("<!-- archcalc:begin list gpt2 -->\n<!-- archcalc:end -->\n")
    monkeypatch.chdir(tmp_path)
    others = ("explain", "schema", "reference", "docs", "check", "lock", "diff")
    for name in ("list", "show", "compare", "flops", "cache", *others):
        examples = _sections(build(name).help or "")[1]
        assert examples
        for example in examples:
            program, *arguments = shlex.split(example)
            assert program == "archcalc"
            assert archcalc(*arguments).status == 0, example
    (tmp_path / "my-model.yaml").unlink()
    for example in _sections(build("init").help or "")[1]:
        assert archcalc(*shlex.split(example)[1:]).status == 0, example


def test_a_file_of_that_name_is_offered(archcalc, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert archcalc("init", "my-model").status == 0
    answer = archcalc("show", "my-model")
    assert answer.status == 2
    assert "did you mean the file? archcalc show ./my-model.yaml" in answer.err
    assert archcalc("show", "./my-model.yaml").status == 0


def test_a_decimal_context_is_warned_about(archcalc) -> None:
    answer = archcalc("cache", "gpt2", "--context", "128k,4Ki", "--format", "csv")
    assert answer.status == 0
    assert answer.err == "warning AC110: --context 128k is 128,000 tokens; 128Ki is 131,072\n"
    assert "\ngpt2,published,128000," in answer.out
    assert archcalc("cache", "gpt2", "--context", "128Ki").err == ""
    assert "--new 4k" in archcalc("flops", "gpt2", "--new", "4k").err
    assert "--source 4k is 4,000" in archcalc("show", "t5-small", "--source", "4k").err


def test_our_bug_asks_for_a_report(archcalc, monkeypatch) -> None:
    import costmodel.report.show

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret \x1b[31m")

    monkeypatch.setattr(costmodel.report.show, "show", broken)
    answer = archcalc("show", "gpt2")
    assert answer.status == 3
    assert "a bug in archcalc: ZeroDivisionError" in answer.err
    assert "please report it" in answer.err
    assert costmodel.__version__ in answer.err
    assert "archcalc show gpt2" in answer.err
    assert "Traceback" not in answer.err
    assert "\x1b" not in answer.err
    shown = archcalc("show", "gpt2", env={"ARCHCALC_TRACEBACK": "1"})
    assert "Traceback" in shown.err


def test_interrupt(archcalc, monkeypatch) -> None:
    import costmodel.report.show

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(costmodel.report.show, "show", interrupted)
    answer = archcalc("show", "gpt2")
    assert (answer.status, answer.out, answer.err) == (130, "", "")


def process(*arguments: str, **options) -> subprocess.Popen:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.Popen([sys.executable, "-m", "costmodel", *arguments], env=env, **options)


def test_a_closed_pipe_is_quiet() -> None:
    read, write = os.pipe()
    os.close(read)
    with process("list", stdout=write, stderr=subprocess.PIPE) as child:
        os.close(write)
        assert child.stderr is not None
        assert child.stderr.read() == b""
    assert child.returncode == 141


@pytest.mark.parametrize("arguments", [("show", "gpt2"), ("schema",), ("--help",), ("cache", "--help"), ("--version",)])
def test_a_stdout_that_was_never_open_is_quiet(arguments: tuple[str, ...]) -> None:
    with process(*arguments, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1)) as child:
        assert child.stderr is not None
        assert child.stderr.read() == b""
    assert child.returncode == 141


def test_a_file_is_written_where_stdout_and_stderr_are_closed(tmp_path) -> None:
    path = tmp_path / "out.csv"
    with process(
        "cache",
        "gpt2",
        "--context",
        "4k",
        "--format",
        "csv",
        "--out",
        str(path),
        preexec_fn=lambda: os.closerange(1, 3),
    ) as child:
        pass
    assert child.returncode == 0
    assert "\ngpt2,published,4000," in path.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_messages_that_cannot_be_written_change_no_answer_and_no_status() -> None:
    for arguments, status in ((("show", "nothing"), 2), (("cache", "gpt2", "--context", "4k"), 0)):
        with Path("/dev/full").open("wb") as full, process(*arguments, stdout=subprocess.PIPE, stderr=full) as child:
            assert child.stdout is not None
            assert bool(child.stdout.read()) is (status == 0)
        assert child.returncode == status


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said() -> None:
    with Path("/dev/full").open("wb") as full, process("show", "gpt2", stdout=full, stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        assert child.stderr.read() == b"error: cannot write: no space left on device\n"
    assert child.returncode == 2


@pytest.mark.skipif(sys.platform != "linux", reason="pipes of one page are a Linux thing")
def test_an_interrupt_signal_ends_quietly() -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, 1031, 4096)  # F_SETPIPE_SZ: too small for the answer, so the program waits for us

    def heed() -> None:
        # A shell that runs the tests in the background lets them, and their children, ignore it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with process("list", "--format", "json", stdout=write, stderr=subprocess.PIPE, preexec_fn=heed) as child:
        os.close(write)
        assert select.select([read], [], [], 60)[0]
        child.send_signal(signal.SIGINT)
        assert child.stderr is not None
        assert child.stderr.read() == b""
    os.close(read)
    assert child.returncode == 130


def on_terminal(*arguments: str, env: dict[str, str]) -> str:
    """Return what a program writes to a real terminal of 80 columns."""
    master, slave = pty.openpty()
    with process(*arguments, stdout=slave, stderr=slave, stdin=slave, env=env) as child:
        os.close(slave)
        found = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            found += part
        child.wait()
    os.close(master)
    return found.decode("utf-8").replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("env", "colored"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"TERM": "xterm", "CLICOLOR": "0"}, False),
    ],
)
def test_colours_of_a_terminal(env: dict[str, str], colored: bool) -> None:
    base = {"COLUMNS": "80", "NO_COLOR": "", "FORCE_COLOR": "", "CLICOLOR": "", "CLICOLOR_FORCE": "", "LC_ALL": ""}
    out = on_terminal("compare", "gpt2", "llama4", env=base | env)
    assert ("\x1b[" in out) is colored
    assert "next: " in out
    codes = {code for part in out.split("\x1b[")[1:] for code in part.partition("m")[0].split(";")}
    assert codes <= {"0", "1", "2", "33", "35", "36"}  # bold, dim, yellow, magenta, cyan; no background, no blue


def test_colour_can_be_forced_into_a_pipe(archcalc) -> None:
    plain = archcalc("show", "gpt2")
    forced = archcalc("show", "gpt2", env={"FORCE_COLOR": "1"})
    assert "\x1b[1m" in forced.out
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", forced.out) == plain.out
    assert "\x1b" not in archcalc("show", "gpt2", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).out


def test_run_returns_and_main_exits(capsys, monkeypatch) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"archcalc {costmodel.__version__}\n"
    from costmodel.cli import main

    monkeypatch.setattr(sys, "argv", ["archcalc", "nothing"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2


def test_completion(archcalc) -> None:
    assert archcalc("--complete", "co").out == "compare\n"
    assert "gemma-3-27b\n" in archcalc("--complete", "compare", "gpt2", "gemma").out
    assert archcalc("--complete", "show", "--con").out == "--context\n"
    assert archcalc("--complete", "nothing", "x").out == ""
    assert archcalc("--complete", "fit", "gpt2", "-H", "h100-n").out == "h100-nvl\n"
    assert archcalc("--complete", "hardware", "co").out == "compare\n"
    assert archcalc("--complete", "hardware", "show", "mi2").out == "mi250x\n"
    for shell in ("bash", "zsh", "fish"):
        assert "archcalc --complete" in archcalc("--show-completion", shell).out
