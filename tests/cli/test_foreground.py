"""The life of a foreground client: started, interrupted once or twice, refused, broken."""

import io
import signal
from types import SimpleNamespace
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.exits import Exit
from sellia.cli.foreground import Foreground
from sellia.cli.output import LinePrinter, plain
from sellia.client.events import Refused, UnderWay
from sellia.errors import RefusedError, SettingsError


class ScriptedService(Service):
    """A client whose end, and whose stopping, the test decides."""

    settings = SimpleNamespace(drain_timeout=30.0)

    def __init__(self) -> None:
        self.finished: Deferred[None] = Deferred()
        self.stopping: Deferred[None] = Deferred()
        self.stops = 0
        self.trouble: Exception | None = None

    def under_way(self) -> UnderWay:
        return UnderWay(2, 1)

    def startService(self) -> None:
        if self.trouble is not None:
            raise self.trouble
        super().startService()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self.stops += 1
        return self.stopping


class StoppableReactor(MemoryReactorClock):
    """A reactor that is not run: what it is asked to do is done by the test."""

    stopped = 0

    def stop(self) -> None:
        self.stopped += 1

    def callFromThread(self, function: Any, *arguments: Any) -> None:
        function(*arguments)


class ForegroundTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.screen = io.StringIO()
        self.service = ScriptedService()
        self.reactor = StoppableReactor()
        self.signals: dict[int, Any] = {}
        self.printer = LinePrinter(plain(self.screen))
        self.foreground = Foreground(self.service, self.printer, self.reactor, self.signals.__setitem__, lambda: True)

    def signal(self, number: int = signal.SIGINT) -> None:
        self.signals[number](number, None)

    def test_starts(self) -> None:
        self.foreground.start()
        self.assertTrue(self.service.running)
        self.assertEqual(set(self.signals), {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

    def test_first_signal_waits(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.setUp()
            self.foreground.start()
            self.signal(number)
            self.assertEqual((self.service.stops, self.reactor.stopped), (1, 0))
            told = "Closing: waits for 2 requests and 1 WebSocket, 30 s at most. Ctrl-C again ends at once."
            self.assertEqual(self.screen.getvalue().splitlines()[-1], told)
            self.service.stopping.callback(None)
            self.assertEqual((self.reactor.stopped, self.foreground.status), (1, 0))

    def test_hangup_waits_however_often_it_comes(self) -> None:
        """Both the kernel and the shell send it."""
        self.foreground.start()
        for _ in range(3):
            self.signal(signal.SIGHUP)
        self.assertEqual((self.service.stops, self.reactor.stopped), (1, 0))
        self.service.stopping.callback(None)
        self.assertEqual((self.reactor.stopped, self.foreground.status), (1, 0))

    def test_second_signal_does_not_wait(self) -> None:
        self.foreground.start()
        self.signal()
        self.signal()
        self.assertEqual((self.service.stops, self.reactor.stopped, self.foreground.status), (2, 1, Exit.INTERRUPTED))
        self.assertEqual(self.signals[signal.SIGINT], signal.SIG_DFL)
        self.service.stopping.callback(None)
        self.assertEqual(self.reactor.stopped, 1)

    def test_finished_while_closing(self) -> None:
        """That a client ends because it was told to is no reason to stop it again."""
        self.foreground.start()
        self.signal()
        self.service.finished.callback(None)
        self.assertEqual(self.service.stops, 1)
        self.service.stopping.callback(None)
        self.assertEqual((self.reactor.stopped, self.foreground.status), (1, 0))

    def test_refused(self) -> None:
        self.foreground.start()
        self.service.finished.errback(RefusedError("name-taken", "Somebody else has\x1b it."))
        self.service.stopping.callback(None)
        self.assertEqual((self.reactor.stopped, self.foreground.status), (1, Exit.TAKEN))
        shown = self.screen.getvalue().splitlines()
        self.assertEqual(shown[0], "Somebody else has\\x1b it.")
        self.assertTrue(shown[1].startswith("Choose another name"))

    def test_refusal_is_told_once(self) -> None:
        self.foreground.start()
        self.printer.notify(Refused("name-taken", "Somebody else has it.", True))
        self.service.finished.errback(RefusedError("name-taken", "Somebody else has it."))
        self.service.stopping.callback(None)
        self.assertEqual(self.foreground.status, Exit.TAKEN)
        self.assertEqual(self.screen.getvalue().count("Somebody else has it."), 1)

    def test_ended_by_itself(self) -> None:
        self.foreground.start()
        self.service.finished.callback(None)
        self.service.stopping.callback(None)
        self.assertEqual((self.service.stops, self.reactor.stopped, self.foreground.status), (1, 1, 0))

    def test_broken(self) -> None:
        """A mistake of ours is logged with all that is known about it."""
        self.foreground.start()
        self.service.finished.errback(ZeroDivisionError("oops"))
        self.service.stopping.callback(None)
        self.assertEqual((self.reactor.stopped, self.foreground.status), (1, Exit.FAILED))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_does_not_start(self) -> None:
        self.service.trouble = SettingsError("the line", "the hint")
        self.foreground.start()
        self.service.stopping.callback(None)
        self.assertEqual((self.reactor.stopped, self.foreground.status), (1, Exit.SETTINGS))
        self.assertEqual(self.screen.getvalue().splitlines(), ["the line", "Hint: the hint"])

    def test_does_not_stop(self) -> None:
        self.foreground.start()
        self.signal()
        self.service.stopping.errback(ZeroDivisionError("oops"))
        self.assertEqual((self.reactor.stopped, self.foreground.status), (1, Exit.FAILED))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Control(Service):
    """What is started behind the client."""


class ControlledTests(ForegroundTests):
    """With a control socket, and settings that can be read again."""

    def setUp(self) -> None:
        super().setUp()
        self.there = True
        self.reloads = 0
        self.control = Control()
        self.foreground = Foreground(
            self.service, self.printer, self.reactor, self.signals.__setitem__, lambda: self.there
        )
        self.foreground.serve(self.control, self.reload)

    def reload(self) -> None:
        self.reloads += 1

    def test_hangup_waits_however_often_it_comes(self) -> None:
        self.foreground.start()
        self.there = False
        for _ in range(3):
            self.signal(signal.SIGHUP)
        self.assertEqual((self.service.stops, self.reactor.stopped, self.reloads), (1, 0, 0))

    def test_is_started_behind_the_client(self) -> None:
        self.foreground.start()
        self.assertTrue(self.control.running)

    def test_not_where_the_client_does_not_start(self) -> None:
        self.service.trouble = SettingsError("the line")
        self.foreground.start()
        self.assertFalse(self.control.running)

    def test_hangup_while_the_terminal_is_there(self) -> None:
        """Somebody wants the settings to be read again."""
        self.foreground.start()
        self.signal(signal.SIGHUP)
        self.reactor.advance(5)
        self.assertEqual((self.service.stops, self.reloads), (0, 1))

    def test_hangup_of_a_shell_that_ends(self) -> None:
        """It sends the signal on before the terminal is gone."""
        self.foreground.start()
        self.signal(signal.SIGHUP)
        self.there = False
        self.reactor.advance(1)
        self.assertEqual((self.service.stops, self.reloads), (1, 1))

    def test_hangup_without_a_terminal(self) -> None:
        self.there = False
        self.foreground.start()
        self.signal(signal.SIGHUP)
        self.reactor.advance(5)
        self.assertEqual((self.service.stops, self.reloads), (0, 1))

    def test_ended_by_a_command(self) -> None:
        self.foreground.start()
        self.foreground.end(False)
        self.assertEqual((self.service.stops, self.reactor.stopped), (1, 0))
        self.service.stopping.callback(None)
        self.assertEqual((self.reactor.stopped, self.foreground.status), (1, 0))

    def test_ended_at_once(self) -> None:
        self.foreground.start()
        self.foreground.end(True)
        self.assertEqual((self.service.stops, self.reactor.stopped), (2, 1))
