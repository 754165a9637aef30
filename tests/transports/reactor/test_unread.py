"""For how long a peer has taken nothing, by what waits in its transport."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.reactor.unread import Stall, Unread
from tests.server.slow import SlowSocket


class Writer(Unread):
    def __init__(self) -> None:
        self.transport = SlowSocket()


class UnreadTests(SynchronousTestCase):
    def test_from_the_first_look_at_what_waits(self) -> None:
        writer = Writer()
        self.assertEqual(writer.unread(5.0), 0.0)
        writer.transport.write(b"~" * 1000)
        self.assertEqual([writer.unread(now) for now in (10.0, 11.0, 20.0)], [0.0, 1.0, 10.0])

    def test_whatever_is_taken_counts(self) -> None:
        writer = Writer()
        writer.transport.write(b"~" * 1000)
        writer.unread(10.0)
        writer.transport.take(1)
        self.assertEqual([writer.unread(now) for now in (20.0, 21.0)], [0.0, 1.0])

    def test_who_has_taken_everything_has_all_the_time_again(self) -> None:
        writer = Writer()
        writer.transport.write(b"~" * 1000)
        writer.unread(10.0)
        writer.transport.take(1000)
        self.assertEqual(writer.unread(20.0), 0.0)
        writer.transport.write(b"~" * 2000)
        self.assertEqual(writer.unread(30.0), 0.0)


class StallTests(SynchronousTestCase):
    def test_nothing_is_taken(self) -> None:
        stall = Stall(0.0)
        self.assertEqual([stall.seconds(1000, float(now)) for now in range(4)], [0.0, 1.0, 2.0, 3.0])

    def test_one_byte_is_taken(self) -> None:
        stall = Stall(0.0)
        stall.seconds(1000, 99.0)
        self.assertEqual(stall.seconds(999, 100.0), 0.0)
        self.assertEqual(stall.seconds(999, 101.0), 1.0)

    def test_what_is_added_is_no_progress(self) -> None:
        stall = Stall(0.0)
        for now in range(100):
            self.assertEqual(stall.seconds(1000 + now, float(now)), float(now))
