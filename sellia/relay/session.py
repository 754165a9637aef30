"""The conversation between one client and one server.  It outlives the links that carry it.

Need
    Many streams share one link.  Each gets its turn; what urgently concerns a stream (credit, reset) overtakes bulk
    data; all that is ready leaves in as few link messages as possible.  When the link drops and another takes its
    place, both ends go on as if nothing had happened.

Invariants (``check_invariants`` holds them in tests)
    * Parcels are numbered 1, 2, 3, … in the order in which they are built.  ``acked <= sent``; the replay queue holds
      exactly the parcels ``acked + 1 … sent``, as they were sent, octet for octet.
    * A parcel is acted on once: ``received`` counts them, and a new link starts at the peer's ``received + 1``.
    * No record of a stream leaves after its reset.  None arrives after ours, once the peer has sent a whole parcel
      that it began to build after our reset had arrived there.
    * ``held`` is what the legs of ``streams`` and ``leaving`` have been given and have not taken; ``queued`` is what
      waits in all outboxes, and as openings; ``by_tunnel`` counts the streams that were opened here.

Bounds
    The replay queue is bounded by ``REPLAY_LIMIT`` plus one parcel: beyond it nothing is sent until acks arrive.  A
    link that is slow may bound bulk data more narrowly (:mod:`sellia.relay.pace`), so that little is under way at once.
    Acks are for arrival, not for reading, so a stalled stream does not hold them up.  What all streams hold for legs
    that do not take it is bounded by ``SESSION_HELD_LIMIT``: beyond it the stream that holds most is reset as
    overloaded, because every other remedy would make the innocent wait.  What waits to be sent, while a link is away or
    slow, is bounded for each stream, and for all together by ``SESSION_QUEUE_LIMIT``: beyond it nothing new is to be
    opened, and :meth:`relieve_queue`, called once a second, resets the streams that have most.  A peer that sends
    without reading what it causes is cut off at ``URGENT_LIMIT``.

Designs not chosen
    *Numbering records or octets*: each would need bookkeeping for each record; a parcel is already the unit that the
    link delivers whole or not at all.  *Acks by timer*: none is needed, because every parcel carries one, and the
    link's liveness check carries the last.  *Weights for streams*: nobody could set them.  But who says little need not
    wait behind all who say much: as new flows do in fq_codel (RFC 8290), a stream that has something to say gets its
    turn next, if everybody who waits has had one since its last; but only ``FRESH_RUN`` such turns follow each other.

What the caller must do
    Call :meth:`flush` soon after ``owner.flush_wanted()`` (not from inside it), and whenever the link becomes writable;
    call :meth:`receive` with each parcel, :meth:`attach` and :meth:`detach` as links come and go, and nothing with
    what a link still brings after it was detached.
"""

from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Any, Final, Protocol

from sellia.errors import ProtocolError
from sellia.protocol import native
from sellia.protocol.limits import (
    ACK_EVERY,
    LINGERING_LIMIT,
    MAX_STREAMS,
    PARCEL_TARGET,
    RECORD_COST,
    REPLAY_LIMIT,
    SESSION_HELD_LIMIT,
    SESSION_QUEUE_LIMIT,
    URGENT_LIMIT,
)
from sellia.protocol.messages import Ack, Opening, Reset, SessionMessage
from sellia.relay.leg import NOBODY, Leg
from sellia.relay.lingering import Lingering
from sellia.relay.stream import Stream, opening_record

#: Octets that one stream may send before the next gets its turn.
TURN: Final = 16 * 1024

#: Turns of streams that say little, one after the other, while others wait: they can't keep out those.
FRESH_RUN: Final = 8

_NOBODY: Final[deque[Stream]] = deque(maxlen=0)

#: More than any record costs.
_ANY: Final = 1 << 20

_OVERLOADED: Final = "overloaded"
_TOO_MUCH_HELD: Final = "the reader is too slow, and too much is waiting for readers of this session"
_TOO_MUCH_QUEUED: Final = "too much is waiting for the link of this session"

_STREAM_RECORDS: Final = frozenset(
    {native.HEAD, native.DATA, native.TRAILERS, native.FRAME, native.FRAME_BEGIN, native.FRAME_MORE}
)


class Link(Protocol):
    """What a session needs of the link that carries it."""

    @property
    def writable(self) -> bool:
        """False while the transport's buffer is full.  The link calls ``session.flush`` when it has drained."""

    def send(self, message: bytes) -> None:
        """Send one link message; never fails: a broken link says so by ``detach``."""


class Owner(Protocol):
    """What a session asks of its surroundings."""

    def flush_wanted(self) -> None:
        """Something is ready to leave: call ``session.flush()`` before the turn of the reactor ends."""

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        """The peer has opened a stream: return the leg for it.  It may use the stream at once."""

    def message_received(self, message: SessionMessage) -> None:
        """The peer said something about the session."""

    def leg_failed(self, stream: Stream, error: Exception) -> None:
        """A leg raised: a defect of ours.  The stream has been reset on both sides; the error wants logging."""


class Session:
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
        self.owner = owner
        self.streams: dict[int, Stream] = {}
        #: Streams that have ended both ways while their legs still hold what they were given.
        self.leaving: dict[int, Stream] = {}
        self.held = 0
        self.queued = 0
        self.by_tunnel: dict[int, int] = {}
        #: Told of each stream that was reset because a bound of the session was reached, and of which.
        self.relieved: Callable[[Stream, str], None] | None = None
        self.closed = False
        self.sent = 0
        self.acked = 0
        self.received = 0
        #: The cost of the largest record that a stream may append to the parcel under construction, not to its queue.
        self.direct = 0
        #: Octets that a parcel aims for, and of which a piece of bulk data has at most that many.
        self.piece = PARCEL_TARGET
        self.max_streams = max_streams
        self._held_limit = held_limit
        self._queue_limit = queue_limit
        self._replay_limit = replay_limit
        #: Octets that may be unacknowledged while bulk data is sent, and while those send who say little.  The first
        #: lies between what may be after a pause and the limit, where that is larger.
        self._window = self._fresh_window = self._limit = self._burst = replay_limit
        self._turn = TURN
        self._link: Link | None = None
        self._next_id = 2 if even else 1
        self._peer_parity = 1 - (self._next_id & 1)
        self._peer_open = 0
        self._last_peer_id = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._urgent: deque[bytes] = deque()
        self._urgent_size = 0
        self._active: deque[Stream] = deque()
        #: Those that are served before them, because all others have had a turn since their last one.
        self._fresh: deque[Stream] = deque()
        self._fresh_run = 0
        self._turns = 0
        self._replay: deque[bytes] = deque()
        self._replay_size = 0
        self._resend: deque[bytes] = deque()
        self._wanted = False
        self._flushing = False
        self._owed = 0
        self._told = 0
        self._lingering = Lingering()

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
        self._active.clear()
        self._fresh.clear()
        self._urgent.clear()
        self._replay.clear()
        self._parts.clear()
        self._size = self._urgent_size = self._replay_size = self._peer_open = 0
        self.acked = self.sent
        for stream in streams:
            self.release(stream)
            stream.local_ended = stream.remote_ended = True  # its leg may go on for a while, and has nobody to talk to
            stream.discard()
            try:
                stream.leg.reset_received(word, message)
            except Exception as error:
                self.owner.leg_failed(stream, error)

    # --- links ---------------------------------------------------------------------------------------------

    @property
    def attached(self) -> bool:
        """Whether a link carries the session now."""
        return self._link is not None

    def attach(self, link: Link, peer_received: int) -> None:
        """Go on over ``link``, with a peer at which so many of our parcels have arrived."""
        if not self.acked <= peer_received <= self.sent:
            raise ProtocolError("the peer claims parcels that were never sent, or has forgotten some it had")
        self.acknowledged(peer_received)
        self._link = link
        self._resend = deque(self._replay)
        self._owed = 0
        self._told = self.received
        self.pace(self._replay_limit, self._replay_limit, PARCEL_TARGET)

    def pace(self, window: int, burst: int, parcel: int) -> None:
        """For links: bulk data waits while ``window`` octets are unacknowledged, and a parcel aims for ``parcel``.

        Where less has been under way, ``burst`` octets may be, and as many more as are acknowledged.
        """
        self._limit = min(window, self._replay_limit)
        self._burst = min(burst, self._limit)
        self._window = min(max(self._window, self._burst), self._limit)
        self._make_room()
        self.piece = parcel
        self._turn = min(TURN, parcel)
        self._settle()
        self._want()

    def _make_room(self) -> None:
        """For those who say little: whose fault it is not that a window has become smaller than what is under way."""
        self._fresh_window = min(max(self._window, self._replay_size) + self._window // 4, self._replay_limit)

    def detach(self) -> None:
        """The link is gone; streams wait."""
        self._link = None
        self.direct = 0
        self._resend.clear()

    def link_full(self) -> None:
        """The link's ``writable`` has become False."""
        self.direct = 0

    @property
    def unacknowledged(self) -> tuple[int, int]:
        """Parcels, and their octets, that would be sent again on a new link."""
        return len(self._replay), self._replay_size

    @property
    def under_way(self) -> int | None:
        """Octets of parcels on this link that are unacknowledged; None while some are still to be sent again."""
        return None if self._resend else self._replay_size

    def acknowledged(self, received: int) -> None:
        """So many of our parcels have arrived at the peer."""
        if received <= self.acked:
            return
        if received > self.sent:
            raise ProtocolError("the peer acknowledges parcels that were never sent")
        under_way = self._replay_size
        was_full = under_way >= self._window
        while self.acked < received:
            self._replay_size -= len(self._replay.popleft())
            self.acked += 1
        if self._burst < self._limit:
            if under_way * 2 < self._window:
                self._window = max(self._burst, under_way * 2)
            else:
                self._window = min(self._limit, self._window + under_way - self._replay_size)
            self._make_room()
        if was_full:
            self._settle()
            self._want()

    def tell_acks(self, again: bool = False) -> None:
        """Acknowledge what has not been, or ``again`` what has: the link calls this now and then."""
        if self._link is not None and (again or self._told < self.received):
            self._told = self.received
            self._owed = 0
            self._link.send(native.encode_link(Ack(self.received)))

    # --- out -----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send what is ready, as far as the link takes it."""
        self._wanted = False
        link = self._link
        if link is None or self._flushing:
            return
        self._flushing = True
        try:
            while link.writable and self._link is link:
                if self._resend:
                    link.send(self._resend.popleft())
                    continue
                if self._replay_size >= self._replay_limit:
                    break
                self._fill()
                if self._parts:
                    link.send(self._parcel())
                elif not self._urgent:  # which a turn that moved nothing may have brought
                    break
        finally:
            self._flushing = False
        if self._owed >= ACK_EVERY:
            self.tell_acks()
        self._settle()

    def append(self, header: bytes, payload: bytes, size: int) -> None:
        """For streams, while ``direct``: add a record to the parcel under construction."""
        self._parts.append(header)
        if payload:
            self._parts.append(payload)
        self._size += len(header) + size
        if self._size >= self.piece:
            self.direct = 0
        if not self._wanted:
            self._want()

    def urge(self, record: bytes) -> None:
        """For streams: send a whole record ahead of bulk data."""
        if self.closed:
            return
        self._urgent.append(record)
        self._urgent_size += len(record) + RECORD_COST
        if not self._wanted:
            self._want()

    def activate(self, stream: Stream) -> None:
        """For streams: there is something to send; take turns."""
        if not stream.active:
            stream.active = True
            if self._turns - stream.turn >= len(self._active):
                self._fresh.append(stream)
            else:
                self._active.append(stream)
            if not self._wanted:
                self._want()

    def _want(self) -> None:
        self._wanted = True
        if self._link is not None:
            self.owner.flush_wanted()

    def _settle(self) -> None:
        link = self._link
        if (
            link is not None
            and link.writable
            and not self._resend
            and self._size < self.piece
            and self._replay_size < self._window
        ):
            self.direct = self.piece if self.piece < PARCEL_TARGET else _ANY
        else:
            self.direct = 0

    def _fill(self) -> None:
        """Complete the parcel under construction: urgent records, then streams in turn."""
        parts, size, piece = self._parts, self._size, self.piece
        while self._urgent and size < piece:
            record = self._urgent.popleft()
            self._urgent_size -= len(record) + RECORD_COST
            parts.append(record)
            size += len(record)
        eased = None
        if self._replay_size < self._fresh_window:
            fresh = self._fresh
            active = self._active if self._replay_size < self._window else _NOBODY
            while size < piece and (active or fresh):
                if fresh and (self._fresh_run < FRESH_RUN or not active):
                    stream = fresh.popleft()
                    self._fresh_run += 1
                else:
                    stream = active.popleft()
                    self._fresh_run = 0
                self._turns = stream.turn = self._turns + 1
                size += stream.drain(parts, self._turn)
                if stream.ready:
                    self._active.append(stream)
                else:
                    stream.active = False
                if stream.paused:
                    if eased is None:
                        eased = [stream]
                    else:
                        eased.append(stream)
        self._size = size
        if eased is not None:
            for stream in eased:
                self._guarded(stream, stream.eased)

    def _parcel(self) -> bytes:
        parcel = b"".join((native.pack_parcel(native.PARCEL, self.received), *self._parts))
        self._parts.clear()
        self._size = 0
        self._told = self.received
        self._owed = 0
        self.sent += 1
        self._replay.append(parcel)
        self._replay_size += len(parcel)
        if self._lingering and not self._urgent:
            self._lingering.left_in(self.sent)
        return parcel

    # --- in ------------------------------------------------------------------------------------------------

    def receive(self, message: bytes) -> None:
        """Act on the next parcel.  Raises ProtocolError when the peer has broken the protocol: close the link then."""
        ack = native.parcel_ack(message)
        self.acknowledged(ack)
        self.received += 1
        self._owed += len(message)
        streams = self.streams
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
                    stream.credited(native.decode_credit(payload))
                elif kind == native.BLOCKED:
                    stream.starved()
                elif kind == native.RESET:
                    self._reset_received(stream, native.decode_reset(payload))
                elif kind == native.OPEN:
                    raise ProtocolError("a stream was opened twice")
                elif kind == native.CONTROL:
                    raise ProtocolError("a control record names a stream")
            elif kind == native.OPEN:
                self._opened(number, flags, payload)
            elif kind == native.CONTROL:
                if number:
                    raise ProtocolError("a control record names a stream")
                said = native.decode_control(payload)
                if said is not None:
                    self.owner.message_received(said)
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
        self._guarded(stream, stream.leg.reset_received, reset.word, reset.message)

    def _late(self, kind: int, number: int) -> None:
        """A record for a stream that is not open: late, of a kind we do not know, or a violation."""
        if kind not in _STREAM_RECORDS and kind not in (native.CREDIT, native.BLOCKED, native.RESET):
            return
        if number & 1 == self._peer_parity:
            known = 0 < number <= self._last_peer_id
        else:
            known = 0 < number < self._next_id
        if not known:
            raise ProtocolError("something was sent on a stream that was never opened")
        if kind in _STREAM_RECORDS and not self._lingering.excuses(number):
            raise ProtocolError("something was sent on a stream that had ended")

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
        assert self.acked <= self.sent
        assert len(self._replay) == self.sent - self.acked
        assert self._replay_size == sum(map(len, self._replay))
        assert self._size == sum(map(len, self._parts))
        assert self._urgent_size == sum(len(record) + RECORD_COST for record in self._urgent)
        assert self.held == sum(stream.untaken for stream in chain(self.streams.values(), self.leaving.values()))
        assert self.queued == sum(stream.waiting for stream in self.streams.values())
        ours = [stream.tunnel for number, stream in self.streams.items() if number & 1 != self._peer_parity]
        assert self.by_tunnel == {tunnel: ours.count(tunnel) for tunnel in ours}
        assert self._peer_open == sum(number & 1 == self._peer_parity for number in self.streams)
        assert not self.leaving.keys() & self.streams.keys()
        assert len(self._lingering) <= LINGERING_LIMIT
        for stream in self.streams.values():
            stream.check_invariants()
