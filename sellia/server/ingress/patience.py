"""Time limits for services: until the head of a response, or the answer to an upgrade, is there.

A tunnel has a limit of its own, which its client tells (`TunnelOptions`); a tunnel that has none gets the server's
default.  No tunnel gets more than the server's ceiling, ``request_timeout_limit``.
"""

from typing import Final, NamedTuple

from sellia.protocol.messages import TunnelOptions
from sellia.server.settings import ServerSettings

#: Deadline of what has no time limit.
NEVER: Final = float("inf")


class _Kind(NamedTuple):
    """Names of one of the two limits: in settings files, the client's flag for it, and what was waited for."""

    setting: str
    flag: str
    awaited: str


_RESPONSE: Final = _Kind("request_timeout", "--request-timeout or ", "response head")
_UPGRADE: Final = _Kind("upgrade_timeout", "", "answer to the upgrade")


def response_patience(options: TunnelOptions, settings: ServerSettings) -> float:
    """Return the seconds until the head of a response must be there."""
    return min(options.request_timeout or settings.request_timeout, settings.request_timeout_limit)


def upgrade_patience(options: TunnelOptions, settings: ServerSettings) -> float:
    """Return the seconds until an upgrade must be answered."""
    return min(options.upgrade_timeout or settings.upgrade_timeout, settings.request_timeout_limit)


def explain_timeout(options: TunnelOptions, settings: ServerSettings, *, upgrade: bool) -> str:
    """Return a sentence for the 504: how long was waited, whose limit that was, and where it is set."""
    kind = _UPGRADE if upgrade else _RESPONSE
    asked = options.upgrade_timeout if upgrade else options.request_timeout
    default = settings.upgrade_timeout if upgrade else settings.request_timeout
    ceiling = settings.request_timeout_limit
    waited = f"There was no {kind.awaited} within {min(asked or default, ceiling):g} s"
    if (asked or default) > ceiling:
        return f"{waited}, the most that this server allows (its timeouts.request_limit)."
    if asked:
        return f"{waited}, the limit of this tunnel: its client sets {kind.flag}{kind.setting}."
    return f"{waited}, this server's default ({kind.setting}): the tunnel's client can set {kind.flag}{kind.setting}."
