"""Limits of keys: of a class, or of their own, which nobody else has and which go with them."""

from sellia.problems import INVALID_VALUE, NO_SUCH_THING
from sellia.storage.records import LimitsClass
from tests.server.accounts.stage import BY, AccountsCase, done


class OwnLimitsTests(AccountsCase):
    def stored(self) -> list[LimitsClass]:
        self.server.accounts.parts.live.check_invariants()
        return [each for each in self.storage.directory().limits if each.name.startswith("key_")]

    def test_from_first_to_last(self) -> None:
        key = self.server.new_key(limits={"tunnels": 1}).key
        self.assertEqual(self.operations.own_limits(key), LimitsClass(key.id, tunnels=1))
        self.assertEqual([each.name for each in self.operations.limits()], ["default"])
        changed = done(self.operations.update_key(key.id, limits={"streams": 2}, by=BY))
        self.assertEqual(self.operations.own_limits(changed), LimitsClass(key.id, streams=2))
        self.assertEqual(done(self.operations.update_key(key.id, name="other", by=BY)).limits, key.id)
        new = done(self.operations.rotate_key(key.id, by=BY)).key
        self.assertEqual(self.operations.own_limits(new), LimitsClass(new.id, streams=2))
        self.assertEqual(len(self.stored()), 2)
        self.assertIsNone(done(self.operations.update_key(new.id, limits=None, by=BY)).limits)
        self.assertEqual(done(self.operations.update_key(new.id, limits="default", by=BY)).limits, "default")
        self.assertEqual([each.name for each in self.stored()], [key.id])
        done(self.operations.delete_account("team", by=BY))
        self.assertEqual(self.stored(), [])

    def test_nobody_else_has_them(self) -> None:
        key = self.server.new_key(limits={"tunnels": 1}).key
        other = self.server.new_key("other").key
        for asked in (
            self.operations.update_key(other.id, limits=key.id, by=BY),
            self.operations.update_account("other", limits=key.id, by=BY),
            self.operations.set_limits(key.id, {"tunnels": 9}, by=BY),
            self.operations.set_limits("key_new", {}, by=BY),
        ):
            self.assert_refused(INVALID_VALUE, asked)
        self.assert_refused(NO_SUCH_THING, self.operations.delete_limits(key.id, by=BY))
        self.assertEqual(self.stored(), [LimitsClass(key.id, tunnels=1)])
