"""The link: messages in order, faults with their codes, an end of each kind, and never more kept than agreed."""

from sellia.errors import ProtocolError
from sellia.protocol import native
from sellia.protocol.limits import IDLE_LIMIT, KIB, LINK_MESSAGE_LIMIT
from sellia.protocol.messages import Ack, Goodbye, Hello, Ping, Pong
from sellia.relay.limits.token_bucket import Rate
from sellia.transports.link.assembly import FRAGMENTS
from sellia.transports.link.base import CLOSE_WAIT
from sellia.transports.link.control_limit import CONTROL_RATE
from tests.relay.scripts import parcel, record
from tests.transports.linkcase import LinkCase
from tests.transports.support import BINARY, CLOSE, PING, PONG, TEXT, close, frame, head


class MessageTests(LinkCase):
    def test_opened(self) -> None:
        self.assertEqual(self.keeper.opened, [self.link])

    def test_messages_of_the_link(self) -> None:
        hello = Hello(1, "test", session=b"t" * 16)
        self.say(hello)
        self.say(Goodbye("client-gone", ""))
        self.assertEqual(self.keeper.messages, [hello, Goodbye("client-gone", "")])

    def test_pings_of_the_dialect_and_of_websocket(self) -> None:
        self.say(Ping(7))
        self.send(b"abc", PING)
        self.assertEqual(self.read(), [(BINARY, native.encode_link(Pong(7))), (PONG, b"abc")])

    def test_parcels(self) -> None:
        self.carry()
        self.send(parcel(record(99, 0)))
        self.say(Ack(0))
        self.assertEqual(self.party.session.received, 1)

    def test_what_the_session_sends(self) -> None:
        self.carry()
        self.party.open(end=True)
        self.party.flush()
        [(first, message)] = self.read()
        self.assertEqual((first, message[:1]), (BINARY, b"\x01"))

    def test_in_fragments(self) -> None:
        """A proxy may cut a message into frames; control frames may come between."""
        message = native.encode_link(Hello(1, "x" * 1000))
        pieces = frame(0x02, message[:10]) + frame(PING, b"p") + frame(0x00, message[10:11]) + frame(0x80, message[11:])
        for at in range(0, len(pieces), 7):
            self.link.dataReceived(pieces[at : at + 7])
        self.assertEqual(self.keeper.messages, [Hello(1, "x" * 1000)])
        self.assertEqual(self.read(), [(PONG, b"p")])

    def test_many_in_one_read(self) -> None:
        self.link.dataReceived(b"".join(frame(BINARY, native.encode_link(Goodbye("x", str(n)))) for n in range(50)))
        self.clock.pump([0.0] * 9)
        self.assertEqual([each.message for each in self.keeper.messages], [str(n) for n in range(50)])

    def test_text_says_nothing(self) -> None:
        self.carry()
        message = native.encode_link(Goodbye("x", ""))
        self.send(message, TEXT)
        self.send(b"\xff\xfe", TEXT)
        self.link.dataReceived(frame(0x01, message[:1]) + frame(0x00) * 900 + frame(0x80, message[1:]))
        self.clock.pump([0.0] * 100)
        self.assertEqual((self.keeper.messages, self.keeper.faults), ([], []))
        self.send(message)
        self.assertEqual(len(self.keeper.messages), 1)

    def test_kinds_of_messages_that_are_not_known(self) -> None:
        """A newer peer can say more than this one understands."""
        for message in (b"", b"\x02what", b"\x00\x92\xa7unknown\x01"):
            self.send(message)
        self.assertEqual((self.keeper.messages, self.keeper.faults), ([], []))


class FaultTests(LinkCase):
    """A peer that breaks the dialect: one close frame with the code, the keeper is told, and nothing is acted on."""

    def fault(self, code: int) -> str:
        [(first, payload)] = self.read()
        self.assertEqual((first, int.from_bytes(payload[:2], "big")), (CLOSE, code))
        [(text, told)] = self.keeper.faults
        self.assertEqual((payload[2:].decode(), told), (text, code))
        self.assertEqual(self.keeper.complaints, [(code, text)])
        self.say(Goodbye("x", ""))
        self.send(b"\x00garbage")
        self.assertEqual(self.keeper.messages, [])
        self.assertEqual(self.read(), [])
        return text

    def test_malformed_message(self) -> None:
        self.send(b"\x00\xc1")
        self.fault(1002)

    def test_hostile_message_pack(self) -> None:
        self.send(b"\x00" + b"\x91" * 10_000)
        self.fault(1002)

    def test_parcel_before_the_session(self) -> None:
        self.send(parcel())
        self.fault(1002)

    def test_fault_of_the_session(self) -> None:
        self.carry()
        self.send(parcel(record(native.DATA, 2, b"x")))
        self.assertIn("never opened", self.fault(1002))
        self.assertIsNone(self.link.session)
        self.assertFalse(self.party.session.attached)

    def test_acks_of_what_was_never_sent(self) -> None:
        self.carry()
        self.say(Ack(1))
        self.fault(1002)

    def test_a_keeper_that_objects(self) -> None:
        self.keeper.fault = ProtocolError("no", 1008)
        self.say(Goodbye("x", ""))
        self.keeper.messages.clear()
        self.assertEqual(self.fault(1008), "no")

    def test_a_defect_of_ours(self) -> None:
        self.keeper.fault = ZeroDivisionError("a defect")
        self.say(Goodbye("x", ""))
        self.keeper.messages.clear()
        self.fault(1011)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_message_that_is_too_long(self) -> None:
        """Its head is enough; and what follows is not kept, however much it is."""
        self.link.dataReceived(head(BINARY, LINK_MESSAGE_LIMIT + 1, True))
        self.assertEqual(self.read()[0][1][:2], (1009).to_bytes(2, "big"))
        self.assertEqual([code for _, code in self.keeper.faults], [1009])

    def test_nothing_is_kept_of_it(self) -> None:
        self.link.dataReceived(head(BINARY, 1 << 40, True))
        for _ in range(100):
            self.link.dataReceived(b"x" * 64 * KIB)
        kept = sum(map(len, self.link._intake._whole._pieces)) + self.link._assembly.kept + len(self.link.data)
        self.assertEqual(kept, 0)

    def test_the_longest_message(self) -> None:
        self.carry()
        message = b"\x02" + b"x" * (LINK_MESSAGE_LIMIT - 1)
        data = frame(BINARY, message)
        for at in range(0, len(data), 64 * KIB):
            self.link.dataReceived(data[at : at + 64 * KIB])
        self.assertEqual((self.keeper.faults, self.read()), ([], []))

    def test_closed_in_the_middle_of_a_message(self) -> None:
        """What is still to come of the message is dropped, and the answer to the close frame behind it is found."""
        self.carry()
        message = frame(BINARY, parcel(record(99, 0)))
        self.link.dataReceived(message[:10])
        self.link.close(1000, "bye")
        self.link.dataReceived(message[10:] + frame(CLOSE, (1000).to_bytes(2, "big")))
        self.assertEqual((self.party.session.received, self.link.state), (0, self.link.STATE_CLOSED))

    def test_too_long_in_fragments(self) -> None:
        self.link.dataReceived(frame(0x02, b"x" * LINK_MESSAGE_LIMIT) + frame(0x00, b"x"))
        self.fault(1009)

    def test_fragments_without_end(self) -> None:
        self.link.control_limit.rate = Rate(2 * FRAGMENTS, 1.0)
        self.link.dataReceived(frame(0x02, b"x") + frame(0x00) * (FRAGMENTS - 1))
        self.clock.pump([0.0] * 100)
        self.assertEqual(self.keeper.faults, [])
        self.link.dataReceived(frame(0x00))
        self.fault(1009)

    def test_a_fault_of_websocket(self) -> None:
        """The link is lost, not broken: the session waits.  The keeper tells it; the peer has a time to be gone."""
        wrong = (frame(0x8F), frame(BINARY, b"x", masked=False), frame(0xC2, b"x"), frame(0x00, b"x"))
        for data in wrong:
            self.setUp()
            self.carry()
            self.link.dataReceived(data)
            self.assertEqual(self.read()[0][1][:2], (1002).to_bytes(2, "big"))
            [(code, text)] = self.keeper.complaints
            self.assertEqual((code, text.split(": ")[0]), (1002, "this is not WebSocket"))
            self.assertFalse(self.party.session.attached)
            self.assertEqual(self.keeper.faults, [])
            self.clock.advance(CLOSE_WAIT)
            self.assertTrue(self.transport.disconnected)
            self.lose()


class PingTests(LinkCase):
    """Pings that nobody needs."""

    def test_a_flood(self) -> None:
        """Of either kind, together: the link ends with 1008."""
        for _ in range(CONTROL_RATE.burst // 2):
            self.say(Ping())
            self.send(b"", PING)
        self.assertEqual((len(self.read()), self.keeper.faults), (CONTROL_RATE.burst, []))
        self.send(b"", PING)
        self.assertEqual(self.read(), [close(1008, "too many pings on one link")])
        self.assertEqual(self.keeper.faults, [("too many pings on one link", 1008)])

    def test_a_limit_of_its_factory(self) -> None:
        self.link.control_limit.rate = Rate(3, 1.0)
        for _ in range(3):
            self.send(b"", PING)
        self.clock.advance(1)
        self.send(b"", PING)
        self.assertEqual(self.keeper.faults, [])
        self.send(b"", PING)
        self.assertEqual(self.keeper.complaints, [(1008, "too many pings on one link")])

    def test_as_many_as_are_needed(self) -> None:
        for _ in range(100):
            for _ in range(100):
                self.say(Ping())
            self.clock.advance(1)
            self.transport.clear()
        self.assertEqual(self.keeper.faults, [])

    def test_pongs_that_are_not_read(self) -> None:
        """One of each kind waits, however many pings there were."""
        self.transport.producer.pauseProducing()
        for number in range(100):
            self.say(Ping(number))
            self.send(b"%d" % number, PING)
        self.assertEqual(self.read(), [])
        self.transport.producer.resumeProducing()
        self.assertEqual(self.read(), [(BINARY, native.encode_link(Pong(99))), (PONG, b"99")])
        self.transport.producer.resumeProducing()
        self.assertEqual(self.read(), [])


class IdleTests(LinkCase):
    """What says nothing: so much is read and ignored, and then the link ends."""

    def assert_bounded(self, *octets: bytes, each: int = 1) -> None:
        """So many pass, whatever the time; one more in the same moment is too much."""
        self.link.control_limit.rate = Rate(20, 10.0)
        fitting = 20 // each
        for _ in range(3):
            for number in range(fitting):
                self.link.dataReceived(octets[number % len(octets)])
            self.assertEqual(self.keeper.complaints, [])
            self.clock.advance(2)
        self.transport.clear()
        for number in range(fitting + 1):
            self.link.dataReceived(octets[number % len(octets)])
        self.assertEqual(self.keeper.complaints, [(1008, "too much that says nothing on one link")])

    def test_text(self) -> None:
        self.assert_bounded(frame(TEXT, b"x"))

    def test_text_in_fragments(self) -> None:
        self.assert_bounded(frame(0x01, b"x") + frame(0x80, b"x"), each=2)

    def test_small_fragments(self) -> None:
        self.carry()
        whole = native.encode_link(Ack(0))
        self.assert_bounded(frame(0x02, whole[:1]) + frame(0x80, whole[1:]), each=2)

    def test_large_fragments_are_work(self) -> None:
        """As a proxy may cut a parcel into frames."""
        self.carry()
        self.link.control_limit.rate = Rate(5, 0.001)
        message = b"\x01" + native.pack_parcel(native.PARCEL, 0)[1:] + record(native.CONTROL, 0, b"\x91\xa1x")
        message += record(99, 0, bytes(16 * KIB))
        for _ in range(2):
            pieces = [message[at : at + 1100] for at in range(0, len(message), 1100)]
            self.link.dataReceived(frame(0x02, pieces[0]) + b"".join(frame(0x00, each) for each in pieces[1:-1]))
            self.clock.pump([0.0] * 20)
            self.link.dataReceived(frame(0x80, pieces[-1]))
        self.assertEqual((self.keeper.complaints, self.party.session.received), ([], 2))

    def test_pongs(self) -> None:
        self.assert_bounded(frame(PONG), frame(BINARY, native.encode_link(Pong(7))))

    def test_pongs_that_were_asked_for(self) -> None:
        self.carry()
        self.link.control_limit.rate = Rate(1, 0.001)
        for _ in range(20):
            self.link.ping()
            self.say(Pong(0))
        self.assertEqual(self.keeper.complaints, [])

    def test_acks_that_acknowledge_nothing(self) -> None:
        self.carry()
        self.assert_bounded(frame(BINARY, native.encode_link(Ack(0))))

    def test_messages_of_unknown_kinds(self) -> None:
        self.assert_bounded(frame(BINARY, b""), frame(BINARY, b"\x02what"), frame(BINARY, b"\x00\x92\xa7unknown\x01"))

    def test_parcels_that_are_empty_or_unknown(self) -> None:
        self.carry()
        self.assert_bounded(
            frame(BINARY, parcel()),
            frame(BINARY, parcel(record(99, 0))),
            frame(BINARY, parcel(record(native.CONTROL, 0, b"\x91\xa1x"))),
        )

    def test_a_parcel_full_of_unknown_records(self) -> None:
        self.carry()
        self.send(parcel(*[record(99, 0)] * (IDLE_LIMIT + 1)))
        self.clock.pump([0.0] * 5)
        self.assertEqual(self.keeper.complaints, [(1008, "a parcel has too many records that say nothing")])


class EndTests(LinkCase):
    def test_close(self) -> None:
        self.carry()
        self.link.close(1000, "goodbye")
        self.assertEqual(self.read(), [close(1000, "goodbye")])
        self.assertFalse(self.party.session.attached)
        self.link.close(1002, "again")
        self.link.say(Ping())
        self.assertEqual(self.read(), [])
        self.lose()
        self.assertEqual(self.keeper.lost, ["goodbye"])

    def test_reasons_are_cut_at_a_character(self) -> None:
        self.link.close(1000, "\N{SNOWMAN}" * 100)
        [(_, payload)] = self.read()
        self.assertLessEqual(len(payload), 125)
        self.assertEqual(set(payload[2:].decode()), {"\N{SNOWMAN}"})

    def test_no_answer_to_close(self) -> None:
        self.link.close(1000, "goodbye")
        self.wait(int(CLOSE_WAIT) - 1)
        self.assertFalse(self.transport.aborted)
        self.wait(1)
        self.assertTrue(self.transport.aborted)

    def test_closed_by_the_peer(self) -> None:
        self.carry()
        self.send((4000).to_bytes(2, "big") + b"bye\x1b", CLOSE)
        self.assertEqual(self.read()[0][1][:2], (4000).to_bytes(2, "big"))
        self.lose()
        self.assertEqual(self.keeper.lost, ["the other side closed it with code 4000: bye\\x1b"])
        self.assertFalse(self.party.session.attached)

    def test_lost(self) -> None:
        self.carry()
        self.lose()
        self.assertFalse(self.party.session.attached)
        self.assertEqual(len(self.keeper.lost), 1)
        self.assertTrue(self.keeper.lost[0])

    def test_drop(self) -> None:
        self.carry()
        self.link.drop("no longer wanted")
        self.assertTrue(self.transport.aborted)
        self.lose()
        self.assertEqual(self.keeper.lost, ["no longer wanted"])
