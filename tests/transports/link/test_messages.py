"""Binary messages of one frame: found however the octets are cut, and everything else handed back untouched."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.link.messages import SingleFrameReader, write_message
from tests.transports.support import BINARY, PING, TEXT, frame, frames, head

LIMIT = 100_000
MESSAGES = (b"", b"x", b"y" * 125, b"z" * 126, b"a" * 0x10000, b"b" * LIMIT)


class Reader:
    """Feeds what it is given, and keeps what comes of it."""

    def __init__(self, masked: bool = True, stop_after: int = -1) -> None:
        self.whole = SingleFrameReader(masked, LIMIT)
        self.messages: list[bytes] = []
        self.stop_after = stop_after

    def act(self, message: bytes) -> bool:
        self.messages.append(message)
        return len(self.messages) != self.stop_after

    def feed(self, data: bytes) -> bytes:
        return self.whole.feed(data, self.act)


class WrittenTests(SynchronousTestCase):
    def test_frames(self) -> None:
        for masked in (False, True):
            for message in MESSAGES:
                transport = StringTransport()
                write_message(transport, message, masked)
                self.assertEqual(frames(transport.value()), ([(BINARY, message)], b""))
                self.assertEqual(transport.value()[1] >> 7, masked)


class ReadTests(SynchronousTestCase):
    @given(st.booleans(), st.lists(st.sampled_from(MESSAGES[:4]), max_size=5), st.data())
    def test_any_cut(self, masked: bool, messages: list[bytes], data: st.DataObject) -> None:
        octets = b"".join(frame(BINARY, message, masked=masked) for message in messages)
        reader = Reader(masked)
        while octets:
            size = data.draw(st.integers(1, len(octets)))
            assert reader.feed(octets[:size]) == b""
            octets = octets[size:]
        assert reader.messages == messages

    def test_long_messages_in_pieces(self) -> None:
        for message in MESSAGES[4:]:
            reader = Reader()
            octets = frame(BINARY, message)
            for at in range(0, len(octets), 30_000):
                self.assertEqual(reader.feed(octets[at : at + 30_000]), b"")
            self.assertEqual(reader.messages, [message])

    def test_what_is_not_for_it(self) -> None:
        """It is handed back from its first octet on, with all that follows it."""
        others = (
            frame(PING, b"p"),
            frame(TEXT, b"t"),
            frame(0x02, b"a fragment"),
            frame(0xC2, b"compressed"),
            frame(BINARY, b"not masked", masked=False),
            head(BINARY, LIMIT + 1, True),
        )
        for other in others:
            reader = Reader()
            self.assertEqual(reader.feed(frame(BINARY, b"one") + other + b"rest"), other + b"rest")
            self.assertEqual(reader.messages, [b"one"])

    def test_it_stops_when_told(self) -> None:
        reader = Reader(stop_after=2)
        self.assertEqual(reader.feed(frame(BINARY, b"m") * 3), frame(BINARY, b"m"))
        self.assertEqual(reader.messages, [b"m"] * 2)

    def test_giving_up(self) -> None:
        """The beginning of a message goes to whoever reads on, and is kept no longer."""
        reader = Reader()
        octets = frame(BINARY, b"x" * 1000)
        reader.feed(octets[:1])
        reader.feed(octets[1:500])
        self.assertEqual(reader.whole.give_up(), octets[:500])
        self.assertEqual(reader.whole.give_up(), b"")
        self.assertEqual(reader.feed(octets), b"")
        self.assertEqual(reader.messages, [b"x" * 1000])
