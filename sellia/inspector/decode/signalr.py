"""SignalR's hub protocol, as JSON and as MessagePack (ASP.NET Core, ``HubProtocol.md``)."""

from typing import Any, Final

from sellia.inspector.decode.decoded import PARTS, About, Decoded, json_of, plain, pretty, shortened, string
from sellia.inspector.decode.msgpack import value_of

TYPES: Final = {
    1: "Invocation",
    2: "StreamItem",
    3: "Completion",
    4: "StreamInvocation",
    5: "CancelInvocation",
    6: "Ping",
    7: "Close",
    8: "Ack",
    9: "Sequence",
}

#: What the fields of a message are in MessagePack, where they are an array: headers, invocation id, and so on.
_FIELDS: Final = {
    1: ("headers", "invocationId", "target", "arguments", "streamIds"),
    2: ("headers", "invocationId", "item"),
    3: ("headers", "invocationId", "kind", "result"),
    4: ("headers", "invocationId", "target", "arguments", "streamIds"),
    5: ("headers", "invocationId"),
    6: (),
    7: ("error", "allowReconnect"),
    8: ("sequenceId",),
    9: ("sequenceId",),
}

_SEPARATOR: Final = b"\x1e"


def speaks(opened: bytes) -> bool:
    """Whether the first message on a socket is SignalR's handshake."""
    return opened.endswith(_SEPARATOR) and opened.startswith(b"{") and b'"protocol"' in opened[:200]


def decode(data: bytes, about: About) -> Decoded | None:
    """Return the messages in one message of the WebSocket."""
    values = _texts(data) if data.endswith(_SEPARATOR) else _packed(data)
    if not values:
        return None
    parts = tuple(_message(value) for value in values[:PARTS])
    if len(parts) == 1:
        return parts[0]
    title = shortened(f"{len(parts)} messages: " + ", ".join(part.title for part in parts))
    text = "\n".join(part.text for part in parts)
    return Decoded(decoder="signalr", title=title, value=[part.value for part in parts], text=text, parts=parts)


def _texts(data: bytes) -> list[dict[str, Any]]:
    values = [json_of(each) for each in data.split(_SEPARATOR)[:-1]]
    return values if all(isinstance(value, dict) for value in values) else []


def _packed(data: bytes) -> list[dict[str, Any]]:
    """Return the messages of MessagePack, each behind its length (a varint)."""
    found: list[dict[str, Any]] = []
    at = 0
    while at < len(data) and len(found) <= PARTS:
        size = shift = 0
        for at in range(at, min(at + 5, len(data))):  # noqa: B020
            size |= (data[at] & 0x7F) << shift
            shift += 7
            if data[at] < 0x80:
                break
        else:
            return []
        body = data[at + 1 : at + 1 + size]
        if len(body) < size or not body:
            return []
        try:
            value = value_of(body)
        except ValueError:
            return []
        if not isinstance(value, list) or not value or value[0] not in _FIELDS:
            return []
        names = _FIELDS[value[0]]
        found.append({"type": value[0], **dict(zip(names, map(plain, value[1:]), strict=False))})
        at += 1 + size
    return found


def _message(value: dict[str, Any]) -> Decoded:
    number = value.get("type")
    kind = TYPES.get(number, "") if isinstance(number, int) else ""
    if not kind:
        kind = "Handshake"
    title = kind
    if "target" in value:
        arguments = value.get("arguments")
        shown = ", ".join(string(each) for each in arguments[:4]) if isinstance(arguments, list) else ""
        title += f" {string(value['target'])}({shown})"
    for name in ("protocol", "item", "result", "error"):
        if value.get(name) is not None:
            title += f" {string(value[name])}"
    if value.get("invocationId") is not None:
        title += f" #{string(value['invocationId'])}"
    return Decoded(decoder="signalr", title=shortened(title), value=value, text=pretty(value))
