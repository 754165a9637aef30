"""Origins of URLs (RFC 6454), and the header fields that name them: found exactly, or left as they are.

Nothing here guesses: a URL belongs to an origin if it begins with it, spelled as programs spell one, with or without
the port that its scheme has by default, and if what follows is a path, a query, a fragment or nothing.
"""

import re
from collections.abc import Callable
from typing import Final

_PORTS: Final = {b"http": b":80", b"https": b":443"}

#: What may follow the authority of a URL.
_BEHIND: Final = (b"/", b"?", b"#", b"")

_AUTHORITY: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@\\]*@)?(\[[^\]/?#]*\]|[^/?#:\\]*)")
_LINK: Final = re.compile(rb"<([^<>]*)>")
_REFRESH: Final = re.compile(rb"(?is)([ \t]*[0-9.]+[ \t]*[;,][ \t]*(?:url[ \t]*=[ \t]*)?)(['\"]?)(.*?)(['\"]?[ \t]*)")


class Url:
    """Scheme and authority.  ``host`` is the name or address alone, in lower case."""

    __slots__ = ("_spellings", "authority", "host", "origin", "scheme")

    def __init__(self, scheme: bytes, authority: bytes) -> None:
        self.scheme = scheme.lower()
        port = _PORTS.get(self.scheme, b"")
        authority = authority.lower()
        self.authority = authority[: -len(port)] if port and authority.endswith(port) else authority
        self.host = _host(self.authority)
        self.origin = b"%b://%b" % (self.scheme, self.authority)
        bare = self.authority == self.host
        #: The ways to write the origin, the longest first.
        self._spellings = (self.origin + port, self.origin) if bare and port else (self.origin,)

    def path_in(self, url: bytes) -> bytes | None:
        """Return what follows this origin in a URL; None if the URL has another one.  ``//host/path`` is one, too."""
        if url.startswith(b"//"):
            url = self.scheme + b":" + url
        for spelling in self._spellings:
            size = len(spelling)
            if url[:size].lower() == spelling and url[size : size + 1] in _BEHIND:
                return url[size:]
        return None

    def is_origin(self, value: bytes) -> bool:
        """Return whether a value is this origin, and nothing else."""
        return value.lower() in self._spellings

    @staticmethod
    def host_in(url: bytes) -> bytes | None:
        """Return the host of any absolute URL, in lower case; None where there is none."""
        found = _AUTHORITY.match(url)
        return found[1].lower().removesuffix(b".") if found is not None else None


def _host(authority: bytes) -> bytes:
    if authority.startswith(b"["):
        return authority.partition(b"]")[0] + b"]"
    return authority.partition(b":")[0]


def mapped_refresh(value: bytes, url: Callable[[bytes], bytes]) -> bytes:
    """Return ``Refresh`` with its URL put right: ``5; url=/login``."""
    found = _REFRESH.fullmatch(value)
    if found is None or not found[3]:
        return value
    return b"".join((found[1], found[2], url(found[3]), found[4]))


def mapped_link(value: bytes, url: Callable[[bytes], bytes]) -> bytes:
    """Return ``Link`` (RFC 8288) with its targets put right."""
    return _LINK.sub(lambda found: b"<%b>" % url(found[1]), value)


def mapped_policy(value: bytes, own: Url, public: Url) -> bytes:
    """Return a Content-Security-Policy in whose lists the service's own address is the public one."""
    if own.authority not in value.lower():
        return value
    secure = b"s" if public.scheme == b"https" else b""
    return b";".join(
        b" ".join(_source(word, own, public, secure) for word in directive.split(b" "))
        for directive in value.split(b";")
    )


def _source(word: bytes, own: Url, public: Url, secure: bytes) -> bytes:
    path = own.path_in(word)
    if path is not None and not word.startswith(b"//"):
        return public.origin + path
    folded = word.lower()
    for scheme in (b"ws://", b"wss://"):
        if folded.startswith(scheme):
            path = own.path_in(own.scheme + b"://" + word[len(scheme) :])
            return word if path is None else b"ws%b://%b%b" % (secure, public.authority, path)
    path = own.path_in(own.scheme + b"://" + word) if b"://" not in word else None
    return word if path is None else public.authority + path


def mapped_cookie(value: bytes, own: Url | None, public: Url, prefix: bytes) -> bytes:
    """Return ``Set-Cookie`` as it works at the visitor's.

    Where the service was asked under its ``own`` name, a Domain that is that name becomes the public one, and Secure
    goes where the visitor came without TLS, unless something in the cookie demands it.  A Path gets the stripped
    ``prefix``, but that of a ``__Host-`` cookie, which must be ``/``.
    """
    first, *attributes = value.split(b";")
    if not attributes:
        return value
    name = first.strip(b" \t").lower()
    names = [attribute.partition(b"=")[0].strip(b" \t").lower() for attribute in attributes]
    needs_secure = name.startswith((b"__secure-", b"__host-")) or b"partitioned" in names
    needs_secure = needs_secure or any(_samesite_none(attribute) for attribute in attributes)
    kept = [first]
    for attribute, key in zip(attributes, names, strict=True):
        said = attribute.partition(b"=")[2].strip(b" \t")
        if key == b"domain" and own is not None and said.lower().removeprefix(b".") == own.host:
            attribute = b" Domain=" + public.host
        elif key == b"secure" and own is not None and public.scheme == b"http" and not needs_secure:
            continue
        elif key == b"path" and prefix and said.startswith(b"/") and not name.startswith(b"__host-"):
            if not (said.startswith(prefix) and said[len(prefix) : len(prefix) + 1] in (b"/", b"")):
                attribute = b" Path=" + (prefix if said == b"/" else prefix + said)
        kept.append(attribute)
    return b";".join(kept)


def _samesite_none(attribute: bytes) -> bool:
    key, _, said = attribute.partition(b"=")
    return key.strip(b" \t").lower() == b"samesite" and said.strip(b" \t").lower() == b"none"
