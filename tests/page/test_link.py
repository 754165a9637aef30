"""The page while the link is lost and comes back, cut by a proxy between; and while the client is away."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.chaos.proxy import FaultProxy
from tests.e2e.stage import server
from tests.page.live import Live, LiveTests
from tests.page.town import town


class LinkTests(LiveTests):
    proxy: FaultProxy

    @classmethod
    def make(cls) -> Live:
        cls.proxy = FaultProxy(server().port)
        cls.addClassCleanup(cls.proxy.close)
        return Live("linked", {"node": town().node_port}, link_port=cls.proxy.port)

    def test_drop_and_resume(self) -> None:
        """A lost link is said on top, and marked in the timeline and the chart of a WebSocket that outlives it."""
        with self.live.socket("node", "/echo?link") as visitor:
            visitor.send("before")
            visitor.recv()
            self.open()
            self.open_entry("/echo?link")
            expect(self.part("timeline")).to_contain_text("before")
            self.proxy.refuse()
            self.proxy.cut()
            expect(self.part("link-lost")).to_contain_text("Visitors wait")
            self.proxy.heal()
            expect(self.part("link-lost")).not_to_be_attached()
            visitor.send("after")
            self.assertEqual(visitor.recv(60), "after")
            timeline = self.part("timeline")
            expect(timeline).to_contain_text("the link was lost")
            expect(timeline).to_contain_text("the link was resumed")
            expect(timeline).to_contain_text("after")
            expect(self.part("chart").locator(".chart-mark.lost")).to_have_count(1)
            expect(self.part("chart").locator(".chart-mark.resumed")).to_have_count(1)
            expect(self.part("chart")).to_contain_text("link lost")

    def test_client_ends_and_comes_back(self) -> None:
        """A client that has ended is said to be away; a new run has a new token, whose URL opens the page again."""
        self.expected = ("console: Failed to load resource", "console: net::ERR")
        own = Live("again", {"node": town().node_port})
        self.addCleanup(own.client.stop)
        own.ask("node", "/before")
        self.page.goto(own.url)
        expect(self.entry("/before")).to_be_visible()
        address = own.inspector.removeprefix("http://")
        own.client.stop()
        expect(self.part("lost")).to_contain_text("does not answer")
        expect(self.entry("/before")).to_be_visible()
        own.start(address)
        expect(self.part("refused")).to_contain_text("open the address that it has printed")
        self.page.goto(own.url)
        expect(self.part("welcome")).to_be_visible()
        own.ask("node", "/after")
        expect(self.entry("/after")).to_be_visible()
