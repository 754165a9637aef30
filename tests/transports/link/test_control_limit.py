"""Limits of a link's control frames: counted at the edge, and one pong of each kind for who does not read."""

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.relay.limits.token_bucket import Rate
from sellia.transports.link.control_limit import ControlFrameLimit, PendingPongs


class ControlFrameLimitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limit = ControlFrameLimit(self.clock, Rate(3, 1.0))

    def test_the_edge(self) -> None:
        """Pings and what has no effect are counted apart, and the time gives back."""
        counts: tuple[Callable[[], None], ...] = (self.limit.ping_received, self.limit.idle_received)
        for count in counts:
            for _ in range(3):
                count()
            self.assertEqual(self.assertRaises(ProtocolError, count).code, 1008)
        self.clock.advance(2)
        for count in counts:
            count()

    def test_several_at_once(self) -> None:
        self.limit.idle_received(3)
        self.assertRaises(ProtocolError, self.limit.idle_received)
        limit = ControlFrameLimit(self.clock, Rate(3, 1.0))
        self.assertRaises(ProtocolError, limit.idle_received, 4)

    def test_idle_links_have_no_buckets(self) -> None:
        self.assertEqual((self.limit._pings, self.limit._idle), (None, None))


class PendingPongsTests(SynchronousTestCase):
    def test_the_last_of_each_kind(self) -> None:
        sent: list[tuple[str, object]] = []

        def websocket(pong: object) -> None:
            sent.append(("websocket", pong))

        def native(pong: object) -> None:
            sent.append(("native", pong))

        pongs = PendingPongs()
        for number in range(100):
            pongs.add(websocket, number)
            pongs.add(native, -number)
        self.assertEqual(sent, [])
        pongs.flush()
        self.assertEqual(sent, [("websocket", 99), ("native", -99)])
        pongs.flush()
        self.assertEqual(len(sent), 2)

    def test_bound_methods_are_one_kind(self) -> None:
        """A method is another object each time that it is looked up."""
        sent: list[int] = []
        pongs = PendingPongs()
        pongs.add(sent.append, 1)
        pongs.add(sent.append, 2)
        pongs.flush()
        self.assertEqual(sent, [2])
