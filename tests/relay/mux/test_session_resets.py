"""A stream of a session may be over at any moment, for either side, and for whatever reason."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.problems import NO_SUCH_TUNNEL, SERVICE_DIED, SESSION_EXPIRED, VISITOR_GONE, problem_of
from sellia.protocol import native
from sellia.protocol.limits import LINGERING_LIMIT, RECORD_LIMIT
from sellia.protocol.messages import Ack, CloseTunnel, Opening
from sellia.relay.mux.stream import Stream
from tests.relay.scripts import OK, Pair, RecordingLeg, parcel, record, said


class ResetTests(SynchronousTestCase):
    """A stream may be over at any moment, for either side."""

    def test_the_other_side_is_told_once(self) -> None:
        pair = Pair()
        near, near_leg, far, far_leg = pair.open()
        near.reset(VISITOR_GONE, "closed the page")
        near.reset(VISITOR_GONE, "again")
        pair.talk()
        self.assertEqual(far_leg.events, [("reset", "visitor-gone", "closed the page")])
        self.assertEqual(near_leg.events, [])
        self.assertEqual((pair.server.session.streams, pair.client.session.streams), ({}, {}))

    def test_before_the_opening_has_left_nobody_hears_of_it(self) -> None:
        pair = Pair()
        pair.cut()
        near = pair.server.open()
        near.send_data(b"x")
        near.reset(VISITOR_GONE)
        pair.join()
        pair.server.open()
        pair.talk()
        self.assertEqual([number for number, _, _ in pair.client.openings], [4])
        self.assertEqual(pair.traffic["RESET"], 0)

    def test_right_behind_its_opening(self) -> None:
        pair = Pair()
        pair.server.open().reset(VISITOR_GONE)
        pair.talk()
        self.assertEqual(pair.client.legs[2].reset, "visitor-gone")

    def test_what_is_queued_is_dropped(self) -> None:
        pair = Pair()
        near, _, _, far_leg = pair.open()
        pair.server.can_send(False)
        near.send_data(b"x" * 1000)
        near.reset(VISITOR_GONE)
        self.assertEqual(near.queued, 0)
        pair.server.can_send(True)
        pair.talk()
        self.assertEqual(far_leg.events, [("reset", "visitor-gone", "")])

    def test_resets_that_cross(self) -> None:
        """Each side was told by itself, so neither is told by the other."""
        pair = Pair()
        near, near_leg, far, far_leg = pair.open()
        near.reset(VISITOR_GONE)
        far.reset(SERVICE_DIED)
        pair.talk()
        self.assertEqual((near_leg.events, far_leg.events), ([], []))

    def test_a_reset_that_crosses_an_end(self) -> None:
        pair = Pair()
        near, near_leg, far, far_leg = pair.open(end=True)
        far.send_data(b"done", end=True)
        near.reset(VISITOR_GONE)
        pair.talk()
        self.assertEqual((near_leg.events, far_leg.events), ([], []))
        self.assertEqual((pair.server.session.streams, pair.client.session.streams), ({}, {}))

    def test_by_a_leg_in_the_middle_of_what_it_is_told(self) -> None:
        """It hears no more, not even the end that came with the data."""
        pair = Pair()
        near, _, far, far_leg = pair.open()
        far_leg.react = lambda event: far.reset(problem_of("cancelled"))
        near.send_data(b"x", end=True)
        pair.talk()
        self.assertEqual([event[0] for event in far_leg.events], ["data"])
        self.assertEqual(pair.client.session.table.held, 0)

    def test_late_records_are_dropped_while_they_may_come_and_refused_after(self) -> None:
        pair = Pair()
        near, near_leg, far, _ = pair.open()
        near.reset(VISITOR_GONE)
        pair.server.flush()
        far.send_data(b"under way")
        pair.client.flush()
        far.send_data(b"under construction")  # in the parcel that will acknowledge the reset
        (reset,) = pair.server.link.take()
        (late,) = pair.client.link.take()
        pair.client.hear(reset)
        pair.server.hear(late)
        pair.server.hear(native.encode_link(Ack(pair.client.session.received)))
        pair.client.flush()
        (last,) = pair.client.link.take()
        self.assertEqual(said(last), [("DATA", 2)])
        pair.server.hear(last)
        self.assertEqual(near_leg.events, [])
        with self.assertRaises(ProtocolError):
            pair.server.hear(parcel(record(native.DATA, 2, b"too late"), ack=pair.server.session.out.sent))

    def test_remembering_resets_is_bounded(self) -> None:
        """A peer that never sends a parcel costs a fixed amount, and its late records are still no fault."""
        pair = Pair()
        streams = [pair.server.open() for _ in range(LINGERING_LIMIT + 10)]
        pair.server.flush()
        for stream in streams:
            stream.reset(VISITOR_GONE)
        pair.server.flush()
        pair.server.session.check_invariants()
        self.assertEqual(len(pair.server.session.out.lingering), LINGERING_LIMIT)
        pair.server.hear(parcel(record(native.DATA, 2, b"late"), record(native.DATA, 2 * LINGERING_LIMIT, b"late")))

    def test_a_leg_that_raises_costs_its_stream_only(self) -> None:
        for broken in ("head", "data", "end"):
            pair = Pair()
            near, near_leg, far, _ = pair.open(end=True)
            _, other_leg, other, _ = pair.open(end=True)

            def fail(event: tuple[object, ...], broken: str = broken) -> None:
                if event[0] == broken:
                    raise ZeroDivisionError

            near_leg.react = fail
            far.send_head(OK)
            far.send_data(b"x", end=True)
            other.send_data(b"unharmed", end=True)
            pair.talk()
            self.assertEqual([number for number, _ in pair.server.failures], [near.id])
            self.assertEqual((other_leg.data, other_leg.ended), (b"unharmed", True))
            self.assertEqual((pair.server.session.table.held, pair.server.session.streams), (0, {}))

    def test_a_leg_that_ends_its_stream_and_then_raises_holds_nothing(self) -> None:
        pair = Pair()
        near, near_leg, far, _ = pair.open()

        def fail(event: tuple[object, ...]) -> None:
            near.end()
            raise ZeroDivisionError

        near_leg.react = fail
        far.end()
        pair.talk()
        self.assertEqual((len(pair.server.failures), pair.server.session.table.held), (1, 0))

    def test_the_other_side_learns_that_a_leg_raised(self) -> None:
        pair = Pair()
        near, _, _, far_leg = pair.open()

        def fail(event: tuple[object, ...]) -> None:
            raise ZeroDivisionError

        pair.server.legs[2].react = fail
        pair.client.streams[2].send_head(OK)
        pair.talk()
        self.assertEqual(far_leg.reset, "internal")

    def test_an_owner_that_cannot_open_costs_the_stream_only(self) -> None:
        pair = Pair()

        def fail(stream: Stream, opening: Opening) -> RecordingLeg:
            raise ZeroDivisionError

        pair.client.make_leg = fail
        near = pair.server.open()
        near.send_data(b"more")
        pair.talk()
        self.assertEqual(pair.server.legs[2].reset, "internal")
        self.assertEqual(len(pair.client.failures), 1)

    def test_an_owner_may_refuse_a_stream_by_a_reset(self) -> None:
        pair = Pair()

        def refuse(stream: Stream, opening: Opening) -> RecordingLeg:
            stream.reset(NO_SUCH_TUNNEL)
            return RecordingLeg()

        pair.client.make_leg = refuse
        near = pair.server.open()
        near.send_data(b"x" * RECORD_LIMIT)
        pair.talk()
        self.assertEqual(pair.server.legs[2].reset, "no-such-tunnel")
        self.assertEqual(pair.client.session.table.held, 0)

    def raises(self, event: tuple[object, ...]) -> None:
        raise ZeroDivisionError

    def test_close_tells_every_leg(self) -> None:
        pair = Pair()
        legs = [pair.open()[1] for _ in range(3)]
        legs[1].react = self.raises
        held = pair.server.streams[2]
        held.stall()
        pair.client.streams[2].send_data(b"x")
        pair.talk()
        pair.server.session.close(SESSION_EXPIRED, "too long away")
        pair.server.session.close(SESSION_EXPIRED, "again")
        self.assertEqual([leg.reset for leg in legs], ["session-expired"] * 3)
        self.assertEqual(len(pair.server.failures), 1)
        held.flow()
        held.reset(VISITOR_GONE)
        pair.server.session.send_control(CloseTunnel(1))
        pair.server.session.check_invariants()
        self.assertFalse(pair.server.session.attached)
