"""Load shedding: resets the streams that hold most, where a session, or all sessions together, hold too much.

Every other remedy would make those wait who hold little.
"""

from collections.abc import Callable
from typing import Final

from sellia.relay.mux.stream import Stream
from sellia.relay.mux.streams import StreamTable

_TOO_MUCH_HELD: Final = "the reader is too slow, and too much is waiting for readers of this session"
_TOO_MUCH_IN_ALL: Final = "too much is waiting in all sessions together, and most of it in this one"
_TOO_MUCH_QUEUED: Final = "too much is waiting for the link of this session"


class LoadShedder:
    """Limits of what the streams of one session hold; ``reset`` takes a stream, the reason, and the limit's name."""

    __slots__ = ("_reset", "_table", "held_limit", "queue_limit")

    def __init__(
        self, table: StreamTable, reset: Callable[[Stream, str, str], None], held_limit: int, queue_limit: int
    ) -> None:
        self._table = table
        self._reset = reset
        #: Bytes that legs may hold, and that may wait to be sent.
        self.held_limit = held_limit
        self.queue_limit = queue_limit

    @property
    def crowded(self) -> bool:
        """Whether as much waits to be sent as the limit allows."""
        return self._table.queued >= self.queue_limit

    def shed_held(self) -> None:
        """Reset the streams whose legs hold most, where all hold too much."""
        if self._table.held > self.held_limit:
            self._table.relieve_held(self.held_limit, self._drop_held)

    def shed_queued(self) -> None:
        """Reset the streams of which most waits to be sent, where too much does.  Not from inside of a leg."""
        self._table.relieve_queued(self.queue_limit, self._drop_queued)

    def shed(self, excess: int) -> None:
        """Reset the streams that keep most waiting, until ``excess`` bytes less do.  Not from inside of a leg."""
        self._table.shed(excess, self._drop_for_others)

    def end(self, stream: Stream, message: str, limit: str) -> None:
        """Reset a stream for a limit that is not the session's.  Not from inside of a leg."""
        self._reset(stream, message, limit)

    def _drop_for_others(self, stream: Stream) -> None:
        self._reset(stream, _TOO_MUCH_IN_ALL, "sessions_memory")

    def _drop_held(self, stream: Stream) -> None:
        self._reset(stream, _TOO_MUCH_HELD, "session_credit")

    def _drop_queued(self, stream: Stream) -> None:
        self._reset(stream, _TOO_MUCH_QUEUED, "session_queue")
