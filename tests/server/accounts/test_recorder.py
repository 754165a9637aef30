"""Events, usage and uses are written together, kept while the database is away, and bounded."""

from typing import Any

from sellia.server.accounts.recorder import BATCH, EVENTS, PAUSE, PRUNE_EVERY, ROWS
from sellia.storage.failures import Unstorable
from sellia.storage.interface import Add
from sellia.storage.records import Event, Usage
from tests.logs import log_lines
from tests.server.accounts.stage import AccountsCase, away, done


class RecorderTests(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        self.server.wait(2)
        self.recorder = self.server.accounts.parts.recorder
        self.day = self.server.today().date()

    def event(self, subject: str = "") -> Event:
        return Event(self.server.today(), "test", subject=subject)

    def test_one_write_a_second(self) -> None:
        before = self.storage.writes
        for number in range(1000):
            self.recorder.event(self.event(str(number)))
            self.recorder.add([Add(Usage("acc", f"name-{number % 10}", self.day, requests=1))])
        self.server.wait(1)
        self.assertEqual(self.storage.writes - before, 1)
        self.assertEqual(
            [each.subject for each in self.storage.events(kind="test")], [str(each) for each in range(1000)]
        )
        self.assertEqual([each.requests for each in self.storage.usage(self.day, self.day)], [100] * 10)

    def test_batches(self) -> None:
        before = self.storage.writes
        for number in range(BATCH * 2 + 1):
            self.recorder.event(self.event(str(number)))
        self.server.wait(1)
        self.assertEqual(self.storage.writes - before, 3)

    def test_while_it_is_away(self) -> None:
        """In the same order, and nothing twice."""
        self.storage.fault = away()
        for number in range(10):
            self.recorder.event(self.event(str(number)))
            self.recorder.add([Add(Usage("acc", "name", self.day, requests=1))])
            self.recorder.used("key_1", "192.0.2.1")
            self.server.wait(1)
        self.storage.fault = None
        self.server.wait(PAUSE + 2)
        self.assertEqual([each.subject for each in self.storage.events(kind="test")], [str(each) for each in range(10)])
        self.assertEqual([each.requests for each in self.storage.usage(self.day, self.day)], [10])
        self.assertEqual(self.recorder.waiting, 0)

    def test_bounds(self) -> None:
        self.storage.fault = away()
        for number in range(EVENTS + 7):
            self.recorder.event(self.event(str(number)))
        self.recorder.add([Add(Usage("acc", str(number), self.day, requests=1)) for number in range(ROWS + 3)])
        self.assertEqual(self.recorder.waiting, EVENTS + ROWS)
        self.storage.fault = None
        self.server.wait(PAUSE + 2)
        [lost] = self.storage.events(kind="events.lost")
        self.assertEqual(lost.detail, {"events": 10})

    def test_what_cannot_be_stored(self) -> None:
        """It is said, and does not stand in the way of what comes after."""
        logged = log_lines(self)
        self.storage.fault = Unstorable("A number is too large.")
        self.recorder.event(self.event("lost"))
        self.recorder.flush(self.server.clock.seconds())
        self.storage.fault = None
        self.recorder.event(self.event("next"))
        self.server.wait(2)
        self.assertEqual([each.subject for each in self.storage.events(kind="test")], ["next"])
        self.assertTrue([line for line in logged if "are lost: A number is too large." in line], logged)

    def test_what_is_old_is_deleted(self) -> None:
        self.recorder.event(self.event("old"))
        self.server.wait(1)
        self.server.clock.advance(91 * 86400.0)
        self.recorder.event(self.event("new"))
        self.server.wait(PRUNE_EVERY + 2, 600)
        self.assertEqual([each.subject for each in self.storage.events(kind="test")], ["new"])

    def test_the_end_writes_what_waits(self) -> None:
        self.recorder.event(self.event("last"))
        stopped: Any = self.server.accounts.stopService()
        done(stopped)
        self.assertEqual([each.subject for each in self.storage.events(kind="test")], ["last"])
