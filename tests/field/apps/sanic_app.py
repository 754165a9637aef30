"""The application of `tests.field.contract` with Sanic."""

import asyncio
import hashlib
import sys

from sanic import Sanic
from sanic.response import text
from websockets.exceptions import ConnectionClosed

app = Sanic("field")
app.config.REQUEST_MAX_SIZE = 1 << 30
app.config.WEBSOCKET_MAX_SIZE = 1 << 28
LAST = {"closed": "nobody"}


@app.route("/hello", methods=["GET", "HEAD"])
async def hello(request):
    return text("hello")


@app.get("/closed")
async def closed(request):
    return text(LAST["closed"])


@app.post("/digest", stream=True)
async def digest(request):
    length, state = 0, hashlib.sha256()
    async for piece in request.stream:
        length += len(piece)
        state.update(piece)
    return text(f"{length} {state.hexdigest()}")


@app.get("/stream")
async def stream(request):
    response = await request.respond(content_type="text/plain")
    for _ in range(40):
        await asyncio.sleep(0.025)
        await response.send("x" * 20_000)
    await response.eof()


@app.websocket("/echo", subprotocols=["chat"])
async def echo(request, socket):
    try:
        async for message in socket:
            if isinstance(message, str) and message.startswith("close "):
                await socket.close(int(message[6:]), "as asked")
            else:
                await socket.send(message)
    except ConnectionClosed:
        pass
    finally:
        received = socket.ws_proto.close_rcvd
        LAST["closed"] = str(received.code if received else 1006)


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]), single_process=True, motd=False, access_log=False)
