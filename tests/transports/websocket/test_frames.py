"""Frames on a socket: however the octets are cut, the same frames; and what breaks RFC 6455 ends at its first octet."""

from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketServerFactory
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import LimitExceeded, ProtocolError
from sellia.problems import CLIENT_GONE, PROBLEMS, SERVICE_DIED, SERVICE_REFUSED, SESSION_EXPIRED, problem_of
from sellia.relay.limits.token_bucket import Rate
from sellia.relay.limits.websocket import AT_THE_SERVER, FrameLimits
from sellia.transports.websocket.frames import (
    CLOSE_FRAME,
    FrameSocket,
    close_payload,
    frame_head,
    parse_close,
    problem_close,
)
from tests.transports.support import BINARY, CLOSE, KEY, PING, PONG, TEXT, frame, frames, head

SERVER = WebSocketServerFactory(reactor=Clock())
CLIENT = WebSocketClientFactory(reactor=Clock())
MIB = 1024 * 1024


class Recorder(FrameSocket):
    """Puts frames together again, whichever way they came, and counts the ways."""

    def __init__(self, *, visitor: bool = True, compressed: bool = False, limit: FrameLimits | None = None) -> None:
        self.written = b""
        self.seconds = 0.0
        super().__init__(SERVER if visitor else CLIENT, compressed, self._note)  # type: ignore[arg-type]
        if limit is not None:
            self.limits = limit
        self.frames: list[tuple[int, bytes]] = []
        self.begun: list[tuple[int, int]] = []
        self.largest = 0
        self._left = 0

    def _note(self, data: bytes) -> None:
        self.written += data

    def now(self) -> float:
        return self.seconds

    def frame(self, first: int, payload: bytes) -> None:
        assert not self._left, "a frame inside another"
        self.frames.append((first, payload))

    def frame_begins(self, first: int, length: int) -> None:
        assert not self._left, "a frame inside another"
        self.begun.append((first, length))
        self.frames.append((first, b""))
        self._left = length

    def frame_more(self, payload: bytes) -> None:
        assert 0 < len(payload) <= self._left
        first, before = self.frames[-1]
        self.frames[-1] = first, before + payload
        self._left -= len(payload)
        self.largest = max(self.largest, len(payload))

    @property
    def whole(self) -> bool:
        return not self._left


def read(*pieces: bytes, **options: Any) -> tuple[Recorder, ProtocolError | None]:
    """Feed each piece by itself."""
    socket = Recorder(**options)
    for piece in pieces:
        try:
            socket.feed(piece)
        except ProtocolError as violation:
            return socket, violation
    return socket, None


def octet_by_octet(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


SCRIPT = [
    (TEXT, b"hello"),
    (TEXT, b""),
    (PING, b"are you there"),
    (0x01, b"in "),
    (0x00, b""),
    (PONG, b""),
    (0x00, b"x" * 300),
    (0x80, b""),
    (BINARY, b"y" * 70_000),
    (PING, b"z" * 125),
    (0x02, b""),
    (0x80, b"end"),
]


class ReadingTests(SynchronousTestCase):
    """What is right comes through as it came."""

    def test_all_kinds(self) -> None:
        for visitor in (True, False):
            data = b"".join(frame(first, payload, visitor) for first, payload in SCRIPT)
            for pieces in ([data], octet_by_octet(data)):
                socket, violation = read(*pieces, visitor=visitor)
                self.assertIsNone(violation)
                self.assertEqual(socket.frames, SCRIPT)
                self.assertTrue(socket.whole)

    def test_frames_that_arrive_whole_are_handed_on_whole(self) -> None:
        socket, _ = read(*[frame(first, payload) for first, payload in SCRIPT])
        self.assertEqual(socket.begun, [])

    def test_others_are_handed_on_as_they_come(self) -> None:
        """Nothing of a frame is held back, however large it is."""
        data = frame(BINARY, b"x" * MIB)
        socket = Recorder()
        for at in range(0, len(data), 10_000):
            socket.feed(data[at : at + 10_000])
            arrived = len(socket.frames[-1][1])
            self.assertEqual(arrived, min(at + 10_000, len(data)) - 14)
        self.assertEqual(socket.begun, [(BINARY, MIB)])
        self.assertLessEqual(socket.largest, 10_000)

    def test_control_frames_are_always_whole(self) -> None:
        for first in (PING, PONG, CLOSE):
            socket, _ = read(*octet_by_octet(frame(first, b"\x03\xe8" + b"x" * 100)))
            self.assertEqual((socket.frames, socket.begun), ([(first, b"\x03\xe8" + b"x" * 100)], []))

    def test_nothing_is_read_behind_a_close_frame(self) -> None:
        socket, violation = read(frame(CLOSE) + frame(TEXT, b"x"), frame(TEXT, b"x"), b"\xff" * 100)
        self.assertIsNone(violation)
        self.assertEqual(socket.frames, [(CLOSE, b"")])
        self.assertEqual(socket.data, b"")

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.integers(1, 71_000), max_size=30, unique=True), st.booleans())
    def test_any_cut(self, cuts: list[int], visitor: bool) -> None:
        data = b"".join(frame(first, payload, visitor) for first, payload in SCRIPT)
        edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
        pieces = [data[start:stop] for start, stop in zip(edges, edges[1:], strict=False)]
        socket, violation = read(*pieces, visitor=visitor)
        assert violation is None
        assert socket.frames == SCRIPT

    def test_rsv1_where_compression_was_agreed(self) -> None:
        sent = [(0xC1, b"x"), (0x41, b"y"), (0x80, b"z"), (0xC2, b"")]
        socket, violation = read(b"".join(frame(*each) for each in sent), compressed=True)
        self.assertIsNone(violation)
        self.assertEqual(socket.frames, sent)


class ViolationTests(SynchronousTestCase):
    """What breaks the rules is refused with the code that they name, at once, and nothing is read after it."""

    def refused(self, data: bytes, code: int = 1002, before: int = 0, **options: Any) -> None:
        for pieces in ([data], octet_by_octet(data)):
            socket, violation = read(*pieces, **options)
            assert violation is not None, data
            self.assertEqual((violation.code, len(socket.frames)), (code, before), data)
            self.assertTrue(socket.deaf)
            socket.feed(frame(TEXT, b"more") * 100)
            self.assertEqual((len(socket.frames), socket.data), (before, b""))

    def test_reserved_bits(self) -> None:
        for bits in (0x40, 0x20, 0x10, 0x70):
            self.refused(frame(TEXT | bits, b"x"))
            self.refused(frame(PING | bits, b"x"), compressed=True)
        for bits in (0x20, 0x10, 0x60):
            self.refused(frame(TEXT | bits, b"x"), compressed=True)
        self.refused(frame(0x01, b"x") + frame(0xC0, b"x"), before=1, compressed=True)

    def test_reserved_opcodes(self) -> None:
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            self.refused(frame(0x80 | opcode, b"x"))

    def test_control_frames(self) -> None:
        self.refused(frame(PING & 0x7F, b"x"))
        self.refused(frame(CLOSE & 0x7F))
        self.refused(frame(PING, b"x" * 126))
        self.refused(frame(CLOSE, b"x" * 126))
        self.refused(frame(CLOSE, b"x"))

    def test_fragments(self) -> None:
        self.refused(frame(0x80, b"x"))
        self.refused(frame(0x00, b"x"))
        self.refused(frame(0x01, b"x") + frame(TEXT, b"y"), before=1)
        self.refused(frame(0x01, b"x") + frame(0x80, b"y") + frame(0x80, b"z"), before=2)

    def test_masks(self) -> None:
        self.refused(frame(TEXT, b"x", masked=False))
        self.refused(frame(TEXT, b"x", masked=True), visitor=False)

    def test_lengths_that_are_not_the_shortest(self) -> None:
        self.refused(b"\x81\xfe\x00\x7d" + KEY)
        self.refused(b"\x81\xff" + (0xFFFF).to_bytes(8, "big") + KEY)
        self.refused(b"\x81\xff\x80" + bytes(7) + KEY)

    def test_size(self) -> None:
        """None by default; with one, the head alone is enough to refuse it."""
        self.assertIsNone(read(head(BINARY, (1 << 63) - 1, True))[1])
        limit = FrameLimits(size=16 * MIB)
        self.assertIsNone(read(head(BINARY, 16 * MIB, True), limit=limit)[1])
        self.refused(head(BINARY, 16 * MIB + 1, True), 1009, limit=limit)
        self.refused(head(BINARY, 1 << 40, True), 1009, limit=limit)
        self.refused(frame(TEXT, b"x" * 1001), 1009, limit=FrameLimits(size=1000))
        self.assertIsNone(read(frame(TEXT, b"x" * 1000), limit=FrameLimits(size=1000))[1])

    def test_message_size(self) -> None:
        """Whole, in fragments, compressed; the next message begins anew, and control frames do not count."""
        limit = FrameLimits(message=1000)
        fits = frame(0x01, b"x" * 400) + frame(PING, b"x" * 100) + frame(0x00, b"x" * 400) + frame(0x80, b"x" * 200)
        self.assertIsNone(read(fits + frame(TEXT, b"x" * 1000) + fits, limit=limit)[1])
        for data, before in (
            (frame(TEXT, b"x" * 1001), 0),
            (head(TEXT, 1001, True), 0),
            (frame(0x01, b"x" * 1001), 0),
            (frame(0x01, b"x" * 600) + frame(0x80, b"x" * 401), 1),
            (frame(0x01, b"x" * 600) + head(0x00, 401, True), 1),
        ):
            self.refused(data, 1009, before, limit=limit)
        socket, violation = read(frame(0xC1, b"x" * 1001), limit=limit, compressed=True)
        assert violation is not None
        reason = f"frame-too-large: a message of more than 1,000 bytes; websocket.message_size {AT_THE_SERVER}"
        self.assertEqual((violation.reason, isinstance(violation, LimitExceeded), socket.frames), (reason, True, []))

    def test_messages_have_no_size_of_their_own(self) -> None:
        """They are not put together here."""
        pieces = [frame(0x00, b"x" * 1000) * 100] * 20
        socket, violation = read(frame(0x01, b""), *pieces, limit=FrameLimits(size=1000))
        self.assertIsNone(violation)
        self.assertEqual((len(socket.frames), socket.data), (2001, b""))

    def test_another_protocol(self) -> None:
        self.refused(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")


class LimitTests(SynchronousTestCase):
    """Frames that each are right, and too many."""

    def exceeds(self, data: bytes, code: int, limit: FrameLimits = FrameSocket.limits) -> None:
        _, violation = read(*[data[at : at + 4096] for at in range(0, len(data), 4096)], limit=limit)
        self.assertEqual(None if violation is None else violation.code, code)

    def test_fragments(self) -> None:
        """A message has so many; the next one may have as many again, and control frames between are none."""
        limit = FrameLimits(fragments=10)
        longest = frame(0x01, b"x") + frame(PING) + frame(0x00, b"x") * 8 + frame(0x80, b"x")
        self.assertIsNone(read(longest * 3, limit=limit)[1])
        self.exceeds(longest + frame(0x01, b"x") + frame(0x00, b"x") * 10, 1009, limit=limit)
        self.exceeds(frame(0x01, b"x") + frame(0x00, b"x") * 131_072, 1009)

    def test_empty_fragments(self) -> None:
        """They cost nothing and say nothing: so many in a row, and one with something in it begins anew."""
        row = frame(0x00) * FrameLimits().empty
        self.assertIsNone(read(frame(0x01), row, frame(0x00, b"x"), row, frame(0x80, b"x"))[1])
        for begin in (frame(0x01), frame(0x01, b"x") + frame(0x00, b"x")):
            self.exceeds(begin + row + frame(0x00), 1008)
            self.exceeds(begin + row + frame(PING) + frame(0x80), 1008)
        limit = FrameLimits(empty=2)
        self.assertIsNone(read(frame(0x01) + frame(0x00) * 2, limit=limit)[1])
        _, violation = read(frame(0x01) + frame(0x00) * 3, limit=limit)
        assert violation is not None
        reason = "too-many-frames: more than 2 empty fragments in a row; websocket.empty_fragments "
        self.assertEqual(violation.reason, reason + AT_THE_SERVER)

    def test_control_frames(self) -> None:
        """So many at once, and so many a second; pongs count as pings do, other frames do not."""
        limit = FrameLimits(control=Rate(10, 2.0))
        self.exceeds((frame(PING) + frame(PONG) + frame(TEXT, b"x")) * 6, 1008, limit=limit)
        socket, _ = read(frame(PING) * 10, limit=limit)
        for _ in range(10):
            socket.seconds += 0.5
            socket.feed(frame(PONG) + frame(TEXT, b"x") * 10)
        with self.assertRaises(ProtocolError) as raised:
            socket.feed(frame(CLOSE))
        reason = "too-many-frames: more than 2 control frames a second; websocket.control_frames "
        self.assertEqual(raised.exception.reason, reason + AT_THE_SERVER)

    def test_control_frames_by_default(self) -> None:
        """As many as may have waited for a link that was away."""
        self.assertIsNone(read(frame(PING) * 2000)[1])
        self.exceeds(frame(PING) * 2001, 1008)


class WritingTests(SynchronousTestCase):
    """Frames go out as they came in, masked where we are the client."""

    def test_whole(self) -> None:
        for visitor in (True, False):
            socket = Recorder(visitor=visitor)
            for first, payload in SCRIPT:
                socket.write_frame(first, payload)
            self.assertEqual(frames(socket.written), (SCRIPT, b""))

    def test_masked_by_the_client_only(self) -> None:
        for visitor, bit in ((True, 0), (False, 0x80)):
            socket = Recorder(visitor=visitor)
            socket.write_frame(TEXT, b"x")
            socket.write_begin(TEXT, 5)
            self.assertEqual((socket.written[1] & 0x80, socket.written[-6 if bit else -1] & 0x80), (bit, bit))

    def test_pieces(self) -> None:
        for visitor in (True, False):
            socket = Recorder(visitor=visitor)
            socket.write_begin(BINARY, 10)
            self.assertTrue(socket.inside_out_frame)
            self.assertTrue(socket.write_more(b"01234"))
            self.assertTrue(socket.write_more(b"5678"))
            self.assertTrue(socket.inside_out_frame)
            self.assertFalse(socket.write_more(b"9a"), "that is more than was announced")
            self.assertTrue(socket.write_more(b"9"))
            self.assertFalse(socket.inside_out_frame)
            self.assertEqual(frames(socket.written), ([(BINARY, b"0123456789")], b""))

    def test_heads(self) -> None:
        """RFC 6455, 5.2, at the edges of the three lengths."""
        for length, expected in (
            (0, b"\x82\x00"),
            (125, b"\x82\x7d"),
            (126, b"\x82\x7e\x00\x7e"),
            (0xFFFF, b"\x82\x7e\xff\xff"),
            (0x10000, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        ):
            self.assertEqual(frame_head(BINARY, length, False), expected)
            self.assertEqual(frame_head(BINARY, length, True)[1], expected[1] | 0x80)


class ClosePayloadTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        for code, reason in ((1000, ""), (4999, "bye"), (1014, "Grüße"), (3000, "x" * 123)):
            self.assertEqual(parse_close(close_payload(code, reason)), (code, reason))
        self.assertEqual((close_payload(None), parse_close(b"")), (b"", (None, "")))

    def test_reasons_are_cut_at_a_character(self) -> None:
        for reason in ("x" * 200, "\N{SNOWMAN}" * 100, "a\N{SNOWMAN}" * 100, "\N{GRINNING FACE}" * 50):
            payload = close_payload(1011, reason)
            self.assertLessEqual(len(payload), 125)
            self.assertTrue(reason.startswith(payload[2:].decode()))

    def test_broken_ones_are_for_people_to_read(self) -> None:
        self.assertEqual(parse_close(b"\x03"), (None, ""))
        self.assertEqual(parse_close(b"\x03\xe8\xff"), (1000, "\N{REPLACEMENT CHARACTER}"))

    def test_problems(self) -> None:
        self.assertEqual(parse_close(problem_close(SERVICE_DIED, "it did")), (1011, "service-died: it did"))
        self.assertEqual(parse_close(problem_close(SESSION_EXPIRED, "")), (1012, "session-expired"))
        self.assertEqual(parse_close(problem_close(CLIENT_GONE, "")), (1001, "client-gone"))
        self.assertEqual(parse_close(problem_close(SERVICE_REFUSED, ""))[0], 1011)
        self.assertEqual(parse_close(problem_close(problem_of("never heard of"), ""))[0], 1011)
        for problem in PROBLEMS.values():
            self.assertLessEqual(len(problem_close(problem, problem.sentence * 9)), 125)

    def test_first_octet(self) -> None:
        self.assertEqual(CLOSE_FRAME, CLOSE)
