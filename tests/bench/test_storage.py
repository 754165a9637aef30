"""What the bench of storage fills is what it says."""

from twisted.trial.unittest import SynchronousTestCase

from bench.storage import TEAM, fill
from sellia.storage.memory import MemoryStorage


class FillTests(SynchronousTestCase):
    def test_keys_and_names_of_teams(self) -> None:
        storage = MemoryStorage()
        fill(storage, 250)
        found = storage.directory()
        self.assertEqual((len(found.accounts), len(found.keys), len(found.names)), (-(-250 // TEAM), 250, 250))
        self.assertEqual({each.key_id for each in found.names}, {each.id for each in found.keys})
