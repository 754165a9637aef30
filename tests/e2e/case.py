"""The test case of this package: a test passes only if Sellia's own logs have nothing to be ashamed of either."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import Process

_watched: list[Process] = []
_read: dict[int, int] = {}


def watched(process: Process) -> Process:
    """Look through the output of this server or client after each test."""
    _watched.append(process)
    return process


def mistakes() -> str:
    """What the watched processes have said since the last call, if there is a traceback in it."""
    found = []
    for process in _watched:
        output = process.output
        new = output[_read.get(process.pid, 0) :]
        _read[process.pid] = len(output)
        begin = new.find("Traceback")
        if begin >= 0:
            found.append(f"--- {process.name} ---\n{new[max(0, begin - 200) : begin + 3000]}")
    return "\n".join(found)


class EndToEndTests(SynchronousTestCase):
    """A test over the shared server and its clients."""

    def tearDown(self) -> None:
        found = mistakes()
        if found:
            self.fail(f"an exception escaped into a log\n{found}")
