"""
Real processes for tests and measurements: start them, know when they are ready, read what they cost, end them.

    with start_server(domain="localhost") as server:
        with start_client(server.port, service_port, "myapp"):
            ...  # visitors connect to 127.0.0.1:server.port with ``Host: myapp.localhost:<port>``

Everything here blocks, so a test that uses the reactor calls it before, after, or in a thread. Whatever is waited for
has a deadline, and a deadline that passes raises `ProcessError` with the end of the process's output in it. A process
is ended by its own id (its own process group, so that what it started ends with it), at the latest when Python exits.

Output goes to an unnamed temporary file and not through a pipe: nobody has to read it for the process to go on.
"""

from __future__ import annotations

import atexit
import functools
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: children run here, so that ``twisted/plugins`` is found whether or not the package is installed."""

START_DEADLINE = 60.0
"""Seconds that a process may take to become ready; generous because test machines are shared."""

STOP_DEADLINE = 10.0
"""Seconds between asking a process to end and killing it."""

POLL_INTERVAL = 0.02
"""Seconds between two looks at a condition."""

_CLOCK_TICK = os.sysconf("SC_CLK_TCK")
_issued_ports: set[int] = set()
_running: set[Process] = set()

_Value = TypeVar("_Value")


class ProcessError(AssertionError):
    """A process ended early, or did not do in time what was waited for. The message ends with its last output."""


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port on ``host`` that nothing listens on, and that this function has not given out before."""
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        if port not in _issued_ports:
            _issued_ports.add(port)
            return port


def wait_until(condition: Callable[[], _Value], what: str, deadline: float = START_DEADLINE) -> _Value:
    """The first true value of ``condition``, or a `ProcessError` naming ``what`` after ``deadline`` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise ProcessError(f"waited {deadline:g} s in vain for {what}")
        time.sleep(POLL_INTERVAL)


def accepts_connections(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens on ``port`` now."""
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def stop_listening(listener: socket.socket) -> None:
    """
    Close a listening socket on which a thread may wait for connections: wake that up first.

    Otherwise it goes on waiting in the kernel, by the number of the descriptor, and once a signal has interrupted it,
    it takes the connections of whoever was given the same number next.
    """
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


class Process:
    """
    A child process, from start to end. A context manager: leaving it ends the process.

    ``name`` is what error messages call it. ``env`` is laid over this process's environment. ``port``, when given, is
    where it will listen: it is only remembered here, for `wait_for_port` and for the caller.
    """

    def __init__(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        name: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] = ROOT,
        port: int = 0,
    ) -> None:
        self.argv = [os.fspath(argument) for argument in argv]
        self.name = name or Path(self.argv[0]).name
        self.port = port
        self._output = tempfile.TemporaryFile()
        self._popen = subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "XDG_RUNTIME_DIR": _runtime_directory(), **(env or {})},
            start_new_session=True,
        )
        self.pid = self._popen.pid
        _running.add(self)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{self.name} pid {self.pid}>"

    @property
    def output(self) -> str:
        """Everything the process has written to stdout and stderr so far."""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode("utf-8", "replace")

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while the process runs."""
        return self._popen.poll()

    def wait_for(self, condition: Callable[[], _Value], what: str, deadline: float = START_DEADLINE) -> _Value:
        """The first true value of ``condition``; `ProcessError` when the process ends first or the deadline passes."""

        def check() -> _Value:
            value = condition()
            if not value and self.returncode is not None:
                raise ProcessError(f"exited with status {self.returncode} before {what}")
            return value

        try:
            return wait_until(check, what, deadline)
        except ProcessError as error:
            raise ProcessError(f"{self.name}: {error}\n{self._tail()}") from None

    def wait_for_port(self, port: int | None = None, deadline: float = START_DEADLINE) -> None:
        """Return once ``port`` (default: this process's own) accepts connections."""
        wanted = self.port if port is None else port
        self.wait_for(lambda: accepts_connections(wanted), f"port {wanted} to accept connections", deadline)

    def wait_for_line(self, pattern: str, deadline: float = START_DEADLINE) -> re.Match[str]:
        """The first match of the regular expression ``pattern`` in the output."""
        match = self.wait_for(
            lambda: re.search(pattern, self.output, re.MULTILINE), f"output like {pattern!r}", deadline
        )
        assert match is not None
        return match

    def wait_for_exit(self, deadline: float = START_DEADLINE) -> int:
        """The exit status, once the process has ended by itself."""
        try:
            status = self._popen.wait(deadline)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"{self.name}: still running after {deadline:g} s\n{self._tail()}") from None
        _running.discard(self)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal to this one process, if it still runs."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def stop(self, deadline: float = STOP_DEADLINE) -> int:
        """
        End the process and what it started: SIGTERM, and SIGKILL when that has not helped within ``deadline``.

        Returns the exit status. Calling it again is harmless; the output stays readable.
        """
        if self.returncode is None:
            self.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(deadline)
            except subprocess.TimeoutExpired:
                self.send_signal(signal.SIGKILL)
        status = self._popen.wait()
        if self in _running:
            _running.discard(self)
            self._kill_group()
        return status

    def cpu_seconds(self) -> float:
        """User and system CPU time used so far, of this process without its children, in steps of a clock tick."""
        # proc(5): the name in parentheses may hold anything, so fields are counted from the last parenthesis.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICK

    def resident_bytes(self) -> int:
        """Resident memory now, in bytes (``VmRSS``)."""
        return self._status_bytes("VmRSS")

    def peak_resident_bytes(self) -> int:
        """The most resident memory there has been since the start or the last `reset_peak`, in bytes (``VmHWM``)."""
        return self._status_bytes("VmHWM")

    def reset_peak(self) -> None:
        """Let `peak_resident_bytes` start again from what is resident now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def open_files(self) -> int:
        """How many file descriptors the process holds."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def _status_bytes(self, field: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == field:
                return int(rest.split()[0]) * 1024
        raise ProcessError(f"{self.name}: no {field}; it has ended\n{self._tail()}")

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _tail(self, length: int = 3000) -> str:
        return f"--- output of {self.name} ({' '.join(self.argv)}) ---\n{self.output[-length:]}"


@functools.cache
def _runtime_directory() -> str:
    """A directory for the control sockets of clients, beside those of whoever runs the tests."""
    directory = tempfile.mkdtemp(prefix="sellia-tests-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


@atexit.register
def _stop_everything() -> None:
    for process in list(_running):
        process.stop(deadline=1.0)


def start_python(
    *arguments: str, name: str | None = None, env: Mapping[str, str] | None = None, port: int = 0
) -> Process:
    """Run this Python with ``arguments`` (``"-m", "bench.echo", ...``), the checkout on its path."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return Process([sys.executable, *arguments], name=name, env={"PYTHONPATH": path, **(env or {})}, port=port)


def start_twistd(
    *arguments: str, name: str | None = None, env: Mapping[str, str] | None = None, port: int = 0
) -> Process:
    """Run ``twistd -n`` with ``arguments``, the plugin's name first."""
    script = Path(sysconfig.get_path("scripts")) / "twistd"
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return Process(
        [sys.executable, script, "--nodaemon", "--pidfile=", *arguments],
        name=name or arguments[0],
        env={"PYTHONPATH": path, **(env or {})},
        port=port,
    )


def start_server(
    *options: str, domain: str = "localhost", port: int | None = None, env: Mapping[str, str] | None = None
) -> Process:
    """``twistd -n sellia-server`` on 127.0.0.1, ready to take visitors and links at its ``port``."""
    chosen = free_port() if port is None else port
    server = start_twistd(
        "sellia-server",
        "--host",
        "127.0.0.1",
        "--port",
        str(chosen),
        "--domain",
        domain,
        *options,
        env=env,
        port=chosen,
    )
    return _ready(server, lambda: server.wait_for(lambda: answers(chosen), f"an answer at port {chosen}"))


def answers(port: int) -> bool:
    """
    Whether an HTTP server on ``port`` answers: then its reactor runs, and it heeds signals.

    One that only listens may still be starting, and SIGTERM would end it as the system does, not as it does itself.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("HEAD", "/health", headers={"Connection": "close"})
        return bool(connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def start_client(
    server_port: int,
    service_port: int,
    subdomain: str,
    *options: str,
    domain: str = "localhost",
    env: Mapping[str, str] | None = None,
) -> Process:
    """``twistd -n sellia-client`` for a service on 127.0.0.1, once the server knows the tunnel ``subdomain``."""
    client = start_twistd(
        "sellia-client",
        "--server",
        f"http://127.0.0.1:{server_port}",
        "--target",
        f"127.0.0.1:{service_port}",
        "--subdomain",
        subdomain,
        *options,
        env=env,
    )
    host = f"{subdomain}.{domain}:{server_port}"
    return _ready(client, lambda: client.wait_for(lambda: tunnel_is_open(server_port, host), f"tunnel {subdomain}"))


NO_TUNNEL = ("no-such-tunnel", "client-gone", "session-expired")
"""The server's words for a name that nobody has, or no longer."""


def tunnel_is_open(server_port: int, host: str) -> bool:
    """
    Whether the server knows a tunnel for ``host``: it answers anything but its own `NO_TUNNEL`.

    When there is a tunnel, the service sees one ``HEAD /``. A service that leaves it unanswered counts as well.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server_port, timeout=2.0)
    try:
        connection.request("HEAD", "/", headers={"Host": host, "Connection": "close"})
        return connection.getresponse().getheader("Sellia-Error") not in NO_TUNNEL
    except TimeoutError:
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _ready(process: Process, wait: Callable[[], object]) -> Process:
    try:
        wait()
    except BaseException:
        process.stop()
        raise
    return process
