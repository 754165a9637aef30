"""Grants: what a key permits, as it is written and as it is asked.

A key has scopes, patterns of names and networks.  A *name* is that of a host, as ``myapp``, ``*.myapp`` or
``www.example.com``, or a port, as ``tcp/20000``.  In a pattern ``*`` stands for any characters without a dot or slash,
and alone for every host.  Patterns of ports bound ports, all others hosts; where a key has none of a kind, it may have
any of it.  No networks: from anywhere.

Bounds: ``PATTERNS`` patterns and as many networks; ``STARS`` stars in a pattern, so that no name takes long to match.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import INVALID_VALUE
from sellia.protocol.messages import TunnelKind
from sellia.relay.access import AccessList
from sellia.text import printable

#: Scopes of keys: kinds of tunnels, and what may be asked of the admin API.
TUNNEL_SCOPES: Final = tuple(kind.value for kind in TunnelKind)
ADMIN_READ: Final = "admin:read"
ADMIN_WRITE: Final = "admin:write"
SCOPES: Final = (*TUNNEL_SCOPES, ADMIN_READ, ADMIN_WRITE)

#: Most patterns of a key, most networks, most stars of a pattern, and most characters of one.
PATTERNS: Final = 100
STARS: Final = 3
LONGEST: Final = 253

_PATTERN: Final = re.compile(r"(?:(?:tcp|udp)/)?[a-z0-9.*-]+")


class Grant:
    """The permission that a key stands for, asked in memory."""

    __slots__ = ("_hosts", "_ports", "_where", "names", "scopes")

    def __init__(self, scopes: Iterable[str], names: Sequence[str], networks: Sequence[str]) -> None:
        self.scopes = frozenset(scopes)
        self.names = tuple(names)
        self._ports = [_matcher(each) for each in names if "/" in each]
        self._hosts = [_matcher(each) for each in names if "/" not in each]
        self._where = AccessList(list(networks), []) if networks else None

    def has(self, scope: str) -> bool:
        """Return whether the key has a scope; who may change may look."""
        return scope in self.scopes or (scope == ADMIN_READ and ADMIN_WRITE in self.scopes)

    def may_hold(self, name: str) -> bool:
        """Return whether a name, or a port as ``tcp/20000``, matches."""
        patterns = self._ports if "/" in name else self._hosts
        return not patterns or any(each.fullmatch(name) for each in patterns)

    def admits(self, address: str) -> bool:
        """Return whether the key may come from an address."""
        return self._where is None or self._where.admits(address)


def checked_scopes(scopes: Sequence[str]) -> tuple[str, ...]:
    """Return scopes in their usual order, each once.  Raises ProblemError for one that does not exist, or for none."""
    for each in scopes:
        if each not in SCOPES:
            detail = f"There is no scope {printable(each, 32)!r}: there are {', '.join(SCOPES)}."
            raise ProblemError(INVALID_VALUE, detail)
    if not scopes:
        raise ProblemError(INVALID_VALUE, f"A key has at least one scope of {', '.join(SCOPES)}.")
    return tuple(each for each in SCOPES if each in scopes)


def checked_patterns(names: Sequence[str]) -> tuple[str, ...]:
    """Return patterns of names in lower case.  Raises ProblemError for one that cannot match anything."""
    if len(names) > PATTERNS:
        raise ProblemError(
            INVALID_VALUE, f"A key has at most {PATTERNS} names and patterns, and these are {len(names)}."
        )
    found = []
    for each in names:
        pattern = each.strip().lower()
        if not _PATTERN.fullmatch(pattern) or len(pattern) > LONGEST or pattern.count("*") > STARS:
            detail = (
                f"{printable(each, 64)!r} is not a pattern of names: those are as app-*, *.example.com or tcp/20000, "
                f"with at most {STARS} stars."
            )
            raise ProblemError(INVALID_VALUE, detail)
        found.append(pattern)
    return tuple(dict.fromkeys(found))


def checked_networks(networks: Sequence[str]) -> tuple[str, ...]:
    """Return networks as they were given.  Raises ProblemError for what is none."""
    if len(networks) > PATTERNS:
        raise ProblemError(INVALID_VALUE, f"A key has at most {PATTERNS} networks, and these are {len(networks)}.")
    found = tuple(dict.fromkeys(each.strip() for each in networks))
    for each in found:
        try:
            AccessList([each], [])
        except ValueError as error:
            raise ProblemError(INVALID_VALUE, f"{printable(each, 64)!r} {error}.") from None
    return found


def _matcher(pattern: str) -> re.Pattern[str]:
    """Return what matches a pattern; a star alone, or behind a slash, is everything."""
    kind, slash, name = pattern.rpartition("/")
    if name == "*":
        return re.compile(re.escape(kind + slash) + ".+")
    return re.compile("[^./]*".join(map(re.escape, pattern.split("*"))))
