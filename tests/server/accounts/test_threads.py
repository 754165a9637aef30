"""Threads of a storage: the reactor goes on, the log says once what is the matter, and nothing waits without bound."""

import threading
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from sellia.errors import ProblemError
from sellia.problems import DATABASE_AWAY
from sellia.server.accounts.threads import FINISH_TIME, SLOW, WAITING, StorageState, StorageThreads
from sellia.storage.failures import Conflict, StorageAway
from sellia.storage.memory import MemoryStorage
from tests.logs import log_lines
from tests.server.accounts.stage import DirectThreads, done


def fails(error: Exception) -> None:
    raise error


class StateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.threads = DirectThreads(MemoryStorage(), self.clock)
        self.logged = log_lines(self)

    def lines(self, words: str) -> int:
        return len([line for line in self.logged if words in line])

    def test_away_and_back(self) -> None:
        told: list[bool] = []
        self.threads.back.append(lambda: told.append(True))
        for _ in range(5):
            self.assertRaises(StorageAway, done, self.threads.call(fails, StorageAway("The disk is full.")))
        self.assertEqual((self.threads.state, self.lines("The disk is full.")), (StorageState.AWAY, 1))
        done(self.threads.call(int))
        done(self.threads.call(int))
        self.assertEqual((self.threads.state, self.lines("is back"), told), (StorageState.WELL, 1, [True]))

    def test_what_is_refused_is_not_away(self) -> None:
        self.assertRaises(Conflict, done, self.threads.call(fails, Conflict("It is there.")))
        self.assertEqual(self.threads.state, StorageState.WELL)

    def test_slow(self) -> None:
        self.threads.holding = True
        calls = [self.threads.call(int) for _ in range(3)]
        self.clock.advance(SLOW + 0.1)
        self.assertEqual((self.threads.state, self.lines("is slow")), (StorageState.SLOW, 1))
        self.threads.let()
        self.assertEqual([done(each) for each in calls], [0, 0, 0])
        self.assertEqual(self.threads.state, StorageState.SLOW, "it took long to answer")
        self.threads.holding = False
        done(self.threads.call(int))
        self.assertEqual((self.threads.state, self.lines("is back")), (StorageState.WELL, 1))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_so_many_wait(self) -> None:
        self.threads.holding = True
        calls = [self.threads.call(int) for _ in range(WAITING)]
        error = self.assertRaises(ProblemError, done, self.threads.call(int))
        self.assertIs(error.problem, DATABASE_AWAY)
        self.threads.let()
        self.assertEqual((self.threads.busy, len([done(each) for each in calls])), (0, WAITING))

    def test_the_end(self) -> None:
        """What is under way is waited for, but not for ever."""
        done(self.threads.finish())
        for answers in (True, False):
            threads = DirectThreads(MemoryStorage(), self.clock)
            threads.holding = True
            call = threads.call(int)
            finished: Any = threads.finish()
            self.assertFalse(finished.called)
            if answers:
                threads.let()
                done(call)
            else:
                self.clock.advance(FINISH_TIME)
            self.assertTrue(finished.called)


class ThreadTests(TestCase):
    """Over real threads."""

    def test_calls_are_made_elsewhere(self) -> "Deferred[None]":
        from twisted.internet import reactor

        threads = StorageThreads(MemoryStorage(), reactor)
        threads.start()

        def seen() -> tuple[str, bool]:
            return threading.current_thread().name, threading.current_thread().daemon

        async def script() -> None:
            name, daemon = await threads.call(seen)
            self.assertNotEqual(name, threading.current_thread().name)
            self.assertTrue(daemon)
            await threads.finish()

        return Deferred.fromCoroutine(script())
