"""An original server that says anything at all, in any order, while services answer, stall and die.

Whatever it is: nothing raises, nothing is logged as a defect of ours, a service is never asked for something that is
not a request, and when all is over nothing is left behind.
"""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import AlreadyCalledError
from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.client.originals import HOST, KEY, SWITCHED, TUNNEL, OriginalStage
from tests.logs import logging
from tests.original import wire
from tests.original.wire import Message
from tests.transports.support import BINARY, CLOSE, PING, PONG, TEXT, frame

ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno",
    b"what is this\r\n\r\n",
    b"x" * 70_000,
    SWITCHED + b"\r\n\r\n",
    SWITCHED + b"\r\n\r\n" + frame(TEXT, b"greeting", False),
    *(
        frame(first, payload, False)
        for first, payload in (
            (TEXT, b"hi"),
            (0x01, b"begun"),
            (0x80, b"ended"),
            (PING, b"?"),
            (CLOSE, b"\x03\xe8"),
            (CLOSE, b"\x00"),
            (BINARY, bytes(70_000)),
        )
    ),
)
HEADERS: tuple[dict[str, list[str]], ...] = (
    {},
    HOST,
    {**HOST, "Content-Length": ["3"]},
    {**HOST, "Content-Length": ["70000"]},
    {**HOST, "Content-Length": ["x"]},
    {**HOST, "Transfer-Encoding": ["chunked"], "Connection": ["close, x"]},
    {**HOST, "Sec-WebSocket-Key": [KEY], "Sec-WebSocket-Version": ["13"], "Sec-WebSocket-Extensions": ["x"]},
    {**HOST, "Sec-WebSocket-Key": [KEY], "Sec-WebSocket-Protocol": ["a, b"]},
    {"X": ["a\r\nb"], "Host": ["a", "b"]},
)


class Play:
    """One run: a server, and the services behind its client."""

    def __init__(self, choose: random.Random) -> None:
        self.choose = choose
        self.stage = OriginalStage().ready()
        self.stage.answering = choose.random() < 0.7
        self.services: list[Any] = []
        self.asked = b""

    def step(self) -> None:
        stage = self.stage
        if stage.closed is not None:
            return
        self.choose.choice((self.accept, self.answer, self.end, self.wait, self.pong, *[self.say] * 8))()
        stage.heard()
        for service in self.services:
            self.asked += service.read()

    # --- services ------------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Somebody answers the phone, or does not."""
        dials = self.stage.reactor.tcpClients
        if dials and self.choose.random() < 0.2:
            factory: Any = dials.pop(0)[2]
            if not factory._onConnection.called:
                factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        elif dials:
            try:
                self.services.append(self.stage.accept())
            except AlreadyCalledError:
                pass  # it has been given up meanwhile

    def some(self) -> list[Any]:
        living = [each for each in self.services if not each.ended and each.open]
        return [self.choose.choice(living)] if living else []

    def answer(self) -> None:
        for service in self.some():
            if service.transport.producerState == "producing":
                self.stage.answer(service, self.choose.choice(ANSWERS))

    def end(self) -> None:
        for service in self.some():
            self.choose.choice((service.close, service.reset))()

    def wait(self) -> None:
        self.stage.wait(self.choose.choice((0.25, 1, 11)), 0.25)

    # --- the server ----------------------------------------------------------------------------------------

    def pong(self) -> None:
        """A late answer, or one to nothing."""
        self.stage.octets(self.choose.choice((b"", b"1", b"2", b"99999", b"x")), PONG)

    def say(self) -> None:
        pick = self.choose.choice
        id = f"{pick(range(4)):032x}"
        kinds: dict[str, Message] = {
            "request_start": {"method": pick(("GET", "HEAD", "POST", "a b")), "path": pick(("/", "/a?b", "", "/ x"))},
            "request_body": {"chunk": pick((b"", b"abc", bytes(8192))), "final": pick((True, False))},
            "ws_upgrade": {"path": pick(("/", "/chat?x=y", "\n"))},
            "ws_frame": {
                "opcode": pick((0, 1, 2, 8, 9, 10)),
                "payload": pick((b"", b"hi", bytes(200), bytes(70_000))),
                "fin": pick((True, False)),
            },
            "ws_close": {"code": pick((None, 1000, 1005, 1006, 4000, 70_000))},
            "tunnel_close": {"tunnel_id": pick(("", TUNNEL, "x")), "reason": "is not available"},
            "tunnel_ready": {"tunnel_id": TUNNEL, "url": "https://demo.x", "subdomain": "demo"},
            "auth_ok": {"account_id": "x", "limits": {"max_tunnels": 1, "max_connections": 1}},
            "tcp_open": {"connection_id": id, "tunnel_id": TUNNEL, "remote_addr": "x"},
            "ping": {"timestamp": pick((0, -1, 1 << 40))},
            "response_end": {},
        }
        often = ["request_start", "request_body", "ws_upgrade", "ws_frame", "request_start", "ws_upgrade", "ws_frame"]
        kind = pick(list(kinds) + often)
        if kind == "tunnel_close" and pick((True, True, True, False)):
            return
        fields = kinds[kind]
        if "request_id" in wire.FIELDS[kind]:
            fields["request_id"] = id
        if kind in ("request_start", "ws_upgrade"):
            fields.update(tunnel_id=pick((TUNNEL, TUNNEL, TUNNEL, "x")), headers=pick(HEADERS))
        octets = bytearray(wire.encode(wire.message(kind, **fields)))
        if self.choose.random() < 0.05:
            octets[self.choose.randrange(len(octets))] = self.choose.randrange(256)
        self.stage.octets(bytes(octets))


class HostileTests(SynchronousTestCase):
    @settings(deadline=None, database=None, max_examples=60)
    @given(st.randoms(use_true_random=True), st.integers(10, 120))
    def test_anything(self, choose: random.Random, steps: int) -> None:
        with logging() as lines:
            play = Play(choose)
            stage = play.stage
            bridge = stage.link.bridge
            for _ in range(steps):
                play.step()
                bridge.session.check_invariants()
                if stage.session.session is not None:
                    stage.session.session.check_invariants()
            if stage.closed is not None:
                self.assertIn(stage.closed, (1000, 1008), lines)
            self.assertEqual(stage.stop(), [], "a timer was left behind")
            self.assertEqual((bridge.session.streams, bridge._legs, bridge.early), ({}, {}, 0))
            self.assertEqual((bridge.assembly.size, bridge.pressure._waiting), (0, {}))
        self.assertEqual([line for line in lines if "defect" in line], [])
        self.assertNotIn(b"\r\nb\r\n", play.asked)
        self.assertNotIn(b"X: a\r\n", play.asked)
