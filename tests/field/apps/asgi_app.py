"""The application of `tests.field.contract` as plain ASGI, without any framework."""

import asyncio
import hashlib

LAST = {"closed": "nobody"}


async def answer(send, body, *, more=None):
    headers = [(b"content-type", b"text/plain")]
    if more is None:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if more is None:
        await send({"type": "http.response.body", "body": body})
        return
    for number in range(more):
        await send({"type": "http.response.body", "body": body, "more_body": number < more - 1})
        await asyncio.sleep(0.025)


async def digest(receive):
    length, state, more = 0, hashlib.sha256(), True
    while more:
        event = await receive()
        length += len(event.get("body", b""))
        state.update(event.get("body", b""))
        more = event.get("more_body", False)
    return f"{length} {state.hexdigest()}".encode()


async def echo(scope, receive, send):
    await receive()
    offered = scope.get("subprotocols") or [None]
    await send({"type": "websocket.accept", "subprotocol": offered[0]})
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            LAST["closed"] = f"{event.get('code')}"
            return
        text = event.get("text")
        if text and text.startswith("close "):
            await send({"type": "websocket.close", "code": int(text[6:]), "reason": "as asked"})
            return
        message = {"type": "websocket.send", "text": text}
        await send({"type": "websocket.send", "bytes": event["bytes"]} if text is None else message)


async def lifespan(receive, send):
    while True:
        event = await receive()
        await send({"type": event["type"] + ".complete"})
        if event["type"] == "lifespan.shutdown":
            return


async def app(scope, receive, send):
    """Answer one request or WebSocket."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await echo(scope, receive, send)
    elif scope["path"] == "/digest":
        await answer(send, await digest(receive))
    elif scope["path"] == "/stream":
        await answer(send, b"x" * 20_000, more=40)
    elif scope["path"] == "/closed":
        await answer(send, LAST["closed"].encode())
    else:
        await answer(send, b"hello")
