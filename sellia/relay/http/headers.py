"""Header rules: what goes on to the other side, what stays here.

A header section is a list of name and value as they stood on the wire, in order and in their own case.  Every
request passes through here once on its way in and every answer once on its way out, and nothing else rewrites a head.

The invariants:

* What is hop-by-hop (RFC 9110, section 7.6.1) ends here, in both directions, with everything that ``Connection``
  names.  Framing and upgrades belong to the connection, so the leg that makes the next one writes its own
  ``Connection``, ``Upgrade`` and ``Transfer-Encoding``.
* What a request says about where it comes from is removed before ours is added, so naming ``X-Forwarded-For`` in
  ``Connection`` gains nothing.  A trusted peer's word is in ours (`sellia.relay.http.forwarded`).
* All else stays: order, case, repetition, bytes.

Speed matters here, so a name's rule is found with one look into a table (`sellia.relay.http.field_rules`).

Not chosen: a class that models a header section.  Making one costs more than all the rules together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from sellia.protocol.messages import Headers
from sellia.relay.http.field_rules import (
    CONNECTION,
    EXTENSIONS,
    FIRST_FORWARDED,
    FORWARDED,
    REAL_IP,
    RULES,
    SELLIA,
    STANDARD,
    TE,
    UPGRADE,
)
from sellia.relay.http.forwarded import UNIX, Origin, standard_field

_PLAIN_CONNECTION: Final = frozenset(
    (b"keep-alive", b"close", b"upgrade", b"Keep-Alive", b"Close", b"Upgrade", b"keep-alive, Upgrade")
)
"""The usual values of ``Connection``, none of which names a header that another rule does not remove anyway."""

_NEVER_NAMED: Final = frozenset((b"host", b"content-length", b"te", b"forwarded", b"x-real-ip", b"sellia-error"))
"""What ``Connection`` cannot remove: it would change where the message goes, where it ends or who sent it."""


def _names_in(connection: Iterable[bytes]) -> frozenset[bytes]:
    """Return the headers that these values of ``Connection`` name, lower-cased, without those it cannot remove."""
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
    """Rewrite a visitor's header section for the service.

    `origin` becomes ``X-Forwarded-For``, ``-Proto``, ``-Host`` and ``-Port``; with None there are none of these.  Where
    a trusted peer has sent ``X-Real-IP`` and ``Forwarded``, they say the same; of its other ``X-Forwarded-*`` those
    pass whose lower-case names are `believed`.

    With `upgrade` the request is a WebSocket handshake.  Only extensions named ``permessage-*`` are offered on: they
    work on messages with the RSV bits that pass, while another might give a meaning to the framing itself.  ``TE`` goes
    on as far as it says ``trailers``, as they pass through the relay.
    """
    kept: Headers = []
    keep = kept.append
    connection: list[bytes] = []
    trusted = origin is not None and origin.trusted
    real_ip = standard = False
    rules = RULES
    for pair in headers:
        rule = rules[pair[0]]
        if rule == 0:
            keep(pair)
        elif rule >= FIRST_FORWARDED:
            if rule == SELLIA:
                keep(pair)
            elif trusted:
                if rule == REAL_IP:
                    real_ip = True
                elif rule == STANDARD:
                    standard = True
                elif rule == FORWARDED and pair[0].lower() in believed:
                    keep(pair)
        elif rule == CONNECTION:
            if pair[1] not in _PLAIN_CONNECTION:
                connection.append(pair[1])
        elif rule == EXTENSIONS:
            offers = carried_extensions(pair[1]) if upgrade else pair[1]
            if offers:
                keep((pair[0], offers))
        elif rule == TE and _wants_trailers(pair[1]):
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
    """Rewrite a service's header section for the visitor.

    ``Sellia-Error`` is ours alone, so a service's is dropped.  A 426 keeps its ``Upgrade``, as RFC 9110 (section
    15.5.22) demands one; every ``Sec-WebSocket-*`` stays, for a 101 as for a refusal.

    An interim response and a 204 have no body, so nothing that speaks of one stays in them (RFC 9110, section 8.6):
    a proxy that reads them otherwise would take the next response for the body of this one.
    """
    kept: Headers = []
    keep = kept.append
    connection: list[bytes] = []
    rules = RULES
    for pair in headers:
        rule = rules[pair[0]]
        if not rule:
            keep(pair)
        elif rule == EXTENSIONS or FIRST_FORWARDED <= rule < SELLIA:
            keep(pair)
        elif rule == CONNECTION:
            if pair[1] not in _PLAIN_CONNECTION:
                connection.append(pair[1])
        elif rule == UPGRADE and status == 426:
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
    """Remove ``Authorization``, for a tunnel that has checked it itself."""
    return [pair for pair in headers if len(pair[0]) != 13 or pair[0].lower() != b"authorization"]


def without_extensions(headers: Headers) -> Headers:
    """Remove ``Sec-WebSocket-Extensions``, for a dialect that cannot carry any."""
    return [pair for pair in headers if RULES[pair[0]] != EXTENSIONS]


def values_of(headers: Headers, name: bytes) -> list[bytes]:
    """Return the elements of the lists in all fields of a (lower-case) name (RFC 9110, section 5.6.1).

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
    """Filter the offered (or agreed) WebSocket extensions for those that the relay can carry; often all, unchanged."""
    all_offers = [offer.strip(b" \t") for offer in (_OFFER.findall(offers) if b'"' in offers else offers.split(b","))]
    carried = [offer for offer in all_offers if offer[:11].lower() == b"permessage-"]
    return offers if len(carried) == len(all_offers) else b", ".join(carried)


def _wants_trailers(te: bytes) -> bool:
    return any(coding.strip(b" \t").lower() == b"trailers" for coding in te.split(b","))


def cookie_of(values: Iterable[bytes], name: bytes) -> bytes | None:
    """Return the first value, if it is not empty, that fields ``Cookie`` with these values have for a cookie."""
    for value in values:
        for each in value.split(b";"):
            found, _, said = each.strip(b" \t").partition(b"=")
            if found == name and said:
                return said
    return None
