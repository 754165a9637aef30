"""TLS passed through, with OpenSSL, curl and Python at both ends, and ended at the client."""

from __future__ import annotations

import socket
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

from tests.e2e.case import EndToEndTests, watched
from tests.e2e.stage import program, run
from tests.e2e.tcp_stage import accept, listener, receive
from tests.processes import Process, free_port, start_twistd


class Stage:
    """A server with TLS of its own, and an endpoint for tunnels alone."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sellia-tls-"))
        for name in ("localhost", "service"):
            self.certificate(name)
        self.port, self.tls, self.alone = free_port(), free_port(), free_port()
        key, cert = self.folder / "localhost.key", self.folder / "localhost.pem"
        self.server = watched(
            start_twistd(
                *("sellia-server", "--listen", f"tcp:{self.port}:interface=127.0.0.1", "--tls-tunnels"),
                *("--listen", f"ssl:{self.tls}:privateKey={key}:certKey={cert}:interface=127.0.0.1"),
                *("--listen", f"sni:tcp:{self.alone}:interface=127.0.0.1"),
            )
        )
        self.server.wait_for_port(self.alone)

    def certificate(self, name: str) -> None:
        hosts = name, f"other.{name}", "sealed.localhost", "slow.localhost", "ended.localhost"
        names = "subjectAltName=" + ",".join(f"DNS:{each}" for each in hosts)
        subprocess.run(
            [
                *(program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-keyout", str(self.folder / f"{name}.key"), "-out", str(self.folder / f"{name}.pem")),
                *("-subj", f"/CN={name}", "-addext", names, "-days", "2"),
            ],
            check=True,
            capture_output=True,
        )

    def client(self, name: str, port: int, *options: str) -> Process:
        url = f"http://127.0.0.1:{self.port}"
        client = start_twistd(
            *("sellia-client", "--server", url, "--kind", "tls", "--target", f"127.0.0.1:{port}"),
            *("--subdomain", name, *options),
        )
        client.wait_for_line(f"tunnel ready: tls://{name}.localhost:{self.tls}")
        return watched(client)

    def context(self, *protocols: str) -> ssl.SSLContext:
        """A visitor who trusts the service's certificate alone."""
        context = ssl.create_default_context(cafile=str(self.folder / "service.pem"))
        context.set_alpn_protocols(list(protocols))
        return context

    def service(self, *protocols: str, client_ca: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "service.pem", self.folder / "service.key")
        context.set_alpn_protocols(list(protocols))
        if client_ca:
            context.load_verify_locations(self.folder / "localhost.pem")
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def send(connection: socket.socket, data: bytes) -> None:
    """Send all of it, and end the connection."""
    with connection:
        connection.sendall(data)


_stage: list[Stage] = []


class TlsTests(EndToEndTests):
    def setUp(self) -> None:
        if not _stage:
            _stage.append(Stage())
        [self.stage] = _stage

    def connect(self, port: int) -> socket.socket:
        visitor = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.addCleanup(visitor.close)
        return visitor

    def tunnel(self, name: str, *options: str) -> socket.socket:
        service = listener()
        self.addCleanup(service.close)
        client = self.stage.client(name, service.getsockname()[1], *options)
        self.addCleanup(client.stop, 1.0)
        return service

    def test_end_to_end(self) -> None:
        """ALPN and certificates of visitors are the service's affair; the server's own TLS is beside it."""
        service = self.tunnel("sealed")
        seen: list[object] = []

        def serve() -> None:
            with self.stage.service("mine", client_ca=True).wrap_socket(
                accept(service), server_side=True
            ) as connection:
                seen.append((connection.selected_alpn_protocol(), connection.getpeercert()["subject"]))  # type: ignore[index]
                connection.sendall(connection.recv(100).upper())

        serving = threading.Thread(target=serve)
        serving.start()
        context = self.stage.context("h2", "mine")
        context.load_cert_chain(self.stage.folder / "localhost.pem", self.stage.folder / "localhost.key")
        with context.wrap_socket(self.connect(self.stage.tls), server_hostname="sealed.localhost") as visitor:
            visitor.sendall(b"hello")
            self.assertEqual(visitor.recv(100), b"HELLO")
        serving.join(20)
        self.assertEqual(seen, [("mine", ((("commonName", "localhost"),),))])
        done = run(
            [
                *(program("curl"), "-sS", "--cacert", str(self.stage.folder / "localhost.pem"), "-w", "%{http_code}"),
                *("--connect-to", f"::127.0.0.1:{self.stage.tls}", "https://other.localhost/"),
            ]
        )
        self.assertTrue(done.output.endswith(b"404"), done)

    def test_a_hello_in_single_bytes(self) -> None:
        service = self.tunnel("slow")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        connection = self.stage.context().wrap_bio(incoming, outgoing, server_hostname="slow.localhost")
        self.assertRaises(ssl.SSLWantReadError, connection.do_handshake)
        hello = outgoing.read()
        visitor = self.connect(self.stage.tls)
        visitor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(hello)):
            visitor.sendall(hello[at : at + 1])
        self.assertEqual(receive(accept(service), len(hello)), hello)

    def test_ended_at_the_client(self) -> None:
        folder = self.stage.folder
        service = self.tunnel("ended", "--cert", f"{folder}/service.pem", "--key", f"{folder}/service.key")
        context = self.stage.context()
        with context.wrap_socket(self.connect(self.stage.tls), server_hostname="ended.localhost") as visitor:
            visitor.sendall(b"plain?")
            connection = accept(service)
            self.assertEqual(receive(connection, 6), b"plain?")
            data = b"x" * (8 << 20)
            sending = threading.Thread(target=send, args=(connection, data))
            sending.start()
            came = b"".join(iter(lambda: visitor.recv(65536), b""))
            sending.join(20)
        self.assertEqual(len(came), len(data))

    def test_names_that_nobody_has(self) -> None:
        """Where the server has no TLS of its own: an alert, and a line in the log."""
        for name, said in (("nobody.localhost", "unrecognized name"), (None, "missing extension")):
            context = self.stage.context()
            context.check_hostname = False
            with self.assertRaises(ssl.SSLError) as raised:
                context.wrap_socket(self.connect(self.stage.alone), server_hostname=name)
            self.assertIn(said, str(raised.exception).replace("_", " ").lower())
        self.stage.server.wait_for_line("TLS refused: peer=127.0.0.1 alert=unrecognized_name")

    def test_a_name_is_one_or_the_other(self) -> None:
        self.tunnel("taken")
        thief = start_twistd(
            *("sellia-client", "--server", f"http://127.0.0.1:{self.stage.port}", "--api-key", "another"),
            *("--target", "127.0.0.1:9", "--subdomain", "taken"),
        )
        self.addCleanup(thief.stop, 1.0)
        thief.wait_for_line("name-taken: The name 'taken' is in use")
