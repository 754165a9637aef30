"""Who listens on this machine, by the kernel's tables."""

import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.local.kernel_tables import listening
from sellia.targets import parse_target


class TableTests(SynchronousTestCase):
    def listen(self, family: int, address: Any) -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind(address)
        listener.listen(5)
        return listener

    def test_addresses(self) -> None:
        for family, address, found in (
            (socket.AF_INET, "127.0.0.1", {"localhost", "127.0.0.1"}),
            (socket.AF_INET, "0.0.0.0", {"localhost", "127.0.0.1"}),
            (socket.AF_INET, "127.0.0.2", set()),
            (socket.AF_INET6, "::1", {"localhost", "[::1]"}),
            (socket.AF_INET6, "::", {"localhost", "127.0.0.1", "[::1]"}),
        ):
            port = self.listen(family, (address, 0)).getsockname()[1]
            hosts = {host for host in ("localhost", "127.0.0.1", "[::1]") if listening(parse_target(f"{host}:{port}"))}
            self.assertEqual(hosts, found, address)

    def test_a_connection_is_no_listener(self) -> None:
        listener = self.listen(socket.AF_INET, ("127.0.0.1", 0))
        caller = socket.create_connection(listener.getsockname())
        self.addCleanup(caller.close)
        self.assertFalse(listening(parse_target(f"localhost:{caller.getsockname()[1]}")))

    def test_other_hosts_are_not_looked_up(self) -> None:
        self.assertFalse(listening(parse_target("http://a.example")))
        self.assertFalse(listening(parse_target("text:a")))

    def test_tables_of_any_content(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        for name in ("tcp", "tcp6", "unix"):
            Path(temporary.name, name).write_bytes(b"\xff\n a b c d e f /x\n1: 2 3 zz 4 5 6 /x\n")
        self.assertFalse(listening(parse_target("80"), temporary.name))
        self.assertFalse(listening(parse_target("unix:/x"), temporary.name))
