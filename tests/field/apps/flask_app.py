"""The application of `tests.field.contract` with Flask, its development server and Flask-Sock."""

import hashlib
import sys
import time

from flask import Flask, Response, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed

app = Flask(__name__)
app.config["SOCK_SERVER_OPTIONS"] = {"subprotocols": ["chat"], "max_message_size": None}
sock = Sock(app)
LAST = {"closed": "nobody"}


@app.get("/hello")
def hello():
    return "hello"


@app.get("/closed")
def closed():
    return LAST["closed"]


@app.post("/digest")
def digest():
    length, state = 0, hashlib.sha256()
    while data := request.stream.read(65536):
        length += len(data)
        state.update(data)
    return f"{length} {state.hexdigest()}"


@app.get("/stream")
def stream():
    def pieces():
        for _ in range(40):
            time.sleep(0.025)
            yield b"x" * 20_000

    return Response(pieces())


@sock.route("/echo")
def echo(socket):
    try:
        while True:
            message = socket.receive()
            if isinstance(message, str) and message.startswith("close "):
                socket.close(int(message[6:]), "as asked")
            else:
                socket.send(message)
    except ConnectionClosed as end:
        LAST["closed"] = str(int(end.reason))
        raise


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
