"""Proofs of domains are kept with the account's reservation, and count for it alone."""

from sellia.server.accounts.holders import OPERATOR, Holder
from sellia.server.gateway.keys import Owner
from sellia.storage.records import ReservedName
from tests.server.accounts.stage import BY, AccountsCase, AccountsServer, away, done

DOMAIN = "shop.example.org"


class ProofTests(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        self.account = self.server.new_key().key.account_id
        self.other = self.server.new_key("other").key.account_id
        done(self.operations.reserve_name("team", DOMAIN, kind="domain", by=BY))
        self.proofs = self.server.accounts.proofs

    def stored(self) -> ReservedName:
        [record] = self.storage.directory().names
        return record

    def test_identities(self) -> None:
        holder = Holder(self.account)
        self.assertEqual(self.proofs.identity(Owner(holder, holder)), self.account)
        self.assertEqual(self.proofs.identity(Owner(OPERATOR, OPERATOR)), "")
        self.assertIsNone(self.proofs.identity(Owner(("address", "192.0.2.1"), "192.0.2.1")))

    def test_a_proof_is_kept(self) -> None:
        """Also by the server that comes after this one, with its age."""
        self.assertIsNone(self.proofs.age(self.account, DOMAIN))
        self.proofs.remember(self.account, DOMAIN)
        self.assertEqual(self.stored().proved_at, self.server.today())
        self.server.wait(3600, 600)
        later = AccountsServer(self.storage)
        later.wait(3600, 600)
        self.assertEqual(later.accounts.proofs.age(self.account, DOMAIN), 3600)
        self.assertEqual(self.proofs.age(self.account, DOMAIN), 3600)
        self.assertIsNone(self.proofs.age(self.other, DOMAIN))

    def test_a_proof_that_is_gone(self) -> None:
        """The domain is open again, and another account that shows control gets it."""
        self.proofs.remember(self.account, DOMAIN)
        self.assert_refused_to_others()
        self.proofs.forget(self.account, DOMAIN)
        self.assertIsNone(self.stored().proved_at)
        self.assertIsNone(self.proofs.age(self.account, DOMAIN))
        done(self.operations.reserve_name("other", DOMAIN, kind="domain", by=BY))
        self.assertEqual(self.stored().account_id, self.other)

    def assert_refused_to_others(self) -> None:
        from sellia.problems import ALREADY_EXISTS

        asked = self.operations.reserve_name("other", DOMAIN, kind="domain", by=BY)
        self.assert_refused(ALREADY_EXISTS, asked)

    def test_another_account_changes_nothing(self) -> None:
        self.proofs.remember(self.account, DOMAIN)
        proved = self.stored()
        self.server.wait(60)
        self.proofs.remember(self.other, DOMAIN)
        self.proofs.forget(self.other, DOMAIN)
        self.assertEqual(self.stored(), proved)
        self.assertEqual(self.proofs.age(self.account, DOMAIN), 60)

    def test_one_that_an_operator_vouches_for(self) -> None:
        """It has no record to show: its age is none, and no look takes it away."""
        done(self.operations.vouch_for(DOMAIN, by=BY))
        self.server.wait(7200, 600)
        self.assertEqual(self.proofs.age(self.account, DOMAIN), 0.0)
        self.proofs.forget(self.account, DOMAIN)
        self.assertIsNotNone(self.stored().proved_at)
        self.assertEqual(self.proofs.age(self.account, DOMAIN), 0.0)

    def test_while_the_database_is_away(self) -> None:
        """It counts all the same, as long as the process lasts."""
        self.storage.fault = away()
        self.proofs.remember(self.account, DOMAIN)
        self.server.wait(20)
        self.assertEqual(self.proofs.age(self.account, DOMAIN), 20)
        self.storage.fault = None
        self.assertIsNone(self.stored().proved_at)
