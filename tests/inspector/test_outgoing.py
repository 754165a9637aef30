"""A request as it is taken along."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.outgoing import escaped, outgoing
from tests.inspector.samples import request, socket

CONNECTION = [
    (b"Connection", b"close"),
    (b"Accept-Encoding", b"gzip"),
    (b"Content-Length", b"2"),
    (b"X-Forwarded-For", b"203.0.113.9"),
    (b"Cookie", b"sid=1"),
    (b"Accept", b"*/*"),
]


class RequestTests(SynchronousTestCase):
    def test_what_stays(self) -> None:
        asked = outgoing(request(1, b"POST", b"/a?token=x", CONNECTION, b"hi"))
        self.assertEqual(asked.headers, [(b"Cookie", b"sid=REDACTED"), (b"Accept", b"*/*")])
        self.assertEqual((asked.method, asked.url), ("POST", "https://demo.example.com/a?token=REDACTED"))
        self.assertEqual((asked.body, asked.compressed, asked.missing), (b"hi", True, 0))

    def test_as_it_was(self) -> None:
        asked = outgoing(request(1, target=b"/a?token=x", headers=CONNECTION), "http://127.0.0.1:3000/", redact=False)
        self.assertEqual(asked.headers, [(b"Cookie", b"sid=1"), (b"Accept", b"*/*")])
        self.assertEqual(asked.url, "http://127.0.0.1:3000/a?token=x")

    def test_a_target_with_a_host(self) -> None:
        self.assertEqual(outgoing(request(1, target=b"http://u:p@x/a?b"), "http://h").url, "http://h/a?b")

    def test_escapes(self) -> None:
        self.assertEqual(escaped(b"/a b\xff\"'%2f../?q={1}"), "/a%20b%FF%22'%2f../?q=%7B1%7D")

    def test_a_body_that_was_not_kept_whole(self) -> None:
        exchange = request(1, b"POST", body=b"abc")
        exchange.request_body.length = 10
        self.assertEqual(outgoing(exchange).missing, 7)

    def test_websocket(self) -> None:
        asked = outgoing(socket(1, subprotocol="chat", headers=[(b"Origin", b"https://x")]))
        self.assertEqual((asked.url, asked.subprotocols), ("wss://demo.example.com/socket", ["chat"]))
        self.assertEqual(asked.headers, [(b"Origin", b"https://x")])
        self.assertEqual(outgoing(socket(), "http://127.0.0.1:1").url, "ws://127.0.0.1:1/socket")
