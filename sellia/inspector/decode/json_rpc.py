"""JSON-RPC 2.0, and the Model Context Protocol in it."""

from typing import Any, Final

from sellia.inspector.decode.decoded import About, Decoded, json_of, pretty, shortened, string

_MCP: Final = frozenset(
    """
    initialize ping tools/list tools/call resources/list resources/read resources/templates/list resources/subscribe
    resources/unsubscribe prompts/list prompts/get completion/complete logging/setLevel sampling/createMessage
    roots/list elicitation/create tasks/get tasks/result tasks/list tasks/cancel
    """.split()
)


def decode(data: bytes, about: About) -> Decoded | None:
    """Return a request, notification or response, or a batch of them."""
    value = json_of(data)
    if isinstance(value, list):
        if not value or not all(_is_rpc(each) for each in value):
            return None
        parts = tuple(message(each, about) for each in value[:100])
        title = shortened(f"{len(value)} messages: " + ", ".join(part.title for part in parts))
        return Decoded(decoder=parts[0].decoder, title=title, value=value, text=pretty(value), parts=parts)
    return message(value, about) if _is_rpc(value) else None


def _is_rpc(value: Any) -> bool:
    return isinstance(value, dict) and value.get("jsonrpc") == "2.0"


def message(value: dict[str, Any], about: About) -> Decoded:
    """Return one message."""
    method, number = value.get("method"), value.get("id")
    mcp = _is_mcp(value, about)
    if isinstance(method, str):
        title = method
        params = value.get("params")
        if mcp and method == "tools/call" and isinstance(params, dict):
            title += f" {string(params.get('name'))} {string(params.get('arguments'))}"
        elif mcp and isinstance(params, dict) and ("uri" in params or "name" in params):
            title += f" {string(params.get('uri', params.get('name')))}"
        elif params:
            title += f" {string(params)}"
        title += f" #{string(number)}" if number is not None else ", a notification"
    elif "error" in value:
        error = value["error"]
        told = f"{error.get('code')} {error.get('message')}" if isinstance(error, dict) else string(error)
        title = f"error #{string(number)}: {told}"
    else:
        title = f"result #{string(number)}: {_result(value.get('result'))}"
    return Decoded(decoder="mcp" if mcp else "json-rpc", title=shortened(title), value=value, text=pretty(value))


def _is_mcp(value: dict[str, Any], about: About) -> bool:
    method, result = value.get("method"), value.get("result")
    if isinstance(method, str) and (method in _MCP and method != "ping" or method.startswith("notifications/")):
        return True
    if isinstance(result, dict) and ("protocolVersion" in result or "tools" in result):
        return True
    return about.target.partition("?")[0].rstrip("/").endswith("/mcp")


def _result(result: Any) -> str:
    """Return a result for a title: the text of a tool's answer, the names of tools, or all of it."""
    if isinstance(result, dict):
        content = result.get("content")
        if isinstance(content, list):
            texts = [str(each.get("text", each.get("type"))) for each in content[:5] if isinstance(each, dict)]
            return ("failed: " if result.get("isError") else "") + ", ".join(texts)
        tools = result.get("tools")
        if isinstance(tools, list):
            return "tools " + ", ".join(str(each.get("name")) for each in tools[:20] if isinstance(each, dict))
    return string(result)
