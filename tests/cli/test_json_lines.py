"""Events as JSON: each has the fields of its schema, whatever text came from outside."""

import io
import json
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from twisted.trial.unittest import SynchronousTestCase

import sellia
import sellia.cli
from sellia.cli.json_lines import FIELDS, JsonPrinter, schema
from sellia.client import events
from sellia.client.events import (
    Connected,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    LinkBack,
    LinkLost,
    Problem,
    Reconnecting,
    Refused,
    RequestFinished,
    RequestRefused,
    RequestStarted,
    RequestWaiting,
    ResponseStreaming,
    ServerStopping,
    TunnelClosed,
    UnderWay,
    WebSocketClosed,
    WebSocketOpened,
    WebSocketRefused,
)
from sellia.why.cause import Cause

NASTY = "/\u202e\x1b]0;x\x07\n\udcff<b>é"

CAUSE = Cause("9f3a61c2-3", "service", "service-died", NASTY, "Look in its log.", {"bytes_in": 3, "reason": NASTY})

EVENTS: list[Event] = [
    Connected("demo", "http://demo.localhost", "http://localhost:8080"),
    TunnelClosed("demo", "http://demo.localhost"),
    RequestStarted(1, "GET", NASTY, "203.0.113.7", "demo"),
    RequestWaiting(1, "GET", NASTY, "203.0.113.7", 10.0, "demo"),
    ResponseStreaming(1, "GET", NASTY, 200, 10.0, 5, "demo"),
    RequestFinished(1, "GET", NASTY, 200, 0.25, 0, 5, None, "demo", "h2c"),
    RequestFinished(2, "POST", "/", None, 0.5, 3, 0, "the visitor left before the end", "demo"),
    RequestRefused("demo", "POST", "/hook", "203.0.113.7", 429, "rate-limited", "Too many.", False, 3),
    WebSocketOpened(3, "/chat", "203.0.113.7", None, "demo"),
    WebSocketRefused(4, "/chat", 403, None, "demo"),
    WebSocketClosed(3, "/chat", "sellia", None, NASTY, 1, 2, 3, 4, 5.0, "demo", cause=CAUSE),
    ConnectionOpened(5, "203.0.113.7", "20017"),
    ConnectionClosed(5, "203.0.113.7", "service", "service-died", NASTY, 1, 2, 3.0, "20017"),
    LinkLost("reset"),
    Reconnecting(3.0, 120.0),
    LinkBack(2.5, 1, True, 2, 2048, 1),
    ServerStopping(30.0),
    Refused("wrong-key", "No.", True),
    Problem("Something."),
]


class JsonTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stream = io.StringIO()
        self.printer = JsonPrinter(self.stream, lambda: 1_700_000_000.25)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def test_every_event_is_as_the_schema_says(self) -> None:
        self.assertEqual({type(each) for each in EVENTS}, set(get_args(events.Event)), "every event is tried")
        validator = import_module("jsonschema").Draft202012Validator(schema())
        for each in EVENTS:
            self.printer.notify(each)
        self.printer.closing(UnderWay(2, 1), 30.0)
        self.printer.say("The server is gone.", "red")
        self.printer.say("Closing; press Ctrl-C again.", "dim")
        self.printer.ended(73)
        lines = self.lines()
        for line in lines:
            validator.validate(line)
            self.assertEqual(set(line), {"event", "time", "tunnel", *FIELDS[line["event"]]})
            self.assertEqual(line["time"], "2023-11-14T22:13:20.250Z")
        self.assertEqual({line["event"] for line in lines}, set(FIELDS))
        self.assertEqual([each["tunnel"] for each in lines if each["event"] in ("request", "link_lost")][0], "demo")
        self.assertEqual(lines[-1], {**lines[-1], "event": "closed", "status": 73, "tunnel": None})
        self.assertEqual([each["message"] for each in lines if each["event"] == "problem"][-1], "The server is gone.")

    def test_the_cause_of_an_end(self) -> None:
        """Is null where something has ended plainly well."""
        self.printer.notify(RequestFinished(1, "GET", "/", 200, 0.25, 0, 5, None, "demo"))
        self.printer.notify(RequestFinished(1, "GET", "/", 502, 0.25, 0, 5, "it died", "demo", cause=CAUSE))
        self.assertEqual([line["cause"] for line in self.lines()], [None, CAUSE.as_json()])

    def test_the_schema_refuses(self) -> None:
        validator = import_module("jsonschema").Draft202012Validator(schema())
        good = {"event": "problem", "time": "2023-11-14T22:13:20.250Z", "tunnel": None, "message": "x", "cause": None}
        self.assertTrue(validator.is_valid(good | {"more": 1}), "fields may be added")
        self.assertFalse(validator.is_valid(good | {"message": None}))
        self.assertFalse(validator.is_valid(good | {"event": "other"}))
        self.assertFalse(validator.is_valid({key: good[key] for key in ("event", "time", "tunnel")}))

    def test_the_schema_that_is_shipped(self) -> None:
        shipped = Path(sellia.cli.__file__).parent / "events.schema.json"
        self.assertEqual(json.loads(shipped.read_text("utf-8")), schema())

    def test_the_visitor_of_a_request(self) -> None:
        """Is known from its beginning, and is forgotten with its end."""
        self.printer.notify(RequestStarted(1, "GET", "/", "203.0.113.7", "demo"))
        self.printer.notify(RequestFinished(1, "GET", "/", 200, 0.25, 0, 5, None, "demo"))
        self.printer.notify(RequestFinished(1, "GET", "/", 200, 0.25, 0, 5, None, "demo"))
        self.assertEqual([line["visitor"] for line in self.lines()], ["203.0.113.7", None])

    def test_the_visitor_of_a_web_socket(self) -> None:
        self.printer.notify(RequestStarted(1, "GET", "/", "203.0.113.7", "demo"))
        self.printer.notify(WebSocketOpened(1, "/", "203.0.113.7", None, "demo"))
        self.printer.notify(WebSocketClosed(1, "/", "visitor", 1000, "", 1, 2, 3, 4, 5.0, "demo"))
        self.printer.notify(WebSocketClosed(1, "/", "visitor", 1000, "", 1, 2, 3, 4, 5.0, "demo"))
        self.assertEqual([line["visitor"] for line in self.lines()], ["203.0.113.7", "203.0.113.7", None])

    def test_the_tunnel_of_a_refusal(self) -> None:
        self.printer.notify(Refused("name-taken", "Somebody else has it.", False, "demo"))
        self.printer.notify(Problem("It is closed.", "demo"))
        self.printer.notify(Refused("wrong-key", "No.", True))
        self.assertEqual([line["tunnel"] for line in self.lines()], ["demo", "demo", None])

    def test_quiet(self) -> None:
        printer = JsonPrinter(self.stream, quiet=True)
        for each in EVENTS:
            printer.notify(each)
        told = [line["event"] for line in self.lines()]
        self.assertEqual(
            told, ["open", "tunnel_closed", "link_lost", "link_back", "server_stopping", "refused", "problem"]
        )

    def test_one_line_each(self) -> None:
        """However many line ends and controls a visitor sends."""
        self.printer.notify(RequestFinished(1, "GET", NASTY * 3, 200, 0.25, 0, 5, NASTY, "demo"))
        text = self.stream.getvalue()
        self.assertEqual(text.count("\n"), 1)
        self.assertTrue(text[:-1].isascii() and text[:-1].isprintable())
        self.assertEqual(json.loads(text)["target"], NASTY * 3)

    def test_a_final_refusal_has_been_told(self) -> None:
        self.printer.notify(Refused("server-draining", "Later.", False))
        self.assertFalse(self.printer.told_refusal)
        self.printer.notify(Refused("wrong-key", "No.", True))
        self.assertTrue(self.printer.told_refusal)


class DocumentTests(SynchronousTestCase):
    def test_every_event_and_field(self) -> None:
        text = (Path(sellia.__file__).parent.parent / "docs" / "cli.rst").read_text("utf-8")
        table = " ".join(text.partition("Events as JSON\n")[2].partition("Exit statuses")[0].split())
        for name, fields in FIELDS.items():
            self.assertIn(f"``{name}`` {', '.join(f'``{field}``' for field in fields)}", table)
