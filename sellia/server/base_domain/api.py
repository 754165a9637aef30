"""HTTP API for the command line, on the base domain: what the server is, and what a key may do.

Need
    ``sellia auth login`` checks a key before it is stored, and ``sellia version --check-server`` asks whether client
    and server fit, both without opening a session.

Invariants
    * A key is read from one ``Authorization: Bearer`` and nothing else; it is never logged, and never in an answer.
    * It is judged by the gateway's own admission: in the same time, with the same answers, and with guesses counted in
      the same buckets, so that here is no second place to try out keys.
    * No page of another site can read an answer: nothing allows it to (CORS), and a request with a key needs leave.

Bounds
    Only GET and HEAD, without a body or a query.  ``LOOKUPS`` keys are looked up at once, for ``LOOKUP_TIME`` seconds
    each.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sellia import __version__
from sellia.errors import ProblemError
from sellia.problems import (
    INTERNAL,
    METHOD_NOT_ALLOWED,
    NO_SUCH_PAGE,
    OVERLOADED,
    RETRY_AFTER_SECONDS,
    TOO_MANY_ATTEMPTS,
    UNAUTHORIZED,
    WRONG_KEY,
    Problem,
)
from sellia.protocol.http_api import (
    ANY_NAME,
    KEY_PATH,
    NATIVE,
    ORIGINAL,
    VERSION_PATH,
    Dialect,
    KeyLimits,
    KeyReport,
    KeyUse,
    VersionReport,
)
from sellia.protocol.messages import SUBPROTOCOL, VERSION
from sellia.relay.http.error_responses import answer
from sellia.server.gateway.gateway import Gateway
from sellia.server.gateway.keys import Owner
from sellia.server.gateway.kinds import KINDS, offered
from sellia.text import field

#: Keys that are looked up at once, and the seconds for a lookup.
LOOKUPS: Final = 100
LOOKUP_TIME: Final = 8.0

#: Path below which everything is JSON, errors included.
PREFIX: Final = b"/api/"

_CHALLENGE: Final = b'Bearer realm="Sellia"'

_log = Logger()


def shown_key(values: Sequence[bytes]) -> str | None:
    """Return the key of the values of ``Authorization``, or None where there is no such field.

    Raises ProblemError where the field is not one key: more of them, another scheme, no text.
    """
    if not values:
        return None
    scheme, _, token = values[0].partition(b" ")
    try:
        key = token.strip(b" \t").decode("utf-8")
    except UnicodeDecodeError:
        key = ""
    if len(values) > 1 or scheme.lower() != b"bearer" or not key:
        raise ProblemError(WRONG_KEY, "A key is shown in one field, as in `Authorization: Bearer KEY`.")
    return key


class Api(Resource):
    """The API of one gateway."""

    isLeaf = True

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway
        self._lookups = 0
        self._pages: dict[bytes, Callable[[Request], Any]] = {
            VERSION_PATH.encode(): self._version,
            KEY_PATH.encode(): self._key,
        }

    def render(self, request: Request) -> Any:
        page = self._pages.get(request.path)
        if page is None:
            return _told(request, ProblemError(NO_SUCH_PAGE))
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"Allow", b"GET, HEAD")
            return _told(request, ProblemError(METHOD_NOT_ALLOWED))
        try:
            return page(request)
        except ProblemError as error:
            return self._refused(request, error)

    # --- what can be asked -----------------------------------------------------------------------------------

    def _version(self, request: Request) -> bytes:
        dialects = {NATIVE: Dialect(SUBPROTOCOL, [VERSION]), ORIGINAL: Dialect()}
        return _report(
            request,
            VersionReport(__version__, dialects, offered(self._gateway.ports), self._gateway.admission.key_required),
        )

    def _key(self, request: Request) -> Any:
        key = shown_key(request.requestHeaders.getRawHeaders(b"authorization") or [])
        if key is not None and self._lookups >= LOOKUPS:
            raise ProblemError(OVERLOADED, f"The server looks up {LOOKUPS} keys at the moment, which is its limit.")
        found = self._gateway.admission.owner_of(key, visitor_of(request))
        if isinstance(found, Deferred):
            return self._look_up(request, found)
        return _report(request, self._report_on(found))

    def _report_on(self, owner: Owner) -> KeyReport:
        gateway, settings = self._gateway, self._gateway.settings
        kinds, terms = offered(gateway.ports), gateway.policy.terms(owner)
        clients, tunnels = settings.sessions_per_owner, settings.tunnels_per_owner
        in_use = KeyUse(gateway.admission.count_of(owner.account), gateway.registry.count_of(owner.account))
        if terms is None:
            limits = KeyLimits(clients, tunnels, settings.tunnels_per_client)
            return KeyReport(gateway.admission.key_required, kinds, [ANY_NAME], None, limits, in_use)
        clients = min(clients, terms.clients) if terms.clients is not None else clients
        tunnels = min(tunnels, terms.tunnels) if terms.tunnels is not None else tunnels
        return KeyReport(
            gateway.admission.key_required,
            scopes=[each for each in terms.scopes if each in kinds or each not in KINDS],
            names=list(terms.names) or [ANY_NAME],
            expires_at=terms.expires_at,
            limits=KeyLimits(clients, tunnels, min(settings.tunnels_per_client, tunnels)),
            in_use=in_use,
            account=terms.account,
            prefix=terms.prefix,
        )

    # --- lookups ---------------------------------------------------------------------------------------------

    def _look_up(self, request: Request, asked: "Deferred[Owner]") -> int:
        """Answer when the key store has; give up when it takes too long, or when the visitor leaves."""
        self._lookups += 1
        clock = self._gateway.clock
        timer = clock.callLater(LOOKUP_TIME, asked.cancel)
        left = False

        def gone(_: Failure) -> None:
            nonlocal left
            left = True
            asked.cancel()

        request.notifyFinish().addErrback(gone)

        def answered(result: "Owner | Failure") -> None:
            self._lookups -= 1
            try:
                timer.cancel()
            except (AlreadyCalled, AlreadyCancelled):
                pass
            if left:
                return
            if isinstance(result, Failure):
                body = self._refused(request, _problem_of(result))
            else:
                body = _report(request, self._report_on(result))
            request.write(body)
            request.finish()

        asked.addBoth(answered)
        asked.addErrback(lambda failure: _log.failure("a key could not be reported on", failure=failure))
        return NOT_DONE_YET

    # --- refusals --------------------------------------------------------------------------------------------

    def _refused(self, request: Request, error: ProblemError) -> bytes:
        """Answer with an error, and log it: a guess may be behind it."""
        guard, peer = self._gateway.guard, visitor_of(request)
        if error.problem is TOO_MANY_ATTEMPTS:
            guard.refused("failed_keys", peer, error.problem.status or 429)
        elif (suppressed := guard.rate_limited_log(f"api {error.problem.code}")) is not None:
            _log.info(
                "key refused: peer={peer} word={word} suppressed={suppressed}",
                peer=field(peer),
                word=field(error.problem.code),
                suppressed=suppressed,
            )
        return _told(request, error)


def visitor_of(request: Request) -> str:
    """Return the address of whoever asks, behind a trusted proxy the one that the proxy tells."""
    channel: Any = request.channel
    visitor: str = channel.visitor
    return visitor


def _problem_of(failure: Failure) -> ProblemError:
    """Return what is told of a lookup that failed."""
    error = failure.value
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, CancelledError):
        return ProblemError(OVERLOADED, f"The server could not look up the key within {LOOKUP_TIME:g} s.")
    _log.failure("the key store failed", failure=failure)
    return ProblemError(INTERNAL)


def _report(request: Request, report: msgspec.Struct) -> bytes:
    return _body(request, msgspec.json.encode(report) + b"\n")


def _told(request: Request, error: ProblemError) -> bytes:
    """Answer with an error as JSON, whatever the request accepts."""
    problem: Problem = error.problem.answer
    response = answer(
        problem,
        accept=b"application/json",
        detail=error.detail,
        retry_after=error.retry_after or RETRY_AFTER_SECONDS,
    )
    request.setResponseCode(response.status)
    for name, value in response.headers:
        if name not in (b"Allow", b"Content-Type", b"Content-Length", b"Vary"):
            request.setHeader(name, value)
    if problem.status == UNAUTHORIZED.status:
        request.setHeader(b"WWW-Authenticate", _CHALLENGE)
    return _body(request, response.body)


def _body(request: Request, body: bytes) -> bytes:
    request.setHeader(b"Content-Type", b"application/json")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"X-Content-Type-Options", b"nosniff")
    return b"" if request.method == b"HEAD" else body
