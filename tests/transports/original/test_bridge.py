"""What both roles of a bridge have alike: ids, what is told to whom, and defects that stay where they are."""

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.problems import (
    BAD_SERVICE_RESPONSE,
    INTERNAL,
    SERVICE_DIED,
    SESSION_EXPIRED,
    VISITOR_GONE,
    Problem,
    problem_of,
)
from sellia.protocol.messages import Headers, HttpRequest, Opening, OpenTunnel, SessionMessage, TcpConnection
from sellia.protocol.original import messages as original
from sellia.protocol.original.messages import WsClose
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.stream import Stream
from sellia.transports.original.bridge import Bridge, BridgeLeg, new_id
from tests.logs import log_lines
from tests.relay.scripts import GET
from tests.transports.original.sides import Side


class FakeKeeper:
    """Who has the link: every line may be written, unless a test says otherwise."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.answers: list[int | None] = []

    def rate_limited_log(self, topic: str) -> int | None:
        self.topics.append(topic)
        return self.answers.pop(0) if self.answers else 0


class FakeLink:
    """What a bridge asks of its link."""

    remote = "198.51.100.1"
    writable = True

    def __init__(self) -> None:
        self.clock = Clock()
        self.keeper = FakeKeeper()
        self.said: list[original.Message | None] = []
        self.faults: list[Exception] = []
        self.reading = True
        self.late = 0

    def came_late(self) -> None:
        self.late += 1

    def send(self, message: bytes) -> None:
        self.said.append(original.decode(message))

    def guarded(self, call: Any, *arguments: Any) -> None:
        try:
            call(*arguments)
        except Exception as error:
            self.faults.append(error)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class EchoLeg(BridgeLeg):
    """Tells the peer of data and ends, in words that no role would use."""

    __slots__ = ()

    def described(self) -> bytes:
        return b"a \x1b[2J thing?token=secret"

    def data_received(self, data: bytes) -> None:
        if data == b"defect":
            raise RuntimeError("a leg with a defect")
        self.bridge.send(original.ResponseBody(self.request_id, data))

    def end_received(self, trailers: Headers) -> None:
        self.bridge.forget(self)

    def answer_ends(self, said: original.ResponseEnd) -> None:
        self.bridge.send(said)

    def tell_end(self, problem: Problem, message: str) -> None:
        self.bridge.send(WsClose(self.request_id, None, problem.code))


class OtherLeg(BridgeLeg):
    __slots__ = ()

    def never(self, said: WsClose) -> None:
        raise AssertionError("this is for another leg")


class EchoBridge(Bridge):
    """A role for tests: remembers what it is told, by the session and by the original peer."""

    takers = {original.ResponseEnd: (EchoLeg, EchoLeg.answer_ends), WsClose: (OtherLeg, OtherLeg.never)}

    def __init__(self, link: Any, session: Any) -> None:
        super().__init__(link, session, even=False)
        self.said: list[SessionMessage] = []
        self.rest: list[original.Message] = []
        self.opened: list[EchoLeg] = []
        self.failures: list[Exception] = []

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        if not isinstance(opening, HttpRequest):
            return super().stream_opened(stream, opening, end)
        leg = EchoLeg(self)
        leg.stream = stream
        leg.request_id = self.register(leg)
        self.opened.append(leg)
        return leg

    def message_received(self, message: SessionMessage) -> None:
        self.said.append(message)

    def told(self, message: original.Message) -> None:
        self.rest.append(message)

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        super().leg_failed(number, leg, error)
        self.failures.append(error)


class BridgeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.link = FakeLink()
        self.ours = Side(self.link.clock, even=True)
        self.bridge = EchoBridge(self.link, self.ours.session)

    def turn(self) -> None:
        self.link.clock.advance(0)

    def ask(self) -> tuple[Stream, EchoLeg]:
        stream = self.ours.open(GET)
        self.turn()
        return stream, self.bridge.opened[-1]

    def test_ids_are_the_originals(self) -> None:
        self.assertRegex(new_id(), "^[0-9a-f]{32}$")
        self.assertEqual(len({new_id() for _ in range(100)}), 100)

    def test_a_leg_is_found_by_its_id_until_it_is_forgotten(self) -> None:
        _, leg = self.ask()
        self.assertIs(self.bridge.leg_of(leg.request_id, EchoLeg), leg)
        self.assertIsNone(self.bridge.leg_of(leg.request_id, OtherLeg))
        self.assertIsNone(self.bridge.leg_of("", EchoLeg))
        self.bridge.forget(leg)
        self.bridge.forget(leg)
        self.assertIsNone(self.bridge.leg_of(leg.request_id, EchoLeg))

    def test_an_id_of_the_peers_choice(self) -> None:
        leg = EchoLeg(self.bridge)
        self.assertEqual(self.bridge.register(leg, "theirs"), "theirs")
        self.assertIs(self.bridge.leg_of("theirs", EchoLeg), leg)

    def test_what_the_peer_says_reaches_the_leg_that_it_is_about(self) -> None:
        """And none if there is no such leg, or one of another kind."""
        _, leg = self.ask()
        end = original.ResponseEnd(leg.request_id)
        for said in (end, original.ResponseEnd("unknown"), WsClose(leg.request_id)):
            self.bridge.heard(said)
        self.assertEqual((self.link.said, self.bridge.rest, self.link.late), ([end], [], 2))

    def test_what_it_says_of_no_leg_reaches_the_role(self) -> None:
        self.bridge.heard(original.Ping(1))
        self.assertEqual(self.bridge.rest, [original.Ping(1)])

    def test_what_the_session_says_reaches_the_role(self) -> None:
        self.ours.session.send_control(OpenTunnel(1, "http"))
        self.turn()
        self.assertEqual(self.bridge.said, [OpenTunnel(1, "http")])

    def test_what_passes_waits_for_the_link(self) -> None:
        stream, leg = self.ask()
        self.link.writable = False
        stream.send_data(b"request")
        self.turn()
        self.assertEqual(self.link.said, [])
        self.link.writable = True
        self.ours.session.flush()
        self.bridge.wake()
        self.turn()
        self.assertEqual(self.link.said, [original.ResponseBody(leg.request_id, b"request")])

    def test_what_was_said_can_be_carried_at_once(self) -> None:
        stream, leg = self.ask()
        stream.send_data(b"last words")
        self.ours.session.flush()
        self.bridge.settle()
        self.assertEqual(self.link.said, [original.ResponseBody(leg.request_id, b"last words")])

    def test_our_side_gives_up(self) -> None:
        stream, leg = self.ask()
        stream.reset(VISITOR_GONE)
        self.turn()
        self.assertTrue(leg.over)
        self.assertIsNone(self.bridge.leg_of(leg.request_id, EchoLeg))
        self.assertEqual(self.link.said, [WsClose(leg.request_id, None, "visitor-gone")])

    def test_the_originals_side_fails(self) -> None:
        """Once, whatever happens then."""
        stream, leg = self.ask()
        leg.fail(SERVICE_DIED, "a crash")
        leg.fail(INTERNAL, "")
        self.turn()
        self.assertEqual(self.ours.legs[stream.id].events, [("reset", "service-died", "a crash")])
        self.assertEqual(len(self.link.said), 1)

    def test_what_somebody_has_to_mend_is_logged(self) -> None:
        """One line, with nothing of the query, and nothing that a terminal would act on."""
        lines = log_lines(self)
        _, leg = self.ask()
        leg.fail(BAD_SERVICE_RESPONSE, "It split \r\n a header.")
        _, leg = self.ask()
        leg.fail(VISITOR_GONE, "")
        [line] = lines
        self.assertEqual(
            line,
            r'a \x1b[2J thing?… failed: bad-service-response: "It split \\r\\n a header." '
            "peer=198.51.100.1 suppressed=0",
        )

    def test_no_peer_fills_the_log(self) -> None:
        """Who keeps the link says which of them get a line, and hears of each."""
        lines = log_lines(self)
        self.link.keeper.answers = [None, 7]
        for word in ("bad-service-response", "overloaded"):
            _, leg = self.ask()
            leg.fail(problem_of(word), "")
            self.assertTrue(leg.over)
        self.assertEqual(self.link.keeper.topics, ["original_exchanges"] * 2)
        [line] = lines
        self.assertTrue(line.endswith(" failed: overloaded: - peer=198.51.100.1 suppressed=7"), line)

    def test_a_defect_ends_one_exchange(self) -> None:
        stream, broken = self.ask()
        other, leg = self.ask()
        stream.send_data(b"defect")
        other.send_data(b"fine")
        self.turn()
        self.assertEqual([str(each) for each in self.bridge.failures], ["a leg with a defect"])
        self.assertEqual(self.ours.legs[stream.id].events, [("reset", "internal", "")])
        self.assertIsNone(self.bridge.leg_of(broken.request_id, EchoLeg))
        said = [WsClose(broken.request_id, None, "internal"), original.ResponseBody(leg.request_id, b"fine")]
        self.assertEqual(self.link.said, said)
        self.assertEqual(self.link.faults, [])

    def test_what_no_role_expects_ends_the_link(self) -> None:
        self.ours.open(TcpConnection(1))
        self.turn()
        [fault] = self.link.faults
        self.assertIsInstance(fault, ProtocolError)

    def test_closed(self) -> None:
        """Everything at the original's side is told, nothing more passes, and no timer is left."""
        stream, leg = self.ask()
        self.bridge.close(SESSION_EXPIRED, "the link is gone")
        self.assertEqual(self.link.said, [WsClose(leg.request_id, None, "session-expired")])
        stream.send_data(b"late")
        self.turn()
        self.assertEqual(len(self.link.said), 1)
        self.assertIsNone(self.bridge.leg_of(leg.request_id, EchoLeg))
        self.assertEqual(self.link.clock.getDelayedCalls(), [])
