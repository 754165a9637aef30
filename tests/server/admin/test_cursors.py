"""Cursors come back as the position that they were made of, and what is none of them is refused."""

import base64

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import INVALID_VALUE
from sellia.server.admin.cursors import cursor_of, position_of
from sellia.server.admin.models import CURSOR_LIMIT


class CursorTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        self.assertIs(position_of("keys", None), None)
        for position in ("key_1", "2027-01-31:acc_1:my:name", "m\u00fcller", "x" * 300):
            cursor = cursor_of("keys", position)
            self.assertRegex(cursor, r"\A[A-Za-z0-9_-]+\Z")
            self.assertLessEqual(len(cursor), CURSOR_LIMIT)
            self.assertEqual(position_of("keys", cursor), position)

    def test_what_is_none(self) -> None:
        others = [cursor_of("accounts", "acc_1"), cursor_of("keys", ""), "", "x", "!!!!", "\u00fc", "AAAA=", "////"]
        others += [base64.urlsafe_b64encode(each).decode() for each in (b"2:keys:x", b"1:keys", b"\xff\xff\xff")]
        for cursor in others:
            error = self.assertRaises(ProblemError, position_of, "keys", cursor)
            self.assertEqual(error.problem, INVALID_VALUE, cursor)
