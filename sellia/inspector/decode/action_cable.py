"""Action Cable, of Rails: commands, confirmations, pings, and messages of channels."""

from typing import Any, Final

from sellia.inspector.decode.decoded import About, Decoded, json_of, pretty, shortened, string

SUBPROTOCOLS: Final = frozenset({"actioncable-v1-json", "actioncable-unsupported", "actioncable-v1-ext-json"})

_TYPES: Final = frozenset(
    {"welcome", "ping", "confirm_subscription", "reject_subscription", "disconnect", "pong", "confirm_history"}
)


def decode(data: bytes, about: About) -> Decoded | None:
    """Return a message, with the identifier and data that are JSON inside of it."""
    value = json_of(data)
    if not isinstance(value, dict):
        return None
    if value.get("type") not in _TYPES and "command" not in value and not {"identifier", "message"} <= value.keys():
        return None
    shown: dict[str, Any] = {}
    for name, each in value.items():
        inner = json_of(each) if isinstance(each, str) and name in ("identifier", "data") else None
        shown[name] = each if inner is None else inner
    identifier = shown.get("identifier")
    channel = identifier.get("channel") if isinstance(identifier, dict) else identifier
    what = string(shown.get("command") or shown.get("type") or "message")
    told = shown.get("data", shown.get("message", shown.get("reason")))
    title = " ".join(filter(None, (what, string(channel), string(told))))
    return Decoded(decoder="action-cable", title=shortened(title), value=shown, text=pretty(shown))
