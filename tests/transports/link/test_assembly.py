"""Assembly of link messages from frames: whole, or not kept."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.transports.link.assembly import BEGINNING, FRAGMENT, FRAGMENTS, MessageAssembly


class AssemblyTests(SynchronousTestCase):
    def put(self, assembly: MessageAssembly, *frames: bytes, binary: bool = True) -> bytes | None:
        """One message in these frames, each of which arrives in two pieces."""
        assembly.begin(binary)
        for payload in frames:
            assembly.frame(len(payload))
            assembly.data(payload[: len(payload) // 2])
            assembly.data(payload[len(payload) // 2 :])
        return assembly.end()

    def test_messages(self) -> None:
        assembly = MessageAssembly(100)
        for frames in ((b"",), (b"hello",), (b"in ", b"", b"three"), (bytes(100),)):
            self.assertEqual(self.put(assembly, *frames), b"".join(frames))
            self.assertEqual((assembly.kept, assembly.skipped), (0, False))

    def test_text_is_not_kept(self) -> None:
        assembly = MessageAssembly(100)
        assembly.begin(False)
        assembly.frame(5)
        assembly.data(b"hello")
        self.assertEqual((assembly.kept, assembly.end()), (0, None))
        self.assertEqual(self.put(assembly, b"a"), b"a")

    def test_too_long(self) -> None:
        """It is refused at the head of the frame that makes it so, and nothing of it is kept."""
        for frames in ((101,), (60, 41), (1 << 62,)):
            assembly = MessageAssembly(100)
            assembly.begin(True)
            for length in frames[:-1]:
                assembly.frame(length)
                assembly.data(bytes(length))
            error = self.assertRaises(ProtocolError, assembly.frame, frames[-1])
            self.assertEqual((error.code, assembly.kept), (1009, 0))

    def test_too_many_frames(self) -> None:
        assembly = MessageAssembly(100, 1000)
        assembly.begin(True)
        for _ in range(FRAGMENTS):
            assembly.frame(0)
        self.assertRaises(ProtocolError, assembly.frame, 0)

    def test_frames_that_carry_little(self) -> None:
        """A first frame may be small; from the second on they are counted, unless they carry enough on average."""
        assembly = MessageAssembly(1 << 20)
        assembly.begin(True)
        self.assertEqual([assembly.frame(0), assembly.frame(FRAGMENT - 1), assembly.frame(1)], [False, True, True])
        assembly.begin(True)
        self.assertEqual([assembly.frame(FRAGMENT) for _ in range(5)], [False] * 5)

    def test_skipped(self) -> None:
        """Up to the second limit, the beginning is kept of a message that is too long."""
        assembly = MessageAssembly(10_000, 20_000)
        begin = bytes(range(256)) * 4
        message = self.put(assembly, begin, *[b"x" * 4000] * 4)
        assert message is not None
        self.assertTrue(assembly.skipped)
        self.assertEqual(message[:BEGINNING], begin[:BEGINNING])
        self.assertLessEqual(len(message), 2 * BEGINNING)
        self.assertEqual(self.put(assembly, b"a"), b"a")
        self.assertFalse(assembly.skipped)
        assembly.begin(True)
        assembly.frame(15_000)
        self.assertRaises(ProtocolError, assembly.frame, 5001)
        self.assertEqual((assembly.kept, assembly.skipped), (0, False))
