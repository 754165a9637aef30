"""The conversation between one client and one server.  It outlives the links that carry it.

Need
    Many streams share one link, and know nothing of it.  When it drops and another takes its place, both ends go on as
    if nothing had happened.  How what they say is sent, in turns, and sent again, is in
    :mod:`sellia.relay.mux.scheduler`.

Invariants (``check_invariants`` holds them in tests)
    * A parcel is acted on once: ``received`` counts them, and a new link starts at the peer's ``received + 1``.
    * No record of a stream leaves after its reset.  None arrives after ours, once the peer has sent a whole parcel
      that it began to build after our reset had arrived there.

Bounds
    What all streams hold for legs that do not take it is bounded by ``SESSION_HELD_LIMIT``: beyond it the stream that
    holds most is reset as overloaded, because every other remedy would make the innocent wait.  What waits to be sent,
    while a link is away or slow, is bounded for each stream, and for all together by ``SESSION_QUEUE_LIMIT``: beyond it
    nothing new is to be opened, and :meth:`relieve_queue`, called once a second, resets the streams that have most.  A
    peer that sends without reading what it causes is cut off at ``URGENT_LIMIT``.

What the caller must do
    Hand over a ``schedule`` that calls what it is given soon, not at once; call :meth:`flush` whenever the link becomes
    writable, :meth:`receive` with each parcel (or :meth:`begin` and :meth:`go_on`), :meth:`attach`, :meth:`detach` as
    links come and go, and nothing with what a link still brings after it was detached.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, Final, Protocol

from sellia.errors import ProtocolError
from sellia.problems import INTERNAL, OVERLOADED, Problem, problem_of
from sellia.protocol import native
from sellia.protocol.limits import (
    IDLE_LIMIT,
    LINGERING_LIMIT,
    MAX_STREAMS,
    RECORD_COST,
    REPLAY_LIMIT,
    SESSION_HELD_LIMIT,
    SESSION_QUEUE_LIMIT,
    URGENT_LIMIT,
)
from sellia.protocol.messages import Ending, Opening, Reset, SessionMessage
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.scheduler import Link, SendScheduler
from sellia.relay.mux.send_half import SendHalf
from sellia.relay.mux.stream import Stream, opening_record
from sellia.relay.mux.streams import StreamTable

#: Records of a parcel that are acted on in one go: half a millisecond, where each is a chunk of a response.
RECORDS_AT_ONCE: Final = 256

#: Bytes of a parcel that has no more records than that.
_SHORT: Final = native.PARCEL_HEADER + RECORDS_AT_ONCE * native.RECORD_HEADER

_TOO_MUCH_HELD: Final = "the reader is too slow, and too much is waiting for readers of this session"
_TOO_MUCH_IN_ALL: Final = "too much is waiting in all sessions together, and most of it in this one"
_TOO_MUCH_QUEUED: Final = "too much is waiting for the link of this session"

_STREAM_RECORDS: Final = frozenset(
    {native.HEAD, native.DATA, native.TRAILERS, native.FRAME, native.FRAME_BEGIN, native.FRAME_MORE, native.ENDING}
)


class Owner(Protocol):
    """What a session asks of its surroundings."""

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        """The peer has opened a stream: return the leg for it.  It may use the stream at once."""

    def message_received(self, message: SessionMessage) -> None:
        """The peer said something about the session."""

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        """The leg of a stream raised: a defect of ours.  The stream has been reset; the error wants logging."""


class Session:
    """One end of a session.  ``even`` says whether it opens streams with even numbers (the server does)."""

    def __init__(
        self,
        owner: Owner,
        schedule: Callable[[Callable[[], None]], None],
        *,
        even: bool,
        max_streams: int = MAX_STREAMS,
        held_limit: int = SESSION_HELD_LIMIT,
        queue_limit: int = SESSION_QUEUE_LIMIT,
        replay_limit: int = REPLAY_LIMIT,
    ) -> None:
        self.owner = owner
        self._next_id = 2 if even else 1
        self._peer_parity = 1 - (self._next_id & 1)
        self._last_peer_id = 0
        self.table = StreamTable(self._peer_parity)
        #: The streams that are open, by number.
        self.streams = self.table.open
        self.out = SendScheduler(schedule, self._eased, self._emptied, replay_limit)
        self.closed = False
        #: Records, and parcels without any, that said nothing; records that changed nothing.  For the link to bound.
        self.idle = self.late = 0
        #: Told of each stream that was reset because a bound of the session was reached, and of which.
        self.relieved: Callable[[Stream, str], None] | None = None
        #: Told of each reset of a stream that had ended here, by its number.
        self.late_reset: Callable[[int, Reset], None] | None = None
        self.max_streams = max_streams
        self._rest: Iterator[tuple[int, int, int, bytes]] | None = None
        self._ack = 0
        self._fault: ProtocolError | None = None
        self._held_limit = held_limit
        self._queue_limit = queue_limit

    # --- for links -----------------------------------------------------------------------------------------

    @property
    def attached(self) -> bool:
        """Whether a link carries the session now."""
        return self.out.attached

    @property
    def received(self) -> int:
        """How many of the peer's parcels have arrived."""
        return self.out.received

    def attach(self, link: Link, peer_received: int) -> None:
        """Go on over ``link``, with a peer at which so many of our parcels have arrived.

        Raises ProtocolError when the peer cannot have got that many, or forgets some that it had.
        """
        if self._fault is not None:
            raise self._fault
        self.out.attach(link, peer_received)

    def detach(self) -> None:
        """The link is gone; streams wait.  What has come of a parcel is acted on; a fault in it is told to the next."""
        self.out.detach()
        try:
            self._finish()
        except ProtocolError as error:
            self._fault = error

    def flush(self) -> None:
        """Send what is ready, as far as the link takes it."""
        self.out.flush()

    # --- streams -------------------------------------------------------------------------------------------

    def open(self, opening: Opening, leg: Leg, *, end: bool = False) -> Stream:
        """Open a stream; ``end`` says that nothing follows its opening in this direction.

        Not on a session that is ``closed`` or ``full``.  Raises ProblemError for an opening longer than ``HEAD_LIMIT``.
        """
        if self.closed:
            raise RuntimeError("a stream was opened on a session that is over")
        number = self._next_id
        self._next_id += 2
        record = opening_record(number, opening, end)
        out = self.out
        stream = Stream(self, out, self.table, number, record)
        stream.leg = leg
        stream.sending.ended = end
        stream.tunnel = opening.tunnel
        self.table.add(stream)
        if out.direct and out.idle:  # the reset that made room goes first
            stream.sending.opening = b""
            out.append(record, b"", 0)
        else:
            self.table.queued += len(record)
            out.activate(stream.sending)
        return stream

    @property
    def full(self) -> bool:
        """Whether as many streams that were opened here are open as the limit allows."""
        return self.table.ours >= self.max_streams

    @property
    def crowded(self) -> bool:
        """Whether as much waits to be sent as the limit allows."""
        return self.table.queued >= self._queue_limit

    @property
    def quiet(self) -> bool:
        """Whether no stream is open, and all that was said has been handed to a link."""
        return not self.streams and self.out.empty

    def send_control(self, message: SessionMessage) -> None:
        """Send a message about the session, in order with all other control messages."""
        payload = native.encode(message)
        self.out.urge(native.pack_record(native.CONTROL, 0, 0, len(payload)) + payload)

    def close(self, problem: Problem, message: str) -> None:
        """The session is over: every leg is told so, and nothing more is sent or received."""
        if self.closed:
            return
        self.closed = True
        streams = self.table.clear()
        self.out.close()
        for stream in streams:
            self.table.end(stream)  # its leg may go on for a while, and has nobody to talk to
            leg = stream.leg
            try:
                leg.reset_received(problem, message)
            except Exception as error:
                self.owner.leg_failed(stream.id, leg, error)

    # --- in ------------------------------------------------------------------------------------------------

    def receive(self, message: bytes) -> None:
        """Act on the next parcel, all of it.  Raises ProtocolError as :meth:`begin` does."""
        self.begin(message)
        self._finish()

    @property
    def unfinished(self) -> bool:
        """Whether some of the last parcel is still to be acted on: call :meth:`go_on` before the next one comes."""
        return self._rest is not None

    def begin(self, message: bytes) -> None:
        """Act on the first records of the next parcel, which leaves it ``unfinished`` where it has more.

        Raises ProtocolError when the peer has broken the protocol: close the link then.
        """
        self._ack = native.parcel_ack(message)
        self.out.acknowledged(self._ack)
        self.out.arrived(len(message))
        if len(message) == native.PARCEL_HEADER:
            self.idle += 1
        if len(message) <= _SHORT:
            if self._act(native.records(message)):
                self._acted()
            return
        self._rest = native.records(message)
        self.go_on()

    def go_on(self) -> None:
        """Act on ``RECORDS_AT_ONCE`` more records of the parcel.  Raises ProtocolError as :meth:`begin` does."""
        rest, self._rest = self._rest, None
        if rest is None or self.closed or not self._act(islice(rest, RECORDS_AT_ONCE)):
            return
        following = next(rest, None)
        if following is not None:
            self._rest = chain((following,), rest)
            self._relieve()
        else:
            self._acted()

    def _acted(self) -> None:
        """All of the parcel has been acted on."""
        out = self.out
        if out.lingering:
            out.lingering.outlived(self._ack)
        self._relieve()
        out.acted()

    def _relieve(self) -> None:
        table = self.table
        if table.held > self._held_limit:
            table.relieve_held(self._held_limit, self._drop_held)
        if self.out.urgent_size > URGENT_LIMIT:
            raise ProtocolError("too much waits for a peer that sends without reading", 1008)

    def _finish(self) -> None:
        while self._rest is not None:
            self.go_on()

    def _act(self, records: Iterator[tuple[int, int, int, bytes]]) -> bool:
        """Act on these; False if the session is over."""
        table, streams = self.table, self.streams
        for kind, flags, number, payload in records:
            stream = streams.get(number)
            if stream is not None:
                if kind in _STREAM_RECORDS:
                    receiving = stream.receiving
                    try:
                        receiving.received(kind, flags, payload)
                    except ProtocolError:
                        raise
                    except Exception as error:
                        self._failed(stream, error)
                    else:
                        if receiving.ended and stream.sending.ended:
                            table.finished(stream)
                elif kind == native.CREDIT:
                    amount = native.decode_credit(payload)
                    if amount < RECORD_COST:
                        self.late += 1
                    stream.sending.credited(amount)
                elif kind == native.BLOCKED:
                    if not stream.receiving.starved():
                        self.late += 1
                elif kind == native.RESET:
                    self._reset_received(stream, native.decode_reset(payload))
                elif kind == native.OPEN:
                    raise ProtocolError("a stream was opened twice")
                elif kind == native.CONTROL:
                    raise ProtocolError("a control record names a stream")
                else:
                    self._idle()
            elif kind == native.OPEN:
                self._opened(number, flags, payload)
            elif kind == native.CONTROL:
                if number:
                    raise ProtocolError("a control record names a stream")
                said = native.decode_control(payload)
                if said is not None:
                    self.owner.message_received(said)
                else:
                    self._idle()
            else:
                self._late(kind, number, payload)
            if self.closed:
                return False
        return True

    def _opened(self, number: int, flags: int, payload: bytes) -> None:
        if number & 1 != self._peer_parity or number <= self._last_peer_id:
            raise ProtocolError("a stream was opened with a number that is not the peer's next")
        if self.table.peer_open >= self.max_streams:
            raise ProtocolError("more streams were opened than the limit", 1008)
        opening = native.decode_opening(payload)
        self._last_peer_id = number
        stream = Stream(self, self.out, self.table, number)
        stream.receiving.ended = end = bool(flags & native.END)
        self.table.add(stream)
        try:
            leg = stream.leg = self.owner.stream_opened(stream, opening, end)
            if stream.paused:
                leg.pause_sending()
        except ProtocolError:
            raise
        except Exception as error:
            self._failed(stream, error)

    def _reset_received(self, stream: Stream, reset: Reset) -> None:
        self.table.end(stream)
        if reset.frames >= 0:
            self._guarded(stream, stream.leg.ending_received, Ending(frames=reset.frames, bytes=reset.bytes))
        self._guarded(stream, stream.leg.reset_received, problem_of(reset.word), reset.message)

    def _late(self, kind: int, number: int, payload: bytes) -> None:
        """A record for a stream that is not open: late, of a kind we do not know, or a violation."""
        if kind not in _STREAM_RECORDS and kind not in (native.CREDIT, native.BLOCKED, native.RESET):
            self._idle()
            return
        self.late += 1
        if number & 1 == self._peer_parity:
            known = 0 < number <= self._last_peer_id
        else:
            known = 0 < number < self._next_id
        if not known:
            raise ProtocolError("something was sent on a stream that was never opened")
        if kind in _STREAM_RECORDS and not self.out.lingering.excuses(number):
            raise ProtocolError("something was sent on a stream that had ended")
        if kind == native.RESET and self.late_reset is not None and not self.out.lingering.excuses(number):
            self.late_reset(number, native.decode_reset(payload))

    def _idle(self) -> None:
        """Count a record of a kind that we do not know.  Raises ProtocolError beyond ``IDLE_LIMIT`` for the link."""
        self.idle += 1
        if self.idle > IDLE_LIMIT:
            raise ProtocolError("a parcel has too many records that say nothing", 1008)

    def _guarded(self, stream: Stream, call: Callable[..., None], *arguments: Any) -> None:
        try:
            call(*arguments)
        except ProtocolError:
            raise
        except Exception as error:
            self._failed(stream, error)

    def _failed(self, stream: Stream, error: Exception) -> None:
        leg = stream.leg
        stream.reset(INTERNAL)
        self.owner.leg_failed(stream.id, leg, error)

    # --- too much ------------------------------------------------------------------------------------------

    def relieve_queue(self) -> None:
        """Reset the streams of which most waits to be sent, where too much does.  Call it once a second.

        Not from inside of a leg.
        """
        self.table.relieve_queued(self._queue_limit, self._drop_queued)

    @property
    def footprint(self) -> int:
        """Bytes that wait here: for readers, to be sent, and until they are acknowledged."""
        return self.table.held + self.table.queued + self.out.kept

    def shed(self, excess: int) -> None:
        """Reset the streams that keep most waiting, until ``excess`` bytes less do.  Not from inside of a leg."""
        self.table.shed(excess, self._drop_for_others)

    def _drop_for_others(self, stream: Stream) -> None:
        self._overload(stream, _TOO_MUCH_IN_ALL, "sessions_memory")

    def _drop_held(self, stream: Stream) -> None:
        self._overload(stream, _TOO_MUCH_HELD, "session_credit")

    def _drop_queued(self, stream: Stream) -> None:
        self._overload(stream, _TOO_MUCH_QUEUED, "session_queue")

    def _overload(self, stream: Stream, message: str, bound: str) -> None:
        stream.reset(OVERLOADED, message)
        self._guarded(stream, stream.leg.reset_received, OVERLOADED, message)
        if self.relieved is not None:
            self.relieved(stream, bound)

    # --- for streams ---------------------------------------------------------------------------------------

    def finished(self, stream: Stream) -> None:
        """Both directions have ended: forget the stream once all of it has left."""
        self.table.finished(stream)

    def give_up(self, stream: Stream, reset: Reset) -> None:
        """End a stream now, and tell the peer unless it never knew of it.

        Of one that has ended the peer is told only where the leg has not taken all that it was given.
        """
        if self.streams.get(stream.id) is not stream:
            undelivered = stream.untaken
            self.table.release(stream)
            if undelivered:
                self._say_reset(stream.id, reset)
            return
        known = stream.announced
        self.table.end(stream)
        if known:
            self.out.lingering.add(stream.id)
            self._say_reset(stream.id, reset)

    def _say_reset(self, number: int, reset: Reset) -> None:
        if not self.closed:
            payload = native.encode(reset)
            self.out.urge(native.pack_record(native.RESET, 0, number, len(payload)) + payload)

    # --- for the scheduler ---------------------------------------------------------------------------------

    def _emptied(self, number: int) -> None:
        """The last record of a half that has ended has left."""
        stream = self.streams.get(number)
        if stream is not None and stream.receiving.ended:
            self.table.finished(stream)

    def _eased(self, half: SendHalf) -> None:
        leg = half.leg
        try:
            half.eased()
        except ProtocolError:
            raise
        except Exception as error:
            stream = self.streams.get(half.id)
            if stream is not None:
                stream.reset(INTERNAL)
            self.owner.leg_failed(half.id, leg, error)

    def check_invariants(self) -> None:
        """For tests: raise AssertionError where the module's invariants do not hold."""
        self.out.check_invariants()
        self.table.check_invariants()
        assert len(self.out.lingering) <= LINGERING_LIMIT
