"""A WebSocket: its messages as they pass, gaps, fragments, pings, the chart, the end with its cause."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, expect

from tests.page.stage import PageTests

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A


class SocketTests(PageTests):
    def socket(self, *frames: list[Any], **given: Any) -> tuple[str, Locator]:
        """Open a WebSocket, and its messages in the page."""
        id = self.stand.do("socket", frames=list(frames), **given)
        self.open()
        self.open_entry("/ws")
        return id, self.part("timeline")

    def test_messages(self) -> None:
        """Direction, kind, size, time since the last, and a preview; then the content."""
        _, timeline = self.socket([0, True, TEXT, '{"a":1}'], [2, False, TEXT, "hello"], [3, False, BINARY, "hex:00ff"])
        rows = timeline.locator(".message")
        expect(rows).to_have_count(3)
        expect(rows.nth(0)).to_contain_text("from the visitor")
        expect(rows.nth(1)).to_contain_text("to the visitor")
        expect(rows.nth(1)).to_contain_text("+2.0 s")
        expect(rows.nth(2)).to_contain_text("binary")
        expect(rows.nth(2)).to_contain_text("2 B")
        rows.nth(0).click()
        expect(self.part("message")).to_contain_text('"a": 1')
        timeline.press("ArrowDown")
        expect(self.part("message")).to_contain_text("hello")
        timeline.press("ArrowDown")
        expect(self.part("message")).to_contain_text("00 ff")

    def test_live(self) -> None:
        """Messages come as they pass, and the state changes with the end."""
        id, timeline = self.socket([0, True, TEXT, "first"])
        expect(self.part("socket-state")).to_have_text("open")
        self.stand.do("frames", id=id, frames=[[5, False, TEXT, "second"]])
        expect(timeline).to_contain_text("second")
        self.stand.do("close", id=id, by="service", code=1000, reason="done")
        expect(self.part("socket-state")).to_have_text("closed")
        expect(self.part("end")).to_contain_text("Ended by the service with close code 1000: done.")

    def test_end_with_its_cause(self) -> None:
        """An end that is not plainly good says who and why."""
        id, _ = self.socket([0, True, TEXT, "x"])
        cause = {"id": "a-1", "who": "link", "what": "link-lost", "sentence": "The link did not come back in 60 s."}
        self.stand.do("close", id=id, by="sellia", code=1006, cause=cause)
        expect(self.part("end")).to_contain_text("The link did not come back in 60 s.")
        expect(self.part("cause")).to_contain_text("The link")

    def test_pings_and_fragments(self) -> None:
        """Both are shown when asked for; a message of fragments is one."""
        _, timeline = self.socket(
            [0, False, PING, "p"],
            [0.1, True, PONG, "p"],
            [1, True, 0x01, "one, "],
            [2, True, 0x00, "two, "],
            [3, True, 0x80, "three"],
        )
        rows = timeline.locator(".message")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("one, two, three")
        expect(rows).to_contain_text("3 parts")
        self.page.get_by_label("Pings").check()
        expect(rows).to_have_count(3)
        self.page.get_by_label("Fragments").check()
        expect(rows).to_have_count(6)
        expect(timeline.locator(".fragment").nth(2)).to_contain_text("final")

    def test_gap(self) -> None:
        """What is shown and what the gap counts are all that passed."""
        id, timeline = self.socket([0, True, TEXT, "x" * 400], limit=40_000)
        count = self.stand.do("frames", id=id, frames=[[1, False, TEXT, "y" * 400]], repeat=500)
        expect(self.part("exchange")).to_contain_text("501")
        timeline.evaluate("element => { element.scrollTop = 0 }")
        expect(self.part("gap")).to_have_count(1)

        def shown_and_left_out() -> int:
            told = self.page.evaluate(
                "fetch(`/api/exchanges/${new URLSearchParams(location.search).get('exchange')}`).then(r => r.json())"
            )
            left_out: int = told["timeline"]["gap"]["frames"]
            expect(self.part("gap")).to_contain_text(f"{left_out} frames left out")
            return left_out

        left_out = shown_and_left_out()
        # Rows of the timeline: the messages and the gap.
        height = timeline.locator(".virtual-all").evaluate("element => element.getBoundingClientRect().height")
        self.assertEqual(height / 26 - 1 + left_out, count)

    def test_direction_and_text(self) -> None:
        _, timeline = self.socket([0, True, TEXT, "apple"], [1, False, TEXT, "pear"], [2, False, TEXT, "plum"])
        rows = timeline.locator(".message")
        expect(rows).to_have_count(3)
        self.page.get_by_role("button", name="To visitor").first.click()
        expect(rows).to_have_count(2)
        self.page.get_by_label("Find in messages").fill("plum")
        expect(rows).to_have_count(1)

    def test_chart_and_heartbeat(self) -> None:
        """Losses of the link are marked on the chart, and the heartbeat is found."""
        frames: list[list[Any]] = []
        for turn in range(5):
            frames += [[turn * 20, False, PING, ""], [turn * 20 + 0.03, True, PONG, ""]]
        self.socket(*frames, [90, True, TEXT, "x"], ago=100, marks=[[30, "lost"], [35, "resumed"]])
        chart = self.part("chart")
        expect(chart.locator(".chart-mark")).to_have_count(2)
        expect(chart).to_contain_text("link lost")
        expect(self.part("heartbeat")).to_contain_text("ping frame of the service every 20 s, answered after 30 ms")
        chart.get_by_role("button", name="Bytes").click()
        expect(chart).to_contain_text("B at most")

    def test_marks_in_the_timeline(self) -> None:
        _, timeline = self.socket([0, True, TEXT, "a"], [9, True, TEXT, "b"], marks=[[3, "lost"], [4, "resumed"]])
        rows = timeline.locator("[role=option]")
        expect(rows.nth(1)).to_contain_text("the link was lost")
        expect(rows.nth(2)).to_contain_text("the link was resumed")

    def test_handshake(self) -> None:
        self.socket([0, True, TEXT, "a"], subprotocol="graphql-transport-ws", deflate=True)
        exchange = self.part("exchange")
        expect(exchange).to_contain_text("graphql-transport-ws")
        expect(exchange).to_contain_text("permessage-deflate, windows 15 and 15")
        exchange.get_by_role("tab", name="Handshake").click()
        expect(exchange.locator(".side-response")).to_contain_text("101 Switching Protocols")

    def test_thousands(self) -> None:
        """Very many messages scroll, and the end stays in sight while they come."""
        id, timeline = self.socket([0, True, TEXT, "first"], limit=8 << 20)
        self.stand.do("frames", id=id, frames=[[1, False, TEXT, "m"]], repeat=10_000)
        self.stand.do("frames", id=id, frames=[[20, False, TEXT, "the last"]])
        expect(timeline.locator(".message").filter(has_text="the last")).to_be_in_viewport()
        self.assertLess(timeline.locator(".message").count(), 100)
