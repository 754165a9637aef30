"""The link: one WebSocket between client and server that carries a session, as both of its ends see it.

Need
    A session sends messages and is told what is received; links come and go beneath it.  Which dialect is spoken is a
    subclass's affair: `sellia.transports.link.native`, `sellia.transports.original`.

Invariants
    * Link messages are acted on in order, and none after the link has been given up.
    * A fault of the peer closes the link with its close code, tells the keeper, and ends the session; nothing the peer
      sends is raised to the reactor.
    * The session is detached exactly once, before ``link_lost``.

Bounds
    A link message is bounded by `sellia.transports.link.assembly`.  What is received before the hello has been
    answered, and in one turn of the reactor, is bounded by `sellia.transports.link.intake`.  What is written and not
    yet taken by the kernel is bounded by the transport's buffer (64 KiB) plus one parcel, and in the kernel by
    `sockets.UNSENT`, so that an urgent record never waits behind megabytes.  Pings have a rate, and so has input
    without effect (`sellia.transports.link.control_limit`).

Designs not chosen
    *permessage-deflate on the link*: traffic is mostly compressed already, and it would cost more than the rest.
"""

from collections.abc import Callable
from math import inf
from typing import Any, Final

from autobahn.twisted.websocket import WebSocketServerProtocol
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.errors import ProtocolError
from sellia.protocol.limits import LINK_MESSAGE_LIMIT
from sellia.protocol.messages import LinkMessage, Refused
from sellia.relay.mux.session import Session
from sellia.transports.link.assembly import MessageAssembly
from sellia.transports.link.autobahn import AutobahnParser
from sellia.transports.link.control_limit import CONTROL_RATE, ControlFrameLimit, PendingPongs
from sellia.transports.link.intake import Intake
from sellia.transports.link.keeper import LinkKeeper
from sellia.transports.link.liveness import Liveness
from sellia.transports.link.lost_reason import closed_reason, lost_reason
from sellia.transports.link.messages import write_message
from sellia.transports.reactor.batching import FlushBatch, batch_of
from sellia.transports.reactor.sockets import quicken, write_now
from sellia.transports.reactor.waiting import cancel

#: Seconds for the peer to answer our close frame.
CLOSE_WAIT: Final = 5.0

_log = Logger()


@implementer(IPushProducer)
class LinkMixin:
    """Both ends of a link, over an Autobahn protocol.  The factory sets ``keeper`` and ``clock``.

    A dialect is a subclass that implements the methods under "for the dialect", and uses what is public here.
    """

    keeper: LinkKeeper
    clock: IReactorTime
    transport: Any
    state: int

    #: Autobahn's, which has neither until the opening handshake is complete; a handshake may come in pieces.
    current_frame: Any = None
    inside_message = False

    #: Rate of pings, and of input without effect.
    control = CONTROL_RATE

    #: Messages, and pings of the WebSocket's, that may come before the hello is answered; 0 at the end that sends it.
    attempts = early_pings = 0

    #: Bytes of the longest message that is accepted, and of the longest of which the beginning is still looked at.
    message_limit = LINK_MESSAGE_LIMIT
    skip_limit = 0

    #: Seconds of silence before a ping, and before the link is given up, until it carries a session.
    interval = 5.0
    timeout = 15.0

    #: Whether this end masks what it sends, and the other does not.
    masks = False

    #: Whether the session that this link carries can go on over another one.
    resumable = True

    #: A sentence that who uses this link should know, or nothing.
    caveat = ""

    #: Whether the transport takes more.
    writable = True

    #: Whether the WebSocket has been open.
    opened = False

    session: Session | None = None
    reason = ""
    remote = ""

    #: The link's parts, from :meth:`onOpen` on.
    liveness: Liveness
    control_limit: ControlFrameLimit
    _assembly: MessageAssembly
    _pongs: PendingPongs
    _batch: FlushBatch
    _intake: Intake | None = None

    _lost = False
    _parting: IDelayedCall | None = None
    _holds = 0  #: reasons for which the socket is not read

    # --- for the dialect: to be implemented ----------------------------------------------------------------

    def say(self, message: LinkMessage) -> None:
        """Send an unnumbered message of the link."""
        raise NotImplementedError

    def carry(self, session: Session, peer_received: int, interval: float, timeout: float) -> None:
        """Carry ``session`` from now on: a ping after ``interval`` seconds of silence, an end after ``timeout``."""
        raise NotImplementedError

    def ping(self) -> None:
        """Make the peer answer."""
        raise NotImplementedError

    def message_received(self, message: bytes) -> bool:
        """Act on a whole binary message, or on its first part; return whether there is more of it.

        May raise ProtocolError.
        """
        raise NotImplementedError

    def text_received(self) -> None:
        """Act on a text message, which means nothing on a link.  May raise ProtocolError."""
        self.control_limit.idle_received()

    def oversized_received(self, beginning: bytes) -> None:
        """Act on a message that is longer than ``message_limit``, and not than ``skip_limit``."""
        raise NotImplementedError

    def keep_alive(self, silent: float) -> None:
        """Act on an interval that is over: nothing has been received for ``silent`` seconds."""
        self.ping()

    def timed_out(self, silent: float) -> None:
        """Give the link up: nothing has been received for ``silent`` seconds."""
        self.drop(f"nothing came from the other side for {silent:.0f} s")

    # --- for keepers: as `Link` says -----------------------------------------------------------------------

    def refuse(self, refused: Refused, code: int) -> bool:
        self.say(refused)
        self.close(code, refused.word)
        return False

    @property
    def heard(self) -> float:
        return self.liveness.heard

    @property
    def trip(self) -> float:
        return inf

    def ask(self) -> float:
        return self.liveness.ask()

    def look(self) -> None:
        if self.opened:
            self.liveness.look()

    def release(self) -> None:
        """Carry the session no longer."""
        session, self.session = self.session, None
        if session is not None:
            session.detach()

    def close(self, code: int, reason: str) -> None:
        """End the link with a closing handshake; what the peer still sends is dropped."""
        self.release()
        if not self.reason:
            self.reason = reason
        cut = reason.encode("utf-8")[:123].decode("utf-8", "ignore").encode("utf-8")
        self.sendCloseFrame(code, cut)  # type: ignore[attr-defined]
        if self._parting is None and not self._lost:
            self._parting = self.clock.callLater(CLOSE_WAIT, self.drop, "the other side did not close it in time")

    def drop(self, reason: str) -> None:
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
            write_message(self.transport, message, self.masks)

    # --- for the dialect: to be used -----------------------------------------------------------------------

    def begin_session(self, session: Session) -> None:
        """Take this session: the hello has been answered."""
        self.session = session
        if self._intake is not None:
            self._intake.greeted()

    def answer_ping(self, send: Callable[[Any], None], pong: Any) -> None:
        """Call ``send(pong)`` now, or once the peer reads.  Raises ProtocolError for one ping too many."""
        self.control_limit.ping_received()
        if self.writable:
            send(pong)
        else:
            self._pongs.add(send, pong)

    def guarded(self, call: Callable[..., object], *arguments: Any) -> None:
        """Call this; what it raises ends the link."""
        try:
            call(*arguments)
        except Exception as error:
            self.failed(error)

    # --- Autobahn: opening and closing ---------------------------------------------------------------------

    def onOpen(self) -> None:
        clock = self.clock
        self.opened = True
        self._batch = batch_of(clock)
        self.liveness = Liveness(self, clock)
        self.control_limit = ControlFrameLimit(clock, self.control)
        self._pongs = PendingPongs()
        self._assembly = MessageAssembly(self.message_limit, self.skip_limit)
        autobahn = AutobahnParser(self)
        self._intake = Intake(self, autobahn, not self.masks, self.message_limit, self.attempts, self.early_pings)
        quicken(self.transport)
        self.transport.registerProducer(self, True)
        self.liveness.watch(self.interval, self.timeout)
        self.guarded(self.keeper.link_opened, self)

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)  # type: ignore[misc]
        if self._lost:
            return
        self._lost = True
        if self.opened:
            self.liveness.stop()
        cancel(self._parting)
        if self._intake is not None:
            self._intake.stop()
        AutobahnParser(self).stop()
        self.release()
        if not self.reason:
            self.reason = self.end_reason(reason)
        self.keeper.link_lost(self, self.reason)

    def end_reason(self, failure: Failure) -> str:
        """Say in our words why the connection ended."""
        return closed_reason(self) or lost_reason(failure)

    # --- Autobahn: input -----------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        intake = self._intake
        if intake is None:
            self._shake_hands(data)
            return
        self.liveness.last = self.clock.seconds()
        intake.feed(data)
        self._batch.run()

    def _shake_hands(self, data: bytes) -> None:
        """Give Autobahn what belongs to the opening handshake; the link takes what is behind it."""
        rest = AutobahnParser(self).shake(data)
        if self._intake is not None and rest:
            self._intake.feed(rest)
        batch_of(self.clock).run()

    # --- for the intake ------------------------------------------------------------------------------------

    def go_on(self) -> bool:
        """Act on more of a message, and return whether there is still more.  May raise ProtocolError."""
        return False

    def failed(self, error: Exception) -> None:
        """End the link for this: the peer broke the protocol, or the error is a defect of Sellia's own."""
        if isinstance(error, ProtocolError):
            self._fault(error)
        else:
            _log.failure("a defect of Sellia's own ended a link")
            self._fault(ProtocolError("a defect of our own", 1011))

    def hold_reading(self, held: bool) -> None:
        """Leave the socket unread, for one reason more, or for one less."""
        self._holds += 1 if held else -1
        if self._holds == 1 and held:
            self.transport.pauseProducing()
        elif not self._holds:
            self.transport.resumeProducing()

    # --- for keepers that answer later ---------------------------------------------------------------------

    @property
    def held_back(self) -> bool:
        return self._intake is not None and self._intake.held

    def hold_back(self) -> None:
        if self._intake is not None:
            self._intake.hold()

    def answer_late(self, answer: Callable[[], None]) -> None:
        self.guarded(answer)
        if self._intake is not None:
            self._intake.release()

    # --- Autobahn: messages that are not whole frames, control frames --------------------------------------

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        write_now(self.transport, data)

    def onMessageBegin(self, isBinary: bool) -> None:
        self._assembly.begin(isBinary)

    def onMessageFrameBegin(self, length: int) -> None:
        try:
            if self._assembly.frame(length):
                self.control_limit.idle_received()
        except ProtocolError as error:
            self._fault(error)

    def onMessageFrameData(self, payload: bytes) -> None:
        if self.state == WebSocketServerProtocol.STATE_OPEN:
            self._assembly.data(payload)

    def onMessageFrameEnd(self) -> None:
        """Nothing: the message is complete at its end."""

    def onMessageEnd(self) -> None:
        skipped, message = self._assembly.skipped, self._assembly.end()
        if self.state != WebSocketServerProtocol.STATE_OPEN:
            return
        if message is None:
            self.guarded(self.text_received)
        elif skipped:
            self.guarded(self.oversized_received, message)
        else:
            self.guarded(self.message_received, message)

    def onPing(self, payload: bytes) -> None:
        self.guarded(self.answer_ping, self.sendPong, payload)  # type: ignore[attr-defined]

    def onPong(self, payload: bytes) -> None:
        self.guarded(self.control_limit.idle_received)

    # --- faults --------------------------------------------------------------------------------------------

    def _fail_connection(self, code: int = 1002, reason: str = "") -> None:
        """End the link, for Autobahn found that this is not RFC 6455; the session may go on with another."""
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
        """Tell the session to wait: the transport's buffer is full."""
        self.writable = False
        if self.session is not None:
            self.session.out.link_full()

    def resumeProducing(self) -> None:
        """Let the session go on: the transport's buffer is empty."""
        self.writable = True
        self._pongs.flush()
        if self.session is not None:
            self.session.flush()

    def stopProducing(self) -> None:
        """Nothing: the connection is gone, and connectionLost says so."""
