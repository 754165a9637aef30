"""The little of RFC 6455 that a recording service needs, said without any library."""

from __future__ import annotations

import base64
import hashlib

from tests.e2e.recorder import ServiceLeg

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_upgrade(exchange: ServiceLeg, *lines: str) -> None:
    """Answer an upgrade with 101, no extensions and, besides ``lines``, nothing (RFC 6455 section 4.2.2)."""
    key = exchange.header("Sec-WebSocket-Key") or ""
    accept = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
    head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    head += [f"Sec-WebSocket-Accept: {accept}", *lines, "", ""]
    exchange.send("\r\n".join(head).encode())
