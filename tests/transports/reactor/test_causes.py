"""The book of causes: what it keeps, and what the log has of each."""

from twisted.internet.task import Clock
from twisted.logger import formatEvent
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.reactor.causes import KEPT, book_of, tell_cause
from sellia.transports.reactor.lines import RATE
from sellia.why.cause import Cause
from tests.logs import log_events


class BookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events = log_events(self)

    def tell(self, number: int, sentence: str = "It died.") -> Cause:
        cause = Cause(f"9f3a61c2-{number}", "service", "dropped", sentence, "Look.", {"seconds": 1.5, "how": "a b"})
        tell_cause(self.clock, cause, "demo")
        return cause

    def test_a_line_has_all_of_it(self) -> None:
        self.tell(14, 'a" cause=x\n')
        (line,) = [formatEvent(event) for event in self.events]
        self.assertEqual(
            line,
            "why: cause=9f3a61c2-14 who=service what=dropped tunnel=demo "
            'sentence="a\\" cause=x\\\\n" evidence="seconds=1.5 how=a b"',
        )

    def test_found_by_its_id(self) -> None:
        first, second = self.tell(1), self.tell(2)
        book = book_of(self.clock)
        self.assertIs(book.find(first.id), first)
        self.assertIs(book.last(), second)
        self.assertIsNone(book.find("9f3a61c2-3"))
        self.assertIsNone(book_of(Clock()).last(), "another process knows nothing of it")

    def test_said_again_it_is_kept_once(self) -> None:
        self.tell(1)
        again = self.tell(1, "Now it is known better.")
        self.assertIs(book_of(self.clock).find(again.id), again)

    def test_the_oldest_is_forgotten(self) -> None:
        for number in range(KEPT + 1):
            self.tell(number)
        book = book_of(self.clock)
        self.assertIsNone(book.find("9f3a61c2-0"))
        self.assertIsNotNone(book.find("9f3a61c2-1"))

    def test_a_flood_has_few_lines(self) -> None:
        for number in range(RATE.burst + 50):
            self.tell(number)
        self.assertEqual(len(self.events), RATE.burst)
