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
    ``detach``: it goes on in the background once it is up.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: int = 0
    detach: bool = False


def display_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; it is called with ``display``, a `Display`."""

    @click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one object a line, instead of prose.")
    @click.option("-q", "--quiet", is_flag=True, help="Print the URL, and what goes wrong.")
    @click.option(
        "-v", "--verbose", count=True, help="Print the log as well; -vv adds a line for each request and frame to it."
    )
    @click.option("--detach", is_flag=True, help="Go on in the background once the tunnel is open, and print its URL.")
    @wraps(command)
    def with_display(*, as_json: bool, quiet: bool, verbose: int, detach: bool, **rest: Any) -> Any:
        return command(display=Display(as_json, quiet, verbose, detach), **rest)

    return with_display
