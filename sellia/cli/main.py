"""The ``sellia`` command: a group of commands, each of them imported when it is called.

Need
    ``sellia --help`` and completion answer at once: they import neither Twisted nor settings, only this table.  People
    mistype, so an unknown command, option or tunnel gets the nearest known one.  Scripts read the exit status, so one
    place decides it (:mod:`sellia.cli.exits`).

How
    A command is a module in :mod:`sellia.cli.commands` with a click command named ``command``.  Its line of help stands
    here as well, because showing it must not import the module; a test compares the two.

Designs not chosen
    *Entry points*: plugins of others have no place in a command that handles keys.  *click's own exit statuses*: 2 for
    usage is what shells and ``grep`` return for other things; ``sysexits.h`` has one for each case.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

import sellia
from sellia.cli.exits import Exit
from sellia.cli.group import LazyGroup
from sellia.cli.group import nearest as nearest
from sellia.cli.steady import steady_output

#: The name of each command and its line of help, in the order in which they are shown.
COMMANDS: Final = {
    "http": "Open an HTTP and WebSocket tunnel to a local service.",
    "tcp": "Open a tunnel for TCP connections to a local service.",
    "udp": "Open a tunnel for UDP datagrams to a local service.",
    "tls": "Open a tunnel that passes TLS through to a local service.",
    "start": "Open the tunnels that a settings file describes.",
    "status": "Show the clients that run on this machine, and their tunnels.",
    "stop": "Stop a client that runs on this machine, or one of its tunnels.",
    "reload": "Have a running client read its settings again.",
    "requests": "List requests and WebSockets of a client that runs, oldest first.",
    "replay": "Send a request to its service once more, as it was or edited.",
    "why": "Tell why something ended.",
    "inspect": "Show a recording of traffic, or where a client's inspector is.",
    "auth": "Store and delete keys of servers, and hash passwords of visitors.",
    "service": "Run the tunnels of the settings file as a service of systemd.",
    "server": "Run a server, as twistd sellia-server does.",
    "admin": "Administer a server: accounts, keys, names, limits and sessions.",
    "config": "Check, show and edit the settings.",
    "help": "Explain an error code, without a network.",
    "completion": "Print the completion script of a shell.",
    "version": "Show the version, and what it runs on.",
}


class CommandGroup(LazyGroup):
    """The commands of ``sellia``, whose exit statuses are ours."""

    def main(  # type: ignore[override]  # whoever calls it has no use for other modes
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        """Run a command, and leave with its exit status: 64 for a wrong command line, 130 after Ctrl-C."""
        extra.pop("standalone_mode", None)
        asked = os.environ.get("_SELLIA_COMPLETE")
        if asked:
            from sellia.cli.complete import answer

            click.echo(answer(asked))
            sys.exit(Exit.OK)
        try:
            with steady_output():
                status = super().main(args, prog_name or "sellia", standalone_mode=False, **extra)
        except click.UsageError as error:
            error.show()
            sys.exit(Exit.USAGE)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(Exit.INTERRUPTED)
        sys.exit(status if isinstance(status, int) else Exit.OK)


@click.group(
    cls=CommandGroup,
    table=COMMANDS,
    package="sellia.cli.commands",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(sellia.__version__, "-V", "--version", message="sellia %(version)s")
def main() -> None:
    """Put a service that runs on this machine on a public URL."""
