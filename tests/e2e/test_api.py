"""The programs in ``docs/api.rst`` do what the page says, as they stand there."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import tempfile
import textwrap
import threading
from functools import cache
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

import sellia.client
import sellia.server
from tests.e2e.case import EndToEndTests, watched
from tests.e2e.stage import Reach, curl, through_tunnel_only
from tests.processes import ROOT, Process, free_port, start_client, start_server

PAGE = ROOT / "docs" / "api.rst"

DEADLINE = 20.0

_BLOCK = re.compile(r"^\.\. code-block:: python\n(?:   :name: (\S+)\n)?\n((?:   .*\n|\n)+)", re.MULTILINE)


@cache
def programs() -> dict[str, str]:
    """The programs of the page by their names."""
    return {name: textwrap.dedent(code) for name, code in _BLOCK.findall(PAGE.read_text("utf-8"))}


@cache
def directory() -> Path:
    """Where they are as files."""
    place = tempfile.TemporaryDirectory(prefix="sellia-api-")
    _kept.append(place)
    for name, code in programs().items():
        Path(place.name, name).write_text(code, "utf-8")
    return Path(place.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))}


def argv(name: str, *arguments: str) -> list[str]:
    """The command line of a program of the page: a ``.tac`` is run by twistd, in the way its first line says."""
    twistd = [os.path.join(sysconfig.get_path("scripts"), "twistd"), "--nodaemon", "--pidfile=", "--python"]
    return [sys.executable, *(twistd if name.endswith(".tac") else []), str(directory() / name), *arguments]


class ProgramTests(EndToEndTests):
    """Each program, with the others at its ends."""

    def setUp(self) -> None:
        through_tunnel_only()

    def start(self, name: str, *arguments: str, port: int = 0) -> Process:
        """Run a program of the page."""
        env = {**ENVIRONMENT, "PORT": str(port)}
        process = watched(Process(argv(name, *arguments), name=name, env=env, cwd=directory(), port=port))
        self.addCleanup(process.stop)
        return process

    def serve(self, name: str) -> Process:
        """One of the servers, taking connections."""
        process = self.start(name, port=free_port())
        process.wait_for_port()
        return process

    def get(self, port: int, name: str, path: str = "/") -> bytes:
        return curl(Reach(port, name), path).output

    def test_tunnel_over_a_server_of_one_s_own(self) -> None:
        """``hello.py`` says its URL, serves its page, says who came, and ends in order."""
        server = self.serve("tunnels.tac")
        hello = self.start("hello.py", f"http://127.0.0.1:{server.port}")
        hello.wait_for_line(rf"^public at http://hello\.localhost:{server.port}$")
        self.assertEqual(self.get(server.port, "hello.localhost", "/?x"), b"Hello from Twisted\n")
        hello.wait_for_line(r"^GET /\?x 200$")
        hello.stop()
        server.wait_for_line("the client said goodbye")
        server.stop()
        self.assertIn("Server Shut Down.", server.output)

    def test_refused(self) -> None:
        """A server that wants a key ends the program, and it says why."""
        server = start_server("--require-auth", "--master-key", "k")
        self.addCleanup(server.stop)
        hello = Process(argv("hello.py", f"http://127.0.0.1:{server.port}"), env=ENVIRONMENT)
        self.addCleanup(hello.stop)
        self.assertEqual(hello.wait_for_exit(), 1)
        self.assertIn("RefusedError: ", hello.output)
        self.assertNotIn("public at", hello.output)

    def test_site_of_one_s_own(self) -> None:
        """``site.tac``: its own page, the tunnel by host and by path, and clients at its gateway."""
        site = self.serve("site.tac")
        self.assertEqual(self.get(site.port, "localhost"), b"My own page\n")
        self.assertIn(b"no-such-tunnel", self.get(site.port, "hello.localhost"))
        hello = self.start("hello.py", f"http://127.0.0.1:{site.port}")
        hello.wait_for_line("^public at ")
        self.assertEqual(self.get(site.port, "hello.localhost"), b"Hello from Twisted\n")
        self.assertEqual(self.get(site.port, "localhost", "/preview/x?y"), b"Hello from Twisted\n")
        hello.wait_for_line(r"^GET /x\?y ")

    def test_websocket_through_the_site(self) -> None:
        """With ``twistd sellia-client`` as the client, and close codes kept."""
        site = self.serve("site.tac")

        def echo(connection: ServerConnection) -> None:
            connection.send(connection.recv())
            connection.close(4000, "enough")

        service = serve(echo, "127.0.0.1", 0)
        self.addCleanup(service.shutdown)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        client = start_client(site.port, service.socket.getsockname()[1], "hello")
        self.addCleanup(watched(client).stop)
        with connect(f"ws://127.0.0.1:{site.port}/preview/", proxy=None) as websocket:
            websocket.send("hi")
            self.assertEqual(websocket.recv(DEADLINE), "hi")
            closed = self.assertRaises(ConnectionClosed, websocket.recv, DEADLINE)
        assert closed.rcvd is not None
        self.assertEqual((closed.rcvd.code, closed.rcvd.reason), (4000, "enough"))


class PageTests(EndToEndTests):
    """The page and the packages agree."""

    def test_every_program_is_run(self) -> None:
        """A program that is added to the page has to be added here."""
        self.assertEqual(set(programs()), {"hello.py", "tunnels.tac", "site.tac"})

    def test_every_name_is_described(self) -> None:
        page = PAGE.read_text("utf-8")
        for package in (sellia.client, sellia.server):
            for name in package.__all__:
                self.assertIn(f"``{name}", page)
                self.assertIsNotNone(getattr(package, name))

    def test_no_other_names(self) -> None:
        for package in (sellia.client, sellia.server):
            self.assertFalse(hasattr(package, "Nothing"))
