"""
``twistd`` with a window: ``python -m tests.chaos.observed ARGUMENTS`` runs it unchanged, and on SIGUSR2 says how many
timers its reactor has and how many descriptors it watches, as ``observed timers=N readers=N writers=N``.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

PATTERN = r"^observed timers=(\d+) readers=(\d+) writers=(\d+)$"


def watch(reactor: Any) -> None:
    """Answer SIGUSR2 in the reactor's own thread."""

    def say() -> None:
        counts = (len(reactor.getDelayedCalls()), len(reactor.getReaders()), len(reactor.getWriters()))
        print("observed timers={} readers={} writers={}".format(*counts), file=sys.__stderr__, flush=True)

    signal.signal(signal.SIGUSR2, lambda number, frame: reactor.callFromThread(say))


def main() -> None:
    """Run twistd."""
    from twisted.internet import reactor
    from twisted.scripts.twistd import run

    reactor.callWhenRunning(watch, reactor)
    sys.argv[0] = "twistd"
    run()


if __name__ == "__main__":
    main()
