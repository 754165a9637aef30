"""Renewal of TLS listeners' certificates: they are read again when their files change.

A certificate from Let's Encrypt lives for three months, and whatever renews it writes the same files anew.  Once a
minute the files are looked at; where one of them has changed, all are read, and connections from then on get the new
certificate.  What cannot be used (files half written, a key of another certificate) leaves the one that there is, and
is a line in the log for each change of the files.
"""

import os
import re
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from sellia.text import field
from sellia.transports.tls import require_common_protocol

#: Interval between two looks at the files, in seconds.
INTERVAL: Final = 60.0

_FILES: Final = re.compile(r"(?:^|:)(?:privateKey|certKey|extraCertChain)=((?:\\.|[^:\\])*)")

_State = tuple[tuple[int, int, int] | None, ...]

#: Why a certificate is not renewed where Twisted has changed (`sellia.private_names`).
_NO_PLACE: Final = "this version of Twisted takes a new certificate at the next start only"

_log = Logger()


def files_of(endpoint: str) -> list[str]:
    """Return the files that the string of a TLS endpoint names."""
    return [re.sub(r"\\(.)", r"\1", found) for found in _FILES.findall(endpoint)]


class Renewal:
    """Keeps the context factories of listening endpoints at what their files say."""

    def __init__(
        self, reactor: Any, clock: IReactorTime, endpoint_for: Callable[[Any, str], Any] = serverFromString
    ) -> None:
        self._reactor = reactor
        self._endpoint_for = endpoint_for
        self._watched: list[tuple[str, Any]] = []
        self._states: list[_State] = []
        self._call = LoopingCall(self.check)
        self._call.clock = clock

    def watch(self, endpoint: str, contexts: Any) -> None:
        """Renew ``contexts``, which was made from that endpoint's files, from now on."""
        self._watched.append((endpoint, contexts))
        self._states.append(_state(files_of(endpoint)))
        if not self._call.running:
            self._call.start(INTERVAL, now=False)

    def stop(self) -> None:
        """Renew no more."""
        if self._call.running:
            self._call.stop()
        self._watched.clear()
        self._states.clear()

    def check(self) -> None:
        """Read the certificates whose files have changed."""
        for number, (endpoint, contexts) in enumerate(self._watched):
            files = files_of(endpoint)
            state = _state(files)
            if state == self._states[number]:
                continue
            self._states[number] = state
            shown = ",".join(files)
            try:
                fresh = self._endpoint_for(self._reactor, endpoint)._sslContextFactory
                require_common_protocol(fresh)
                context = fresh.getContext()
            except Exception as error:  # OpenSSL, the file system and the parser of endpoints raise what they like
                _log.warn(
                    "certificate not renewed: files={files} reason={reason}",
                    files=field(shown),
                    reason=field(str(error) or type(error).__name__),
                )
                continue
            if not hasattr(contexts, "_context"):
                _log.warn(
                    "certificate not renewed: files={files} reason={reason}",
                    files=field(shown),
                    reason=field(_NO_PLACE),
                )
                continue
            # Each new connection takes the context that the factory has then.
            contexts._context = context
            _log.info("certificate renewed: files={files}", files=field(shown))


def _state(files: list[str]) -> _State:
    """Return what changes when a file does: its inode, size and time; None for one that cannot be looked at."""
    states: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            found = os.stat(file)
        except OSError:
            states.append(None)
        else:
            states.append((found.st_ino, found.st_size, found.st_mtime_ns))
    return tuple(states)
