"""Secrets of keys: 256 bits, a beginning that may be seen, and a digest."""

from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from sellia.server.accounts.secrets import MARK, SHOWN, digest, new_secret, shown


class SecretTests(SynchronousTestCase):
    def test_new_ones(self) -> None:
        secrets = {new_secret() for _ in range(100)}
        self.assertEqual(len(secrets), 100)
        for each in secrets:
            self.assertRegex(each, r"\Asl_live_[A-Za-z0-9]{47}\Z")
        self.assertGreater(62**43, 2**256, "what nobody sees has as many bits")

    def test_what_is_shown(self) -> None:
        secret = new_secret()
        self.assertEqual((shown(secret), len(shown(secret))), (secret[:12], SHOWN))
        self.assertTrue(shown(secret).startswith(MARK))

    def test_digests(self) -> None:
        self.assertEqual(digest("sl_live_x"), sha256(b"sl_live_x").digest())
        self.assertEqual(len(digest("\udc80 anything \u0000")), 32)
