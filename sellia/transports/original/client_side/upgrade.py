"""The client's leg of a WebSocket: a visitor's at an original server, for which our service is asked.

The server agrees before the service does.  So the service is offered what the visitor has been told already: no
extension, and of the subprotocols the first.  When it refuses, the server is told the status; what its visitor sees is
the server's affair.

What comes too early
    *From the server*, before the service has agreed: it waits here.

    *From the service*, right behind its 101: the server would drop it, because it has not worked through
    ``ws_upgrade_ok`` yet.  It waits until the server has said something on this WebSocket, or has answered a ping that
    was sent behind ``ws_upgrade_ok`` and ``GRACE`` has passed since.

Bounds
    From the server ``EARLY`` bytes wait for each service and ``ALL_EARLY`` for all of them; with more, a WebSocket is
    ended as overloaded.  From the service there waits what the stream's credit allows.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall

from sellia.problems import OVERLOADED, RESPONSE_COMPLETE, UPGRADE_REFUSED, UPGRADE_TIMEOUT, VISITOR_GONE, Problem
from sellia.protocol.limits import INITIAL_CREDIT, SESSION_HELD_LIMIT
from sellia.protocol.limits import UPGRADE_TIMEOUT as UPGRADE_SECONDS
from sellia.protocol.messages import Headers, Opening, ResponseHead, WebSocketRequest
from sellia.protocol.original.messages import WsClose, WsFrame, WsUpgrade, WsUpgradeError, WsUpgradeOk
from sellia.relay.http.error_responses import public_detail
from sellia.relay.http.headers import without_extensions
from sellia.transports.original.bridge import Bridge
from sellia.transports.original.client_side.request import VISITOR, for_service
from sellia.transports.original.client_side.server_peer import OpenTunnelOf, ServerPeer
from sellia.transports.original.websocket import Assembly, MessageLeg, may_be_sent
from sellia.transports.reactor.waiting import cancel
from sellia.transports.websocket.frames import close_payload

#: Seconds between the answer to our ping and the first frame.
GRACE: Final = 0.05

#: Octets that wait for a service that has not agreed yet, and for all such services of a link.
EARLY: Final = INITIAL_CREDIT
ALL_EARLY: Final = SESSION_HELD_LIMIT

#: What each of them costs beside its payload.
_FRAME_COST: Final = 64

_AGREED: Final = [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]


class OriginalHandshakeLeg(MessageLeg):
    """One WebSocket.  :meth:`ClientBridge.begin` once."""

    __slots__ = ("_early", "_early_size", "_greeting", "_peer", "_ticket", "_timer", "_upgrade")

    def __init__(self, bridge: Bridge, peer: ServerPeer, assembly: Assembly, upgrade: WsUpgrade) -> None:
        super().__init__(bridge, assembly)
        self._peer = peer
        self.request_id = upgrade.request_id
        self._upgrade = upgrade
        self._early: list[WsFrame] = []
        self._early_size = 0
        self._ticket = 0
        #: What the service has said and the server would drop; None once it would not.
        self._greeting: list[tuple[Callable[..., None], tuple[Any, ...]]] | None = []
        self._timer: IDelayedCall | None = None

    def opening(self, tunnel: OpenTunnelOf) -> tuple[Opening, bool]:
        """Return what our session is to open, and whether nothing follows it.  Raises ProblemError if it cannot be."""
        upgrade = self._upgrade
        headers = for_service(b"GET", upgrade.path, upgrade.headers, tunnel, upgrade=True)
        headers = first_subprotocol(without_extensions(headers))
        return WebSocketRequest(tunnel.number, upgrade.path, headers, VISITOR), False

    def begun(self, tunnel: OpenTunnelOf, end: bool) -> None:
        """Note that the handshake is on its way."""
        patience = tunnel.options.upgrade_timeout or UPGRADE_SECONDS
        self._peer.await_service(self, patience, UPGRADE_TIMEOUT)

    def closing(self, code: int | None) -> WsClose | None:
        return WsClose(self.request_id, code)

    # --- from the server -----------------------------------------------------------------------------------

    def message(self, said: WsFrame) -> None:
        self._settled()
        if self.opened or self.over:
            super().message(said)
            return
        size = len(said.payload) + _FRAME_COST
        self._early_size += size
        self._peer.early += size
        self._early.append(said)
        if self._early_size > EARLY or self._peer.early > ALL_EARLY:
            self.fail(OVERLOADED, "The visitor said too much before the service had agreed to the WebSocket.")

    def server_closed(self, said: WsClose) -> None:
        """Close our side: the visitor has closed, or is gone, and the server does not tell which."""
        self._settled()
        if not self.opened:
            self.told = True
            self.fail(VISITOR_GONE, "the visitor left before the WebSocket was open")
            return
        if not self.over and not self.close_out:
            self.told = True  # no answer is expected
            code = said.code
            self.closed(close_payload(code, said.reason or "") if code is not None and may_be_sent(code) else b"")

    # --- from the stream -----------------------------------------------------------------------------------

    def head_received(self, head: ResponseHead) -> None:
        if head.status < 200 and head.status != 101:
            return
        self._peer.answered(self)
        if head.status != 101:
            self.told = self.over = True
            self.bridge.forget(self)
            self._take_early()
            reason = head.reason.decode("latin-1") or UPGRADE_REFUSED.sentence
            self.bridge.send(WsUpgradeError(self.request_id, head.status, reason))
            self.stream.reset(RESPONSE_COMPLETE, "there is no place for the rest of the answer")
            return
        self.opened = True
        self.bridge.send(WsUpgradeOk(self.request_id, _AGREED))
        self.stream.stall()
        self._ticket = self._peer.when_answered(self._answered)
        for said in self._take_early():
            super().message(said)

    def frame_received(self, first: int, payload: bytes) -> None:
        if self._greeting is None:
            super().frame_received(first, payload)
        else:
            self._greeting.append((super().frame_received, (first, payload)))

    def frame_begun(self, first: int, length: int) -> None:
        if self._greeting is None:
            super().frame_begun(first, length)
        else:
            self._greeting.append((super().frame_begun, (first, length)))

    def frame_continued(self, payload: bytes) -> None:
        if self._greeting is None:
            super().frame_continued(payload)
        else:
            self._greeting.append((super().frame_continued, (payload,)))

    def data_received(self, data: bytes) -> None:
        """Drop the body of a refusal that has been told."""
        if not self.over:
            super().data_received(data)

    def end_received(self, trailers: Headers) -> None:
        if self._greeting is None or not self.opened:
            super().end_received(trailers)
        else:
            self._greeting.append((super().end_received, (trailers,)))

    def reset_received(self, problem: Problem, message: str) -> None:
        self._settled()
        self._take_early()
        super().reset_received(problem, message)

    def tell_end(self, problem: Problem, message: str) -> None:
        self._take_early()
        if self.opened:
            super().tell_end(problem, message)
        elif not self.told:
            self.told = True
            self.refuse(problem, message)

    def described(self) -> bytes:
        return b"WebSocket %b" % self._upgrade.path

    # --- inside --------------------------------------------------------------------------------------------

    def _answered(self) -> None:
        """Wait ``GRACE`` more: the server has read ``ws_upgrade_ok``."""
        if self._greeting is not None:
            self._timer = self._peer.clock.callLater(GRACE, self._settled)

    def _settled(self) -> None:
        """The server has worked through it, or it does not matter any more."""
        cancel(self._timer)
        self._timer = None
        if self._ticket:
            self._peer.no_matter(self._ticket)
        greeting = self._greeting
        if greeting is None or not self.opened:
            return
        self._greeting = None
        for call, arguments in greeting:
            call(*arguments)
        self.stream.flow()

    def _take_early(self) -> list[WsFrame]:
        """Take what has waited for the service."""
        early, self._early = self._early, []
        self._peer.early -= self._early_size
        self._early_size = 0
        return early

    def refuse(self, problem: Problem, detail: str) -> None:
        """Tell the server that the service does not agree."""
        told = problem.answer
        message = f"{told.code}: {public_detail(problem, detail) or told.sentence}"
        self._peer.answer(WsUpgradeError(self.request_id, told.status or 500, message))


def first_subprotocol(headers: Headers) -> Headers:
    """Return the headers with only the first subprotocol that is offered: it is what the visitor has been told."""
    kept: Headers = []
    offered = False
    for name, value in headers:
        if name.lower() != b"sec-websocket-protocol":
            kept.append((name, value))
        elif not offered:
            offered = True
            kept.append((name, value.partition(b",")[0].strip(b" \t")))
    return kept
