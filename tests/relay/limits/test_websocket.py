"""Limits of WebSockets: what they stop, what they say, and what a client makes of those that its server tells it."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import LimitExceeded, ProtocolError
from sellia.problems import FRAME_TOO_LARGE
from sellia.protocol.messages import ServerLimits
from sellia.relay.limits.token_bucket import Rate
from sellia.relay.limits.websocket import AT_THE_SERVER, UNLIMITED, FrameLimits, MessageMeter, as_told


class MeterTests(SynchronousTestCase):
    def refused(self, limits: FrameLimits, *frames: tuple[int, int]) -> ProtocolError:
        meter = MessageMeter(limits)
        for first, length in frames[:-1]:
            meter.frame(first, length)
        return self.assertRaises(ProtocolError, meter.frame, *frames[-1])

    def test_edges(self) -> None:
        limits = FrameLimits(size=10, message=15, fragments=3, empty=1)
        meter = MessageMeter(limits)
        for _ in range(3):
            for first, length in ((0x82, 10), (0x02, 10), (0x00, 0), (0x80, 5)):
                meter.frame(first, length)
        for frames, setting in (
            ([(0x82, 11)], "websocket.frame_size"),
            ([(0x02, 10), (0x80, 6)], "websocket.message_size"),
            ([(0x02, 1), (0x00, 1), (0x00, 1), (0x80, 1)], "websocket.fragments"),
            ([(0x02, 1), (0x00, 0), (0x00, 0)], "websocket.empty_fragments"),
        ):
            violation = self.refused(limits, *frames)
            self.assertTrue(violation.reason.endswith(f"; {setting} {AT_THE_SERVER}"), violation.reason)
            self.assertIsInstance(violation, LimitExceeded)
            self.assertEqual(violation.problem.close_code, violation.code)

    def test_a_reason_fits_into_a_close_frame(self) -> None:
        limits = FrameLimits(size=UNLIMITED - 1, message=UNLIMITED - 1, fragments=10**9, empty=10**9)
        for setting in ("websocket.frame_size", "websocket.message_size", "websocket.empty_fragments"):
            what = "a message of more than 9,223,372 GiB"
            reason = limits.exceeded(1009, FRAME_TOO_LARGE, what, setting).reason
            self.assertLessEqual(len(reason.encode()), 123)


class ToldTests(SynchronousTestCase):
    def test_nothing(self) -> None:
        limits, own = as_told(ServerLimits()), FrameLimits()
        self.assertEqual((limits.size, limits.message), (UNLIMITED, UNLIMITED))
        self.assertEqual((limits.fragments, limits.empty, limits.control), (own.fragments, own.empty, own.control))
        self.assertNotEqual(limits.where, AT_THE_SERVER)

    def test_all(self) -> None:
        told = ServerLimits(
            websocket_frame_limit=10,
            websocket_message_limit=20,
            websocket_fragments=3,
            websocket_empty_fragments=4,
            control_burst=5,
            control_rate=6.0,
        )
        self.assertEqual(as_told(told), FrameLimits(10, 20, 3, Rate(5, 6.0), 4))
        self.assertEqual(as_told(told).whole, 10)

    def test_what_is_no_limit(self) -> None:
        for wrong in ({"websocket_frame_limit": -1}, {"control_rate": float("nan")}, {"control_burst": -5}):
            self.assertRaises(ProtocolError, as_told, ServerLimits(**wrong))
