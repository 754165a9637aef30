"""Options of every command that runs a client in the foreground: what it shows, and where."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Display:
    """What a client in the foreground shows.

    ``verbose`` adds the log, once with what happens to links and sessions, twice with every request and frame.
    ``log_file`` takes the log instead of standard error.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: int = 0
    log_file: str | None = None


def display_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; it is called with ``display``, a `Display`."""

    @click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one object a line, instead of prose.")
    @click.option("-q", "--quiet", is_flag=True, help="Print the URL, and what goes wrong.")
    @click.option(
        "-v", "--verbose", count=True, help="Print the log as well; -vv adds a line for each request and frame to it."
    )
    @click.option("--log-file", metavar="FILE", help="Append the log to FILE, which only you can read.")
    @wraps(command)
    def with_display(*, as_json: bool, quiet: bool, verbose: int, log_file: str | None, **rest: Any) -> Any:
        return command(display=Display(as_json, quiet, verbose, log_file), **rest)

    return with_display
