"""One request and its response: the framing that the visitor gets, whatever the client says, and every way to end."""

from sellia.problems import SESSION_EXPIRED
from sellia.protocol.messages import ResponseHead
from sellia.server.limiter import END_WAIT
from tests.server.support import GET, ServerCase, get, post

KIB = 1024
TEN = b"GET / HTTP/1.0\r\nHost: demo.localhost\r\n\r\n"
TEN_ALIVE = TEN[:-2] + b"Connection: keep-alive\r\n\r\n"


class FramingTests(ServerCase):
    """What a response looks like on the visitor's wire."""

    def response(self, request: bytes, status: int, *fields: tuple[bytes, bytes], body: bytes = b"hello") -> bytes:
        visitor, service = self.stage.ask(request)
        service.head(status, *fields)
        if body:
            service.say(body)
        service.say(end=True)
        return visitor.read()

    def test_length_passes(self) -> None:
        self.assertEqual(
            self.response(GET, 200, (b"X-A", b"1"), (b"content-length", b"5"), (b"X-A", b"2")),
            b"HTTP/1.1 200 OK\r\nX-A: 1\r\ncontent-length: 5\r\nX-A: 2\r\n\r\nhello",
        )

    def test_unknown_length_is_chunked(self) -> None:
        self.assertEqual(
            self.response(GET, 200), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        )
        self.assertEqual(
            self.response(GET, 200, body=b""), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        )

    def test_large_chunk(self) -> None:
        data = self.response(GET, 200, body=b"x" * 0x2000)
        self.assertTrue(data.endswith(b"\r\n\r\n2000\r\n" + b"x" * 0x2000 + b"\r\n0\r\n\r\n"))

    def test_the_service_is_not_to_frame(self) -> None:
        """Transfer-Encoding and Connection are ours alone, whatever the client passes on."""
        for fields in (
            [(b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"5")],
            [(b"Transfer-Encoding", b"gzip, identity"), (b"Content-Length", b"5"), (b"Connection", b"close")],
            [(b"Connection", b"content-length, x-a"), (b"X-A", b"b"), (b"Content-Length", b"5"), (b"Keep-Alive", b"1")],
        ):
            expected = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
            self.assertEqual(self.response(GET, 200, *fields), expected)

    def test_1_0(self) -> None:
        """No chunks, and the connection ends with the body unless its length is known and it was to be kept."""
        closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
        for request in (TEN, TEN_ALIVE):
            visitor, service = self.stage.ask(request)
            service.head()
            service.say(b"hello", end=True, trailers=[(b"X", b"y")])
            self.assertEqual((visitor.read(), visitor.end), (closing, "closed"))
        visitor, service = self.stage.ask(TEN_ALIVE)
        service.answer(b"hello")
        expected = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello"
        self.assertEqual((visitor.read(), visitor.end), (expected, "open"))

    def test_no_body(self) -> None:
        """HEAD, 204 and 304 end with their heads, and the connection goes on."""
        for request, status, fields in (
            (get(method=b"HEAD"), 200, [(b"Content-Length", b"500")]),
            (get(method=b"HEAD"), 200, []),
            (GET, 204, []),
            (GET, 304, [(b"Content-Length", b"500")]),
        ):
            visitor, service = self.stage.ask(request)
            service.head(status, *fields)
            service.say(end=True)
            lines = b"".join(b"%b: %b\r\n" % pair for pair in fields)
            self.assertEqual(visitor.read(), b"HTTP/1.1 %d OK\r\n%b\r\n" % (status, lines))
            self.assertEqual(visitor.end, "open")
            visitor.send(GET)
            self.stage.asked[-1].answer(b"next")
            self.assertIn(b"next", visitor.read())

    def test_interim_responses(self) -> None:
        visitor, service = self.stage.ask()
        service.head(103, (b"Link", b"</a>"), (b"Sellia-Error", b"forged"), reason=b"Early Hints")
        self.assertEqual(visitor.read(), b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        service.answer(b"x")
        self.assertEqual(visitor.read(), b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")

    def test_interim_responses_are_not_for_1_0(self) -> None:
        visitor, service = self.stage.ask(TEN)
        service.head(103, reason=b"Early Hints")
        self.assertEqual(visitor.read(), b"")

    def test_continue_comes_from_the_service(self) -> None:
        visitor, service = self.stage.ask(post(b"", b"Expect: 100-continue", length=2))
        self.assertEqual(service.value(b"Expect"), b"100-continue")
        service.head(100, reason=b"Continue")
        self.assertEqual(visitor.read(), b"HTTP/1.1 100 Continue\r\n\r\n")
        visitor.send(b"hi")
        self.assertEqual((service.data, service.ended), (b"hi", True))

    def test_trailers(self) -> None:
        visitor, service = self.stage.ask()
        service.head()
        service.say(b"x", end=True, trailers=[(b"X-Sum", b"1"), (b"Content-Length", b"9"), (b"Sellia-Error", b"x")])
        self.assertTrue(visitor.read().endswith(b"1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n"))
        self.assertEqual(visitor.end, "open")

    def test_pieces_leave_as_they_come(self) -> None:
        visitor, service = self.stage.ask()
        service.head()
        visitor.read()
        for number in range(3):
            service.say(b"data: %d\n\n" % number)
            self.assertEqual(visitor.read(), b"9\r\ndata: %d\n\n\r\n" % number)


class HostileResponseTests(ServerCase):
    """A client says what a service never could: the visitor gets a 502, or a broken response, and the link stays."""

    def refused(self, head: ResponseHead) -> None:
        visitor, service = self.stage.ask()
        service.stream.send_head(head)
        self.stage.talk()
        self.assert_answers(visitor, (502, "bad-service-response"))
        self.assertEqual(service.reset, "bad-service-response")
        self.assertEqual(visitor.end, "open")
        visitor.send(GET)
        self.stage.asked[-1].answer()
        self.assert_answers(visitor, (200, None))

    def test_heads(self) -> None:
        for fields in (
            [(b"A", b"b\r\nSet-Cookie: c")],
            [(b"A", b"b\nc")],
            [(b"A", b"b\x00")],
            [(b"A: b\r\nC", b"d")],
            [(b"", b"d")],
            [(b"A b", b"d")],
            [(b"Content-Length", b"1"), (b"Content-Length", b"1")],
            [(b"Content-Length", b"1"), (b"content-length", b"2")],
            [(b"Content-Length", b"-1")],
            [(b"Content-Length", b"1, 1")],
        ):
            self.refused(ResponseHead(200, b"OK", fields))

    def test_status_lines(self) -> None:
        for status, reason in ((200, b"OK\r\nA: b"), (200, b"\x1b[2J"), (99, b""), (1000, b""), (-200, b""), (0, b"")):
            self.refused(ResponseHead(status, reason, []))

    def test_switch_that_nobody_asked_for(self) -> None:
        self.refused(ResponseHead(101, b"Switching Protocols", [(b"Upgrade", b"websocket")]))

    def test_too_long(self) -> None:
        """What is too much is not written; the visitor sees a connection that breaks, not another response."""
        for first, second in ((b"", b"123456"), (b"123", b"456")):
            visitor, service = self.stage.ask()
            service.head(200, (b"Content-Length", b"5"))
            service.say(first)
            service.say(second)
            self.assertNotIn(b"6", visitor.read())
            self.assertEqual(visitor.end, "aborted")
            self.assertEqual(service.reset, "bad-service-response")

    def test_too_short(self) -> None:
        visitor, service = self.stage.ask()
        service.head(200, (b"Content-Length", b"5"))
        service.say(b"1234", end=True)
        self.assertTrue(visitor.read().endswith(b"1234"))
        self.assertEqual(visitor.end, "closed")

    def test_a_body_where_there_is_none(self) -> None:
        visitor, service = self.stage.ask(get(method=b"HEAD"))
        service.head(200)
        service.say(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual((visitor.read().count(b"HTTP/"), visitor.end), (1, "open"))
        self.assertEqual(service.reset, "bad-service-response")

    def test_more_than_a_whole_response(self) -> None:
        """The visitor has what it asked for, and goes on; the rest is the stream's fault alone."""
        visitor, service = self.stage.ask()
        service.head(200, (b"Content-Length", b"5"))
        service.say(b"12345")
        service.say(b"6")
        self.assertTrue(visitor.read().endswith(b"\r\n\r\n12345"))
        self.assertEqual((visitor.end, service.reset), ("open", "bad-service-response"))
        visitor.send(GET)
        self.stage.asked[-1].answer()
        self.assert_answers(visitor, (200, None))

    def test_an_end_that_does_not_come(self) -> None:
        """A whole response frees the connection: a proxy may use it for another tenant's visitor at once."""
        for method, status, fields, body in (
            (b"GET", 200, [(b"Content-Length", b"5")], b"hello"),
            (b"GET", 200, [(b"Content-Length", b"0")], b""),
            (b"HEAD", 200, [], b""),
            (b"GET", 204, [], b""),
            (b"GET", 304, [(b"Content-Length", b"5")], b""),
        ):
            visitor, service = self.stage.ask(get(method=method))
            service.head(status, *fields)
            service.say(body)
            visitor.read()
            visitor.send(GET)
            self.stage.asked[-1].answer(b"next")
            self.assertTrue(visitor.read().endswith(b"next"))
            service.say(b"", end=True)
            self.assertEqual((visitor.read(), visitor.end, service.reset), (b"", "open", None))

    def test_an_end_that_never_comes(self) -> None:
        """The stream is reset in the end, for it counts for its client; one that has ended is forgotten."""
        visitor, service = self.stage.ask()
        service.head(200, (b"Content-Length", b"5"))
        service.say(b"hello")
        _, other = self.stage.ask()
        other.head(200, (b"Content-Length", b"5"))
        other.say(b"hello", end=True)
        guard = self.stage.ingress.guard
        self.assertEqual(len(guard._unended), 1)
        self.stage.wait(END_WAIT - 1)
        self.assertIsNone(service.reset)
        self.stage.wait(2)
        assert service.reset is not None
        self.assertEqual((service.reset, guard._unended), ("bad-service-response", {}))
        self.assertTrue(visitor.read().endswith(b"hello"))

    def test_trailers_that_split(self) -> None:
        visitor, service = self.stage.ask()
        service.head()
        service.say(b"x", end=True, trailers=[(b"A", b"b\r\n\r\nHTTP/1.1 200 OK")])
        self.assertFalse(visitor.read().endswith(b"0\r\n\r\n"))
        self.assertEqual(visitor.end, "closed")

    def test_our_own_word_is_not_theirs(self) -> None:
        visitor, service = self.stage.ask()
        service.answer(b"", (b"sellia-error", b"no-such-tunnel"), status=404)
        self.assert_answers(visitor, (404, None))

    def test_an_unknown_word_is_not_repeated(self) -> None:
        visitor, service = self.stage.ask()
        service.fail("x\r\nA: b", "\x1b[2J")
        data = visitor.read()
        self.assertTrue(data.startswith(b"HTTP/1.1 500 "))
        self.assertIn(b"Sellia-Error: internal\r\n", data)
        self.assertNotIn(b"\x1b", data)


class EndTests(ServerCase):
    """Whoever ends it, the other side is told the truth."""

    def test_problems_have_their_status(self) -> None:
        for word, status in (("service-refused", 502), ("service-died", 502), ("response-timeout", 504)):
            visitor, service = self.stage.ask()
            service.fail(word, "127.0.0.1:8080 did.")
            data = visitor.read()
            self.assertEqual(b"127.0.0.1:8080 did." in data, word == "response-timeout")
            self.assertTrue(data.startswith(b"HTTP/1.1 %d" % status))
            self.assertEqual(visitor.end, "open", "the request was complete, so the connection can be kept")

    def test_a_response_that_breaks_off(self) -> None:
        """It never looks complete: neither by chunks, nor by length, nor by the end of the connection."""
        for request, fields, end in (
            (GET, [], "closed"),
            (GET, [(b"Content-Length", b"50")], "closed"),
            (TEN, [], "aborted"),
        ):
            visitor, service = self.stage.ask(request)
            service.head(200, *fields)
            service.say(b"hello")
            service.fail("service-died")
            data = visitor.read()
            self.assertIn(b"hello", data)
            self.assertFalse(data.endswith(b"0\r\n\r\n"))
            self.assertEqual(visitor.end, end)

    def test_a_response_that_breaks_off_while_the_visitor_is_slow(self) -> None:
        visitor, service = self.stage.ask()
        service.head()
        visitor.full()
        service.fail("service-died")
        self.assertEqual(visitor.end, "closed")

    def test_a_visitor_who_leaves_cancels(self) -> None:
        for early in (True, False):
            visitor, service = self.stage.ask()
            if not early:
                service.head()
            visitor.leave()
            self.assertEqual(service.reset, "visitor-gone")

    def test_session_that_ends(self) -> None:
        visitor, service = self.stage.ask()
        streaming, other = self.stage.ask()
        other.head()
        self.stage.pair.server.session.close(SESSION_EXPIRED, "")
        self.stage.talk()
        self.assert_answers(visitor, (502, "session-expired"))
        self.assertEqual(streaming.end, "closed")

    def test_no_answer_in_time(self) -> None:
        visitor, service = self.stage.ask()
        self.stage.wait(599)
        self.assertEqual(visitor.read(), b"")
        self.stage.wait(1)
        self.assert_answers(visitor, (504, "response-timeout"))
        self.assertEqual(service.reset, "response-timeout")
        visitor.send(GET)
        self.stage.asked[-1].answer()
        self.assert_answers(visitor, (200, None))

    def test_a_head_in_time_is_enough(self) -> None:
        """A body may flow for hours; interim responses are no answer."""
        visitor, service = self.stage.ask()
        service.head(103, reason=b"Early Hints")
        self.stage.wait(20)
        service.head()
        self.stage.wait(100)
        service.say(b"x", end=True)
        self.assertTrue(visitor.read().endswith(b"1\r\nx\r\n0\r\n\r\n"))

    def test_the_time_is_from_the_requests_end(self) -> None:
        visitor, service = self.stage.ask(post(b"ab" * 5000, length=10_002))
        self.stage.wait(100)  # at the least rate
        visitor.send(b"cd")
        self.stage.wait(599)
        self.assertEqual(visitor.read(), b"")
        self.stage.wait(2)
        self.assert_answers(visitor, (504, "response-timeout"))

    def test_a_service_that_takes_no_body_is_waited_for_as_long(self) -> None:
        visitor, service = self.stage.ask(post(b"", length=100 * KIB * KIB))
        service.stream.stall()
        while visitor.reading:
            visitor.send(b"x" * 64 * KIB)
        self.stage.wait(599)
        self.assertEqual(visitor.transport.value(), b"HTTP/1.1", "written to see whether the visitor is there")
        self.stage.wait(2)
        self.assert_answers(visitor, (504, "response-timeout"))
        self.assertEqual(visitor.end, "half")

    def test_a_service_that_takes_a_body_slowly_is_waited_for(self) -> None:
        visitor, service = self.stage.ask(post(b"", length=100 * KIB * KIB))
        for _ in range(5):
            service.stream.stall()
            while visitor.reading:
                visitor.send(b"x" * 64 * KIB)
            self.stage.wait(20)
            service.stream.flow()
            self.stage.talk()
        self.assertEqual((visitor.transport.value(), visitor.end), (b"HTTP/", "open"))
        service.answer(status=413)
        self.assert_answers(visitor, (413, None))
