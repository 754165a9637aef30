"""Reasons for which a certificate cannot be used."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.server.listeners.reasons import reason_of


class ReasonTests(SynchronousTestCase):
    def test_words(self) -> None:
        for error, words in (
            (FileNotFoundError(2, "No such file or directory", "/a.pem"), "No such file or directory: /a.pem"),
            (ValueError("x509: key values mismatch"), "the key is not the one of the certificate"),
            (ValueError("something else"), "something else"),
            (KeyError(), "KeyError"),
        ):
            self.assertEqual(reason_of(error), words)
