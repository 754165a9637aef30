"""Links: when they are dialled, what is said first on them, and what becomes of the delays."""

from itertools import pairwise
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.connector import BEAT, FIRST_DELAY, LONGEST_DELAY, PATIENCE, Connector
from sellia.errors import ProtocolError
from sellia.protocol.messages import Goodbye, Hello, Refused, Welcome
from sellia.transports.link import LinkMixin
from tests.client.links import FarServer, Half, Network
from tests.transports.links import MemoryLink, Wire


class Caller:
    """Whose links they are: writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.state: tuple[bytes | None, int] = (None, 0)
        self.beats = 0

    def resume_state(self) -> tuple[bytes | None, int]:
        return self.state

    def welcomed(self, link: LinkMixin, welcome: Welcome) -> None:
        self.told.append(("welcomed", welcome.resumed))

    def refused(self, refused: Refused) -> None:
        self.told.append(("refused", refused.word))

    def dismissed(self, goodbye: Goodbye) -> None:
        self.told.append(("dismissed", goodbye.word))

    def broken(self, error: ProtocolError) -> None:
        self.told.append(("broken", str(error)))

    def link_lost(self, reason: str, attempts: int) -> None:
        self.told.append(("lost", attempts))

    def beat(self) -> None:
        self.beats += 1


class ConnectorCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.caller = Caller()
        self.connector = Connector("ws://127.0.0.1:1/ws", "the key", self.caller, self.clock, Half())
        self.network = self.connector._dialler._endpoint = Network(self.clock)
        self.server = FarServer()
        self.connector.start()

    def tearDown(self) -> None:
        self.connector.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [], "a timer was left behind")

    def wait(self, seconds: float) -> None:
        """Time passes as for somebody who is awake."""
        while seconds > 0:
            self.clock.advance(min(seconds, 0.5))
            seconds -= 0.5

    def join(self) -> Wire:
        self.clock.advance(0)
        return self.network.join(self.connector, self.server)

    def end(self, wire: Wire) -> None:
        """Both ends of a link that was closed are gone."""
        for each in (wire.far, wire.near):
            each.lose()


class DialTests(ConnectorCase):
    """Attempts and the time between them; chance is always in the middle."""

    def test_at_once_then_later_and_later(self) -> None:
        """Delays grow from the first to the longest, and half of each is waited."""
        delays = []
        for _ in range(15):
            self.network.refuse()
            waiting = self.connector._callID
            assert waiting is not None
            delays.append(waiting.getTime() - self.clock.seconds())
            self.wait(delays[-1] + 0.001)
        self.assertEqual(len(self.network.tried), 16)
        growing = [min(FIRST_DELAY * 1.5**count, LONGEST_DELAY) / 2 for count in range(14)]
        self.assertEqual(growing[-1], LONGEST_DELAY / 2)
        for delay, expected in zip(delays, [0.0, *growing], strict=True):
            self.assertLess(abs(delay - expected), 0.01)
        self.assertEqual(self.caller.told[-1], ("lost", 15))

    def test_a_welcome_starts_over(self) -> None:
        """A connection alone does not: a server that lets nobody in is not to be asked without end."""
        for _ in range(6):
            self.network.refuse()
            self.wait(30)
        self.server.manner = ""
        wire = self.join()
        wire.cut()
        before = len(self.network.tried)
        self.clock.advance(0)
        self.assertEqual(len(self.network.tried), before)
        self.wait(30)
        self.server.manner = "new"
        self.join().cut()
        before = len(self.network.tried)
        self.clock.advance(0)
        self.assertEqual(len(self.network.tried), before + 1)

    def test_a_server_that_stops_is_given_a_moment(self) -> None:
        """Everybody whom it has told would come back in the same instant."""
        wire = self.join()
        self.wait(10)
        wire.far.say(Goodbye("server-restarting", ""))
        wire.talk()
        self.assertEqual(wire.near.closed, (1000, "goodbye"))
        self.end(wire)
        self.clock.advance(0)
        self.assertEqual(len(self.network.tried), 1)
        self.clock.advance(FIRST_DELAY / 2)
        self.assertEqual(len(self.network.tried), 2)
        self.assertIn(("dismissed", "server-restarting"), self.caller.told)

    def test_stopped_while_it_waits(self) -> None:
        self.network.refuse()
        self.clock.advance(0)
        self.network.refuse()
        self.connector.stop()
        self.wait(100)
        self.assertEqual(len(self.network.tried), 2)

    def test_stopped_while_it_dials(self) -> None:
        """Also after an attempt that followed a delay."""
        for _ in range(2):
            self.network.refuse()
            self.clock.advance(1)
        self.connector.stop()
        self.assertEqual(self.network.cancelled, 1)
        self.wait(100)
        self.assertEqual(len(self.network.tried), 3)

    def test_stopped_while_the_link_opens(self) -> None:
        self.connector.stop()
        wire = Wire(MemoryLink(self.connector, self.clock), MemoryLink(self.server, self.clock))
        self.assertTrue(wire.near.transport.aborted)
        self.assertEqual(self.server.heard, [])
        self.end(wire)


class HelloTests(ConnectorCase):
    def test_what_is_said_first(self) -> None:
        self.caller.state = (b"token", 7)
        self.join().cut()
        [hello] = self.server.hellos
        self.assertEqual((hello.version, hello.key, hello.session, hello.received), (1, "the key", b"token", 7))
        self.assertTrue(hello.agent.startswith("sellia/"))

    def test_no_welcome_in_time(self) -> None:
        self.server.manner = ""
        wire = self.join()
        self.clock.advance(PATIENCE)
        self.assertTrue(wire.near.transport.aborted)
        self.assertEqual(wire.near.reason, "the server did not answer in time")
        self.end(wire)

    def test_an_answer_that_never_comes(self) -> None:
        """Attempts that the network swallows follow one another, each with more patience than the one before."""
        self.wait(40)
        gaps = [later - before for before, later in pairwise(self.network.tried)]
        self.assertEqual([round(gap) for gap in gaps], [2, 4, 8, 10, 10])
        self.assertEqual(self.network.cancelled, 5)

    def test_a_slow_server_is_given_more(self) -> None:
        """Three times what it took the last time."""
        self.server.manner = ""
        wire = self.join()
        self.clock.advance(1.5)
        wire.far.say(Welcome(1, "far", b"token", False))
        wire.talk()
        wire.cut()
        self.clock.advance(0)
        self.wait(4.4)
        self.assertEqual(self.network.cancelled, 0)
        self.wait(0.2)
        self.assertEqual(self.network.cancelled, 1)

    def test_an_opening_handshake_that_never_ends(self) -> None:
        link = self.connector.buildProtocol(None)
        assert self.network.attempt is not None
        self.network.attempt.callback(link)
        link.makeConnection(StringTransport())
        self.clock.advance(PATIENCE)
        self.assertEqual(link.reason, "the server did not answer in time")
        self.assertTrue(link.transport.disconnected)
        link.connectionLost(Failure(ConnectionLost()))
        self.clock.advance(0)
        self.assertEqual(len(self.network.tried), 2)

    def test_a_second_welcome(self) -> None:
        wire = self.join()
        wire.far.say(Welcome(1, "far", b"token", False))
        wire.talk()
        self.assertIn(("broken", "a second welcome on one link"), self.caller.told)
        self.end(wire)

    def test_what_only_a_client_says(self) -> None:
        wire = self.join()
        wire.far.say(Hello(1, "far"))
        wire.talk()
        self.assertEqual(self.caller.told[-1][0], "broken")
        self.end(wire)

    def test_refused(self) -> None:
        self.server.manner = ""
        wire = self.join()
        wire.far.say(Refused("wrong-key", "No.", True))
        wire.talk()
        self.assertEqual(self.caller.told, [("refused", "wrong-key")])
        self.assertEqual(wire.near.closed, (1000, "refused"))
        self.end(wire)

    def test_a_server_of_another_kind(self) -> None:
        near = MemoryLink(self.connector, self.clock)
        near.websocket_protocol_in_use = None
        near.onOpen()
        self.assertTrue(near.transport.aborted)
        self.assertIn("is the URL that of a Sellia server?", near.reason)
        near.lose()


class EndTests(ConnectorCase):
    def test_closed(self) -> None:
        """Whoever waits for the end of the link is told, however many they are."""
        wire = self.join()
        first, second = self.connector.closed(2.0), self.connector.closed(2.0)
        self.assertNoResult(first)
        wire.cut()
        self.successResultOf(first)
        self.successResultOf(second)
        self.successResultOf(self.connector.closed(2.0))

    def test_closed_late(self) -> None:
        wire = self.join()
        closed = self.connector.closed(2.0)
        self.clock.advance(2.0)
        self.assertTrue(wire.near.transport.aborted)
        self.end(wire)
        self.successResultOf(closed)


class SleepTests(ConnectorCase):
    """A laptop that wakes: all timers are late at once, and what they were for is over."""

    def test_a_delay_is_not_slept_through_and_then_waited_for(self) -> None:
        for _ in range(8):
            self.network.refuse()
            self.wait(30)
        self.network.refuse()
        self.clock.rightNow += 3600.0  # timers that are due during a sleep are late
        delay = self.connector._callID
        assert delay is not None
        delay.delayed_time += 3600.0  # but the system's clock for timers has stood still
        before = len(self.network.tried)
        self.clock.advance(BEAT)
        self.clock.advance(0)
        self.assertEqual(len(self.network.tried), before + 1)
        self.assertEqual(self.connector.delay, FIRST_DELAY)

    def test_an_attempt_of_before_the_sleep_is_given_up(self) -> None:
        self.clock.rightNow += 3600.0
        self.clock.advance(BEAT)
        self.clock.advance(0)
        self.assertEqual((self.network.cancelled, len(self.network.tried)), (1, 2))

    def test_a_link_of_before_the_sleep_is_looked_at(self) -> None:
        wire = self.join()
        self.clock.rightNow += 3600.0
        self.clock.advance(BEAT)
        self.assertTrue(wire.near.transport.aborted)
        self.assertEqual(wire.near.reason, "nothing came from the other side for 3601 s")
        self.end(wire)

    def test_who_was_only_busy(self) -> None:
        """A second or two is nothing."""
        wire = self.join()
        self.clock.rightNow += 2.0
        self.clock.advance(BEAT)
        self.assertFalse(wire.near.transport.aborted)
        wire.cut()

    def test_beats(self) -> None:
        self.clock.pump([0.5] * 10)
        self.assertEqual(self.caller.beats, 5)
