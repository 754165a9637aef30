"""The list: live, of any length, paused, filtered by the address, marked; and what is shown while there is nothing."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.page.stage import PageTests


class EmptyTests(PageTests):
    """Before anything has come."""

    def test_address_and_lines(self) -> None:
        """The URL, a QR code, and lines for curl and wscat; the token is not in the address any more."""
        self.open()
        welcome = self.part("welcome")
        expect(welcome).to_contain_text("Waiting for the first request")
        expect(welcome).to_contain_text("curl -i https://demo.tunnel.example")
        expect(welcome).to_contain_text("wscat -c wss://demo.tunnel.example")
        code = welcome.get_by_role("img", name="QR code of https://demo.tunnel.example")
        expect(code).to_be_visible()
        self.page.wait_for_function("document.querySelector('.qr').naturalWidth > 0")
        self.assertNotIn("token", self.page.url)
        welcome.get_by_role("button", name="Copy curl line").click()
        expect(self.part("toast")).to_contain_text("copied")
        self.assertEqual(self.clipboard(), "curl -i https://demo.tunnel.example")

    def test_first_request(self) -> None:
        """The first request takes its place."""
        self.open()
        expect(self.part("welcome")).to_be_visible()
        self.stand.do("http", target="/first")
        expect(self.entry("/first")).to_be_visible()
        expect(self.part("welcome")).not_to_be_attached()


class ListTests(PageTests):
    """What the list shows."""

    def test_live(self) -> None:
        """Entries come as they begin, newest on top, and change as they end."""
        self.open()
        self.stand.do("http", target="/older", status=404, response={"Content-Type": "application/json"})
        self.stand.do("http", target="/newer", status=None, open=True)
        rows = self.page.locator(".entry")
        expect(rows).to_have_count(2)
        expect(rows.nth(0)).to_contain_text("/newer")
        expect(rows.nth(1)).to_contain_text("404")
        expect(rows.nth(1)).to_contain_text("JSON")
        expect(self.part("count")).to_have_text("2 entries")

    def test_cause_in_the_list(self) -> None:
        """A cause is said where the entry is."""
        cause = {"id": "a-1", "who": "service", "what": "refused", "sentence": "Nothing listens at localhost:3000."}
        self.stand.do("http", target="/gone", status=502, cause=cause)
        self.open()
        expect(self.entry("/gone")).to_contain_text("Nothing listens at localhost:3000.")

    def test_many(self) -> None:
        """Of very many entries only those in sight are in the document, and each can be reached."""
        self.stand.do("http", count=20_000, target="/n/{n}")
        self.open()
        expect(self.part("count")).to_have_text("20,000 entries")
        self.assertLess(self.page.locator(".entry").count(), 100)
        self.part("list").focus()
        self.page.keyboard.press("Shift+G")
        expect(self.entry("/n/0")).to_be_visible()
        self.page.keyboard.press("g")
        expect(self.entry("/n/19999")).to_be_visible()

    def test_pause(self) -> None:
        """While it is paused nothing moves, what is new is counted, and shown at a press."""
        self.stand.do("http", target="/before")
        self.open()
        expect(self.entry("/before")).to_be_visible()
        self.page.keyboard.press("p")
        self.stand.do("http", count=3, target="/later/{n}")
        expect(self.part("new-ones")).to_have_text("3 new")
        expect(self.page.locator(".entry")).to_have_count(1)
        self.part("new-ones").click()
        expect(self.page.locator(".entry")).to_have_count(4)
        self.page.keyboard.press("p")
        self.stand.do("http", target="/live-again")
        expect(self.entry("/live-again")).to_be_visible()

    def test_scrolled(self) -> None:
        """Away from the top nothing moves either."""
        self.stand.do("http", count=200, target="/n/{n}")
        self.open()
        expect(self.entry("/n/199")).to_be_visible()
        self.part("list").evaluate("element => { element.scrollTop = 900 }")
        expect(self.entry("/n/169")).to_be_in_viewport()
        place = self.entry("/n/169").bounding_box()
        self.stand.do("http", count=5, target="/new/{n}")
        expect(self.part("new-ones")).to_have_text("5 new")
        self.assertEqual(self.entry("/n/169").bounding_box(), place)
        self.part("new-ones").click()
        expect(self.entry("/new/4")).to_be_in_viewport()

    def test_clear_and_keep(self) -> None:
        """Clearing forgets what is over, but not what is kept."""
        self.stand.do("http", target="/one")
        self.stand.do("http", target="/two")
        self.open()
        self.open_entry("/one").get_by_role("button", name="Keep").click()
        expect(self.part("exchange").get_by_role("button", name="Keep")).to_have_attribute("aria-pressed", "true")
        self.page.get_by_role("button", name="Clear the list").click()
        expect(self.page.locator(".entry")).to_have_count(1)
        expect(self.entry("/one")).to_be_visible()

    def test_marking(self) -> None:
        """Several are marked with Shift and Ctrl, and something is done with all."""
        self.stand.do("http", count=5, target="/n/{n}")
        self.open()
        self.entry("/n/4").click(modifiers=["Control"])
        self.entry("/n/2").click(modifiers=["Control"])
        expect(self.part("marked")).to_contain_text("2 marked")
        self.part("marked").get_by_role("button", name="Remove").click()
        expect(self.page.locator(".entry")).to_have_count(3)
        expect(self.part("marked")).not_to_be_attached()


class FilterTests(PageTests):
    """The filter, which is in the address."""

    def test_suggestions(self) -> None:
        """Words of the language are offered, and taken by keyboard."""
        self.open()
        expect(self.part("welcome")).to_be_visible()
        self.page.keyboard.press("/")
        self.page.keyboard.type("-sta")
        option = self.page.get_by_role("option", name="status:5xx")
        expect(option).to_be_visible()
        self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("combobox", name="Filter")).to_have_value("-status:5xx")

    def test_filter_in_the_address(self) -> None:
        """The filter is part of the address, and what comes later is filtered too."""
        self.stand.do("http", method="POST", target="/api/orders", status=503)
        self.stand.do("http", target="/api/orders")
        self.open("filter=method:POST+status:5xx")
        rows = self.page.locator(".entry")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("503")
        expect(self.page.get_by_role("combobox", name="Filter")).to_have_value("method:POST status:5xx")
        self.stand.do("http", target="/hidden")
        self.stand.do("http", method="POST", target="/shown", status=500)
        expect(rows).to_have_count(2)
        self.page.get_by_role("button", name="Clear the filter").click()
        expect(rows).to_have_count(4)
        self.assertNotIn("filter=", self.page.url)

    def test_words(self) -> None:
        """Words are taken as they are typed; a minus takes out, and what is in bodies and messages is found."""
        self.stand.do("http", target="/a", response_body="the needle is here", response={"Content-Type": "text/plain"})
        self.stand.do("http", target="/b")
        id = self.stand.do("socket", target="/ws", frames=[[0, True, 0x81, "a needle in a message"]])
        self.stand.do("close", id=id, code=1006)
        self.open()
        rows = self.page.locator(".entry")
        expect(rows).to_have_count(3)
        field = self.page.get_by_role("combobox", name="Filter")
        for text, found in (
            ('body:"needle"', ["/a"]),
            ('message:"needle"', ["/ws"]),
            ("close:1006", ["/ws"]),
            ("-path:/a is:http", ["/b"]),
            ("tunnel:demo -is:websocket", ["/b", "/a"]),
        ):
            field.fill(text)
            field.press("Enter")
            expect(rows).to_contain_text(found)
            expect(rows).to_have_count(len(found))

    def test_wrong_filter(self) -> None:
        """What cannot be read is said, and the right one works at once."""
        self.expected = ("console: Failed to load resource",)
        self.stand.do("http", target="/a")
        self.open()
        field = self.page.get_by_role("combobox", name="Filter")
        field.fill("larger-than:ten")
        field.press("Enter")
        expect(self.part("filter-error")).to_contain_text("larger-than")
        field.fill("larger-than:0")
        field.press("Enter")
        expect(self.part("filter-error")).not_to_be_attached()

    def test_kinds(self) -> None:
        """Kinds are one click away, and nothing found is said as that."""
        self.stand.do("http", target="/a")
        self.open()
        self.page.get_by_role("group", name="Kinds").get_by_role("button", name="WebSocket").click()
        expect(self.page.locator(".nothing")).to_contain_text("is:websocket")
        self.stand.do("socket", target="/ws")
        expect(self.entry("/ws")).to_be_visible()
        self.page.get_by_role("group", name="Kinds").get_by_role("button", name="All").click()
        expect(self.page.locator(".entry")).to_have_count(2)
