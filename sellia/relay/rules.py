"""Rules of a tunnel for its visitors and their requests, as its owner asked for them, checked.

They are kept by the server beside the tunnel's name; `sellia.relay.http.policy` decides by them.

Bounds: ``METHODS`` in the list of a tunnel; ``ADDRESSES`` whose rate is counted.
"""

import re
from dataclasses import dataclass
from typing import Final

from sellia.protocol.messages import TunnelOptions
from sellia.relay.access import AccessList
from sellia.relay.limits.token_bucket import Buckets, Rate

#: Maximum number of methods that a tunnel lists.
METHODS: Final = 32

#: Visitors' addresses whose rate one tunnel counts, some 0.6 MB; the one that was seen least recently is forgotten.
ADDRESSES: Final = 4096

#: Largest limits that a tunnel may set: bytes of a body, requests at once, requests a second.
LARGEST_BODY: Final = 2**50
LARGEST_RATE: Final = 1_000_000

_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of one tunnel.

    ``methods`` are those that pass, none: all; ``max_body`` is in bytes; ``rate`` is that of one visitor's requests,
    counted in ``visitors``; ``password``: visitors have to know one, which is not for the service.
    """

    access: AccessList | None = None
    methods: tuple[bytes, ...] = ()
    max_body: int | None = None
    rate: Rate | None = None
    password: bool = False
    visitors: Buckets[str] | None = None


def rules_of(options: TunnelOptions, access: AccessList | None, *, password: bool) -> Rules | None:
    """Return the rules that a client asks for, or None if there are none.  Raises ValueError."""
    methods, limit = options.methods, options.max_body
    burst, per_second = options.visitor_burst, options.visitor_rate
    if len(methods) > METHODS:
        raise ValueError(f"more than {METHODS} methods are listed")
    for each in methods:
        try:
            checked_method(each)
        except ValueError as error:
            raise ValueError(f"an entry of methods {error}") from None
    if not 0 <= limit <= LARGEST_BODY:
        raise ValueError("max_body is not a number of bytes")
    if not (0 <= per_second <= LARGEST_RATE and 0 <= burst <= LARGEST_RATE and (burst > 0) == (per_second > 0)):
        raise ValueError("visitor_rate is not a rate")
    if not (access is not None or methods or limit or per_second or password):
        return None
    rate = Rate(burst, per_second) if per_second else None
    return Rules(
        access,
        tuple(each.encode("ascii") for each in dict.fromkeys(methods)),
        limit or None,
        rate,
        password,
        Buckets(rate, ADDRESSES) if rate is not None else None,
    )


def checked_method(text: str) -> str:
    """Return a method of a tunnel's list.  Raises ValueError, with a sentence's end about it."""
    if not _METHOD.fullmatch(text):
        raise ValueError("is not a method, such as GET or POST")
    if text == "CONNECT":
        raise ValueError("is for forward proxies, and never passes")
    return text
