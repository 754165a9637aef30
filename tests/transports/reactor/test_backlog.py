"""What waits for the next turn: everybody gets a share of it, and all together no more than is allowed."""

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.reactor.backlog import TURN, Backlog, Work, backlog_of


class BacklogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.time = 0.0
        self.backlog = Backlog(self.clock, lambda: self.time)
        self.done: list[str] = []

    def work(self, name: str, times: int, cost: float = 0.0) -> Work:
        def work() -> bool:
            self.done.append(name)
            self.time += cost
            return self.done.count(name) < times

        return work

    def turn(self) -> str:
        """What one turn has done."""
        self.done_before = len(self.done)
        call: Any
        [call] = self.clock.getDelayedCalls()
        self.clock.calls.remove(call)
        call.called = 1
        call.func()
        return "".join(self.done[self.done_before :])

    def test_by_turns(self) -> None:
        for name in "abc":
            self.backlog.add(self.work(name, 2))
        self.assertEqual(self.turn(), "abcabc")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_so_much_time_and_no_more(self) -> None:
        """However many wait; and where it ended, the next turn goes on."""
        for name in "abc":
            self.backlog.add(self.work(name, 2, TURN / 2))
        self.assertEqual([self.turn(), self.turn(), self.turn()], ["ab", "ca", "bc"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_removed(self) -> None:
        first, second = self.work("a", 2, TURN), self.work("b", 1)
        self.backlog.add(first)
        self.backlog.add(second)
        self.backlog.remove(first)
        self.assertEqual(self.turn(), "b")
        self.backlog.add(first)
        self.backlog.remove(first)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_for_each_reactor(self) -> None:
        self.assertIs(backlog_of(self.clock), backlog_of(self.clock))
        self.assertIsNot(backlog_of(self.clock), backlog_of(Clock()))
