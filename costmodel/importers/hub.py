"""Repositories of models, through huggingface_hub: a configuration, and the headers of its weights.

Nothing here runs unless a user writes ``hf:``. The library's own environment holds: HF_ENDPOINT,
HF_TOKEN, HF_HUB_OFFLINE, HF_HOME, HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from costmodel.errors import SpecError, UsageError, quote
from costmodel.importers.json_text import MAX_BYTES
from costmodel.importers.published import CONFIG, REPOSITORY, Published
from costmodel.loader import read_bytes, to_text
from costmodel.reading import is_confined

if TYPE_CHECKING:
    from costmodel.importers.packing import Stored
    from costmodel.importers.weights import Weights

# org/name as the hub has them; a revision is a branch, a tag or a commit.
_NAME = re.compile(r"(?P<repository>[\w.-]{1,96}/[\w.-]{1,96})(?:@(?P<revision>[\w./-]{1,128}))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
Answer = TypeVar("Answer")


def repository(wanted: str) -> Published:
    """Return the model of ``hf:org/name`` or ``hf:org/name@revision``; only its configuration is read now.

    Raises:
        SpecError: the configuration is too large, or no text; or a document asks, which may not.
        UsageError: AC414: there is no such repository, it cannot be reached, or the library is missing.
    """
    if is_confined():
        raise SpecError("a document may not read from the network", "AC305", wanted, "import it into a spec first")
    match = _NAME.fullmatch(wanted.removeprefix(REPOSITORY))
    if match is None or ".." in wanted:
        raise UsageError(
            f"{quote(wanted)} is no repository", "AC414", hint="as in hf:org/name, or hf:org/name@revision"
        )
    found = _Repository(match["repository"], match["revision"])
    path, commit = found.config()
    name = f"{REPOSITORY}{found.name}/{CONFIG}"
    source = {"title": f"{found.name} {CONFIG}"}
    source["url"] = f"{found.endpoint}/{found.name}/blob/{commit or found.revision or 'main'}/{CONFIG}"
    if commit:
        source["locator"] = f"commit {commit}"
    source["read"] = found.read_on(path)
    content = read_bytes(path, name, most=MAX_BYTES)  # one that was downloaded before may be of any size
    return Published(to_text(content, name), name, lambda: found.weights(commit), source=source)


class _Repository:
    """One repository at one revision."""

    def __init__(self, name: str, revision: str | None) -> None:
        self.name, self.revision = name, revision
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # which would be one more request, and say who runs us
        try:
            import huggingface_hub
            from huggingface_hub import constants, errors
            from huggingface_hub.utils.tqdm import disable_progress_bars
        except ImportError:
            hint = 'pip install "archcalc[hub]"'
            message = f"{REPOSITORY} needs huggingface_hub, which is not installed"
            raise UsageError(message, "AC414", hint=hint) from None
        disable_progress_bars()
        self.hub, self.errors, self.constants = huggingface_hub, errors, constants
        self.api = huggingface_hub.HfApi(library_name="archcalc")
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # what goes wrong is told once, in our words

    @property
    def offline(self) -> bool:
        """Whether the library may only read what was downloaded before."""
        return bool(self.constants.HF_HUB_OFFLINE)

    @property
    def endpoint(self) -> str:
        """The address of the hub."""
        return str(self.api.endpoint)

    def config(self) -> tuple[Path, str | None]:
        """Download the configuration; return its path and the commit that it is of."""
        path = self._download(CONFIG, self.revision, MAX_BYTES)
        commit = path.parent.name
        return path, commit if _COMMIT.fullmatch(commit) else None

    def read_on(self, path: Path) -> str:
        """Return the day on which a file was asked for; SOURCE_DATE_EPOCH makes it the same at every run."""
        said = os.environ.get("SOURCE_DATE_EPOCH", "")
        if said.isascii() and said.isdigit() and len(said) < 12:
            seconds = float(said)
        else:
            seconds = path.stat().st_mtime if self.offline else time.time()
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()

    def weights(self, commit: str | None) -> Weights:
        """Read the headers of the weights at a commit, by ranges of their files."""
        from costmodel.importers.safetensors import MAX_INDEX, index
        from costmodel.importers.weights import NAMES, Weights, joined

        revision = commit or self.revision
        single, many = NAMES
        if self._asked(single, lambda: self.api.file_exists(self.name, single, revision=revision)):
            return Weights(self._where(single), self._header(single, revision))
        where = self._where(many)
        found = index(read_bytes(self._download(many, revision, MAX_INDEX), where, most=MAX_INDEX), where)
        return Weights(where, joined(found, where, lambda file: self._header(file, revision)), found)

    def _download(self, file: str, revision: str | None, most: int) -> Path:
        """Return the path of a file of bounded size, in the library's own cache."""
        if not self.offline:
            url = self.hub.hf_hub_url(self.name, file, revision=revision, endpoint=self.endpoint)
            said = self._asked(file, lambda: self.api.get_hf_file_metadata(url=url))
            if said.size is not None and said.size > most:
                message = f"the file has {said.size:,} bytes, and {most:,} is the most that is read"
                raise SpecError(message, "AC010", self._where(file))
        return Path(self._asked(file, lambda: self.api.hf_hub_download(self.name, file, revision=revision)))

    def _header(self, file: str, revision: str | None) -> list[Stored]:
        from costmodel.importers.safetensors import tensors_of

        parse = self.api.parse_safetensors_file_metadata
        said = self._asked(file, lambda: parse(self.name, file, revision=revision))
        fields = ("dtype", "shape", "data_offsets")
        found: dict[str, Any] = {name: {k: asdict(t)[k] for k in fields} for name, t in said.tensors.items()}
        for tensor in found.values():
            tensor["data_offsets"] = list(tensor["data_offsets"])
        return tensors_of(found, self._where(file))

    def _where(self, file: str) -> str:
        return f"{REPOSITORY}{self.name}/{file}"

    def _asked(self, file: str, question: Callable[[], Answer]) -> Answer:
        """Return the library's answer; whatever goes wrong in it is the user's to know, in our words."""
        try:
            return question()
        except Exception as error:  # of several HTTP libraries, by the version
            raise self._refused(error, file) from None

    def _refused(self, error: Exception, file: str) -> UsageError:
        known, shown = self.errors, quote(f"{REPOSITORY}{self.name}")
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        if isinstance(error, known.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
            return self._refused(error.__cause__, file)  # why the hub was no help
        if isinstance(error, known.GatedRepoError):
            return self._error(f"{shown} is gated", "accept its terms on its page, and set HF_TOKEN, or: hf auth login")
        if isinstance(error, known.RevisionNotFoundError):
            return self._error(
                f"{shown} has no revision {quote(self.revision or 'main')}", "a branch, a tag or a commit"
            )
        if isinstance(error, known.RemoteEntryNotFoundError):
            whole = f"archcalc reads repositories with a {CONFIG}"
            hint = whole if file == CONFIG else "weights are read in the safetensors format"
            return self._error(f"{shown} has no {file}", hint)
        if isinstance(error, known.RepositoryNotFoundError) or status in (401, 403, 404):
            return self._error(
                f"{shown} is not there, or is private", "a private one needs HF_TOKEN, or: hf auth login"
            )
        if isinstance(error, known.SafetensorsParsingError):
            return self._error(f"{file} of {shown} is no safetensors file")
        if isinstance(error, (known.OfflineModeIsEnabled, known.LocalEntryNotFoundError)):
            why = "HF_HUB_OFFLINE is set" if self.offline else f"{self.endpoint} cannot be reached"
            return self._error(f"{shown} cannot be read: {why}, and {file} was not downloaded before")
        if status is not None:
            return self._error(
                f"{shown} cannot be read: {self.endpoint} answers with status {status}", "try again later"
            )
        kind = type(error).__name__
        if "Timeout" in kind:
            hint = "try again, or raise HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT"
            return self._error(f"{shown} cannot be read: {self.endpoint} does not answer in time", hint)
        if "Connect" in kind:
            hint = "what was downloaded before is read with HF_HUB_OFFLINE=1"
            return self._error(f"{shown} cannot be read: {self.endpoint} cannot be reached", hint)
        return self._error(f"{shown} cannot be read: {kind} ({str(error).strip().partition(chr(10))[0][:120]})")

    def _error(self, message: str, hint: str | None = None) -> UsageError:
        return UsageError(message, "AC414", hint=hint)
