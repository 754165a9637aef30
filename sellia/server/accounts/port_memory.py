"""The ports that tunnels have had: kept with names where their holder is known, else as long as the process lasts."""

from collections.abc import Callable

from sellia.relay.ports import Mark, RememberedPorts, port_label
from sellia.server.accounts.holders import Holder
from sellia.server.accounts.names import Names
from sellia.storage.records import NameKind


class AccountPorts:
    """A `PortMemory`; ``today`` returns the time of day in seconds."""

    def __init__(self, names: Names, today: Callable[[], float]) -> None:
        self._names = names
        self._today = today
        self._others = RememberedPorts()

    def recall(self, mark: Mark) -> int | None:
        """Return the port that a tunnel had last."""
        holder, slot = mark
        if not isinstance(holder, Holder):
            return self._others.recall(mark)
        return next((int(name.partition("/")[2]) for _, name in self._names.port_of(holder, slot)), None)

    def remember(self, mark: Mark, port: int) -> None:
        """Remember that a tunnel has a port."""
        holder, slot = mark
        if isinstance(holder, Holder):
            self._names.used(port_label(slot.partition(" ")[0], port), holder, self._today(), slot)
        else:
            self._others.remember(mark, port)

    def is_known(self, port: int) -> bool:
        """Return whether some tunnel had this port last."""
        places = [(NameKind.PORT, f"{kind}/{port}") for kind in ("tcp", "udp")]
        return any(self._names.kept(place) is not None for place in places) or self._others.is_known(port)
