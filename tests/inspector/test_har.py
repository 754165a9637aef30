"""HAR files: written, read back as the same, and read from others and from nobody who means well."""

import gzip
import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.decode.sockets import Readers
from sellia.inspector.exchange import Exchange
from sellia.inspector.har import HarError, har, read
from sellia.inspector.model import End
from sellia.inspector.store import MIB, Store
from sellia.inspector.timeline import Deflate
from tests.inspector.hostile_lines import BLOBS, TEXTS
from tests.inspector.samples import request, socket

#: What a browser's developer tools write, shortened.
CHROME = {
    "log": {
        "version": "1.2",
        "creator": {"name": "WebInspector", "version": "537.36"},
        "pages": [],
        "entries": [
            {
                "_initiator": {"type": "other"},
                "_resourceType": "xhr",
                "cache": {},
                "request": {
                    "method": "GET",
                    "url": "https://www.example.com/a?b=c",
                    "httpVersion": "http/2.0",
                    "headers": [{"name": ":authority", "value": "www.example.com"}, {"name": "accept", "value": "*/*"}],
                    "queryString": [{"name": "b", "value": "c"}],
                    "cookies": [],
                    "headersSize": -1,
                    "bodySize": 0,
                },
                "response": {
                    "status": 200,
                    "statusText": "",
                    "httpVersion": "http/2.0",
                    "headers": [
                        {"name": "content-encoding", "value": "br"},
                        {"name": "content-type", "value": "text/html"},
                    ],
                    "cookies": [],
                    "content": {"size": 5, "mimeType": "text/html", "text": "hello"},
                    "redirectURL": "",
                    "headersSize": -1,
                    "bodySize": -1,
                    "_transferSize": 1234,
                    "_error": None,
                },
                "startedDateTime": "2026-01-02T03:04:05.678Z",
                "time": 120.5,
                "timings": {
                    "blocked": 1.5,
                    "dns": -1,
                    "ssl": -1,
                    "connect": -1,
                    "send": 0.1,
                    "wait": 100,
                    "receive": 18,
                },
            },
            {
                "_resourceType": "websocket",
                "_webSocketMessages": [
                    {"type": "send", "time": 1767323046.1, "opcode": 1, "data": "hello"},
                    {"type": "receive", "time": 1767323046.2, "opcode": 2, "data": "AAEC"},
                ],
                "request": {"method": "GET", "url": "wss://www.example.com/live", "headers": []},
                "response": {"status": 101, "statusText": "Switching Protocols", "headers": [], "content": {}},
                "startedDateTime": "2026-01-02T03:04:06Z",
                "time": 5000,
            },
        ],
    }
}


def written(*exchanges: Exchange, redact: bool = False) -> Any:
    return json.loads(json.dumps(har(exchanges, "1.0", redact)))


class RoundTripTests(SynchronousTestCase):
    def back(self, *exchanges: Exchange) -> list[Exchange]:
        store = Store(64 * MIB)
        made, wrong = read(json.dumps(written(*exchanges)).encode(), store)
        self.assertEqual(wrong, [])
        store.check_invariants()
        return made

    def test_requests(self) -> None:
        samples = [
            request(1, b"POST", b"/" + text.encode(), [(b"X", text.encode())], text.encode(), answer=text.encode())
            for text in TEXTS
        ]
        samples += [request(1, b"PUT", b"/\xff?a=%20", [], blob, answer=blob) for blob in BLOBS]
        samples.append(request(1, answer=gzip.compress(b"hello"), answer_headers=[(b"Content-Encoding", b"gzip")]))
        samples.append(request(1, answer=b"no gzip", answer_headers=[(b"Content-Encoding", b"gzip")]))
        for exchange, found in zip(samples, self.back(*samples), strict=True):
            self.assertEqual(bytes(found.request_body.data), bytes(exchange.request_body.data))
            self.assertEqual(bytes(found.response_body.data), bytes(exchange.response_body.data))
            for name in (
                "method",
                "target",
                "request_headers",
                "response_headers",
                "status",
                "reason",
                "end",
                "tunnel",
            ):
                self.assertEqual(getattr(found, name), getattr(exchange, name), name)
            for name in ("started", "sent", "answered", "ended"):
                self.assertAlmostEqual(getattr(found, name), getattr(exchange, name), 5)
            self.assertEqual((found.origin, found.kind, found.open), ("import", "http", False))

    def test_bodies_that_were_not_kept_whole(self) -> None:
        exchange = request(1, b"POST", body=b"abc", answer=b"defg")
        exchange.request_body.length, exchange.response_body.length = 10, 20
        (found,) = self.back(exchange)
        self.assertEqual((found.request_body.length, found.response_body.length), (10, 20))
        self.assertTrue(found.request_body.truncated)

    def test_websockets(self) -> None:
        said: tuple[str | bytes, ...] = (*TEXTS, *BLOBS)
        told = tuple((at % 2 > 0, each) for at, each in enumerate(said))
        for deflate in (None, Deflate()):
            exchange = socket(1, told, deflate, close=1000)
            (found,) = self.back(exchange)
            readers = Readers()
            assert exchange.timeline is not None and found.timeline is not None
            wanted = [
                (m.from_visitor, m.opcode, readers.content(exchange, m).data, m.at)
                for m in exchange.timeline.messages()
            ]
            self.assertEqual([(m.from_visitor, m.opcode, m.payload, m.at) for m in found.timeline.messages()], wanted)
            self.assertEqual(found.end, End("visitor", 1000))

    def test_text_that_is_no_text(self) -> None:
        """A text message of invalid UTF-8 comes back as it was."""
        exchange = socket(1)
        assert exchange.timeline is not None
        exchange.timeline.add(1.0, True, 0x81, b"\xff\xfe")
        (found,) = self.back(exchange)
        assert found.timeline is not None
        self.assertEqual([(m.opcode, m.payload) for m in found.timeline.messages()], [(1, b"\xff\xfe")])


class WritingTests(SynchronousTestCase):
    def test_fields_of_the_format(self) -> None:
        (entry,) = written(
            request(7, b"POST", b"/a?b=c", [(b"Cookie", b"d=e; f=g"), (b"Content-Type", b"text/plain")], b"hi")
        )["log"]["entries"]
        self.assertEqual(entry["request"]["url"], "https://demo.example.com/a?b=c")
        self.assertEqual(entry["request"]["queryString"], [{"name": "b", "value": "c"}])
        self.assertEqual(entry["request"]["cookies"], [{"name": "d", "value": "e"}, {"name": "f", "value": "g"}])
        self.assertEqual(entry["request"]["postData"]["text"], "hi")
        self.assertEqual(entry["startedDateTime"], "1970-01-01T00:16:40.000000Z")
        self.assertAlmostEqual(entry["time"], 500.0)
        self.assertEqual({"send", "wait", "receive"} - set(entry["timings"]), set())

    def test_a_websocket_as_chrome_writes_it(self) -> None:
        (entry,) = written(socket(1, ((True, "hello"), (False, b"\x00\x01"))))["log"]["entries"]
        self.assertEqual(entry["_resourceType"], "websocket")
        self.assertEqual(entry["request"]["url"], "wss://demo.example.com/socket")
        told = [{k: v for k, v in each.items() if k[0] != "_"} for each in entry["_webSocketMessages"]]
        self.assertEqual(
            told,
            [
                {"type": "send", "time": 1001.0, "opcode": 1, "data": "hello"},
                {"type": "receive", "time": 1002.0, "opcode": 2, "data": "AAE="},
            ],
        )

    def test_redacted(self) -> None:
        headers = [(b"Cookie", b"sid=hunter2"), (b"Authorization", b"Bearer hunter2"), (b"Referer", b"/?token=hunter2")]
        exchange = request(
            1, target=b"/?token=hunter2", headers=headers, answer_headers=[(b"Set-Cookie", b"a=hunter2")]
        )
        self.assertNotIn("hunter2", json.dumps(written(exchange, redact=True)))
        self.assertEqual(json.dumps(written(exchange)).count("hunter2"), 8)

    def test_kinds_that_have_no_place_are_left_out(self) -> None:
        from sellia.inspector.exchange import new_exchange

        self.assertEqual(written(new_exchange(1, "tcp"))["log"]["entries"], [])


class ReadingTests(SynchronousTestCase):
    def test_chrome(self) -> None:
        store = Store()
        (page, live), wrong = read(json.dumps(CHROME).encode(), store)
        self.assertEqual(wrong, [])
        self.assertEqual((page.target, page.status, bytes(page.response_body.data)), (b"/a?b=c", 200, b"hello"))
        self.assertEqual(page.request_headers, [(b"Host", b"www.example.com"), (b"accept", b"*/*")])
        self.assertEqual(page.response_headers, [(b"content-type", b"text/html")])
        self.assertAlmostEqual(page.ended or 0, page.started + 0.1205)
        assert live.timeline is not None
        self.assertEqual([m.payload for m in live.timeline.messages()], [b"hello", b"\x00\x01\x02"])

    def test_no_har(self) -> None:
        for data in (b"", b"{}", b"[]", b'{"log": 1}', b'{"log": {"entries": 1}}', b"\xff", b"[" * 100_000):
            error = self.assertRaises(HarError, read, data, Store())
            self.assertIn("no HAR file", str(error))

    def test_entries_that_are_wrong(self) -> None:
        """They are left out and named; the others are read."""
        good = CHROME["log"]["entries"][0]  # type: ignore[index]
        bad: list[Any] = [None, 1, {}, {"request": {}}]
        for path, value in (
            (("startedDateTime",), "yesterday"),
            (("request", "headers"), [{"name": 1}]),
            (("response", "status"), "many"),
            (("response",), []),
            (("request", "url"), "no address"),
        ):
            changed: Any = json.loads(json.dumps(good))
            place = changed
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = value
            bad.append(changed)
        made, wrong = read(json.dumps({"log": {"entries": [*bad, good]}}).encode(), Store())
        self.assertEqual((len(made), len(wrong)), (1, len(bad)))
        self.assertIn("Entry 1 was left out", wrong[0])

    def test_bounds(self) -> None:
        """Bodies and timelines of a file have the store's bounds."""
        store = Store(MIB)
        entries: Any = json.loads(json.dumps(CHROME))["log"]["entries"]
        entries[0]["response"]["content"]["text"] = "x" * MIB
        entries[1]["_webSocketMessages"] *= 5000
        read(json.dumps({"log": {"entries": entries}}).encode(), store)
        store.check_invariants()
        page, live = store
        self.assertEqual((len(page.response_body.data), page.response_body.length), (store.kept_limit, MIB))
        assert live.timeline is not None and live.timeline.gap is not None
        self.assertEqual(live.timeline.count, 10_000)
