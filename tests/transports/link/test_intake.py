"""A link's input: so much in one turn, nothing but a hello before the hello, nothing at all after the end."""

from sellia.errors import ProtocolError
from sellia.protocol import native
from sellia.protocol.limits import KIB, MIB
from sellia.protocol.messages import Goodbye, Hello, LinkMessage, Ping
from sellia.relay.mux.parcel_reader import RECORDS_AT_ONCE
from sellia.transports.link.intake import FIRST_LIMIT, SKIPPED, SKIPPED_FRAMES, STEP, UNUSUAL_COST
from sellia.transports.link.keeper import Link
from tests.relay.scripts import parcel, record
from tests.transports.linkcase import LinkCase
from tests.transports.support import BINARY, CLOSE, PING, PONG, TEXT, frame, head


def close_frame(code: int) -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big"))


class TurnTests(LinkCase):
    """One turn of the reactor does so much of what one read has brought."""

    def test_the_rest_waits(self) -> None:
        self.carry()
        data = frame(BINARY, native.encode_link(Goodbye("x", ""))) * (3 * STEP)
        self.link.dataReceived(data + data[:5])
        self.assertEqual((len(self.keeper.messages), self.transport.producerState), (STEP, "paused"))
        self.clock.advance(0)
        self.assertEqual((len(self.keeper.messages), self.transport.producerState), (3 * STEP, "producing"))
        self.link.dataReceived(data[5 : len(data) // (3 * STEP)])
        self.assertEqual(len(self.keeper.messages), 3 * STEP + 1)

    def test_what_autobahn_parses_costs_more(self) -> None:
        self.carry()
        self.link.dataReceived(frame(PING) * 2 * (STEP // UNUSUAL_COST))
        self.assertEqual(len(self.read()), STEP // UNUSUAL_COST)
        self.clock.pump([0.0] * 3)
        self.assertEqual(len(self.read()), STEP // UNUSUAL_COST)

    def test_lost_meanwhile(self) -> None:
        self.carry()
        self.link.dataReceived(frame(BINARY, native.encode_link(Goodbye("x", ""))) * (2 * STEP))
        self.lose()
        self.clock.pump([0.0] * 3)
        self.assertEqual(len(self.keeper.messages), STEP)

    def test_closed_meanwhile(self) -> None:
        self.carry()
        message = frame(BINARY, native.encode_link(Goodbye("x", "")))
        self.link.dataReceived(message * (2 * STEP) + close_frame(1000))
        self.link.close(1000, "bye")
        self.clock.pump([0.0] * 3)
        self.assertEqual((len(self.keeper.messages), self.link.state), (STEP, self.link.STATE_CLOSED))


class HeldTests(LinkCase):
    """A link whose keeper answers later."""

    message = frame(BINARY, native.encode_link(Goodbye("x", "")))

    def hold_at(self, count: int) -> None:
        """The keeper holds the link back when that many messages have come."""
        told = self.keeper.link_message

        def link_message(link: Link, message: LinkMessage) -> None:
            told(link, message)
            if len(self.keeper.messages) == count:
                link.hold_back()

        self.keeper.link_message = link_message  # type: ignore[method-assign]

    def test_what_comes_meanwhile_comes_after_the_answer(self) -> None:
        self.carry()
        self.hold_at(2)
        self.link.dataReceived(self.message * 3 + self.message[:5])
        self.assertEqual((len(self.keeper.messages), self.transport.producerState), (2, "paused"))
        self.assertTrue(self.link.held_back)
        self.link.dataReceived(self.message[5:])  # it was read before the pause
        self.clock.pump([0.0] * 3)
        self.assertEqual(len(self.keeper.messages), 2)
        seen: list[int] = []
        self.link.answer_late(lambda: seen.append(len(self.keeper.messages)))
        self.clock.pump([0.0] * 3)
        self.assertEqual((seen, len(self.keeper.messages), self.transport.producerState), ([2], 4, "producing"))
        self.assertFalse(self.link.held_back)

    def test_in_the_backlog(self) -> None:
        """The message that is not answered at once came late in a long read."""
        self.carry()
        self.hold_at(STEP + 2)
        self.link.dataReceived(self.message * 2 * STEP)
        self.clock.pump([0.0] * 3)
        self.assertEqual((len(self.keeper.messages), self.transport.producerState), (STEP + 2, "paused"))
        self.link.answer_late(lambda: None)
        self.clock.pump([0.0] * 3)
        self.assertEqual((len(self.keeper.messages), self.transport.producerState), (2 * STEP, "producing"))

    def test_again(self) -> None:
        self.carry()
        for count in (1, 2):
            self.hold_at(count)
            self.link.dataReceived(self.message)
            self.link.hold_back()
            self.assertEqual(self.transport.producerState, "paused")
            self.link.answer_late(lambda: None)
            self.link.answer_late(lambda: None)
            self.assertEqual(self.transport.producerState, "producing")

    def test_an_answer_that_fails(self) -> None:
        self.carry()
        self.hold_at(1)
        self.link.dataReceived(self.message)

        def fail() -> None:
            raise ProtocolError("too often", 1008)

        self.link.answer_late(fail)
        self.assertEqual(self.keeper.faults, [("too often", 1008)])

    def test_lost_meanwhile(self) -> None:
        self.carry()
        self.hold_at(1)
        self.link.dataReceived(self.message * 3)
        self.lose()
        self.link.answer_late(lambda: None)
        self.clock.pump([0.0] * 3)
        self.assertEqual(len(self.keeper.messages), 1)


class UngreetedTests(LinkCase):
    """Before its hello is answered."""

    attempts = 1

    def test_one_message(self) -> None:
        self.say(Hello(1, "x" * (FIRST_LIMIT - 100)))
        self.assertEqual(len(self.keeper.messages), 1)
        self.carry()
        for _ in range(3):
            self.send(b"", PING)
        self.send(parcel(record(99, 0, bytes(60 * KIB))))
        self.assertEqual((self.keeper.complaints, self.party.session.received), ([], 1))

    def test_anything_else(self) -> None:
        for data in (
            frame(TEXT, b"x"),
            frame(0x02, b"x"),
            frame(0x00, b"x"),
            frame(PING),
            frame(PONG),
            frame(0x8F),
            frame(BINARY, bytes(FIRST_LIMIT + 1))[:20],
            frame(BINARY, b"\x00")[:1] + b"\x00",
            b"G",
            frame(BINARY, native.encode_link(Ping())) * 2,
        ):
            self.setUp()
            self.link.dataReceived(data)
            self.keeper.messages.clear()
            self.assertEqual(self.read()[-1][1][:2], (1002).to_bytes(2, "big"), data)
            self.lose()

    def test_pings(self) -> None:
        """Where a dialect has them before the hello, as many as it says, in any pieces, and no other frames."""
        self.pings = 3
        for size in (1, 1000):
            self.setUp()
            data = frame(PING, b"1") * 3
            for offset in range(0, len(data), size):
                self.link.dataReceived(data[offset : offset + size])
            self.assertEqual(self.read(), [(PONG, b"1")] * 3)
            self.assertEqual(self.keeper.complaints, [])
            self.link.dataReceived(frame(PING, b"1"))
            self.assertEqual(self.read()[-1][1][:2], (1002).to_bytes(2, "big"))
            self.lose()
        self.setUp()
        self.link.dataReceived(frame(PING) + frame(PONG))
        self.assertEqual(self.read()[-1][1][:2], (1002).to_bytes(2, "big"))

    def test_a_close_frame(self) -> None:
        self.link.dataReceived(close_frame(1000))
        self.assertEqual((self.keeper.complaints, self.link.state), ([], self.link.STATE_CLOSED))


class DeafTests(LinkCase):
    """After its close frame a link reads nothing but the other's."""

    def setUp(self) -> None:
        super().setUp()
        self.carry()

    def end(self) -> None:
        self.send(b"\x00\xc1")
        self.assertEqual(self.read()[0][0], CLOSE)
        self.parsed: list[bytes] = []
        parse = self.link._dataReceived

        def recorded(data: bytes) -> None:
            self.parsed.append(data)
            parse(data)

        self.link._dataReceived = recorded

    def test_frames_are_skipped(self) -> None:
        self.end()
        data = frame(TEXT, b"x") * 100 + frame(BINARY, bytes(100 * KIB)) + frame(0x89) * 100
        for at in range(0, len(data), 997):
            self.link.dataReceived(data[at : at + 997])
        self.assertEqual((self.parsed, self.transport.aborted), ([], False))
        answer = close_frame(1002)
        for at in range(len(answer)):
            self.link.dataReceived(answer[at : at + 1])
        self.assertEqual((self.parsed, self.link.state), ([answer], self.link.STATE_CLOSED))

    def test_too_many(self) -> None:
        """Then the connection is closed, behind what was written."""
        for more in (0, 1):
            self.setUp()
            self.end()
            self.link.dataReceived(frame(TEXT) * (SKIPPED_FRAMES - 1 + more) + close_frame(1002))
            self.assertEqual(self.link.state == self.link.STATE_CLOSED, not more)
            self.assertEqual((self.transport.disconnecting, self.transport.aborted), (True, not more))
            self.lose()

    def test_too_much(self) -> None:
        self.end()
        self.link.dataReceived(head(BINARY, 1 << 40, True))
        for _ in range(SKIPPED // MIB - 1):
            self.link.dataReceived(bytes(MIB))
        self.assertFalse(self.transport.disconnecting)
        self.link.dataReceived(bytes(MIB))
        self.assertTrue(self.transport.disconnecting)

    def test_rubbish(self) -> None:
        for data in (frame(BINARY, b"x", masked=False), head(CLOSE, 1 << 40, True)):
            self.setUp()
            self.end()
            self.link.dataReceived(data)
            self.assertEqual((self.parsed, self.transport.disconnecting), ([], True))
            self.lose()

    def test_in_the_middle_of_a_frame(self) -> None:
        """Of one that Autobahn had begun to read."""
        ping = frame(0x89, b"x" * 100)
        for cut in (1, 2, 5, 6, 50, len(ping) - 1):
            self.setUp()
            self.link.dataReceived(ping[:cut])
            self.link.close(1000, "bye")
            self.link.dataReceived(ping[cut:] + frame(TEXT, b"x") + close_frame(1000))
            self.assertEqual((self.link.state, self.transport.aborted), (self.link.STATE_CLOSED, True), cut)
            self.assertEqual([first for first, _ in self.read()], [CLOSE])
            self.lose()


class LongParcelTests(LinkCase):
    """A parcel full of small records takes turns with whatever else there is to do."""

    def setUp(self) -> None:
        super().setUp()
        self.carry()
        self.stream = self.party.open()
        self.leg = self.party.legs[self.stream.id]
        self.party.flush()
        self.count = 8 * RECORDS_AT_ONCE
        pieces = [record(native.DATA, self.stream.id, b"x")] * self.count
        self.parcel = frame(BINARY, parcel(*pieces, ack=1))

    def test_in_turns(self) -> None:
        following = frame(BINARY, native.encode_link(Goodbye("x", "")))
        self.link.dataReceived(self.parcel + following)
        self.assertEqual((len(self.leg.data), self.transport.producerState), (RECORDS_AT_ONCE, "paused"))
        self.link.dataReceived(following)  # of a read that was under way
        turns = 0
        while self.transport.producerState == "paused":
            before = len(self.leg.data)
            self.clock.advance(0)
            self.assertTrue(len(self.leg.data) == self.count or not self.keeper.messages)
            self.assertLess(before, self.count)
            turns += 1
        self.assertLess(turns, 8)
        self.assertEqual((len(self.leg.data), len(self.keeper.messages)), (self.count, 2))

    def test_another_parcel_follows_in_the_same_read(self) -> None:
        """It waits for the rest of the first one, also where the turn has time left."""
        sent = b"abc" * RECORDS_AT_ONCE
        parcels = []
        for start in range(0, len(sent), len(sent) // 2):
            pieces = sent[start : start + len(sent) // 2]
            records = [record(native.DATA, self.stream.id, bytes([each])) for each in pieces]
            parcels.append(frame(BINARY, parcel(*records, ack=1)))
        self.link.dataReceived(b"".join(parcels))
        self.clock.pump([0.0] * 9)
        self.assertEqual((self.leg.data, self.transport.producerState), (sent, "producing"))

    def test_nothing_follows(self) -> None:
        self.link.dataReceived(self.parcel)
        self.assertEqual(self.transport.producerState, "paused")
        self.clock.pump([0.0] * 9)
        self.assertEqual((len(self.leg.data), self.transport.producerState), (self.count, "producing"))

    def test_lost_meanwhile(self) -> None:
        self.link.dataReceived(self.parcel)
        self.lose()
        self.assertEqual(len(self.leg.data), self.count)

    def test_closed_meanwhile(self) -> None:
        self.link.dataReceived(self.parcel + close_frame(1000))
        self.link.close(1000, "bye")
        self.clock.pump([0.0] * 9)
        self.assertEqual((len(self.leg.data), self.link.state), (self.count, self.link.STATE_CLOSED))
