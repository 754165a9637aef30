"""*slowhttptest* in its three modes, and a bystander whose waiting is measured meanwhile."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import quantiles

from tests.e2e.stage import program
from tests.hostile.visitors import dial, get, parse

MODES = {
    "headers": ("-H", "-i", "1"),
    "body": ("-B", "-i", "1", "-s", "8192"),
    "read": ("-X", "-w", "1", "-y", "1", "-z", "1", "-n", "1", "-k", "3"),
}
"""Each mode, and how often it sends or reads how little."""


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


def bystand(port: int, seconds: float, going_on: Callable[[], bool] = lambda: True) -> list[float]:
    """How long each request of a visitor takes that asks one after the other, for so many seconds at most."""
    waits = []
    end = time.monotonic() + seconds
    with dial(port) as visitor:
        while time.monotonic() < end and going_on():
            begun = time.monotonic()
            visitor.sendall(get(b"/bystander"))
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


def attack(mode: str, port: int, connections: int, seconds: int) -> Attack:
    """Run slowhttptest against the tunnel ``demo``."""
    options = ("-c", str(connections), "-r", str(connections), "-l", str(seconds), "-p", "5")
    argv = [program("slowhttptest"), *MODES[mode], *options, "-u", "http://demo.localhost/", "-d", f"127.0.0.1:{port}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        waits = bystand(port, seconds, lambda: running.poll() is None)
        output, _ = running.communicate(timeout=60)
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", output.decode("utf-8", "replace"))

    found = re.findall(r"^service available:\s+(\S+)", text, re.M)
    if not found:
        raise AssertionError(f"slowhttptest has not run\n{text[-2000:]}")
    return Attack("No open connections left" in text, found[-1] == "YES", waits)
