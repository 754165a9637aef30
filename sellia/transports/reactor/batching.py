"""Batching of writes: what one turn of the reactor has brought together is flushed once, at its end or before.

Need
    Under load, all that is ready in one turn should leave in one link message, and all that one socket is to be sent
    in one system call.  On a quiet server, nothing should wait for the end of anything: a single request is passed on
    as soon as it has been read.  And no write should take two more trips through the reactor (to be told that there
    is something to send, and that there is no more) when the socket would have taken it at once.

How
    Who has something to flush hands its flush to :meth:`FlushBatch.schedule`, once.  It runs at the end of the turn at
    the latest: as a timer of the reactor, or, where the reactor's loop says when a turn begins and ends
    (`sellia.transports.reactor.polling`), without one, which spares each quiet exchange a trip through the reactor.
    Who has worked through one piece of input calls :meth:`FlushBatch.input_done`: in a quiet turn, that flushes at
    once.  A turn is quiet if it begins with no more than ``QUIET`` events, where the loop tells their number;
    elsewhere, if the turn before it saw no more than that many nudges.

Designs not chosen
    *Always at once*: fifty busy connections would cost fifty link messages.  *Always at the end*: it costs a quiet
    connection some 50 us each way.  *A timer* as Nagle's: there is no need to guess how long to wait.
"""

from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sellia.transports.reactor.sockets import write_now

#: Events in a turn, or nudges in the turn before it, up to which the turn is quiet.
QUIET: Final = 2

#: Bytes that a writer collects before it writes.
_COLLECT: Final = 128 * 1024

_log = Logger()


class FlushBatch:
    """Flushes of one turn of a reactor."""

    __slots__ = ("_calls", "_clock", "_inside", "_nudges", "_scheduled", "quiet", "__weakref__")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._calls: list[Callable[[], None]] = []
        self._scheduled = False
        self._inside = False
        self._nudges = 0
        self.quiet = True

    def begin(self, events: int) -> None:
        """Begin a turn in which the loop acts on this many ready sockets; :meth:`end` must follow."""
        self._inside = True
        self.quiet = events <= QUIET

    def end(self) -> None:
        """End the turn: flush what is left."""
        self._inside = False
        self.quiet = self._nudges <= QUIET  # until `begin` knows better
        self._nudges = 0
        if self._calls:
            self.run()

    def schedule(self, call: Callable[[], None]) -> None:
        """Call this once before the turn ends."""
        self._calls.append(call)
        if not self._inside and not self._scheduled:
            self._scheduled = True
            self._clock.callLater(0, self._late)

    def input_done(self) -> None:
        """Note that a piece of input has been worked through, and flush if the turn is quiet."""
        self._nudges += 1
        if self.quiet and self._calls:
            self.run()

    def run(self) -> None:
        """Flush now."""
        while self._calls:
            calls, self._calls = self._calls, []
            for call in calls:
                try:
                    call()
                except Exception:  # the others are to be flushed all the same
                    _log.failure("a defect of Sellia's own: something could not be flushed")

    def _late(self) -> None:
        self._scheduled = False
        self.end()


_turns: "WeakKeyDictionary[Any, FlushBatch]" = WeakKeyDictionary()


def batch_of(clock: IReactorTime) -> FlushBatch:
    """Return the batch of a reactor, the same for all who ask."""
    turn = _turns.get(clock)
    if turn is None:
        turn = _turns[clock] = FlushBatch(clock)
    return turn


class BufferedWriter:
    """Collects what is written to one transport during a turn.

    Backpressure is the transport's: what the socket does not take goes to the transport's buffer, whose producer is
    paused by it.  ``flush`` must be called before the transport is told to close.
    """

    __slots__ = ("_pieces", "_size", "_turn", "transport")

    def __init__(self, transport: Any, turn: FlushBatch) -> None:
        self.transport = transport
        self._turn = turn
        self._pieces: list[bytes | memoryview] = []
        self._size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Write before the turn ends."""
        pieces = self._pieces
        if not pieces:
            self._turn.schedule(self.flush)
        pieces.append(data)
        self._size += len(data)
        if self._size >= _COLLECT:
            self.flush()

    def flush(self) -> None:
        """Write now."""
        pieces = self._pieces
        if pieces:
            self._pieces = []
            self._size = 0
            write_now(self.transport, pieces[0] if len(pieces) == 1 else b"".join(pieces))
