"""Rules for trailers: a sender must not put into them what is needed before the content (RFC 9110, section 6.5.1)."""

from typing import Final

from sellia.protocol.messages import Headers

_FRAMING_FIELDS: Final = frozenset((b"content-length", b"transfer-encoding"))

_NOT_IN_TRAILERS: Final = frozenset(
    b"""
    connection forwarded host http2-settings keep-alive proxy-connection te trailer upgrade via x-real-ip sellia-error
    authorization cookie proxy-authenticate proxy-authentication-info proxy-authorization set-cookie www-authenticate
    cache-control expect max-forwards pragma range
    if-match if-modified-since if-none-match if-range if-unmodified-since
    accept-ranges age date expires location retry-after vary warning
    """.split()
)

# But for Content-Digest, which RFC 9530 means to be sent this way.
_NOT_IN_TRAILERS_PREFIXES: Final = (b"content-", b"sec-websocket-", b"x-forwarded")


def trailer_breaks_framing(trailers: Headers) -> bool:
    """Return whether a field says where a message ends; a request with such trailers is refused."""
    return any(name.replace(b"_", b"-").lower() in _FRAMING_FIELDS for name, _ in trailers)


def trailers_to_pass(trailers: Headers) -> Headers:
    """Filter trailers: none passes that frames, routes, authenticates, modifies the request or describes content."""
    return [(name, value) for name, value in trailers if _passes_as_trailer(name.replace(b"_", b"-").lower())]


def _passes_as_trailer(name: bytes) -> bool:
    return (
        name not in _FRAMING_FIELDS
        and name not in _NOT_IN_TRAILERS
        and (not name.startswith(_NOT_IN_TRAILERS_PREFIXES) or name == b"content-digest")
    )
