"""Datagrams to a service, over real sockets of loopback."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from sellia.client.events import ConnectionClosed, ConnectionOpened, Event
from sellia.client.local.service import LocalService
from sellia.client.local.udp import open_flow
from sellia.problems import IDLE_TOO_LONG
from sellia.protocol.messages import UdpFlow
from sellia.targets import parse_target
from tests.relay.scripts import Pair, RecordingLeg


class UdpTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.service = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.service.bind(("127.0.0.1", 0))
        self.service.settimeout(5)
        self.port = self.service.getsockname()[1]
        self.addCleanup(self.service.close)
        self.events: list[Event] = []
        self.pair = Pair()
        self.pair.client.stream_opened = self.opened  # type: ignore[assignment,method-assign]
        self.visitor = RecordingLeg()

    def opened(self, stream: Any, opening: Any, end: bool) -> Any:
        target = parse_target(f"127.0.0.1:{self.port}")
        self.local = LocalService(reactor, target)
        return open_flow(self.local, stream, opening, end, self.events.append, None)

    def until(self, condition: Any) -> Deferred[None]:
        """Let the reactor run until something has happened."""

        async def wait() -> None:
            while not condition():
                await deferLater(reactor, 0.01)  # type: ignore[arg-type]
                self.pair.talk()

        return Deferred.fromCoroutine(wait())

    async def test_there_and_back(self) -> None:
        self.stream = self.pair.server.open(UdpFlow(1, "203.0.113.7", 5), leg=self.visitor)
        self.stream.send_frame(0, b"hello")
        self.pair.talk()
        data, address = self.service.recvfrom(100)
        self.assertEqual(data, b"hello")
        self.service.sendto(b"y" * 60_000, address)
        await self.until(lambda: self.visitor.events)
        self.assertEqual(self.visitor.events, [("frame", 0, b"y" * 60_000)])
        self.stream.reset(IDLE_TOO_LONG)
        self.pair.talk()
        await self.until(lambda: len(self.events) == 2)
        opened, closed = self.events
        assert isinstance(opened, ConnectionOpened) and isinstance(closed, ConnectionClosed)
        self.assertEqual((closed.code, closed.bytes_in, closed.bytes_out), (None, 5, 60_000))

    async def test_nobody_listens(self) -> None:
        self.service.close()
        stream = self.pair.server.open(UdpFlow(1), leg=self.visitor)
        stream.send_frame(0, b"hello")
        self.pair.talk()
        await self.until(lambda: self.visitor.events)
        self.assertEqual(self.visitor.events[0][:2], ("reset", "service-refused"))
