"""An original client that says anything at all, in any order, while visitors come, read, stall and leave.

Whatever it is: nothing raises, nothing is logged as a defect of ours, a visitor never gets an answer that is not one,
and when all have left nothing is left behind.
"""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.limiter import END_WAIT
from tests.logs import logging
from tests.original import wire
from tests.server.clients import Server, Wire
from tests.server.originals import OK, Original
from tests.server.support import UPGRADE, get, post
from tests.transports.support import BINARY, CLOSE, PING, TEXT, frame

VISITS = (
    get(),
    get(method=b"HEAD"),
    post(b"abc"),
    post(b"abc", length=70_000),
    post(b"", b"Expect: 100-continue", length=3),
    UPGRADE,
    UPGRADE + frame(TEXT, b"early"),
)
SENT = (
    b"x",
    b"x" * 70_000,
    frame(TEXT, b"hi"),
    frame(0x02, b"begun"),
    frame(0x80, b"ended"),
    frame(PING, b"?"),
    frame(CLOSE, b"\x03\xe8"),
    frame(CLOSE, b"\x00"),
    frame(BINARY, b"x" * 70_000),
    frame(0xC1, b"bad"),
)
HEADERS: tuple[dict[str, list[str]], ...] = (
    {},
    OK,
    {"Content-Length": ["3"]},
    {"Content-Length": ["3", "4"]},
    {"Content-Length": ["70000"], "Content-Type": ["text/html; charset=utf-8"]},
    {"X": ["a\r\nb"]},
    {"Sec-WebSocket-Protocol": ["x"], "Sec-WebSocket-Extensions": ["permessage-deflate"]},
    {"Transfer-Encoding": ["chunked"], "Connection": ["close, x"]},
)


class Play:
    """One run: a client, and its visitors."""

    def __init__(self, choose: random.Random) -> None:
        self.choose = choose
        self.server = Server(rate_limit=False)
        self.client = Original(self.server).open()
        self.visitors: list[Wire] = []
        self.ids: list[str] = ["0" * 32]

    def id(self) -> str:
        return self.choose.choice(self.ids)

    def step(self) -> None:
        action = self.choose.choice((self.visit, self.send, self.stall, self.flow, self.leave, *[self.say] * 8))
        action()
        self.ids += [each["request_id"] for each in self.client.heard() if "headers" in each]

    # --- visitors ------------------------------------------------------------------------------------------

    def visit(self) -> None:
        self.visitors.append(self.server.visit(self.choose.choice(VISITS)))

    def some(self) -> list[Wire]:
        open = [each for each in self.visitors if not each.lost and not each.closed]
        return [self.choose.choice(open)] if open else []

    def send(self) -> None:
        for visitor in self.some():
            if visitor.transport.producerState == "producing":
                visitor.send(self.choose.choice(SENT))

    def stall(self) -> None:
        for visitor in self.some():
            if visitor.transport.producer is not None:
                visitor.transport.producer.pauseProducing()

    def flow(self) -> None:
        for visitor in self.some():
            if visitor.transport.producer is not None:
                visitor.transport.producer.resumeProducing()
                self.server.talk()

    def leave(self) -> None:
        for visitor in self.some():
            visitor.lose()

    # --- the client ----------------------------------------------------------------------------------------

    def say(self) -> None:
        pick = self.choose.choice
        kinds: dict[str, dict[str, Any]] = {
            "response_start": {"request_id": self.id(), "status_code": pick((200, 204, 101, 100, 0, 404))},
            "response_body": {"request_id": self.id(), "chunk": pick((b"", b"abc", b"x" * 70_000))},
            "response_end": {"request_id": self.id()},
            "ws_upgrade_ok": {"request_id": self.id()},
            "ws_upgrade_error": {"request_id": self.id(), "status_code": pick((502, 403, 101, -1)), "message": "no\n"},
            "ws_frame": {"request_id": self.id(), "opcode": pick((0, 1, 2, 8, 9, 10)), "fin": pick((True, False))},
            "ws_close": {"request_id": self.id(), "code": pick((None, 1000, 1005, 1006, 4000, 70_000))},
            "tunnel_close": {"tunnel_id": pick(("", self.client.tunnels["demo"], "x"))},
            "tunnel_open": {"tunnel_type": pick(("http", "tcp")), "local_port": 1, "subdomain": pick(("demo", "ab"))},
            "auth": {"api_key": "x"},
            "pong": {"timestamp": 1},
        }
        kind = pick(list(kinds) + ["response_start", "response_body", "ws_upgrade_ok", "ws_frame"])
        fields = kinds[kind]
        if kind in ("response_start", "ws_upgrade_ok"):
            fields["headers"] = pick(HEADERS)
        elif kind == "ws_frame":
            fields["payload"] = pick((b"", b"hi", b"x" * 200, b"x" * 70_000))
        octets = bytearray(wire.encode(wire.message(kind, **fields)))
        if self.choose.random() < 0.05:
            octets[self.choose.randrange(len(octets))] = self.choose.randrange(256)
        self.client.octets(frame(BINARY, bytes(octets)))


class HostileTests(SynchronousTestCase):
    @settings(deadline=None, database=None, max_examples=60)
    @given(st.randoms(use_true_random=True), st.integers(10, 120))
    def test_anything(self, choose: random.Random, steps: int) -> None:
        with logging() as lines:
            play = Play(choose)
            for _ in range(steps):
                play.step()
                [*sessions] = play.server.gateway.sessions.values()
                for session in sessions:
                    session.mux.check_invariants()
                    session.link.bridge.session.check_invariants()
            for visitor in play.visitors:
                data = visitor.take()
                self.assertTrue(not data or data.startswith(b"HTTP/1.1 "), data[:100])
                visitor.lose()
            play.client.heard()
            play.server.wait(int(END_WAIT) + 1)
            play.client.heard()
            if play.client.closed is not None:
                self.assertEqual(play.client.closed[1][:2], (1008).to_bytes(2, "big"))
            for session in play.server.gateway.sessions.values():
                self.assertEqual(session.mux.streams, {})
                bridge: Any = session.link.bridge
                self.assertEqual((bridge.session.streams, bridge._legs), ({}, {}))
                self.assertEqual((bridge.assembly.size, bridge.pressure._waiting), (0, {}))
            play.server.check()
        self.assertEqual([line for line in lines if "defect" in line], [])
