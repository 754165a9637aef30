"""Answers as services send them: framing, bounds, what is broken, and when a connection may be used again."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.limits import SHORT_BODY
from sellia.protocol.messages import HttpRequest, ResponseHead
from sellia.relay.http.interim import BURST
from sellia.transports.reactor.sockets import READ
from tests.client.stage import HELLO, HOST, LogLines, Service, Stage, Visitor

HEAD = HttpRequest(1, b"HEAD", b"/", [HOST], connection=7)
SEVENTH = HttpRequest(1, b"GET", b"/", [HOST], connection=7)
OK = b"HTTP/1.1 200 OK\r\n"


class ConnectionCase(SynchronousTestCase):
    def answer(self, *pieces: bytes, opening: HttpRequest | None = None) -> Visitor:
        """What a visitor gets when a service says this on a new connection."""
        self.stage = Stage()
        visitor = self.stage.ask(opening) if opening is not None else self.stage.ask()
        self.service: Service = self.stage.accept()
        self.service.say(*pieces)
        self.stage.talk()
        return visitor

    def assert_reusable(self, expected: bool = True) -> None:
        self.assertEqual(len(self.stage.service.pool), int(expected))
        self.assertEqual(self.service.open, expected)
        self.stage.check()

    def assert_bad(self, visitor: Visitor, why: str) -> None:
        """The visitor gets a problem's word and the reason; the service's connection is dropped."""
        self.assertEqual(visitor.reset, "bad-service-response")
        self.assertIn(why, visitor.why)
        self.assertTrue(self.service.transport.aborted)
        self.stage.check()


class FramingTests(ConnectionCase):
    def test_length(self) -> None:
        visitor = self.answer(HELLO)
        self.assertEqual((visitor.data, visitor.ended), (b"hello", True))
        self.assertFalse(visitor.heads[0].chunked)
        self.assert_reusable()

    def test_short_answer_is_one_record(self) -> None:
        """Head, body and end: two records less for each request."""
        self.answer(HELLO)
        self.assertEqual((self.stage.pair.traffic["HEAD"], self.stage.pair.traffic["DATA"]), (1, 0))

    def test_body_and_end_are_one_record(self) -> None:
        """What is one byte too long to go with its head."""
        head = OK + b"Content-Length: %d\r\n\r\n"
        self.answer(head % SHORT_BODY + b"x" * SHORT_BODY)
        self.assertEqual(self.stage.pair.traffic["DATA"], 0)
        visitor = self.answer(head % (SHORT_BODY + 1) + b"x" * (SHORT_BODY + 1))
        self.assertEqual(visitor.data, b"x" * (SHORT_BODY + 1))
        self.assertEqual(self.stage.pair.traffic["DATA"], 1)

    def test_byte_by_byte(self) -> None:
        visitor = self.answer(*(bytes([byte]) for byte in HELLO))
        self.assertEqual((visitor.data, visitor.ended), (b"hello", True))
        self.assertEqual(visitor.heads, [ResponseHead(200, b"OK", [(b"Content-Length", b"5")])])
        self.assert_reusable()

    def test_chunks_that_came_together_leave_together(self) -> None:
        visitor = self.answer(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
        self.assertEqual(visitor.events[1:], [("data", b"hello"), ("end", [])])
        self.assertTrue(visitor.heads[0].chunked)
        self.assertEqual(visitor.heads[0].headers, [])
        self.assert_reusable()

    def test_chunks_arrive_piece_by_piece(self) -> None:
        """Server-sent events."""
        visitor = self.answer(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"3\r\none\r\n", b"3\r\ntwo\r\n")
        self.assertEqual(visitor.events[1:], [("data", b"one"), ("data", b"two")])

    def test_trailers(self) -> None:
        """Those that frame or route do not pass (RFC 9110, section 6.5.1)."""
        trailers = b"Digest: abc\r\nSet-Cookie: a\r\nDigest: d\r\n\r\n"
        visitor = self.answer(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n" + trailers)
        self.assertEqual(visitor.events[1:], [("data", b"he"), ("end", [(b"Digest", b"abc"), (b"Digest", b"d")])])
        self.assert_reusable()

    def test_body_that_ends_with_the_connection(self) -> None:
        visitor = self.answer(OK + b"\r\nhel", b"lo")
        self.assertTrue(visitor.heads[0].chunked)
        self.assertFalse(visitor.ended)
        self.service.close()
        self.stage.talk()
        self.assertEqual((visitor.data, visitor.ended, visitor.reset), (b"hello", True, None))
        self.stage.check()

    def test_http_1_0(self) -> None:
        visitor = self.answer(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        self.assertEqual((visitor.data, visitor.ended), (b"hello", True))
        self.assert_reusable(False)

    def test_answers_without_a_body(self) -> None:
        for status in (b"204 No Content", b"304 Not Modified"):
            visitor = self.answer(b"HTTP/1.1 " + status + b"\r\nETag: x\r\n\r\n", opening=SEVENTH)
            self.assertEqual([event[0] for event in visitor.events], ["head", "end"])
            self.assertFalse(visitor.heads[0].chunked)
            self.assert_reusable()

    def test_304_may_name_the_length_of_what_it_spares(self) -> None:
        visitor = self.answer(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", opening=SEVENTH)
        self.assertTrue(visitor.ended)
        self.assertEqual(visitor.heads[0].headers, [(b"Content-Length", b"500")])
        self.assert_reusable()

    def test_nothing_speaks_of_a_body_where_there_can_be_none(self) -> None:
        """A proxy in front would take the next answer for it."""
        fields = b"Content-Length: 0\r\nTrailer: X\r\nLink: </a>\r\n\r\n"
        visitor = self.answer(b"HTTP/1.1 103 Early Hints\r\n" + fields, b"HTTP/1.1 204 No Content\r\n" + fields)
        self.assertEqual([head.headers for head in visitor.heads], [[(b"Link", b"</a>")]] * 2)

    def test_head(self) -> None:
        """The head is a GET's, and no body follows, whatever it says; the same visitor may use the connection again."""
        for fields in (b"Content-Length: 500\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n"):
            visitor = self.answer(OK + fields + b"\r\n", opening=HEAD)
            self.assertEqual([event[0] for event in visitor.events], ["head", "end"])
            self.assertFalse(visitor.heads[0].chunked)
            after = self.stage.ask(SEVENTH)
            self.service.say(HELLO)
            self.stage.talk()
            self.assertEqual(after.data, b"hello")
            self.assert_reusable()

    def test_a_body_after_head_ends_the_connection_only(self) -> None:
        visitor = self.answer(OK + b"Content-Length: 5\r\n\r\nhello", opening=HEAD)
        self.assertEqual([event[0] for event in visitor.events], ["head", "end"])
        self.assert_reusable(False)

    def test_interim_answers(self) -> None:
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"
        visitor = self.answer(b"HTTP/1.1 100 Continue\r\n\r\n" + hints, hints + HELLO)
        self.assertEqual(visitor.statuses, [100, 103, 103, 200])
        self.assertEqual(visitor.heads[1], ResponseHead(103, b"Early Hints", [(b"Link", b"</a.css>")]))
        self.assertEqual(visitor.data, b"hello")
        self.assert_reusable()

    def test_head_of_an_answer_is_passed_on_without_what_is_hop_by_hop(self) -> None:
        fields = b"Set-Cookie: a\r\nset-cookie: b\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        fields += b"Sellia-Error: forged\r\nContent-Length: 0\r\n"
        visitor = self.answer(b"HTTP/1.1 299 Any\xff thing\r\n" + fields + b"\r\n")
        expected = [(b"Set-Cookie", b"a"), (b"set-cookie", b"b"), (b"Content-Length", b"0")]
        self.assertEqual(visitor.heads, [ResponseHead(299, b"Any\xff thing", expected)])

    def test_close_is_agreed_to(self) -> None:
        visitor = self.answer(OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello")
        self.assertTrue(visitor.ended)
        self.assert_reusable(False)

    def test_a_blank_line_behind_an_answer_is_no_harm(self) -> None:
        """RFC 9112, section 2.2."""
        self.answer(HELLO + b"\r\n")
        self.assert_reusable()


class BrokenTests(ConnectionCase):
    """Nothing that is cut short is made to look complete."""

    def broken(self, *pieces: bytes, orderly: bool = True) -> Visitor:
        visitor = self.answer(*pieces)
        (self.service.close if orderly else self.service.reset)()
        self.stage.talk()
        self.assertEqual(visitor.reset, "service-died")
        self.assertFalse(visitor.ended)
        self.stage.check()
        return visitor

    def test_shorter_than_its_length(self) -> None:
        self.assertEqual(self.broken(HELLO[:-1]).statuses, [200])

    def test_chunks_without_a_last(self) -> None:
        self.broken(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    def test_cut_in_the_trailers(self) -> None:
        self.broken(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nDigest: abc\r\n")

    def test_cut_in_the_head(self) -> None:
        visitor = self.broken(OK + b"Content-Le")
        self.assertEqual(visitor.heads, [])
        self.assertIn("in the middle of its response head", visitor.why)

    def test_reset_is_no_end_of_a_body(self) -> None:
        """A body that ends with the connection needs an orderly end."""
        self.broken(OK + b"\r\nhello", orderly=False)

    def test_only_an_interim_answer(self) -> None:
        self.broken(b"HTTP/1.1 100 Continue\r\n\r\n")


class BadAnswerTests(ConnectionCase):
    def test_not_http(self) -> None:
        self.assert_bad(self.answer(b"SSH-2.0-OpenSSH_9.2\r\n"), 'not HTTP: "SSH-2.0-OpenSSH_9.2"')

    def test_syntax(self) -> None:
        for fields, why in (
            (b"A: b\rc\r\n", "control character"),
            (b"A: b\x00\r\n", "control character"),
            (b"A b\r\n", "not a field"),
            (b"Content-Length: 1\r\nContent-Length: 2\r\n", "differ"),
            (b"Content-Length: 1, 2\r\n", "differ"),
            (b"Content-Length: -1\r\n", "not a number"),
            (b"Content-Length: \r\n", "not a number"),
        ):
            self.assert_bad(self.answer(OK + fields + b"\r\n"), why)

    def test_body_with_an_interim_answer(self) -> None:
        """The exchange ends, and nothing else: the link and its other streams go on."""
        for fields in (b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"):
            visitor = self.answer(b"HTTP/1.1 104 Odd\r\n" + fields + b"\r\nhello" + HELLO)
            self.assertEqual(visitor.heads, [])
            self.assert_bad(visitor, "body with an interim response (104)")
            self.assertEqual(self.stage.pair.client.failures, [])

    def test_reason_with_a_control_character(self) -> None:
        self.assert_bad(self.answer(b"HTTP/1.1 200 a\x1bb\r\nContent-Length: 0\r\n\r\n"), "control character")

    def test_status_that_is_none(self) -> None:
        self.assert_bad(self.answer(b"HTTP/1.1 099 What\r\n\r\n"), "status")

    def test_transfer_coding_that_is_not_spoken(self) -> None:
        """The visitor would get gzip without being told."""
        for coding in (b"gzip", b"gzip, chunked", b"chunked, chunked"):
            visitor = self.answer(OK + b"Transfer-Encoding: " + coding + b"\r\n\r\n")
            self.assert_bad(visitor, "transfer coding")
        visitor = self.answer(OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.assert_bad(visitor, "transfer coding")

    def test_upgrade_that_nobody_asked_for(self) -> None:
        switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx"
        self.assert_bad(self.answer(switching), "changed the protocol")
        self.assert_bad(self.answer(b"HTTP/1.1 101 Switching Protocols\r\n\r\nx"), "changed the protocol")

    def test_bad_chunk_after_the_head(self) -> None:
        visitor = self.answer(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n")
        self.assertEqual(visitor.statuses, [200])
        self.assert_bad(visitor, "size is not a number")

    def test_a_defect_of_ours_says_so(self) -> None:
        """And is logged with its traceback, while everything else goes on."""
        log = LogLines(self)
        stage = self.stage = Stage()
        visitor = stage.ask()
        self.service = stage.accept()
        stream = stage.client_streams[visitor.stream.id]
        stream.sending.ended = True  # a stream that takes nothing: sending raises
        self.service.say(HELLO)
        stage.talk()
        self.assertEqual(visitor.reset, "internal")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertTrue(any("could not be passed on" in line for line in log.lines))


class BoundsTests(ConnectionCase):
    """As an attacker: a service that sends what never ends."""

    def test_number_of_fields(self) -> None:
        fields = b"".join(b"A%d: b\r\n" % number for number in range(511))
        self.assertEqual(self.answer(OK + fields + b"Content-Length: 0\r\n\r\n").statuses, [200])
        self.assert_bad(self.answer(OK + fields + b"A: b\r\nContent-Length: 0\r\n\r\n"), "too long")

    def test_size_of_a_head(self) -> None:
        """The largest that the link takes passes; one byte more does not, and never reaches the link."""
        for size, passes in ((96 * 1024 - 64 - 2 - 8 - 1 - 8 - 15, True), (96 * 1024 - 64 - 2 - 8 - 1 - 8 - 14, False)):
            whole = OK + b"A: " + b"x" * size + b"\r\nContent-Length: 0\r\n\r\n"
            visitor = self.answer(whole[:65536], whole[65536:])
            if passes:
                self.assertEqual(visitor.statuses, [200])
            else:
                self.assert_bad(visitor, "too long")

    def test_a_long_head_with_a_short_body(self) -> None:
        """They do not fit into one record."""
        for size in (80 * 1024, 83 * 1024, 84 * 1024, 95 * 1024):
            head = OK + b"A: " + b"x" * size + b"\r\nContent-Length: %d\r\n\r\n" % SHORT_BODY
            visitor = self.answer(head + b"y" * SHORT_BODY)
            self.assertEqual((visitor.reset, len(visitor.data), visitor.ended), (None, SHORT_BODY, True))

    def test_a_head_without_end(self) -> None:
        self.assert_bad(self.answer(OK + b"A: ", *([b"x" * READ] * 2)), "too long")

    def test_a_trailer_without_end(self) -> None:
        begun = OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: "
        self.assert_bad(self.answer(begun, *([b"x" * READ] * 2)), "too long")

    def test_too_many_trailers(self) -> None:
        trailers = b"".join(b"A%d: b\r\n" % number for number in range(513))
        whole = OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + trailers + b"\r\n"
        self.assert_bad(self.answer(whole), "too long")

    def test_a_chunk_extension_without_end(self) -> None:
        begun = OK + b"Transfer-Encoding: chunked\r\n\r\n5;"
        self.assert_bad(self.answer(begun, *([b"x" * READ] * 2)), "too long")

    def test_interim_answers_without_end(self) -> None:
        """What comes faster than it may is dropped; the answer passes."""
        interim = b"HTTP/1.1 103 Early Hints\r\n\r\n"
        visitor = self.answer(*([interim] * (BURST + 5)), interim * 5, HELLO)
        self.assertEqual(len(visitor.heads), BURST + 1)
        self.assertEqual(visitor.data, b"hello")
        self.assert_reusable()

    def test_interim_answers_for_hours(self) -> None:
        """As many as come at an ordinary pace."""
        self.answer()
        for _ in range(300):
            self.service.say(b"HTTP/1.1 102 Processing\r\n\r\n")
            self.stage.talk()
            self.stage.reactor.advance(4)
        self.service.say(HELLO)
        self.stage.talk()
        self.assertEqual(self.stage.pair.traffic["HEAD"], 301)
        self.assert_reusable()

    def test_large_interim_answers_do_not_count_against_the_head(self) -> None:
        interim = b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 60000 + b"\r\n\r\n"
        visitor = self.answer(interim, interim, HELLO)
        self.assertEqual(visitor.statuses, [103, 103, 200])


class ReuseTests(ConnectionCase):
    def test_another_answer_behind_the_answer(self) -> None:
        """It would be taken for the next visitor's."""
        visitor = self.answer(HELLO + HELLO)
        self.assertEqual((visitor.data, visitor.ended), (b"hello", True))
        self.assert_reusable(False)

    def test_part_of_another_answer_behind_the_answer(self) -> None:
        visitor = self.answer(HELLO + b"H")
        self.assertTrue(visitor.ended)
        self.assert_reusable(False)

    def test_bytes_that_nobody_asked_for(self) -> None:
        """As a 408 on an idle connection."""
        self.answer(HELLO)
        self.service.say(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        self.assertEqual(len(self.stage.service.pool), 0)
        self.assertTrue(self.service.transport.aborted)

    def test_bytes_behind_an_early_answer(self) -> None:
        stage = self.stage = Stage()
        visitor = stage.ask(HttpRequest(1, b"POST", b"/", [HOST], chunked=True), end=False)
        self.service = stage.accept()
        self.service.say(HELLO, b"more")
        visitor.stream.end()
        stage.talk()
        self.assertEqual(visitor.data, b"hello")
        self.assert_reusable(False)

    def test_the_parser_goes_with_the_connection(self) -> None:
        """The two refer to each other."""
        self.answer(HELLO)
        connection = self.stage.service.pool.take()
        assert connection is not None
        self.service.close()
        self.assertIsNone(connection._reader)
