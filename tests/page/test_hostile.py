"""Hostile visitors, whose every field is markup, in the page; and hostile pages in the browser of the owner."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from playwright.sync_api import Locator, expect

from tests.inspector.hostile import TEXTS
from tests.page.stage import PageTests
from tests.page.town import TownTests

#: Reports of the browser that something broke the page's policy.
WATCH = "window.broken = []; addEventListener('securitypolicyviolation', event => broken.push(event.violatedDirective))"


class VisitorTests(PageTests):
    """10,000 exchanges, as many as are kept of them."""

    def test_hostile_visitors(self) -> None:
        """No script runs, no element is made, the policy is not even tried, and the console has nothing to say."""
        self.context.add_init_script(WATCH)
        self.assertGreater(self.stand.do("hostile", count=10_000), 300)
        self.open()
        rows = self.page.locator(".entry")
        expect(rows.nth(10)).to_be_visible()
        listed = self.part("list")
        listed.focus()
        for _ in TEXTS:
            self.page.keyboard.press("j")
            exchange = self.part("exchange")
            expect(exchange).to_have_attribute("data-id", self._chosen())
            self.look_at_all(exchange)
        listed.evaluate("element => { element.scrollTop = element.scrollHeight }")
        self.page.wait_for_function("document.querySelector('[data-testid=list]').scrollTop > 1000")
        self.unhurt()

    def look_at_all(self, exchange: Locator) -> None:
        """Open every part of an exchange."""
        if exchange.get_by_role("tab", name="Messages").count():
            message = exchange.locator(".message").first
            if message.count():
                message.click()
                expect(self.part("message")).to_be_visible()
            exchange.get_by_role("tab", name="Handshake").click()
        if exchange.get_by_role("button", name="Evidence").count():
            exchange.get_by_role("button", name="Evidence").click()
        for name in ("Query", "Cookies", "Headers", "Body"):
            for tab in exchange.get_by_role("tab", name=name).all():
                tab.click()
        for name in ("Preview", "Hex", "Raw"):
            for button in exchange.get_by_role("button", name=name).all():
                button.click()

    def _chosen(self) -> str:
        self.page.wait_for_function("new URLSearchParams(location.search).has('exchange')")
        return str(self.page.evaluate("new URLSearchParams(location.search).get('exchange')"))

    def unhurt(self) -> None:
        """Nothing of what was shown has done anything."""
        self.assertFalse(self.page.evaluate("'hurt' in window"))
        self.assertEqual(self.page.evaluate("broken"), [])
        made = (
            "document.querySelectorAll('main script, main svg[onload], main [onerror], main base, main style').length"
        )
        self.assertEqual(self.page.evaluate(made), 0)
        self.assertEqual(self.page.evaluate("getComputedStyle(document.body).display"), "block")


class Elsewhere:
    """A server of pages that are not the inspector's."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>elsewhere</title><p>elsewhere")

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()


#: What a page tries; each returns what it has got, or how it failed.
TRIES = """async address => {
  const told = {};
  const attempt = async (name, run) => {
    try { told[name] = await run(); } catch { told[name] = "error"; }
  };
  const cookies = { credentials: "include" };
  const ended = (it, open) => new Promise(done => {
    it[open] = () => done(open);
    it.onerror = () => done("error");
  });
  const loaded = (name, tag, address) => attempt(name, () => {
    const element = document.createElement(tag);
    element.src = address;
    document.body.append(element);
    return ended(element, "onload");
  });
  const text = { "Content-Type": "text/plain" };
  const request = target => JSON.stringify({ tunnel: "node", target });
  await attempt("read", async () => (await fetch(`${address}/api/exchanges`, cookies)).text());
  await attempt("blind write", async () => {
    const how = { ...cookies, mode: "no-cors", method: "POST", headers: text, body: request("/written") };
    return (await fetch(`${address}/api/requests`, how)).type;
  });
  await attempt("delete", async () => (await fetch(address, { ...cookies, method: "DELETE" })).status);
  await attempt("events", () => ended(new EventSource(`${address}/api/events`, { withCredentials: true }), "onopen"));
  await attempt("socket", () => ended(new WebSocket(`${address.replace("http", "ws")}/api/events`), "onopen"));
  await loaded("script", "script", `${address}/api/status`);
  await loaded("module", "img", `${address}/icon.svg`);
  const frame = document.createElement("iframe");
  frame.src = address;
  document.body.append(frame);
  const opened = window.open(address);
  const form = document.createElement("form");
  Object.assign(form, { method: "POST", action: `${address}/api/requests`, enctype: "text/plain", target: "_blank" });
  const field = document.createElement("input");
  Object.assign(field, { name: `${request("/formed").slice(0, -1)}, "x": "`, value: '"}' });
  form.append(field);
  document.body.append(form);
  form.submit();
  await new Promise(done => setTimeout(done, 300));
  await attempt("opened", () => String(opened.document.title));
  await attempt("frame", () => frame.contentDocument.body.textContent);
  return told;
}"""


class PageElsewhereTests(TownTests):
    """Pages of another site, of another port of this machine, and of a name that leads here (DNS rebinding)."""

    def test_hostile_pages(self) -> None:
        """None reads anything or changes anything, although the owner's browser has the cookie."""
        self.live.ask("node", "/secret")
        self.open()
        expect(self.entry("/secret")).to_be_visible()
        elsewhere = Elsewhere()
        self.addCleanup(elsewhere.stop)
        for origin in ("evil.localhost", "127.0.0.1"):
            page = self.context.new_page()
            page.goto(f"http://{origin}:{elsewhere.port}/")
            told: dict[str, Any] = page.evaluate(TRIES, self.live.inspector)
            self.assertEqual(set(told.values()), {"error"}, told)
        port = self.live.inspector.rpartition(":")[2]
        rebound = self.context.new_page()
        answer = rebound.goto(f"http://rebound.localhost:{port}/api/exchanges?token={self.live.token}")
        assert answer is not None
        self.assertEqual(answer.status, 403)
        kept = self.live.api("/api/exchanges").json()["exchanges"]
        self.assertEqual([each["target"] for each in kept], ["/secret"])
        self.assertEqual((self.town.asked("/written"), self.town.asked("/formed")), ([], []))
