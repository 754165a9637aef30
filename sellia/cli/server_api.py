"""Calls of the command line to a server's HTTP API (``docs/http-api.rst``).

Need
    Commands ask a server what it is and what a key may do.  What answers at its URL may be anything: an older server, a
    proxy, somebody else's.

Invariants
    * A key goes to the server that it is meant for, and nowhere else: redirects are not followed, certificates are
      verified as for links, by the same code.
    * Every answer becomes a report, a RefusedError with the server's own code, or an UnreachableError that says what
      stands there instead.

Bounds
    A call takes ``TIMEOUT`` seconds, and ``BODY_LIMIT`` bytes of an answer are read.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import click
import msgspec
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

import sellia
from sellia.client.link.route import endpoint_of, where_of
from sellia.client.link.tunnelled import ProxyLogin
from sellia.client.proxies import DIRECT, Proxies
from sellia.client.reasons import reason
from sellia.client.tls import explain
from sellia.credentials import origin_of
from sellia.errors import ProxyLoginError, RefusedError, UnreachableError
from sellia.protocol.http_api import KEY_PATH, VERSION_PATH, KeyReport, VersionReport
from sellia.text import printable

#: Seconds until an answer must be there, and until a connection must.
TIMEOUT: Final = 15.0
CONNECT_TIMEOUT: Final = 10.0

#: Bytes of an answer's body.
BODY_LIMIT: Final = 64 * 1024

#: Characters of a text of the server's that are shown.
_SHOWN: Final = 200

_NO_API: Final = "It is an older Sellia server or an original one, which both lack this, or another program."
_CHECK_URL: Final = "Check the URL, with https or http in front as the server has it."

_Report = TypeVar("_Report", VersionReport, KeyReport)
_Result = TypeVar("_Result")


class _Problem(msgspec.Struct, frozen=True):
    """An error as the server tells it."""

    error: str
    message: str = ""
    detail: str = ""


@implementer(IAgentEndpointFactory)
class _OneServer:
    """Endpoint factory of an agent that has one place to go to."""

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, uri: Any) -> Any:
        return self._endpoint


class ServerApi:
    """The HTTP API of the server at ``server``, through ``proxies``.

    ``ca`` names a file with authorities that are trusted besides the machine's.
    """

    def __init__(self, server: str, reactor: Any, ca: str | None = None, proxies: Proxies = DIRECT) -> None:
        self.server = origin_of(server)
        self._reactor = reactor
        self._secure = self.server.startswith("https:")
        proxy = proxies.of_url(self.server)
        self._where = where_of(self.server, proxy)
        endpoint = endpoint_of(self.server, reactor, timeout=CONNECT_TIMEOUT, ca=ca, proxy=proxy)
        agent: Any = Agent.usingEndpointFactory(reactor, _OneServer(endpoint))
        self._client = HTTPClient(agent)

    async def version(self) -> VersionReport:
        """Ask what the server is.  Raises UnreachableError."""
        return await self._get(VERSION_PATH, VersionReport)

    async def key(self, key: str | None) -> KeyReport:
        """Ask what a key may do, or who shows none.  Raises RefusedError for a key that opens nothing."""
        return await self._get(KEY_PATH, KeyReport, key)

    async def _get(self, path: str, kind: type[_Report], key: str | None = None) -> _Report:
        headers = {"Accept": "application/json", "User-Agent": f"sellia/{sellia.__version__}"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        status, location, body = await self._fetch(path, headers)
        if status == 200:
            try:
                return msgspec.json.decode(body, type=kind)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise self._other("answers, but not as a Sellia server does", _CHECK_URL) from None
        if 300 <= status < 400:
            where = f" to {printable(location, _SHOWN)}" if location else ""
            raise self._other(f"redirects{where}", "Give the server's own URL: no key is sent on to another place.")
        raise self._refusal(status, body)

    def _refusal(self, status: int, body: bytes) -> RefusedError | UnreachableError:
        try:
            problem = msgspec.json.decode(body, type=_Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._other(f"answers with {status}", _NO_API if status in (404, 405) else _CHECK_URL)
        if status in (404, 405):
            return self._other(f"has no such part of the API (answer {status})", _NO_API)
        text = printable(problem.detail or problem.message, _SHOWN)
        return RefusedError(printable(problem.error, 64), text)

    async def _fetch(self, path: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Return the status, the Location and the body of what a GET is answered with."""
        encoded = Headers()
        for name, value in headers.items():
            encoded.addRawHeader(name.encode("ascii"), value.encode("utf-8"))
        request: Any = self._client.get(
            self.server + path,
            headers=encoded,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )

        async def whole() -> tuple[int, str, bytes]:
            response = await request
            body = _Body()
            response.deliverBody(body)
            data = await body.complete
            found = response.headers.getRawHeaders("location") or [""]
            return response.code, found[0], data

        pending: Deferred[tuple[int, str, bytes]] = Deferred.fromCoroutine(whole())
        timer = self._reactor.callLater(TIMEOUT, pending.cancel)
        try:
            return await pending
        except _TooLong:
            raise self._other(f"answers with more than {BODY_LIMIT >> 10} KiB", _CHECK_URL) from None
        except Exception:
            if not timer.active():
                raise self._other("did not answer in time", _CHECK_URL) from None
            raise self._unreachable(Failure()) from None
        finally:
            if timer.active():
                timer.cancel()

    def _unreachable(self, failure: Failure) -> UnreachableError:
        error = failure.value
        if isinstance(error, ProxyLogin):
            return ProxyLoginError(f"{self._where} {error}", "Give the proxy's user and password with --proxy.")
        if not isinstance(error, ResponseFailed):
            return self._other(reason(failure), "Check the URL, and that the server runs.")
        causes = [each for each in error.reasons if isinstance(each, Failure)]
        if self._secure and causes and not causes[0].check(ConnectionLost):
            return self._other(explain(causes[0]), _CHECK_URL)
        return self._other("ended the connection without an answer that is HTTP", _CHECK_URL)

    def _other(self, what: str, hint: str) -> UnreachableError:
        return UnreachableError(f"{self._where} {what}", hint)


class _TooLong(Exception):
    """The body of an answer is longer than any report."""


class _Body(Protocol):
    """Reads the body of an answer; a cancelled one ends its connection, which `treq.content` would leave open."""

    def __init__(self) -> None:
        self.complete: Deferred[bytes] = Deferred(lambda _: self._end())
        self._data = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > BODY_LIMIT and not self.complete.called:
            self.complete.errback(_TooLong())
            self._end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.complete.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.complete.callback(bytes(self._data))
        else:
            self.complete.errback(reason)

    def _end(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


def run(work: Callable[[Any], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run ``work`` on the process's reactor and return its result; Ctrl-C raises click.Abort.

    It can be called once in a process, as the reactor can.
    """
    from twisted.internet import reactor as process_reactor

    reactor: Any = process_reactor
    outcome: list[_Result | Failure] = []

    def begin() -> None:
        finished: Any = Deferred.fromCoroutine(work(reactor))
        finished.addBoth(outcome.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    if not outcome:
        raise click.Abort
    result = outcome[0]
    if isinstance(result, Failure):
        result.raiseException()
    assert not isinstance(result, Failure)
    return result
