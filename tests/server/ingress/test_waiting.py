"""Requests whose admission takes its time: the connection waits, and only it."""

from twisted.internet.defer import Deferred, succeed

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.server.ingress.checks import CHECKS, Verdict
from sellia.server.ingress.exchange import Channel
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.waiting import WAIT
from tests.server.support import GET, UPGRADE, ServerCase, chunked, get, post


class WaitingTests(ServerCase):
    """A check that answers when the test says so."""

    def setUp(self) -> None:
        super().setUp()
        self.waiting: list[Deferred[Verdict]] = []
        self.cancelled: list[Deferred[Verdict]] = []
        self.stage.ingress.checks = (self.check, *CHECKS)

    def check(self, request: Request, tunnel: Tunnel[Upstream], connection: Channel) -> "Deferred[Verdict]":
        answer: Deferred[Verdict] = Deferred(self.cancelled.append)
        self.waiting.append(answer)
        return answer

    def decide(self, verdict: Verdict = None) -> None:
        self.waiting.pop(0).callback(verdict)
        self.stage.talk()

    def test_the_request_goes_on_when_it_may(self) -> None:
        visitor = self.stage.visitor(GET)
        self.assertEqual((self.stage.asked, visitor.read()), ([], b""))
        self.decide()
        self.stage.asked[0].answer(b"hello")
        self.assert_answers(visitor, (200, None))
        visitor.send(GET)
        self.decide()
        self.stage.asked[1].answer()
        self.assert_answers(visitor, (200, None))

    def test_one_that_may_not_is_answered(self) -> None:
        visitor = self.stage.visitor(GET)
        self.decide(ProblemError(FORBIDDEN))
        self.assert_answers(visitor, (403, "forbidden"))
        self.assertEqual((self.stage.asked, visitor.end, visitor.reading), ([], "open", True))

    def test_the_checks_behind_it_are_asked_too(self) -> None:
        visitor = self.stage.visitor(get(host=b"locked.localhost"))
        self.decide()
        self.assert_answers(visitor, (401, "unauthorized"))

    def test_other_connections_do_not_wait(self) -> None:
        first, second = self.stage.visitor(GET), self.stage.visitor(get(b"/second"))
        self.waiting.pop().callback(None)
        self.stage.talk()
        self.assertEqual([each.target for each in self.stage.asked], [b"/second"])
        self.stage.asked[0].answer()
        self.assertEqual((first.read(), second.read()[:12]), (b"", b"HTTP/1.1 200"))

    def test_what_came_of_the_body_is_kept_and_the_rest_waits(self) -> None:
        for request, rest in ((post(b"hello", length=8), b"..."), (chunked(b"hel", b"lo"), b"3\r\n...\r\n0\r\n\r\n")):
            visitor = self.stage.visitor(request)
            self.assertFalse(visitor.reading)
            self.decide()
            service = self.stage.asked[-1]
            self.assertEqual((service.data, service.ended, visitor.reading), (b"hello", False, True))
            visitor.send(rest)
            self.assertEqual((service.data, service.ended), (b"hello...", True))
            service.answer()
            self.assert_answers(visitor, (200, None))
            self.assertEqual(visitor.end, "open")

    def test_a_whole_body_and_what_is_behind_it(self) -> None:
        visitor = self.stage.visitor(chunked(b"one") + b"0\r\nX-T: v\r\n\r\n" + GET)
        self.assertEqual(len(self.waiting), 1)
        self.decide()
        self.assertEqual(self.stage.asked[0].events[-1], ("end", [(b"X-T", b"v")]))
        self.stage.asked[0].answer()
        self.assertEqual(len(self.stage.asked), 1)
        self.decide()
        self.stage.asked[1].answer()
        self.assert_answers(visitor, (200, None), (200, None))

    def test_a_stream_that_has_enough_of_it_pauses_on(self) -> None:
        visitor = self.stage.visitor(post(b"x" * 100_000, length=200_000))
        self.stage.pair.server.can_send(False)
        self.decide()
        self.assertFalse(visitor.reading)
        self.stage.pair.server.can_send(True)
        self.stage.talk()
        self.assertTrue(visitor.reading)

    def test_a_refused_body_is_not_read_as_a_request(self) -> None:
        visitor = self.stage.visitor(post(b"abc", length=500) + GET)
        self.decide(ProblemError(FORBIDDEN))
        self.assert_answers(visitor, (403, "forbidden"))
        self.assertEqual((visitor.end, self.waiting), ("half", []))

    def test_a_body_that_is_none(self) -> None:
        visitor = self.stage.visitor(chunked(b"hello") + b"xyz\r\n")
        self.assert_answers(visitor, (400, "bad-request"))
        self.assertEqual((len(self.cancelled), visitor.end), (1, "half"))

    def test_who_asks_for_a_100_is_asked_for_the_body_later(self) -> None:
        visitor = self.stage.visitor(post(b"", b"Expect: 100-continue", length=3))
        self.decide()
        self.stage.asked[0].head(100)
        self.assertIn(b"HTTP/1.1 100 ", visitor.read())
        visitor.send(b"abc")
        self.assertTrue(self.stage.asked[0].ended)

    def test_a_handshake(self) -> None:
        visitor = self.stage.visitor(UPGRADE + b"\x81\x80abcd")
        self.decide()
        self.stage.asked[0].switch()
        self.assertIn(b"HTTP/1.1 101 ", visitor.read())
        self.assertEqual(self.stage.asked[0].frames, [(0x81, b"")])

    def test_a_visitor_who_leaves(self) -> None:
        visitor = self.stage.visitor(GET)
        visitor.leave()
        self.assertEqual(self.cancelled, self.waiting)
        self.assertEqual(self.stage.asked, [])

    def test_a_visitor_who_sends_nothing_more_is_answered(self) -> None:
        visitor = self.stage.visitor(GET)
        visitor.finish()
        self.decide()
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None))
        self.assertEqual(visitor.end, "closed")

    def test_a_check_that_never_answers(self) -> None:
        visitor = self.stage.visitor(GET)
        self.stage.wait(WAIT - 1)
        self.assertNotIn(b"503", visitor.read())
        self.stage.wait(1)
        self.assertIn(b"503 Service Unavailable\r\n", visitor.read())
        self.assertEqual((self.cancelled, visitor.end), (self.waiting, "open"))

    def test_the_service_has_its_own_time(self) -> None:
        visitor = self.stage.visitor(GET)
        self.stage.wait(WAIT - 1)
        self.decide()
        visitor.read()
        self.stage.wait(self.stage.settings.request_timeout - 1)
        self.assertEqual(visitor.read(), b"")
        self.stage.wait(1)
        self.assertIn(b"504 Gateway Timeout\r\n", visitor.read())

    def test_a_check_that_fails(self) -> None:
        visitor = self.stage.visitor(GET)
        self.waiting.pop().errback(ZeroDivisionError())
        self.stage.talk()
        self.assert_answers(visitor, (500, "internal"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_check_that_gives_up(self) -> None:
        visitor = self.stage.visitor(GET)
        self.waiting.pop().cancel()
        self.stage.talk()
        self.assert_answers(visitor, (500, "internal"))
        self.flushLoggedErrors()

    def test_a_tunnel_that_goes_meanwhile(self) -> None:
        visitor = self.stage.visitor(GET)
        self.stage.tunnels.by_name.clear()
        self.decide()
        self.assert_answers(visitor, (404, "no-such-tunnel"))

    def test_another_tunnel_that_comes_in_its_place(self) -> None:
        """What was found out about the one says nothing about the other."""
        visitor = self.stage.visitor(GET)
        self.stage.open_tunnel("demo", "ann:s3cret")
        self.decide()
        self.assertEqual((len(self.waiting), visitor.read()), (1, b""))
        self.decide()
        self.assert_answers(visitor, (401, "unauthorized"))

    def test_while_the_server_drains(self) -> None:
        visitor = self.stage.visitor(GET)
        self.stage.ingress.drain()
        self.decide()
        self.stage.asked[0].answer()
        self.assertIn(b"Connection: close\r\n", visitor.read())
        self.assertNotEqual(visitor.end, "open")

    def test_an_answer_that_is_there_already(self) -> None:
        self.stage.ingress.checks = (lambda request, tunnel, connection: succeed(None), *CHECKS)
        visitor = self.stage.visitor(post(b"abc") + GET)
        self.stage.asked[0].answer()
        self.stage.asked[1].answer()
        self.assertEqual(self.stage.asked[0].data, b"abc")
        self.assert_answers(visitor, (200, None), (200, None))
