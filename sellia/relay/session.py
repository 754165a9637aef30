"""The conversation between one client and one server.  It outlives the links that carry it.

Need
    Many streams share one link, and know nothing of it.  When it drops and another takes its place, both ends go on as
    if nothing had happened.  How what they say is sent, in turns, and sent again, is in :mod:`sellia.relay.outbound`.

Invariants (``check_invariants`` holds them in tests)
    * A parcel is acted on once: ``received`` counts them, and a new link starts at the peer's ``received + 1``.
    * No record of a stream leaves after its reset.  None arrives after ours, once the peer has sent a whole parcel
      that it began to build after our reset had arrived there.
    * ``held`` is what the legs of ``streams`` and ``leaving`` have been given and have not taken; ``queued`` is what
      waits in all outboxes, and as openings; ``by_tunnel`` counts the streams that were opened here.

Bounds
    What all streams hold for legs that do not take it is bounded by ``SESSION_HELD_LIMIT``: beyond it the stream that
    holds most is reset as overloaded, because every other remedy would make the innocent wait.  What waits to be sent,
    while a link is away or slow, is bounded for each stream, and for all together by ``SESSION_QUEUE_LIMIT``: beyond it
    nothing new is to be opened, and :meth:`relieve_queue`, called once a second, resets the streams that have most.  A
    peer that sends without reading what it causes is cut off at ``URGENT_LIMIT``.

What the caller must do
    Call :meth:`flush` soon after ``owner.flush_wanted()`` (not from inside it), and whenever the link becomes writable;
    call :meth:`receive` with each parcel, :meth:`attach` and :meth:`detach` as links come and go, and nothing with
    what a link still brings after it was detached.
"""

from collections.abc import Callable
from itertools import chain
from typing import Any, Final, Protocol

from sellia.errors import ProtocolError
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
from sellia.protocol.messages import Ending, Opening, Reset, SessionMessage
from sellia.relay.leg import NOBODY, Leg
from sellia.relay.outbound import Flusher, Outbound
from sellia.relay.stream import Stream, opening_record

_OVERLOADED: Final = "overloaded"
_TOO_MUCH_HELD: Final = "the reader is too slow, and too much is waiting for readers of this session"
_TOO_MUCH_QUEUED: Final = "too much is waiting for the link of this session"

_STREAM_RECORDS: Final = frozenset(
    {native.HEAD, native.DATA, native.TRAILERS, native.FRAME, native.FRAME_BEGIN, native.FRAME_MORE, native.ENDING}
)


class Owner(Flusher, Protocol):
    """What a session asks of its surroundings."""

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        """The peer has opened a stream: return the leg for it.  It may use the stream at once."""

    def message_received(self, message: SessionMessage) -> None:
        """The peer said something about the session."""

    def leg_failed(self, stream: Stream, error: Exception) -> None:
        """A leg raised: a defect of ours.  The stream has been reset on both sides; the error wants logging."""


class Session(Outbound):
    """One end of a session.  ``even`` says whether it opens streams with even numbers (the server does)."""

    def __init__(
        self,
        owner: Owner,
        *,
        even: bool,
        max_streams: int = MAX_STREAMS,
        held_limit: int = SESSION_HELD_LIMIT,
        queue_limit: int = SESSION_QUEUE_LIMIT,
        replay_limit: int = REPLAY_LIMIT,
    ) -> None:
        super().__init__(replay_limit)
        self.owner: Owner = owner
        self.streams: dict[int, Stream] = {}
        #: Streams that have ended both ways while their legs still hold what they were given.
        self.leaving: dict[int, Stream] = {}
        self.held = 0
        self.queued = 0
        self.by_tunnel: dict[int, int] = {}
        #: Records, and parcels without any, that said nothing; records that changed nothing.  For the link to bound.
        self.idle = self.late = 0
        #: Told of each stream that was reset because a bound of the session was reached, and of which.
        self.relieved: Callable[[Stream, str], None] | None = None
        self.max_streams = max_streams
        self._held_limit = held_limit
        self._queue_limit = queue_limit
        self._next_id = 2 if even else 1
        self._peer_parity = 1 - (self._next_id & 1)
        self._peer_open = 0
        self._last_peer_id = 0

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
        stream = Stream(self, number, record)
        stream.leg = leg
        stream.local_ended = end
        stream.tunnel = tunnel = opening.tunnel
        self.by_tunnel[tunnel] = self.by_tunnel.get(tunnel, 0) + 1
        self.streams[number] = stream
        if self.direct and not (self._active or self._fresh or self._urgent):  # the reset that made room goes first
            stream.opening = b""
            self.append(record, b"", 0)
        else:
            self.queued += len(record)
            self.activate(stream)
        return stream

    @property
    def full(self) -> bool:
        """Whether as many streams that were opened here are open as the limit allows."""
        return len(self.streams) - self._peer_open >= self.max_streams

    @property
    def crowded(self) -> bool:
        """Whether as much waits to be sent as the limit allows."""
        return self.queued >= self._queue_limit

    @property
    def quiet(self) -> bool:
        """Whether no stream is open, and all that was said has been handed to a link."""
        return not (self.streams or self._parts or self._urgent or self._resend)

    def say(self, message: SessionMessage) -> None:
        """Say something about the session; in order with whatever else is said this way."""
        payload = native.encode(message)
        self.urge(native.pack_record(native.CONTROL, 0, 0, len(payload)) + payload)

    def close(self, word: str, message: str) -> None:
        """The session is over: every leg is told so, and nothing more is sent or received."""
        if self.closed:
            return
        self.closed = True
        self.detach()
        streams = list(self.streams.values())
        for stream in tuple(self.leaving.values()):
            self.release(stream)
        self.streams.clear()
        self.by_tunnel.clear()
        self._peer_open = 0
        self._clear()
        for stream in streams:
            self.release(stream)
            stream.local_ended = stream.remote_ended = True  # its leg may go on for a while, and has nobody to talk to
            stream.discard()
            try:
                stream.leg.reset_received(word, message)
            except Exception as error:
                self.owner.leg_failed(stream, error)

    # --- in ------------------------------------------------------------------------------------------------

    def receive(self, message: bytes) -> None:
        """Act on the next parcel.  Raises ProtocolError when the peer has broken the protocol: close the link then."""
        ack = native.parcel_ack(message)
        self.acknowledged(ack)
        self.received += 1
        self._owed += len(message)
        streams = self.streams
        if len(message) == native.PARCEL_HEADER:
            self.idle += 1
        for kind, flags, number, payload in native.records(message):
            stream = streams.get(number)
            if stream is not None:
                if kind in _STREAM_RECORDS:
                    try:
                        stream.received(kind, flags, payload)
                    except ProtocolError:
                        raise
                    except Exception as error:
                        stream.reset("internal")
                        self.owner.leg_failed(stream, error)
                elif kind == native.CREDIT:
                    amount = native.decode_credit(payload)
                    if amount < RECORD_COST:
                        self.late += 1
                    stream.credited(amount)
                elif kind == native.BLOCKED:
                    if not stream.starved():
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
                self._late(kind, number)
            if self.closed:
                return
        if self._lingering:
            self._lingering.outlived(ack)
        if self.held > self._held_limit:
            self._relieve()
        if self._urgent_size > URGENT_LIMIT:
            raise ProtocolError("too much waits for a peer that sends without reading", 1008)
        if self._owed >= ACK_EVERY and not self._wanted:
            self._want()

    def _opened(self, number: int, flags: int, payload: bytes) -> None:
        if number & 1 != self._peer_parity or number <= self._last_peer_id:
            raise ProtocolError("a stream was opened with a number that is not the peer's next")
        if self._peer_open >= self.max_streams:
            raise ProtocolError("more streams were opened than the limit", 1008)
        opening = native.decode_opening(payload)
        self._last_peer_id = number
        stream = Stream(self, number)
        stream.remote_ended = end = bool(flags & native.END)
        self.streams[number] = stream
        self._peer_open += 1
        try:
            leg = stream.leg = self.owner.stream_opened(stream, opening, end)
            if stream.paused:
                leg.pause_sending()
        except ProtocolError:
            raise
        except Exception as error:
            stream.reset("internal")
            self.owner.leg_failed(stream, error)

    def _reset_received(self, stream: Stream, reset: Reset) -> None:
        self.forget(stream, tell=None)
        if reset.frames >= 0:
            self._guarded(stream, stream.leg.ending_received, Ending(frames=reset.frames, bytes=reset.bytes))
        self._guarded(stream, stream.leg.reset_received, reset.word, reset.message)

    def _late(self, kind: int, number: int) -> None:
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
        if kind in _STREAM_RECORDS and not self._lingering.excuses(number):
            raise ProtocolError("something was sent on a stream that had ended")

    def _idle(self) -> None:
        """A record of a kind that we do not know."""
        self.idle += 1
        if self.idle > IDLE_LIMIT:
            raise ProtocolError("a parcel has too many records that say nothing", 1008)

    def _guarded(self, stream: Stream, call: Callable[..., None], *arguments: Any) -> None:
        try:
            call(*arguments)
        except ProtocolError:
            raise
        except Exception as error:
            stream.reset("internal")
            self.owner.leg_failed(stream, error)

    def _relieve(self) -> None:
        """Too much is held for legs that do not take it: reset those that hold most, until it is not."""
        while self.held > self._held_limit:
            stream = max(chain(self.streams.values(), self.leaving.values()), key=lambda each: each.untaken)
            if not stream.untaken:
                break
            self._overload(stream, _TOO_MUCH_HELD, "session_credit")

    def relieve_queue(self) -> None:
        """Once a second: where too much waits to be sent, reset the streams that have most, until it does not.

        Not from inside of a leg.
        """
        if self.queued <= self._queue_limit:
            return
        for stream in sorted(self.streams.values(), key=lambda each: each.waiting, reverse=True):
            self._overload(stream, _TOO_MUCH_QUEUED, "session_queue")
            if self.queued <= self._queue_limit:
                return

    def _overload(self, stream: Stream, message: str, bound: str) -> None:
        stream.reset(_OVERLOADED, message)
        self._guarded(stream, stream.leg.reset_received, _OVERLOADED, message)
        if self.relieved is not None:
            self.relieved(stream, bound)

    # --- for streams ---------------------------------------------------------------------------------------

    def finished(self, stream: Stream) -> None:
        """Both directions have ended: forget the stream once all of it has left.

        What its leg still holds counts until the leg calls ``flow`` or ``reset``.
        """
        if stream.drained:
            self._remove(stream)
            if stream.untaken and stream.stalled:
                self.leaving[stream.id] = stream
            elif not stream.paused:
                stream.leg = NOBODY  # or each would keep the other for the garbage collector to find

    def release(self, stream: Stream) -> None:
        """What the stream's leg held is gone, or counts no more."""
        self.held -= stream.untaken
        stream.untaken = 0
        self.leaving.pop(stream.id, None)

    def forget(self, stream: Stream, *, tell: Reset | None) -> None:
        """End a stream now: drop what is queued and, unless the peer knows nothing of it, ``tell`` it so."""
        self.release(stream)
        self._remove(stream)
        stream.local_ended = stream.remote_ended = True
        stream.discard()
        if tell is not None and not self.closed:
            payload = native.encode(tell)
            self._lingering.add(stream.id)
            self.urge(native.pack_record(native.RESET, 0, stream.id, len(payload)) + payload)

    def _remove(self, stream: Stream) -> None:
        if self.streams.pop(stream.id, None) is None:
            return
        if stream.id & 1 == self._peer_parity:
            self._peer_open -= 1
            return
        left = self.by_tunnel[stream.tunnel] - 1
        if left:
            self.by_tunnel[stream.tunnel] = left
        else:
            del self.by_tunnel[stream.tunnel]

    def check_invariants(self) -> None:
        """For tests: raise AssertionError where the module's invariants do not hold."""
        super().check_invariants()
        assert self.held == sum(stream.untaken for stream in chain(self.streams.values(), self.leaving.values()))
        assert self.queued == sum(stream.waiting for stream in self.streams.values())
        ours = [stream.tunnel for number, stream in self.streams.items() if number & 1 != self._peer_parity]
        assert self.by_tunnel == {tunnel: ours.count(tunnel) for tunnel in ours}
        assert self._peer_open == sum(number & 1 == self._peer_parity for number in self.streams)
        assert not self.leaving.keys() & self.streams.keys()
        assert len(self._lingering) <= LINGERING_LIMIT
        for stream in self.streams.values():
            stream.check_invariants()
