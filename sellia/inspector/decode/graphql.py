"""GraphQL over HTTP: the operation and its variables, or data and errors of the response."""

import re
from typing import Any, Final

from sellia.inspector.decode.decoded import About, Decoded, json_of, pretty, shortened, textual

_OPERATION: Final = re.compile(r"(?:^|[\s}])(query|mutation|subscription)\b\s*([A-Za-z_]\w*)?")


def decode(data: bytes, about: About) -> Decoded | None:
    """Return a GraphQL request, or the response to one."""
    if about.type == "application/graphql":
        text = textual(data)
        return None if text is None else request({"query": text})
    value = json_of(data)
    if isinstance(value, list) and value and all(_is_request(each) for each in value):
        parts = tuple(request(each) for each in value[:100])
        title = shortened(f"{len(value)} operations: " + ", ".join(part.title for part in parts))
        return Decoded(
            decoder="graphql", title=title, value=value, text="\n\n".join(p.text for p in parts), parts=parts
        )
    if _is_request(value):
        return request(value)
    answers = "graphql" in about.type or "graphql" in about.target or bool(about.query)
    if answers and isinstance(value, dict) and ("data" in value or "errors" in value):
        return response(value)
    return None


def _is_request(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    query = value.get("query")
    if isinstance(query, str) and "{" in query:
        return True
    extensions = value.get("extensions")
    return isinstance(extensions, dict) and "persistedQuery" in extensions


def request(value: dict[str, Any]) -> Decoded:
    """Return an operation: its kind, name, document and variables."""
    query = value.get("query")
    document = query if isinstance(query, str) else ""
    text = document.strip() or "(a persisted query)"
    if value.get("variables"):
        text += "\n\n# variables\n" + pretty(value["variables"])
    return Decoded(
        decoder="graphql", title=shortened(operation(document, value.get("operationName"))), value=value, text=text
    )


def operation(document: str, name: Any = None) -> str:
    """Return what a document does: ``query Cart``, ``mutation``, or its fields where it has neither kind nor name."""
    matches = _OPERATION.findall(re.sub(r"#[^\n]*", "", document[:100_000]))
    for kind, own in matches:
        if own and (not name or own == name):
            return f"{kind} {own}"
    if matches:
        return f"{matches[0][0]} {name}" if isinstance(name, str) and name else matches[0][0]
    return (
        f"query {name}"
        if isinstance(name, str) and name
        else "query " + shortened(document, 80)
        if document
        else "query"
    )


def response(value: dict[str, Any]) -> Decoded:
    """Return data and errors."""
    errors = value.get("errors")
    if isinstance(errors, list) and errors:
        first = errors[0].get("message") if isinstance(errors[0], dict) else errors[0]
        title = f"{len(errors)} error{'' if len(errors) == 1 else 's'}: {first}"
    else:
        data = value.get("data")
        title = "data: " + (", ".join(map(str, data)) if isinstance(data, dict) else "null")
    return Decoded(decoder="graphql", title=shortened(title), value=value, text=pretty(value))
