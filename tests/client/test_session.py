"""The client's session: it outlives its links, is given up in time, and ends in order."""

from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import (
    Connected,
    LinkBack,
    LinkLost,
    Problem,
    Reconnecting,
    Refused,
    RequestFinished,
    RequestRefused,
    ServerStopping,
    WebSocketClosed,
)
from sellia.client.resume_window import LONGEST_WINDOW
from sellia.client.session import GOODBYE_WAIT, LEAST_INTERVAL
from sellia.client.tunnel import NAME_RETRY
from sellia.problems import VISITOR_GONE
from sellia.protocol.messages import (
    MEANWHILE,
    NO_WHY,
    CloseTunnel,
    Ending,
    GoAway,
    Goodbye,
    Hello,
    HttpRequest,
    Meanwhile,
    Notice,
    ServerLimits,
    TcpConnection,
    TunnelKind,
    TunnelOptions,
    TunnelReady,
    TunnelRefused,
    VisitorLeft,
    Welcome,
)
from sellia.protocol.messages import Refused as RefusedMessage
from tests.client.links import ClientStage
from tests.client.stage import ACCEPT, GET, HELLO, HOST, UPGRADE, LogLines, Service
from tests.relay.scripts import RecordingLeg

SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    + ACCEPT
    + b"\r\n\r\n"
)


def body(visitor: RecordingLeg) -> bytes:
    """All that a visitor has got of an answer's body; the head may bring the first part of it."""
    return b"".join(event[1].body for event in visitor.events if event[0] == "head") + visitor.data  # type: ignore


class SessionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = ClientStage()
        self.session = self.stage.session
        self.session.finished.addErrback(lambda _: None)

    def tearDown(self) -> None:
        self.session.stop()
        self.stage.wait(0.5)
        self.stage.service.stop()
        if self.stage.wire is not None:
            self.stage.cut()
        self.assertEqual(self.stage.reactor.getDelayedCalls(), [], "a timer was left behind")

    def ask(self) -> tuple[RecordingLeg, Service]:
        """A visitor's request, and the service that has accepted it."""
        visitor = RecordingLeg()
        self.stage.far.open(GET, visitor, end=True)
        self.stage.talk()
        return visitor, self.stage.accept()

    def websocket(self) -> tuple[RecordingLeg, Service]:
        """A visitor's WebSocket that is open."""
        visitor = RecordingLeg()
        self.stage.far.open(UPGRADE, visitor)
        self.stage.talk()
        service = self.stage.accept()
        service.read()
        service.say(SWITCHED)
        self.stage.talk()
        return visitor, service


class OpenTests(SessionCase):
    def test_asks_for_its_name_and_tells_the_url(self) -> None:
        self.stage.start()
        [wanted] = self.stage.server.asked
        self.assertEqual((wanted.tunnel, wanted.kind, wanted.name), (1, "http", "demo"))
        self.assertEqual(self.stage.events, [Connected("demo", "http://demo.localhost", "http://localhost:8080")])

    def test_no_server_yet(self) -> None:
        """It says so once, and again when the reason is another."""
        self.session.start()
        for _ in range(3):
            self.stage.network.refuse()
            self.stage.wait(1)
        self.assertEqual(len(self.stage.of(LinkLost)), 1)
        self.assertEqual(self.stage.of(Reconnecting), [], "no visitor can be waiting")
        self.stage.connect()
        [back] = self.stage.of(LinkBack)
        self.assertEqual((back.attempts, back.resumed), (len(self.stage.network.tried), False))

    def test_times_that_are_none(self) -> None:
        for times in ((0.0, 15.0, 120.0), (5.0, float("inf"), 120.0), (5.0, 15.0, float("nan"))):
            self.setUp()
            self.stage.server.times = times
            self.stage.session.start()
            self.stage.network.join(self.stage.connector, self.stage.server).cut()
            self.assertIsNone(self.session.session)
            self.session.stop()

    def test_limits_that_are_none(self) -> None:
        for value in (-1.0, float("inf"), float("nan")):
            self.setUp()
            self.stage.server.limits = ServerLimits(request_timeout=value)
            self.stage.session.start()
            self.stage.network.join(self.stage.connector, self.stage.server).cut()
            self.assertIsNone(self.session.session)
            self.session.stop()

    def test_a_timeout_that_is_longer_than_the_server_allows(self) -> None:
        """The user is told, once for each server that says so."""
        self.stage.server.limits = ServerLimits(request_timeout=100)
        tunnel = self.session.tunnels[1]
        tunnel.settings = tunnel.settings.model_copy(update={"request_timeout": 101.0, "upgrade_timeout": 100.0})
        self.stage.start()
        [wanted] = self.stage.server.asked
        self.assertEqual(wanted.options, TunnelOptions(request_timeout=101.0, upgrade_timeout=100.0))
        said = "The tunnel demo has a request_timeout of 101 s, and this server allows 100 s: its operator can raise "
        self.assertIn(Problem(f"{said}timeouts.request_limit.", "demo"), self.stage.events)
        self.assertEqual(len(self.stage.events), 2)

    def test_pings_are_as_often_as_the_more_anxious_of_the_two_wants(self) -> None:
        for own, theirs, expected in (
            ((5, 15), (2, 6), (2, 6)),
            ((1, 3), (5, 15), (1, 3)),
            ((1, 30), (5, 15), (1, 15)),
            ((5, 15), (1e-9, 1e-9), (LEAST_INTERVAL, 2 * LEAST_INTERVAL)),
            ((5, 15), (3, 1), (3, 6)),
        ):
            stage = ClientStage(ping_interval=own[0], ping_timeout=own[1])
            stage.server.times = (*map(float, theirs), 120.0)  # type: ignore[assignment]
            stage.start()
            assert stage.wire is not None
            link = stage.wire.near
            self.assertEqual((link.liveness.interval, link.liveness.timeout), expected)
            stage.session.stop()
            stage.talk()

    def test_a_window_that_never_ends(self) -> None:
        """A timer has to be set for it."""
        stage = ClientStage()
        stage.server.times = (5.0, 15.0, 1e308)
        stage.start()
        stage.cut()
        longest = max(call.getTime() for call in stage.reactor.getDelayedCalls())
        self.assertLessEqual(longest - stage.reactor.seconds(), LONGEST_WINDOW + 15.0)
        stage.session.stop()
        stage.talk()

    def test_what_only_a_client_says(self) -> None:
        self.stage.start()
        wire = self.stage.wire
        assert wire is not None
        self.stage.far.send_control(TunnelReady(9, "x", "http://x"))
        self.stage.server.party.flush()
        wire.talk()
        self.assertEqual(wire.near.closed, (1002, "a tunnel is ready that was not asked for"))
        self.assertIsNone(self.session.session)

    def test_names_that_are_none(self) -> None:
        """A name is asked for again, and is in logs and on a terminal, as is the URL."""
        for name, url in (
            ("", "http://x"),
            ("\x1b[2J", "http://x"),
            ("x\r\nfake: line", "http://x"),
            ("\u202ex", "http://x"),
            ("x" * 254, "http://x"),
            ("x", ""),
            ("x", "http://x\n"),
            ("x", "http://" + "x" * 2000),
        ):
            stage = ClientStage().start()
            wire = stage.wire
            assert wire is not None
            stage.far.send_control(TunnelReady(1, name, url))
            stage.server.party.flush()
            wire.talk()
            self.assertEqual(wire.near.closed, (1002, "a tunnel is ready under a name that is none"), (name, url))
            stage.session.stop()
            stage.talk()


class ResumeTests(SessionCase):
    def test_service_sockets_stay_open(self) -> None:
        """An answer that comes while the link is away reaches its visitor on the next one."""
        self.stage.start()
        visitor, service = self.ask()
        self.stage.cut()
        service.say(HELLO)
        self.stage.wait(1)
        self.assertTrue(service.open)
        self.stage.connect()
        self.assertEqual((body(visitor), visitor.ended), (b"hello", True))
        self.assertEqual(self.stage.server.hellos[-1].session, b"token")

    def test_what_is_told(self) -> None:
        self.stage.start()
        _, service = self.ask()
        self.stage.cut()
        service.say(HELLO)
        self.stage.talk()
        self.stage.events.clear()
        self.stage.wait(1.75)
        self.stage.connect()
        waits = [event for event in self.stage.events if isinstance(event, Reconnecting)]
        self.assertEqual(waits, [Reconnecting(1.0, 120.0)])
        [back] = self.stage.of(LinkBack)
        self.assertEqual((back.after, back.attempts, back.resumed), (1.75, len(self.stage.network.tried) - 1, True))
        self.stage.wait(5)
        self.assertEqual(self.stage.of(Reconnecting), waits, "it is over")

    def test_what_was_lost_with_the_link_is_counted(self) -> None:
        self.stage.start()
        _, service = self.ask()
        wire = self.stage.wire
        assert wire is not None
        wire.dead = True
        service.say(HELLO)
        self.stage.talk()
        self.stage.cut()
        self.stage.connect()
        [back] = self.stage.of(LinkBack)
        self.assertGreaterEqual(back.resent_messages, 1)
        self.assertGreater(back.resent_bytes, 5)
        counters = self.session.counters
        self.assertEqual((counters.links_lost, counters.links_back), (1, 1))
        self.assertEqual((counters.resent_messages, counters.resent_bytes), (back.resent_messages, back.resent_bytes))

    def test_a_silent_link_is_given_up_and_dialled_again_at_once(self) -> None:
        self.stage.start()
        wire = self.stage.wire
        assert wire is not None
        wire.dead = True
        self.stage.wait(15.25)
        self.assertTrue(wire.near.transport.aborted)
        self.stage.cut("")
        self.stage.connect()
        self.assertEqual(self.stage.of(LinkLost), [LinkLost("nothing came from the other side for 15 s")])


class MeanwhileTests(SessionCase):
    """What the line about the link's return counts."""

    def setUp(self) -> None:
        super().setUp()
        self.stage.server.capabilities = [MEANWHILE]
        self.stage.start()

    def tearDown(self) -> None:
        self.session.stop()
        self.stage.wait(11, 1)  # for services that do not close
        super().tearDown()

    def test_nothing_ended(self) -> None:
        """It is told when the server has said all that happened at its side."""
        self.websocket()
        self.stage.cut()
        self.stage.wait(1)
        self.stage.connect()
        self.assertEqual(self.stage.of(LinkBack), [])
        self.stage.far.send_control(Meanwhile())
        self.stage.talk()
        [back] = self.stage.of(LinkBack)
        self.assertEqual((back.after, back.resumed, back.ended), (1.0, True, 0))

    def test_what_ended_at_either_side(self) -> None:
        (_, first), _, _ = self.websocket(), self.websocket(), self.websocket()
        _, (_, dies), (_, answered) = self.ask(), self.ask(), self.ask()
        self.stage.cut()
        first.close()
        dies.close()
        answered.say(HELLO)
        streams = list(self.stage.far.streams.values())
        for left in (streams[1], streams[3]):
            left.reset(VISITOR_GONE, "the visitor's connection was lost")
        self.stage.wait(1)
        self.stage.connect()
        self.stage.far.send_control(Meanwhile())
        self.stage.talk()
        self.assertEqual(self.stage.of(LinkBack)[0].ended, 4)

    def test_lost_again_before_all_is_known(self) -> None:
        self.stage.cut()
        self.stage.wait(1)
        self.stage.connect()
        self.stage.cut()
        self.assertEqual(len(self.stage.of(LinkBack)), 1, "it was there in between, and that is told first")
        self.stage.connect()
        self.stage.far.send_control(Meanwhile())
        self.stage.far.send_control(Meanwhile())
        self.stage.talk()
        self.assertEqual(len(self.stage.of(LinkBack)), 2)

    def test_as_many_as_there_are_losses(self) -> None:
        """Links that are cut all the time are nobody's fault; a server that says it without one is left."""
        for _ in range(500):
            self.stage.cut()
            self.stage.connect()
            self.stage.far.send_control(Meanwhile())
            self.stage.talk()
        self.assertTrue(self.stage.far.attached)
        for _ in range(5000):
            self.stage.far.send_control(Meanwhile())
        self.stage.talk()
        self.assertFalse(self.stage.far.attached)

    def test_pings_are_answered_while_it_is_away(self) -> None:
        """Those of the service, unless the tunnel or the server does not want that."""
        for tunnel, server, answered in ((True, True, 1), (False, True, 0), (True, False, 0)):
            settings = self.session.tunnels[1].settings
            self.session.tunnels[1].settings = settings.model_copy(update={"while_away_pings": tunnel})
            self.stage.server.limits = ServerLimits(while_away_pings=server)
            self.stage.cut()
            self.stage.connect()
            _, service = self.websocket()
            self.stage.cut()
            service.say(b"\x89\x01a")
            self.stage.talk()
            self.assertEqual(len(service.read()), answered * 7, "a pong, masked")
            self.stage.connect()


class LostSessionTests(SessionCase):
    """The server has the session no longer."""

    def test_a_new_one_under_the_same_name(self) -> None:
        self.stage = ClientStage(subdomain=None)
        self.session = self.stage.session
        self.stage.start()
        _, service = self.ask()
        self.stage.cut()
        self.stage.server.manner = "new"
        self.stage.connect()
        self.assertEqual([wanted.name for wanted in self.stage.server.asked], ["given"])
        self.assertFalse(service.open)
        self.assertEqual(
            self.stage.of(Problem), [Problem("1 connection was lost: the server no longer had the session.")]
        )
        [finished] = self.stage.of(RequestFinished)
        self.assertEqual(finished.error, "the server no longer had the session")
        self.assertFalse(self.stage.of(LinkBack)[0].resumed)

    def test_nothing_is_asked_of_the_service_twice(self) -> None:
        self.stage.start()
        self.ask()
        self.stage.cut()
        self.stage.server.manner = "new"
        self.stage.connect()
        self.assertEqual(self.stage.reactor.tcpClients, [])

    def test_the_window_is_over(self) -> None:
        """Once the server must have ended it, there is nobody to keep the service's sockets open for."""
        self.stage.start()
        visitor, service = self.websocket()
        self.stage.cut()
        self.stage.wait(134, 1)
        self.assertTrue(service.open)
        self.assertEqual(self.stage.of(Reconnecting)[-1].window, 0.0, "visitors wait for the window only")
        self.stage.wait(2, 1)
        self.assertEqual(service.read()[:1], b"\x88")
        service.close()
        [closed] = self.stage.of(WebSocketClosed)
        self.assertEqual((closed.by, closed.reason), ("sellia", "session-expired: the link did not come back in time"))
        self.assertEqual(self.session.counters.windows_expired, 1)
        self.stage.server.manner = "new"
        self.stage.connect()
        self.assertIsNone(self.stage.server.hellos[-1].session)

    def test_goodbye(self) -> None:
        self.stage.start()
        wire = self.stage.wire
        assert wire is not None
        wire.far.say(Goodbye("server-restarting", ""))
        self.stage.talk()
        self.assertIsNone(self.session.session)
        self.stage.server.manner = "new"
        self.stage.wait(1)
        self.stage.connect()
        self.assertEqual(len(self.stage.of(Connected)), 2)

    def test_a_goodbye_for_good(self) -> None:
        """The key was revoked, or an operator has ended the session: the client says so, and does not come back."""
        self.stage.start()
        wire = self.stage.wire
        assert wire is not None
        wire.far.say(Goodbye("key-revoked", "The API key of this client was revoked. It leaked."))
        self.stage.talk()
        [refused] = self.stage.of(Refused)
        self.assertEqual((refused.word, refused.final), ("key-revoked", True))
        self.assertIn("It leaked.", refused.message)
        self.assertTrue(self.session.finished.called)
        self.stage.wait(60)
        self.assertEqual(len(self.stage.of(Connected)), 1)

    def test_the_server_stops_soon(self) -> None:
        self.stage.start()
        _, service = self.ask()
        self.stage.far.send_control(GoAway("server-draining", "", 30.0))
        self.stage.talk()
        self.assertEqual(self.stage.of(ServerStopping), [ServerStopping(30.0)])
        self.assertTrue(service.open)


class RefusedTests(SessionCase):
    def refuse(self, word: str, final: bool) -> None:
        self.stage.far.send_control(TunnelRefused(1, word, "No.", final))
        self.stage.talk()

    def test_a_name_that_somebody_has(self) -> None:
        """At the start, that is final."""
        self.stage.server.names = False
        self.stage.start()
        self.refuse("name-taken", False)
        self.assertEqual(self.stage.of(Refused), [Refused("name-taken", "No.", True, "demo")])
        self.assertTrue(self.session.finished.called)
        goodbyes = [each.word for each in self.stage.server.heard if isinstance(each, Goodbye)]
        self.assertEqual(goodbyes, ["client-gone"], "the server is not to keep a session that nobody comes back for")

    def test_a_name_that_was_ours(self) -> None:
        """It is asked for again and again: whoever has it may leave."""
        self.stage.start()
        self.stage.cut()
        self.stage.server.manner = "new"
        self.stage.server.names = False
        self.stage.connect()
        for count in (1, 2, 3):
            self.assertEqual(len(self.stage.server.asked), count)
            self.refuse("name-taken", False)
            self.stage.wait(NAME_RETRY)
        self.stage.server.names = True
        self.stage.talk()
        self.assertEqual(len(self.stage.of(Connected)), 5)

    def test_a_server_that_stops(self) -> None:
        """The next one may have it."""
        self.stage.server.names = False
        self.stage.start()
        self.refuse("server-draining", False)
        self.stage.wait(NAME_RETRY)
        self.assertEqual(len(self.stage.server.asked), 2)

    def test_asked_once_in_a_new_session(self) -> None:
        """Also while it was about to be asked for again in the old one."""
        self.stage.server.names = False
        self.stage.start()
        self.refuse("overloaded", False)
        self.stage.cut()
        self.stage.server.manner = "new"
        self.stage.connect()
        self.stage.wait(NAME_RETRY * 2)
        self.assertEqual(len(self.stage.server.asked), 1)

    def test_the_client_itself(self) -> None:
        self.stage.server.manner = ""
        self.stage.start()
        wire = self.stage.wire
        assert wire is not None
        finished = self.session.finished
        wire.far.say(RefusedMessage("wrong-key", "No.", True))
        self.stage.talk()
        self.assertEqual(self.stage.of(Refused), [Refused("wrong-key", "No.", True)])
        self.assertTrue(finished.called)
        self.assertEqual([type(each) for each in self.stage.server.heard], [Hello])
        self.stage.wait(60, 1)
        self.assertEqual(len(self.stage.network.tried), 1)

    def test_not_for_good(self) -> None:
        self.stage.server.manner = ""
        self.stage.start()
        wire = self.stage.wire
        assert wire is not None
        wire.far.say(RefusedMessage("server-draining", "No.", False))
        self.stage.talk()
        self.assertFalse(self.session.finished.called)
        self.stage.wait(1)
        self.assertEqual(len(self.stage.network.tried), 2)


class StopTests(SessionCase):
    """What is under way when the client is told to stop."""

    def test_idle(self) -> None:
        """At once, and without a word but goodbye."""
        self.stage.start()
        self.successResultOf(self.session.finish_up(30.0))
        stopped = self.session.stop()
        self.stage.talk()
        self.successResultOf(stopped)
        self.successResultOf(self.session.finished)
        self.assertEqual((self.stage.server.goodbyes, self.stage.said(GoAway)), (["client-gone"], []))

    def test_idle_without_a_link(self) -> None:
        self.stage.start()
        self.stage.cut()
        self.successResultOf(self.session.finish_up(30.0))
        self.successResultOf(self.session.stop())
        self.stage.wait(60, 1)
        self.assertEqual(len(self.stage.network.tried), 1)

    def test_a_request_is_finished(self) -> None:
        self.stage.start()
        visitor, service = self.ask()
        finished = self.session.finish_up(30.0)
        self.stage.talk()
        [leaving] = self.stage.said(GoAway)
        self.assertEqual((leaving.word, leaving.seconds), ("client-gone", 30.0))
        self.stage.wait(10)
        self.assertNoResult(finished)
        service.say(HELLO)
        self.stage.wait(0.5)
        self.assertTrue(self.successResultOf(finished))
        self.assertEqual((body(visitor), visitor.ended), (b"hello", True))

    def test_one_that_takes_too_long(self) -> None:
        self.stage.start()
        visitor, service = self.ask()
        finished = self.session.finish_up(5.0)
        self.stage.wait(5.25)
        self.assertFalse(self.successResultOf(finished))
        self.session.stop()
        self.stage.talk()
        self.assertFalse(service.open)
        self.assertEqual(self.stage.of(Problem), [Problem("1 connection was lost: the client was stopped.")])
        self.assertEqual(visitor.events, [], "the server, who heard goodbye, tells its visitors")

    def test_the_link_may_be_lost_meanwhile(self) -> None:
        self.stage.start()
        visitor, service = self.ask()
        finished = self.session.finish_up(30.0)
        self.stage.talk()
        self.stage.cut()
        service.say(HELLO)
        self.stage.wait(1)
        self.assertNoResult(finished)
        self.stage.connect()
        self.stage.wait(0.5)
        self.assertTrue(self.successResultOf(finished))
        self.assertEqual(body(visitor), b"hello")

    def test_the_session_may_be_lost_meanwhile(self) -> None:
        """Then there is nothing left to finish, and no name is asked for any more."""
        self.stage.start()
        self.ask()
        finished = self.session.finish_up(30.0)
        self.stage.talk()
        self.stage.cut()
        self.stage.server.manner = "new"
        self.stage.connect()
        self.stage.wait(0.5)
        self.assertTrue(self.successResultOf(finished))
        self.assertEqual(self.stage.server.asked, [])

    def test_notices(self) -> None:
        """Of a tunnel that it has, in the words of the server; others are ignored."""
        log = LogLines(self)
        self.stage.start()
        for number in (1, 7):
            self.stage.far.send_control(
                Notice(number, 401, "unauthorized", "No.", "POST", b"/hook?token=x", "203.0.113.7", False, 3)
            )
        self.stage.talk()
        [event] = self.stage.of(RequestRefused)
        self.assertEqual((event.method, event.target, event.status), ("POST", "/hook?token=x", 401))
        self.assertEqual(
            (event.word, event.message, event.suppressed, event.websocket), ("unauthorized", "No.", 3, False)
        )
        [line] = [line for line in log.lines if line.startswith("refused by the server: ")]
        told = " method=POST target=/hook?… visitor=203.0.113.7 status=401 word=unauthorized suppressed=3 cause=--n0"
        self.assertTrue(line.endswith(told), line)

    def test_a_server_that_says_too_much(self) -> None:
        """Each of these is a line for people; who sends them without end is left."""
        for flood in (
            Notice(1, 401, "unauthorized", "No.", "POST", b"/hook", "203.0.113.7", False, 3),
            TunnelReady(1, "demo", "http://demo.localhost"),
            CloseTunnel(1, "x", "y"),
            GoAway("server-draining", "", 1.0),
        ):
            self.tearDown()
            self.setUp()
            log = LogLines(self)
            self.stage.start()
            for _ in range(5000):
                self.stage.far.send_control(flood)
            self.stage.talk()
            self.assertLess(len(log.lines), 150)
            self.assertFalse(self.stage.far.attached)

    def test_websockets_are_closed(self) -> None:
        self.stage.start()
        visitor, service = self.websocket()
        finished = self.session.finish_up(30.0)
        self.stage.talk()
        payload = (1001).to_bytes(2, "big") + b"client-gone: the client was stopped"
        self.assertEqual(visitor.events[1:], [("frame", 0x88, payload), ("end", [])])
        (ending,) = visitor.endings
        self.assertEqual(replace(ending, why=NO_WHY), Ending("sellia", frames=0, bytes=0))
        self.assertEqual((ending.why.who, ending.why.what), ("client", "client-gone"))
        self.assertEqual(service.read()[:2], bytes((0x88, 0x80 | len(payload))))
        self.assertNoResult(finished)
        service.say(b"\x88\x02\x03\xe9")
        service.close()
        self.stage.far.streams[2].end()
        self.stage.wait(0.5)
        self.assertTrue(self.successResultOf(finished))
        [closed] = self.stage.of(WebSocketClosed)
        self.assertEqual((closed.by, closed.code, closed.reason), ("sellia", 1001, payload[2:].decode()))

    def test_visitors_who_were_on_their_way(self) -> None:
        """What the server had opened before it knew: requests are answered, WebSockets are not begun."""
        self.stage.start()
        self.ask()
        self.session.finish_up(30.0)
        request, upgrade = RecordingLeg(), RecordingLeg()
        self.stage.far.open(GET, request, end=True)
        self.stage.far.open(UPGRADE, upgrade)
        self.stage.talk()
        self.stage.accept().say(HELLO)
        self.stage.talk()
        self.assertEqual((body(request), upgrade.reset), (b"hello", "client-gone"))
        self.stage.wait(0.5)

    def test_a_link_that_does_not_close(self) -> None:
        self.stage.start()
        wire = self.stage.wire
        assert wire is not None
        wire.dead = True
        stopped = self.session.stop()
        self.stage.wait(GOODBYE_WAIT)
        self.assertNoResult(stopped)
        self.assertTrue(wire.near.transport.aborted)
        self.stage.cut("")
        self.successResultOf(stopped)

    def test_the_server_closes_a_tunnel(self) -> None:
        self.stage.start()
        self.stage.far.send_control(CloseTunnel(1, "", "It was asked to."))
        self.stage.talk()
        self.assertEqual(
            self.stage.of(Problem), [Problem("The server has closed the tunnel demo: It was asked to.", "demo")]
        )

    def test_the_server_gives_the_name_to_another_client(self) -> None:
        """It is asked for again, in this session, by the name that was given."""
        self.stage.start()
        visitor, service = self.ask()
        self.stage.far.send_control(CloseTunnel(1, "name-taken", "another client asked for it."))
        self.stage.talk()
        self.assertEqual(len(self.stage.server.asked), 1)
        self.stage.wait(NAME_RETRY)
        self.stage.talk()
        self.assertEqual([each.name for each in self.stage.server.asked], ["demo", "demo"])
        self.assertEqual(len(self.stage.of(Connected)), 2)
        service.say(HELLO)
        self.stage.talk()
        self.assertEqual(body(visitor), b"hello", "what was under way goes on")

    def test_a_kind_of_stream_that_the_tunnel_has(self) -> None:
        """The legs of a tunnel are those of its kind."""
        self.session.tunnels[1].kind = TunnelKind.TCP
        self.stage.start()
        visitor = RecordingLeg()
        stream = self.stage.far.open(TcpConnection(1), visitor)
        self.stage.talk()
        service = self.stage.accept()
        stream.send_data(b"ping", True)
        self.stage.talk()
        self.assertEqual(service.read(), b"ping")
        service.say(b"pong")
        service.close()
        self.stage.talk()
        self.assertEqual((visitor.data, visitor.ended), (b"pong", True))
        self.assertEqual([each.kind for each in self.stage.server.asked], ["tcp"])


class VisitorTests(SynchronousTestCase):
    """What is kept for a visitor's connection."""

    def setUp(self) -> None:
        self.stage = ClientStage().start()
        self.stage.far.open(HttpRequest(1, b"HEAD", b"/", [HOST], connection=3), RecordingLeg(), end=True)
        self.stage.talk()
        self.service = self.stage.accept()
        self.service.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        self.stage.talk()
        self.assertTrue(self.service.open)

    def test_it_goes_with_the_visitor(self) -> None:
        self.stage.far.send_control(VisitorLeft(4))
        self.stage.talk()
        self.assertTrue(self.service.open)
        self.stage.far.send_control(VisitorLeft(3))
        self.stage.talk()
        self.assertFalse(self.service.open)

    def test_it_goes_with_the_session(self) -> None:
        """In another session the same number is another visitor's."""
        self.stage.server.manner = "new"
        self.stage.cut()
        self.assertTrue(self.service.open)
        self.stage.connect()
        self.assertFalse(self.service.open)


class StrangeTests(SessionCase):
    def test_a_stream_for_a_tunnel_that_is_not_there(self) -> None:
        self.stage.start()
        wire = self.stage.wire
        assert wire is not None
        self.stage.far.open(HttpRequest(7, b"GET", b"/", []), RecordingLeg(), end=True)
        self.stage.server.party.flush()
        wire.talk()
        self.assertEqual(wire.near.closed, (1002, "a stream was opened for a tunnel that this client does not have"))

    def test_a_kind_of_stream_that_the_tunnel_does_not_have(self) -> None:
        self.stage.start()
        wire = self.stage.wire
        assert wire is not None
        self.stage.far.open(TcpConnection(1), RecordingLeg())
        self.stage.server.party.flush()
        wire.talk()
        self.assertEqual(wire.near.closed, (1002, "a stream was opened that does not fit the kind of its tunnel"))

    def test_a_welcome_that_claims_too_much(self) -> None:
        """A server that says that more has arrived than was ever sent."""
        self.stage.start()
        self.stage.cut()
        self.stage.server.manner = ""
        self.stage.connect()
        wire = self.stage.wire
        assert wire is not None
        wire.far.say(Welcome(1, "far", b"token", True, 1000))
        self.stage.talk()
        self.assertIsNone(self.session.session)
