"""The client that the server offers for download: its wheel, built when somebody first asks for a page that names it.

Building reads and compresses all of the program, which takes more than 0.1 s.  It is done in a thread, because the
reactor would answer nobody meanwhile; requests wait for it, each as one of the visitor's connections.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sellia.server.base_domain.wheel import Wheel, build_wheel

_log = Logger()


class Offer:
    """The wheel of what runs, built once.  A reactor without threads, as in memory, builds it at once."""

    def __init__(self, reactor: Any) -> None:
        #: None where it cannot be built, and before it is.
        self.wheel: Wheel | None = None
        self.built = False
        self._reactor = reactor
        self._waiting: list[Deferred[None]] = []

    def when_built(self) -> "Deferred[None]":
        """Return when there is nothing to wait for any more."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if self.built:
            self._tell()
        elif len(self._waiting) == 1:
            self._build().addCallbacks(self._keep, self._failed).addCallback(lambda _: self._tell())
        return waiting

    def _build(self) -> "Deferred[Wheel | None]":
        if IReactorThreads.providedBy(self._reactor):
            return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), build_wheel)
        return maybeDeferred(build_wheel)

    def _keep(self, wheel: Wheel | None) -> None:
        self.wheel = wheel

    def _failed(self, failure: Failure) -> None:
        _log.failure("the client cannot be offered", failure)

    def _tell(self) -> None:
        self.built = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)


class WhenBuilt(Resource):
    """Whatever ``found`` returns, once the offer's wheel is built."""

    isLeaf = True

    def __init__(self, offer: Offer, found: Callable[[], Resource]) -> None:
        super().__init__()
        self._offer = offer
        self._found = found

    def render(self, request: Request) -> Any:
        left = False

        def leave(failure: Failure) -> None:
            nonlocal left
            left = True

        def go_on(_: None) -> None:
            if not left:
                request.render(self._found())

        request.notifyFinish().addErrback(leave)
        self._offer.when_built().addCallback(go_on)
        return NOT_DONE_YET
