"""What the tests of the request reader are written with: a sink that records, and requests in octets."""

from typing import Any

from sellia.errors import ProblemError
from sellia.problems import Problem
from sellia.protocol.messages import Headers
from sellia.server.ingress.http1 import Request, RequestReader

KIB = 1024
SECTION = 64 * KIB
FIELDS = 128
TARGET = 8 * KIB

#: What the server reads of a socket at once.
READ = 64 * KIB

UPGRADE = b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
H2C = b"Upgrade: h2c\r\nConnection: Upgrade\r\n"


class Sink:
    """Writes down what it is told, pieces of a body put together."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []
        self.ends: list[Headers] = []
        self.fault: Exception | None = None

    def request_begun(self, request: Request) -> None:
        if self.fault is not None:
            raise self.fault
        self.requests.append(request)
        self.bodies.append(b"")

    def body_received(self, data: bytes) -> None:
        self.bodies[-1] += data

    def request_ended(self, trailers: Headers) -> None:
        self.ends.append(trailers)
        assert len(self.ends) == len(self.requests)

    @property
    def seen(self) -> list[tuple[Any, ...]]:
        return [
            (each.method, each.target, each.headers, each.minor, each.keep_alive, each.upgrade, body)
            for each, body in zip(self.requests, self.bodies, strict=True)
        ]


def reader(sink: Sink, **limits: int) -> RequestReader:
    return RequestReader(
        sink,
        section_limit=limits.get("section", SECTION),
        field_limit=limits.get("fields", FIELDS),
        target_limit=limits.get("target", TARGET),
    )


def read(*pieces: bytes, **limits: int) -> tuple[Sink, bytes | None, Problem | None]:
    """Feed each piece by itself, again and again as long as something of it follows a request.

    Returns what the sink was told, what followed a handshake (None if there was none), and the problem that it ended
    with.
    """
    sink = Sink()
    it = reader(sink, **limits)
    try:
        for number, piece in enumerate(pieces):
            rest = feed_all(it, piece)
            if it.upgraded:
                return sink, b"".join([rest, *pieces[number + 1 :]]), None
    except ProblemError as refusal:
        return sink, None, refusal.problem
    return sink, None, None


def feed_all(it: RequestReader, data: bytes) -> bytes:
    """What is left behind a handshake when all requests before it have been read."""
    while data and not it.upgraded:
        data = it.feed(data)
    return data


def octet_by_octet(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def get(*fields: bytes, target: bytes = b"/", version: bytes = b"1.1") -> bytes:
    return b"GET " + target + b" HTTP/" + version + b"\r\nHost: a\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n"


def post(body: bytes, *fields: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    return post(body, b"Transfer-Encoding: chunked")
