"""The recorder: follows the store, and gives what is not in the file yet to the writer, a batch at a time.

What was handed over is not handed over again: a batch that cannot be written is tried again, the same one, until it can
be.  Meanwhile what is new waits in the store, and what the store lets go of counts as missing.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from sellia.inspector.exchange import Exchange
from sellia.inspector.model import Body
from sellia.inspector.recording.schema import Missing, encoded
from sellia.inspector.recording.writer import Batch, Done
from sellia.inspector.store import Store

#: Bytes of a batch, and what a frame and a record count for besides their contents.
BATCH: Final = 1 << 20
FRAME: Final = 256
RECORD: Final = 1024

#: Bytes of an exchange that a batch takes with its record, however large that is.
STEP: Final = 1 << 16

#: Seconds from a change until it is handed over, and from a failure until the next try.
INTERVAL: Final = 0.1
AGAIN: Final = 5.0


class Sink(Protocol):
    """What batches are given to: a `Writer`."""

    def write(self, batch: Batch, done: Done) -> None:
        """Write a batch, and say whether it is in the file."""

    def close(self, done: Done) -> None:
        """Close the file behind all batches that were given."""


class Mark(msgspec.Struct, gc=False):
    """What of an exchange was handed over: bytes of its bodies, and the number of the next frame."""

    request: int = 0
    response: int = 0
    frame: int = 0


class Recorder:
    """Recorder of a store.

    ``later`` calls something after so many seconds.  ``tell`` is told in a sentence when the recording fails, and when
    it goes on; True for a failure.
    """

    def __init__(
        self,
        store: Store,
        sink: Sink,
        later: Callable[[float, Callable[[], None]], Any],
        tell: Callable[[str, bool], None],
    ) -> None:
        self._store = store
        self._sink = sink
        self._later = later
        self._tell = tell
        self._marks: dict[int, Mark] = {}
        #: Exchanges of which something is not handed over.
        self._dirty: dict[int, Exchange] = {}
        #: What goes into the file behind the batch that is on its way.
        self.next_batch = Batch()
        self._flying: Batch | None = None
        self._waiting: Any = None
        self._stopped: Callable[[], None] | None = None
        #: Why the last batch could not be written; empty while all is well.
        self.problem = ""
        #: What is not in the file, of this run.
        self.missing = Missing()
        #: Bytes that the batches in the file count for.
        self.written = 0
        self._subscription = store.subscribe(self._wake)
        store.watcher = self
        for exchange in store:
            self._dirty[exchange.number] = exchange
        if self._dirty:
            self._wake()

    def stop(self, stopped: Callable[[], None]) -> None:
        """Hand over the rest, close the file, and call ``stopped``; at once where it cannot be written."""
        self._stopped = stopped
        self._store.watcher = None
        self._subscription_taken()
        self._subscription.close()
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self.problem:
            self._end()
        elif self._flying is None:
            self._hand_over()

    # --- told by the store --------------------------------------------------------------------------------------

    def letting_go(self, exchange: Exchange) -> None:
        """The store lets go of an exchange, which is whole for the last time."""
        number = exchange.number
        changed = self._dirty.pop(number, None) is not None or self._subscription.has(number)
        mark = self._marks.pop(number, None)
        if not changed:
            return
        new, mark = mark is None, mark or Mark()
        if self.next_batch.size < BATCH:
            self.next_batch.begun += new
            new = False
            self._take(exchange, mark, left=exchange.open)
        self._miss(int(new), _frames_left(exchange, mark), _octets_left(exchange, mark))
        self._wake()

    def passed_unkept(self, octets: int, frames: int) -> None:
        """Something passes in an exchange that the store has let go of."""
        self._miss(0, frames, octets)

    # --- inside -------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._waiting is None and self._flying is None and self._stopped is None:
            self._waiting = self._later(INTERVAL, self._due)

    def _due(self) -> None:
        self._waiting = None
        if self._flying is None:
            self._hand_over()

    def _hand_over(self) -> None:
        batch = self.next_batch
        self._subscription_taken()
        for exchange in list(self._dirty.values()):
            if batch.size >= BATCH:
                break
            mark = self._marks.get(exchange.number)
            if mark is None:
                mark = self._marks[exchange.number] = Mark()
                batch.begun += 1
            if self._take(exchange, mark):
                del self._dirty[exchange.number]
        if batch.records or batch.missing:
            self._flying, self.next_batch = batch, Batch()
            self._sink.write(batch, self._done)
        elif self._stopped is not None:
            self._end()

    def _subscription_taken(self) -> None:
        for exchange in self._subscription.take()[0]:
            self._dirty[exchange.number] = exchange

    def _done(self, reason: str | None) -> None:
        """Note whether the batch that was given is in the file."""
        batch = self._flying
        assert batch is not None
        if reason is not None:
            self._failed(reason)
            return
        self._flying = None
        self.written += batch.size
        if self.problem:
            self.problem = ""
            missing = f"{self.missing} are missing" if self.missing else "nothing is missing"
            self._tell(f"The recording goes on; of this run, {missing}.", False)
        self._subscription_taken()
        if self._stopped is not None or max(batch.size, self.next_batch.size) >= BATCH:
            self._hand_over()
        elif self._dirty or self.next_batch.size or self.next_batch.missing:
            self._wake()

    def _failed(self, reason: str) -> None:
        if not self.problem:
            self._tell(f"Nothing more is recorded: {reason}. It is tried again every {AGAIN:g} s.", True)
        self.problem = reason
        if self._stopped is not None:
            self._end()
        else:
            self._waiting = self._later(AGAIN, self._again)

    def _again(self) -> None:
        self._waiting = None
        if self._flying is not None:
            self._sink.write(self._flying, self._done)

    def _end(self) -> None:
        """Close the file, and count what never came into it."""
        stopped, self._stopped = self._stopped, None
        assert stopped is not None
        for batch in (self._flying, self.next_batch):
            if batch is not None:
                frames = len(batch.frames)
                octets = sum(len(row[6]) for row in batch.frames) + sum(len(row[3]) for row in batch.bodies)
                self._miss(batch.begun, frames, octets)
        for exchange in self._dirty.values():
            mark = self._marks.get(exchange.number)
            new, mark = mark is None, mark or Mark()
            self._miss(int(new), _frames_left(exchange, mark), _octets_left(exchange, mark))
        if self.problem:
            self._tell(f"The recording has ended early: {self.problem}. {self.missing} are not in it.", True)
        self._sink.close(lambda reason: stopped())

    def _miss(self, exchanges: int, frames: int, octets: int) -> None:
        if exchanges or frames or octets:
            for each in (self.missing, self.next_batch.missing):
                each.exchanges += exchanges
                each.frames += frames
                each.octets += octets

    def _take(self, exchange: Exchange, mark: Mark, left: bool = False) -> bool:
        """Put what is not handed over of an exchange into the next batch; return whether that was all."""
        batch, number = self.next_batch, exchange.number
        record = encoded(exchange, left)
        batch.records[number] = record
        batch.size += RECORD + len(record)
        limit = max(BATCH, batch.size + STEP)
        mark.request = self._body(number, True, exchange.request_body, mark.request, limit)
        mark.response = self._body(number, False, exchange.response_body, mark.response, limit)
        frames_left = self._frames(exchange, mark, limit)
        kept = len(exchange.request_body.data), len(exchange.response_body.data)
        return not frames_left and (mark.request, mark.response) == kept

    def _body(self, number: int, from_visitor: bool, body: Body, begin: int, limit: int) -> int:
        data = body.data
        room = limit - self.next_batch.size
        if len(data) <= begin or room <= 0:
            return begin
        part = bytes(data[begin : begin + room])
        self.next_batch.bodies.append((number, from_visitor, begin, part))
        self.next_batch.size += FRAME + len(part)
        return begin + len(part)

    def _frames(self, exchange: Exchange, mark: Mark, limit: int) -> bool:
        """Put frames into the next batch; return whether there are more."""
        line = exchange.timeline
        if line is None or mark.frame >= line.count:
            return False
        batch, number, size = self.next_batch, exchange.number, self.next_batch.size
        rows = batch.frames
        for frame in line.frames(mark.frame - 1):
            if size >= limit:
                break
            if frame.number != mark.frame:
                self._miss(0, frame.number - mark.frame, 0)
            payload = frame.payload
            rows.append(
                (
                    number,
                    frame.number,
                    frame.at,
                    frame.from_visitor,
                    frame.first,
                    frame.length,
                    payload,
                    frame.begin,
                    frame.injected,
                )
            )
            size += FRAME + len(payload)
            mark.frame = frame.number + 1
        batch.size = size
        return mark.frame < line.count


def _frames_left(exchange: Exchange, mark: Mark) -> int:
    return exchange.timeline.count - mark.frame if exchange.timeline is not None else 0


def _octets_left(exchange: Exchange, mark: Mark) -> int:
    """Return the bytes of what the store has and the file has not."""
    octets = len(exchange.request_body.data) - mark.request + len(exchange.response_body.data) - mark.response
    if exchange.timeline is not None:
        octets += sum(frame.length for frame in exchange.timeline.frames(mark.frame - 1))
    return octets
