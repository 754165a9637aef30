"""Ports of tunnels: the server listens on one for as long as a tunnel is bound to it.

Need
    A port is taken when it is claimed, and not before, because another program may have it; it is let go when nobody
    may be served there any more: a visitor who connects then is refused by the system, as where nothing listens.

Invariants
    * What listens is bound, or being claimed in this turn of the reactor.
    * A port that is released and claimed again in one turn is not closed in between.

Bounds
    ``TRIES`` ports are tried for a tunnel that asks for none in particular.
"""

from collections.abc import Callable, Hashable, Mapping
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL
from random import Random
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, NAME_INVALID, NAME_TAKEN, OVERLOADED
from sellia.protocol.messages import TunnelKind
from sellia.relay.ports import PortMemory, RememberedPorts, called, candidates, port_label
from sellia.text import field
from sellia.transports.reactor.listening import listen_quietly

#: Ports that are tried for one tunnel.
TRIES: Final = 16

_CAUSES: Final = {
    EADDRINUSE: "is in use by another program on the server",
    EACCES: "needs rights that the server does not have",
    EADDRNOTAVAIL: "cannot be listened on, because the server has no such address",
}

_log = Logger()


class Labels(Protocol):
    """The registry, as far as ports are concerned."""

    def find(self, label: str) -> object | None:
        """Return the tunnel that a label is bound to, or None."""

    def could_claim(self, label: str, owner: Hashable, now: float) -> bool:
        """Return whether a claim of this owner would be granted now, as far as the label decides."""


#: Listens on a port, for the tunnel with that label, and returns what listens.  Raises CannotListenError.
Listen = Callable[[int, str], Any]


class PortListeners:
    """The listeners of all tunnels that have ports: ``kinds`` are the ranges, and how to listen on one."""

    def __init__(
        self,
        kinds: Mapping[TunnelKind, tuple[range, Listen]],
        labels: Labels,
        clock: Any,
        random: Random,
        memory: PortMemory | None = None,
    ) -> None:
        self._kinds = dict(kinds)
        self._labels = labels
        self._clock = clock
        self._random = random
        self._memory: PortMemory = memory or RememberedPorts()
        #: Whether the server passes TLS through, for which tunnels have names and no ports.
        self.offers_tls = False
        self._open: dict[str, Any] = {}
        self._unsettled: set[str] = set()

    # --- for the gateway: Ports ------------------------------------------------------------------------------

    def offers(self, kind: TunnelKind) -> bool:
        return kind in self._kinds or (kind is TunnelKind.TLS and self.offers_tls)

    def take(self, kind: TunnelKind, port: int | None, owner: Hashable, slot: str) -> str:
        ports, listen = self._kinds[kind]
        mark = (owner, f"{kind.value} {slot}")
        if port is not None:
            label = port_label(kind.value, port)
            if port not in ports:
                place = f"{ports[0]} to {ports[-1]}" if len(ports) > 1 else f"{ports[0]} alone"
                detail = f"{called(label)} is not one that this server gives to tunnels: those are {place}."
                raise ProblemError(NAME_INVALID, detail)
            if self._labels.could_claim(label, owner, self._clock.seconds()):
                self._listen(label, port, listen)
                self._memory.remember(mark, port)
            return label
        return self._take_any(kind, mark)

    def settle(self, label: str) -> None:
        if label in self._open and label not in self._unsettled:
            self._unsettled.add(label)
            if len(self._unsettled) == 1:
                self._clock.callLater(0, self._close_unbound)

    # --- for the server --------------------------------------------------------------------------------------

    def offer(self, kinds: Mapping[TunnelKind, tuple[range, Listen]]) -> None:
        """Give tunnels ports of other ranges from now on; those that have one keep it."""
        self._kinds = dict(kinds)

    @property
    def count(self) -> int:
        """The number of ports that are listened on."""
        return len(self._open)

    def stop(self) -> "Deferred[Any]":
        """Listen nowhere any more; the Deferred fires when all sockets are closed."""
        ports, self._open = self._open, {}
        self._unsettled.clear()
        return gatherResults([_closed(port) for port in ports.values()], consumeErrors=True)

    # --- inside ----------------------------------------------------------------------------------------------

    def _take_any(self, kind: TunnelKind, mark: tuple[Hashable, str]) -> str:
        ports, listen = self._kinds[kind]
        now, owner = self._clock.seconds(), mark[0]

        def is_free(port: int) -> bool:
            return self._labels.could_claim(port_label(kind.value, port), owner, now)

        found = candidates(ports, self._memory, mark, is_free, self._random)
        for port, _ in zip(found, range(TRIES), strict=False):
            label = port_label(kind.value, port)
            try:
                self._listen(label, port, listen)
            except ProblemError:
                continue
            self._memory.remember(mark, port)
            return label
        detail = f"No {kind.value.upper()} port of the server is free: it has {len(ports)}. Try again later."
        raise ProblemError(OVERLOADED, detail)

    def _listen(self, label: str, port: int, listen: Listen) -> None:
        """Listen on a port, unless that is done already.  Raises ProblemError."""
        if label in self._open:
            return
        try:
            self._open[label] = listen_quietly(listen, port, label)
        except CannotListenError as error:
            number = getattr(error.socketError, "errno", None)
            cause = _CAUSES.get(number or 0, "cannot be listened on")
            _log.warn("a tunnel's port {cause}: label={label}", cause=cause, label=field(label))
            if number == EACCES:
                raise ProblemError(FORBIDDEN, f"{called(label)} {cause}.") from None
            raise ProblemError(NAME_TAKEN, f"{called(label)} {cause}.") from None

    def _close_unbound(self) -> None:
        labels, self._unsettled = self._unsettled, set()
        for label in labels:
            if self._labels.find(label) is None:
                port = self._open.pop(label, None)
                if port is not None:
                    _closed(port).addErrback(_not_closed)


def _closed(port: Any) -> "Deferred[Any]":
    return maybeDeferred(port.stopListening)


def _not_closed(failure: Any) -> None:
    _log.failure("a tunnel's port could not be closed", failure=failure)
