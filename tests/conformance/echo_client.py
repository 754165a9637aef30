"""
An echoing visitor: ``python -m tests.conformance.echo_client PORT HOST plain|deflate``.

Connects to 127.0.0.1:PORT, calling it HOST, and lets a fuzzing server there test it as Autobahn's test suite does:
ask ``/getCaseCount``, then play an echo once for each ``/runCase?case=N``, and end with ``/updateReports``.
"""

from __future__ import annotations

import sys
from typing import cast

import txaio

txaio.use_twisted()

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol  # noqa: E402
from autobahn.websocket.compress import (  # noqa: E402
    PerMessageDeflateOffer,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)
from autobahn.websocket.types import ConnectionResponse  # noqa: E402
from twisted.internet import reactor  # noqa: E402
from twisted.internet.defer import Deferred  # noqa: E402
from twisted.internet.interfaces import IConnector, ITCPTransport  # noqa: E402
from twisted.internet.task import react  # noqa: E402
from twisted.python.failure import Failure  # noqa: E402

AGENT = "echo"


class EchoClientProtocol(WebSocketClientProtocol):
    """Sends every message back as it came; the last message stays with the factory."""

    def onConnect(self, response: ConnectionResponse) -> None:
        # Autobahn's own tcpNoDelay option has no effect under Twisted.
        cast(ITCPTransport, self.transport).setTcpNoDelay(True)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.last_message = payload
        # With failByDrop off Autobahn still delivers what follows a violation that it has answered with a close frame.
        if self.factory.echoes and self.state == self.STATE_OPEN:
            self.sendMessage(payload, isBinary)


class CaseFactory(WebSocketClientFactory):
    """One connection, to ``path``. ``ended`` fires with the last message when the connection is gone."""

    protocol = EchoClientProtocol

    def __init__(self, host: str, path: str, deflate: bool, echoes: bool) -> None:
        super().__init__(f"ws://{host}{path}")
        self.echoes = echoes
        self.last_message = b""
        self.ended: Deferred[bytes] = Deferred()
        self.setProtocolOptions(failByDrop=False, openHandshakeTimeout=30, closeHandshakeTimeout=10)
        if deflate:
            self.setProtocolOptions(
                perMessageCompressionOffers=[PerMessageDeflateOffer()], perMessageCompressionAccept=accept_deflate
            )

    def clientConnectionLost(self, connector: IConnector, reason: Failure) -> None:
        self.ended.callback(self.last_message)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self.ended.errback(reason)


def accept_deflate(response: object) -> PerMessageDeflateResponseAccept | None:
    """Go along with what the server chose (RFC 7692, section 5.1)."""
    if isinstance(response, PerMessageDeflateResponse):
        return PerMessageDeflateResponseAccept(response)
    return None


async def run_cases(port: int, host: str, deflate: bool) -> None:
    """Run every case that the fuzzing server holds, one after the other."""

    async def connect(path: str, echoes: bool) -> bytes:
        factory = CaseFactory(host, path, deflate, echoes)
        reactor.connectTCP("127.0.0.1", port, factory, timeout=30)
        return await factory.ended

    count = int(await connect("/getCaseCount", echoes=False))
    for case in range(1, count + 1):
        await connect(f"/runCase?case={case}&agent={AGENT}", echoes=True)
    await connect(f"/updateReports?agent={AGENT}", echoes=False)


def main(port: str, host: str, compression: str) -> None:
    txaio.start_logging(level="error")  # type: ignore[attr-defined]
    react(lambda reactor: Deferred.fromCoroutine(run_cases(int(port), host, compression == "deflate")))


if __name__ == "__main__":
    main(*sys.argv[1:])
