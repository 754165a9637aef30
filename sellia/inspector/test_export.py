"""Tests that are made of exchanges: a file for pytest (httpx, websockets), and one for Node (``node:test``, fetch, ws).

Need
    "This request worked yesterday" becomes a file that says so every day: it sends the same, and asserts what was seen.

Invariants
    * What is asserted is what a service says by itself: status, media type, ``Location``, and the body: JSON as a value
      (its own order and spacing mean nothing), text and bytes as they were.  Fields that differ each time are not.
    * A body that was not kept whole is asserted by its beginning; one that was redacted is not asserted at all.
    * A WebSocket's test sends the visitor's messages in order, and expects those of the service in order.

Bounds
    ``EXCHANGES`` of them, and ``MESSAGES`` of each WebSocket.

Designs not chosen
    *Comparing the time*: a test that fails because a machine is busy is soon ignored.
"""

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final, Literal

from sellia.inspector.decode.content import response_content
from sellia.inspector.decode.decoded import parse_json
from sellia.inspector.decode.sockets import Readers
from sellia.inspector.exchange import Exchange
from sellia.inspector.outgoing import Outgoing, outgoing, text_headers
from sellia.inspector.shapes import field_of, media_type
from sellia.inspector.snippets import js_bytes

Framework = Literal["pytest", "node"]

#: Exchanges in one file, and messages of one WebSocket.
EXCHANGES: Final = 200
MESSAGES: Final = 1000

_NAME: Final = re.compile(r"[^a-z0-9]+")


def test_file(exchanges: Sequence[Exchange], framework: Framework, base: str, redact: bool = True) -> str:
    """Return a test file; ``base`` is the service or tunnel to test, which an environment variable can replace.

    Raises ValueError where there is nothing to test.
    """
    chosen = [each for each in exchanges if each.kind in ("http", "websocket")][:EXCHANGES]
    if not chosen:
        raise ValueError("there is no request and no WebSocket among them")
    return _pytest(chosen, base, redact) if framework == "pytest" else _node(chosen, base, redact)


def _names(exchanges: Sequence[Exchange]) -> list[str]:
    """Return a name for each test: what is asked, and its place where there are several."""
    found = []
    for at, exchange in enumerate(exchanges):
        path = exchange.target.partition(b"?")[0].decode("latin-1").lower()
        words = _NAME.sub("_", f"{exchange.method.decode('latin-1').lower()} {path}").strip("_")[:60]
        found.append(f"{at + 1}_{words}" if len(exchanges) > 1 else words or "request")
    return found


def _expected(exchange: Exchange) -> tuple[str, Any]:
    """Return how a body is compared, and with what: ``json``, ``text``, ``bytes``, ``begin``, or nothing."""
    if exchange.method == b"HEAD" or exchange.status in (204, 304):
        return "", None
    found = response_content(exchange)
    if found.problem or found.truncated:
        return ("begin", found.data[:1000]) if found.data and not found.problem else ("", None)
    kind = media_type(exchange.response_headers) or ""
    if "json" in kind:
        try:
            return "json", parse_json(found.data)[0]
        except ValueError:
            pass
    try:
        return "text", found.data.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes", found.data


def _messages(exchange: Exchange) -> list[tuple[bool, int, bytes]]:
    """Return the data messages of a WebSocket, up to where one is missing: whose, its opcode, its content."""
    found: list[tuple[bool, int, bytes]] = []
    readers = Readers()
    line = exchange.timeline
    gap = line.gap.begin if line is not None and line.gap is not None else -1
    for message in line.messages() if line is not None else []:
        if 0 <= gap <= message.number or len(found) == MESSAGES:
            break
        if message.opcode not in (1, 2) or not message.complete:
            continue
        content = readers.content(exchange, message)
        if content.truncated or content.problem:
            break
        found.append((message.from_visitor, message.opcode, content.data))
    return found


# --- pytest --------------------------------------------------------------------------------------------------

_PYTEST: Final = '''"""Made by Sellia of what visitors asked and a service answered.

pip install pytest httpx websockets
"""

import os
from base64 import b64decode

import httpx
from websockets.sync.client import connect

BASE = os.environ.get("BASE_URL", {base})
WEBSOCKETS = BASE.replace("http", "ws", 1)
'''


def _pytest(exchanges: Sequence[Exchange], base: str, redact: bool) -> str:
    parts = [_PYTEST.format(base=py(base.rstrip("/")))]
    for name, exchange in zip(_names(exchanges), exchanges, strict=True):
        asked = outgoing(exchange, "base:", redact)
        path = asked.url.removeprefix("base:")
        write = _py_socket if asked.websocket else _py_request
        parts.append(f"\n\ndef test_{name}():\n" + "\n".join(f"    {line}" for line in write(exchange, asked, path)))
    text = "".join(parts) + "\n"
    if "connect(" not in text.partition("WEBSOCKETS =")[2]:
        text = text.replace("from websockets.sync.client import connect\n", "")
        text = text.replace('WEBSOCKETS = BASE.replace("http", "ws", 1)\n', "").replace(" httpx websockets", " httpx")
    if "httpx.request(" not in text:
        text = text.replace("import httpx\n", "")
    if "b64decode(" not in text:
        text = text.replace("from base64 import b64decode\n", "")
    return text


def py(value: Any) -> str:
    """Return a value as Python writes it, without a character that an editor would hide or act on."""
    if isinstance(value, bytes):
        if len(value) > 200:
            return f'b64decode("{b64encode(value).decode()}")'
        return repr(value)
    return ascii(value)


def _py_request(exchange: Exchange, asked: Outgoing, path: str) -> list[str]:
    lines = ["response = httpx.request(", f"    {py(asked.method)},", f"    BASE + {py(path)},"]
    if asked.headers:
        lines.append("    headers=[")
        lines += [f"        ({name!r}, {value!r})," for name, value in asked.headers]
        lines.append("    ],")
    if asked.body:
        lines.append(f"    content={py(asked.body)},")
    lines += ["    timeout=30,", ")", f"assert response.status_code == {exchange.status}"]
    kind = media_type(exchange.response_headers)
    if kind:
        told = f'response.headers.get("content-type", "").partition(";")[0].strip().lower() == {py(kind)}'
        lines.append(f"assert {told}")
    location = field_of(exchange.response_headers, b"location")
    if location and not redacts(location):
        lines.append(f'assert response.headers.get("location") == {py(location)}')
    how, what = _expected(exchange)
    compared = {
        "json": "response.json() ==",
        "text": "response.content.decode() ==",
        "bytes": "response.content ==",
    }
    if how == "begin":
        lines.append(f"assert response.content.startswith({py(what)})")
    elif how:
        lines.append(f"assert {compared[how]} {py(what)}")
    return lines


def redacts(location: str) -> bool:
    """Whether a Location holds what differs each time or is secret."""
    from sellia.inspector.redaction import redacted_target

    raw = location.encode("utf-8", "replace")
    return redacted_target(raw) != raw


def _py_socket(exchange: Exchange, asked: Outgoing, path: str) -> list[str]:
    headers = text_headers([each for each in asked.headers if each[0].lower() not in (b"user-agent", b"origin")])
    options = [f"additional_headers={ascii(headers)}"] if headers else []
    origin = field_of(asked.headers, b"origin")
    if origin:
        options.append(f"origin={py(origin)}")
    if asked.subprotocols:
        options.append(f"subprotocols={py(asked.subprotocols)}")
    told = "".join(f", {each}" for each in options)
    lines = [f"with connect(WEBSOCKETS + {py(path)}{told}) as websocket:"]
    for from_visitor, opcode, data in _messages(exchange):
        value = py(data.decode("utf-8", "replace")) if opcode == 1 else py(data)
        lines.append(f"    websocket.send({value})" if from_visitor else f"    assert websocket.recv(30) == {value}")
    if len(lines) == 1:
        lines.append("    websocket.ping().wait(30)")
    return lines


# --- Node ----------------------------------------------------------------------------------------------------

_NODE: Final = """// Made by Sellia of what visitors asked and a service answered.
// node --test FILE (WebSockets: npm install ws)

import assert from "node:assert/strict";
import test from "node:test";
import WebSocket from "ws";

const BASE = process.env.BASE_URL ?? {base};
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
"""

_RECEIVER: Final = """
// Messages of a WebSocket, one after the other.
async function open(path, protocols, options) {
  const socket = new WebSocket(BASE.replace("http", "ws") + path, protocols, options);
  const waiting = [], come = [];
  const tell = (each) => (waiting.length ? waiting.shift()(each) : come.push(each));
  socket.on("message", (data, binary) => tell(binary ? new Uint8Array(data) : data.toString()));
  socket.on("close", (code) => tell(new Error(`closed with ${code}`)));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const next = () => (come.length ? Promise.resolve(come.shift()) : new Promise((resolve) => waiting.push(resolve)));
  return { socket, next };
}
"""


def _node(exchanges: Sequence[Exchange], base: str, redact: bool) -> str:
    head = _NODE.format(base=json.dumps(base.rstrip("/")))
    sockets = any(each.kind == "websocket" for each in exchanges)
    if not sockets:
        head = head.replace('import WebSocket from "ws";\n', "").replace(" (WebSockets: npm install ws)", "")
    parts = [head, _RECEIVER if sockets else ""]
    for name, exchange in zip(_names(exchanges), exchanges, strict=True):
        asked = outgoing(exchange, "base:", redact)
        path = asked.url.removeprefix("base:")
        lines = (_js_socket if asked.websocket else _js_request)(exchange, asked, path)
        told = "\n".join(f"  {line}" for line in lines)
        parts.append(f"\ntest({json.dumps(name)}, {{ timeout: 60_000 }}, async () => {{\n{told}\n}});\n")
    text = "".join(parts)
    if "bytes(" not in text.partition("const bytes =")[2].partition("\n")[2]:
        text = re.sub(r"const bytes = .*\n", "", text)
    return text


def _js(value: Any) -> str:
    return f'bytes("{b64encode(value).decode()}")' if isinstance(value, bytes) else json.dumps(value)


def _js_request(exchange: Exchange, asked: Outgoing, path: str) -> list[str]:
    lines = [
        f"const response = await fetch(BASE + {_js(path)}, {{",
        f"  method: {_js(asked.method)},",
        '  redirect: "manual",',
    ]
    if asked.headers:
        lines.append("  headers: [")
        lines += [f"    [{_js(name)}, {_js(value)}]," for name, value in text_headers(asked.headers)]
        lines.append("  ],")
    if asked.body:
        lines.append(f"  body: {js_bytes(asked.body)},")
    lines += ["});", f"assert.equal(response.status, {exchange.status});"]
    kind = media_type(exchange.response_headers)
    if kind:
        told = '(response.headers.get("content-type") ?? "").split(";")[0].trim().toLowerCase()'
        lines.append(f"assert.equal({told}, {_js(kind)});")
    location = field_of(exchange.response_headers, b"location")
    if location and not redacts(location):
        lines.append(f'assert.equal(response.headers.get("location"), {_js(location)});')
    how, what = _expected(exchange)
    if how == "json":
        lines.append(f"assert.deepEqual(await response.json(), {_js(what)});")
    elif how == "text" and not what.startswith("\ufeff"):
        lines.append(f"assert.equal(await response.text(), {_js(what)});")
    elif how:
        data = what.encode() if isinstance(what, str) else what
        lines.append("const body = new Uint8Array(await response.arrayBuffer());")
        begun = f".slice(0, {len(data)})" if how == "begin" else ""
        lines.append(f"assert.deepEqual(body{begun}, {_js(data)});")
    return lines


def _js_socket(exchange: Exchange, asked: Outgoing, path: str) -> list[str]:
    headers: dict[str, Any] = {}
    for name, value in text_headers(asked.headers):
        headers[name] = [*headers[name], value] if name in headers else [value]
    options = {"headers": {name: each[0] if len(each) == 1 else each for name, each in headers.items()}}
    protocols = _js(asked.subprotocols)
    lines = [f"const {{ socket, next }} = await open({_js(path)}, {protocols}, {json.dumps(options)});"]
    for from_visitor, opcode, data in _messages(exchange):
        value = _js(data.decode("utf-8", "replace")) if opcode == 1 else _js(data)
        lines.append(f"socket.send({value});" if from_visitor else f"assert.deepEqual(await next(), {value});")
    lines.append("socket.close();")
    return lines
