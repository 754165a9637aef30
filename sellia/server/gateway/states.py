"""States of a client's session at the server, and the events that change them (``docs/protocol.rst``, 2.5).

The table below is the one in the document; a test compares them.  A session is *there* while a link carries it, *away*
while it waits for another, and *leaving* once its client has said that it will stop; in *none* it is over, or has not
begun.  What else an event does, as telling visitors and releasing names, is the gateway's.
"""

from enum import Enum
from typing import Final, NamedTuple

from sellia.problems import CLIENT_GONE, OVERLOADED, SERVER_RESTARTING, SESSION_EXPIRED, Problem


class SessionState(Enum):
    """State of a session."""

    NONE = "(none)"
    THERE = "there"
    AWAY = "away"
    LEAVING = "leaving"


class Next(Enum):
    """State that an event leads to, where that depends on the one before."""

    SAME = "no change"
    BEFORE = "as before"  #: the state in which the link was lost


class SessionEvent(Enum):
    """Event that may change the state of a session, as the document names it."""

    OPENED = "``hello`` without a known token"
    LINK_LOST = "the link is lost"
    LINK_CUT = "the link of an original client is lost"
    TAKEN_OVER = "``hello`` with its token on another link"
    OLDER_HELLO = "``hello`` with its token, of an older number"
    RESUMED = "``hello`` with its token"
    GO_AWAY = "``go-away``"
    DRAINED = "the server drains"
    EXPIRED = "T is over"
    CLAIMED = "its owner claims one of its names"
    CLAIMED_SILENT = "its owner claims one, and it is silent"
    GOODBYE = "``bye``"
    VIOLATED = "a violation by the client"
    TOO_LARGE = "too much waits in all sessions, most in it"
    DISMISSED = "the server dismisses it"
    STOPPED = "the server ends"


class Transition(NamedTuple):
    """Effect of an event."""

    sources: tuple[SessionState, ...]  #: states in which it can happen
    next: SessionState | Next
    problem: Problem | None = None  #: the reason that visitors are told, where it ends the session


_NONE, _THERE, _AWAY, _LEAVING = SessionState.NONE, SessionState.THERE, SessionState.AWAY, SessionState.LEAVING
_LINKED: Final = _THERE, _LEAVING
_ANY: Final = _THERE, _AWAY, _LEAVING

TRANSITIONS: Final = {
    SessionEvent.OPENED: Transition((_NONE,), _THERE),
    SessionEvent.LINK_LOST: Transition(_LINKED, _AWAY),
    SessionEvent.LINK_CUT: Transition(_LINKED, _NONE, SESSION_EXPIRED),
    SessionEvent.TAKEN_OVER: Transition(_LINKED, Next.SAME),
    SessionEvent.OLDER_HELLO: Transition(_ANY, Next.SAME),
    SessionEvent.RESUMED: Transition((_AWAY,), Next.BEFORE),
    SessionEvent.GO_AWAY: Transition(_LINKED, _LEAVING),
    SessionEvent.DRAINED: Transition(_ANY, Next.SAME),
    SessionEvent.EXPIRED: Transition((_AWAY,), _NONE, SESSION_EXPIRED),
    SessionEvent.CLAIMED: Transition((_AWAY,), _NONE, CLIENT_GONE),
    SessionEvent.CLAIMED_SILENT: Transition(_LINKED, _NONE, CLIENT_GONE),
    SessionEvent.GOODBYE: Transition(_ANY, _NONE, CLIENT_GONE),
    SessionEvent.VIOLATED: Transition(_ANY, _NONE, CLIENT_GONE),
    SessionEvent.TOO_LARGE: Transition(_ANY, _NONE, OVERLOADED),
    SessionEvent.DISMISSED: Transition(_ANY, _NONE, CLIENT_GONE),
    SessionEvent.STOPPED: Transition(_ANY, _NONE, SERVER_RESTARTING),
}


class SessionMachine:
    """Holds the state of one session."""

    __slots__ = ("_before", "state")

    def __init__(self) -> None:
        self.state = SessionState.NONE
        self._before = SessionState.THERE

    def move(self, event: SessionEvent) -> None:
        """Change the state.  Raises RuntimeError, for a defect of ours, where the event cannot happen."""
        transition = TRANSITIONS[event]
        if self.state not in transition.sources:
            raise RuntimeError(f"a session that is {self.state.value} cannot have the event: {event.value}")
        target = transition.next
        if target is Next.SAME:
            return
        if target is Next.BEFORE:
            self.state = self._before
            return
        assert isinstance(target, SessionState)
        if target is SessionState.AWAY:
            self._before = self.state
        self.state = target
