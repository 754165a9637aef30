"""Idempotency keys: a write that is repeated with the same key is answered as it was the first time, and done once.

Need
    A script whose connection breaks cannot know whether a key was made; asked again it would make a second one.  The
    header field ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header) says that two requests are one.

Invariants
    * A key belongs to the actor that sent it: nobody gets another's answer by guessing.
    * A key that comes back with another request is refused, and one whose first request is under way as well.
    * What failed on the server's side (5xx, 429) is not kept: asking again is right then.

Bounds
    ``KEPT`` answers of ``BYTES_KEPT`` bytes together, each for ``SECONDS_KEPT``; the oldest go first.  They are in
    memory only, because an answer may hold a key that is shown once; a restart forgets them.
"""

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import IDEMPOTENCY_KEY_REUSED, INVALID_VALUE, STILL_UNDER_WAY
from sellia.server.admin.answers import Answer

KEPT: Final = 1_000
BYTES_KEPT: Final = 4 * 1024 * 1024
SECONDS_KEPT: Final = 3600.0

#: Characters of a key.
KEY_LIMIT: Final = 255


@dataclass(slots=True)
class _Entry:
    fingerprint: bytes
    since: float
    answer: Answer | None = None


class Ticket:
    """The place of a request that is done for the first time: `settle` it with its answer."""

    def __init__(self, owner: "Idempotency", key: tuple[Hashable, str]) -> None:
        self._owner = owner
        self._key = key

    def settle(self, answer: Answer | None) -> None:
        """Keep the answer, or forget the request where there is none, or none that would be right later as well."""
        self._owner._settle(self._key, answer)


class Idempotency:
    """The answers that are kept.  It reads no clock."""

    def __init__(self) -> None:
        self._entries: dict[tuple[Hashable, str], _Entry] = {}  # oldest first
        self._bytes = 0

    def begin(self, actor: Hashable, key: str, request: bytes, now: float) -> Answer | Ticket:
        """Return the answer that the same request had, or a ticket if this is the first.

        ``request`` is its method, target and body.  Raises ProblemError.
        """
        if not 0 < len(key) <= KEY_LIMIT or not all("!" <= each <= "~" for each in key):
            detail = f"Idempotency-Key must be 1 to {KEY_LIMIT} visible ASCII characters."
            raise ProblemError(INVALID_VALUE, detail)
        self._expire(now)
        place, fingerprint = (actor, key), hashlib.sha256(request).digest()
        entry = self._entries.get(place)
        if entry is None:
            self._entries[place] = _Entry(fingerprint, now)
            while len(self._entries) > KEPT:
                self._drop(next(iter(self._entries)))
            return Ticket(self, place)
        if entry.fingerprint != fingerprint:
            raise ProblemError(IDEMPOTENCY_KEY_REUSED)
        if entry.answer is None:
            raise ProblemError(STILL_UNDER_WAY)
        return entry.answer

    @property
    def size(self) -> tuple[int, int]:
        """The number of requests that are known, and the bytes of their answers."""
        return len(self._entries), self._bytes

    def _settle(self, place: tuple[Hashable, str], answer: Answer | None) -> None:
        entry = self._entries.get(place)
        if entry is None:
            return
        if answer is None or answer.status >= 500 or answer.status == 429:
            self._drop(place)
            return
        entry.answer = answer
        self._bytes += len(answer.body)
        while self._bytes > BYTES_KEPT:
            self._drop(next(each for each, kept in self._entries.items() if kept.answer is not None))

    def _expire(self, now: float) -> None:
        while self._entries:
            place, entry = next(iter(self._entries.items()))
            if entry.since + SECONDS_KEPT > now:
                return
            self._drop(place)

    def _drop(self, place: tuple[Hashable, str]) -> None:
        entry = self._entries.pop(place)
        if entry.answer is not None:
            self._bytes -= len(entry.answer.body)
