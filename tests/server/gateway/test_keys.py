"""The store that knows one key for all, or none."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import KEY_REQUIRED, WRONG_KEY, Problem
from sellia.server.gateway.keys import KeyStore, MasterKeys

HERE = "203.0.113.7"
ELSEWHERE = "198.51.100.9"


class MasterKeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.keys = MasterKeys("right")

    def assert_refused(self, key: str | None, problem: Problem) -> None:
        self.assertIs(self.assertRaises(ProblemError, self.keys.find, key, HERE).problem, problem)

    def test_one_owner(self) -> None:
        """Whoever shows it, from wherever, and nobody else."""
        store: KeyStore = self.keys
        owner = store.find("right", HERE)
        self.assertEqual(store.find("right", ELSEWHERE), owner)
        self.assertEqual(owner, (owner[0], owner[0], ""))  # type: ignore[index]
        self.assert_refused(None, KEY_REQUIRED)
        self.assert_refused("", KEY_REQUIRED)
        self.assert_refused("wrong", WRONG_KEY)
        self.assertEqual([self.keys.opens(each) for each in ("right", "wrong")], [True, False])


class OpenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.keys = MasterKeys(None)

    def test_any_key_owns_names_and_the_address_counts(self) -> None:
        here, there = self.keys.find("mine", HERE), self.keys.find("mine", ELSEWHERE)
        self.assertEqual(here.names, there.names)
        self.assertEqual([here.account, there.account], [HERE, ELSEWHERE])
        self.assertNotEqual(self.keys.find("yours", HERE).names, here.names)
        self.assertFalse(self.keys.opens("mine") or self.keys.required)

    def test_without_a_key_the_address_owns_names(self) -> None:
        here = self.keys.find(None, HERE)
        self.assertEqual(self.keys.find("", HERE), here)
        self.assertEqual(self.keys.moved(here, None, ELSEWHERE), self.keys.find(None, ELSEWHERE))
        self.assertNotEqual(self.keys.moved(here, None, ELSEWHERE), here)
