"""HAR 1.2 of exchanges, with Chrome's ``_webSocketMessages``, and of HAR files exchanges.

Need
    Every developer tool reads and writes HAR, so it is the way to take traffic along, and to look at what others saw.

Invariants
    * What is written is read back as the same exchanges: heads, bodies byte for byte, messages, times.
    * What HAR cannot say is in fields that begin with ``_``, as the format has it; what is redacted cannot come back.

Bounds
    Reading: ``FILE_LIMIT`` bytes and ``ENTRIES`` entries; bodies and timelines under the store's bounds.  A file is not
    believed: whatever has another type than it should is left out, and what is wrong with a whole entry is said.
"""

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from sellia.errors import SelliaError
from sellia.inspector.decode.content import content_of
from sellia.inspector.decode.sockets import Readers
from sellia.inspector.exchange import Exchange, cost_of_head, new_exchange
from sellia.inspector.model import Body, End
from sellia.inspector.redaction import redacted_headers, redacted_target
from sellia.inspector.shapes import cause_of, end_of, field_of, host_of
from sellia.inspector.store import Store
from sellia.inspector.timeline import Timeline
from sellia.protocol.messages import Headers
from sellia.text import printable

#: Bytes of a file that is read, and its entries.
FILE_LIMIT: Final = 256 << 20
ENTRIES: Final = 100_000

#: Kinds of exchanges that HAR can say.
KINDS: Final = ("http", "websocket")


class HarError(SelliaError):
    """A file that is no HAR; the message says why."""


# --- writing -------------------------------------------------------------------------------------------------


def har(exchanges: Iterable[Exchange], version: str, redact: bool = True, scheme: str = "https") -> dict[str, Any]:
    """Return a HAR file's contents; ``scheme`` is that of the public URLs."""
    readers = Readers()
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "Sellia", "version": version, "comment": "redacted" if redact else ""},
            "pages": [],
            "entries": [entry(each, redact, scheme, readers) for each in exchanges if each.kind in KINDS],
        }
    }


def entry(exchange: Exchange, redact: bool, scheme: str, readers: Readers) -> dict[str, Any]:
    """Return one exchange as an entry."""
    ended = exchange.ended if exchange.ended is not None else exchange.started
    made: dict[str, Any] = {
        "startedDateTime": _date(exchange.started),
        "time": (ended - exchange.started) * 1000,
        "request": _request(exchange, redact, scheme),
        "response": _response(exchange, redact),
        "cache": {},
        "timings": _timings(exchange, ended),
        "_id": exchange.id,
        "_tunnel": exchange.tunnel,
        "_visitor": exchange.visitor,
        "_end": end_of(exchange),
        "_cause": cause_of(exchange),
    }
    if exchange.kind == "websocket":
        made["_resourceType"] = "websocket"
        made["_webSocketMessages"] = list(_messages(exchange, readers))
        gap = exchange.timeline.gap if exchange.timeline is not None else None
        if gap is not None:
            made["comment"] = f"{gap.frames} frames were left out."
    return made


def _request(exchange: Exchange, redact: bool, scheme: str) -> dict[str, Any]:
    headers = redacted_headers(exchange.request_headers) if redact else exchange.request_headers
    target = redacted_target(exchange.target) if redact else exchange.target
    named = target.decode("latin-1")
    secure = scheme == "https"
    spelled = ("wss" if secure else "ws") if exchange.kind == "websocket" else scheme
    url = named if "://" in named[:16] else f"{spelled}://{host_of(exchange)}{named}"
    made: dict[str, Any] = {
        "method": exchange.method.decode("latin-1"),
        "url": url,
        "httpVersion": f"HTTP/1.{exchange.minor}",
        "cookies": _cookies(headers, b"cookie"),
        "headers": _pairs(headers),
        "queryString": [_pair(name, value) for name, value in parse_qsl(urlsplit(url).query, True)],
        "headersSize": sum(len(name) + len(value) + 4 for name, value in headers) or -1,
        "bodySize": exchange.request_body.length,
    }
    if exchange.request_body.length:
        made["postData"] = _post_data(exchange)
    return made


def _post_data(exchange: Exchange) -> dict[str, Any]:
    data = bytes(exchange.request_body.data)
    made: dict[str, Any] = {"mimeType": field_of(exchange.request_headers, b"content-type") or "", "params": []}
    text = _text(data)
    if text is None:
        made |= {"text": b64encode(data).decode(), "encoding": "base64"}
    else:
        made["text"] = text
    if exchange.request_body.truncated:
        made["comment"] = f"{exchange.request_body.length - len(data)} bytes were not kept."
    return made


def _response(exchange: Exchange, redact: bool) -> dict[str, Any]:
    headers = redacted_headers(exchange.response_headers) if redact else exchange.response_headers
    body = exchange.response_body
    found = content_of(body, exchange.response_headers)
    content: dict[str, Any] = {
        "size": len(found.data),
        "mimeType": field_of(exchange.response_headers, b"content-type") or "x-unknown",
    }
    if body.length:
        text = _text(found.data)
        content |= {"text": b64encode(found.data).decode(), "encoding": "base64"} if text is None else {"text": text}
        if len(found.data) != body.length or found.problem:
            content["compression"] = len(found.data) - body.length
            content["_wire"] = b64encode(bytes(body.data)).decode()
        if found.truncated or found.problem:
            content["comment"] = found.problem or f"{body.length - len(body.data)} bytes were not kept."
    return {
        "status": exchange.status or 0,
        "statusText": exchange.reason.decode("latin-1"),
        "httpVersion": "HTTP/1.1",
        "cookies": _cookies(headers, b"set-cookie"),
        "headers": _pairs(headers),
        "content": content,
        "redirectURL": field_of(headers, b"location") or "",
        "headersSize": sum(len(name) + len(value) + 4 for name, value in headers) or -1,
        "bodySize": body.length,
        "_error": _error(exchange),
    }


def _error(exchange: Exchange) -> str | None:
    end = exchange.end
    return str(end.code) if end is not None and isinstance(end.code, str) else None


def _timings(exchange: Exchange, ended: float) -> dict[str, Any]:
    sent = exchange.sent if exchange.sent is not None else exchange.started
    answered = exchange.answered if exchange.answered is not None else ended
    return {
        "blocked": (sent - exchange.started) * 1000,
        "dns": -1,
        "connect": -1,
        "ssl": -1,
        "send": 0,
        "wait": max(0.0, (answered - sent) * 1000),
        "receive": max(0.0, (ended - answered) * 1000),
    }


def _messages(exchange: Exchange, readers: Readers) -> Iterator[dict[str, Any]]:
    """Return messages as Chrome does: type, time, opcode, data; control frames too."""
    if exchange.timeline is None:
        return
    for message in exchange.timeline.messages():
        found = readers.content(exchange, message)
        text = _text(found.data) if message.opcode == 1 else None
        made: dict[str, Any] = {
            "type": "send" if message.from_visitor else "receive",
            "time": message.at,
            "opcode": message.opcode,
            "data": b64encode(found.data).decode() if text is None else text,
            "_bytes": message.length,
        }
        if text is None and message.opcode == 1:
            made["_encoding"] = "base64"
        if found.problem or found.truncated:
            made["_problem"] = found.problem or "Not all of it was kept."
        yield made


def _pairs(headers: Headers) -> list[dict[str, str]]:
    return [_pair(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _pair(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def _cookies(headers: Headers, wanted: bytes) -> list[dict[str, str]]:
    found = []
    for name, value in headers:
        if name.lower() == wanted:
            pieces = value.decode("latin-1").split(";")
            for piece in pieces[:1] if wanted == b"set-cookie" else pieces:
                key, _, told = piece.strip().partition("=")
                found.append(_pair(key, told))
    return found


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


# --- reading -------------------------------------------------------------------------------------------------


def read(data: bytes, store: Store) -> tuple[list[Exchange], list[str]]:
    """Put the exchanges of a HAR file into a store; return them, and what is wrong with entries that were left out.

    Raises HarError for what is no HAR at all.
    """
    if len(data) > FILE_LIMIT:
        raise HarError(f"The file has {len(data):,} bytes; up to {FILE_LIMIT:,} are read.")
    try:
        log = json.loads(data)["log"]
        entries = log["entries"]
        if not isinstance(entries, list):
            raise TypeError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise HarError("This is no HAR file: it is not JSON with log.entries.") from None
    if len(entries) > ENTRIES:
        raise HarError(f"The file has {len(entries):,} entries; up to {ENTRIES:,} are read.")
    made: list[Exchange] = []
    wrong: list[str] = []
    for at, each in enumerate(entries):
        try:
            made.append(_exchange(each, store))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, Base64Error) as error:
            if len(wrong) < 100:
                wrong.append(f"Entry {at + 1} was left out: {printable(str(error), 100)}.")
    return made, wrong


def _exchange(told: dict[str, Any], store: Store) -> Exchange:
    request, response = told["request"], told["response"]
    url = str(request["url"])
    websocket = url.startswith(("ws://", "wss://")) or told.get("_resourceType") == "websocket"
    host, target = _split(url)
    if "_tunnel" not in told:
        target = target.partition("#")[0]
    headers = _headers(request)
    if field_of(headers, b"host") is None:
        headers.insert(0, (b"Host", host.encode("latin-1", "backslashreplace")))
    started = datetime.fromisoformat(str(told["startedDateTime"])).timestamp()
    exchange = new_exchange(
        store.next_number(),
        "websocket" if websocket else "http",
        origin="import",
        tunnel=str(told.get("_tunnel") or ""),
        visitor=str(told.get("_visitor") or ""),
        method=str(request["method"]).encode("latin-1", "replace"),
        target=target.encode("latin-1", "backslashreplace"),
        minor=0 if request.get("httpVersion") == "HTTP/1.0" else 1,
        request_headers=headers,
        started=started,
    )
    _answer(exchange, response, store.kept_limit)
    _times(exchange, told)
    _fill(exchange.request_body, _post(request), request.get("bodySize"), started, store.kept_limit)
    if websocket:
        _read_messages(exchange, told.get("_webSocketMessages"), store)
    end = told.get("_end")
    if isinstance(end, dict) and end.get("by") in ("visitor", "service", "sellia"):
        code = end.get("code")
        exchange.end = End(end["by"], code if isinstance(code, int | str) else None, str(end.get("reason") or ""))
    else:
        exchange.end = End("service", str(response["_error"]) if response.get("_error") else None)
    exchange.cost += len(exchange.request_body.data) + len(exchange.response_body.data)
    exchange.cost += cost_of_head(exchange.response_headers)
    store.add(exchange)
    store.over(exchange)
    return exchange


def _split(url: str) -> tuple[str, str]:
    """Return the host and the target of a URL, the latter as it is written."""
    if not url.partition("://")[1]:
        raise ValueError("its address is no URL")
    rest = url.partition("://")[2]
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    target = rest[len(host) :]
    return host.rpartition("@")[2], target if target.startswith("/") else f"/{target}"


def _answer(exchange: Exchange, response: dict[str, Any], limit: int) -> None:
    status = int(response.get("status") or 0)
    exchange.status = status if 100 <= status <= 999 else None
    exchange.reason = str(response.get("statusText") or "").encode("latin-1", "replace")
    exchange.response_headers = _headers(response)
    content = response.get("content")
    if not isinstance(content, dict):
        return
    if isinstance(content.get("_wire"), str):
        data = b64decode(content["_wire"])
    else:
        data = _decoded(content.get("text"), content.get("encoding"))
        # Developer tools write what they have decoded, so it is not what the coding says any more.
        kept = [each for each in exchange.response_headers if each[0].lower() != b"content-encoding"]
        exchange.response_headers = kept
    _fill(exchange.response_body, data, response.get("bodySize"), exchange.started, limit)


def _times(exchange: Exchange, told: dict[str, Any]) -> None:
    timings = told.get("timings")
    found = {name: _milliseconds(timings, name) for name in ("blocked", "wait")} if isinstance(timings, dict) else {}
    exchange.sent = exchange.started + found.get("blocked", 0.0)
    exchange.answered = exchange.sent + found.get("wait", 0.0) if exchange.status is not None else None
    exchange.ended = exchange.started + _milliseconds(told, "time")


def _milliseconds(told: dict[str, Any], name: str) -> float:
    """Return a time in seconds; zero for one that is not known."""
    value = told.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return 0.0
    return value / 1000


def _headers(told: dict[str, Any]) -> Headers:
    listed = told.get("headers")
    found = []
    for each in listed if isinstance(listed, list) else []:
        name, value = str(each["name"]), str(each["value"])
        if name and not name.startswith(":"):
            found.append((name.encode("latin-1", "backslashreplace"), value.encode("latin-1", "backslashreplace")))
    return found


def _post(request: dict[str, Any]) -> bytes:
    told = request.get("postData")
    return _decoded(told.get("text"), told.get("encoding")) if isinstance(told, dict) else b""


def _decoded(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str):
        return b""
    return b64decode(text) if encoding == "base64" else text.encode("utf-8", "surrogatepass")


def _fill(body: Body, data: bytes, length: Any, at: float, limit: int) -> None:
    if data:
        body.add(data, at, limit)
    if isinstance(length, int) and length > body.length:
        body.length = length


def _read_messages(exchange: Exchange, told: Any, store: Store) -> None:
    exchange.timeline = line = Timeline(limit=store.timeline_limit, message_limit=store.kept_limit)
    for each in told if isinstance(told, list) else []:
        opcode = int(each["opcode"])
        if opcode not in (1, 2, 8, 9, 10):
            raise ValueError(f"there is no opcode {opcode}")
        plain = opcode == 1 and each.get("_encoding") != "base64"
        data = _decoded(each.get("data"), None if plain else "base64")
        line.add(float(each["time"]), each["type"] == "send", 0x80 | opcode, data)
    exchange.cost += line.cost
