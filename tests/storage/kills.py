"""Processes that write, and are killed in the middle: what they said is there afterwards."""

from __future__ import annotations

import dataclasses
import random
import signal
import subprocess
import sys
from typing import Any

from sellia.storage.interface import Add, Insert
from sellia.storage.opening import open_storage
from sellia.storage.records import Usage
from sellia.storage.sql import SqlStorage
from tests.processes import ROOT
from tests.storage.contract import DAY, account, event, key, name

#: Writes that are acknowledged before a process is killed, at most.
WRITES = 30


def changes(number: int) -> list[Any]:
    """A write that is whole or not there at all."""
    one = account(number)
    return [
        Insert(one),
        Insert(key(number, account_id=one.id)),
        Insert(name(f"name-{number}", account_id=one.id)),
        Insert(event(number, subject=one.id)),
        Add(Usage("sum", "all", DAY, 1)),
    ]


def write(url: str, first: int) -> None:
    """Write for ever, and say the number of each write that is done."""
    storage = open_storage(None, url)
    while True:
        storage.write(changes(first))
        print(first, flush=True)
        first += 1


class KillContract:
    """Mixed into a test case that has a `url`."""

    url: str
    kills = 5

    def test_killed_at_random_points(self: Any) -> None:
        rng = random.Random()
        first = 1
        for _ in range(self.kills):
            last = self.written(first, rng.randrange(1, WRITES), rng.random() * 0.02)
            first = self.check(last) + 1

    def written(self, first: int, count: int, delay: float) -> int:
        """Kill a process a moment after it has acknowledged some writes; return the last that it acknowledged."""
        command = [sys.executable, "-c", f"from tests.storage.kills import write; write({self.url!r}, {first})"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None
            last = [int(process.stdout.readline()) for _ in range(count)][-1]
            try:
                process.wait(delay)  # so that it is killed at any point of a write
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            rest = [int(each) for each in process.stdout]
        return rest[-1] if rest else last

    def check(self: Any, acknowledged: int) -> int:
        """All that was acknowledged is there, and no half of anything; return the number of the last write."""
        storage = open_storage(None, self.url)
        assert isinstance(storage, SqlStorage)
        found = storage.directory()
        last = len(found.accounts)
        self.assertIn(last, (acknowledged, acknowledged + 1))
        numbers = range(1, last + 1)
        self.assertEqual({each.id for each in found.accounts}, {f"acc_{number}" for number in numbers})
        self.assertEqual({each.id for each in found.keys}, {f"key_{number}" for number in numbers})
        self.assertEqual({each.name for each in found.names}, {f"name-{number}" for number in numbers})
        self.assertEqual([each.subject for each in storage.events()], [f"acc_{number}" for number in numbers])
        self.assertEqual(storage.usage(DAY, DAY), [dataclasses.replace(Usage("sum", "all", DAY), requests=last)])
        storage.close()
        return last
