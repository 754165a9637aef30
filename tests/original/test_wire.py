"""The spelling that the original peers use is the recorded one."""

from __future__ import annotations

from typing import Any

import msgpack
from twisted.trial.unittest import SynchronousTestCase

from tests.original import wire
from tests.original.recorded import NAMES, recording


class RecordedTests(SynchronousTestCase):
    """What was recorded."""

    def test_every_message_is_spelled_as_recorded(self) -> None:
        """Decoded and encoded again, each recorded message is octet for octet what it was."""
        count = 0
        for name in NAMES:
            for line in recording(name):
                if line.opcode == 2:
                    self.assertEqual(wire.encode(line.message), line.payload)
                    count += 1
        self.assertEqual(count, 93)

    def test_fields_are_in_the_recorded_order(self) -> None:
        """Messages that are made have their fields as they were recorded, and no others."""
        for name in NAMES:
            for line in recording(name):
                if line.opcode == 2:
                    fields = dict(line.message)
                    made = wire.message(fields.pop("type"), **dict(reversed(fields.items())))
                    self.assertEqual(list(made.items()), list(line.message.items()))


class DecodeTests(SynchronousTestCase):
    """What the original believes, and what it drops."""

    def decode(self, value: object) -> wire.Message | None:
        return wire.decode(msgpack.packb(value))

    def test_tolerance(self) -> None:
        """The type may come anywhere, unknown fields are ignored, nil is as good as absent, and so are more octets."""
        said = {"timestamp": 1, "new": [1], "type": "ping"}
        self.assertEqual(self.decode(said), {"type": "ping", "timestamp": 1})
        self.assertEqual(wire.decode(msgpack.packb(said) + b"\xc1"), {"type": "ping", "timestamp": 1})
        close = {"type": "ws_close", "request_id": "a", "code": None}
        self.assertEqual(self.decode(close), {"type": "ws_close", "request_id": "a"})

    def test_text_and_octets_are_each_accepted_for_the_other(self) -> None:
        said = {"type": b"response_body", "request_id": b"a", "chunk": "text"}
        self.assertEqual(self.decode(said), {"type": "response_body", "request_id": "a", "chunk": b"text"})

    def test_what_is_dropped(self) -> None:
        value: Any
        for value in (
            [],
            7,
            {"type": "unheard-of"},
            {"type": "ping"},
            {"type": "ping", "timestamp": 1.5},
            {"type": "ws_close", "request_id": "a", "code": 1 << 31},
            {"type": "response_start", "request_id": "a", "status_code": 200, "headers": {"A": "plain"}},
        ):
            self.assertIsNone(self.decode(value), value)
        self.assertIsNone(wire.decode(b"\xff\xff garbage"))


class HeaderTests(SynchronousTestCase):
    """Headers as a map of lists."""

    def test_equal_names_are_merged_under_the_first_spelling(self) -> None:
        lines = [("X-A", "1"), ("Host", "h"), ("x-a", "2")]
        self.assertEqual(wire.merged(lines), {"X-A": ["1", "2"], "Host": ["h"]})
        self.assertEqual(wire.pairs(wire.merged(lines)), [("X-A", "1"), ("X-A", "2"), ("Host", "h")])
