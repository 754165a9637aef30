"""Attempts beside each other: how many, for how long, and who is told what."""

from typing import Any

from twisted.internet.error import ConnectionLost, ConnectionRefusedError, DNSLookupError, TCPTimedOutError
from twisted.internet.interfaces import IAddress
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.link.attempts import RACERS, SILENCE, Attempt, Attempts
from sellia.client.link.backoff import ATTEMPT_TIME
from tests.client.links import FarServer, Network
from tests.transports.links import MemoryLink

NO_ANSWER = "the server did not answer in time"
SAYS_NOTHING = "the server accepts connections and says nothing: is it a Sellia server, and is it http or https?"


class Starter:
    """Writes down what it is told."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.told: list[tuple[Attempt, str]] = []
        self.silent: list[str] = []
        self.logins: list[str] = []

    def build_link(self, address: IAddress | None) -> Any:
        return MemoryLink(FarServer(), self.clock)

    def attempt_connected(self, attempt: Attempt) -> None:
        self.told.append((attempt, "connected"))

    def attempt_failed(self, attempt: Attempt, why: str) -> None:
        self.told.append((attempt, why))

    def login_refused(self, why: str) -> None:
        self.logins.append(why)

    def attempt_silent(self, attempt: Attempt, why: str) -> None:
        self.silent.append(why)


class AttemptsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.starter = Starter(self.clock)
        self.network = Network(self.clock)
        self.attempts = Attempts(self.starter, self.network, self.clock)

    def tearDown(self) -> None:
        self.attempts.give_up("the test is over")
        self.assertEqual(self.clock.getDelayedCalls(), [], "a timer was left behind")

    def make(self) -> Attempt:
        attempt = self.attempts.make()
        attempt.dial(self.network)
        return attempt

    def connect(self, attempt: Attempt) -> Any:
        """There is a connection; its link."""
        link = attempt.buildProtocol(None)
        next(dial for dial in self.network.dials if dial.factory is attempt).result.callback(link)
        return link

    def test_what_is_said_of_failures(self) -> None:
        for error, why in (
            (ConnectionRefusedError(), "the server refused the connection"),
            (TCPTimedOutError(), NO_ANSWER),
            (
                DNSLookupError("x"),
                "the server could not be reached: no address was found for this name (is it spelled right?)",
            ),
        ):
            self.make()
            self.network.dials[-1].result.errback(Failure(error))
            self.assertEqual(self.starter.told[-1][1], why)

    def test_one_fails(self) -> None:
        """The others go on."""
        first, second = self.make(), self.make()
        self.network.dials[0].result.errback(Failure(ConnectionLost("no\x1b")))
        self.assertEqual(len(self.attempts), 1)
        [(failed, why)] = self.starter.told
        self.assertIs(failed, first)
        self.assertNotIn("\x1b", why)
        self.assertIsNot(failed, second)

    def test_too_many(self) -> None:
        """The oldest without a connection gives way, and has failed."""
        made = [self.make() for _ in range(RACERS)]
        self.connect(made[0])
        self.make()
        self.assertEqual(self.starter.told, [(made[0], "connected"), (made[1], NO_ANSWER)])
        self.assertEqual((len(self.attempts), self.network.cancelled), (RACERS, 1))

    def test_too_many_with_connections(self) -> None:
        """Then it is the oldest."""
        made = [self.make() for _ in range(RACERS)]
        links = [self.connect(attempt) for attempt in made]
        self.make()
        self.assertEqual(self.starter.told[-1], (made[0], SAYS_NOTHING))
        self.assertEqual([link.transport.aborted for link in links], [True] + [False] * (RACERS - 1))

    def test_too_late(self) -> None:
        attempt = self.make()
        link = self.connect(attempt)
        self.clock.advance(ATTEMPT_TIME - 0.1)
        self.assertFalse(link.transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(link.transport.aborted)
        self.assertEqual(self.starter.told[-1], (attempt, SAYS_NOTHING))
        self.attempts.lost(link, "it was dropped")
        self.assertEqual(len(self.starter.told), 2, "it ends once")

    def test_silence_is_told_soon(self) -> None:
        """After five seconds, and what it is that is missing."""
        self.make()
        self.clock.advance(SILENCE)
        self.connect(self.make())
        self.clock.advance(SILENCE)
        self.assertEqual(self.starter.silent, [NO_ANSWER, SAYS_NOTHING])
        self.assertEqual(len(self.attempts), 2, "they go on")

    def test_the_first_that_opens(self) -> None:
        """The others are given up, and nobody is told of them."""
        first, second, third = (self.make() for _ in range(3))
        connected, opened = self.connect(first), self.connect(second)
        self.assertIs(self.attempts.opened(opened), second)
        self.assertEqual(len(self.attempts), 0)
        self.assertTrue(connected.transport.aborted)
        self.assertFalse(opened.transport.aborted)
        self.assertEqual(self.network.cancelled, 1)
        self.assertEqual([why for _, why in self.starter.told], ["connected", "connected"])
        self.assertIsNone(self.attempts.opened(connected), "it came too late")
        self.assertIsNone(third.link)

    def test_a_connection_that_comes_after_all(self) -> None:
        """An endpoint may succeed although it was cancelled."""
        attempt = self.make()
        self.attempts.give_up("the test says so")
        self.assertEqual(self.network.cancelled, 1)
        attempt.buildProtocol(None)
        self.assertEqual(self.starter.told, [])
        self.assertEqual(len(self.attempts), 0)

    def test_a_connection_that_ends_before_it_is_a_link(self) -> None:
        attempt = self.make()
        self.attempts.lost(self.connect(attempt), "it was reset")
        self.assertEqual(self.starter.told[-1], (attempt, "it was reset"))
        self.attempts.lost(MemoryLink(FarServer(), self.clock), "whose?")
        self.assertEqual(len(self.starter.told), 2)
