"""Runs a client in the foreground: from its start until it has ended by itself, or until the user ends it.

The first SIGINT or SIGTERM stops the service and waits for what is under way; the second does not wait.  A third
does what the signal does by itself, in case nothing else helps.  SIGHUP, from a terminal that hangs up, counts as a
first one only: shells send it on, so it comes more than once.  Where the terminal is still there, or none, somebody has
sent it who wants the settings to be read again.
"""

import signal
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.cli.exits import Exit, exit_of
from sellia.client.events import UnderWay
from sellia.errors import RefusedError, SelliaError
from sellia.process import SHELL_ENDS
from sellia.terminal import has_terminal, on_hangup

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Printer(Protocol):
    """What shows a client's events to whoever runs it."""

    @property
    def told_refusal(self) -> bool:
        """Whether it has shown that, and why, the server will not have this client."""

    def begin(self, client: Any) -> None:
        """Take the client that is shown; called once, before it starts."""

    def say(self, text: str, style: str = "") -> None:
        """Show a sentence of our own; ``dim`` marks one that only concerns a person at a terminal."""

    def closing(self, under_way: UnderWay, seconds: float) -> None:
        """Show what the client waits for before it ends, and for how long at most."""

    def restore(self) -> None:
        """Restore what was changed of the terminal; may be called in a signal handler."""

    def ended(self, status: int) -> None:
        """Note the end of the command, with its exit status."""


SetSignal = Callable[[int, Any], Any]


class Foreground:
    """One run of one client.  ``service`` is a `ClientService`, or what the tests have in its place."""

    _log = Logger()

    def __init__(
        self,
        service: Any,
        printer: Printer,
        reactor: Any,
        set_signal: SetSignal = signal.signal,
        controlled: Callable[[], bool] = has_terminal,
    ) -> None:
        self._service = service
        self._printer = printer
        self._reactor = reactor
        self._set_signal = set_signal
        self._controlled = controlled
        self._control: Any = None
        self._reload: Callable[[], None] | None = None
        self._interrupts = 0
        self._left = False
        self.status: int = Exit.OK

    def serve(self, control: Any, reload: Callable[[], None] | None = None) -> None:
        """Start this service behind the client; ``reload`` is what SIGHUP does while the terminal is still there."""
        self._control = control
        self._reload = reload

    def run(self) -> int:
        """Run the reactor until the client has ended; the exit status."""
        self._reactor.callWhenRunning(self.start)
        try:
            self._reactor.run()
        finally:
            self._printer.restore()
        return self.status

    def start(self) -> None:
        """Begin: called once the reactor runs, because running it sets Twisted's own handlers of signals."""
        for number in _SIGNALS:
            self._set_signal(number, self._on_signal)
        self._listen_to_hangup()
        self._printer.begin(self._service)
        self._service.finished.addCallbacks(self._ended, self._failed)
        try:
            self._service.privilegedStartService()
            self._service.startService()
            if self._control is not None:
                self._control.startService()
        except SelliaError as error:
            self._failed(Failure(error))

    def end(self, now: bool) -> None:
        """End as a signal does; ``now``: as a second one does."""
        self.interrupt()
        if now and self._interrupts == 1:
            self.interrupt()

    def interrupt(self) -> None:
        """What a signal does."""
        self._interrupts += 1
        if self._interrupts == 1:
            self._printer.closing(self._service.under_way(), self._service.settings.drain_timeout)
            self._stop()
        else:
            self.status = Exit.INTERRUPTED
            # It says goodbye, and waits for nothing any more.
            maybeDeferred(self._service.stopService).addErrback(self._broken)
            self._leave()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._interrupts >= 1:
            self._printer.restore()
            for each in _SIGNALS:
                self._set_signal(each, signal.SIG_DFL)
        self._reactor.callFromThread(self.interrupt)

    def _listen_to_hangup(self) -> None:
        reload, reactor = self._reload, self._reactor
        if reload is None:
            on_hangup(self._on_hangup, lambda: None, self._set_signal, self._controlled)
            return

        def reload_and_look() -> None:
            reload()
            reactor.callLater(SHELL_ENDS, look)

        def look() -> None:
            if not self._controlled():
                self._hang_up()

        asked = partial(reactor.callFromThread, reload_and_look)
        on_hangup(self._on_hangup, partial(reactor.callFromThread, reload), self._set_signal, self._controlled, asked)

    def _on_hangup(self) -> None:
        if not self._interrupts:
            self._reactor.callFromThread(self._hang_up)

    def _hang_up(self) -> None:
        if not self._interrupts:
            self.interrupt()

    def _stop(self) -> None:
        stopping: Deferred[Any] = maybeDeferred(self._service.stopService)
        stopping.addErrback(self._broken)
        stopping.addCallback(lambda _: self._leave())

    def _ended(self, _: object) -> None:
        if not self._interrupts:
            self._stop()

    def _failed(self, failure: Failure) -> None:
        self.status = exit_of(failure.value)
        if failure.check(SelliaError) is None:
            self._broken(failure)
        elif not (isinstance(failure.value, RefusedError) and self._printer.told_refusal):
            remedy = getattr(failure.value, "remedy", "")
            for line in f"{failure.value}\n{remedy}".strip().splitlines():
                self._printer.say(line, "red")
        if not self._interrupts:
            self._stop()

    def _broken(self, failure: Failure) -> None:
        self.status = Exit.FAILED
        self._log.failure("the client ended because of a mistake in it", failure=failure)

    def _leave(self) -> None:
        if not self._left:
            self._left = True
            try:
                self._printer.ended(self.status)
            finally:
                self._reactor.stop()
