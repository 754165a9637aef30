"""Rules for header fields by their names, found with one look into a table that is keyed by the name as spelled.

The table starts with the usual spellings and learns others up to a bound; past it, a rule is worked out each time.
"""

from collections.abc import Callable
from typing import Final

LEARNED_NAMES_LIMIT: Final = 1024
"""Spellings of header names that the table of rules learns at most, on top of the usual ones."""

LEARNED_NAME_LENGTH: Final = 64
"""A longer name is never learned, which bounds the table at some 100 KiB."""

NO_NAME: Final = -1  # not a token, so no name of a field; never passed on
PASS: Final = 0
HOP: Final = 1
CONNECTION: Final = 2
TE: Final = 3
UPGRADE: Final = 4
EXTENSIONS: Final = 5
FORWARDED: Final = 6  # says where a request comes from; ours to write
REAL_IP: Final = 7
STANDARD: Final = 8
SHADOW: Final = 9  # an underscore where a forwarded or framing header has a hyphen
SELLIA: Final = 10

FIRST_FORWARDED: Final = FORWARDED

_BY_NAME: Final = {
    b"keep-alive": HOP,
    b"proxy-connection": HOP,
    b"proxy-authenticate": HOP,
    b"proxy-authorization": HOP,
    b"transfer-encoding": HOP,
    b"http2-settings": HOP,
    b"connection": CONNECTION,
    b"te": TE,
    b"upgrade": UPGRADE,
    b"sec-websocket-extensions": EXTENSIONS,
    b"forwarded": STANDARD,
    b"x-real-ip": REAL_IP,
    b"sellia-error": SELLIA,
}

_USUAL_NAMES: Final = b"""
    Accept Accept-Encoding Accept-Language Accept-Ranges Access-Control-Allow-Origin Age Authorization Cache-Control
    Content-Encoding Content-Length Content-Type Content-Security-Policy Cookie Date ETag Expires Host If-Modified-Since
    If-None-Match Last-Modified Location Origin Pragma Priority Range Referer Sec-CH-UA Sec-CH-UA-Mobile
    Sec-CH-UA-Platform Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User Sec-WebSocket-Accept
    Sec-WebSocket-Key Sec-WebSocket-Protocol Sec-WebSocket-Version Server Set-Cookie Strict-Transport-Security
    Upgrade-Insecure-Requests User-Agent Vary Via X-Content-Type-Options X-Frame-Options X-Powered-By X-Requested-With
    Connection Forwarded Keep-Alive Proxy-Connection Sec-WebSocket-Extensions TE Transfer-Encoding Upgrade
    X-Forwarded-For X-Forwarded-Host X-Forwarded-Port X-Forwarded-Proto X-Real-IP
""".split()


_TOKEN_OCTETS: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def is_token(name: bytes) -> bool:
    """Return whether ``name`` is a token (RFC 9110, section 5.6.2), as names of headers and methods are."""
    return bool(name) and not name.translate(None, _TOKEN_OCTETS)


def rule_of(name: bytes) -> int:
    """Return the rule of a field with this name."""
    if not is_token(name):
        return NO_NAME
    folded = name.lower()
    rule = _BY_NAME.get(folded)
    if rule is not None:
        return rule
    hyphened = folded.replace(b"_", b"-")
    if hyphened.startswith((b"x-forwarded", b"x-real-ip")):
        return FORWARDED if hyphened == folded else SHADOW
    # CGI, WSGI and their kin read `content_length` as `content-length`.
    if hyphened != folded and hyphened in (b"content-length", b"transfer-encoding"):
        return SHADOW
    return PASS


class NameTable(dict[bytes, int]):
    """Cache of `rule` by name as spelled, filled as names come, with ``room`` for so many more."""

    def __init__(self, rule: Callable[[bytes], int], room: int = LEARNED_NAMES_LIMIT) -> None:
        super().__init__((spelling, rule(name)) for name in _USUAL_NAMES for spelling in (name, name.lower()))
        self.rule = rule
        self.room = room

    def __missing__(self, name: bytes) -> int:
        rule = self.rule(name)
        if self.room and len(name) <= LEARNED_NAME_LENGTH:
            self.room -= 1
            self[name] = rule
        return rule


#: Rules by name as spelled.
RULES: Final = NameTable(rule_of)
