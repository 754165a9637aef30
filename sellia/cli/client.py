"""Runs a client in the foreground, for every command that has one."""

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from sellia.cli.display import Display
from sellia.cli.foreground import Foreground, Printer
from sellia.cli.json_lines import JsonPrinter
from sellia.cli.log import LineStream, begin_log
from sellia.cli.output import LinePrinter, Lines, WriteLine, plain, styled
from sellia.cli.screen.terminal import Terminal, suits
from sellia.client.log_file import open_log
from sellia.client.persistence import FOR_EVER, Persistence
from sellia.client.settings import ClientSettings
from sellia.errors import SettingsError
from sellia.terminal import SteadyStream, settle_streams

if TYPE_CHECKING:
    from rich.console import Console

    from sellia.cli.detach import Handover
    from sellia.client.inspector.inspector import Inspector


def run_client(
    settings: ClientSettings,
    display: Display,
    persistence: Persistence = FOR_EVER,
    *,
    command: str = "sellia http",
    read: Callable[[], ClientSettings] | None = None,
) -> int:
    """Run a client until it ends, or is detached; show what ``display`` says, and return the exit status.

    ``command`` is what it was started with, and ``read`` reads the same settings again, as the command does: it raises
    SettingsError or ClickException.  Raises SettingsError where a log cannot be written; nothing was started then.
    """
    run = partial(_run, settings, display, persistence, command, read)
    if not display.detach:
        return run(None)
    from sellia.cli.detach import detach

    return detach(command, run)


def _run(
    settings: ClientSettings,
    display: Display,
    persistence: Persistence,
    command: str,
    read: Callable[[], ClientSettings] | None,
    handover: "Handover | None",
) -> int:
    from twisted.internet import reactor

    from sellia.client.control.service import ControlService
    from sellia.client.control.status import About
    from sellia.client.reload import Reloader
    from sellia.client.service import make_service
    from sellia.process import (
        DESCRIPTORS,
        allow_descriptors,
        keep_freed_memory,
        keep_monotonic_time,
        time_with_suspend,
    )
    from sellia.transports.reactor.polling import poll_plainly

    file = open_log(settings)
    settings = _shown(settings, display)
    allow_descriptors(DESCRIPTORS)
    keep_monotonic_time(reactor, time_with_suspend)
    poll_plainly(reactor)
    keep_freed_memory()
    settle_streams()
    printer: Any = make_printer(display, reactor, persistence.retry) if handover is None else handover.printer(display)
    inspector = _inspector(settings, reactor, printer)
    verbose = max(display.verbose, 2 if settings.log_level == "debug" and file is None else 0)
    begin_log(log_stream(printer) if handover is None else handover.stream, verbose, file)
    listener = printer if handover is None else handover
    service = make_service(settings, reactor, listener, persistence, inspector)
    log = file.path if file is not None else None
    if handover is not None:
        handover.watch(service)
        log = str(handover.log.path)
    foreground = Foreground(service, printer, reactor)
    answer = signalled = None
    if read is not None:
        reloader = Reloader(service, partial(_again, read, display), partial(_tell, printer))
        answer, signalled = reloader.answer, reloader.signalled
    control = ControlService(service, reactor, foreground.end, About(command, log), answer, inspector=inspector)
    foreground.serve(control, signalled)
    return foreground.run()


def _inspector(settings: ClientSettings, reactor: Any, printer: Any) -> "Inspector | None":
    """Return the inspector of the client, where it is to have one, whose address the printer shows."""
    if settings.no_inspector:
        return None
    from sellia.client.inspector.inspector import Inspector

    inspector = Inspector(settings, reactor)
    inspector.tell = partial(_tell, printer)
    # The token is for eyes and for programs that were asked to be told, not for files that lines go to.
    if isinstance(printer, LinePrinter):
        printer.inspector = inspector.url if printer.at_terminal else inspector.address
    elif isinstance(printer, JsonPrinter):
        printer.inspector = inspector.url
    else:
        printer.status.inspector, printer.inspector_once = inspector.url, inspector.once
    return inspector


def _again(read: Callable[[], ClientSettings], display: Display) -> ClientSettings:
    """Read the settings again.  Raises SettingsError."""
    try:
        return _shown(read(), display)
    except click.ClickException as error:
        raise SettingsError(error.message) from None


def _shown(settings: ClientSettings, display: Display) -> ClientSettings:
    """Return the settings with the log level that ``display`` asks for."""
    return settings.model_copy(update={"log_level": "debug"}) if display.verbose > 1 else settings


def _tell(printer: Printer, text: str, failure: bool) -> None:
    for line in text.splitlines():
        printer.say(line, "red" if failure else "dim")


def make_printer(display: Display, reactor: Any, retries: bool = True) -> Printer:
    """Return what shows the client: JSON, a screen on a terminal that can be painted on, or else lines.

    Lines go to standard output where that is a terminal.  Where it is none it has the URLs alone, and lines go to
    standard error.  ``retries``: the client goes on when it has no link.
    """
    if display.as_json:
        return json_printer(sys.stdout, quiet=display.quiet)
    if suits(sys.stdout, os.environ) and not display.quiet:
        from sellia.cli.screen.screen import Screen

        console, lines = terminal_console(sys.stdout), Lines(live=True, retries=retries)
        return Screen(Terminal(sys.stdout), console, reactor, lines, os.environ, _keys())
    urls: Any = SteadyStream(sys.stdout)
    if urls.isatty() and not display.quiet:
        return LinePrinter(line_writer(sys.stdout), retries=retries)
    return LinePrinter(line_writer(sys.stderr), urls=urls, quiet=display.quiet, retries=retries)


def _keys() -> int | None:
    """Return the descriptor of standard input, if it is a terminal."""
    keys = SteadyStream(sys.stdin)
    return keys.fileno() if keys.isatty() else None


def json_printer(stream: Any, *, quiet: bool = False) -> JsonPrinter:
    """Return a printer of JSON on ``stream``, to which writing never fails."""
    steady: Any = SteadyStream(stream)
    return JsonPrinter(steady, quiet=quiet)


def line_writer(stream: Any, environment: Mapping[str, str] = os.environ) -> WriteLine:
    """Return what writes lines to ``stream``: with colours where that is a terminal, or variables ask for them."""
    steady: Any = SteadyStream(stream)
    forced = environment.get("FORCE_COLOR") or environment.get("TTY_COMPATIBLE") == "1"
    return styled(terminal_console(stream)) if steady.isatty() or forced else plain(steady)


def terminal_console(stream: Any) -> "Console":
    """Return a console on ``stream`` that shows text as it is, and to which writing never fails."""
    from rich.console import Console

    steady: Any = SteadyStream(stream)
    return Console(file=steady, highlight=False, emoji=False, markup=False)


def log_stream(printer: Any) -> Any:
    """Return the stream of the log: standard error, or the screen where that is on the same terminal."""
    steady = SteadyStream(sys.stderr)
    if not isinstance(printer, LinePrinter | JsonPrinter) and steady.isatty():
        return LineStream(printer.log)
    return steady
