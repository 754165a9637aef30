"""
What passes, known beforehand to both ends: from a seed comes every message, how it is cut into fragments, every body.

A sender walks through `messages`, a receiver holds what comes against the same walk with a `Checker`, which tells what
was lost, doubled, reordered or damaged. A message begins with its number, as far as it is long enough for that.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

from bench.wire import BINARY, TEXT

LARGEST = 1 << 20
"""Octets of the largest message."""

_POOL = random.Random(0).randbytes(LARGEST).hex().encode("ascii")
_NUMBER = 8
_EDGES = (1, 2, 125, 126, 127, 65535, 65536, 65537)
_SEARCHED = 256
"""Messages ahead among which one that came too early is looked for."""

_REMEMBERED = 4
"""Messages behind among which one that came again is looked for."""


class Message(NamedTuple):
    """A WebSocket message: its opcode, its octets, and the sizes of the fragments that it is sent in."""

    opcode: int
    payload: bytes
    fragments: tuple[int, ...]


def messages(seed: str, largest: int = LARGEST) -> Iterator[Message]:
    """The endless walk of ``seed``: most messages are small, some as large as ``largest`` (at most `LARGEST`)."""
    choose = random.Random(seed)
    for number in itertools.count():
        size = min(_size(choose), largest)
        payload = _payload(number, size, choose.randrange(len(_POOL) - size))
        yield Message(choose.choice((TEXT, BINARY)), payload, _fragments(choose, size))


def body(seed: str, size: int) -> Iterator[bytes]:
    """``size`` octets of a request's or response's body, in pieces of any length."""
    choose = random.Random(seed)
    while size:
        piece = min(size, choose.choice((1, 100, 1000, 16 * 1024, 64 * 1024)))
        start = choose.randrange(len(_POOL) - piece)
        yield _POOL[start : start + piece]
        size -= piece


def body_digest(seed: str, size: int) -> str:
    """SHA-256 of that body."""
    digest = hashlib.sha256()
    for piece in body(seed, size):
        digest.update(piece)
    return digest.hexdigest()


@dataclass
class Counts:
    """What became of messages on their way."""

    received: int = 0
    octets: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    damaged: int = 0

    def add(self, other: Counts) -> None:
        """Count what ``other`` has counted, too."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    @property
    def clean(self) -> bool:
        """Whether everything that came was right, and in its place."""
        return not (self.lost or self.doubled or self.reordered or self.damaged)


class Checker:
    """Holds what arrives against the walk of ``seed``."""

    def __init__(self, seed: str, largest: int = LARGEST) -> None:
        self.counts = Counts()
        self._walk = messages(seed, largest)
        self._ahead: list[Message] = []
        self._skipped: list[Message] = []
        self._last: list[Message] = []

    def take(self, message: Message) -> None:
        """The next message that came."""
        counts = self.counts
        counts.received += 1
        counts.octets += len(message.payload)
        expected = self._ahead.pop(0) if self._ahead else next(self._walk)
        if message == expected:
            self._remember(expected)
            return
        self._ahead.insert(0, expected)
        self._explain(message)

    def finish(self, sent: int) -> Counts:
        """The sender says that it has sent so many: what is missing at the end is lost, too."""
        self.counts.lost = max(0, sent - (self.counts.received - self.counts.doubled))
        return self.counts

    def _explain(self, message: Message) -> None:
        if message in self._skipped:
            self._skipped.remove(message)
            self.counts.lost -= 1
            self.counts.reordered += 1
        elif message in self._last:
            self.counts.doubled += 1
        else:
            while len(self._ahead) < _SEARCHED:
                self._ahead.append(next(self._walk))
            if message in self._ahead:
                place = self._ahead.index(message)
                self._skipped += self._ahead[:place]
                self.counts.lost += place
                del self._ahead[: place + 1]
                self._remember(message)
            else:
                self.counts.damaged += 1
                self._remember(self._ahead.pop(0))

    def _remember(self, message: Message) -> None:
        self._last.append(message)
        del self._last[:-_REMEMBERED]


def _size(choose: random.Random) -> int:
    kind = choose.random()
    if kind < 0.1:
        return choose.choice(_EDGES)
    bound = 4096 if kind < 0.75 else 64 * 1024 if kind < 0.97 else LARGEST
    return round(bound ** choose.random())


def _payload(number: int, size: int, start: int) -> bytes:
    label = b"%0*x" % (_NUMBER, number)
    return (label[-size:] if size < _NUMBER else label) + _POOL[start : start + max(0, size - _NUMBER)]


def _fragments(choose: random.Random, size: int) -> tuple[int, ...]:
    """One fragment, or several, some of them empty; small messages sometimes octet by octet."""
    kind = choose.random()
    if kind < 0.5:
        return (size,)
    if kind < 0.6 and size <= 32:
        return (1,) * size
    cuts = sorted(choose.randint(0, size) for _ in range(choose.randint(1, 5)))
    return tuple(end - start for start, end in itertools.pairwise((0, *cuts, size)))
