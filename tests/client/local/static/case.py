"""What the tests of static targets have in common: a directory, and requests of its site over a pair of sockets."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from sellia.client.local.dial import ServiceSocket
from sellia.client.local.static.site import StaticSite
from sellia.targets import Target, TargetKind


class Answer:
    """A response, whole."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}


class Asker(ServiceSocket):
    """Collects what comes until the connection ends."""

    def __init__(self, first: Callable[[], None] | None = None) -> None:
        self.pieces: list[bytes] = []
        self._first = first
        self.lost: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.pieces.append(data)
        first, self._first = self._first, None
        if first is not None:
            first()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost.callback(b"".join(self.pieces))


class StaticCase(TestCase):
    """``self.root`` is the directory, which is one level below one that is not to be reached."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.outside = Path(temporary.name).resolve()
        self.root = self.outside / "dist"
        self.root.mkdir()
        (self.outside / "secret.txt").write_text("secret")

    def write(self, name: str, content: str | bytes = "") -> Path:
        """A file below the directory."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def target(self, path: Path | None = None, **options: Any) -> Target:
        return Target(TargetKind.FILES, path=str(path or self.root), **options)

    async def get(
        self,
        path: str | bytes,
        target: Target | None = None,
        *,
        method: bytes = b"GET",
        body: bytes = b"",
        before_reading: Callable[[], None] | None = None,
        **headers: str,
    ) -> Answer:
        """Ask for something; the names of headers are written with underscores.

        ``before_reading`` is called when the answer has begun.
        """
        site = StaticSite(reactor, target or self.target())
        asker = Asker(before_reading)
        self.assertEqual(site.connect(asker), 0)
        where = path.encode() if isinstance(path, str) else path
        lines = [b"%b %b HTTP/1.1" % (method, where), b"Host: demo.example", b"Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}".encode("latin-1") for name, value in headers.items()]
        if body:
            lines.append(b"Content-Length: %d" % len(body))
        asker.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        return Answer(await asker.lost)
