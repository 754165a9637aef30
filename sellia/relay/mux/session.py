"""Multiplexed session between one client and one server, which outlives the links that carry it.

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
    nothing new is to be opened, and ``load.shed_queued()``, called once a second, resets the streams that have most.  A
    peer that sends without reading what it causes is cut off at ``URGENT_LIMIT``.

What the caller must do
    Hand over a ``schedule`` that calls what it is given soon, not at once; call :meth:`flush` whenever the link becomes
    writable, :meth:`receive` with each parcel (or :meth:`begin` and :meth:`go_on`), :meth:`attach`, :meth:`detach` as
    links come and go, and nothing with what a link still brings after it was detached.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from sellia.errors import ProtocolError
from sellia.problems import INTERNAL, OVERLOADED, Problem, problem_of
from sellia.protocol import native
from sellia.protocol.limits import (
    ACK_EVERY,
    IDLE_LIMIT,
    LINGERING_LIMIT,
    MAX_STREAMS,
    RECORD_COST,
    REPLAY_LIMIT,
    SESSION_HELD_LIMIT,
    SESSION_QUEUE_LIMIT,
    URGENT_LIMIT,
)
from sellia.protocol.messages import Ending, Opening, Reset, SessionMessage, Why
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.load_shedding import LoadShedder
from sellia.relay.mux.owner import Owner
from sellia.relay.mux.parcel_reader import SHORT_PARCEL, ParcelReader, Record
from sellia.relay.mux.scheduler import Link, SendScheduler
from sellia.relay.mux.send_half import SendHalf
from sellia.relay.mux.stream import Stream, opening_record
from sellia.relay.mux.stream_numbers import StreamNumbers
from sellia.relay.mux.streams import StreamTable

_STREAM_RECORDS: Final = native.STREAM_RECORDS


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
        self.name = ""  #: as logs and the ids of causes have it
        self.told: Why | None = None  #: what the peer says of why a leg is being reset; None where this end resets it
        self._numbers = StreamNumbers(even)
        self.table = StreamTable(self._numbers.peer_parity)
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
        self.load = LoadShedder(self.table, self._overload, held_limit, queue_limit)
        self._reader = ParcelReader(self._act, self._part_done, self._parcel_done)
        #: Fault in a parcel that was read to its end after its link was lost.
        self._fault: ProtocolError | None = None

    # --- for links -----------------------------------------------------------------------------------------

    @property
    def attached(self) -> bool:
        """Whether a link carries the session now."""
        return self.out.attached

    @property
    def received(self) -> int:
        """Number of the peer's parcels that have arrived."""
        return self.out.received

    def attach(self, link: Link, peer_received: int) -> None:
        """Go on over ``link``, with a peer at which so many of our parcels have arrived.

        Raises ProtocolError when the peer cannot have got that many, or forgets some that it had.
        """
        if self._fault is not None:
            raise self._fault
        self.out.attach(link, peer_received)

    def detach(self) -> None:
        """Let streams wait: the link is gone.  What has come of a parcel is acted on; `attach` raises a fault in it."""
        self.out.detach()
        try:
            self._reader.finish()
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
        number = self._numbers.take()
        record = opening_record(number, opening, end)
        out = self.out
        stream = Stream(self, out, self.table, number, record, leg)
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
    def quiet(self) -> bool:
        """Whether no stream is open, and all that was said has been handed to a link."""
        return not self.streams and self.out.empty

    def send_control(self, message: SessionMessage) -> None:
        """Send a message about the session, in order with all other control messages."""
        payload = native.encode(message)
        self.out.urge(native.pack_record(native.CONTROL, 0, 0, len(payload)) + payload)

    def close(self, problem: Problem, message: str) -> None:
        """End the session: reset every leg, and send and receive nothing more."""
        if self.closed:
            return
        self.closed = True
        self._reader.drop()
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
        self._reader.finish()

    @property
    def unfinished(self) -> bool:
        """Whether some of the last parcel is still to be acted on: call :meth:`go_on` before the next one comes."""
        return self._reader.rest is not None

    def begin(self, message: bytes) -> bool:
        """Act on the first records of the next parcel, and return whether that leaves it ``unfinished``.

        Raises ProtocolError when the peer has broken the protocol: close the link then.
        """
        reader = self._reader
        if reader.rest is not None:
            reader.finish()
        ack = native.parcel_ack(message)
        self.out.acknowledged(ack)
        self.out.arrived(len(message))
        self.idle += len(message) == native.PARCEL_HEADER
        if len(message) > SHORT_PARCEL:
            reader.begin(message, ack)
        elif self._act(native.records(message)):
            self._parcel_done(ack)
        return reader.rest is not None

    def go_on(self) -> bool:
        """Act on more records of it, and return whether it has more still.  Raises ProtocolError as `begin` does."""
        self._reader.go_on()
        return self._reader.rest is not None

    def _parcel_done(self, ack: int) -> None:
        out = self.out
        if out.lingering.parcels:
            out.lingering.outlived(ack)
        if self.table.held > self.load.held_limit or out.urgent_size > URGENT_LIMIT:
            self._part_done()
        if out.owed >= ACK_EVERY:
            out.acted()

    def _part_done(self) -> None:
        if self.table.held > self.load.held_limit:
            self.load.shed_held()
        if self.out.urgent_size > URGENT_LIMIT:
            raise ProtocolError("too much waits for a peer that sends without reading", 1008)

    def _act(self, records: Iterator[Record]) -> bool:
        """Act on records; False if the session is over."""
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
                    self.late += amount < RECORD_COST
                    stream.sending.credited(amount)
                elif kind == native.BLOCKED:
                    self.late += not stream.receiving.starved()
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
        self._numbers.check(number)
        if self.table.peer_open >= self.max_streams:
            raise ProtocolError("more streams were opened than the limit", 1008)
        opening = native.decode_opening(payload)
        self._numbers.opened(number)
        stream = Stream(self, self.out, self.table, number)
        stream.receiving.ended = end = bool(flags & native.END)
        self.table.add(stream)
        try:
            leg = stream.sending.leg = stream.receiving.leg = self.owner.stream_opened(stream, opening, end)
            if stream.sending.paused:
                leg.pause_sending()
        except ProtocolError:
            raise
        except Exception as error:
            self._failed(stream, error)

    def _reset_received(self, stream: Stream, reset: Reset) -> None:
        self.table.end(stream)
        self.told = reset.why
        if reset.frames >= 0:
            self._guarded(stream, stream.leg.ending_received, Ending(frames=reset.frames, bytes=reset.bytes))
        self._guarded(stream, stream.leg.reset_received, problem_of(reset.word), reset.message)
        self.told = None

    def _late(self, kind: int, number: int, payload: bytes) -> None:
        """Judge a record for a stream that is not open: late, of an unknown kind, or a violation."""
        if kind not in _STREAM_RECORDS and kind not in (native.CREDIT, native.BLOCKED, native.RESET):
            self._idle()
            return
        self.late += 1
        if not self._numbers.known(number):
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

    @property
    def footprint(self) -> int:
        """Bytes that wait here: for readers, to be sent, and until they are acknowledged."""
        return self.table.held + self.table.queued + self.out.kept

    def _overload(self, stream: Stream, message: str, bound: str) -> None:
        stream.reset(OVERLOADED, message)
        self._guarded(stream, stream.leg.reset_received, OVERLOADED, message)
        if self.relieved is not None:
            self.relieved(stream, bound)

    # --- for streams ---------------------------------------------------------------------------------------

    def finished(self, stream: Stream) -> None:
        """Forget a stream of which both directions have ended, once all of it has left."""
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
        """Forget a stream whose last record has left, if the other direction has ended too."""
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
