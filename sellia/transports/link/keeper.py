"""A link and its keeper, as each sees the other: what a gateway or a connector asks of a link, and is told of it."""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from sellia.errors import ProtocolError
from sellia.protocol.messages import LinkMessage, Refused
from sellia.relay.mux.session import Session


class Link(Protocol):
    """One connection between client and server that carries a session, whatever dialect is spoken on it."""

    clock: IReactorTime
    #: Address of the other side, for people.
    remote: str
    #: Why the link ended, once that is known.
    reason: str
    #: The session that it carries, if it carries one.
    session: Session | None

    @property
    def keeper(self) -> "LinkKeeper":
        """The keeper that is told what becomes of the link."""

    @property
    def resumable(self) -> bool:
        """Whether the session that the link carries can go on over another one."""

    @property
    def caveat(self) -> str:
        """A sentence that who uses the link should know, or nothing."""

    @property
    def heard(self) -> float:
        """When something was last received from the other side."""

    @property
    def trip(self) -> float:
        """Seconds of the shortest round trip so far; infinite if none is known."""

    def say(self, message: LinkMessage) -> None:
        """Send an unnumbered message of the link."""

    def carry(self, session: Session, peer_received: int, interval: float, timeout: float) -> None:
        """Carry ``session`` from now on: a ping after ``interval`` seconds of silence, an end after ``timeout``."""

    def refuse(self, refused: Refused, code: int) -> bool:
        """Answer a hello with no, and close.  False: the link is over; True would mean that it may say hello again."""

    def ask(self) -> float:
        """Ping the other side, unless it has just been.  It is there once ``heard`` is what this returns, or more."""

    def look(self) -> None:
        """Check at once whether the other side has been silent for too long: after a sleep, timers are late."""

    @property
    def held_back(self) -> bool:
        """Whether the link takes nothing from the peer, between ``hold_back`` and ``answer_late``."""

    def hold_back(self) -> None:
        """Take nothing more from the peer until ``answer_late``: the keeper cannot answer a link message at once."""

    def answer_late(self, answer: Callable[[], None]) -> None:
        """Call ``answer`` as if from ``link_message``, and go on with what was held back."""

    def close(self, code: int, reason: str) -> None:
        """End the link with a closing handshake; what the peer still sends is dropped."""

    def drop(self, reason: str) -> None:
        """End the link at once."""


class LinkKeeper(Protocol):
    """Owner of links: the gateway, or the connector."""

    def link_opened(self, link: Link) -> None:
        """The WebSocket is open; nothing has been said."""

    def link_message(self, link: Link, message: LinkMessage) -> None:
        """The peer said something that concerns the link's or the session's existence.  May raise ProtocolError."""

    def link_faulty(self, link: Link, code: int, fault: str) -> None:
        """The peer broke our protocol or WebSocket's: log it.  The link is being closed with ``code``."""

    def rate_limited_log(self, topic: str) -> int | None:
        """Return how many lines about ``topic`` were suppressed before this one, or None if this one is to be as well.

        For what a peer can bring about as often as it likes.
        """

    def link_broken(self, link: Link, error: ProtocolError) -> None:
        """The peer broke the protocol: its session cannot go on.  The link is being closed; ``link_lost`` follows."""

    def link_lost(self, link: Link, reason: str) -> None:
        """The link is gone, and its session, if it carried one, has been detached."""
