"""Counts of what has become of links."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.mux.counters import LinkCounters


class CounterTests(SynchronousTestCase):
    def test_sessions_that_went_on(self) -> None:
        counters = LinkCounters()
        counters.went_on((3, 1000))
        counters.went_on((0, 0), took_over=True)
        counters.links_lost += 1
        self.assertEqual(
            counters.as_dict(),
            {
                "links_lost": 1,
                "links_back": 2,
                "taken_over": 1,
                "windows_expired": 0,
                "resent_messages": 3,
                "resent_bytes": 1000,
            },
        )
