"""What is remembered of proofs, and who can have any."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.gateway.domains import RememberedProofs
from sellia.server.gateway.keys import MasterKeys, Owner


class ProofTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.proofs = RememberedProofs(self.clock.seconds, limit=3)

    def test_age(self) -> None:
        self.proofs.remember("acc_1", "a.example")
        self.clock.advance(5)
        self.assertEqual(self.proofs.age("acc_1", "a.example"), 5)
        self.assertIsNone(self.proofs.age("acc_2", "a.example"))
        self.proofs.remember("acc_1", "a.example")
        self.assertEqual(self.proofs.age("acc_1", "a.example"), 0)
        self.proofs.forget("acc_1", "a.example")
        self.proofs.forget("acc_1", "a.example")
        self.assertIsNone(self.proofs.age("acc_1", "a.example"))

    def test_bound(self) -> None:
        for number in range(5):
            self.proofs.remember("", f"{number}.example")
        known = [self.proofs.age("", f"{number}.example") for number in range(5)]
        self.assertEqual(known, [None, None, 0, 0, 0])

    def test_identities(self) -> None:
        """The owner of the only key is the only one; who could be anybody has none."""
        find, identity = MasterKeys("key").find, self.proofs.identity
        owner = find("key", "198.51.100.1")
        assert isinstance(owner, Owner)
        self.assertEqual(identity(owner), "")
        for key in (None, "made up"):
            found = MasterKeys(None).find(key, "198.51.100.1")
            assert isinstance(found, Owner)
            self.assertIsNone(identity(found))
        self.assertEqual(identity(Owner("acc_1", "acc_1")), "acc_1")
