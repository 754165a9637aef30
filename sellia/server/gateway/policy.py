"""Policy of a gateway: what owners may have beyond the settings, and who is told of what they do.

Need
    A server with accounts holds each of them to its keys' scopes, names and limits, and keeps a record of what happens.
    A server without accounts has neither, and pays one look at an attribute for it, at hellos and claims alone.

Invariants
    * A policy answers from memory, at once; whether a key opens anything is the key store's to say.
    * A journal takes no part: what it is told has happened, and it must not raise.
"""

from typing import NamedTuple, Protocol

from sellia.errors import ProblemError
from sellia.protocol.messages import OpenTunnel
from sellia.server.gateway.keys import Owner
from sellia.server.gateway.sessions import ServerSession


class Terms(NamedTuple):
    """What a key stands for, as whoever shows it is told; None leaves a figure to the settings."""

    scopes: tuple[str, ...]
    names: tuple[str, ...] = ()  #: names and patterns; none for any
    expires_at: str | None = None  #: RFC 3339
    account: str = ""  #: its name
    prefix: str = ""  #: the beginning of the key
    clients: int | None = None
    tunnels: int | None = None


class Policy(Protocol):
    """The bounds of owners."""

    def terms(self, owner: Owner) -> Terms | None:
        """Return what an owner may do, or None where the settings alone say so."""

    def check_session(self, owner: Owner) -> None:
        """Raise ProblemError for an owner that may not open another session now."""

    def check_return(self, session: ServerSession, remote: str) -> None:
        """Raise ProblemError for a session that may not go on from ``remote``."""

    def check_claim(self, session: ServerSession, wanted: OpenTunnel, label: str) -> None:
        """Raise ProblemError for a label that the owner of a session may not have, or not now."""


class Journal(Protocol):
    """Whoever writes down what clients do."""

    def session_opened(self, session: ServerSession) -> None:
        """A client has begun a session."""

    def session_ended(self, session: ServerSession, why: str) -> None:
        """A session is over."""

    def tunnel_opened(self, session: ServerSession, label: str, kind: str) -> None:
        """A session has a label, or a place in its pool."""

    def tunnel_closed(self, session: ServerSession, label: str) -> None:
        """A session has it no more."""

    def refused(self, remote: str, error: ProblemError, session: ServerSession | None = None, name: str = "") -> None:
        """A client, or a session's wish for a name, was refused."""


class Silence:
    """The journal of a server that keeps none."""

    def session_opened(self, session: ServerSession) -> None:
        """Write nothing down."""

    def session_ended(self, session: ServerSession, why: str) -> None:
        """Write nothing down."""

    def tunnel_opened(self, session: ServerSession, label: str, kind: str) -> None:
        """Write nothing down."""

    def tunnel_closed(self, session: ServerSession, label: str) -> None:
        """Write nothing down."""

    def refused(self, remote: str, error: ProblemError, session: ServerSession | None = None, name: str = "") -> None:
        """Write nothing down."""


class Permission:
    """The policy of a server that holds owners to its settings alone."""

    def terms(self, owner: Owner) -> Terms | None:
        """Return none."""
        return None

    def check_session(self, owner: Owner) -> None:
        """Let everybody in."""

    def check_return(self, session: ServerSession, remote: str) -> None:
        """Let everybody go on."""

    def check_claim(self, session: ServerSession, wanted: OpenTunnel, label: str) -> None:
        """Let everybody have any name."""
