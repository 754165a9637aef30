"""Endpoints of the inspector's API: each is described once, for dispatch, for OpenAPI, and for documents."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from sellia.client.inspector.answers import Answer, ApiError

T = TypeVar("T")

#: Parameters of a query at most.
_PARAMETERS: Final = 64


class Stream(Protocol):
    """Answer without a known length, which goes on until its reader leaves."""

    def begin(self, request: Any) -> None:
        """Write to the request from now on, and stop when its connection is lost."""


Result: TypeAlias = Answer | Stream
Handler: TypeAlias = Callable[[Any, "Call"], "Result | Awaitable[Result]"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an endpoint: the parts of its path that stand for something, its query, its body."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = b""
    media_type: str = ""

    def json(self, kind: type[T]) -> T:
        """Return the body.  Raises ApiError for another one than is described."""
        if self.body and self.media_type != "application/json":
            raise ApiError(415, "not-json", "The body must be JSON: say so with Content-Type: application/json.")
        try:
            return msgspec.json.decode(self.body or b"{}", type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ApiError(422, "bad-body", f"The body is not what is expected: {error}") from None

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return a number of the query.  Raises ApiError for one beyond its bounds, and for what is none."""
        text = self.query.get(name)
        if text is None:
            return default
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 16) or not least <= int(text) <= most:
            raise ApiError(400, "bad-parameter", f"{name} must be a number from {least} to {most}.")
        return int(text)

    def flag(self, name: str, default: bool) -> bool:
        """Return a switch of the query, ``1`` or ``0``."""
        text = self.query.get(name)
        if text is None:
            return default
        if text not in ("0", "1", "true", "false"):
            raise ApiError(400, "bad-parameter", f"{name} must be 1 or 0.")
        return text in ("1", "true")


@dataclass(frozen=True, slots=True)
class Parameter:
    """Parameter of a query."""

    name: str
    about: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path, such as ``/api/exchanges/{id}``; ``answer`` is its JSON Schema, or a media type."""

    method: str
    path: str
    about: str
    handler: Handler
    query: tuple[Parameter, ...] = ()
    body: type[msgspec.Struct] | None = None
    answer: Mapping[str, Any] | str = field(default_factory=lambda: {"type": "object"})
    status: int = 200
    fails: tuple[int, ...] = ()


class Table:
    """Endpoints by path."""

    def __init__(self, endpoints: tuple[Endpoint, ...]) -> None:
        self.endpoints = endpoints
        self._paths: dict[tuple[str, ...], dict[str, Endpoint]] = {}
        for each in endpoints:
            parts = tuple(each.path.strip("/").split("/"))
            self._paths.setdefault(parts, {})[each.method] = each

    def find(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
        """Return the endpoint, and the parts of the path that stand for something.  Raises ApiError."""
        asked = path.split("/")[1:]
        for parts, methods in self._paths.items():
            found = _match(parts, asked)
            if found is None:
                continue
            endpoint = methods.get("GET" if method == "HEAD" else method)
            if endpoint is None:
                allowed = ", ".join(methods)
                raise ApiError(405, "no-such-method", f"{path} knows {allowed} only.")
            return endpoint, found
        raise ApiError(404, "no-such-path", "The API has no such path: /api/openapi.json describes it.")


def _match(parts: tuple[str, ...], asked: list[str]) -> dict[str, str] | None:
    if len(parts) != len(asked):
        return None
    found = {}
    for part, each in zip(parts, asked, strict=True):
        if part.startswith("{"):
            if not each:
                return None
            found[part[1:-1]] = unquote_to_bytes(each).decode("utf-8", "replace")
        elif part != each:
            return None
    return found


def query_of(text: bytes) -> dict[str, str]:
    """Return the parameters of a query, the last one of each name.  Raises ApiError for too many."""
    try:
        pairs = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_PARAMETERS)
    except ValueError:
        raise ApiError(400, "bad-parameter", f"The query has more than {_PARAMETERS} parameters.") from None
    return dict(pairs)
