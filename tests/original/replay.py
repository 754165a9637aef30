"""
The recorded conversations, message by message, with one of the two ends replaced by ours: once the one, once the other.

What the other end said is said to ours as it was recorded. What its own visitors or service did is done by the test, as
far as the recording shows what that was: a visitor sends the request that the recorded server passed on, a service
gives the answer that the recorded client passed on. Each message of ours must be of the recorded type, with the
recorded fields in the recorded order, and of the same values, ids and times aside. Where we differ on purpose, a table
says in which field, how, and why; a difference that is not in the table, or is in it and does not occur, fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.original.wire import Message

Change = Callable[[Any], Any]
Differences = dict[tuple[str, str], tuple[Change, str]]

IDS = ("request_id", "tunnel_id", "account_id")
"""Fields whose values either side makes up."""

HOPS = ("connection", "keep-alive", "transfer-encoding")

FORWARDED = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port")


def without(*names: str) -> Change:
    """Headers without these."""
    return lambda headers: {name: values for name, values in headers.items() if name.lower() not in names}


class Replay(SynchronousTestCase):
    """What both roles need."""

    differences: Differences

    def setUp(self) -> None:
        #: Ids as they were recorded, and ours.
        self.ids: dict[str, str] = {}
        self.seen: set[tuple[str, str]] = set()

    def ours(self, said: Message) -> Message:
        """A recorded message with our ids in it."""
        return {name: self.ids.get(value, value) if name in IDS else value for name, value in said.items()}

    def compare(self, recorded: Message, got: Message, more: Differences | None = None) -> None:
        """Ours is as it was recorded, but for what the tables say."""
        self.assertEqual(list(got), list(recorded))
        for name, value in recorded.items():
            if name in IDS and value:
                self.assertEqual(self.ids.setdefault(value, got[name]), got[name])
                self.assertRegex(got[name], "^[0-9a-f]{16,32}$")
                continue
            change = (more or {}).get((recorded["type"], name)) or self.differences.get((recorded["type"], name))
            expected = value if change is None else change[0](value)
            if change is not None and expected != value:
                self.seen.add((recorded["type"], name))
            if isinstance(expected, dict):
                self.assertEqual(list(got[name].items()), list(expected.items()))
            else:
                self.assertEqual(got[name], expected, (recorded["type"], name))
