"""Judgement of a service's 101 (RFC 6455, section 4.1): one rule for both ends of a link.

The client asks it first, so that its user and log read why an answer was not believed; the server asks it again,
because a client may be hostile.  Of two rules one would sooner or later accept what the other refuses.
"""

from base64 import b64encode
from hashlib import sha1
from typing import Final, NamedTuple

from sellia.protocol.messages import Headers
from sellia.relay.http.headers import values_of

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#: Prefix of the names of extensions that pass through the relay: they mark whole messages with RSV1, and change nothing
#: about the framing.
_CARRIED: Final = b"permessage-"


class Agreement(NamedTuple):
    """Terms of an open WebSocket: the subprotocol, if one was chosen, and whether an extension uses RSV1."""

    subprotocol: bytes | None
    compressed: bool


def accept_value(key: bytes) -> bytes:
    """Compute the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key (RFC 6455, section 4.2.2)."""
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def agreement(offer: Headers, answer: Headers) -> Agreement:
    """Return the terms to which a 101 with the fields ``answer`` agrees, for a handshake with the fields ``offer``.

    Raises ValueError where it is no answer to that handshake; the message is a predicate whose subject is the service.
    Names of subprotocols are compared byte for byte, those of extensions in any case.  ``Upgrade`` and ``Connection``
    are hop-by-hop, so whoever reads them from a socket checks them.
    """
    keys = values_of(offer, b"sec-websocket-key")
    if len(keys) != 1 or values_of(answer, b"sec-websocket-accept") != [accept_value(keys[0])]:
        raise ValueError("accepted a WebSocket without proof that it had read the handshake (Sec-WebSocket-Accept)")
    chosen = values_of(answer, b"sec-websocket-protocol")
    if len(chosen) > 1 or (chosen and chosen[0] not in values_of(offer, b"sec-websocket-protocol")):
        raise ValueError("chose a WebSocket subprotocol that was not offered")
    agreed = _extensions(answer)
    if len(agreed) > 1:
        raise ValueError("agreed to more than one WebSocket extension, which RFC 7692 does not allow")
    if agreed and (agreed[0] not in _extensions(offer) or not agreed[0].startswith(_CARRIED)):
        raise ValueError("agreed to a WebSocket extension that was not offered")
    return Agreement(chosen[0] if chosen else None, bool(agreed))


def _extensions(headers: Headers) -> list[bytes]:
    """Return the names of the extensions in a list, in small letters, without their parameters."""
    elements = values_of(headers, b"sec-websocket-extensions")
    return [element.partition(b";")[0].strip(b" \t").lower() for element in elements]
