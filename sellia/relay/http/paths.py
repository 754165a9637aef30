"""Routing by path: which of several services behind one name a request goes to, and what that service is asked for.

Need
    A service is to see its own paths and no others, whatever it makes of a path that can be read in two ways: dot
    segments, encoded slashes and dots, empty segments, backslashes, parameters (``/api/..;/admin``).  What this module
    takes for a path below ``/api`` must not be ``/admin`` to the service that gets it.

How
    A prefix fits on the borders of segments; the longest that fits wins.  Most paths can be read in one way only, and
    are looked up as they stand.  Of any other, every reading that a service is known to have is looked up, and unless
    all lead to the same route the path is `Ambiguous`, and refused.  Readings differ in whether dot segments are
    resolved, backslashes are slashes, parameters are cut off, and how often the path is decoded.

    What goes on to the service begins with the prefix as the settings spell it, or without it where it is stripped;
    the rest of the target is left as it came, byte for byte.

Bounds
    An unusual path of more than ``SEGMENTS_LIMIT`` segments is refused, and so is one that is still encoded after being
    decoded ``DECODINGS`` times.

This is routing, not access control: a service at ``/`` may have names of its own for what another prefix covers, such
as ``/API`` where it does not tell cases apart.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

T = TypeVar("T")

#: Segments of a path that is not plain.
SEGMENTS_LIMIT: Final = 256

#: Times that a path is decoded before it is taken for an attempt to hide something.
DECODINGS: Final = 3

#: What makes a path one that can be read in several ways.
_UNUSUAL: Final = re.compile(rb"[%\\;#\x00-\x20\x7f]|//|/\.")

_UNRESERVED: Final = re.compile(rb"%(2[DEde]|3[0-9]|4[1-9A-Fa-f]|5[0-9AFaf]|6[1-9A-Fa-f]|7[0-9AEae])")

_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,:@-]+)+")


class Ambiguous(ValueError):
    """Path that services read in different ways, which lead to different routes."""


class Found(NamedTuple, Generic[T]):
    """Route of a request, and the target that its service is asked for."""

    route: T
    target: bytes


class _Entry(NamedTuple, Generic[T]):
    prefix: bytes  #: empty for the route of all that has no other
    segments: tuple[bytes, ...]
    strip: bool
    route: T


def checked_prefix(text: str) -> str:
    """Return the prefix of a route without a slash at its end.  Raises ValueError for what is none.

    It is a path of plain segments: nothing encoded, no dot segments, no parameters.
    """
    if text == "/":
        return text
    prefix = text.removesuffix("/")
    if not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")):
        raise ValueError("is not a path of plain segments")
    return prefix


class PathTable(Generic[T]):
    """Routes by prefix.  ``routes`` has for each its prefix (`checked_prefix`), whether to strip it, and its value."""

    def __init__(self, routes: Iterable[tuple[str, bool, T]]) -> None:
        entries = []
        for prefix, strip, route in routes:
            spelt = b"" if prefix == "/" else prefix.encode("ascii")
            entries.append(_Entry(spelt, tuple(spelt.split(b"/")[1:]), strip and bool(spelt), route))
        self._entries = sorted(entries, key=lambda entry: len(entry.prefix), reverse=True)

    def find(self, target: bytes) -> Found[T] | None:
        """Return the route of a request target in origin form (or ``*``), None where there is none.

        Raises Ambiguous.
        """
        path, mark, query = target.partition(b"?")
        if not path.startswith(b"/"):
            entry = self._fits(b"/")
            if path != b"*":
                raise Ambiguous("a target that is not a path")
            return None if entry is None else Found(entry.route, target)
        if _UNUSUAL.search(path) is None:
            entry = self._fits(path)
            if entry is None:
                return None
            return Found(entry.route, _rooted(path[len(entry.prefix) :]) + mark + query if entry.strip else target)
        entry = self._agreed(path)
        if entry is None:
            return None
        if not entry.prefix:
            return Found(entry.route, target)
        rest = _behind(path, entry.segments)
        return Found(entry.route, (_rooted(rest) if entry.strip else entry.prefix + rest) + mark + query)

    def _fits(self, path: bytes) -> _Entry[T] | None:
        """Return the entry of a path that has one reading."""
        for entry in self._entries:
            prefix = entry.prefix
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"/", b""):
                return entry
        return None

    def _agreed(self, path: bytes) -> _Entry[T] | None:
        """Return the entry that all readings of a path lead to.  Raises Ambiguous."""
        if b"#" in path or path.count(b"/") > SEGMENTS_LIMIT:
            raise Ambiguous("a path that cannot be told apart from another")
        entries = [self._fits(each) for each in _readings(path)]
        if any(entry is not entries[0] for entry in entries):
            raise Ambiguous("a path that services read in different ways")
        return entries[0]


def _readings(path: bytes) -> Iterator[bytes]:
    """Yield what services make of a path, first as RFC 3986 (section 6.2.2) has it, but for dot segments."""
    decoded = _UNRESERVED.sub(lambda found: bytes.fromhex(found[1].decode()), path)
    plain = _merged(decoded)
    yield plain
    yield _resolved(plain)
    for _ in range(DECODINGS + 1):
        if b"\0" in decoded or decoded.count(b"/") + decoded.count(b"\\") > SEGMENTS_LIMIT:
            raise Ambiguous("a path with a NUL in it, or of too many segments")
        for slashes in {decoded, decoded.replace(b"\\", b"/")}:
            yield _merged(slashes)
            yield _resolved(_merged(slashes))
            if b";" in slashes:
                yield _resolved(_merged(re.sub(rb";[^/]*", b"", slashes)))
        again = unquote_to_bytes(decoded)
        if again == decoded:
            return
        decoded = again
    raise Ambiguous("a path that is encoded again and again")


def _merged(path: bytes) -> bytes:
    return re.sub(rb"//+", b"/", path)


def _resolved(path: bytes) -> bytes:
    """Return a path without dot segments (RFC 3986, section 5.2.4)."""
    if b"/." not in path:
        return path
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)


def _behind(path: bytes, segments: tuple[bytes, ...]) -> bytes:
    """Return what stands behind the segments of a prefix, whose reading is that of RFC 3986."""
    at = 0
    for _ in segments:
        while path[at : at + 1] == b"/":
            at += 1
        end = path.find(b"/", at)
        at = len(path) if end < 0 else end
    return path[at:]


def _rooted(rest: bytes) -> bytes:
    """Return what is left of a path with one slash at its start: two would name a host where a URL is made of it."""
    return b"/" + rest.lstrip(b"/")
