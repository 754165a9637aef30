"""``sellia requests``: what is printed of a stream of events."""

import json
from typing import Any

from sellia.cli.commands.requests import EVENT_LIMIT, Events, Printer
from sellia.errors import UnreachableError
from tests.cli.case import CommandCase
from tests.cli.test_exchange_lines import REQUEST


class RequestsTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.printed: list[str] = []
        self.patch(__import__("click"), "echo", self.printed.append)

    def event(self, *changed: dict[str, Any]) -> bytes:
        return b"event: exchanges\ndata: " + json.dumps({"changed": changed, "gone": []}).encode() + b"\n\n"

    def test_what_comes_while_the_list_is_asked_for(self) -> None:
        """It waits for the list, and is not printed twice."""
        begun: list[bool] = []
        printer = Printer(as_json=False)
        events = Events(printer, lambda: begun.append(True))
        events.take(b"event: hello\ndata: {}\n\n" + self.event(REQUEST, {**REQUEST, "id": "13"}))
        self.assertEqual((begun, self.printed), ([True], []))
        printer.show(REQUEST)
        events.go_on()
        self.assertEqual([line.split()[0] for line in self.printed], ["12", "13"])

    def test_pieces(self) -> None:
        events = Events(Printer(as_json=True), lambda: None)
        events.go_on()
        for octet in b": alive\n\n" + self.event({**REQUEST, "version": 1}) + b"event: exchanges\ndata: [\n\n":
            events.take(bytes([octet]))
        self.assertEqual([json.loads(line)["id"] for line in self.printed], ["12"])

    def test_states(self) -> None:
        """A request has a line at its end, a WebSocket one more when it has opened."""
        printer = Printer(as_json=False)
        under_way = {**REQUEST, "open": True, "status": None, "seconds": None}
        for each in (under_way, under_way, {**under_way, "kind": "websocket", "status": 101}, REQUEST, REQUEST):
            printer.show(each)
        self.assertEqual([line.split()[3] for line in self.printed], ["101", "200"])

    def test_an_event_without_end(self) -> None:
        events = Events(Printer(as_json=False), lambda: None)
        self.assertRaises(UnreachableError, events.take, b"x" * (EVENT_LIMIT + 1))
