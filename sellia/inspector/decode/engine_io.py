"""Engine.IO 3 and 4, and Socket.IO in it: on a WebSocket, and polled over HTTP."""

import re
from typing import Any, Final

from sellia.inspector.decode.decoded import (
    PARTS,
    About,
    Decoded,
    bytes_text,
    parse_json,
    pretty,
    shortened,
    string,
    textual,
)

#: Engine.IO's packet types, and Socket.IO's.
ENGINE: Final = ("open", "close", "ping", "pong", "message", "upgrade", "noop")
SOCKET: Final = ("CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK")

_PACKET: Final = re.compile(r"([0-6])(?:(\d{1,9})-)?(?:(/[^,]*),)?(\d{1,18})?(.*)", re.DOTALL)
_COUNTED: Final = re.compile(r"(\d{1,10}):")


def decode(data: bytes, about: About) -> Decoded | None:
    """Return the packets of a message, or of a polled body."""
    if about.binary:
        inside = data[1:] if data[:1] == b"\x04" and "EIO=3" in about.target else data
        shown = {"packet": "message", "bytes": len(inside), "hex": inside[:64].hex(" ")}
        title = f"attachment, {bytes_text(len(inside))}"
        return Decoded(decoder="socket.io", title=title, value=shown, text=pretty(shown))
    text = textual(data)
    if not text:
        return None
    if about.websocket:
        return packet(text)
    parts = tuple(found for each in _split(text)[:PARTS] if (found := packet(each)) is not None)
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    title = shortened(f"{len(parts)} packets: " + ", ".join(part.title for part in parts))
    text = "\n".join(part.text for part in parts)
    return Decoded(decoder="socket.io", title=title, value=[part.value for part in parts], text=text, parts=parts)


def _split(text: str) -> list[str]:
    """Return the packets of a polled body: separated in version 4, counted in version 3."""
    if not _COUNTED.match(text):
        return text.split("\x1e")
    found: list[str] = []
    at = 0
    while (match := _COUNTED.match(text, at)) and len(found) <= PARTS:
        at = match.end() + int(match[1])
        found.append(text[match.end() : at])
    return found


def packet(text: str) -> Decoded | None:
    """Return one packet of Engine.IO."""
    if text[:1] == "b":
        shown: dict[str, Any] = {"packet": "message", "base64": text[1:200], "characters": len(text) - 1}
        return Decoded(decoder="socket.io", title="attachment in base64", value=shown, text=pretty(shown))
    if not text or text[0] not in "0123456":
        return None
    kind, rest = ENGINE[int(text[0])], text[1:]
    if kind == "message":
        return _socket_io(rest)
    value: Any = rest or None
    if kind == "open":
        try:
            value = parse_json(rest)[0]
        except ValueError:
            return None
    shown = {"packet": kind, "data": value}
    return Decoded(
        decoder="engine.io", title=shortened(f"{kind} {string(value)}".strip()), value=shown, text=pretty(shown)
    )


def _socket_io(text: str) -> Decoded:
    match = _PACKET.fullmatch(text)
    if match is None:
        shown: dict[str, Any] = {"packet": "message", "data": text}
        return Decoded(decoder="engine.io", title=shortened(f"message {text}"), value=shown, text=text)
    kind, namespace = SOCKET[int(match[1])], match[3] or "/"
    data: Any = None
    note = ""
    if match[5]:
        try:
            data = parse_json(match[5])[0]
        except ValueError:
            data, note = match[5], "What it carries is not JSON."
    shown = {"packet": kind, "namespace": namespace, "id": int(match[4]) if match[4] else None, "data": data}
    if match[2]:
        shown["attachments"] = int(match[2])
    title = kind
    if kind.endswith("EVENT") and isinstance(data, list) and data:
        title += f" {string(data[0])} " + ", ".join(string(each) for each in data[1:4])
    elif data is not None:
        title += " " + string(data)
    if namespace != "/":
        title += f" in {namespace}"
    return Decoded(decoder="socket.io", title=shortened(title), value=shown, text=pretty(shown), note=note)
