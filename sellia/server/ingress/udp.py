"""Datagrams of visitors at the port of a tunnel: a flow for each visitor's address, and what lets one in.

Need
    A datagram's sender can be anybody, and is whoever it says it is.  Neither may a visitor who is not there be flooded
    through this port, nor may datagrams from made-up addresses keep others out.

Invariants
    * Nothing is sent to an address that has not been heard.  Until an address has shown that it hears what it is sent,
      by saying something after that, it is sent at most ``AMPLIFICATION`` times the bytes that it has sent.
    * A refusal is silence.

Bounds
    ``limits.udp_flows`` in all and ``limits.udp_flows_per_address`` of one address; ``rates.requests`` bounds how many
    flows of one tunnel begin.  Where all are taken, the oldest that has shown nothing gives way.  A flow ends when
    nothing has passed for ``timeouts.udp_idle`` seconds, or for its tunnel's shorter ``idle_timeout``.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from sellia.errors import ProblemError
from sellia.problems import IDLE_TOO_LONG, OVERLOADED, SERVER_DRAINING, SERVER_RESTARTING, Problem
from sellia.protocol.messages import UdpFlow
from sellia.relay.http.forwarded import counted_address, plain_address
from sellia.relay.limits.quota import Quota
from sellia.relay.mux.observer import EndedBy
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.server.ingress.ingress import Ingress
from sellia.server.ingress.tcp import OpeningLeg, admit_visitor, shortest, tell_refusal
from sellia.text import field
from sellia.transports.reactor.lines import line
from sellia.transports.udp.flow import DatagramFlow

#: Bytes that an address is sent for each that it has sent, until it has shown that it hears.
AMPLIFICATION: Final = 3

Address = tuple[str, int]

_log = Logger()


class UdpIngress:
    """The flows of all ports of one server."""

    def __init__(self, ingress: Ingress) -> None:
        self.ingress = ingress
        settings = ingress.settings
        self._quota: Quota[str] = Quota(settings.udp_flows, settings.udp_flows_per_address)
        self._unproved: dict[UdpVisitor, None] = {}  # the oldest first
        #: Datagrams that were dropped: they came for nobody, or nobody was to be sent them.
        self.dropped = 0

    @property
    def count(self) -> int:
        """The number of flows."""
        return self._quota.count

    def port(self, label: str) -> "UdpPort":
        """Return the protocol of a tunnel's port."""
        return UdpPort(self, label)

    def full(self, host: str) -> str | None:
        """Return the limit that another flow of an address would break; an unproved one may have made room."""
        settings = self.ingress.settings
        if self._quota.of(counted_address(host)) >= settings.udp_flows_per_address:
            return "udp_flows_per_address"
        while self._quota.count >= settings.udp_flows and self._unproved:
            next(iter(self._unproved)).give_way()
        return "udp_flows" if self._quota.count >= settings.udp_flows else None

    def entered(self, visitor: "UdpVisitor") -> None:
        """Count a flow."""
        self._quota.acquire(counted_address(visitor.peer))
        self._unproved[visitor] = None

    def proved(self, visitor: "UdpVisitor") -> None:
        """Note that a flow's visitor hears what it is sent."""
        self._unproved.pop(visitor, None)

    def left(self, visitor: "UdpVisitor") -> None:
        """Count a flow no more."""
        self._quota.release(counted_address(visitor.peer))
        self._unproved.pop(visitor, None)


class UdpPort(DatagramProtocol):
    """The port of the tunnel ``label``."""

    transport: Any
    noisy = False

    def __init__(self, flows: UdpIngress, label: str) -> None:
        self._flows = flows
        self._label = label
        self._visitors: dict[Address, UdpVisitor] = {}

    def datagramReceived(self, data: bytes, address: Any) -> None:
        ingress = self._flows.ingress
        visitor = self._visitors.get(address)
        if visitor is None:
            visitor = self._enter(address)
            if visitor is None:
                self._flows.dropped += 1
                return
        visitor.received(data)
        ingress.turn.input_done()

    def _enter(self, address: Address) -> "UdpVisitor | None":
        """Return the flow of a visitor who has not been heard, if it is let in."""
        ingress = self._flows.ingress
        host = plain_address(address[0])
        try:
            tunnel = admit_visitor(ingress, self._label, host)
            limit = self._flows.full(host)
            if limit is not None:
                ingress.guard.refused(limit, host, "dropped")
                raise ProblemError(OVERLOADED)
            local = self.transport.getHost()
            visitor = UdpVisitor(self._flows, self._label, host, lambda data: self._write(data, address))
            visitor.open(tunnel, UdpFlow(tunnel.tunnel_id, host, address[1], plain_address(local.host), local.port))
        except ProblemError as error:
            tell_refusal(ingress, self._label, host, error)
            return None
        visitor.over = lambda: self._visitors.pop(address, None)
        self._visitors[address] = visitor
        return visitor

    def _write(self, data: bytes, address: Address) -> None:
        try:
            self.transport.write(data, address)
        except OSError:  # its buffer is full, or the address cannot be sent to: a datagram may be lost
            self._flows.dropped += 1


class UdpVisitor:
    """The flow of one visitor; ``write`` sends it a datagram."""

    busy = False  #: a drain waits for no datagrams

    def __init__(self, flows: UdpIngress, label: str, peer: str, write: Callable[[bytes], None]) -> None:
        self._flows = flows
        self._ingress = flows.ingress
        self._label = label
        self.peer = peer
        self._write = write
        self._flow: DatagramFlow | None = None
        #: Called when the flow is over.
        self.over: Callable[[], object] = bool
        #: Bytes that may be sent to an address that has not shown that it hears; None once it has.
        self._budget: int | None = 0
        self._answered = False
        self._began = self._last = self._ingress.clock.seconds()
        self._passed = 0
        self._idle_limit = 0.0

    def open(self, tunnel: Tunnel[Upstream], opening: UdpFlow) -> None:
        """Open the flow's stream.  Raises ProblemError if that cannot be."""
        ingress = self._ingress
        stream = tunnel.upstream.open(opening, OpeningLeg(self.peer))
        observer = ingress.observe(tunnel) if ingress.observe is not None else None
        if observer is not None:
            observer.request(stream.id, opening)
        self._flow = DatagramFlow(stream, self, side="visitor", visitor=self.peer, observer=observer)
        self._idle_limit = shortest(tunnel.options.idle_timeout, ingress.settings.udp_idle)
        ingress.connections.add(self)
        self._flows.entered(self)

    def received(self, data: bytes) -> None:
        """Pass on a datagram of the visitor's."""
        if self._budget is not None:
            if self._answered:
                self._budget = None
                self._flows.proved(self)
            else:
                self._budget += AMPLIFICATION * len(data)
        if self._flow is not None:
            self._flow.send(data)

    # --- from the stream: a FlowOwner ----------------------------------------------------------------------------

    def deliver(self, data: bytes) -> None:
        """Send the visitor a datagram, unless it would be more than an address may be sent that may not be there."""
        if self._budget is not None:
            if len(data) > self._budget:
                self._flows.dropped += 1
                return
            self._budget -= len(data)
            self._answered = True
        self._write(data)

    def flow_over(self, by: EndedBy, problem: Problem, message: str) -> None:
        """Forget the visitor, and log."""
        flow = self._flow
        assert flow is not None
        self._ingress.connections.discard(self)
        self._flows.left(self)
        self.over()
        end = line(self._ingress.clock, "flow closed")
        if end is not None:
            _log.info(
                "flow closed: id={id} tunnel={tunnel} visitor={visitor} word={word} bytes_in={came} bytes_out={went} "
                "dropped={dropped} seconds={seconds:.3f}{end}",
                id=flow.stream.id,
                tunnel=field(self._label),
                visitor=field(self.peer),
                word=field(problem.code),
                came=flow.received,
                went=flow.sent,
                dropped=flow.dropped,
                seconds=self._ingress.clock.seconds() - self._began,
                end=end,
            )

    # --- once a second: a Watched ----------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """End a flow on which nothing has passed for too long."""
        flow = self._flow
        assert flow is not None
        passed = flow.received + flow.sent
        if passed != self._passed:
            self._passed, self._last = passed, now
        elif now - self._last >= self._idle_limit:
            flow.end("sellia", IDLE_TOO_LONG, f"Nothing has passed for {self._idle_limit:g} s.")

    def drop(self) -> None:
        """End the flow: the server stops."""
        if self._flow is not None:
            self._flow.end("sellia", SERVER_RESTARTING, "")

    def drain(self) -> None:
        """End the flow: the server is about to stop, and datagrams have no end to wait for."""
        if self._flow is not None:
            self._flow.end("sellia", SERVER_DRAINING, "")

    def give_way(self) -> None:
        """End a flow whose visitor has shown nothing, because another one comes."""
        if self._flow is not None:
            self._flow.end("sellia", OVERLOADED, "The server needed the place of a flow without an answer.")
