"""A server that may have no more files open rests between two tries, says whose limit it is, and goes on afterwards."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack

from tests.hostile.case import HostileCase
from tests.hostile.visitors import dial, get
from tests.processes import start_server


class DescriptorTests(HostileCase):
    def test_a_server_without_any_left(self) -> None:
        with start_server() as server, ExitStack() as held:
            used = server.open_files()
            soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
            for limit in (used + 8, used):  # some are taken by visitors; then not one is left
                resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, hard))
                for _ in range(20):
                    stranger = socket.create_connection(("127.0.0.1", server.port), 5)
                    held.enter_context(stranger)
                server.wait_for_line("connections wait to be accepted: limit=descriptors")
            before, began = server.cpu_seconds(), time.monotonic()
            server.wait_for(lambda: time.monotonic() - began > 2, "two seconds")
            self.assertLess(server.cpu_seconds() - before, 0.3, "it tries again all the time")
            self.assertIn("LimitNOFILE=", server.output)
            self.assertLess(server.output.count("\n"), 30, server.output)
            for foreign in ("EMFILE", "Traceback", "Could not", "errno"):
                self.assertNotIn(foreign, server.output)
            with dial(server.port) as visitor:  # who comes meanwhile waits
                visitor.sendall(get(host=b"localhost"))
                resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
                visitor.settimeout(10)
                self.assertTrue(visitor.recv(4000).startswith(b"HTTP/1.1 200 "))
