"""Sellia's own answers can be read by whoever asked, and carry nothing of an attacker's."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import httptools
from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import (
    BAD_FRAME,
    BAD_SERVICE_RESPONSE,
    METHOD_NOT_ALLOWED,
    NO_SUCH_TUNNEL,
    OVERLOADED,
    PROBLEMS,
    RATE_LIMITED,
    RESPONSE_TIMEOUT,
    SERVICE_REFUSED,
    UNAUTHORIZED,
    problem_of,
)
from sellia.relay.http.error_responses import SHOWN_LENGTH, answer, preferred, public_detail, to_bytes
from sellia.relay.http.validation import validate

HTML = b"text/html; charset=utf-8"
JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"

FIREFOX = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
HOSTILE = '"><script>alert(1)</script>&\x1b]8;;http://evil\x07\r\nX: y\u202e\udc80'


class NegotiationTests(SynchronousTestCase):
    def test_who_gets_what(self) -> None:
        for accept, kind in (
            (b"", TEXT),
            (b"*/*", TEXT),
            (FIREFOX, HTML),
            (b"text/html", HTML),
            (b"TEXT/HTML;level=1", HTML),
            (b"application/json", JSON),
            (b"application/json, text/plain, */*", JSON),
            (b"application/problem+json", JSON),
            (b"application/*", JSON),
            (b"text/plain, application/json", TEXT),
            (b"text/*", TEXT),
            (b"*/*, application/json", JSON),
            (b"image/avif,image/webp,*/*;q=0.8", TEXT),
            (b"text/event-stream", TEXT),
        ):
            self.assertEqual(preferred(accept), kind, accept)

    def test_quality_decides(self) -> None:
        self.assertEqual(preferred(b"text/html;q=0.2, application/json;q=0.7"), JSON)
        self.assertEqual(preferred(b"text/html ; q = 0.9, */*"), TEXT)
        self.assertEqual(preferred(b"text/html;q=0"), TEXT)
        self.assertEqual(preferred(b"text/html;q=0.000, application/json;q=0.001"), JSON)

    def test_nonsense_gets_text(self) -> None:
        for accept in (
            b",,;;,",
            b"text/html;q=nan",
            b"text/html;q=-1",
            b"text/html;q=1e9",
            b"\xff\0",
            b"/",
            b"text/html;q=.",
        ):
            self.assertEqual(preferred(accept), TEXT, accept)
        self.assertEqual(preferred(b"x/y," * 100_000 + b"text/html"), TEXT)


class AnswerTests(SynchronousTestCase):
    def test_text_is_two_lines(self) -> None:
        response = answer(NO_SUCH_TUNNEL, host="demo.localhost")
        self.assertEqual(response.status, 404)
        lines = response.body.decode().splitlines()
        self.assertEqual(lines, [f"404 no-such-tunnel: {NO_SUCH_TUNNEL.sentence}", NO_SUCH_TUNNEL.remedy])

    def test_json(self) -> None:
        response = answer(
            SERVICE_REFUSED, accept=b"application/json", host="demo.localhost", target=b"/a?b", detail="Ouch."
        )
        self.assertEqual(
            json.loads(response.body),
            {
                "error": "service-refused",
                "status": 502,
                "message": SERVICE_REFUSED.sentence,
                "remedy": SERVICE_REFUSED.remedy,
                "detail": "Ouch.",
                "asked": "demo.localhost/a?b",
            },
        )
        self.assertEqual(
            set(json.loads(answer(SERVICE_REFUSED, accept=b"application/json").body)),
            {"error", "status", "message", "remedy"},
        )

    def test_html_says_what_failed_and_what_to_do_and_loads_nothing(self) -> None:
        response = answer(NO_SUCH_TUNNEL, accept=FIREFOX, host="demo.localhost", target="/x", detail="Sorry.")
        page = response.body.decode()
        seen = Page(page)
        for text in (NO_SUCH_TUNNEL.sentence, NO_SUCH_TUNNEL.remedy, "demo.localhost/x", "no-such-tunnel", "Sorry."):
            self.assertIn(text, seen.text)
        self.assertFalse(seen.tags & {"script", "img", "link", "iframe", "object", "a", "form"})
        self.assertNotIn("http://", page)
        self.assertNotIn("url(", page)
        self.assertIn("prefers-color-scheme: dark", page)
        self.assertIn(b"default-src 'none'", dict(response.headers)[b"Content-Security-Policy"])

    def test_every_answer_carries_its_word_and_is_never_cached(self) -> None:
        for problem in PROBLEMS.values():
            if problem.status is None:
                continue
            for accept in (b"", FIREFOX, b"application/json"):
                response = answer(problem, accept=accept)
                headers = dict(response.headers)
                self.assertEqual(response.status, problem.status)
                self.assertEqual(headers[b"Sellia-Error"], problem.code.encode())
                self.assertEqual(headers[b"Cache-Control"], b"no-store")
                self.assertEqual(headers[b"Vary"], b"Accept")
                self.assertEqual(headers[b"Content-Length"], b"%d" % len(response.body))
                self.assertEqual(headers[b"Content-Type"], preferred(accept))
                self.assertEqual(len(headers), len(response.headers))
                validate(response.headers)

    def test_headers_that_a_status_demands(self) -> None:
        self.assertEqual(
            dict(answer(UNAUTHORIZED, realm='a"b').headers)[b"WWW-Authenticate"],
            b'Basic realm="a\\"b", charset="UTF-8"',
        )
        self.assertEqual(dict(answer(RATE_LIMITED, retry_after=30).headers)[b"Retry-After"], b"30")
        self.assertIn(b"Retry-After", dict(answer(OVERLOADED).headers))
        self.assertIn(b"GET", dict(answer(METHOD_NOT_ALLOWED).headers)[b"Allow"])
        self.assertNotIn(b"Retry-After", dict(answer(NO_SUCH_TUNNEL).headers))

    def test_a_problem_without_a_status_is_no_answer(self) -> None:
        self.assertRaises(ValueError, answer, BAD_FRAME)

    def test_what_comes_from_outside_is_harmless(self) -> None:
        """No markup, no escape sequence, no line break, no change of direction, in any kind of answer."""
        for accept in (b"", FIREFOX, b"application/json"):
            for hostile in (HOSTILE, HOSTILE.encode("utf-8", "surrogatepass"), bytes(range(256))):
                response = answer(
                    NO_SUCH_TUNNEL, accept=accept, host=hostile, target=hostile, detail=HOSTILE, realm=HOSTILE
                )
                text = response.body.decode("utf-8")
                self.assertFalse(set(text) & set("\x1b\x07\x00\x85\r\u202e"))
                validate(response.headers)
                if accept == FIREFOX:
                    page = Page(text)
                    self.assertNotIn("script", page.tags)
                elif accept:
                    json.loads(text)
                else:
                    self.assertEqual(text.count("\n"), 2)

    def test_pages_of_other_sites_may_read_it(self) -> None:
        for problem in (NO_SUCH_TUNNEL, UNAUTHORIZED, RATE_LIMITED):
            self.assertNotIn(b"Access-Control-Allow-Origin", dict(answer(problem).headers))
            said = dict(answer(problem, cross_origin=True).headers)
            self.assertEqual(said[b"Access-Control-Allow-Origin"], b"*")
            self.assertNotIn(b"Access-Control-Allow-Credentials", said)

    def test_what_is_between_a_client_and_its_service_is_told_to_nobody_else(self) -> None:
        for word in ("service-refused", "service-unreachable", "service-tls-failed", "service-died"):
            self.assertEqual(public_detail(problem_of(word), "10.0.0.7:8080 did something."), "")
        self.assertEqual(public_detail(BAD_SERVICE_RESPONSE, "10.0.0.7:8080 sent something else."), "")
        self.assertEqual(public_detail(RESPONSE_TIMEOUT, "It took too long."), "It took too long.")

    def test_long_input_is_cut(self) -> None:
        text = answer(NO_SUCH_TUNNEL, accept=b"application/json", target="x" * 1000).body.decode()
        self.assertEqual(json.loads(text)["asked"], "x" * SHOWN_LENGTH + "…")
        self.assertLess(len(answer(NO_SUCH_TUNNEL, accept=FIREFOX, target=b"\0" * 1_000_000).body), 5000)


class WireTests(SynchronousTestCase):
    def test_a_parser_reads_it_back(self) -> None:
        for close in (False, True):
            response = answer(NO_SUCH_TUNNEL, accept=FIREFOX)
            received = Received()
            parser = httptools.HttpResponseParser(received)
            parser.feed_data(to_bytes(response, close=close))
            self.assertEqual(parser.get_status_code(), 404)
            self.assertEqual(received.body, response.body)
            self.assertTrue(received.complete)
            self.assertEqual(received.headers[: len(response.headers)], response.headers)
            self.assertEqual((b"Connection", b"close") in received.headers, close)

    def test_the_answer_to_head_has_the_length_but_no_body(self) -> None:
        response = answer(NO_SUCH_TUNNEL)
        octets = to_bytes(response, head=True)
        self.assertTrue(octets.startswith(b"HTTP/1.1 404 Not Found\r\n"))
        self.assertTrue(octets.endswith(b"\r\n\r\n"))
        self.assertIn(b"\r\nContent-Length: %d\r\n" % len(response.body), octets)


class Page(HTMLParser):
    """What a browser would make of a page: the tags in it, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


class Received:
    """The callbacks of httptools, recorded."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True
