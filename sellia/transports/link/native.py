"""A link that speaks the native dialect: parcels of a session, acks, and pings that measure the path.

Need
    Bulk data should fill the path and not the buffers along it, which only the other end of it can tell of: by pongs,
    and by acks.  And a link that is dead must be noticed, while one that is only slow must not be mistaken for it
    (`sellia.transports.link.liveness`).

How
    What is known of the path is `sellia.relay.mux.congestion`'s, which says after how many bytes to ask again.
"""

import sys
from collections.abc import Callable
from typing import Any, Final

from autobahn.twisted.websocket import WebSocketClientProtocol, WebSocketServerProtocol
from twisted.internet.interfaces import IHandshakeListener
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.errors import ProtocolError
from sellia.protocol import native
from sellia.protocol.messages import SUBPROTOCOL, Ack, LinkMessage, Ping, Pong
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.mux.congestion import CongestionWindow
from sellia.relay.mux.session import Session
from sellia.transports.link.base import LinkMixin
from sellia.transports.link.messages import write_message
from sellia.transports.link.opening import Answer, read_answer, why_no_link

#: Rate of records that are late on one link: of streams that have ended, and others without effect.  Honest peers send
#: a few for each stream.
LATE: Final = Rate(60_000, 10_000.0)


class NativeLink(LinkMixin):
    """Both ends of a link that speaks the native dialect."""

    _pace: CongestionWindow | None = None
    _unasked = 0  #: bytes since the last ping that the pace asked for
    _ask_after = sys.maxsize
    _unanswered = 0  #: pings that were sent and have no pong yet
    _late_rate: Bucket | None = None

    # --- for keepers ---------------------------------------------------------------------------------------

    def say(self, message: LinkMessage) -> None:
        if isinstance(message, Ping):
            self._unanswered += 1
        self.send(native.encode_link(message))

    def carry(self, session: Session, peer_received: int, interval: float, timeout: float) -> None:
        self.begin_session(session)
        self._pace = pace = CongestionWindow()
        # ahead of everything, because the shortest round trip is one of an empty way
        self.say(Ping(pace.ask(self.clock.seconds(), 0, 0)))
        session.attach(self, peer_received)
        self._follow(pace)
        self.liveness.watch(interval, timeout)

    @property
    def trip(self) -> float:
        return self._pace.shortest if self._pace is not None else super().trip

    def ping(self) -> None:
        self.say(Ping())

    # --- for the session -----------------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        if self.state == WebSocketServerProtocol.STATE_OPEN:
            write_message(self.transport, message, self.masks)
            self._unasked += len(message)
            if self._unasked >= self._ask_after:
                self._ask_for_ack()

    # --- input ---------------------------------------------------------------------------------------------

    def message_received(self, message: bytes) -> bool:
        session = self.session
        if message[:1] == b"\x01":
            if session is None:
                raise ProtocolError("a parcel came before the session was agreed on")
            unfinished = session.begin(message)
            if (session.idle or session.late) and not unfinished:
                self._said_little(session)
            return unfinished
        if message[:1] == b"\x00":
            said = native.decode_link(message)
            if isinstance(said, Ack):
                before = session.out.acked if session is not None else 0
                if session is not None:
                    session.out.acknowledged(said.received)
                if session is None or session.out.acked == before:
                    self.control_limit.idle_received()
            elif isinstance(said, Ping):
                self.answer_ping(self.say, Pong(said.number))
            elif isinstance(said, Pong):
                self._ponged(said.number)
            elif said is not None:
                self.keeper.link_message(self, said)
            else:
                self.control_limit.idle_received()
        else:
            self.control_limit.idle_received()
        return False

    def go_on(self) -> bool:
        session = self.session
        if session is None:
            return False
        unfinished = session.go_on()
        if (session.idle or session.late) and not unfinished:
            self._said_little(session)
        return unfinished

    def _said_little(self, session: Session) -> None:
        """Count records of a parcel that had no effect."""
        idle, late, session.idle, session.late = session.idle, session.late, 0, 0
        if idle:
            self.control_limit.idle_received(idle)
        if late:
            if self._late_rate is None:
                self._late_rate = Bucket(LATE)
            if self._late_rate.take(self.clock.seconds(), late):
                raise ProtocolError("too many records that come too late on one link", 1008)

    # --- pace ----------------------------------------------------------------------------------------------

    def _follow(self, pace: CongestionWindow) -> None:
        """Apply what is now known of the path to the session."""
        self._ask_after = pace.share
        if self.session is not None:
            self.session.out.pace(pace.window, pace.burst, pace.parcel)

    def _ask_for_ack(self) -> None:
        """Probe the path, for enough has been sent, unless most of it has been acknowledged by itself."""
        session, pace = self.session, self._pace
        if session is None or pace is None:
            return
        under_way = session.out.under_way
        if under_way is None:
            return
        if under_way < self._ask_after:
            self._unasked = under_way
        elif pace.may_ask(self.clock.seconds(), session.out.blocked):
            self._probe()

    def _probe(self) -> None:
        """Ping the other side, whose pong shows that all before has arrived."""
        pace, session = self._pace, self.session
        self._unasked = 0
        if pace is None or session is None:
            self.say(Ping())
            return
        under_way = session.out.under_way
        now = self.clock.seconds()
        self.say(Ping(pace.ask(now, 0, 0) if under_way is None else pace.ask(now, session.out.sent, under_way)))

    def _ponged(self, number: int) -> None:
        if self._unanswered:
            self._unanswered -= 1
        else:
            self.control_limit.idle_received()
        session, pace = self.session, self._pace
        if session is None or pace is None:
            return
        before = pace.window, pace.burst
        arrived = pace.answered(number, self.clock.seconds())
        if arrived:
            session.out.acknowledged(arrived)
        if before != (pace.window, pace.burst):
            self._follow(pace)
        if self._unasked >= self._ask_after:  # of a window that has become smaller
            self._ask_for_ack()

    # --- liveness ------------------------------------------------------------------------------------------

    def keep_alive(self, silent: float) -> None:
        if self.session is not None:
            # The other side must hear something, too, however long it takes to send what it is sending.
            busy = silent < self.liveness.interval * 0.5
            self.session.out.tell_acks(again=busy)
            if not busy:
                self._probe()


class ServerLink(NativeLink, WebSocketServerProtocol):  # type: ignore[misc]
    """A link at the server, which waits for a client's hello."""

    attempts = 1

    def onConnect(self, request: Any) -> str | None:
        """Choose our dialect where it is offered."""
        return SUBPROTOCOL if SUBPROTOCOL in request.protocols else None


@implementer(IHandshakeListener)
class ClientLink(NativeLink, WebSocketClientProtocol):  # type: ignore[misc]
    """A link at the client: until the server has answered its handshake, and after that if the dialect is native."""

    masks = True

    #: What it becomes where the server has chosen no dialect: the one that is spoken is known only then.
    otherwise: "Callable[[], type[LinkMixin]] | None" = None

    #: The server's address for people, and what explains why a connection ended before there was a link.
    where = "the server"
    explain: Callable[[Failure], str] | None = None

    #: The answer to the handshake, and whether TLS, if it is spoken, is.
    handshake_answer: Answer | None = None
    secured = False

    def handshakeCompleted(self) -> None:
        self.secured = True

    def processHandshake(self) -> None:
        """Judge the answer before Autobahn does, which says of another than 101 only that it is none."""
        if self.reason:
            return  # it has been judged
        answer = read_answer(self.data)
        if isinstance(answer, str):
            self._refused(answer)
        elif answer is not None:
            self.handshake_answer = answer
            if answer.status != 101:
                self.failHandshake("")
                return
            try:
                super().processHandshake()
            except Exception:  # of bytes that Autobahn's parser does not expect
                self.failHandshake("")

    def failHandshake(self, reason: str) -> None:
        """Tell in our words what the answer was."""
        if self.handshake_answer is not None:
            self._refused(why_no_link(self.handshake_answer, self.factory.path))

    def _refused(self, why: str) -> None:
        self.drop(f"{self.where} {why}")

    def end_reason(self, failure: Failure) -> str:
        if self.opened or self.explain is None:
            return super().end_reason(failure)
        return f"{self.where} {self.explain(failure)}"

    def onConnect(self, response: Any) -> None:
        """The server has agreed to a WebSocket, and chosen our dialect, or none: there was no other on offer."""
        if response.protocol is None and self.otherwise is not None:
            self.__class__ = self.otherwise()  # type: ignore[assignment]
