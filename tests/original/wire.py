"""
The original's messages as it spells them: MessagePack maps, the type first, absent fields left out.

A message is a dict of its fields in order, with ``type`` first. `decode` believes what the original believes: unknown
fields and octets behind the map are ignored, and whatever else is wrong drops the whole message.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

import msgpack

Message = dict[str, Any]

CHUNK: Final = 8192
"""Octets of a body in one message, at most."""

_ID = (str,)
_INT = (int,)
_OCTETS = (bytes,)
_BOOL = (bool,)
_HEADERS = (dict, list)

FIELDS: Final[dict[str, dict[str, tuple[type, ...]]]] = {
    "auth": {"api_key": _ID},
    "auth_ok": {"account_id": _ID, "limits": (dict,)},
    "auth_error": {"error": _ID},
    "tunnel_open": {"tunnel_type": _ID, "local_port": _INT, "subdomain?": _ID, "auth?": _ID},
    "tunnel_ready": {"tunnel_id": _ID, "url": _ID, "subdomain": _ID},
    "tunnel_close": {"tunnel_id": _ID, "reason?": _ID},
    "request_start": {"request_id": _ID, "tunnel_id": _ID, "method": _ID, "path": _ID, "headers": _HEADERS},
    "request_body": {"request_id": _ID, "chunk": _OCTETS, "final": _BOOL},
    "response_start": {"request_id": _ID, "status_code": _INT, "headers": _HEADERS},
    "response_body": {"request_id": _ID, "chunk": _OCTETS},
    "response_end": {"request_id": _ID},
    "ws_upgrade": {"request_id": _ID, "tunnel_id": _ID, "path": _ID, "headers": _HEADERS},
    "ws_upgrade_ok": {"request_id": _ID, "headers": _HEADERS},
    "ws_upgrade_error": {"request_id": _ID, "status_code": _INT, "message": _ID},
    "ws_frame": {"request_id": _ID, "opcode": _INT, "payload": _OCTETS, "fin": _BOOL},
    "ws_close": {"request_id": _ID, "code?": _INT, "reason?": _ID},
    "tcp_open": {"connection_id": _ID, "tunnel_id": _ID, "remote_addr": _ID},
    "tcp_open_ok": {"connection_id": _ID},
    "tcp_open_error": {"connection_id": _ID, "message": _ID},
    "tcp_data": {"connection_id": _ID, "data": _OCTETS},
    "tcp_close": {"connection_id": _ID, "reason?": _ID},
    "ping": {"timestamp": _INT},
    "pong": {"timestamp": _INT},
}
"""What each message has, in the order in which it is written; a question mark makes a field optional."""


def message(type: str, **fields: Any) -> Message:
    """A message with its fields in the original's order, those that are None left out."""
    known = [name.rstrip("?") for name in FIELDS[type]]
    unknown = set(fields) - set(known)
    assert not unknown, f"{type} has no {unknown}"
    return {"type": type, **{name: fields[name] for name in known if fields.get(name) is not None}}


def encode(said: Message) -> bytes:
    """The octets of one message."""
    packed: bytes = msgpack.packb(said, use_bin_type=True)
    return packed


def decode(octets: bytes) -> Message | None:
    """The message, or None where the original drops it."""
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False)
    unpacker.feed(octets)
    try:
        raw = unpacker.unpack()
        said = {_text(name): value for name, value in raw.items()}
        type = _text(said["type"])
        found: Message = {"type": type}
        for spelling, kinds in FIELDS[type].items():
            name = spelling.rstrip("?")
            value = said.get(name)
            if value is not None:
                found[name] = _field(name, value, kinds)
            elif spelling == name:
                return None
    except Exception:  # whatever is wrong with it: the original ignores it
        return None
    return found


def new_id() -> str:
    """What the original's server names exchanges and tunnels with."""
    return secrets.token_hex(16)


def pairs(headers: dict[str, list[str]]) -> list[tuple[str, str]]:
    """The lines of a header section."""
    return [(name, value) for name, values in headers.items() for value in values]


def merged(lines: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Header lines as the dialect has them: equal names under the spelling that came first."""
    spellings: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for name, value in lines:
        spelling = spellings.setdefault(name.lower(), name)
        found.setdefault(spelling, []).append(value)
    return found


def _field(name: str, value: Any, kinds: tuple[type, ...]) -> Any:
    if kinds is _ID:
        return _text(value)
    if kinds is _OCTETS:
        return _octets(value)
    if kinds is _HEADERS:
        if not all(isinstance(values, list) for values in value.values()):
            raise ValueError("a header is not a list")
        return {_text(each): [_text(one) for one in values] for each, values in value.items()}
    if kinds == (dict,):
        return {_text(each): one for each, one in value.items()}
    if type(value) not in kinds:
        raise ValueError(f"{name} has the wrong type")
    if kinds is _INT:
        bits = 63 if name == "timestamp" else 31
        if not -(1 << bits) <= value < 1 << bits:
            raise ValueError(f"{name} is out of range")
    return value


def _octets(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("neither text nor octets")
    return value


def _text(value: Any) -> str:
    return _octets(value).decode("utf-8")
