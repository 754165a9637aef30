"""Every exit status of ``sellia``, reached by a process."""

import http.client
import signal
import socket
import sys
import sysconfig
from pathlib import Path

from sellia.cli.exits import Exit
from tests.e2e.case import EndToEndTests, watched
from tests.processes import Process, free_port, start_server

SELLIA = str(Path(sysconfig.get_path("scripts"), "sellia"))


class ExitStatusTests(EndToEndTests):
    def sellia(self, *arguments: str, env: dict[str, str] | None = None) -> Process:
        process = watched(Process([sys.executable, SELLIA, *arguments], name=f"sellia {arguments[0]}", env=env))
        self.addCleanup(process.stop)
        return process

    def server(self, limit: str, *options: str) -> str:
        """A server that has one of something for each owner; its URL."""
        config = Path(self.mktemp()).absolute()
        config.write_text(f"limits: {{{limit}: 1}}\n")
        server = watched(start_server("--config", str(config), *options))
        self.addCleanup(server.stop)
        self.port = server.port
        return f"http://127.0.0.1:{server.port}"

    def test_every_one(self) -> None:
        closed = self.server("tunnels_per_owner", "--master-key", "the-key-of-the-server")
        url = self.server("sessions_per_owner")
        key = ("--api-key", "the-key-of-the-server")
        holder = self.sellia("http", "1", "--server", closed, *key)
        first = self.sellia("http", "1", "--server", url)
        for client in (holder, first):
            client.wait_for_line("open    http://")
        processes = {
            Exit.OK: self.sellia("version"),
            Exit.USAGE: self.sellia("htpp"),
            Exit.UNREACHABLE: self.sellia("http", "1", "--server", f"http://127.0.0.1:{free_port()}", "--no-retry"),
            Exit.TAKEN: self.sellia("http", "1", "--server", closed, *key),
            Exit.NOT_AUTHORISED: self.sellia("http", "1", "--server", closed),
            Exit.SETTINGS: self.sellia("http", "1", "--server", "not a url"),
            Exit.FAILED: self.sellia("http", "1", "--server", url, "--no-retry"),
        }
        processes[Exit.FAILED].wait_for_exit()
        first.send_signal(signal.SIGINT)
        self.assertEqual(first.wait_for_exit(), Exit.OK)
        processes[Exit.INTERRUPTED] = self.interrupted(url)
        self.assertEqual(set(processes), set(Exit))
        for status, process in processes.items():
            self.assertEqual(process.wait_for_exit(), status, f"{process.name}: {process.output}")
            self.assertNotIn("Traceback", process.output)

    def interrupted(self, url: str) -> Process:
        """A client that is told to end twice, because a request is still under way."""
        service = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(service.close)
        client = self.sellia("http", str(service.getsockname()[1]), "-s", "demo", "--server", url)
        client.wait_for_line("open    http://")
        visitor = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.addCleanup(visitor.close)
        visitor.request("GET", "/", headers={"Host": f"demo.localhost:{self.port}"})
        held, _ = service.accept()
        self.addCleanup(held.close)
        client.send_signal(signal.SIGINT)
        client.wait_for_line("Closing")
        client.send_signal(signal.SIGINT)
        return client
