"""Computing of the slow hashes that passwords of tunnels are compared with, beside the reactor.

Invariants
    * The reactor's thread computes no hash.  Who comes with a password that has been found right waits for none.
    * The same credentials are computed once, however many requests bring them meanwhile.

Bounds
    ``AT_ONCE`` hashes are computed at a time, ``WAITING`` are under way or wait in all, and ``OF_ONE`` of one tunnel: a
    flood of guesses at one tunnel leaves room for the others, and one at all of them keeps nobody out whose password
    has been found right before.  How often an address may guess is for its bucket to say (`sellia.server.limiter`).
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from sellia.relay.passwords import Users
from sellia.relay.secrets import SecretDigest

AT_ONCE: Final = 2
WAITING: Final = 32
OF_ONE: Final = 8

_Key = tuple[Users, SecretDigest]


class PasswordChecks:
    """Queue of the credentials whose hashes have to be computed.  ``run`` calls a function in another thread."""

    def __init__(self, run: Callable[..., "Deferred[Any]"] = deferToThread) -> None:
        self._run = run
        self._waiting: dict[_Key, list[Deferred[bool]]] = {}
        self._counts: Counter[Users] = Counter()
        self._queue: deque[tuple[_Key, bytes]] = deque()
        self._running = 0

    def is_waiting(self, users: Users, credentials: bytes) -> bool:
        """Return whether the same is being computed, or waits for it."""
        return (users, SecretDigest(credentials)) in self._waiting

    def has_room(self, users: Users) -> bool:
        """Return whether another hash may be computed for a tunnel with these users."""
        return len(self._waiting) < WAITING and self._counts[users] < OF_ONE

    def verify(self, users: Users, credentials: bytes) -> "Deferred[bool]":
        """Return whether credentials are right, when that is known; it may be cancelled."""
        key = users, SecretDigest(credentials)
        waiters = self._waiting.setdefault(key, [])
        found: Deferred[bool] = Deferred()
        waiters.append(found)
        if len(waiters) == 1:
            self._counts[users] += 1
            self._queue.append((key, credentials))
            self._advance()
        return found

    def _advance(self) -> None:
        while self._queue and self._running < AT_ONCE:
            key, credentials = self._queue.popleft()
            self._running += 1
            self._run(key[0].verify, credentials).addBoth(self._computed, key, credentials)

    def _computed(self, result: Any, key: _Key, credentials: bytes) -> None:
        users = key[0]
        self._running -= 1
        self._counts[users] -= 1
        if not self._counts[users]:
            del self._counts[users]
        if result is True:
            users.learn(credentials)
        for waiter in self._waiting.pop(key):
            if not waiter.called:  # its visitor is still there
                waiter.callback(result)
        self._advance()
