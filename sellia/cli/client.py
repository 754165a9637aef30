"""Runs a client in the foreground, for every command that has one."""

import os
import sys
from typing import Any

from rich.console import Console

from sellia.cli.display import Display
from sellia.cli.foreground import Foreground, Printer
from sellia.cli.json_lines import JsonPrinter
from sellia.cli.log import LineStream, LogFile, begin_log
from sellia.cli.output import LinePrinter, Lines
from sellia.cli.screen.screen import Screen, suits
from sellia.cli.screen.terminal import Terminal
from sellia.client.persistence import FOR_EVER, Persistence
from sellia.client.settings import ClientSettings
from sellia.terminal import SteadyStream, settle_streams


def run_client(settings: ClientSettings, display: Display, persistence: Persistence = FOR_EVER) -> int:
    """Run a client until it ends, show what ``display`` says, and return the exit status.

    Raises SettingsError where the log cannot be written; nothing was started then.
    """
    from twisted.internet import reactor

    from sellia.client.service import make_service
    from sellia.process import (
        DESCRIPTORS,
        allow_descriptors,
        keep_freed_memory,
        keep_monotonic_time,
        time_with_suspend,
    )
    from sellia.transports.reactor.polling import poll_plainly

    file = LogFile(display.log_file) if display.log_file is not None else None
    if display.verbose > 1:
        settings = settings.model_copy(update={"log_level": "debug"})
    allow_descriptors(DESCRIPTORS)
    keep_monotonic_time(reactor, time_with_suspend)
    poll_plainly(reactor)
    keep_freed_memory()
    settle_streams()
    printer: Any = make_printer(display, reactor)
    verbose = 2 if settings.log_level == "debug" and file is None else min(display.verbose, 1 if file else 2)
    begin_log(log_stream(printer), verbose, file)
    return Foreground(make_service(settings, reactor, printer, persistence), printer, reactor).run()


def make_printer(display: Display, reactor: Any) -> Printer:
    """Return what shows the client: JSON, a screen on a terminal that can be painted on, or else lines.

    Lines go to standard output where that is a terminal.  Where it is none it has the URLs alone, and lines go to
    standard error.
    """
    if display.as_json:
        return json_printer(sys.stdout, quiet=display.quiet)
    if suits(sys.stdout, os.environ) and not display.quiet:
        console, lines = terminal_console(sys.stdout), Lines(live=True)
        return Screen(Terminal(sys.stdout), console, reactor, lines, os.environ, _keys())
    urls: Any = SteadyStream(sys.stdout)
    if urls.isatty() and not display.quiet:
        return LinePrinter(terminal_console(sys.stdout))
    return LinePrinter(terminal_console(sys.stderr), urls=urls, quiet=display.quiet)


def _keys() -> int | None:
    """Return the descriptor of standard input, if it is a terminal."""
    keys = SteadyStream(sys.stdin)
    return keys.fileno() if keys.isatty() else None


def json_printer(stream: Any, *, quiet: bool = False) -> JsonPrinter:
    """Return a printer of JSON on ``stream``, to which writing never fails."""
    steady: Any = SteadyStream(stream)
    return JsonPrinter(steady, quiet=quiet)


def terminal_console(stream: Any) -> Console:
    """Return a console on ``stream`` that shows text as it is, and to which writing never fails."""
    steady: Any = SteadyStream(stream)
    return Console(file=steady, highlight=False, emoji=False, markup=False)


def log_stream(printer: Any) -> Any:
    """Return the stream of the log: standard error, or the screen where that is on the same terminal."""
    steady = SteadyStream(sys.stderr)
    if isinstance(printer, Screen) and steady.isatty():
        return LineStream(printer.log)
    return steady
