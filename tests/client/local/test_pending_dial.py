"""One dial for one leg: told once, and nothing after it was given up."""

import gc
import weakref
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.local.dial import ServiceSocket
from sellia.client.local.pending_dial import PendingDial
from sellia.errors import ProblemError
from sellia.problems import INTERNAL, SERVICE_REFUSED, Problem


class RecordingLeg:
    def __init__(self, defect: Exception | None = None) -> None:
        self.told: list[Any] = []
        self.defect = defect

    def connected(self, socket: ServiceSocket) -> None:
        self.told.append(socket)
        if self.defect is not None:
            raise self.defect

    def fail(self, problem: Problem, message: str) -> None:
        self.told.append((problem, message))


class PendingDialTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.leg = RecordingLeg()
        self.socket = ServiceSocket()
        self.dialed: Deferred[Any] = Deferred()
        self.dial: PendingDial[ServiceSocket] = PendingDial(self.leg)

    def test_connected(self) -> None:
        self.dial.start(self.dialed)
        self.assertEqual(self.leg.told, [])
        self.dialed.callback(self.socket)
        self.assertEqual(self.leg.told, [self.socket])

    def test_connected_at_once(self) -> None:
        self.dial.start(succeed(self.socket))
        self.assertEqual(self.leg.told, [self.socket])

    def test_failed(self) -> None:
        self.dial.start(self.dialed)
        self.dialed.errback(ProblemError(SERVICE_REFUSED, "localhost:1 refused the connection."))
        self.assertEqual(self.leg.told, [(SERVICE_REFUSED, "localhost:1 refused the connection.")])

    def test_a_defect_ends_as_one(self) -> None:
        """Of the dial, or of the leg when it is told of the connection."""
        self.leg.defect = ZeroDivisionError()
        self.dial.start(succeed(self.socket))
        self.dial = PendingDial(self.leg)
        self.dial.start(self.dialed)
        self.dialed.errback(ZeroDivisionError())
        self.assertEqual(self.leg.told, [self.socket, (INTERNAL, ""), (INTERNAL, "")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_given_up(self) -> None:
        self.dial.start(self.dialed)
        self.dial.cancel()
        self.dial.cancel()
        self.assertTrue(self.dialed.called)
        self.assertIsNone(self.successResultOf(self.dialed), "the cancellation goes no further")
        self.assertEqual(self.leg.told, [])

    def test_the_leg_is_let_go_of(self) -> None:
        """A leg that keeps its dial is no circle for the garbage collector."""
        gc.disable()
        self.addCleanup(gc.enable)
        for end in (lambda dial: None, lambda dial: dial.cancel()):
            leg: Any = RecordingLeg()
            leg.dial = dial = PendingDial(leg)
            dialed: Deferred[Any] = Deferred()
            dial.start(dialed)
            end(dial)
            if not dialed.called:
                dialed.callback(self.socket)
            gone = weakref.ref(leg)
            del leg, dial, dialed
            self.assertIsNone(gone())
