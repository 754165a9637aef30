"""A storage that is opened late: when it is there, and again after it was closed."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.server.accounts.opening import LateStorage
from sellia.storage.failures import SchemaError, StorageAway
from sellia.storage.interface import Storage
from sellia.storage.memory import MemoryStorage


class LateStorageTests(SynchronousTestCase):
    def test_it_is_opened_once(self) -> None:
        opened: list[MemoryStorage] = []

        def opening() -> MemoryStorage:
            opened.append(MemoryStorage())
            return opened[-1]

        storage: Storage = LateStorage(opening)
        self.assertEqual(opened, [])
        self.assertEqual((storage.revision(), storage.directory().revision, len(opened)), (0, 0, 1))
        storage.close()
        storage.close()
        storage.write([])
        self.assertEqual(len(opened), 2)

    def test_it_is_tried_again(self) -> None:
        faults: list[Exception] = [StorageAway("Not yet."), SchemaError("It is newer.")]

        def opening() -> MemoryStorage:
            if faults:
                raise faults.pop(0)
            return MemoryStorage()

        storage = LateStorage(opening)
        self.assertRaises(StorageAway, storage.revision)
        self.assertRaises(StorageAway, storage.revision)
        self.assertEqual(storage.revision(), 0)

    def test_a_start_is_told_of_the_schema(self) -> None:
        def opening() -> MemoryStorage:
            raise SchemaError("It is newer.")

        self.assertRaises(SchemaError, LateStorage(opening).check)
