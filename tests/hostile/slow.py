"""
*slowhttptest* in its three modes, slow peers of our own, and a bystander whose waiting is measured meanwhile.

``python -m tests.hostile.slow PORT SECONDS`` is a bystander with a tunnel, a service and a process of its own, so that
what it measures is the server's doing, and not that of the service under attack.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles

from tests.e2e.stage import program
from tests.hostile.ledger import Ledger
from tests.hostile.visitors import HOST, dial, get, parse
from tests.processes import Process, start_client, start_python

MODES = {
    "headers": ("-H", "-i", "1"),
    "body": ("-B", "-i", "1", "-s", "8192"),
    "read": ("-X", "-w", "1", "-y", "1", "-z", "1", "-n", "1", "-k", "3"),
}
"""Each mode, and how often it sends or reads how little."""


PARTS = 7
"""Parts of a bystander's time that are judged by themselves, for now and then a machine stands still."""


@dataclass(frozen=True)
class Attack:
    """What slowhttptest says at its end, and how long the bystander waited, in seconds."""

    ended: bool  #: whether all its connections were ended before its time was up
    available: bool
    waits: list[float]

    @property
    def p99(self) -> float:
        """What 99 of a hundred requests of the bystander did not exceed."""
        return p99(self.waits)


def p99(waits: list[float]) -> float:
    """The 99th percentile."""
    return quantiles(waits, n=100)[-1]


def bystand(port: int, seconds: float, going_on: Callable[[], bool] = lambda: True, host: bytes = HOST) -> list[float]:
    """How long each request of a visitor takes that asks one after the other, for so many seconds at most."""
    waits = []
    end = time.monotonic() + seconds
    with dial(port) as visitor:
        while time.monotonic() < end and going_on():
            begun = time.monotonic()
            visitor.sendall(get(b"/bystander", host=host))
            data = b""
            while not parse(data)[0]:
                more = visitor.recv(65536)
                if not more:
                    raise AssertionError("the bystander was cut off")
                data += more
            if parse(data)[0][0].status != 200:
                raise AssertionError(f"the bystander got {data[:300]!r}")
            waits.append(time.monotonic() - begun)
            time.sleep(0.002)
    return waits


def attack(mode: str, port: int, connections: int, seconds: int, *, beside: bool = True) -> Attack:
    """Run slowhttptest against the tunnel ``demo``, with a bystander ``beside`` it in this process."""
    options = ("-c", str(connections), "-r", str(connections), "-l", str(seconds), "-p", "5")
    argv = [program("slowhttptest"), *MODES[mode], *options, "-u", "http://demo.localhost/", "-d", f"127.0.0.1:{port}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        waits = bystand(port, seconds, lambda: running.poll() is None) if beside else []
        output, _ = running.communicate(timeout=60)
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", output.decode("utf-8", "replace"))

    found = re.findall(r"^service available:\s+(\S+)", text, re.M)
    if not found:
        raise AssertionError(f"slowhttptest has not run\n{text[-2000:]}")
    return Attack("No open connections left" in text, found[-1] == "YES", waits)


def start_bystander(port: int, seconds: float) -> Process:
    """A bystander in a process of its own, once it has a tunnel."""
    bystander = start_python("-m", "tests.hostile.slow", str(port), str(seconds), name="bystander")
    bystander.wait_for_line("^ready")
    return bystander


def waited(bystander: Process) -> float:
    """The p99 of a bystander that has a process of its own, once it is done: the median of its parts."""
    bystander.wait_for_exit(60.0)
    told = re.findall(r"^p99 ([0-9.]+)$", bystander.output, re.M)
    if len(told) != PARTS:
        raise AssertionError(f"the bystander failed\n{bystander.output[-2000:]}")
    return median(map(float, told))


def start_drip(mode: str, port: int, seconds: float) -> Process:
    """A thousand slow peers of ours, once they are all there."""
    peers = start_python("-m", "tests.hostile.drip", mode, str(port), str(seconds), name="slow peers")
    peers.wait_for_line("^ready", 60.0)
    return peers


def main(port: str, seconds: str) -> None:
    """Be a bystander."""
    with start_client(int(port), Ledger().port, "bystander"):
        bystand(int(port), 1.0, host=b"bystander.localhost")
        print("ready", flush=True)
        for _ in range(PARTS):
            print(f"p99 {p99(bystand(int(port), float(seconds) / PARTS, host=b'bystander.localhost'))}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
