"""What an observer at either end is told of a WebSocket: each frame once, in order, and who ended it."""

from typing import Any

from sellia.errors import ProtocolError
from sellia.protocol.limits import RECORD_LIMIT
from sellia.transports.websocket.pipe import WebSocketLeg
from tests.observers import RecordingObserver
from tests.transports.support import BINARY, CLOSE, PING, PONG, TEXT, Peer, Sockets, close, frame, head
from tests.transports.websocket.test_pipe import SocketsCase

KIB = 1024


class ObserverCase(SocketsCase):
    """A WebSocket with an observer at each end."""

    def setUp(self) -> None:
        self.stage = Sockets()
        self.visitor, self.service = self.stage.visitor, self.stage.service
        self.at_server, self.at_client = RecordingObserver(), RecordingObserver()
        self.visitor.pipe.observer, self.service.pipe.observer = self.at_server, self.at_client

    def tearDown(self) -> None:
        super().tearDown()
        self.at_server.check()
        self.at_client.check()

    def frames(self, observer: RecordingObserver, from_visitor: bool) -> list[tuple[int, bytes]]:
        """What was told of the frames that went one way, those in pieces put together."""
        told: list[tuple[int, bytes]] = []
        lacking = 0
        event: Any
        for event in observer.events:
            if event[0] == "ended" or event[2] is not from_visitor:
                continue
            if event[0] == "frame":
                self.assertEqual(lacking, 0, "a frame inside another")
                told.append((event[3], event[4]))
            elif event[0] == "begun":
                self.assertEqual(lacking, 0, "a frame inside another")
                told.append((event[3], b""))
                lacking = event[4]
            else:
                first, payload = told[-1]
                told[-1] = first, payload + event[3]
                lacking -= len(event[3])
        self.assertGreaterEqual(lacking, 0)
        return told


class FrameTests(ObserverCase):
    def test_every_frame_once_and_in_order(self) -> None:
        """Control frames and fragments among them, and both ways at both ends."""
        sent = [(TEXT, b"a"), (PING, b"b"), (0x01, b"c"), (PONG, b"unasked"), (0x80, b"d"), (BINARY, b"")]
        for sender, receiver in self.both:
            sender.send(*sent)
            for observer in (self.at_server, self.at_client):
                self.assertEqual(self.frames(observer, sender.visitor), sent)
                self.assertEqual(self.frames(observer, receiver.visitor), sent if receiver.visitor else [])
        number = self.stage.near.id
        self.assertEqual({event[1] for event in self.at_server.events + self.at_client.events}, {number})

    def test_frames_in_pieces(self) -> None:
        """They are told as they pass, so that nobody has to hold one; Autobahn's way and ours are told alike."""
        for sender, _ in self.both:
            data = frame(BINARY, b"x" * 200 * KIB, sender.visitor)
            sender.raw(data[: 70 * KIB], data[70 * KIB :])
            sender.send((BINARY, b"y" * (RECORD_LIMIT + 1)), (TEXT, b"next"))
            sent = [(BINARY, b"x" * 200 * KIB), (BINARY, b"y" * (RECORD_LIMIT + 1)), (TEXT, b"next")]
            for observer in (self.at_server, self.at_client):
                self.assertEqual(self.frames(observer, sender.visitor), sent)

    def test_nobody_observes(self) -> None:
        """The default costs no attribute of its own."""
        self.assertIsNone(WebSocketLeg.observer)
        self.assertNotIn("observer", vars(Sockets().visitor.pipe))

    def test_given_where_it_is_made(self) -> None:
        observer = RecordingObserver()
        stage = Sockets(observer=observer)
        stage.visitor.send((TEXT, b"a"))
        self.assertEqual(observer.events, [("frame", stage.near.id, True, TEXT, b"a")] * 2)
        stage.check()

    def test_what_one_end_answers_by_itself(self) -> None:
        """A ping that is answered here while the link is away passes nowhere."""
        self.visitor.pipe.answers_pings = True
        self.stage.pair.server.session.detach()
        self.visitor.send((PING, b"there?"))
        self.assertEqual(self.visitor.read(), [(PONG, b"there?")])
        self.assertEqual((self.at_server.events, self.at_client.events), ([], []))


class EndTests(ObserverCase):
    def ends(self) -> list[tuple[object, ...]]:
        """What both observers were told last, once both connections are gone."""
        self.stage.wait(15)
        self.stage.check()
        return [self.at_server.events[-1], self.at_client.events[-1]]

    def assert_ended(self, by: str, code: int | None, reason: str) -> None:
        for end in self.ends():
            self.assertEqual(end[:4], ("ended", self.stage.near.id, by, code))
            self.assertTrue(str(end[4]).startswith(reason), end)

    def test_a_close_frame_each_way(self) -> None:
        """They are frames like any other: who observes sees both."""
        self.visitor.send(close(4000, "enough"))
        self.service.send((TEXT, b"last words"), close(4000, "enough"))
        for observer in (self.at_server, self.at_client):
            self.assertEqual(self.frames(observer, True), [close(4000, "enough")])
            self.assertEqual(self.frames(observer, False), [(TEXT, b"last words"), close(4000, "enough")])
        self.assert_ended("visitor", 4000, "enough")

    def test_a_dropped_connection(self) -> None:
        self.service.send((TEXT, b"a"))
        self.service.drop()
        self.assert_ended("service", None, "connection dropped")

    def test_close_frames_of_ours_are_not_told(self) -> None:
        self.visitor.send((TEXT, b"a"))
        self.visitor.pipe.close(1012, "server-draining: bye")
        self.stage.talk()
        for observer in (self.at_server, self.at_client):
            self.assertEqual(self.frames(observer, True), [(TEXT, b"a")])
            self.assertEqual(self.frames(observer, False), [])
        self.assert_ended("sellia", 1012, "server-draining")

    def test_frames_that_break_the_protocol(self) -> None:
        """The frame itself passes nowhere."""
        self.visitor.send((TEXT, b"before"), (0x8F, b""))
        for observer in (self.at_server, self.at_client):
            self.assertEqual(self.frames(observer, True), [(TEXT, b"before")])
        self.assert_ended("visitor", 1002, "bad-frame: ")

    def test_frames_in_vain(self) -> None:
        """What crosses the end is told at the end that it passed, and not at the other."""
        self.visitor.vanish()
        sender: Peer = self.service
        sender.pipe.dataReceived(frame(TEXT, b"in vain", False) + head(BINARY, 70 * KIB, False) + b"x" * KIB)
        self.stage.talk()
        self.assertEqual([event[0] for event in self.at_server.events], ["ended"])
        self.assert_ended("visitor", None, "connection dropped")

    def test_a_close_frame_without_a_code(self) -> None:
        self.visitor.send((CLOSE, b""))
        self.assert_ended("visitor", None, "")

    def test_a_piece_too_many(self) -> None:
        """What the other end of the link may not send is not told."""
        self.visitor.raw(head(BINARY, 70 * KIB, True) + bytes(KIB))
        self.assertRaises(ProtocolError, self.service.pipe.frame_continued, bytes(70 * KIB))
        self.assertEqual(sum(len(e[3]) for e in list[Any](self.at_client.events) if e[0] == "continued"), KIB)
