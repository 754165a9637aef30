"""A client behind an HTTP proxy: squid and tinyproxy, with a login, over TLS, restarted, and with what they refuse."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sellia.cli.exits import Exit
from tests.e2e.case import EndToEndTests, watched
from tests.e2e.stage import program
from tests.e2e.test_wrong_servers import certificate
from tests.processes import Process, free_port, start_server, start_twistd

#: A name that the proxies alone know: nothing but they can have connected to it.
NAME = "a.example"

SECRET = "p4ss:w0rd"
LOGIN = "me:p4ss%3Aw0rd"

SQUID = """
http_port 127.0.0.1:{port}
https_port 127.0.0.1:{secure} tls-cert={directory}/both.pem
hosts_file {directory}/hosts
auth_param basic program /usr/lib/squid/basic_ncsa_auth {directory}/users
acl known proxy_auth REQUIRED
acl forbidden port 9
http_access deny forbidden
http_access allow known
http_access deny all
pid_filename none
access_log stdio:{directory}/access.log
cache_log {directory}/cache.log
coredump_dir {directory}
cache deny all
pinger_enable off
shutdown_lifetime 0 seconds
max_filedescriptors 1024
"""

TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 600
BasicAuth me p4ssw0rd
LogFile "{directory}/tiny.log"
LogLevel Connect
"""


class Hello(BaseHTTPRequestHandler):
    """A service."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class ProxyCase(EndToEndTests):
    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.directory.chmod(0o777)  # squid leaves root
        self.cert, self.key = certificate()

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def client(self, server: str, *options: str, env: dict[str, str] | None = None, service: int = 1) -> Process:
        command = str(Path(sysconfig.get_path("scripts"), "sellia"))
        argv = [sys.executable, command, "http", str(service), "-s", "demo", "--server", server, *options]
        client = watched(Process(argv, name="sellia http", env=env))
        self.addCleanup(client.stop)
        return client


class SquidTests(ProxyCase):
    def squid(self) -> Process:
        port = free_port()
        self.secure_port = free_port()
        done = subprocess.run(
            [program("openssl"), "passwd", "-apr1", SECRET], capture_output=True, text=True, check=True
        )
        self.write("users", f"me:{done.stdout}")
        self.write("hosts", f"127.0.0.1 {NAME}\n")
        self.write("both.pem", self.cert.read_text() + self.key.read_text())
        config = self.write("squid.conf", SQUID.format(port=port, secure=self.secure_port, directory=self.directory))
        squid = Process([program("squid"), "-N", "-f", str(config)], name="squid", port=port)
        self.addCleanup(squid.stop)
        squid.wait_for_port()
        return squid

    def secure_server(self) -> Process:
        port = free_port()
        endpoint = f"ssl:{port}:interface=127.0.0.1:privateKey={self.key}:certKey={self.cert}"
        server = start_twistd("sellia-server", "--listen", endpoint, "--https", "--domain", NAME, port=port)
        self.addCleanup(watched(server).stop)
        server.wait_for_port()
        return server

    def test_tls_inside_and_outside(self) -> None:
        """TLS is spoken with the server, and its certificate verified; with the proxy as well where its URL says so."""
        squid, server = self.squid(), self.secure_server()
        url, ca = f"https://{NAME}:{server.port}", ("--ca", str(self.cert))
        refused = f"https://{NAME}:9"
        variable = {"https_proxy": "", "HTTPS_PROXY": f"http://{LOGIN}@127.0.0.1:{squid.port}", "NO_PROXY": "b.example"}
        by_variable = self.client(url, *ca, env=variable)
        by_flag = self.client(url, *ca, "-s", "flag", "--proxy", f"https://{LOGIN}@localhost:{self.secure_port}")
        untrusted = self.client(url, env=variable)
        wrong = self.client(url, *ca, "--proxy", f"http://me:wrong@127.0.0.1:{squid.port}")
        none = self.client(url, *ca, env={**variable, "HTTPS_PROXY": f"127.0.0.1:{squid.port}"})
        forbidden = self.client(refused, *ca, "--no-retry", env=variable)
        by_variable.wait_for_line(f"open    https://demo.{NAME}")
        by_flag.wait_for_line(f"open    https://flag.{NAME}")
        log = (self.directory / "access.log").read_text()
        self.assertIn(f"CONNECT {NAME}:{server.port} me ", log)
        untrusted.wait_for_line(f"{NAME}:{server.port} through the proxy .* is signed by nobody but itself")
        self.assertEqual(wrong.wait_for_exit(), Exit.NOT_AUTHORISED)
        self.assertIn("the proxy does not accept the user and password of --proxy (407)", wrong.output)
        self.assertEqual(none.wait_for_exit(), Exit.NOT_AUTHORISED)
        asked = "asks for a user and a password (407): give them with HTTPS_PROXY, as in http://USER:PASSWORD@127.0.0.1"
        self.assertIn(asked, none.output)
        self.assertEqual(forbidden.wait_for_exit(), Exit.UNREACHABLE)
        self.assertIn(f"the proxy does not allow connections to {NAME}:9 (403)", forbidden.output)
        for client in (by_variable, by_flag, untrusted, wrong, none, forbidden):
            self.assertNotRegex(client.output, "p4ss|wrong@|Traceback")


class TinyproxyTests(ProxyCase):
    def proxy(self, port: int) -> Process:
        config = self.write("tiny.conf", TINYPROXY.format(port=port, directory=self.directory))
        proxy = Process([program("tinyproxy"), "-d", "-c", str(config)], name="tinyproxy", port=port)
        self.addCleanup(proxy.stop)
        proxy.wait_for_port()
        return proxy

    def test_a_proxy_that_is_restarted(self) -> None:
        """The session goes on: a visitor who comes meanwhile waits, and is answered."""
        service = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        server = watched(start_server())
        self.addCleanup(server.stop)
        proxy = self.proxy(free_port())
        variable = {"SELLIA_PROXY": f"http://me:p4ssw0rd@127.0.0.1:{proxy.port}"}
        client = self.client(f"http://127.0.0.1:{server.port}", env=variable, service=service.server_address[1])
        client.wait_for_line("open    http://demo.localhost")
        proxy.stop()
        client.wait_for_line("lost .* the link to the server")
        client.wait_for_line("the proxy refused the connection")
        argv = ["--silent", "--noproxy", "*", "--max-time", "30", "--connect-to", f"::127.0.0.1:{server.port}"]
        visitor = subprocess.Popen(
            [program("curl"), *argv, f"http://demo.localhost:{server.port}/"],
            stdout=subprocess.PIPE,
            env={**os.environ},
        )
        self.addCleanup(visitor.kill)
        self.proxy(proxy.port)
        client.wait_for_line("back .* nothing was lost")
        self.assertEqual(visitor.communicate(timeout=30)[0], b"hello")
        self.assertNotIn("p4ss", client.output)
