"""Routes of the admin API: a table with an entry for each call, which requests are routed by and OpenAPI is made from.

A `Route` joins a method and a path with the function that does the work, the scope that it asks for, and the models of
its parameters, its body and its answer.  The function needs no HTTP: it is given a `Call`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from sellia.errors import ProblemError
from sellia.problems import METHOD_NOT_ALLOWED, NO_SUCH_PAGE, Problem
from sellia.server.accounts.operations import Caller, Operations
from sellia.server.admin.reports import Model

#: Path below which the calls are.
ROOT: Final = "/api/v1/"

#: Bytes of a segment of a path that stands for an id or a name: as long as a domain name may be.
SEGMENT_LIMIT: Final = 253


class Scope(Enum):
    """What a key must allow for a call."""

    NOBODY = ""  #: no key is asked for
    ANY = "any"  #: any key that is valid
    READ = "admin:read"
    WRITE = "admin:write"


@dataclass(frozen=True, slots=True)
class Call:
    """What a call is asked for: ``operations`` are the accounts', and the rest comes from the request."""

    operations: Operations
    caller: Caller
    names: Mapping[str, str]  #: what the path's parameters are
    query: Any
    body: Any
    #: What signs somebody in, and who would be; only calls that need no key may look at them.
    door: Any = None
    browser: Any = None


@dataclass(frozen=True, slots=True)
class Route:
    """One call of the API.

    ``own`` opens it to keys without an admin scope, for what belongs to their own account; ``call`` sees to that.
    """

    method: str
    path: str
    name: str
    summary: str
    scope: Scope
    call: Callable[[Call], Awaitable[Any]]
    answer: type[Model] | None = None
    status: int = 200
    body: type[Model] | None = None
    query: type[Model] | None = None
    own: bool = False
    problems: Sequence[Problem] = ()
    #: Media type of an answer that is no JSON.
    media_type: str = ""
    #: Fields of the answer that are secret, and not kept for a request that is repeated after a restart.
    secrets: Sequence[str] = ()

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path; a parameter's name is in braces."""
        return tuple(self.path.strip("/").split("/"))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters in the path."""
        return tuple(each[1:-1] for each in self.segments if each.startswith("{"))

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"

    @property
    def once(self) -> bool:
        """Whether it is done once for an idempotency key, which belongs to whoever shows a key."""
        return self.writes and self.scope is not Scope.NOBODY


class Router:
    """Finds the route of a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._by_length: dict[int, list[Route]] = {}
        for route in self.routes:
            self._by_length.setdefault(len(route.segments), []).append(route)

    def find(self, method: bytes, path: bytes) -> tuple[Route, dict[str, str]]:
        """Return the route of a request, and what its path's parameters are.

        Raises ProblemError: NO_SUCH_PAGE for a path that is none, METHOD_NOT_ALLOWED with the methods that it has.
        """
        parts = path[1:].split(b"/") if path.startswith(b"/") else []
        found: dict[str, tuple[Route, dict[str, str]]] = {}
        for route in self._by_length.get(len(parts), ()):
            names = _names(route, parts)
            if names is not None:
                found.setdefault(route.method, (route, names))
        if not found:
            raise ProblemError(NO_SUCH_PAGE, "The admin API has nothing at this path; /api/openapi.json lists all.")
        match = found.get("GET" if method == b"HEAD" else method.decode("latin-1"))
        if match is None:
            error = ProblemError(METHOD_NOT_ALLOWED)
            error.allow = ", ".join([*found, *(["HEAD"] if "GET" in found else [])]).encode()
            raise error
        return match


def _names(route: Route, parts: Sequence[bytes]) -> dict[str, str] | None:
    """Return the parameters of a path, or None where it is not this route's."""
    names = {}
    for segment, part in zip(route.segments, parts, strict=True):
        if not segment.startswith("{"):
            if segment.encode() != part:
                return None
            continue
        try:
            text = unquote_to_bytes(part).decode("utf-8")
        except UnicodeDecodeError:
            return None
        if not 0 < len(text) <= SEGMENT_LIMIT or not text.isprintable():
            return None
        names[segment[1:-1]] = text
    return names
