"""Keys of a terminal.  What needs a terminal that controls a process is in ``tests.e2e.test_screen``."""

import os
import pty
import termios
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.screen.keyboard import Keyboard


class ForegroundKeyboard(Keyboard):
    """One of a terminal that need not control the process of the tests."""

    front = True

    def foreground(self) -> bool:
        return self.front


class KeyboardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ours, self.theirs = pty.openpty()
        for each in (self.ours, self.theirs):
            self.addCleanup(os.close, each)
        self.reactor: Any = MemoryReactorClock()
        self.keys: list[str] = []
        self.keyboard = ForegroundKeyboard(self.theirs, self.reactor, self.keys.append)
        self.addCleanup(self.keyboard.stop)
        self.before = termios.tcgetattr(self.theirs)

    def type(self, data: bytes) -> None:
        os.write(self.ours, data)
        self.keyboard.doRead()

    def test_keys_come_one_by_one(self) -> None:
        self.assertTrue(self.keyboard.start())
        self.assertEqual(self.reactor.getReaders(), [self.keyboard])
        self.type(b"q")
        self.type(b"?pp")
        self.assertEqual(self.keys, ["q", "?", "p", "p"])

    def test_what_is_no_key(self) -> None:
        self.keyboard.start()
        for data in (b"\x1b[A", b"pasted text", b"\n", b"\x00", "é".encode(), b"\xff"):
            self.type(data)
        self.assertEqual(self.keys, [])

    def test_modes(self) -> None:
        """Signals and the output are as they were."""
        self.keyboard.start()
        modes = termios.tcgetattr(self.theirs)
        self.assertFalse(modes[3] & (termios.ICANON | termios.ECHO))
        self.assertTrue(modes[3] & termios.ISIG)
        self.assertFalse(modes[0] & termios.IXON)
        self.assertEqual(modes[1], self.before[1])
        self.keyboard.stop()
        self.assertEqual(termios.tcgetattr(self.theirs), self.before)
        self.assertEqual(self.reactor.getReaders(), [])

    def test_start_and_stop_again(self) -> None:
        for _ in range(2):
            self.assertTrue(self.keyboard.start())
            self.assertTrue(self.keyboard.start())
            self.keyboard.stop()
            self.keyboard.stop()
        self.assertEqual(termios.tcgetattr(self.theirs), self.before)

    def test_background(self) -> None:
        """Nothing is changed there, and nothing is read."""
        self.keyboard.front = False
        self.assertFalse(self.keyboard.start())
        self.assertEqual(termios.tcgetattr(self.theirs), self.before)
        self.keyboard.front = True
        self.keyboard.start()
        modes = termios.tcgetattr(self.theirs)
        self.keyboard.front = False
        os.write(self.ours, b"q")
        self.keyboard.doRead()
        self.assertEqual((self.keys, self.keyboard.started), ([], False))
        self.assertEqual(termios.tcgetattr(self.theirs), modes, "they are somebody else's now")

    def test_what_controls_no_terminal(self) -> None:
        self.assertFalse(Keyboard(self.theirs, self.reactor, self.keys.append).foreground())

    def test_hang_up(self) -> None:
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, theirs)
        keyboard = ForegroundKeyboard(theirs, self.reactor, self.keys.append)
        keyboard.start()
        os.close(ours)
        keyboard.doRead()
        self.assertEqual((self.keys, keyboard.started), ([], False))
