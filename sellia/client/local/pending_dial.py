"""A dial on its way, for a leg of any kind: the leg is told once how it ended.

The dial itself is :meth:`sellia.client.local.service.LocalService.dial`; what a failure means is decided there.
"""

from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.client.local.dial import ServiceSocket
from sellia.errors import ProblemError
from sellia.problems import INTERNAL, Problem

S = TypeVar("S", bound=ServiceSocket, contravariant=True)

_log = Logger()


class DialingLeg(Protocol[S]):
    """Interface of the leg that a dial is for."""

    def connected(self, socket: S) -> None:
        """The service can be spoken to on ``socket``."""

    def fail(self, problem: Problem, message: str) -> None:
        """There is no connection; ``message`` is a sentence for people, empty for a defect of ours."""


class PendingDial(Generic[S]):
    """One dial for one leg.  The leg hears nothing after :meth:`cancel`, and is let go of when it has been told."""

    __slots__ = ("_dialed", "_leg")

    def __init__(self, leg: DialingLeg[S]) -> None:
        self._leg: DialingLeg[S] | None = leg
        self._dialed: Deferred[Any] | None = None

    def start(self, dialed: "Deferred[Any]") -> None:
        """Wait for ``dialed``.  If it has fired already, the leg is told before this returns."""
        self._dialed = dialed
        dialed.addCallbacks(self._connected, self._failed)
        dialed.addErrback(self._defective)

    def cancel(self) -> None:
        """Give up the dial, if it is still under way."""
        self._leg = None
        dialed, self._dialed = self._dialed, None
        if dialed is not None:
            dialed.cancel()

    def _connected(self, socket: S) -> None:
        leg = self._leg
        if leg is not None:
            leg.connected(socket)
            self._leg = self._dialed = None

    def _failed(self, failure: Failure) -> None:
        leg = self._leg
        if leg is None:
            return
        error = failure.value
        if not isinstance(error, ProblemError):
            failure.raiseException()
        self._leg = self._dialed = None
        leg.fail(error.problem, error.detail)

    def _defective(self, failure: Failure) -> None:
        _log.failure("a service could not be asked: a defect of Sellia's own", failure=failure)
        leg, self._leg = self._leg, None
        self._dialed = None
        if leg is not None:
            leg.fail(INTERNAL, "")
