"""Input of a link: which bytes are a message, which are for Autobahn's parser, and how much is done in one turn.

Need
    A peer can fill one read of a socket with thousands of frames that say nothing.  Working through them must not take
    the reactor from others, and most of what comes on a link is whole binary messages, on which nothing may be spent.

Invariants
    * Bytes are worked through in order.  While some of a read wait for the next turn, the socket is not read.
    * Autobahn is given one frame at a time, or the rest of one, so that its buffer, which it copies for each frame,
      holds no other.
    * While input is held back, nothing is worked through, and the socket is not read.
    * After the link has sent its close frame, frames are skipped unread but for the peer's own close frame.

Bounds
    One turn does ``STEP`` units of work: a message is one, and one more per KiB up to ``RECORDS_COST``, a frame for
    Autobahn ``UNUSUAL_COST``.  A parcel with more records than a session acts on at once takes several turns, and what
    came behind it waits.  What is left waits (`sellia.transports.reactor.backlog`): one read of the socket, and one
    message, at most.  Before the link is ``greeted``, it takes
    ``attempts`` messages, of ``FIRST_LIMIT`` bytes and one frame each, ``pings`` pings of the WebSocket's (none in the
    native dialect), or a close frame.  After its own close frame, a link skips ``SKIPPED_FRAMES`` frames and
    ``SKIPPED`` bytes; then its connection is closed.

Designs not chosen
    *A clock that is read for each message*: counting costs a tenth of it, and work is about the same for each.
"""

from typing import Final, Protocol

from twisted.internet.interfaces import IReactorTime

from sellia.errors import ProtocolError
from sellia.protocol.limits import KIB, MIB
from sellia.transports.link.autobahn import AutobahnParser
from sellia.transports.link.messages import SingleFrameReader
from sellia.transports.reactor.backlog import backlog_of
from sellia.transports.reactor.batching import batch_of
from sellia.transports.websocket.fast_path import UNUSUAL, span

#: Units of work in one turn of the reactor.
STEP: Final = 32
UNUSUAL_COST: Final = 4
RECORDS_COST: Final = 8

#: Bytes of a message that comes before the hello has been answered.
FIRST_LIMIT: Final = 16 * KIB

#: Frames and bytes that are skipped after the close frame: what may have been under way when it was sent.
SKIPPED_FRAMES: Final = 2048
SKIPPED: Final = 8 * MIB

#: Bytes that Autobahn is given of a frame whose end cannot be told.
_SLICE: Final = 256

#: The first byte of a close frame, that of a ping, and the bytes that a control frame may carry (RFC 6455, 5.5).
_CLOSE: Final = 0x88
_PING: Final = 0x89
_CONTROL: Final = 125

#: What is said of anything else that comes before.
UNGREETED: Final = "before the hello is answered, a link takes one binary message of at most 16 KiB in one frame"


class Taker(Protocol):
    """What an intake asks of its link."""

    clock: IReactorTime

    def message_received(self, message: bytes) -> bool:
        """Act on a whole binary message, or on its first part, and return whether some of it is still to be acted on.

        What it raises is given to ``failed``.
        """

    def go_on(self) -> bool:
        """Act on another part of it, and return whether there is still more.  What it raises is given to ``failed``."""

    def failed(self, error: Exception) -> None:
        """End the link for this."""

    def hang_up(self, reason: str) -> None:
        """Close the connection behind what was written."""

    def hold_reading(self, held: bool) -> None:
        """Whether to leave the socket unread."""


class Intake:
    """Takes what one link's socket brings."""

    __slots__ = (
        "_attempts",
        "_autobahn",
        "_batch",
        "_greeted",
        "_left",
        "_limit",
        "_link",
        "_masked",
        "_pings",
        "_rest",
        "_skipping",
        "_unfinished",
        "_waits",
        "_whole",
        "held",
    )

    def __init__(
        self, link: Taker, autobahn: AutobahnParser, masked: bool, limit: int, attempts: int, pings: int = 0
    ) -> None:
        """``attempts`` are the messages that may come before the link is greeted, 0 if it is from the beginning; and
        ``pings`` the pings.
        """
        self._link = link
        self._autobahn = autobahn
        self._masked = masked
        self._limit = limit
        self._attempts = attempts
        self._pings = pings
        self._greeted = not attempts
        #: Whether some of the last message is still to be acted on; only what is done here changes that.
        self._unfinished = False
        self._whole = SingleFrameReader(masked, limit if self._greeted else FIRST_LIMIT)
        self._skipping: Skipped | None = None
        #: Whether there is more for the next turn: of a message, or ``_rest``, or both.
        self._waits = False
        self._rest = b""
        self._left = STEP
        self._batch = batch_of(link.clock)
        #: Whether input is held back, between `hold` and `release`.
        self.held = False

    def hold(self) -> None:
        """Leave what comes, and what has come in the same read, for `release`.  Call it from ``message_received``."""
        if not self.held:
            self.held = True
            self._link.hold_reading(True)

    def release(self) -> None:
        """Go on with what was held back, in the next turn.  Harmless where nothing is."""
        if not self.held:
            return
        self.held = False
        if self._rest:
            self._waits = True
            backlog_of(self._link.clock).add(self._go_on)
        else:
            self._link.hold_reading(False)

    def greeted(self) -> None:
        """The hello has been answered: the link carries a session."""
        if not self._greeted:
            self._greeted = True
            self._whole.limit = self._limit

    def stop(self) -> None:
        """The connection is gone."""
        if self._waits:
            self._waits = False
            backlog_of(self._link.clock).remove(self._go_on)
        self._rest = b""
        self.held = False

    def feed(self, data: bytes) -> None:
        """Work through what the socket has brought, as far as one turn goes."""
        if self._waits or self.held:
            self._rest += data
            return
        self._rest = self._work(data)
        if (self._rest or self._unfinished) and not self.held:
            self._waits = True
            self._link.hold_reading(True)
            backlog_of(self._link.clock).add(self._go_on)

    # --- inside --------------------------------------------------------------------------------------------

    def _work(self, data: bytes) -> bytes:
        """Do as much as goes into one turn; what is left comes back."""
        link, autobahn = self._link, self._autobahn
        self._left = STEP
        if self._unfinished and self._more():
            return data
        while data and not (self._unfinished or self.held) and (self._left > 0 or not autobahn.listening):
            if autobahn.between_messages:
                data = self._whole.feed(data, self._act)
                if not data or self._left <= 0 or not autobahn.listening or self.held or self._unfinished:
                    continue
            elif not autobahn.listening:
                self._skip(data)
                return b""
            if not (self._greeted or autobahn.mid_frame or self._may_begin(data[0])):
                link.failed(ProtocolError(UNGREETED))
                continue
            data = self._parse(data)
        return data

    def _may_begin(self, first: int) -> bool:
        """Whether a frame that begins so, and is no whole message, may come before the hello has been answered."""
        if first == _PING and self._pings:
            self._pings -= 1
            return True
        return first == _CLOSE

    def _go_on(self) -> bool:
        """Go on with what was left; whether there still is something."""
        rest = self._work(self._rest)
        if self._waits:  # unless it was lost meanwhile
            self._rest = rest
            if self.held or (not rest and not self._unfinished):
                self._waits = False
                self._link.hold_reading(False)
        self._batch.run()
        return self._waits

    def _act(self, message: bytes) -> bool:
        """A whole message; whether another may follow in this turn."""
        link = self._link
        if not self._greeted:
            if not self._attempts:
                link.failed(ProtocolError(UNGREETED))
                return False
            self._attempts -= 1
        try:
            self._unfinished = link.message_received(message)
        except Exception as error:
            self._unfinished = False
            link.failed(error)
        size = len(message)
        self._left -= 1 if size < KIB else 1 + min(size // KIB, RECORDS_COST)
        return self._left > 0 and self._autobahn.listening and not (self._unfinished or self.held)

    def _more(self) -> bool:
        """Act on another part of a long message; whether there is still more of it."""
        link = self._link
        try:
            self._unfinished = link.go_on()
        except Exception as error:
            self._unfinished = False
            link.failed(error)
        return self._unfinished

    def _parse(self, data: bytes) -> bytes:
        """Give Autobahn one frame, or as much as there is of it; what is left comes back."""
        autobahn = self._autobahn
        missing = autobahn.mid_frame
        if missing > 0:
            size = missing
        elif missing < 0:
            size = _SLICE
        else:
            found = span(data, 0, self._masked)
            size = _SLICE if found is UNUSUAL else found[1]
        self._left -= UNUSUAL_COST
        autobahn.parse(data[:size] if size < len(data) else data)
        return data[size:]

    def _skip(self, data: bytes) -> None:
        """The link is closing: look for the peer's close frame and nothing else."""
        autobahn, skipping = self._autobahn, self._skipping
        if not autobahn.closing:
            return
        if skipping is None:
            missing = autobahn.mid_frame
            kept = autobahn.let_go() or self._whole.give_up()
            skipping = self._skipping = Skipped(self._masked, max(0, missing))
            data = kept + data
        found = skipping.feed(data)
        if found is None:
            self._link.hang_up("the other side went on sending after the close frame")
        elif found:
            autobahn.parse(found)


class Skipped:
    """Finds the peer's close frame in what it still sends.  ``missing`` are bytes of a frame that has begun."""

    __slots__ = ("_frames", "_kept", "_masked", "_missing", "_size")

    def __init__(self, masked: bool, missing: int) -> None:
        self._masked = masked
        self._missing = missing
        self._kept = b""
        self._frames = SKIPPED_FRAMES
        self._size = SKIPPED

    def feed(self, data: bytes) -> bytes | None:
        """The close frame once it is whole, and empty until then; None when the peer has sent too much, or rubbish."""
        self._size -= len(data)
        if self._size < 0:
            return None
        if self._missing >= len(data):
            self._missing -= len(data)
            return b""
        offset = self._missing
        self._missing = 0
        if self._kept:
            data = self._kept + data
            self._kept = b""
        end, masked = len(data), self._masked
        while offset < end:
            start, stop = span(data, offset, masked)
            if start < 0 or not self._frames or (data[offset] == _CLOSE and stop - start > _CONTROL):
                return None
            self._frames -= 1
            if stop > end:
                if start > end or data[offset] == _CLOSE:
                    self._kept = data[offset:]  # a head that is not whole, or the frame that is looked for
                else:
                    self._missing = stop - end
                return b""
            if data[offset] == _CLOSE:
                return data[offset:stop]
            offset = stop
        return b""
