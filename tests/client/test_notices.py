"""Visitors whom the server has refused."""

from dataclasses import replace

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import Event, RequestRefused
from sellia.client.notices import tell_notice
from sellia.protocol.messages import Notice
from tests.client.stage import LogLines


class NoticeTests(SynchronousTestCase):
    def test_log_and_listener(self) -> None:
        """The log has no query, and nothing from outside that could end its line."""
        log = LogLines(self)
        events: list[Event] = []
        notice = Notice(1, 401, "unauthorized", "No.", "GET\n", b"/a?token=x", "203.0.113.7", True, 3, "9f3a61c2-n4")
        tell_notice(notice, "demo", events.append, Clock())
        (refused,) = events
        assert isinstance(refused, RequestRefused) and refused.cause is not None
        self.assertEqual(
            replace(refused, cause=None),
            RequestRefused("demo", "GET\n", "/a?token=x", "203.0.113.7", 401, "unauthorized", "No.", True, 3),
        )
        self.assertEqual(
            (refused.cause.id, refused.cause.who, refused.cause.what), ("9f3a61c2-n4", "visitor", "unauthorized")
        )
        [line] = log.lines
        self.assertNotIn("\n", line)
        self.assertNotIn("token", line)
        self.assertTrue(line.startswith("refused by the server: tunnel=demo method="), line)
        told = " visitor=203.0.113.7 status=401 word=unauthorized suppressed=3 cause=9f3a61c2-n4"
        self.assertTrue(line.endswith(told), line)

    def test_of_an_older_server(self) -> None:
        """It tells no id."""
        events: list[Event] = []
        tell_notice(Notice(1, 429, "rate-limited"), "demo", events.append, Clock())
        (refused,) = events
        assert isinstance(refused, RequestRefused) and refused.cause is not None
        self.assertEqual(refused.cause.id, "--n0")
