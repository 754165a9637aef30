"""Rewriting of heads for a service that expects another name, or another path, than its visitors use.

Need
    A service checks who asks: Host, Origin, Referer and the ``X-Forwarded-*`` fields must agree, or a form is refused
    in one program and a WebSocket in the next.  Two sets agree: all of them public, or all of them the service's own.
    What a service of the second kind says of its own URL is put right on the way back, and so is what it says of its
    paths where the prefix of its route was stripped.

Invariants
    * Only what is exactly the visitor's own public origin becomes the service's own.  A foreign ``Origin`` or
      ``Referer`` stays foreign; one that names the service's host already, from a page on the visitor's machine, would
      become its own by the new Host, and is made foreign (``FOREIGN``).
    * Only URLs whose origin is exactly the service's own are put right on the way back.
    * Bodies and the fields that frame them are never touched.

Where
    Each head passes once, at the client; a route that rewrites nothing has no `Rewriter`.

Bounds
    A head grows by the lengths of the changes in the settings, and by that of the public origin for each URL in it;
    the caller checks the size that a link allows.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sellia.protocol.messages import Headers
from sellia.relay.http.changes import NO_CHANGES, Changes
from sellia.relay.http.origins import Url, mapped_cookie, mapped_link, mapped_policy, mapped_refresh

#: Origin of a request that must not pass for the service's own: nobody's (RFC 2606).
FOREIGN: Final = b"http://foreign.invalid"

#: Paths of Next.js below which it compares Origin with its own address, and with nothing else.
LOCAL_PATHS: Final = ("/_next/", "/__nextjs")


class HeaderSet(StrEnum):
    """Names under which a service is asked."""

    PUBLIC = "public"  #: the visitor's
    LOCAL = "local"  #: the service's own
    HYBRID = "hybrid"  #: the visitor's, but for Origin and Referer below some paths


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """Rules of one route, as its settings have them.

    ``host`` is the authority that the service is asked under, where it is neither the visitor's nor its own; the set is
    `HeaderSet.LOCAL` then.  ``local_paths`` are the beginnings of targets that `HeaderSet.HYBRID` is about.
    """

    names: HeaderSet = HeaderSet.PUBLIC
    host: str = ""
    local_paths: tuple[str, ...] = LOCAL_PATHS
    request: Changes = NO_CHANGES
    response: Changes = NO_CHANGES
    forwarded: bool = True

    @property
    def asks_origin(self) -> bool:
        """Whether the visitor's scheme and host must be known, although the service may not be told."""
        return self.names is not HeaderSet.PUBLIC


PUBLIC_RULES: Final = HeaderRules()


class Rewriter:
    """Rewriter of one route's heads.

    ``scheme`` and ``authority`` are the service's own; ``prefix`` is what was stripped from its targets.
    """

    __slots__ = ("_forwarded", "_host", "_local", "_local_paths", "_own", "_prefix", "_rules")

    def __init__(self, rules: HeaderRules, scheme: str, authority: str, prefix: str = "") -> None:
        self._rules = rules
        self._host = (rules.host or authority).encode("ascii")
        self._own = Url(scheme.encode("ascii"), self._host)
        self._local = rules.names is HeaderSet.LOCAL
        self._local_paths = tuple(path.encode("ascii") for path in rules.local_paths)
        self._prefix = prefix.encode("ascii")
        self._forwarded = rules.forwarded

    @property
    def own_names(self) -> bool:
        """Whether the service is asked under its own name, for all that it is asked or for some."""
        return self._rules.names is not HeaderSet.PUBLIC

    def request(self, headers: Headers, target: bytes, scheme: bytes) -> "tuple[Headers, Undo]":
        """Return a request's fields as its service gets them, and what puts its responses right.

        ``target`` is what the service is asked for; ``scheme`` is the visitor's, where no ``X-Forwarded-Proto`` says.
        """
        rules = self._rules
        public = _public(headers, scheme)
        local = self._local
        own = local or (rules.names is HeaderSet.HYBRID and target.startswith(self._local_paths))
        kept: Headers = []
        for pair in headers:
            name = pair[0].lower()
            value = pair[1]
            if name == b"host":
                kept.append((pair[0], self._host) if local else pair)
            elif own and name == b"origin":
                kept.append((pair[0], self._origin(value, public)))
            elif own and name == b"referer":
                kept.append((pair[0], self._referer(value, public)))
            elif name == b"destination":
                kept.append((pair[0], self._destination(value, public)))
            elif name in _FORWARDED or name.startswith(b"x-forwarded-"):
                if self._forwarded and not (local and name not in _ABOUT_THE_VISITOR):
                    kept.append(pair)
            else:
                kept.append(pair)
        if self._prefix and self._forwarded:
            kept.append((b"X-Forwarded-Prefix", self._prefix))
        if rules.request is not NO_CHANGES:
            kept = rules.request.apply(kept)
        return kept, Undo(rules.response, public, self._own if own else None, self._prefix)

    def _origin(self, value: bytes, public: Url) -> bytes:
        if value == public.origin:
            return self._own.origin
        return FOREIGN if Url.host_in(value) == self._own.host else value

    def _referer(self, value: bytes, public: Url) -> bytes:
        path = public.path_in(value)
        if path is not None:
            return self._own.origin + path
        return FOREIGN + b"/" if Url.host_in(value) == self._own.host else value

    def _destination(self, value: bytes, public: Url) -> bytes:
        """Return the destination of a COPY or MOVE of WebDAV as the service knows it."""
        path = public.path_in(value)
        if path is None:
            return value
        if self._prefix and path.startswith(self._prefix) and path[len(self._prefix) :][:1] in (b"/", b""):
            path = path[len(self._prefix) :] or b"/"
        return (self._own.origin if self._local else public.origin) + path


class Undo:
    """What puts the heads of one exchange's responses right."""

    __slots__ = ("_changes", "_own", "_prefix", "_public")

    def __init__(self, changes: Changes, public: Url, own: Url | None, prefix: bytes) -> None:
        self._changes = changes
        self._public = public
        #: The service's own origin, where it was asked under that.
        self._own = own
        self._prefix = prefix

    def response(self, headers: Headers, status: int) -> Headers:
        """Return a response's fields as the visitor gets them.  The changes of the settings are for final ones only."""
        if self._own is not None or self._prefix:
            headers = [(name, self._put_right(name.lower(), value)) for name, value in headers]
        if self._changes is not NO_CHANGES and status >= 200:
            headers = self._changes.apply(headers)
        return headers

    def url(self, value: bytes) -> bytes:
        """Return a URL of the service's as the visitor knows it; any other as it is."""
        public, own = self._public, self._own
        path = own.path_in(value) if own is not None else None
        if path is not None:
            return public.origin + self._prefixed(path)
        if not self._prefix:
            return value
        path = public.path_in(value)
        if path is not None:
            return public.origin + self._prefixed(path)
        if value.startswith(b"/") and value[1:2] not in (b"/", b"\\"):
            return self._prefixed(value)
        return value

    def _prefixed(self, path: bytes) -> bytes:
        """Return a path of the service's with its prefix, unless the service has put that there itself."""
        prefix = self._prefix
        if not prefix or (path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"/", b"?", b"#", b"")):
            return path
        return prefix + (path if path.startswith(b"/") else b"/" + path)

    def _put_right(self, name: bytes, value: bytes) -> bytes:
        own, public = self._own, self._public
        if name in _URLS:
            return self.url(value)
        if name == b"set-cookie":
            return mapped_cookie(value, own, public, self._prefix)
        if name == b"refresh":
            return mapped_refresh(value, self.url)
        if name == b"link":
            return mapped_link(value, self.url)
        if own is not None:
            if name in _ORIGINS:
                return public.origin if own.is_origin(value) else value
            if name in _POLICIES:
                return mapped_policy(value, own, public)
        return value


#: Fields of a response that are one URL, one origin, or a policy that names hosts.
_URLS: Final = frozenset((b"location", b"content-location", b"sourcemap", b"x-sourcemap"))
_ORIGINS: Final = frozenset((b"access-control-allow-origin", b"timing-allow-origin"))
_POLICIES: Final = frozenset((b"content-security-policy", b"content-security-policy-report-only"))

#: Fields of a request that say where it comes from, besides ``X-Forwarded-*``; and those that do not name a host.
_FORWARDED: Final = frozenset((b"forwarded", b"x-real-ip"))
_ABOUT_THE_VISITOR: Final = frozenset((b"x-forwarded-for", b"x-real-ip"))


def _public(headers: Headers, scheme: bytes) -> Url:
    """Return the origin under which the visitor asked."""
    host = forwarded = b""
    for name, value in headers:
        size = len(name)
        if size == 4:
            if name.lower() == b"host":
                host = value
        elif size == 17 and name.lower() == b"x-forwarded-proto":
            scheme = value
        elif size == 16 and name.lower() == b"x-forwarded-host":
            forwarded = value
    return Url(scheme, forwarded or host)
