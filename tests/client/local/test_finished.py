"""Responses that the server refuses after they were told as complete."""

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import VISITOR_LEFT, Event, RequestFinished
from sellia.client.local.finished import FINISHED_LIMIT, FinishedExchanges, server_refused
from sellia.protocol.messages import Reset, Why
from tests.client.stage import LogLines


class FinishedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[Event] = []
        self.finished = FinishedExchanges()

    def told(self) -> list[Event]:
        """The events, without their causes, which there are."""
        found: list[Event] = []
        for event in self.events:
            assert isinstance(event, RequestFinished) and event.cause is not None
            found.append(replace(event, cause=None))
        return found

    def test_told_once(self) -> None:
        log = LogLines(self)
        self.finished.add(2, (b"GET", b"/a?secret=1", 200, 3, 5, self.events.append))
        self.finished.reset(2, Reset("bad-service-response", "the head is too long"), "demo")
        self.finished.reset(2, Reset("bad-service-response", "the head is too long"), "demo")
        cause = "The server refused the answer: the head is too long."
        self.assertEqual(self.told(), [RequestFinished(2, "GET", "/a?secret=1", 502, 0.0, 0, 0, cause, "demo")])
        self.assertEqual(log.lines, [f"GET /a?… failed: bad-service-response: {cause}"])

    def test_a_visitor_who_leaves(self) -> None:
        log = LogLines(self)
        self.finished.add(2, (b"GET", b"/", 200, 3, 5, self.events.append))
        why = Why("proxy", "idle-timeout", {"waited": 60})
        reset = Reset("visitor-gone", "the visitor's connection was lost", why=why)
        cause = self.finished.reset(2, reset, "demo", "9f3a61c2-2")
        assert cause is not None
        self.assertEqual((cause.id, cause.who, cause.what), ("9f3a61c2-2", "proxy", "idle-timeout"))
        self.assertEqual(self.told(), [RequestFinished(2, "GET", "/", 200, 0.0, 3, 5, VISITOR_LEFT, "demo")])
        self.assertEqual(log.lines, [])

    def test_another_reset_says_nothing(self) -> None:
        self.finished.add(2, (b"GET", b"/", 200, 3, 5, self.events.append))
        self.finished.reset(2, Reset("overloaded"), "demo")
        self.assertEqual(self.events, [])

    def test_nobody_listens(self) -> None:
        log = LogLines(self)
        self.finished.add(2, (b"GET", b"/", 200, 3, 5, None))
        self.finished.reset(2, Reset("bad-service-response", ""), "demo")
        self.assertEqual(len(log.lines), 1)

    def test_unknown_numbers_say_nothing(self) -> None:
        log = LogLines(self)
        self.finished.add(2, (b"GET", b"/", 200, 3, 5, self.events.append))
        self.finished.reset(4, Reset("bad-service-response", ""), "demo")
        self.finished.clear()
        self.finished.reset(2, Reset("bad-service-response", ""), "demo")
        self.assertEqual((self.events, log.lines), ([], []))

    def test_the_oldest_makes_room(self) -> None:
        for number in range(FINISHED_LIMIT + 1):
            self.finished.add(number, (b"GET", b"/", 200, 3, 5, self.events.append))
        for number in (0, 1):
            self.finished.reset(number, Reset("bad-service-response", ""), "demo")
        self.assertEqual([event.id for event in self.events], [1])  # type: ignore[union-attr]

    def test_a_server_that_does_not_say_why(self) -> None:
        self.assertEqual(server_refused(""), "The server refused the answer: it did not say why.")
        self.assertEqual(server_refused("No.\x1b"), r"The server refused the answer: No.\x1b.")
