"""A client whose URL leads to something else than a server: what ``sellia http`` says, over real sockets."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.exits import Exit
from tests.e2e.case import watched
from tests.e2e.stage import program, run
from tests.processes import ROOT, Process, free_port, start_twistd, stop_listening

#: What is another program's word, or a number of the system's.
FOREIGN = re.compile(r"WebSocket connection upgrade|SSL routines|Errno|\b1[0-9][0-9]: |certificate verify|in \)")


class Listener:
    """Takes connections one after the other, says ``said`` on each once something has come, and closes it."""

    def __init__(self, said: bytes | None, greets: bool = False) -> None:
        self._said = said
        self._greets = greets
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._held: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            while True:
                connection, _ = self._socket.accept()
                self._held.append(connection)
                if self._said is not None:
                    if not self._greets:
                        connection.recv(65536)
                    connection.sendall(self._said)
                    connection.close()
        except OSError:
            pass

    def close(self) -> None:
        """Take no more."""
        stop_listening(self._socket)
        for connection in self._held:
            connection.close()


@cache
def certificate() -> tuple[Path, Path]:
    """A certificate for localhost, signed by itself, and its key."""
    directory = Path(tempfile.mkdtemp())
    cert, key = directory / "cert.pem", directory / "key.pem"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = "subjectAltName=DNS:localhost,DNS:*.localhost,DNS:a.example"
    made = run(
        [program("openssl"), "req", *options, "-subj", "/CN=localhost", "-addext", names]
        + ["-keyout", str(key), "-out", str(cert)]
    )
    assert not made.status, made.errors
    return cert, key


@cache
def secure_server() -> Process:
    """A Sellia server that does TLS with that certificate."""
    cert, key = certificate()
    port = free_port()
    endpoint = f"ssl:{port}:interface=127.0.0.1:privateKey={key}:certKey={cert}"
    server = watched(start_twistd("sellia-server", "--listen", endpoint, "--https", port=port))
    server.wait_for_port()
    return server


class WrongServerTests(SynchronousTestCase):
    def client(self, url: str, *options: str, env: dict[str, str] | None = None) -> Process:
        command = Path(sysconfig.get_path("scripts")) / "sellia"
        argv = [str(command), "http", "1", "-s", "demo", "--server", url, *options]
        process = Process(argv, name="sellia http", env=env)
        self.addCleanup(process.stop)
        return process

    def listen(self, said: bytes | None, greets: bool = False) -> int:
        listener = Listener(said, greets)
        self.addCleanup(listener.close)
        return listener.port

    def test_what_is_said(self) -> None:
        tls = secure_server().port
        moved = b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://login.example/?next=x\r\n\r\n"
        cases: list[tuple[str, str]] = [
            (f"http://127.0.0.1:{free_port()}", r"127\.0\.0\.1:[0-9]+ refused the connection"),
            ("http://nobody.invalid", r"nobody\.invalid:80 could not be reached: no address was found for this name"),
            (f"http://127.0.0.1:{self.listen(b'SSH-2.0-x', True)}", r'is not a web server: it said "SSH-2\.0-x"'),
            (f"http://127.0.0.1:{self.listen(None)}", "accepts connections and says nothing: is it a Sellia server"),
            (f"https://127.0.0.1:{self.listen(None)}", "accepts connections and says nothing: is it a Sellia server"),
            (f"http://127.0.0.1:{self.listen(moved)}", r"redirects elsewhere \(301\), to https://login\.example/: if"),
            (f"http://127.0.0.1:{self.listen(b'HTTP/1.1 502 x' + b'' + bytes([13, 10, 13, 10]))}", r"is a proxy, and"),
            (f"http://127.0.0.1:{self.listen(b'')}", "without an answer: is it a Sellia server"),
            (f"https://127.0.0.1:{self.listen(b'HTTP/1.1 400 x')}", "does not speak TLS: is it http:// that"),
            (f"https://localhost:{tls}", r"signed by nobody but itself \(if it is a private one, .* --ca"),
            (f"http://127.0.0.1:{tls}", "speaks TLS: use https://|without an answer: is it"),
        ]
        clients = [(self.client(url), words) for url, words in cases]
        for client, words in clients:
            client.wait_for_line(words)
            self.assertNotRegex(client.output, FOREIGN)
            self.assertNotIn("Traceback", client.output)

    def test_a_private_authority(self) -> None:
        """By our own setting, and by OpenSSL's variable; only for the names that the certificate has."""
        cert, _ = certificate()
        url = f"https://localhost:{secure_server().port}"
        self.client(url, "--ca", str(cert), "-s", "one").wait_for_line("  open    https://one[.]localhost")
        self.client(url, "-s", "two", env={"SSL_CERT_FILE": str(cert)}).wait_for_line("  open    https://two[.]local")
        directory = Path(tempfile.mkdtemp())
        hashed = run([program("openssl"), "x509", "-hash", "-noout", "-in", str(cert)]).output.decode().strip()
        (directory / f"{hashed}.0").write_bytes(cert.read_bytes())
        self.client(url, "-s", "six", env={"SSL_CERT_DIR": str(directory)}).wait_for_line("  open    https://six[.]")
        wrong = self.client(url.replace("localhost", "127.0.0.1"), "--ca", str(cert))
        words = r"has a certificate that is for localhost, \*\.localhost, a\.example, and not for 127\.0\.0\.1"
        wrong.wait_for_line(words)

    def test_a_file_that_has_no_authority(self) -> None:
        for path, words in (("/nowhere", "cannot read /nowhere"), (__file__, "has no certificate in PEM")):
            client = self.client("https://localhost", "--ca", path)
            self.assertEqual(client.wait_for_exit(), Exit.SETTINGS)
            self.assertIn(words, client.output)

    def test_a_redirect_to_https(self) -> None:
        cert, _ = certificate()
        location = f"https://localhost:{secure_server().port}/ws"
        port = self.listen(b"HTTP/1.1 308 x\r\nLocation: " + location.encode() + b"\r\n\r\n")
        client = self.client(f"http://localhost:{port}", "--ca", str(cert), "-s", "moved")
        client.wait_for_line(r"problem .*redirects to https, and is followed: give --server https://localhost:[0-9]+ ")
        client.wait_for_line("  open    https://moved[.]localhost")

    def test_a_private_service(self) -> None:
        """Of a service elsewhere, a certificate that nobody knows is taken only if the owner says so."""
        cert, key = certificate()
        service = watched(
            Process(
                [sys.executable, "-c", SECURE_SERVICE, str(cert), str(key)],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        )
        self.addCleanup(service.stop)
        port = service.wait_for_line("port ([0-9]+)")[1]
        server = secure_server()
        for name, settings, status in (
            ("any", "while_away: wait", "200"),
            ("strict", "local_verify: true", "502"),
            ("trusted", f"local_ca: {cert}", "200"),
        ):
            config = Path(tempfile.mkdtemp()) / "client.yaml"
            config.write_text(f"tunnels:\n  {name}: {{target: 'https://localhost:{port}', subdomain: {name}}}\n")
            if "while_away" not in settings:
                rest = f"    target: 'https://localhost:{port}'\n    subdomain: {name}\n    {settings}\n"
                config.write_text(f"tunnels:\n  {name}:\n{rest}")
            url = f"https://localhost:{server.port}"
            argv = [str(Path(sysconfig.get_path("scripts")) / "sellia"), "http", "--config", str(config)]
            client = Process([*argv, "--server", url, "--ca", str(cert)], name="sellia http")
            self.addCleanup(client.stop)
            client.wait_for_line("  open  ")
            place = f"{name}.localhost:{server.port}"
            asked = subprocess.run(
                ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--connect-to"]
                + [f"{place}:127.0.0.1:{server.port}", f"https://{place}/"],
                capture_output=True,
                text=True,
                check=True,
            )
            self.assertEqual(asked.stdout, status, client.output)


SECURE_SERVICE = """
import http.server, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("port", server.server_port, flush=True)
server.serve_forever()
"""
