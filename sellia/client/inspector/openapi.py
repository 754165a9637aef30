"""OpenAPI 3.1 description of the inspector's API, made of the table of its endpoints."""

import re
from typing import Any, Final

import msgspec

import sellia
from sellia.client.inspector.table import Endpoint, Table

_PROBLEM: Final = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong, in a sentence."},
        "error": {"type": "string", "description": "Stable code of what was wrong."},
    },
    "required": ["type", "title", "status", "detail", "error"],
}

#: What any request may be answered with: 400 and 403 by the guard, 401 without a token, 429 after too many wrong ones.
_ALWAYS: Final = (400, 401, 403, 413, 429)


def described(table: Table, shapes: dict[str, Any]) -> dict[str, Any]:
    """Return the description; ``shapes`` are the schemas that answers refer to by ``#/components/schemas/NAME``."""
    bodies = [each.body for each in table.endpoints if each.body is not None]
    _, components = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    paths: dict[str, Any] = {}
    for each in table.endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sellia inspector",
            "version": sellia.__version__,
            "description": "What passes through the tunnels of one client, on the machine that it runs on.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM, **shapes, **components},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The token of the URL that was printed."},
                "token": {"type": "apiKey", "in": "query", "name": "token"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "sellia_inspector_PORT"},
                "password": {"type": "http", "scheme": "basic", "description": "inspector.password, if there is one."},
            },
        },
        "security": [{"bearer": []}, {"token": []}, {"cookie": []}, {"password": []}],
    }


def _operation(each: Endpoint) -> dict[str, Any]:
    words = re.findall(r"[A-Za-z]+", each.path.removeprefix("/api/"))
    operation: dict[str, Any] = {
        "operationId": each.method.lower() + "".join(word.capitalize() for word in words),
        "summary": each.about,
        "responses": {str(each.status): _answer(each), **{str(status): _FAILED for status in (*_ALWAYS, *each.fails)}},
    }
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", each.path)
    ]
    parameters += [
        {
            "name": parameter.name,
            "in": "query",
            "required": parameter.required,
            "description": parameter.about,
            "schema": dict(parameter.schema),
        }
        for parameter in each.query
    ]
    if parameters:
        operation["parameters"] = parameters
    if each.body is not None:
        reference = {"$ref": f"#/components/schemas/{each.body.__name__}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
    return operation


_FAILED: Final = {
    "description": "It was refused, or failed.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _answer(each: Endpoint) -> dict[str, Any]:
    if each.status == 204:
        return {"description": "Done."}
    if isinstance(each.answer, str):
        return {"description": "The content.", "content": {each.answer: {}}}
    return {"description": "The answer.", "content": {"application/json": {"schema": dict(each.answer)}}}
