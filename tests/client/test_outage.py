"""Losses of the link: what they cost, and what is told of them."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import Event, LinkBack, LinkLost, Reconnecting, RequestFinished, RequestStarted
from sellia.client.outage import Outage, OutageReporter
from tests.client.stage import LogLines


class MemoryPipe:
    """As far as an outage knows one."""

    def __init__(self, *, ending: bool = False) -> None:
        self.ending = ending
        self.pings_answered = 2
        self.away = 0

    def link_away(self) -> None:
        self.away += 1


class OutageTests(SynchronousTestCase):
    def test_websockets_that_end(self) -> None:
        """One that was ending when the link was lost has not ended for that."""
        pipes = [MemoryPipe(), MemoryPipe(), MemoryPipe(ending=True)]
        outage = Outage(pipes)  # type: ignore[arg-type]
        self.assertEqual(([pipe.away for pipe in pipes], outage.ended), ([1, 1, 0], 0))
        pipes[0].ending = True
        self.assertEqual((outage.ended, outage.pings_answered), (1, 4))

    def test_requests_that_fail(self) -> None:
        outage = Outage([])
        outage.heard(RequestStarted(1, "GET", "/", ""))
        outage.heard(RequestFinished(1, "GET", "/", 200, 1.0, 0, 0, None))
        self.assertEqual(outage.ended, 0)
        outage.heard(RequestFinished(1, "GET", "/", None, 1.0, 0, 0, "the visitor left"))
        self.assertEqual(outage.ended, 1)


class ReporterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events: list[Event] = []
        self.reporter = OutageReporter(self.clock, self.events.append)

    def lose(self, reason: str = "reset", attempts: int = 0) -> bool:
        first = self.reporter.begin()
        if first:
            self.reporter.count([])
        self.reporter.tell_lost(reason, "ws://far", attempts, first=first)
        return first

    def test_the_whole_of_one(self) -> None:
        log = LogLines(self)
        self.assertTrue(self.lose())
        self.clock.advance(1)
        self.reporter.tell_waiting(120.0)
        self.reporter.heard(RequestFinished(1, "GET", "/", None, 1.0, 0, 0, "the visitor left"))
        self.clock.advance(1)
        self.reporter.end(3, (2, 50), resumed=True, fenced=True)
        self.assertEqual(self.events, [LinkLost("reset"), Reconnecting(1.0, 120.0)])
        self.reporter.settle()
        self.reporter.settle()
        self.assertEqual(self.events[2:], [LinkBack(2.0, 3, True, 2, 50, 1)])
        self.reporter.tell_waiting(120.0)
        self.assertEqual(len(self.events), 3, "it is over")
        self.assertTrue(log.lines[0].startswith("why: cause=--l0 "), log.lines[0])
        self.assertEqual(
            log.lines[1:],
            [
                "link lost: server=ws://far reason=reset",
                "link back: after=2.000s attempts=3 resumed=True resent_messages=2 resent_bytes=50 ended=1 "
                "pings_answered=0",
            ],
        )

    def test_without_a_fence_it_is_told_at_once(self) -> None:
        for resumed, fenced in ((True, False), (False, True), (False, False)):
            self.lose()
            self.reporter.end(1, (0, 0), resumed=resumed, fenced=fenced)
            self.assertIsInstance(self.events[-1], LinkBack)

    def test_reasons_are_told_when_they_change(self) -> None:
        log = LogLines(self)
        for attempts, reason in enumerate(["reset", "refused", "refused", "refused", "refused", "reset"]):
            self.assertEqual(self.lose(reason, attempts), not attempts)
        told = [event.reason for event in self.events if isinstance(event, LinkLost)]
        self.assertEqual(told, ["reset", "refused", "reset"])
        lines = [line for line in log.lines if line.startswith("no link yet")]
        self.assertEqual([line.rpartition("=")[2] for line in lines], ["1", "2", "4", "5"])

    def test_a_window_that_is_over(self) -> None:
        self.lose()
        self.clock.advance(5)
        self.reporter.tell_waiting(5.0)
        self.assertEqual(self.events[-1], Reconnecting(5.0, 0.0))

    def test_none(self) -> None:
        self.reporter.tell_waiting(120.0)
        self.reporter.end(0, (0, 0), resumed=False, fenced=False)
        self.reporter.settle()
        self.assertEqual(self.events, [])
