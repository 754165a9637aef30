"""What the API tells of exchanges, bodies, messages, and why they ended."""

import gzip
import zlib

from sellia.inspector.model import Body, End
from sellia.inspector.timeline import Deflate, Timeline
from sellia.why.cause import Cause
from tests.client.inspector.stage import COOKIE, SiteCase


class ExchangeTests(SiteCase):
    def test_a_list(self) -> None:
        for target in (b"/a", b"/b", b"/c"):
            self.exchange(target=target)
        told = self.ask("/api/exchanges").json
        self.assertEqual([each["target"] for each in told["exchanges"]], ["/a", "/b", "/c"])
        told = self.ask("/api/exchanges?after=1&limit=1").json
        self.assertEqual(([each["id"] for each in told["exchanges"]], told["more"]), (["2"], True))
        told = self.ask("/api/exchanges?last=1&limit=2").json
        self.assertEqual([each["id"] for each in told["exchanges"]], ["2", "3"])

    def test_wrong_parameters(self) -> None:
        for query in ("limit=0", "limit=x", "limit=10001", "after=-1", "after=9999999999999999999", "last=2"):
            told = self.ask(f"/api/exchanges?{query}")
            self.assertEqual((told.status, told.error), (400, "bad-parameter"), query)

    def test_one(self) -> None:
        self.exchange(request_headers=[(b"Host", b"a.example"), (b"X", b"\xff<script>")])
        told = self.ask("/api/exchanges/1").json
        self.assertEqual(told["request"]["headers"][1], ["X", "\\xff<script>"])
        for id in ("2", "x", "%00", "1/", "-1"):
            self.assertEqual(self.ask(f"/api/exchanges/{id}").status, 404, id)

    def test_bodies_are_attachments(self) -> None:
        """Nobody is shown markup that came from outside."""
        made = self.exchange(response_headers=[(b"Content-Type", b"text/html")])
        made.response_body = Body(b"<script>alert(1)</script>", 25)
        told = self.ask("/api/exchanges/1/response-body")
        self.assertEqual(told.body, b"<script>alert(1)</script>")
        self.assertEqual(told.headers["content-type"], "application/octet-stream")
        self.assertEqual(told.headers["content-disposition"], 'attachment; filename="response-1.bin"')
        self.assertTrue(told.headers["content-security-policy"].startswith("sandbox; default-src 'none'"))

    def test_a_filter(self) -> None:
        self.exchange(target=b"/a")
        self.exchange(target=b"/b", method=b"POST")
        told = self.ask("/api/exchanges?filter=method%3APOST").json
        self.assertEqual([each["target"] for each in told["exchanges"]], ["/b"])
        for path in ("/api/exchanges", "/api/events"):
            told = self.ask(f"{path}?filter=colour%3Ared")
            self.assertEqual((told.status, told.error), (400, "bad-filter"))

    def test_content(self) -> None:
        made = self.exchange(response_headers=[(b"Content-Type", b"application/json"), (b"Content-Encoding", b"gzip")])
        data = gzip.compress(b'{"a": 1}')
        made.response_body = Body(data, len(data))
        self.assertEqual(self.ask("/api/exchanges/1/response-body").body, data)
        self.assertEqual(self.ask("/api/exchanges/1/response-body?decoded=1").body, b'{"a": 1}')
        told = self.ask("/api/exchanges/1/response-body/decoded").json
        self.assertEqual((told["content"]["decoder"], told["content"]["value"]), ("json", {"a": 1}))
        made.response_body = Body(data[:-9], len(data))
        self.assertIn("x-sellia-truncated", self.ask("/api/exchanges/1/response-body?decoded=1").headers)

    def test_clear(self) -> None:
        self.exchange()
        self.exchange(ended=None)
        self.assertEqual(self.ask("/api/exchanges", "DELETE", headers=COOKIE).json, {"cleared": 1})
        self.assertEqual([each.id for each in self.store], ["2"])


class MessageTests(SiteCase):
    def setUp(self) -> None:
        super().setUp()
        timeline = Timeline(100_000, 10_000)
        self.made = self.exchange(kind="websocket", status=101, timeline=timeline)
        for text in (b"one", b"two", b"three"):
            timeline.add(1.0, True, 0x81, text)

    def test_pages(self) -> None:
        told = self.ask("/api/exchanges/1/messages?limit=2").json
        self.assertEqual([each["text"] for each in told["messages"]], ["one", "two"])
        told = self.ask(f"/api/exchanges/1/messages?after={told['next']}").json
        self.assertEqual([each["text"] for each in told["messages"]], ["three"])

    def test_decoded(self) -> None:
        timeline = self.made.timeline
        assert timeline is not None
        timeline.deflate = Deflate()
        packed = zlib.compressobj(wbits=-15)
        data = packed.compress(b'{"jsonrpc": "2.0", "method": "ping"}') + packed.flush(zlib.Z_SYNC_FLUSH)
        timeline.add(1.0, False, 0xC1, data[:-4])
        (told,) = self.ask("/api/exchanges/1/messages?after=2&decoded=1").json["messages"]
        self.assertEqual((told["text"][:10], told["inflated"], told["decoder"]), ('{"jsonrpc"', 36, "json-rpc"))
        self.assertEqual(self.ask("/api/exchanges/1/messages/3?decoded=1").body[:10], b'{"jsonrpc"')
        self.assertEqual(self.ask("/api/exchanges/1/messages/3/decoded").json["content"]["decoder"], "json-rpc")

    def test_a_payload(self) -> None:
        self.assertEqual(self.ask("/api/exchanges/1/messages/1").body, b"two")
        self.assertEqual(self.ask("/api/exchanges/1/messages/9").error, "no-such-message")
        self.exchange()
        self.assertEqual(self.ask("/api/exchanges/2/messages").error, "no-messages")


class WhyTests(SiteCase):
    def test_by_both_ids(self) -> None:
        self.exchange(
            end=End("visitor", 1006, "gone"), cause=Cause("ab-1", "visitor", "visitor-gone", "The visitor left.")
        )
        told = self.ask("/api/why/1").json
        self.assertEqual((told["cause"]["who"], told["end"]["code"]), ("visitor", 1006))
        self.subject.causes["ab-l1"] = {"id": "ab-l1", "who": "link", "exchange": None}
        self.assertEqual(self.ask("/api/why/ab-l1").json["cause"]["who"], "link")
        self.assertEqual(self.ask("/api/why/ab-9").error, "no-such-end")
