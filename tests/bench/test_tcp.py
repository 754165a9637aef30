"""The load of single bytes, against the service that sends them back."""

from __future__ import annotations

import threading

from twisted.trial.unittest import SynchronousTestCase

from bench.rig import Target
from bench.tcp import _run_echo, serve
from tests.processes import accepts_connections, free_port, wait_until


class EchoTests(SynchronousTestCase):
    def test_load(self) -> None:
        port = free_port()
        threading.Thread(target=serve, args=(port,), daemon=True).start()
        wait_until(lambda: accepts_connections(port), "the service to listen")
        result = _run_echo(Target("echo", port, "", {}), 0.05)
        self.assertGreater(result["count"], 0)
        self.assertLessEqual(result["p50_ms"], result["p99_ms"])
