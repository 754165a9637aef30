"""What an original client may send and nobody takes: each bound at its edge, and as an attacker would come to it."""

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.limits import MAX_CREDIT, MIB
from sellia.protocol.original.messages import WEBSOCKET_LIMIT
from sellia.relay.mux.send_half import QUEUE_MARK
from sellia.transports.original.link import SILENCE
from sellia.transports.original.pressure import EASED, PATIENCE, SHARE, TOTAL, TOTAL_EASED, Pressure
from tests.server.clients import GatewayCase, Wire
from tests.server.originals import Original
from tests.server.support import UPGRADE, get
from tests.transports.original.server_side.test_upgrade import Visitor
from tests.transports.support import CLOSE, frame, frames

PIECE = 8192


class FakeStream:
    def __init__(self) -> None:
        self.queued = 0


class FakeLeg:
    """A stream that holds what a test says."""

    def __init__(self, pressure: Pressure) -> None:
        self.pressure = pressure
        self.stream = FakeStream()
        self.given_up = False

    def hold(self, octets: int) -> None:
        """So much waits for the reader now."""
        before = self.stream.queued
        self.stream.queued = octets
        if before <= QUEUE_MARK < octets:
            self.pressure.waits(self)  # type: ignore[arg-type]
        elif octets <= QUEUE_MARK:
            self.pressure.flows(self)  # type: ignore[arg-type]
        self.pressure.grew(self, octets - before)  # type: ignore[arg-type]

    def give_up(self) -> None:
        self.given_up = True
        self.stream.queued = 0
        self.pressure.flows(self)  # type: ignore[arg-type]


class PressureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.calls: list[str] = []
        self.pressure = Pressure(
            self.clock,
            lambda: self.calls.append("pause"),
            lambda: self.calls.append("resume"),
        )

    def leg(self) -> FakeLeg:
        return FakeLeg(self.pressure)

    def test_a_share(self) -> None:
        """Up to it nothing happens; above it the link is not read, until enough of it has been taken."""
        leg = self.leg()
        leg.hold(SHARE)
        self.assertEqual(self.calls, [])
        leg.hold(SHARE + 1)
        self.assertEqual(self.calls, ["pause"])
        leg.stream.queued = EASED + 1
        self.pressure.look()
        self.assertEqual(self.calls, ["pause"])
        leg.stream.queued = EASED
        self.pressure.look()
        self.assertEqual(self.calls, ["pause", "resume"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_total(self) -> None:
        """Many who each have less than their share."""
        count = TOTAL // SHARE
        legs = [self.leg() for _ in range(count + 1)]
        for leg in legs[:count]:
            leg.hold(SHARE)
        self.assertEqual(self.calls, [])
        legs[-1].hold(QUEUE_MARK + 1)
        self.assertEqual(self.calls, ["pause"])
        for leg in legs[: count // 4 + 1]:
            leg.hold(0)
        self.pressure.look()
        self.assertEqual(self.calls, ["pause", "resume"])

    def test_who_takes_nothing_has_to_go(self) -> None:
        """And nobody else."""
        dead, slow, innocent = self.leg(), self.leg(), self.leg()
        innocent.hold(SHARE)
        slow.hold(SHARE + 1)
        dead.hold(SHARE + 1)
        slow.stream.queued -= SHARE - EASED
        self.clock.advance(PATIENCE - 0.1)
        self.assertFalse(dead.given_up)
        self.clock.advance(0.1)
        self.assertEqual([leg.given_up for leg in (dead, slow, innocent)], [True, False, False])
        slow.stream.queued -= 1
        self.pressure.look()
        self.assertEqual(self.calls, ["pause", "resume"])

    def test_who_takes_enough_may_take_long(self) -> None:
        """As with a message that is larger than a share; but only as long as it goes on."""
        leg = self.leg()
        leg.hold(4 * MIB)
        for _ in range(3):
            leg.stream.queued -= SHARE - EASED
            self.pressure.look()
            self.clock.advance(PATIENCE)
        self.assertEqual((self.calls, leg.given_up), (["pause"], False))
        leg.stream.queued -= SHARE - EASED - 1
        self.clock.advance(PATIENCE)
        self.assertEqual((self.calls, leg.given_up), (["pause", "resume"], True))

    def test_the_largest_go_when_all_together_have_too_much(self) -> None:
        count = TOTAL // SHARE
        legs = [self.leg() for _ in range(count)]
        for leg in legs:
            leg.hold(SHARE - 1000)
        legs[0].hold(SHARE)
        small = self.leg()
        small.hold(QUEUE_MARK + 1)
        self.clock.advance(PATIENCE)
        self.assertTrue(legs[0].given_up)
        self.assertFalse(small.given_up)
        self.assertLessEqual(sum(leg.stream.queued for leg in [*legs, small]), TOTAL_EASED)
        self.assertEqual(self.calls, ["pause", "resume"])

    def test_who_ends_counts_no_more(self) -> None:
        leg = self.leg()
        leg.hold(SHARE + 1)
        leg.hold(0)
        self.pressure.look()
        self.assertEqual(self.calls, ["pause", "resume"])

    def test_the_link_is_gone(self) -> None:
        """Or closing, and then the answer to its close frame is to be read."""
        leg = self.leg()
        leg.hold(SHARE + 1)
        self.pressure.close()
        self.assertFalse(self.pressure.paused)
        self.assertEqual(self.calls, ["pause", "resume"])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Trickle:
    """A visitor's socket that takes so many octets and then is full again."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._room = 0
        self._write = wire.transport.write
        wire.transport.write = self.write
        wire.transport.producer.pauseProducing()

    def write(self, data: bytes) -> None:
        self._write(data)
        self._room -= len(data)
        if self._room <= 0:
            self._wire.transport.producer.pauseProducing()

    def take(self, octets: int) -> None:
        """Room for so much."""
        self._room = octets
        self._wire.transport.producer.resumeProducing()
        self._wire.server.talk()


class SlowVisitorTests(GatewayCase):
    """A real stream of a real server in memory, whose visitor does not read."""

    def setUp(self) -> None:
        super().setUp()
        self.client = Original(self.server).open()

    def slow(self) -> tuple[Wire, str]:
        """A visitor whose socket has filled up, and the beginning of its response."""
        visitor = self.server.visit(get())
        start, _, _ = self.client.asked()
        self.client.answer(start["request_id"], end=False)
        visitor.transport.producer.pauseProducing()
        return visitor, start["request_id"]

    def pour(self, request_id: str, limit: int) -> int:
        """Send pieces until the link is not read any more, or so many octets have been sent; how many were."""
        sent = 0
        while sent < limit and self.reading:
            self.client.say("response_body", request_id=request_id, chunk=bytes(PIECE))
            sent += PIECE
        return sent

    @property
    def reading(self) -> bool:
        return self.client.wire.transport.producerState == "producing"

    def test_one_slow_visitor(self) -> None:
        """Holds its credit and its share, not more; then the link waits; then it goes on, and nothing is lost."""
        visitor, request_id = self.slow()
        sent = self.pour(request_id, 100 * MIB)
        self.assertFalse(self.reading)
        self.assertGreater(sent, SHARE)
        self.assertLess(sent, SHARE + MAX_CREDIT + QUEUE_MARK + 64 * 1024)
        visitor.transport.producer.resumeProducing()
        self.server.talk()
        self.assertTrue(self.reading)
        self.client.say("response_end", request_id=request_id)
        data = visitor.take()
        self.assertTrue(data.endswith(b"0\r\n\r\n"))
        self.assertEqual(data.count(b"\0"), sent)

    def test_others_are_not_held_up_by_less_than_a_share(self) -> None:
        _, request_id = self.slow()
        self.pour(request_id, SHARE)
        self.assertTrue(self.reading)
        other = self.server.visit(get())
        start, _, _ = self.client.asked()
        self.client.answer(start["request_id"], b"quick")
        self.assertIn(b"quick", other.take())

    def test_a_dead_visitor(self) -> None:
        """It is cut off, and the link read on; the link itself is not taken for dead meanwhile."""
        visitor, request_id = self.slow()
        self.pour(request_id, 100 * MIB)
        self.server.wait(int(PATIENCE) - 1)
        self.assertFalse(self.reading)
        self.server.wait(1)
        self.assertTrue(self.reading)
        self.assertTrue(visitor.transport.aborted or visitor.closed)
        self.assertFalse(visitor.take().endswith(b"0\r\n\r\n"))
        self.client.say("response_body", request_id=request_id, chunk=b"late")
        self.client.heard()
        self.assertIsNone(self.client.closed)
        self.assertEqual(self.server.gateway.health()["streams"], 0)

    def test_a_dead_visitor_whose_response_is_complete(self) -> None:
        """Its end waits behind the rest, and goes with it."""
        visitor, request_id = self.slow()
        self.pour(request_id, 100 * MIB)
        self.client.say("response_end", request_id=request_id)
        self.server.wait(int(PATIENCE))
        self.assertTrue(self.reading)
        self.assertFalse(visitor.take().endswith(b"0\r\n\r\n"))
        self.assertEqual(self.server.gateway.health()["streams"], 0)

    def test_a_visitor_who_leaves_while_all_wait_for_it(self) -> None:
        """Whether its response is complete or not: nothing of it is remembered."""
        [session] = self.server.gateway.sessions.values()
        bridge: Any = session.link.bridge
        for complete in (False, True):
            visitor, request_id = self.slow()
            self.pour(request_id, 100 * MIB)
            if complete:
                self.client.say("response_end", request_id=request_id)
            visitor.lose()
            self.assertTrue(self.reading)
            self.assertEqual((bridge.pressure._waiting, bridge.session.streams), ({}, {}))

    def test_time_in_which_we_do_not_read_is_not_silence(self) -> None:
        """However long it is, because a slow visitor takes a large message; a ghost check is passed meanwhile."""
        self.client.silent = True
        wire = self.server.visit(UPGRADE)
        request_id = self.client.upgraded()
        Visitor(wire)
        trickle = Trickle(wire)
        self.client.say("ws_frame", request_id=request_id, opcode=2, payload=bytes(WEBSOCKET_LIMIT), fin=True)
        self.assertFalse(self.reading)
        self.server.wait(int(PATIENCE) - 1)
        for _ in range(int(SILENCE // PATIENCE)):
            trickle.take(SHARE - EASED)
            self.server.wait(int(PATIENCE) - 1)
            self.assertFalse(self.reading)
        [session] = self.server.gateway.sessions.values()
        assert session.link is not None
        asked = session.link.ask()
        self.assertGreaterEqual(session.link.heard, asked)
        trickle.take(WEBSOCKET_LIMIT)
        self.assertTrue(self.reading)
        self.server.wait(int(SILENCE) - 1)
        self.client.heard()
        self.assertIsNone(self.client.closed)
        self.server.wait(1)
        self.client.heard()
        self.assertIsNotNone(self.client.closed)

    def test_a_link_that_is_closed_while_it_is_not_read(self) -> None:
        """The client's answer is waited for, and read."""
        _, request_id = self.slow()
        self.pour(request_id, 100 * MIB)
        self.server.gateway.stop()
        self.assertTrue(self.reading)
        self.client.octets(frame(CLOSE, b"\x03\xe8"))
        self.client.heard()
        self.assertIsNotNone(self.client.closed)
        self.assertTrue(self.client.wire.closed)

    def test_a_link_that_is_lost_while_it_is_not_read(self) -> None:
        _, request_id = self.slow()
        self.pour(request_id, 100 * MIB)
        self.client.wire.lose()
        self.assertEqual(self.server.gateway.sessions, {})

    def test_a_websocket(self) -> None:
        """The same bounds, and 1013 for the visitor once it reads."""
        wire = self.server.visit(UPGRADE)
        request_id = self.client.upgraded()
        visitor = Visitor(wire)
        wire.transport.producer.pauseProducing()
        sent = 0
        while self.reading and sent < 100 * MIB:
            self.client.say("ws_frame", request_id=request_id, opcode=2, payload=bytes(PIECE), fin=True)
            sent += PIECE
        self.assertLess(sent, SHARE + MAX_CREDIT + QUEUE_MARK + 64 * 1024)
        self.server.wait(int(PATIENCE))
        self.assertTrue(self.reading)
        self.assertEqual(self.client.heard(), [{"type": "ws_close", "request_id": request_id}])
        *_, (first, payload) = visitor.heard()
        self.assertEqual((first, payload[:2]), (CLOSE, (1013).to_bytes(2, "big")))

    def test_many_slow_visitors(self) -> None:
        """None has its share, and all together do not have more than theirs."""
        requests = [self.slow()[1] for _ in range(60)]
        sent = 0
        while self.reading and sent < 200 * MIB:
            for request_id in requests:
                self.client.say("response_body", request_id=request_id, chunk=bytes(60_000))
                sent += 60_000
        self.assertFalse(self.reading)
        self.assertLess(sent, TOTAL + 60 * (MAX_CREDIT + QUEUE_MARK + 60_000))
        self.server.wait(int(PATIENCE))
        self.assertTrue(self.reading)
        self.assertGreater(self.server.gateway.health()["streams"], 0)


class SlowClientTests(GatewayCase):
    """The other way round: a client that does not read."""

    def test_visitors_wait(self) -> None:
        """What they send is bounded by their own connections' bounds; and arrives when the client reads again."""
        client = Original(self.server).open()
        length = 3 * MIB
        visitor = self.server.visit(b"POST / HTTP/1.1\r\nHost: demo.localhost\r\nContent-Length: %d\r\n\r\n" % length)
        start, _, _ = client.asked()
        client.wire.transport.producer.pauseProducing()
        sent = 0
        while visitor.transport.producerState == "producing" and sent < length:
            visitor.send(bytes(PIECE))
            sent += PIECE
        self.assertLess(sent, 4 * QUEUE_MARK)
        self.assertEqual(client.heard(), [])
        client.wire.transport.producer.resumeProducing()
        self.server.talk()
        while sent < length:
            visitor.send(bytes(PIECE))
            sent += PIECE
        self.assertEqual(client.body(start["request_id"]), (bytes(length), True))

    def test_what_concerns_its_tunnels_is_bounded_too(self) -> None:
        """A client that asks without reading is cut off."""
        client = Original(self.server).open()
        client.wire.transport.producer.pauseProducing()
        for _ in range(101):
            client.say("tunnel_open", tunnel_type="http", local_port=1, subdomain="ab")
        client.heard()
        assert client.closed is not None
        self.assertEqual(client.closed[1][:2], (1008).to_bytes(2, "big"))
        self.assertEqual(frames(client.wire.take())[0], [])

    def test_what_waits_in_between_goes_on_when_it_reads_again(self) -> None:
        """Also if our session has nothing more to say."""
        client = Original(self.server).open()
        visitor = self.server.visit(b"POST / HTTP/1.1\r\nHost: demo.localhost\r\nContent-Length: 4\r\n\r\n")
        start, _, _ = client.asked()
        [session] = self.server.gateway.sessions.values()
        [stream] = session.mux.streams.values()
        stream.send_data(b"body")
        session.mux.flush()
        client.wire.transport.producer.pauseProducing()
        self.server.talk()
        self.assertEqual(client.heard(), [])
        client.wire.transport.producer.resumeProducing()
        self.server.talk()
        self.assertEqual(client.body(start["request_id"]), (b"body", False))
        visitor.lose()
