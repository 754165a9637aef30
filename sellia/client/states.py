"""States of the client's session, as a table: which event leads from which state to which.

The table is that of ``docs/protocol.rst``, section 2.5, and a test compares the two.  What is done at an event is in
:mod:`sellia.client.session`; nothing else moves the state.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final


class State(Enum):
    """States, in the document's words."""

    NONE = "(none)"  #: there is no session
    THERE = "there"  #: the session has a link
    AWAY = "away"  #: the session has none
    LEAVING = "leaving"  #: the client was told to stop; with a session or without, with a link or without


class SessionEvent(Enum):
    """Events, in the document's words."""

    WELCOMED = "``welcome``, ``resumed`` false"
    RESUMED = "``welcome``, ``resumed`` true"
    LINK_LOST = "the link is lost or silent, or none is made"
    GO_AWAY = "``go-away``"
    WINDOW_OVER = "the window is over"
    TOLD_TO_STOP = "it is told to stop"
    DONE = "nothing is open, or the time is up"
    REFUSED = "``refused``, not ``final``"
    REFUSED_FOR_GOOD = "``refused``, ``final``"
    TUNNELS_REFUSED = "all its tunnels are refused, ``final``"
    ENDED = "``bye``, or a violation by the server"


_NONE, _THERE, _AWAY, _LEAVING = State

#: The next state, by event and state.  A pair that is not here cannot occur.
TRANSITIONS: Final[Mapping[SessionEvent, Mapping[State, State]]] = {
    SessionEvent.WELCOMED: {_NONE: _THERE, _AWAY: _THERE, _LEAVING: _LEAVING},
    SessionEvent.RESUMED: {_AWAY: _THERE, _LEAVING: _LEAVING},
    SessionEvent.LINK_LOST: {_NONE: _NONE, _THERE: _AWAY, _AWAY: _AWAY, _LEAVING: _LEAVING},
    SessionEvent.GO_AWAY: {_THERE: _THERE, _LEAVING: _LEAVING},
    SessionEvent.WINDOW_OVER: {_AWAY: _NONE, _LEAVING: _LEAVING},
    SessionEvent.TOLD_TO_STOP: dict.fromkeys(State, _LEAVING),
    SessionEvent.DONE: {_LEAVING: _NONE},
    SessionEvent.REFUSED: {each: each for each in State},
    SessionEvent.REFUSED_FOR_GOOD: dict.fromkeys(State, _NONE),
    SessionEvent.TUNNELS_REFUSED: {_THERE: _NONE, _LEAVING: _NONE},
    SessionEvent.ENDED: {_NONE: _NONE, _THERE: _NONE, _AWAY: _NONE, _LEAVING: _LEAVING},
}


class SessionState:
    """The state of one client's session."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = State.NONE

    def on(self, event: SessionEvent) -> None:
        """Move on.  Raises RuntimeError for an event that cannot occur in this state: a defect of ours."""
        following = TRANSITIONS[event].get(self.now)
        if following is None:
            raise RuntimeError(f"a client's session in the state {self.now.value} had the event: {event.value}")
        self.now = following
