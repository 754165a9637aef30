"""Sign-ins: their bounds, and when they end."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.server.admin.sign_ins import IDLE, KEPT, KEPT_PER_KEY, LASTS, SignIns


class SignInTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sign_ins = SignIns()

    def test_a_token_stands_for_its_key(self) -> None:
        one, other = self.sign_ins.begin("key-1", "1", 0.0), self.sign_ins.begin("key-2", "2", 0.0)
        for token, key in ((one, "key-1"), (other, "key-2")):
            found = self.sign_ins.find(token, 1.0)
            self.assertEqual(found and found.key, key)
        for unknown in ("", "x", one[:-1], one + "x", "\udcff"):
            self.assertIsNone(self.sign_ins.find(unknown, 1.0))
        self.sign_ins.end(one)
        self.sign_ins.end("unknown")
        self.assertIsNone(self.sign_ins.find(one, 1.0))
        self.assertIsNotNone(self.sign_ins.find(other, 1.0))

    def test_what_is_kept_opens_nothing(self) -> None:
        """No token is in memory."""
        token = self.sign_ins.begin("key", "1", 0.0)
        self.assertNotIn(token, repr(self.sign_ins._open))

    def test_one_that_is_not_used_ends(self) -> None:
        token = self.sign_ins.begin("key", "1", 0.0)
        self.assertIsNotNone(self.sign_ins.find(token, IDLE - 1))
        self.assertIsNotNone(self.sign_ins.find(token, 2 * IDLE - 2))
        self.assertIsNone(self.sign_ins.find(token, 3 * IDLE - 2))
        self.assertEqual(len(self.sign_ins), 0)

    def test_none_lasts_for_ever(self) -> None:
        token = self.sign_ins.begin("key", "1", 0.0)
        for now in range(0, int(LASTS), int(IDLE / 2)):
            found = self.sign_ins.find(token, now)
            self.assertEqual(found and found.left(now), LASTS - now)
        self.assertIsNone(self.sign_ins.find(token, LASTS))

    def test_one_key_cannot_end_those_of_others(self) -> None:
        victim = self.sign_ins.begin("victim", "victim", 0.0)
        tokens = [self.sign_ins.begin("greedy", "greedy", 0.0) for _ in range(3 * KEPT)]
        self.assertIsNotNone(self.sign_ins.find(victim, 0.0))
        self.assertEqual(len(self.sign_ins), 1 + KEPT_PER_KEY)
        alive = [each for each in tokens if self.sign_ins.find(each, 0.0)]
        self.assertEqual(alive, tokens[-KEPT_PER_KEY:])

    def test_there_are_so_many_at_most(self) -> None:
        tokens = [self.sign_ins.begin("key", str(number), 0.0) for number in range(KEPT + 5)]
        self.assertEqual(len(self.sign_ins), KEPT)
        self.assertIsNone(self.sign_ins.find(tokens[4], 0.0))
        self.assertIsNotNone(self.sign_ins.find(tokens[5], 0.0))
        self.sign_ins.begin("key", "later", LASTS)
        self.assertEqual(len(self.sign_ins), 1)
