"""What is logged while a test runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase


def log_events(case: SynchronousTestCase) -> list[LogEvent]:
    """Return a list that grows by each event that is logged until the end of the test."""
    events: list[LogEvent] = []
    observer: Any = events.append
    globalLogPublisher.addObserver(observer)
    case.addCleanup(globalLogPublisher.removeObserver, observer)
    return events


def log_lines(case: SynchronousTestCase) -> list[str]:
    """Return the same as text."""
    lines: list[str] = []
    observer = _writer(lines)
    globalLogPublisher.addObserver(observer)
    case.addCleanup(globalLogPublisher.removeObserver, observer)
    return lines


@contextmanager
def logging() -> Iterator[list[str]]:
    """Collect what is logged in a ``with`` block, as text."""
    lines: list[str] = []
    observer = _writer(lines)
    globalLogPublisher.addObserver(observer)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observer)


def _writer(lines: list[str]) -> Any:
    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event) or "")

    return observe
