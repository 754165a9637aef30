"""One connection of a visitor, and how it ends when it is not the visitor who ends it."""

from twisted.internet.testing import StringTransport

from sellia.relay.session import Session
from tests.server.support import GET, PublicSide, ServerCase, get


class DefectTests(ServerCase):
    """A mistake of ours ends one connection, with one report, and is not told as the visitor's."""

    def test_of_the_session(self) -> None:
        class Broken(Session):
            def open(self, *arguments: object, **named: object) -> None:  # type: ignore[override]
                raise ZeroDivisionError("a defect")

        self.stage.pair.server.session.__class__ = Broken
        self.addCleanup(setattr, self.stage.pair.server.session, "__class__", Session)
        visitor = self.stage.visitor(GET)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assert_answers(visitor, (500, "internal"))
        self.assertEqual(visitor.end, "half")


class UnixTests(ServerCase):
    def test_a_socket_without_an_address(self) -> None:
        """Behind a proxy on a unix socket there is no peer to name."""

        class Nameless(StringTransport):
            def getPeer(self) -> None:
                return None

        connection = self.stage.factory.buildProtocol(None)
        connection.makeConnection(Nameless())
        connection.dataReceived(GET)
        self.stage.talk()
        self.assertEqual(self.stage.asked[0].value(b"X-Forwarded-For"), b"unknown")
        connection.dataReceived(get(host=b"nobody.localhost"))
        connection.connectionLost(None)


class StopTests(ServerCase):
    def test_what_was_answered_is_delivered(self) -> None:
        """Visitors that wait are told before their connections end; none is left."""
        stage = PublicSide()
        stage.ingress.start()
        idle, (waiting, _), (streaming, other) = stage.visitor(), stage.ask(), stage.ask()
        other.head()
        stage.pair.server.session.close("server-restarting", "")
        stage.ingress.stop()
        self.assertEqual((idle.end, waiting.end, streaming.end), ("closed", "closed", "closed"))
        self.assertIn(b"Sellia-Error: server-restarting\r\n", waiting.read())
        stage.check()
