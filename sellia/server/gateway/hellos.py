"""Hellos of clients: what becomes of a link until it carries a session.

Need
    A client says who it is, first of all.  Whether it goes on with a session can be told at once, and so can whose a
    key is with the key store of today; another store, as a database, answers later.

States of a link
    *Awaited*: no hello has come.  *Looked up*: the key store has been asked and has not answered.  Then the link
    carries a session, and is not kept here any more; or it is refused, and closes, or may say another hello.

Invariants
    * What a client sends while its key is looked up is held back by not reading, and comes after the answer.
    * An answer counts for the state of things when it comes: guesses, a drain, and the room for sessions.  One that
      comes for a link that is over does nothing.
    * A hello that goes on with a session is never looked up: its token and its key prove enough.  So links of one
      session take over in the order of their hellos, whatever the store does meanwhile.

Bounds
    A link must have said hello ``hello_timeout`` seconds after it opened.  At most ``LOOKUPS`` keys are looked up at
    once, for ``LOOKUP_TIME`` seconds each; beyond either, the client is told to try again.
"""

from dataclasses import dataclass
from enum import Enum
from secrets import token_hex
from typing import Final, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.errors import ProblemError, ProtocolError
from sellia.problems import INTERNAL, OVERLOADED, SERVER_DRAINING
from sellia.protocol.messages import Hello, Refused
from sellia.server.gateway.admission import FINAL, Admission, Rejection
from sellia.server.gateway.keys import Owner
from sellia.server.gateway.policy import Journal, Policy
from sellia.server.limiter import Limiter
from sellia.server.settings import ServerSettings
from sellia.text import field
from sellia.transports.link.keeper import Link
from sellia.transports.reactor.causes import tell_cause
from sellia.transports.reactor.waiting import cancel
from sellia.why.cause import cause_id
from sellia.why.link import opening_cause

#: Keys that are looked up at once.
LOOKUPS: Final = 1_000

#: Seconds for a lookup: fewer than the 10 s after which clients give up a link on which no answer comes.
LOOKUP_TIME: Final = 8.0

_TOO_SLOW: Final = f"The server could not look up the key within {LOOKUP_TIME:g} s. Try again."
_TOO_MANY: Final = f"The server looks up {LOOKUPS:,} keys at the moment, which is its limit. Try again."

_log = Logger()


class HelloState(Enum):
    """State of a link that carries no session."""

    AWAITED = "awaited"
    LOOKED_UP = "being looked up"


class HelloKeeper(Protocol):
    """The gateway, as hellos use it."""

    settings: ServerSettings
    clock: IReactorTime
    guard: Limiter
    policy: Policy
    journal: Journal
    draining: bool

    def resume(self, link: Link, hello: Hello) -> bool:
        """Go on with the session that a hello names; return whether there is one, and the hello shows its key.

        Raises ProblemError if it may not go on.
        """

    def begin(self, link: Link, hello: Hello, owner: Owner) -> None:
        """Begin a session on a link."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A link that carries no session."""

    until: float  #: when its hello must have come
    timer: IDelayedCall
    lookup: "Deferred[None] | None" = None


class Hellos:
    """The links of one gateway that carry no session."""

    def __init__(self, keeper: HelloKeeper, admission: Admission) -> None:
        self._keeper = keeper
        self._admission = admission
        self._links: dict[Link, _Waiting] = {}
        self._lookups = 0

    def state(self, link: Link) -> HelloState | None:
        """Return the state of a link; None if it carries a session, or is gone."""
        waiting = self._links.get(link)
        if waiting is None:
            return None
        return HelloState.AWAITED if waiting.lookup is None else HelloState.LOOKED_UP

    def opened(self, link: Link) -> None:
        """Await the hello of a new link."""
        keeper = self._keeper
        timeout = keeper.settings.hello_timeout
        timer = keeper.clock.callLater(timeout, self._too_silent, link)
        self._links[link] = _Waiting(keeper.clock.seconds() + timeout, timer)

    def received(self, link: Link, hello: Hello) -> None:
        """Act on a hello.  Raises ProtocolError for a second one."""
        waiting = self._links.get(link)
        if waiting is None or waiting.lookup is not None:
            raise ProtocolError("a second hello on one link")
        try:
            if self._keeper.resume(link, hello):
                self._remove(link)
                return
            if self._lookups >= LOOKUPS:
                raise Rejection(OVERLOADED, _TOO_MANY, "key_lookups")
            found = self._admission.find_owner(hello, link.remote)
            if isinstance(found, Deferred):
                self._look_up(link, waiting, hello, found)
            else:
                self._begin(link, hello, found)
        except ProblemError as error:
            self._refuse(link, error)

    def lost(self, link: Link) -> None:
        """Forget a link that is gone, and cancel its lookup."""
        waiting = self._remove(link)
        if waiting is not None and waiting.lookup is not None:
            waiting.lookup.cancel()

    def stop(self) -> None:
        """Drop all links that carry no session."""
        for link in list(self._links):
            link.drop("the server stops")

    # --- lookups -------------------------------------------------------------------------------------------

    def _look_up(self, link: Link, waiting: _Waiting, hello: Hello, found: "Deferred[Owner]") -> None:
        """Conclude with the answer of the key store, and hold the link back until it is there."""
        results: list[Owner | Failure] = []
        asked = found.addBoth(results.append)
        if results:
            self._conclude(link, hello, results[0])
            return
        clock = self._keeper.clock
        waiting.timer.cancel()
        waiting.timer = clock.callLater(LOOKUP_TIME, asked.cancel)
        waiting.lookup = asked
        self._lookups += 1
        link.hold_back()
        asked.addCallback(lambda _: self._answered(link, waiting, hello, results[0]))
        asked.addErrback(lambda failure: _log.failure("a hello could not be answered", failure=failure))

    def _answered(self, link: Link, waiting: _Waiting, hello: Hello, result: "Owner | Failure") -> None:
        """Conclude a lookup, unless its link is over."""
        self._lookups -= 1
        waiting.lookup = None
        if self._links.get(link) is not waiting:
            return
        cancel(waiting.timer)
        clock = self._keeper.clock
        waiting.timer = clock.callLater(max(0.0, waiting.until - clock.seconds()), self._too_silent, link)

        def answer() -> None:
            if not link.reason:
                self._conclude(link, hello, result)

        link.answer_late(answer)

    def _conclude(self, link: Link, hello: Hello, result: "Owner | Failure") -> None:
        try:
            if isinstance(result, Failure):
                raise _problem_of(result)
            self._begin(link, hello, result)
        except ProblemError as error:
            self._refuse(link, error)

    # --- inside --------------------------------------------------------------------------------------------

    def _begin(self, link: Link, hello: Hello, owner: Owner) -> None:
        if self._keeper.draining:
            raise Rejection(SERVER_DRAINING)
        self._keeper.policy.check_session(owner)
        self._admission.check_room(owner)
        self._keeper.begin(link, hello, owner)
        self._remove(link)

    def _refuse(self, link: Link, error: ProblemError) -> None:
        """Tell the client why it is not let in; its link is over then, unless it may say another hello."""
        problem = error.problem
        code = problem.close_code or 1008
        id = cause_id(token_hex(4), 0, "r")
        refused = Refused(problem.code, str(error), problem in FINAL, id)
        limit = error.limit if isinstance(error, Rejection) else ""
        guard = self._keeper.guard
        if limit:
            guard.refused(limit, link.remote, code)
        elif (suppressed := guard.rate_limited_log(problem.code)) is not None:
            _log.info(
                "client refused: peer={peer} word={word} message={message} suppressed={suppressed}",
                peer=field(link.remote),
                word=field(problem.code),
                message=field(refused.message),
                suppressed=suppressed,
            )
            tell_cause(self._keeper.clock, opening_cause(id, problem, refused.message, peer=link.remote), "")
        self._keeper.journal.refused(link.remote, error)
        if not link.refuse(refused, code):
            self._remove(link)

    def _remove(self, link: Link) -> _Waiting | None:
        waiting = self._links.pop(link, None)
        if waiting is not None:
            cancel(waiting.timer)
        return waiting

    def _too_silent(self, link: Link) -> None:
        self._keeper.guard.refused("hello_time", link.remote, 1008)
        link.close(1008, "no hello came in time")


def _problem_of(failure: Failure) -> ProblemError:
    """Return what a client is told of a lookup that failed."""
    error = failure.value
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, CancelledError):
        return Rejection(OVERLOADED, _TOO_SLOW, "key_lookups")
    _log.failure("the key store failed", failure=failure)
    return Rejection(INTERNAL)
