"""Parameters of permessage-deflate, as a 101 agrees to them (RFC 7692, 7.1)."""

from sellia.inspector.timeline import Deflate
from sellia.protocol.messages import Headers
from sellia.relay.http.headers import values_of


def deflate_of(headers: Headers) -> Deflate | None:
    """Return how messages are compressed on a WebSocket whose 101 has these fields; None where they are not.

    A parameter that makes no sense counts as the default: the ends have agreed to it, and the data shows what it is.
    """
    for value in values_of(headers, b"sec-websocket-extensions"):
        for extension in value.split(b","):
            name, *parameters = (part.strip() for part in extension.split(b";"))
            if name.lower() == b"permessage-deflate":
                return _agreed(parameters)
    return None


def _agreed(parameters: list[bytes]) -> Deflate:
    found = {}
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        found[name.strip().lower()] = value.strip(b' "')
    return Deflate(
        _bits(found.get(b"client_max_window_bits")),
        _bits(found.get(b"server_max_window_bits")),
        b"client_no_context_takeover" not in found,
        b"server_no_context_takeover" not in found,
    )


def _bits(value: bytes | None) -> int:
    """Return the size of a window, as the power of two that it is."""
    if value is None or not value.isdigit() or len(value) > 2 or not 8 <= int(value) <= 15:
        return 15
    return int(value)
