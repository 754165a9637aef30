"""Clients that run by themselves: found, asked, stopped, reloaded, and detached, with the real processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from sellia.cli.control import running
from tests.e2e import stage
from tests.e2e.case import watched
from tests.processes import ROOT, Process, free_port, start_twistd, wait_until

SELLIA = str(Path(sysconfig.get_path("scripts"), "sellia"))


class Slow(BaseHTTPRequestHandler):
    """A service whose answer to ``/slow`` ends when the test says so."""

    protocol_version = "HTTP/1.1"
    go_on: ClassVar[threading.Event]

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"first")
        self.wfile.flush()
        if self.path == "/slow":
            self.go_on.wait(30)
        with contextlib.suppress(ConnectionError):
            self.wfile.write(b"after")

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def echo_back(chat: ServerConnection) -> None:
    """A service that says what it hears."""
    for message in chat:
        chat.send(message)


class ControlCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = stage.server()
        base = tempfile.TemporaryDirectory()
        self.addCleanup(base.cleanup)
        self.home = Path(base.name)
        for name in ("run", "state", "config"):
            (self.home / name).mkdir(mode=0o700)
        self.environment = {
            "HOME": base.name,
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
        }
        self.url = f"http://localhost:{self.server.port}"
        self.addCleanup(self.end_all)

    def sellia(self, *arguments: str, status: int | None = None) -> subprocess.CompletedProcess[str]:
        """A command that ends by itself."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SELLIA_")}
        done = subprocess.run(
            [sys.executable, SELLIA, *arguments],
            capture_output=True,
            text=True,
            env={**kept, "PYTHONPATH": str(ROOT), **self.environment},
            cwd=self.home,
            timeout=60,
            check=False,
        )
        if status is not None:
            self.assertEqual(done.returncode, status, done)
        return done

    def end_all(self) -> None:
        """End whatever the test has left."""
        for client in running(self.environment):
            os.kill(client.process, signal.SIGCONT)
            os.kill(client.process, signal.SIGKILL)

    def status(self) -> list[Any]:
        """What the clients tell of themselves; None for one that does not answer."""
        return [client.status for client in running(self.environment)]

    def detach(self, *arguments: str) -> str:
        """A client that runs by itself: what was on standard output."""
        return self.sellia("http", *arguments, "--server", self.url, "--detach", status=0).stdout

    def write(self, text: str) -> str:
        """A settings file."""
        path = self.home / "tunnels.yaml"
        path.write_text(f"server: {self.url}\ntunnels:\n{text}")
        return str(path)

    def visit(self, name: str, path: str = "/") -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", path, headers={"Host": f"{name}.localhost:{self.server.port}"})
        return connection.getresponse()

    def slow_service(self) -> int:
        Slow.go_on = threading.Event()
        service = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        self.addCleanup(Slow.go_on.set)
        return service.server_port


class DetachTests(ControlCase):
    def test_url_alone_and_a_client_that_stays(self) -> None:
        out = self.detach("text:hello", "-s", "alone")
        self.assertEqual(out, f"http://alone.localhost:{self.server.port}\n")
        self.assertEqual(self.visit("alone").read(), b"hello")
        [client] = json.loads(self.sellia("status", "--json", status=0).stdout)["clients"]
        self.assertEqual((client["command"], client["server"], client["answers"]), ("sellia http", self.url, True))
        self.assertEqual((client["link"]["state"], client["link"]["reason"]), ("up", None))
        [tunnel] = client["tunnels"]
        self.assertEqual((tunnel["url"], tunnel["targets"]), (out.strip(), [{"path": "/", "target": "text:hello"}]))
        log = Path(client["log"])
        self.assertEqual(log.parent, self.home / "state" / "sellia" / "log")
        wait_until(lambda: "GET     /  200" in log.read_text(), "the visit in the log")
        self.assertEqual(log.stat().st_mode & 0o777, 0o600)
        self.check_strangers()
        shown = self.sellia("status", status=0).stdout
        self.assertIn(f"sellia http, process {client['pid']}, since ", shown)
        self.assertIn("-> text:hello", shown)
        self.assertEqual(self.sellia("stop", status=0).stdout, f"Stopped sellia http (process {client['pid']}).\n")
        self.assertEqual(self.status(), [])
        self.assertEqual(list((self.home / "run" / "sellia").iterdir()), [])
        self.assertIn("Closing.", log.read_text())

    def check_strangers(self) -> None:
        """Garbage and silence: a client is not impressed, and answers the next."""
        [socket_file] = (self.home / "run" / "sellia").iterdir()
        silent = []
        for said in (b"", b"\x00" * 5000, b"GET / HTTP/1.1\r\n\r\n"):
            stranger = socket.socket(socket.AF_UNIX)
            self.addCleanup(stranger.close)
            stranger.connect(str(socket_file))
            stranger.sendall(said)
            silent.append(stranger)
        self.assertEqual(len(self.status()), 1)
        self.assertEqual(json.loads(silent[2].makefile().readline())["error"], "bad-line")

    def test_failures_are_told_and_nothing_stays(self) -> None:
        [line] = self.detach("text:one", "-s", "taken", "--json").splitlines()
        self.assertEqual(json.loads(line)["event"], "open")
        done = self.sellia("http", "text:two", "-s", "taken", "--server", self.url, "--detach", status=73)
        self.assertEqual(done.stdout, "")
        self.assertIn("name-taken", done.stderr)
        nowhere = f"http://localhost:{free_port()}"
        done = self.sellia("http", "text:two", "--server", nowhere, "--no-retry", "--detach", status=69)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(self.status()), 1)

    def test_it_survives_its_terminal(self) -> None:
        """A window that is closed takes what runs in it along, and this does not run in it."""
        ours, theirs = pty.openpty()
        opened = '"$@" <>"$0" >&0 2>&1; read line <"$0"'
        arguments = [sys.executable, SELLIA, "http", "text:hello", "-s", "window", "--server", self.url, "--detach"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SELLIA_")}
        window = subprocess.Popen(
            ["sh", "-c", f'exec <>"$0" >&0 2>&1; {opened}', os.ttyname(theirs), *arguments],
            env={**kept, "PYTHONPATH": str(ROOT), **self.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        shown = bytearray()

        def is_up() -> bool:
            while select.select([ours], [], [], 0)[0]:
                shown.extend(os.read(ours, 65536))
            return b"Runs as process" in shown

        wait_until(is_up, "the client to be up")
        os.close(theirs)
        os.close(ours)
        window.wait(20)
        [client] = self.status()
        os.kill(client["pid"], signal.SIGHUP)
        wait_until(lambda: "Settings read again" in Path(client["log"]).read_text(), "the reload")
        self.assertEqual(self.visit("window").read(), b"hello")

    def test_ended_while_it_waits(self) -> None:
        """Nobody is left behind who would try for ever."""
        process = Process(
            [sys.executable, SELLIA, "http", "text:x", "--server", f"http://localhost:{free_port()}", "--detach"],
            env=self.environment,
        )
        self.addCleanup(process.stop)
        process.wait_for_line("no link")
        [client] = self.status()
        self.assertEqual(client["link"]["state"], "connecting")
        self.assertIn("refused", client["link"]["reason"])
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait_for_exit(), 128 + signal.SIGTERM)
        wait_until(lambda: not self.status(), "the client to end")


class StopTests(ControlCase):
    def test_what_is_waited_for_is_told(self) -> None:
        self.detach(str(self.slow_service()), "-s", "slow")
        answer = self.visit("slow", "/slow")
        self.assertEqual(answer.read(5), b"first")
        stopping = subprocess.Popen(
            [sys.executable, SELLIA, "stop", "slow"],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(stopping.kill)
        assert stopping.stderr is not None
        self.assertRegex(stopping.stderr.readline(), r"^Waiting for 1 request, 30 s at most, of sellia http \(process")
        self.assertTrue(self.status()[0]["stopping"])
        Slow.go_on.set()
        self.assertEqual(answer.read(), b"after")
        self.assertRegex(stopping.communicate(timeout=20)[0], "^Stopped sellia http")
        self.assertEqual(stopping.returncode, 0)

    def test_several(self) -> None:
        """One by its process, at once and with what is under way; all that are left.

        What a process leaves that was killed is removed, and of one that hangs it is said that it does.
        """
        self.detach(str(self.slow_service()), "-s", "slow")
        for name in ("one", "two"):
            self.detach(f"text:{name}", "-s", name)
        done = self.sellia("stop", status=64)
        self.assertIn("Several clients run on this machine", done.stderr)
        pids = {client["tunnels"][0]["name"]: client["pid"] for client in self.status()}
        for pid in pids.values():
            self.assertIn(f"sellia stop {pid}  sellia http: ", done.stderr)
        self.assertIn("Did you mean one?", self.sellia("stop", "onee", status=1).stderr)

        answer = self.visit("slow", "/slow")
        self.assertEqual(answer.read(5), b"first")
        began = time.monotonic()
        self.sellia("stop", str(pids.pop("slow")), "--now", status=0)
        self.assertLess(time.monotonic() - began, 20)
        self.assertRaises((http.client.IncompleteRead, ConnectionResetError), answer.read)

        os.kill(pids["one"], signal.SIGKILL)
        os.kill(pids["two"], signal.SIGSTOP)
        self.assertEqual(len(list((self.home / "run" / "sellia").iterdir())), 2)
        shown = json.loads(self.sellia("status", "--json", status=0).stdout)
        self.assertEqual(shown, {"clients": [{"pid": pids["two"], "answers": False}]})
        self.assertEqual([each.name for each in (self.home / "run" / "sellia").iterdir()], [f"{pids['two']}.sock"])
        os.kill(pids["two"], signal.SIGCONT)

        done = self.sellia("stop", "--all", status=0)
        self.assertEqual(done.stdout, f"Stopped sellia http (process {pids['two']}).\n")
        self.assertIn("No client", self.sellia("stop", status=1).stderr)
        self.assertIn("No client", self.sellia("stop", "--all", status=0).stdout)


class ReloadTests(ControlCase):
    def run_client(self, kept: str, moved: str) -> Process:
        text = f"  kept: {{target: {kept}, subdomain: kept}}\n  moved: {{target: {moved}, subdomain: moved}}\n"
        client = watched(start_twistd("sellia-client", "--config", self.write(text), env=self.environment))
        self.addCleanup(client.stop)
        for name in ("kept", "moved"):
            client.wait_for_line(f"tunnel ready: http://{name}.localhost")
        return client

    def test_only_what_differs(self) -> None:
        """A download and a WebSocket's worth of time: who is in a tunnel goes on, also in one that is altered."""
        slow = self.slow_service()
        client = self.run_client(str(slow), str(slow))
        kept, moved = self.visit("kept", "/slow"), self.visit("moved", "/slow")
        self.write(
            f"  kept: {{target: {slow}, subdomain: kept}}\n"
            "  moved: {target: 'text:elsewhere', subdomain: moved, auth: 'u:p'}\n"
            "  fresh: {target: 'text:new', subdomain: fresh}\n"
        )
        client.send_signal(signal.SIGHUP)
        client.wait_for_line("settings read again: opened fresh; altered moved")
        client.wait_for_line("tunnel ready: http://fresh.localhost")
        self.assertEqual(self.visit("fresh").read(), b"new")
        self.assertEqual(self.visit("moved").status, 401)
        Slow.go_on.set()
        self.assertEqual((kept.read(), moved.read()), (b"firstafter", b"firstafter"))
        self.assertEqual(client.output.count("tunnel ready: http://kept.localhost"), 1)
        self.write("  fresh: {target: 'text:newer', subdomain: fresh}\n")
        done = self.sellia("reload", "fresh", status=0)
        self.assertRegex(done.stdout, r"^twistd sellia-client \(process \d+\): closed kept, moved; altered fresh\.")
        self.assertEqual(self.visit("fresh").read(), b"newer")
        wait_until(lambda: self.visit("kept").status == 404, "the name to be free")

    def test_websockets_go_on(self) -> None:
        """In a tunnel that does not differ, and in one that does; of one that is closed, they are closed."""
        service = serve(echo_back, "127.0.0.1", 0)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        self.addCleanup(service.shutdown)
        echo = str(service.socket.getsockname()[1])
        client = self.run_client(echo, echo)
        chats = {name: self.chat(name) for name in ("kept", "moved")}
        kept = f"  kept: {{target: {echo}, subdomain: kept}}\n"
        self.write(kept + "  moved: {target: 'text:x', subdomain: moved, auth: 'u:p'}\n")
        client.send_signal(signal.SIGHUP)
        client.wait_for_line("settings read again: altered moved")
        for name, chat in chats.items():
            chat.send(name)
            self.assertEqual(chat.recv(20), name)
        closed = self.chat("kept")
        self.write("  moved: {target: 'text:x', subdomain: moved, auth: 'u:p'}\n")
        client.send_signal(signal.SIGHUP)
        client.wait_for_line("settings read again: closed kept")
        error = self.assertRaises(ConnectionClosed, closed.recv, 20)
        assert error.rcvd is not None
        self.assertEqual((error.rcvd.code, error.rcvd.reason), (1001, "client-gone: the tunnel was closed"))
        chats["moved"].send("still here")
        self.assertEqual(chats["moved"].recv(20), "still here")

    def chat(self, name: str) -> ClientConnection:
        """A visitor's WebSocket."""
        to = socket.create_connection(("127.0.0.1", self.server.port), timeout=20)
        chat = connect(f"ws://{name}.localhost:{self.server.port}/", sock=to)
        self.addCleanup(chat.close)
        return chat

    def test_wrong_settings_change_nothing(self) -> None:
        """And one tunnel that is stopped comes back with the settings that are right again."""
        client = self.run_client("'text:a'", "'text:b'")
        right = (self.home / "tunnels.yaml").read_text()
        path = self.write("  kept: {target: 'text:c', subdomian: kept}\n  moved: {port: nowhere}\n")
        done = self.sellia("reload", status=78)
        self.assertIn(f"{path}:3:", done.stderr)
        self.assertIn("Did you mean subdomain?", done.stderr)
        self.assertIn(f"{path}:4:", done.stderr)
        self.assertIn("settings not taken, the ones before go on", client.output)
        self.assertEqual((self.visit("kept").read(), self.visit("moved").read()), (b"a", b"b"))
        Path(path).write_text("server: http://localhost:1\ntunnels:\n  kept: {target: 'text:c'}\n")
        done = self.sellia("reload", status=78)
        self.assertIn("server cannot change while the client runs", done.stderr)
        self.assertEqual(self.visit("kept").read(), b"a")

        done = self.sellia("stop", "moved", status=0)
        self.assertRegex(done.stdout, r"^Closed the tunnel moved; twistd sellia-client \(process \d+\) goes on\.")
        wait_until(lambda: self.visit("moved").status == 404, "the name to be free")
        self.assertEqual(self.visit("kept").read(), b"a")
        Path(path).write_text(right)
        self.sellia("reload", status=0)
        wait_until(lambda: self.visit("moved").status == 200, "the tunnel to be back")
