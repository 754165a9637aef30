"""Requests of visitors at an original client: what it is asked, and what becomes of what it answers."""

from typing import Any

from sellia.protocol.limits import HEADER_COUNT_LIMIT
from sellia.protocol.original.fields import FIELDS_LIMIT
from sellia.transports.original.server_side.request import may_have_changed
from tests.original import wire
from tests.server.clients import GatewayCase, Wire
from tests.server.originals import Original
from tests.server.support import answers, chunked, get, post


class AskingCase(GatewayCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = Original(self.server).open()

    def ask(self, request: bytes) -> tuple[Wire, wire.Message, bytes, bool]:
        visitor = self.server.visit(request)
        return visitor, *self.client.asked()


class RequestTests(AskingCase):
    def test_without_a_body(self) -> None:
        """A head, and always the empty final piece."""
        _, start, body, final = self.ask(get(b"/a%20b?c=d&e", b"X-Two: 1", b"x-two: 2", b"Accept: */*"))
        self.assertEqual((body, final), (b"", True))
        self.assertEqual(start["tunnel_id"], self.client.tunnels["demo"])
        self.assertEqual((start["method"], start["path"]), ("GET", "/a%20b?c=d&e"))
        self.assertRegex(start["request_id"], "^[0-9a-f]{32}$")
        self.assertEqual(
            start["headers"],
            {
                "Host": ["demo.localhost"],
                "X-Two": ["1", "2"],
                "Accept": ["*/*"],
                "X-Forwarded-For": ["203.0.113.7"],
                "X-Forwarded-Proto": ["http"],
                "X-Forwarded-Host": ["demo.localhost"],
                "X-Forwarded-Port": ["80"],
            },
        )

    def test_with_a_body(self) -> None:
        """In pieces that the original knows, as it comes."""
        whole = bytes(range(256)) * 100
        visitor, start, body, final = self.ask(post(whole[:20_000], length=len(whole)))
        self.assertEqual((body, final), (whole[:20_000], False))
        visitor.send(whole[20_000:])
        self.assertEqual(self.client.body(start["request_id"]), (whole[20_000:], True))
        self.assertEqual(start["headers"]["Content-Length"], ["25600"])

    def test_with_a_body_of_unknown_length(self) -> None:
        """Its framing is the visitor's own, and the client makes another."""
        visitor, start, body, final = self.ask(chunked(b"abc", b"def"))
        self.assertEqual((body, final), (b"abcdef", False))
        visitor.send(b"0\r\nDigest: x\r\n\r\n")
        self.assertEqual(self.client.body(start["request_id"]), (b"", True))
        self.assertNotIn("Transfer-Encoding", start["headers"])

    def test_on_any_method(self) -> None:
        _, start, body, final = self.ask(post(b"abc").replace(b"POST", b"DELETE", 1))
        self.assertEqual((start["method"], body, final), ("DELETE", b"abc", True))

    def test_who_waits_for_a_100_gets_it_from_us(self) -> None:
        """The client would take the service's for the answer."""
        visitor, start, body, final = self.ask(post(b"", b"Expect: 100-continue", length=3))
        self.assertEqual(visitor.take(), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertNotIn("Expect", start["headers"])
        visitor.send(b"abc")
        self.assertEqual(self.client.body(start["request_id"]), (b"abc", True))
        self.client.answer(start["request_id"], b"ok", Content_Length=["2"])
        self.assertEqual(answers(visitor.take()), [(200, None)])

    def test_no_trailers_are_asked_for(self) -> None:
        _, start, _, _ = self.ask(get(b"/", b"TE: trailers", b"Connection: TE"))
        self.assertNotIn("TE", start["headers"])

    def test_octets_that_are_no_text(self) -> None:
        visitor = self.server.visit(get(b"/", b"X-Latin: caf\xe9"))
        self.assertIn(b"\xa7X-Latin\x91\xa4caf\xe9", visitor.server.wires[0].take())

    def test_requests_interleave(self) -> None:
        """Their ids tell them apart, and answers come in any order."""
        first, one, _, _ = self.ask(get(b"/1"))
        second, two, _, _ = self.ask(get(b"/2"))
        self.client.answer(one["request_id"], b"a", end=False, Content_Length=["2"])
        self.client.answer(two["request_id"], b"22", Content_Length=["2"])
        self.assertTrue(second.take().endswith(b"22"))
        self.client.say("response_body", request_id=one["request_id"], chunk=b"b")
        self.client.say("response_end", request_id=one["request_id"])
        self.assertTrue(first.take().endswith(b"ab"))

    def test_a_visitor_who_leaves(self) -> None:
        """There is no word for it; a body that breaks off never looks complete, and the answer is dropped."""
        visitor, start, body, final = self.ask(post(b"abc", length=5))
        visitor.lose()
        self.assertEqual(self.client.heard(), [])
        self.client.answer(start["request_id"], b"late")
        self.assertEqual(self.server.gateway.health()["streams"], 0)
        self.assertIsNone(self.client.closed)


class ResponseTests(AskingCase):
    def answered(self, *chunks: bytes, request: Any = None, **options: Any) -> bytes:
        visitor, start, _, _ = self.ask(request or get())
        self.client.answer(start["request_id"], *chunks, **options)
        return visitor.take()

    def test_comes_as_it_is(self) -> None:
        fields: dict[str, Any] = {
            "Set-Cookie": ["a=1; Path=/", "b=2"],
            "X-Multi": ["one", "two"],
            "Content-Length": ["5"],
        }
        data = self.answered(b"hel", b"lo", **fields)
        self.assertEqual(
            data,
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nX-Multi: one\r\nX-Multi: two\r\n"
            b"Content-Length: 5\r\n\r\nhello",
        )

    def test_streams(self) -> None:
        """Each piece as it comes."""
        visitor, start, _, _ = self.ask(get())
        self.client.answer(start["request_id"], b"one", end=False)
        self.assertTrue(visitor.take().endswith(b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n"))
        self.client.say("response_body", request_id=start["request_id"], chunk=b"two")
        self.assertEqual(visitor.take(), b"3\r\ntwo\r\n")
        self.client.say("response_end", request_id=start["request_id"])
        self.assertEqual(visitor.take(), b"0\r\n\r\n")

    def test_hop_by_hop_headers_end_here(self) -> None:
        fields: dict[str, Any] = {
            "Connection": ["keep-alive"],
            "Keep-Alive": ["timeout=60"],
            "Transfer-Encoding": ["chunked"],
        }
        data = self.answered(b"abc", **fields)
        self.assertEqual(data, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")

    def test_a_length_that_is_that_of_another_body(self) -> None:
        """The client has changed charset or coding, and not said so."""
        for fields in (
            {"Content-Type": ["text/plain; Charset=latin1"]},
            {"Content-Encoding": ["gzip"]},
            {"Transfer-Encoding": ["chunked"]},
        ):
            data = self.answered("é".encode(), Content_Length=["1"], **fields)
            self.assertNotIn(b"Content-Length", data)
            self.assertTrue(data.endswith("2\r\né\r\n0\r\n\r\n".encode()))

    def test_what_may_have_changed(self) -> None:
        self.assertFalse(may_have_changed([(b"Content-Type", b"text/plain"), (b"Content-Length", b"1")]))
        self.assertTrue(may_have_changed([(b"content-type", b"text/plain;charset=utf-8")]))

    def test_a_length_is_held_to(self) -> None:
        for length in ("2", "4"):
            visitor, start, _, _ = self.ask(get())
            self.client.answer(start["request_id"], b"abc", Content_Length=[length])
            self.assertTrue(visitor.closed)

    def test_bodies_where_none_belongs(self) -> None:
        """They would be taken for the next response."""
        fields: dict[str, Any] = {"Content-Type": ["text/plain; charset=utf-8"], "Content-Length": ["6"]}
        visitor, start, _, _ = self.ask(get(method=b"HEAD"))
        self.client.answer(start["request_id"], b"x", **fields)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\n"
        self.assertEqual(visitor.take(), head)
        for status in (204, 304):
            visitor.send(get())
            start, _, _ = self.client.asked()
            self.client.answer(start["request_id"], b"x", status=status)
            self.assertTrue(visitor.take().endswith(b"\r\n\r\n"))
        self.assertFalse(visitor.closed)

    def test_no_body(self) -> None:
        self.assertEqual(answers(self.answered(Content_Length=["0"], status=404)), [(404, None)])

    def test_statuses_that_end_no_request(self) -> None:
        """A 100 that the client took for the answer is one of them."""
        for status in (100, 101, 103, 199, 0, -1, 1000, 2**31 - 1):
            self.assertEqual(answers(self.answered(status=status)), [(502, "bad-service-response")])

    def test_headers_that_cannot_be_passed_on(self) -> None:
        for fields in (
            {"X-Split": ["a\r\nSet-Cookie: b"]},
            {"X Space": ["a"]},
            {"": ["a"]},
            {"X-Nul": ["\0"]},
            {"Content-Length": ["1", "2"]},
            {"Content-Length": ["-1"]},
            {"Content-Length": ["0x10"]},
        ):
            self.assertEqual(answers(self.answered(b"", **fields)), [(502, "bad-service-response")])

    def test_too_many_or_too_long_headers_end_the_exchange_only(self) -> None:
        for count in (HEADER_COUNT_LIMIT + 1, FIELDS_LIMIT):
            many = {f"X-{number}": ["1"] for number in range(count)}
            self.assertEqual(answers(self.answered(**many)), [(502, "bad-service-response")])
        self.assertEqual(answers(self.answered(X_Long=["x" * 100_000])), [(502, "bad-service-response")])
        most = {f"X-{number}": ["1"] for number in range(HEADER_COUNT_LIMIT - 1)}
        self.assertEqual(answers(self.answered(Content_Length=["0"], **most)), [(200, None)])

    def test_more_header_fields_than_a_message_may_have(self) -> None:
        self.answered(**{f"X-{number}": ["1"] for number in range(FIELDS_LIMIT + 1)})
        self.client.heard()
        assert self.client.closed is not None
        self.assertEqual(self.client.closed[1][:2], (1008).to_bytes(2, "big"))

    def test_out_of_order(self) -> None:
        """A body or an end before its head is no answer; a second head is dropped."""
        for type, fields in (("response_body", {"chunk": b"x"}), ("response_end", {})):
            visitor, start, _, _ = self.ask(get())
            self.client.say(type, request_id=start["request_id"], **fields)
            self.assertEqual(answers(visitor.take()), [(502, "bad-service-response")])
        visitor, start, _, _ = self.ask(get())
        self.client.answer(start["request_id"], end=False, Content_Length=["2"])
        self.client.answer(start["request_id"], b"ok", status=500)
        self.assertEqual(answers(visitor.take()), [(200, None)])

    def test_ids_that_nobody_knows(self) -> None:
        """Late, or nonsense: dropped."""
        visitor, start, _, _ = self.ask(get())
        self.client.answer("0" * 32, b"x").answer("", b"x").answer(start["request_id"].upper(), b"x")
        self.assertEqual(visitor.take(), b"")
        self.client.answer(start["request_id"], b"ok", Content_Length=["2"])
        self.client.answer(start["request_id"], b"again")
        self.assertEqual(answers(visitor.take()), [(200, None)])
        self.assertIsNone(self.client.closed)

    def test_before_the_request_is_complete(self) -> None:
        visitor, start, _, _ = self.ask(post(b"abc", length=5))
        self.client.answer(start["request_id"], b"no", status=403, Content_Length=["2"])
        self.assertTrue(visitor.take().startswith(b"HTTP/1.1 403 "))
        self.assertTrue(visitor.closed)

    def test_in_time(self) -> None:
        visitor, start, _, _ = self.ask(get())
        for _ in range(12):
            self.server.wait(50)
            self.client.heard()  # and answers pings
        self.server.wait(1)
        self.assertEqual(answers(visitor.take()), [(504, "response-timeout")])
        self.client.answer(start["request_id"], b"late")
        self.assertIsNone(self.client.closed)

    def test_of_another_client(self) -> None:
        """An id is known on its own link only."""
        visitor, start, _, _ = self.ask(get())
        thief = Original(self.server, "192.0.2.9").open("thief")
        thief.answer(start["request_id"], b"stolen")
        self.assertEqual(visitor.take(), b"")
