"""Book of the causes that were found lately in this process, and their lines in the log.

A cause is told once, to the log and to the book; ``sellia why`` and inspectors look it up there.

Bounds: ``KEPT`` causes for each clock, the oldest forgotten first, some 1 KiB each; lines as `line` allows them.
"""

from typing import Any, Final
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sellia.text import field
from sellia.transports.reactor.lines import line
from sellia.transports.reactor.verbosity import verbosity
from sellia.why.cause import Cause

#: Causes that are remembered.
KEPT: Final = 512

_log = Logger()


class CauseBook:
    """The last causes, by their ids."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, Cause] = {}

    def add(self, cause: Cause) -> None:
        """Remember a cause."""
        known = self._known
        known.pop(cause.id, None)
        known[cause.id] = cause
        if len(known) > KEPT:
            del known[next(iter(known))]

    def find(self, id: str) -> Cause | None:
        """Return the cause with this id, if it is remembered."""
        return self._known.get(id)

    def last(self) -> Cause | None:
        """Return the youngest."""
        return next(reversed(self._known.values()), None)


_books: "WeakKeyDictionary[Any, CauseBook]" = WeakKeyDictionary()


def book_of(clock: IReactorTime) -> CauseBook:
    """Return the book of a clock, which is that of a process but in tests."""
    book = _books.get(clock)
    if book is None:
        book = _books[clock] = CauseBook()
    return book


def tell_cause(clock: IReactorTime, cause: Cause, tunnel: str, *, quiet: bool = False) -> None:
    """Log a cause, at a limited rate, and remember it; ``tunnel`` is the name of the tunnel that it concerns.

    A ``quiet`` one, which visitors bring about all the time, is logged for who debugs.
    """
    book_of(clock).add(cause)
    if quiet and not verbosity.debug:
        return
    end = line(clock, "why")
    if end is not None:
        _log.info(
            "why: cause={cause} who={who} what={what} tunnel={tunnel} sentence={sentence} evidence={evidence}{end}",
            cause=field(cause.id),
            who=field(cause.who),
            what=field(cause.what),
            tunnel=field(tunnel),
            sentence=field(cause.sentence),
            evidence=field(" ".join(f"{name}={fact}" for name, fact in cause.evidence.items())),
            end=end,
        )
