"""The timeline of a WebSocket: numbers, joined messages, and the gap that is always counted."""

from collections.abc import Iterable
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.contexts import Context, Contexts
from sellia.inspector.model import FRAME_COST, Frame
from sellia.inspector.timeline import HEAD_SHARE, Timeline


def timeline(limit: int = 1 << 20, message_limit: int = 1 << 16, datagrams: bool = False) -> Timeline:
    return Timeline(limit=limit, message_limit=message_limit, datagrams=datagrams)


def kept(line: Timeline) -> int:
    """The frames that are there."""
    return len(list(line.frames()))


class MessageTests(SynchronousTestCase):
    def test_fragments_are_joined_across_what_is_between(self) -> None:
        line = timeline()
        line.add(1.0, True, 0x01, b"he")
        line.add(2.0, True, 0x89, b"ping")
        line.add(3.0, False, 0x02, b"\x00")
        line.add(4.0, True, 0x80, b"llo")
        line.add(5.0, False, 0x80, b"\x01")
        found = [(m.number, m.kind, m.payload, m.from_visitor, len(m.frames)) for m in line.messages()]
        self.assertEqual(
            found,
            [(1, "ping", b"ping", True, 1), (3, "text", b"hello", True, 2), (4, "binary", b"\x00\x01", False, 2)],
        )
        self.assertTrue(all(message.complete for message in line.messages()))

    def test_cursor_never_skips_a_message(self) -> None:
        """Whoever asks for what comes after the last number that it knows gets each message once."""
        line, random = timeline(), Random(1)
        seen: list[int] = []
        for number in range(500):
            way, way_open = (True, line.visitor) if random.random() < 0.5 else (False, line.service)
            first = (0 if way_open.begin >= 0 else 1) | (0x80 if random.random() < 0.5 else 0)
            if way_open.pieces is not None:
                line.continue_frame(way, b"x")
            elif random.random() < 0.2:
                line.begin_frame(float(number), way, first, 2)
            else:
                line.add(float(number), way, first, b"y")
            if random.random() < 0.3:
                seen += [message.number for message in line.messages(seen[-1] if seen else -1)]
        line.finish()
        seen += [message.number for message in line.messages(seen[-1])]
        self.assertEqual(seen, [message.number for message in line.messages()])
        self.assertEqual(len(seen), len(set(seen)))

    def test_limit_of_one_question(self) -> None:
        line = timeline()
        for _ in range(10):
            line.add(0.0, True, 0x81, b"x")
        self.assertEqual([m.number for m in line.messages(after=2, limit=3)], [3, 4, 5])

    def test_one_message(self) -> None:
        line = timeline()
        line.add(0.0, True, 0x01, b"a")
        line.add(0.0, True, 0x80, b"b")
        message = line.message(1)
        assert message is not None
        self.assertEqual(message.payload, b"ab")
        self.assertIsNone(line.message(0))
        self.assertIsNone(line.message(2))

    def test_what_is_under_way(self) -> None:
        line = timeline()
        line.add(0.0, False, 0x01, b"a")
        self.assertEqual([m.payload for m in line.under_way()], [b"a"])
        self.assertFalse(line.under_way()[0].complete)
        line.add(0.0, False, 0x80, b"b")
        self.assertEqual(line.under_way(), [])

    def test_a_message_keeps_its_beginning(self) -> None:
        line = timeline(message_limit=10)
        line.add(0.0, True, 0x01, b"12345678")
        line.add(0.0, True, 0x00, b"abcd")
        line.add(0.0, True, 0x80, b"x")
        line.add(0.0, True, 0x81, b"12345678")
        first, second = line.messages()
        self.assertEqual((first.payload, first.length, first.truncated), (b"12345678ab", 13, True))
        self.assertEqual((second.payload, second.truncated), (b"12345678", False))
        line.add(0.0, True, 0x89, b"x" * 11)
        self.assertEqual(len(line.messages()[-1].payload), 10)

    def test_datagrams_are_messages_whatever_they_begin_with(self) -> None:
        line = timeline(datagrams=True)
        for _ in range(3):
            line.add(0.0, True, 0, b"x")
        self.assertEqual([m.payload for m in line.messages()], [b"x"] * 3)


class PiecesTests(SynchronousTestCase):
    def test_a_frame_in_pieces(self) -> None:
        line = timeline()
        line.begin_frame(1.0, True, 0x82, 6)
        line.continue_frame(True, b"abc")
        line.add(2.0, False, 0x81, b"meanwhile")
        self.assertEqual([m.payload for m in line.messages()], [b"meanwhile"])
        line.continue_frame(True, b"def")
        whole = line.messages()[-1]
        self.assertEqual((whole.number, whole.at, whole.payload, whole.length), (1, 1.0, b"abcdef", 6))

    def test_cost_is_the_same_in_pieces(self) -> None:
        line, other = timeline(), timeline()
        grown = line.begin_frame(0.0, True, 0x82, 6) + line.continue_frame(True, b"abc")
        self.assertEqual((grown, line.cost), (3, 3))
        grown += line.continue_frame(True, b"def")
        self.assertEqual(grown, other.add(0.0, True, 0x82, b"abcdef"))
        self.assertEqual(line.cost, other.cost)

    def test_more_than_is_kept_of_a_message(self) -> None:
        line = timeline(message_limit=10)
        line.begin_frame(0.0, True, 0x82, 100)
        for _ in range(10):
            line.continue_frame(True, b"0123456789")
        (message,) = line.messages()
        self.assertEqual((message.payload, message.length, message.truncated), (b"0123456789", 100, True))
        self.assertEqual(line.cost, FRAME_COST + 10)

    def test_a_frame_that_was_never_finished(self) -> None:
        line = timeline()
        line.begin_frame(0.0, True, 0x82, 100)
        line.continue_frame(True, b"abc")
        line.finish()
        (message,) = line.messages()
        self.assertEqual((message.payload, message.length, message.truncated), (b"abc", 100, True))

    def test_no_payload_at_all(self) -> None:
        line = timeline()
        line.begin_frame(0.0, True, 0x82, 0)
        self.assertEqual([m.length for m in line.messages()], [0])

    def test_pieces_of_nothing_are_ignored(self) -> None:
        self.assertEqual(timeline().continue_frame(True, b"x"), 0)


class GapTests(SynchronousTestCase):
    def fill(self, limit: int, count: int, size: int = 100) -> Timeline:
        line = timeline(limit, limit)
        for number in range(count):
            line.add(float(number), number % 3 > 0, 0x81, b"%0*d" % (size, number))
            assert line.cost <= line.limit
        return line

    def test_kept_and_counted_is_all(self) -> None:
        line = self.fill(100_000, 5000)
        gap = line.gap
        assert gap is not None
        self.assertEqual(kept(line) + gap.frames, 5000)
        self.assertEqual(gap.begin, len(line.head))
        self.assertEqual((gap.since, gap.until), (float(len(line.head)), line.tail[0].at - 1))
        self.assertEqual(gap.bytes_from_visitor + gap.bytes_to_visitor, gap.frames * 100)
        self.assertEqual(line.visitor.frames + line.service.frames, 5000)

    def test_beginning_and_end_are_kept(self) -> None:
        line = self.fill(100_000, 5000)
        numbers = [frame.number for frame in line.frames()]
        self.assertEqual(numbers[0], 0)
        self.assertEqual(numbers[-1], 4999)
        self.assertLessEqual(len(line.head) * (FRAME_COST + 100), 100_000 // HEAD_SHARE)
        for number in (0, len(line.head) - 1, line.tail[0].number, 4999):
            frame = line.frame(number)
            assert frame is not None
            self.assertEqual(int(frame.payload), number)
        self.assertIsNone(line.frame(len(line.head)))

    def test_the_edge(self) -> None:
        """Nothing is let go of at exactly the limit."""
        size = FRAME_COST + 100
        self.assertIsNone(self.fill(size * 50, 50).gap)
        self.assertIsNotNone(self.fill(size * 50, 51).gap)

    def test_a_message_that_reaches_into_the_gap(self) -> None:
        line = timeline(20_000, 20_000)
        line.add(0.0, True, 0x01, b"begin")
        for _ in range(1000):
            line.add(1.0, True, 0x00, b"")
        line.add(2.0, True, 0x80, b"end")
        message = line.messages()[-1]
        self.assertEqual((message.torn, message.complete, message.truncated), (True, False, True))
        self.assertEqual(message.kind, "text")

    def test_a_message_that_begins_in_the_gap(self) -> None:
        line = timeline(20_000, 20_000)
        for _ in range(60):
            line.add(0.0, False, 0x81, b"")
        line.add(0.0, True, 0x01, b"begin")
        for _ in range(500):
            line.add(1.0, False, 0x81, b"")
        line.add(2.0, True, 0x80, b"end")
        message = line.messages()[-1]
        self.assertEqual((message.torn, message.kind, message.payload), (True, "continuation", b"end"))

    def test_empty_frames_cost(self) -> None:
        """A flood of frames without a byte is bounded as well."""
        line = self.fill(20_000, 10_000, 0)
        self.assertLessEqual(kept(line), 20_000 // FRAME_COST)

    def test_contexts_see_the_beginning_and_what_falls_out(self) -> None:
        line = timeline(20_000, 20_000)
        line.contexts = contexts = RecordedContexts()
        for _ in range(1000):
            line.add(0.0, True, 0xC1, b"x")
        assert line.gap is not None
        self.assertEqual(contexts.numbers, list(range(line.gap.begin + line.gap.frames)))


class RecordedContexts(Contexts):
    """Writes down the numbers of the frames that it is given."""

    def __init__(self) -> None:
        super().__init__(Context(15, True), Context(15, True))
        self.numbers: list[int] = []

    def passed(self, frames: Iterable[Frame]) -> None:
        self.numbers.extend(frame.number for frame in frames)
