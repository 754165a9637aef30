"""Requests to a service and its answers, from the visitor's end of the stream to the service's end of the socket."""

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import VISITOR_LEFT, RequestFinished, RequestStarted, RequestWaiting, ResponseStreaming
from sellia.client.local.finished import FINISHED_LIMIT
from sellia.client.local.http import KEPT_LIMIT
from sellia.problems import BAD_SERVICE_RESPONSE, RESPONSE_COMPLETE, RESPONSE_TIMEOUT, VISITOR_GONE, problem_of
from sellia.protocol.messages import HttpRequest, Reset, ResponseHead
from tests.client.stage import CHUNKED, GET, HELLO, HOST, POST, LogLines, Service, Stage, Visitor


class RequestTests(SynchronousTestCase):
    """What the service is sent."""

    def setUp(self) -> None:
        self.stage = Stage()

    def test_head_goes_byte_for_byte(self) -> None:
        """Order, case, repetition and every byte of the target are the visitor's."""
        headers = [HOST, (b"X-a", b"1"), (b"x-A", b"\xff 2"), (b"Empty", b"")]
        self.stage.ask(HttpRequest(1, b"PROPFIND", b"//a%2F/../b?\xc3\xa9", headers))
        expected = b"PROPFIND //a%2F/../b?\xc3\xa9 HTTP/1.1\r\nHost: demo.localhost\r\n"
        expected += b"X-a: 1\r\nx-A: \xff 2\r\nEmpty: \r\n\r\n"
        self.assertEqual(self.stage.accept().read(), expected)

    def test_body_of_known_length(self) -> None:
        self.stage.ask(POST, body=b"hello")
        asked = self.stage.accept().read()
        self.assertEqual(asked, b"POST /in HTTP/1.1\r\nHost: demo.localhost\r\nContent-Length: 5\r\n\r\nhello")

    def test_body_flows_as_it_comes(self) -> None:
        visitor = self.stage.ask(POST, end=False)
        service = self.stage.accept()
        self.assertTrue(service.read().endswith(b"\r\n\r\n"))
        for piece in (b"he", b"l", b"lo"):
            visitor.stream.send_data(piece)
            self.stage.talk()
            self.assertEqual(service.read(), piece)

    def test_chunked_body_with_trailers(self) -> None:
        visitor = self.stage.ask(CHUNKED, end=False)
        service = self.stage.accept()
        expected = b"POST /in HTTP/1.1\r\nHost: demo.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertEqual(service.read(), expected)
        visitor.stream.send_data(b"x" * 20)
        visitor.stream.end([(b"Checksum", b"abc"), (b"Content-Length", b"1"), (b"Host", b"evil")])
        self.stage.talk()
        self.assertEqual(service.read(), b"14\r\n" + b"x" * 20 + b"\r\n0\r\nChecksum: abc\r\n\r\n")

    def test_chunked_body_that_is_empty(self) -> None:
        self.stage.ask(CHUNKED)
        self.assertTrue(self.stage.accept().read().endswith(b"chunked\r\n\r\n0\r\n\r\n"))

    def test_te_is_named_in_connection(self) -> None:
        """RFC 9110, section 10.1.4."""
        self.stage.ask(HttpRequest(1, b"GET", b"/", [HOST, (b"TE", b"trailers")]))
        self.assertIn(b"\r\nTE: trailers\r\nConnection: TE\r\n\r\n", self.stage.accept().read())

    def test_destination_of_a_copy(self) -> None:
        """Its scheme is the one that the service is asked by."""
        field = (b"Destination", b"https://demo.localhost/b")
        self.stage.ask(HttpRequest(1, b"COPY", b"/a", [HOST, field]))
        self.assertIn(b"\r\nDestination: http://demo.localhost/b\r\n", self.stage.accept().read())
        self.stage.ask(HttpRequest(1, b"GET", b"/a", [HOST, field]))
        self.assertIn(b"\r\nDestination: https://demo.localhost/b\r\n", self.stage.accept().read())

    def test_nothing_is_dialled_for_a_request_that_is_none(self) -> None:
        """A server must not be able to put a second request into the first, nor to desynchronize a connection."""
        bad = [
            HttpRequest(1, b"GET", b"/ HTTP/1.1\r\nX: y", [HOST]),
            HttpRequest(1, b"GE T", b"/", [HOST]),
            HttpRequest(1, b"", b"/", [HOST]),
            HttpRequest(1, b"GET", b"", [HOST]),
            HttpRequest(1, b"GET", b"/", []),
            HttpRequest(1, b"GET", b"/", [(b"Accept", b"*/*")]),
            HttpRequest(1, b"GET", b"/", [HOST, (b"hOST", b"evil")]),
            HttpRequest(1, b"GET", b"/", [HOST, (b"A", b"b\r\nC: d")]),
            HttpRequest(1, b"GET", b"/", [HOST, (b"A\nB", b"c")]),
            HttpRequest(1, b"GET", b"/", [HOST, (b"A:", b"c")]),
            HttpRequest(1, b"POST", b"/", [HOST, (b"Transfer-Encoding", b"chunked")]),
            HttpRequest(1, b"POST", b"/", [HOST, (b"Content-Length", b"5"), (b"content-length", b"6")]),
            HttpRequest(1, b"POST", b"/", [HOST, (b"Content-Length", b"+5")]),
            HttpRequest(1, b"POST", b"/", [HOST, (b"Content-Length", b"1" * 19)]),
            HttpRequest(1, b"POST", b"/", [HOST, (b"Content-Length", b"5")]),  # and says that there is no body
            HttpRequest(1, b"POST", b"/", [HOST, (b"Content-Length", b"5")], chunked=True),
        ]
        for opening in bad:
            visitor = self.stage.ask(opening)
            self.assertEqual(visitor.reset, "bad-request", opening)
            self.assertEqual(self.stage.dials, [])
        self.stage.check()

    def test_a_body_is_as_long_as_its_head_says(self) -> None:
        for opening, body, end in ((POST, b"hello!", False), (POST, b"hell", True), (GET, b"x", False)):
            stage = Stage()
            visitor = stage.ask(opening, end=False)
            service = stage.accept()
            visitor.stream.send_data(body, end=end)
            stage.talk()
            self.assertEqual(visitor.reset, "bad-request")
            self.assertTrue(service.transport.aborted)
            stage.check()


class AnswerTests(SynchronousTestCase):
    """What the visitor is told; framing in detail is :mod:`tests.client.local.test_connection`'s."""

    def setUp(self) -> None:
        self.stage = Stage()

    def test_answer_and_reuse(self) -> None:
        """The next request finds the connection that this one has left."""
        visitor = self.stage.ask()
        service = self.stage.accept()
        service.say(HELLO)
        self.stage.talk()
        self.assertEqual(visitor.heads, [ResponseHead(200, b"OK", [(b"Content-Length", b"5")])])
        self.assertEqual(visitor.data, b"hello")
        self.assertTrue(visitor.ended)
        service.read()
        second = self.stage.ask()
        self.assertEqual(self.stage.dials, [])
        self.assertTrue(service.read().startswith(b"GET / HTTP/1.1\r\n"))
        service.say(HELLO)
        self.stage.talk()
        self.assertEqual(second.data, b"hello")
        self.stage.check()

    def test_two_at_once_have_a_connection_each(self) -> None:
        self.stage.ask()
        self.stage.ask()
        self.assertEqual(len(self.stage.dials), 2)

    def test_early_answer_is_delivered_and_the_request_goes_on(self) -> None:
        """The connection is not used again: the service may close it, having read what it did not want."""
        visitor = self.stage.ask(POST, end=False)
        service = self.stage.accept()
        service.say(HELLO)
        self.stage.talk()
        self.assertTrue(visitor.ended)
        self.assertEqual(len(self.stage.service.pool), 0)
        service.read()
        visitor.stream.send_data(b"hello", end=True)
        self.stage.talk()
        self.assertEqual(service.read(), b"hello")
        self.assertEqual(len(self.stage.service.pool), 0)
        self.assertFalse(service.open)
        self.stage.check()

    def test_early_answer_and_close_drops_the_rest_of_the_request(self) -> None:
        visitor = self.stage.ask(POST, end=False)
        service = self.stage.accept()
        service.say(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        service.close()
        self.stage.talk()
        self.assertEqual([event[0] for event in visitor.events], ["head", "end", "reset"])
        self.stage.check()

    def test_early_answer_that_has_not_left_yet_is_not_cut_by_the_close(self) -> None:
        visitor = self.stage.ask(CHUNKED, end=False)
        service = self.stage.accept()
        self.stage.pair.client.can_send(False)
        service.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 300000\r\n\r\n", b"x" * 150000, b"x" * 150000)
        service.close()
        self.stage.pair.client.can_send(True)
        self.stage.talk()
        self.assertEqual(len(visitor.data), 300000)
        self.assertTrue(visitor.ended)
        visitor.stream.send_data(b"more")
        self.stage.talk()
        self.stage.check()

    def test_visitor_who_has_the_answer_may_keep_the_rest_of_the_request(self) -> None:
        """That is no failure, but the service must not wait for it."""
        visitor = self.stage.ask(POST, end=False)
        service = self.stage.accept()
        service.say(HELLO)
        self.stage.talk()
        visitor.stream.reset(RESPONSE_COMPLETE, "the response was complete before the request")
        self.stage.talk()
        self.assertTrue(service.transport.aborted)
        finished = self.stage.events[-1]
        assert isinstance(finished, RequestFinished)
        self.assertIsNone(finished.error)
        self.stage.check()

    def test_expect_continue(self) -> None:
        """The 100 is the service's, and the final answer is awaited anew after the body."""
        opening = HttpRequest(1, b"POST", b"/in", [*POST.headers, (b"Expect", b"100-continue")])
        visitor = self.stage.ask(opening, end=False)
        service = self.stage.accept()
        self.stage.reactor.advance(20)
        service.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.stage.talk()
        self.assertEqual(visitor.statuses, [100])
        self.stage.reactor.advance(20)
        visitor.stream.send_data(b"hello", end=True)
        self.stage.talk()
        self.stage.reactor.advance(20)
        service.say(HELLO)
        self.stage.talk()
        self.assertEqual(visitor.statuses, [100, 200])
        self.stage.check()


class FailureTests(SynchronousTestCase):
    """Each way to fail, and what is said about it."""

    def setUp(self) -> None:
        self.stage = Stage()

    def test_refused(self) -> None:
        log = LogLines(self)
        visitor = self.stage.ask()
        self.stage.refuse()
        self.assertEqual(visitor.reset, "service-refused")
        self.assertEqual(visitor.why, "127.0.0.1:8080 refused the connection.")
        self.assertIn("GET / failed: service-refused: 127.0.0.1:8080 refused the connection.", log.lines[-1])
        finished = self.stage.events[-1]
        assert isinstance(finished, RequestFinished)
        self.assertEqual((finished.status, finished.error), (502, "127.0.0.1:8080 refused the connection."))
        self.stage.check()

    def test_no_answer_to_the_dial(self) -> None:
        visitor = self.stage.ask()
        self.stage.reactor.advance(10)
        self.stage.talk()
        self.assertEqual(visitor.reset, "service-unreachable")
        self.stage.check()

    def test_a_response_head_may_take_as_long_as_the_server_lets_it(self) -> None:
        """The tunnel's limit is the server's to keep; whoever listens is told once, after 10 s."""
        visitor = self.stage.ask()
        service = self.stage.accept()
        service.say(b"HTTP/1.1 200 OK\r\n")
        self.stage.reactor.advance(9.9)
        self.assertEqual([type(event) for event in self.stage.events], [RequestStarted])
        self.stage.reactor.advance(0.1)
        told = RequestWaiting(visitor.stream.id, "GET", "/", "203.0.113.7", 10.0, "-")
        self.assertEqual(self.stage.events[1:], [told])
        self.stage.reactor.advance(10_000)
        self.assertEqual((visitor.reset, self.stage.events[1:]), (None, [told]))
        visitor.stream.reset(RESPONSE_TIMEOUT, "why")
        self.stage.talk()
        self.assertTrue(service.transport.aborted)
        self.stage.check()

    def test_a_response_that_flows_is_told(self) -> None:
        visitor = self.stage.ask()
        service = self.stage.accept()
        self.stage.reactor.advance(6)
        service.say(b"HTTP/1.1 200 OK\r\n\r\nabc")
        self.stage.reactor.advance(6)
        self.assertEqual(len(self.stage.events), 1)
        self.stage.reactor.advance(4)
        told = ResponseStreaming(visitor.stream.id, "GET", "/", 200, 16.0, 3, "-")
        self.assertEqual(self.stage.events[1:], [told])
        self.stage.reactor.advance(100)
        self.assertEqual(self.stage.events[1:], [told])
        service.close()
        self.stage.talk()
        self.stage.check()

    def test_what_is_over_is_not_told(self) -> None:
        for answer in (HELLO, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", b"HTTP/1.1 204 No Content\r\n\r\n"):
            self.stage.ask()
            service = self.stage.accept()
            service.say(answer)
            if answer.endswith(b"a"):
                service.say(b"b")
            self.stage.talk()
            service.close()
        self.stage.check()
        self.stage.reactor.advance(100)
        self.assertEqual({type(event) for event in self.stage.events}, {RequestStarted, RequestFinished})

    def test_nobody_listens(self) -> None:
        self.stage.listening = False
        self.stage.ask()
        self.assertEqual(len(self.stage.service.slow), 0)

    def test_a_body_may_take_hours(self) -> None:
        visitor = self.stage.ask()
        service = self.stage.accept()
        service.say(b"HTTP/1.1 200 OK\r\n\r\n")
        self.stage.reactor.advance(10_000)
        service.say(b"event")
        self.stage.talk()
        self.assertEqual(visitor.data, b"event")
        self.assertIsNone(visitor.reset)

    def test_a_slow_visitor_is_not_the_services_fault(self) -> None:
        visitor = self.stage.ask(POST, end=False)
        self.stage.accept()
        self.stage.reactor.advance(1000)
        self.assertIsNone(visitor.reset)

    def test_dies_before_the_head(self) -> None:
        visitor = self.stage.ask()
        self.stage.accept().close()
        self.stage.talk()
        self.assertEqual(visitor.reset, "service-died")
        self.assertEqual(visitor.heads, [])
        self.assertEqual(self.stage.dials, [], "a connection that was new is not tried again")
        self.stage.check()

    def test_dies_in_the_body(self) -> None:
        visitor = self.stage.ask()
        service = self.stage.accept()
        service.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
        self.stage.talk()
        service.close()
        self.stage.talk()
        self.assertEqual(visitor.statuses, [200])
        self.assertEqual(visitor.reset, "service-died")
        self.assertFalse(visitor.ended)
        self.stage.check()

    def test_visitor_leaves(self) -> None:
        """The service notices, whatever it is doing, and a dial is given up."""
        visitor = self.stage.ask()
        visitor.stream.reset(VISITOR_GONE, "the visitor left")
        self.stage.talk()
        self.assertEqual(len(self.stage.service.slow), 0)
        visitor = self.stage.ask(POST, end=False)
        self.stage.dials.pop(0)
        service = self.stage.accept()
        visitor.stream.reset(VISITOR_GONE, "the visitor left")
        self.stage.talk()
        self.assertTrue(service.transport.aborted)
        service.reset()
        finished = self.stage.events[-1]
        assert isinstance(finished, RequestFinished)
        self.assertEqual((finished.status, finished.error), (None, VISITOR_LEFT))
        self.stage.check()


class RepetitionTests(SynchronousTestCase):
    """A request is sent again only where that is safe beyond doubt."""

    def setUp(self) -> None:
        self.stage = Stage()
        self.service = self.stage.pooled()

    def test_get_on_a_connection_that_was_closed_meanwhile(self) -> None:
        visitor = self.stage.ask()
        self.assertTrue(self.service.read())
        self.service.reset()
        again = self.stage.accept()
        self.assertTrue(again.read().startswith(b"GET / HTTP/1.1\r\n"))
        again.say(HELLO)
        self.stage.talk()
        self.assertEqual(visitor.data, b"hello")
        self.stage.check()

    def test_only_once(self) -> None:
        visitor = self.stage.ask()
        self.service.close()
        self.stage.accept().close()
        self.stage.talk()
        self.assertEqual(visitor.reset, "service-died")
        self.assertEqual(self.stage.dials, [])
        self.stage.check()

    def test_not_after_a_byte_of_the_answer(self) -> None:
        visitor = self.stage.ask()
        self.service.say(b"H")
        self.service.close()
        self.stage.talk()
        self.assertEqual(visitor.reset, "service-died")
        self.assertEqual(self.stage.dials, [])

    def test_not_a_post(self) -> None:
        for opening, body in ((POST, b"hello"), (HttpRequest(1, b"DELETE", b"/", [HOST]), b"")):
            stage = Stage()
            service = stage.pooled()
            visitor = stage.ask(opening, body=body)
            self.assertTrue(service.read())
            service.reset()
            stage.talk()
            self.assertEqual(visitor.reset, "service-died")
            self.assertEqual(stage.dials, [])
            stage.check()

    def test_not_a_get_with_a_body(self) -> None:
        opening = HttpRequest(1, b"GET", b"/", [HOST, (b"Content-Length", b"5")])
        visitor = self.stage.ask(opening, body=b"hello")
        self.service.close()
        self.stage.talk()
        self.assertEqual(visitor.reset, "service-died")

    def test_a_post_avoids_connections_that_may_just_be_closing(self) -> None:
        self.stage.reactor.advance(2)
        self.stage.ask(POST, body=b"hello")
        self.assertEqual(self.service.read(), b"")
        self.assertEqual(len(self.stage.dials), 1)

    def test_an_idle_connection_that_closes_is_not_used(self) -> None:
        self.service.close()
        self.stage.ask()
        self.assertEqual(len(self.stage.dials), 1)


class SharingTests(SynchronousTestCase):
    """Who may use a connection to the service again."""

    def setUp(self) -> None:
        self.stage = Stage()

    def ask_on(self, opening: HttpRequest, connection: int, body: bytes = b"") -> Visitor:
        return self.stage.ask(structs.replace(opening, connection=connection), body=body)

    def used(self, opening: HttpRequest, connection: int, body: bytes = b"", answer: bytes = HELLO) -> Service:
        """A connection that has served this request."""
        self.ask_on(opening, connection, body)
        service = self.stage.accept()
        service.say(answer)
        self.stage.talk()
        service.read()
        return service

    def assert_used(self, service: Service, connection: int, expected: bool = True) -> None:
        """Whether a visitor's connection is served on this one of the service."""
        self.ask_on(GET, connection)
        self.assertEqual(bool(service.read()), expected)
        if not expected:
            self.stage.dials.clear()

    def test_a_clean_one_serves_everybody(self) -> None:
        self.assert_used(self.used(GET, 3), 4)

    def test_after_a_body_only_the_same_visitors_connection(self) -> None:
        for opening in (POST, CHUNKED):
            service = self.used(opening, 3, b"hello")
            self.assert_used(service, 4, expected=False)
            self.assert_used(service, 0, expected=False)
            self.assert_used(service, 3)
            service.say(HELLO)
            self.stage.talk()
            self.assert_used(service, 4, expected=False)
            self.stage.service.pool.disown()

    def test_after_head_and_answers_without_a_body(self) -> None:
        for opening, answer in (
            (HttpRequest(1, b"HEAD", b"/", [HOST]), HELLO[:-5]),
            (GET, b"HTTP/1.1 204 No Content\r\n\r\n"),
            (GET, b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        ):
            service = self.used(opening, 3, answer=answer)
            self.assert_used(service, 4, expected=False)
            self.assert_used(service, 3)

    def test_nobody_where_connections_are_not_told_apart(self) -> None:
        """An old server, or a proxy that pools."""
        service = self.used(POST, 0, b"hello")
        self.assertFalse(service.open)

    def test_a_body_on_a_clean_one_makes_it_its_visitors(self) -> None:
        service = self.used(GET, 3)
        self.ask_on(POST, 4, b"hello")
        self.assertTrue(service.read())
        service.say(HELLO)
        self.stage.talk()
        self.assert_used(service, 3, expected=False)
        self.assert_used(service, 4)

    def test_it_is_closed_with_the_visitors_connection(self) -> None:
        service = self.used(POST, 3, b"hello")
        self.stage.service.visitor_left(4)
        self.assertTrue(service.open)
        self.stage.service.visitor_left(3)
        self.assertFalse(service.open)

    def test_a_login_belongs_to_its_visitor(self) -> None:
        """From the first word of it on, in either direction, and for as long as the visitor stays."""
        login = structs.replace(GET, headers=[HOST, (b"authorization", b"nTLM abc")])
        offered = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n"
        for opening, answer in ((login, HELLO), (GET, offered)):
            service = self.used(opening, 3, answer=answer)
            self.stage.reactor.advance(600)
            self.assert_used(service, 4, expected=False)
            self.assert_used(service, 3)
            service.say(HELLO)
            self.stage.talk()
            self.stage.reactor.advance(600)
            self.assertTrue(service.open)
            self.stage.service.visitor_left(3)
            self.assertFalse(service.open)

    def test_a_login_is_for_nobody_where_connections_are_not_told_apart(self) -> None:
        login = structs.replace(GET, headers=[HOST, (b"Authorization", b"NTLM abc")])
        self.assertFalse(self.used(login, 0).open)

    def test_other_logins_are_for_each_request(self) -> None:
        basic = structs.replace(GET, headers=[HOST, (b"Authorization", b"Basic YTpi")])
        self.assert_used(self.used(basic, 3), 4)

    def test_a_post_is_sent_again_where_it_was_certainly_not_received(self) -> None:
        for received in (False, True):
            stage = Stage()
            service = stage.pooled()
            visitor = stage.ask(POST, end=False, body=b"he")
            stage.connection_of(visitor).unreceived = not received
            service.close()
            stage.talk()
            if received:
                self.assertEqual(visitor.reset, "service-died")
                continue
            visitor.stream.send_data(b"llo", end=True)
            stage.talk()
            again = stage.accept()
            self.assertTrue(again.read().endswith(b"\r\n\r\nhello"))
            again.say(HELLO)
            stage.talk()
            self.assertEqual(visitor.data, b"hello")
            stage.check()

    def test_no_more_of_it_is_kept_than_the_limit(self) -> None:
        for size, again in ((KEPT_LIMIT, True), (KEPT_LIMIT + 1, False)):
            stage = Stage()
            service = stage.pooled()
            opening = structs.replace(POST, headers=[HOST, (b"Content-Length", b"%d" % (size + 1))])
            visitor = stage.ask(opening, end=False, body=b"x" * size)
            stage.connection_of(visitor).unreceived = True
            service.close()
            stage.talk()
            self.assertEqual(visitor.reset, None if again else "service-died")


class PaceTests(SynchronousTestCase):
    """Each direction goes at the pace of its slower end."""

    def setUp(self) -> None:
        self.stage = Stage()

    def test_upload_waits_for_the_dial_within_its_credit(self) -> None:
        visitor = self.stage.ask(CHUNKED, end=False)
        for _ in range(20):
            visitor.stream.send_data(b"x" * 60000)
        self.stage.talk()
        held = self.stage.pair.client.session.table.held
        self.assertTrue(0 < held <= 256 * 1024, held)
        service = self.stage.accept()
        self.stage.talk()
        self.assertGreater(len(service.read()), 20 * 60000)
        self.assertEqual(self.stage.pair.client.session.table.held, 0)

    def test_upload_waits_for_the_service(self) -> None:
        visitor = self.stage.ask(CHUNKED, end=False)
        service = self.stage.accept()
        service.transport.full()
        for _ in range(40):
            visitor.stream.send_data(b"x" * 60000)
        self.stage.talk()
        self.assertTrue(visitor.paused)
        self.assertLess(len(service.read()), 300_000)
        service.transport.drained()
        self.stage.talk()
        self.assertFalse(visitor.paused)
        visitor.stream.end()
        self.stage.talk()
        service.say(HELLO)
        self.stage.talk()
        self.stage.check()

    def test_download_waits_for_the_visitor(self) -> None:
        visitor = self.stage.ask()
        service = self.stage.accept()
        self.stage.pair.client.can_send(False)
        service.say(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n")
        service.say(b"x" * 65536, b"x" * 34464)
        self.assertEqual(service.transport.producerState, "paused")
        self.stage.pair.client.can_send(True)
        self.stage.talk()
        self.assertEqual(service.transport.producerState, "producing")
        service.say(b"x" * 100000)
        self.stage.talk()
        self.assertEqual(len(visitor.data), 200000)
        self.stage.check()

    def test_an_answer_that_ends_while_paused_leaves_a_connection_that_reads(self) -> None:
        """Else nobody would notice when the service closes it."""
        self.stage.ask()
        service = self.stage.accept()
        self.stage.pair.client.can_send(False)
        service.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x" * 60000, b"x" * 40000)
        self.assertEqual(service.transport.producerState, "producing")
        self.assertEqual(len(self.stage.service.pool), 1)
        self.stage.pair.client.can_send(True)
        self.stage.talk()
        self.stage.check()

    def test_an_answer_that_ends_while_the_service_takes_nothing_closes(self) -> None:
        visitor = self.stage.ask(POST, body=b"hello")
        service = self.stage.accept()
        service.transport.full()
        service.say(HELLO)
        self.stage.talk()
        self.assertTrue(visitor.ended)
        self.assertFalse(service.open)
        self.stage.check()


def refuse(visitor: Visitor, word: str, message: str) -> None:
    """The server's end resets the stream as soon as the answer's head is there."""
    visitor.head_received = lambda head: visitor.stream.reset(problem_of(word), message)


class RefusedTests(SynchronousTestCase):
    """Answers that the server does not pass on: nobody is told that they were."""

    def setUp(self) -> None:
        self.stage = Stage()
        self.log = LogLines(self)

    def statuses(self) -> list[tuple[int | None, str | None]]:
        return [(each.status, each.error) for each in self.stage.events if isinstance(each, RequestFinished)]

    def test_while_it_flows(self) -> None:
        visitor = self.stage.ask()
        service = self.stage.accept()
        service.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        visitor.stream.reset(BAD_SERVICE_RESPONSE, "two lengths")
        self.stage.talk()
        self.assertEqual(self.statuses(), [(502, "The server refused the answer: two lengths.")])
        self.assertFalse(service.open)
        self.assertTrue(any("two lengths" in line for line in self.log.lines))
        self.stage.check()

    def test_when_it_was_complete(self) -> None:
        """It was told as 200; what corrects that follows at once."""
        for asked in (GET, POST):
            self.stage = Stage()
            visitor = self.stage.ask(asked, body=b"hello" if asked is POST else b"")
            refuse(visitor, "bad-service-response", "odd")
            self.stage.accept().say(HELLO)
            self.stage.talk()
            self.assertEqual(self.statuses(), [(200, None), (502, "The server refused the answer: odd.")])
            self.stage.check()

    def test_other_ends_are_no_refusals(self) -> None:
        visitor = self.stage.ask()
        refuse(visitor, "response-complete", "")
        self.stage.accept().say(HELLO)
        self.stage.talk()
        self.assertEqual(self.statuses(), [(200, None)])

    def test_a_visitor_who_leaves_before_all_is_delivered(self) -> None:
        """The service has long been told that it was."""
        visitor = self.stage.ask()
        refuse(visitor, "visitor-gone", "")
        self.stage.accept().say(HELLO)
        self.stage.talk()
        self.assertEqual(self.statuses(), [(200, None), (200, VISITOR_LEFT)])
        self.assertEqual(self.log.lines, [])

    def test_a_visitor_who_has_taken_a_part(self) -> None:
        """Of a stream that has ended at both ends."""
        visitor = self.stage.ask()
        visitor.head_received = lambda head: visitor.stream.stall()
        self.stage.accept().say(HELLO)
        self.stage.talk()
        self.assertEqual(self.statuses(), [(200, None)])
        visitor.stream.reset(VISITOR_GONE)
        self.stage.talk()
        self.assertEqual(self.statuses(), [(200, None), (200, VISITOR_LEFT)])
        self.stage.check()

    def test_no_more_than_the_limit_are_remembered(self) -> None:
        """As a hostile server: only what is remembered can be refused, and only once."""
        for _ in range(FINISHED_LIMIT + 10):
            self.stage.ask()
            if self.stage.dials:
                service = self.stage.accept()
            service.say(HELLO)
            self.stage.talk()
        self.assertEqual(len(self.stage.service.finished._known), FINISHED_LIMIT)
        last = max(self.stage.client_streams)
        for number in (2, last, last):
            self.stage.service.finished.reset(number, Reset("bad-service-response", "no"), "demo")
        self.assertEqual(len([each for each in self.statuses() if each[1]]), 1)


class EventTests(SynchronousTestCase):
    def test_started_and_finished(self) -> None:
        stage = Stage()
        visitor = stage.ask(POST, body=b"hello")
        service = stage.accept()
        stage.reactor.advance(1.5)
        service.say(b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nyes")
        stage.talk()
        number = visitor.stream.id
        self.assertEqual(
            stage.events,
            [
                RequestStarted(number, "POST", "/in", "203.0.113.7", "-"),
                RequestFinished(number, "POST", "/in", 201, 1.5, 5, 3, None, "-", ""),
            ],
        )

    def test_nobody_needs_to_listen(self) -> None:
        stage = Stage()
        stage.listening = False
        visitor = stage.ask()
        stage.refuse()
        self.assertEqual(visitor.reset, "service-refused")
        stage.check()
