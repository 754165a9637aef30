"""OpenAPI 3.1 description of the admin API, made from the table of routes and the models in it."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from sellia import __version__
from sellia.problems import (
    ALREADY_EXISTS,
    BODY_TOO_LARGE,
    CONFLICT,
    FORBIDDEN,
    IDEMPOTENCY_KEY_REUSED,
    INTERNAL,
    INVALID_VALUE,
    KEY_REQUIRED,
    NO_SUCH_THING,
    OVERLOADED,
    RATE_LIMITED,
    STILL_IN_USE,
    STILL_UNDER_WAY,
    UNSUPPORTED_MEDIA_TYPE,
)
from sellia.server.admin.answers import JSON, PROBLEM_JSON, status_of
from sellia.server.admin.idempotency import KEY_LIMIT
from sellia.server.admin.reports import Model, ProblemReport
from sellia.server.admin.routes import SEGMENT_LIMIT, Route, Scope

_DESCRIPTION: Final = (
    "Accounts, keys, names, limits and sessions of one Sellia server. Errors are problem details (RFC 9457), with a "
    "stable word in `error` that docs/errors.rst explains. Lists come in pages: give the `next` of one as the `cursor` "
    "of the next request. A write with an `Idempotency-Key` is done once, however often it is sent. Scripts show their "
    "key; the page's sign-in gives a browser a cookie that stands for one, and what it changes must have its `Origin`."
)

_REFERENCE: Final = "#/components/schemas/{model}"
_SECURITY: Final = "key"


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the document."""
    models: list[type[Model]] = [ProblemReport]
    for route in routes:
        models += [each for each in (route.body, route.answer) if each is not None]
    unique = list(dict.fromkeys(models))
    _, schemas = models_json_schema([(each, "validation") for each in unique], ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sellia admin API",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {_SECURITY: {"type": "http", "scheme": "bearer", "description": "A key of the server."}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {str(route.status): _success(route), **_problems(route)},
        "security": [] if route.scope is Scope.NOBODY else [{_SECURITY: []}],
    }
    if route.scope in (Scope.READ, Scope.WRITE):
        operation["x-scope"] = route.scope.value
        operation["x-own"] = route.own
    if route.once:
        operation["parameters"].append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same for requests that are one and the same write.",
                "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LIMIT, "pattern": "^[!-~]+$"},
            }
        )
    if route.body is not None:
        schema = {"$ref": _REFERENCE.format(model=route.body.__name__)}
        operation["requestBody"] = {"required": True, "content": {JSON.decode(): {"schema": schema}}}
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1, "maxLength": SEGMENT_LIMIT}
    return [{"name": each, "in": "path", "required": True, "schema": schema} for each in route.parameters]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema(ref_template=_REFERENCE)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": each.get("description", ""),
            "schema": _without_null({key: value for key, value in each.items() if key != "description"}),
        }
        for name, each in schema["properties"].items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an optional parameter: in a query, what is not there cannot be null."""
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) != 1:
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf" and not (key == "default" and value is None)}
    return {**choices[0], **rest}


def _success(route: Route) -> dict[str, Any]:
    if route.answer is not None:
        schema: dict[str, Any] = {"$ref": _REFERENCE.format(model=route.answer.__name__)}
        return {"description": "Done.", "content": {JSON.decode(): {"schema": schema}}}
    if route.media_type:
        return {"description": "Done.", "content": {route.media_type: {}}}
    return {"description": "Done; there is nothing to say."}


def _problems(route: Route) -> dict[str, Any]:
    """Return the errors of a call by status, each with the words that it may have."""
    found = [*route.problems, RATE_LIMITED, OVERLOADED, INTERNAL]
    if route.scope is not Scope.NOBODY:
        found += [KEY_REQUIRED, FORBIDDEN]
    if route.body is not None or route.query is not None or route.once:
        found.append(INVALID_VALUE)
    if route.body is not None:
        found += [UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE]
    if route.once:
        found += [IDEMPOTENCY_KEY_REUSED, STILL_UNDER_WAY, ALREADY_EXISTS, CONFLICT, STILL_IN_USE]
    if route.parameters:
        found.append(NO_SUCH_THING)
    by_status: dict[int, list[str]] = {}
    for each in found:
        words = by_status.setdefault(status_of(each), [])
        if each.code not in words:
            words.append(each.code)
    content = {PROBLEM_JSON.decode(): {"schema": {"$ref": _REFERENCE.format(model=ProblemReport.__name__)}}}
    answers: dict[str, Any] = {
        str(status): {"description": "Refused: " + ", ".join(f"`{each}`" for each in words), "content": content}
        for status, words in sorted(by_status.items())
    }
    answers["default"] = {"description": "Refused, for another reason of docs/errors.rst.", "content": content}
    return answers
