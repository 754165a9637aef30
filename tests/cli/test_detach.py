"""Detaching: the log, what is written where, and when the terminal is let go; with processes in ``tests.e2e``."""

import io
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli import detach as module
from sellia.cli.detach import LOGS, DetachedLog, Handover, Outlet, detach
from sellia.cli.display import Display
from sellia.client.events import Connected, Problem, Refused
from sellia.client.tunnel import TunnelState
from sellia.errors import SettingsError


class LogCase(SynchronousTestCase):
    def setUp(self) -> None:
        base = tempfile.TemporaryDirectory()
        self.addCleanup(base.cleanup)
        self.directory = Path(base.name)
        self.path = self.directory / "http-4711.log"


class LogTests(LogCase):
    def test_only_for_this_user(self) -> None:
        log = DetachedLog(self.path)
        self.assertEqual(log.write("caf\u00e9\ud800\n"), 6)
        log.flush()
        date, said = self.path.read_bytes().splitlines()
        self.assertRegex(date, rb"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertEqual(said, "café\\ud800".encode())
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_of_limited_size(self) -> None:
        """And what is written to the descriptors that it took goes along."""
        number = os.open(self.directory / "taken", os.O_CREAT | os.O_WRONLY)
        self.addCleanup(os.close, number)
        log = DetachedLog(self.path, limit=100)
        log.take(number)
        for index in range(100):
            log.write(f"{index:09}\n")
            if index == 95:
                os.write(number, b"by another\n")
        older = self.directory / "http-4711.log.1"
        self.assertEqual(self.path.read_text().splitlines()[-1], "000000099")
        self.assertIn("by another", self.path.read_text() + older.read_text())
        self.assertLessEqual(max(self.path.stat().st_size, older.stat().st_size), 120)
        self.assertEqual(len(list(self.directory.iterdir())), 3)

    def test_symbolic_link(self) -> None:
        self.path.symlink_to(self.directory / "elsewhere")
        self.assertIn("--detach: cannot write", str(self.assertRaises(SettingsError, DetachedLog, self.path)))
        self.assertFalse((self.directory / "elsewhere").exists())

    def test_old_logs_are_removed(self) -> None:
        """Those of clients that run are not, and neither is what is no log."""
        for number in range(LOGS + 5):
            path = self.directory / f"http-{99_000_000 + number}.log"
            path.write_text("")
            os.utime(path, (number, number))
        kept = [self.directory / name for name in (f"start-{os.getpid()}.log", "note.log", "http-1.txt")]
        for path in kept:
            path.write_text("")
            os.utime(path, (0, 0))
        module._prune(self.directory)
        left = {path.name for path in self.directory.iterdir()}
        self.assertEqual(len(left), LOGS + len(kept))
        self.assertEqual({path.name for path in kept} - left, set())
        self.assertNotIn("http-99000000.log", left)

    def test_no_place(self) -> None:
        (self.directory / "sellia").write_text("")
        error = self.assertRaises(
            SettingsError, detach, "sellia http", lambda _: 0, {"XDG_STATE_HOME": str(self.directory)}
        )
        self.assertIn("--detach: there is no place for the log: ", error.line)


class HandoverTests(LogCase):
    def setUp(self) -> None:
        super().setUp()
        self.out, self.errors = io.StringIO(), io.StringIO()
        self.told, tell = os.pipe()
        self.addCleanup(os.close, self.told)
        log = DetachedLog(self.path)
        self.taken: list[Any] = []
        self.patch(log, "take", lambda *numbers: self.taken.append(numbers))
        self.handover = Handover(log, tell, self.out, self.errors)
        self.tunnels = [SimpleNamespace(state=TunnelState.ASKED), SimpleNamespace(state=TunnelState.ASKED)]
        client: Any = SimpleNamespace(session=SimpleNamespace(tunnels=self.tunnels))
        self.handover.watch(client)

    def opened(self, index: int, state: TunnelState = TunnelState.OPEN) -> None:
        self.tunnels[index].state = state
        if state is TunnelState.OPEN:
            self.handover.notify(Connected(f"t{index}", f"http://t{index}.localhost", "text:x"))
        else:
            self.handover.notify(Refused("name-taken", "No.", True))

    def test_once_all_are_open(self) -> None:
        self.handover.printer(Display())
        self.opened(0)
        self.assertEqual(self.taken, [])
        self.handover.notify(Problem("soon"))
        self.opened(1)
        self.assertEqual(self.taken, [(1, 2)])
        self.assertEqual(os.read(self.told, 2), b"+")
        self.assertEqual(os.read(self.told, 1), b"", "the parent is told once")
        self.assertEqual(self.out.getvalue(), "http://t0.localhost\nhttp://t1.localhost\n")
        self.assertIn("soon", self.errors.getvalue())
        self.assertIn(f"Runs as process {os.getpid()}: 'sellia stop {os.getpid()}'", self.errors.getvalue())
        before = self.errors.getvalue()
        self.handover.notify(Problem("later"))
        self.opened(1)
        self.assertEqual(self.errors.getvalue(), before)
        self.assertEqual(self.out.getvalue().count("http"), 2)
        self.assertIn("later", self.path.read_text())
        self.assertIn("soon", self.path.read_text())

    def test_one_is_refused(self) -> None:
        """Those that are open stay; a client without any ends by itself."""
        self.handover.printer(Display())
        self.opened(0, TunnelState.REFUSED)
        self.assertEqual(self.taken, [])
        self.opened(1)
        self.assertEqual(self.taken, [(1, 2)])

    def test_json(self) -> None:
        self.handover.printer(Display(as_json=True))
        self.opened(0)
        self.opened(1)
        self.handover.notify(Problem("later"))
        self.assertEqual(self.out.getvalue().count('"event"'), 2)
        self.assertEqual(self.path.read_text().count('"event"'), 3)

    def test_the_parent_is_gone(self) -> None:
        self.handover.printer(Display(quiet=True))
        read = os.dup(self.told)
        os.close(read)
        self.opened(0)
        self.opened(1)
        self.assertEqual(self.taken, [(1, 2)])


class OutletTests(SynchronousTestCase):
    def test_until_it_is_alone(self) -> None:
        first, second = io.StringIO(), io.StringIO()
        outlet = Outlet(first, second)
        outlet.write("a")
        outlet.alone()
        outlet.write("b")
        outlet.flush()
        self.assertEqual((first.getvalue(), second.getvalue(), outlet.isatty()), ("ab", "a", False))
