"""
What a scenario plays on: a server, a fault proxy before it, a client behind that, our service, and a load.

    with Stage(server={"resume_window": 5}) as stage:
        with stage.load(websockets=20) as load:
            stage.proxy.cut()
            ...
            tally = finish(load)
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from bench import wire
from tests import processes
from tests.chaos.observed import PATTERN
from tests.chaos.proxy import FaultProxy
from tests.chaos.tally import Tally
from tests.processes import Process, ProcessError, wait_until

NAME = "chaos"
DOMAIN = "localhost"

READY_DEADLINE = 60.0
FINISH_DEADLINE = 240.0
"""Seconds for a load to come to its end: more than what it waits for one answer."""

PROBE_DEADLINE = 60.0
SETTLE_DEADLINE = 60.0
OVER_DEADLINE = 5.0

Values = Mapping[str, object]


class Stage:
    """All processes of a scenario. Leaving it ends them; a traceback in a log of Sellia's is a failure then."""

    bind = "127.0.0.1"

    def __init__(
        self,
        *,
        server: Values | None = None,
        client: Values | None = None,
        service_module: str = "tests.chaos.service",
    ) -> None:
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sellia-chaos-")))
        self._server_settings = dict(server or {})
        self._client_settings = dict(client or {})
        self._watched: list[Process] = []
        try:
            self.service_port = processes.free_port()
            self.server_port = processes.free_port()
            self.proxy = self._stack.enter_context(FaultProxy(self.server_port))
            # All at once: most of the time goes into imports, and the client tries again until the others are there.
            self.service = self._enter(self.start("service", service_module, str(self.service_port)))
            self.server = self.start_server(wait=False)
            self.client = self.start_client(wait=False)
            self.wait_for_service()
            self.server.wait_for_port()
            self.wait_for_tunnel()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in (self.client, self.server, self.service):
            process.send_signal(signal.SIGTERM)
        self._stack.close()
        mistakes = self.mistakes()
        if error is not None:
            error.add_note(mistakes or "\n".join(f"--- {p.name} ---\n{p.output[-1500:]}" for p in self._watched[-2:]))
        elif mistakes:
            raise ProcessError(f"an exception escaped into a log\n{mistakes}")

    @property
    def host(self) -> str:
        """What visitors ask for."""
        return f"{NAME}.{DOMAIN}:{self.server_port}"

    @property
    def link_address(self) -> str:
        """Where the client finds the server: behind the fault proxy."""
        return f"127.0.0.1:{self.proxy.port}"

    def start(self, role: str, module: str, *arguments: str) -> Process:
        """Run ``python -m module`` as server, client or service."""
        return processes.start_python("-m", module, *arguments, name=role)

    def wait_for_service(self) -> None:
        """Return once the service takes connections."""
        self.service.wait_for_port(self.service_port)

    def start_server(self, wait: bool = True) -> Process:
        """A server on this stage's port, again if there was one."""
        arguments = ["sellia-server", "--host", self.bind, "--port", str(self.server_port), "--domain", DOMAIN]
        arguments.append("--open")
        self.server = server = self._twistd("server", arguments, self._server_settings)
        if wait:
            server.wait_for_port()
        return server

    def start_client(self, wait: bool = True) -> Process:
        """A client that exposes this stage's service under `NAME`, again if there was one."""
        arguments = ["sellia-client", "--server", f"http://{self.link_address}", "--subdomain", NAME]
        arguments += ["--target", f"127.0.0.1:{self.service_port}"]
        client = self._twistd("client", arguments, self._client_settings)
        self.client = client
        if wait:
            self.wait_for_tunnel()
        return client

    def wait_for_tunnel(self) -> None:
        """Return once the server knows the client's tunnel."""
        self.client.wait_for(lambda: processes.tunnel_is_open(self.server_port, self.host), "the tunnel to be open")

    def load(self, *, ready: bool = True, **options: Any) -> Process:
        """Visitors (`tests.chaos.load`); options as it spells them. Returns once all of them have begun."""
        flags = []
        for name, value in options.items():
            flags += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
        load = processes.start_python("-m", "tests.chaos.load", str(self.server_port), self.host, *flags, name="load")
        if ready:
            try:
                load.wait_for_line("^ready$", READY_DEADLINE)
            except BaseException:
                load.stop()
                raise
        return self._enter(load)

    def answers(self) -> bool:
        """Whether a new visitor is served now."""
        try:
            with Probe(self.server_port, self.host) as probe:
                probe.round_trip()
        except (AssertionError, OSError):
            return False
        return True

    def settled(self, websockets: int) -> None:
        """Return once so many WebSockets are open at the service."""
        wait_until(lambda: self.report()["open"] >= websockets, f"{websockets} WebSockets to be open", SETTLE_DEADLINE)

    @property
    def sessions(self) -> int:
        """How many sessions the present client has had."""
        return self.client.output.count("tunnel ready: ")

    @property
    def links_back(self) -> int:
        """How many times the present client had a link again."""
        return self.client.output.count("link back: ")

    def wait_for_link(self, times: int) -> None:
        """Return once the present client had a link again so many times."""
        wait_until(lambda: self.links_back >= times, "the link to be back", SETTLE_DEADLINE)

    def report(self) -> dict[str, Any]:
        """What the service says (`tests.chaos.service`), asked without Sellia in between."""
        connection = http.client.HTTPConnection("127.0.0.1", self.service_port, timeout=PROBE_DEADLINE)
        try:
            connection.request("GET", "/report")
            report: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return report

    def mistakes(self) -> str:
        """What server and client have written, where a traceback is in it."""
        found = []
        for process in self._watched:
            begin = process.output.find("Traceback")
            if begin >= 0:
                found.append(f"--- {process.name} ---\n{process.output[max(0, begin - 300) : begin + 3000]}")
        return "\n".join(found)

    def _twistd(self, role: str, arguments: list[str], settings: Values) -> Process:
        if settings:
            file = self._folder / f"{role}.yaml"
            file.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items()))
            arguments = [*arguments, "--config", str(file)]
        process = self.start(role, "tests.chaos.observed", "--nodaemon", "--pidfile=", *arguments)
        process.port = self.server_port
        self._watched.append(process)
        return self._enter(process)

    def _enter(self, process: Process) -> Process:
        return self._stack.enter_context(process)


def finish(load: Process) -> Tally:
    """Let everything that the visitors do come to its end, and return what they have counted."""
    load.send_signal(signal.SIGUSR1)
    status = load.wait_for_exit(FINISH_DEADLINE)
    if status:
        raise ProcessError(f"the load failed:\n{load.output[-3000:]}")
    return Tally.load(load.output.splitlines()[-1])


def observed(process: Process) -> tuple[int, int]:
    """Timers that the process' reactor has, and descriptors that the process holds."""
    before = process.output.count("observed timers=")
    process.send_signal(signal.SIGUSR2)
    process.wait_for(lambda: process.output.count("observed timers=") > before, "its number of timers")
    timers = int(process.wait_for_line(PATTERN + r"(?![\s\S]*^observed)")[1])
    return timers, process.open_files()


class Probe:
    """A visitor with one WebSocket that tells how long a small message takes, there and back: now, in this state."""

    def __init__(self, port: int, host: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PROBE_DEADLINE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(wire.upgrade_request(host, "/echo"))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            octet = self._socket.recv(1)
            if not octet:
                raise ProcessError(f"the probe was turned away: {head!r}")
            head += octet
        if not wire.is_accepted(head):
            raise ProcessError(f"the probe was turned away: {head!r}")
        self._number = 0

    def __enter__(self) -> Probe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()

    def round_trip(self) -> float:
        """Seconds until the service's echo of a message that is sent now is back."""
        self._number += 1
        payload = b"probe %d" % self._number
        started = time.monotonic()
        self._socket.sendall(wire.frame(payload, mask=wire.MASK))
        wanted = wire.frame(payload)
        came = b""
        while len(came) < len(wanted):
            data = self._socket.recv(len(wanted) - len(came))
            if not data:
                raise ProcessError("the probe's WebSocket ended")
            came += data
        if came != wanted:
            raise ProcessError(f"the probe got {came!r} for {wanted!r}")
        return time.monotonic() - started

    def is_over(self, seconds: float = OVER_DEADLINE) -> bool:
        """Whether the WebSocket has ended, or ends within so many seconds: with a close frame or without one."""
        self._socket.settimeout(seconds)
        try:
            while data := self._socket.recv(4096):
                if data[0] & 0x0F == wire.CLOSE:
                    return True
        except TimeoutError:
            return False
        except OSError:
            pass
        return True
