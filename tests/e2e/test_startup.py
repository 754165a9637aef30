"""The start and the end of the real processes: installed, listed by twistd, told wrong things, stopped."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import venv
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from sellia.cli.exits import Exit
from tests.e2e.stage import program
from tests.processes import (
    ROOT,
    Process,
    answers,
    free_port,
    start_client,
    start_python,
    start_server,
    start_twistd,
    wait_until,
)

TWISTD = Path(sysconfig.get_path("scripts")) / "twistd"


def plain_environment(**more: str) -> dict[str, str]:
    """This process's environment without what would set anything in Sellia, and with the checkout on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SELLIA_")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


class Startup(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir(parents=True)

    def ended(self, process: Process) -> Process:
        """The process, which will not outlive the test."""
        self.addCleanup(process.stop)
        return process

    def twistd(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """twistd, run to its end in an empty directory."""
        return subprocess.run(
            [sys.executable, TWISTD, *arguments],
            cwd=self.directory,
            env=plain_environment(**environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


class WrongOptionTests(Startup):
    """What is wrong is said in one line with a hint, on standard error, and the exit status is 1."""

    def refused(self, *arguments: str, **environment: str) -> str:
        done = self.twistd("-n", *arguments, **environment)
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(done.stdout, "")
        line, hint = done.stderr.splitlines()
        self.assertTrue(hint.startswith("Hint: "), hint)
        self.assertEqual(list(self.directory.iterdir()), [], "nothing was started")
        return line

    def test_server(self) -> None:
        self.assertEqual(
            self.refused("sellia-server", "--prot", "1"), "twistd sellia-server: option --prot not recognized"
        )
        self.assertIn("SELLIA_PORT: must be", self.refused("sellia-server", SELLIA_PORT="x"))
        self.assertIn("there is no place for them", self.refused("sellia-server", "--require-auth"))
        line = self.refused("sellia-server", "--domain", "example.com")
        self.assertIn("without a master key everybody could open tunnels here", line)
        for behind in (("--https",), ("--trust-proxy", "127.0.0.1"), ("--listen", "haproxy:tcp:1:interface=127.0.0.1")):
            line = self.refused("sellia-server", *behind)
            self.assertIn("everybody could open tunnels here, through the reverse proxy in front", line)

    def test_key_that_cannot_be_read(self) -> None:
        line = self.refused("sellia-server", SELLIA_MASTER_KEY_FILE="/nowhere/key")
        self.assertIn("SELLIA_MASTER_KEY_FILE: cannot read /nowhere/key", line)

    def test_client(self) -> None:
        self.assertIn("which server", self.refused("sellia-client", "--target", "8080"))
        self.assertNotIn("SECRET", self.refused("sellia-client", "--target", "1", "--server", "http://u:SECRET@x"))


class PortInUseTests(Startup):
    def setUp(self) -> None:
        super().setUp()
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        self.port = taken.getsockname()[1]
        self.arguments = ("sellia-server", "--host", "127.0.0.1", "--port", str(self.port))

    def test_in_the_foreground(self) -> None:
        done = self.twistd("-n", *self.arguments)
        self.assertEqual(done.returncode, 1)
        line, hint = done.stderr.splitlines()
        self.assertEqual(line, f"sellia: port {self.port} on 127.0.0.1 is already in use")
        self.assertIn("--port", hint)
        self.assertNotIn("Traceback", done.stdout)
        self.assertEqual(list(self.directory.iterdir()), [], "no pid file stays behind")

    def test_as_a_daemon(self) -> None:
        """The daemon's parent says it and ends with status 1; the log has it in one line and no traceback."""
        done = self.twistd("--logfile", "log", *self.arguments)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"port {self.port} on 127.0.0.1 is already in use", done.stderr)
        log = self.directory / "log"
        wait_until(lambda: "already in use" in log.read_text(), "the line in the log")
        wait_until(lambda: not (self.directory / "twistd.pid").exists(), "the pid file to go")
        self.assertNotIn("Traceback", log.read_text())


class StopTests(Startup):
    def test_signal_ends_the_server(self) -> None:
        server = self.ended(start_server())
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait_for_exit(), 0)
        self.assertNotIn("Traceback", server.output)
        self.assertNotIn("Unhandled", server.output)

    def test_says_where_it_listens(self) -> None:
        """And that there is no key: without a domain, on loopback only."""
        port = free_port()
        server = self.ended(start_twistd("sellia-server", "--port", str(port), port=port))
        server.wait_for_line(rf"listening on 127\.0\.0\.1:{port}$")
        server.wait_for_line("no master key is set: every program on this machine may open tunnels$")
        listening = subprocess.run([program("ss"), "-ltnH"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(re.findall(rf"(\S+):{port} ", listening), ["127.0.0.1"])

    def test_endpoints(self) -> None:
        """Every endpoint serves: IPv4, IPv6 and unix sockets side by side."""
        port, path = free_port(), self.directory / "socket"
        endpoints = (f"tcp:{port}:interface=127.0.0.1", f"unix:{path}")
        options = [word for endpoint in endpoints for word in ("--listen", endpoint)]
        server = self.ended(start_twistd("sellia-server", *options, port=port))
        server.wait_for(lambda: answers(port), "an answer")  # one endpoint may be there before another
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            # A path longer than sun_path (108 octets) is reached from its directory.
            connection.connect(os.path.relpath(path))
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 200 "))

    def test_both_families(self) -> None:
        port = free_port()
        server = self.ended(start_twistd("sellia-server", "--open", "--host", "::", "--port", str(port), port=port))
        server.wait_for(lambda: answers(port), "an answer")  # one endpoint may be there before another
        for host in ("127.0.0.1", "::1"):
            connection = http.client.HTTPConnection(host, port, timeout=10)
            self.addCleanup(connection.close)
            connection.request("GET", "/health", headers={"Host": "localhost"})
            self.assertEqual(connection.getresponse().status, 200, host)


class Hello(BaseHTTPRequestHandler):
    """A service that says hello."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments: object) -> None:
        pass


class LogTests(Startup):
    def test_what_is_for_debugging_stays_out_of_info(self) -> None:
        """Also where the process may not have as many descriptors as it would like."""
        limited = 'ulimit -n 6000; exec "$@"'
        port = free_port()
        server = Process(
            [
                "sh",
                "-c",
                limited,
                "sh",
                sys.executable,
                TWISTD,
                "-n",
                "--pidfile=",
                "sellia-server",
                "--port",
                str(port),
            ],
            env=plain_environment(),
            port=port,
        )
        self.ended(server).wait_for(lambda: answers(port), "an answer")
        client = self.ended(start_client(port, free_port(), "demo"))
        client.stop()
        server.stop()
        for each in (server, client):
            self.assertIn("#info]", each.output)
            self.assertNotIn("#debug]", each.output)
        self.assertNotIn("#warn]", server.output)


class ClientTests(Startup):
    """Clients as twistd and as the command line run them, with a server that asks for a key."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.ended(start_server(env={"SELLIA_MASTER_KEY": "right"}))
        self.url = f"http://127.0.0.1:{self.server.port}"
        service = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
        self.addCleanup(service.server_close)
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(service.shutdown)
        self.service_port = str(service.server_port)

    def command(self, *arguments: str, key: str = "right") -> Process:
        """``sellia http`` for the service."""
        main = "from sellia.cli.main import main; main()"
        fixed = ("http", f"127.0.0.1:{self.service_port}", "--server", self.url)
        process = start_python("-c", main, *fixed, *arguments, name="sellia http", env={"SELLIA_API_KEY": key})
        return self.ended(process)

    def visit(self, host: str, target: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", target, headers={"Host": host})
        return connection.getresponse().read()

    def test_command_shows_what_happens_and_closes(self) -> None:
        client = self.command("-s", "myapp")
        client.wait_for_line(rf"  open    http://myapp\.localhost:{self.server.port} -> http://127[.]0[.]0[.]1:")
        self.assertEqual(self.visit("myapp.localhost", "/a?b=c"), b"hello")
        client.wait_for_line(r"^\d\d:\d\d:\d\d  GET     /a\?b=c  200  .* ms  0 B in, 5 B out$")
        client.send_signal(signal.SIGINT)
        self.assertEqual(client.wait_for_exit(), 0)
        self.assertNotIn("Traceback", client.output)

    def test_command_with_a_wrong_key(self) -> None:
        client = self.command(key="wrong")
        self.assertEqual(client.wait_for_exit(), Exit.NOT_AUTHORISED)
        line, why = client.output.splitlines()
        self.assertIn("refused wrong-key: ", line)
        self.assertIn("The key is that of SELLIA_API_KEY. ", line)
        self.assertIn("Check the key", line)
        self.assertRegex(why, "^ +↳ [0-9a-f]{8}-r[0-9]+  the client, wrong-key$")

    def test_command_with_a_name_in_use(self) -> None:
        self.command("-s", "myapp").wait_for_line("  open  ")
        second = self.command("-s", "myapp")
        self.assertEqual(second.wait_for_exit(), Exit.TAKEN)
        self.assertIn("refused name-taken: ", second.output)

    def test_daemon_with_a_wrong_key(self) -> None:
        """It does not try for ever: it says what to do and ends with status 1."""
        options = ("--server", self.url, "--target", self.service_port, "--api-key", "wrong")
        done = self.twistd("-n", "sellia-client", *options)
        self.assertEqual(done.returncode, 1, done)
        line, hint = done.stderr.splitlines()
        self.assertEqual(line, "sellia: The server does not accept this API key. The key is that of --api-key.")
        self.assertTrue(hint.startswith("Hint: Check the key"), hint)
        self.assertNotIn("Traceback", done.stdout)
        self.assertNotIn("wrong\n", done.stdout)


class InstallationTests(Startup):
    """``pip install .`` and ``pip install -e .`` into a new environment: twistd lists both plugins, `sellia` runs.

    The new environment borrows what Sellia depends on from the one that runs the tests, so that nothing is fetched.
    """

    def setUp(self) -> None:
        super().setUp()
        if int(version("setuptools").partition(".")[0]) < 77:
            raise SkipTest("this needs setuptools 77: pip install -e '.[test]' installs it")

    def install(self, *options: str) -> Path:
        source, environment = self.directory / "source", self.directory / "environment"
        source.mkdir()
        for name in ("sellia", "twisted"):
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "dropin.cache"))
        for name in ("setup.py", "pyproject.toml"):
            shutil.copy(ROOT / name, source)
        venv.create(environment, with_pip=False)
        paths = sysconfig.get_paths("venv", {"base": str(environment), "platbase": str(environment)})
        borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        Path(paths["purelib"], "borrowed.pth").write_text("\n".join(borrowed) + "\n")
        python = Path(paths["scripts"]) / "python"
        pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--quiet")
        self.succeed(*pip, "install", "--no-index", "--no-deps", "--no-build-isolation", *options, str(source))
        return python

    def succeed(self, *command: str) -> str:
        environment = {name: value for name, value in plain_environment().items() if name != "PYTHONPATH"}
        done = subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def check(self, python: Path) -> None:
        where = self.succeed(str(python), "-c", "import sellia; print(sellia.__file__)")
        self.assertTrue(where.startswith(str(self.directory)), where)
        listed = self.succeed(str(python), "-m", "twisted", "--help")
        self.assertIn("sellia-server", listed)
        self.assertIn("sellia-client", listed)
        self.assertIn("sellia ", self.succeed(str(python.parent / "sellia"), "version"))

    def test_copied(self) -> None:
        self.check(self.install())

    def test_editable(self) -> None:
        self.check(self.install("--editable"))
