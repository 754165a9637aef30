"""What a session sends: in whose turn, in how many parcels, acknowledged when, and how much at a time."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import problem_of
from sellia.protocol import native
from sellia.protocol.limits import ACK_EVERY, INITIAL_CREDIT, LINK_MESSAGE_LIMIT, PARCEL_TARGET, RECORD_LIMIT
from sellia.relay.mux.scheduler import FRESH_RUN
from tests.relay.scripts import KIB, Pair, said


class TurnTests(SynchronousTestCase):
    """The link is shared: bulk waits for its next turn, what is urgent does not wait."""

    def test_a_small_stream_waits_for_one_parcel_of_a_bulk_stream_at_most(self) -> None:
        pair = Pair()
        bulk = pair.open()[0]
        small = pair.open()[0]
        pair.server.can_send(False)
        bulk.send_data(b"x" * 3 * RECORD_LIMIT)
        small.send_data(b"ping")
        pair.server.can_send(True)
        order = [stream for message in pair.server.link.take() for _, stream in said(message)]
        self.assertEqual(order, [2, 4, 2, 2])

    def test_bulk_streams_take_turns(self) -> None:
        pair = Pair()
        streams = [pair.open()[0] for _ in range(3)]
        pair.server.can_send(False)
        for stream in streams:
            for _ in range(8):
                stream.send_data(b"x" * 8 * KIB)
        pair.server.can_send(True)
        order = [number for message in pair.server.link.take() for _, number in said(message)]
        self.assertEqual(order[:6], [2, 2, 4, 4, 6, 6])

    def test_a_stream_that_says_little_does_not_wait_for_all_that_say_much(self) -> None:
        """It has its turn next, again and again, as long as the others have had theirs since."""
        pair = Pair()
        small = pair.open()[0]
        bulk = [pair.open()[0] for _ in range(6)]
        pair.server.can_send(False)
        for stream in bulk:
            stream.send_data(b"x" * 3 * RECORD_LIMIT)
        pair.server.can_send(True)
        pair.server.link.take()
        session = pair.server.session
        session.out.pace(100 * KIB, 100 * KIB, 8 * KIB)
        for _ in range(5):
            small.send_data(b"ping")
            session.out.acknowledged(session.out.sent)
            pair.server.flush()
            order = [number for message in pair.server.link.take() for _, number in said(message)]
            self.assertLess(order.index(small.id), 2)

    def test_many_that_say_little_do_not_keep_out_one_that_says_much(self) -> None:
        pair = Pair()
        bulk = pair.open()[0]
        small = [pair.open()[0] for _ in range(4 * FRESH_RUN)]
        pair.server.can_send(False)
        bulk.send_data(b"x" * RECORD_LIMIT)
        bulk.send_data(b"x" * RECORD_LIMIT)
        for stream in small:
            stream.send_data(b"x" * 8 * KIB)
        pair.server.can_send(True)
        order = [number for message in pair.server.link.take() for _, number in said(message)]
        self.assertLessEqual(order[1:].index(bulk.id), FRESH_RUN)

    def test_the_openings_of_streams_keep_their_order(self) -> None:
        """Whoever comes first, they are numbered."""
        pair = Pair()
        bulk = pair.open()[0]
        pair.server.can_send(False)
        bulk.send_data(b"x" * RECORD_LIMIT)
        opened = [pair.server.open().id for _ in range(3 * FRESH_RUN)]
        pair.server.can_send(True)
        messages = pair.server.link.take()
        self.assertEqual([number for m in messages for kind, number in said(m) if kind == "OPEN"], opened)

    def test_credit_and_resets_overtake_bulk(self) -> None:
        pair = Pair()
        bulk = pair.open()[0]
        other = pair.open()[0]
        pair.server.can_send(False)
        bulk.send_data(b"x" * 3 * RECORD_LIMIT)
        other.reset(problem_of("cancelled"))
        pair.server.can_send(True)
        self.assertEqual(said(pair.server.link.sent[0])[0], ("RESET", 4))

    def test_parcels_are_near_their_target(self) -> None:
        pair = Pair()
        near = pair.open()[0]
        pair.server.can_send(False)
        near.send_data(b"x" * INITIAL_CREDIT)
        pair.server.can_send(True)
        self.assertLess(max(map(len, pair.server.link.sent)), PARCEL_TARGET + RECORD_LIMIT + 100)
        self.assertLess(PARCEL_TARGET + RECORD_LIMIT + 100, LINK_MESSAGE_LIMIT)

    def test_a_link_that_takes_no_more_is_sent_no_more(self) -> None:
        pair = Pair()
        near, near_leg, _, _ = pair.open()
        sent = pair.server.session.out.sent
        pair.server.can_send(False)
        near.send_data(b"x" * 2 * RECORD_LIMIT)
        pair.server.flush()
        self.assertEqual((pair.server.session.out.sent, near_leg.paused), (sent, True))
        pair.server.can_send(True)
        pair.talk()
        self.assertFalse(near_leg.paused)

    def test_a_turn_that_moves_nothing_sends_no_empty_parcel(self) -> None:
        pair = Pair()
        near, _, far, _ = pair.open()
        far.stall()
        near.send_data(b"x" * INITIAL_CREDIT)
        pair.talk()
        sent = pair.server.session.out.sent
        near.send_data(b"y" * 100)
        pair.talk()
        self.assertEqual(pair.server.session.out.sent, sent)


class AckTests(SynchronousTestCase):
    """Parcels are acknowledged by whatever goes the other way, and by themselves when nothing does."""

    def test_every_parcel_carries_one(self) -> None:
        pair = Pair()
        near, _, far, _ = pair.open()
        far.send_data(b"x")
        pair.client.flush()
        self.assertEqual(native.parcel_ack(pair.client.link.sent[0]), 1)
        pair.talk()
        self.assertEqual(pair.server.session.out.unacknowledged, (0, 0))

    def test_a_receiver_with_nothing_to_say_acknowledges_in_time(self) -> None:
        pair = Pair()
        near, _, far, _ = pair.open()
        far.stall()
        near.send_data(b"x" * 3 * RECORD_LIMIT)
        pair.talk()
        self.assertGreaterEqual(pair.traffic["ACK"], 1)
        self.assertLess(pair.server.session.out.unacknowledged[1], ACK_EVERY)

    def test_an_idle_link_carries_the_last_one(self) -> None:
        pair = Pair()
        pair.open()
        self.assertEqual(pair.server.session.out.unacknowledged[0], 1)
        for _ in range(2):
            pair.client.session.out.tell_acks()
        self.assertEqual(said(pair.client.link.sent[0]), [("ACK", 1)])
        self.assertEqual(len(pair.client.link.sent), 1)
        pair.talk()
        self.assertEqual(pair.server.session.out.unacknowledged, (0, 0))

    def test_an_old_ack_changes_nothing(self) -> None:
        pair = Pair()
        pair.open()
        pair.client.session.out.tell_acks()
        pair.talk()
        pair.server.session.out.acknowledged(0)
        self.assertEqual(pair.server.session.out.acked, 1)


class PaceTests(SynchronousTestCase):
    """A slow link: little of what is bulky is under way at once, and in small pieces."""

    WINDOW, PIECE = 32 * KIB, 6 * KIB

    def setUp(self) -> None:
        self.pair = Pair()
        self.near, _, self.far, self.far_leg = self.pair.open()
        self.session = self.pair.server.session
        self.session.out.acknowledged(self.session.out.sent)
        self.session.out.pace(self.WINDOW, self.WINDOW, self.PIECE)

    def sent(self) -> list[bytes]:
        self.pair.server.flush()
        return self.pair.server.link.take()

    def test_bulk_waits(self) -> None:
        self.near.send_data(b"x" * RECORD_LIMIT)
        sent = self.sent()
        self.assertLess(sum(map(len, sent)), self.WINDOW + 2 * self.PIECE)
        self.assertLess(max(map(len, sent)), 2 * self.PIECE)
        self.assertEqual(self.sent(), [])
        self.session.out.acknowledged(self.session.out.sent)
        self.assertGreater(sum(map(len, self.sent())), self.WINDOW / 2)

    def test_others_do_not(self) -> None:
        """What is urgent goes at once, and who says little goes before the window is open again, for a part of it."""
        small = self.pair.open()[0]
        self.near.send_data(b"x" * 2 * RECORD_LIMIT)
        self.sent()
        small.send_data(b"ping")
        self.assertEqual([said(message) for message in self.sent()], [[("DATA", small.id)]])
        for _ in range(100):
            small.send_data(b"x" * KIB)
            self.sent()
        self.assertLess(self.session.out.unacknowledged[1], self.WINDOW * 1.25 + 2 * self.PIECE)
        small.reset(problem_of("cancelled"))
        self.assertEqual([said(message) for message in self.sent()], [[("RESET", small.id)]])

    def test_they_do_not_wait_because_the_window_has_become_smaller(self) -> None:
        """For them, what was under way by the larger one is as good as acknowledged."""
        small = self.pair.open()[0]
        self.near.send_data(b"x" * 2 * RECORD_LIMIT)
        self.sent()
        self.session.out.pace(self.WINDOW // 2, self.WINDOW // 2, self.PIECE)
        small.send_data(b"ping")
        self.assertEqual([said(message) for message in self.sent()], [[("DATA", small.id)]])

    def test_a_burst_after_a_pause(self) -> None:
        """Then as much again as is acknowledged, up to the window; and where less was under way, a burst again."""
        burst = 2 * self.PIECE
        self.session.out.pace(self.WINDOW, burst, self.PIECE)
        self.near.send_data(b"x" * 1000)
        self.sent()
        self.session.out.acknowledged(self.session.out.sent)  # far less than the window was in use
        for _ in range(3):
            self.near.send_data(b"x" * RECORD_LIMIT)
        sizes = []
        for _ in range(5):
            sizes.append(sum(map(len, self.sent())))
            self.session.out.acknowledged(self.session.out.sent)
        for size, wanted in zip(sizes, (burst, 2 * burst, self.WINDOW, self.WINDOW, self.WINDOW), strict=True):
            self.assertTrue(wanted <= size < wanted + 2 * self.PIECE, sizes)

    def test_pieces_smaller_than_any_credit_is_split_for(self) -> None:
        """Such a piece is no trickle: it is all that a slow link is to carry at once."""
        self.session.out.pace(self.WINDOW, self.WINDOW, KIB)
        self.near.send_data(b"x" * RECORD_LIMIT)
        sent = self.sent()
        self.assertGreaterEqual(sum(map(len, sent)), self.WINDOW)
        self.assertLess(max(map(len, sent)), 2 * KIB)

    def test_a_whole_frame_becomes_one_in_pieces(self) -> None:
        """With the same first octet and payload: nobody else could use the link for as long as it takes."""
        payload = bytes(range(256)) * 250
        self.near.send_frame(0x82, b"x" * self.PIECE)
        self.near.send_frame(0xC1, payload)
        self.near.send_frame(0x89, b"ping")
        while sent := self.sent():
            self.assertLess(max(map(len, sent)), 3 * self.PIECE)
            for message in sent:
                self.pair.client.hear(message)
            self.session.out.acknowledged(self.session.out.sent)
        kinds = [event[0] for event in self.far_leg.events]
        self.assertEqual(kinds[:2], ["frame", "begin"])
        self.assertEqual(self.far_leg.events[1], ("begin", 0xC1, len(payload)))
        self.assertEqual(self.far_leg.pieces, payload)
        self.assertEqual(self.far_leg.events[-1], ("frame", 0x89, b"ping"))

    def test_another_link_begins_anew(self) -> None:
        self.pair.cut()
        self.pair.join()
        self.near.send_data(b"x" * 2 * RECORD_LIMIT)
        self.assertGreater(sum(map(len, self.sent())), 2 * RECORD_LIMIT)

    def test_never_more_than_may_be_unacknowledged(self) -> None:
        pair = Pair(replay_limit=50 * KIB)
        near = pair.open()[0]
        pair.server.session.out.pace(10**9, 10**9, PARCEL_TARGET)
        near.send_data(b"x" * 3 * RECORD_LIMIT)
        pair.server.flush()
        self.assertLess(pair.server.session.out.unacknowledged[1], 50 * KIB + 2 * PARCEL_TARGET)
