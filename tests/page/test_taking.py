"""What is taken along from the page, and is good for something: lines that are run, files that are read, tests."""

from __future__ import annotations

import base64
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import FilePayload, Locator, expect

from tests.e2e.stage import NODE_PROGRAMS, program, run
from tests.page.town import TownTests


class TakingTests(TownTests):
    def taken(self, menu: Locator, item: str) -> str:
        """Return the text of a file that an item of a menu saves."""
        menu.click()
        with self.page.expect_download() as download:
            self.page.get_by_role("menuitem", name=item).click()
        return Path(download.value.path()).read_text()

    def copied(self, exchange: Locator, form: str) -> str:
        """Return what an item of the menu puts on the clipboard."""
        self.page.evaluate("navigator.clipboard.writeText('')")
        exchange.get_by_role("button", name="Copy as", exact=True).click()
        self.page.get_by_role("menuitem", name=form, exact=True).click()
        expect(self.part("toast").last).to_contain_text(f"{form}")
        self.page.wait_for_function("navigator.clipboard.readText().then(text => text !== '')")
        return self.clipboard()

    def test_copy_as(self) -> None:
        """Each form; the line for bash is run and does the same, secrets are replaced until they are wanted."""
        body = b"it's\x00binary\xff"
        headers = {"Authorization": "Bearer s3cret", "X-Quoted": "a'b\"c$d"}
        self.live.ask("node", "/copied?key=k3y&a='b'", "PUT", content=body, headers=headers)
        self.open()
        exchange = self.open_entry("/copied")
        for form, begin in (
            ("cURL for PowerShell", "@'"),
            ("cURL for cmd", "curl"),
            ("fetch", "await fetch("),
            ("HTTPie", "echo"),
            ("Python", "import"),
        ):
            text = self.copied(exchange, form)
            self.assertIn(begin, text, form)
            self.assertNotIn("s3cret", text)
            self.assertNotIn("k3y", text)
        self.assertNotIn("s3cret", self.copied(exchange, "cURL for bash"))
        self.part("redact").click()
        line = self.copied(exchange, "cURL for bash")
        self.part("redact").click()
        self.assertEqual(run(["bash", "-c", line], env={"no_proxy": "*"}).status, 0)
        first = self.town.asked("/copied?key=k3y&a='b'") or self.town.asked("/copied?key=k3y&a=%27b%27")
        again = self.town.wait_asked(first[0]["url"], 2)
        self.assertEqual((again["method"], base64.b64decode(again["body"])), ("PUT", body))
        self.assertEqual(
            (again["headers"]["x-quoted"], again["headers"]["authorization"]), ("a'b\"c$d", "Bearer s3cret")
        )

    def test_sockets(self) -> None:
        """A line for wscat and for websocat."""
        with self.live.socket("node", "/echo?copied"):
            pass
        self.open()
        exchange = self.open_entry("/echo?copied")
        for form in ("wscat", "websocat"):
            text = self.copied(exchange, form)
            self.assertIn(form, text)
            self.assertIn(f"ws://{self.live.host('node')}/echo?copied", text)

    def test_har(self) -> None:
        """One and all, with messages; a file is read, and its exchanges are marked as imported."""
        self.live.ask("node", "/stable/har", headers={"Authorization": "Bearer s3cret"})
        with self.live.socket("node", "/echo?har") as visitor:
            visitor.send("a message")
            visitor.recv()
        self.open()
        exchange = self.open_entry("/stable/har")
        one = json.loads(self.taken(exchange.get_by_role("button", name="Save", exact=True), "HAR file"))
        self.assertEqual(len(one["log"]["entries"]), 1)
        self.assertNotIn("s3cret", json.dumps(one))
        text = self.taken(self.page.get_by_role("button", name="More", exact=True), "Save all as HAR")
        entries: list[dict[str, Any]] = json.loads(text)["log"]["entries"]
        self.assertEqual(len(entries), 2)
        (messages,) = (each["_webSocketMessages"] for each in entries if "_webSocketMessages" in each)
        self.assertIn("a message", [each["data"] for each in messages])
        self.page.get_by_role("button", name="Clear the list").click()
        self.page.get_by_role("button", name="More", exact=True).click()
        self.page.get_by_role("menuitem", name="Import HAR").click()
        file = FilePayload(name="saved.har", mimeType="application/json", buffer=text.encode())
        self.page.get_by_label("HAR file", exact=True).set_input_files(file)
        expect(self.part("toast").last).to_contain_text("2 exchanges imported")
        expect(self.entry("/stable/har").get_by_title("Imported")).to_be_visible()
        self.open_entry("/echo?har")
        expect(self.part("timeline")).to_contain_text("a message")

    def test_saved_tests(self) -> None:
        """A file for pytest and one for Node pass against the service, and fail against one that answers otherwise."""
        self.live.ask("node", "/stable?test", "POST", content=b'{"a": 1}', headers={"Content-Type": "application/json"})
        with self.live.socket("node", "/echo?test") as visitor:
            visitor.send("same")
            visitor.recv()
        self.open()
        expect(self.page.locator(".entry")).to_have_count(2)
        for target in ("/stable?test", "/echo?test"):
            self.entry(target).click(modifiers=["Control"])
        menu = self.part("marked").get_by_role("button", name="Test", exact=True)
        directory = tempfile.TemporaryDirectory(dir=NODE_PROGRAMS)  # where Node finds ws
        self.addCleanup(directory.cleanup)
        for item, name, argv in (
            ("pytest", "test_saved.py", [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]),
            ("node:test", "saved.test.mjs", [program("node"), "--test"]),
        ):
            path = Path(directory.name) / name
            path.write_text(self.taken(menu, item))
            for place, right in (("", True), ("/elsewhere", False)):  # where the same service answers otherwise
                base = f"http://127.0.0.1:{self.town.node_port}{place}"
                finished = run([*argv, str(path)], env={"BASE_URL": base, "no_proxy": "*"})
                self.assertEqual(finished.status == 0, right, finished.output.decode() + finished.errors)
