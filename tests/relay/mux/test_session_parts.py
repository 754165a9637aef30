"""A parcel with very many records is acted on in parts, and as a whole whatever comes between them."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.problems import CLIENT_GONE, VISITOR_GONE
from sellia.protocol import native
from sellia.relay.mux.parcel_reader import RECORDS_AT_ONCE
from tests.relay.scripts import Pair, parcel, record


class PartTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair()
        self.stream, self.leg, self.far, self.far_leg = self.pair.open()
        self.session = self.pair.server.session

    def bytes_of(self, count: int, *rest: bytes) -> bytes:
        """A parcel with so many records of one byte."""
        pieces = [record(native.DATA, self.stream.id, b"%c" % (number % 256)) for number in range(count)]
        ack = self.session.out.sent
        return parcel(*pieces, *rest, ack=ack)

    def test_in_parts(self) -> None:
        self.session.begin(self.bytes_of(2 * RECORDS_AT_ONCE + 1))
        taken = []
        while self.session.unfinished:
            taken.append(len(self.leg.data))
            self.session.go_on()
        self.assertEqual(taken, [RECORDS_AT_ONCE, 2 * RECORDS_AT_ONCE])
        self.assertEqual(self.leg.data, bytes(number % 256 for number in range(2 * RECORDS_AT_ONCE + 1)))
        self.session.check_invariants()

    def test_the_next_parcel_comes_before_the_rest(self) -> None:
        """Whoever hands it over too early loses no record."""
        self.session.begin(self.bytes_of(2 * RECORDS_AT_ONCE))
        self.session.begin(self.bytes_of(1))
        self.assertEqual(self.leg.data, bytes(number % 256 for number in range(2 * RECORDS_AT_ONCE)) + b"\0")
        self.assertFalse(self.session.unfinished)

    def test_at_its_edge(self) -> None:
        """There is no part without a record."""
        self.session.begin(self.bytes_of(RECORDS_AT_ONCE))
        self.assertFalse(self.session.unfinished)

    def test_the_link_is_lost_between_two_parts(self) -> None:
        """The parcel counts as received, so all of it is acted on."""
        self.session.begin(self.bytes_of(3 * RECORDS_AT_ONCE))
        self.session.detach()
        self.assertFalse(self.session.unfinished)
        self.assertEqual(len(self.leg.data), 3 * RECORDS_AT_ONCE)

    def test_the_link_is_lost_within_a_part(self) -> None:
        """As it is when a leg ends the link from inside of a call."""
        self.leg.react = lambda event: self.session.detach() if len(self.leg.data) == 5 else None
        self.session.begin(self.bytes_of(3 * RECORDS_AT_ONCE))
        while self.session.unfinished:
            self.session.go_on()
        self.assertEqual(len(self.leg.data), 3 * RECORDS_AT_ONCE)

    def test_a_fault_behind_a_lost_link(self) -> None:
        """The next link is told of it, and nothing behind the fault is acted on."""
        late = record(native.DATA, self.stream.id, b"late")
        self.session.begin(self.bytes_of(2 * RECORDS_AT_ONCE, record(native.DATA, 4096, b"x"), late))
        self.session.detach()
        self.assertEqual(len(self.leg.data), 2 * RECORDS_AT_ONCE)
        self.assertRaises(ProtocolError, self.session.attach, self.pair.server.link, self.session.out.acked)

    def test_closed_between_two_parts(self) -> None:
        self.session.begin(self.bytes_of(2 * RECORDS_AT_ONCE))
        self.session.close(CLIENT_GONE, "")
        self.session.go_on()
        self.assertEqual((len(self.leg.data), self.session.unfinished), (RECORDS_AT_ONCE, False))

    def test_a_stream_that_is_reset_between_two_parts(self) -> None:
        """What is still to come of the same parcel is late, and no fault."""
        self.session.begin(self.bytes_of(2 * RECORDS_AT_ONCE))
        self.stream.reset(VISITOR_GONE)
        self.session.go_on()
        self.assertFalse(self.session.unfinished)
        self.assertEqual(len(self.leg.data), RECORDS_AT_ONCE)
        self.session.check_invariants()
