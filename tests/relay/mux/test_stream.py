"""Streams: what a leg says is sent in order, in turn and within credit; what a leg cannot take is not sent to it."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import BAD_SERVICE_RESPONSE
from sellia.protocol import native
from sellia.protocol.limits import HEAD_LIMIT, INITIAL_CREDIT, PARCEL_TARGET, RECORD_COST, RECORD_LIMIT
from sellia.protocol.messages import HttpRequest, ResponseHead
from sellia.relay.mux.send_half import QUEUE_LOW, QUEUE_MARK
from tests.relay.scripts import GET, KIB, OK, Pair, Party, RecordingLeg, payloads, said

FULL = RECORD_LIMIT - RECORD_COST
"""A payload that costs exactly a quarter of the initial credit."""


def away() -> Party:
    """A server whose link is gone."""
    return Party(even=True)


class SendingTests(SynchronousTestCase):
    """What a leg hands over, and how it leaves."""

    def test_a_whole_exchange_reads_as_it_was_said(self) -> None:
        pair = Pair()
        near, near_leg, far, far_leg = pair.open(end=True)
        far.send_head(ResponseHead(103, b"Early Hints", []))
        far.send_head(OK)
        far.send_data(b"hello, ")
        far.send_data(b"world", end=True)
        pair.talk()
        self.assertEqual(pair.client.openings, [(2, GET, True)])
        self.assertEqual(
            near_leg.events,
            [
                ("head", ResponseHead(103, b"Early Hints", [])),
                ("head", OK),
                ("data", b"hello, "),
                ("data", b"world"),
                ("end", []),
            ],
        )
        self.assertEqual(far_leg.events, [])
        self.assertEqual((pair.server.session.streams, pair.client.session.streams), ({}, {}))

    def test_what_is_said_in_one_turn_leaves_in_one_message(self) -> None:
        pair = Pair()
        near = pair.server.open()
        near.send_data(b"a")
        near.send_data(b"b", end=True)
        pair.server.flush()
        (message,) = pair.server.link.take()
        self.assertEqual(said(message), [("OPEN", 2), ("DATA", 2), ("DATA", 2)])

    def test_nothing_waits_in_the_stream_while_the_link_takes_it(self) -> None:
        """The direct path: a record goes straight into the parcel under construction."""
        pair = Pair()
        near, _, _, _ = pair.open()
        near.send_data(b"x" * 1000)
        self.assertEqual(near.queued, 0)
        self.assertTrue(near.drained)
        near.send_data(b"x" * PARCEL_TARGET)  # fills the parcel
        near.send_data(b"x" * 1000)
        self.assertEqual(near.queued, 1000 + RECORD_COST)
        pair.talk()
        self.assertEqual(near.queued, 0)

    def test_order_holds_between_what_was_queued_and_what_is_direct(self) -> None:
        pair = Pair()
        near, _, _, far_leg = pair.open()
        pair.server.can_send(False)
        near.send_data(b"1")
        pair.server.link.writable = True  # and nobody has flushed yet
        near.send_data(b"2")
        pair.server.can_send(True)
        near.send_data(b"3")
        pair.talk()
        self.assertEqual(far_leg.data, b"123")

    def test_order_holds_when_a_link_comes_back(self) -> None:
        """On a new link the way is open for new records while old ones still wait their turn."""
        pair = Pair()
        near, _, _, far_leg = pair.open()
        pair.cut()
        near.send_data(b"1")
        pair.join()
        near.send_data(b"2", end=True)
        pair.talk()
        self.assertEqual(far_leg.data, b"12")

    def test_nothing_overtakes_its_own_opening(self) -> None:
        pair = Pair()
        pair.cut()
        near = pair.server.open()
        pair.join()
        near.send_data(b"x")
        pair.talk()
        self.assertEqual(pair.client.legs[near.id].data, b"x")

    def test_large_data_is_cut_into_records(self) -> None:
        for size in (RECORD_LIMIT, RECORD_LIMIT + 1, 2 * RECORD_LIMIT, 2 * RECORD_LIMIT + 1):
            pair = Pair()
            near = pair.server.open()
            near.send_data(b"x" * size, end=True)
            pair.server.flush()
            lengths = [len(each) for each in payloads(pair.server.link.sent, native.DATA)]
            self.assertEqual(sum(lengths), size)
            self.assertLessEqual(max(lengths), RECORD_LIMIT)
            self.assertEqual(len(lengths), -(-size // RECORD_LIMIT))

    def test_half_close(self) -> None:
        """An end concerns one direction: the other goes on for as long as it likes."""
        pair = Pair()
        near, near_leg, far, far_leg = pair.open()
        near.end()
        near.end()
        pair.talk()
        self.assertEqual(far_leg.events, [("end", [])])
        self.assertIn(2, pair.server.session.streams)
        far.send_data(b"still here")
        pair.talk()
        self.assertEqual(near_leg.data, b"still here")
        far.end()
        pair.talk()
        self.assertEqual((pair.server.session.streams, pair.client.session.streams), ({}, {}))

    def test_trailers_end_a_direction(self) -> None:
        pair = Pair()
        near, _, _, far_leg = pair.open()
        near.send_data(b"body")
        near.end([(b"Digest", b"x")])
        pair.talk()
        self.assertEqual(far_leg.events, [("data", b"body"), ("end", [(b"Digest", b"x")])])

    def test_a_head_may_be_the_end(self) -> None:
        """A 204 takes one record."""
        pair = Pair()
        _, near_leg, far, _ = pair.open(end=True)
        far.send_head(ResponseHead(204, b"No Content", []), end=True)
        pair.client.flush()
        self.assertEqual(said(pair.client.link.sent[-1]), [("HEAD", 2)])
        pair.talk()
        self.assertEqual([event[0] for event in near_leg.events], ["head", "end"])
        self.assertEqual(pair.server.session.streams, {})

    def test_frames_keep_their_first_octet_and_their_bounds(self) -> None:
        pair = Pair()
        near, _, _, far_leg = pair.open()
        near.send_frame(0x01, b"frag")
        near.send_frame(0xC0, b"ment")
        near.send_frame(0x89, b"")
        near.send_frame(0x82, b"x" * (RECORD_LIMIT + 1))
        near.begin_frame(0x82, 5)
        near.continue_frame(b"abc")
        near.continue_frame(b"de")
        pair.talk()
        events = far_leg.events
        self.assertEqual(
            events[:4],
            [("frame", 1, b"frag"), ("frame", 0xC0, b"ment"), ("frame", 0x89, b""), ("begin", 0x82, RECORD_LIMIT + 1)],
        )
        self.assertEqual(far_leg.pieces, b"x" * (RECORD_LIMIT + 1) + b"abcde")
        self.assertEqual(events[-3], ("begin", 0x82, 5))

    def test_saying_more_after_the_end_is_the_legs_mistake(self) -> None:
        pair = Pair()
        near, _, _, _ = pair.open()
        near.end()
        with self.assertRaises(RuntimeError):
            near.send_data(b"x")

    def test_a_head_that_the_peer_would_refuse_is_not_sent(self) -> None:
        """It costs its exchange, not the session with everybody else in it."""
        pair = Pair()
        huge = [(b"Cookie", b"x" * HEAD_LIMIT)]
        with self.assertRaises(ProblemError):
            pair.server.open(HttpRequest(1, b"GET", b"/", huge))
        self.assertEqual(pair.server.session.streams, {})
        near, near_leg, far, _ = pair.open()
        with self.assertRaises(ProblemError):
            far.send_head(ResponseHead(200, b"OK", huge))
        with self.assertRaises(ProblemError):
            far.end(huge)
        far.reset(BAD_SERVICE_RESPONSE)
        pair.talk()
        self.assertEqual(near_leg.reset, "bad-service-response")


class PauseTests(SynchronousTestCase):
    """A leg is asked to stop when enough is queued."""

    def test_paused_above_the_mark_and_resumed_at_the_lower_one(self) -> None:
        pair = Pair()
        near, near_leg, far, far_leg = pair.open()
        far.stall()
        near.send_data(b"x" * INITIAL_CREDIT)  # a little more than credit allows
        pair.talk()
        self.assertGreater(near.queued, 0)
        near.send_data(b"x" * (QUEUE_MARK - near.queued - RECORD_COST))
        self.assertEqual((near.queued, near_leg.paused), (QUEUE_MARK, False))
        near.send_data(b"")
        self.assertTrue(near_leg.paused)
        pair.talk()
        self.assertTrue(near_leg.paused)
        far.flow()
        pair.talk()
        self.assertEqual((near.queued, near_leg.paused), (0, False))
        self.assertEqual([event[0] for event in near_leg.events[-2:]], ["pause", "resume"])

    def test_not_resumed_before_the_lower_mark(self) -> None:
        pair = Pair()
        near, near_leg, far, _ = pair.open()
        far.stall()
        for _ in range(3):
            near.send_data(b"x" * FULL)
        pair.talk()
        near.send_data(b"x" * (FULL - 100))
        for _ in range(5):
            near.send_data(b"x" * 20 * KIB)
        pair.talk()
        self.assertTrue(near_leg.paused)
        queued = near.queued
        near.sending.credited(queued - QUEUE_LOW - 10 * KIB)  # as if a little came back
        pair.server.flush()
        self.assertGreater(near.queued, QUEUE_LOW)
        self.assertTrue(near_leg.paused)

    def test_a_leg_that_is_away_is_paused_too(self) -> None:
        """While there is no link, a stream queues up to the mark and no more."""
        server = away()
        near = server.open()
        near.send_data(b"x" * QUEUE_MARK)
        self.assertTrue(server.legs[near.id].paused)

    def test_a_leg_that_says_much_while_it_is_made(self) -> None:
        """A peer's stream can be used before its leg is known; the leg is paused as soon as it is."""
        pair = Pair()

        def eager(stream: object, opening: object) -> RecordingLeg:
            pair.client.streams[2].send_data(b"x" * (INITIAL_CREDIT + QUEUE_MARK))
            return RecordingLeg()

        pair.client.make_leg = eager
        pair.server.open()
        pair.server.flush()
        pair.client.hear(pair.server.link.take()[0])
        self.assertTrue(pair.client.legs[2].paused)
        self.assertEqual(pair.client.failures, [])
        pair.talk()
        self.assertEqual(len(pair.server.legs[2].data), INITIAL_CREDIT + QUEUE_MARK)
        self.assertFalse(pair.client.legs[2].paused)
