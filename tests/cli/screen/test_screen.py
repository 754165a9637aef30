"""The screen: lines that scroll by above the block, keys, resizing, and what is left at the end."""

import re
import signal
from random import Random
from typing import Any

from rich.console import Console
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.output import Lines
from sellia.cli.screen.screen import INTERVAL, LINES, NOTICE, TICK, Screen
from sellia.client.events import Connected, Event, LinkBack, LinkLost, Reconnecting, Refused, UnderWay
from tests.cli.screen.stage import TARGET, URL, EmulatedTerminal, visit


class Clock(MemoryReactorClock):
    def callFromThread(self, function: Any, *arguments: Any) -> None:
        function(*arguments)


class FakeClient:
    server = "https://tunnel.example.com"
    round_trip = 0.012

    def under_way(self) -> UnderWay:
        return UnderWay(2)


class ScreenCase(SynchronousTestCase):
    size = 80, 24

    def setUp(self) -> None:
        self.reactor = Clock()
        self.terminal = EmulatedTerminal(*self.size)
        self.console = Console(width=500, highlight=False, emoji=False, markup=False, color_system=None)
        self.signals: dict[int, Any] = {}
        self.client = FakeClient()
        self.screen = self.make()

    def make(self) -> Screen:
        """A screen on the terminal, which shows the client."""
        terminal: Any = self.terminal
        lines = Lines(lambda: 1_700_000_000.0, live=True)
        screen = Screen(terminal, self.console, self.reactor, lines, {}, set_signal=self.signals.__setitem__)
        screen.begin(self.client)
        screen.status.keys = True
        return screen

    def connect(self) -> None:
        self.screen.notify(Connected("myapp", URL, TARGET))
        self.reactor.advance(INTERVAL)

    def shown(self) -> str:
        return "\n".join(self.terminal.shown)

    def block(self) -> list[str]:
        """The rows of the block: those behind the empty one."""
        shown = self.terminal.shown
        return shown[len(shown) - shown[::-1].index("") :]


class PaintingTests(ScreenCase):
    def test_at_once(self) -> None:
        self.assertIn("connecting to tunnel.example.com", self.shown())

    def test_lines_scroll_above_the_block(self) -> None:
        self.connect()
        for number in range(1, 31):
            visit(self.screen, number, target=f"/{number}")
            self.reactor.advance(INTERVAL)
        shown = self.terminal.shown
        self.assertEqual(len(shown), 24)
        lines = [row for row in self.terminal.scrolled + shown if "GET" in row]
        self.assertEqual([row.split()[2] for row in lines], [f"/{number}" for number in range(1, 31)])
        self.assertIn("30 in all", shown[-2])
        self.assertEqual(self.shown().count("in all"), 1)
        self.assertNotIn("in all", "\n".join(self.terminal.scrolled), "the block leaves nothing behind")

    def test_lines_that_just_fit(self) -> None:
        """No character is lost at the last column, and nothing of the block stays beside a line."""
        self.connect()
        for number in range(1, 40):
            visit(self.screen, number, target="/" + "x" * number)
            self.reactor.advance(INTERVAL)
        expected = []
        for number in range(1, 40):
            line = f"22:13:20  GET     /{'x' * number}  200  12 ms  10 B in, 2.0 KiB out"
            expected += [line[at : at + 80].rstrip() for at in range(0, len(line), 80)]
        every = self.terminal.scrolled + self.terminal.shown
        self.assertEqual(every[1 : len(expected) + 1], expected)
        # xterm erases the last column as well where it is told to erase behind it.
        self.assertNotRegex("".join(self.terminal.written), r"GET[^\n]*\x1b\[K")

    def test_the_cursor_rests_above_the_block(self) -> None:
        self.connect()
        self.assertEqual((self.terminal.emulator.cursor.x, self.terminal.emulator.cursor.y), (0, 1))

    def test_ten_pictures_a_second(self) -> None:
        self.connect()
        del self.terminal.written[:]
        for number in range(1000):
            visit(self.screen, number)
            self.reactor.advance(0.001)
        self.reactor.advance(INTERVAL)
        self.assertLessEqual(len(self.terminal.written), 12)
        self.assertEqual(len(re.findall("GET", "".join(self.terminal.written))), 1000)

    def test_a_flood_of_lines(self) -> None:
        self.connect()
        for number in range(LINES + 100):
            visit(self.screen, number)
        self.reactor.advance(INTERVAL)
        every = self.terminal.scrolled + self.terminal.shown
        self.assertEqual([row for row in every if "too many" in row], ["100 more lines, too many to show"])

    def test_nothing_new(self) -> None:
        self.connect()
        del self.terminal.written[:]
        for _ in range(30):
            self.reactor.advance(TICK)
        self.assertLessEqual(len(self.terminal.written), 30)
        for _ in range(20):  # from now on only the minutes change
            self.reactor.advance(60.0)
        del self.terminal.written[:]
        self.reactor.advance(TICK)
        self.assertEqual(self.terminal.written, [])

    def test_a_terminal_that_does_not_read(self) -> None:
        self.connect()
        self.terminal.busy = True
        del self.terminal.written[:]
        for number in range(10):
            visit(self.screen, number)
            self.reactor.advance(TICK)
        self.assertEqual(self.terminal.written, [])
        self.terminal.busy = False
        self.reactor.advance(TICK)
        self.assertEqual("".join(self.terminal.written).count("GET"), 10)

    def test_round_trip(self) -> None:
        self.connect()
        self.client.round_trip = 0.25
        self.reactor.advance(TICK)
        self.assertIn("250 ms", self.shown())

    def test_no_link(self) -> None:
        self.connect()
        self.screen.notify(LinkLost("reset"))
        self.screen.notify(Reconnecting(3.0, 120.0))
        self.reactor.advance(INTERVAL)
        self.assertIn("no link for 3 s · visitors wait, 117 s more · reset", self.shown())
        self.assertEqual(len([row for row in self.terminal.shown if "trying to get it back" in row]), 1)

    def test_hostile_text(self) -> None:
        """A visitor can neither steer the terminal nor fake a line, nor make the block fall apart."""
        self.connect()
        block = self.block()
        targets = ["/\x1b[2J\x1b[H", "/\r\n\x9b1A", "/" + "宽" * 200, "/\u202e", "/e" + "\u0301" * 50]
        for number, target in enumerate(targets):
            visit(self.screen, number, target=target)
            self.reactor.advance(INTERVAL)
        self.assertEqual(self.terminal.shown[0][10:18], "open    ")
        self.assertEqual(len(self.block()), len(block))
        self.assertTrue(all(line.isprintable() for line in self.terminal.shown))

    def test_background(self) -> None:
        """Lines, and no block, until the client is in the foreground again."""
        self.connect()
        self.terminal.foreground = False
        visit(self.screen)
        self.reactor.advance(INTERVAL)
        self.assertEqual(len(self.terminal.shown), 2)
        self.terminal.foreground = True
        self.reactor.advance(TICK)
        self.assertIn("1 in all", self.shown())

    def test_the_log(self) -> None:
        self.connect()
        self.screen.log("Traceback\n  \x1b[2J\n")
        self.reactor.advance(INTERVAL)
        self.assertEqual(self.terminal.shown[1:3], ["Traceback", "  \\x1b[2J"])


class ResizeTests(ScreenCase):
    def resize(self, width: int, height: int) -> None:
        self.terminal.resize(width, height)
        self.signals[signal.SIGWINCH](signal.SIGWINCH, None)
        self.reactor.advance(INTERVAL)

    def test_narrower_and_wider(self) -> None:
        self.connect()
        visit(self.screen)
        self.reactor.advance(INTERVAL)
        for width, height in ((60, 24), (30, 24), (120, 40), (80, 24)):
            self.resize(width, height)
            text = self.shown()
            self.assertEqual((text.count(" in all"), text.count("1 open") + text.count("0 open")), (1, 1), text)
            self.assertLessEqual(max(map(len, self.block())), width - 1)

    def test_hardly_any_room(self) -> None:
        self.connect()
        self.resize(40, 3)
        self.assertEqual(self.terminal.shown[-1], f" ● {URL}")
        self.resize(80, 24)
        self.assertIn("0 in all", self.shown())


class KeyTests(ScreenCase):
    def press(self, key: str) -> str:
        self.screen.press(key)
        self.reactor.advance(INTERVAL)
        return self.shown()

    def test_before_there_is_a_url(self) -> None:
        for key in "qoc":
            self.assertIn("There is no URL yet", self.press(key))
            self.reactor.advance(NOTICE)
            self.assertNotIn("There is no URL yet", self.shown())

    def test_help(self) -> None:
        self.connect()
        self.assertIn("show the URL as a QR code", self.press("?"))
        self.assertNotIn("show the URL as a QR code", self.press("?"))

    def test_code(self) -> None:
        self.connect()
        self.assertIn("█", self.press("q"))
        self.assertIn("any key closes", self.shown())
        self.assertIn("0 in all", self.press("x"))
        self.assertNotIn("█", self.shown())

    def test_code_without_its_characters(self) -> None:
        self.terminal.encoding = "ascii"
        self.screen = self.make()
        self.connect()
        self.assertIn("A QR code needs a terminal of UTF-8", self.press("q"))
        self.assertIn(f"{URL} -> {TARGET}", self.shown())

    def test_code_that_does_not_fit(self) -> None:
        self.connect()
        self.terminal.resize(80, 15)
        self.assertIn("The terminal is too small for a QR code", self.press("q"))

    def test_code_whose_terminal_shrinks(self) -> None:
        self.connect()
        self.press("q")
        self.terminal.resize(80, 15)
        self.signals[signal.SIGWINCH](signal.SIGWINCH, None)
        self.reactor.advance(INTERVAL)
        self.assertNotIn("any key closes", self.shown())
        self.assertIn("c copy", self.press("x"))

    def test_pause(self) -> None:
        self.connect()
        self.assertIn("paused, 0 lines held back", self.press("p"))
        for number in range(LINES + 3):
            visit(self.screen, number)
        self.reactor.advance(INTERVAL)
        self.assertIn(f"paused, {LINES + 3} lines held back", self.shown())
        self.assertNotIn("GET", self.shown())
        self.press("p")
        every = self.terminal.scrolled + self.terminal.shown
        self.assertEqual(len([row for row in every if "GET" in row]), LINES)
        self.assertTrue(any("3 earlier lines not shown" in row for row in every))

    def test_copy(self) -> None:
        self.connect()
        self.assertIn("Copied, if this terminal lets programs copy", self.press("c"))
        self.assertTrue(any(each.startswith("\x1b]52;c;aHR0cHM6") for each in self.terminal.written))

    def test_open(self) -> None:
        self.connect()
        self.assertIn("There is no browser on this machine", self.press("o"))

    def test_open_what_is_no_page(self) -> None:
        self.screen.notify(Connected("20017", "tcp://tunnel.example.com:20017", "localhost:5432"))
        self.assertIn("This URL is none for a browser", self.press("o"))

    def test_several_tunnels(self) -> None:
        self.connect()
        self.screen.notify(Connected("api", "https://api.tunnel.example.com", "http://localhost:8000"))
        self.press("2")
        tunnel = self.screen.status.tunnel
        assert tunnel is not None
        self.assertEqual(tunnel.name, "api")
        self.press("3")
        self.assertEqual(self.screen.status.chosen, 1)

    def test_other_keys(self) -> None:
        self.connect()
        before = self.shown()
        self.assertEqual(self.press("x"), before)


class EndTests(ScreenCase):
    def test_closing(self) -> None:
        self.connect()
        self.screen.closing(UnderWay(2, 1), 30.0)
        self.reactor.advance(INTERVAL)
        self.assertIn("closing: waits for 2 requests · 30 s at most\n", self.shown())

    def test_leaves_the_lines_and_a_summary(self) -> None:
        self.connect()
        self.screen.press("p")
        visit(self.screen)
        self.screen.ended(0)
        shown = self.terminal.shown
        self.assertEqual(len(shown), 3)
        self.assertIn("GET     /  200", shown[1])
        self.assertEqual(shown[2], "Ended after 0 s: 1 visit, half of them within 12 ms, 10 B in, 2.0 KiB out.")
        self.assertEqual((self.terminal.emulator.cursor.x, self.terminal.emulator.cursor.y), (0, 3))
        self.assertTrue(self.terminal.closed)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_nothing_is_painted_behind_it(self) -> None:
        self.connect()
        self.screen.ended(0)
        self.screen.ended(0)
        written = len(self.terminal.written)
        self.screen.notify(LinkLost("reset"))
        self.signals[signal.SIGWINCH](signal.SIGWINCH, None)
        self.reactor.advance(10.0)
        self.assertEqual(len(self.terminal.written), written)

    def test_refused_at_once(self) -> None:
        self.screen.notify(Refused("name-taken", "Somebody else has it.", True))
        self.assertTrue(self.screen.told_refusal)
        self.screen.ended(73)
        self.assertNotIn("Ended", self.shown(), "a client that never had a URL has no figures")


class AnythingTests(ScreenCase):
    def test_one_block_whatever_happens(self) -> None:
        """Lines, keys, sizes and outages in any order leave one block on the screen, and no line is lost or twice."""
        random = Random(7)
        outage: list[Event] = [LinkLost("reset"), Reconnecting(3.0, 120.0), LinkBack(1.0, 1, True)]
        self.connect()
        told = 0
        for step in range(400):
            match random.randrange(7):
                case 0 | 1:
                    told += 1
                    visit(self.screen, step, target=f"/n{told}")
                case 2:
                    self.screen.press(random.choice("qocp?12x"))
                case 3:
                    self.screen.notify(random.choice(outage))
                case 4:
                    self.screen.notify(Connected(f"t{step % 3}", f"https://t{step % 3}.example.com", TARGET))
                case 5:
                    self.terminal.busy = random.random() < 0.2
                case 6:
                    self.reactor.advance(random.random())
        self.terminal.busy = False
        if self.screen.status.held is not None:
            self.screen.press("p")
        for _ in range(10):
            self.screen.press("x")  # no view but the block
            self.reactor.advance(1.0)
        self.assertEqual(self.shown().count(" in all"), 1, self.shown())
        every = self.terminal.scrolled + self.terminal.shown
        lines = [row.split()[2] for row in every if "  GET     /" in row]
        self.assertEqual(lines, [f"/n{number}" for number in range(1, told + 1)])
        self.assertNotIn(" in all", "\n".join(self.terminal.scrolled))
