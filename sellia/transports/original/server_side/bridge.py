"""Link and bridge of our server to an original client.

What the gateway says, in the original's words
    * ``Hello`` comes of ``auth``, or of the first ``tunnel_open`` where there was none.  ``Welcome`` is ``auth_ok``, if
      there was a key.  A hello that is refused for its key ends the link as the original ends it; one that has none
      is told so, and may still come with one.
    * Tunnels are asked for one after the other, in the order in which the client asked: what it is told names none of
      them, so that it has to take each answer for that to its oldest wish.
    * A close frame is goodbye.  A link that ends without one is lost, and its session with it.
    * Goodbyes and drains have no words: the link is closed.

Bounds
    ``WISHES`` tunnels may be asked for and not answered, ``TRIES`` hellos may be refused on a link that stays open, and
    as many pings come before one.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from autobahn.twisted.websocket import WebSocketServerProtocol
from twisted.logger import Logger

from sellia.errors import LimitExceeded
from sellia.problems import CLIENT_GONE, FORBIDDEN, KEY_REQUIRED, NAME_RESERVED, NAME_TAKEN, WRONG_KEY
from sellia.protocol.limits import MAX_STREAMS
from sellia.protocol.messages import (
    VERSION,
    CloseTunnel,
    Goodbye,
    Hello,
    HttpRequest,
    LinkMessage,
    Opening,
    OpenTunnel,
    Refused,
    SessionMessage,
    TcpConnection,
    TunnelReady,
    TunnelRefused,
    WebSocketRequest,
    Welcome,
)
from sellia.protocol.messages import Ping as LinkPing
from sellia.protocol.original import messages as original
from sellia.relay.mux.leg import Leg, NullLeg
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream
from sellia.relay.names import SHORTEST
from sellia.text import field
from sellia.transports.original.bridge import Bridge, new_id
from sellia.transports.original.link import OriginalLink
from sellia.transports.original.server_side.request import OriginalRequestLeg
from sellia.transports.original.server_side.upgrade import OriginalUpgradeLeg
from sellia.transports.original.tcp import OriginalTcpLeg, join_address
from sellia.transports.original.websocket import Assembly

#: Tunnels that a client may have asked for without having been answered.
WISHES: Final = 100

#: Hellos that may be refused on one link.
TRIES: Final = 10

#: How a client of this dialect is called in the log.
AGENT: Final = "original"

_log = Logger()


class OriginalServerLink(OriginalLink, WebSocketServerProtocol):  # type: ignore[misc]
    """Link of an original client at the gateway."""

    attempts = TRIES
    early_pings = TRIES  #: a client of ours without a key has no other hello

    #: What ``auth_ok`` says that an account may have.
    max_tunnels = 100
    max_connections = MAX_STREAMS

    _key: str | None = None
    _tries = 0
    _greeting: original.Message | None = None  #: what came as a hello, while its key is looked up

    # --- for the gateway -----------------------------------------------------------------------------------

    def say(self, message: LinkMessage) -> None:
        if isinstance(message, Welcome):
            if self._key is not None:
                limits = original.Limits(self.max_tunnels, self.max_connections)
                self.write(original.AuthOk(new_id()[:16], limits))  # there are no accounts
        elif isinstance(message, Goodbye):
            if self.bridge is not None:
                self.guarded(self.bridge.settle)
        elif isinstance(message, LinkPing):
            self.ping()

    def refuse(self, refused: Refused, code: int) -> bool:
        """Refuse the hello; a key that is missing may still come, and the link stays open for it."""
        if refused.word == KEY_REQUIRED.code and self._key is None:
            self.write(original.AuthError("Not authenticated"))
            self._tries += 1
            if self._tries >= TRIES:
                raise LimitExceeded("a tunnel was asked for too often without a key", 1008)
            return True
        if refused.word in (KEY_REQUIRED.code, WRONG_KEY.code):
            self.write(original.AuthError("Invalid API key"))
            self.close(1000, "Authentication failed")
        else:
            if self._key is None:  # it was a wish for a tunnel that was its hello
                self.write(original.TunnelClose("", refused.message))
            self.close(code, refused.word)
        return False

    def ping(self) -> None:
        self.write(original.Ping(int(self.clock.seconds() * 1000)))

    def timed_out(self, silent: float) -> None:
        self.close(1000, "Connection timeout")

    # --- from the client -----------------------------------------------------------------------------------

    def make_bridge(self, session: Session) -> "ServerBridge":
        return ServerBridge(self, session)

    def hear(self, message: original.Message) -> None:
        if self.bridge is None and isinstance(message, original.Auth | original.TunnelOpen):
            key = message.api_key if isinstance(message, original.Auth) else None
            self._key = key
            self.keeper.link_message(self, Hello(VERSION, AGENT, key=key))
            if self.held_back:
                self._greeting = message
                return
        super().hear(message)

    def answer_late(self, answer: Callable[[], None]) -> None:
        greeting, self._greeting = self._greeting, None
        hear = super().hear

        def answered() -> None:
            answer()
            if greeting is not None:
                hear(greeting)

        super().answer_late(answered)

    def onCloseFrame(self, code: Any, reasonRaw: Any) -> Any:
        """Take a close frame of the client for goodbye, unless it answers one of ours."""
        if self.state == WebSocketServerProtocol.STATE_OPEN and self.session is not None:
            self.guarded(self.keeper.link_message, self, Goodbye(CLIENT_GONE.code, ""))
        return super().onCloseFrame(code, reasonRaw)


class ServerBridge(Bridge):
    """Bridge to one original client."""

    link: OriginalLink

    takers = {
        original.ResponseBody: (OriginalRequestLeg, OriginalRequestLeg.answer_goes_on),
        original.WsFrame: (OriginalUpgradeLeg, OriginalUpgradeLeg.message),
        original.ResponseStart: (OriginalRequestLeg, OriginalRequestLeg.answer_begins),
        original.ResponseEnd: (OriginalRequestLeg, OriginalRequestLeg.answer_ends),
        original.WsUpgradeError: (OriginalUpgradeLeg, OriginalUpgradeLeg.refused),
        original.WsClose: (OriginalUpgradeLeg, OriginalUpgradeLeg.peer_closed),
        original.TcpData: (OriginalTcpLeg, OriginalTcpLeg.passed),
        original.TcpOpenOk: (OriginalTcpLeg, OriginalTcpLeg.opened),
        original.TcpOpenError: (OriginalTcpLeg, OriginalTcpLeg.refused),
        original.TcpClose: (OriginalTcpLeg, OriginalTcpLeg.closed),
    }

    def __init__(self, link: OriginalServerLink, session: Session) -> None:
        super().__init__(link, session, even=False)
        self.assembly = Assembly()
        #: Ids of tunnels that are public, by their numbers in the session.
        self.tunnels: dict[int, str] = {}
        self._numbers = 0
        #: What was asked for and not answered; the first has been passed on.
        self._wishes: deque[tuple[int, original.TunnelOpen]] = deque()
        suppressed = link.keeper.rate_limited_log("original_clients")
        if suppressed is not None:
            _log.info(
                "a client speaks the original dialect, so until it is replaced by a newer one: a lost link ends all "
                "that is under way on it; requests that are given up go on at the service; trailers, interim "
                "responses, extensions, fragments and pings of WebSockets and the codes with which visitors close them "
                "do not pass; it sends a response when it has all of it, and none that takes more than 30 s. "
                "peer={peer} suppressed={suppressed}",
                peer=field(link.remote),
                suppressed=suppressed,
            )

    # --- from the client -----------------------------------------------------------------------------------

    def told(self, message: original.Message) -> None:
        if isinstance(message, original.WsUpgradeOk):
            upgrading = self.leg_of(message.request_id, OriginalUpgradeLeg)
            if upgrading is not None:
                upgrading.agreed(message.headers)
            elif self.link.writable:  # its visitor has left meanwhile; who does not read need not know
                self.send(original.WsClose(message.request_id))
        elif isinstance(message, original.TunnelOpen):
            self._wish(message)
        elif isinstance(message, original.TunnelClose):
            self._close_tunnel(message)
        elif isinstance(message, original.Pong):
            self.link.ping_answered()
        else:  # what only a server says, or too late
            self.link.said_nothing()

    # --- tunnels -------------------------------------------------------------------------------------------

    def _wish(self, wanted: original.TunnelOpen) -> None:
        if len(self._wishes) >= WISHES:
            raise LimitExceeded("more tunnels were asked for at once than the limit", 1008)
        self._numbers += 1
        self._wishes.append((self._numbers, wanted))
        if len(self._wishes) == 1:
            self._ask()

    def _ask(self) -> None:
        number, wanted = self._wishes[0]
        if wanted.tunnel_type != "tcp":
            self.session.send_control(OpenTunnel(number, "http", wanted.subdomain, wanted.auth))
            return
        port = wanted.subdomain  # the dialect has no other place for one
        name = port if port is not None and port.isascii() and port.isdigit() else None
        self.session.send_control(OpenTunnel(number, "tcp", name))

    def _close_tunnel(self, message: original.TunnelClose) -> None:
        for number, tunnel_id in self.tunnels.items():
            if tunnel_id == message.tunnel_id:
                del self.tunnels[number]
                self.session.send_control(CloseTunnel(number))
                return

    def message_received(self, message: SessionMessage) -> None:
        if isinstance(message, TunnelReady):
            self.tunnels[message.tunnel] = tunnel_id = new_id()
            self.send(original.TunnelReady(tunnel_id, message.url, message.name))
            self._answered()
        elif isinstance(message, TunnelRefused):
            _, wanted = self._wishes[0]
            self.send(original.TunnelClose("", refusal(wanted, message)))
            self._answered()
        elif isinstance(message, CloseTunnel):
            tunnel_id = self.tunnels.pop(message.tunnel, "")
            if tunnel_id:
                self.send(original.TunnelClose(tunnel_id, message.message or message.word))

    def _answered(self) -> None:
        self._wishes.popleft()
        if self._wishes:
            self._ask()

    # --- exchanges -----------------------------------------------------------------------------------------

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        tunnel_id = self.tunnels.get(opening.tunnel, "")
        if not tunnel_id:  # it was closed a moment ago
            stream.reset(CLIENT_GONE)
            return NullLeg()
        if isinstance(opening, HttpRequest):
            return OriginalRequestLeg(self, stream, opening, end, tunnel_id)
        if isinstance(opening, TcpConnection):
            return self._connected(stream, opening, tunnel_id)
        assert isinstance(opening, WebSocketRequest)
        return OriginalUpgradeLeg(self, self.assembly, stream, opening, tunnel_id)

    def _connected(self, stream: Stream, opening: TcpConnection, tunnel_id: str) -> OriginalTcpLeg:
        """Tell the client of a visitor's connection."""
        leg = OriginalTcpLeg(self, opening.visitor, at_service=True)
        leg.stream = stream
        leg.request_id = self.register(leg)
        stream.stall()
        self.send(original.TcpOpen(leg.request_id, tunnel_id, join_address(opening.visitor, opening.port)))
        return leg


def refusal(wanted: original.TunnelOpen, refused: TunnelRefused) -> str:
    """Return why a tunnel is refused, in words by which the client knows whether to try again ("is not available")."""
    name = wanted.subdomain or ""
    if wanted.tunnel_type == "tcp" and refused.word == FORBIDDEN.code:
        return f"{refused.message} A tcp tunnel is not available"
    if refused.word == NAME_TAKEN.code:
        return f"Subdomain '{name}' is not available"
    if refused.word == NAME_RESERVED.code:
        return f"Subdomain '{name}' is reserved"
    if len(name) < SHORTEST and name:
        return f"Subdomain must be at least {SHORTEST} characters"
    return refused.message
