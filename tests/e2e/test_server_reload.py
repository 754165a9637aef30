"""SIGHUP at a real server: with a settings file, and without one, while visitors and clients are there."""

import http.client
import os
import signal
import socket
import ssl
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.e2e.case import watched
from tests.processes import ROOT, Process, answers, free_port, start_twistd, wait_until
from tests.server.listeners.test_renewal import write_certificate
from tests.test_process import clean_environment


def key_answer(port: int, key: str) -> int:
    """The status that a server answers with to who shows this key."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/api/v1/key", headers={"Authorization": f"Bearer {key}", "Host": "localhost"})
        return connection.getresponse().status
    finally:
        connection.close()


class ReloadCase(SynchronousTestCase):
    def setUp(self) -> None:
        clean_environment(self)
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()
        self.port = free_port()

    def start(self, *options: str, env: dict[str, str] | None = None) -> Process:
        server = watched(start_twistd("sellia-server", *options, env=env, port=self.port))
        self.addCleanup(server.stop)
        server.wait_for(lambda: answers(self.port), "an answer")
        return server

    def hang_up(self, server: Process, line: str) -> None:
        """Send SIGHUP, and wait for what the log says of it."""
        before = server.output.count(line)
        os.kill(server.pid, signal.SIGHUP)
        server.wait_for(lambda: server.output.count(line) > before, line)


class FileTests(ReloadCase):
    def write(self, *lines: str) -> None:
        (self.home / "server.yaml").write_text("\n".join(lines) + "\n")

    def test_a_settings_file(self) -> None:
        """Limits, keys and certificates change under open connections; wrong ones are refused as a whole."""
        secure = free_port()
        write_certificate(self.home, 1)
        tls = f"ssl:{secure}:privateKey={self.home}/key.pem:certKey={self.home}/cert.pem:interface=127.0.0.1"
        listen = f'listen: ["tcp:{self.port}:interface=127.0.0.1", "{tls}"]'
        self.write(listen, "master_key: old-key")
        server = self.start("--config", str(self.home / "server.yaml"))
        kept = [socket.create_connection(("127.0.0.1", port)) for port in (self.port, secure)]
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        kept[1] = trusting.wrap_socket(kept[1])

        write_certificate(self.home, 2)
        self.write(
            listen, "master_key: new-key", "domain: other.localhost", "limits: {tunnels: 7}", "log: {level: debug}"
        )
        self.hang_up(server, "settings that need a restart: domain localhost -> other.localhost")
        self.assertIn("settings reloaded:", server.output)
        for change in (
            "limits.tunnels 10000 -> 7",
            "master_key is another",
            "log.level info -> debug",
            "certificate /",
        ):
            self.assertIn(change, server.output)
        self.assertEqual([key_answer(self.port, key) for key in ("old-key", "new-key")], [401, 200])
        self.assertEqual(self.serial(secure, trusting), 2)
        for each in kept:
            each.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(each.recv(4096).startswith(b"HTTP/1.1 200 "))
            each.close()

        self.write(listen, "master_key: third-key", "limits: {tunnels: none}")
        self.hang_up(server, "settings not reloaded, the ones before go on:")
        self.assertIn("limits.tunnels", server.output.rpartition("settings not reloaded")[2])
        (self.home / "cert.pem").write_text("nothing")
        self.write(listen, "master_key: third-key")
        self.hang_up(
            server, "settings not reloaded, the ones before go on: the certificate of a listener cannot be used"
        )
        self.assertEqual([key_answer(self.port, key) for key in ("third-key", "new-key")], [401, 200])
        for secret in ("old-key", "new-key", "third-key"):
            self.assertNotIn(secret, server.output)

    def serial(self, port: int, context: ssl.SSLContext) -> int:
        from cryptography import x509

        with context.wrap_socket(socket.create_connection(("127.0.0.1", port))) as connection:
            data = connection.getpeercert(binary_form=True)
        assert data is not None
        return x509.load_der_x509_certificate(data).serial_number


class NoFileTests(ReloadCase):
    def test_files_of_variables(self) -> None:
        """Without a settings file, what the variables name is read again, wherever the process has gone."""
        key = self.home / "key"
        key.write_text("old-key\n")
        relative = os.path.relpath(key, ROOT)
        options = ("--host", "127.0.0.1", "--port", str(self.port))
        server = self.start(*options, env={"SELLIA_MASTER_KEY_FILE": relative})
        self.hang_up(server, "settings reloaded: nothing has changed")
        key.write_text("new-key\n")
        self.hang_up(server, "settings reloaded: master_key is another")
        self.assertEqual([key_answer(self.port, each) for each in ("old-key", "new-key")], [401, 200])
        key.unlink()
        self.hang_up(server, "settings not reloaded, the ones before go on: SELLIA_MASTER_KEY_FILE: cannot read")
        wait_until(lambda: key_answer(self.port, "new-key") == 200, "the key before")
