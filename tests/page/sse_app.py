"""An ASGI application with server-sent events, for uvicorn: three at once, one more when ``/more`` is asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

_readers: set[asyncio.Queue[int]] = set()


Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8")]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve one request."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/more":
        for each in _readers:
            each.put_nowait(4)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    reader: asyncio.Queue[int] = asyncio.Queue()
    _readers.add(reader)
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    for number in (1, 2, 3):
        await send({"type": "http.response.body", "body": event(number), "more_body": True})
    left = asyncio.ensure_future(receive_until_left(receive))
    while not left.done():
        more = asyncio.ensure_future(reader.get())
        await asyncio.wait({left, more}, return_when=asyncio.FIRST_COMPLETED)
        if more.done():
            await send({"type": "http.response.body", "body": event(more.result()), "more_body": True})
        else:
            more.cancel()
    _readers.discard(reader)


async def receive_until_left(receive: Receive) -> None:
    """Return when the visitor has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def event(number: int) -> bytes:
    """Return an event."""
    return f"event: tick\nid: {number}\ndata: {json.dumps({'number': number})}\n\n".encode()
