"""Real traffic in the page: Vite's hot updates, Socket.IO, GraphQL, server-sent events, cases of Autobahn's suite."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from playwright.sync_api import expect
from websockets.typing import Subprotocol

from tests.e2e.stage import node_argv, wait_for_event
from tests.page.town import TownTests
from tests.processes import Process


class TrafficTests(TownTests):
    def test_vite(self) -> None:
        """A page with hot updates in another tab: its socket is in the list, and the update in its timeline."""
        self.open()
        visitor = self.context.new_page()
        visitor.goto(f"http://{self.live.host('vite')}/")
        expect(visitor.locator("#app")).to_have_text("as it was")
        self.entry("token=").click()
        timeline = self.part("timeline")
        expect(timeline).to_contain_text("connected")
        source = self.town.application / "text.js"
        before = source.read_text()
        source.write_text("export const text = 'as it is now';\n")
        expect(visitor.locator("#app")).to_have_text("as it is now")
        row = timeline.locator(".message").filter(has_text="update")
        expect(row).to_contain_text("/main.js")
        expect(row).to_contain_text("vite")
        visitor.close()
        expect(self.part("socket-state")).to_have_text("closed")
        source.write_text(before)

    def test_socket_io(self) -> None:
        """Events of Socket.IO by their names, from the visitor and to it."""
        visitor = Process(
            node_argv("socket_io_visitor.js", f"http://{self.live.host('node')}", "hello"), name="socket_io_visitor.js"
        )
        self.addCleanup(visitor.stop)
        wait_for_event(visitor, event="chat", said="HELLO")
        self.open("filter=is:websocket")
        self.open_entry("/socket.io/")
        rows = self.part("timeline").locator(".message").filter(has_text="chat")
        expect(rows).to_have_count(2)
        expect(rows.nth(0)).to_contain_text("socket.io")
        expect(rows.nth(0)).to_contain_text("hello")
        rows.nth(1).click()
        expect(self.part("message")).to_contain_text('"said": "HELLO"')

    def test_graphql_ws(self) -> None:
        """A subscription, from its start to its end."""
        with self.live.socket("node", "/graphql", subprotocols=[Subprotocol("graphql-transport-ws")]) as visitor:
            visitor.send(json.dumps({"type": "connection_init"}))
            self.assertIn("connection_ack", visitor.recv())
            query = {"query": "subscription Ticks { ticks }"}
            visitor.send(json.dumps({"id": "1", "type": "subscribe", "payload": query}))
            while "complete" not in visitor.recv():
                pass
            self.open()
            self.open_entry("/graphql")
            timeline = self.part("timeline")
            expect(timeline.locator(".message").filter(has_text="subscription Ticks")).to_contain_text("graphql-ws")
            expect(timeline.locator(".message").filter(has_text="next 1")).to_have_count(3)
            expect(self.part("exchange").locator(".socket-facts")).to_contain_text("graphql-transport-ws")

    def test_events(self) -> None:
        """Server-sent events of uvicorn, while they come."""
        import httpx

        url = f"http://127.0.0.1:{self.live.port}/stream"
        headers = {"Host": self.live.host("sse")}
        with httpx.stream("GET", url, headers=headers, timeout=60, trust_env=False) as response:
            lines = response.iter_lines()
            while next(lines) != "id: 3":
                pass
            self.open()
            body = self.open_entry("/stream").locator(".side-response")
            expect(body).to_contain_text("3 events")
            expect(body.get_by_test_id("body")).to_contain_text('"number": 3')
            self.live.ask("sse", "/more")
            expect(body.get_by_test_id("body")).to_contain_text('"number": 4')

    def test_autobahn(self) -> None:
        """Cases of Autobahn's suite as the traffic: fragments are joined, what is compressed is read."""
        out = str(Path(self.mktemp()).absolute())
        cases = "1.1.2,5.3,7.7.5,12.1.3"
        host = self.live.host("echo").partition(":")[0]
        fuzzer = ("-m", "tests.conformance.fuzz", "client", str(self.live.port), out, cases, host)
        Process([sys.executable, *fuzzer], name="fuzzer").wait_for_exit()
        verdicts = json.loads(Path(out).read_text())
        self.assertEqual(len(verdicts), 4)
        self.open("filter=is:websocket+tunnel:echo")
        rows = self.page.locator(".entry")
        expect(rows).to_have_count(4)
        found = self.live.api("/api/exchanges?filter=tunnel:echo").json()["exchanges"]
        details = [self.live.api(f"/api/exchanges/{each['id']}").json() for each in found]
        (packed,) = (each["id"] for each in details if each["timeline"]["deflate"] and each["messages"]["frames"] > 100)
        messages = self.live.api(f"/api/exchanges/{packed}/messages?decoded=1").json()["messages"]
        data = [each for each in messages if each["kind"] in ("text", "binary")]
        sent, back = ([each["title"] for each in data if each["from_visitor"] is way] for way in (True, False))
        self.assertGreater(len(sent), 100)
        self.assertEqual(sent, back)
        self.page.goto(f"{self.live.inspector}/?exchange={packed}")
        timeline = self.part("timeline")
        expect(timeline.locator(".message").first).to_contain_text("·z")
        timeline.locator(".message").first.click()
        expect(self.part("message")).to_contain_text("decoded (permessage-deflate)")
