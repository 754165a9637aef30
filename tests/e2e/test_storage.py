"""Storage in a PostgreSQL from Debian's packages."""

from __future__ import annotations

from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from sellia.storage.database import Database
from sellia.storage.migrate import migrate
from sellia.storage.opening import open_database, open_storage
from sellia.storage.url import parse_url
from tests.e2e.postgres import new_database, url
from tests.storage.contract import StorageContract
from tests.storage.copies import CopyContract
from tests.storage.test_migrate import MigrationContract
from tests.storage.test_schema import differences


@cache
def migrated() -> str:
    """A database whose schema is the newest, to make others from."""
    name = new_database()
    open_storage(None, url(name)).close()
    return name


class PostgresqlStorageTests(StorageContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.storage = open_storage(None, url(new_database(migrated())))
        self.addCleanup(self.storage.close)


class PostgresqlCopyTests(CopyContract, SynchronousTestCase):
    """Backups of PostgreSQL, which are files of SQLite, and moves in both directions."""

    def setUp(self) -> None:
        self.url = self.new_url()
        self.storage = self.open(self.url)

    def new_url(self) -> str:
        return url(new_database(migrated()))

    def check_kept(self, kept: str) -> None:
        self.assertEqual(kept, "")

    def test_other_servers_see_that_all_has_changed(self) -> None:
        revision = self.test_restore_replaces_what_is_there()
        self.assertGreater(self.open(self.url).revision(), revision)


class PostgresqlMigrationTests(MigrationContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.name = new_database()
        self.database = self.another()
        self.addCleanup(self.database.close)

    def another(self) -> Database:
        return open_database(parse_url(url(self.name)))

    def test_the_newest_schema_is_that_of_the_tables(self) -> None:
        migrate(self.database)
        self.assertEqual(differences(self.database), [])
