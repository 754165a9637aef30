"""Links: when they are dialled, what is said first on them, and what becomes of the delays."""

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.link.backoff import (
    ATTEMPT_TIME,
    BESIDE_LEAST,
    BESIDE_MOST,
    FIRST_DELAY,
    LONGEST_IN_WINDOW,
    LONGEST_PATIENCE,
    PATIENCE,
    POLITE_DELAY,
    QUICK_LEAST,
    QUICK_MOST,
)
from sellia.client.link.connector import BEAT, BUSY, LINES, Connector
from sellia.client.link.route import NEXT_ADDRESS
from sellia.client.link.tunnelled import ProxyLogin
from sellia.errors import ProtocolError
from sellia.protocol.messages import Goodbye, Hello, Refused, Welcome
from sellia.transports.link.keeper import Link
from sellia.transports.original.client_side.bridge import OriginalClientLink
from tests.client.links import FarServer, Half, Network
from tests.client.stage import LogLines
from tests.transports.links import MemoryLink, Wire


class Caller:
    """Whose links they are: writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.state: tuple[bytes | None, int] = (None, 0)
        self.beats = 0

    def resume_state(self) -> tuple[bytes | None, int]:
        return self.state

    def window(self) -> float:
        return 0.0 if self.state[0] is None else 120.0

    def welcomed(self, link: Link, welcome: Welcome) -> None:
        self.told.append(("welcomed", welcome.resumed))

    def refused(self, refused: Refused) -> None:
        self.told.append(("refused", refused.word))

    def dismissed(self, goodbye: Goodbye) -> None:
        self.told.append(("dismissed", goodbye.word))

    def broken(self, error: ProtocolError) -> None:
        self.told.append(("broken", str(error)))

    def link_lost(self, reason: str) -> None:
        self.told.append(("lost", reason))

    def unreachable(self, reason: str) -> None:
        self.told.append(("unreachable", reason))

    def login_refused(self, reason: str) -> None:
        self.told.append(("login", reason))

    def moved(self, url: str) -> None:
        self.told.append(("moved", url))

    def beat(self) -> None:
        self.beats += 1


NO_ANSWER = "127.0.0.1:1 opened a link, and then did not answer in time"
REFUSED = "127.0.0.1:1 refused the connection"


class ConnectorCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.caller = Caller()
        self.connector = self.make()
        self.network = self.connector.attempts.endpoint = Network(self.clock)
        self.server = FarServer()
        self.connector.start()

    def make(self) -> Connector:
        return Connector("ws://127.0.0.1:1/ws", "the key", self.caller, self.clock, Half())

    def tearDown(self) -> None:
        self.connector.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [], "a timer was left behind")

    def wait(self, seconds: float) -> None:
        """Time passes as for somebody who is awake."""
        while seconds > 0:
            self.clock.advance(min(seconds, 0.1))
            seconds -= 0.1

    def join(self, which: int = -1) -> Wire:
        """The youngest attempt under way, or the next, leads to a link."""
        while not self.network.pending:
            self.clock.advance(QUICK_LEAST)
        return self.network.join(self.connector, self.server, which)

    def end(self, wire: Wire) -> None:
        """Both ends of a link that was closed are gone."""
        for each in (wire.far, wire.near):
            each.lose()

    def gap(self) -> float:
        """Seconds until the next attempt."""
        return round(self._next_at() - self.clock.seconds(), 6)

    def dial(self) -> None:
        """The next attempt is made."""
        tried = len(self.network.tried)
        while len(self.network.tried) == tried:
            self.clock.advance(min(0.1, max(1e-6, self._next_at() - self.clock.seconds())))

    def _next_at(self) -> float:
        following = self.connector._callID
        assert following is not None
        return following.getTime()


class FaultTests(ConnectorCase):
    """What a server does wrong."""

    def test_each_broken_link_is_a_line(self) -> None:
        """There are few of them: the client waits longer and longer."""
        log = LogLines(self)
        for _ in range(LINES.burst + 5):
            wire = self.join()
            wire.near.hear(b"\x01")
            self.end(wire)
        told = [line for line in log.lines if line.startswith("link closed: the peer broke the protocol: ")]
        self.assertEqual(len(told), LINES.burst + 5)
        self.assertIn("peer=server code=1002 fault=", told[0])

    def test_what_it_can_bring_about_at_will_is_some_lines(self) -> None:
        """As when every one of its exchanges fails."""
        told = [self.connector.rate_limited_log("original_exchanges") for _ in range(LINES.burst + 3)]
        self.assertEqual(told, [0] * LINES.burst + [None] * 3)
        self.assertEqual(self.connector.rate_limited_log("something else"), 0)
        self.wait(1 / LINES.per_second)
        self.assertEqual(self.connector.rate_limited_log("original_exchanges"), 3)


class DialTests(ConnectorCase):
    """Attempts and the time between them; chance is always in the middle."""

    def test_later_and_later(self) -> None:
        """Before there is a session nobody waits: delays grow from the first on."""
        gaps = []
        for _ in range(4):
            self.network.refuse()
            gaps.append(self.gap())
            self.dial()
        self.assertEqual(gaps, [round(FIRST_DELAY * 1.5**count / 2, 6) for count in range(4)])
        self.assertEqual(self.caller.told, [("lost", REFUSED)] * 4)
        self.assertEqual(self.connector.retries, 5)

    def test_a_link_that_is_lost(self) -> None:
        """At once, then quickly for a moment, for a visitor waits; and only then later and later."""
        self.caller.state = (b"token", 0)
        wire = self.join()
        self.wait(5)
        wire.cut()
        gaps = []
        for _ in range(40):
            self.dial()
            self.network.refuse()
            gaps.append(self.gap())
        quick = (QUICK_LEAST + QUICK_MOST) / 2
        self.assertEqual(self.network.tried[1], 5.0)
        self.assertEqual(gaps[:16], [quick] * 16)
        self.assertEqual(gaps[16:18], [FIRST_DELAY / 2, FIRST_DELAY * 1.5 / 2])
        self.assertEqual(gaps[-1], LONGEST_IN_WINDOW / 2)

    def test_without_a_session_there_is_no_hurry(self) -> None:
        wire = self.join()
        self.wait(5)
        wire.cut()
        self.clock.advance(0)
        self.assertEqual(self.network.tried[1], 5.0)
        self.network.refuse()
        self.assertEqual(self.gap(), FIRST_DELAY / 2)

    def test_a_connection_does_not_start_over(self) -> None:
        """A server that lets nobody in is not to be asked without end."""
        for _ in range(10):
            self.network.refuse()
            self.dial()
        self.server.manner = ""
        self.join().cut()
        self.assertGreater(self.gap(), 3.0)
        self.dial()
        self.server.manner = "new"
        wire = self.join()
        self.wait(1)
        wire.cut()
        self.assertEqual(self.gap(), 0.0)

    def test_a_link_that_is_lost_as_soon_as_it_is_there(self) -> None:
        """Even then some time passes between the starts of two attempts."""
        self.join().cut()
        self.assertEqual(self.gap(), QUICK_LEAST)

    def test_a_server_that_stops_is_given_a_moment(self) -> None:
        """Everybody whom it has told would come back in the same instant.  What was before is over."""
        for _ in range(10):
            self.network.refuse()
            self.dial()
        self.caller.told.clear()
        self.caller.state = (b"token", 0)
        wire = self.join()
        self.wait(10)
        wire.far.say(Goodbye("server-restarting", ""))
        wire.talk()
        self.assertEqual(wire.near.closed, (1000, "goodbye"))
        self.end(wire)
        self.assertEqual(self.gap(), POLITE_DELAY / 2)
        self.dial()
        self.network.refuse()
        self.assertEqual(self.gap(), POLITE_DELAY * 1.5 / 2)
        told = [("dismissed", "server-restarting"), ("lost", "the server has stopped")]
        self.assertEqual(self.caller.told[1:3], told)

    def test_stopped_while_it_waits(self) -> None:
        self.network.refuse()
        self.connector.stop()
        self.wait(100)
        self.assertEqual(len(self.network.tried), 1)

    def test_stopped_while_it_dials(self) -> None:
        """Also where several attempts are under way."""
        self.wait(1)
        tried = len(self.network.tried)
        self.connector.stop()
        self.assertEqual(self.network.cancelled, tried)
        self.wait(100)
        self.assertEqual(len(self.network.tried), tried)

    def test_stopped_while_the_link_opens(self) -> None:
        self.connector.stop()
        wire = Wire(MemoryLink(self.connector, self.clock), MemoryLink(self.server, self.clock))
        self.assertTrue(wire.near.transport.aborted)
        self.assertEqual(self.server.heard, [])
        self.end(wire)


class HostTests(SynchronousTestCase):
    def test_an_address_of_ipv6_has_brackets(self) -> None:
        """In the field Host, which a server refuses without them."""
        for url, host in (("ws://[::1]:3000/ws", b"[::1]:3000"), ("ws://t.example:3000/ws", b"t.example:3000")):
            connector = Connector(url, None, Caller(), MemoryReactorClock(), Half())
            link: Any = connector.build_link(None)
            transport = StringTransport()
            link.makeConnection(transport)
            self.assertIn(b"\r\nHost: " + host + b"\r\n", transport.value())
            link.connectionLost(Failure(ConnectionDone()))


class RefusalTests(SynchronousTestCase):
    """A connection that is refused, over the endpoint that is really used."""

    def test_is_told_soon(self) -> None:
        """Not after the 0.3 s that Twisted waits before it looks whether a host has another address."""
        clock = MemoryReactorClock()
        caller = Caller()
        connector = Connector("ws://127.0.0.1:1/ws", None, caller, clock, Half())
        connector.start()
        clock.tcpClients[0][2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))  # type: ignore[arg-type]
        clock.advance(NEXT_ADDRESS)
        self.assertEqual([what for what, _ in caller.told], ["lost"])
        connector.stop()


class OnceTests(ConnectorCase):
    """A connector that does not try again."""

    def make(self) -> Connector:
        return Connector("ws://127.0.0.1:1/ws", None, self.caller, self.clock, Half(), retry=False)

    def test_a_refusal(self) -> None:
        self.network.refuse()
        self.assertEqual(self.caller.told, [("lost", REFUSED), ("unreachable", REFUSED)])

    def test_nothing_is_tried_beside_the_attempt(self) -> None:
        """It has all the time that any attempt has, and is reported as silent before."""
        self.network.pending[0].accept()
        self.wait(ATTEMPT_TIME - 1)
        self.assertEqual(len(self.network.tried), 1)
        self.assertEqual([what for what, _ in self.caller.told], ["lost"])
        self.wait(1.1)
        self.assertEqual([what for what, _ in self.caller.told], ["lost", "lost", "unreachable"])

    def test_a_link_that_is_lost(self) -> None:
        self.join().cut()
        told = [("welcomed", False), ("lost", "Connection was reset"), ("unreachable", "Connection was reset")]
        self.assertEqual(self.caller.told, told)
        self.wait(60)
        self.assertEqual(len(self.network.tried), 1)


class LoginTests(ConnectorCase):
    """A proxy that wants another user or password."""

    def test_it_is_not_asked_again_quickly(self) -> None:
        self.join().cut()
        self.dial()
        self.network.dials[-1].result.errback(Failure(ProxyLogin("was not reached: the proxy")))
        told = "127.0.0.1:1 was not reached: the proxy"
        self.assertEqual(self.caller.told[-2:], [("login", told), ("lost", told)])
        self.assertEqual(self.gap(), POLITE_DELAY / 2)


class RaceTests(ConnectorCase):
    """Attempts beside each other."""

    def test_a_network_that_swallows_everything(self) -> None:
        """While there is no connection, others are tried beside the first; the first to get through is the link."""
        self.clock.advance((BESIDE_LEAST + BESIDE_MOST) / 2)
        self.assertEqual(len(self.network.pending), 2)
        wire = self.join()
        self.assertEqual(self.caller.told, [("welcomed", False)])
        self.assertEqual(self.network.cancelled, 1)
        self.wait(10)
        self.assertEqual(len(self.network.tried), 2)
        wire.cut()

    def test_the_oldest_may_be_the_first(self) -> None:
        self.clock.advance(BESIDE_MOST)
        wire = self.join(0)
        self.assertEqual((len(self.network.tried), self.network.cancelled), (2, 1))
        self.assertEqual(self.caller.told, [("welcomed", False)])
        wire.cut()

    def test_a_connection_is_given_more_time(self) -> None:
        """Where there is one, the server may be slow, and is not to be asked again and again."""
        self.network.pending[0].accept()
        self.wait(PATIENCE - 0.1)
        self.assertEqual(len(self.network.tried), 1)
        self.clock.advance(0.1)
        self.assertEqual(len(self.network.tried), 2)
        self.assertEqual(self.caller.told, [], "the first goes on")

    def test_a_slow_server_is_given_more(self) -> None:
        """Three times what it took the last time."""
        self.server.manner = ""
        wire = self.join()
        self.clock.advance(1.5)
        wire.far.say(Welcome(1, "far", b"token", False))
        wire.talk()
        wire.cut()
        self.clock.advance(0)
        self.network.pending[0].accept()
        self.wait(4.4)
        self.assertEqual(len(self.network.tried), 2)
        self.wait(0.2)
        self.assertEqual(len(self.network.tried), 3)

    def test_a_younger_one_that_fails_does_not_end_the_older(self) -> None:
        self.clock.advance(BESIDE_MOST)
        first, second = self.network.pending
        self.network.dials.remove(first)
        self.network.refuse()
        self.network.dials.append(first)
        self.assertEqual((second.pending, first.pending), (False, True))
        self.join().cut()
        self.assertEqual(self.caller.told[:2], [("lost", REFUSED), ("welcomed", False)])

    def test_another_opens_while_the_first_waits_for_its_welcome(self) -> None:
        """The first is closed before the second says hello, and its welcome is not acted on any more."""
        self.server.manner = ""
        first = self.join()
        self.wait(PATIENCE)
        second = self.join()
        self.assertTrue(first.near.transport.aborted)
        self.assertEqual([hello.attempt for hello in self.server.hellos], [1, 2])
        first.far.say(Welcome(1, "far", b"token", False))
        first.talk()
        self.assertEqual(self.caller.told, [])
        self.end(first)
        second.far.say(Welcome(1, "far", b"token", False))
        second.talk()
        self.assertEqual(self.caller.told, [("welcomed", False)])
        second.cut()

    def test_a_server_that_is_slow_is_asked_less_and_less(self) -> None:
        self.network.pending[0].accept()
        self.wait(PATIENCE + 0.05)
        self.network.pending[-1].accept()
        self.wait(2 * PATIENCE - 0.2)
        self.assertEqual(len(self.network.tried), 2)
        self.wait(0.3)
        self.assertEqual(len(self.network.tried), 3)

    def test_who_was_too_busy_to_see_an_answer(self) -> None:
        """A timer that is late says nothing of the network: what came meanwhile is read first."""
        self.clock.advance(BESIDE_MOST + BUSY)
        self.assertEqual(len(self.network.tried), 1)
        self.join().cut()
        self.assertEqual(self.caller.told[0], ("welcomed", False))


class HelloTests(ConnectorCase):
    def test_what_is_said_first(self) -> None:
        self.caller.state = (b"token", 7)
        self.join().cut()
        [hello] = self.server.hellos
        self.assertEqual((hello.version, hello.key, hello.session, hello.received), (1, "the key", b"token", 7))
        self.assertTrue(hello.agent.startswith("sellia/"))

    def test_each_has_a_higher_number(self) -> None:
        """So that a server which hears an old one late knows it for what it is."""
        for _ in range(3):
            self.join().cut()
        self.assertEqual([hello.attempt for hello in self.server.hellos], [1, 2, 3])

    def test_no_welcome_in_time(self) -> None:
        self.server.manner = ""
        wire = self.join()
        self.wait(LONGEST_PATIENCE)
        self.assertTrue(wire.near.transport.aborted)
        self.assertEqual(wire.near.reason, NO_ANSWER)
        self.end(wire)
        self.assertEqual(self.caller.told[-1], ("lost", NO_ANSWER))

    def test_an_opening_handshake_that_never_ends(self) -> None:
        [dial] = self.network.pending
        link = dial.factory.buildProtocol(None)
        dial.accept()
        link.makeConnection(StringTransport())
        self.wait(ATTEMPT_TIME + 0.2)
        self.assertIn("accepts connections and says nothing", link.reason)
        self.assertTrue(link.transport.disconnected)
        link.connectionLost(Failure(ConnectionLost()))
        self.assertIn(("lost", link.reason), self.caller.told)
        self.assertGreater(len(self.network.tried), 1)

    def answer(self, said: bytes) -> None:
        """The attempt under way leads to something that says this."""
        [dial] = self.network.pending
        link = dial.factory.buildProtocol(None)
        dial.accept()
        link.makeConnection(StringTransport())
        link.dataReceived(said)
        self.assertTrue(link.transport.disconnected)
        link.connectionLost(Failure(ConnectionDone()))

    def test_a_redirect_to_https_is_followed(self) -> None:
        self.answer(b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://127.0.0.1:2/ws\r\n\r\n")
        self.assertEqual(self.caller.told, [("moved", "wss://127.0.0.1:2/ws")])
        self.assertEqual((self.connector.server, self.connector.resource), ("wss://127.0.0.1:2/ws", "/ws"))
        self.assertEqual((self.connector.host, self.connector.port, self.connector.isSecure), ("127.0.0.1", 2, True))
        self.assertIsNot(self.connector.attempts.endpoint, self.network)
        self.connector.attempts.endpoint = self.network
        self.clock.advance(0)
        self.assertEqual(len(self.network.tried), 2, "at once")
        self.answer(b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:3/ws\r\n\r\n")
        self.assertEqual(self.caller.told[1:], [
            ("lost", "127.0.0.1:2 redirects elsewhere (302), to https://127.0.0.1:3/ws: if that is the Sellia server, "
             "give its URL with --server")
        ])  # fmt: skip

    def test_what_stands_there_is_told(self) -> None:
        for said, words in (
            (b"SSH-2.0-OpenSSH_9.2\r\n", '127.0.0.1:1 is not a web server: it said "SSH-2.0-OpenSSH_9.2"'),
            (b"HTTP/1.1 200 OK\r\n\r\n", "127.0.0.1:1 is a web server, and did not open a WebSocket at /ws (200): is "
             "it a Sellia server?"),
            (b"HTTP/1.1 101 Yes\r\nx: \xff\r\n\r\n", "127.0.0.1:1 agreed to a WebSocket in a way that breaks RFC "
             "6455: is it a Sellia server?"),
        ):  # fmt: skip
            self.answer(said)
            self.assertEqual(self.caller.told[-1], ("lost", words))
            self.dial()

    def test_a_connection_that_ends_before_it_is_a_link(self) -> None:
        [dial] = self.network.pending
        link = dial.factory.buildProtocol(None)
        dial.accept()
        link.makeConnection(StringTransport())
        link.connectionLost(Failure(ConnectionLost()))
        [(what, why)] = self.caller.told
        self.assertEqual(what, "lost")
        self.assertIn("without an answer", why)
        self.assertEqual(self.gap(), FIRST_DELAY / 2)

    def test_a_second_welcome(self) -> None:
        wire = self.join()
        wire.far.say(Welcome(1, "far", b"token", False))
        wire.talk()
        self.assertIn(("broken", "a second welcome on one link"), self.caller.told)
        self.end(wire)
        self.assertEqual(self.gap(), POLITE_DELAY / 2, "who breaks the protocol is not dialled at once")

    def test_what_only_a_client_says(self) -> None:
        wire = self.join()
        wire.far.say(Hello(1, "far"))
        wire.talk()
        self.assertEqual(self.caller.told[-1][0], "broken")
        self.end(wire)

    def test_refused(self) -> None:
        self.server.manner = ""
        wire = self.join()
        wire.far.say(Refused("server-draining", "No.", False))
        wire.talk()
        self.assertEqual(self.caller.told, [("refused", "server-draining")])
        self.assertEqual(wire.near.closed, (1000, "refused"))
        self.end(wire)
        self.assertEqual(self.gap(), POLITE_DELAY / 2)

    def test_a_server_of_another_kind(self) -> None:
        """A link over which the server chooses no dialect becomes one in that of the original."""
        link = self.connector.build_link(None)
        assert link.otherwise is not None
        self.assertIs(link.otherwise(), OriginalClientLink)


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
        for _ in range(12):
            self.network.refuse()
            self.dial()
        self.network.refuse()
        self.assertGreater(self.gap(), 10)
        self.clock.rightNow += 3600.0  # timers that are due during a sleep are late
        delay: Any = self.connector._callID
        assert delay is not None
        delay.delayed_time += 3600.0  # but the system's clock for timers has stood still
        before = len(self.network.tried)
        self.clock.advance(BEAT)
        self.clock.advance(0)
        self.assertEqual(len(self.network.tried), before + 1)
        self.network.refuse()
        self.assertEqual(self.gap(), FIRST_DELAY / 2)

    def test_attempts_of_before_the_sleep_are_given_up(self) -> None:
        self.clock.advance(BESIDE_MOST)
        self.assertEqual(len(self.network.pending), 2)
        late: Any
        for late in self.clock.getDelayedCalls():
            if late is not self.connector._beat:
                late.delayed_time += 3600.0
        self.clock.rightNow += 3600.0
        self.clock.advance(BEAT)
        self.clock.advance(0)
        self.assertEqual((self.network.cancelled, len(self.network.tried)), (2, 3))

    def test_a_link_of_before_the_sleep_is_looked_at(self) -> None:
        wire = self.join()
        self.clock.rightNow += 3600.0
        self.clock.advance(BEAT)
        self.assertTrue(wire.near.transport.aborted)
        self.assertEqual(wire.near.reason, "nothing came from the other side for 3601 s")
        self.end(wire)

    def test_a_link_that_has_not_been_welcomed(self) -> None:
        """It is not worth a look."""
        self.server.manner = ""
        wire = self.join()
        late: Any
        for late in self.clock.getDelayedCalls():
            if late is not self.connector._beat:
                late.delayed_time += 3600.0
        self.clock.rightNow += 3600.0
        self.clock.advance(BEAT)
        self.clock.advance(0)
        self.assertTrue(wire.near.transport.aborted)
        self.assertEqual(len(self.network.tried), 2)
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
