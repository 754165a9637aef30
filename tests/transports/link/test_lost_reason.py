"""Reasons for which connections break off, in our words and not in a library's."""

import errno

from OpenSSL import SSL
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SelliaError
from sellia.transports.link.lost_reason import closed_reason, lost_reason


class LostReasonTests(SynchronousTestCase):
    def test_in_our_words(self) -> None:
        reset = ConnectionLost()
        reset.osError = errno.ECONNRESET  # type: ignore[attr-defined]
        for error, words in (
            (ConnectionDone(), "the connection broke off"),
            (reset, "the connection broke off: the other side, or a device between, reset it"),
            (OSError(errno.ETIMEDOUT, "Connection timed out"), "the connection broke off: nothing was acknowledged"),
            (SSL.Error([("SSL routines", "", "bad record mac")]), "the connection broke off in the middle of TLS"),
            (SelliaError("said \x1b"), "the other side said \\x1b"),
        ):
            self.assertTrue(lost_reason(Failure(error)).startswith(words), lost_reason(Failure(error)))


class ClosedReasonTests(SynchronousTestCase):
    def test_what_the_close_frame_said(self) -> None:
        class Closed:
            remoteCloseCode: int | None = None
            remoteCloseReason: str | None = None

        link = Closed()
        self.assertEqual(closed_reason(link), "")
        link.remoteCloseCode = 1001
        self.assertEqual(closed_reason(link), "the other side closed it with code 1001")
        link.remoteCloseReason = "bye\x1b"
        self.assertEqual(closed_reason(link), "the other side closed it with code 1001: bye\\x1b")
        self.assertEqual(closed_reason(object()), "")
