"""The ``sellia`` command and its subcommands."""

import os
import platform
import sys
from typing import Any

import click
from rich.console import Console
from twisted import copyright
from twisted.logger import (
    FilteringLogObserver,
    LogEvent,
    PredicateResult,
    globalLogBeginner,
    textFileLogObserver,
)

import sellia
from sellia.cli.foreground import Foreground
from sellia.cli.output import LinePrinter
from sellia.client.settings import ClientSettings, load
from sellia.errors import SettingsError
from sellia.settings import LogLevel
from sellia.terminal import SteadyStream, settle_streams


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Put a service that runs on this machine on a public URL."""


@main.command()
def version() -> None:
    """Say which version this is, and what it runs on."""
    click.echo(f"sellia {sellia.__version__} (Twisted {copyright.version}, Python {platform.python_version()})")


@main.command()
@click.argument("port", required=False)
@click.option("-s", "--subdomain", metavar="NAME", help="Name to ask for; without it, the server picks one.")
@click.option("--server", metavar="URL", help="The tunnel server, as https://example.com. [env: SELLIA_SERVER]")
@click.option("--api-key", metavar="KEY", help="API key. [env: SELLIA_API_KEY, SELLIA_API_KEY_FILE]")
@click.option("--ca", metavar="FILE", help="Certificate of the private authority that signed the server's.")
@click.option("--auth", metavar="USER:PASS", help="What visitors must know.")
@click.option(
    "--auth-preflight",
    metavar="pass|refuse",
    help="What becomes of CORS preflights, which never carry that. [default: refuse]",
)
@click.option("--local-host", metavar="HOST", help="Host of your service. [default: localhost]")
@click.option("--local-scheme", metavar="http|https", help="What your service speaks. [default: http]")
@click.option(
    "--request-timeout",
    metavar="SECONDS",
    help="Seconds that your service may take until it begins to answer. [default: the server's, 600]",
)
@click.option(
    "--no-forwarded", is_flag=True, help="Send your service no X-Forwarded-* fields: it learns nothing of visitors."
)
@click.option("--log-level", metavar="info|debug", help="debug: the log, with each frame, on standard error.")
@click.option("--config", metavar="FILE", help="Settings file, in YAML; it can describe many tunnels.")
def http(config: str | None, no_forwarded: bool, **flags: str | None) -> None:
    """Expose the HTTP and WebSocket service on PORT, and show what visitors do.

    PORT can also be an address, as in https://localhost:8443 or 192.168.1.5:80.

    Ends with Ctrl-C: once to let what is under way come to its end, twice to end at once.
    """
    try:
        settings = load({**flags, "forwarded": False if no_forwarded else None}, os.environ, config)
    except SettingsError as error:
        # Here the port is no flag.
        raise click.ClickException(str(error).replace("--port:", "PORT:")) from None
    sys.exit(run_client(settings))


def run_client(settings: ClientSettings) -> int:
    """Run a client in the foreground until it ends; the exit status."""
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
    printer = LinePrinter(terminal_console(sys.stdout))
    service: Any = make_service(settings, reactor, printer)
    return Foreground(service, printer, reactor).run()


def terminal_console(stream: Any) -> Console:
    """Return a console on ``stream`` that shows text as it is, and to which writing never fails."""
    steady: Any = SteadyStream(stream)
    return Console(file=steady, highlight=False, emoji=False, markup=False)


def begin_log(level: LogLevel) -> None:
    """What happens is told by the lines; unless it is to say all, the log has only what nobody expected."""

    def unexpected(event: LogEvent) -> Any:
        return PredicateResult.yes if event.get("log_failure") is not None else PredicateResult.no

    predicate: Any = unexpected  # A zope interface is not a Protocol to mypy.

    stream: Any = SteadyStream(sys.stderr)
    to_stderr: Any = textFileLogObserver(stream)
    observer: Any = to_stderr if level == "debug" else FilteringLogObserver(to_stderr, [predicate])
    globalLogBeginner.beginLoggingTo([observer], discardBuffer=True, redirectStandardIO=False)
