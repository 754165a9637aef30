"""Requests that an original server passes on to our client, and what is answered."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.protocol.limits import HEADER_COUNT_LIMIT, MIB
from sellia.transports.original.client_side.request import chunks, framing
from sellia.transports.original.link import INTERVAL
from sellia.transports.original.pressure import SHARE
from tests.client.originals import HOST, ID, OTHER, TUNNEL, OriginalStage
from tests.original.wire import Message

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class AnsweringCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = OriginalStage().ready()

    def tearDown(self) -> None:
        self.assertEqual(self.stage.stop(), [], "a timer was left behind")

    def answered(self) -> tuple[int, dict[str, list[str]], bytes, bool]:
        """Status, headers, body and whether there was an end of the one answer that the server got."""
        said = self.stage.heard()
        start = said[0]
        self.assertEqual(start["type"], "response_start")
        self.assertEqual({each["request_id"] for each in said}, {ID})
        body = b"".join(each["chunk"] for each in said if each["type"] == "response_body")
        return start["status_code"], start["headers"], body, said[-1]["type"] == "response_end"

    def types(self) -> list[str]:
        return [each["type"] for each in self.stage.heard()]


class RequestTests(AnsweringCase):
    def test_without_a_body(self) -> None:
        """Is passed on at once, without waiting for its empty end, with the header rules applied."""
        self.stage.request(
            "GET", "/a%20b?c", Accept="*/*", Connection="keep-alive, X-Hop", X_Hop="1", X_Real_IP="6.6.6.6"
        )
        service = self.stage.accept()
        self.assertEqual(
            service.read(),
            b"GET /a%20b?c HTTP/1.1\r\nHost: demo.localhost\r\nAccept: */*\r\nX-Forwarded-For: unknown\r\n"
            b"X-Forwarded-Proto: http\r\nX-Forwarded-Host: demo.localhost\r\nX-Forwarded-Port: 80\r\n\r\n",
        )
        self.stage.body(final=True)
        self.stage.answer(service, OK)
        self.assertEqual(self.answered(), (200, {"Content-Length": ["5"]}, b"hello", True))

    def test_scheme_of_the_public_url(self) -> None:
        self.stage.stop()
        self.stage = OriginalStage().start()
        self.stage.say("tunnel_ready", tunnel_id=TUNNEL, url="https://demo.example.com", subdomain="demo")
        self.stage.request()
        self.assertIn(b"X-Forwarded-Proto: https", self.stage.accept().read())

    def test_with_a_length(self) -> None:
        """Its body goes on as it comes, whatever the method."""
        for method in ("POST", "GET", "DELETE"):
            self.stage.request(method, Content_Length="6").body(b"abc")
            service = self.stage.accept()
            self.assertTrue(service.read().endswith(b"\r\n\r\nabc"))
            self.stage.body(b"def").body(final=True)
            self.assertEqual(service.read(), b"def")
            self.stage.answer(service, OK)
            self.assertEqual(self.answered()[0], 200)
            service.close()

    def test_of_unknown_length(self) -> None:
        self.stage.request("POST", Transfer_Encoding="chunked").body(b"abc")
        service = self.stage.accept()
        head, _, body = service.read().partition(b"\r\n\r\n")
        self.assertEqual((head.count(b"Transfer-Encoding: chunked"), body), (1, b"3\r\nabc\r\n"))
        self.stage.body(b"de", final=True)
        self.assertEqual(service.read(), b"2\r\nde\r\n0\r\n\r\n")

    def test_a_body_that_is_not_as_its_head_says(self) -> None:
        """Is never passed on as if it were: it would be read as another request."""
        for headers, chunk in (({}, b"abc"), ({"Content_Length": "2"}, b"abc"), ({"Content_Length": "4"}, b"abc")):
            self.stage.request("POST", **headers)
            service = self.stage.accept()
            self.stage.body(chunk).body(final=True)
            self.assertEqual(self.answered()[:1], (400,))
            self.assertFalse(service.open)

    def test_too_much_of_a_body_at_once(self) -> None:
        """Ends the exchange, and nothing else."""
        self.stage.request("POST", Content_Length="5000000").body(bytes(5_000_000))
        self.assertEqual(self.answered()[0], 413)
        self.assertIsNone(self.stage.closed)

    def test_heads_that_cannot_be_passed_on(self) -> None:
        for fields in (
            {"method": "GET /x HTTP/1.1\r\nX:"},
            {"path": "/ with a space"},
            {"headers": {**HOST, "X": ["a\r\nInjected: yes"]}},
            {"headers": {**HOST, "In valid": ["x"]}},
            {"headers": {**HOST, "Content-Length": ["5", "6"]}},
            {"headers": {**HOST, "Content-Length": ["5"], "Transfer-Encoding": ["chunked"]}},
            {"headers": {**HOST, "Transfer-Encoding": ["gzip, chunked"]}},
        ):
            start: Message = {"request_id": ID, "tunnel_id": TUNNEL, "method": "GET", "path": "/", "headers": HOST}
            self.stage.say("request_start", **{**start, **fields})
            self.assertEqual(self.answered()[:1], (400,), fields)
            self.assertEqual(self.stage.reactor.tcpClients, [])

    def test_too_many_fields(self) -> None:
        fields = {f"X-{number}": ["x"] for number in range(HEADER_COUNT_LIMIT)}
        self.stage.say("request_start", request_id=ID, tunnel_id=TUNNEL, method="GET", path="/", headers=fields)
        self.assertEqual(self.answered()[0], 431)

    def test_a_head_too_large(self) -> None:
        self.stage.request(X_Large="x" * 100_000)
        self.assertEqual(self.answered()[0], 431)

    def test_an_unknown_tunnel(self) -> None:
        self.stage.say("request_start", request_id=ID, tunnel_id=OTHER, method="GET", path="/", headers=HOST)
        status, headers, body, _ = self.answered()
        self.assertEqual((status, headers["Sellia-Error"]), (404, ["no-such-tunnel"]))
        self.assertIn(b"no-such-tunnel", body)

    def test_ids(self) -> None:
        """One that is in use already, or has no end, says nothing; nor does a body of nothing."""
        self.stage.request().request(path="/again")
        self.stage.request(id="x" * 65).body(b"x", id=OTHER)
        self.assertEqual(len(self.stage.reactor.tcpClients), 1)
        self.assertEqual((self.stage.heard(), self.stage.closed), ([], None))

    def test_exchanges_interleave(self) -> None:
        self.stage.request(path="/1").request(path="/2", id=OTHER)
        first, second = self.stage.accept(), self.stage.accept()
        self.stage.answer(second, OK)
        self.stage.answer(first, OK)
        order = [each["request_id"] for each in self.stage.heard() if each["type"] == "response_end"]
        self.assertEqual(order, [OTHER, ID])


class AnswerTests(AnsweringCase):
    def ask(self, *pieces: bytes, method: str = "GET", **headers: str) -> None:
        self.stage.request(method, **headers).body(final=True)
        self.service = self.stage.accept()
        self.stage.answer(self.service, *pieces)

    def test_streams(self) -> None:
        """Each piece as it comes, and in pieces that the original knows."""
        self.ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        self.assertEqual(self.answered(), (200, {}, b"abc", False))
        self.stage.answer(self.service, b"4e20\r\n" + bytes(20_000) + b"\r\n")
        self.assertEqual([len(each["chunk"]) for each in self.stage.heard()], [8192, 8192, 3616])
        self.stage.answer(self.service, b"0\r\n\r\n")
        self.assertEqual(self.types(), ["response_end"])

    def test_hop_by_hop_fields_stay(self) -> None:
        self.ask(
            b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=60\r\nX: y\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(self.answered()[1], {"X": ["y"], "Content-Length": ["0"]})

    def test_equal_names_come_together(self) -> None:
        self.ask(b"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nX: y\r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(list(self.answered()[1].items())[0], ("Set-Cookie", ["a", "b"]))

    def test_no_body(self) -> None:
        """For HEAD, 204 and 304 there is none, and none is sent."""
        self.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", method="HEAD")
        self.assertEqual(self.types(), ["response_start", "response_end"])
        for status in (b"204 No Content", b"304 Not Modified"):
            self.ask(b"HTTP/1.1 " + status + b"\r\n\r\n")
            self.assertEqual(self.types(), ["response_start", "response_end"])

    def test_interim_answers_and_trailers_are_left_out(self) -> None:
        """The server would take the first for the answer."""
        self.ask(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Trailer: x\r\n\r\n",
            method="POST",
        )
        self.assertEqual(self.answered(), (200, {}, b"a", True))

    def test_before_the_request_is_complete(self) -> None:
        """The answer is passed on, and the rest of the request still goes to the service."""
        self.stage.request("POST", Content_Length="6").body(b"abc")
        service = self.stage.accept()
        self.stage.answer(service, OK)
        self.assertEqual(self.answered()[2:], (b"hello", True))
        service.read()
        self.stage.body(b"def").body(final=True)
        self.assertEqual(service.read(), b"def")
        self.assertFalse(self.stage.session.session.streams)

    def test_a_service_that_does_not_listen(self) -> None:
        """502 with our word, as the visitor likes to read it."""
        from twisted.internet.error import ConnectionRefusedError
        from twisted.python.failure import Failure

        self.stage.request(Accept="application/json").body(final=True)
        self.stage.reactor.tcpClients.pop(0)[2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))  # type: ignore[arg-type]
        status, headers, body, ended = self.answered()
        self.assertEqual((status, headers["Sellia-Error"], ended), (502, ["service-refused"], True))
        self.assertEqual(headers["Content-Type"], ["application/json"])
        self.assertEqual(headers["Content-Length"], [str(len(body))])

    def test_a_service_that_does_not_answer(self) -> None:
        self.stage.request().body(final=True)
        self.stage.accept()
        self.stage.wait(600)
        status, headers, _, _ = self.answered()
        self.assertEqual((status, headers["Sellia-Error"]), (504, ["response-timeout"]))

    def test_a_refusal_of_ours_has_no_body_for_head(self) -> None:
        self.stage.say("request_start", request_id=ID, tunnel_id=OTHER, method="HEAD", path="/", headers=HOST)
        self.assertEqual(self.types(), ["response_start", "response_end"])

    def test_an_answer_that_breaks_off(self) -> None:
        """With a length, its end shows that something is missing; without, only its absence does."""
        self.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")
        self.service.reset()
        self.assertEqual(self.answered()[2:], (b"hello", True))
        self.ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        self.service.reset()
        self.assertEqual(self.answered()[2:], (b"hello", False))
        self.assertFalse(self.stage.session.session.streams)


class PressureTests(AnsweringCase):
    def test_a_server_that_does_not_take(self) -> None:
        """When the link is full the service is not read any more; when it has room, it is."""
        self.stage.request().body(final=True)
        service = self.stage.accept()
        self.stage.transport.full()
        service.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        sent = 0
        while service.transport.producerState == "producing" and sent < 64 * MIB:
            service.say(bytes(65536))
            sent += 65536
            self.stage.reactor.advance(0)
        self.assertLess(sent, 4 * MIB)
        self.assertEqual(self.stage.heard(), [])
        self.stage.transport.drained()
        self.stage.talk()
        self.assertEqual(self.answered()[2], bytes(sent))
        self.assertEqual(service.transport.producerState, "producing")

    def test_a_service_that_does_not_take(self) -> None:
        """Its share waits here; beyond it the link is not read, and the server is told that we live."""
        size = 64 * MIB
        self.stage.request("POST", Content_Length=str(size))
        service = self.stage.accept()
        service.transport.full()
        sent = 0
        while not self.stage.transport.paused and sent < size:
            self.stage.body(bytes(8192))
            sent += 8192
        self.assertGreater(sent, SHARE)
        self.assertLess(sent, 4 * MIB)
        self.stage.reactor.advance(1)
        service.transport.drained()
        self.stage.talk()
        self.assertFalse(self.stage.transport.paused)
        self.assertIsNone(self.stage.closed)

    def test_life_is_shown_while_the_link_is_not_read(self) -> None:
        """The server would take our silence for death: what it asks is not read, and so is not answered."""
        self.stage.wait(INTERVAL - 5, 1.0)
        self.stage.request("POST", Content_Length=str(64 * MIB))
        service = self.stage.accept()
        service.transport.full()
        while not self.stage.transport.paused:
            self.stage.body(bytes(8192))
        self.stage.heard()
        self.stage.wait(6, 1.0)
        self.assertEqual([each["type"] for each in self.stage.heard()], ["pong"])


class FramingTests(SynchronousTestCase):
    def test_chunks(self) -> None:
        self.assertEqual([len(each) for each in chunks(bytes(20_000))], [8192, 8192, 3616])
        self.assertEqual(list(chunks(b"x")), [b"x"])

    def test_framing(self) -> None:
        self.assertEqual(framing([]), (False, 0))
        self.assertEqual(framing([(b"content-LENGTH", b"5"), (b"Content-Length", b"5")]), (False, 5))
        self.assertEqual(framing([(b"Transfer-Encoding", b" Chunked")]), (True, 0))
        for value in (b"-1", b"+1", b"", b"1,1", b"\xb2", b"9" * 19, b"9" * 5000):
            with self.assertRaises(ProblemError):
                framing([(b"Content-Length", value)])
