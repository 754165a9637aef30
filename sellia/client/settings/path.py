"""Settings of one path of a tunnel, and the routes that paths come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import GetJsonSchemaHandler, InstanceOf, field_validator
from pydantic_core import CoreSchema

from sellia.client.settings.headers import HeaderSettings
from sellia.client.settings.values import checked_target
from sellia.relay.http.paths import checked_prefix
from sellia.relay.http.rewriting import PUBLIC_RULES, HeaderRules
from sellia.settings import setting, wrong
from sellia.targets import Target, TargetKind
from sellia.text import printable

#: Most paths of one tunnel.
PATH_LIMIT: Final = 64


class _AsWritten:
    """JSON Schema of a target: it is written as a port or as text."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string"}]}


class PathsAsWritten:
    """JSON Schema of paths: each is a target, or a mapping with one."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        paths = dict(handler(core))
        target = _AsWritten.__get_pydantic_json_schema__(core, handler)
        paths["additionalProperties"] = {"anyOf": [*target["anyOf"], paths["additionalProperties"]]}
        return paths


#: Target of a route; in a file, a port or a text (:mod:`sellia.targets`).
TargetField = Annotated[InstanceOf[Target], _AsWritten]


class PathSettings(HeaderSettings):
    """One path of a tunnel: where requests for it, and for what is below it, go."""

    target: TargetField = setting(..., "Where the path leads, such as 8000, localhost:8000 or ./dist.")
    strip: bool | None = setting(
        None, "true to take the path off the front of what your service is asked for. [default: for directories only]"
    )
    spa: bool | None = setting(None, "true to answer with index.html for pages that are no files of a directory.")
    listing: bool | None = setting(None, "true to list a directory that has no index.html.")

    @property
    def strips(self) -> bool:
        """Whether the path is taken off: a directory is at its path, and has no such path in it."""
        return self.target.kind is TargetKind.FILES if self.strip is None else self.strip

    @field_validator("target", mode="before")
    @classmethod
    def _parse_target(cls, value: object) -> object:
        return checked_target(value)


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """One route of a tunnel: requests whose path is ``prefix`` or below it go to ``target``; the longest prefix wins.

    ``strip`` takes the prefix off; ``rules`` are those for header fields.
    """

    prefix: str
    target: Target
    strip: bool = False
    rules: HeaderRules = PUBLIC_RULES


def shown_routes(routes: Sequence[RouteSettings]) -> str:
    """Return for people where a tunnel leads: ``http://localhost:5173``, or with paths ``/api=http://..., /=...``."""
    if len(routes) == 1 and routes[0].prefix == "/":
        return str(routes[0].target)
    return ", ".join(f"{each.prefix}={each.target}" for each in routes)


def checked_paths(paths: Mapping[str, PathSettings]) -> dict[str, PathSettings]:
    """Return the paths of a tunnel by their prefixes.  Raises what a validator raises."""
    if not 1 <= len(paths) <= PATH_LIMIT:
        raise wrong(f"must be 1 to {PATH_LIMIT} paths")
    routes: dict[str, PathSettings] = {}
    for text, each in paths.items():
        try:
            prefix = checked_prefix(text)
        except ValueError:
            line = f"{printable(text)[:80]} is not a path"
            raise wrong(line, "Begin it with a slash, as in /api, without a query or anything encoded.") from None
        if prefix in routes:
            raise wrong(f"{prefix} is there twice", "A slash at the end makes no difference: keep one of the two.")
        routes[prefix] = each
    return routes
