"""What requests and handshakes share: the head on its way out, and ends that are told once."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.local.exchange import request_head
from sellia.problems import CLIENT_GONE, problem_of
from sellia.protocol.messages import HttpRequest
from tests.client.stage import GET, HELLO, LogLines, Stage


class RequestHeadTests(SynchronousTestCase):
    def test_with_and_without_fields_of_our_own(self) -> None:
        fields = [(b"Host", b"a"), (b"B", b"")]
        self.assertEqual(request_head(b"GET", b"/", fields), b"GET / HTTP/1.1\r\nHost: a\r\nB: \r\n\r\n")
        self.assertEqual(
            request_head(b"GET", b"/", fields, b"C: d\r\n"), b"GET / HTTP/1.1\r\nHost: a\r\nB: \r\nC: d\r\n\r\n"
        )

    def test_is_one_head_or_none(self) -> None:
        for method, target, headers in (
            (b"GET\r\n", b"/", []),
            (b"GET", b"/ HTTP/1.1\r\nA: b", []),
            (b"GET", b"/", [(b"A", b"b\nc")]),
            (b"GET", b"/", [(b"A\r\nB", b"c")]),
        ):
            self.assertRaises(ValueError, request_head, method, target, headers)


class EndTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage()

    def test_a_failure_is_told_once(self) -> None:
        log = LogLines(self)
        visitor = self.stage.ask()
        service = self.stage.accept()
        service.say(b"nonsense\r\n")
        service.reset()
        self.stage.reactor.advance(100)
        self.stage.talk()
        self.assertEqual(visitor.reset, "bad-service-response")
        self.assertEqual(len([line for line in log.lines if "failed" in line]), 1)
        self.assertEqual(len(self.stage.events), 2)
        self.stage.check()

    def test_what_the_visitor_wrote_is_escaped_in_the_log(self) -> None:
        log = LogLines(self)
        self.stage.ask(HttpRequest(1, b"GET", b"/\xe2\x80\xae\x9b2J", GET.headers))
        self.stage.refuse()
        self.assertIn(r"GET /\u202e\x9b2J failed", log.lines[-1])

    def test_a_session_that_ends_takes_its_exchanges_along(self) -> None:
        self.stage.ask()
        service = self.stage.accept()
        service.say(HELLO[:-1])
        self.stage.pair.client.session.close(CLIENT_GONE, "the client was stopped")
        self.assertTrue(service.transport.aborted)
        service.reset()
        self.assertEqual(self.stage.events[-1].error, "the client was stopped")

    def test_an_exchange_that_is_over_does_not_touch_the_next(self) -> None:
        """Late calls of the stream find no connection."""
        self.stage.ask()
        service = self.stage.accept()
        leg = next(iter(self.stage.client_streams.values())).leg
        service.say(HELLO)
        self.stage.talk()
        self.stage.ask()
        leg.pause_sending()
        leg.resume_sending()
        leg.reset_received(problem_of("late"), "")
        self.assertEqual(service.transport.producerState, "producing")
        self.assertTrue(service.open)
