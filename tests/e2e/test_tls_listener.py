"""A listener that does TLS itself: browsers, curl and clients get in; handshakes that are never finished end."""

from __future__ import annotations

import socket
import ssl
import tempfile
import time
from functools import cache
from pathlib import Path

from OpenSSL import SSL

from tests.e2e.case import EndToEndTests, watched
from tests.e2e.fronts import DOMAIN
from tests.e2e.recorder import Recorder, ServiceLeg
from tests.e2e.stage import program, run
from tests.e2e.test_limits import HANDSHAKE
from tests.e2e.websocket import accept_upgrade
from tests.processes import Process, answers, free_port, start_client, start_twistd, tunnel_is_open, wait_until


@cache
def machine_certificate() -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and the domain, signed by itself, and its key."""
    home = Path(tempfile.mkdtemp())
    cert, key = home / "cert.pem", home / "key.pem"
    names = f"subjectAltName=IP:127.0.0.1,DNS:{DOMAIN},DNS:*.{DOMAIN}"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    files = ["-subj", f"/CN={DOMAIN}", "-addext", names, "-keyout", str(key), "-out", str(cert)]
    made = run([program("openssl"), "req", *options, *files])
    if made.status:
        raise AssertionError(f"openssl: {made.errors}")
    return cert, key


@cache
def server() -> tuple[Process, int]:
    """A server that does TLS, and where; it gives a handshake one second."""
    secure, plain = free_port(), free_port()
    cert, key = machine_certificate()
    config = Path(tempfile.mkdtemp()) / "server.yaml"
    config.write_text(
        f"listen:\n  - tcp:{plain}:interface=127.0.0.1\n"
        f"  - ssl:{secure}:interface=127.0.0.1:privateKey={key}:certKey={cert}\n"
        f"domain: {DOMAIN}\nhttps: true\nhandshake_timeout: 1\n"
    )
    server = watched(start_twistd("sellia-server", "--config", str(config), port=plain))
    server.wait_for(lambda: answers(plain), "an answer of the server")
    return server, secure


def port() -> int:
    """Where it does TLS."""
    return server()[1]


class TlsTests(EndToEndTests):
    def test_a_handshake_that_is_never_finished(self) -> None:
        for said in (b"", b"\x16\x03\x01"):
            began = time.monotonic()
            with socket.create_connection(("127.0.0.1", port()), timeout=10) as connection:
                connection.sendall(said)
                try:
                    self.assertEqual(connection.recv(100), b"")
                except ConnectionResetError:
                    pass
            self.assertLess(time.monotonic() - began, 8.0)

    def test_one_that_is(self) -> None:
        """It may then be idle for longer than a handshake may take."""
        context = ssl.create_default_context(cafile=str(machine_certificate()[0]))
        with socket.create_connection(("127.0.0.1", port()), timeout=10) as connection:
            with context.wrap_socket(connection, server_hostname=DOMAIN) as secure:
                secure.settimeout(4.0)
                with self.assertRaises(TimeoutError):
                    secure.recv(100)
                secure.settimeout(10.0)
                secure.sendall(f"GET /ready HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n".encode())
                self.assertTrue(secure.recv(100).startswith(b"HTTP/1.1 200 "))

    def test_openssl_with_each_offer(self) -> None:
        cert = str(machine_certificate()[0])
        for offer, agreed in (
            ((), "No ALPN negotiated"),
            (("-alpn", "http/1.1"), "ALPN protocol: http/1.1"),
            (("-alpn", "h2,http/1.1"), "ALPN protocol: http/1.1"),
        ):
            argv = [program("openssl"), "s_client", "-connect", f"127.0.0.1:{port()}", "-servername", DOMAIN, *offer]
            said = run([*argv, "-CAfile", cert, "-ign_eof"], stdin=_ask("/ready"))
            self.assertIn(agreed, said.output.decode())
            self.assertIn("HTTP/1.1 200 ", said.output.decode())

    def test_openssl_that_speaks_http_2_only(self) -> None:
        argv = [program("openssl"), "s_client", "-connect", f"127.0.0.1:{port()}", "-servername", DOMAIN, "-alpn", "h2"]
        said = run(argv)
        self.assertIn("no application protocol", said.errors)
        process = server()[0]
        line = (
            'TLS handshake failed: peer=127.0.0.1 suppressed=0 reason="it offers h2, and only http/1.1 is spoken here"'
        )
        process.wait_for(lambda: line in process.output, "the line that says why")

    def test_plain_http_at_the_port(self) -> None:
        with socket.create_connection(("127.0.0.1", port()), timeout=10) as connection:
            connection.sendall(_ask("/ready"))
            self.assertNotIn(b"HTTP", connection.recv(100))
        process = server()[0]
        line = 'reason="it spoke plain HTTP to a port that does TLS"'
        process.wait_for(lambda: line in process.output, "the line that says why")

    def test_curl(self) -> None:
        argv = [program("curl"), "-sS", "--cacert", str(machine_certificate()[0])]
        for how in ("--http1.1", "--http2", "--no-alpn"):
            said = run([*argv, how, "-w", "%{http_version} %{http_code}", f"https://127.0.0.1:{port()}/ready"])
            self.assertTrue(said.output.endswith(b"1.1 200"), said)

    def test_chromium(self) -> None:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", "--dump-dom"]
        profile = f"--user-data-dir={tempfile.mkdtemp()}"
        rules = f"--host-resolver-rules=MAP {DOMAIN} 127.0.0.1"
        said = run([program("chromium"), *options, profile, rules, f"https://{DOMAIN}:{port()}/"])
        self.assertIn(b"Sellia", said.output, said.errors)

    def test_a_link(self) -> None:
        """The client verifies the certificate, and offers the protocol that its WebSocket begins with."""
        url = f"https://127.0.0.1:{port()}"
        options = ["--server", url, "--target", str(free_port()), "--subdomain", "over-tls"]
        client = watched(start_twistd("sellia-client", *options, env={"SSL_CERT_FILE": str(machine_certificate()[0])}))
        self.addCleanup(client.stop)
        plain = server()[0].port
        client.wait_for(lambda: tunnel_is_open(plain, f"over-tls.{DOMAIN}"), "the tunnel")


def _ask(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n".encode()


class HalfCloseTests(EndToEndTests):
    """A visitor that sends close_notify behind its request, and perhaps FIN, gets its answer."""

    def setUp(self) -> None:
        super().setUp()
        self.recorder = Recorder()
        self.addCleanup(self.recorder.close)
        plain = server()[0].port
        self.client = start_client(plain, self.recorder.port, "half", domain=DOMAIN)
        self.addCleanup(self.client.stop)

    def ask(self, request: bytes) -> tuple[SSL.Connection, socket.socket]:
        connection = socket.create_connection(("127.0.0.1", port()), timeout=10)
        self.addCleanup(connection.close)
        connection.settimeout(None)
        secure = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), connection)
        secure.set_connect_state()
        secure.sendall(request)
        return secure, connection

    def rest(self, secure: SSL.Connection) -> bytes:
        said = b""
        try:
            while True:
                said += secure.recv(65536)
        except SSL.ZeroReturnError:
            return said

    def test_a_request(self) -> None:
        for fin in (False, True):
            target = f"/slow-{fin}"
            self.recorder.on(target, late_answer)
            secure, connection = self.ask(f"GET {target} HTTP/1.1\r\nHost: half.{DOMAIN}\r\n\r\n".encode())
            exchange = self.recorder.wait_for(target)
            self.assertFalse(secure.shutdown())
            if fin:
                connection.shutdown(socket.SHUT_WR)
            self.assertEqual(secure.recv(9), b"HTTP/1.1 ")
            exchange.released.set()
            said = self.rest(secure)
            self.assertTrue(said.startswith(b"200 OK\r\n") and said.endswith(b"\r\n\r\nhello"), said)

    def test_a_visitor_that_is_gone(self) -> None:
        """It has sent close_notify and closed its socket."""
        left: list[bool] = []

        def wait(exchange: ServiceLeg) -> None:
            left.append(exchange.wait_until_left())
            exchange.over = True

        self.recorder.on("/gone", wait)
        secure, connection = self.ask(f"GET /gone HTTP/1.1\r\nHost: half.{DOMAIN}\r\n\r\n".encode())
        self.recorder.wait_for("/gone")
        secure.shutdown()
        connection.close()
        wait_until(lambda: left, "the service's side to end")

    def test_fin_alone(self) -> None:
        """What came before it may have been cut short."""
        left: list[bool] = []

        def wait(exchange: ServiceLeg) -> None:
            left.append(exchange.wait_until_left())
            exchange.over = True

        self.recorder.on("/cut", wait)
        _, connection = self.ask(f"GET /cut HTTP/1.1\r\nHost: half.{DOMAIN}\r\n\r\n".encode())
        self.recorder.wait_for("/cut")
        connection.shutdown(socket.SHUT_WR)
        wait_until(lambda: left, "the service's side to end")

    def test_a_websocket_without_a_close_frame(self) -> None:
        """The service sees its end, and nothing of it escapes into a log."""
        left: list[bool] = []

        def serve(exchange: ServiceLeg) -> None:
            accept_upgrade(exchange)
            left.append(exchange.wait_until_left())
            exchange.over = True

        self.recorder.on("/chat", serve)
        secure, _ = self.ask(f"GET /chat HTTP/1.1\r\nHost: half.{DOMAIN}\r\n{HANDSHAKE}\r\n".encode())
        self.assertTrue(secure.recv(4096).startswith(b"HTTP/1.1 101 "))
        secure.shutdown()
        with self.assertRaises(SSL.Error):
            secure.recv(100)
        wait_until(lambda: left, "the service's side to end")

    def test_nothing_asked(self) -> None:
        secure, _ = self.ask(f"GET /ready HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n".encode())
        self.assertTrue(secure.recv(100).startswith(b"HTTP/1.1 200 "))
        secure.shutdown()
        self.rest(secure)


def late_answer(exchange: ServiceLeg) -> None:
    exchange.released.wait(20)
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
