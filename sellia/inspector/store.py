"""Store of exchanges, bounded in bytes: the oldest goes first, and what has gone is counted.

Need
    A client runs for weeks beside somebody's service, so what it remembers has a bound that the user sets, whatever
    visitors send.  Whoever looks must be able to tell that something was let go of, and follow what is new without
    asking for all.

Invariants (``check_invariants`` holds them in tests)
    * ``used`` is the cost of the exchanges that are kept, and at most ``memory`` once a call is over.
    * An exchange that is kept is found by its number; numbers only grow.
    * Whatever is let go of counts in ``lost``: exchanges, their frames, and their bytes.

Bounds
    ``memory`` bytes (64 MiB by default), of which a body or a message may have 1 MiB and a timeline an eighth; both
    shrink with a smaller memory.  Exchanges that are over go before those that are open, the oldest first, and those
    that the user keeps go last.  A subscription holds one entry for each exchange that is kept.

Designs not chosen
    *A number of exchanges*: says nothing about memory.  *A file*: what people say to a service under development is
    full of secrets, and on a disk only when they ask for it (``--record``).  *A call to subscribers for each frame*:
    the page could not draw as fast, and the relay would pay.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import msgspec

from sellia.inspector.exchange import Exchange

MIB: Final = 1 << 20

#: Bytes of all exchanges, where nothing else is set, and the least that may be set.
DEFAULT_MEMORY: Final = 64 * MIB
LEAST_MEMORY: Final = 1 * MIB

#: Bytes of a body or message that are kept.
KEPT_LIMIT: Final = 1 * MIB


#: Numbers of exchanges that are gone, which a subscription holds; whoever has missed some compares with ``first``.
GONE_LIMIT: Final = 10_000


class Lost(msgspec.Struct):
    """What the store has let go of since it was made or cleared."""

    exchanges: int = 0
    frames: int = 0
    octets: int = 0  #: bytes of bodies and payloads, as they passed
    until: float = 0.0  #: when the youngest exchange among them began


class Subscription:
    """What has changed since somebody last asked; ``wake`` is called when there is something again."""

    def __init__(self, store: "Store", wake: Callable[[], None]) -> None:
        self._store = store
        self._wake = wake
        self._changed: dict[int, Exchange] = {}
        self._gone: deque[int] = deque(maxlen=GONE_LIMIT)

    def take(self) -> tuple[list[Exchange], list[int]]:
        """Return the exchanges that have changed, oldest first, and the numbers of those that are gone."""
        changed, self._changed = self._changed, {}
        gone = list(self._gone)
        self._gone.clear()
        for exchange in changed.values():
            exchange.touched = False
        return [changed[number] for number in sorted(changed)], gone

    def has(self, number: int) -> bool:
        """Return whether `take` would tell of a change of this exchange."""
        return number in self._changed

    def close(self) -> None:
        """Be told nothing more."""
        self._store.unsubscribe(self)

    def touch(self, exchange: Exchange) -> None:
        """For the store: an exchange has changed."""
        idle = not (self._changed or self._gone)
        self._changed[exchange.number] = exchange
        if idle:
            self._wake()

    def drop(self, number: int) -> None:
        """For the store: an exchange is gone."""
        idle = not (self._changed or self._gone)
        self._changed.pop(number, None)
        self._gone.append(number)
        if idle:
            self._wake()


class Watcher(Protocol):
    """What is told of what the store loses while it is lost: a recording."""

    def letting_go(self, exchange: Exchange) -> None:
        """The store lets go of an exchange, which is whole for the last time."""

    def passed_unkept(self, octets: int, frames: int) -> None:
        """Something passes in an exchange that was let go of while it was open."""


class Store:
    """Exchanges by number.  Changes to an exchange go through it, so that it knows what they cost and tells of them.

    ``first`` is the number of the first one.
    """

    def __init__(self, memory: int = DEFAULT_MEMORY, first: int = 1) -> None:
        self.memory = memory
        self.kept_limit = min(KEPT_LIMIT, memory // 8)
        self.timeline_limit = memory // 8 if memory >= 8 * MIB else memory // 4
        self.used = 0
        self.lost = Lost()
        #: Exchanges that have begun, since the store was made.
        self.begun = 0
        self._exchanges: OrderedDict[int, Exchange] = OrderedDict()
        #: Those that are over, in the order in which they ended, for eviction.
        self._over: deque[Exchange] = deque()
        self._subscriptions: list[Subscription] = []
        self._next = first
        self.watcher: Watcher | None = None

    # --- for whoever writes -----------------------------------------------------------------------------------

    def next_number(self) -> int:
        """Return the number of the next exchange."""
        number, self._next = self._next, self._next + 1
        return number

    def add(self, exchange: Exchange) -> None:
        """Keep a new exchange, whose number is from `next_number`."""
        self._exchanges[exchange.number] = exchange
        self.begun += 1
        self.used += exchange.cost
        self.touch(exchange)
        if self.used > self.memory:
            self._make_room(exchange)

    def grown(self, exchange: Exchange, cost: int) -> None:
        """Count what an exchange costs more, or less, and tell subscribers that it has changed."""
        if exchange.evicted:
            return
        exchange.cost += cost
        self.used += cost
        if not exchange.touched:
            self.touch(exchange)
        if self.used > self.memory:
            self._make_room(exchange)

    def touch(self, exchange: Exchange) -> None:
        """Tell subscribers that an exchange has changed."""
        if exchange.evicted:
            return
        exchange.version += 1
        exchange.touched = True
        for subscription in self._subscriptions:
            subscription.touch(exchange)

    def over(self, exchange: Exchange) -> None:
        """Note that nothing more passes in an exchange, whose end is set."""
        if not exchange.evicted:
            self._over.append(exchange)
            self.touch(exchange)

    def passed_unkept(self, octets: int, frames: int = 0) -> None:
        """Count what passes in an exchange that was let go of while it was open."""
        self.lost.frames += frames
        self.lost.octets += octets
        if self.watcher is not None:
            self.watcher.passed_unkept(octets, frames)

    def keep(self, exchange: Exchange, kept: bool) -> None:
        """Let "clear" and eviction leave an exchange alone, or not any more; eviction takes it only as the last."""
        if exchange.kept and not kept and not exchange.open:
            self._over.append(exchange)
        exchange.kept = kept
        self.touch(exchange)

    def remove(self, exchange: Exchange) -> None:
        """Let go of one exchange because somebody wants it gone; it does not count as lost."""
        if not exchange.evicted:
            self._drop(exchange)

    def clear(self) -> int:
        """Let go of all exchanges that are over and not kept, and forget what was lost.  Returns how many."""
        gone = [each for each in self._exchanges.values() if not each.open and not each.kept]
        for exchange in gone:
            self._drop(exchange)
        self.lost = Lost()
        return len(gone)

    # --- for whoever reads ------------------------------------------------------------------------------------

    def get(self, number: int | str) -> Exchange | None:
        """Return an exchange by its number or id; None if it is not kept."""
        if isinstance(number, str):
            if not (number.isascii() and number.isdigit() and len(number) < 16):
                return None
            number = int(number)
        return self._exchanges.get(number)

    def __len__(self) -> int:
        return len(self._exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        """Return all exchanges, oldest first."""
        return iter(list(self._exchanges.values()))

    def after(self, number: int, limit: int = 0) -> list[Exchange]:
        """Return the exchanges with numbers above ``number``, oldest first, ``limit`` at most (0: all)."""
        found: list[Exchange] = []
        for exchange in reversed(self._exchanges.values()):
            if exchange.number <= number:
                break
            found.append(exchange)
        found.reverse()
        return found[:limit] if limit else found

    def newest_first(self) -> Iterator[Exchange]:
        """Return all exchanges, newest first."""
        return reversed(list(self._exchanges.values()))

    @property
    def first(self) -> int:
        """Number of the oldest exchange that is kept; that of the next one if there is none."""
        return next(iter(self._exchanges), self._next)

    def subscribe(self, wake: Callable[[], None]) -> Subscription:
        """Collect what changes from now on; ``wake`` is called, from within a change, when there is something."""
        subscription = Subscription(self, wake)
        self._subscriptions.append(subscription)
        for exchange in self._exchanges.values():
            exchange.touched = False
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def check_invariants(self) -> None:
        """For tests: raise AssertionError where the module's invariants do not hold."""
        assert self.used == sum(each.cost for each in self._exchanges.values())
        assert self.used <= self.memory or len(self._exchanges) <= 1
        numbers = list(self._exchanges)
        assert numbers == sorted(numbers)
        assert not any(each.evicted for each in self._exchanges.values())

    # --- inside -----------------------------------------------------------------------------------------------

    def _make_room(self, current: Exchange) -> None:
        """Let go of exchanges until the rest fits: those that are over, then open ones, then those that are kept."""
        over = self._over
        while self.used > self.memory and over:
            exchange = over.popleft()
            if not exchange.evicted and not exchange.kept and exchange is not current:
                self._evict(exchange)
        if self.used > self.memory:
            for kept in (False, True):
                for exchange in [each for each in self._exchanges.values() if each.kept is kept]:
                    if self.used > self.memory and exchange is not current:
                        self._evict(exchange)

    def _evict(self, exchange: Exchange) -> None:
        lost, timeline = self.lost, exchange.timeline
        lost.exchanges += 1
        lost.octets += exchange.request_body.length + exchange.response_body.length
        if timeline is not None:
            lost.frames += timeline.count
            lost.octets += timeline.visitor.octets + timeline.service.octets
        lost.until = max(lost.until, exchange.started)
        self._drop(exchange)

    def _drop(self, exchange: Exchange) -> None:
        if self.watcher is not None:
            self.watcher.letting_go(exchange)
        del self._exchanges[exchange.number]
        self.used -= exchange.cost
        exchange.evicted = True
        exchange.let_go()
        for subscription in self._subscriptions:
            subscription.drop(exchange.number)
