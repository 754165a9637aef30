"""STOMP 1.0 to 1.2 over WebSocket."""

from typing import Any, Final

from sellia.inspector.decode.decoded import PARTS, About, Decoded, json_of, pretty, shortened, textual

SUBPROTOCOLS: Final = frozenset({"v10.stomp", "v11.stomp", "v12.stomp", "stomp"})

_COMMANDS: Final = frozenset(
    """
    CONNECT STOMP CONNECTED SEND SUBSCRIBE UNSUBSCRIBE ACK NACK BEGIN COMMIT ABORT DISCONNECT MESSAGE RECEIPT ERROR
    """.split()
)
_ESCAPES: Final = {"\\c": ":", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}


def decode(data: bytes, about: About) -> Decoded | None:
    """Return a frame: its command, headers and body; a line break alone is a heartbeat."""
    if data in (b"\n", b"\r\n"):
        return Decoded(decoder="stomp", title="heartbeat", value={"command": "heartbeat"})
    text = textual(data)
    if text is None:
        return None
    head, separator, body = text.lstrip("\r\n").replace("\r\n", "\n").partition("\n\n")
    lines = head.split("\n", PARTS)
    if not separator or lines[0] not in _COMMANDS:
        return None
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, told = line.partition(":")
        headers.setdefault(_unescaped(name), _unescaped(told))
    body = body.rstrip("\n").removesuffix("\0")
    inner = json_of(body)
    value: dict[str, Any] = {"command": lines[0], "headers": headers, "body": body if inner is None else inner}
    where = headers.get("destination") or headers.get("message") or headers.get("host") or headers.get("id") or ""
    title = shortened(" ".join(filter(None, (lines[0], where, body))))
    return Decoded(
        decoder="stomp", title=title, value=value, text=f"{head}\n\n{body if inner is None else pretty(inner)}"
    )


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    out, at = [], 0
    while at < len(text):
        pair = text[at : at + 2]
        out.append(_ESCAPES.get(pair, text[at]))
        at += 2 if pair in _ESCAPES else 1
    return "".join(out)
