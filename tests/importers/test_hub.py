"""``hf:``: a hub is asked only when a user says so, for no more than is needed, and every refusal is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from costmodel.cli import dispatch
from costmodel.errors import ArchcalcError, SpecError, UnknownSpecError, UsageError
from costmodel.loader import confined
from costmodel.report.import_ import import_

from .hub_stand_in import COMMIT, Hub, Repository, running
from .weight_files import LLAMA, Said, header_of, llama

CONFIG = json.dumps(LLAMA).encode()


def weights(tensors: Said, more: int = 0) -> bytes:
    """Return a file of weights; ``more`` bytes of metadata make its header longer."""
    content, size = header_of(tensors)
    if more:
        content = content.replace(b'{"format": "pt"}', json.dumps({"more": "x" * more}).encode())
    return len(content).to_bytes(8, "little") + content + bytes(size)


def halves(tensors: Said) -> dict[str, bytes]:
    """Return the same in two files with their index."""
    names = list(tensors)
    parts = {f"model-0000{n + 1}-of-00002.safetensors": names[n::2] for n in range(2)}
    index = {"weight_map": {name: file for file, inside in parts.items() for name in inside}}
    files = {file: weights({name: tensors[name] for name in inside}) for file, inside in parts.items()}
    return files | {"model.safetensors.index.json": json.dumps(index).encode()}


@pytest.fixture(scope="module")
def running_hub() -> Iterator[Hub]:
    """Run one stand-in for all tests."""
    with running() as found:
        yield found


@pytest.fixture
def hub(running_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Return it without repositories; the library asks it, and has an empty cache."""
    running_hub.repositories.clear()
    running_hub.asked.clear()
    monkeypatch.setattr(constants, "ENDPOINT", running_hub.address)
    address = running_hub.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    return running_hub


def test_only_the_configuration_is_read(hub: Hub) -> None:
    hub.repositories["org/tiny"] = Repository({"config.json": CONFIG, "model.safetensors": weights(llama())})
    found = import_("hf:org/tiny")
    assert found.name == "tiny"
    assert found.tensors is None
    assert found.spec["source"] == {
        "title": "org/tiny config.json",
        "url": f"{hub.address}/org/tiny/blob/{COMMIT}/config.json",
        "locator": f"commit {COMMIT}",
        "read": "2026-09-21",
        "note": "imported, model type llama",
    }
    assert {line.partition(" ")[2] for line in hub.asked} == {"/org/tiny/resolve/main/config.json"}
    assert [line for line in hub.asked if line.startswith("GET")] == ["GET /org/tiny/resolve/main/config.json"]


def test_commands_take_a_repository(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.repositories["org/tiny"] = Repository({"config.json": CONFIG})
    assert dispatch(["show", "hf:org/tiny@v1", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["params"]["total"] == 108_992
    assert dispatch(["compare", "hf:org/tiny", "llama-3.1-8b", "--format", "json"]) == 0
    assert "/org/tiny/resolve/v1/config.json" in hub.asked[0]
    assert not hub.ranges


@pytest.mark.parametrize("more", [0, 150_000], ids=["short header", "long header"])
def test_weights_are_compared_by_the_ranges_of_their_header(more: int, hub: Hub) -> None:
    hub.repositories["org/tiny"] = Repository({"config.json": CONFIG, "model.safetensors": weights(llama(), more)})
    found = import_("hf:org/tiny@v1", check_tensors=True).tensors
    assert found is not None
    assert found.language_model.parameters == 108_992
    length = len(header_of(llama())[0]) + (len(json.dumps({"more": "x" * more})) - len('{"format": "pt"}'))
    assert hub.ranges == (["bytes=0-100000"] + ([f"bytes=8-{length + 7}"] if more else []))
    assert all(f"/resolve/{COMMIT}/" in line for line in hub.asked if "model" in line)  # what the configuration is of


def test_weights_in_several_files_behind_redirects(hub: Hub) -> None:
    files = halves(llama())
    large = tuple(name for name in files if name.endswith(".safetensors"))
    hub.repositories["org/tiny"] = Repository({"config.json": CONFIG, **files}, redirected=large)
    found = import_("hf:org/tiny", check_tensors=True).tensors
    assert found is not None
    assert found.language_model.tensors == 30
    stored = [line for line in hub.asked if line.startswith("GET /store/")]
    assert len(stored) == 2
    assert set(hub.ranges) == {"bytes=0-100000"}


def test_weights_of_another_model_are_refused(hub: Hub) -> None:
    hub.repositories["org/tiny"] = Repository({"config.json": CONFIG, "model.safetensors": weights(llama(4))})
    with pytest.raises(SpecError) as caught:
        import_("hf:org/tiny", check_tensors=True)
    assert (caught.value.code, caught.value.where) == ("AC411", "hf:org/tiny/model.safetensors")


REFUSED: dict[str, tuple[Repository | None, str, list[str]]] = {
    "missing": (
        None,
        "hf:org/tiny",
        ['error AC414: "hf:org/tiny" is not there, or is private', "a private one needs HF_TOKEN, or: hf auth login"],
    ),
    "gated": (
        Repository({"config.json": CONFIG}, refusal=(403, "GatedRepo")),
        "hf:org/tiny",
        ['error AC414: "hf:org/tiny" is gated', "accept its terms on its page, and set HF_TOKEN, or: hf auth login"],
    ),
    "forbidden": (
        Repository({"config.json": CONFIG}, refusal=(403, "")),
        "hf:org/tiny",
        ['error AC414: "hf:org/tiny" is not there, or is private', "a private one needs HF_TOKEN, or: hf auth login"],
    ),
    "not found, and nothing said": (
        Repository({"config.json": CONFIG}, refusal=(404, "")),
        "hf:org/tiny",
        ['error AC414: "hf:org/tiny" is not there, or is private', "a private one needs HF_TOKEN, or: hf auth login"],
    ),
    "broken": (
        Repository({"config.json": CONFIG}, refusal=(500, "")),
        "hf:org/tiny",
        ['error AC414: "hf:org/tiny" cannot be read: ADDRESS answers with status 500', "try again later"],
    ),
    "revision": (
        Repository({"config.json": CONFIG}),
        "hf:org/tiny@v2",
        ['error AC414: "hf:org/tiny" has no revision "v2"', "a branch, a tag or a commit"],
    ),
    "no configuration": (
        Repository({"README.md": b""}),
        "hf:org/tiny",
        ['error AC414: "hf:org/tiny" has no config.json', "archcalc reads repositories with a config.json"],
    ),
    "down": (
        Repository({"config.json": CONFIG}, refusal=(503, "")),
        "hf:org/tiny",
        ['error AC414: "hf:org/tiny" cannot be read: ADDRESS answers with status 503', "try again later"],
    ),
    "too large": (
        Repository({"config.json": b"{" + b" " * 2**23 + b"}"}),
        "hf:org/tiny",
        ["hf:org/tiny/config.json: error AC010: the file has 8,388,610 bytes, and 8,388,608 is the most that is read"],
    ),
    "no JSON": (
        Repository({"config.json": b"<html>"}),
        "hf:org/tiny",
        ["hf:org/tiny/config.json:1:1: error AC004: this is no JSON: expecting value"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_told(case: str, hub: Hub) -> None:
    repository, wanted, rows = REFUSED[case]
    if repository is not None:
        hub.repositories["org/tiny"] = repository
    with pytest.raises(ArchcalcError) as caught:
        import_(wanted)
    said = [row.strip() for row in str(caught.value).replace(hub.address, "ADDRESS").splitlines()]
    assert said[: len(rows)] == rows


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, '"hf:org/tiny" has no model.safetensors.index.json'),
        ({"model.safetensors": b"12345678{"}, 'model.safetensors of "hf:org/tiny" is no safetensors file'),
        ({"model.safetensors.index.json": b"[]"}, "a configuration is a JSON object"),
        (
            {"model.safetensors.index.json": json.dumps({"weight_map": {"a": "b.safetensors"}}).encode()},
            '"hf:org/tiny" has no b.safetensors',
        ),
    ],
    ids=["no weights", "no header", "no index", "a file that is not there"],
)
def test_weights_that_cannot_be_read(files: dict[str, bytes], message: str, hub: Hub) -> None:
    hub.repositories["org/tiny"] = Repository({"config.json": CONFIG, **files})
    with pytest.raises(ArchcalcError) as caught:
        import_("hf:org/tiny", check_tensors=True)
    assert caught.value.message == message


@pytest.mark.parametrize(
    "wanted",
    ["hf:", "hf:tiny", "hf:a/b/c", "hf:../etc/passwd", "hf:a/..", "hf:a/b@", "hf:a/b@../x", "hf:a/b c", "hf:a/\x1b[1m"],
)
def test_what_is_no_repository(wanted: str, hub: Hub) -> None:
    with pytest.raises(UsageError, match="is no repository"):
        import_(wanted)
    assert not hub.asked


def test_a_name_alone_is_not_asked_for(hub: Hub) -> None:
    with pytest.raises(UnknownSpecError) as caught:
        import_("org/tiny")
    assert str(caught.value).splitlines() == [
        "org/tiny: error AC001: there is no such file",
        "  a repository of a hub is named hf:org/tiny",
    ]
    assert not hub.asked


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError) as caught:
        import_("hf:org/tiny")
    assert str(caught.value).splitlines() == [
        "error AC414: hf: needs huggingface_hub, which is not installed",
        '  pip install "archcalc[hub]"',
    ]


@pytest.mark.parametrize(
    "command", ["show hf:org/tiny", "compare gpt2 hf:org/tiny", "show --x=hf:org/tiny", "cache gpt2,hf:a/b"]
)
def test_a_fence_never_reads_from_the_network(command: str, hub: Hub, tmp_path: Path) -> None:
    hub.repositories["org/tiny"] = Repository({"config.json": CONFIG})
    page = tmp_path / "page.md"
    page.write_text(f"<!-- archcalc:begin {command} -->\n<!-- archcalc:end -->\n")
    with pytest.raises(UsageError) as caught:
        dispatch(["docs", str(page)])
    assert (caught.value.code, caught.value.message) == ("AC305", "a document may not read from the network")
    assert not hub.asked


def test_what_runs_for_a_document_never_reads_from_the_network(hub: Hub, tmp_path: Path) -> None:
    with confined(tmp_path), pytest.raises(SpecError, match="a document may not read from the network"):
        import_("hf:org/tiny")
    assert not hub.asked


@pytest.mark.parametrize("command", ["check", "lock"])
def test_checks_never_read_from_the_network(command: str, hub: Hub, tmp_path: Path) -> None:
    hub.repositories["org/tiny"] = Repository({"config.json": CONFIG})
    (tmp_path / "budgets.yaml").write_text("")
    with pytest.raises(ArchcalcError):
        dispatch([command, "hf:org/tiny"])
    assert not hub.asked


def run(hub: Hub, home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a user does."""
    told = {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_HUB_ETAG_TIMEOUT": "1",
        "HF_HUB_DOWNLOAD_TIMEOUT": "1",
    }
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    command = [sys.executable, "-m", "costmodel", *words]
    return subprocess.run(
        command, env=kept | told | environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_environment_of_the_library_holds(running_hub: Hub, tmp_path: Path) -> None:
    hub = running_hub
    hub.repositories.clear()
    hub.repositories["org/tiny"] = Repository({"config.json": CONFIG}, token="hf_secret")
    home = tmp_path / "home"
    hub.asked.clear()
    refused = run(hub, home, "show", "hf:org/tiny")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith('error AC414: "hf:org/tiny" is gated\n')
    found = run(hub, home, "import", "hf:org/tiny", HF_TOKEN="hf_secret")
    assert (found.returncode, found.stderr) == (
        0,
        "108.99k total, 108.99k active; 8 keys read, 1 has no effect on counts\n",
    )
    assert "hf_secret" not in found.stdout
    assert all("/org/tiny/resolve/main/config.json" in line for line in hub.asked)  # and nothing about who asks
    hub.asked.clear()
    offline = run(hub, home, "show", "hf:org/tiny", HF_HUB_OFFLINE="1")
    assert offline.returncode == 0
    never = run(hub, tmp_path / "empty", "show", "hf:org/tiny", HF_HUB_OFFLINE="1")
    assert (never.returncode, never.stderr) == (
        2,
        'error AC414: "hf:org/tiny" cannot be read: HF_HUB_OFFLINE is set, and config.json was not downloaded before\n',
    )
    assert not hub.asked


def test_a_hub_that_does_not_answer(running_hub: Hub, tmp_path: Path) -> None:
    running_hub.repositories["org/slow"] = Repository({"config.json": CONFIG}, delay=4)
    slow = run(running_hub, tmp_path, "import", "hf:org/slow")
    assert (slow.returncode, slow.stderr.splitlines()) == (
        2,
        [
            f'error AC414: "hf:org/slow" cannot be read: {running_hub.address} does not answer in time',
            "  try again, or raise HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT",
        ],
    )
    away = run(running_hub, tmp_path, "import", "hf:org/slow", HF_ENDPOINT="http://127.0.0.1:9")
    assert (away.returncode, away.stderr.splitlines()) == (
        2,
        [
            'error AC414: "hf:org/slow" cannot be read: http://127.0.0.1:9 cannot be reached',
            "  what was downloaded before is read with HF_HUB_OFFLINE=1",
        ],
    )


def test_every_part_of_a_name_is_one_argument(hub: Hub) -> None:
    hub.repositories["org/tiny"] = Repository({"config.json": CONFIG}, revisions=("refs%2Fpr%2F1",))
    found: Any = import_("hf:org/tiny@refs/pr/1")
    assert found.spec["source"]["locator"] == f"commit {COMMIT}"
