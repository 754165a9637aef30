"""TLS that ends at the client: renewal, and visitors who do not speak TLS.  Whole ones are in ``tests.e2e``."""

from __future__ import annotations

import os
import ssl
import subprocess
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from sellia.client.local.service import LocalService
from sellia.client.local.tcp import TcpSocket
from sellia.client.local.terminator import Terminator
from sellia.client.tls import certificate_options
from sellia.targets import parse_target
from tests.e2e.stage import program
from tests.logs import log_lines


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data.upper())


class Pipe(TcpSocket):
    """What the stream's pipe is: it sees TLS."""

    def __init__(self) -> None:
        self.data = b""
        self.lost: Deferred[None] = Deferred()
        self.came: Deferred[None] | None = None

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if self.came is not None:
            came, self.came = self.came, None
            came.callback(None)

    def readConnectionLost(self) -> None:
        self.transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.callback(None)


class TerminatorTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.cert, self.key = self.folder / "cert.pem", self.folder / "key.pem"
        self.make("one.example")
        self.listening: Any = cast(Any, reactor).listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
        self.addCleanup(self.listening.stopListening)
        self.terminator = Terminator(reactor, str(self.cert), str(self.key))

    def make(self, name: str) -> None:
        subprocess.run(
            [
                *(program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-keyout", str(self.key), "-out", str(self.cert), "-subj", f"/CN={name}", "-days", "2"),
            ],
            check=True,
            capture_output=True,
        )

    async def dial(self, header: bytes = b"") -> Pipe:
        service = LocalService(reactor, parse_target(f"127.0.0.1:{self.listening.getHost().port}"))
        pipe: Any = await self.terminator.dial(service.dial, Pipe, header)
        return pipe

    async def shake(self, pipe: Pipe) -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
        """A visitor's TLS through the pipe."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        visitor = context.wrap_bio(incoming, outgoing, server_hostname="x")
        while True:
            try:
                visitor.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self.exchange(pipe, incoming, outgoing)
        pipe.transport.write(outgoing.read())
        return visitor, incoming, outgoing

    async def exchange(self, pipe: Pipe, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        pipe.transport.write(outgoing.read())
        if not pipe.data:
            pipe.came = Deferred()
            await pipe.came
        data, pipe.data = pipe.data, b""
        incoming.write(data)

    async def name(self, pipe: Pipe) -> str:
        """The name in the certificate that a visitor is shown, after an exchange with the service."""
        visitor, incoming, outgoing = await self.shake(pipe)
        visitor.write(b"hello")
        while True:
            try:
                self.assertEqual(visitor.read(100), b"HELLO")
                break
            except ssl.SSLWantReadError:
                await self.exchange(pipe, incoming, outgoing)
        shown = visitor.getpeercert(True)
        pipe.transport.loseConnection()
        await pipe.lost
        assert shown is not None
        return "one" if b"one.example" in shown else "two" if b"two.example" in shown else "?"

    async def test_renewal(self) -> None:
        """New files count for the next connection; what cannot be used does not."""
        lines = log_lines(self)
        self.assertEqual(await self.name(await self.dial()), "one")
        self.cert.write_text("half a file")
        os.utime(self.cert, (1, 1))
        self.assertEqual(await self.name(await self.dial()), "one")
        self.assertTrue(any("not renewed" in line for line in lines))
        self.make("two.example")
        self.assertEqual(await self.name(await self.dial()), "two")

    async def test_a_visitor_who_speaks_no_tls(self) -> None:
        pipe = await self.dial()
        pipe.transport.write(b"GET / HTTP/1.1\r\n\r\n")
        await pipe.lost
        self.assertNotIn(b"HTTP", pipe.data)

    def test_files_that_do_not_fit(self) -> None:
        certificate_options(str(self.cert), str(self.key))
        cert = self.cert.read_bytes()
        self.make("two.example")
        self.cert.write_bytes(cert)
        self.assertRaises(ValueError, certificate_options, str(self.cert), str(self.key))
        self.assertRaises(OSError, certificate_options, str(self.folder / "none"), str(self.key))
