"""Events of a client as JSON, one object a line, for programs: ``sellia http --json``.

Need
    A script wants to know the URL, what visitors did and how it ended, without reading prose.  It relies on names, so
    fields are only ever added, never renamed or dropped; ``events.schema.json`` beside this module is the contract.

How
    ``FIELDS`` has the fields of each event, and :func:`schema` makes the JSON Schema of them.  Every object has
    ``event``, ``time`` (RFC 3339, in UTC) and ``tunnel`` (a name, or null where the event concerns no single tunnel).

Bounds
    Of each exchange that is under way, the visitor's address is kept until its end, so as many as there are streams.
    Text is ASCII with escapes, so nothing in it can break a line or a terminal.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from sellia.client.events import (
    VISITS,
    Connected,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    LinkBack,
    LinkLost,
    Problem,
    Reconnecting,
    Refused,
    RequestFinished,
    RequestRefused,
    RequestStarted,
    RequestWaiting,
    ResponseStreaming,
    ServerStopping,
    TunnelClosed,
    UnderWay,
    WebSocketClosed,
    WebSocketOpened,
    WebSocketRefused,
)
from sellia.why.cause import PARTIES

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_SECONDS: Final = {"type": "number", "minimum": 0}
_BOOLEAN: Final = {"type": "boolean"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_NUMBER_OR_NULL: Final = {"type": ["integer", "null"]}

#: Why something has ended; null where it has ended plainly well.
_CAUSE: Final = {
    "anyOf": [
        {
            "type": "object",
            "properties": {
                "id": _TEXT,
                "who": {"enum": list(PARTIES)},
                "what": _TEXT,
                "sentence": _TEXT,
                "remedy": _TEXT,
                "evidence": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
            },
            "required": ["id", "who", "what", "sentence", "remedy", "evidence"],
        },
        {"type": "null"},
    ]
}

#: What is open when a client closes, in the order of `UnderWay`.
_COUNTED: Final = ("requests", "websockets", "connections")

_REQUEST: Final = {"id": _COUNT, "method": _TEXT, "target": _TEXT, "visitor": _TEXT_OR_NULL}

#: The fields of each event, besides ``event``, ``time`` and ``tunnel``, with their JSON Schema.
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "open": {
        "url": _TEXT,
        "urls": {"type": "array", "items": _TEXT},
        "target": _TEXT,
        "inspector": _TEXT_OR_NULL,
    },
    "tunnel_closed": {"url": _TEXT},
    "request": {
        **_REQUEST,
        "status": _NUMBER_OR_NULL,
        "seconds": _SECONDS,
        "bytes_in": _COUNT,
        "bytes_out": _COUNT,
        "error": _TEXT_OR_NULL,
        "declined_upgrade": _TEXT_OR_NULL,
        "cause": _CAUSE,
    },
    "request_waiting": {**_REQUEST, "seconds": _SECONDS},
    "request_streaming": {**_REQUEST, "status": _COUNT, "seconds": _SECONDS, "bytes_out": _COUNT},
    "request_refused": {
        "method": _TEXT,
        "target": _TEXT,
        "visitor": _TEXT,
        "status": _COUNT,
        "code": _TEXT,
        "message": _TEXT,
        "websocket": _BOOLEAN,
        "suppressed": _COUNT,
        "cause": _CAUSE,
    },
    "websocket_open": {"id": _COUNT, "target": _TEXT, "visitor": _TEXT, "subprotocol": _TEXT_OR_NULL},
    "websocket_refused": {
        "id": _COUNT,
        "target": _TEXT,
        "visitor": _TEXT_OR_NULL,
        "status": _COUNT,
        "error": _TEXT_OR_NULL,
        "cause": _CAUSE,
    },
    "websocket_close": {
        "id": _COUNT,
        "target": _TEXT,
        "by": {"enum": ["visitor", "service", "sellia"]},
        "code": _NUMBER_OR_NULL,
        "reason": _TEXT,
        "frames_in": _COUNT,
        "bytes_in": _COUNT,
        "frames_out": _COUNT,
        "bytes_out": _COUNT,
        "seconds": _SECONDS,
        "visitor": _TEXT_OR_NULL,
        "cause": _CAUSE,
    },
    "connection_open": {"id": _COUNT, "visitor": _TEXT},
    "connection_close": {
        "id": _COUNT,
        "visitor": _TEXT,
        "by": {"enum": ["visitor", "service", "sellia"]},
        "code": _TEXT_OR_NULL,
        "reason": _TEXT,
        "bytes_in": _COUNT,
        "bytes_out": _COUNT,
        "seconds": _SECONDS,
        "cause": _CAUSE,
    },
    "link_lost": {"reason": _TEXT, "cause": _CAUSE},
    "link_back": {
        "seconds": _SECONDS,
        "attempts": _COUNT,
        "resumed": _BOOLEAN,
        "ended": _COUNT,
        "resent_messages": _COUNT,
        "resent_bytes": _COUNT,
    },
    "refused": {"code": _TEXT, "message": _TEXT, "final": _BOOLEAN, "cause": _CAUSE},
    "server_stopping": {"seconds": _SECONDS},
    "problem": {"message": _TEXT, "cause": _CAUSE},
    "closing": {"requests": _COUNT, "websockets": _COUNT, "connections": _COUNT, "seconds": _SECONDS},
    "closed": {"status": _COUNT},
}


def schema() -> dict[str, Any]:
    """The JSON Schema of one line, which allows fields that are not known yet."""
    common = {"time": {"type": "string", "format": "date-time"}, "tunnel": _TEXT_OR_NULL}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of sellia http --json",
        "oneOf": [
            {
                "type": "object",
                "properties": {"event": {"const": name}, **common, **fields},
                "required": ["event", *common, *fields],
            }
            for name, fields in FIELDS.items()
        ],
    }


class JsonPrinter:
    """A listener that writes each event as a line of JSON.  ``wall_clock`` gives seconds since the epoch.

    ``quiet`` leaves out what visitors do.
    """

    #: Whether the user has read why the server will not have this client: a line says it.
    told_refusal = False

    #: URL of the client's inspector, with its token; empty if there is none.
    inspector = ""

    def __init__(self, stream: TextIO, wall_clock: Callable[[], float] = time.time, *, quiet: bool = False) -> None:
        self._stream = stream
        self._wall_clock = wall_clock
        self._quiet = quiet
        self._visitors: dict[int, str] = {}

    def notify(self, event: Event) -> None:
        if self._quiet and isinstance(event, VISITS):
            return
        if isinstance(event, RequestStarted):
            self._visitors[event.id] = event.visitor
        elif not isinstance(event, Reconnecting):
            name, fields = self._fields(event)
            if "cause" in FIELDS[name]:
                cause = getattr(event, "cause", None)
                fields["cause"] = cause.as_json() if cause is not None else None
            self._write(name, fields, getattr(event, "tunnel", "") or None)

    def begin(self, client: object) -> None:
        """Nothing: lines come as they come."""

    def restore(self) -> None:
        """Nothing: there is no terminal."""

    def closing(self, under_way: UnderWay, seconds: float) -> None:
        """Report what the client waits for before it ends."""
        self._write("closing", {**dict(zip(_COUNTED, under_way, strict=False)), "seconds": seconds}, None)

    def say(self, text: str, style: str = "") -> None:
        """Report a failure of our own; what only concerns a person at a terminal (``dim``) is left out."""
        if style != "dim":
            self._write("problem", {"message": text, "cause": None}, None)

    def ended(self, status: int) -> None:
        """Report the end of the command, and its exit status."""
        self._write("closed", {"status": status}, None)

    def _write(self, name: str, fields: dict[str, Any], tunnel: str | None) -> None:
        moment = datetime.fromtimestamp(self._wall_clock(), UTC).isoformat(timespec="milliseconds")
        line = {"event": name, "time": moment.replace("+00:00", "Z"), "tunnel": tunnel, **fields}
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()

    def _fields(self, event: Event) -> tuple[str, dict[str, Any]]:
        match event:
            case Connected():
                urls = [event.url, *event.more]
                told = {"url": event.url, "urls": urls, "target": event.service}
                return "open", {**told, "inspector": self.inspector or None}
            case TunnelClosed():
                return "tunnel_closed", {"url": event.url}
            case RequestFinished():
                return "request", {
                    **self._request(event, self._visitors.pop(event.id, None)),
                    **_attributes(event, "status", "seconds", "bytes_in", "bytes_out", "error"),
                    "declined_upgrade": event.declined or None,
                }
            case RequestWaiting():
                return "request_waiting", {**self._request(event, event.visitor), "seconds": event.seconds}
            case ResponseStreaming():
                visitor = self._visitors.get(event.id)
                return "request_streaming", {
                    **self._request(event, visitor),
                    **_attributes(event, "status", "seconds", "bytes_out"),
                }
            case RequestRefused():
                fields = _attributes(event, "method", "target", "visitor", "status", "message", "websocket")
                return "request_refused", {**fields, "code": event.word, "suppressed": event.suppressed}
            case WebSocketOpened():
                return "websocket_open", _attributes(event, "id", "target", "visitor", "subprotocol")
            case WebSocketRefused():
                fields = _attributes(event, "id", "target", "status", "error")
                return "websocket_refused", {**fields, "visitor": self._visitors.pop(event.id, None)}
            case WebSocketClosed():
                names = [name for name in FIELDS["websocket_close"] if name not in ("visitor", "cause")]
                return "websocket_close", {
                    **_attributes(event, *names),
                    "visitor": self._visitors.pop(event.id, None),
                }
            case ConnectionOpened():
                return "connection_open", _attributes(event, "id", "visitor")
            case ConnectionClosed():
                names = [name for name in FIELDS["connection_close"] if name != "cause"]
                return "connection_close", _attributes(event, *names)
            case LinkLost():
                return "link_lost", {"reason": event.reason}
            case LinkBack():
                fields = _attributes(event, "attempts", "resumed", "ended", "resent_messages", "resent_bytes")
                return "link_back", {"seconds": event.after, **fields}
            case ServerStopping():
                return "server_stopping", {"seconds": event.seconds}
            case Refused():
                self.told_refusal = self.told_refusal or event.final
                return "refused", {"code": event.word, "message": event.message, "final": event.final}
            case Problem():
                return "problem", {"message": event.message}
        raise TypeError(f"an event without a form in JSON: {event!r}")

    def _request(self, event: RequestFinished | RequestWaiting | ResponseStreaming, visitor: str | None) -> Any:
        return {"id": event.id, "method": event.method, "target": event.target, "visitor": visitor}


def _attributes(event: Event, *names: str) -> dict[str, Any]:
    return {name: getattr(event, name) for name in names}
