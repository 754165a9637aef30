"""Kinds of tunnels that this server has: how a name is claimed for one, and where its visitors arrive.

A new kind is a row in ``KINDS``, a place in `sellia.server.ingress` or `sellia.server.listeners` where its visitors
arrive, and a leg that opens streams on the tunnel's upstream.  A kind that has no row is refused.
"""

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple, Protocol

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN
from sellia.protocol.messages import OpenTunnel, TunnelKind
from sellia.relay.http.hosts import public_url
from sellia.relay.names import validate_name
from sellia.server.settings import ServerSettings
from sellia.text import printable


class Names(Protocol):
    """The registry, as far as names are chosen from it."""

    def free_name(self, random: Random, now: float) -> str:
        """Return a name that anybody could claim now."""


class Kind(NamedTuple):
    """One kind of tunnels."""

    #: Returns the label to claim, the wanted one or a free one; raises ProblemError for one that nobody may have.
    label: Callable[[OpenTunnel, Names, Random, float], str]

    #: Returns the address at which visitors reach a label, with the public port of the server's listeners.
    url: Callable[[str, ServerSettings, int], str]


def _host_label(wanted: OpenTunnel, names: Names, random: Random, now: float) -> str:
    """Return the label below the server's domain."""
    return validate_name(wanted.name) if wanted.name else names.free_name(random, now)


def _web_url(label: str, settings: ServerSettings, port: int) -> str:
    """Return the URL below the server's domain: requests arrive at its listeners, and their Host names the tunnel."""
    return public_url(label, settings.domain, port, settings.https)


KINDS: Final[dict[TunnelKind, Kind]] = {
    TunnelKind.HTTP: Kind(_host_label, _web_url),
}


def kind_of(word: str) -> Kind:
    """Return the kind that a client names.  Raises ProblemError if this server has no such tunnels."""
    try:
        return KINDS[TunnelKind(word)]
    except KeyError:
        raise ProblemError(FORBIDDEN, f"This server has no {word} tunnels.") from None
    except ValueError:
        has = " and ".join(KINDS)
        detail = f"This server does not know the kind of tunnel {printable(word, 16)!r}: it has {has} tunnels."
        raise ProblemError(FORBIDDEN, detail) from None
