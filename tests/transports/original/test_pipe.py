"""Two sessions of one process, joined."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.protocol.limits import REPLAY_LIMIT
from sellia.protocol.messages import OpenTunnel
from sellia.relay.session import Session
from sellia.transports.original.pipe import Pipe
from sellia.transports.turn import turn_of
from tests.relay.scripts import GET, OK, Party


class Side(Party):
    """One of the two, flushed at the end of the reactor's turn."""

    def __init__(self, clock: Clock, *, even: bool) -> None:
        super().__init__(even=even)
        self._clock = clock

    def flush_wanted(self) -> None:
        turn_of(self._clock).later(self.session.flush)  # type: ignore[arg-type]


class PipeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.near = Side(self.clock, even=False)
        self.far = Side(self.clock, even=True)
        self.faults: list[ProtocolError] = []
        self.pipe = Pipe(self.near.session, self.far.session, turn_of(self.clock), self.faults.append)  # type: ignore[arg-type]

    def turn(self) -> None:
        self.clock.advance(0)
        self.near.session.check_invariants()
        self.far.session.check_invariants()

    def test_all_that_is_said_in_a_turn_arrives_in_it(self) -> None:
        """A request and its answer, and what the sessions say about themselves."""
        self.near.session.say(OpenTunnel(1, "http", "demo"))
        visitor = self.far.open(GET, end=True)
        self.assertEqual((self.far.messages, self.near.openings), ([], []))
        self.turn()
        self.assertEqual(self.far.messages, [OpenTunnel(1, "http", "demo")])
        self.assertEqual(self.near.openings, [(visitor.id, GET, True)])
        answer = self.near.streams[visitor.id]
        answer.send_head(OK)
        answer.send_data(b"hello", True)
        self.turn()
        self.assertEqual(self.far.legs[visitor.id].data, b"hello")
        self.assertTrue(self.far.legs[visitor.id].ended)

    def test_more_than_would_ever_wait_for_an_ack(self) -> None:
        """Acks come back, so that a session never stops for the lack of them; credit alone holds a sender up."""
        visitor = self.far.open(GET)
        sent = 0
        self.turn()
        while sent < 2 * REPLAY_LIMIT:
            visitor.send_data(bytes(60_000))
            sent += 60_000
            self.turn()
        self.assertEqual(len(self.near.legs[visitor.id].data), sent)

    def test_a_leg_that_does_not_take_holds_its_sender_up(self) -> None:
        visitor = self.far.open(GET)
        self.turn()
        self.near.streams[visitor.id].stall()
        for _ in range(6):
            visitor.send_data(bytes(60_000))
            self.turn()
        self.assertTrue(self.far.legs[visitor.id].paused)
        self.near.streams[visitor.id].flow()
        self.turn()
        self.assertFalse(self.far.legs[visitor.id].paused)
        self.assertEqual(len(self.near.legs[visitor.id].data), 360_000)

    def test_cut(self) -> None:
        """What was on its way is lost, and both wait."""
        self.near.session.say(OpenTunnel(1, "http", "demo"))
        self.pipe.cut()
        self.turn()
        self.assertEqual(self.far.messages, [])
        self.assertFalse(self.near.session.attached or self.far.session.attached)

    def test_a_violation_is_told_and_parts_them(self) -> None:
        """A client opens no streams: who owns the far session says so."""

        def refuse(*_: object) -> None:
            raise ProtocolError("a client opens no streams")

        self.far.stream_opened = refuse  # type: ignore[assignment,method-assign]
        self.near.open(GET)
        self.turn()
        self.assertEqual([str(fault) for fault in self.faults], ["a client opens no streams"])
        self.assertFalse(self.near.session.attached)

    def test_who_has_ended_gets_nothing(self) -> None:
        """A session that was closed by its owner is not told any more."""
        self.far.open(GET)
        self.turn()
        self.far.session.say(OpenTunnel(1, "http", "demo"))
        session: Session = self.near.session
        session.close("client-gone", "")
        self.pipe.cut()
        self.turn()
        self.assertEqual(self.near.messages, [])
