"""Writing to a terminal that may not read."""

import fcntl
import os
import pty
import select
import struct
import termios

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.screen.terminal import Terminal, suits


class TerminalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ours, theirs = pty.openpty()
        self.addCleanup(self.hang_up)
        self.stream = open(theirs, "w", encoding="utf-8")
        self.addCleanup(self.stream.close)
        self.terminal = Terminal(self.stream)

    def hang_up(self) -> None:
        if self.ours >= 0:
            os.close(self.ours)
            self.ours = -1

    def read(self) -> bytes:
        data = b""
        while select.select([self.ours], [], [], 0)[0]:
            data += os.read(self.ours, 65536)
        return data

    def test_writes(self) -> None:
        self.terminal.write("→\n")
        self.assertEqual(self.read(), "→\r\n".encode())
        self.assertFalse(self.terminal.busy)

    def test_what_cannot_be_encoded(self) -> None:
        self.terminal.write("a\udcff")
        self.assertEqual(self.read(), b"a\\udcff")

    def test_size(self) -> None:
        self.assertEqual(self.terminal.size, (80, 24), "this one does not know its size")
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 132, 0, 0))
        self.assertEqual(self.terminal.size, (132, 40))

    def test_foreground_of_another_terminal(self) -> None:
        """One that controls no process of ours; the rest is in ``tests.e2e.test_screen``."""
        self.assertFalse(self.terminal.foreground)

    def test_never_blocks(self) -> None:
        text = "x" * 1_000_000
        self.terminal.write(text)
        self.assertTrue(self.terminal.busy)
        self.assertTrue(os.get_blocking(self.stream.fileno()), "what the shell has is as it was")
        read = b""
        while len(read) < len(text):
            read += self.read()
            self.terminal.flush()
        self.assertFalse(self.terminal.busy)
        self.assertEqual(read, text.encode())

    def test_hang_up(self) -> None:
        self.hang_up()
        for _ in range(3):
            self.terminal.write("x")
        self.assertFalse(self.terminal.busy)
        self.terminal.close()

    def test_closes_in_time(self) -> None:
        """Though the terminal takes nothing."""
        self.terminal.write("x" * 1_000_000)
        self.terminal.close()
        self.terminal.write("nothing")
        self.assertFalse(self.terminal.busy)


class SuitsTests(SynchronousTestCase):
    def test_terminals(self) -> None:
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        with open(theirs, "w") as terminal:
            self.assertTrue(suits(terminal, {"TERM": "xterm"}))
            for name in ("dumb", "unknown", ""):
                self.assertFalse(suits(terminal, {"TERM": name}))
            self.assertFalse(suits(terminal, {}))
            self.assertFalse(suits(terminal, {"TERM": "xterm"}, "win32"))
        self.assertFalse(suits(terminal, {"TERM": "xterm"}), "it is closed")

    def test_others(self) -> None:
        self.assertFalse(suits(None, {"TERM": "xterm"}))
        with open(os.devnull, "w") as file:
            self.assertFalse(suits(file, {"TERM": "xterm"}))
