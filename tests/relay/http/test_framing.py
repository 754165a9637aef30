"""Where a response ends, as its fields and chunks say."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.relay.http.framing import chunk_size, is_chunked, one_length, with_length


class LengthTests(SynchronousTestCase):
    def test_lengths_that_are_one(self) -> None:
        for values, length, plain in (
            ([b"5"], 5, True),
            ([b"0"], 0, True),
            ([b"005"], 5, False),
            ([b"00"], 0, False),
            ([b"5", b"5"], 5, False),
            ([b"5, 5"], 5, False),
            ([b"5", b"05 ,5"], 5, False),
            ([b"9" * 18], 10**18 - 1, True),
        ):
            self.assertEqual(one_length(values), (length, plain), msg=repr(values))

    def test_lengths_that_are_none(self) -> None:
        for values in (
            [b"1", b"2"],
            [b"1, 2"],
            [b"5,"],
            [b""],
            [b"+5"],
            [b"-1"],
            [b"0x5"],
            [b"5 5"],
            [b"9" * 19],
            [b"1" * 5000],
            [b"\xb2"],
        ):
            self.assertRaises(ProblemError, one_length, values)

    def test_one_length_is_left_where_the_first_stood(self) -> None:
        section = [(b"A", b"1"), (b"content-LENGTH", b"05"), (b"B", b"2"), (b"Content-Length", b"5")]
        self.assertEqual(with_length(section, 5), [(b"A", b"1"), (b"content-LENGTH", b"5"), (b"B", b"2")])


class CodingTests(SynchronousTestCase):
    def test_codings_that_are_spoken(self) -> None:
        for codings in ([b"chunked"], [b"Chunked "], [b"identity, chunked"], [b", chunked"]):
            self.assertTrue(is_chunked(codings))
        self.assertFalse(is_chunked([b"identity"]))

    def test_codings_that_are_not(self) -> None:
        for codings in ([b"gzip"], [b"gzip, chunked"], [b"chunked", b"chunked"], [b"xchunked"], [b"chunked;a"]):
            self.assertRaises(ProblemError, is_chunked, codings)


class ChunkSizeTests(SynchronousTestCase):
    def test_sizes(self) -> None:
        for line, size in (
            (b"5", 5),
            (b"5 \r", 5),
            (b"00005\t;name=value\r", 5),
            (b"fF", 255),
            (b"0", 0),
            (b"000 ", 0),
            (b"F" * 15, 16**15 - 1),
        ):
            self.assertEqual(chunk_size(line), size, msg=repr(line))

    def test_no_sizes(self) -> None:
        for line in (b"", b"\r", b";a", b"0x5", b"-1", b"+1", b"1_0", b"5 5", b"g", b"F" * 16, b"\xb2"):
            self.assertRaises(ProblemError, chunk_size, line)
