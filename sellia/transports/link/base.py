"""The link: one WebSocket between client and server that carries a session, as both of its ends see it.

Need
    A session says ``send`` and is told what arrives; links come and go beneath it.  Which dialect is spoken is a
    subclass's affair: `sellia.transports.link.native`, `sellia.transports.original`.

Invariants
    * Link messages are acted on in order, and none after the link has been given up.
    * A fault of the peer closes the link with its close code, tells the keeper, and ends the session; nothing the peer
      sends is raised to the reactor.
    * The session is detached exactly once, before ``link_lost``.

Bounds
    A link message is at most ``LINK_MESSAGE_LIMIT`` octets in at most ``FRAGMENTS`` frames.  What comes before the
    hello has been answered, and in one turn of the reactor, is bounded by `sellia.transports.link.intake`.  What is
    written and not yet taken by the kernel is bounded by the transport's buffer (64 KiB) plus one parcel, and in the
    kernel by `sockets.UNSENT`, so that an urgent record never waits behind megabytes.  Pings have a rate, and so has
    what says nothing; while the peer does not read, only the last ping is answered, later (RFC 6455, 5.5.3).

Designs not chosen
    *permessage-deflate on the link*: traffic is mostly compressed already, and it would cost more than the rest.
"""

import errno
from collections.abc import Callable
from math import inf
from typing import Any, Final

from autobahn.twisted.websocket import WebSocketServerProtocol
from OpenSSL import SSL
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.errors import ProtocolError, SelliaError
from sellia.protocol.limits import LINK_MESSAGE_LIMIT
from sellia.protocol.messages import LinkMessage, Refused
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.mux.session import Session
from sellia.text import printable
from sellia.transports.link.autobahn import AutobahnParser
from sellia.transports.link.intake import Intake
from sellia.transports.link.keeper import LinkKeeper
from sellia.transports.link.messages import binary_frame
from sellia.transports.reactor.batching import batch_of
from sellia.transports.reactor.sockets import quicken, write_now

#: Frames in which a peer, or a proxy between, may send one link message.
FRAGMENTS: Final = 1024

#: Octets that a fragment carries at least on average; one that carries less says nothing.
FRAGMENT: Final = 1024

#: Seconds for which the answer to one ``ask`` is one to all: who asks may be brought to by others.
ASK_AGAIN: Final = 0.1

#: Seconds for the peer to answer our close frame.
CLOSE_WAIT: Final = 5.0

#: Pings of either kind that may come on a link whose factory does not say otherwise, and as often what says nothing.
#: We send a ping in ``ping_interval`` ourselves.
CONTROL_RATE: Final = Rate(1000, 100.0)

#: What the system says of a connection that broke off.
_CAUSES: Final[dict[object, str]] = {
    errno.ECONNRESET: ": the other side, or a device between, reset it",
    errno.ETIMEDOUT: ": nothing was acknowledged for too long",
    errno.EHOSTUNREACH: ": no way leads to the other side any more",
    errno.ENETUNREACH: ": no way leads to the other side any more",
    errno.ENETDOWN: ": the network of this machine is down",
}

_log = Logger()


@implementer(IPushProducer)
class LinkMixin:
    """What both ends of a link do alike, over an Autobahn protocol.  The factory sets ``keeper`` and ``clock``."""

    keeper: LinkKeeper
    clock: IReactorTime
    transport: Any
    state: int

    #: Autobahn's, which has neither until the opening handshake is complete; a handshake may come in pieces.
    current_frame: Any = None
    inside_message = False

    #: What may come that says nothing but that the peer is there.
    control = CONTROL_RATE

    #: Messages that may come before the hello is answered; 0 at the end that sends it.
    attempts = 0

    #: The largest message that is accepted, in octets.
    message_limit = LINK_MESSAGE_LIMIT

    #: Whether the session that this link carries can go on over another one.
    resumable = True

    #: What who uses this link should know about it, for people; empty if there is nothing.
    caveat = ""

    writable = True
    session: Session | None = None
    reason = ""
    remote = ""

    _heard = 0.0
    _asked_at = -inf
    _interval = 5.0
    _timeout = 15.0
    _binary = False
    _lost = False
    _opened = False
    _timer: IDelayedCall | None = None
    _parting: IDelayedCall | None = None
    _message: list[bytes]
    _message_size = 0
    _frames = 0
    _masks = False  #: whether this end masks what it sends, and the other does not
    _intake: Intake | None = None
    _control_rate: Bucket | None = None
    _idle_rate: Bucket | None = None
    _held = 0  #: for how many reasons the socket is not read
    #: By kind of ping, the answer to the last that could not be answered yet.
    _owed: dict[str, tuple[Callable[[Any], None], Any]] | None = None

    @property
    def _autobahn(self) -> AutobahnParser:
        return AutobahnParser(self)

    # --- for keepers ---------------------------------------------------------------------------------------

    def say(self, message: LinkMessage) -> None:
        """Send an unnumbered message of the link."""
        raise NotImplementedError

    def carry(self, session: Session, peer_received: int, interval: float, timeout: float) -> None:
        """From now on this link carries ``session``, and is watched: seconds of silence before a ping, and at all."""
        raise NotImplementedError

    def refuse(self, refused: Refused, code: int) -> bool:
        """Answer a hello with no, and close.  False: the link is over; True would mean that it may say hello again."""
        self.say(refused)
        self.close(code, refused.word)
        return False

    @property
    def heard(self) -> float:
        """When something came from the other side for the last time."""
        return self._heard

    @property
    def trip(self) -> float:
        """Seconds of the shortest round trip so far; infinite if none is known."""
        return inf

    def ask(self) -> float:
        """Ping the other side, unless it has just been.  It is there once ``heard`` is what this returns, or more."""
        now = self.clock.seconds()
        if now - self._asked_at >= ASK_AGAIN:
            self._asked_at = now
            self._heard = min(self._heard, now - 0.001)
            self.ping()
        return self._asked_at

    def ping(self) -> None:
        """Make the peer say something."""
        raise NotImplementedError

    def gone_silent(self, seconds: float) -> None:
        """The peer has said nothing for too long: give the link up."""
        self.drop(f"nothing came from the other side for {seconds:.0f} s")

    def look(self) -> None:
        """Look at once whether the other side has been silent for too long: after a sleep, timers are late."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
            self._look()

    def release(self) -> None:
        """This link carries its session no longer."""
        session, self.session = self.session, None
        if session is not None:
            session.detach()

    def close(self, code: int, reason: str) -> None:
        """End the link with a closing handshake; what the peer still sends is dropped."""
        self.release()
        if not self.reason:
            self.reason = reason
        octets = reason.encode("utf-8")[:123].decode("utf-8", "ignore").encode("utf-8")
        self.sendCloseFrame(code, octets)  # type: ignore[attr-defined]
        if self._parting is None and not self._lost:
            self._parting = self.clock.callLater(CLOSE_WAIT, self.drop, "the other side did not close it in time")

    def drop(self, reason: str) -> None:
        """End the link at once."""
        if not self.reason:
            self.reason = reason
        self.release()
        self.transport.abortConnection()

    def hang_up(self, reason: str) -> None:
        """End the link behind what was written, whatever the peer still sends."""
        if not self.reason:
            self.reason = reason
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    # --- for the session -----------------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        """Send one link message; dropped if the link is closing, for the session will send it again on the next."""
        if self.state == WebSocketServerProtocol.STATE_OPEN:
            write_now(self.transport, binary_frame(message, self._masks))

    # --- Autobahn: opening and closing ---------------------------------------------------------------------

    def onOpen(self) -> None:
        self._opened = True
        self._message = []
        self._intake = Intake(self, self._autobahn, not self._masks, self.message_limit, self.attempts)
        self._heard = self.clock.seconds()
        quicken(self.transport)
        self.transport.registerProducer(self, True)
        self._watch()
        self._guarded(self.keeper.link_opened, self)

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)  # type: ignore[misc]
        if self._lost:
            return
        self._lost = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._parting is not None and self._parting.active():
            self._parting.cancel()
        if self._intake is not None:
            self._intake.stop()
        closing = getattr(self, "closeHandshakeTimeoutCall", None)
        if closing is not None:  # Autobahn leaves it running, and with it this link in memory
            closing.cancel()
            self.closeHandshakeTimeoutCall = None
        self.release()
        if not self.reason:
            self.reason = self._why(reason)
        self.keeper.link_lost(self, self.reason)

    def _why(self, failure: Failure) -> str:
        code = getattr(self, "remoteCloseCode", None)
        if code is not None:
            said = getattr(self, "remoteCloseReason", None) or ""
            return f"the other side closed it with code {code}" + (f": {printable(said)}" if said else "")
        if isinstance(failure.value, SelliaError):
            return f"the other side {printable(str(failure.value))}"
        if isinstance(failure.value, SSL.Error):
            return "the connection broke off in the middle of TLS"
        cause = getattr(failure.value, "osError", None) or getattr(failure.value, "errno", None)
        return "the connection broke off" + _CAUSES.get(cause, "")

    # --- Autobahn: input -----------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        self._heard = self.clock.seconds()
        if self._intake is None:
            data = self._autobahn.shake(data)
        if self._intake is not None and data:
            self._intake.feed(data)
        batch_of(self.clock).run()

    # --- for the intake ------------------------------------------------------------------------------------

    def took(self, message: bytes) -> None:
        self._guarded(self._received, message)

    def violated(self, error: ProtocolError) -> None:
        self._fault(error)

    def hold_reading(self, held: bool) -> None:
        """Leave the socket unread, for one reason more, or for one less."""
        self._held += 1 if held else -1
        if self._held == 1 and held:
            self.transport.pauseProducing()
        elif not self._held:
            self.transport.resumeProducing()

    # --- Autobahn: messages that are not whole frames, control frames --------------------------------------

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        write_now(self.transport, data)

    def onMessageBegin(self, isBinary: bool) -> None:
        self._message.clear()
        self._message_size = self._frames = 0
        self._binary = isBinary  # text says nothing: it is read and ignored

    def onMessageFrameBegin(self, length: int) -> None:
        self._message_size += length
        self._frames += 1
        if self._message_size > self.message_limit or self._frames > FRAGMENTS:
            self._message.clear()
            self._fault(ProtocolError("a link message is longer than the limit", 1009))
        elif self._frames > 1 + self._message_size // FRAGMENT:
            self._guarded(self.idle)

    def onMessageFrameData(self, payload: bytes) -> None:
        if self._binary and self.state == WebSocketServerProtocol.STATE_OPEN:
            self._message.append(payload)

    def onMessageFrameEnd(self) -> None:
        """Nothing: the message is put together at its end."""

    def onMessageEnd(self) -> None:
        if not self._binary:
            self._guarded(self.idle)
        if self.state != WebSocketServerProtocol.STATE_OPEN or not self._binary:
            return
        message = self._message[0] if len(self._message) == 1 else b"".join(self._message)
        self._message.clear()
        self._guarded(self._received, message)

    def onPing(self, payload: bytes) -> None:
        self._guarded(self._controlled)
        if self.writable:
            self.sendPong(payload)  # type: ignore[attr-defined]
        else:
            self._owe("websocket", self.sendPong, payload)  # type: ignore[attr-defined]

    def onPong(self, payload: bytes) -> None:
        self._guarded(self.idle)

    def idle(self, count: int = 1) -> None:
        """The peer sent so much that says nothing.  Raises ProtocolError when it does so too often."""
        bucket = self._idle_rate
        if bucket is None:
            bucket = self._idle_rate = Bucket(self.control)
        if bucket.take(self.clock.seconds(), count):
            raise ProtocolError("too much that says nothing on one link", 1008)

    def _controlled(self) -> None:
        """The peer sent a ping."""
        bucket = self._control_rate
        if bucket is None:
            bucket = self._control_rate = Bucket(self.control)
        if bucket.take(self.clock.seconds()):
            raise ProtocolError("too many pings on one link", 1008)

    def _owe(self, kind: str, call: Callable[[Any], None], answer: Any) -> None:
        """The peer does not read: answer its last ping of that kind when it does."""
        if self._owed is None:
            self._owed = {}
        self._owed[kind] = call, answer

    def _pay_pongs(self) -> None:
        """It reads again."""
        owed, self._owed = self._owed, None
        if owed is not None:
            for call, answer in owed.values():
                call(answer)

    def _received(self, message: bytes) -> None:
        """A whole binary message.  May raise ProtocolError."""
        raise NotImplementedError

    def _guarded(self, call: Any, *arguments: Any) -> None:
        try:
            call(*arguments)
        except ProtocolError as error:
            self._fault(error)
        except Exception:
            _log.failure("a defect of Sellia's own ended a link")
            self._fault(ProtocolError("a defect of our own", 1011))

    def _fail_connection(self, code: int = 1002, reason: str = "") -> None:
        """Autobahn found that this is not RFC 6455.  It costs the link; the session may go on with another."""
        if self.state != WebSocketServerProtocol.STATE_OPEN:
            super()._fail_connection(code, reason)  # type: ignore[misc]
            return
        self.keeper.link_faulty(self, code, f"this is not WebSocket: {reason}")
        self.close(code, reason)

    def _fault(self, error: ProtocolError) -> None:
        if self.state != WebSocketServerProtocol.STATE_OPEN:
            return
        self.keeper.link_faulty(self, error.code, str(error))
        self.close(error.code, str(error))
        self.keeper.link_broken(self, error)

    # --- the transport: a producer -------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self.writable = False
        if self.session is not None:
            self.session.out.link_full()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty."""
        self.writable = True
        self._pay_pongs()
        if self.session is not None:
            self.session.flush()

    def stopProducing(self) -> None:
        """The connection is gone; connectionLost says so."""

    # --- liveness ------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self.clock.callLater(self._interval, self._look)

    def _look(self) -> None:
        """Once an interval: give up a peer that has been silent for too long, and stir any other."""
        silent = self.clock.seconds() - self.heard
        if silent >= self._timeout:
            self.gone_silent(silent)
            return
        self._stir(silent)
        self._timer = self.clock.callLater(min(self._interval, self._timeout - silent), self._look)

    def _stir(self, silent: float) -> None:
        """Nothing has come for so many seconds."""
        self.ping()
