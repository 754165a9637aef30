"""``sellia http``: a client in the foreground, which prints what visitors do."""

import os
import re
import sys
from collections.abc import Callable
from typing import Any, Final

import click
from rich.console import Console
from twisted.logger import (
    FilteringLogObserver,
    LogEvent,
    PredicateResult,
    globalLogBeginner,
    textFileLogObserver,
)

from sellia.cli.exits import Exit
from sellia.cli.foreground import Foreground
from sellia.cli.json_lines import JsonPrinter
from sellia.cli.output import LinePrinter
from sellia.cli.persistence import persistence, persistence_options
from sellia.client.persistence import FOR_EVER, Persistence
from sellia.client.settings import ClientSettings, TunnelSettings, load_here
from sellia.client.settings.old import OLD
from sellia.errors import SettingsError
from sellia.options import values_of
from sellia.settings import CONFIG, LogLevel, flags_of
from sellia.terminal import SteadyStream, settle_streams

#: The flags of a tunnel in the foreground; its target is an argument.
_FLAGS: Final = tuple(
    each for each in flags_of(TunnelSettings, ClientSettings) if each.name not in ("target", "port", "autostart")
)

#: Flags with a short form.
_SHORT: Final = {"subdomain": "-s"}


class WrongSettings(click.ClickException):
    """The settings cannot be used; nothing was started."""

    exit_code = Exit.SETTINGS


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of the settings."""
    for each in reversed(_FLAGS):
        names = [f"--{each.name}", *([_SHORT[each.name]] if each.name in _SHORT else [])]
        kind: dict[str, Any] = {"metavar": each.metavar} if each.metavar else {"is_flag": True}
        kind["hidden"] = each.setting in OLD
        command = click.option(*names, help=each.help, **kind)(command)
    return command


@click.command()
@click.argument("target", required=False)
@_settings
@click.option(f"--{CONFIG.name}", metavar=CONFIG.metavar, help=f"{CONFIG.help[:-1]}; it can describe many tunnels.")
@persistence_options
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one object a line, instead of prose.")
def command(
    config: str | None,
    target: str | None,
    as_json: bool,
    no_retry: bool,
    connect_timeout: float | None,
    **given: object,
) -> None:
    """Open an HTTP and WebSocket tunnel to a local service.

    TARGET is the port that the service listens on, or its address, as in https://localhost:8443 or 192.168.1.5:80.

    Ends with Ctrl-C: once to let what is under way come to its end, twice to end at once.
    """
    flags = values_of(_FLAGS, lambda name: given[name.replace("-", "_")])
    try:
        settings = load_here({**flags, "target": target}, os.environ, config)
    except SettingsError as error:
        # Here the target is no flag.
        raise WrongSettings(re.sub("^--(target|port):", "TARGET:", str(error))) from None
    sys.exit(run_client(settings, as_json, persistence(no_retry, connect_timeout)))


def run_client(settings: ClientSettings, as_json: bool = False, persistence: Persistence = FOR_EVER) -> int:
    """Run a client in the foreground until it ends, and print events in prose or as JSON; return the exit status."""
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

    allow_descriptors(DESCRIPTORS)
    keep_monotonic_time(reactor, time_with_suspend)
    poll_plainly(reactor)
    keep_freed_memory()
    settle_streams()
    begin_log(settings.log_level)
    printer = json_printer(sys.stdout) if as_json else LinePrinter(terminal_console(sys.stdout))
    service: Any = make_service(settings, reactor, printer, persistence)
    return Foreground(service, printer, reactor).run()


def json_printer(stream: Any) -> JsonPrinter:
    """Return a printer of JSON on ``stream``, to which writing never fails."""
    steady: Any = SteadyStream(stream)
    return JsonPrinter(steady)


def terminal_console(stream: Any) -> Console:
    """Return a console on ``stream`` that shows text as it is, and to which writing never fails."""
    steady: Any = SteadyStream(stream)
    return Console(file=steady, highlight=False, emoji=False, markup=False)


def begin_log(level: LogLevel) -> None:
    """Send the log to standard error: unexpected failures only, unless the level is debug; lines tell events."""

    def unexpected(event: LogEvent) -> Any:
        return PredicateResult.yes if event.get("log_failure") is not None else PredicateResult.no

    predicate: Any = unexpected  # A zope interface is not a Protocol to mypy.

    stream: Any = SteadyStream(sys.stderr)
    to_stderr: Any = textFileLogObserver(stream)
    observer: Any = to_stderr if level == "debug" else FilteringLogObserver(to_stderr, [predicate])
    globalLogBeginner.beginLoggingTo([observer], discardBuffer=True, redirectStandardIO=False)
