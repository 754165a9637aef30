"""Link and bridge of our client to an original server.

What the keeper says, in the original's words
    * ``Hello`` is ``auth``, where there is a key, and a ping of the WebSocket's where there is none: ``Welcome`` is
      made of the answer, so that a server that takes connections and loses them is not asked again and again.
    * Tunnels are asked for as the session asks, and the server answers in that order, without saying which it means.
    * A name that is taken may be free again soon, when the server has noticed that our last link is gone: whether that
      is worth another try is for the session to say.
    * A client that stops closes its tunnels first, so that nobody new is sent to it.

Bounds
    Ids have ``ID_LIMIT`` characters; what has a longer one is ignored.  A server that does not answer a wish for a
    tunnel within ``ANSWER_WAIT`` is none of the original's: any WebSocket server that agrees without a subprotocol
    looks like one until then.  What it makes us answer by ourselves and does not read has ``UNREAD`` bytes.
"""

from collections import deque
from collections.abc import Callable
from secrets import token_bytes
from typing import Any, Final

from autobahn.twisted.websocket import WebSocketClientProtocol
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from sellia.errors import LimitExceeded, ProblemError
from sellia.problems import (
    CLIENT_GONE,
    FORBIDDEN,
    KEY_REQUIRED,
    NAME_INVALID,
    NAME_RESERVED,
    NAME_TAKEN,
    NO_SUCH_TUNNEL,
    OVERLOADED,
    TOO_MANY_TUNNELS,
    WRONG_KEY,
    Problem,
    problem_of,
)
from sellia.protocol.limits import MIB
from sellia.protocol.messages import (
    VERSION,
    CloseTunnel,
    GoAway,
    Goodbye,
    Hello,
    LinkMessage,
    OpenTunnel,
    Refused,
    SessionMessage,
    TcpConnection,
    TunnelReady,
    TunnelRefused,
    Welcome,
)
from sellia.protocol.original import messages as original
from sellia.relay.mux.session import Session
from sellia.text import field, printable
from sellia.transports.original.bridge import Bridge, BridgeLeg
from sellia.transports.original.client_side.request import OriginalResponseLeg
from sellia.transports.original.client_side.server_peer import OpenTunnelOf
from sellia.transports.original.client_side.upgrade import OriginalHandshakeLeg
from sellia.transports.original.link import OriginalLink
from sellia.transports.original.tcp import OriginalTcpLeg, split_address
from sellia.transports.original.websocket import Assembly
from sellia.transports.reactor.waiting import cancel

#: Seconds without a word from the server after which the link is given up.  The server pings every 30.
SILENCE: Final = 100.0

#: Characters of an id; the original's have 32.
ID_LIMIT: Final = 64

#: Octets that we answer by ourselves while the server does not read.
UNREAD: Final = MIB

#: What the server is told of the service's port, which it asks for and makes no use of.
LOCAL_PORT: Final = 80

#: Seconds that the server has to answer a wish for a tunnel.
ANSWER_WAIT: Final = 10.0

_NO_ANSWER: Final = "the server did not answer: is the URL that of a Sellia server?"

_TOKEN: Final = 16

#: The server's words for why a name is refused, and ours.
_REFUSALS: Final = (
    ("is not available", NAME_TAKEN),
    ("is reserved", NAME_RESERVED),
    ("maximum", TOO_MANY_TUNNELS),
    ("limit", TOO_MANY_TUNNELS),
    ("must be", NAME_INVALID),
    ("must ", NAME_INVALID),
    ("can only", NAME_INVALID),
    ("may only", NAME_INVALID),
    ("invalid", NAME_INVALID),
)

_log = Logger()


class ClientRole(OriginalLink):
    """Link to an original server, over whatever WebSocket."""

    bridge: "ClientBridge | None"

    last_words = CLIENT_GONE, ""
    caveat = (
        "The server is an original Sellia: a link that drops takes with it what is under way, and WebSockets lose "
        "their close codes. docs/original.rst has the rest. A newer server mends all of it."
    )

    timeout = SILENCE
    _key: str | None = None
    _unread = 0
    _pings = 0
    _awaited: dict[int, Callable[[], None]]

    # --- for the connector and the session -----------------------------------------------------------------

    def say(self, message: LinkMessage) -> None:
        if isinstance(message, Hello):
            self._key = message.key
            if message.key is None:
                self.when_answered(self._welcome)
            else:
                self.write(original.Auth(message.key))
        elif isinstance(message, Goodbye):
            self.last_words = problem_of(message.word), message.message

    def make_bridge(self, session: Session) -> "ClientBridge":
        return ClientBridge(self, session)

    def ping(self) -> None:
        """Send a ping of the WebSocket.  While this end does not read, it says something of its own, too."""
        if self.liveness.suspended:
            self.write(original.Pong(int(self.clock.seconds() * 1000)))
        self.sendPing(b"")  # type: ignore[attr-defined]

    # --- from the server -----------------------------------------------------------------------------------

    def hear(self, message: original.Message) -> None:
        if isinstance(message, original.Ping):
            self.answer(original.Pong(message.timestamp))
        elif isinstance(message, original.AuthOk):
            if self.session is None:
                self._welcome()
        elif isinstance(message, original.AuthError):
            self._refused(message.error)
        else:
            super().hear(message)

    def when_answered(self, call: Callable[[], None]) -> int:
        """Call this when the server has read all that it was sent until now; unless the link is lost before, or
        :meth:`no_matter` is called with the number that is returned.
        """
        if not self._pings:
            self._awaited = {}
        self._pings += 1
        self._awaited[self._pings] = call
        self.sendPing(b"%d" % self._pings)  # type: ignore[attr-defined]
        return self._pings

    def no_matter(self, number: int) -> None:
        """Forget a call that `when_answered` was given."""
        self._awaited.pop(number, None)

    def onPong(self, payload: bytes) -> None:
        if not self._pings or not payload.isdigit() or len(payload) > 20:
            return
        answered = int(payload)
        while self._awaited:
            number = next(iter(self._awaited))
            if number > answered:
                return
            self.guarded(self._awaited.pop(number))

    def answer(self, *messages: original.Message) -> None:
        """Send what nobody but the server has given cause to.  One that asks and does not read is not waited for."""
        data = [original.encode(message) for message in messages]
        if self.writable:
            self._unread = 0
        else:
            self._unread += sum(map(len, data))
        for each in data:
            self.send(each)
        if self._unread > UNREAD and self.bridge is not None:
            raise LimitExceeded("the server asks and does not read the answers", 1008)

    def _welcome(self) -> None:
        self.keeper.link_message(self, Welcome(VERSION, "original", token_bytes(_TOKEN), False))

    def _refused(self, error: str) -> None:
        problem = KEY_REQUIRED if self._key is None else WRONG_KEY
        message = f"{problem.sentence} It said: {_sentence(error)}"
        self.keeper.link_message(self, Refused(problem.code, message, True))


class OriginalClientLink(ClientRole, WebSocketClientProtocol):  # type: ignore[misc]
    """Link to an original server at the connector."""

    masks = True


class ClientBridge(Bridge):
    """Bridge to one original server."""

    link: ClientRole

    takers = {
        original.RequestBody: (OriginalResponseLeg, OriginalResponseLeg.body),
        original.WsFrame: (OriginalHandshakeLeg, OriginalHandshakeLeg.message),
        original.WsClose: (OriginalHandshakeLeg, OriginalHandshakeLeg.server_closed),
        original.TcpData: (OriginalTcpLeg, OriginalTcpLeg.passed),
        original.TcpClose: (OriginalTcpLeg, OriginalTcpLeg.closed),
    }

    def __init__(self, link: ClientRole, session: Session) -> None:
        super().__init__(link, session, even=True)
        self.clock: Any = link.clock
        self.assembly = Assembly()
        #: Octets that wait for services which have not agreed to their WebSockets yet.
        self.early = 0
        #: Tunnels that were asked for and not answered, and the end of our patience with the first.
        self._asked: deque[OpenTunnel] = deque()
        #: For each leg that waits for the service: the end of its time, which an original server leaves to us.
        self._late: dict[OriginalResponseLeg | OriginalHandshakeLeg, IDelayedCall] = {}
        self._answer: IDelayedCall | None = None
        self._tunnels: dict[str, OpenTunnelOf] = {}
        _log.warn(
            "the server speaks the dialect of the original Sellia, so until it is replaced by a newer one: a lost link "
            "ends all that is under way, because nothing can be sent again; a visitor's WebSocket is open before the "
            "service has agreed to it, and neither side learns the other's close code, because the server does it so; "
            "a service does not learn that its visitor has left, nor a visitor that an answer has broken off, because "
            "there are no words for it; trailers, interim answers, pings and extensions of WebSockets do not pass; "
            "addresses of visitors are unknown. server={server}",
            server=field(link.remote),
        )

    def close(self, problem: Problem, message: str) -> None:
        self._cancel()
        for leg in list(self._late):
            self.answered(leg)
        super().close(problem, message)

    def await_service(self, leg: OriginalResponseLeg | OriginalHandshakeLeg, seconds: float, problem: Problem) -> None:
        """Wait for the service, from now on and for ``seconds``, the limit of its tunnel."""
        self.answered(leg)
        why = f"There was no answer within {seconds:g} s, the limit that the client of this tunnel sets."
        self._late[leg] = self.clock.callLater(seconds, leg.fail, problem, why)

    def answered(self, leg: OriginalResponseLeg | OriginalHandshakeLeg) -> None:
        """Wait no longer: the service has answered, or need not."""
        cancel(self._late.pop(leg, None))

    def forget(self, leg: BridgeLeg) -> None:
        if isinstance(leg, OriginalResponseLeg | OriginalHandshakeLeg):
            self.answered(leg)
        super().forget(leg)

    def begin(self, leg: OriginalResponseLeg | OriginalHandshakeLeg, tunnel_id: str) -> None:
        """Ask our service what the server asks of this tunnel, or refuse it."""
        if len(leg.request_id) > ID_LIMIT or self.knows(leg.request_id):
            return
        tunnel = self._tunnels.get(tunnel_id)
        try:
            if tunnel is None or tunnel.kind != "http":
                raise ProblemError(NO_SUCH_TUNNEL)
            if self.session.full:
                raise ProblemError(OVERLOADED)
            opening, end = leg.opening(tunnel)
            leg.stream = self.session.open(opening, leg, end=end)
        except ProblemError as error:
            leg.over = True
            leg.refuse(error.problem, error.detail)
        else:
            self.register(leg, leg.request_id)
            leg.begun(tunnel, end)

    def answer(self, *messages: original.Message) -> None:
        self.link.answer(*messages)

    def when_answered(self, call: Callable[[], None]) -> int:
        return self.link.when_answered(call)

    def no_matter(self, number: int) -> None:
        self.link.no_matter(number)

    # --- from the server -----------------------------------------------------------------------------------

    def told(self, message: original.Message) -> None:
        if isinstance(message, original.RequestStart):
            self.begin(OriginalResponseLeg(self, self, message), message.tunnel_id)
        elif isinstance(message, original.WsUpgrade):
            self.begin(OriginalHandshakeLeg(self, self, self.assembly, message), message.tunnel_id)
        elif isinstance(message, original.TunnelReady):
            self._ready(message)
        elif isinstance(message, original.TunnelClose):
            self._closed(message)
        elif isinstance(message, original.TcpOpen):
            self._connected(message)
        else:  # what only a client says
            self.link.said_nothing()

    def _connected(self, said: original.TcpOpen) -> None:
        """Open a stream for a visitor's connection, or refuse it."""
        number = said.connection_id
        if len(number) > ID_LIMIT or self.knows(number):
            return
        tunnel = self._tunnels.get(said.tunnel_id)
        try:
            if tunnel is None or tunnel.kind != "tcp":
                raise ProblemError(NO_SUCH_TUNNEL, "This client has no tcp tunnel of that number.")
            if self.session.full:
                raise ProblemError(OVERLOADED)
            visitor, port = split_address(said.remote_addr)
            leg = OriginalTcpLeg(self, visitor, at_service=False)
            leg.stream = self.session.open(TcpConnection(tunnel.number, visitor, port), leg)
        except ProblemError as error:
            self.link.answer(original.TcpOpenError(number, str(error)))
        else:
            leg.request_id = self.register(leg, number)
            self.send(original.TcpOpenOk(number))

    def _answered(self) -> OpenTunnel:
        """Return the tunnel that was asked for first, which has been answered."""
        asked = self._asked.popleft()
        self._cancel()
        if self._asked:
            self._expect()
        return asked

    def _expect(self) -> None:
        self._answer = self.clock.callLater(ANSWER_WAIT, self.link.drop, _NO_ANSWER)

    def _cancel(self) -> None:
        answer, self._answer = self._answer, None
        cancel(answer)

    def _ready(self, message: original.TunnelReady) -> None:
        if self._asked and len(message.tunnel_id) <= ID_LIMIT:
            asked = self._answered()
            number = asked.tunnel
            scheme = b"https" if message.url.startswith("https:") else b"http"
            self._tunnels[message.tunnel_id] = OpenTunnelOf(
                number, message.tunnel_id, scheme, asked.options, asked.kind
            )
            name = message.subdomain or message.url.rpartition(":")[2]  # a port may have no name
            self.session.send_control(TunnelReady(number, name, message.url))

    def _closed(self, message: original.TunnelClose) -> None:
        reason = message.reason or ""
        if message.tunnel_id:
            tunnel = self._tunnels.pop(message.tunnel_id, None)
            if tunnel is not None:
                self.session.send_control(CloseTunnel(tunnel.number, "", _sentence(reason or "it did not say why")))
        elif self._asked:
            problem = refusal(reason)
            why = _sentence(reason or problem.sentence)
            self.session.send_control(
                TunnelRefused(self._answered().tunnel, problem.code, why, problem is not NAME_TAKEN)
            )

    # --- from our session ----------------------------------------------------------------------------------

    def message_received(self, message: SessionMessage) -> None:
        if isinstance(message, OpenTunnel) and message.kind not in ("http", "tcp"):
            why = f"An original server has no {message.kind} tunnels."
            self.session.send_control(TunnelRefused(message.tunnel, FORBIDDEN.code, why))
        elif isinstance(message, OpenTunnel):
            self._asked.append(message)
            if self._answer is None:
                self._expect()
            self.send(original.TunnelOpen(message.kind, LOCAL_PORT, message.name, message.auth))
        elif isinstance(message, CloseTunnel):
            self._close(lambda tunnel: tunnel.number == message.tunnel, message.message)
        elif isinstance(message, GoAway):
            self._close(lambda tunnel: True, message.message)

    def _close(self, meant: Callable[[OpenTunnelOf], bool], reason: str) -> None:
        """Close tunnels at the server.  Its exchanges go on, so they are known here still."""
        for tunnel in [each for each in self._tunnels.values() if meant(each)]:
            self.send(original.TunnelClose(tunnel.tunnel_id, reason or None))


def _sentence(said: str) -> str:
    """Return what the server has said, as a sentence that can stand beside others."""
    return f"{printable(said).rstrip('. ')}."


def refusal(reason: str) -> Problem:
    """Return the problem that the server means by its reason for refusing a tunnel."""
    folded = reason.lower()
    return next((problem for words, problem in _REFUSALS if words in folded), FORBIDDEN)
