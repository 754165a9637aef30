"""``sellia start`` as a process: tunnels of a project's file, and what a cloned repository can do with one."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.exits import Exit
from tests.e2e.stage import server

SELLIA = str(Path(sysconfig.get_path("scripts"), "sellia"))


class Hello(BaseHTTPRequestHandler):
    """A service that says what host it was asked for."""

    def do_GET(self) -> None:
        said = self.headers["Host"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Clone(SynchronousTestCase):
    """A home directory, and a repository in it."""

    def setUp(self) -> None:
        self.home = Path(os.path.realpath(tempfile.mkdtemp(prefix="sellia")))
        self.addCleanup(shutil.rmtree, self.home)
        self.project = self.home / "clone"
        (self.project / ".git").mkdir(parents=True)

    def write(self, text: str, directory: Path | None = None) -> None:
        ((directory or self.project) / "sellia.yaml").write_text(text)

    def start(self, *arguments: str, directory: Path | None = None, **environment: str) -> "subprocess.Popen[str]":
        rest = {name: value for name, value in os.environ.items() if not name.startswith(("SELLIA_", "XDG_"))}
        process = subprocess.Popen(
            [sys.executable, SELLIA, *arguments],
            cwd=directory or self.project,
            env={**rest, "HOME": str(self.home), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process


class StartTests(Clone):
    def setUp(self) -> None:
        super().setUp()
        self.server = server()
        self.before = self.opened("session opened")

    def opened(self, line: str) -> int:
        """Return how many such lines the server has logged."""
        return self.server.output.count(line)

    def service(self) -> int:
        service = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        return int(service.server_address[1])

    def visit(self, host: str, path: str = "/") -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", path, headers={"Host": f"{host}.localhost"})
        return connection.getresponse().read().decode()

    def test_two_tunnels_in_one_session(self) -> None:
        first, second = self.service(), self.service()
        self.write(
            f"tunnels:\n  one: {{target: {first}, subdomain: first}}\n  two: {{target: {second}, subdomain: second}}\n"
            "  three: {target: 1, subdomain: third}\n"
        )
        url = f"http://localhost:{self.server.port}"
        client = self.start("start", "one", "two", "--json", "--server", url, directory=self.project / ".git")
        assert client.stdout is not None
        opened = [json.loads(client.stdout.readline()) for _ in range(2)]
        self.assertEqual(
            {each["tunnel"]: each["target"] for each in opened},
            {"first": f"http://localhost:{first}", "second": f"http://localhost:{second}"},
        )
        self.assertEqual((self.visit("first"), self.visit("second")), ("first.localhost", "second.localhost"))
        self.assertEqual(self.opened("session opened"), self.before + 1)
        client.send_signal(signal.SIGINT)
        _, errors = client.communicate(timeout=30)
        self.assertEqual((client.returncode, errors), (Exit.OK, ""))

    def test_the_file_is_changed_meanwhile(self) -> None:
        """SIGHUP opens what is new; what the file had before goes on."""
        port = self.service()
        text = f"tunnels:\n  one: {{target: {port}, subdomain: before}}\n"
        self.write(text)
        client = self.start("start", "--all", "--json", "--server", f"http://localhost:{self.server.port}")
        assert client.stdout is not None
        self.assertEqual(json.loads(client.stdout.readline())["tunnel"], "before")
        self.write(text + f"  two: {{target: {port}, subdomain: after}}\n")
        client.send_signal(signal.SIGHUP)
        opened = json.loads(client.stdout.readline())
        while opened["event"] != "open":
            opened = json.loads(client.stdout.readline())
        self.assertEqual(opened["tunnel"], "after")
        self.assertEqual((self.visit("before"), self.visit("after")), ("before.localhost", "after.localhost"))
        self.assertEqual(self.opened("session opened"), self.before + 1)

    def test_a_directory_of_a_strangers(self) -> None:
        """Only what is below it is published, whatever links a repository brings along, and nothing hidden."""
        public = self.project / "public"
        public.mkdir()
        (self.home / "secret").write_text("PRIVATE")
        (public / "page").write_text("page")
        (public / ".env").write_text("PRIVATE")
        (public / "file").symlink_to("../../secret")
        (public / "home").symlink_to(self.home)
        (self.project / ".git" / "config").write_text("PRIVATE")
        self.write("tunnels:\n  web: {target: ./public, subdomain: tree, listing: true}\n")
        client = self.start("start", "web", "--json", "--server", f"http://localhost:{self.server.port}")
        assert client.stdout is not None
        self.assertEqual(json.loads(client.stdout.readline())["event"], "open")
        self.assertEqual(self.visit("tree", "/page"), "page")
        for path in ("/file", "/home/secret", "/.env", "/../.git/config", "/%2e%2e/.git/config", "/..%2f.git%2fconfig"):
            self.assertNotIn("PRIVATE", self.visit("tree", path), path)
        listed = self.visit("tree", "/")
        self.assertIn("page", listed)
        for name in ("secret", ".env", "file", "home"):
            self.assertNotIn(f'"{name}', listed)

    def test_twistd_takes_the_same_file(self) -> None:
        """All of its tunnels."""
        port, tunnels = self.service(), self.opened("tunnel opened")
        (self.home / ".config" / "sellia").mkdir(parents=True)
        self.write(f"server: http://localhost:{self.server.port}\n", self.home / ".config" / "sellia")
        self.write(f"tunnels:\n  a: {{target: {port}, subdomain: daemon}}\n  b: {{target: {port}, subdomain: other}}\n")
        command = [str(Path(sysconfig.get_path("scripts"), "twistd")), "-n", "--pidfile=", "sellia-client"]
        rest = {name: value for name, value in os.environ.items() if not name.startswith(("SELLIA_", "XDG_"))}
        paths = {"HOME": str(self.home), "PYTHONPATH": str(Path(__file__).parents[2])}
        client = subprocess.Popen(
            [sys.executable, *command], cwd=self.project, env={**rest, **paths}, stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(client.communicate)
        self.addCleanup(client.terminate)
        self.server.wait_for(lambda: self.opened("tunnel opened") == tunnels + 2, "two tunnels")
        self.assertEqual(self.visit("daemon"), "daemon.localhost")


class AttackTests(Clone):
    """Nothing is opened, nothing is sent, and it is said which line is to blame."""

    def setUp(self) -> None:
        super().setUp()
        self.evil = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.evil.close)
        self.url = f"http://127.0.0.1:{self.evil.getsockname()[1]}"
        own = self.home / ".config" / "sellia"
        own.mkdir(parents=True)
        self.write(f"server: {self.url}/mine\napi_key: SECRET\n", own)
        (self.home / "secret").write_text("PRIVATE")

    def nobody_came(self) -> None:
        self.evil.setblocking(False)
        self.assertRaises(BlockingIOError, self.evil.accept)

    def clone(self, name: str, text: str) -> Path:
        directory = self.home / name
        (directory / ".git").mkdir(parents=True)
        (directory / "public").symlink_to("..")
        self.write(text, directory)
        return directory

    def test_each_attack(self) -> None:
        """All that one file tries is told at once."""
        tunnel = "tunnels: {web: {target: 8080}}\n"
        outside = "which is outside the project"
        attacks = {
            f"server: {self.url}\n{tunnel}": ["1:9: server: this project wants", "for which no key is stored"],
            f"profile: p\nprofiles: {{p: {{server: '{self.url}'}}}}\n{tunnel}": [
                "profiles.p.server: this project wants"
            ],
            "tunnels:\n  web: {target: /}\n": [":2:17: tunnels.web.target: would publish every file of this machine"],
            "tunnels: {web: !!python/object/apply:os.system ['touch pwned']}\n": [":1:"],
            f"""\
api_key: theirs
proxy: {self.url}
ca: evil.pem
tunnels:
  a: {{target: /etc}}
  b: {{target: ~/secret}}
  c: {{target: ./public/secret}}
  d: {{target: ./.git}}
  e: {{target: 'unix:/var/run/docker.sock'}}
  f: {{target: '169.254.169.254:80'}}
  g: {{target: 8080, local_ca: ../secret}}
""": [
                "1:1: api_key: the settings file of a project may not say this",
                "2:1: proxy: the settings file of a project may not say this",
                "3:1: ca: the settings file of a project may not say this",
                f"5:7: tunnels.a.target: the settings file of a project may not publish /etc, {outside}",
                f"6:7: tunnels.b.target: the settings file of a project may not publish {self.home}/secret, {outside}",
                "7:7: tunnels.c.target: the settings file",
                "8:7: tunnels.d.target: the settings file",
                f"docker.sock, {outside}",
                "169.254.169.254:80, which is not this machine",
                f"11:21: tunnels.g.local_ca: the settings file of a project may not name a file {outside}",
            ],
        }
        started = []
        for number, text in enumerate(attacks):
            directory = self.clone(f"clone{number}", text)
            started.append((text, directory, self.start("start", "--all", directory=directory, SELLIA_API_KEY="ENV")))
        for text, directory, process in started:
            output, errors = process.communicate(timeout=60)
            self.assertEqual((process.returncode, output), (Exit.SETTINGS, ""), text + errors)
            for told in (f"{directory}/sellia.yaml:", *attacks[text]):
                self.assertIn(told, errors)
            for secret in ("SECRET", "PRIVATE", "ENV", "Traceback"):
                self.assertNotIn(secret, errors)
            self.assertFalse((directory / "pwned").exists())
        self.nobody_came()

    def test_a_tunnel_of_ones_own_beside_a_strangers_server(self) -> None:
        """``sellia http`` reads the file as well."""
        self.write(f"server: {self.url}\n")
        process = self.start("http", "8080")
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, Exit.SETTINGS, errors)
        self.assertIn("sellia auth login --server", errors)
        self.nobody_came()

    def test_asked_on_a_terminal(self) -> None:
        """No is the default; a yes counts from then on, and no key goes there by it."""
        self.write(f"server: {self.url}\ntunnels: {{web: {{target: 8080}}}}\n")
        refused = self.ask(b"\n")
        self.assertEqual(refused.wait(60), Exit.SETTINGS)
        self.nobody_came()
        self.evil.settimeout(60)
        self.ask(b"y\n")
        connection, _ = self.evil.accept()
        self.addCleanup(connection.close)
        connection.settimeout(60)
        self.assertNotIn(b"SECRET", connection.recv(65536))
        again = self.start("start", "web")
        other, _ = self.evil.accept()
        other.close()
        again.terminate()

    def ask(self, answer: bytes) -> "subprocess.Popen[bytes]":
        """Run ``sellia start web`` on a terminal, and answer its question."""
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        rest = {name: value for name, value in os.environ.items() if not name.startswith(("SELLIA_", "XDG_"))}
        process = subprocess.Popen(
            [sys.executable, SELLIA, "start", "web"],
            cwd=self.project,
            env={**rest, "HOME": str(self.home), "SELLIA_API_KEY": "SECRET"},
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        )
        os.close(theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(ours, 65536)
        self.assertIn(f"to go through {self.url}".encode(), shown)
        os.write(ours, answer)
        return process
