"""The contract over SQLite; over PostgreSQL it is in ``tests/e2e/test_storage.py``."""

from twisted.trial.unittest import SynchronousTestCase

from tests.storage.contract import StorageContract
from tests.storage.files import new_file, open_file


class SqliteStorageTests(StorageContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.storage = open_file(new_file(self.mktemp()))
        self.addCleanup(self.storage.close)
