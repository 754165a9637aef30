"""
Many clients in one process: ``python -m tests.chaos.herd PORT COUNT`` keeps COUNT tunnels open to the server at PORT.

Each is a whole `sellia.client` with a session, a link and a key of its own; only the process is shared. Whenever all of
them have come back, it says so on a line of JSON with the moment of each one's return (of the clock that all processes
of a machine share), how many of their sessions went on, and for how long at most none of them could do anything
because the process was busy: what was due in such a pause happens in one moment behind it.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field

from sellia.client.events import Connected, Event, LinkBack, LinkLost
from sellia.client.service import ClientService
from sellia.client.settings import ClientSettings

BATCH = 50
"""Clients that are started together, so that the start is no storm of its own."""

BATCH_PAUSE = 0.1

LOOK = 0.02
"""Seconds between two looks at the clock."""


@dataclass
class Herd:
    """Who is connected."""

    count: int
    back: dict[int, float] = field(default_factory=dict)
    resumed: int = 0
    pause: float = 0.0

    def lost(self, number: int) -> None:
        """A link is gone."""
        if self.back.pop(number, None) is not None and len(self.back) == self.count - 1:
            self.resumed = 0
            self.pause = 0.0

    def returned(self, number: int, resumed: bool) -> None:
        """A tunnel is there again; say so once all are."""
        self.back[number] = time.monotonic()
        self.resumed += resumed
        if len(self.back) == self.count:
            told = {"back": sorted(self.back.values()), "resumed": self.resumed, "pause": self.pause}
            print(json.dumps(told), flush=True)


@dataclass(frozen=True)
class Member:
    """A listener to one client."""

    herd: Herd
    number: int

    def notify(self, event: Event) -> None:
        """Take note of what concerns its link."""
        if isinstance(event, LinkLost):
            self.herd.lost(self.number)
        elif isinstance(event, Connected):
            self.herd.returned(self.number, resumed=False)
        elif isinstance(event, LinkBack) and event.resumed:
            self.herd.returned(self.number, resumed=True)


def main(port: int, count: int) -> None:
    """Start all of them, and run until the process is ended."""
    from twisted.internet import reactor

    herd = Herd(count)

    def start(first: int) -> None:
        for number in range(first, min(count, first + BATCH)):
            settings = ClientSettings.model_validate(
                {
                    "server": f"http://127.0.0.1:{port}",
                    "api_key": f"key of herd member {number}",
                    "tunnels": [{"target": 9, "subdomain": f"herd-{number}"}],
                }
            )
            ClientService(settings, reactor, Member(herd, number)).startService()
        if first + BATCH < count:
            reactor.callLater(BATCH_PAUSE, start, first + BATCH)

    def look(due: float) -> None:
        now = time.monotonic()
        herd.pause = max(herd.pause, now - due)
        reactor.callLater(LOOK, look, now + LOOK)

    reactor.callWhenRunning(start, 0)
    reactor.callWhenRunning(look, time.monotonic() + 1.0)
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
