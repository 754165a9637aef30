"""A link that speaks the original dialect, and looks to its keeper like any other.

What differs from a native one, and how it shows
    * Its session ends with it (``resumable`` is False): what was under way can't be sent again.
    * What the keeper says is put into the original's words, or has none and is dropped; what the original says becomes
      what the keeper expects.  That is the roles' part.
    * Liveness: an application ping every ``INTERVAL`` seconds, and after ``SILENCE`` seconds in which nothing came the
      link is closed as the original closes it.  While we do not read, nothing can come, and that time does not count.

Bounds
    A message has at most ``MESSAGE_LIMIT`` bytes.  Of a longer one the beginning is kept, so that only the exchange
    ends that it is about; one of more than ``SKIPPED`` bytes ends the link with 1009.

    What says nothing (garbage, unknown types, text messages) is ignored, as the original does, but not for ever:
    beyond the rate ``GARBAGE`` the link is closed with 1008; so it is for what comes too late, beyond ``LATE``.
"""

from typing import Final

from twisted.logger import Logger

from sellia.errors import LimitExceeded
from sellia.problems import SESSION_EXPIRED
from sellia.protocol.limits import MIB
from sellia.protocol.original import messages as original
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.mux.session import Session
from sellia.text import field
from sellia.transports.link.base import LinkMixin
from sellia.transports.original.bridge import Bridge

#: Seconds between two pings, and of silence after which the link is given up.
INTERVAL: Final = 30.0
SILENCE: Final = 60.0

#: Messages that say nothing.
GARBAGE: Final = Rate(100, 1.0)

#: Messages about exchanges that have ended: a client that can't be told goes on with a response to its end.
LATE: Final = Rate(20_000, 2000.0)

#: Bytes of the longest message of which the beginning is looked at.
SKIPPED: Final = 64 * MIB

_LOST: Final = "The link to its client was lost, and an original client cannot go on with what was under way."

_log = Logger()


class OriginalLink(LinkMixin):
    """Both roles of such a link.  A role is a subclass, with one of Autobahn's protocols."""

    message_limit = original.MESSAGE_LIMIT
    skip_limit = SKIPPED
    resumable = False
    bridge: Bridge | None = None

    #: Why what is under way ends with the link: a problem, and a sentence.
    last_words = SESSION_EXPIRED, _LOST

    interval = INTERVAL
    timeout = SILENCE
    _garbage: Bucket | None = None
    _late: Bucket | None = None

    # --- for the roles -------------------------------------------------------------------------------------

    def make_bridge(self, session: Session) -> Bridge:
        """Return the bridge that is to speak for the original peer."""
        raise NotImplementedError

    def hear(self, message: original.Message) -> None:
        """Act on a message of the original peer.  May raise ProtocolError."""
        if self.bridge is not None:
            self.bridge.heard(message)

    # --- for keepers ---------------------------------------------------------------------------------------

    def carry(self, session: Session, peer_received: int, interval: float, timeout: float) -> None:
        """Carry ``session`` from now on.  The times are those of native links, and do not apply."""
        self.begin_session(session)
        self.bridge = self.make_bridge(session)

    def release(self) -> None:
        bridge, self.bridge = self.bridge, None
        super().release()
        if bridge is not None:
            bridge.close(*self.last_words)

    # --- for the bridge ------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Leave the socket unread for a while."""
        self.liveness.suspend()
        self.hold_reading(True)

    def resume_reading(self) -> None:
        """Read on."""
        self.liveness.resume()
        self.hold_reading(False)

    def write(self, message: original.Message) -> None:
        """Send a message to the original peer."""
        self.send(original.encode(message))

    def ping_answered(self) -> None:
        """Count an answer to a ping.  Raises ProtocolError for more of them than can have been asked for."""
        self.control_limit.ping_received()

    def came_late(self) -> None:
        """Count a message about an exchange that is not known.  Raises LimitExceeded for one too many."""
        if self._late is None:
            self._late = Bucket(LATE)
        if self._late.take(self.clock.seconds()):
            raise LimitExceeded("too many messages about exchanges that are not known", 1008)

    # --- the transport -------------------------------------------------------------------------------------

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self.bridge is not None:
            self.bridge.wake()

    # --- input ---------------------------------------------------------------------------------------------

    def message_received(self, message: bytes) -> bool:
        said = original.decode(message)
        if said is None:
            self.said_nothing()
        else:
            self.hear(said)
        return False

    def text_received(self) -> None:
        self.said_nothing()

    def oversized_received(self, beginning: bytes) -> None:
        if self.bridge is None or not self.bridge.exceeded(original.id_in(beginning)):
            self.said_nothing()

    def said_nothing(self) -> None:
        """Count a message that means nothing, or nothing here.  Raises LimitExceeded for one too many."""
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
