"""What is done from the page, to real services through real tunnels: replay, edit, send, hold, compose."""

from __future__ import annotations

import base64
import contextlib
import threading
from typing import Any

import httpx
from playwright.sync_api import expect
from websockets.exceptions import ConnectionClosed

from tests.e2e.stage import wait_for_event
from tests.page.town import TownTests


class ReplayTests(TownTests):
    def test_replay_one(self) -> None:
        """A request again, byte for byte; it is marked, and linked to its origin."""
        body = b"\x00\x01binary \xff"
        self.live.ask("node", "/again?a=1", "POST", content=body, headers={"X-One": "1", "Authorization": "Bearer abc"})
        self.open()
        exchange = self.open_entry("/again")
        exchange.get_by_role("button", name="Replay", exact=True).click()
        again = self.town.wait_asked("/again?a=1", 2)
        first = self.town.wait_asked("/again?a=1")
        self.assertEqual(base64.b64decode(again["body"]), body)
        self.assertEqual(again, first)
        expect(self.page.locator(".entry")).to_have_count(2)
        expect(self.part("origin")).to_contain_text("Replay of")
        self.part("origin").click()
        expect(self.part("origin")).not_to_be_attached()

    def test_replay_many(self) -> None:
        """Several that are marked, in their order."""
        for number in range(3):
            self.live.ask("node", f"/many/{number}")
        self.open()
        expect(self.page.locator(".entry")).to_have_count(3)
        self.entry("/many/0").click(modifiers=["Control"])
        self.entry("/many/2").click(modifiers=["Shift", "Control"])
        self.entry("/many/1").click(modifiers=["Control"])
        expect(self.part("marked")).to_contain_text("3 marked")
        self.part("marked").get_by_role("button", name="Replay").click()
        for number in range(3):
            self.town.wait_asked(f"/many/{number}", 2)
        expect(self.part("toast")).to_contain_text("3 requests replayed")
        targets = [each["target"] for each in self.live.api("/api/exchanges?filter=is:replayed").json()["exchanges"]]
        self.assertEqual(targets, ["/many/0", "/many/1", "/many/2"])

    def test_edited(self) -> None:
        """Method, target, a field and the body are edited; what was left alone stays as it was."""
        self.live.ask("node", "/before", "POST", content="as it was", headers={"X-Stays": "yes", "X-Goes": "no"})
        self.open()
        self.open_entry("/before")
        self.page.keyboard.press("e")
        editor = self.part("editor")
        editor.get_by_label("Method").fill("PUT")
        editor.get_by_label("Target").fill("/edited?by=hand")
        editor.get_by_label("Body", exact=True).fill("as it is now")
        names = editor.locator(".header-field input:first-child")
        place = [each.input_value().lower() for each in names.all()].index("x-goes")
        editor.get_by_label(f"Value of field {place + 1}").fill("yes")
        editor.get_by_role("button", name="Send").click()
        asked = self.town.wait_asked("/edited?by=hand")
        self.assertEqual((asked["method"], base64.b64decode(asked["body"])), ("PUT", b"as it is now"))
        self.assertEqual((asked["headers"]["x-stays"], asked["headers"]["x-goes"]), ("yes", "yes"))
        expect(self.part("origin")).to_contain_text("edited")

    def test_compose(self) -> None:
        """A request from nothing, and what cannot be sent is said where it is written."""
        self.open()
        expect(self.part("welcome")).to_be_visible()
        self.page.keyboard.press("c")
        editor = self.part("editor")
        editor.get_by_label("Tunnel").select_option("node")
        editor.get_by_label("Method").fill("PATCH")
        editor.get_by_label("Target").fill("no slash")
        self.expected = ("console: Failed to load resource",)
        editor.get_by_role("button", name="Send").click()
        expect(editor.get_by_role("alert")).to_contain_text("target")
        editor.get_by_label("Target").fill("/composed")
        editor.get_by_role("button", name="Add a field").click()
        editor.get_by_label("Name of field 1").fill("X-Made")
        editor.get_by_label("Value of field 1").fill("here")
        editor.get_by_label("The body is written in hexadecimal").check()
        editor.get_by_label("Body", exact=True).fill("00 ff")
        editor.get_by_role("button", name="Send").click()
        asked = self.town.wait_asked("/composed")
        self.assertEqual((asked["method"], asked["headers"]["x-made"]), ("PATCH", "here"))
        self.assertEqual(base64.b64decode(asked["body"]), b"\x00\xff")
        expect(self.part("exchange")).to_contain_text("/composed")


class SocketTests(TownTests):
    def test_send_both_ways(self) -> None:
        """Messages are sent into an open WebSocket, to the service and to the visitor, and are marked."""
        with self.live.socket("node", "/echo?both") as visitor:
            visitor.send("first")
            self.assertEqual(visitor.recv(), "first")
            self.open()
            self.open_entry("/echo?both")
            field = self.page.get_by_label("Message to send")
            field.fill("from the page")
            field.press("Enter")
            wait_for_event(self.town.node, event="message", text="from the page", url="/echo?both")
            self.assertEqual(visitor.recv(60), "from the page")
            self.page.get_by_role("group", name="Direction to send").get_by_text("To visitor").click()
            self.page.get_by_label("Kind of message").select_option("binary")
            field.fill("de ad be ef")
            field.press("Enter")
            self.assertEqual(visitor.recv(60), b"\xde\xad\xbe\xef")
            timeline = self.part("timeline")
            expect(timeline.locator(".message").filter(has_text="sent here")).to_have_count(2)

    def test_heartbeat_and_close(self) -> None:
        """Pings of the service are found to be a heartbeat; the end has its code, its reason, and who it was."""
        with self.live.socket("node", "/echo?ping=200") as visitor:
            self.open()
            self.open_entry("/echo?ping=200")
            expect(self.part("heartbeat")).to_contain_text("of the service every")
            visitor.send("close 4001 as asked")
            _received_all(visitor)
        expect(self.part("socket-state")).to_have_text("closed")
        expect(self.part("end")).to_contain_text("4001")
        expect(self.part("end")).to_contain_text("service")

    def test_cause(self) -> None:
        """A service that drops the connection is what the end is blamed on, and the evidence is there."""
        with self.live.socket("node", "/echo?dropped") as visitor:
            visitor.send("drop")
            _received_all(visitor)
        self.open()
        self.open_entry("/echo?dropped")
        cause = self.part("cause")
        expect(cause).to_contain_text("The service")
        cause.get_by_role("button", name="Evidence").click()
        expect(cause.locator(".evidence")).not_to_be_empty()

    def test_replay_a_visitor(self) -> None:
        """The visitor's side again, with its messages; and a WebSocket that is composed."""
        with self.live.socket("node", "/echo?replayed") as visitor:
            for text in ("one", "two"):
                visitor.send(text)
                visitor.recv()
        self.open()
        self.open_entry("/echo?replayed").get_by_role("button", name="Replay", exact=True).click()
        expect(self.part("origin")).to_contain_text("Replay of")
        rows = self.part("timeline").locator(".message")
        expect(rows.filter(has_text="two")).to_have_count(2)
        self.page.keyboard.press("c")
        editor = self.part("editor")
        editor.get_by_label("Tunnel").select_option("node")
        editor.get_by_role("group", name="What is opened").get_by_text("WebSocket").click()
        editor.get_by_label("Target").fill("/echo?composed")
        editor.get_by_role("button", name="Send").click()
        expect(self.part("socket-state")).to_have_text("open")
        field = self.page.get_by_label("Message to send")
        self.page.get_by_label("Kind of message").select_option("text")
        self.page.get_by_role("group", name="Direction to send").get_by_text("To service").click()
        field.fill("hello")
        field.press("Enter")
        expect(self.part("timeline").locator(".message").filter(has_text="hello")).to_have_count(2)
        field.fill("close 1000 done")
        field.press("Enter")
        expect(self.part("socket-state")).to_have_text("closed")


class HoldTests(TownTests):
    def prepare(self) -> None:
        super().prepare()
        self.live.api("/api/holds", "DELETE")
        self.addCleanup(self.live.api, "/api/holds", "DELETE")

    def hold(self, filter: str, what: str = "Requests", seconds: str = "60", text: str = "") -> None:
        """Add a hold by the dialog."""
        self.page.get_by_role("button", name="Holds", exact=True).click()
        dialog = self.part("holds")
        dialog.get_by_role("group", name="What is held").get_by_text(what).click()
        dialog.get_by_label("Filter of the hold").fill(filter)
        dialog.get_by_label("Time limit").select_option(seconds)
        if text:
            dialog.get_by_label("Text in the messages").fill(text)
        dialog.get_by_role("button", name="Hold", exact=True).click()
        expect(dialog.locator(".hold-list li")).to_have_count(1)
        self.page.keyboard.press("Escape")

    def visit(self, target: str) -> tuple[threading.Thread, list[Any]]:
        """A visitor who waits for an answer."""
        told: list[Any] = []

        def ask() -> None:
            try:
                told.append(self.live.ask("node", target, "POST", content=b"held"))
            except httpx.HTTPError as error:
                told.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        return thread, told

    def test_requests(self) -> None:
        """A request is held with its time limit in sight, edited and let go of; another one is dropped."""
        self.open()
        self.hold("path:/held")
        thread, told = self.visit("/held/one")
        held = self.part("held")
        expect(held).to_contain_text("POST /held/one")
        expect(held.locator(".countdown")).to_contain_text("s")
        self.assertEqual(self.town.asked("/held/one"), [])
        held.get_by_role("button", name="Edit").click()
        editor = self.part("held-editor")
        editor.get_by_label("Target").fill("/held/edited")
        editor.get_by_label("Body", exact=True).fill("edited")
        editor.get_by_role("button", name="Let go").click()
        thread.join(60)
        self.assertEqual(told[0].status_code, 200)
        self.assertEqual(base64.b64decode(self.town.wait_asked("/held/edited")["body"]), b"edited")
        thread, told = self.visit("/held/two")
        self.part("held").get_by_role("button", name="Drop").click()
        thread.join(60)
        self.assertEqual(told[0].status_code, 403)
        self.assertEqual(self.town.asked("/held/two"), [])

    def test_time_limit(self) -> None:
        """What nobody decides about goes on by itself."""
        self.live.api("/api/holds", "POST", json={"what": "requests", "filter": "path:/short", "seconds": 1})
        self.open()
        thread, told = self.visit("/short")
        thread.join(60)
        self.assertEqual(told[0].status_code, 200)
        expect(self.part("held")).not_to_be_attached()

    def test_messages(self) -> None:
        """Messages that match are held in both directions; others pass them by no means."""
        with self.live.socket("node", "/echo?holds", compression=None) as visitor:
            self.open()
            self.hold("path:/echo", "Messages", text="stop")
            visitor.send("stop me")
            held = self.part("held")
            expect(held).to_contain_text("stop me")
            held.get_by_role("button", name="Edit").click()
            editor = self.part("held-editor")
            editor.get_by_label("Message", exact=True).fill("go on")
            editor.get_by_role("button", name="Let go").click()
            self.assertEqual(visitor.recv(60), "go on")
            visitor.send("stop again")
            self.part("held").get_by_role("button", name="Drop").click()
            expect(self.part("held")).not_to_be_attached()
            visitor.send("after it")
            self.assertEqual(visitor.recv(60), "after it")


def _received_all(visitor: Any) -> None:
    """Read until the WebSocket has ended."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            visitor.recv(60)
