"""Credit: what may be sent on a stream before its reader has read, and how it grows and shrinks."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.protocol import native
from sellia.protocol.limits import INITIAL_CREDIT, MAX_CREDIT, RECORD_COST, RECORD_LIMIT
from tests.relay.scripts import KIB, Pair, parcel, record

FULL = RECORD_LIMIT - RECORD_COST
"""A payload that costs exactly a quarter of the initial credit."""


class CreditTests(SynchronousTestCase):
    """What may be sent before the reader has read."""

    def test_a_reader_that_reads_nothing_is_sent_its_credit_and_no_more(self) -> None:
        pair = Pair()
        near, _, far, far_leg = pair.open()
        far.stall()
        for _ in range(8):
            near.send_data(b"x" * RECORD_LIMIT)
        pair.talk()
        self.assertEqual(far.untaken, INITIAL_CREDIT)
        self.assertEqual((near.sending.credit, far.receiving.receivable), (0, 0))
        self.assertEqual(len(far_leg.data), INITIAL_CREDIT - 4 * RECORD_COST)
        self.assertEqual(pair.client.session.table.held, INITIAL_CREDIT)

    def test_data_is_split_at_the_edge_of_credit_and_the_end_stays_last(self) -> None:
        pair = Pair()
        near, _, far, far_leg = pair.open()
        far.stall()
        body = bytes(range(256)) * (2 * INITIAL_CREDIT // 256)
        near.send_data(body, end=True)
        pair.talk()
        self.assertFalse(far_leg.ended)
        far.flow()
        pair.talk()
        self.assertEqual(far_leg.data, body)
        self.assertEqual([event[0] for event in far_leg.events].count("end"), 1)

    def test_a_stream_that_has_ended_both_ways_lives_until_all_of_it_has_left(self) -> None:
        pair = Pair()
        near, _, far, far_leg = pair.open()
        far.end()
        far.stall()
        pair.talk()
        near.send_data(b"x" * 2 * INITIAL_CREDIT, end=True)
        pair.talk()
        self.assertIn(near.id, pair.server.session.streams)
        far.flow()
        pair.talk()
        self.assertEqual((len(far_leg.data), far_leg.ended), (2 * INITIAL_CREDIT, True))
        self.assertEqual((pair.server.session.streams, pair.client.session.streams), ({}, {}))

    def test_pieces_of_frames_are_split_and_frames_wait(self) -> None:
        for pieces, arrived in ((True, INITIAL_CREDIT), (False, 3 * RECORD_LIMIT)):
            pair = Pair()
            near, _, far, far_leg = pair.open()
            far.stall()
            if pieces:
                near.begin_frame(0x82, 4 * RECORD_LIMIT)
                near.continue_frame(b"x" * 4 * RECORD_LIMIT)
            else:
                for _ in range(4):
                    near.send_frame(0x82, b"x" * FULL)
                near.send_frame(0x82, b"last")
            pair.talk()
            self.assertLessEqual(far.untaken, INITIAL_CREDIT)
            self.assertGreaterEqual(far.untaken, arrived)
            far.flow()
            pair.talk()
            if pieces:
                self.assertEqual(far_leg.pieces, b"x" * 4 * RECORD_LIMIT)
            else:
                self.assertEqual(far_leg.events[-1], ("frame", 0x82, b"last"))
                self.assertEqual(len(far_leg.events), 5)

    def test_records_cost_more_than_their_payload(self) -> None:
        """A stream of empty frames is bounded as well."""
        pair = Pair()
        near, _, far, far_leg = pair.open()
        far.stall()
        for _ in range(INITIAL_CREDIT // RECORD_COST + 100):
            near.send_frame(0x89, b"")
        pair.talk()
        self.assertEqual(len(far_leg.events), INITIAL_CREDIT // RECORD_COST)

    def test_credit_grows_while_the_reader_keeps_up(self) -> None:
        pair = Pair()
        near, _, far, _ = pair.open()
        near.send_data(b"x" * 3 * MAX_CREDIT)
        pair.talk()
        self.assertEqual(far.receiving.window, MAX_CREDIT)
        self.assertGreater(pair.traffic["BLOCKED"], 0)
        self.assertLess(pair.traffic["BLOCKED"], 10)

    def test_the_sender_says_that_it_is_blocked_whatever_its_turn_moved(self) -> None:
        """Also when its last record filled both its turn and its credit; else a bulk stream would never grow."""
        pair = Pair()
        near, _, far, _ = pair.open()
        far.stall()
        near.send_data(b"x" * INITIAL_CREDIT)
        pair.talk()
        self.assertEqual(pair.traffic["BLOCKED"], 1)

    def test_credit_does_not_grow_for_a_reader_that_has_stalled(self) -> None:
        pair = Pair()
        near, _, far, _ = pair.open()
        far.stall()
        near.send_data(b"x" * 2 * INITIAL_CREDIT)
        pair.talk()
        self.assertEqual((far.receiving.window, pair.traffic["CREDIT"]), (INITIAL_CREDIT, 0))

    def test_credit_shrinks_when_the_reader_stalls(self) -> None:
        pair = Pair()
        near, _, far, _ = pair.open()
        near.send_data(b"x" * 2 * MAX_CREDIT)
        pair.talk()
        self.assertEqual(far.receiving.window, MAX_CREDIT)
        sizes = []
        for _ in range(4):
            far.stall()
            near.send_data(b"x" * (far.receiving.window // 2))
            pair.talk()
            far.flow()
            pair.talk()
            sizes.append(far.receiving.window)
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertEqual(sizes[-1], INITIAL_CREDIT)
        self.assertLessEqual(near.sending.credit, far.receiving.receivable)

    def test_credit_is_returned_in_quarters(self) -> None:
        """Not for each record: that would cost as much as the data."""
        pair = Pair()
        near, _, _, _ = pair.open()
        for _ in range(600):
            near.send_data(b"x" * (KIB - RECORD_COST))
            pair.talk()
        self.assertEqual(pair.traffic["CREDIT"], 600 // (INITIAL_CREDIT // 4 // KIB))

    def test_none_is_returned_after_the_end(self) -> None:
        pair = Pair()
        near, _, far, _ = pair.open()
        far.stall()
        near.send_data(b"x" * (INITIAL_CREDIT // 2), end=True)
        pair.talk()
        far.flow()
        pair.talk()
        self.assertEqual(pair.traffic["CREDIT"], 0)
        self.assertEqual(pair.client.session.table.held, 0)

    def test_a_sender_that_exceeds_its_credit_is_cut_off(self) -> None:
        pair = Pair()
        _, _, far, _ = pair.open()
        far.stall()
        bulk = record(native.DATA, 2, b"x" * RECORD_LIMIT)
        for _ in range(3):
            pair.client.hear(parcel(bulk))
        with self.assertRaises(ProtocolError) as caught:
            pair.client.hear(parcel(bulk))
        self.assertEqual(caught.exception.code, 1008)
        self.assertLessEqual(far.untaken, INITIAL_CREDIT)

    def test_a_peer_that_grants_without_measure_is_cut_off(self) -> None:
        pair = Pair()
        near, _, _, _ = pair.open()
        with self.assertRaises(ProtocolError) as caught:
            pair.server.hear(parcel(record(native.CREDIT, 2, native.pack_credit(2**32 - 1))))
        self.assertEqual(caught.exception.code, 1008)

    def test_a_record_beyond_the_limit_is_refused(self) -> None:
        for kind in (native.DATA, native.FRAME, native.FRAME_MORE):
            pair = Pair()
            pair.open()
            with self.assertRaises(ProtocolError):
                pair.client.hear(parcel(record(kind, 2, b"x" * (RECORD_LIMIT + 1))))
