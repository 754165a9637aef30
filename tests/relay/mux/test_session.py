"""Sessions: opening, and what waits or is not read.  What is sent, resets, faults, new links: modules of their own."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.problems import CLIENT_GONE, SERVICE_DIED, VISITOR_GONE, problem_of
from sellia.protocol import native
from sellia.protocol.limits import RECORD_COST
from sellia.protocol.messages import (
    CloseTunnel,
    GoAway,
    HttpRequest,
    Opening,
    SessionMessage,
    TcpConnection,
    TunnelReady,
)
from sellia.relay.mux.stream import Stream
from tests.relay.scripts import GET, KIB, OK, Pair, RecordingLeg, parcel, record, said

OPENING = native.encode(GET)


class OpeningTests(SynchronousTestCase):
    """Streams begin in the order of their numbers."""

    def test_each_side_has_its_own_numbers(self) -> None:
        pair = Pair()
        self.assertEqual([pair.server.open().id, pair.server.open().id], [2, 4])
        self.assertEqual([pair.client.open(TcpConnection(1)).id, pair.client.open().id], [1, 3])
        pair.talk()
        self.assertEqual([number for number, _, _ in pair.client.openings], [2, 4])
        self.assertEqual([number for number, _, _ in pair.server.openings], [1, 3])

    def test_openings_leave_in_order_whatever_their_way(self) -> None:
        """Those that wait for a link go before those that find one."""
        pair = Pair()
        pair.cut()
        pair.server.open()
        pair.join()
        pair.server.open()
        pair.server.flush()
        self.assertEqual(said(pair.server.link.sent[0]), [("OPEN", 2), ("OPEN", 4)])

    def test_what_was_said_of_the_session_comes_before_what_is_opened_after_it(self) -> None:
        """A tunnel is ready before its first visitor."""
        pair = Pair()
        pair.server.session.send_control(TunnelReady(1, "demo", "http://demo.localhost"))
        pair.server.open()
        pair.server.flush()
        self.assertEqual(said(pair.server.link.sent[0]), [("CONTROL", 0), ("OPEN", 2)])

    def test_what_is_said_of_the_session_keeps_its_order(self) -> None:
        pair = Pair()
        messages: list[SessionMessage] = [CloseTunnel(1), GoAway("server-draining", "soon", 3.0), CloseTunnel(2)]
        for message in messages:
            pair.client.session.send_control(message)
        pair.talk()
        self.assertEqual(pair.server.messages, messages)

    def test_many_streams(self) -> None:
        """Thousands of exchanges at once, each with its own answer."""
        pair = Pair()

        def answer(stream: Stream, opening: Opening) -> RecordingLeg:
            stream.send_head(OK)
            stream.send_data(b"%d" % stream.id, end=True)
            return RecordingLeg()

        pair.client.make_leg = answer
        numbers = [pair.server.open(end=True).id for _ in range(3000)]
        pair.talk()
        for number in numbers:
            self.assertEqual(pair.server.legs[number].data, b"%d" % number)
            self.assertTrue(pair.server.legs[number].ended)
        self.assertEqual((pair.server.session.streams, pair.client.session.streams), ({}, {}))

    def test_the_limit_of_streams(self) -> None:
        """Each side counts what the other opened, so that an opener who keeps to it is never in the wrong."""
        pair = Pair(max_streams=2)
        for party in (pair.server, pair.client):
            party.open()
            self.assertFalse(party.session.full)
            party.open()
            self.assertTrue(party.session.full)
        pair.talk()
        self.assertEqual(len(pair.client.session.streams), 4)
        with self.assertRaises(ProtocolError) as caught:
            pair.client.hear(parcel(record(native.OPEN, 6, OPENING)))
        self.assertEqual(caught.exception.code, 1008)

    def test_at_the_limit_a_reset_makes_room_before_the_next_opening(self) -> None:
        pair = Pair(max_streams=1)
        pair.open()[0].reset(problem_of("cancelled"))
        pair.server.open()
        pair.talk()
        self.assertEqual(list(pair.client.session.streams), [4])

    def test_no_number_is_too_large(self) -> None:
        """At ten thousand streams a second, 32 bits would last five days."""
        pair = Pair()
        pair.server.session._numbers._next = 2**40
        near, _, far, far_leg = pair.open()
        near.send_data(b"x", end=True)
        pair.talk()
        self.assertEqual((far.id, far_leg.data), (2**40, b"x"))

    def test_a_session_that_is_over_opens_nothing(self) -> None:
        pair = Pair()
        pair.server.session.close(CLIENT_GONE, "")
        self.assertRaises(RuntimeError, pair.server.open)


class QueueTests(SynchronousTestCase):
    """What waits to be sent is bounded for all streams of a session together, as while the link is away."""

    def away(self, *sizes: int, limit: int = 100 * KIB) -> tuple[Pair, list[Stream], list[RecordingLeg]]:
        """A session without a link, with a stream for each size that has as much to send."""
        pair = Pair(queue_limit=limit)
        ends = [pair.open() for _ in sizes]
        pair.cut()
        for (near, *_), size in zip(ends, sizes, strict=True):
            near.send_data(b"x" * size)
        return pair, [near for near, *_ in ends], [leg for _, leg, *_ in ends]

    def test_it_is_counted(self) -> None:
        """Openings as well; and nothing once it has been sent."""
        pair, _, _ = self.away(1000, 2000)
        session = pair.server.session
        self.assertEqual(session.table.queued, 3000 + 2 * RECORD_COST)
        pair.server.open()
        self.assertGreater(session.table.queued, 3000 + 2 * RECORD_COST)
        session.check_invariants()
        pair.join()
        pair.talk()
        self.assertEqual(session.table.queued, 0)
        session.check_invariants()

    def test_the_edge(self) -> None:
        pair, _, legs = self.away(60 * KIB, 40 * KIB - 2 * RECORD_COST)
        session = pair.server.session
        self.assertEqual((session.table.queued, session.load.crowded), (100 * KIB, True))
        session.load.shed_queued()
        self.assertEqual([leg.reset for leg in legs], [None, None])

    def test_those_with_most_are_reset(self) -> None:
        pair, _, legs = self.away(29 * KIB, 60 * KIB, 20 * KIB, 50 * KIB)
        session = pair.server.session
        told: list[tuple[int, str]] = []
        session.relieved = lambda stream, bound: told.append((stream.id, bound))
        session.load.shed_queued()
        self.assertEqual([leg.reset for leg in legs], [None, "overloaded", None, None])
        self.assertEqual(told, [(4, "session_queue")])
        self.assertFalse(session.load.crowded and session.table.queued > 100 * KIB)
        session.check_invariants()

    def test_what_is_opened_counts_for_its_tunnel(self) -> None:
        pair = Pair()
        session = pair.server.session
        for tunnel in (1, 1, 2):
            pair.server.open(HttpRequest(tunnel, b"GET", b"/", []), end=True)
        self.assertEqual(session.table.by_tunnel, {1: 2, 2: 1})
        pair.talk()
        for stream in list(session.streams.values()):
            stream.reset(VISITOR_GONE)
        self.assertEqual(session.table.by_tunnel, {})

    def test_a_session_that_ends_has_nothing(self) -> None:
        pair, _, _ = self.away(1000, 2000)
        pair.server.session.close(CLIENT_GONE, "")
        pair.server.session.check_invariants()
        self.assertEqual((pair.server.session.table.queued, pair.server.session.table.by_tunnel), (0, {}))


class HeldTests(SynchronousTestCase):
    """What readers do not read is bounded for all streams of a session together."""

    def test_the_worst_holder_is_reset_and_nobody_else(self) -> None:
        pair = Pair(held_limit=300 * KIB)
        ends = [pair.open() for _ in range(3)]
        for (near, _, far, _), size in zip(ends, (60, 200, 30), strict=True):
            far.stall()
            near.send_data(b"x" * size * KIB)
        pair.talk()
        self.assertLessEqual(pair.client.session.table.held, 300 * KIB)
        ends[2][0].send_data(b"x" * 30 * KIB)
        pair.talk()
        self.assertEqual([far_leg.reset for *_, far_leg in ends], [None, "overloaded", None])
        self.assertEqual([near_leg.reset for _, near_leg, *_ in ends], [None, "overloaded", None])
        self.assertEqual(pair.client.session.table.held, 120 * KIB + 3 * RECORD_COST)

    def test_a_reader_whose_stream_has_ended_counts_as_well(self) -> None:
        """A visitor who asks for much and reads nothing cannot hide behind the end of the answer."""
        pair = Pair(held_limit=300 * KIB)
        legs = []
        for _ in range(3):
            _, near_leg, far, _ = pair.open(end=True)
            pair.server.streams[far.id].stall()
            far.send_data(b"x" * 150 * KIB, end=True)
            pair.talk()
            legs.append(near_leg)
        self.assertLessEqual(pair.server.session.table.held, 300 * KIB)
        self.assertEqual([leg.reset for leg in legs].count("overloaded"), 2)
        for stream in pair.server.streams.values():
            stream.flow()
        self.assertEqual((pair.server.session.table.held, pair.server.session.table.leaving), (0, {}))

    def test_nothing_counts_once_the_session_is_over(self) -> None:
        """Also what is held for readers whose streams had ended."""
        pair = Pair()
        _, _, far, _ = pair.open(end=True)
        pair.server.streams[far.id].stall()
        far.send_data(b"x" * 150 * KIB, end=True)
        pair.talk()
        session = pair.server.session
        self.assertEqual(list(session.table.leaving), [far.id])
        session.close(CLIENT_GONE, "")
        session.check_invariants()
        self.assertEqual(session.table.held, 0)
        pair.server.streams[far.id].flow()
        session.check_invariants()

    def test_what_a_leg_gives_up_does_not_count(self) -> None:
        pair = Pair()
        near, _, far, _ = pair.open()
        far.stall()
        near.send_data(b"x" * 1000)
        pair.talk()
        self.assertEqual(pair.client.session.table.held, 1000 + RECORD_COST)
        far.reset(SERVICE_DIED)
        self.assertEqual(pair.client.session.table.held, 0)
        far.flow()
        self.assertEqual(pair.client.session.table.held, 0)
