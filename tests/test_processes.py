"""`tests.processes` does to real processes what it says, and tells clearly what went wrong."""

from __future__ import annotations

import os
import socket
import threading

from twisted.trial.unittest import SynchronousTestCase

from tests import processes
from tests.processes import ProcessError


class ProcessTests(SynchronousTestCase):
    """A small Python program stands for any process."""

    def python(self, program: str) -> processes.Process:
        process = processes.start_python("-c", program, name="program")
        self.addCleanup(process.stop, 1.0)
        return process

    def test_line_and_output(self) -> None:
        """A line is found with its groups, stderr is output too, and the output outlives the process."""
        process = self.python("import sys; print('serving on', 4711); sys.stderr.write('bye\\n')")
        self.assertEqual(process.wait_for_line(r"serving on (\d+)")[1], "4711")
        self.assertEqual(process.wait_for_exit(), 0)
        self.assertEqual(process.output, "serving on 4711\nbye\n")

    def test_early_exit_is_told_with_the_output(self) -> None:
        """Waiting for a process that has ended fails at once, with its status and its last words."""
        process = self.python("raise SystemExit('no such option')")
        error = self.assertRaises(ProcessError, process.wait_for_line, "ready")
        self.assertIn("exited with status 1", str(error))
        self.assertIn("no such option", str(error))

    def test_deadline(self) -> None:
        """A wait ends at its deadline and says what was waited for."""
        process = self.python("input_ = __import__('threading').Event().wait()")
        error = self.assertRaises(ProcessError, process.wait_for_line, "ready", 0.05)
        self.assertIn("in vain for output like 'ready'", str(error))

    def test_port(self) -> None:
        """`wait_for_port` returns once the process listens."""
        port = processes.free_port()
        process = self.python(
            f"import socket, threading; s = socket.create_server(('127.0.0.1', {port})); threading.Event().wait()"
        )
        process.wait_for_port(port)
        socket.create_connection(("127.0.0.1", port)).close()

    def test_stop_kills_what_does_not_listen(self) -> None:
        """A process that ignores SIGTERM is killed after the deadline, and so is its child."""
        process = self.python(
            "import os, signal, threading\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "child = os.fork()\n"
            "if child: print('child', child)\n"
            "threading.Event().wait()\n"
        )
        child = int(process.wait_for_line(r"child (\d+)$")[1])
        self.assertEqual(process.stop(deadline=0.05), -9)
        processes.wait_until(lambda: not _runs(child), "the child to end", deadline=5.0)

    def test_cost(self) -> None:
        """CPU time counts up, and memory that came and went is in the peak only."""
        process = self.python(
            "import threading\n"
            "b = b'x' * 50_000_000\n"
            "sum(range(2_000_000))\n"
            "del b\n"
            "print('done')\n"
            "threading.Event().wait()\n"
        )
        process.wait_for_line("done")
        self.assertGreater(process.cpu_seconds(), 0.0)
        self.assertGreater(process.peak_resident_bytes() - process.resident_bytes(), 40_000_000)
        process.reset_peak()
        self.assertLess(process.peak_resident_bytes() - process.resident_bytes(), 10_000_000)
        self.assertGreaterEqual(process.open_files(), 3)


class PortTests(SynchronousTestCase):
    def test_ports_differ(self) -> None:
        """No port is given out twice."""
        ports = [processes.free_port() for _ in range(20)]
        self.assertEqual(len(set(ports)), 20)

    def test_nobody_listens(self) -> None:
        self.assertFalse(processes.accepts_connections(processes.free_port()))


def _runs(pid: int) -> bool:
    """Whether the process exists and is not merely waiting to be reaped."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return os.path.exists(f"/proc/{pid}")


class ListenerTests(SynchronousTestCase):
    def test_who_waits_for_a_connection_is_woken(self) -> None:
        """It would take the connections of the next socket with the same descriptor."""
        listener = socket.create_server(("127.0.0.1", 0))
        waiting = threading.Thread(target=self.assertRaises, args=(OSError, listener.accept))
        waiting.start()
        processes.stop_listening(listener)
        waiting.join(30)
        self.assertFalse(waiting.is_alive())
        self.assertEqual(listener.fileno(), -1)
