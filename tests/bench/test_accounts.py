"""The client of the bench of accounts, and its slow disk."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.accounts import Client
from bench.load import LoadError
from bench.slow_disk import slow_down
from bench.storage import fill, secret_of
from sellia.storage.interface import Insert
from sellia.storage.opening import open_storage
from sellia.storage.records import LimitsClass
from sellia.storage.sqlite import Sqlite
from tests.processes import start_server


class ClientTests(SynchronousTestCase):
    def test_admission(self) -> None:
        """It is welcome with its key and has its tunnel; with another key it is told so."""
        with tempfile.TemporaryDirectory() as folder:
            storage = open_storage(folder, None)
            fill(storage, 2)
            storage.close()
            with start_server("--require-auth", "--state-dir", folder) as server:
                client = Client(server.port, secret_of(1))
                client.upgrade()
                client.hello()
                client.welcome()
                client.open("app-1")
                client.opened()
                client.close()
                stranger = Client(server.port, secret_of(7))
                stranger.upgrade()
                stranger.hello()
                self.assertRaises(LoadError, stranger.welcome)
                stranger.socket.close()


class SlowDiskTests(SynchronousTestCase):
    def test_a_write_takes_so_long(self) -> None:
        writing = Sqlite.writing
        self.addCleanup(setattr, Sqlite, "writing", writing)
        storage = open_storage(str(Path(self.mktemp()).absolute()), None)
        self.addCleanup(storage.close)
        slow_down(0.05)
        started = time.monotonic()
        storage.write([Insert(LimitsClass("slow"))])
        self.assertGreaterEqual(time.monotonic() - started, 0.05)
