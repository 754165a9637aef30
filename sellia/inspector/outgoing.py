"""A request as it is taken along: without what belonged to its connection or was added on its way, and redacted."""

from typing import Final, NamedTuple
from urllib.parse import urlsplit

from sellia.inspector.exchange import Exchange
from sellia.inspector.redaction import redacted_headers, redacted_target
from sellia.inspector.shapes import host_of
from sellia.protocol.messages import Headers

#: Fields that whoever sends a request makes itself, in lower case.
_CONNECTION: Final = frozenset(
    (b"host", b"content-length", b"connection", b"transfer-encoding", b"keep-alive", b"te", b"trailer", b"upgrade")
    + (b"proxy-connection", b"expect", b"http2-settings", b"accept-encoding")
)
_HANDSHAKE: Final = frozenset(
    (b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions", b"sec-websocket-accept")
)


class Outgoing(NamedTuple):
    """A request that somebody else is to send."""

    method: str
    url: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    compressed: bool  #: whether compressed answers are welcome
    websocket: bool
    subprotocols: list[str]
    missing: int  #: bytes of the body that were not kept

    @property
    def has_type(self) -> bool:
        """Whether it has a Content-Type."""
        return any(name.lower() == b"content-type" for name, _ in self.headers)


def outgoing(exchange: Exchange, base: str = "", redact: bool = True) -> Outgoing:
    """Return the request of an exchange; ``base`` is where to (``https://host``), its own host where it is empty."""
    websocket = exchange.kind == "websocket"
    host = host_of(exchange) or "localhost"
    root = base.rstrip("/") or f"https://{host}"
    if websocket:
        root = root.replace("https://", "wss://", 1).replace("http://", "ws://", 1)
    target = redacted_target(exchange.target) if redact else exchange.target
    parts = urlsplit(target.decode("latin-1")) if b"://" in target[:16] else None
    if parts is not None:
        target = (parts.path + (f"?{parts.query}" if parts.query else "")).encode("latin-1") or b"/"
    left = (*_CONNECTION, *_HANDSHAKE, b"sec-websocket-protocol") if websocket else _CONNECTION
    named = exchange.request_headers
    kept = [
        (name, value)
        for name, value in named
        if name.lower() not in left and not name.lower().startswith(b"x-forwarded-") and name.lower() != b"forwarded"
    ]
    offered = b",".join(value for name, value in named if name.lower() == b"sec-websocket-protocol")
    return Outgoing(
        exchange.method.decode("latin-1") or "GET",
        root + escaped(target),
        redacted_headers(kept) if redact else kept,
        b"" if websocket else bytes(exchange.request_body.data),
        any(name.lower() == b"accept-encoding" for name, _ in named),
        websocket,
        [each.strip().decode("latin-1") for each in offered.split(b",") if each.strip()] if websocket else [],
        exchange.request_body.length - len(exchange.request_body.data),
    )


def escaped(target: bytes) -> str:
    """Return a target as a URL has it: what is no printable ASCII is escaped, and nothing else is touched."""
    return "".join(chr(each) if 33 <= each < 127 and each not in b'"<>\\^`{|}' else f"%{each:02X}" for each in target)


def text_headers(headers: Headers) -> list[tuple[str, str]]:
    """Return fields as texts of single bytes, as HTTP libraries take them."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
