"""The bound of all sessions together: the fattest goes first, and the others notice nothing."""

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.limits import MIB
from sellia.protocol.messages import ResponseHead
from sellia.server.gateway.footprint import SOON, FootprintLimit
from tests.server.clients import Client, GatewayCase, Wire
from tests.server.support import answers, get

HEAD = ResponseHead(200, b"OK", [(b"Content-Length", b"1000000")])


class FakeSession:
    """A session with so many bytes that resets release, and so many that they do not."""

    def __init__(self, loose: int, fast: int = 0) -> None:
        self.loose = loose
        self.fast = fast
        self.mux = self.load = self
        self.ended = False

    @property
    def footprint(self) -> int:
        return self.loose + self.fast

    def shed(self, excess: int) -> None:
        self.loose -= min(self.loose, excess)


class LimitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.sessions: list[Any] = []
        self.limit = FootprintLimit(100, self.clock, lambda: self.sessions, self.end)

    def end(self, session: Any) -> None:
        session.ended = True
        self.sessions.remove(session)

    def checked(self, *sessions: FakeSession) -> list[int]:
        self.sessions = list(sessions)
        self.limit.check()
        self.limit.stop()
        return [0 if each.ended else each.footprint for each in sessions]

    def test_within_it(self) -> None:
        self.assertEqual(self.checked(FakeSession(60), FakeSession(40)), [60, 40])

    def test_the_fattest_goes_first(self) -> None:
        self.assertEqual(self.checked(FakeSession(60), FakeSession(90), FakeSession(10)), [60, 30, 10])
        self.assertEqual(self.checked(FakeSession(80), FakeSession(90), FakeSession(80)), [20, 0, 80])

    def test_what_no_reset_releases(self) -> None:
        sessions = FakeSession(10, 70), FakeSession(50)
        self.assertEqual(self.checked(*sessions), [0, 50])
        self.assertEqual([each.ended for each in sessions], [True, False])

    def test_it_is_looked_at_soon_again_while_much_waits(self) -> None:
        self.sessions = [FakeSession(51)]
        self.limit.check()
        self.limit.check()
        self.sessions[0].loose = 150
        self.clock.advance(SOON)
        self.assertEqual(self.sessions[0].footprint, 100)
        self.sessions[0].loose = 50
        self.clock.advance(SOON)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class AttackTests(GatewayCase):
    """A tenant whose visitors fill the server, beside one who does nothing wrong."""

    settings = {"session_credit": 2 * MIB, "sessions_memory": 2 * MIB}

    def tenant(self, name: str) -> Client:
        client = self.server.client()
        self.assert_ready(client.open_tunnel(name))
        return client

    def uploads(self, name: str, count: int) -> list[Wire]:
        """Visitors who send what nobody takes, because the link is away."""
        request = get(b"/", b"Content-Length: 1000000", method=b"POST", host=name.encode() + b".localhost")
        return [self.server.visit(request + b"x" * 150_000) for _ in range(count)]

    def test_uploads_that_nobody_takes(self) -> None:
        evil, good = self.tenant("evil"), self.tenant("good")
        evil.wire.lose()
        good.wire.lose()
        good_ones = self.uploads("good", 4)
        evil_ones = self.uploads("evil", 12)
        self.server.wait(1)
        self.assertEqual([answers(each.take()) for each in good_ones], [[]] * 4)
        told = [answers(each.take()) for each in evil_ones]
        self.assertEqual(told.count([(503, "overloaded")]), 3)
        self.assertEqual(told.count([]), 9)
        health = self.server.gateway.health()
        self.assertEqual(health["limits"], {"sessions_memory": 3})
        self.assertLessEqual(sum(each.footprint for each in self.server.gateway.sessions.values()), 2 * MIB)

    def test_downloads_that_nobody_reads(self) -> None:
        evil, good = self.tenant("evil"), self.tenant("good")
        for client, count in ((evil, 11), (good, 2)):
            for _ in range(count):
                name = b"evil" if client is evil else b"good"
                wire = self.server.visit(get(host=name + b".localhost"))
                wire.transport.producer.pauseProducing()
            for stream in list(client.party.streams.values()):
                stream.send_head(HEAD)
                stream.send_data(b"x" * 60_000)
                stream.send_data(b"x" * 60_000)
                stream.send_data(b"x" * 60_000)
            self.server.talk()
        self.assertGreater(sum(each.footprint for each in self.server.gateway.sessions.values()), 2 * MIB)
        self.server.wait(1)
        self.assertLessEqual(sum(each.footprint for each in self.server.gateway.sessions.values()), 2 * MIB)
        self.assertEqual([len(each.mux.streams) for each in self.server.gateway.sessions.values()], [9, 2])
        self.assertEqual(self.server.gateway.health()["limits"], {"sessions_memory": 2})
