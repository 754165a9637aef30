"""Legs that have no socket: the one that minds nothing, and the one that minds everything."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.problems import problem_of
from sellia.relay.mux.leg import Leg, NullLeg, StrictLeg
from tests.relay.scripts import OK


class NobodyTests(SynchronousTestCase):
    """A stream whose leg is not known yet has one that minds nothing."""

    def test_nobody_minds_anything(self) -> None:
        nobody: Leg = NullLeg()
        nobody.pause_sending()
        nobody.resume_sending()
        nobody.head_received(OK)
        nobody.data_received(b"x")
        nobody.frame_received(0x81, b"")
        nobody.frame_begun(0x81, 1)
        nobody.frame_continued(b"x")
        nobody.end_received([])
        nobody.reset_received(problem_of(""), "")


class StrictLegTests(SynchronousTestCase):
    """What has no place on a leg breaks the protocol."""

    def test_everything_is_refused(self) -> None:
        leg = StrictLeg()
        for call in (
            lambda: leg.head_received(OK),
            lambda: leg.data_received(b"x"),
            lambda: leg.frame_received(0x81, b""),
            lambda: leg.frame_begun(0x81, 1),
            lambda: leg.frame_continued(b"x"),
            lambda: leg.end_received([]),
        ):
            self.assertRaises(ProtocolError, call)
