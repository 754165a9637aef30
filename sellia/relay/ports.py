"""Ports as names of tunnels: their labels in the registry, and which port a tunnel is given.

Need
    Connections and datagrams name no host, so a tunnel for them is reached at a port of its own.  The registry binds
    it as it binds a name, under a label that no host can have, such as ``tcp:20017``.  A tunnel that comes back, after
    whatever time, should be found where it was.

Bounds
    ``REMEMBERED`` ports are remembered with who had them; what is forgotten first is what was used least recently.
"""

from collections.abc import Callable, Hashable, Iterator
from random import Random
from typing import Final, Protocol

#: Ports that are remembered with who had them last.
REMEMBERED: Final = 10_000

#: Characters of what tells a tunnel from others of its owner.
SLOT_LIMIT: Final = 64

Mark = tuple[Hashable, str]


def port_label(kind: str, port: int) -> str:
    """Return the label of a port in the registry."""
    return f"{kind}:{port}"


def port_of(label: str) -> int:
    """Return the port that a label stands for; 0 for the name of a host."""
    return int(label.partition(":")[2] or 0)


def shown_name(label: str) -> str:
    """Return what a tunnel's client is told as its name: the port without its kind, the domain, or the name itself."""
    return label.partition(":")[2] or label.removesuffix(".")


def called(label: str) -> str:
    """Return how a sentence begins that is about a label."""
    kind, colon, port = label.partition(":")
    if not colon:
        return f"The domain {label[:-1]}" if label.endswith(".") else f"The name {label!r}"
    return f"{kind.upper()} port {port}"


def parse_range(text: str) -> range:
    """Parse ``20000-29999``, or one port.  Raises ValueError."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    numbers = [first, last] if dash else [first, first]
    if not all(each.isascii() and each.isdigit() and len(each) <= 5 for each in numbers):
        raise ValueError("is not a range of ports")
    low, high = map(int, numbers)
    if not 1 <= low <= high <= 65535:
        raise ValueError("is not a range of ports from 1 to 65535")
    return range(low, high + 1)


class PortMemory(Protocol):
    """The ports that tunnels have had, kept in memory or in a store."""

    def recall(self, mark: Mark) -> int | None:
        """Return the port that a tunnel had last; ``mark`` is its owner and what tells it from the owner's others."""

    def remember(self, mark: Mark, port: int) -> None:
        """Remember that a tunnel has a port."""

    def is_known(self, port: int) -> bool:
        """Return whether some tunnel had this port last."""


class RememberedPorts:
    """A `PortMemory` that lasts as long as the process."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._ports: dict[Mark, int] = {}  # the most recently used last
        self._marks: dict[int, Mark] = {}

    def recall(self, mark: Mark) -> int | None:
        return self._ports.get(mark)

    def remember(self, mark: Mark, port: int) -> None:
        before = self._ports.pop(mark, None)
        if before is not None:
            del self._marks[before]
        other = self._marks.pop(port, None)
        if other is not None:
            del self._ports[other]
        self._ports[mark] = port
        self._marks[port] = mark
        if len(self._ports) > self._limit:
            oldest = next(iter(self._ports))
            del self._marks[self._ports.pop(oldest)]

    def is_known(self, port: int) -> bool:
        return port in self._marks


def candidates(
    ports: range, memory: PortMemory, mark: Mark, is_free: Callable[[int], bool], random: Random
) -> Iterator[int]:
    """Yield the free ports that a tunnel may be given, the best first.

    That is the one it had; then, from a random one on, those that nobody had; then those that somebody else had.
    """
    had = memory.recall(mark)
    if had is not None and had in ports and is_free(had):
        yield had
    start = random.randrange(len(ports))
    turned = [*ports[start:], *ports[:start]]
    known = []
    for port in turned:
        if memory.is_known(port):
            known.append(port)
        elif is_free(port):
            yield port
    for port in known:
        if port != had and is_free(port):
            yield port
