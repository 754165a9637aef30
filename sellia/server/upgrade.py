"""A visitor's WebSocket handshake, until the service has answered it.

The service decides.  Its 101 goes to the visitor when it has come, not before, and with it the connection becomes a
:class:`~sellia.transports.websocket.WebSocketPipe`; any other answer goes to the visitor whole, and the connection
ends behind it, because what the visitor may have sent on in the meantime is not HTTP.

A client may be hostile: a 101 is believed only with the accept value that belongs to the visitor's key (RFC 6455,
4.2.2), and with a subprotocol and extensions that the visitor has offered.
"""

from twisted.logger import Logger

from sellia.protocol.messages import Headers, ResponseHead
from sellia.relay.headers import check_reason, response_to_visitor, validate, values_of
from sellia.relay.text import printable, shown_target
from sellia.server.exchange import HttpExchange, status_line
from sellia.transports.frames import accept_value
from sellia.transports.story import WebSocketStory
from sellia.transports.websocket import WebSocketPipe

_log = Logger()


def unfounded(request: Headers, response: Headers) -> str:
    """What in a 101 does not answer this handshake; empty if all of it does."""
    keys = values_of(request, b"sec-websocket-key")
    if len(keys) != 1 or values_of(response, b"sec-websocket-accept") != [accept_value(keys[0])]:
        return "the service's 101 does not have the Sec-WebSocket-Accept that belongs to the visitor's key"
    chosen = values_of(response, b"sec-websocket-protocol")
    if len(chosen) > 1 or (chosen and chosen[0] not in values_of(request, b"sec-websocket-protocol")):
        return "the service chose a subprotocol that the visitor did not offer"
    offered = {offer.split(b";")[0].strip() for offer in values_of(request, b"sec-websocket-extensions")}
    agreed = [each.split(b";")[0].strip() for each in values_of(response, b"sec-websocket-extensions")]
    if len(agreed) > 1 or (agreed and (agreed[0] not in offered or not agreed[0].startswith(b"permessage-"))):
        return "the service agreed to an extension that the visitor did not offer"
    return ""


class UpgradeExchange(HttpExchange):
    """A handshake on its way.  ``offer`` is what the service was sent, ``tunnel`` the name for the log."""

    __slots__ = ("offer", "tunnel", "visitor")

    offer: Headers
    tunnel: str
    visitor: str

    def head_received(self, head: ResponseHead) -> None:
        if head.status != 101 or self.head_sent:
            if head.status >= 200:
                self.keep_alive = False
                self._tell_refusal(head.status)
            super().head_received(head)
            return
        try:
            check_reason(head.reason)
            validate(head.headers)
            fault = "a 101 has no body" if head.body else unfounded(self.offer, head.headers)
        except ValueError as error:
            fault = str(error)
        if fault:
            self._refuse_response(fault)
            return
        self._open(head)

    def timed_out(self, word: str) -> None:
        super().timed_out("upgrade-timeout")

    def _tell_refusal(self, status: int) -> None:
        """The service did not answer 101: the log tells it."""
        _log.info(
            "websocket refused: id={id} tunnel={tunnel} path={path} visitor={visitor} status={status}",
            id=self.stream.id if self.stream is not None else 0,
            tunnel=self.tunnel,
            path=shown_target(self.request.target),
            visitor=printable(self.visitor),
            status=status,
        )

    def _open(self, head: ResponseHead) -> None:
        stream, connection = self.stream, self.connection
        assert stream is not None
        self.over = self.head_sent = True
        headers = response_to_visitor(head.headers, 101)
        parts = [status_line(head), b"Upgrade: websocket\r\nConnection: Upgrade\r\n"]
        parts += [b"%b: %b\r\n" % pair for pair in headers if pair[0].lower() not in (b"upgrade", b"connection")]
        parts.append(b"\r\n")
        connection.write(b"".join(parts))
        ingress = connection.ingress
        pipe = WebSocketPipe(
            ingress.pipes,
            connection.let_go(),
            stream,
            compressed=bool(values_of(headers, b"sec-websocket-extensions")),
            clock=ingress.clock,
            story=WebSocketStory(
                stream.id,
                self.tunnel,
                self.request.target,
                self.visitor,
                at_visitor=True,
                clock=ingress.clock,
                subprotocol=b",".join(values_of(headers, b"sec-websocket-protocol")).decode("latin-1"),
                untold=ingress.guard.websocket_violated,
            ),
            limits=ingress.guard.frames,
        )
        connection.become(pipe)
