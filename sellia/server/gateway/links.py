"""Autobahn's factory of links: the ingress hands it connections whose handshake it has read."""

from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.interfaces import IAddress, IReactorTime

from sellia.protocol.messages import SUBPROTOCOL
from sellia.transports.link.keeper import LinkKeeper
from sellia.transports.link.native import ServerLink
from sellia.transports.original.server_side.bridge import OriginalServerLink


class LinkFactory(WebSocketServerFactory):
    """Makes links of one class, which speak to ``keeper``; ``attributes`` are set on each."""

    def __init__(
        self,
        keeper: LinkKeeper,
        clock: IReactorTime,
        protocol: type[ServerLink] | type[OriginalServerLink],
        **attributes: Any,
    ) -> None:
        super().__init__(protocols=[SUBPROTOCOL], server="Sellia", reactor=clock)
        self.protocol = protocol
        self._attributes = {"keeper": keeper, "clock": clock, **attributes}
        self.setProtocolOptions(
            failByDrop=False,
            openHandshakeTimeout=0,  # the handshake is read and whole; then hello is awaited
            closeHandshakeTimeout=0,  # the link has its own
            echoCloseCodeReason=True,
            utf8validateIncoming=False,
            allowNullOrigin=True,
            allowedOrigins=["*"],
        )

    def set_attributes(self, **attributes: Any) -> None:
        """Change what is set on links that are made from now on."""
        self._attributes |= attributes

    def buildProtocol(self, addr: IAddress | None) -> Any:
        link: Any = super().buildProtocol(addr)
        for name, value in self._attributes.items():
            setattr(link, name, value)
        return link
