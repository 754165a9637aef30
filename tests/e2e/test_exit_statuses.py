"""Every exit status of ``sellia``, reached by a process."""

import http.client
import signal
import socket
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from sellia.cli.exits import Exit
from tests.e2e.case import EndToEndTests, watched
from tests.processes import Process, free_port, start_server

SELLIA = str(Path(sysconfig.get_path("scripts"), "sellia"))


@cache
def server(limit: str, *options: str) -> Process:
    """A server that has one of something for each owner."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write(f"limits: {{{limit}: 1}}\n")
        config.flush()
        return watched(start_server("--config", config.name, *options))


class ExitStatusTests(EndToEndTests):
    def sellia(self, *arguments: str, env: dict[str, str] | None = None) -> Process:
        process = watched(Process([sys.executable, SELLIA, *arguments], name=f"sellia {arguments[0]}", env=env))
        self.addCleanup(process.stop)
        return process

    def test_http(self) -> None:
        self.check_all(lambda target, *options: self.sellia("http", target, *options))
        version, unknown = self.sellia("version"), self.sellia("htpp")
        self.assertEqual((version.wait_for_exit(), unknown.wait_for_exit()), (Exit.OK, Exit.USAGE))

    def test_start(self) -> None:
        """Of tunnels that a file describes; it has the same ends."""
        self.check_all(self.start)

    def start(self, target: str, *options: str) -> Process:
        name = options[options.index("-s") + 1] if "-s" in options else None
        config = Path(self.mktemp()).absolute()
        config.write_text(f"tunnels: {{web: {{target: {target}, subdomain: {name or 'null'}}}}}\n")
        rest = [each for each in options if each not in ("-s", name)]
        return self.sellia("start", "web", "--config", str(config), *rest)

    def check_all(self, run: Callable[..., Process]) -> None:
        self.port = server("sessions_per_owner").port
        url = f"http://127.0.0.1:{self.port}"
        closed = f"http://127.0.0.1:{server('tunnels_per_owner', '--master-key', 'the-key-of-the-server').port}"
        key = ("--api-key", "the-key-of-the-server")
        holder = run("1", "--server", closed, *key)
        first = run("1", "--server", url)
        for client in (holder, first):
            client.wait_for_line("open    http://")
        processes = {
            Exit.USAGE: run("1", "--sevrer", url),
            Exit.UNREACHABLE: run("1", "--server", f"http://127.0.0.1:{free_port()}", "--no-retry"),
            Exit.TAKEN: run("1", "--server", closed, *key),
            Exit.NOT_AUTHORISED: run("1", "--server", closed),
            Exit.SETTINGS: run("1", "--server", "not a url"),
            Exit.FAILED: run("1", "--server", url, "--no-retry"),
        }
        processes[Exit.FAILED].wait_for_exit()
        first.send_signal(signal.SIGINT)
        processes[Exit.OK] = first
        first.wait_for_exit()
        processes[Exit.INTERRUPTED] = self.interrupted(url, run)
        self.assertEqual(set(processes), set(Exit))
        for status, process in processes.items():
            self.assertEqual(process.wait_for_exit(), status, f"{process.name}: {process.output}")
            self.assertNotIn("Traceback", process.output)

    def interrupted(self, url: str, run: Callable[..., Process]) -> Process:
        """A client that is told to end twice, because a request is still under way."""
        service = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(service.close)
        client = run(str(service.getsockname()[1]), "-s", "demo", "--server", url)
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
