"""
What Sellia is compared with: nginx, a bare twisted.web Site, and Autobahn's echo server.

The two in Python are run as ``python -m bench.yardsticks site|autobahn PORT``. Both set TCP_NODELAY and do nothing else
to be faster or slower than they come.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.processes import Process, ProcessError, free_port, start_python

HELLO = b"hello world"

DOWNLOADS = {"/1g": 1 << 30, "/128m": 128 << 20}
"""Files that nginx serves, and their sizes. They are holes: reading them costs no disk."""

_NGINX_CONF = """
daemon off;
master_process off;
{user}
pid {root}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 15000; }}
worker_rlimit_nofile 20000;
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {root}/files;
        location = / {{ default_type text/plain; return 200 "hello world"; }}
    }}
}}
"""


class Nginx:
    """nginx with one worker, "hello world" at ``/`` and the `DOWNLOADS`. A context manager."""

    def __init__(self) -> None:
        self.executable = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if self.executable is None:
            raise ProcessError("nginx is not installed: apt-get install nginx-light")
        self._directory = tempfile.TemporaryDirectory(prefix="sellia-bench-")

    def __enter__(self) -> Process:
        root = Path(self._directory.name)
        (root / "files").mkdir()
        for path, size in DOWNLOADS.items():
            with open(root / "files" / path[1:], "wb") as file:
                file.truncate(size)
        port = free_port()
        user = "user root;" if root.owner() == "root" else ""
        (root / "nginx.conf").write_text(_NGINX_CONF.format(root=root, port=port, user=user))
        assert self.executable is not None
        self._process = Process([self.executable, "-p", root, "-c", root / "nginx.conf"], name="nginx", port=port)
        try:
            self._process.wait_for_port()
        except BaseException:
            self.__exit__()
            raise
        return self._process

    def __exit__(self, *error: object) -> None:
        self._process.stop()
        self._directory.cleanup()


def start_yardstick(kind: str) -> Process:
    """``site`` or ``autobahn``, ready."""
    return _started("bench.yardsticks", kind)


def start_service() -> Process:
    """`bench.service`, ready."""
    return _started("bench.service")


def _started(module: str, *arguments: str) -> Process:
    port = free_port()
    process = start_python("-m", module, *arguments, str(port), name=" ".join((module, *arguments)), port=port)
    try:
        process.wait_for_port()
    except BaseException:
        process.stop()
        raise
    return process


def serve_site(port: int) -> None:
    """A bare twisted.web Site with one resource, without an access log."""
    from twisted.internet import reactor
    from twisted.web.resource import Resource
    from twisted.web.server import Request, Site

    class Hello(Resource):
        isLeaf = True

        def render_GET(self, request: Request) -> bytes:
            request.setHeader(b"content-type", b"text/plain")
            return HELLO

    reactor.listenTCP(port, Site(Hello()), backlog=4096, interface="127.0.0.1")
    reactor.run()


def serve_autobahn(port: int) -> None:
    """Autobahn's echo server, without Nagle's delay and without debug logging, which would cost a factor of three."""
    import txaio

    txaio.use_twisted()
    from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
    from twisted.internet import reactor

    class Echo(WebSocketServerProtocol):
        def connectionMade(self) -> None:
            super().connectionMade()
            self.transport.setTcpNoDelay(True)

        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            self.sendMessage(payload, isBinary)

    txaio.start_logging(level="warn")
    factory = WebSocketServerFactory()
    factory.protocol = Echo
    reactor.listenTCP(port, factory, backlog=4096, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    {"site": serve_site, "autobahn": serve_autobahn}[sys.argv[1]](int(sys.argv[2]))
