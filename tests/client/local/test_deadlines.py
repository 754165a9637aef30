"""Many deadlines on one timer."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.local.deadlines import Deadlines


class DeadlinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.late: list[str] = []
        self.deadlines: Deadlines[str] = Deadlines(self.clock, 10.0, self.late.append)

    def test_expires_each_in_its_time(self) -> None:
        self.deadlines.add("a")
        self.clock.advance(4)
        self.deadlines.add("b")
        self.clock.advance(5.9)
        self.assertEqual(self.late, [])
        self.clock.advance(0.1)
        self.assertEqual(self.late, ["a"])
        self.clock.advance(4)
        self.assertEqual(self.late, ["a", "b"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_discarded_never_expires(self) -> None:
        self.deadlines.add("a")
        self.deadlines.discard("a")
        self.deadlines.discard("never was in there")
        self.clock.advance(20)
        self.assertEqual(self.late, [])

    def test_adding_again_begins_anew_and_at_the_end(self) -> None:
        self.deadlines.add("a")
        self.deadlines.add("b")
        self.clock.advance(5)
        self.deadlines.add("a")
        self.clock.advance(5)
        self.assertEqual(self.late, ["b"])
        self.clock.advance(5)
        self.assertEqual(self.late, ["b", "a"])

    def test_any_number_needs_one_timer(self) -> None:
        for number in range(1000):
            self.deadlines.add(str(number))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual(len(self.deadlines), 1000)

    def test_expiring_may_add_and_discard(self) -> None:
        """An item that another's end takes out does not expire; one that is put in gets its own time."""

        def expired(item: str) -> None:
            self.late.append(item)
            deadlines.discard("b")
            if item == "a":
                deadlines.add("c")

        deadlines: Deadlines[str] = Deadlines(self.clock, 10.0, expired)
        deadlines.add("a")
        deadlines.add("b")
        self.clock.advance(10)
        self.assertEqual(self.late, ["a"])
        self.clock.advance(10)
        self.assertEqual(self.late, ["a", "c"])

    def test_newest_and_oldest(self) -> None:
        self.assertIsNone(self.deadlines.newest())
        for item in "abc":
            self.deadlines.add(item)
            self.clock.advance(1)
        self.assertEqual(self.deadlines.newest(), ("c", 1.0))
        self.assertIn("c", self.deadlines)
        self.assertEqual(self.deadlines.pop_oldest(), "a")
        self.assertIn("b", self.deadlines)

    def test_age(self) -> None:
        self.deadlines.add("a")
        self.clock.advance(1)
        self.assertEqual(self.deadlines.age("a"), 1.0)

    def test_stop_leaves_no_timer(self) -> None:
        self.deadlines.add("a")
        self.assertEqual(self.deadlines.stop(), ["a"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.deadlines.stop(), [])
