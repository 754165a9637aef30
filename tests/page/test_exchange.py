"""An exchange: both sides, its parts, the time, the cause."""

from __future__ import annotations

import gzip
import json

from playwright.sync_api import expect

from tests.page.stage import PageTests

CAUSE = {
    "id": "9f3a61c2-14",
    "who": "service",
    "what": "service-refused",
    "sentence": "Nothing listens at localhost:3000.",
    "remedy": "Start your service.",
    "evidence": {"target": "localhost:3000", "seconds": 0.0012},
}


class SidesTests(PageTests):
    """Request and response, side by side."""

    def test_both_sides(self) -> None:
        """Headers, query, cookies, and a body that is laid out without changing a number."""
        body = '{"id":12345678901234567890,"price":12.50,"tags":["a"],"none":null}'
        self.stand.do(
            "http",
            method="POST",
            target="/orders?page=2&q=a+b%26c",
            request={"Cookie": "sid=abc; theme=dark", "Content-Type": "application/json"},
            request_body='{"a":1}',
            response={"Content-Type": "application/json", "Set-Cookie": "sid=def; HttpOnly"},
            response_body=body,
        )
        self.open()
        exchange = self.open_entry("/orders")
        request, response = exchange.locator(".side-request"), exchange.locator(".side-response")
        expect(request.get_by_test_id("body")).to_contain_text('"a": 1')
        expect(response.get_by_test_id("body")).to_contain_text('"id": 12345678901234567890,')
        expect(response.get_by_test_id("body")).to_contain_text('"price": 12.50')
        shown = response.locator(".text-view").inner_text().rstrip("\n").split("\n")
        self.assertEqual(shown[1:3], ['  "id": 12345678901234567890,', '  "price": 12.50,'])
        response.get_by_role("button", name="Raw").click()
        expect(response.get_by_test_id("body")).to_contain_text(body)
        response.get_by_role("button", name="Hex").click()
        expect(response.get_by_test_id("body")).to_contain_text("7b 22 69 64")
        request.get_by_role("tab", name="Query").click()
        expect(request.get_by_label("Query", exact=True)).to_contain_text("a b&c")
        request.get_by_role("tab", name="Cookies").click()
        expect(request).to_contain_text("theme")
        response.get_by_role("tab", name="Cookies").click()
        expect(response).to_contain_text("def; HttpOnly")
        response.get_by_role("tab", name="Headers").click()
        expect(response).to_contain_text("Content-Type")

    def test_changed_on_the_way(self) -> None:
        """What the service was asked with can be seen, and what was changed is pointed out."""
        self.stand.do("http", target="/a", request={"X-A": "1"}, sent={"X-A": "1", "X-Forwarded-For": "203.0.113.7"})
        self.open()
        request = self.open_entry("/a").locator(".side-request")
        expect(request.locator(".changed")).to_contain_text(["Host"])
        request.get_by_label("as it was sent to the service").check()
        expect(request).to_contain_text("X-Forwarded-For")

    def test_image(self) -> None:
        """An image is shown as one."""
        svg = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"><script>parent.hacked = 1</script></svg>'
        self.stand.do("http", target="/x.svg", response={"Content-Type": "image/svg+xml"}, response_body=svg)
        self.open()
        exchange = self.open_entry("/x.svg")
        expect(exchange.locator("figure")).to_contain_text("4 × 3")
        self.assertFalse(self.page.evaluate("'hacked' in window"))

    def test_preview(self) -> None:
        """A page is previewed without its scripts."""
        page = "<h1>Hello</h1><script>parent.hacked = 1; document.body.innerHTML = 'hacked'</script>"
        self.stand.do("http", target="/page", response={"Content-Type": "text/html"}, response_body=page)
        self.open()
        exchange = self.open_entry("/page")
        exchange.get_by_role("button", name="Preview").click()
        frame = exchange.frame_locator("iframe")
        expect(frame.locator("h1")).to_have_text("Hello")
        self.assertFalse(self.page.evaluate("'hacked' in window"))

    def test_long_body(self) -> None:
        """Of a long text only the lines in sight are in the document."""
        body = json.dumps(list(range(30_000)))
        self.stand.do("http", target="/long", response={"Content-Type": "application/json"}, response_body=body)
        self.open()
        exchange = self.open_entry("/long")
        lines = exchange.locator(".side-response .text-lines")
        expect(lines).to_contain_text("17,")
        self.assertLess(lines.locator(".text-line").count(), 200)
        lines.evaluate("element => { element.scrollTop = element.scrollHeight }")
        expect(lines).to_contain_text("29999")

    def test_decoded(self) -> None:
        """A body in a content coding is shown without it, and a form by its fields; both sizes are said."""
        packed = gzip.compress(b'{"answer": 42}' * 1).hex()
        fields = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        self.stand.do(
            "http",
            target="/packed",
            request={"Content-Type": "application/x-www-form-urlencoded"},
            request_body="a=1&b=x+y",
            response=fields,
            response_hex=packed,
        )
        self.open()
        exchange = self.open_entry("/packed")
        response = exchange.locator(".side-response")
        expect(response.get_by_test_id("body")).to_contain_text('"answer": 42')
        expect(response).to_contain_text("14 B decoded (gzip)")
        expect(exchange.locator(".side-request").get_by_label("Request body", exact=True)).to_contain_text("x y")

    def test_broken_coding(self) -> None:
        """A body that is not what its coding says is said to be that."""
        fields = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        self.stand.do("http", target="/broken", response=fields, response_hex="1f8b0800ffff")
        self.open()
        expect(self.open_entry("/broken").locator(".side-response .note")).to_contain_text("gzip")

    def test_body_grows(self) -> None:
        """An exchange that is under way changes in sight."""
        self.stand.do("http", target="/slow", status=None, open=True)
        self.open()
        exchange = self.open_entry("/slow")
        expect(exchange).to_contain_text("No response yet.")


class PartsTests(PageTests):
    """Timing and cause."""

    def test_timing(self) -> None:
        """Where the time went, and the link at that moment."""
        self.stand.do("http", target="/slow", seconds=2.0, ago=5)
        self.open()
        exchange = self.open_entry("/slow")
        exchange.get_by_role("tab", name="Timing").click()
        panel = exchange.get_by_role("tabpanel", name="Timing")
        expect(panel).to_contain_text("Waiting for the service")
        expect(panel).to_contain_text("1.4 s")
        expect(panel).to_contain_text("23 ms")
        expect(panel).to_contain_text("262 kB")

    def test_cause(self) -> None:
        """Who, what, the evidence, what to do, and the command that says the same."""
        self.stand.do("http", target="/gone", status=502, cause=CAUSE)
        self.open()
        cause = self.open_entry("/gone").get_by_test_id("cause")
        expect(cause).to_contain_text("The service")
        expect(cause).to_contain_text("service-refused")
        expect(cause).to_contain_text("Start your service.")
        cause.get_by_role("button", name="Evidence").click()
        expect(cause).to_contain_text("localhost:3000")
        cause.get_by_role("button", name="copy").click()
        expect(self.part("toast")).to_contain_text("copied")
        self.assertEqual(self.clipboard(), "sellia why 9f3a61c2-14")

    def test_address(self) -> None:
        """An exchange has an address, and Back closes it."""
        self.stand.do("http", target="/a")
        self.open()
        self.open_entry("/a")
        address = self.page.url
        self.assertIn("exchange=", address)
        self.page.go_back()
        expect(self.part("exchange")).not_to_be_attached()
        self.page.goto(address)
        expect(self.part("exchange")).to_be_visible()

    def test_gone(self) -> None:
        """An address of an exchange that is not kept any more says so."""
        self.expected = ("console: Failed to load resource",)
        self.open("exchange=999999")
        expect(self.page.get_by_label("Exchange", exact=True)).to_contain_text("not kept any more")
