"""Scripts in octets for whole connections in memory: a visitor's at the ingress, and both ends of a WebSocket.

Each octet says what happens next.  Whatever happens in whatever order, no error is logged, nothing is raised, and when
both sides have left nothing is left behind: no stream, no credit, no timer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb

from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from sellia.errors import ProtocolError
from sellia.problems import SERVICE_DIED
from sellia.protocol.messages import ResponseHead
from tests.server.support import KEY, PublicSide, Service, Visitor
from tests.transports.support import Peer, Sockets, frame, head

HOST = b"Host: demo.localhost\r\n"

UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n"

PHRASES = (
    b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\n" + HOST + b"\r\n",
    b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n",
    b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n",
    b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    b"GET /ws HTTP/1.1\r\n"
    + HOST
    + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
    + KEY
    + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: locked.localhost\r\n\r\n",
    b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    b"hello",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\nA: b\r\n\r\n",
    b"GET / HT",
    b"\r\n",
    b"\x00",
    b"x" * 70_000,
    frame(0x81, b"hello"),
    frame(0x88, b"\x03\xe8"),
    frame(0x83, b"x"),
    frame(0x01, b"he") + frame(0x00, b""),
    head(0x82, 100_000, True),
)


@contextmanager
def no_errors() -> Iterator[None]:
    """AssertionError at the end if an error has been logged."""
    told: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            failure = event.get("log_failure")
            told.append(formatEvent(event) + (failure.getTraceback() if failure is not None else ""))

    globalLogPublisher.addObserver(observe)  # type: ignore[arg-type]
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type]
    assert not told, "\n".join(told)


def ingress(data: bytes) -> None:
    """A visitor, the service behind the tunnel, and time."""
    with no_errors():
        stage = PublicSide(rate_limit=False)
        visitor = stage.visitor()
        try:
            for at in range(0, len(data) - 1, 2):
                _step(stage, visitor, data[at], data[at + 1])
        except ProtocolError as error:
            # What a client has done wrong costs its session at most: here, its session is the stage's.
            assert error.__traceback__ is not None
            heard = [frame.f_locals.get("self") for frame, _ in walk_tb(error.__traceback__)]
            assert stage.pair.client not in heard, "the server broke the dialect"
            raise Wrong from None
        if visitor.transport.full:  # type: ignore[attr-defined]
            visitor.drained()
        said = visitor.transport.value()
        assert said.startswith(b"HTTP/1.1 "[: len(said)]), said[
            :100
        ]  # or the beginning of an answer, to see who is there
        stage.check()


def _step(stage: PublicSide, visitor: Visitor, what: int, how: int) -> None:
    if what < 128:
        phrases = [PHRASES[each % len(PHRASES)] for each in (what, how)]
        if visitor.reading and not visitor.lost:
            # Often two in one read, sometimes one and a part of the other.
            joined = b"".join(phrases)
            visitor.send(joined if how & 3 else joined[: len(phrases[0]) + 3])
        return
    match what % 8:
        case 0 | 1 | 2 | 3 if stage.asked:
            _serve(stage, stage.asked[-1 if how & 1 else 0], how >> 1)
        case 4 if not visitor.lost:
            if visitor.transport.full:  # type: ignore[attr-defined]
                visitor.drained()
            elif visitor.transport.producer is not None and not visitor.transport.disconnecting:
                visitor.full()
        case 5:
            stage.wait(how % 40)
        case 6 if how < 32:
            visitor.leave()
        case _:
            stage.talk()


def _serve(stage: PublicSide, service: Service, how: int) -> None:
    stream = service.stream
    session = stage.pair.client.session
    if session.streams.get(stream.id) is not stream or stream.local_ended:
        return
    match how % 9:
        case 0:
            stream.send_head(ResponseHead(200, b"OK", [(b"Content-Length", b"2")]))
        case 1:
            stream.send_head(ResponseHead(200, b"OK", [], chunked=True))
        case 2:
            stream.send_data(b"ok")
        case 3:
            stream.send_data(b"x" * 50_000)
        case 4:
            stream.end([(b"A", b"b")] if how & 16 else None)
        case 5:
            stream.reset(SERVICE_DIED, "why")
        case 6:
            stream.send_head(ResponseHead(103, b"", []))
        case 7:
            accept = (b"Sec-WebSocket-Accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            stream.send_head(ResponseHead(101, b"Switching Protocols", [accept]))
        case _:
            stream.send_frame(0x88 if how & 16 else 0x81, b"\x03\xe8")
    stage.talk()


class Wrong(Exception):
    """The script has the client break the dialect, which ends its session: nothing more is to be seen."""


_FRAMES = (
    *((first, payload) for first in (0x81, 0x82, 0x01, 0x80, 0x00, 0x89, 0x8A) for payload in (b"", b"hello")),
    *((0x88, payload) for payload in (b"", b"\x03\xe8", b"\x03\xe9bye", b"\x03\xee", b"\x03")),
    (0x83, b""),
    (0xC1, b"x"),
    (0x82, b"x" * 70_000),
)


def pipe(data: bytes) -> None:
    """A WebSocket between a visitor and a service, either of which says and does anything."""
    with no_errors():
        sockets = Sockets()
        for at in range(0, len(data) - 1, 2):
            what, how = data[at], data[at + 1]
            peer = sockets.visitor if what & 1 else sockets.service
            _act(sockets, peer, what >> 1, how)
        for peer in (sockets.visitor, sockets.service):
            if peer.transport.full and not peer.lost:
                peer.drained()
        sockets.wait(30)
        sockets.wait(30)
        sockets.check()


def _act(sockets: Sockets, peer: Peer, what: int, how: int) -> None:
    if peer.lost:
        return
    if what < 80:
        if peer.reading:
            first, payload = _FRAMES[how % len(_FRAMES)]
            whole = frame(first, payload, peer.visitor)
            peer.raw(whole if what < 60 else whole[: 1 + how % len(whole)])
        return
    match what % 6:
        case 0:
            if peer.transport.full:
                peer.drained()
            elif peer.transport.producer is not None and not peer.transport.disconnecting:
                peer.full()
        case 1 | 2:
            sockets.wait((how % 120) / 10)
        case 3:
            peer.drop()
        case 4:
            peer.pipe.close(1012, "the server stops")
            sockets.talk()
        case _:
            peer.raw(bytes((how,))) if peer.reading else None
