"""Renewal of TLS listeners' certificates: they are read again when their files change.

A certificate from Let's Encrypt lives for three months, and whatever renews it writes the same files anew.  Once a
minute the files are looked at; where one of them has changed, all are read, and connections from then on get the new
certificate.  What cannot be used (files half written, a key of another certificate) leaves the one that there is, and
is a line in the log for each change of the files.  A server that reads its settings again has all of them read first,
and uses none if one of them cannot be (`Renewal.prepare`).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from sellia.server.listeners.certificates import Certificates
from sellia.server.listeners.reasons import CannotRenew, reason_of
from sellia.text import field
from sellia.transports.file_states import FileStates, file_states
from sellia.transports.tls import require_common_protocol

#: Interval between two looks at the files, in seconds.
INTERVAL: Final = 60.0

_FILES: Final = re.compile(r"(?:^|:)(?:privateKey|certKey|extraCertChain)=((?:\\.|[^:\\])*)")
_PARAMETER: Final = re.compile(r":(?:privateKey|certKey|extraCertChain)=(?:\\.|[^:\\])*")


#: Why a certificate is not renewed where Twisted has changed (`sellia.private_names`).
_NO_PLACE: Final = "this version of Twisted takes a new certificate at the next start only"

_log = Logger()


def files_of(endpoint: str) -> list[str]:
    """Return the files that the string of a TLS endpoint names."""
    return [re.sub(r"\\(.)", r"\1", found) for found in _FILES.findall(endpoint)]


def without_files(endpoint: str) -> str:
    """Return the string of an endpoint without the files of its certificate."""
    return _PARAMETER.sub("", endpoint)


@dataclass(slots=True)
class _Watched:
    """A listening endpoint, its context factory, and what its files were when they were looked at, and last used."""

    endpoint: str
    contexts: Any
    state: FileStates
    used: FileStates


class Renewal:
    """Keeps the context factories of listening endpoints at what their files say."""

    def __init__(
        self,
        reactor: Any,
        clock: IReactorTime,
        endpoint_for: Callable[[Any, str], Any] = serverFromString,
        certificates: Certificates | None = None,
    ) -> None:
        self._reactor = reactor
        self._endpoint_for = endpoint_for
        self._certificates = certificates if certificates is not None else Certificates()
        self._watched: list[_Watched] = []
        self._call = LoopingCall(self.check)
        self._call.clock = clock

    def watch(self, endpoint: str, contexts: Any) -> None:
        """Renew ``contexts``, which was made from that endpoint's files, from now on."""
        self._ready(contexts)
        state = file_states(files_of(endpoint))
        self._watched.append(_Watched(endpoint, contexts, state, state))
        if not self._call.running:
            self._call.start(INTERVAL, now=False)

    def stop(self) -> None:
        """Renew no more."""
        if self._call.running:
            self._call.stop()
        self._watched.clear()

    def check(self) -> None:
        """Read the certificates whose files have changed."""
        if self._certificates:
            self._certificates.check()
        for each in self._watched:
            state = file_states(files_of(each.endpoint))
            if state == each.state:
                continue
            each.state = state
            shown = ",".join(files_of(each.endpoint))
            try:
                context = self._context(each.endpoint, each.contexts)
            except CannotRenew as error:
                _log.warn(
                    "certificate not renewed: files={files} reason={reason}",
                    files=field(shown),
                    reason=field(str(error)),
                )
                continue
            # Each new connection takes the context that the factory has then.
            each.contexts._context, each.used = context, state
            _log.info("certificate renewed: files={files}", files=field(shown))

    def prepare(self, endpoints: Iterable[str]) -> Callable[[], list[str]]:
        """Read the certificates of what is listened on; those of ``endpoints`` replace their endpoints' own files.

        Those that are in use already are left alone: a server that has given up root may not read them any more.

        Return a function that has new connections get them, and returns the files that have changed.  Raises
        CannotRenew, and then nothing has changed.
        """
        wanted = {without_files(endpoint): endpoint for endpoint in endpoints}
        found: list[tuple[_Watched, str, FileStates, Any]] = []
        for each in self._watched:
            endpoint = wanted.get(without_files(each.endpoint), each.endpoint)
            state = file_states(files_of(endpoint))
            if (endpoint, state) != (each.endpoint, each.used) or None in state:
                found.append((each, endpoint, state, self._context(endpoint, each.contexts)))

        def commit() -> list[str]:
            changed: list[str] = []
            for each, endpoint, state, context in found:
                changed += files_of(endpoint)
                each.endpoint, each.state, each.used = endpoint, state, state
                each.contexts._context = context
            return changed

        return commit

    def _ready(self, contexts: Any) -> None:
        """Have a context speak HTTP/1.1, and show the certificates of other names."""
        require_common_protocol(contexts)
        self._certificates.choose_in(contexts.getContext())

    def _context(self, endpoint: str, contexts: Any) -> Any:
        """Read the files of an endpoint into a context that ``contexts`` can have.  Raises CannotRenew."""
        try:
            fresh = self._endpoint_for(self._reactor, endpoint)._sslContextFactory
            self._ready(fresh)
            context = fresh.getContext()
        except Exception as error:  # OpenSSL, the file system and the parser of endpoints raise what they like
            raise CannotRenew(reason_of(error)) from None
        if not hasattr(contexts, "_context"):
            raise CannotRenew(_NO_PLACE)
        return context
