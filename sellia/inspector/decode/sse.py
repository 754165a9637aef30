"""Server-sent events (``text/event-stream``, HTML Standard 9.2.6)."""

from typing import Any

from sellia.inspector.decode import json_rpc
from sellia.inspector.decode.decoded import PARTS, About, Decoded, json_of, pretty, shortened


def decode(data: bytes, about: About) -> Decoded | None:
    """Return the events of a stream, as far as it has come, with the JSON in them."""
    text = data.decode("utf-8", "backslashreplace").removeprefix("\ufeff")
    events = events_of(text)
    if not events:
        return None
    note = ""
    if len(events) > PARTS:
        note, events = f"{len(events) - PARTS} more events are left out.", events[:PARTS]
    parts = tuple(_event(event, about) for event in events)
    title = f"{len(parts)} event{'' if len(parts) == 1 else 's'}: " + ", ".join(part.title for part in parts[:10])
    text = "\n\n".join(part.text for part in parts)
    return Decoded(decoder="sse", title=shortened(title), value=events, text=text, note=note, parts=parts)


def events_of(text: str) -> list[dict[str, Any]]:
    """Return the events that are complete, each with its fields; comments and what is unknown are left out."""
    events: list[dict[str, Any]] = []
    event: dict[str, Any] = {}
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if not line:
            if lines:
                events.append({**event, "data": "\n".join(lines)})
            event, lines = {}, []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            lines.append(value)
        elif name in ("event", "id", "retry"):
            event[name] = value
    return events


def _event(event: dict[str, Any], about: About) -> Decoded:
    data = event["data"]
    inner = json_of(data)
    rpc = json_rpc.decode(data.encode("utf-8", "replace"), about)
    name = str(event.get("event", "message"))
    title = f"{name} {rpc.title if rpc is not None else shortened(data, 80)}"
    shown = "".join(f"{key}: {event[key]}\n" for key in ("event", "id", "retry") if key in event)
    text = shown + "data: " + (data if inner is None else pretty(inner))
    value = {**event, "data": data if inner is None else inner}
    return Decoded(decoder="sse", title=shortened(title), value=value, text=text, parts=() if rpc is None else (rpc,))
