"""Stream endpoint of a visitor's flow of datagrams at the client: a socket to the service for each visitor.

The service sees each visitor at a port of its own.  What comes before the service's address is known waits, as far as
`DatagramFlow` lets it.  A service that is not there, which the system tells by ICMP, ends the flow.
"""

from ipaddress import ip_address
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.client.events import ConnectionClosed, ConnectionOpened, Report
from sellia.client.local.ends import why_connection
from sellia.client.local.service import LocalService
from sellia.problems import (
    CLIENT_GONE,
    IDLE_TOO_LONG,
    SERVER_DRAINING,
    SERVER_RESTARTING,
    SERVICE_REFUSED,
    SERVICE_UNREACHABLE,
    VISITOR_GONE,
    Problem,
)
from sellia.protocol.messages import UdpFlow
from sellia.relay.mux.observer import EndedBy, StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.text import printable
from sellia.transports.reactor.batching import batch_of
from sellia.transports.reactor.lines import line
from sellia.transports.reactor.listening import listen_quietly
from sellia.transports.udp.flow import DATAGRAM_LIMIT, QUEUED, DatagramFlow

#: Ends of flows in which nothing is wrong.
_ORDERLY: Final = (IDLE_TOO_LONG, VISITOR_GONE, CLIENT_GONE, SERVER_DRAINING, SERVER_RESTARTING)

_log = Logger()


def open_flow(
    service: LocalService,
    stream: Stream,
    opening: UdpFlow,
    end: bool,
    report: Report | None,
    observer: StreamObserver | None,
) -> DatagramFlow:
    """Return the leg of a visitor's flow."""
    if observer is not None:
        observer.request(stream.id, opening)
    return ServiceFlow(service, stream, opening, report, observer).flow


class ServiceFlow(DatagramProtocol):
    """One flow and its socket."""

    transport: Any = None
    noisy = False

    def __init__(
        self,
        service: LocalService,
        stream: Stream,
        opening: UdpFlow,
        report: Report | None,
        observer: StreamObserver | None,
    ) -> None:
        self._service = service
        self._opening = opening
        self._report = report
        self._began = service.clock.seconds()
        self._early: list[bytes] = []
        self._connected = False
        self._over = False
        self.flow = DatagramFlow(stream, self, side="service", visitor=opening.visitor, observer=observer)
        if report is not None:
            report(ConnectionOpened(stream.id, opening.visitor, service.name))
        self._resolved().addCallbacks(self._connect, self._unknown).addErrback(self._failed)

    # --- the socket --------------------------------------------------------------------------------------------

    def datagramReceived(self, data: bytes, address: Any) -> None:
        self.flow.send(data)
        batch_of(self._service.clock).input_done()

    def connectionRefused(self) -> None:
        self.flow.end("service", SERVICE_REFUSED, f"{self._service.where} refused a datagram.")

    def stopProtocol(self) -> None:
        """End the flow, if it is not over: Twisted closes a socket that the system tells an error of."""
        self._connected = False
        self.connectionRefused()

    # --- from the stream: a FlowOwner ----------------------------------------------------------------------------

    def deliver(self, data: bytes) -> None:
        if not self._connected:
            if len(self._early) < QUEUED:
                self._early.append(data)
            return
        try:
            self.transport.write(data)
        except OSError:
            """A datagram may be lost."""

    def flow_over(self, by: EndedBy, problem: Problem, message: str) -> None:
        self._over = True
        self._early.clear()
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.stopListening()
        flow, opening = self.flow, self._opening
        orderly = problem in _ORDERLY
        seconds = self._service.clock.seconds() - self._began
        cause = None
        if not orderly:
            cause = why_connection(self._service, flow.stream, problem, message, flow.sent, flow.received, seconds)
        if self._report is not None:
            code, why = (None, "") if orderly else (problem.code, message or problem.sentence)
            name = self._service.name
            self._report(
                ConnectionClosed(
                    flow.stream.id, opening.visitor, by, code, why, flow.sent, flow.received, seconds, name, cause=cause
                )
            )
        end = None if orderly else line(self._service.clock, "flow failed")
        if end is not None:
            _log.warn(
                "a flow of datagrams failed: {word}: {cause} {remedy}{end}",
                word=printable(problem.code, 64),
                cause=printable(message or problem.sentence),
                remedy=problem.remedy,
                end=end,
            )

    # --- inside ----------------------------------------------------------------------------------------------------

    def _resolved(self) -> "Deferred[str]":
        host = self._service.target.host
        if host == "localhost" or host.endswith(".localhost"):
            return succeed("127.0.0.1")
        try:
            return succeed(str(ip_address(host)))
        except ValueError:
            resolved: Deferred[str] = self._service.clock.resolve(host)
            return resolved

    def _connect(self, address: str) -> None:
        if self._over:
            return
        reactor: Any = self._service.clock
        interface = "::" if ":" in address else ""
        listen_quietly(reactor.listenUDP, 0, self, interface=interface, maxPacketSize=DATAGRAM_LIMIT + 1)
        self.transport.connect(address, self._service.target.port)
        self._connected = True
        for data in self._early:
            self.deliver(data)
        self._early.clear()

    def _unknown(self, failure: Failure) -> None:
        self.flow.end("service", SERVICE_UNREACHABLE, f"No address was found for {self._service.target.host}.")

    def _failed(self, failure: Failure) -> None:
        self.flow.end("service", SERVICE_UNREACHABLE, f"{self._service.where} cannot be sent datagrams.")
