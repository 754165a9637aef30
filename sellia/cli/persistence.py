"""Options of commands that run a client: how long it goes on without a link to its server."""

from collections.abc import Callable
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from sellia.client.persistence import Persistence
from sellia.settings import Seconds


class Duration(click.ParamType):
    """A duration, spelled as in the settings file."""

    name = "seconds"
    _adapter: TypeAdapter[float] = TypeAdapter(Seconds)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return self._adapter.validate_python(value)
        except ValidationError:
            self.fail(f"{value!r} is not a number of seconds above 0.", param, ctx)


def persistence_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--no-retry`` and ``--connect-timeout``, which :func:`persistence` reads."""
    limit = click.option(
        "--connect-timeout",
        type=Duration(),
        metavar="SECONDS",
        help="Seconds within which the server must have been reached for the first time; else end with status 69.",
    )
    once = click.option(
        "--no-retry", is_flag=True, help="End with status 69 when the server is not reached, or its link is lost."
    )
    return once(limit(command))


def persistence(no_retry: bool, connect_timeout: float | None) -> Persistence:
    """Return what the options say."""
    return Persistence(not no_retry, connect_timeout)
