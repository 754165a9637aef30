"""What one turn of the reactor brings together leaves at its end, and at once while it is quiet."""

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.reactor.batching import QUIET, BufferedWriter, FlushBatch, batch_of


class TurnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.turn = FlushBatch(self.clock)
        self.calls: list[str] = []

    def later(self, name: str) -> None:
        self.turn.schedule(lambda: self.calls.append(name))

    def test_at_the_end_of_the_turn(self) -> None:
        self.later("a")
        self.later("b")
        self.assertEqual(self.calls, [])
        self.clock.advance(0)
        self.assertEqual(self.calls, ["a", "b"])
        self.clock.advance(0)
        self.assertEqual(self.calls, ["a", "b"])

    def test_at_once_while_it_is_quiet(self) -> None:
        self.later("a")
        self.turn.input_done()
        self.assertEqual(self.calls, ["a"])

    def test_together_once_it_is_busy(self) -> None:
        """After a turn that saw more than that, the next waits for its end; after a quiet one it does not."""
        for _ in range(QUIET + 1):
            self.later("busy")
            self.turn.input_done()
        self.clock.advance(0)
        self.calls.clear()
        self.later("a")
        self.turn.input_done()
        self.later("b")
        self.assertEqual(self.calls, [])
        self.clock.advance(0)
        self.assertEqual(self.calls, ["a", "b"])
        self.later("c")
        self.turn.input_done()
        self.assertEqual(self.calls, ["a", "b", "c"])

    def test_what_a_flush_brings_is_flushed_too(self) -> None:
        self.turn.schedule(lambda: self.later("second"))
        self.clock.advance(0)
        self.assertEqual(self.calls, ["second"])
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_timer_for_all(self) -> None:
        for _ in range(100):
            self.later("a")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(0)

    def test_a_loop_that_says_when_it_ends(self) -> None:
        """No timer is needed then; and a quiet turn is flushed at once all the same."""
        self.turn.begin(QUIET)
        self.later("a")
        self.turn.input_done()
        self.assertEqual(self.calls, ["a"])
        self.later("b")
        self.assertEqual((self.calls, self.clock.getDelayedCalls()), (["a"], []))
        self.turn.end()
        self.assertEqual(self.calls, ["a", "b"])
        self.later("from a timer")
        self.clock.advance(0)
        self.assertEqual(self.calls, ["a", "b", "from a timer"])

    def test_such_a_loop_knows_how_busy_a_turn_is(self) -> None:
        """Whatever the turn before was like: that is only a guess."""
        for before in (0, QUIET + 1):
            with self.subTest(nudges_before=before):
                self.calls.clear()
                for _ in range(before):
                    self.turn.input_done()
                self.turn.end()
                self.turn.begin(QUIET + 1)
                self.later("a")
                self.turn.input_done()
                self.assertEqual(self.calls, [])
                self.turn.end()
                self.assertEqual(self.calls, ["a"])
                self.turn.begin(1)
                self.later("b")
                self.turn.input_done()
                self.assertEqual(self.calls, ["a", "b"])
                self.turn.end()

    def fails(self) -> None:
        raise ZeroDivisionError

    def test_a_defect_costs_nobody_else_its_flush(self) -> None:
        self.later("a")
        self.turn.schedule(self.fails)
        self.later("b")
        self.clock.advance(0)
        self.assertEqual(self.calls, ["a", "b"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_one_for_each_reactor(self) -> None:
        other = Clock()
        self.assertIs(batch_of(self.clock), batch_of(self.clock))
        self.assertIsNot(batch_of(self.clock), batch_of(other))


class OutletTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.transport = StringTransport()
        self.outlet = BufferedWriter(self.transport, batch_of(self.clock))

    def test_one_write_for_a_turn(self) -> None:
        for piece in (b"a", b"b", b"c"):
            self.outlet.write(piece)
        self.assertEqual(self.transport.value(), b"")
        self.clock.advance(0)
        self.assertEqual(self.transport.value(), b"abc")

    def test_much_does_not_wait(self) -> None:
        """So that the transport, which tells when it is full, hears of it."""
        for _ in range(16):
            self.outlet.write(b"x" * 0x4000)
        self.assertGreaterEqual(len(self.transport.value()), 0x20000)

    def test_flush(self) -> None:
        self.outlet.write(b"a")
        self.outlet.flush()
        self.outlet.flush()
        self.assertEqual(self.transport.value(), b"a")
        self.clock.advance(0)
        self.assertEqual(self.transport.value(), b"a")
