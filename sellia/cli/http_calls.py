"""HTTP calls of the command line to one server, whatever answers there.

Need
    Commands ask servers what they are, and administer them.  What answers at a URL may be anything: an older server, a
    proxy, somebody else's program.

Invariants
    * A key goes to the server that it is meant for, and nowhere else: redirects are not followed, certificates are
      verified as for links, by the same code.
    * Whatever keeps an answer from coming becomes an UnreachableError that says what stands there instead.

Bounds
    A call takes ``TIMEOUT`` seconds, and ``BODY_LIMIT`` bytes of an answer are read, unless it is asked for otherwise.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click
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
from sellia.errors import ProxyLoginError, SelliaError, UnreachableError

#: Seconds until an answer must be there, and until a connection must.
TIMEOUT: Final = 15.0
CONNECT_TIMEOUT: Final = 10.0

#: Bytes of an answer's body.
BODY_LIMIT: Final = 64 * 1024

CHECK_URL: Final = "Check the URL, with https or http in front as the server has it."

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a call was answered with.

    ``location`` is where a redirect leads to, ``retry_after`` the seconds until it may be made again, 0 if not said.
    """

    status: int
    location: str
    body: bytes
    retry_after: int = 0


@implementer(IAgentEndpointFactory)
class _OneServer:
    """Endpoint factory of an agent that has one place to go to."""

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, uri: Any) -> Any:
        return self._endpoint


class HttpCalls:
    """Calls to the server at ``server``, through ``proxies``.

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

    async def fetch(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        limit: int = BODY_LIMIT,
        timeout: float | None = None,
        take: Callable[[bytes], None] | None = None,
    ) -> Fetched:
        """Make a call.  ``take`` is given the body of a 200 in pieces, which is then not in the result; what it
        raises ends the call.  Raises UnreachableError.
        """
        encoded = Headers()
        encoded.addRawHeader(b"User-Agent", f"sellia/{sellia.__version__}".encode())
        for name, value in headers.items():
            encoded.addRawHeader(name.encode("ascii"), value.encode("utf-8"))
        request: Any = self._client.request(
            method,
            self.server + path,
            headers=encoded,
            data=body,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )

        async def whole() -> Fetched:
            response = await request
            reader = _Body(limit, take if response.code == 200 else None)
            response.deliverBody(reader)
            data = await reader.complete
            found = response.headers.getRawHeaders("location") or [""]
            wait = (response.headers.getRawHeaders("retry-after") or [""])[0]
            return Fetched(response.code, found[0], data, int(wait) if wait.isascii() and wait.isdigit() else 0)

        pending: Deferred[Fetched] = Deferred.fromCoroutine(whole())
        timer = self._reactor.callLater(timeout or TIMEOUT, pending.cancel)
        try:
            return await pending
        except _TooLong:
            raise self.other(f"answers with more than {limit >> 10} KiB", CHECK_URL) from None
        except SelliaError:
            raise
        except Exception:
            if not timer.active():
                raise self.other("did not answer in time", CHECK_URL) from None
            raise self._unreachable(Failure()) from None
        finally:
            if timer.active():
                timer.cancel()

    def other(self, what: str, hint: str) -> UnreachableError:
        """Return the error that says what stands at the URL."""
        return UnreachableError(f"{self._where} {what}", hint)

    def _unreachable(self, failure: Failure) -> UnreachableError:
        error = failure.value
        if isinstance(error, ProxyLogin):
            return ProxyLoginError(f"{self._where} {error}", "Give the proxy's user and password with --proxy.")
        if not isinstance(error, ResponseFailed):
            return self.other(reason(failure), "Check the URL, and that the server runs.")
        causes = [each for each in error.reasons if isinstance(each, Failure)]
        if self._secure and causes and not causes[0].check(ConnectionLost):
            return self.other(explain(causes[0]), CHECK_URL)
        return self.other("ended the connection without an answer that is HTTP", CHECK_URL)


class _TooLong(Exception):
    """The body of an answer is longer than any report."""


class _Body(Protocol):
    """Reads the body of an answer; a cancelled one ends its connection, which `treq.content` would leave open."""

    def __init__(self, limit: int, take: Callable[[bytes], None] | None) -> None:
        self.complete: Deferred[bytes] = Deferred(lambda _: self._end())
        self._limit = limit
        self._take = take
        self._data = bytearray()

    def dataReceived(self, data: bytes) -> None:
        if self._take is not None:
            try:
                self._take(data)
            except SelliaError:
                if not self.complete.called:
                    self.complete.errback(Failure())
                self._end()
            return
        self._data += data
        if len(self._data) > self._limit and not self.complete.called:
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
        finished.addBoth(end)

    def end(result: Any) -> None:
        if not outcome:
            outcome.append(result)
            reactor.stop()

    def stopping() -> None:
        if not outcome:
            outcome.append(Failure(click.Abort()))  # before connections end, which would be what is told

    reactor.addSystemEventTrigger("before", "shutdown", stopping)
    reactor.callWhenRunning(begin)
    reactor.run()
    result = outcome[0]
    if isinstance(result, Failure):
        result.raiseException()
    assert not isinstance(result, Failure)
    return result
