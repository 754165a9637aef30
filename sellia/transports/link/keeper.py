"""Keepers of links: what a link tells the gateway or the connector, and asks of it."""

from typing import TYPE_CHECKING, Protocol

from sellia.errors import ProtocolError
from sellia.protocol.messages import LinkMessage

if TYPE_CHECKING:
    from sellia.transports.link.base import LinkMixin


class LinkKeeper(Protocol):
    """Who has links: the gateway, or the connector."""

    def link_opened(self, link: "LinkMixin") -> None:
        """The WebSocket is open; nothing has been said."""

    def link_message(self, link: "LinkMixin", message: LinkMessage) -> None:
        """The peer said something that concerns the link's or the session's existence.  May raise ProtocolError."""

    def link_faulty(self, link: "LinkMixin", code: int, fault: str) -> None:
        """The peer broke our protocol or WebSocket's, and the link is being closed with ``code``: tell the log."""

    def rate_limited_log(self, topic: str) -> int | None:
        """Whether a line may tell of something that a peer can bring about as often as it likes: None if none may now,
        else how many before it got none.
        """

    def link_broken(self, link: "LinkMixin", error: ProtocolError) -> None:
        """The peer broke the protocol: its session cannot go on.  The link is being closed; ``link_lost`` follows."""

    def link_lost(self, link: "LinkMixin", reason: str) -> None:
        """The link is gone, and its session, if it carried one, has been detached."""
