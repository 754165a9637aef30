"""The frame: the connection to the client, keys, colours, a telephone, accessibility, errors, and hostile visitors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.page.stage import PageTests
from tests.ui.vendor import NODE_MODULES

CAUSE = {
    "id": "9f3a61c2-14",
    "who": "service",
    "what": "service-refused",
    "sentence": "Nothing listens at localhost:3000.",
    "remedy": "Start your service.",
    "evidence": {"target": "localhost:3000", "seconds": 0.0012},
}

AXE = NODE_MODULES / "axe-core" / "axe.min.js"


def violations(page: Page) -> list[Any]:
    """Return what axe-core has found wrong."""
    # Evaluated by the browser's debugger, which no policy of the page keeps out.
    page.evaluate(Path(AXE).read_text())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
    return [
        (each["id"], node["target"], node.get("failureSummary"))
        for each in found["violations"]
        for node in each["nodes"]
    ]


class ConnectionTests(PageTests):
    """The connection to the client."""

    def test_link(self) -> None:
        """A lost link is said, and that it is back."""
        self.open()
        expect(self.page.locator(".linkstate")).to_contain_text("Connected")
        link = {"state": "lost", "seconds": 3.0, "round_trip": None, "reason": "the server closed the connection"}
        self.stand.do("status", link=link)
        expect(self.part("link-lost")).to_contain_text("the server closed the connection")
        self.stand.do("status")
        expect(self.part("link-lost")).not_to_be_attached()

    def test_lost_and_back(self) -> None:
        """A client that does not answer is said to be lost; the page comes back by itself, with what it has missed."""
        self.expected = ("console: Failed to load resource", "console: net::ERR")
        self.stand.do("http", target="/before")
        self.open()
        expect(self.entry("/before")).to_be_visible()
        self.context.set_offline(True)
        self.stand.do("drop")
        expect(self.part("lost")).to_be_visible()
        self.stand.do("http", target="/meanwhile")
        self.context.set_offline(False)
        expect(self.part("lost")).not_to_be_attached()
        expect(self.entry("/meanwhile")).to_be_visible()

    def test_refused(self) -> None:
        """A client that was started anew has another token: the page says so."""
        self.expected = ("console: Failed to load resource",)
        self.open()
        expect(self.part("welcome")).to_be_visible()
        self.context.clear_cookies()
        self.stand.do("drop")
        expect(self.part("refused")).to_contain_text("open the address that it has printed")


class KeyTests(PageTests):
    """Keys."""

    def test_keys(self) -> None:
        self.stand.do("http", count=3, target="/n/{n}")
        self.open()
        expect(self.entry("/n/0")).to_be_visible()
        url = self.page.locator(".open-head .url")
        self.page.keyboard.press("j")
        expect(url).to_contain_text("/n/2")
        self.page.keyboard.press("j")
        expect(url).to_contain_text("/n/1")
        self.page.keyboard.press("k")
        expect(url).to_contain_text("/n/2")
        self.page.keyboard.press("x")
        expect(self.part("marked")).to_contain_text("1 marked")
        self.page.keyboard.press("Escape")
        expect(self.part("marked")).not_to_be_attached()
        self.page.keyboard.press("e")
        expect(self.part("editor")).to_be_visible()
        self.page.keyboard.press("Escape")
        expect(self.part("editor")).not_to_be_attached()
        self.page.keyboard.press("Escape")
        expect(self.part("exchange")).not_to_be_attached()
        self.page.keyboard.press("?")
        expect(self.part("help")).to_contain_text("pause, or go on")
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("/")
        self.page.keyboard.type("jkp")
        expect(self.page.get_by_role("combobox", name="Filter")).to_have_value("jkp")

    def test_theme(self) -> None:
        """Light and dark are chosen, and remembered."""
        self.open()
        root = self.page.locator("html")
        self.page.get_by_role("button", name="Colours").click()
        expect(root).to_have_attribute("data-theme", "light")
        self.page.get_by_role("button", name="Colours").click()
        expect(root).to_have_attribute("data-theme", "dark")
        self.assertEqual(self.page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(18, 19, 22)")
        self.page.reload()
        expect(root).to_have_attribute("data-theme", "dark")

    def test_width(self) -> None:
        """The list's share is changed by keys."""
        self.stand.do("http", target="/a")
        self.open()
        self.open_entry("/a")
        divider = self.page.get_by_role("separator", name="Width of the list")
        divider.press("ArrowRight")
        expect(divider).to_have_attribute("aria-valuenow", "44")


class PhoneTests(PageTests):
    """A telephone."""

    width, height = 390, 800

    def test_phone(self) -> None:
        """Nothing is wider than the screen, and an exchange takes all of it."""
        self.stand.do("http", count=30, target="/a/rather/long/path/{n}?with=a&rather=long&query=string")
        self.stand.do("socket", frames=[[0, True, 0x81, "a message " * 30]])
        self.open()
        expect(self.entry("/ws")).to_be_visible()
        self.assertEqual(self._overflow(), 0)
        self.open_entry("/ws")
        expect(self.part("timeline")).to_be_visible()
        expect(self.part("list")).not_to_be_visible()
        self.assertEqual(self._overflow(), 0)
        self.part("exchange").get_by_role("button", name="Close", exact=True).click()
        self.open_entry("/path/29")
        self.assertEqual(self._overflow(), 0)

    def _overflow(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


class AccessibilityTests(PageTests):
    """axe-core finds nothing wrong, in light and dark."""

    def check(self, what: str) -> None:
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            self.assertEqual(violations(self.page), [], f"{what}, {scheme}")

    def test_empty(self) -> None:
        self.open()
        expect(self.part("welcome")).to_be_visible()
        self.check("empty")

    def test_exchange(self) -> None:
        """The list beside an exchange: each of its parts."""
        self.stand.do(
            "http",
            method="POST",
            target="/orders?page=2",
            request={"Cookie": "sid=abc", "Content-Type": "application/x-www-form-urlencoded"},
            request_body="a=1&b=2",
            response={"Content-Type": "application/json", "Set-Cookie": "sid=def"},
            response_body=json.dumps(list(range(2000))),
            sent={"X-Forwarded-For": "203.0.113.7"},
            status=502,
            cause=CAUSE,
        )
        self.open()
        exchange = self.open_entry("/orders")
        expect(exchange.locator(".text-lines")).to_contain_text("17,")
        self.check("bodies")
        exchange.get_by_role("button", name="Evidence").click()
        for side in (".side-request", ".side-response"):
            for tab in ("Headers", "Cookies"):
                exchange.locator(side).get_by_role("tab", name=tab).click()
        self.check("headers and cookies")
        exchange.locator(".side-request").get_by_role("tab", name="Query").click()
        exchange.get_by_role("button", name="Copy as", exact=True).click()
        self.check("query, and a menu")
        self.page.keyboard.press("Escape")
        exchange.get_by_role("tab", name="Timing").click()
        self.check("timing")

    def test_socket(self) -> None:
        """A WebSocket that is open, with a message of it and the composer."""
        frames: list[list[Any]] = [[at, at % 2 == 0, 0x81, json.dumps({"at": at})] for at in range(60)]
        frames += [[at, True, 0x89, "p"] for at in (61, 71, 81)]
        self.stand.do("socket", frames=frames, limit=4000, marks=[[20, "lost"], [22, "resumed"]])
        self.open()
        exchange = self.open_entry("/ws")
        exchange.locator(".message").first.click()
        expect(self.part("message")).to_be_visible()
        self.check("socket")
        exchange.get_by_role("tab", name="Handshake").click()
        self.check("handshake")

    def test_dialogs(self) -> None:
        """Every dialog, and the words of the filter."""
        self.expected = ("console: Failed to load resource",)
        self.stand.do("http", target="/a")
        self.open()
        self.open_entry("/a")
        for key, name in (("?", "help"), ("h", "holds"), ("c", "editor"), ("e", "editor")):
            self.page.keyboard.press(key)
            expect(self.part(name)).to_be_visible()
            self.check(name)
            self.page.keyboard.press("Escape")
            expect(self.part(name)).not_to_be_attached()
        self.page.get_by_role("button", name="More", exact=True).click()
        self.page.get_by_role("menuitem", name="Import HAR").click()
        expect(self.part("import")).to_be_visible()
        self.check("import")
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("/")
        self.page.keyboard.type("wrong:word")
        expect(self.part("filter-error")).to_be_visible()
        self.check("a wrong filter")


class FaultTests(PageTests):
    """Errors."""

    def test_faults_are_shown(self) -> None:
        """A fault of the page itself is shown, not swallowed."""
        self.expected = ("error: a fault",)
        self.open()
        self.page.evaluate("setTimeout(() => { throw new Error('a fault') })")
        expect(self.part("toast")).to_contain_text("a fault")

    def test_markup_from_outside(self) -> None:
        """Whatever visitors send is text: no script runs, no element is made, nothing is complained of."""
        evil = "<img src=x onerror=hacked=1><script>hacked=1</script>'\"><svg/onload=hacked=1>\u202e\u0000\u001b[31m"
        header = evil.replace("\u0000", "")
        self.stand.do(
            "http",
            method="<b>GET</b>",
            target=f"/{evil}?{evil}={evil}",
            request={"Cookie": f"{header}={header}", header: header},
            response={"Content-Type": header, "Set-Cookie": header},
            request_body=evil,
            response_body=evil,
            status=502,
            cause={
                "id": evil,
                "who": "unknown",
                "what": evil,
                "sentence": evil,
                "remedy": evil,
                "evidence": {evil: evil},
            },
        )
        frames = [[0, True, 0x81, header], [1, False, 0x82, evil]]
        id = self.stand.do("socket", target=f"/ws/{evil}", frames=frames, subprotocol=evil)
        self.stand.do("close", id=id, code=1000, reason=evil)
        self.open()
        rows = self.page.locator(".entry")
        expect(rows).to_have_count(2)
        rows.nth(1).click()
        exchange = self.part("exchange")
        exchange.get_by_role("button", name="Evidence").click()
        for tab in ("Query", "Cookies", "Headers", "Body"):
            exchange.get_by_role("tab", name=tab).first.click()
        exchange.get_by_role("tab", name="Timing").click()
        rows.nth(0).click()
        expect(self.part("timeline")).to_contain_text("<img src=x")
        self.part("timeline").locator(".message").first.click()
        expect(self.part("message")).to_contain_text("<script>")
        self.assertFalse(self.page.evaluate("'hacked' in window"))
        self.assertEqual(self.page.evaluate("document.querySelectorAll('main img, main script').length"), 0)
