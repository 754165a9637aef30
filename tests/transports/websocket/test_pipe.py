"""An open WebSocket from visitor to service: both see each other's frames, at each other's pace."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.problems import TOO_MANY_FRAMES
from sellia.protocol.limits import INITIAL_CREDIT, RECORD_LIMIT
from sellia.protocol.messages import ResponseHead
from sellia.relay.limits.token_bucket import Rate
from sellia.relay.limits.websocket import AT_THE_SERVER, FrameLimits
from tests.transports.support import BINARY, KEY, PING, PONG, TEXT, Peer, Sockets, close, frame, head

KIB = 1024


class SocketsCase(SynchronousTestCase):
    """A test with an open WebSocket, which is checked when it is over; an error that is logged fails it."""

    def setUp(self) -> None:
        self.stage = Sockets()
        self.visitor, self.service = self.stage.visitor, self.stage.service

    def tearDown(self) -> None:
        self.stage.check()

    @property
    def both(self) -> tuple[tuple[Peer, Peer], tuple[Peer, Peer]]:
        """Each direction: who sends, and who receives."""
        return (self.visitor, self.service), (self.service, self.visitor)


class FrameTests(SocketsCase):
    """What one sends the other receives: opcode, fragments, order, and nothing else."""

    def test_kinds(self) -> None:
        sent = [
            (TEXT, b"hello"),
            (PING, b"are you there"),
            (0x01, b"in "),
            (0x00, b"three "),
            (PONG, b"unasked"),
            (0x80, b"parts"),
            (BINARY, b""),
            (TEXT, b"\xff not UTF-8"),
        ]
        for sender, receiver in self.both:
            sender.send(*sent)
            self.assertEqual(receiver.read(), sent)
            self.assertEqual(sender.read(), [], "a ping is for the other end to answer")

    def test_large_frames_stream(self) -> None:
        """A frame goes on as it comes; neither end waits for it to be whole."""
        for sender, receiver in self.both:
            data = frame(BINARY, b"x" * 300 * KIB, sender is self.visitor)
            arrived = 0
            for at in range(0, len(data), 50 * KIB):
                sender.raw(data[at : at + 50 * KIB])
                arrived += len(data[at : at + 50 * KIB])
                if arrived < len(data):
                    self.assertGreaterEqual(len(receiver.partial), arrived - 8)
            self.assertEqual(receiver.read(), [(BINARY, b"x" * 300 * KIB)])

    def test_larger_than_a_record_at_once(self) -> None:
        for sender, receiver in self.both:
            sender.send((BINARY, b"x" * (RECORD_LIMIT + 1)), (TEXT, b"next"))
            self.assertEqual(receiver.read(), [(BINARY, b"x" * (RECORD_LIMIT + 1)), (TEXT, b"next")])

    def test_compressed_frames_pass_as_they_are(self) -> None:
        stage = Sockets(compressed=True)
        sent = [(0xC1, b"\xaa\x00"), (0x41, b"a"), (0x80, b"b")]
        stage.visitor.send(*sent)
        stage.service.send(*sent)
        self.assertEqual((stage.visitor.read(), stage.service.read()), (sent, sent))
        stage.check()

    def test_story(self) -> None:
        """Both ends count the same."""
        self.visitor.send((TEXT, b"abc"), (PING, b""))
        self.service.send((TEXT, b"abcdefgh"))
        for peer in (self.visitor, self.service):
            self.assertEqual((peer.story.from_visitor, peer.story.to_visitor), ((2, 3), (1, 8)))

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING]), st.integers(0, 125)), max_size=20),
        st.lists(st.integers(1, 500), max_size=10),
        st.booleans(),
    )
    def test_any_cut(self, sizes: list[tuple[int, int]], cuts: list[int], from_visitor: bool) -> None:
        stage = Sockets()
        sender = stage.visitor if from_visitor else stage.service
        sent = [(first, b"x" * size) for first, size in sizes]
        data = b"".join(frame(first, payload, from_visitor) for first, payload in sent)
        edges = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
        for start, stop in zip(edges, edges[1:], strict=False):
            if stop > start:
                sender.raw(data[start:stop])
        assert stage.other(sender).read() == sent
        stage.check()


class PressureTests(SocketsCase):
    """A slow end slows the other, and nobody else; what it has not taken is counted."""

    def test_who_does_not_read(self) -> None:
        for sender, receiver in self.both:
            receiver.full()
            sent = 0
            while sender.reading:
                sender.send((BINARY, b"x" * 16 * KIB))
                sent += 1
            self.assertLess(sent * 16, 500)
            held = [party.session.table.held for party in (self.stage.pair.server, self.stage.pair.client)]
            self.assertEqual(sorted(map(bool, held)), [False, True])
            receiver.drained()
            self.assertTrue(sender.reading)
            self.assertEqual(len(receiver.read()), sent)

    def test_the_other_direction_goes_on(self) -> None:
        self.visitor.full()
        while self.service.reading:
            self.service.send((BINARY, b"x" * 16 * KIB))
        self.visitor.send((TEXT, b"hello"))
        self.assertEqual(self.service.read(), [(TEXT, b"hello")])

    def test_small_frames_count_too(self) -> None:
        """Their cost is bounded, not only their octets."""
        self.visitor.full()
        sent = 0
        while self.service.reading:
            self.service.send(*[(TEXT, b"")] * 500)
            sent += 500
        self.assertLess(sent, 10_000)

    def test_credit_comes_back(self) -> None:
        for sender, receiver in self.both:
            for _ in range(100):
                sender.send((BINARY, b"x" * 50 * KIB))
                self.assertTrue(sender.reading)
            self.assertEqual(len(receiver.read()), 100)


class HostilePeerTests(SocketsCase):
    """The other end of the session says what no pipe of ours would: the link ends, the socket gets nothing of it."""

    def broken(self, say: str, *arguments: object) -> None:
        for stream, peer in ((self.stage.far, self.visitor), (self.stage.near, self.service)):
            getattr(stream, say)(*arguments)
            self.assertRaises(ProtocolError, self.stage.talk)
            self.assertEqual(peer.read(), [])
        self.stage = Sockets()

    def test_records_of_http(self) -> None:
        self.broken("send_head", ResponseHead(200, b"OK", []))
        self.visitor, self.service = self.stage.visitor, self.stage.service
        self.broken("send_data", b"x")

    def test_pieces_of_no_frame(self) -> None:
        self.broken("continue_frame", b"x")

    def test_a_control_frame_in_pieces(self) -> None:
        self.broken("begin_frame", PING, 5)

    def test_a_frame_inside_another(self) -> None:
        for say, arguments in (("send_frame", (TEXT, b"x")), ("begin_frame", (TEXT, 5))):
            stage = Sockets()
            stage.far.begin_frame(BINARY, 100)
            stage.talk()
            getattr(stage.far, say)(*arguments)
            self.assertRaises(ProtocolError, stage.talk)

    def test_a_frame_that_is_longer_than_it_said(self) -> None:
        self.stage.far.begin_frame(BINARY, 5)
        self.stage.far.continue_frame(b"123456")
        self.assertRaises(ProtocolError, self.stage.talk)
        self.stage.clock.advance(0)
        self.assertEqual(self.visitor.partial, b"\x82\x05")
        self.stage = Sockets()


class ViolationTests(SocketsCase):
    """Who breaks RFC 6455 is closed with the code that names it; the other is told in its turn."""

    VERDICT = close(1002, "bad-frame: control frame using reserved opcode 15")

    def test_the_code(self) -> None:
        for data, code in (
            (frame(0x8F), 1002),
            (frame(0xC1, b"x"), 1002),
            (head(BINARY, (1 << 64) - 1, True), 1002),
            (frame(TEXT, b"x", masked=False), 1002),
        ):
            stage = Sockets()
            stage.visitor.raw(data)
            [(first, payload)] = stage.service.read()
            self.assertEqual((first, int.from_bytes(payload[:2], "big")), (0x88, code))
            stage.wait(0.1)
            self.assertEqual(stage.visitor.read(), [(first, payload)])
            stage.check()

    def test_the_order_is_kept(self) -> None:
        """What was said before the violation is answered before the verdict."""
        self.visitor.send((TEXT, b"before"), (0x8F, b""))
        self.assertEqual(self.service.read(), [(TEXT, b"before"), self.VERDICT])
        self.assertEqual(self.visitor.read(), [])
        self.service.send((TEXT, b"answer"), (PING, b""))
        self.service.send(self.VERDICT)
        self.assertEqual(self.visitor.read(), [(TEXT, b"answer"), (PING, b""), self.VERDICT])
        self.assertEqual(self.visitor.end, "half", "what it still sends is read, lest it does not see the verdict")

    def test_nobody_answers(self) -> None:
        self.visitor.send((0x8F, b""))
        self.stage.wait(0.04)
        self.assertEqual(self.visitor.read(), [])
        self.stage.wait(0.02)
        self.assertEqual(self.visitor.read(), [self.VERDICT])
        self.service.send((TEXT, b"late"))
        self.assertEqual(self.visitor.read(), [])

    def test_what_follows_is_not_read(self) -> None:
        self.visitor.raw(frame(0x8F) + frame(TEXT, b"x"), frame(TEXT, b"x") * 1000)
        self.assertEqual(self.service.read(), [self.VERDICT])
        self.stage.wait(0.1)
        self.visitor.raw(frame(TEXT, b"x") * 1000)
        self.stage.wait(10)
        self.assertEqual(self.visitor.end, "aborted", "it does not go on for ever")

    def test_by_the_service(self) -> None:
        """A masked frame from a server."""
        self.service.raw(frame(TEXT, b"x", masked=True))
        [verdict] = self.visitor.read()
        self.assertEqual(verdict, close(1002, "bad-frame: masked server-to-client frame"))
        self.visitor.send(verdict)
        self.assertEqual(self.service.read(), [verdict])
        self.service.drop()
        self.assertEqual(self.visitor.end, "closed")

    def test_in_the_middle_of_a_frame_from_the_other_side(self) -> None:
        """The verdict cannot stand inside a frame: the connection ends without one."""
        self.service.raw(head(BINARY, 100 * KIB, False) + b"x" * 100)
        self.visitor.send((0x8F, b""))
        self.stage.wait(0.1)
        self.assertEqual((self.visitor.read(), self.visitor.end), ([], "half"))

    def test_frame_limit(self) -> None:
        stage = Sockets(limits=FrameLimits(size=1000))
        stage.visitor.raw(frame(TEXT, b"x" * 1000))
        self.assertEqual(len(stage.service.read()), 1)
        stage.visitor.raw(head(TEXT, 1001, True) + KEY)
        self.assertEqual(
            stage.service.read(),
            [close(1009, f"frame-too-large: a frame of more than 1,000 bytes; websocket.frame_size {AT_THE_SERVER}")],
        )
        stage.check()

    def test_a_flood_of_pings(self) -> None:
        """From either side: the other one is told in its turn, and the flood ends within a tenth of a second."""
        for name in ("visitor", "service"):
            stage = Sockets(limits=FrameLimits(control=Rate(20, 5.0)))
            sender = getattr(stage, name)
            verdict = close(
                1008, f"too-many-frames: more than 5 control frames a second; websocket.control_frames {AT_THE_SERVER}"
            )
            sender.send(*[(PING, b"x")] * 1000)
            self.assertEqual(stage.other(sender).read(), [(PING, b"x")] * 20 + [verdict])
            stage.wait(0.05)
            self.assertEqual(sender.read(), [verdict])
            self.assertEqual(sender.story.violation, TOO_MANY_FRAMES)
            stage.check()

    def test_fragments_that_say_nothing(self) -> None:
        for name in ("visitor", "service"):
            stage = Sockets()
            sender = getattr(stage, name)
            sender.send((0x01, b"x"), *[(0x00, b"")] * 5000)
            stage.wait(0.05)
            [verdict] = sender.read()
            reason = "too-many-frames: more than 1,000 empty fragments in a row; websocket.empty_fragments "
            self.assertEqual(verdict, close(1008, reason + AT_THE_SERVER))
            stage.check()


class WatchTests(SocketsCase):
    """What is looked at once a second."""

    def test_frames_that_have_come(self) -> None:
        """Each is told of once; those that go the other way do not count."""
        pipe = self.visitor.pipe
        self.visitor.send(*[(TEXT, b"x")] * 10)
        self.service.send(*[(TEXT, b"x")] * 100)
        self.assertEqual([pipe.newly_come(), pipe.newly_come()], [10, 0])
        self.visitor.send((TEXT, b"x"))
        self.assertEqual(pipe.newly_come(), 1)
        self.service.read()
        self.visitor.read()

    def test_pongs_that_are_not_read(self) -> None:
        """They have credit like anything else: what the visitor does not read, the service waits with."""
        self.visitor.full()
        answered = 0
        for _ in range(100):
            if not self.service.reading:
                break
            self.visitor.send(*[(PING, b"p" * 125)] * 100)
            self.stage.wait(1)
            self.service.send(*[(PONG, b"p" * 125)] * len(self.service.read()))
            answered += 100
        self.assertFalse(self.service.reading)
        self.assertLess(answered, 5000)
        self.assertLessEqual(self.stage.pair.server.session.table.held, INITIAL_CREDIT)
        self.assertLess(self.stage.far.queued, 128 * KIB)
        self.visitor.drained()
        self.assertEqual(len(self.visitor.read()), answered)
