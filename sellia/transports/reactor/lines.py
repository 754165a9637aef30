"""Rate of log lines about what anybody can bring about; those beyond it are counted.

A visitor can open and close WebSockets, and whoever may open tunnels can open and close sessions, as fast as the
network goes.  Each topic has a bucket; the next line of a topic says in ``suppressed=`` how many before it got none.

Bounds: ``RATE`` for each topic, some 100 MB a day; topics are words of the code.
"""

from typing import Any, Final
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IReactorTime

from sellia.relay.limits.limit_log import LimitLog
from sellia.relay.limits.token_bucket import Rate

#: Lines about one topic: as many at once as a thousand clients cause that come back together, and then five a second.
RATE: Final = Rate(2000, 5.0)

_told: "WeakKeyDictionary[Any, LimitLog]" = WeakKeyDictionary()


def line(clock: IReactorTime, topic: str) -> str | None:
    """Whether there is to be a line about something: what is to stand at its end, or None if there is none."""
    told = _told.get(clock)
    if told is None:
        told = _told[clock] = LimitLog(RATE)
    suppressed = told.count(topic, clock.seconds())
    if suppressed is None:
        return None
    return f" suppressed={suppressed}" if suppressed else ""
