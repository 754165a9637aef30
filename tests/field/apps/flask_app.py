"""The HTTP part of the application of `tests.field.contract` with Flask and its development server."""

import hashlib
import sys
import time

from flask import Flask, Response, request

app = Flask(__name__)


@app.get("/hello")
def hello():
    return "hello"


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


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
