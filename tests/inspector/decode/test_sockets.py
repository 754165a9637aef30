"""Messages of a WebSocket, joined and inflated: with and without context takeover, in any order, within bounds."""

import tracemalloc
import zlib
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.decode.content import Content
from sellia.inspector.decode.sockets import CHECKPOINTS, DECODED_LIMIT, READERS, Reader, Readers
from sellia.inspector.exchange import new_exchange
from sellia.inspector.timeline import Deflate, Timeline
from tests.inspector.decode.deflating import Sender, timeline


def texts(count: int, seed: int = 7, size: int = 300) -> list[bytes]:
    """Messages that have much in common with each other."""
    random = Random(seed)
    words = [b"%08x" % random.getrandbits(32) for _ in range(60)]
    return [b" ".join(random.choices(words, k=random.randrange(size // 9 + 1))) for _ in range(count)]


def read(line: Timeline, reader: Reader | None = None) -> list[bytes]:
    reader = reader or Reader(line)
    return [reader.content(message).data for message in line.messages()]


class TakeoverTests(SynchronousTestCase):
    def test_every_agreement(self) -> None:
        for bits in (9, 12, 15):
            for takeover in (True, False):
                line = timeline(Deflate(bits, bits, takeover, takeover))
                sender = Sender(line, True, bits, takeover)
                for number, text in enumerate(texts(200)):
                    sender.send(text, parts=1 + number % 4, compressed=number % 5 > 0)
                self.assertEqual(read(line), sender.sent, (bits, takeover))

    def test_both_directions_have_a_context_each(self) -> None:
        line = timeline(Deflate())
        visitor, service = Sender(line, True), Sender(line, False)
        for one, other in zip(texts(50, 1), texts(50, 2), strict=True):
            visitor.send(one)
            line.add(0.0, False, 0x89, b"ping")
            service.send(other, parts=3)
        reader = Reader(line)
        found = [reader.content(m).data for m in line.messages() if m.opcode == 1]
        self.assertEqual(found[::2], visitor.sent)
        self.assertEqual(found[1::2], service.sent)

    def test_example_of_the_rfc(self) -> None:
        """RFC 7692, 7.2.3: a message, in fragments, shared window, no compression, a final block, two blocks."""
        line = timeline(Deflate())
        for first, payload in (
            (0xC1, "f248cdc9c90700"),
            (0x41, "f248cd"),
            (0x80, "c9c90700"),
            (0xC1, "f200110000"),
            (0xC1, "000500faff48656c6c6f00"),
            (0xC1, "f348cdc9c9070000"),
            (0xC1, "f248050000 00ffff cac9c90700"),
        ):
            line.add(0.0, True, first, bytes.fromhex(payload))
        self.assertEqual(read(line), [b"Hello"] * 6)

    def test_in_any_order(self) -> None:
        line = timeline(Deflate(), limit=8 << 20)
        sender = Sender(line)
        for text in texts(3000, size=60):
            sender.send(text)
        reader, random = Reader(line), Random(3)
        messages = line.messages()
        for number in [*random.sample(range(3000), 60), 2999, 0]:
            self.assertEqual(reader.content(messages[number]).data, sender.sent[number], number)
        self.assertLessEqual(len(reader._ways[True]._checkpoints), CHECKPOINTS)

    def test_read_while_it_goes_on(self) -> None:
        line = timeline(Deflate())
        sender, reader = Sender(line), Reader(line)
        for text in texts(100):
            sender.send(text, parts=2)
            self.assertEqual(reader.content(line.messages()[-1]).data, text)


class GapTests(SynchronousTestCase):
    def test_behind_a_gap(self) -> None:
        """What has fallen out is not there, and what comes after it can be read all the same."""
        line = timeline(Deflate(), limit=60_000)
        sender, reader = Sender(line), Reader(line)
        for number, text in enumerate(texts(3000)):
            sender.send(text, parts=1 + number % 3)
            if number % 100 == 0:
                self.assertEqual(reader.content(line.messages()[-1]).data, text)
        assert line.gap is not None
        whole = [message for message in line.messages() if message.complete]
        found = [reader.content(message).data for message in whole]
        count = len([message for message in whole if message.number < line.gap.begin])
        self.assertEqual(found[:count], sender.sent[:count])
        self.assertEqual(found[count:], sender.sent[-(len(whole) - count) :])
        self.assertGreater(len(whole) - count, 20)

    def test_a_frame_that_was_not_kept_whole(self) -> None:
        """With takeover all that follows cannot be read, and says why; without, it can."""
        big = Random(1).randbytes(5000)
        for takeover in (True, False):
            line = timeline(Deflate(15, 15, takeover, takeover), message_limit=1000)
            sender = Sender(line, takeover=takeover)
            for data in (b"before", big, b"after"):
                sender.send(data)
            before, cut, after = (Reader(line).content(message) for message in line.messages())
            self.assertEqual(before, Content(b"before"))
            self.assertTrue(cut.truncated)
            self.assertTrue(big.startswith(cut.data) and len(cut.data) > 500)
            if takeover:
                self.assertEqual(after.data, b"")
                self.assertIn("bytes of frame 1 were not kept", after.problem)
            else:
                self.assertEqual(after, Content(b"after"))


class HostileTests(SynchronousTestCase):
    def bomb(self, megabytes: int) -> bytes:
        compressor = zlib.compressobj(9, wbits=-15)
        data = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(megabytes))
        return data + compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]

    def test_bombs(self) -> None:
        """What comes out is bounded, and so is what it takes."""
        bomb = self.bomb(150)
        line = timeline(Deflate(15, 15, False, False))
        line.add(0.0, True, 0xC1, bomb)
        Sender(line, takeover=False).send(b"after")
        tracemalloc.start()
        try:
            found, after = (Reader(line).content(message) for message in line.messages())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertEqual((len(found.data), found.truncated), (DECODED_LIMIT, True))
        self.assertIn("inflates to more than", found.problem)
        self.assertEqual(after, Content(b"after"))
        self.assertLess(peak, 3 * DECODED_LIMIT)

    def test_a_message_that_is_only_large(self) -> None:
        line = timeline(Deflate())
        sender = Sender(line)
        sender.send(bytes(DECODED_LIMIT + 10))
        sender.send(b"after")
        large, after = (Reader(line).content(message) for message in line.messages())
        self.assertEqual(len(large.data), DECODED_LIMIT)
        self.assertIn(f"It has {DECODED_LIMIT + 10:,} bytes", large.problem)
        self.assertEqual(after, Content(b"after"))

    def test_bombs_that_fall_out(self) -> None:
        """A timeline full of bombs costs a bounded time when it lets go of them, and says that it cannot go on."""
        line = timeline(Deflate(), limit=400_000, message_limit=400_000)
        bomb = self.bomb(20)
        for _ in range(200):
            line.add(0.0, True, 0xC1, bomb)
        assert line.contexts is not None
        self.assertIn("inflates to more than", line.contexts.visitor.lost)
        self.assertIn("cannot be inflated", Reader(line).content(line.messages()[-1]).problem)

    def test_no_deflate_at_all(self) -> None:
        line = timeline(Deflate())
        line.add(0.0, True, 0xC1, b"\xff\xff\xff\xff")
        line.add(0.0, False, 0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00")
        wrong, right = (Reader(line).content(message) for message in line.messages())
        self.assertIn("is not what deflate makes", wrong.problem)
        self.assertEqual(right, Content(b"Hello"))

    def test_compressed_without_agreement(self) -> None:
        line = timeline(None)
        line.add(0.0, True, 0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00")
        found = Reader(line).content(line.messages()[0])
        self.assertIn("no compression was agreed", found.problem)

    def test_noise(self) -> None:
        """Nothing raises, whatever frames say."""
        random = Random(5)
        for seed in range(30):
            line = timeline(Deflate(9, 15, seed % 2 > 0, seed % 3 > 0), limit=20_000, message_limit=2000)
            for _ in range(300):
                first = random.choice((0x01, 0x41, 0x00, 0x80, 0xC1, 0x81, 0x40, 0xC0, 0x88, 0x89))
                line.add(0.0, random.random() < 0.5, first, random.randbytes(random.randrange(60)))
            read(line)


class ReadersTests(SynchronousTestCase):
    def test_bounded(self) -> None:
        readers = Readers()
        for number in range(READERS + 5):
            exchange = new_exchange(number, "websocket")
            exchange.timeline = line = timeline(Deflate())
            Sender(line).send(b"hello")
            self.assertEqual(readers.content(exchange, line.messages()[0]), Content(b"hello"))
        self.assertEqual(len(readers._readers), READERS)
        exchange.timeline = None
        self.assertTrue(readers.content(exchange, line.messages()[0]).problem)

    def test_uncompressed_that_was_cut(self) -> None:
        line = timeline(None, message_limit=3)
        line.add(0.0, True, 0x81, b"abcdef")
        found = Reader(line).content(line.messages()[0])
        self.assertEqual(found, Content(b"abc", True, "3 of its 6 bytes were not kept."))
