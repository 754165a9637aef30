"""States of an exchange, as `sellia.server.ingress.exchange` moves them: its request, its response, its framing.

Each goes one way, from the first to the last: a response that is over is not begun again, whatever comes.
"""

from enum import Enum


class RequestBody(Enum):
    """State of a request's body."""

    HELD_BACK = "the visitor sends it only once the service has sent a 100 (RFC 9110, section 10.1.1)"
    COMING = "it is read"
    COMPLETE = "all of the request has been read"


class Response(Enum):
    """State of a response."""

    AWAITED = "its head has not come"
    SENDING = "its head is written"
    OVER = "it is complete, or there is none, or no more of it"


class Framing(Enum):
    """Framing of a response's body towards the visitor (RFC 9112, section 6)."""

    LENGTH = "by its length"
    CHUNKS = "in chunks"
    CLOSE = "by the end of the connection"
