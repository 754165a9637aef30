"""Listening on many ports that come and go, without the two lines that Twisted logs for each."""

from collections.abc import Callable
from typing import Any

from twisted.python import context
from twisted.python.log import ILogContext


def _quiet() -> dict[Any, Any]:
    return {ILogContext: {**(context.get(ILogContext) or {}), "log_format": ""}}


def listen_quietly(listen: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return the port that ``listen`` opens, whose beginning and end are not logged.  Raises what it raises."""
    port = context.call(_quiet(), listen, *arguments, **options)
    lost = getattr(port, "connectionLost", None)
    if lost is not None:
        port.connectionLost = lambda *reason: context.call(_quiet(), lost, *reason)
    return port
