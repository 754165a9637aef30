"""Addresses without TLS in pages and scripts, and what only looks like them."""

import gzip

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.exchange import Exchange, new_exchange
from sellia.inspector.mixed_content import LOOKED_AT, insecure_address
from sellia.inspector.model import Body

HOSTS = [b"web.example"]


def answered(
    body: bytes, kind: bytes = b"text/html; charset=utf-8", status: int = 200, coding: bytes = b""
) -> Exchange:
    exchange = new_exchange(1, "http", status=status)
    exchange.response_headers = [(b"Content-Type", kind)] + ([(b"Content-Encoding", coding)] if coding else [])
    exchange.response_body = Body(body, len(body))
    return exchange


class AddressTests(SynchronousTestCase):
    def test_what_is_found(self) -> None:
        for body, address in (
            (b"new WebSocket('ws://web.example/socket')", "ws://web.example"),
            (b'const url = "ws://localhost:5173"', "ws://localhost:5173"),
            (b"`ws://127.0.0.1:3000/hmr`", "ws://127.0.0.1:3000"),
            (b"ws://[::1]:8080/", "ws://[::1]:8080"),
            (b'<script src="http://web.example/a.js">', "http://web.example"),
            (b"<img src=http://localhost:8080/a.png>", "http://localhost:8080"),
            (b'fetch("http://web.example/api")', "http://web.example"),
            (b'import x from "http://localhost:5173/x.js"', "http://localhost:5173"),
            (b'new EventSource("http://web.example/events")', "http://web.example"),
            (b'<a href="http://web.example/">', ""),
            (b"var base = 'http://localhost:3000'", ""),
            (b"wss://web.example/socket", ""),
            (b'<script src="https://web.example/a.js">', ""),
            (b"ws://other.example/", ""),
            (b"ws://web.example.org/", ""),
            (b"ws://webxexample/", ""),
            (b"ws://localhosts/", ""),
            (b"ws://localhost@other.example/", ""),
            (b"`ws://${location.host}/`", ""),
        ):
            self.assertEqual(insecure_address(answered(body), HOSTS), address, body)

    def test_the_first_of_several(self) -> None:
        body = b'<a href="http://web.example/">x</a> <script src="http://localhost:1/"> "ws://web.example"'
        self.assertEqual(insecure_address(answered(body), HOSTS), "http://localhost:1")

    def test_coded(self) -> None:
        body = gzip.compress(b"new WebSocket('ws://web.example/socket')")
        self.assertEqual(insecure_address(answered(body, coding=b"gzip"), HOSTS), "ws://web.example")
        self.assertEqual(insecure_address(answered(b"no gzip", coding=b"gzip"), HOSTS), "")

    def test_pages_and_scripts_alone(self) -> None:
        body = b"ws://localhost:1"
        for kind in (b"text/javascript", b"application/javascript", b"TEXT/HTML", b"application/xhtml+xml"):
            self.assertTrue(insecure_address(answered(body, kind), HOSTS), kind)
        for kind in (b"text/plain", b"application/json", b"text/markdown", b""):
            self.assertEqual(insecure_address(answered(body, kind), HOSTS), "", kind)
        for status in (304, 404, 500):
            self.assertEqual(insecure_address(answered(body, status=status), HOSTS), "", status)

    def test_as_far_as_it_is_looked_at(self) -> None:
        address = b"ws://localhost "
        for size, found in ((LOOKED_AT - len(address), True), (LOOKED_AT - 5, False)):
            self.assertEqual(bool(insecure_address(answered(b" " * size + address), HOSTS)), found, size)
        bomb = gzip.compress(b" " * (4 << 20) + address)
        self.assertEqual(insecure_address(answered(bomb, coding=b"gzip"), HOSTS), "")

    def test_a_name_is_no_pattern(self) -> None:
        self.assertEqual(insecure_address(answered(b"ws://anything/"), [b".*", b"(", b""]), "")
