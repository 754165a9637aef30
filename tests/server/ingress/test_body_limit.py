"""Bytes of one body, up to its limit and beyond."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import BODY_TOO_LARGE
from sellia.server.ingress.body_limit import BodyLimit


class BodyLimitTests(SynchronousTestCase):
    def test_the_edge(self) -> None:
        limit = BodyLimit(5)
        self.assertEqual([limit.passes(each) for each in (b"abc", b"", b"de", b"", b"f")], [True] * 4 + [False])
        self.assertEqual(limit.refusal[0], BODY_TOO_LARGE)
