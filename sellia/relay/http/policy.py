"""Policy of a tunnel: what becomes of a request, decided by its head alone.

Need
    A tunnel's owner says who may come, with which methods, and with how large a body.  All of it is decided in one
    place, before a byte of the request reaches the client.

How
    `decide` is a pure function of the tunnel's rules (`sellia.relay.rules`), the request's head and the `Visitor`.  It
    returns None for a request that passes as it is, a `Refusal` to answer with, or a `Rewrite` that says in which way
    it passes.  A tunnel without rules has none at all, and is not asked about.  What needs a clock, a table or a slow
    hash (the rate of one visitor, a password) is no matter of the head, and is checked behind it
    (`sellia.server.ingress.checks`).

Invariants
    * The visitor's address is what the server knows, never what a field of the request says.
    * Methods are compared byte for byte: they are case-sensitive (RFC 9110, 9.1).  GET does not imply HEAD.
    * A field that makes services take a request for one of another method counts as that method.
    * The first rule that refuses answers: address, method, body.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sellia.problems import BODY_TOO_LARGE, FORBIDDEN, METHOD_NOT_ALLOWED, Problem
from sellia.protocol.messages import Headers
from sellia.relay.http.headers import strip_authorization
from sellia.relay.rules import Rules

#: Fields by which frameworks let a POST stand for another method; an underscore is the same to many of them.
_OVERRIDES: Final = frozenset((b"x-http-method-override", b"x-http-method", b"x-method-override"))
_OVERRIDE_LENGTHS: Final = frozenset(map(len, _OVERRIDES))


class Head(Protocol):
    """Head of a request."""

    method: bytes
    headers: Headers
    length: int | None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever sent a request: ``address`` as the server knows it, or as a trusted proxy says."""

    address: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer in the service's place; ``allow`` is the value of the Allow field of a 405."""

    problem: Problem
    detail: str
    allow: bytes = b""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Change to a request that passes: ``authorization`` taken off, where it was for the tunnel."""

    authorization: bool = True

    def apply(self, headers: Headers) -> Headers:
        """Return the fields that the service is sent."""
        return strip_authorization(headers) if self.authorization else headers


Decision = Refusal | Rewrite | None

_FOR_TUNNEL: Final = Rewrite()


def decide(rules: Rules, head: Head, visitor: Visitor) -> Decision:
    """Return what becomes of a request."""
    if rules.access is not None and not rules.access.admits(visitor.address):
        return Refusal(FORBIDDEN, "This tunnel takes no visitors from your address.")
    if rules.methods:
        wrong = _wrong_method(rules.methods, head)
        if wrong:
            return Refusal(METHOD_NOT_ALLOWED, wrong, b", ".join(rules.methods))
    if rules.max_body is not None and head.length is not None and head.length > rules.max_body:
        return Refusal(BODY_TOO_LARGE, too_large(rules.max_body))
    return _FOR_TUNNEL if rules.password else None


def too_large(limit: int) -> str:
    """Return the sentence about a body that is longer than its tunnel takes."""
    return f"This tunnel takes bodies of {limit:,} bytes at most (max_body)."


def _wrong_method(listed: Sequence[bytes], head: Head) -> str:
    """Return a sentence about a method that is not listed, or an empty string."""
    if head.method not in listed:
        return "This tunnel does not take this method."
    for name, value in head.headers:
        if len(name) in _OVERRIDE_LENGTHS and name.lower().replace(b"_", b"-") in _OVERRIDES:
            if value.strip(b" \t").upper() not in listed:
                return "This tunnel does not take the method that a field puts in the place of the request's own."
    return ""
