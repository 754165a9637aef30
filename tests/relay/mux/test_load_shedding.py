"""Load shedding: which streams go, at the edge of each limit; what becomes of them is tried with the session."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.limits import RECORD_COST
from sellia.relay.mux.load_shedding import LoadShedder
from sellia.relay.mux.stream import Stream
from tests.relay.scripts import Pair


class LoadShedderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair()
        self.session = self.pair.server.session
        self.told: list[tuple[int, str]] = []
        self.load = LoadShedder(self.session.table, self.reset, 1000, 1000)

    def reset(self, stream: Stream, why: str, limit: str) -> None:
        self.assertIn("too much is waiting", why)
        self.told.append((stream.id, limit))
        self.session.table.end(stream)

    def queue(self, *sizes: int) -> None:
        """Open a stream for each size, with so many bytes of cost that wait."""
        for size in sizes:
            stream = self.pair.open()[0]
            self.pair.cut()
            stream.send_data(bytes(size - RECORD_COST))

    def test_queued(self) -> None:
        self.queue(1000)
        self.load.queue_limit = self.session.table.queued
        self.assertTrue(self.load.crowded)
        self.load.shed_queued()
        self.assertEqual(self.told, [])
        self.load.queue_limit -= 1
        self.load.shed_queued()
        self.assertEqual(self.told, [(2, "session_queue")])
        self.assertFalse(self.load.crowded)

    def test_for_others(self) -> None:
        self.queue(1000)
        self.load.shed(1)
        self.assertEqual(self.told, [(2, "sessions_memory")])

    def test_held(self) -> None:
        stream = self.pair.open()[0]
        stream.receiving.untaken = self.session.table.held = self.load.held_limit
        self.load.shed_held()
        self.assertEqual(self.told, [])
        stream.receiving.untaken = self.session.table.held = self.load.held_limit + 1
        self.load.shed_held()
        self.assertEqual(self.told, [(2, "session_credit")])
