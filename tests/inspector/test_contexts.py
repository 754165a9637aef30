"""Deflate contexts behind frames that a timeline has let go of; `decode.test_sockets` reads with them."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.contexts import BUDGET, Context, Contexts
from sellia.inspector.model import Frame
from sellia.inspector.timeline import Deflate
from tests.inspector.decode.deflating import Sender, timeline


class ContextTests(SynchronousTestCase):
    def frames(self, *texts: bytes) -> list[Frame]:
        line = timeline(Deflate())
        sender = Sender(line)
        for text in texts:
            sender.send(text)
        return list(line.frames())

    def test_goes_on_from_a_copy(self) -> None:
        first, second, third = self.frames(b"hello world", b"hello world again", b"hello")
        context = Context(15, True)
        context.frame(first, 0, BUDGET)
        for each in (context.copy(), context.copy()):
            self.assertEqual(each.frame(second, 100, BUDGET), (b"hello world again", 17))
            self.assertEqual(each.frame(third, 3, BUDGET), (b"hel", 5))

    def test_budget(self) -> None:
        """What inflates to more than the budget of one time loses the direction, and only it."""
        contexts = Contexts(Context(15, True), Context(15, True))
        contexts.passed(self.frames(bytes(BUDGET // 2)))
        self.assertEqual(contexts.visitor.lost, "")
        contexts.passed(self.frames(bytes(BUDGET * 2)))
        self.assertIn("inflates to more than", contexts.visitor.lost)
        self.assertEqual(contexts.service.lost, "")

    def test_uncompressed_messages_and_control_frames_change_nothing(self) -> None:
        first, second = self.frames(b"hello world", b"hello world again")
        contexts = Contexts(Context(15, True), Context(15, True))
        plain = Frame(9, 0.0, True, 0x81, 3, b"abc", 9)
        contexts.passed([first, Frame(8, 0.0, True, 0xC9, 1, b"x", 8), plain])
        self.assertEqual(contexts.visitor.frame(second, 100, BUDGET)[0], b"hello world again")

    def test_deflate_without_takeover_needs_none(self) -> None:
        self.assertIsNone(Deflate(15, 15, False, False).contexts())
        self.assertIsNotNone(Deflate(15, 15, True, False).contexts())
