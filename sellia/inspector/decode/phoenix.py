"""Phoenix channels: the serializers of version 1 (objects) and 2 (arrays, and binary pushes)."""

from typing import Any, Final

from sellia.inspector.decode.decoded import About, Decoded, bytes_text, json_of, pretty, shortened, string

_NAMES = ("join_ref", "ref", "topic", "event", "payload")

#: Kinds of binary messages, with the texts in front of their bytes.
_FIELDS: Final[dict[int, tuple[str, tuple[str, ...]]]] = {
    0: ("push", ("join_ref", "ref", "topic", "event")),
    1: ("reply", ("join_ref", "ref", "topic", "status")),
    2: ("broadcast", ("topic", "event")),
}


def decode(data: bytes, about: About) -> Decoded | None:
    """Return a message: its topic, event, reference and payload."""
    if about.binary:
        return _binary(data, about.from_visitor)
    value = json_of(data)
    if isinstance(value, list) and len(value) == 5 and isinstance(value[2], str) and isinstance(value[3], str):
        value = dict(zip(_NAMES, value, strict=True))
    elif not (isinstance(value, dict) and {"topic", "event", "payload"} <= value.keys()):
        return None
    return _shown(value)


def _shown(value: dict[str, Any]) -> Decoded:
    payload = value["payload"]
    event = string(value["event"])
    if event == "phx_reply" and isinstance(payload, dict):
        event += f" {string(payload.get('status'))}"
        payload = payload.get("response")
    title = f"{string(value['topic'])} {event}" + (f" {string(payload)}" if payload else "")
    return Decoded(decoder="phoenix", title=shortened(title), value=value, text=pretty(value))


def _binary(data: bytes, from_visitor: bool) -> Decoded | None:
    """Return a binary push, reply or broadcast: its kind, the sizes of its texts, the texts, and bytes."""
    if not data or data[0] not in _FIELDS:
        return None
    kind, names = _FIELDS[data[0]]
    if kind == "push" and not from_visitor:
        names = ("join_ref", "topic", "event")  # what a server pushes is not answered
    sizes, at = data[1 : 1 + len(names)], 1 + len(names)
    if len(sizes) < len(names) or at + sum(sizes) > len(data):
        return None
    value: dict[str, Any] = {"kind": kind}
    for name, size in zip(names, sizes, strict=True):
        value[name] = data[at : at + size].decode("utf-8", "backslashreplace")
        at += size
    value["payload"] = {"bytes": len(data) - at, "hex": data[at : at + 64].hex(" ")}
    title = f"{kind} {value['topic']} {value.get('event', value.get('status', ''))}, {bytes_text(len(data) - at)}"
    return Decoded(decoder="phoenix", title=shortened(title), value=value, text=pretty(value))
