"""Where a frame's payload stands, for every length and whichever part of the frame is there; all else is left alone."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.websocket.fast_path import UNUSUAL, span
from tests.transports.support import BINARY, frame, head

LENGTHS = (0, 1, 125, 126, 127, 0xFFFF, 0x10000, 100_000)


class SpanTests(SynchronousTestCase):
    def test_whole_frames(self) -> None:
        """At either side of each border between two spellings of the length, wherever the frame begins."""
        for masked in (False, True):
            for length in LENGTHS:
                for before in (b"", b"before"):
                    data = before + head(BINARY, length, masked) + b"m" * length
                    start, stop = span(data, len(before), masked)
                    self.assertEqual((stop - start, stop), (length, len(data)), (masked, length))

    def test_huge_frames(self) -> None:
        data = head(BINARY, (1 << 63) - 1, True)
        start, stop = span(data, 0, True)
        self.assertEqual((start, stop - start), (len(data), (1 << 63) - 1))
        self.assertEqual(span(head(BINARY, 1 << 63, True), 0, True), UNUSUAL)

    @given(st.sampled_from(LENGTHS), st.booleans(), st.data())
    def test_beginnings(self, length: int, masked: bool, data: st.DataObject) -> None:
        """What is missing is never said to be more than it is, and never to be nothing."""
        whole = frame(BINARY, bytes(length), masked=masked)
        cut = data.draw(st.integers(1, max(1, min(len(whole) - 1, 20))))
        _, stop = span(whole[:cut], 0, masked)
        assert cut < stop <= len(whole)

    def test_the_wrong_mask_bit(self) -> None:
        for length in LENGTHS:
            for masked in (False, True):
                self.assertEqual(span(frame(BINARY, bytes(length), masked=masked), 0, not masked), UNUSUAL)

    def test_lengths_that_have_a_shorter_spelling(self) -> None:
        self.assertEqual(span(b"\x82\x7e\x00\x7d" + bytes(125), 0, False), UNUSUAL)
        self.assertEqual(span(b"\x82\x7f" + (0xFFFF).to_bytes(8, "big") + bytes(0xFFFF), 0, False), UNUSUAL)
