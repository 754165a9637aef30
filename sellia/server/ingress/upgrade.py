"""Upgrade leg of the server: a visitor's WebSocket handshake, until the service has answered it.

The service decides.  Its 101 goes to the visitor when it has come, not before, and with it the connection becomes a
:class:`~sellia.transports.websocket.pipe.WebSocketLeg`; any other answer goes to the visitor whole, and the connection
ends behind it, because what the visitor may have sent on in the meantime is not HTTP.

A client may be hostile: a 101 is believed only with the accept value that belongs to the visitor's key (RFC 6455,
4.2.2), and with a subprotocol and extensions that the visitor has offered.
"""

from twisted.logger import Logger

from sellia.problems import INTERNAL, UPGRADE_TIMEOUT, Problem
from sellia.protocol.messages import Headers, ResponseHead
from sellia.relay.http.websocket_handshake import Agreement, agreement
from sellia.relay.mux.observer import EndedBy
from sellia.server.ingress.ends import proxied_by, tell_refused_handshake
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.ingress.pooled import answered
from sellia.server.ingress.response_lines import check_switching, switching_head
from sellia.server.ingress.states import Response
from sellia.server.limiter import Limiter
from sellia.text import field, shown_target
from sellia.transports.reactor.lines import line
from sellia.transports.websocket.pipe import WebSocketLeg
from sellia.transports.websocket.record import WebSocketRecord

_log = Logger()


def tell_websocket_refused(
    guard: Limiter, number: int, tunnel: str, target: bytes, visitor: str, problem: Problem
) -> None:
    """Log, at a limited rate, that Sellia has refused a WebSocket."""
    suppressed = guard.rate_limited_log("websocket refused")
    if suppressed is not None:
        _log.info(
            "websocket refused: id={id} tunnel={tunnel} path={path} visitor={visitor} status={status} word={word} "
            "suppressed={suppressed}",
            id=number,
            tunnel=field(tunnel),
            path=field(shown_target(target)),
            visitor=field(visitor),
            status=problem.status or INTERNAL.status,
            word=field(problem.code),
            suppressed=suppressed,
        )


class VisitorUpgradeLeg(VisitorHttpLeg):
    """Leg of a handshake.  ``offer`` is what the service was sent, ``tunnel`` the name for the log."""

    __slots__ = ("offer", "tunnel", "visitor")

    offer: Headers
    tunnel: str
    visitor: str

    def head_received(self, head: ResponseHead) -> None:
        if head.status != 101 or self.response is not Response.AWAITED:
            if head.status >= 200:
                self.keep_alive = False
                self._tell_refusal(head.status)
            super().head_received(head)
            return
        try:
            check_switching(head)
        except ValueError as error:
            self._refuse_response(str(error))
            return
        try:
            agreed = agreement(self.offer, head.headers)
        except ValueError as error:
            self._refuse_response(f"the service {error}")
            return
        self._open(head, agreed)

    def fail(self, problem: Problem, message: str, by: EndedBy = "sellia") -> None:
        if self.response is Response.AWAITED:
            number = self.stream.id if self.stream is not None else 0
            guard, target = self.connection.ingress.guard, self.request.target
            tell_websocket_refused(guard, number, self.tunnel, target, self.visitor, problem.answer)
        super().fail(problem, message, by)

    def timed_out(self, problem: Problem) -> None:
        super().timed_out(UPGRADE_TIMEOUT)

    def _tell_refusal(self, status: int) -> None:
        """Log, at a limited rate, that the service did not answer 101."""
        tell_refused_handshake(self, status)
        end = line(self.connection.ingress.clock, "websocket refused")
        if end is None:
            return
        _log.info(
            "websocket refused: id={id} tunnel={tunnel} path={path} visitor={visitor} status={status}{end}",
            id=self.stream.id if self.stream is not None else 0,
            tunnel=field(self.tunnel),
            path=field(shown_target(self.request.target)),
            visitor=field(self.visitor),
            status=status,
            end=end,
        )

    def _open(self, head: ResponseHead, agreed: Agreement) -> None:
        stream, connection = self.stream, self.connection
        assert stream is not None
        self.response = Response.OVER
        if self.observer is not None:
            self.observer.response(stream.id, head)
        if self.placement is not None:
            head = answered(self, head)
        connection.write(switching_head(head, b"websocket"))
        ingress = connection.ingress
        pipe = WebSocketLeg(
            ingress.pipes,
            connection.let_go(),
            stream,
            compressed=agreed.compressed,
            clock=ingress.clock,
            record=WebSocketRecord(
                stream.id,
                self.tunnel,
                self.request.target,
                self.visitor,
                at_visitor=True,
                clock=ingress.clock,
                subprotocol=(agreed.subprotocol or b"").decode("latin-1"),
                suppressed=ingress.guard.websocket_violated,
                id=stream.cause_id,
                proxied=proxied_by(connection, self.request),
            ),
            limits=ingress.guard.frames,
            judge=True,
            observer=self.observer,
        )
        pipe.answers_pings = ingress.settings.while_away_pings and self.options.while_away_pings
        connection.become(pipe)
