"""The reactor's loop without a log context for each event, and with a beginning and an end of each turn.

Twisted calls whatever has become readable or writable inside ``log.callWithLogger``, which names the connection as the
``system`` of lines that are logged without one of their own.  Ours all have one.  The context costs seven function
calls for each event: 140 us of CPU for a hello-world request in each of our processes, against 119 us without it
(medians of nine runs of either, by turns).

:func:`poll_plainly` gives Twisted's epoll reactor, and no other, a loop that leaves it out.  Errors are handled where
they always were: in the reactor's ``_doReadOrWrite``, which logs what escapes and drops the connection.

The loop also tells the reactor's :class:`~sellia.transports.reactor.batching.FlushBatch` how many sockets are ready
when it begins to act on them, and when it is done, so that what is to be flushed by then needs no timer.

Only whoever owns the process may ask for this: the taps and the command line.
"""

from errno import EINTR
from functools import partial
from typing import Any

from sellia.transports.reactor.batching import FlushBatch, batch_of

#: The reactor that has this loop; not imported, because not every system has epoll.
_KNOWN = "twisted.internet.epollreactor.EPollReactor"

#: What the loop needs of the reactor.
_PARTS = ("_poller", "_selectables", "_doReadOrWrite", "doIteration")


def poll_plainly(reactor: Any) -> bool:
    """Leave log contexts out of this reactor's loop; False, and nothing changes, if it is not the one we know."""
    kind = type(reactor)
    if f"{kind.__module__}.{kind.__qualname__}" != _KNOWN or not all(hasattr(reactor, part) for part in _PARTS):
        return False
    reactor.doIteration = reactor.doPoll = partial(_poll, reactor, batch_of(reactor))
    return True


def _poll(reactor: Any, turn: FlushBatch, timeout: float | None) -> None:
    """Wait for events, at most ``timeout`` seconds (None: for ever), and act on them."""
    selectables = reactor._selectables
    try:
        events = reactor._poller.poll(-1 if timeout is None else timeout, len(selectables))
    except OSError as error:
        if error.errno == EINTR:
            return
        raise
    act = reactor._doReadOrWrite
    turn.begin(len(events))
    for descriptor, event in events:
        selectable = selectables.get(descriptor)
        if selectable is not None:
            act(selectable, descriptor, event)
    turn.end()
