"""The HTTP part of the application of `tests.field.contract` as plain WSGI."""

import hashlib
import time


def pieces():
    for _ in range(40):
        time.sleep(0.025)
        yield b"x" * 20_000


def app(environ, start_response):
    """Answer one request."""
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return pieces()
    body = b"hello"
    if path == "/digest":
        length, state = 0, hashlib.sha256()
        while data := environ["wsgi.input"].read(65536):
            length += len(data)
            state.update(data)
        body = f"{length} {state.hexdigest()}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body] if environ["REQUEST_METHOD"] != "HEAD" else []
