"""
What the originals do oddly, by name. Each can be switched off or set otherwise, to tell its effect from others.

On a command line a quirk is ``name=value``; the words ``yes`` and ``no`` are for switches, numbers for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

_Quirks = TypeVar("_Quirks", "ClientQuirks", "ServerQuirks")


@dataclass(frozen=True)
class ClientQuirks:
    """The original client's."""

    first_message_after: float = 0.1
    """Seconds between the 101 and what it says first."""

    ignores_get_bodies: bool = True
    """A GET or DELETE goes to the service without its body."""

    mistakes_100_continue: bool = True
    """An interim answer of the service is taken for the answer."""

    buffers_responses: bool = True
    """Nothing of a response is sent before all of it has come."""

    response_timeout: float = 30.0
    """Seconds until a service that has not answered whole counts as failed."""

    decompresses: bool = True
    """It asks for gzip on its own, and passes compressed bodies on inflated, text as UTF-8."""

    drops_continuations: bool = True
    """A frame with opcode 0 is dropped."""

    overwrites_host: bool = True
    """A WebSocket's Host is that of the service."""

    withholds_headers: bool = True
    """Only Sec-WebSocket-*, Host and Origin of a WebSocket's handshake reach the service."""

    passes_extensions: bool = True
    """Sec-WebSocket-Extensions reaches the service, although no extension is implemented."""

    passes_hop_by_hop: bool = True
    """A response's Connection, Keep-Alive and Transfer-Encoding go to the server."""

    hides_refusals: bool = True
    """A service that refuses a WebSocket is reported as 502, whatever it said."""

    retry_step: float = 3.0
    """It reconnects after so many seconds, then after twice as many, three times, ..."""

    tries: int = 10
    """... and gives up after so many, with exit status 0."""


@dataclass(frozen=True)
class ServerQuirks:
    """The original server's."""

    early_101: bool = True
    """A visitor is told 101, with the first subprotocol offered, before the client is asked."""

    works_through_after: float = 0.02
    """Seconds between the arrival of ws_upgrade_ok and its effect; frames that come before it are lost."""

    drops_continuations: bool = True
    """A frame with opcode 0 is dropped."""

    forgets_close_codes: bool = True
    """Neither visitors nor clients learn the code or reason of a close."""

    passes_hop_by_hop: bool = True
    """A visitor's headers go to the client as they came, a client's to the visitor."""

    shadows_paths: bool = True
    """/ws and /api/admin are the server's own under every name."""

    ping_interval: float = 30.0
    """Seconds of the one timer that pings everybody."""

    silence: float = 60.0
    """Seconds after which a silent client is closed with 1000 "Connection timeout"."""

    response_timeout: float = 30.0
    """Seconds until a client that has not answered counts as failed."""


def changed(quirks: _Quirks, assignments: Iterable[str]) -> _Quirks:
    """The quirks after ``name=value`` for each assignment."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, _, word = assignment.partition("=")
        default = getattr(quirks, name)
        values[name] = {"yes": True, "no": False}[word] if isinstance(default, bool) else type(default)(word)
    return replace(quirks, **values)
