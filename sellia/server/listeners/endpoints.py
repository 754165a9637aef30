"""Listening service: binds every endpoint before anything else happens, or says in one line why it cannot.

Binding is done in `privilegedStartService`, so that ``twistd --uid`` can give up root after it has port 80.  What
fails is raised from there as a `SettingsError`: one line with the port in it, and what to do.  Whoever runs the process
(a tap, the command line, a test) decides what becomes of it; there is no traceback to wade through.
"""

import errno
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory, IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python import context
from twisted.python.failure import Failure
from twisted.python.log import ILogContext

from sellia.errors import SettingsError
from sellia.server.listeners.accepting import pause_where_full
from sellia.server.listeners.certificates import Certificates
from sellia.server.listeners.proxy_protocol import PREFIX
from sellia.server.listeners.reasons import CannotRenew
from sellia.server.listeners.renewal import Renewal
from sellia.server.listeners.sni import PREFIX as SNI
from sellia.text import printable
from sellia.transports.tls_half_close import allow_half_close

_HINTS: Final = {
    errno.EADDRINUSE: (
        "is already in use",
        "Stop the program that listens there (`ss -ltnp` names it), or choose another port with --port or --listen.",
    ),
    errno.EACCES: (
        "needs rights that this user does not have",
        "Choose a port of 1024 or above, or start as root with twistd's --uid, and let a reverse proxy have port 80.",
    ),
    errno.EADDRNOTAVAIL: (
        "cannot be listened on: this machine has no such address",
        "Give --host an address of this machine, or 0.0.0.0 for all of them.",
    ),
}


class ListeningService(Service):
    """Listens on ``endpoints`` (Twisted endpoint strings) with one factory, from start to stop.

    Those that begin with ``haproxy:`` ask for the PROXY protocol, and are listened on with the factory for ``proxied``
    connections; those that begin with ``sni:`` are listened on with ``passing``.  ``share`` is told of each port that
    speaks TLS; it shows ``certificates`` (files, or directories of them) for the names that they have.  ``failed`` is
    told why, where the system has no room for another connection.
    """

    name = "listening"

    _log = Logger()

    def __init__(
        self,
        endpoints: Sequence[str],
        factory: IProtocolFactory,
        reactor: object,
        endpoint_for: Callable[[object, str], IStreamServerEndpoint] = serverFromString,
        *,
        proxied: IProtocolFactory | None = None,
        passing: IProtocolFactory | None = None,
        share: Callable[[Any], None] | None = None,
        failed: Callable[[str], None] = lambda cause: None,
        certificates: Sequence[str] = (),
    ) -> None:
        self._strings = tuple(endpoints)
        self._factory = factory
        self._proxied = proxied
        self._passing = passing
        self._share = share
        self._failed = failed
        self._reactor = reactor
        self._endpoint_for = endpoint_for
        self._ports: list[IListeningPort] = []
        self._pending: list[Deferred[IListeningPort]] = []
        self._named = tuple(certificates)
        self._certificates = Certificates()
        self._renewal = Renewal(reactor, cast(IReactorTime, reactor), endpoint_for, self._certificates)

    def privilegedStartService(self) -> None:
        """Bind every endpoint.  Raises `SettingsError`; what was bound by then is let go again."""
        if self._ports or self._pending:
            return
        self._prepare_named(self._named)()
        for string in self._strings:
            try:
                self._listen(string)
            except Exception as error:  # An endpoint of a plugin can raise anything, and so can the parser.
                self._let_go()
                raise _explained(string, Failure(error)) from None

    def startService(self) -> None:
        """Bind what `privilegedStartService` did not, and say in one line where visitors can come in."""
        self.privilegedStartService()
        super().startService()
        if self._strings:
            self._log.info("listening on {places}", places=", ".join(place(each) for each in self.addresses()))

    def stopService(self) -> Deferred[list[object]]:
        """Stop listening; the Deferred fires when every socket is closed.  Accepted connections go on."""
        super().stopService()
        return self.stop_listening()

    def stop_listening(self) -> Deferred[list[object]]:
        """Take no new connection from now on.  Can be called any number of times."""
        return gatherResults(self._let_go(), consumeErrors=True)

    def prepare_certificates(self, endpoints: Sequence[str], named: Sequence[str] = ()) -> Callable[[], list[str]]:
        """Read the certificates again, those that ``endpoints`` name now, and the ``named`` ones; return a function
        that uses them.

        It returns the files that have changed.  Raises `SettingsError`, and then nothing has changed.
        """
        use_named = self._prepare_named(named)
        try:
            use = self._renewal.prepare(endpoints)
        except CannotRenew as error:
            raise SettingsError(
                f"the certificate of a listener cannot be used: {printable(str(error))}",
                "Check the files that its endpoint names with privateKey=, certKey= and extraCertChain=.",
            ) from None
        return lambda: [*use(), *use_named()]

    def _prepare_named(self, named: Sequence[str]) -> Callable[[], list[str]]:
        """Read certificates that are shown by name.  Raises `SettingsError`."""
        if named and not any(each.startswith(("ssl:", "tls:")) for each in self._strings):
            raise SettingsError(
                "--tls-cert has certificates, and nothing here speaks TLS",
                "Add an endpoint with the certificate of all other names: --listen ssl:443:privateKey=key.pem.",
            )
        try:
            return self._certificates.prepare(named)
        except CannotRenew as error:
            raise SettingsError(
                f"a certificate of --tls-cert cannot be used: {printable(str(error))}",
                "Each is a PEM file, with the key in it or beside it (shop.pem and shop.key), or a directory of those.",
            ) from None

    def addresses(self) -> list[IAddress]:
        """Return where it listens, in the order of the endpoints; with the real port where port 0 was asked for."""
        return [port.getHost() for port in self._ports]

    def _listen(self, string: str) -> None:
        factory, bare = self._factory, string
        if self._proxied is not None and string.startswith(PREFIX):
            factory, bare = self._proxied, string.removeprefix(PREFIX)
        elif self._passing is not None and string.startswith(SNI):
            factory, bare = self._passing, string.removeprefix(SNI)
        endpoint = self._endpoint_for(self._reactor, bare)
        contexts = getattr(endpoint, "_sslContextFactory", None)
        if contexts is not None:
            self._renewal.watch(bare, contexts)
        # Twisted's own line, "VisitorFactory starting on 3000", says less than ours, and before all ports are bound.
        quiet = {**(context.get(ILogContext) or {}), "log_format": ""}
        listening: Deferred[IListeningPort] = context.call({ILogContext: quiet}, endpoint.listen, factory)
        failures: list[Failure] = []
        listening.addCallbacks(self._listens, failures.append)
        if failures:
            failures[0].raiseException()
        if not listening.called:
            # None of Twisted's own endpoints takes its time, but one from a plugin may.
            self._pending.append(listening)
            listening.addCallback(lambda _: self._settle(string, listening, failures))

    def _listens(self, port: IListeningPort) -> None:
        pause_where_full(port, cast(IReactorTime, self._reactor), self._failed)
        if allow_half_close(port) and self._share is not None:
            self._share(port)
        self._ports.append(port)

    def _settle(self, string: str, listening: "Deferred[IListeningPort]", failures: list[Failure]) -> None:
        if listening not in self._pending:
            return
        self._pending.remove(listening)
        if failures:
            trouble = _explained(string, failures[0])
            self._log.critical("{line} {hint}", line=trouble.line, hint=trouble.hint)
        else:
            self._log.info("listening on {place}", place=place(self._ports[-1].getHost()))

    def _let_go(self) -> list["Deferred[object]"]:
        self._renewal.stop()
        ports, self._ports = self._ports, []
        pending, self._pending = self._pending, []
        for each in pending:
            each.cancel()
        return [Deferred.fromCoroutine(_closed(port)) for port in ports]


async def _closed(port: IListeningPort) -> None:
    result = port.stopListening()
    if isinstance(result, Deferred):
        await result


def place(address: IAddress) -> str:
    """Return an address as it is shown to people: ``127.0.0.1:3000``, ``[::1]:3000``, ``unix:/run/sellia.sock``."""
    if isinstance(address, IPv6Address):
        return f"[{address.host}]:{address.port}"
    if isinstance(address, IPv4Address):
        return f"{address.host}:{address.port}"
    if isinstance(address, UNIXAddress):
        name = address.name
        return f"unix:{printable(name.decode('utf-8', 'replace') if isinstance(name, bytes) else str(name))}"
    return printable(str(address))


def _explained(string: str, failure: Failure) -> SettingsError:
    """Return the error that explains why an endpoint could not be listened on."""
    error = failure.value
    if not isinstance(error, CannotListenError):
        return SettingsError(
            f"cannot listen on {printable(string)}: {_reason(error)}",
            "Check the endpoint, as in tcp:3000:interface=127.0.0.1, ssl:443:privateKey=key.pem or unix:/run/s.sock.",
        )
    where = f"port {error.port}" if isinstance(error.port, int) else printable(str(error.port))
    if error.interface and error.interface != "any":
        where += f" on {printable(str(error.interface))}"
    number = getattr(error.socketError, "errno", None)
    cause, hint = _HINTS.get(number, ("cannot be listened on", "")) if number is not None else ("cannot be used", "")
    if not hint:
        cause += f": {_reason(error.socketError)}"
        hint = "Check the address and the port, or the directory of the socket."
    return SettingsError(f"{where} {cause}", hint)


def _reason(error: object) -> str:
    """Return an error's own words in one line."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    name = getattr(error, "filename", None)
    return printable(f"{words}: {name}" if isinstance(name, str) else str(words))
