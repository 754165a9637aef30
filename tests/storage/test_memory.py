"""The storage in this process."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.storage.failures import StorageError
from sellia.storage.interface import Insert
from sellia.storage.memory import MemoryStorage
from tests.storage.contract import StorageContract, event


class MemoryStorageTests(StorageContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.storage = MemoryStorage()

    def test_only_the_newest_events_are_kept(self) -> None:
        storage = MemoryStorage(events_limit=3)
        storage.write([Insert(event(each)) for each in range(5)])
        self.assertEqual([each.id for each in storage.events()], [3, 4, 5])

    def test_there_is_nothing_to_back_up(self) -> None:
        with self.assertRaises(StorageError):
            self.storage.backup(self.mktemp())
