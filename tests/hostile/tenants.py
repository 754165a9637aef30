"""
Two tenants behind one reverse proxy: a hostile client with the tunnel ``evil``, and an honest one with ``good``.

The hostile client works hand in hand with a visitor of its own, and answers it with what a proxy could read in another
way than Sellia means it. Then the other tenant is visited through the same proxy, which may use any of its connections
to Sellia again. Whatever those visitors get must come from the tenant that they asked.
"""

from __future__ import annotations

import itertools
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from sellia.protocol import native
from sellia.protocol.messages import Headers, ResponseHead
from tests.e2e import fronts
from tests.e2e.fronts import DOMAIN, Front
from tests.e2e.recorder import Recorder, ServiceLeg
from tests.hostile.peers import HostileClient, LinkClosed, record
from tests.hostile.visitors import ACCEPT, WEBSOCKET_KEY, Answered, parse
from tests.processes import start_client

GOOD_BODY = b"the good tenant\n"
"""What the good tenant answers to everything."""

STOLEN = ResponseHead(
    302, b"Found", [(b"Set-Cookie", b"evil=1"), (b"Location", b"https://evil/"), (b"Content-Length", b"0")]
)
"""What the evil tenant would have the other's visitors get."""

STOLEN_OCTETS = b"HTTP/1.1 302 Found\r\nSet-Cookie: evil=1\r\nLocation: https://evil/\r\nContent-Length: 0\r\n\r\n"

ANSWER_WAIT = 2.0
"""Seconds for an answer that never comes if it waits behind another one, in the proxy or at Sellia."""

DEADLINE = 10.0

BLANK = b"\r\n\r\n"


@dataclass(frozen=True)
class Ask:
    """A request of the evil tenant's own visitor."""

    name: str
    head: bytes
    body: bytes = b""

    @property
    def bodiless(self) -> bool:
        return self.head.startswith(b"HEAD")


_HANDSHAKE = (
    b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + WEBSOCKET_KEY
)
_HOST = f" / HTTP/1.1\r\nHost: evil.{DOMAIN}".encode()

ASKS = (
    Ask("get", b"GET" + _HOST + BLANK),
    Ask("head", b"HEAD" + _HOST + BLANK),
    Ask("expect", b"POST" + _HOST + b"\r\nExpect: 100-continue\r\nContent-Length: 5" + BLANK, b"hello"),
    Ask("expect and wait", b"POST" + _HOST + b"\r\nExpect: 100-continue\r\nContent-Length: 5" + BLANK),
)

UPGRADES = (
    Ask("upgrade", b"GET" + _HOST + _HANDSHAKE + BLANK),
    Ask("upgrade by head", b"HEAD" + _HOST + _HANDSHAKE + BLANK),
    Ask("upgrade to h2c", b"GET" + _HOST + b"\r\nUpgrade: h2c\r\nConnection: Upgrade" + BLANK),
)


@dataclass(frozen=True)
class Trick:
    """An answer to it: some heads and a body, and whether the end is held back until the good tenant is visited."""

    name: str
    heads: tuple[ResponseHead, ...]
    body: bytes = b""
    held: bool = True
    trailers: Headers = field(default_factory=list)


_FRAMINGS: tuple[tuple[str, Headers], ...] = (
    ("plain", []),
    ("length 0", [(b"Content-Length", b"0")]),
    ("length 5", [(b"Content-Length", b"5")]),
    ("chunked", [(b"Transfer-Encoding", b"chunked")]),
    ("close", [(b"Connection", b"close")]),
)

INTERIMS = tuple(
    Trick(f"{status} {name}", (ResponseHead(status, b"Early", [(b"Link", b"</x>"), *fields]),))
    for status in (100, 101, 102, 103, 104, 199)
    for name, fields in _FRAMINGS
) + (
    Trick("103 with a body", (ResponseHead(103, b"Early", [], body=STOLEN_OCTETS),)),
    Trick("103 twenty times", (ResponseHead(103, b"Early", []),) * 20),
    Trick("100 twice", (ResponseHead(100, b"Continue", []),) * 2),
    Trick(
        "100 and 103", (ResponseHead(100, b"Continue", []), ResponseHead(103, b"Early", [(b"Content-Length", b"0")]))
    ),
)
"""Interim responses, with the answer held back."""

_GENUINE: Headers = [
    (b"Upgrade", b"websocket"),
    (b"Connection", b"Upgrade"),
    (b"Sec-WebSocket-Accept", ACCEPT),
]

SWITCHES = (
    Trick("101 forged", (ResponseHead(101, b"Switching Protocols", [*_GENUINE[:2], (b"Sec-WebSocket-Accept", b"x")]),)),
    Trick("101 genuine", (ResponseHead(101, b"Switching Protocols", _GENUINE),)),
    Trick("101 genuine with a length", (ResponseHead(101, b"OK", [*_GENUINE, (b"Content-Length", b"0")]),)),
    Trick("101 genuine and an answer", (ResponseHead(101, b"OK", _GENUINE), STOLEN)),
    Trick("103 and 101", (ResponseHead(103, b"Early", []), ResponseHead(101, b"OK", _GENUINE))),
    Trick("426", (ResponseHead(426, b"Upgrade Required", [(b"Upgrade", b"h2c"), (b"Content-Length", b"0")]),)),
)
"""Answers to handshakes."""


def _final(name: str, status: int, *fields: tuple[bytes, bytes], body: bytes = STOLEN_OCTETS, **more: object) -> Trick:
    return Trick(name, (ResponseHead(status, b"Sure", list(fields)),), body, held=False, **more)  # type: ignore[arg-type]


_LENGTH = b"Content-Length"

FINALS = (
    _final("no length", 200),
    _final("length 0 and a body", 200, (_LENGTH, b"0")),
    _final("length of a part", 200, (_LENGTH, b"5")),
    _final("length too long", 200, (_LENGTH, b"500")),
    _final("two lengths", 200, (_LENGTH, b"0"), (_LENGTH, b"0")),
    _final("two lengths that differ", 200, (_LENGTH, b"0"), (_LENGTH, b"%d" % len(STOLEN_OCTETS))),
    _final("list of lengths", 200, (_LENGTH, b"0, 0")),
    _final("length with a sign", 200, (_LENGTH, b"+0")),
    _final("length in hex", 200, (_LENGTH, b"0x0")),
    _final("length with zeros", 200, (_LENGTH, b"000"), body=b""),
    _final("length with an underscore", 200, (b"Content_Length", b"0")),
    _final("length behind a space", 200, (b"Content-Length ", b"0")),
    _final("chunked by name", 200, (b"Transfer-Encoding", b"chunked"), body=b"0\r\n\r\n" + STOLEN_OCTETS),
    _final("chunked and a length", 200, (b"Transfer-Encoding", b"chunked"), (_LENGTH, b"5"), body=b"0\r\n\r\n"),
    _final("chunked with an underscore", 200, (b"Transfer_Encoding", b"chunked"), body=b"0\r\n\r\n" + STOLEN_OCTETS),
    _final("another coding", 200, (b"Transfer-Encoding", b"gzip")),
    _final("204 with a body", 204),
    _final("204 with a length", 204, (_LENGTH, b"%d" % len(STOLEN_OCTETS))),
    _final("204 with a length alone", 204, (_LENGTH, b"5"), body=b""),
    _final("205 with a body", 205),
    _final("205 with a length", 205, (_LENGTH, b"%d" % len(STOLEN_OCTETS))),
    _final("304 with a body", 304),
    _final("304 with a length", 304, (_LENGTH, b"%d" % len(STOLEN_OCTETS))),
    _final("304 with a length alone", 304, (_LENGTH, b"5"), body=b""),
    _final("status 600", 600, (_LENGTH, b"0"), body=b""),
    _final("status 999", 999, (_LENGTH, b"0"), body=b""),
    _final("101 as the last", 101, *_GENUINE, body=b""),
    _final("103 as the last", 103, (_LENGTH, b"0"), body=b""),
    _final("kept alive", 200, (b"Connection", b"keep-alive, close"), (b"Keep-Alive", b"timeout=9"), body=b"x"),
    _final("length taken off", 200, (b"Connection", b"content-length"), (_LENGTH, b"0")),
    _final("trailers", 200, body=b"x", trailers=[(_LENGTH, b"9"), (b"Transfer-Encoding", b"chunked"), (b"X-T", b"t")]),
    _final("redirected inside", 200, (b"X-Accel-Redirect", b"/elsewhere"), (_LENGTH, b"0"), body=b""),
    _final("file sent inside", 200, (b"X-Sendfile", b"/etc/hostname"), (_LENGTH, b"0"), body=b""),
)
"""Final answers whose framing is doubtful, or that tell a proxy to do something else."""

UNENDED = (
    Trick("whole", (ResponseHead(200, b"OK", [(_LENGTH, b"5")]),), b"hello"),
    Trick("whole without a body", (ResponseHead(200, b"OK", [(_LENGTH, b"0")]),)),
    Trick("204", (ResponseHead(204, b"No Content", []),)),
    Trick("304", (ResponseHead(304, b"Not Modified", [(_LENGTH, b"5")]),)),
)
"""Final answers that are whole to whoever reads them, while their end is held back."""


def plays(every: bool) -> Iterator[tuple[Ask, Trick]]:
    """All pairs that are to be tried; not ``every`` one leaves out half of the interim responses."""
    interims = INTERIMS if every else INTERIMS[::2]
    yield from itertools.product(ASKS, interims)
    yield from itertools.product(ASKS if every else ASKS[:2], FINALS + UNENDED)
    yield from itertools.product(UPGRADES, (*SWITCHES, *INTERIMS[15:20]))


@cache
def good() -> Recorder:
    """The good tenant's service."""
    head = b"HTTP/1.1 200 OK\r\nX-Tenant: good\r\nContent-Length: %d\r\n\r\n" % len(GOOD_BODY)

    def answer(exchange: ServiceLeg) -> None:
        exchange.read_body()
        exchange.send(head if exchange.method == "HEAD" else head + GOOD_BODY)

    service = Recorder()
    service.on("/good", answer)
    return service


class Tenants:
    """Both tenants at one server, and visitors that come to them through ``front``."""

    def __init__(self, front: Front, server_port: int) -> None:
        self.front = front
        self._server_port = server_port
        self._sessions = itertools.count(1)
        self._join()
        _good_client(server_port)
        cert, _ = fronts.certificate()
        self._tls = ssl.create_default_context(cafile=str(cert))

    def _join(self) -> None:
        """Begin a session, as the server ends one for some tricks."""
        self._name = f"evil-{self.front.process.pid}-{next(self._sessions)}"
        self.evil = HostileClient(self._server_port)
        self.evil.open(self._name)

    def close(self) -> None:
        """End the hostile client."""
        self.evil.drop()

    def play(self, ask: Ask, trick: Trick) -> list[str]:
        """Let the evil tenant play its trick on one of its own; what a visitor of the other got that is wrong."""
        self._tell()
        with self._dial(self._name) as accomplice:
            accomplice.sendall(ask.head.replace(b"evil.", self._name.encode() + b".") + ask.body)
            stream = self._asked(accomplice)
            if stream and not self._say(stream, trick):
                stream = 0
            wrong = self._visit(stream if trick.held else 0, f"{ask.name}, {trick.name}")
        for _ in range(2):
            wrong += self._visit(0, f"{ask.name}, {trick.name}, later")
        return wrong

    def _asked(self, accomplice: socket.socket) -> int:
        """The stream of the accomplice's request; 0 if somebody on the way has answered it."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if not self._tell():
                return 0
            opened = [each for each in self.evil.take_records() if each[0] == native.OPEN]
            if opened:
                return opened[0][2]
            if _readable(accomplice):
                return 0
        raise AssertionError("the request neither arrived nor was answered")

    def _say(self, stream: int, trick: Trick) -> bool:
        """Answer as the trick says; whether the session has outlived it."""
        records = [record(native.HEAD, stream, native.encode(head)) for head in trick.heads]
        if trick.body:
            records.append(record(native.DATA, stream, trick.body))
        if not trick.held:
            records.append(record(native.DATA, stream, b"", native.END))
        return self._tell(*records)

    def _tell(self, *records: bytes) -> bool:
        """Send these; whether the session has outlived it, or else there is a new one."""
        try:
            if records:
                self.evil.parcel(*records)
            return self.evil.is_alive()  # the server has written all of it
        except (LinkClosed, OSError):
            self.evil.drop()
            self._join()
            return False

    def _visit(self, held: int, what: str) -> list[str]:
        """Visit the good tenant; then the evil one goes on with what it has held back."""
        with self._dial("good") as visitor:
            visitor.sendall(f"GET /good HTTP/1.1\r\nHost: good.{DOMAIN}\r\n\r\n".encode())
            answered = _answer(visitor, ANSWER_WAIT if held else DEADLINE)
            if held:
                self._tell(record(native.HEAD, held, native.encode(STOLEN), native.END))
            late = _answer(visitor, DEADLINE) if answered is None else answered
        if late is None:
            return [f"{what}: no answer"]
        if (late.status, late.body) != (200, GOOD_BODY):
            return [f"{what}: {late.status} {late.fields} {late.body[:100]!r}"]
        return [f"{what}: waited for the other tenant"] if answered is None else []

    def _dial(self, name: str) -> ssl.SSLSocket:
        connection = socket.create_connection(("127.0.0.1", self.front.https_port), timeout=DEADLINE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._tls.wrap_socket(connection, server_hostname=f"{name}.{DOMAIN}")


@cache
def _good_client(server_port: int) -> None:
    stage_client = start_client(server_port, good().port, "good", domain=DOMAIN)
    assert stage_client.returncode is None


def _readable(connection: socket.socket) -> bool:
    connection.settimeout(0.02)
    try:
        return connection.recv(1) is not None
    except TimeoutError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(DEADLINE)


def _answer(connection: socket.socket, patience: float) -> Answered | None:
    """The final answer that comes within ``patience`` seconds."""
    end = time.monotonic() + patience
    data = b""
    while (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            more = connection.recv(65536)
        except OSError:
            return None
        data += more
        final = [each for each in parse(data)[0] if each.status >= 200]
        if final:
            return final[0]
        if not more:
            return None
    return None
