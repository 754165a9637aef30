"""The rules for headers: what goes on to the other side, what stays here, what is refused.

A header section is a list of name and value as they stood on the wire, in order and in their own case.  Every
request passes through here once on its way in and every answer once on its way out, and nothing else rewrites a head.

The invariants:

* What is hop-by-hop (RFC 9110, section 7.6.1) ends here, in both directions, with everything that ``Connection``
  names.  Framing and upgrades belong to the connection, so the leg that makes the next one writes its own
  ``Connection``, ``Upgrade`` and ``Transfer-Encoding``.
* What a request says about where it comes from is removed before ours is added, so naming ``X-Forwarded-For`` in
  ``Connection`` gains nothing.  A trusted peer's word is in ours (`sellia.relay.http.forwarded`).
* All else stays: order, case, repetition, bytes.

Speed matters here, so a name's rule is found with one look into a table that is keyed by the name as spelled.  The
table starts with the usual spellings and learns others up to a bound; past it, a rule is worked out each time.

Not chosen: a class that models a header section.  Making one costs more than all the rules together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from sellia.protocol.messages import Headers
from sellia.relay.http.forwarded import UNIX, Origin, standard_field

LEARNED_NAMES_LIMIT: Final = 1024
"""Spellings of header names that the table of rules learns at most, on top of the usual ones."""

LEARNED_NAME_LENGTH: Final = 64
"""A longer name is never learned, which bounds the table at some 100 KiB."""

_NO_NAME: Final = -1  # not a token, so no name of a header; never passed on
_PASS: Final = 0
_HOP: Final = 1
_CONNECTION: Final = 2
_TE: Final = 3
_UPGRADE: Final = 4
_EXTENSIONS: Final = 5
_FORWARDED: Final = 6  # says where a request comes from; ours to write
_REAL_IP: Final = 7
_STANDARD: Final = 8
_SHADOW: Final = 9  # an underscore where a forwarded or framing header has a hyphen
_SELLIA: Final = 10

_FIRST_FORWARDED: Final = _FORWARDED

_RULES: Final = {
    b"keep-alive": _HOP,
    b"proxy-connection": _HOP,
    b"proxy-authenticate": _HOP,
    b"proxy-authorization": _HOP,
    b"transfer-encoding": _HOP,
    b"http2-settings": _HOP,
    b"connection": _CONNECTION,
    b"te": _TE,
    b"upgrade": _UPGRADE,
    b"sec-websocket-extensions": _EXTENSIONS,
    b"forwarded": _STANDARD,
    b"x-real-ip": _REAL_IP,
    b"sellia-error": _SELLIA,
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
    """Whether this is a token (RFC 9110, section 5.6.2), as names of headers and methods are."""
    return bool(name) and not name.translate(None, _TOKEN_OCTETS)


def _rule(name: bytes) -> int:
    if not is_token(name):
        return _NO_NAME
    folded = name.lower()
    rule = _RULES.get(folded)
    if rule is not None:
        return rule
    hyphened = folded.replace(b"_", b"-")
    if hyphened.startswith((b"x-forwarded", b"x-real-ip")):
        return _FORWARDED if hyphened == folded else _SHADOW
    # CGI, WSGI and their kin read `content_length` as `content-length`.
    if hyphened != folded and hyphened in (b"content-length", b"transfer-encoding"):
        return _SHADOW
    return _PASS


class NameTable(dict[bytes, int]):
    """What `rule` says of names as spelled, filled as names come, never beyond `room` of them."""

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


_rules: Final = NameTable(_rule)

_PLAIN_CONNECTION: Final = frozenset(
    (b"keep-alive", b"close", b"upgrade", b"Keep-Alive", b"Close", b"Upgrade", b"keep-alive, Upgrade")
)
"""The usual values of ``Connection``, none of which names a header that another rule does not remove anyway."""

_NEVER_NAMED: Final = frozenset((b"host", b"content-length", b"te", b"forwarded", b"x-real-ip", b"sellia-error"))
"""What ``Connection`` cannot remove: it would change where the message goes, where it ends or who sent it."""


def _names_in(connection: Iterable[bytes]) -> frozenset[bytes]:
    """The headers that these values of ``Connection`` name, lower-cased, without those it cannot remove."""
    named = (name.strip(b" \t").lower() for value in connection for name in value.split(b","))
    return frozenset(
        name for name in named if name not in _NEVER_NAMED and not name.startswith((b"x-forwarded", b"sec-websocket-"))
    )


#: What must not stand in a response that cannot have a body.
_WITHOUT_BODY: Final = frozenset((b"content-length", b"trailer"))


def _without(headers: Headers, names: frozenset[bytes]) -> Headers:
    return [pair for pair in headers if pair[0].lower() not in names]


def request_to_service(
    headers: Headers, origin: Origin | None, *, upgrade: bool = False, believed: frozenset[bytes] = frozenset()
) -> Headers:
    """A visitor's header section as its service is to see it.

    `origin` becomes ``X-Forwarded-For``, ``-Proto``, ``-Host`` and ``-Port``; with None there are none of these.  Where
    a trusted peer has sent ``X-Real-IP`` and ``Forwarded``, they say the same; of its other ``X-Forwarded-*`` those
    pass whose lower-case names are `believed`.

    With `upgrade` the request is a WebSocket handshake, and only the extensions that the relay can carry are offered
    on: those named ``permessage-*`` work on whole messages with the RSV bits that pass through, while any other might
    give a meaning to the framing itself.

    ``TE`` goes on as far as it says ``trailers``, as they pass through the relay.
    """
    kept: Headers = []
    keep = kept.append
    connection: list[bytes] = []
    trusted = origin is not None and origin.trusted
    real_ip = standard = False
    rules = _rules
    for pair in headers:
        rule = rules[pair[0]]
        if rule == 0:
            keep(pair)
        elif rule >= _FIRST_FORWARDED:
            if rule == _SELLIA:
                keep(pair)
            elif trusted:
                if rule == _REAL_IP:
                    real_ip = True
                elif rule == _STANDARD:
                    standard = True
                elif rule == _FORWARDED and pair[0].lower() in believed:
                    keep(pair)
        elif rule == _CONNECTION:
            if pair[1] not in _PLAIN_CONNECTION:
                connection.append(pair[1])
        elif rule == _EXTENSIONS:
            offers = carried_extensions(pair[1]) if upgrade else pair[1]
            if offers:
                keep((pair[0], offers))
        elif rule == _TE and _wants_trailers(pair[1]):
            keep((pair[0], b"trailers"))

    if origin is not None:
        hops, scheme, host, port, address, _ = origin
        kept += (
            (b"X-Forwarded-For", hops),
            (b"X-Forwarded-Proto", scheme),
            (b"X-Forwarded-Host", host),
            (b"X-Forwarded-Port", port),
        )
        if real_ip and address != UNIX:
            keep((b"X-Real-IP", address.encode("ascii", "replace")))
        if standard:
            keep((b"Forwarded", standard_field(origin)))
    if connection:
        # What was added above is among the names that Connection cannot remove.
        names = _names_in(connection)
        return _without(kept, names) if names else kept
    return kept


def response_to_visitor(headers: Headers, status: int = 200) -> Headers:
    """A service's header section as the visitor is to see it.

    ``Sellia-Error`` is ours alone, so a service's is dropped.  A 426 keeps its ``Upgrade``, as RFC 9110 (section
    15.5.22) demands one; every ``Sec-WebSocket-*`` stays, for a 101 as for a refusal.

    An interim response and a 204 have no body, so nothing that speaks of one stays in them (RFC 9110, section 8.6):
    a proxy that reads them otherwise would take the next response for the body of this one.
    """
    kept: Headers = []
    keep = kept.append
    connection: list[bytes] = []
    rules = _rules
    for pair in headers:
        rule = rules[pair[0]]
        if rule == 0 or rule == _EXTENSIONS or _FIRST_FORWARDED <= rule < _SELLIA:
            keep(pair)
        elif rule == _CONNECTION:
            if pair[1] not in _PLAIN_CONNECTION:
                connection.append(pair[1])
        elif rule == _UPGRADE and status == 426:
            keep(pair)
    if connection:
        names = _names_in(connection)
        if status == 426:
            names -= {b"upgrade"}
        if names:
            kept = _without(kept, names)
    if status < 200 or status == 204:
        return _without(kept, _WITHOUT_BODY)
    return kept


def strip_authorization(headers: Headers) -> Headers:
    """The section without ``Authorization``, for a tunnel that has checked it itself."""
    return [pair for pair in headers if len(pair[0]) != 13 or pair[0].lower() != b"authorization"]


def without_extensions(headers: Headers) -> Headers:
    """The section without ``Sec-WebSocket-Extensions``, for a dialect that cannot carry any."""
    return [pair for pair in headers if _rules[pair[0]] != _EXTENSIONS]


def values_of(headers: Headers, name: bytes) -> list[bytes]:
    """The elements of the lists in all fields of that (lower-case) name (RFC 9110, section 5.6.1).

    A comma in quotes makes two of one; no field that is looked at here has quotes with a meaning.
    """
    return [
        part
        for each, value in headers
        if each.lower() == name
        for part in (piece.strip(b" \t") for piece in value.split(b","))
        if part
    ]


# A quoted string ends at its quote or at the end of the value; so no branch fails late, and the time stays linear.
_OFFER: Final = re.compile(rb'(?:[^,"]|"(?:[^"\\]|\\.?)*"?)+', re.DOTALL)


def carried_extensions(offers: bytes) -> bytes:
    """Those of the offered (or agreed) WebSocket extensions that the relay can carry; often all, byte for byte."""
    all_offers = [offer.strip(b" \t") for offer in (_OFFER.findall(offers) if b'"' in offers else offers.split(b","))]
    carried = [offer for offer in all_offers if offer[:11].lower() == b"permessage-"]
    return offers if len(carried) == len(all_offers) else b", ".join(carried)


def _wants_trailers(te: bytes) -> bool:
    return any(coding.strip(b" \t").lower() == b"trailers" for coding in te.split(b","))


# Trailers.  RFC 9110, section 6.5.1: a sender must not put in a trailer what is needed before the content.

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
    """Whether the section holds a field that says where a message ends; a request with one is to be refused."""
    return any(name.replace(b"_", b"-").lower() in _FRAMING_FIELDS for name, _ in trailers)


def trailers_to_pass(trailers: Headers) -> Headers:
    """The trailers that go on: none that frames, routes, authenticates, modifies the request or describes content."""
    return [(name, value) for name, value in trailers if _passes_as_trailer(name.replace(b"_", b"-").lower())]


def _passes_as_trailer(name: bytes) -> bool:
    return (
        name not in _FRAMING_FIELDS
        and name not in _NOT_IN_TRAILERS
        and (not name.startswith(_NOT_IN_TRAILERS_PREFIXES) or name == b"content-digest")
    )


# Well-formedness.  The parser of whoever received a head has checked it once; the other end of the link checks it
# again, because a peer may be broken or hostile, and a line break in a value would split a message in two.

_CONTROLS: Final = bytes(octet for octet in (*range(0x20), 0x7F) if octet != 0x09)
_NOT_IN_TARGET: Final = bytes((*range(0x21), 0x7F))


def validate(headers: Headers) -> None:
    """Raise ValueError unless every name is a token and every value is free of control characters.

    That is RFC 9110, sections 5.1 and 5.5, strictly: of the control characters only HTAB may stand in a value.  Octets
    above 0x7f may, but not NEL (U+0085), which some parsers take for the end of a line.
    """
    rules = _rules
    for name, _ in headers:
        if rules[name] < 0:
            raise ValueError("a header name is not a token")
    check_values([value for _, value in headers])


def validate_response(headers: Headers) -> None:
    """Raise ValueError unless every name is a token and every value is free of control characters.

    NEL may stand in a response's value, in which old encodings have names of files: no browser ends a line at it.
    """
    rules = _rules
    for name, _ in headers:
        if rules[name] < 0:
            raise ValueError("a header name is not a token")
    joined = b" ".join([value for _, value in headers])
    if len(joined.translate(None, _CONTROLS)) != len(joined):
        raise ValueError("a header value has a control character in it")


def check_values(values: list[bytes]) -> None:
    """Raise ValueError unless every value is free of control characters."""
    joined = b" ".join(values)
    if len(joined.translate(None, _CONTROLS)) != len(joined):
        raise ValueError("a header value has a control character in it")
    if not joined.isascii() and any(map(_has_nel, values)):
        raise ValueError("a header value has a control character in it")


def _has_nel(value: bytes) -> bool:
    """Whether U+0085 is in the value, read as UTF-8 if it can be and as Latin-1 if not."""
    try:
        return "\x85" in value.decode()
    except UnicodeDecodeError:
        return b"\x85" in value


def check_status(status: int) -> int:
    """The status, or ValueError unless it has three digits (RFC 9110, section 15)."""
    if type(status) is not int or not 100 <= status <= 999:
        raise ValueError("a status is not a number of three digits")
    return status


_USUAL_REASONS: Final = frozenset((b"OK", b"", b"Not Found", b"Not Modified", b"No Content", b"Found", b"Created"))


def check_reason(reason: bytes) -> bytes:
    """The reason phrase, or ValueError if a control character is in it (RFC 9112, section 4)."""
    if reason in _USUAL_REASONS:
        return reason
    if len(reason.translate(None, _CONTROLS)) != len(reason):
        raise ValueError("a reason phrase has a control character in it")
    return reason


def check_method(method: bytes) -> bytes:
    """The method, or ValueError unless it is a token (RFC 9110, section 9.1)."""
    if not is_token(method):
        raise ValueError("a method is not a token")
    return method


def check_target(target: bytes) -> bytes:
    """The request target, or ValueError if it is empty or has white space or a control character in it.

    Which of the four forms of RFC 9112, section 3.2, it has is not looked at.
    """
    if not target or len(target.translate(None, _NOT_IN_TARGET)) != len(target):
        raise ValueError("a request target is empty or has white space or a control character in it")
    if not target.isascii() and _has_nel(target):
        raise ValueError("a request target is empty or has white space or a control character in it")
    return target
