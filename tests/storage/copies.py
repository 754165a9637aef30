"""Backups, restores, exports and imports: the same tests over both databases."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import stat
from threading import Event as Flag
from threading import Thread
from typing import Any

from sellia.storage.backup import examine, restore
from sellia.storage.copying import counts
from sellia.storage.failures import StorageError
from sellia.storage.interface import Add, Change, Delete, Insert, Used
from sellia.storage.opening import open_database
from sellia.storage.records import Answer, LimitsClass, Usage
from sellia.storage.sql import SqlStorage
from sellia.storage.transfer import export, import_
from sellia.storage.url import DatabaseUrl, parse_url
from tests.storage.contract import DAY, NOW, account, event, key, name
from tests.storage.files import new_file, open_file


def fill(storage: SqlStorage, accounts: int = 3) -> None:
    """Put records of every kind into a storage."""
    changes: list[Change] = [Insert(LimitsClass("team", clients=3, requests_per_second=0.5))]
    for number in range(1, accounts + 1):
        one = account(number, limits="team", note="é \N{SNOWMAN}\n'")
        held = key(number, account_id=one.id, scopes=("http", "admin:read"), expires_at=NOW)
        mine = name(f"shop{number}", account_id=one.id)
        changes += [Insert(one), Insert(held), Insert(mine), Insert(event(number, detail={"n": number, "é": None}))]
        changes += [Add(Usage(one.id, "shop", DAY, 1, 2, 3, 2**62, 0.5)), Used(held.id, NOW, "192.0.2.1")]
    storage.write([*changes, Insert(Answer("key_1", "t", b"\0\xff", 201, b"{}", NOW))])


def contents(storage: SqlStorage) -> Any:
    """All that a storage has, but for its revision."""
    found = storage.directory()
    return (
        [sorted(each, key=repr) for each in (found.accounts, found.keys, found.names, found.limits)],
        storage.events(),
        storage.usage(DAY, DAY),
        storage.answer("key_1", "t"),
    )


class CopyContract:
    """Mixed into a test case whose `storage` is a new one, at `url`, and whose `new_url` makes more."""

    storage: SqlStorage
    url: str

    def new_url(self) -> str:
        """The URL of another new database of the same kind."""
        raise NotImplementedError

    def open(self: Any, url: str) -> SqlStorage:
        from sellia.storage.opening import open_storage

        storage = open_storage(None, url)
        assert isinstance(storage, SqlStorage)
        self.addCleanup(storage.close)
        return storage

    def refused(self: Any, what: Any, *arguments: Any) -> str:
        with self.assertRaises(StorageError) as caught:
            what(*arguments)
        return str(caught.exception)

    def test_backup_has_everything(self: Any) -> None:
        fill(self.storage)
        path = os.path.abspath(self.mktemp())
        self.storage.backup(path)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(examine(path), "0001")
        directory = os.path.dirname(path)
        self.assertEqual([each for each in os.listdir(directory) if each.startswith(os.path.basename(path) + ".")], [])
        self.assertEqual([each for each in os.listdir(directory) if each.startswith(os.path.basename(path) + "-")], [])
        expected = contents(self.storage)
        os.chmod(path, 0o400)
        for url in (self.new_url(), f"sqlite:///{new_file(self.mktemp())}"):
            restored = restore(parse_url(url), path)
            self.assertEqual(restored.rows["accounts"], 3)
            copy = self.open(url)
            self.assertEqual(contents(copy), expected)
            copy.write([Insert(event(99)), Delete(key(1))])
            self.assertGreater(copy.events()[-1].id, expected[1][-1].id)

    def test_backup_is_one_state(self: Any) -> None:
        """While others write, each of whose writes is whole in it or not there at all."""
        fill(self.storage, 1)
        stop = Flag()
        failures: list[BaseException] = []

        def write() -> None:
            number = 100
            try:
                while not stop.is_set():
                    number += 1
                    one = account(number)
                    self.storage.write(
                        [
                            Insert(one),
                            Insert(key(number, account_id=one.id)),
                            Insert(name(f"n{number}", account_id=one.id)),
                        ]
                    )
            except BaseException as failure:
                failures.append(failure)

        thread = Thread(target=write)
        thread.start()
        try:
            for _ in range(3):
                path = os.path.abspath(self.mktemp())
                self.storage.backup(path)
                copy = open_file(path)
                with copy.database.reading() as connection:
                    found = counts(connection)
                self.assertEqual((found["keys"], found["names"]), (found["accounts"],) * 2)
                copy.close()
        finally:
            stop.set()
            thread.join()
        self.assertEqual(failures, [])

    def test_backup_overwrites_nothing(self: Any) -> None:
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file:
            file.write("mine")
        self.assertIn("exists already: choose another name", self.refused(self.storage.backup, path))
        with open(path) as file:
            self.assertEqual(file.read(), "mine")
        missing = os.path.join(path, "backup.db")
        self.assertIn("cannot be written: Not a directory", self.refused(self.storage.backup, missing))

    def test_half_a_backup_of_before_is_no_obstacle(self: Any) -> None:
        path = os.path.abspath(self.mktemp())
        with open(f"{path}.part", "w") as file:
            file.write("killed")
        self.storage.backup(path)
        self.assertEqual(examine(path), "0001")

    def test_restore_replaces_what_is_there(self: Any) -> int:
        fill(self.storage)
        path = os.path.abspath(self.mktemp())
        self.storage.backup(path)
        expected = contents(self.storage)
        self.storage.write([Insert(account(50)), Insert(key(50, account_id="acc_50")), Delete(name("shop1"))])
        revision = self.storage.revision()
        self.storage.close()
        restored = restore(parse_url(self.url), path)
        self.assertEqual(restored.rows["keys"], 3)
        again = self.open(self.url)
        self.assertEqual(contents(again), expected)
        self.check_kept(restored.kept)
        return int(revision)

    def check_kept(self, kept: str) -> None:
        """What is kept of the database that was replaced."""

    def test_restore_under_a_server_is_refused(self: Any) -> None:
        fill(self.storage)
        path = os.path.abspath(self.mktemp())
        self.storage.backup(path)
        self.storage.write([Insert(account(50))])
        self.assertIn("is in use: stop the server", self.refused(restore, parse_url(self.url), path))
        self.assertEqual(len(self.storage.directory().accounts), 4)

    def test_export_and_import(self: Any) -> None:
        fill(self.storage)
        output = io.BytesIO()
        counted = export(self.storage.database, output)
        self.assertEqual(counted["keys"], 3)
        lines = output.getvalue().splitlines(keepends=True)
        self.assertEqual(json.loads(lines[0])["sellia"], "export")
        for url in (self.new_url(), f"sqlite:///{new_file(self.mktemp())}"):
            database = open_database(parse_url(url))
            self.open(url).close()
            self.assertEqual(import_(database, lines, "export.jsonl"), counted)
            database.close()
            copy = self.open(url)
            self.assertEqual(contents(copy), contents(self.storage))
            copy.write([Insert(event(99))])
            again = io.BytesIO()
            export(self.storage.database, again)
            self.assertEqual(again.getvalue().splitlines()[1:], output.getvalue().splitlines()[1:])

    def test_import_needs_an_empty_storage(self: Any) -> None:
        output = io.BytesIO()
        export(self.storage.database, output)
        url = self.new_url()
        self.open(url).write([Insert(account())])
        database = open_database(parse_url(url))
        self.addCleanup(database.close)
        words = self.refused(import_, database, output.getvalue().splitlines(), "export.jsonl")
        self.assertIn("is not empty, it has 1 accounts: import into a new one", words)


class SqliteCopies(CopyContract):
    """The contract over SQLite, with what only files have."""

    def setUp(self: Any) -> None:
        self.url = self.new_url()
        self.storage = self.open(self.url)

    def new_url(self: Any) -> str:
        return f"sqlite:///{new_file(self.mktemp())}"

    def check_kept(self: Any, kept: str) -> None:
        self.assertIn(".before-restore-", kept)
        old = self.open(f"sqlite:///{kept}")
        self.assertIn(account(50), old.directory().accounts)

    def bad(self: Any, path: str) -> str:
        """What a restore of a file says, which changes nothing."""
        url = self.new_url()
        self.open(url).write([Insert(account(7))])
        before = os.listdir(os.path.dirname(parse_url(url).file))
        words: str = self.refused(restore, parse_url(url), path)
        self.assertEqual(sorted(before), sorted(os.listdir(os.path.dirname(parse_url(url).file))))
        self.assertEqual(len(open_file(parse_url(url).file).directory().accounts), 1)
        return words

    def file(self: Any, data: bytes) -> str:
        path = os.path.abspath(self.mktemp())
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_what_is_no_backup(self: Any) -> None:
        self.assertIn("is no backup of Sellia", self.bad(self.file(b"")))
        self.assertIn("is no backup of Sellia", self.bad(self.file(b"hello")))
        self.assertIn("cannot be read: No such file", self.bad(os.path.abspath(self.mktemp())))
        self.assertIn("cannot be read: Is a directory", self.bad(os.getcwd()))
        other = os.path.abspath(self.mktemp())
        connection = sqlite3.connect(other)
        connection.execute("CREATE TABLE accounts (balance integer)")
        connection.commit()
        connection.close()
        self.assertIn("is no backup of Sellia", self.bad(other))

    def backup(self: Any) -> bytes:
        fill(self.storage, 200)
        path = os.path.abspath(self.mktemp())
        self.storage.backup(path)
        with open(path, "rb") as file:
            return file.read()

    def test_damaged_backups(self: Any) -> None:
        data = self.backup()
        for changed in (
            data[: len(data) // 2],
            data[:-1],
            data[:4096] + b"\xff" * 4096 + data[8192:],
            data[: len(data) // 2] + os.urandom(4096) + data[len(data) // 2 + 4096 :],
        ):
            self.assertIn("is damaged", self.bad(self.file(changed)))

    def test_backup_whose_records_do_not_fit(self: Any) -> None:
        path = self.file(self.backup())
        connection = sqlite3.connect(path)
        connection.execute("DELETE FROM accounts WHERE id = 'acc_1'")
        connection.commit()
        connection.close()
        self.assertIn("names others, which are not there".replace("names", "name"), self.bad(path))

    def test_backup_of_a_newer_version(self: Any) -> None:
        path = self.file(self.backup())
        connection = sqlite3.connect(path)
        connection.execute("UPDATE sellia_schema SET version_num = '0999'")
        connection.commit()
        connection.close()
        self.assertIn("was written by a newer version of Sellia: its schema is 0999", self.bad(path))

    def test_files_of_a_running_server_are_no_backup(self: Any) -> None:
        path = self.file(self.backup())
        with open(f"{path}-wal", "wb") as file:
            file.write(b"something")
        self.assertIn("is not complete without", self.bad(path))
        same = self.refused(restore, DatabaseUrl(file=parse_url(self.url).file), parse_url(self.url).file)
        self.assertIn("is not complete without", same)

    def test_damaged_database_is_replaced_and_kept(self: Any) -> None:
        path = self.file(self.backup())
        broken = self.file(os.urandom(10_000))
        restored = restore(DatabaseUrl(file=broken), path)
        self.assertEqual(len(self.open(f"sqlite:///{broken}").directory().accounts), 200)
        self.assertEqual(os.path.getsize(restored.kept), 10_000)

    def test_restore_to_where_nothing_is(self: Any) -> None:
        path = self.file(self.backup())
        target = os.path.join(os.path.abspath(self.mktemp()), "state", "sellia.db")
        restored = restore(DatabaseUrl(file=target), path)
        self.assertEqual((restored.kept, restored.rows["accounts"]), ("", 200))
        self.assertEqual(stat.S_IMODE(os.stat(target).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(target)).st_mode), 0o700)
