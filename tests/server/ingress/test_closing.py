"""How a visitor's connection ends: with all of its last answer, in order, and in time."""

from sellia.server.ingress.closing import LINGER
from tests.server.slow import SlowSocket, slow_visitor
from tests.server.support import GET, ServerCase, get, post


class LingerTests(ServerCase):
    """A visitor who still sends after its last answer is read, and ignored, for a while."""

    def test_whatever_it_sent_before(self) -> None:
        """Nothing that came in one read with what was refused starts the time again, or stops it."""
        nobody = post(b"abc").replace(b"demo.", b"nobody.")
        for request in (post(b"", length=3).replace(b"demo.", b"nobody."), nobody, nobody + b"GET / HTTP"):
            visitor = self.stage.visitor(request)
            self.assert_answers(visitor, (404, "no-such-tunnel"))
            visitor.send(b"more")
            self.assertEqual(visitor.end, "half")
            self.stage.wait(LINGER)
            self.assertEqual(visitor.end, "closed")
            self.stage.wait(LINGER)
            self.assertEqual(visitor.end, "aborted")
        self.assertEqual(self.stage.asked, [])

    def test_who_sends_nothing_more_is_not_waited_for(self) -> None:
        visitor, service = self.stage.ask(get(b"/", b"Connection: close"))
        service.answer()
        self.assertEqual(visitor.end, "closed")


class SlowVisitorTests(ServerCase):
    """A visitor who takes its answer slowly gets all of it."""

    def read_slowly(self, socket: SlowSocket) -> None:
        """At 500 octets a second, to the end of the connection, which is an orderly one."""
        for _ in range(50):
            if not socket.ended:
                self.stage.wait(20)
                socket.take(10_000)
        self.assertTrue(socket.ended)
        self.assertFalse(socket.aborted)

    def test_the_last_answer(self) -> None:
        """Whatever ends the connection behind it."""
        for request, begin in (
            (get(b"/", b"Connection: close"), b""),
            (b"GET / HTTP/1.0\r\nHost: demo.localhost\r\n\r\n", b""),
            (post(b"a", length=2), b""),
            (get(), b"GET / HTTP"),
        ):
            visitor, socket = slow_visitor(self.stage, request)
            service = self.stage.asked[-1]
            service.head()
            service.say(b"~" * 200_000, end=True)
            if begin:
                visitor.connection.dataReceived(begin)
            self.read_slowly(socket)
            self.assertEqual(socket.took.count(b"~"), 200_000)
            visitor.leave()

    def test_a_response_that_breaks_off(self) -> None:
        """What came of it is delivered, and then the connection does end."""
        visitor, socket = slow_visitor(self.stage, GET)
        service = self.stage.asked[-1]
        service.head()
        service.say(b"~" * 200_000)
        service.fail("service-died")
        self.read_slowly(socket)
        self.assertEqual(socket.took.count(b"~"), 200_000)
        self.assertFalse(socket.took.endswith(b"0\r\n\r\n"))

    def test_who_takes_nothing_is_cut_off(self) -> None:
        visitor, socket = slow_visitor(self.stage, get(b"/", b"Connection: close"))
        self.stage.asked[-1].answer(b"~" * 200_000)
        self.stage.wait(50)
        self.assertFalse(socket.aborted)
        self.stage.wait(30)
        self.assertTrue(socket.aborted)

    def test_when_the_server_stops(self) -> None:
        """Nobody is waited for who does not take the rest at once."""
        visitor, socket = slow_visitor(self.stage, GET)
        self.stage.asked[-1].answer(b"~" * 200_000)
        self.stage.ingress.stop()
        self.assertTrue(socket.aborted)
