"""HAProxy in front of a listener that asks for the PROXY protocol, in both versions: TCP goes through as it is.

Once with the very file in ``conf/`` that people are given; what is changed for the test is what it says may be changed.
"""

from __future__ import annotations

import socket
import ssl
import tempfile
from functools import cache
from pathlib import Path

from tests.e2e.case import EndToEndTests, watched
from tests.e2e.fronts import DOMAIN, certificate, replaced
from tests.e2e.recorder import Recorder
from tests.e2e.stage import program
from tests.processes import ROOT, Process, answers, free_port, start_client, start_twistd

NAME = "proxied"
VISITOR = "127.9.8.7"
"""Where visitors come from: the proxy itself is at 127.0.0.1."""

_CONFIG = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend one
    bind 127.0.0.1:{one}
    default_backend one
frontend two
    bind 127.0.0.1:{two}
    default_backend two
backend one
    server sellia 127.0.0.1:{server} send-proxy
backend two
    server sellia 127.0.0.1:{server} send-proxy-v2 proxy-v2-options unique-id,crc32c
"""


@cache
def recorder() -> Recorder:
    """The service."""
    return Recorder()


@cache
def proxied_port() -> int:
    """The port of a server's listener that asks for the PROXY protocol, with a tunnel to the service."""
    proxied, plain = free_port(), free_port()
    config = Path(tempfile.mkdtemp()) / "server.yaml"
    config.write_text(
        f"listen: ['tcp:{plain}:interface=127.0.0.1', 'haproxy:tcp:{proxied}:interface=127.0.0.1']\n"
        "open: true\nhandshake_timeout: 1\nhttps: true\n"
    )
    server = watched(start_twistd("sellia-server", "--config", str(config), port=plain))
    server.wait_for(lambda: answers(plain), "an answer of the server")
    watched(start_client(plain, recorder().port, NAME))
    return proxied


@cache
def haproxy() -> tuple[int, int]:
    """HAProxy's ports: behind the first it sends headers of version 1, behind the second of version 2."""
    one, two = free_port(), free_port()
    config = Path(tempfile.mkdtemp()) / "haproxy.cfg"
    config.write_text(_CONFIG.format(one=one, two=two, server=proxied_port()))
    process = Process([program("haproxy"), "-f", str(config), "-db"], name="haproxy")
    process.wait_for_port(one)
    process.wait_for_port(two)
    return one, two


@cache
def https_port() -> int:
    """Where HAProxy does TLS with ``conf/haproxy.cfg``."""
    home = Path(tempfile.mkdtemp())
    https, http = free_port(), free_port()
    cert, key = certificate()
    (home / "sellia.pem").write_text(cert.read_text() + key.read_text())
    changes = {
        "bind :443 ssl crt /etc/haproxy/sellia.pem": f"bind 127.0.0.1:{https} ssl crt {home}/sellia.pem",
        "bind :80\n": f"bind 127.0.0.1:{http}\n",
        "server sellia 127.0.0.1:3000": f"server sellia 127.0.0.1:{proxied_port()}",
    }
    config = home / "haproxy.cfg"
    config.write_text(replaced((ROOT / "conf" / "haproxy.cfg").read_text(), changes))
    process = Process([program("haproxy"), "-f", str(config), "-db"], name="haproxy")
    process.wait_for_port(https)
    return https


def ask(port: int, data: bytes, source: str = VISITOR) -> bytes:
    """All that comes back for these octets, from this address."""
    with socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0)) as connection:
        connection.sendall(data)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {NAME}.localhost\r\nConnection: close\r\n\r\n".encode()


class ProxyProtocolTests(EndToEndTests):
    def test_the_service_learns_who_it_is(self) -> None:
        for number, port in enumerate(haproxy(), 1):
            path = f"/version-{number}"
            self.assertTrue(ask(port, get(path)).startswith(b"HTTP/1.1 200 "))
            [exchange] = recorder().exchanges(path)
            self.assertEqual(exchange.header("X-Forwarded-For"), VISITOR)

    def test_the_file_that_people_are_given(self) -> None:
        """With TLS at HAProxy: the visitor's address reaches the service, and what he says of himself does not."""
        context = ssl.create_default_context(cafile=str(certificate()[0]))
        context.set_alpn_protocols(["h2", "http/1.1"])
        where = ("127.0.0.1", https_port())
        with socket.create_connection(where, timeout=10, source_address=(VISITOR, 0)) as connection:
            with context.wrap_socket(connection, server_hostname=f"{NAME}.{DOMAIN}") as secure:
                self.assertEqual(secure.selected_alpn_protocol(), "http/1.1")
                names = [f"X-Forwarded-{word}" for word in ("For", "Host", "Proto", "Port", "User", "Prefix", "Server")]
                forged = "".join(f"{name}: 6.6.6.6\r\n" for name in (*names, "X-Real-IP", "Forwarded", "X_Real_IP"))
                secure.sendall(get("/from-conf").replace(b"Connection", forged.encode() + b"Connection"))
                self.assertTrue(secure.recv(65536).startswith(b"HTTP/1.1 200 "))
        [exchange] = recorder().exchanges("/from-conf")
        self.assertEqual(exchange.header("X-Forwarded-For"), VISITOR)
        self.assertEqual(exchange.header("X-Forwarded-Proto"), "https")
        self.assertNotIn(b"6.6.6.6", exchange.head)

    def test_without_a_header(self) -> None:
        """Nothing comes back, and nothing reaches the service."""
        self.assertEqual(ask(proxied_port(), get("/direct")), b"")
        self.assertEqual(recorder().exchanges("/direct"), [])

    def test_a_header_without_an_end(self) -> None:
        self.assertEqual(ask(proxied_port(), b"PROXY TCP4 192.0.2.1 "), b"")
