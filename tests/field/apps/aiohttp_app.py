"""The application of `tests.field.contract` with aiohttp."""

import asyncio
import hashlib
import sys

from aiohttp import WSMsgType, web

LAST = {"closed": "nobody"}


async def hello(request):
    return web.Response(text="hello")


async def digest(request):
    length, state = 0, hashlib.sha256()
    async for piece in request.content.iter_any():
        length += len(piece)
        state.update(piece)
    return web.Response(text=f"{length} {state.hexdigest()}")


async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(40):
        await asyncio.sleep(0.025)
        await response.write(b"x" * 20_000)
    await response.write_eof()
    return response


async def echo(request):
    socket = web.WebSocketResponse(protocols=["chat"], max_msg_size=0)
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT and message.data.startswith("close "):
            await socket.close(code=int(message.data[6:]), message=b"as asked")
        elif message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    LAST["closed"] = str(socket.close_code)
    return socket


async def closed(request):
    return web.Response(text=LAST["closed"])


app = web.Application(client_max_size=1 << 30)
app.add_routes([web.get("/hello", hello), web.post("/digest", digest), web.get("/stream", stream)])
app.add_routes([web.get("/echo", echo), web.get("/closed", closed)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
