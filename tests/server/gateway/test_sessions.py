"""One client's session, as the server has it; what becomes of it is tried with the gateway."""

from sellia.errors import ProblemError, ProtocolError
from sellia.problems import CLIENT_GONE, OVERLOADED, VISITOR_GONE
from sellia.protocol.messages import HttpRequest
from sellia.relay.mux.leg import NullLeg
from sellia.relay.mux.upstream import Upstream
from sellia.server.gateway.sessions import ServerSession
from sellia.server.gateway.states import SessionEvent
from tests.logs import log_lines
from tests.server.clients import GatewayCase
from tests.server.support import answers

GET = HttpRequest(1, b"GET", b"/", [])


class SessionTests(GatewayCase):
    def session(self) -> ServerSession:
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo"))
        [session] = self.server.gateway.sessions.values()
        return session

    def test_its_name_tells_little_of_its_token(self) -> None:
        session = self.session()
        self.assertEqual((session.token[:4].hex(), len(session.token)), (session.name, 16))

    def test_waiting_is_counted_from_the_last_time(self) -> None:
        session = self.session()
        session.move(SessionEvent.LINK_LOST)
        session.wait(10)
        self.server.wait(9)
        session.wait(10)
        self.server.wait(9)
        self.assertIn(session.token, self.server.gateway.sessions)
        self.server.wait(1)
        self.assertEqual(self.server.gateway.sessions, {})

    def test_waiting_that_is_given_up(self) -> None:
        session = self.session()
        session.wait(10)
        session.cancel_wait()
        session.cancel_wait()
        self.server.wait(11)
        self.assertIn(session.token, self.server.gateway.sessions)

    def test_a_client_opens_no_streams(self) -> None:
        session = self.session()
        stream = session.mux.open(HttpRequest(1, b"GET", b"/", []), NullLeg(), end=True)
        with self.assertRaises(ProtocolError):
            session.stream_opened(stream, HttpRequest(1, b"GET", b"/", []), True)
        stream.reset(VISITOR_GONE)

    def test_who_was_cut_off_is_named(self) -> None:
        """The visitor whose request was reset for a bound of the session."""
        session = self.session()
        lines = log_lines(self)
        visitor = self.server.visit()
        [stream] = session.mux.streams.values()
        assert session.mux.relieved is not None
        session.mux.relieved(stream, "session_credit")
        stream.leg.reset_received(OVERLOADED, "")
        self.server.talk()
        self.assertEqual(answers(visitor.take()), [(503, "overloaded")])
        self.assertEqual(self.server.gateway.health()["limits"], {"session_credit": 1})
        self.assertIn("limit reached: limit=session_credit peer=203.0.113.7 answer=overloaded suppressed=0", lines)


class UpstreamTests(GatewayCase):
    """A session as what tunnels are bound to."""

    def session(self) -> ServerSession:
        self.assert_ready(self.server.client().open_tunnel("demo"))
        [session] = self.server.gateway.sessions.values()
        upstream: Upstream = session
        self.assertIs(self.server.gateway.registry.find("demo").upstream, upstream)
        return session

    def test_no_stream_is_opened_on_one_that_is_over(self) -> None:
        session = self.session()
        self.assertEqual((session.attached, session.closed), (True, False))
        self.server.gateway.end(session, SessionEvent.GOODBYE, "a test")
        self.assertEqual((session.attached, session.closed), (False, True))
        error = self.assertRaises(ProblemError, session.open, GET, NullLeg(), end=True)
        self.assertIs(error.problem, CLIENT_GONE)

    def test_no_stream_is_opened_on_a_full_one(self) -> None:
        session = self.session()
        session.mux.max_streams = 1
        stream = session.open(GET, NullLeg(), end=True)  # type: ignore[arg-type]
        self.assertEqual(session.refusal(1), "session_streams")
        error = self.assertRaises(ProblemError, session.open, GET, NullLeg(), end=True)
        self.assertIs(error.problem, OVERLOADED)
        stream.reset(VISITOR_GONE)
        self.assertIsNone(session.refusal(1))
