"""A link on which the original dialect is spoken, as whoever keeps links sees it: like any other.

What differs from a native one, and how it shows
    * Its session ends with it (``resumable`` is False): what was under way can't be sent again.
    * What the keeper says is put into the original's words, or has none and is dropped; what the original says becomes
      what the keeper expects.  That is the roles' part.
    * Liveness: an application ping every ``INTERVAL`` seconds, and after ``SILENCE`` seconds in which nothing came the
      link is closed as the original closes it.  While we do not read, nothing can come, and that time does not count.

Bounds
    A message has at most ``MESSAGE_LIMIT`` octets.  Of a longer one the beginning is kept, so that only the exchange
    ends that it is about; one of more than ``SKIPPED`` octets ends the link with 1009.

    What says nothing (garbage, unknown types, text messages) is ignored, as the original does, but not for ever:
    beyond the rate ``GARBAGE`` the link is closed with 1008; so it is for what comes too late, beyond ``LATE``.
"""

from typing import Any, Final

from autobahn.twisted.websocket import WebSocketServerProtocol
from twisted.logger import Logger

from sellia.errors import LimitExceeded
from sellia.problems import SESSION_EXPIRED
from sellia.protocol.limits import KIB, MIB
from sellia.protocol.original import messages as original
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.mux.session import Session
from sellia.text import field
from sellia.transports.link.base import FRAGMENT, FRAGMENTS, LinkMixin
from sellia.transports.original.bridge import Bridge

#: Seconds between two pings, and of silence after which the link is given up.
INTERVAL: Final = 30.0
SILENCE: Final = 60.0

#: Messages that say nothing.
GARBAGE: Final = Rate(100, 1.0)

#: Messages about exchanges that have ended: a client that can't be told goes on with a response to its end.
LATE: Final = Rate(20_000, 2000.0)

#: Octets of a message that are read at most, and that are kept of one that is longer than the limit.
SKIPPED: Final = 64 * MIB
BEGINNING: Final = KIB

_LOST: Final = "The link to its client was lost, and an original client cannot go on with what was under way."

_log = Logger()


class OriginalLink(LinkMixin):
    """What both roles do alike.  A role is a subclass, with one of Autobahn's protocols."""

    message_limit = original.MESSAGE_LIMIT
    resumable = False
    bridge: Bridge | None = None

    #: Why what is under way ends with the link: a problem, and a sentence.
    last_words = SESSION_EXPIRED, _LOST

    _interval = INTERVAL
    _timeout = SILENCE
    _garbage: Bucket | None = None
    _late: Bucket | None = None
    _skipping = False

    # --- for the roles -------------------------------------------------------------------------------------

    def make_bridge(self, session: Session) -> Bridge:
        """The bridge that is to speak for the original peer."""
        raise NotImplementedError

    def hear(self, message: original.Message) -> None:
        """The original peer has said something.  May raise ProtocolError."""
        if self.bridge is not None:
            self.bridge.heard(message)

    # --- for keepers ---------------------------------------------------------------------------------------

    def carry(self, session: Session, peer_received: int, interval: float, timeout: float) -> None:
        """From now on this link carries ``session``.  The times are those of native links, and are not looked at."""
        self.session = session
        if self._intake is not None:
            self._intake.greeted()
        self.bridge = self.make_bridge(session)

    @property
    def heard(self) -> float:
        return self.clock.seconds() if self._deaf else self._heard

    def release(self) -> None:
        bridge, self.bridge = self.bridge, None
        super().release()
        if bridge is not None:
            bridge.close(*self.last_words)

    # --- for the bridge ------------------------------------------------------------------------------------

    @property
    def _deaf(self) -> bool:
        return self.bridge is not None and self.bridge.pressure.paused

    def pause_reading(self) -> None:
        """Read nothing for a while."""
        self.hold_reading(True)

    def resume_reading(self) -> None:
        """Read on."""
        self._heard = self.clock.seconds()
        self.hold_reading(False)

    def write(self, message: original.Message) -> None:
        """Say something to the original peer."""
        self.send(original.encode(message))

    def ping_answered(self) -> None:
        """The peer has answered a ping.  Raises ProtocolError when it does so more often than we can have asked."""
        self._controlled()

    def came_late(self) -> None:
        """The peer spoke of an exchange that is not known.  Raises LimitExceeded when it does so too often."""
        if self._late is None:
            self._late = Bucket(LATE)
        if self._late.take(self.clock.seconds()):
            raise LimitExceeded("too many messages about exchanges that are not known", 1008)

    def guarded(self, call: Any, *arguments: Any) -> None:
        """Call this; what it raises ends the link."""
        self._guarded(call, *arguments)

    # --- the transport -------------------------------------------------------------------------------------

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self.bridge is not None:
            self.bridge.wake()

    # --- input ---------------------------------------------------------------------------------------------

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        self._skipping = False

    def onMessageFrameBegin(self, length: int) -> None:
        size = self._message_size + length
        if self.message_limit < size <= SKIPPED and self._frames < FRAGMENTS:
            self._message_size = size
            self._frames += 1
            if self._frames > 1 + size // FRAGMENT:
                self._guarded(self.idle)
            if not self._skipping:
                self._skipping = True
                self._message = [b"".join(self._message)[:BEGINNING]]
        else:
            super().onMessageFrameBegin(length)

    def onMessageFrameData(self, payload: bytes) -> None:
        if not self._skipping:
            super().onMessageFrameData(payload)
        elif len(self._message[0]) < BEGINNING:
            self._message[0] += payload[:BEGINNING]

    def onMessageEnd(self) -> None:
        if self.state == WebSocketServerProtocol.STATE_OPEN and not self._binary:
            self._guarded(self.said_nothing)
        elif self.state == WebSocketServerProtocol.STATE_OPEN and self._skipping:
            self._guarded(self._skipped)
        else:
            super().onMessageEnd()

    def _skipped(self) -> None:
        """A message was too long, and is gone."""
        if self.bridge is None or not self.bridge.exceeded(original.id_in(self._message[0])):
            self.said_nothing()

    def _received(self, message: bytes) -> None:
        said = original.decode(message)
        if said is None:
            self.said_nothing()
        else:
            self.hear(said)

    def said_nothing(self) -> None:
        """The peer sent a message that means nothing, or nothing here.  Raises LimitExceeded when it sends too many."""
        if self._garbage is None:
            self._garbage = Bucket(GARBAGE)
            suppressed = self.keeper.rate_limited_log("original_garbage")
            if suppressed is not None:
                _log.info(
                    "a message that says nothing is ignored: peer={peer} suppressed={suppressed}",
                    peer=field(self.remote),
                    suppressed=suppressed,
                )
        if self._garbage.take(self.clock.seconds()):
            raise LimitExceeded("more messages that say nothing than the limit", 1008)
