"""Links come and go beneath a session: nothing is lost, doubled or reordered, and what is kept for it is bounded."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.problems import VISITOR_GONE
from sellia.protocol import native
from sellia.protocol.limits import PARCEL_TARGET, RECORD_LIMIT
from sellia.protocol.messages import Ack
from tests.relay.scripts import KIB, OK, MemoryLink, Pair, parcel, payloads, record


class ResumeTests(SynchronousTestCase):
    """A link is lost, and another takes its place."""

    def test_what_was_under_way_is_sent_again_octet_for_octet(self) -> None:
        pair = Pair()
        near, _, _, far_leg = pair.open()
        lost = []
        for text in (b"one", b"two", b"three"):
            near.send_data(text)
            pair.server.flush()
            lost += pair.server.link.take()
        pair.cut()
        pair.join()
        pair.server.flush()
        self.assertEqual(pair.server.link.sent, lost)
        pair.talk()
        self.assertEqual(far_leg.data, b"onetwothree")

    def test_what_has_arrived_is_not_sent_again(self) -> None:
        pair = Pair()
        near, _, _, far_leg = pair.open()
        for text in (b"one", b"two", b"three"):
            near.send_data(text)
            pair.server.flush()
        arrived, *lost = pair.server.link.take()
        pair.client.hear(arrived)  # and its ack is lost
        pair.cut()
        pair.join()
        pair.server.flush()
        self.assertEqual(pair.server.link.sent, lost)
        pair.talk()
        self.assertEqual(far_leg.data, b"onetwothree")

    def test_both_directions_at_every_point_of_a_conversation(self) -> None:
        """Cut after any number of deliveries in each direction: the exchange is the same."""
        for forth in range(6):
            for back in range(6):
                pair = Pair()
                near, near_leg, far, far_leg = pair.open()
                for number in range(5):
                    near.send_data(b"request %d " % number, end=number == 4)
                    far.send_data(b"answer %d " % number, end=number == 4)
                    pair.server.flush()
                    pair.client.flush()
                for message in pair.server.link.take()[:forth]:
                    pair.client.hear(message)
                for message in pair.client.link.take()[:back]:
                    pair.server.hear(message)
                pair.cut()
                pair.join()
                pair.talk()
                self.assertEqual(far_leg.data, b"".join(b"request %d " % number for number in range(5)))
                self.assertEqual(near_leg.data, b"".join(b"answer %d " % number for number in range(5)))
                self.assertEqual((pair.server.session.streams, pair.client.session.streams), ({}, {}))

    def test_cut_again_while_sending_again(self) -> None:
        pair = Pair()
        near, _, _, far_leg = pair.open()
        for text in (b"one", b"two", b"three"):
            near.send_data(text)
            pair.server.flush()
        for _ in range(3):
            pair.cut()
            pair.join()
            pair.server.flush()
            pair.client.hear(pair.server.link.take()[0])
        near.send_data(b"four")
        pair.talk()
        self.assertEqual(far_leg.data, b"onetwothreefour")

    def test_a_parcel_under_construction_waits_for_the_next_link(self) -> None:
        pair = Pair()
        near, _, _, far_leg = pair.open()
        near.send_data(b"not flushed")
        pair.cut()
        near.send_data(b", and more")
        pair.join()
        pair.talk()
        self.assertEqual(far_leg.data, b"not flushed, and more")

    def test_what_happens_while_away(self) -> None:
        """Streams open, end and reset on either side; afterwards the other knows what it must, in order."""
        pair = Pair()
        ended, _, _, ended_leg = pair.open()
        reset, _, _, reset_leg = pair.open()
        answered, answered_leg, answering, _ = pair.open(end=True)
        pair.cut()
        ended.send_data(b"last words", end=True)
        reset.send_data(b"never mind")
        reset.reset(VISITOR_GONE)
        opened = pair.server.open()
        opened.send_data(b"hello")
        pair.server.open().reset(VISITOR_GONE)
        answering.send_head(OK)
        answering.end()
        pair.join()
        pair.talk()
        self.assertEqual((ended_leg.data, ended_leg.ended), (b"last words", True))
        self.assertEqual(reset_leg.events, [("reset", "visitor-gone", "")])
        self.assertEqual(pair.client.legs[opened.id].data, b"hello")
        self.assertEqual(len(pair.client.openings), 4)
        self.assertEqual([event[0] for event in answered_leg.events], ["head", "end"])

    def test_late_records_after_a_reset_may_be_sent_again(self) -> None:
        """The new link's count says that our reset arrived; the lost parcel behind it was built before."""
        pair = Pair()
        near, near_leg, far, _ = pair.open()
        far.send_data(b"under way")
        pair.client.flush()
        pair.client.link.take()  # lost
        near.reset(VISITOR_GONE)
        pair.server.flush()
        (message,) = pair.server.link.take()
        pair.client.hear(message)
        pair.cut()
        pair.join()
        pair.talk()
        self.assertEqual(near_leg.events, [])

    def test_a_new_link_may_take_over_from_one_that_seems_alive(self) -> None:
        pair = Pair()
        near, _, _, far_leg = pair.open()
        near.send_data(b"one")
        pair.server.flush()
        pair.join()  # without detach
        near.send_data(b"two")
        pair.talk()
        self.assertEqual(far_leg.data, b"onetwo")

    def test_a_count_that_cannot_be_is_refused(self) -> None:
        pair = Pair()
        pair.open()
        pair.client.session.out.tell_acks()
        pair.talk()
        pair.cut()
        session = pair.server.session
        for count in (-1, session.out.acked - 1, session.out.sent + 1, 2**64):
            self.assertRaises(ProtocolError, session.attach, MemoryLink(), count)
            self.assertFalse(session.attached)

    def test_sending_again_goes_no_faster_than_the_link_takes_it(self) -> None:
        pair = Pair()
        near, _, far, far_leg = pair.open()
        for text in (b"one", b"two", b"three"):
            near.send_data(text)
            pair.server.flush()
        pair.cut()
        pair.join()
        pair.server.can_send(False)
        pair.server.flush()
        self.assertEqual(pair.server.link.sent, [])
        near.send_data(b"four")
        pair.server.can_send(True)
        pair.talk()
        self.assertEqual(far_leg.data, b"onetwothreefour")

    def test_nothing_leaves_without_a_link(self) -> None:
        pair = Pair()
        near = pair.open()[0]
        sent = pair.server.session.out.sent
        pair.cut()
        near.send_data(b"x")
        pair.server.session.flush()
        pair.server.session.out.tell_acks()
        self.assertEqual((pair.server.session.out.sent, pair.server.link.sent), (sent, []))


class ReplayTests(SynchronousTestCase):
    """What is kept to be sent again is bounded."""

    def test_sending_stops_at_the_limit_and_acks_resume_it(self) -> None:
        pair = Pair(replay_limit=200 * KIB)
        streams = [pair.open()[0] for _ in range(4)]
        for stream in streams:
            stream.send_data(b"x" * 3 * RECORD_LIMIT)
        pair.server.flush()
        parcels, octets = pair.server.session.out.unacknowledged
        self.assertGreaterEqual(octets, 200 * KIB)
        self.assertLess(octets, 200 * KIB + PARCEL_TARGET + RECORD_LIMIT + KIB)
        messages = pair.server.link.take()
        pair.server.session.flush()
        self.assertEqual(pair.server.link.sent, [])
        for message in messages:
            pair.client.hear(message)
        pair.talk()
        self.assertEqual([len(pair.client.legs[stream.id].data) for stream in streams], [3 * RECORD_LIMIT] * 4)

    def test_a_stream_finds_its_way_back_to_the_direct_path(self) -> None:
        """Acks make room, and the next record does not queue."""
        pair = Pair(replay_limit=KIB)
        near = pair.open()[0]
        near.send_data(b"x" * 2 * KIB)
        pair.server.flush()
        near.send_data(b"y")
        self.assertEqual(near.queued, 65)
        pair.server.hear(native.encode_link(Ack(pair.server.session.out.sent)))
        pair.server.flush()
        near.send_data(b"z")
        self.assertEqual(near.queued, 0)

    def test_acks_are_for_arrival_not_for_reading(self) -> None:
        """A reader that has stalled does not hold the session's acks up."""
        pair = Pair()
        near, _, far, _ = pair.open()
        far.stall()
        near.send_data(b"x" * 3 * RECORD_LIMIT)
        pair.talk()
        pair.client.session.out.tell_acks()
        pair.talk()
        self.assertEqual(pair.server.session.out.unacknowledged, (0, 0))

    def test_resets_are_sent_once_however_often_the_link_is_lost(self) -> None:
        pair = Pair()
        near, _, _, far_leg = pair.open()
        near.reset(VISITOR_GONE)
        pair.server.flush()
        for _ in range(3):
            pair.cut()
            pair.join()
            pair.server.flush()
            self.assertEqual(len(payloads(pair.server.link.sent, native.RESET)), 1)
        pair.talk()
        self.assertEqual(far_leg.events, [("reset", "visitor-gone", "")])

    def test_a_parcel_counts_once_even_when_it_is_empty(self) -> None:
        """A peer may send a parcel for its ack alone."""
        pair = Pair()
        near = pair.open()[0]
        near.send_data(b"x")
        pair.server.flush()
        pair.client.hear(pair.server.link.take()[0])
        pair.server.hear(parcel(ack=pair.server.session.out.sent))
        self.assertEqual((pair.server.session.received, pair.server.session.out.unacknowledged), (1, (0, 0)))
        pair.server.hear(parcel(record(99, 0), ack=0))
        self.assertEqual(pair.server.session.received, 2)
