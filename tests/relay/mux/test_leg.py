"""Legs that have no socket: the one that minds nothing, and the one that minds everything."""

import inspect

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.relay.mux.leg import Leg, NullLeg, StrictLeg
from tests.relay.scripts import OK


class NobodyTests(SynchronousTestCase):
    """A stream whose leg is not known yet has one that minds nothing."""

    def test_nobody_minds_anything(self) -> None:
        """Each event of a leg has a method, which takes what comes with it and does nothing."""
        nobody: Leg = NullLeg()
        events = {name for name in vars(Leg) if not name.startswith("_")}
        self.assertEqual(events, {name for name in vars(NullLeg) if not name.startswith("_")})
        for name in events:
            taken = len(inspect.signature(getattr(Leg, name)).parameters) - 1
            self.assertIsNone(getattr(nobody, name)(*[None] * taken))
        self.assertEqual(vars(nobody), {})


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
