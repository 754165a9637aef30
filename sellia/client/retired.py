"""What is left of tunnels that were closed or altered while the client runs: their services, until all in them is over.

A tunnel that is altered leads new visitors to other services at once, while those who are under way go on as if nothing
had happened, for as long as they take.  One that is closed takes nobody new: its WebSockets are closed, its requests
may end, and what has not ended after ``drain_timeout`` is reset.

Streams that the server has opened before it knew are served for ``LATE`` seconds, as those that were opened before.

Bounds
    As many entries as there have been changes whose streams are still open, so no more than streams.  Once a second, a
    look at the streams of each entry; none where there is no entry.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sellia.client.events import UnderWay
from sellia.client.local.service import LocalService
from sellia.client.under_way import under_way
from sellia.problems import CLIENT_GONE
from sellia.relay.mux.stream import Stream
from sellia.transports.websocket.pipe import WebSocketLeg

#: Seconds for which streams are served that the server opens for a tunnel which is closed here.
LATE: Final = 5.0

_CLOSED: Final = "the tunnel was closed"


@dataclass(slots=True, eq=False)
class Retired:
    """Services of one tunnel, in the order in which they were retired.

    ``names`` are those of the tunnel where it was closed, none where it was altered.  ``until`` is when what is still
    open is reset, None for never.
    """

    services: list[LocalService]
    streams: set[int]
    names: frozenset[str] = field(default_factory=frozenset)
    until: float | None = None

    @property
    def pipes(self) -> list[WebSocketLeg]:
        """The WebSockets that are open."""
        return [pipe for service in self.services for pipe in service.pipes.open]


class RetiredServices:
    """All that is retired in one client; ``streams`` returns the open streams of its session, by number."""

    def __init__(self, clock: Any, streams: Callable[[], dict[int, Stream]]) -> None:
        self._clock = clock
        self._streams = streams
        self._retired: list[Retired] = []

    def __len__(self) -> int:
        return len(self._retired)

    @property
    def services(self) -> list[LocalService]:
        """The services of all of them."""
        return [service for each in self._retired for service in each.services]

    def add(
        self, services: Iterable[LocalService], tunnel: int, names: Iterable[str] = (), within: float | None = None
    ) -> Retired:
        """Retire services of a tunnel; ``within`` so many seconds all that is open in them is over, None for no limit.

        A tunnel that was closed has ``names``.
        """
        until = None if within is None else self._clock.seconds() + within
        open_streams = {number for number, stream in self._streams().items() if stream.tunnel == tunnel}
        retired = Retired(list(services), open_streams, frozenset(names), until)
        self._retired.append(retired)
        self.sweep()
        return retired

    def left_in(self, name: str) -> UnderWay | None:
        """Return what is open in a tunnel that was closed; None when it is over."""
        self.sweep()
        found = [each for each in self._retired if name in each.names]
        if not found:
            return None
        streams = self._streams()
        open_streams = [streams[number] for each in found for number in each.streams]
        return under_way(open_streams, [pipe for each in found for pipe in each.pipes])

    def sweep(self) -> None:
        """Let go of what is over, close the WebSockets of closed tunnels, and reset what has taken too long."""
        if not self._retired:
            return
        streams = self._streams()
        for retired in tuple(self._retired):
            retired.streams &= streams.keys()
            if retired.until is not None:
                self._end(retired, streams)
            if not retired.streams and not retired.pipes:
                self._retired.remove(retired)
                for service in retired.services:
                    service.stop()

    def _end(self, retired: Retired, streams: dict[int, Stream]) -> None:
        assert retired.until is not None
        for pipe in retired.pipes:
            pipe.close(CLIENT_GONE.close_code or 1001, CLIENT_GONE.close_reason(_CLOSED))
        if self._clock.seconds() < retired.until:
            return
        for number in tuple(retired.streams):
            stream = streams.get(number)
            if stream is not None:
                stream.reset(CLIENT_GONE, _CLOSED)
                stream.leg.reset_received(CLIENT_GONE, _CLOSED)
        retired.streams &= streams.keys()
