"""``python -m bench.slow_disk SECONDS ARGUMENT ...``: twistd, whose database takes so long for each write."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from twisted.scripts.twistd import run

from sellia.storage.sqlite import Sqlite


def slow_down(seconds: float) -> None:
    """Have each write of an SQLite database wait before it is done."""
    writing = Sqlite.writing

    @contextmanager
    def slowly(self: Sqlite) -> Iterator[Connection]:
        with writing(self) as connection:
            yield connection
            time.sleep(seconds)

    Sqlite.writing = slowly  # type: ignore[method-assign]


if __name__ == "__main__":
    slow_down(float(sys.argv.pop(1)))
    run()
