"""Leg of a visitor's WebSocket to which an original client agrees.

The client says little: that the service has agreed, or that it has not.  What a handshake proves is between the client
and the service, with a key of the client's own; so the proof that the visitor waits for is made here, and only when the
service has agreed.  Which subprotocol it chose is not said, unless a newer client does: it counts as the first that
the visitor offered, as with the original's own server.  Other fields of its answer pass.  No extension is offered,
because none could be carried.
"""

from http import HTTPStatus
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import BAD_SERVICE_RESPONSE, SERVICE_DIED, UPGRADE_REFUSED
from sellia.protocol.limits import HEAD_LIMIT, HEADER_COUNT_LIMIT
from sellia.protocol.messages import Headers, ResponseHead, WebSocketRequest
from sellia.protocol.original.messages import WsClose, WsUpgrade, WsUpgradeError
from sellia.relay.http.headers import values_of, without_extensions
from sellia.relay.http.websocket_handshake import accept_value
from sellia.relay.mux.stream import Stream
from sellia.transports.original.bridge import Bridge
from sellia.transports.original.websocket import Assembly, MessageLeg, may_be_sent
from sellia.transports.websocket.frames import close_payload, problem_close

_UPGRADE: Final[Headers] = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")]

#: What a client says when its service ended the connection without a close frame, and when that had no code.
_ABNORMAL: Final = 1006
_NO_CODE: Final = 1005

_DIED: Final = "the service ended the connection without a close frame"


class OriginalUpgradeLeg(MessageLeg):
    """A handshake, and the WebSocket that comes of it."""

    __slots__ = ("_key", "_offered", "_path")

    def __init__(
        self, bridge: Bridge, assembly: Assembly, stream: Stream, opening: WebSocketRequest, tunnel_id: str
    ) -> None:
        super().__init__(bridge, assembly)
        self.stream = stream
        self._path = opening.target
        self._key = next((value for name, value in opening.headers if name.lower() == b"sec-websocket-key"), b"")
        self._offered = values_of(opening.headers, b"sec-websocket-protocol")
        self.request_id = bridge.register(self)
        headers = without_extensions(opening.headers) + _UPGRADE
        bridge.send(WsUpgrade(self.request_id, tunnel_id, opening.target, headers))

    def described(self) -> bytes:
        return b"WebSocket %b" % self._path

    def closing(self, code: int | None) -> WsClose:
        return WsClose(self.request_id)  # the original sends neither code nor reason this way

    # --- from the client -----------------------------------------------------------------------------------

    def agreed(self, headers: Headers) -> None:
        """Open the WebSocket: the service has agreed.  A second time has no effect."""
        if self.opened or self.over:
            return
        chosen = values_of(headers, b"sec-websocket-protocol")[:1] or self._offered[:1]
        answer = [*_UPGRADE, (b"Sec-WebSocket-Accept", accept_value(self._key))]
        answer += [(b"Sec-WebSocket-Protocol", each) for each in chosen]
        answer += [pair for pair in headers if not _of_handshake(pair[0].lower())]
        if len(answer) > HEADER_COUNT_LIMIT:
            self.fail(BAD_SERVICE_RESPONSE, f"The answer has more than {HEADER_COUNT_LIMIT} header fields.")
            return
        try:
            self.stream.send_head(ResponseHead(101, b"Switching Protocols", answer))
        except ProblemError:
            self.fail(BAD_SERVICE_RESPONSE, f"The answer has a header section of more than {HEAD_LIMIT} bytes.")
            return
        self.opened = True

    def refused(self, said: WsUpgradeError) -> None:
        """Refuse the handshake, as the service did.  A 502 is the client's own answer, whatever the service said."""
        status, message = said.status_code, said.message
        if self.opened or self.over:
            return
        self.told = True
        if status == HTTPStatus.BAD_GATEWAY:
            self.fail(UPGRADE_REFUSED, message)
        elif not 200 <= status <= 999:
            self.fail(BAD_SERVICE_RESPONSE, f"The client passed on the status {status}.")
        else:
            body = message.encode() + b"\n"
            headers = [(b"Content-Type", b"text/plain; charset=utf-8"), (b"Content-Length", b"%d" % len(body))]
            reason = HTTPStatus(status).phrase.encode() if status in HTTPStatus._value2member_map_ else b""
            self.over = True
            self.bridge.forget(self)
            self.stream.send_head(ResponseHead(status, reason, headers))
            self.stream.send_data(body, True)

    def peer_closed(self, said: WsClose) -> None:
        """Close the WebSocket: the service has closed, or is gone."""
        code = said.code
        if not self.opened:
            self.told = True
            self.fail(UPGRADE_REFUSED, "The client closed it before it was open.")
        elif code is None or code == _NO_CODE:
            self.closed(b"")
        elif may_be_sent(code):
            self.closed(close_payload(code))
        else:
            self.closed(problem_close(SERVICE_DIED, _DIED if code == _ABNORMAL else f"it ended with the code {code}"))


def _of_handshake(name: bytes) -> bool:
    """Whether a field of that (lower-case) name belongs to the handshake between client and service."""
    return name in (b"upgrade", b"connection") or name.startswith(b"sec-websocket-")
