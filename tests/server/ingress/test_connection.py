"""One connection of a visitor, and how it ends when it is not the visitor who ends it."""

import gc
from weakref import ref

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from sellia.problems import SERVER_RESTARTING
from sellia.protocol.messages import VisitorLeft
from sellia.relay.mux.session import Session
from tests.server.support import GET, UPGRADE, PublicSide, ServerCase, get, post


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


class CircleTests(ServerCase):
    """A connection that has ended is freed at once, and not when the garbage collector comes by."""

    def test_none_is_left(self) -> None:
        gc.disable()
        self.addCleanup(gc.enable)
        other, service = self.stage.ask()
        service.answer()
        other.leave()
        gone = ref(other.connection)
        self.stage.visitors.clear()
        other.transport.unregisterProducer()  # as a real transport does by itself
        del other.connection, other.transport
        self.assertIsNone(gone())


class HalfCloseTests(ServerCase):
    """Visitors who send FIN behind their requests."""

    def test_a_request_is_answered(self) -> None:
        for answer in (b"", b"hello"):
            visitor, service = self.stage.ask()
            visitor.finish()
            self.assertEqual((visitor.read(), visitor.end), (b"HTTP/1.1 ", "open"))
            service.answer(answer)
            self.assertTrue(visitor.read().startswith(b"200 OK\r\n"))
            self.assertEqual((visitor.end, service.reset), ("closed", None))

    def test_an_interim_response_and_chunks(self) -> None:
        visitor, service = self.stage.ask()
        visitor.finish()
        service.head(103, (b"Link", b"</a>"))
        service.head(200)
        service.say(b"one", end=True)
        head, _, body = visitor.read().partition(b"HTTP/1.1 200 OK\r\n")
        self.assertEqual(head, b"HTTP/1.1 103 OK\r\nLink: </a>\r\n\r\n")
        self.assertTrue(body.endswith(b"\r\n\r\n3\r\none\r\n0\r\n\r\n"))

    def test_in_the_middle_of_an_answer_in_chunks(self) -> None:
        visitor, service = self.stage.ask()
        service.head()
        service.say(b"one")
        visitor.read()
        visitor.finish()
        visitor.connection.readConnectionLost()  # resuming a socket makes Twisted say it again
        service.say(b"two")
        service.say(end=True)
        self.assertEqual((visitor.read(), visitor.end), (b"03\r\ntwo\r\n0\r\n\r\n", "closed"))

    def test_in_the_middle_of_an_answer_with_a_length(self) -> None:
        visitor, service = self.stage.ask()
        service.head(200, (b"Content-Length", b"6"))
        service.say(b"one")
        visitor.read()
        visitor.finish()
        service.say(b"two", end=True)
        self.assertEqual((visitor.read(), visitor.end), (b"two", "closed"))

    def test_a_visitor_of_whom_nothing_is_read(self) -> None:
        """Its answer is begun byte by byte, and chunks get zeros, but never more than any parser reads."""
        visitor = self.stage.visitor(GET, GET)
        self.stage.wait(4)
        self.assertEqual(visitor.read(), b"H")
        self.stage.wait(4)
        self.stage.asked[0].head()
        self.assertTrue(visitor.read().startswith(b"TTP/1.1 200 OK\r\n"))
        for _ in range(3):
            visitor.connection._probe.clear()
            self.stage.wait(600)
        self.assertEqual(visitor.read(), b"0" * 8)
        self.stage.asked[0].say(b"x" * 0x10, end=True)
        self.assertTrue(visitor.read().startswith(b"10\r\nxxx"))

    def test_all_of_a_pipeline_is_answered(self) -> None:
        visitor = self.stage.visitor(GET + get(host=b"nobody.localhost") + GET)
        visitor.finish()
        self.stage.asked[0].answer()
        self.stage.asked[1].answer()
        self.assert_answers(visitor, (200, None), (404, "no-such-tunnel"), (200, None))
        self.assertEqual(visitor.end, "closed")

    def test_what_is_not_whole_is_not_answered(self) -> None:
        for sent in (b"GET / HT", post(b"abc", length=5)):
            visitor = self.stage.visitor(sent)
            visitor.finish()
            self.assertNotEqual(visitor.end, "open")

    def test_a_handshake_ends_with_its_socket(self) -> None:
        visitor, _ = self.stage.ask(UPGRADE)
        visitor.finish()
        self.assertEqual(visitor.end, "aborted")

    def test_nothing_asked(self) -> None:
        visitor = self.stage.visitor(get(host=b"nobody.localhost"))
        visitor.finish()
        self.assertEqual(visitor.end, "closed")

    def test_after_the_last_answer(self) -> None:
        visitor = self.stage.visitor(b"rubbish\r\n\r\n")
        self.assertEqual(visitor.end, "half")
        visitor.finish()
        self.assertEqual(visitor.end, "closed")


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
        connection.connectionLost(Failure(ConnectionDone()))


class NumberTests(ServerCase):
    """What clients are told of visitors' connections."""

    def left(self) -> list[int]:
        """The connections of which the client was told that they are closed."""
        return [each.connection for each in self.stage.pair.client.messages if isinstance(each, VisitorLeft)]

    def test_each_connection_has_its_own(self) -> None:
        visitor, first = self.stage.ask()
        first.answer()
        visitor.send(GET)
        _, other = self.stage.ask()
        numbers = [service.opening.connection for service in self.stage.asked]
        self.assertEqual(numbers[0], numbers[1])
        self.assertNotIn(0, numbers)
        self.assertNotEqual(numbers[0], other.opening.connection)

    def test_a_handshake_has_it_too(self) -> None:
        _, service = self.stage.ask(UPGRADE)
        self.assertGreater(service.opening.connection, 0)

    def test_the_client_is_told_when_it_is_closed(self) -> None:
        visitor, service = self.stage.ask()
        service.answer()
        self.stage.talk()
        self.assertEqual(self.left(), [])
        visitor.leave()
        self.stage.talk()
        self.assertEqual(self.left(), [service.opening.connection])

    def test_the_client_is_told_only_of_those_that_it_has_answered(self) -> None:
        """A stranger who connects and leaves costs the link nothing while it is away."""
        visitor, _ = self.stage.ask()
        visitor.leave()
        self.stage.visitor().leave()
        self.stage.talk()
        self.assertEqual(self.left(), [])

    def test_a_proxys_connection_has_none(self) -> None:
        """It carries the requests of many visitors."""
        stage = PublicSide(trust_proxy=["192.0.2.7"])
        visitor = stage.visitor(GET, host="192.0.2.7")
        self.assertEqual(stage.asked[0].opening.connection, 0)
        stage.asked[0].answer()
        visitor.leave()
        stage.talk()
        self.assertEqual(stage.pair.client.messages, [])

    def test_nor_has_that_of_a_proxy_that_nobody_has_named(self) -> None:
        visitor, first = self.stage.ask(get(b"/", b"Via: 1.1 a"))
        first.answer()
        visitor.send(GET)
        self.assertEqual([service.opening.connection for service in self.stage.asked], [0, 0])


class StopTests(ServerCase):
    def test_what_was_answered_is_delivered(self) -> None:
        """Visitors that wait are told before their connections end; none is left."""
        stage = PublicSide()
        stage.ingress.start()
        idle, (waiting, _), (streaming, other) = stage.visitor(), stage.ask(), stage.ask()
        other.head()
        stage.pair.server.session.close(SERVER_RESTARTING, "")
        stage.ingress.stop()
        self.assertEqual((idle.end, waiting.end, streaming.end), ("closed", "closed", "closed"))
        self.assertIn(b"Sellia-Error: server-restarting\r\n", waiting.read())
        stage.check()
