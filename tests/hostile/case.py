"""The test case of this package, and how a table of inputs becomes one test for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.trial.unittest import SynchronousTestCase

from tests.hostile import stage
from tests.hostile.visitors import Talk, talk
from tests.processes import Process

HANG = 0.1
"""Seconds for which the reactor of a process may be busy with one thing."""

_SHAME = re.compile(r"Traceback|Unhandled|defect of Sellia|Error in Deferred")

_UNESCAPED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

_Test = TypeVar("_Test", bound=type)


@dataclass(frozen=True)
class Row:
    """
    One input, and what may come of it.

    ``sent`` is what a visitor sends, in pieces. ``statuses`` are those of all answers, in order; whether the server
    closes the connection then is ``closed``. ``complete`` counts the requests that reach the service whole. Of one that
    is refused in its body a beginning may come. Nothing for ``/smuggled`` must ever come.
    """

    name: str
    sent: tuple[bytes, ...]
    statuses: tuple[int, ...] = (400,)
    complete: int = 0
    closed: bool = True


def rows(sent: Iterable[tuple[str, bytes]], **outcome: Any) -> list[Row]:
    """Rows with the same outcome, one for each name and what is sent."""
    return [Row(name, (data,), **outcome) for name, data in sent]


def cases(items: Iterable[Any], play: Callable[[Any, Any], None]) -> Callable[[_Test], _Test]:
    """A class decorator: a test for each of ``items``, which have a ``name``; ``play`` gets the test and the item."""

    def decorate(cls: _Test) -> _Test:
        for item in items:
            name = plain = "test_" + re.sub(r"[^a-z0-9]+", "_", item.name.lower()).strip("_")
            number = 1
            while hasattr(cls, name):
                number += 1
                name = f"{plain}_{number}"

            def test(self: Any, item: Any = item) -> None:
                play(self, item)

            test.__name__ = name
            test.__doc__ = item.name
            setattr(cls, name, test)
        return cls

    return decorate


def play_row(test: HostileCase, row: Row) -> None:
    """Send what a row says, and compare what came of it."""
    test.assert_row(row)


class HostileCase(SynchronousTestCase):
    """A test over the shared processes; after it they must be as they were."""

    def setUp(self) -> None:
        self.before = {process: process.cpu_seconds() for process in stage.processes()}

    def tearDown(self) -> None:
        found = stage.ledger().faults[:]
        stage.ledger().faults.clear()
        for process, output in stage.new_output():
            if process.returncode is not None:
                found.append(f"{process.name} has ended with status {process.returncode}")
            if _SHAME.search(output):
                found.append(f"--- {process.name} ---\n{output[-3000:]}")
            unescaped = _UNESCAPED.search(output)
            if unescaped:
                found.append(
                    f"{process.name} wrote {unescaped[0]!r}: {output[max(0, unescaped.start() - 300) :][:400]!r}"
                )
        if found:
            self.fail("\n".join(found))

    def busy(self, process: Process) -> float:
        """Seconds of the CPU that a process has used since the test began: no turn of its reactor was longer."""
        return process.cpu_seconds() - self.before.get(process, 0.0)

    def assert_brief(self, *processes: Process) -> None:
        """All of the test has cost less than one thing may take."""
        for process in processes or stage.processes():
            self.assertLessEqual(self.busy(process), HANG, f"{process.name} was busy for too long")

    def assert_row(self, row: Row) -> Talk:
        """Play a row."""
        ledger = stage.ledger()
        port = stage.server().port
        before = len(ledger.seen())
        said = talk(port, row.sent, answers=len(row.statuses), until_close=row.closed)
        self.assertEqual(said.statuses, list(row.statuses), said.data[:600])
        self.assertEqual(said.closed, row.closed, "closed")
        self.assertEqual(said.rest, b"", "something came behind the answers")
        stage.settle()
        new = [each for each in ledger.seen()[before:] if each.target != stage.SETTLE]
        self.assertEqual(len([each for each in new if each.complete]), row.complete, [each.head for each in new])
        self.assertEqual([each.head for each in ledger.seen() if each.target == b"/smuggled"], [])
        self.assert_brief()
        return said
