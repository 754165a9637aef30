"""Masking, by either way and in any pieces, is the XOR of RFC 6455."""

import os
import random
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.websocket.masking import mask, masked_frame, masker, native_masking, new_key

KEY = b"\x00\x9f\x10\xff"
SIZES = (1, 2, 3, 4, 5, 7, 125, 511, 512, 513, 4096, 65_537)


def plainly(payload: bytes, key: bytes) -> bytes:
    return bytes(octet ^ key[at % 4] for at, octet in enumerate(payload))


class MaskTests(SynchronousTestCase):
    def test_example(self) -> None:
        """RFC 6455, 5.7: a masked "Hello"."""
        self.assertEqual(mask(b"Hello", bytes.fromhex("37fa213d")), bytes.fromhex("7f9f4d5158"))

    def test_sizes(self) -> None:
        """On both sides of the size from which another way is taken."""
        for size in SIZES:
            payload = bytes(at * 7 & 0xFF for at in range(size))
            self.assertEqual(mask(payload, KEY), plainly(payload, KEY), size)
            self.assertEqual(mask(mask(payload, KEY), KEY), payload, size)

    def test_empty(self) -> None:
        self.assertEqual(mask(b"", KEY), b"")
        self.assertEqual(masked_frame(b"\x81\x80", KEY, b""), b"\x81\x80" + KEY)

    def test_frames(self) -> None:
        """With heads of every length that there is, and the payload left as it was."""
        for head in (b"ab", b"abcd", b"abcdefghij"):
            for size in SIZES:
                payload = bytes(at * 7 & 0xFF for at in range(size))
                before = bytes(payload)
                self.assertEqual(bytes(masked_frame(head, KEY, payload)), head + KEY + plainly(payload, KEY), size)
                self.assertEqual(payload, before)

    def test_without_the_native_code(self) -> None:
        """An Autobahn that was built, or is told to do, without it."""
        program = (
            "from sellia.transports.websocket.masking import mask, masked_frame, native_masking\n"
            "payload, key = bytes(range(250)) * 4, bytes.fromhex('009f10ff')\n"
            "print(native_masking(), mask(payload, key).hex(), masked_frame(b'ab', key, payload).hex())\n"
        )
        env = {**os.environ, "AUTOBAHN_USE_NVX": "0"}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True)
        masked = plainly(bytes(range(250)) * 4, KEY)
        self.assertEqual(done.stdout.split(), ["False", masked.hex(), (b"ab" + KEY + masked).hex()])

    @given(st.binary(min_size=1, max_size=3000), st.binary(min_size=4, max_size=4), st.data())
    def test_pieces(self, payload: bytes, key: bytes, data: st.DataObject) -> None:
        cut = data.draw(st.integers(0, len(payload)))
        it = masker(key, len(payload))
        pieces = [it.process(piece) for piece in (payload[:cut], payload[cut:]) if piece]
        assert b"".join(pieces) == plainly(payload, key) == mask(payload, key)

    def test_keys(self) -> None:
        keys = {new_key() for _ in range(100)}
        self.assertGreater(len(keys), 95)
        self.assertEqual({len(key) for key in keys}, {4})

    def test_keys_are_drawn_from_the_system(self) -> None:
        """Whoever knows the state of ``random`` knows nothing of them."""
        found = []
        for _ in range(2):
            random.seed(1)
            found.append([new_key() for _ in range(3000)])
        self.assertNotEqual(found[0], found[1])
        self.assertLess(len(set(found[0]) & set(found[1])), 10)

    def test_a_fork_has_keys_of_its_own(self) -> None:
        new_key()
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.write(writer, b"".join(new_key() for _ in range(8)))
            os._exit(0)
        os.waitpid(child, 0)
        self.assertNotEqual(os.read(reader, 32), b"".join(new_key() for _ in range(8)))
        os.close(reader)
        os.close(writer)

    def test_native(self) -> None:
        self.assertIsInstance(native_masking(), bool)
