"""An echo service: ``python -m tests.conformance.echo_server PORT plain|deflate``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import cast

import txaio

txaio.use_twisted()

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol  # noqa: E402
from autobahn.websocket.compress import (  # noqa: E402
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
)
from autobahn.websocket.types import ConnectionRequest  # noqa: E402
from twisted.internet import reactor  # noqa: E402
from twisted.internet.interfaces import ITCPTransport  # noqa: E402


class EchoServerProtocol(WebSocketServerProtocol):
    """Sends every message back as it came."""

    def onConnect(self, request: ConnectionRequest) -> None:
        # Autobahn's own tcpNoDelay option has no effect under Twisted.
        cast(ITCPTransport, self.transport).setTcpNoDelay(True)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        # With failByDrop off Autobahn still delivers what follows a violation that it has answered with a close frame.
        if self.state == self.STATE_OPEN:
            self.sendMessage(payload, isBinary)


def accept_deflate(offers: Sequence[object]) -> PerMessageDeflateOfferAccept | None:
    """Take the first permessage-deflate offer, with whatever it asks for (RFC 7692, section 5.1)."""
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer)
    return None


def echo_factory(deflate: bool) -> WebSocketServerFactory:
    """Protocol errors are answered with a close frame before the connection goes; message size has no limit."""
    factory = WebSocketServerFactory()
    factory.protocol = EchoServerProtocol
    factory.setProtocolOptions(failByDrop=False, openHandshakeTimeout=30, closeHandshakeTimeout=10)
    if deflate:
        factory.setProtocolOptions(perMessageCompressionAccept=accept_deflate)
    return factory


def main(port: str, compression: str) -> None:
    txaio.start_logging(level="error")  # type: ignore[attr-defined]
    reactor.listenTCP(int(port), echo_factory(compression == "deflate"), backlog=512, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
