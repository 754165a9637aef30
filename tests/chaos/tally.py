"""What was counted, in one value that goes from the load to the script as JSON, and how it is printed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from tests.chaos.script import Counts

SHOWN = 20
"""Errors of which the words are kept; all are counted."""


@dataclass
class Traffic:
    """One kind of thing in one direction: how much was sent, and what became of it."""

    sent: int = 0
    octets: int = 0
    found: Counts = field(default_factory=Counts)

    def add(self, sent: int, octets: int, found: Counts) -> None:
        """Count a piece of work that has ended."""
        self.sent += sent
        self.octets += octets
        self.found.add(found)

    @property
    def clean(self) -> bool:
        """Whether all that was sent came, once and in order."""
        return self.found.clean and self.found.received == self.sent and self.found.octets == self.octets


@dataclass
class Tally:
    """All that a load has seen. ``ends`` counts what visitors were told when something ended before its time."""

    messages_up: Traffic = field(default_factory=Traffic)
    messages_down: Traffic = field(default_factory=Traffic)
    downloads: Traffic = field(default_factory=Traffic)
    uploads: Traffic = field(default_factory=Traffic)
    events: Traffic = field(default_factory=Traffic)
    pings: int = 0
    requests: int = 0
    websockets: int = 0
    errors: list[str] = field(default_factory=list)
    error_count: int = 0
    ends: Counter[str] = field(default_factory=Counter)

    def error(self, what: str) -> None:
        """Something that no visitor should have seen."""
        self.error_count += 1
        if len(self.errors) < SHOWN:
            self.errors.append(what)

    @property
    def traffic(self) -> dict[str, Traffic]:
        """The kinds of traffic by what they are called."""
        values = {field.name.replace("_", " "): getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Traffic)}

    @property
    def clean(self) -> bool:
        """Whether there was nothing that any visitor could have noticed."""
        return not self.error_count and not self.ends and all(traffic.clean for traffic in self.traffic.values())

    @property
    def orderly(self) -> bool:
        """Whether what came was right and in order, even if something ended before its time."""
        return not self.error_count and not any(
            traffic.found.doubled or traffic.found.reordered or traffic.found.damaged
            for traffic in self.traffic.values()
        )

    def lines(self) -> list[str]:
        """The table of what was sent and what became of it, and the errors."""
        titles = ("", "sent", "MiB", "received", "lost", "doubled", "reordered", "damaged")
        rows: list[tuple[str, ...]] = [titles]
        for name, traffic in self.traffic.items():
            found = traffic.found
            numbers = (found.received, found.lost, found.doubled, found.reordered, found.damaged)
            rows.append((name, f"{traffic.sent:,}", f"{traffic.octets / (1 << 20):,.1f}", *(f"{n:,}" for n in numbers)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for name, *cells in rows:
            aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
            lines.append("  ".join([name.ljust(widths[0]), *aligned]))
        lines.append(f"{self.websockets:,} WebSockets, {self.pings:,} pings answered, {self.requests:,} small requests")
        lines += [f"ended early: {count:,} x {what}" for what, count in sorted(self.ends.items())]
        lines.append(f"errors that visitors saw: {self.error_count}")
        return lines + [f"  {error}" for error in self.errors]

    def dump(self) -> str:
        """As one line of JSON."""
        return json.dumps(self, default=vars)

    @classmethod
    def load(cls, text: str) -> Tally:
        """The reverse of `dump`."""
        values = json.loads(text)
        for name, value in values.items():
            if isinstance(value, dict) and "found" in value:
                values[name] = Traffic(**{**value, "found": Counts(**value["found"])})
        return cls(**{**values, "ends": Counter(values["ends"])})


def times(seconds: Sequence[float]) -> str:
    """Median, 99th percentile and maximum, in milliseconds."""
    if not seconds:
        return "none"
    p50, p99, most = spread(seconds)
    return f"p50 {p50 * 1e3:,.0f} ms, p99 {p99 * 1e3:,.0f} ms, max {most * 1e3:,.0f} ms (of {len(seconds)})"


def spread(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and maximum."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return ordered[last // 2], ordered[last * 99 // 100], ordered[last]
