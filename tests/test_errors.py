"""The exceptions: their tree, and what they say."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import (
    LimitExceeded,
    ProblemError,
    ProtocolError,
    ProxyLoginError,
    RefusedError,
    SelliaError,
    SettingsError,
)
from sellia.problems import NAME_TAKEN, RATE_LIMITED, RETRY_AFTER_SECONDS


class TreeTests(SynchronousTestCase):
    def test_all_are_sellia_errors(self) -> None:
        for kind in (SettingsError, ProtocolError, LimitExceeded, RefusedError, ProblemError, ProxyLoginError):
            self.assertTrue(issubclass(kind, SelliaError))

    def test_protocol_error_has_the_close_code(self) -> None:
        self.assertEqual(ProtocolError("a record is cut off").code, 1002)
        self.assertEqual(LimitExceeded("a frame is too long", 1009).code, 1009)
        self.assertEqual(str(LimitExceeded("a frame is too long")), "a frame is too long")

    def test_problem_error_says_the_detail_or_the_sentence(self) -> None:
        self.assertEqual(str(ProblemError(NAME_TAKEN)), NAME_TAKEN.sentence)
        self.assertEqual(str(ProblemError(NAME_TAKEN, "The name 'demo' is in use.")), "The name 'demo' is in use.")

    def test_problem_error_says_when_to_come_back(self) -> None:
        self.assertEqual(ProblemError(RATE_LIMITED).retry_after, RETRY_AFTER_SECONDS)
        self.assertEqual(ProblemError(RATE_LIMITED, retry_after=60).retry_after, 60)

    def test_refused_error_knows_the_remedy_of_known_words(self) -> None:
        """A newer server may have words that are not in our catalogue."""
        refused = RefusedError("name-taken", "The name 'demo' is in use.")
        self.assertEqual(str(refused), "The name 'demo' is in use.")
        self.assertEqual(refused.remedy, NAME_TAKEN.remedy)
        self.assertEqual(RefusedError("moon-phase", "Not tonight.").remedy, "")
