"""What tunnels carry is added up, charged to whom it belongs, and bounded."""

from datetime import UTC, datetime
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import OVERLOADED, QUOTA_USED_UP, RATE_LIMITED
from sellia.protocol.messages import HttpRequest
from sellia.server.accounts.meters import Meter, Meters
from sellia.storage.records import LimitsClass, Usage

REQUEST = HttpRequest(1, b"GET", b"/", [])


class MetersCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = datetime(2030, 1, 31, 23, 59, tzinfo=UTC)
        self.meters = Meters(lambda: self.now)
        self.meters.begin_month([])

    def open(self, label: str = "demo", **limits: Any) -> Any:
        meter = self.meters.meter("acc_1", "The account 'team'", LimitsClass("small", **limits))
        self.meters.opened(label, "acc_1", (meter,), 0.0)
        return self.meters.tunnel(label)


class UsageTests(MetersCase):
    def test_what_passes(self) -> None:
        tunnel = self.open()
        tunnel.request(2, REQUEST)
        tunnel.body(2, True, b"12345")
        tunnel.body(2, False, b"123")
        tunnel.frame(2, True, 0x81, b"12")
        tunnel.frame(2, False, 0x89, b"1")
        tunnel.frame(2, True, 0x01, b"a")
        tunnel.frame_begun(2, True, 0x80, 4)
        tunnel.frame_continued(2, True, b"bcde")
        tunnel.frame(2, True, 0, b"datagram")
        tunnel.ended(2, "visitor", None, "")
        rows = [each.usage for each in self.meters.usage(7.0)]
        self.assertEqual(rows, [Usage("acc_1", "demo", self.now.date(), 1, 3, 20, 4, 7.0)])
        self.assertEqual(self.meters.usage(7.0), [])
        tunnel.body(2, True, b"1")
        rows = [each.usage for each in self.meters.usage(9.0)]
        self.assertEqual(rows, [Usage("acc_1", "demo", self.now.date(), 0, 0, 1, 0, 2.0)])

    def test_what_goes_on_after_a_tunnel_was_closed(self) -> None:
        tunnel = self.open()
        tunnel.request(2, REQUEST)
        self.meters.closed("demo", 5.0)
        self.assertIsNone(self.meters.tunnel("demo"))
        self.meters.usage(6.0)
        tunnel.body(2, False, b"late")
        self.assertEqual([each.usage.bytes_out for each in self.meters.usage(7.0)], [4])
        tunnel.ended(2, "service", None, "")
        self.meters.usage(8.0)
        self.assertEqual((self.meters._ending, len(self.meters._meters)), ([], 0))

    def test_places_of_a_pool(self) -> None:
        """A name is connected for as long as one of its clients is."""
        self.open()
        self.open()
        self.meters.closed("demo", 5.0)
        self.meters.closed("demo", 9.0)
        self.meters.closed("demo", 9.0)
        self.assertEqual([each.usage.connected_seconds for each in self.meters.usage(20.0)], [9.0])

    def test_a_name_that_changes_hands(self) -> None:
        tunnel = self.open()
        tunnel.body(2, True, b"mine")
        other = self.meters.meter("acc_2", "The account 'other'", LimitsClass("small"))
        self.meters.opened("demo", "acc_2", (other,), 1.0)
        self.meters.tunnel("demo").body(2, True, b"theirs")  # type: ignore[union-attr]
        rows = {each.usage.account_id: each.usage.bytes_in for each in self.meters.usage(2.0)}
        self.assertEqual(rows, {"acc_1": 4, "acc_2": 6})


class LimitTests(MetersCase):
    def refusal(self, tunnel: Any, now: float = 0.0) -> Any:
        found = tunnel.meters[0].refusal(now, self.meters.until_month)
        return found and (found[0], found[1].problem, str(found[1]), found[1].retry_after)

    def test_streams(self) -> None:
        tunnel = self.open(streams=2)
        for number in (2, 4):
            self.assertIsNone(self.refusal(tunnel))
            tunnel.request(number, REQUEST)
        limit, problem, sentence, _ = self.refusal(tunnel)
        self.assertEqual((limit, problem), ("account_streams", OVERLOADED))
        self.assertIn("'team' has 2 exchanges", sentence)
        tunnel.ended(2, "service", None, "")
        self.assertIsNone(self.refusal(tunnel))

    def test_requests_a_second(self) -> None:
        tunnel = self.open(requests_per_second=2.0)
        self.assertEqual([self.refusal(tunnel) for _ in range(2)], [None, None])
        limit, problem, sentence, wait = self.refusal(tunnel)
        self.assertEqual((limit, problem, wait), ("account_requests", RATE_LIMITED, 1))
        self.assertIn("2 requests a second", sentence)
        self.assertIsNone(self.refusal(tunnel, 1.0))

    def test_no_requests_at_all(self) -> None:
        self.assertEqual(self.refusal(self.open(requests_per_second=0.0))[0], "account_requests")

    def test_bytes_of_a_month(self) -> None:
        tunnel = self.open(bytes_per_month=10)
        tunnel.request(2, REQUEST)
        tunnel.body(2, True, b"123456789")
        self.assertEqual((self.meters.check(), self.refusal(tunnel)), ([], None))
        tunnel.body(2, False, b"1")
        self.assertEqual(self.meters.check(), [tunnel.meters[0]])
        limit, problem, sentence, wait = self.refusal(tunnel)
        self.assertEqual((limit, problem, wait), ("account_bytes", QUOTA_USED_UP, 60))
        self.assertIn("10 bytes this month", sentence)
        self.now = datetime(2030, 2, 1, 0, 0, tzinfo=UTC)
        self.assertEqual((self.meters.check(), self.refusal(tunnel)), ([], None))

    def test_what_was_carried_before(self) -> None:
        """Before the server was started, and before the account's last client went."""
        meters = Meters(lambda: self.now)
        meters.begin_month([Usage("acc_1", "", self.now.date(), bytes_in=4, bytes_out=5)])
        meter = meters.meter("acc_1", "", LimitsClass("small", bytes_per_month=10))
        self.assertEqual(meter.bytes, 9)
        meter.bytes += 1
        meters.usage(0.0)
        self.assertIsNone(meters.find("acc_1"))
        self.assertTrue(meters.meter("acc_1", "", LimitsClass("small", bytes_per_month=10)).used_up)

    def test_other_limits(self) -> None:
        tunnel = self.open(streams=0)
        self.assertIsNotNone(self.refusal(tunnel))
        self.meters.set_limits(lambda subject: ("The account", LimitsClass("other", requests_per_second=5.0)))
        self.assertIsNone(self.refusal(tunnel))
        self.meters.set_limits(lambda subject: None)
        self.assertIsNone(self.meters.find("acc_1"))

    def test_a_meter_of_its_own(self) -> None:
        meter = Meter("The key", LimitsClass("tiny", streams=1))
        account = Meter("The account", LimitsClass("default"))
        self.meters.opened("demo", "acc_1", (account, meter), 0.0)
        tunnel: Any = self.meters.tunnel("demo")
        tunnel.request(2, REQUEST)
        self.assertEqual((account.streams, meter.streams), (1, 1))
