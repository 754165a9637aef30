"""Links in the native dialect: silence noticed in time, the way measured, and no dialect but the one agreed on."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol import native
from sellia.protocol.limits import RECORD_LIMIT
from sellia.protocol.messages import SUBPROTOCOL, Ack, CloseTunnel, Ping, Pong
from sellia.relay.mux.congestion import FIRST
from sellia.transports.link.native import ClientLink, ServerLink
from tests.relay.scripts import MemoryLink, parcel, record
from tests.transports.linkcase import LinkCase
from tests.transports.support import BINARY, frame


class LivenessTests(LinkCase):
    def test_a_silent_peer_is_pinged_and_given_up(self) -> None:
        self.carry()
        self.wait(14)
        pings = self.read()
        self.assertEqual(pings, [(BINARY, native.encode_link(Ping(number))) for number in range(2, 2 + len(pings))])
        self.assertGreaterEqual(len(pings), 2)
        self.assertFalse(self.transport.aborted)
        self.wait(1)
        self.assertTrue(self.transport.aborted)
        self.lose()
        self.assertEqual(self.keeper.lost, ["nothing came from the other side for 15 s"])

    def test_whatever_comes_is_life(self) -> None:
        self.carry()
        data = frame(BINARY, b"\x02" + b"x" * 100)
        for octet in data[:40]:
            self.wait(5)
            self.link.dataReceived(bytes((octet,)))
        self.assertFalse(self.transport.aborted)

    def test_who_sends_something_long_hears_of_this_end(self) -> None:
        """Octet by octet, for longer than the timeout: its own pings are behind what it sends."""
        self.carry()
        for octet in frame(BINARY, b"\x02" + b"x" * 100)[:20]:
            self.wait(1)
            self.link.dataReceived(bytes((octet,)))
        self.assertGreaterEqual(self.read().count((BINARY, native.encode_link(Ack(0)))), 3)

    def test_acks_are_told_when_it_is_idle(self) -> None:
        self.carry()
        self.send(parcel(record(99, 0)))
        self.wait(6)
        self.assertIn((BINARY, native.encode_link(Ack(1))), self.read())

    def test_a_slow_transport(self) -> None:
        """The session is told to wait, and to go on."""
        self.carry()
        self.transport.producer.pauseProducing()
        self.party.open(end=True)
        self.party.flush()
        self.assertEqual(self.read(), [])
        self.transport.producer.resumeProducing()
        self.assertEqual(len(self.read()), 1)


class PaceTests(LinkCase):
    """Links learn from pings how much may be under way; how much that is, `tests.relay.mux.test_congestion` tells."""

    def numbers(self) -> list[int]:
        """Of the pings that were sent."""
        messages = [native.decode_link(message) for _, message in self.read() if message[:1] == b"\0"]
        return [each.number for each in messages if isinstance(each, Ping)]

    def bulk(self) -> None:
        """A stream with more to say than fits."""
        stream = self.party.open()
        for _ in range(3):
            stream.send_data(b"x" * RECORD_LIMIT)
        self.party.flush()

    def test_bulk_waits_and_what_is_urgent_does_not(self) -> None:
        self.carry()
        self.bulk()
        under_way = self.party.session.out.unacknowledged[1]
        self.assertLess(under_way, 2 * FIRST)
        self.party.session.send_control(CloseTunnel(1))
        self.party.flush()
        self.assertEqual(self.party.session.out.unacknowledged[0], self.party.session.out.sent)
        self.assertGreater(self.party.session.out.unacknowledged[1], under_way)

    def test_a_pong_acknowledges_what_was_before_its_ping(self) -> None:
        self.carry()
        self.bulk()
        numbers = self.numbers()
        self.assertEqual(numbers, list(range(2, 2 + len(numbers))))
        self.assertGreaterEqual(len(numbers), 2)
        sent = self.party.session.out.sent
        self.say(Pong(numbers[0]))
        self.assertGreater(self.party.session.out.acked, 0)
        self.say(Pong(numbers[-1]))
        self.party.flush()
        self.assertGreater(self.party.session.out.sent, sent, "there is room again")

    def test_pongs_that_nobody_asked_for(self) -> None:
        """Acknowledge nothing."""
        self.say(Pong(1))
        self.carry()
        self.bulk()
        for number in (0, 1, 99, 2**63):
            self.say(Pong(number))
        self.assertEqual(self.party.session.out.acked, 0)

    def test_nothing_is_acknowledged_that_went_over_another_link(self) -> None:
        """The first ping on a link goes ahead of what is sent again on it."""
        self.bulk()
        self.party.session.attach(MemoryLink(), 0)
        self.party.flush()
        self.assertGreater(self.party.session.out.sent, 0)
        self.party.session.detach()
        self.carry()
        self.say(Pong(1))
        self.assertEqual(self.party.session.out.acked, 0)
        self.party.flush()
        self.say(Pong(self.numbers()[-1]))
        self.assertEqual(self.party.session.out.acked, self.party.session.out.sent)

    def test_a_window_that_shrinks_is_asked_for(self) -> None:
        """However small it becomes, and whatever is under way, there is always an ack to come."""
        self.carry()
        self.say(Pong(1))
        self.bulk()
        for _ in range(100):
            numbers = self.numbers()
            if not numbers:
                break
            self.clock.advance(3)
            for number in numbers:
                self.say(Pong(number))
            self.party.flush()
        session = self.party.session
        self.assertEqual(session.streams[2].queued, 0, "all of it has been sent")
        self.assertLess(session.out.unacknowledged[1], session.out._window)


class HandshakeTests(SynchronousTestCase):
    def test_a_peer_that_does_not_speak_our_dialect(self) -> None:
        class Request:
            protocols = ["other"]

        self.assertIsNone(ServerLink().onConnect(Request()))
        Request.protocols = ["other", SUBPROTOCOL]
        self.assertEqual(ServerLink().onConnect(Request()), SUBPROTOCOL)

    def test_a_server_that_does_not_speak_our_dialect(self) -> None:
        """The link becomes one of another kind, if it was given one; what has been set on it stays."""

        class Other(ClientLink):
            """A link in another dialect."""

        class Response:
            protocol: str | None = SUBPROTOCOL

        link = ClientLink()
        link.otherwise, link.remote = lambda: Other, "far away"
        link.onConnect(Response())
        self.assertIs(type(link), ClientLink)
        Response.protocol = None
        link.onConnect(Response())
        self.assertIs(type(link), Other)
        self.assertEqual(link.remote, "far away")
        plain = ClientLink()
        plain.onConnect(Response())
        self.assertIs(type(plain), ClientLink)
