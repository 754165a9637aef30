"""The schema at a start."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from twisted.trial.unittest import SynchronousTestCase

from sellia.storage.database import Database
from sellia.storage.failures import SchemaError, StorageError
from sellia.storage.interface import Insert
from sellia.storage.migrate import MIGRATIONS, migrate
from sellia.storage.opening import open_database
from sellia.storage.records import Account
from sellia.storage.schema import SCHEMA
from sellia.storage.url import DatabaseUrl
from tests.processes import Process
from tests.storage.contract import account, key, name
from tests.storage.files import open_file

#: A step after the newest: it rebuilds a table that others name, and gives it a column.
NEXT = '''"""Give accounts a colour."""

import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{newest}"


def upgrade() -> None:
    with op.batch_alter_table("accounts", recreate="auto") as batch:
        batch.add_column(sa.Column("colour", sa.Text(), nullable=False, server_default="blue"))
        batch.alter_column("note", server_default="none")
    {more}
'''


def next_migrations(directory: Path, more: str = "pass") -> tuple[str, Path]:
    """The number of a schema that is yet to come, and the migrations with it."""
    shutil.copytree(MIGRATIONS, directory)
    number = f"{int(SCHEMA) + 1:04}"
    (directory / "steps" / f"v{number}.py").write_text(NEXT.format(next=number, newest=SCHEMA, more=more))
    return number, directory


def schema_of(database: Database) -> Any:
    with database.reading() as connection:
        return connection.execute(text("SELECT version_num FROM sellia_schema")).scalar_one()


class MigrationContract:
    """What holds for both databases; mixed into a test case whose `database` is empty."""

    database: Database

    def another(self) -> Database:
        """The same database, opened once more."""
        raise NotImplementedError

    def fill(self: Any) -> None:
        from sellia.storage.sql import SqlStorage

        migrate(self.database)
        SqlStorage(self.database).write([Insert(account()), Insert(key()), Insert(name())])

    def test_empty_database_gets_the_newest_schema(self: Any) -> None:
        migrate(self.database)
        self.assertEqual(schema_of(self.database), SCHEMA)
        migrate(self.database)

    def test_records_stay(self: Any) -> None:
        self.fill()
        number, directory = next_migrations(Path(self.mktemp()))
        migrate(self.database, number, directory)
        self.assertEqual(schema_of(self.database), number)
        with self.database.writing() as connection:
            rows = connection.execute(text("SELECT id, name, note, colour FROM accounts")).all()
            self.assertEqual([tuple(row) for row in rows], [("acc_1", "team 1", "", "blue")])
            self.assertEqual(connection.execute(text("SELECT account_id FROM keys")).scalar_one(), "acc_1")
        with self.assertRaises(IntegrityError), self.database.writing() as connection:
            connection.execute(text("DELETE FROM accounts"))

    def test_newer_schema_is_refused(self: Any) -> None:
        self.fill()
        number, directory = next_migrations(Path(self.mktemp()))
        migrate(self.database, number, directory)
        with self.assertRaises(SchemaError) as caught:
            migrate(self.database)
        self.assertIn(f"newer version of Sellia: its schema is {number}, and this one knows", str(caught.exception))
        self.assertIn(self.database.shown, str(caught.exception))

    def test_failed_migration_changes_nothing(self: Any) -> None:
        self.fill()
        number, directory = next_migrations(Path(self.mktemp()), "op.execute('SELECT * FROM nowhere')")
        with self.assertRaises(StorageError):
            migrate(self.database, number, directory)
        self.assertEqual(schema_of(self.database), SCHEMA)
        migrate(self.database)

    def test_tables_of_another_program_are_left_alone(self: Any) -> None:
        with self.database.changing_schema() as connection:
            connection.execute(text("CREATE TABLE accounts (balance integer)"))
        with self.assertRaises(SchemaError) as caught:
            migrate(self.database)
        self.assertIn("a table 'accounts' that is not Sellia's", str(caught.exception))

    def test_schema_of_another_program(self: Any) -> None:
        with self.database.changing_schema() as connection:
            connection.execute(text("CREATE TABLE sellia_schema (version_num text)"))
            connection.execute(text("INSERT INTO sellia_schema VALUES ('abc\x1b[31m')"))
        with self.assertRaises(SchemaError) as caught:
            migrate(self.database)
        self.assertIn("a schema that is not Sellia's (abc\\x1b[31m)", str(caught.exception))

    def test_several_at_once(self: Any) -> None:
        """One of them migrates, and the others find it done."""
        others = [self.another() for _ in range(4)]
        barrier = Barrier(len(others))
        failures: list[BaseException] = []

        def start(database: Database) -> None:
            try:
                barrier.wait()
                migrate(database)
            except BaseException as failure:
                failures.append(failure)

        threads = [Thread(target=start, args=(each,)) for each in others]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        for other in others:
            self.assertEqual(schema_of(other), SCHEMA)
            other.close()
        self.assertEqual(failures, [])


class SqliteMigrationTests(MigrationContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        self.database = self.another()
        self.addCleanup(self.database.close)

    def another(self) -> Database:
        return open_database(DatabaseUrl(file=self.path))

    def test_killed_in_the_middle(self) -> None:
        """A migration that is killed leaves the schema that was there, and the next start does it again."""
        self.fill()
        marker = os.path.abspath(self.mktemp())
        wait = f"open({marker!r}, 'w').close(); import time; time.sleep(600)"
        number, directory = next_migrations(Path(self.mktemp()), wait)
        with Process([sys.executable, "-c", MIGRATE, self.path, number, str(directory.absolute())]) as process:
            process.wait_for(lambda: os.path.exists(marker), "the migration to begin")
            process.send_signal(signal.SIGKILL)
            process.wait_for_exit()
        self.assertEqual(schema_of(self.database), SCHEMA)
        self.assertEqual(next(iter(self.accounts())), account())

    def accounts(self) -> list[Account]:
        storage = open_file(self.path)
        try:
            return list(storage.directory().accounts)
        finally:
            storage.close()


MIGRATE = """
import sys
from pathlib import Path
from sellia.storage.migrate import migrate
from sellia.storage.sqlite import Sqlite

migrate(Sqlite(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
"""
