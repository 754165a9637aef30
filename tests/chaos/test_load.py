"""The load and the service agree with each other where nothing is between them, and tell of what is between them."""

from __future__ import annotations

import signal

from twisted.trial.unittest import SynchronousTestCase

from tests import processes
from tests.chaos.pairs import Cut
from tests.chaos.proxy import FaultProxy
from tests.chaos.tally import Tally
from tests.processes import Process

EVERYBODY = ("--websockets", "5", "--downloads", "1", "--uploads", "1", "--events", "1", "--requests", "1")
LITTLE = ("--size", "100000", "--event-count", "5")


class LoadTests(SynchronousTestCase):
    def setUp(self) -> None:
        port = processes.free_port()
        service = processes.start_python("-m", "tests.chaos.service", str(port), name="service")
        self.addCleanup(service.stop)
        service.wait_for_port(port)
        self.proxy = FaultProxy(port)
        self.addCleanup(self.proxy.close)

    def start(self, *options: str) -> Process:
        load = processes.start_python(
            "-m", "tests.chaos.load", str(self.proxy.port), "localhost", *EVERYBODY, *LITTLE, *options, name="load"
        )
        self.addCleanup(load.stop)
        load.wait_for_line("^ready$")
        return load

    def finish(self, load: Process) -> Tally:
        load.send_signal(signal.SIGUSR1)
        self.assertEqual(load.wait_for_exit(), 0)
        return Tally.load(load.output.splitlines()[-1])

    def test_clean(self) -> None:
        """Everything that one side sends the other one finds, and something of each kind was sent."""
        tally = self.finish(self.start())
        self.assertTrue(tally.clean, tally.lines())
        self.assertEqual(tally.websockets, 5)
        for kind, traffic in tally.traffic.items():
            self.assertGreater(traffic.found.received, 0, kind)

    def test_a_cut_is_seen(self) -> None:
        """Without a tunnel to hide it, a cut is an error to each visitor who met it."""
        load = self.start()
        self.assertGreater(self.proxy.cut(Cut.RESET), 0)
        tally = self.finish(load)
        self.assertFalse(tally.clean)
        self.assertGreaterEqual(tally.error_count, 5)

    def test_persistence(self) -> None:
        """Persistent visitors count it by what they were told, and come back."""
        load = self.start("--persistent")
        self.proxy.cut(Cut.FIN)
        processes.wait_until(lambda: self.proxy.connections >= 6, "the visitors to come back")
        tally = self.finish(load)
        self.assertEqual(tally.error_count, 0, tally.lines())
        self.assertEqual(sum(count for end, count in tally.ends.items() if end.startswith("ws 1006 (")), 5)
        self.assertGreaterEqual(tally.websockets, 6)
