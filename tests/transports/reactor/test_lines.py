"""Lines about what strangers can bring about: so many, and the others are counted."""

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.reactor.lines import RATE, line
from sellia.transports.websocket.record import WebSocketRecord


class LineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def test_so_many_and_the_others_are_counted(self) -> None:
        self.assertEqual([line(self.clock, "x") for _ in range(RATE.burst)], [""] * RATE.burst)
        self.assertEqual([line(self.clock, "x") for _ in range(3)], [None] * 3)
        self.assertEqual(line(self.clock, "y"), "")
        self.clock.advance(1 / RATE.per_second)
        self.assertEqual([line(self.clock, "x"), line(self.clock, "x")], [" suppressed=3", None])
        self.assertEqual(line(Clock(), "x"), "")

    def test_websockets(self) -> None:
        """One of which the opening got no line gets none for its end, and each other gets both."""
        with capturedLogs() as logs:
            for number in range(RATE.burst + 100):
                story = WebSocketRecord(number, "demo", b"/", "192.0.2.1", at_visitor=True, clock=self.clock)
                story.ended("visitor", 1000, "")
                story.over()
        formats = [event["log_format"].partition(":")[0] for event in logs]
        self.assertEqual(formats, ["websocket opened", "websocket closed"] * RATE.burst)
