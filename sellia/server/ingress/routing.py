"""Routing of requests: to a tunnel by its Host, to the server's own pages or its gateway, or back with an error.

`route` decides for one request, whatever connection it came on, and leaves it with an exchange that will answer it, or
answered.  A request's head is rewritten here, once, on its way to a service.
"""

from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.errors import ProblemError
from sellia.problems import BAD_HOST, INTERNAL, NO_SUCH_TUNNEL, OVERLOADED, Problem
from sellia.protocol.messages import Headers, HttpRequest, Notice, TunnelOptions, UpgradeRequest, WebSocketRequest
from sellia.relay.http.headers import request_to_service
from sellia.relay.http.hosts import Place, Side, canonical_host, is_address, locate, split_target
from sellia.relay.http.upgrades import listed_upgrade
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.server.ingress.body_limit import BodyLimit
from sellia.server.ingress.channel import VisitorChannel
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.interim import ADDED_BY_PROXIES, expects_continue
from sellia.server.ingress.patience import NEVER, response_patience, upgrade_patience
from sellia.server.ingress.states import RequestBody, Response
from sellia.server.ingress.switch import VisitorSwitchLeg
from sellia.server.ingress.upgrade import tell_websocket_refused
from sellia.server.ingress.waiting import Admission, WaitingLeg
from sellia.server.notices import tell_owner
from sellia.text import field, printable, sentence, shown_target
from sellia.transports.reactor.verbosity import verbosity

#: Maximum bytes of an Upgrade field that a client is told.
_DECLINED: Final = 64

#: Fields that a request keeps while it waits for its answer; those of a visitor who sent more are let go but for the
#: ones that Sellia's own answers depend on.
FEW: Final = 32
_FOR_ANSWERS: Final = frozenset((b"accept", b"expect", b"origin"))

_TUNNEL: Final = Side.TUNNEL
_COMPLETE: Final = RequestBody.COMPLETE

_log = Logger()


def route(connection: VisitorChannel, request: Request) -> None:
    """Answer a request, or open a stream for it."""
    ingress = connection.ingress
    try:
        place = locate(request.hosts, ingress.settings.domain)
        path, authority = split_target(request.target)
        if authority is not None and canonical_host([authority]) != place.host:
            raise ValueError("the request's target and its Host header name different hosts")
    except ValueError as error:
        request.keep_alive = False  # who cannot say where it wants to go is not listened to any further
        _websocket_refused(connection, request, "", BAD_HOST)
        connection.answer_error(ProblemError(BAD_HOST, sentence(error)), request)
        return
    if connection.lent and ingress.guard.places.exceeded and not _is_link(connection, request, place, path):
        ingress.guard.refused("connections", connection.peer, 503)
        request.keep_alive = False
        connection.answer_error(ProblemError(OVERLOADED), request)
        return
    if request.upgrade and connection.trusted:
        visitor = connection.visitor_of(request)
        # a proxy that does not say: it could be anybody
        connection.counted = visitor if visitor != connection.peer else ""
        if ingress.guard.crowded(connection.counted):
            ingress.guard.refused("connections_per_address", connection.counted, 503)
            connection.answer_error(ProblemError(OVERLOADED), request)
            return
    if place.side is _TUNNEL or _is_tunnels(connection, place):
        enter(connection, request, place.label, path)
    else:
        _own(connection, request, place, path)


def _is_link(connection: VisitorChannel, request: Request, place: Place, path: bytes) -> bool:
    """Return whether a client asks for a link."""
    gateway = request.upgrade and connection.ingress.rooms.is_gateway(request, path)
    return gateway and not _is_tunnels(connection, place)


def _is_tunnels(connection: VisitorChannel, place: Place) -> bool:
    """Return whether a place is for tunnels: below the server's domain, or a domain that one of them has."""
    if place.side is _TUNNEL:
        return True
    return bool(place.label) and connection.ingress.tunnels.find(place.label) is not None


def _own(connection: VisitorChannel, request: Request, place: Place, path: bytes) -> None:
    rooms = connection.ingress.rooms
    if request.upgrade and rooms.is_gateway(request, path):
        rooms.take_link(connection, request)
    elif place.side is Side.BASE or place.host == "localhost" or is_address(place.host):
        if request.upgrade:
            detail = "There is no WebSocket at this address."
            _websocket_refused(connection, request, "", NO_SUCH_TUNNEL)
            connection.answer_error(ProblemError(NO_SUCH_TUNNEL, detail), request)
            return
        rooms.page(connection, request, path)
    else:
        problem = rooms.why_absent(place.label) if place.label else NO_SUCH_TUNNEL
        _websocket_refused(connection, request, "", problem)
        connection.answer_error(ProblemError(problem), request)


def _for_answers(headers: Headers) -> Headers:
    """Return the fields that matter for the answer: the visitor's own, and one that tells of a proxy."""
    own = [pair for pair in headers if pair[0].lower() in _FOR_ANSWERS]
    proxy = [pair for pair in headers if pair[0].lower() in ADDED_BY_PROXIES]
    return own[:FEW] + proxy[:1]


def _handshake(headers: Headers) -> Headers:
    return [pair for pair in headers if pair[0].lower().startswith(b"sec-websocket-")]


def malformed(connection: VisitorChannel, refusal: ProblemError, asked: tuple[bytes, bytes, list[bytes]]) -> None:
    """Send the owner of a tunnel a notice of a head that was refused before it was whole, if its Host can be seen."""
    method, target, hosts = asked
    ingress = connection.ingress
    try:
        place = locate(hosts, ingress.settings.domain)
    except ValueError:
        return
    tunnel = ingress.tunnels.find(place.label) if place.label else None
    if tunnel is not None:
        problem = refusal.problem
        message = refusal.detail or problem.sentence
        method_name = method.decode("latin-1")
        notice = Notice(0, problem.status or 0, problem.code, message, method_name, target, connection.peer)
        tell_owner(tunnel, notice, ingress.clock.seconds())


def _refuse(
    connection: VisitorChannel,
    request: Request,
    label: str,
    path: bytes,
    error: ProblemError,
    waiting: WaitingLeg | None = None,
) -> None:
    """Answer a request that no tunnel takes, and tell the owner of the name, if it has one."""
    ingress = connection.ingress
    problem = error.problem
    _websocket_refused(connection, request, label, problem)
    tunnel = ingress.tunnels.find(label)
    if tunnel is not None:
        message = error.detail or problem.sentence
        method, visitor = request.method.decode("latin-1"), connection.visitor_of(request)
        notice = Notice(0, problem.status or 0, problem.code, message, method, path, visitor, request.upgrade)
        tell_owner(tunnel, notice, ingress.clock.seconds())
    connection.answer_error(error, request, waiting, realm=label)


def _websocket_refused(connection: VisitorChannel, request: Request, label: str, problem: Problem) -> None:
    if request.upgrade:
        visitor = connection.visitor_of(request)
        tell_websocket_refused(connection.ingress.guard, 0, label, request.target, visitor, problem)


def enter(connection: VisitorChannel, request: Request, label: str, path: bytes) -> None:
    """Open a stream on the tunnel of that name, if the visitor may use it.  ``path`` is what its service is asked."""
    admission = connection.ingress.admit(label, request, connection)
    if isinstance(admission, Tunnel):
        _open(connection, request, path, admission)
    elif isinstance(admission, ProblemError):
        _refuse(connection, request, label, path, admission)
    else:
        _wait(connection, request, label, path, admission)


def _wait(
    connection: VisitorChannel, request: Request, label: str, path: bytes, admission: "Deferred[Admission]"
) -> None:
    """Enter when the request's checks have answered, unless the visitor has left by then."""
    ingress = connection.ingress
    tunnel = ingress.tunnels.find(label)
    if request.declined and tunnel is not None:
        _look_for_switch(connection, request, tunnel.options)  # what follows the request is no request then
    waiting = WaitingLeg(connection, request, admission)
    connection.exchange_begins(waiting)
    connection.pause_reading()

    def admitted(found: Admission) -> None:
        if waiting.over:
            return
        if isinstance(found, ProblemError):
            waiting.response = Response.OVER
            _refuse(connection, request, label, path, found, waiting)
        else:
            exchange = _open(connection, request, path, found)
            waiting.replay(exchange)
            if exchange.stream is None or not exchange.stream.paused:
                connection.resume_reading()
            if (exchange.request_complete or exchange.awaits_continue) and not (exchange.head_sent or exchange.over):
                exchange.await_service()
        ingress.turn.input_done()

    def failed(reason: Failure) -> None:
        if waiting.over and reason.check(CancelledError) is not None:
            return
        _log.failure("a defect of Sellia's own, or of a check, ended a request", reason)
        exchange = connection.exchange
        if exchange is not None and exchange.request is request:
            exchange.request_refused(INTERNAL, "")
            ingress.turn.input_done()

    admission.addCallback(admitted)
    admission.addErrback(failed)


def _open(connection: VisitorChannel, request: Request, path: bytes, tunnel: Tunnel[Upstream]) -> VisitorHttpLeg:
    """Open a stream for a request, and return its leg at this end."""
    ingress = connection.ingress
    exchange, opening = _exchange(connection, request, path, tunnel)
    exchange.options = tunnel.options
    complete = exchange.incoming is _COMPLETE
    if complete or exchange.awaits_continue:
        exchange.await_service()
    connection.exchange_begins(exchange)
    end = complete and not (request.upgrade or request.switch)  # nothing follows the opening
    try:
        stream = tunnel.upstream.open(opening, exchange, end=end)
    except ProblemError as error:
        exchange.fail(error.problem, error.detail)
        return exchange
    exchange.stream = stream
    if ingress.observe is not None:
        exchange.observer = observer = ingress.observe(tunnel)
        if observer is not None:
            observer.request(stream.id, opening)
    if len(request.headers) > FEW and not connection.trusted:
        request.headers = _for_answers(request.headers)
    if connection.full:
        stream.stall()
    if verbosity.debug:
        _log.debug(
            "request: id={id} tunnel={tunnel} method={method} target={target} visitor={visitor}",
            id=stream.id,
            tunnel=field(tunnel.label),
            method=field(printable(request.method, 32)),
            target=field(shown_target(request.target)),
            visitor=field(opening.visitor),
        )
    return exchange


def _look_for_switch(connection: VisitorChannel, request: Request, options: TunnelOptions) -> None:
    """Note what a request asks to switch to, if its tunnel lists that, and the end of its body can be counted."""
    request.switch = b""
    if connection.switches and request.minor and not request.chunked:
        request.switch = listed_upgrade(request.declined, options.upgrades)
        if request.switch:
            request.declined = b""


def _exchange(
    connection: VisitorChannel, request: Request, path: bytes, tunnel: Tunnel[Upstream]
) -> tuple[VisitorHttpLeg, HttpRequest | WebSocketRequest | UpgradeRequest]:
    """Return the leg of a request, and the request as its service is to see it."""
    ingress, options, upgrade = connection.ingress, tunnel.options, request.upgrade
    origin = connection.origin_of(request)
    told = origin if options.forwarded else None
    headers = request_to_service(request.headers, told, upgrade=upgrade, believed=ingress.believed)
    if request.rewrite is not None:
        headers = request.rewrite.apply(headers)
    visitor, number = origin.address, connection.affinity.number_for(request)
    if upgrade:
        upgrading = connection.upgrades(connection, request, NEVER)
        upgrading.patience = upgrade_patience(options, ingress.settings)
        upgrading.offer = headers if len(headers) <= FEW else _handshake(headers)
        upgrading.tunnel = tunnel.label
        upgrading.visitor = visitor
        return upgrading, WebSocketRequest(tunnel.tunnel_id, path, headers, visitor, number)
    if request.declined:
        _look_for_switch(connection, request, options)
    if request.switch:
        switching = VisitorSwitchLeg(connection, request, NEVER)
        switching.patience = upgrade_patience(options, ingress.settings)
        switching.tunnel = tunnel.label
        if request.has_body and expects_continue(request):
            switching.incoming = RequestBody.HELD_BACK
        wanted = request.switch
        return switching, UpgradeRequest(tunnel.tunnel_id, request.method, path, headers, wanted, visitor, number)
    exchange = connection.exchanges(connection, request, NEVER)
    exchange.patience = response_patience(options, ingress.settings)
    if request.chunked and tunnel.rules is not None and tunnel.rules.max_body is not None:
        exchange.body_limit = BodyLimit(tunnel.rules.max_body)
    if request.has_body and expects_continue(request):
        exchange.incoming = RequestBody.HELD_BACK
    opening = HttpRequest(
        tunnel.tunnel_id,
        request.method,
        path,
        headers,
        visitor,
        request.chunked,
        request.minor,
        number,
        request.declined[:_DECLINED],
    )
    return exchange, opening
