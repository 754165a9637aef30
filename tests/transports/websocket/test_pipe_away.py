"""WebSockets whose peers ping while the link is away: their own end answers, once and in order."""

from sellia.relay.limits.token_bucket import Rate
from sellia.relay.limits.websocket import FrameLimits
from sellia.transports.websocket.frames import CLOSE, PING, PONG
from tests.transports.support import Frame, frame
from tests.transports.websocket.test_pipe import SocketsCase

TEXT = 0x81


def ping(payload: bytes = b"") -> Frame:
    return 0x80 | PING, payload


def pong(payload: bytes = b"") -> Frame:
    return 0x80 | PONG, payload


class AwayCase(SocketsCase):
    def setUp(self) -> None:
        super().setUp()
        self.peers = self.stage.visitor, self.stage.service
        for peer in self.peers:
            peer.pipe.answers_pings = True

    def tearDown(self) -> None:
        if not self.stage.pair.server.session.attached:
            self.join()
        super().tearDown()

    def cut(self) -> None:
        """The link is lost, and both ends have noticed."""
        self.stage.pair.cut()
        for peer in self.peers:
            peer.pipe.link_away()
        self.stage.talk()

    def join(self) -> None:
        """There is another."""
        self.stage.pair.join()
        self.stage.talk()


class PingTests(AwayCase):
    def test_passed_on_while_the_link_is_there(self) -> None:
        for near, far in self.both:
            near.send(ping(b"1"))
            self.assertEqual((near.read(), far.read()), ([], [ping(b"1")]))
            far.send(pong(b"1"))
            self.assertEqual((near.read(), far.read()), ([pong(b"1")], []))
            self.assertEqual(near.pipe.pings_answered, 0)

    def test_answered_while_it_is_away(self) -> None:
        """And not passed on afterwards, unlike the messages around them."""
        self.cut()
        for near, _ in self.both:
            near.send((TEXT, b"a"), ping(b"1"), (TEXT, b"b"), ping(), pong(b"mine"))
            self.assertEqual(near.read(), [pong(b"1"), pong()])
            self.assertEqual(near.pipe.pings_answered, 2)
        self.join()
        for near, _ in self.both:
            self.assertEqual(near.read(), [(TEXT, b"a"), (TEXT, b"b"), pong(b"mine")])
        self.stage.service.send(ping(b"2"))
        self.assertEqual(self.stage.visitor.read(), [ping(b"2")])

    def test_what_was_on_its_way_when_the_link_was_lost(self) -> None:
        """Nobody had noticed the loss yet when it was sent: it is answered then, and its pong is held back."""
        for near, far in self.both:
            near.send(ping(b"0"))
            far.read()
            near.send(ping(b"1"))
            far.read()
            far.send(pong(b"0"))
            self.assertEqual(near.read(), [pong(b"0")])
            self.cut()
            self.assertEqual(near.read(), [pong(b"1")])
            far.send(pong(b"1"), (TEXT, b"behind it"))
            self.join()
            self.assertEqual(near.read(), [(TEXT, b"behind it")])

    def test_counts_agree(self) -> None:
        """What was answered here did not pass between the two, so it is in nobody's count."""
        visitor, service = self.peers
        visitor.send(ping(b"1"))
        self.cut()
        visitor.send(ping(b"2"), (TEXT, b"a"))
        self.join()
        service.send(pong(b"1"))
        visitor.send((0x80 | CLOSE, b""))
        service.send((0x80 | CLOSE, b""))
        for peer in (service, visitor):
            peer.drop()
        self.assertEqual(visitor.story.from_visitor, service.story.from_visitor)
        self.assertEqual(visitor.story.to_visitor, service.story.to_visitor)

    def test_turned_off(self) -> None:
        for peer in self.peers:
            peer.pipe.answers_pings = False
        self.stage.visitor.send(ping(b"1"))
        self.cut()
        self.stage.visitor.send(ping(b"2"))
        self.assertEqual(self.stage.visitor.read(), [])
        self.join()
        self.assertEqual(self.stage.service.read(), [ping(b"1"), ping(b"2")])

    def test_again_and_again(self) -> None:
        near = self.stage.service
        for number in range(3):
            self.cut()
            near.send(ping(b"%d" % number))
            self.assertEqual((near.read(), near.pipe.pings_answered), ([pong(b"%d" % number)], 1))
            self.join()


class PlaceTests(AwayCase):
    def test_a_peer_that_does_not_read(self) -> None:
        """Its pings are passed on; it has its pongs when it reads again, or the link is back."""
        near, far = self.stage.visitor, self.stage.service
        near.send(ping(b"1"))
        near.full()
        self.cut()
        near.send(ping(b"2"))
        self.assertEqual(near.read(), [])
        near.drained()
        self.assertEqual(near.read(), [pong(b"1"), pong(b"2")])
        near.full()
        near.send(ping(b"3"))
        self.join()
        self.assertEqual(far.read(), [ping(b"1"), ping(b"2"), ping(b"3")])
        far.send(pong(b"1"), pong(b"2"), pong(b"3"))
        near.drained()
        self.assertEqual(near.read(), [pong(b"3")])

    def test_never_inside_of_a_frame_in_pieces(self) -> None:
        """RFC 6455, 5.4: fragments may have pings between them, frames have nothing inside.  It waits for the link."""
        near, far = self.stage.service, self.stage.visitor
        raw = frame(0x82, b"x" * 100_000, True)
        near.send(ping(b"0"))
        far.read()
        far.raw(raw[:50_000])
        self.cut()
        near.send(ping(b"1"))
        self.assertEqual(near.read(), [])
        self.join()
        far.raw(raw[50_000:])
        self.assertEqual(near.read(), [(0x82, b"x" * 100_000)])
        self.assertEqual(far.read(), [ping(b"1")])
        far.send(pong(b"0"), pong(b"1"))
        self.assertEqual(near.read(), [pong(b"0"), pong(b"1")])

    def test_the_link_is_lost_inside_of_a_frame(self) -> None:
        """A ping that was passed on before has its pong from the other side, and no pong is lost."""
        near, far = self.stage.service, self.stage.visitor
        near.send(ping(b"1"))
        self.assertEqual(far.read(), [ping(b"1")])
        raw = frame(0x82, b"x" * 100_000, True)
        far.raw(raw[:50_000])
        self.cut()
        self.join()
        far.raw(raw[50_000:])
        far.send(pong(b"1"))
        self.assertEqual(near.read(), [(0x82, b"x" * 100_000), pong(b"1")])

    def test_between_fragments(self) -> None:
        near, far = self.stage.service, self.stage.visitor
        far.send((0x01, b"first"))
        self.cut()
        near.send(ping(b"1"))
        self.assertEqual(near.read(), [(0x01, b"first"), pong(b"1")])

    def test_not_behind_a_close_frame(self) -> None:
        near, far = self.stage.service, self.stage.visitor
        near.send(ping(b"1"))
        far.read()
        far.send((0x80 | CLOSE, b""))
        self.assertEqual(near.read(), [(0x80 | CLOSE, b"")])
        self.cut()
        near.send(ping(b"2"))
        self.assertEqual(near.read(), [])


class FloodTests(AwayCase):
    def test_pings_have_the_rate_that_they_always_have(self) -> None:
        visitor = self.stage.visitor
        visitor.pipe.limits = FrameLimits(control=Rate(10, 1.0))
        self.cut()
        visitor.send(*[ping()] * 11)
        found = visitor.read()
        self.assertEqual(found[:10], [pong()] * 10)
        self.assertEqual(visitor.pipe.pings_answered, 10)
        self.stage.wait(1)
        self.assertEqual(visitor.read()[0][1][:2], (1008).to_bytes(2, "big"))
