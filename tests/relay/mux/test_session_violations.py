"""What a peer of a session may not say, and what it may although this version does not know it."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.protocol import native
from sellia.protocol.limits import LINK_MESSAGE_LIMIT, URGENT_LIMIT
from sellia.protocol.messages import CloseTunnel, Reset
from tests.relay.scripts import GET, Pair, parcel, record

OPENING = native.encode(GET)
RESET = native.encode(Reset("cancelled"))


class ViolationTests(SynchronousTestCase):
    """What a peer may not say, and what it may although we do not know it."""

    def refused(self, *records: bytes, code: int = 1002, ack: int = 0) -> None:
        """A client that has stream 2 open, and knows that 4 has ended, refuses this."""
        pair = Pair()
        pair.open()
        near, _, far, _ = pair.open(end=True)
        far.end()
        pair.talk()
        with self.assertRaises(ProtocolError) as caught:
            pair.client.hear(parcel(*records, ack=ack))
        self.assertEqual(caught.exception.code, code)

    def test_records_of_streams_that_were_never_opened(self) -> None:
        for kind in (
            native.HEAD,
            native.DATA,
            native.TRAILERS,
            native.FRAME,
            native.FRAME_BEGIN,
            native.FRAME_MORE,
            native.RESET,
            native.CREDIT,
            native.BLOCKED,
        ):
            for stream in (0, 1, 6, 2**63):
                self.refused(record(kind, stream, b"\x00\x00\x00\x01"))

    def test_records_of_streams_that_have_ended(self) -> None:
        self.refused(record(native.DATA, 4, b"x"))
        self.refused(record(native.DATA, 2, b"x", native.END), record(native.DATA, 2, b"x"))
        self.refused(record(native.RESET, 2, RESET), record(native.DATA, 2, b"x"))

    def test_credit_and_resets_may_cross_an_end(self) -> None:
        pair = Pair()
        near, _, far, _ = pair.open(end=True)
        far.end()
        pair.talk()
        pair.client.hear(
            parcel(
                record(native.CREDIT, 2, b"\x00\x00\x00\x01"), record(native.BLOCKED, 2), record(native.RESET, 2, RESET)
            )
        )

    def test_numbers_that_are_not_the_peers_next(self) -> None:
        for stream in (0, 1, 2, 4, 7):
            self.refused(record(native.OPEN, stream, OPENING))

    def test_control_records_that_name_a_stream(self) -> None:
        said = native.encode(CloseTunnel(1))
        self.refused(record(native.CONTROL, 2, said))
        self.refused(record(native.CONTROL, 6, said))

    def test_parcels_that_are_cut_off(self) -> None:
        whole = parcel(record(native.DATA, 2, b"some data"))
        for length in range(1, len(whole)):
            pair = Pair()
            pair.open()
            if length != native.PARCEL_HEADER:
                self.assertRaises(ProtocolError, pair.client.session.receive, whole[:length])

    def test_garbage_in_every_kind(self) -> None:
        for kind in (native.HEAD, native.TRAILERS, native.RESET, native.CREDIT, native.FRAME_BEGIN):
            self.refused(record(kind, 2, b"\xc1junk"))
        self.refused(record(native.OPEN, 6, b"\xc1"))
        self.refused(record(native.CONTROL, 0, b"\xc1"))

    def test_acknowledging_what_was_never_sent(self) -> None:
        self.refused(ack=99)
        pair = Pair()
        self.assertRaises(ProtocolError, pair.client.session.out.acknowledged, 1)

    def test_unknown_kinds_and_messages_are_skipped(self) -> None:
        pair = Pair()
        pair.open()
        pair.client.hear(
            parcel(
                record(99, 2, b"?"),
                record(99, 77, b"?"),
                record(0, 0),
                record(native.CONTROL, 0, b"\x92\xa6future\x01"),
                record(native.DATA, 2, b"known"),
            )
        )
        self.assertEqual(pair.client.legs[2].data, b"known")
        self.assertEqual(pair.client.messages, [])

    def test_a_peer_that_sends_without_reading_is_cut_off(self) -> None:
        """What it causes us to say waits for it, up to a limit."""
        pair = Pair()
        pair.open()
        pair.client.can_send(False)
        bulk = parcel(*[record(native.DATA, 2, b"")] * 1024)
        with self.assertRaises(ProtocolError) as caught:
            while True:  # its reader keeps up, so credit is granted again and again, and never sent
                pair.client.hear(bulk)
                self.assertLess(pair.client.session.out.urgent_size, URGENT_LIMIT + LINK_MESSAGE_LIMIT)
                for _ in range(1000):
                    pair.client.session.send_control(CloseTunnel(1))
        self.assertEqual(caught.exception.code, 1008)
