"""What takes too long ends, and what is only slow does not."""

from twisted.internet.interfaces import IHandshakeListener

from sellia.server.ingress.closing import LINGER
from tests.server.slow import SecureTransport
from tests.server.support import GET, ServerCase, Visitor, get, post


class HeadTests(ServerCase):
    """A head has ten seconds, however it trickles."""

    def test_slow_head(self) -> None:
        visitor = self.stage.visitor()
        for octet in b"GET / HTTP":
            visitor.send(bytes((octet,)))
            self.stage.wait(1)
        self.assert_answers(visitor, (408, "request-timeout"))
        self.assert_counted(header_time=1)
        self.assertEqual(visitor.end, "half")
        self.stage.wait(LINGER + 1)
        self.assertEqual(visitor.end, "closed")
        self.assertEqual(self.stage.asked, [])

    def test_in_time(self) -> None:
        visitor = self.stage.visitor(GET[:10])
        self.stage.wait(9)
        visitor.send(GET[10:])
        self.stage.wait(20)
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None))

    def test_blank_lines_are_no_head(self) -> None:
        """They do not start the time, and do not start it again: the connection is idle."""
        visitor = self.stage.visitor()
        for _ in range(59):
            visitor.send(b"\r\n")
            self.stage.wait(1)
        self.assertEqual((visitor.end, visitor.read()), ("open", b""))
        self.stage.wait(1)
        self.assertEqual(visitor.end, "closed")

    def test_part_of_a_method(self) -> None:
        visitor = self.stage.visitor(b"GE")
        self.stage.wait(10)
        self.assert_answers(visitor, (408, "request-timeout"))

    def test_part_of_a_head_behind_a_request(self) -> None:
        """It came in one read with a whole request, and has as long as any other from when it is read."""
        visitor = self.stage.visitor(GET + b"GET /")
        self.stage.wait(20)
        self.stage.asked[0].answer()
        self.stage.wait(9)
        self.assertEqual(visitor.end, "open")
        self.stage.wait(1)
        self.assert_answers(visitor, (200, None), (408, "request-timeout"))

    def test_part_of_a_head_behind_an_answer(self) -> None:
        visitor = self.stage.visitor(get(host=b"nobody.localhost") + b"G")
        for octet in b"ET /abcde":
            self.stage.wait(1)
            visitor.send(bytes((octet,)))
        self.assertEqual(visitor.end, "open")
        self.stage.wait(1)
        self.assert_answers(visitor, (404, "no-such-tunnel"), (408, "request-timeout"))

    def test_a_body_has_no_such_limit(self) -> None:
        """It may take as long as it likes, as long as it comes at the least rate."""
        visitor, service = self.stage.ask(post(b"", length=20 * 1000))
        for _ in range(20):
            self.stage.wait(10)
            visitor.send(b"x" * 1000)
        self.assertEqual((service.data, service.ended), (b"x" * 20_000, True))


class IdleTests(ServerCase):
    """A connection without a request is closed after a minute, in order and without a word."""

    def test_before_the_first(self) -> None:
        lines = self.logged()
        visitor = self.stage.visitor()
        self.stage.wait(59)
        self.assertEqual(visitor.end, "open")
        self.stage.wait(1)
        self.assertEqual((visitor.end, visitor.read()), ("closed", b""))
        self.assert_counted(idle=1)
        self.assertEqual(lines, [], "that is nothing to tell of")

    def test_between_two(self) -> None:
        visitor = self.stage.visitor()
        for request in (GET, get(host=b"nobody.localhost"), get(host=b"localhost"), GET):
            visitor.send(request)
            if b"demo" in request:
                self.stage.wait(20)
                self.stage.asked[-1].answer()
            self.stage.wait(50)
            self.assertEqual(visitor.end, "open")
        self.assert_counted()
        self.stage.wait(10)
        self.assertEqual(visitor.end, "closed")
        self.assert_counted(idle=1)

    def test_who_leaves_by_itself_does_not_count(self) -> None:
        self.stage.visitor().leave()
        visitor, service = self.stage.ask(get(b"/", b"Connection: close"))
        service.answer()
        self.assertEqual(visitor.end, "closed")
        self.stage.wait(100)
        self.assert_counted()

    def test_not_while_a_request_is_answered(self) -> None:
        visitor, service = self.stage.ask()
        service.head()
        self.stage.wait(1000)
        service.say(b"at last", end=True)
        self.assertEqual(visitor.end, "open")


class HandshakeTests(ServerCase):
    """A TLS handshake has ten seconds, and then the connection is one like any other."""

    def visitor(self) -> Visitor:
        visitor = Visitor(self.stage, SecureTransport())
        self.stage.visitors.append(visitor)
        return visitor

    def test_one_that_is_never_finished(self) -> None:
        visitor = self.visitor()
        self.stage.wait(9)
        self.assertEqual(visitor.end, "open")
        self.stage.wait(1)
        self.assertEqual((visitor.end, visitor.read()), ("closed", b""))
        self.assert_counted(tls_handshake=1)

    def test_one_that_is(self) -> None:
        visitor = self.visitor()
        self.stage.wait(9)
        self.assertTrue(IHandshakeListener.providedBy(visitor.connection), "else Twisted does not tell")
        visitor.connection.handshakeCompleted()
        self.stage.wait(59)
        self.assertEqual(visitor.end, "open")
        visitor.send(GET)
        self.assertEqual(self.stage.asked[0].value(b"X-Forwarded-Proto"), b"https")

    def test_another_one_later(self) -> None:
        """TLS before 1.3 can be renegotiated: that is no reason to wait longer for a head."""
        visitor = self.visitor()
        visitor.connection.handshakeCompleted()
        visitor.send(GET[:10])
        self.stage.wait(5)
        visitor.connection.handshakeCompleted()
        self.stage.wait(5)
        self.assert_answers(visitor, (408, "request-timeout"))
