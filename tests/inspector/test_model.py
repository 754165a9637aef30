"""Bodies, frames and messages as they are kept."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.model import Body, Frame, Gap, Message


class BodyTests(SynchronousTestCase):
    def test_one_chunk_is_not_copied(self) -> None:
        body, chunk = Body(), b"x" * 100
        self.assertEqual(body.add(chunk, 1.0, 1000), 100)
        self.assertIs(body.data, chunk)

    def test_the_true_length_is_known_beyond_the_limit(self) -> None:
        body = Body()
        self.assertEqual([body.add(b"abcd", at, 10) for at in (1.0, 2.0, 3.0, 4.0)], [4, 4, 2, 0])
        self.assertEqual((bytes(body.data), body.length, body.truncated), (b"abcdabcdab", 16, True))
        self.assertEqual((body.first_at, body.last_at), (1.0, 4.0))

    def test_a_body_of_exactly_the_limit_is_whole(self) -> None:
        body = Body()
        body.add(b"abcdabcdab", 1.0, 10)
        self.assertFalse(body.truncated)


class MessageTests(SynchronousTestCase):
    def test_payload_ends_where_something_is_missing(self) -> None:
        """Nothing is put together that was never next to each other."""
        frames = (
            Frame(0, 1.0, True, 0x01, 2, b"ab", 0),
            Frame(1, 2.0, True, 0x00, 9, b"cd", 0),
            Frame(2, 3.0, True, 0x80, 2, b"xy", 0),
        )
        message = Message(2, frames)
        self.assertEqual((message.payload, message.truncated, message.length), (b"abcd", True, 13))
        self.assertEqual((message.kind, message.at, message.ended_at, message.complete), ("text", 1.0, 3.0, True))

    def test_kinds(self) -> None:
        for first, kind in ((0x81, "text"), (0xC2, "binary"), (0x88, "close"), (0x89, "ping"), (0x83, "opcode 3")):
            self.assertEqual(Message(0, (Frame(0, 0.0, True, first, 0, b"", 0),)).kind, kind)

    def test_only_rsv1_of_the_first_frame_means_compressed(self) -> None:
        frames = (Frame(0, 0.0, True, 0x41, 0, b"", 0), Frame(1, 0.0, True, 0x80, 0, b"", 0))
        self.assertTrue(Message(1, frames).compressed)


class GapTests(SynchronousTestCase):
    def test_counts_by_direction(self) -> None:
        gap = Gap(5)
        gap.add(Frame(5, 10.0, True, 0x81, 3, b"abc", 5))
        gap.add(Frame(6, 12.0, False, 0x81, 4, b"", 6))
        self.assertEqual((gap.frames, gap.from_visitor, gap.to_visitor), (2, 1, 1))
        self.assertEqual((gap.bytes_from_visitor, gap.bytes_to_visitor, gap.since, gap.until), (3, 4, 10.0, 12.0))
