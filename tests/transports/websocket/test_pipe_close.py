"""WebSockets that are ended from here, because Sellia stops: what visitor and service see of that."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.websocket.closing import CLOSE_WAIT
from tests.transports.support import BINARY, CLOSE, TEXT, Peer, Sockets, close, frame, head

WHY = "server-draining: bye"


class CloseCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Sockets()

    def tearDown(self) -> None:
        self.stage.check()

    def close(self, peer: Peer) -> bool:
        done = peer.pipe.close(1012, WHY)
        self.stage.talk()
        return done


class BothSidesTests(CloseCase):
    """The same from either end: from the server's at the visitor's socket, from the client's at the service's."""

    def test_both_get_a_close_frame(self) -> None:
        for first in ("visitor", "service"):
            self.setUp()
            near: Peer = getattr(self.stage, first)
            far = self.stage.other(near)
            self.assertTrue(self.close(near))
            self.assertEqual((near.read(), far.read()), ([close(1012, WHY)], [close(1012, WHY)]))
            self.assertEqual((near.pipe.ending, far.pipe.ending), (True, True))
            near.send(close(1012, WHY))
            far.send(close(1012, WHY))
            self.assertEqual((near.read(), far.read()), ([], []), "nobody is answered twice")
            self.assertEqual((near.story.by, near.story.code, near.story.reason), ("sellia", 1012, WHY))
            near.drop()
            far.drop()
            self.assertEqual(self.stage.pair.server.session.streams, {}, "the stream is over")
            self.stage.check()

    def test_what_was_said_before_arrives_first(self) -> None:
        self.stage.visitor.send((TEXT, b"one"), (TEXT, b"two"))
        self.close(self.stage.visitor)
        self.assertEqual(self.stage.service.read(), [(TEXT, b"one"), (TEXT, b"two"), close(1012, WHY)])

    def test_nothing_is_passed_on_after_it(self) -> None:
        """A peer may still send until it has read the close frame; no frame may follow one."""
        self.close(self.stage.visitor)
        self.stage.visitor.send((TEXT, b"late"))
        self.stage.visitor.raw(head(BINARY, 70_000, True) + bytes(70_000))
        self.stage.service.send((TEXT, b"late, too"))
        self.assertEqual(self.stage.service.read(), [close(1012, WHY)])
        self.assertEqual(self.stage.visitor.read(), [close(1012, WHY)])
        self.stage.visitor.send((CLOSE, b""))
        self.assertEqual(self.stage.visitor.end, "closed")

    def test_a_peer_that_does_not_answer_is_dropped(self) -> None:
        self.close(self.stage.visitor)
        self.stage.wait(CLOSE_WAIT)
        self.assertEqual((self.stage.visitor.end, self.stage.service.end), ("aborted", "aborted"))

    def test_a_peer_that_was_not_read_is_read_again(self) -> None:
        """Its answer may wait behind what there was enough of."""
        self.stage.service.full()
        while self.stage.visitor.reading:
            self.stage.visitor.send((BINARY, bytes(60_000)))
        self.close(self.stage.visitor)
        self.assertTrue(self.stage.visitor.reading)
        self.stage.service.drained()


class NotNowTests(CloseCase):
    """No frame can come inside of another."""

    def test_while_a_frame_arrives_in_pieces(self) -> None:
        self.stage.visitor.raw(head(BINARY, 100_000, True) + bytes(60_000))
        self.assertFalse(self.close(self.stage.visitor))
        self.assertFalse(self.stage.visitor.pipe.ending)
        self.stage.visitor.raw(bytes(40_000))
        self.assertTrue(self.close(self.stage.visitor))
        service = self.stage.service.read()
        self.assertEqual([(first, len(payload)) for first, payload in service][0], (BINARY, 100_000))
        self.assertEqual(service[1:], [close(1012, WHY)])

    def test_while_a_frame_is_written_in_pieces(self) -> None:
        self.stage.service.raw(frame(BINARY, bytes(100_000), False)[:60_000])
        self.assertFalse(self.close(self.stage.visitor))
        self.stage.service.raw(frame(BINARY, bytes(100_000), False)[60_000:])
        self.assertTrue(self.close(self.stage.visitor))
        self.assertEqual([len(payload) for _, payload in self.stage.visitor.read()], [100_000, 2 + len(WHY)])

    def test_one_that_ends_already_is_left_alone(self) -> None:
        self.stage.visitor.send(close(1000, "bye"))
        self.assertTrue(self.close(self.stage.visitor))
        self.assertTrue(self.close(self.stage.service))
        self.assertEqual((self.stage.visitor.read(), self.stage.service.read()), ([], [close(1000, "bye")]))
        self.stage.service.drop()
        self.assertTrue(self.close(self.stage.service))

    def test_one_whose_other_side_is_gone_is_left_alone(self) -> None:
        """The service has been sent the connection's end, and has not closed its own yet: no frame may follow."""
        self.stage.visitor.drop()
        self.assertEqual(self.stage.service.end, "half")
        self.assertTrue(self.close(self.stage.service))
        self.assertEqual(self.stage.service.read(), [])
        self.stage.service.drop()


class OpenTests(CloseCase):
    def test_the_factory_knows_the_open_ones(self) -> None:
        pipe = self.stage.visitor.pipe
        self.assertEqual(pipe.factory.open, {pipe})
        self.close(self.stage.visitor)
        self.assertEqual(pipe.factory.open, {pipe}, "its connection is still open")
        self.stage.visitor.drop()
        self.assertEqual(pipe.factory.open, set())
