"""Stream of what is new, as server-sent events (WHATWG HTML, 9.2).

Events
    ``hello`` once, with what ``/api/status`` says.  ``exchanges``: ``changed`` has the summaries of those that are new
    or have changed, ``gone`` the ids of those that are not kept any more, ``lost`` what was let go of in all.
    ``status``: the link or a tunnel has changed.  ``holds``: all holds, and what they hold.

How
    What changes is collected by the store for each stream, one entry for an exchange, and taken ``INTERVAL`` seconds
    after the first.  A reader that is too slow finds all of it in the next event, and misses nothing but what an
    exchange was in between; messages are asked for by their numbers.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.client.inspector.answers import encoded
from sellia.inspector.exchange import Exchange
from sellia.inspector.store import Store, Subscription
from sellia.transports.reactor.waiting import cancel

#: Seconds from the first change until it is told, and between two signs of life.
INTERVAL: Final = 0.1
ALIVE: Final = 15.0

#: Exchanges in one event.
BATCH: Final = 200


class News(Protocol):
    """What a stream tells of besides exchanges."""

    def status(self) -> Any:
        """Return what ``/api/status`` says."""

    def held(self) -> Any:
        """Return what ``/api/holds`` says."""


@implementer(IPushProducer)
class EventStream:
    """One stream.  ``shown`` returns what is told of an exchange, None for one that the reader has filtered out."""

    def __init__(
        self,
        store: Store,
        news: News,
        clock: Any,
        shown: Callable[[Exchange], Any],
        ended: Callable[["EventStream"], None],
    ) -> None:
        self._store = store
        self._news = news
        self._clock = clock
        self._shown = shown
        self._ended = ended
        self._subscription: Subscription | None = None
        self._request: Any = None
        self._timer: Any = None
        self._alive: Any = None
        self._full = False
        self._dirty: set[str] = set()
        self._rest: list[Exchange] = []

    def begin(self, request: Any) -> None:
        """Tell the request's peer what is new, until it leaves."""
        self._request = request
        request.begin(200, b"text/event-stream; charset=utf-8", {b"X-Accel-Buffering": b"no"})
        request.notifyFinish().addErrback(self._lost)
        request.registerProducer(self, True)
        self._subscription = self._store.subscribe(self._wake)
        self._say("hello", self._news.status())
        self._dirty.add("holds")
        self._wake()
        self._live()

    def changed(self, what: str) -> None:
        """Tell of a change of ``status`` or of ``holds``."""
        self._dirty.add(what)
        self._wake()

    def close(self) -> None:
        """End the stream: the client ends."""
        request = self._request
        self._over()
        if request is not None:
            request.unregisterProducer()
            request.finish()

    # --- a producer -------------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """Say nothing for now: the reader is slow."""
        self._full = True

    def resumeProducing(self) -> None:
        """Go on."""
        self._full = False
        self._wake()

    def stopProducing(self) -> None:
        """Nothing: the request's end says so."""

    # --- inside -----------------------------------------------------------------------------------------------

    def _lost(self, reason: Failure) -> None:
        self._over()

    def _over(self) -> None:
        self._request = None
        cancel(self._timer)
        cancel(self._alive)
        self._timer = self._alive = None
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
            self._ended(self)

    def _wake(self) -> None:
        if self._timer is None and self._request is not None:
            self._timer = self._clock.callLater(INTERVAL, self._tell)

    def _tell(self) -> None:
        self._timer = None
        if self._full or self._subscription is None:
            return  # it goes on when the reader has taken what was said
        if not self._rest:
            self._rest, gone = self._subscription.take()
        else:
            gone = []
        now, self._rest = self._rest[:BATCH], self._rest[BATCH:]
        changed = [shown for each in now if not each.evicted and (shown := self._shown(each)) is not None]
        if changed or gone:
            lost = self._store.lost
            told = {"exchanges": lost.exchanges, "frames": lost.frames, "bytes": lost.octets, "until": lost.until}
            self._say("exchanges", {"changed": changed, "gone": [str(each) for each in gone], "lost": told})
        dirty, self._dirty = self._dirty, set()
        if "status" in dirty:
            self._say("status", self._news.status())
        if "holds" in dirty:
            self._say("holds", self._news.held())
        if self._rest:
            self._wake()

    def _live(self) -> None:
        self._alive = self._clock.callLater(ALIVE, self._live)
        if not self._full:
            self._request.write(b": alive\n\n")

    def _say(self, event: str, value: Any) -> None:
        self._request.write(b"event: %b\ndata: %b\n\n" % (event.encode("ascii"), encoded(value)))
