"""What both ends of a link say of one WebSocket when it is over: the same cause, and the same counts."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import FRAME_TOO_LARGE
from sellia.protocol import native
from sellia.protocol.messages import Ending
from sellia.relay.limits.websocket import AT_THE_SERVER, FrameLimits, MessageMeter
from sellia.transports.websocket.record import WebSocketRecord
from tests.transports.support import BINARY, CLOSE, KEY, PING, TEXT, Peer, Sockets, close, frame, head

KIB = 1024


class StoriesCase(SynchronousTestCase):
    def begin(self, **options: object) -> None:
        """An open WebSocket on which each side has said something."""
        self.stage = Sockets(**options)
        self.visitor, self.service = self.stage.visitor, self.stage.service
        self.visitor.send((TEXT, b"hello"), (PING, b""))
        self.service.send((TEXT, b"hello, too"), (BINARY, b"x" * 70 * KIB))

    def assert_told(self, by: str, code: int | None, reason: str) -> None:
        """At both ends, once both connections are gone."""
        self.stage.wait(15)
        self.stage.check()
        for peer in (self.visitor, self.service):
            story = peer.story
            self.assertEqual((story.by, story.code), (by, code), "visitor" if peer.visitor else "service")
            self.assertTrue(story.reason.startswith(reason), story.reason)
        near, far = self.visitor.story, self.service.story
        self.assertEqual(judged(near), judged(far))
        self.assertEqual((near.from_visitor, near.to_visitor), (far.from_visitor, far.to_visitor))


def judged(story: WebSocketRecord) -> tuple[str, str, str] | None:
    """Return the cause that an end has found, without its evidence."""
    return None if story.cause is None else (story.cause.id, story.cause.who, story.cause.what)


class CauseTests(StoriesCase):
    """Who ended it, and how."""

    def test_a_close_frame(self) -> None:
        for first, second in (("visitor", "service"), ("service", "visitor")):
            self.begin()
            getattr(self.stage, first).send(close(4000, "enough"))
            getattr(self.stage, second).send((TEXT, b"last words"), close(4000, "enough"))
            self.assert_told(first, 4000, "enough")

    def test_a_close_frame_without_a_code(self) -> None:
        self.begin()
        self.visitor.send((CLOSE, b""))
        self.assert_told("visitor", None, "")

    def test_a_dropped_connection(self) -> None:
        for name in ("visitor", "service"):
            self.begin()
            getattr(self.stage, name).drop()
            self.assert_told(name, None, "connection dropped without a close frame")

    def test_a_dropped_connection_whose_last_words_wait(self) -> None:
        """An end in order goes behind them, and the close frame that a visitor gets then is not the service's."""
        for name in ("visitor", "service"):
            self.begin()
            party = self.stage.pair.server if name == "visitor" else self.stage.pair.client
            party.can_send(False)
            peer: Peer = getattr(self.stage, name)
            peer.send((TEXT, b"last words"))
            peer.drop()
            party.can_send(True)
            self.stage.talk()
            self.assert_told(name, None, "connection dropped without a close frame")

    def test_sellia_stops(self) -> None:
        for name in ("visitor", "service"):
            self.begin()
            getattr(self.stage, name).pipe.close(1012, "server-draining: bye")
            self.stage.talk()
            for peer in (self.visitor, self.service):
                peer.send((TEXT, b"too late"), close(1012))
            self.assert_told("sellia", 1012, "server-draining: bye")

    def test_frames_that_break_the_protocol(self) -> None:
        for name in ("visitor", "service"):
            self.begin()
            sender: Peer = getattr(self.stage, name)
            sender.send((TEXT, b"before"), (0x8F, b""))
            other = self.stage.other(sender)
            other.send((TEXT, b"answer"), other.read()[-1])
            self.assert_told(name, 1002, "bad-frame: ")

    def test_frames_that_break_the_protocol_inside_of_another(self) -> None:
        for name in ("visitor", "service"):
            self.begin()
            sender: Peer = getattr(self.stage, name)
            sender.raw(head(0x01, 70 * KIB, name == "visitor") + b"x" * 70 * KIB + frame(0x8F, b"", name == "visitor"))
            self.assert_told(name, 1002, "bad-frame: ")

    def test_a_limit(self) -> None:
        """Of either side, in either direction, in a frame that is whole, begun, or one of many."""
        limits = FrameLimits(size=100 * KIB, message=200 * KIB)
        half = frame(0x02, b"x" * 100 * KIB), frame(0x00, b"x" * 100 * KIB)
        for sent, reason in (
            ([head(BINARY, 100 * KIB + 1, True) + KEY], "a frame of more than 100 KiB; websocket.frame_size"),
            ([*half, frame(0x80, b"x")], "a message of more than 200 KiB; websocket.message_size"),
        ):
            for name in ("visitor", "service"):
                self.begin(limits=limits)
                sender: Peer = getattr(self.stage, name)
                for each in sent if name == "visitor" else [unmasked(each) for each in sent]:
                    sender.raw(each)
                self.assert_told("sellia", 1009, f"frame-too-large: {reason} {AT_THE_SERVER}")
                self.assertEqual(sender.story.violation, FRAME_TOO_LARGE)

    def test_a_limit_that_a_client_does_not_know(self) -> None:
        """The server holds what it sends to its visitors to it as well."""
        for begun in (False, True):
            for piece in (False, True):
                self.begin()
                self.visitor.pipe._judge = MessageMeter(FrameLimits(size=1000))
                if piece:  # a frame of the visitor's is under way, so the service cannot be told by a close frame
                    self.visitor.raw(head(BINARY, 100 * KIB, True) + b"x" * 1000)
                self.visitor.read()
                if begun:
                    self.service.raw(head(BINARY, 100 * KIB, False) + b"x" * 1000)
                else:
                    self.service.send((TEXT, b"x" * 1001))
                reason = f"frame-too-large: a frame of more than 1,000 bytes; websocket.frame_size {AT_THE_SERVER}"
                self.assertEqual(self.visitor.read(), [close(1009, reason)])
                self.stage.wait(15)
                self.stage.check()
                self.assertEqual((self.visitor.story.by, self.service.story.by), ("sellia", "sellia"))


class CountTests(StoriesCase):
    """What one side sent in vain is told by neither end."""

    def test_a_visitor_who_takes_nothing_and_leaves(self) -> None:
        self.begin()
        self.visitor.full()
        while self.service.reading:
            self.service.send((BINARY, b"x" * 16 * KIB))
        self.visitor.drop()
        self.assert_told("visitor", None, "connection dropped")

    def test_frames_that_cross_the_end(self) -> None:
        for name in ("visitor", "service"):
            self.begin()
            leaver: Peer = getattr(self.stage, name)
            leaver.vanish()
            other = self.stage.other(leaver)
            data = frame(TEXT, b"in vain", other.visitor)
            other.pipe.dataReceived(data * 10)
            self.stage.talk()
            self.assert_told(name, None, "connection dropped")


class OldPeerTests(StoriesCase):
    """An end of the link that does not know the record skips it."""

    def test_unknown_to_the_other_end(self) -> None:
        self.begin()
        self.visitor.pipe._stream.send_ending(Ending("sellia"))
        self.assertEqual(native.ENDING, 11)
        self.stage.talk()
        self.assertEqual(self.service.pipe._closing.made_by, "sellia")

    def test_nonsense_is_harmless(self) -> None:
        """It is told in a log only: a hostile end can say nothing that is not one of three words."""
        self.begin()
        for ending in (Ending("\x1b[2J", True, 1 << 40, -5), Ending("service", False, -7, 3)):
            self.visitor.pipe._stream.send_ending(ending)
        self.stage.talk()
        self.visitor.pipe.close(1012, "x")
        self.stage.talk()
        self.stage.wait(15)
        self.stage.check()
        self.assertEqual(self.service.story.by, "sellia")
        self.assertGreaterEqual(min(self.service.story.to_visitor), 0)


def unmasked(data: bytes) -> bytes:
    """The same frame, as a service sends it."""
    length = data[1] & 0x7F
    at = 2 + (2 if length == 126 else 8 if length == 127 else 0)
    return bytes((data[0], length)) + data[2:at] + bytes(len(data) - at - 4)
