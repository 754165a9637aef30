"""SQLite's file: who may read it, who waits for whom, and what is said when it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from threading import Event as Flag
from threading import Thread
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.storage.failures import StorageAway, StorageError
from sellia.storage.interface import Insert
from sellia.storage.migrate import migrate
from sellia.storage.opening import open_storage
from sellia.storage.sql import SqlStorage
from sellia.storage.sqlite import FileLock, Sqlite
from tests.processes import Process
from tests.storage.contract import account, event
from tests.storage.files import new_file, open_file
from tests.storage.kills import KillContract


class FileTests(SynchronousTestCase):
    def test_only_its_owner_can_read_it(self) -> None:
        directory = os.path.join(os.path.abspath(self.mktemp()), "state")
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        storage = open_storage(directory, None)
        storage.write([Insert(account())])
        self.assertEqual(stat.S_IMODE(os.stat(directory).st_mode), 0o700)
        found = sorted(os.listdir(directory))
        self.assertEqual(found, ["sellia.db", "sellia.db-lock", "sellia.db-shm", "sellia.db-wal"])
        for each in found:
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(directory, each)).st_mode), 0o600, each)
        storage.close()
        self.assertEqual(sorted(os.listdir(directory)), ["sellia.db", "sellia.db-lock"])

    def test_every_commit_is_on_the_disk(self) -> None:
        """``synchronous`` 2 is FULL: the log is flushed with each commit."""
        storage = open_file(new_file(self.mktemp()))
        self.addCleanup(storage.close)
        with storage.database.reading() as connection:
            found = [
                connection.exec_driver_sql(f"PRAGMA {each}").scalar_one()
                for each in ("journal_mode", "synchronous", "foreign_keys")
            ]
        self.assertEqual(found, ["wal", 2, 1])

    def refused(self, path: str) -> str:
        with self.assertRaises(StorageError) as caught:
            open_file(path)
        return str(caught.exception)

    def test_what_cannot_be_opened(self) -> None:
        directory = os.path.abspath(self.mktemp())
        os.mkdir(directory)
        file = os.path.join(directory, "file")
        with open(file, "wb") as output:
            output.write(b"no database at all" * 1000)
        self.assertIn(f"The database {file} is no database, or is damaged", self.refused(file))
        self.assertIn("cannot be made: Not a directory", self.refused(os.path.join(file, "sellia.db")))
        self.assertIn("cannot be opened", self.refused(directory))

    def test_damage_is_told(self) -> None:
        path = new_file(self.mktemp())
        storage = open_file(path)
        storage.write([Insert(event(each, subject="x" * 900)) for each in range(500)])
        storage.close()
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 200_000)
        with self.assertRaises(StorageAway) as caught:
            storage = open_file(path)
            self.addCleanup(storage.close)
            storage.events(500)
            storage.directory()
            storage.write([Insert(event())])
        self.assertIn("is damaged: stop the server, and restore a backup", str(caught.exception))

    def test_table_that_another_program_dropped(self) -> None:
        path = new_file(self.mktemp())
        storage = open_file(path)
        self.addCleanup(storage.close)
        connection = sqlite3.connect(path)
        connection.execute("DROP TABLE answers")
        connection.commit()
        connection.close()
        with self.assertRaises(StorageAway) as caught:
            storage.answer("a", "t")
        self.assertIn("lacks a table or a column", str(caught.exception))

    def test_full_disk(self) -> None:
        """The write that does not fit is refused and has changed nothing; what is there can be read."""
        path = new_file(self.mktemp())
        storage = open_file(path)
        self.addCleanup(storage.close)
        storage.write([Insert(account())])
        connection = storage.database.engine.raw_connection()
        pages = connection.driver_connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[union-attr]
        connection.driver_connection.execute(f"PRAGMA max_page_count={pages}")  # type: ignore[union-attr]
        connection.close()
        with self.assertRaises(StorageAway) as caught:
            storage.write([Insert(event(each, subject="x" * 1000)) for each in range(100)])
        self.assertIn("cannot be written: the disk is full", str(caught.exception))
        self.assertEqual(storage.events(), [])
        self.assertEqual(list(storage.directory().accounts), [account()])


class WaitingTests(SynchronousTestCase):
    """Those who write at once."""

    def setUp(self) -> None:
        self.path = new_file(self.mktemp())

    def open(self, patience: float) -> SqlStorage:
        database = Sqlite(self.path, patience)
        self.addCleanup(database.close)
        migrate(database)
        return SqlStorage(database)

    def test_another_process_that_does_not_end(self) -> None:
        """A writer gives up in the end and says so; readers do not wait at all, and once it is over all is well."""
        storage = self.open(0.05)
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        with self.assertRaises(StorageAway) as caught:
            storage.write([Insert(account())])
        self.assertIn("is locked: another process has been writing to it for too long", str(caught.exception))
        self.assertEqual(list(storage.directory().accounts), [])
        other.execute("ROLLBACK")
        storage.write([Insert(account())])

    def test_another_thread_that_does_not_end(self) -> None:
        storage = self.open(0.05)
        with storage.database.writing():
            failures: list[BaseException] = []
            thread = Thread(target=self.write, args=(storage, failures))
            thread.start()
            thread.join()
            self.assertEqual(list(storage.directory().accounts), [])
        self.assertIn("other writes of this server take too long", str(failures[0]))

    def write(self, storage: SqlStorage, failures: list[BaseException]) -> None:
        try:
            storage.write([Insert(account())])
        except StorageAway as failure:
            failures.append(failure)

    def test_all_connections_in_use(self) -> None:
        storage = self.open(0.05)
        ready, over = Flag(), Flag()
        taken: list[Any] = []

        def hold() -> None:
            with storage.database.reading():
                taken.append(1)
                if len(taken) == 8:
                    ready.set()
                over.wait(60)

        threads = [Thread(target=hold) for _ in range(8)]
        for each in threads:
            each.start()
        self.assertTrue(ready.wait(60))
        with self.assertRaises(StorageAway) as caught:
            storage.revision()
        self.assertIn("gives no connection: all are in use", str(caught.exception))
        over.set()
        for each in threads:
            each.join()
        storage.revision()

    def test_lock_of_a_restore(self) -> None:
        lock = FileLock(self.path)
        self.assertTrue(lock.alone())
        with self.assertRaises(StorageAway) as caught:
            open_file(self.path)
        self.assertIn("is being replaced: try again in a moment", str(caught.exception))
        lock.release()
        storage = open_file(self.path)
        self.assertFalse(lock.alone())
        storage.close()


class KillTests(KillContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.path = new_file(self.mktemp())
        self.url = f"sqlite:///{self.path}"

    def check(self, acknowledged: int) -> int:
        last = super().check(acknowledged)
        connection = sqlite3.connect(self.path)
        self.assertEqual(connection.execute("PRAGMA integrity_check").fetchone()[0], "ok")
        connection.close()
        return last


class ImportTests(SynchronousTestCase):
    def test_memory_needs_no_library(self) -> None:
        """A server without a database imports none."""
        script = (
            "import sys; from sellia.storage.opening import open_storage; open_storage(None, None); "
            "import sellia.server.service; "
            "print([each for each in ('sqlalchemy', 'alembic', 'sqlite3', 'psycopg') if each in sys.modules])"
        )
        with Process([sys.executable, "-c", script]) as process:
            self.assertEqual(process.wait_for_exit(), 0, process.output)
            self.assertEqual(process.output.strip(), "[]")

    def test_alembic_is_for_migrations(self) -> None:
        """It takes a while to import, and a database of this schema needs none."""
        script = (
            f"import sys; from sellia.storage.opening import open_storage; open_storage(None, {self.url()!r}); "
            "print([each for each in ('alembic', 'psycopg') if each in sys.modules])"
        )
        with Process([sys.executable, "-c", script]) as process:
            self.assertEqual(process.wait_for_exit(), 0, process.output)
            self.assertEqual(process.output.strip(), "[]")

    def url(self) -> str:
        return f"sqlite:///{new_file(self.mktemp())}"
