"""The application of `tests.field.contract` with Tornado."""

import asyncio
import hashlib
import sys

from tornado import web, websocket

LAST = {"closed": "nobody"}


class Hello(web.RequestHandler):
    """Say hello."""

    def get(self):
        self.write("hello")

    head = get


@web.stream_request_body
class Digest(web.RequestHandler):
    """Take a body in pieces."""

    def prepare(self):
        self.length, self.state = 0, hashlib.sha256()

    def data_received(self, piece):
        self.length += len(piece)
        self.state.update(piece)

    def post(self):
        self.write(f"{self.length} {self.state.hexdigest()}")


class Stream(web.RequestHandler):
    """Answer in pieces."""

    async def get(self):
        for _ in range(40):
            await asyncio.sleep(0.025)
            self.write(b"x" * 20_000)
            await self.flush()


class Closed(web.RequestHandler):
    """Tell how the last visitor closed."""

    def get(self):
        self.write(LAST["closed"])


class Echo(websocket.WebSocketHandler):
    """Send back what comes."""

    def select_subprotocol(self, offered):
        return offered[0] if offered else None

    def on_message(self, message):
        if isinstance(message, str) and message.startswith("close "):
            self.close(int(message[6:]), "as asked")
        else:
            self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self):
        LAST["closed"] = str(self.close_code)


async def main():
    routes = [("/hello", Hello), ("/digest", Digest), ("/stream", Stream), ("/closed", Closed), ("/echo", Echo)]
    app = web.Application(routes, websocket_max_message_size=1 << 28)
    app.listen(int(sys.argv[1]), "127.0.0.1", max_body_size=1 << 30)
    await asyncio.Event().wait()


asyncio.run(main())
