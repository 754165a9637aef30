"""The ports of tunnels against those who take places, knock at every port, and come where they may not."""

from __future__ import annotations

import os
import resource
import socket
import threading
import time
from contextlib import ExitStack

from tests.e2e.tcp_stage import TcpStage, accept, listener, receive, was_reset
from tests.hostile.case import HostileCase
from tests.processes import start_twistd, wait_until

SILENT = int(os.environ.get("SELLIA_HOSTILE_TCP", "800"))
"""Connections that say nothing.  With 10,000, from three addresses, the test takes half a minute."""

KEPT = 48 * 1024
"""Bytes that one of them may cost the server; sockets' own memory is the kernel's."""


class SilentTests(HostileCase):
    """Connections that are open, and on which nothing ever passes."""

    def test_a_crowd(self) -> None:
        """Who talks goes on talking, at its pace; each silent one costs little; and all are let go of."""
        service = listener()
        self.addCleanup(service.close)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 2 * SILENT + 500:
            self.fail("this test needs more open files")
        config = "limits: {connections_per_address: 20000}\nrates: {enabled: false}\n"
        stage = TcpStage({"service": service.getsockname()[1]}, config=config)
        self.addCleanup(stage.close)
        talker = stage.connect("service")
        self.addCleanup(talker.close)
        other = accept(service)
        self.addCleanup(other.close)
        self.echo(talker, other)
        before = stage.server.resident_bytes()
        with ExitStack() as held:
            for number in range(SILENT):
                source = f"127.0.0.{2 + number % 3}"
                address = ("127.0.0.1", stage["service"])
                held.enter_context(socket.create_connection(address, timeout=20, source_address=(source, 0)))
                held.enter_context(accept(service))
            grown = stage.server.resident_bytes() - before
            self.assertLess(grown / SILENT, KEPT)
            times = sorted(self.echo(talker, other) for _ in range(200))
            self.assertLess(times[100], 0.02, "the median of who talks")
        wait_until(lambda: stage.server.open_files() < 200, "the server to let go of them", 60)
        self.echo(talker, other)
        stage.client.wait_for(lambda: stage.client.open_files() < 200, "the client to let go of them", 60)

    def echo(self, talker: socket.socket, other: socket.socket) -> float:
        """One byte there and back; the seconds that it takes."""
        began = time.perf_counter()
        talker.sendall(b"x")
        other.sendall(receive(other, 1))
        receive(talker, 1)
        return time.perf_counter() - began

    def test_beyond_the_bound(self) -> None:
        """The longest silent give way to newcomers, and who talks stays."""
        service = listener()
        self.addCleanup(service.close)
        stage = TcpStage({"service": service.getsockname()[1]}, config="limits: {tcp_connections: 20}\n")
        self.addCleanup(stage.close)
        talker = stage.connect("service")
        self.addCleanup(talker.close)
        other = accept(service)
        self.addCleanup(other.close)
        began = time.monotonic()
        while time.monotonic() - began < 1.5:  # that it talks is seen once a second
            self.echo(talker, other)
        silent = [stage.connect("service") for _ in range(100)]
        for each in silent:
            self.addCleanup(each.close)
        self.assertTrue(all(was_reset(each) for each in silent[:80]))
        silent[-1].sendall(b"now")
        heard = threading.Event()

        def listen() -> None:
            while True:
                connection = accept(service)
                connection.settimeout(0.2)
                try:
                    if connection.recv(3) == b"now":
                        heard.set()
                        return
                except OSError:
                    pass

        listening = threading.Thread(target=listen, daemon=True)
        listening.start()
        self.assertTrue(heard.wait(30), "the last one to come is served")
        self.echo(talker, other)


class ScanTests(HostileCase):
    def test_knocking(self) -> None:
        """A thousand connections that end at once reach the service as often as the rate allows."""
        service = listener()
        self.addCleanup(service.close)
        config = "rates: {requests: {burst: 50, per_second: 5}}\n"
        stage = TcpStage({"service": service.getsockname()[1]}, config=config)
        self.addCleanup(stage.close)
        arrived: list[socket.socket] = []

        def count() -> None:
            while True:
                try:
                    arrived.append(service.accept()[0])
                except OSError:
                    return

        counting = threading.Thread(target=count, daemon=True)
        counting.start()
        port = stage["service"]
        began = time.monotonic()
        for _ in range(1000):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except OSError:
                pass
        took = time.monotonic() - began
        stage.server.wait_for_line("limit reached: limit=request_rate")
        self.assertLess(len(arrived), 60 + 6 * took)
        self.assertLess(stage.server.output.count("\n"), 400, "its log stays short")
        wait_until(lambda: stage.server.open_files() < 100, "the server to let go of them", 30)

    def test_ports_that_nobody_has(self) -> None:
        """Where no tunnel is, the system answers: nothing listens."""
        service = listener()
        self.addCleanup(service.close)
        stage = TcpStage({"service": service.getsockname()[1]})
        self.addCleanup(stage.close)
        open_ports = []
        for port in range(stage["service"] - 500, stage["service"] + 500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    open_ports.append(port)
        self.assertIn(stage["service"], open_ports)
        owner = set(self.listening(stage.server.pid))
        self.assertEqual(owner - {stage.server.port}, {stage["service"]})

    def listening(self, pid: int) -> list[int]:
        """The ports on which a process listens."""
        inodes = set()
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                link = os.readlink(f"/proc/{pid}/fd/{name}")
            except OSError:
                continue
            if link.startswith("socket:["):
                inodes.add(link[8:-1])
        found = []
        with open("/proc/net/tcp") as table:
            for line in list(table)[1:]:
                words = line.split()
                if words[3] == "0A" and words[9] in inodes:
                    found.append(int(words[1].rpartition(":")[2], 16))
        return found


class TenancyTests(HostileCase):
    def test_nobody_elses_port(self) -> None:
        """A client that asks for another's port is refused, and the other notices nothing."""
        service = listener()
        self.addCleanup(service.close)
        stage = TcpStage({"service": service.getsockname()[1]}, options={"remote_port": 29_998})
        self.addCleanup(stage.close)
        thief = start_twistd(
            *("sellia-client", "--server", f"http://127.0.0.1:{stage.server.port}", "--api-key", "another"),
            *("--kind", "tcp", "--target", "127.0.0.1:9", "--remote-port", "29998"),
        )
        self.addCleanup(thief.stop)
        thief.wait_for_line("name-taken: TCP port 29998 is in use")
        visitor = stage.connect("service")
        self.addCleanup(visitor.close)
        visitor.sendall(b"x")
        with accept(service) as connection:
            self.assertEqual(receive(connection, 1), b"x")
