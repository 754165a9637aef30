"""What a decoder makes of bytes, and what it may know of where they come from."""

import json
from typing import Any, Final

import msgspec

#: Characters of a one-line title, depth of values that are shown, and parts that are looked at.
TITLE: Final = 200
DEPTH: Final = 64
PARTS: Final = 1000


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Where bytes come from: a request's body, a response's, or a message of a WebSocket."""

    type: str = ""  #: media type, in lower case, without parameters
    parameters: dict[str, str] = {}  #: those of the media type: ``charset``, ``boundary``
    target: str = ""  #: target of the request
    subprotocol: str = ""
    websocket: bool = False
    binary: bool = False  #: whether a message is one of bytes
    from_visitor: bool = True
    opened: bytes = b""  #: the first message that the visitor sent on the WebSocket, where it tells what is spoken
    query: str = ""  #: the request's GraphQL document, for the response to it
    asked: str = ""  #: media type of the request, for its response


class Decoded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is inside.  Text in it comes from outside: whoever shows it escapes it."""

    decoder: str  #: stable word: ``json``, ``socket.io``, …
    title: str = ""  #: one line that says what it is
    value: Any = None  #: what JSON can say of it
    text: str = ""  #: for reading, over several lines
    note: str = ""  #: what people should know before they believe it
    parts: "tuple[Decoded, ...]" = ()  #: what is inside, one by one


def shortened(text: str, limit: int = TITLE) -> str:
    """Return ``text`` on one line and cut short."""
    line = " ".join(text[: limit * 4].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def textual(data: bytes, charset: str = "utf-8") -> str | None:
    """Return bytes as the text that they are; None where they are none."""
    try:
        text = data.decode(charset or "utf-8")
    except (UnicodeDecodeError, LookupError, ValueError):
        return None
    return text


def parse_json(text: str | bytes) -> tuple[Any, bool]:
    """Return a JSON text's value, and whether a name stands twice in one of its objects.

    Raises ValueError for what is no JSON, is nested too deeply, or has a number with thousands of digits.
    """
    twice = False

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        made = dict(found)
        twice = twice or len(made) < len(found)
        return made

    try:
        value = json.loads(text, object_pairs_hook=pairs)
        json.dumps(value)  # whoever shows it must be able to do that
        return value, twice
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def json_of(data: bytes | str) -> Any:
    """Return the value of a JSON object or array; None for anything else."""
    stripped = data.strip()
    if not stripped or stripped[:1] not in (b"{", b"[", "{", "["):
        return None
    try:
        return parse_json(stripped)[0]
    except ValueError:
        return None


def pretty(value: Any) -> str:
    """Return a value as JSON for reading."""
    try:
        return json.dumps(value, indent=2, ensure_ascii=False)
    except RecursionError:
        return json.dumps(value, ensure_ascii=False)


def bytes_text(count: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{count:,} byte{'' if count == 1 else 's'}"


def plain(value: Any, depth: int = 0) -> Any:
    """Return what MessagePack and others can say as what JSON can: keys are texts, bytes are described."""
    if depth > DEPTH:
        return "…"
    if isinstance(value, dict):
        return {_key(key): plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, depth + 1) for each in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": len(value), "hex": bytes(value[:64]).hex(" ")}
    if isinstance(value, msgspec.msgpack.Ext):
        return {"extension": value.code, **plain(value.data)}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(plain(key), ensure_ascii=False)


def string(value: Any) -> str:
    """Return a value of JSON for a title: a text as it is, nothing for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)[: TITLE * 4]
