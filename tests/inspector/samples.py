"""Exchanges for tests of whoever reads them."""

from typing import Any

from sellia.inspector.exchange import Exchange, new_exchange
from sellia.inspector.model import End
from sellia.inspector.timeline import Deflate, Timeline
from sellia.protocol.messages import Headers
from tests.inspector.decode.deflating import Sender


def request(
    number: int = 1,
    method: bytes = b"GET",
    target: bytes = b"/",
    headers: Headers | None = None,
    body: bytes = b"",
    status: int = 200,
    answer: bytes = b"",
    answer_headers: Headers | None = None,
    seconds: float = 0.5,
    **values: Any,
) -> Exchange:
    """A request that was answered."""
    fields = [(b"Host", b"demo.example.com"), *(headers or [])]
    exchange = new_exchange(
        number, "http", tunnel="demo", method=method, target=target, request_headers=fields, started=1000.0, **values
    )
    if body:
        exchange.request_body.add(body, 1000.1, 1 << 20)
    exchange.sent, exchange.answered = 1000.1, 1000.2
    exchange.status, exchange.reason, exchange.response_headers = status, b"OK", answer_headers or []
    if answer:
        exchange.response_body.add(answer, 1000.3, 1 << 20)
    exchange.ended, exchange.end = 1000.0 + seconds, End("service")
    return exchange


def socket(
    number: int = 1,
    messages: tuple[tuple[bool, str | bytes], ...] = (),
    deflate: Deflate | None = None,
    target: bytes = b"/socket",
    subprotocol: str = "",
    close: int | None = None,
    headers: Headers | None = None,
) -> Exchange:
    """A WebSocket with messages: whether each is the visitor's, and what it says."""
    fields = [
        (b"Host", b"demo.example.com"),
        (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"Sec-WebSocket-Version", b"13"),
        *(headers or []),
    ]
    if subprotocol:
        fields.append((b"Sec-WebSocket-Protocol", subprotocol.encode()))
    exchange = new_exchange(
        number, "websocket", tunnel="demo", method=b"GET", target=target, request_headers=fields, started=1000.0
    )
    exchange.status, exchange.answered, exchange.sent = 101, 1000.2, 1000.1
    exchange.timeline = line = Timeline(limit=1 << 20, message_limit=1 << 18, deflate=deflate, subprotocol=subprotocol)
    if deflate is not None:
        line.contexts = deflate.contexts()
    senders = {way: Sender(line, way) for way in (True, False)}
    for at, (way, told) in enumerate(messages):
        data = told.encode() if isinstance(told, str) else told
        if deflate is not None:
            senders[way].send(data)
        else:
            line.add(1001.0 + at, way, 0x81 if isinstance(told, str) else 0x82, data)
    if close is not None:
        exchange.ended, exchange.end = 1010.0, End("visitor", close)
    return exchange
