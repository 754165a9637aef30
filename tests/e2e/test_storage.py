"""Storage in a PostgreSQL from Debian's packages."""

from __future__ import annotations

from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from sellia.storage.opening import open_storage
from tests.e2e.postgres import new_database, url
from tests.storage.contract import StorageContract


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
