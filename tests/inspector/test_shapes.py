"""Exchanges as JSON."""

import json

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.exchange import new_exchange
from sellia.inspector.model import End, Interim, LinkMark, LinkState
from sellia.inspector.shapes import detail, field_of, gap_of, message_of, summary
from sellia.inspector.timeline import Deflate, Timeline


class ShapeTests(SynchronousTestCase):
    def test_request(self) -> None:
        exchange = new_exchange(
            7,
            "http",
            tunnel="shop",
            visitor="203.0.113.9",
            method=b"POST",
            target=b"/a?b=\xff",
            request_headers=[(b"Host", b"shop.example"), (b"Content-Type", b"Text/Plain; charset=utf-8")],
            started=100.0,
        )
        exchange.request_body.add(b"hello", 100.5, 3)
        exchange.interim = (Interim(100.6, 103, b"Early Hints", []),)
        exchange.status, exchange.answered = 200, 101.0
        exchange.response_headers = [(b"Content-Encoding", b"br"), (b"content-type", b"application/json")]
        exchange.ended, exchange.end = 102.0, End("service")
        exchange.link = LinkState(0.05, 262144)
        exchange.marks = (LinkMark(101.5, "lost"),)
        shown = json.loads(json.dumps(detail(exchange)))
        self.assertEqual(
            {key: shown[key] for key in ("id", "method", "target", "host", "status", "type", "seconds", "open")},
            {
                "id": "7",
                "method": "POST",
                "target": "/a?b=\\xff",
                "host": "shop.example",
                "status": 200,
                "type": "application/json",
                "seconds": 2.0,
                "open": False,
            },
        )
        body = {"bytes": 5, "kept": 3, "truncated": True, "type": "text/plain", "encoding": None}
        self.assertEqual(shown["request"]["body"], body)
        self.assertEqual(shown["response"]["body"]["encoding"], "br")
        self.assertEqual(shown["response"]["interim"][0]["status"], 103)
        self.assertEqual(shown["end"], {"by": "service", "code": None, "reason": ""})
        self.assertEqual(shown["timing"]["answered"], 101.0)
        self.assertEqual(shown["link"], {"trip": 0.05, "credit": 262144, "attached": True})
        self.assertEqual(shown["marks"], [{"at": 101.5, "what": "lost"}])
        self.assertEqual(set(summary(exchange)) - set(shown), set())

    def test_websocket(self) -> None:
        exchange = new_exchange(1, "websocket")
        exchange.timeline = line = Timeline(limit=10_000, message_limit=10_000, deflate=Deflate(12, 15, False, True))
        line.add(1.0, True, 0x01, b"a")
        line.add(2.0, True, 0x80, b"b")
        for _ in range(100):
            line.add(3.0, False, 0x89, b"")
        shown = json.loads(json.dumps(detail(exchange)))
        self.assertEqual(shown["messages"]["frames"], 102)
        self.assertEqual(shown["messages"]["from_visitor"], 1)
        gap = line.gap
        assert gap is not None
        self.assertEqual(shown["messages"]["left_out"], gap.frames)
        self.assertEqual(shown["timeline"]["gap"], gap_of(gap))
        self.assertEqual(shown["timeline"]["deflate"]["client_max_window_bits"], 12)
        self.assertTrue(shown["timeline"]["deflate"]["client_no_context_takeover"])
        message = message_of(line.messages()[0])
        self.assertEqual((message["number"], message["kind"], message["bytes"]), (1, "text", 2))
        self.assertEqual([each["number"] for each in message["fragments"]], [0, 1])

    def test_nothing_is_known_yet(self) -> None:
        json.dumps(detail(new_exchange(1, "tcp")))

    def test_field(self) -> None:
        headers = [(b"X", b"1"), (b"Content-TYPE", b"a"), (b"content-type", b"b")]
        self.assertEqual(field_of(headers, b"content-type"), "a")
        self.assertIsNone(field_of(headers, b"y"))
