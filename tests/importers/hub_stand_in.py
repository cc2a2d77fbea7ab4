"""A stand-in for the HTTP interface of a hub of models: repositories in memory, ranges, redirects, refusals."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_RESOLVE = re.compile(r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_STORE = "/store/"  # where redirects of large files lead


@dataclass
class Repository:
    """Files by name, the revisions there are, and how the hub answers: as it should unless told otherwise."""

    files: dict[str, bytes]
    revisions: tuple[str, ...] = ("main", "v1", COMMIT)
    refusal: tuple[int, str] | None = None  # status and X-Error-Code of every answer
    token: str | None = None  # that a request must bear
    delay: float = 0.0  # seconds before an answer
    redirected: tuple[str, ...] = ()  # files that lie elsewhere


@dataclass
class Hub:
    """A running stand-in: its address, its repositories, and what it was asked."""

    address: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def ranges(self) -> list[str]:
        """The ranges of bytes that were asked for."""
        return [line.rpartition(" ")[2] for line in self.asked if " bytes=" in line]


@contextmanager
def running() -> Iterator[Hub]:
    """Run a stand-in on this machine while this lasts."""
    hub = Hub("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class calls it so)
            pass

        def _answer(self) -> None:
            span = self.headers.get("Range") or self.headers.get("range") or ""
            hub.asked.append(f"{self.command} {self.path} {span}".strip())
            stored = self.path.startswith(_STORE)
            match = _RESOLVE.fullmatch(self.path.removeprefix(_STORE.rstrip("/")) if stored else self.path)
            found = hub.repositories.get(match["name"]) if match else None
            if match is None or found is None:
                self._send(404 if match is None else 401, {"X-Error-Code": "RepoNotFound"})
                return
            time.sleep(found.delay)
            head = {"X-Repo-Commit": COMMIT}
            if found.refusal is not None:
                status, code = found.refusal
                self._send(status, {"X-Error-Code": code} if code else {})
            elif found.token is not None and self.headers.get("Authorization") != f"Bearer {found.token}":
                self._send(401, {"X-Error-Code": "GatedRepo"})
            elif match["revision"] not in found.revisions:
                self._send(404, {"X-Error-Code": "RevisionNotFound"})
            elif match["file"] not in found.files:
                self._send(404, head | {"X-Error-Code": "EntryNotFound"})
            elif match["file"] in found.redirected and not stored:
                content = found.files[match["file"]]
                linked = {"X-Linked-Size": str(len(content)), "X-Linked-ETag": _etag(content)}
                self._send(302, head | linked | {"Location": f"{hub.address}{_STORE.rstrip('/')}{self.path}"})
            else:
                self._file(found.files[match["file"]], head, span)

        def _file(self, content: bytes, head: dict[str, str], span: str) -> None:
            head = head | {"ETag": _etag(content), "Accept-Ranges": "bytes"}
            if asked := re.fullmatch(r"bytes=(\d+)-(\d+)", span):
                first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
                part = content[first : last + 1]
                self._send(206, head | {"Content-Range": f"bytes {first}-{last}/{len(content)}"}, part)
            else:
                self._send(200, head, content)

        def _send(self, status: int, head: dict[str, str], content: bytes = b"") -> None:
            self.send_response(status)
            for name, value in head.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield hub
        finally:
            server.shutdown()


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"'
