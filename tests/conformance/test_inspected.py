"""Compressed messages of Autobahn's cases, as the inspector shows them: a few cases; the command runs all."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.recording.reader import Recorded
from sellia.inspector.store import Store
from tests.conformance.inspected import compare, run
from tests.conformance.suite import SHORT_DEADLINE
from tests.inspector.samples import socket

#: Context takeover and none, in a small window.
CASES = ("12.1.2", "13.5.3")


class InspectedTests(SynchronousTestCase):
    def test_a_few_cases(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        found = run(CASES, directory, SHORT_DEADLINE)
        self.assertEqual(found.faults, [])
        self.assertEqual((found.sockets, found.messages), (2, 2000))

    def test_differences_are_found(self) -> None:
        store = Store()
        store.add(socket(store.next_number(), ((True, "a"), (False, "a"), (True, "b"), (False, "c"))))
        store.add(socket(store.next_number(), ((True, "a"),)))
        found = compare(Recorded("", store))
        self.assertEqual(found.faults, ["1: message 1 is not its echo", "2: 1 messages, 0 echoes"])
