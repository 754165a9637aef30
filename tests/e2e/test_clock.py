"""The wall clock of real processes is stepped under load, and nobody notices.

Debian's ``libfaketime`` stands between the process and the system, so the clock of this machine stays as it is.
"""

from __future__ import annotations

import http.client
import json
import socket
import tempfile
import threading
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.e2e.case import EndToEndTests, watched
from tests.e2e.recorder import OK, Recorder, ServiceLeg
from tests.e2e.stage import program, through_tunnel_only
from tests.e2e.websocket import accept_upgrade
from tests.processes import Process, start_client, start_python, start_server, tunnel_is_open, wait_until

STEPS = (10, -10, 3600, -3600, 86400, -86400)
"""Seconds by which the wall clock is off, one after the other."""

DWELL = 1.5
"""Seconds of load at each step: longer than what looks at its deadlines once a second takes."""


class FakeClock:
    """A wall clock that its processes share, and that can be set."""

    def __init__(self) -> None:
        program("faketime")
        found = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            raise SkipTest("libfaketimeMT.so.1 is not where Debian puts it")
        self._file = Path(tempfile.mkdtemp()) / "offset"
        self.env = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, offset: int) -> None:
        """Let the clock be so many seconds ahead."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset:+d}\n")
        new.replace(self._file)

    def date(self, offset: int) -> str:
        """The day that its processes see."""
        return time.strftime("%Y-%m-%d", time.gmtime(time.time() + offset))


class Load(threading.Thread):
    """Requests one after the other, each on a connection of its own; ``answers`` are their statuses."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._over = threading.Event()
        self.answers: dict[str, int] = {}

    def run(self) -> None:
        while not self._over.wait(0.005):
            said = ask(self._port, "/quick")
            self.answers[said] = self.answers.get(said, 0) + 1

    def end(self) -> dict[str, int]:
        self._over.set()
        self.join(30)
        return self.answers


def ask(port: int, path: str) -> str:
    """The status of an answer, with the problem that it tells of."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Host": f"demo.localhost:{port}"})
        answer = connection.getresponse()
        answer.read()
        return " ".join(filter(None, (str(answer.status), answer.getheader("Sellia-Error"))))
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


class WallClockTests(EndToEndTests):
    def setUp(self) -> None:
        through_tunnel_only()
        self.clock = FakeClock()
        self.recorder = Recorder()
        self.addCleanup(self.recorder.close)
        self.release = threading.Event()
        self.addCleanup(self.release.set)
        self.recorder.on("/quick", lambda exchange: exchange.send(OK))
        self.recorder.on("/slow", self._answer_late)
        self.recorder.on("/chat", self._speak_late)

    def _answer_late(self, exchange: ServiceLeg) -> None:
        self.release.wait(60)
        exchange.send(OK)

    def _speak_late(self, exchange: ServiceLeg) -> None:
        accept_upgrade(exchange)
        self.release.wait(60)
        exchange.send(b"\x81\x02hi")

    def _ended(self, process: Process) -> Process:
        self.addCleanup(process.stop)
        return watched(process)

    def _server(self, **settings: object) -> Process:
        config = Path(tempfile.mkdtemp()) / "server.yaml"
        config.write_text(json.dumps(settings))
        return self._ended(start_server("--config", str(config), env=self.clock.env))

    def _chat(self, port: int) -> socket.socket:
        """An open WebSocket."""
        visitor = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.addCleanup(visitor.close)
        visitor.sendall(
            b"GET /chat HTTP/1.1\r\nHost: demo.localhost:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % port
        )
        self.assertTrue(visitor.recv(4096).startswith(b"HTTP/1.1 101 "))
        return visitor

    def _step_under_load(self, port: int, *processes: Process) -> None:
        """All steps, with requests of all kinds under way; every one is answered, and no link is lost."""
        slow: list[str] = []
        waiting = threading.Thread(target=lambda: slow.append(ask(port, "/slow")), daemon=True)
        waiting.start()
        wait_until(lambda: self.recorder.exchanges("/slow"), "the slow request to be under way")
        chat = self._chat(port)
        load = Load(port)
        load.start()
        for offset in STEPS:
            self.clock.set(offset)
            threading.Event().wait(DWELL)
        self.clock.set(0)
        threading.Event().wait(DWELL)
        self.release.set()
        waiting.join(30)
        answers = load.end()
        self.assertEqual(slow, ["200"])
        self.assertEqual(set(answers), {"200"}, answers)
        self.assertGreater(answers["200"], 100)
        self.assertEqual(chat.recv(100), b"\x81\x02hi")
        for process in processes:
            for sign in ("link lost", "has slept", "limit reached", "reconnect", "lost    "):
                self.assertNotIn(sign, process.output)

    def test_server(self) -> None:
        """Times of the server that are shorter than each step: none is over, and nobody has to wait for an hour."""
        server = self._server(request_timeout=60, request_rate=1000, request_burst=50, auth_failures_burst=2)
        client = self._ended(start_client(server.port, self.recorder.port, "demo"))
        self._step_under_load(server.port, server, client)

    def test_client(self) -> None:
        """The daemon's end."""
        server = self._server()
        client = self._ended(start_client(server.port, self.recorder.port, "demo", env=self.clock.env))
        self._step_under_load(server.port, server, client)

    def test_command(self) -> None:
        """``sellia http``."""
        server = self._server()
        service = (f"127.0.0.1:{self.recorder.port}", "-s", "demo")
        command = ("-c", "from sellia.cli.main import main; main()", "http", *service)
        where = ("--server", f"http://127.0.0.1:{server.port}")
        client = self._ended(start_python(*command, *where, env=self.clock.env))
        client.wait_for(lambda: tunnel_is_open(server.port, f"demo.localhost:{server.port}"), "the tunnel")
        self._step_under_load(server.port, server, client)

    def test_clients_come_after_a_step_back(self) -> None:
        """The log tells the new time, and a client that comes then is let in at once."""
        server = self._server()
        self.clock.set(-86400)
        client = self._ended(start_client(server.port, self.recorder.port, "demo"))
        self.assertEqual(ask(server.port, "/quick"), "200")
        line = f"{self.clock.date(-86400)}T"
        wait_until(lambda: line in server.output, f"a line of the log with {line}")
        client.stop()
