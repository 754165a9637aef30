"""Links over slow ways, in simulated time: what is bulky is carried at full speed, and what is small does not wait."""

from collections.abc import Callable
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.mux.congestion import MOST
from tests.relay.scripts import GET, Party, RecordingLeg
from tests.transports.thin import Bulk, Thin, Way


def taken_by(party: Party) -> Callable[[], int]:
    """How many octets of bodies have come, on streams that are opened from now on."""
    sizes: list[int] = []

    def take(event: tuple[object, ...]) -> None:
        if event[0] == "data":
            assert isinstance(event[1], bytes)
            sizes.append(len(event[1]))

    party.make_leg = lambda stream, opening: RecordingLeg(take)
    return lambda: sum(sizes)


class ThinTests(SynchronousTestCase):
    def thin(self, rate: float, delay: float) -> Thin:
        thin = Thin(Way(rate, delay), Way(rate, delay))
        self.addCleanup(thin.stop)
        thin.wait(1.0, 0.01)
        return thin

    def echoes(self, thin: Thin, count: int) -> list[float]:
        """Seconds of round trips of a small message on a stream of its own, shortest first."""
        arrived: list[float] = []

        def back(event: tuple[object, ...]) -> None:
            if event[0] == "data":
                arrived.append(thin.clock.seconds())

        thin.client.make_leg = lambda stream, opening: RecordingLeg(
            lambda event: stream.send_data(b"back") if event[0] == "data" else None
        )
        probe = thin.server.open(GET, leg=RecordingLeg(back))
        trips = []
        for number in range(count):
            probe.send_data(b"there")
            began = thin.clock.seconds()
            while len(arrived) == number:
                thin.wait(0.002, 0.002)
                self.assertLess(thin.clock.seconds() - began, 10.0)
            trips.append(arrived[-1] - began)
            thin.wait(0.05, 0.002)
        return sorted(trips)

    def test_a_small_message_beside_bulk_both_ways(self) -> None:
        """At 1 Mbit/s with 200 ms: within twice as long as in quiet, or little more, and the way is in use."""
        thin = self.thin(125_000, 0.1)
        quiet = self.echoes(thin, 10)
        [Bulk(thin, party) for party in (thin.server, thin.client) for _ in range(3)]
        thin.wait(5.0, 0.002)
        before = thin.down.carried, thin.up.carried
        began = thin.clock.seconds()
        trips = self.echoes(thin, 40)
        seconds = thin.clock.seconds() - began
        self.assertLess(trips[20], 1.75 * quiet[5])
        self.assertLess(trips[-1], 2.25 * quiet[5])
        for way, carried in ((thin.down, before[0]), (thin.up, before[1])):
            self.assertGreater((way.carried - carried) / seconds, 0.55 * way.rate)

    def test_rates(self) -> None:
        """Whatever the rate, it is made use of, and the queue is short."""
        for rate, delay, most in ((32_000, 0.05, 0.4), (125_000, 0.01, 0.2), (1_250_000, 0.02, 0.15)):
            thin = self.thin(rate, delay)
            Bulk(thin, thin.server)
            thin.wait(6.0, 0.002)
            before, queues = thin.down.carried, []
            for _ in range(100):
                thin.wait(0.05, 0.002)
                queues.append(thin.down.queue(thin.clock.seconds()))
            self.assertGreater(thin.down.carried - before, 0.9 * 5 * rate)
            self.assertLess(sorted(queues)[95], most, f"at {rate} octets a second")

    def test_after_pauses(self) -> None:
        """Bulk that comes now and then is not held up, whatever the way: each piece takes what it has to."""
        size = 200_000
        for rate, delay in ((125_000, 0.1), (125_000, 0.001), (1_250_000, 0.05), (12_500_000, 0.005), (10**9, 0.0001)):
            thin = self.thin(rate, delay)
            taken = taken_by(thin.client)
            stream = thin.server.open(GET)
            for number in range(1, 11):
                began = thin.clock.seconds()
                for _ in range(4):
                    stream.send_data(bytes(size // 4))
                while taken() < number * size:
                    thin.wait(0.002, 0.002)
                    self.assertLess(
                        thin.clock.seconds() - began, size / rate * 1.5 + 2 * delay * 8 + 0.1, (rate, delay)
                    )
                thin.wait(1.0 + number / 7, 0.01)

    def test_a_way_whose_round_trips_differ(self) -> None:
        """By up to 100 ms from one to the next, as some radio links': most of it is in use all the same."""
        for seed in range(4):
            thin = self.thin(1_250_000, 0.02)
            random = Random(seed)
            for way in (thin.down, thin.up):
                way.jitter = lambda random=random: random.random() * 0.05  # type: ignore[misc]
            for _ in range(3):
                Bulk(thin, thin.server)
            thin.wait(3.0, 0.002)
            before = thin.down.carried
            thin.wait(5.0, 0.002)
            self.assertGreater(thin.down.carried - before, 0.85 * 5 * 1_250_000, f"seed {seed}")

    def test_the_first_bulk(self) -> None:
        """What is sent first on a link, of which nothing is known, has to wait for some round trips only."""
        for rate, delay, size, most in ((12_500_000, 0.015, 1_000_000, 0.25), (12_500_000, 0.05, 200_000, 0.4)):
            thin = self.thin(rate, delay)
            taken = taken_by(thin.client)
            stream = thin.server.open(GET)
            began = thin.clock.seconds()
            for _ in range(20):
                stream.send_data(bytes(size // 20))
            while taken() < size:
                thin.wait(0.001, 0.001)
                self.assertLess(thin.clock.seconds() - began, most)

    def test_a_fast_way_is_not_held_back(self) -> None:
        """A second after bulk has begun, all of the way is in use."""
        thin = self.thin(12_500_000, 0.02)
        Bulk(thin, thin.server)
        thin.wait(1.0)
        before = thin.down.carried
        thin.wait(1.0)
        self.assertGreater(thin.down.carried - before, 0.9 * 12_500_000)

    def test_a_quick_way(self) -> None:
        """Soon as much may be under way as may be unacknowledged at all."""
        thin = self.thin(1_000_000_000, 0.01)
        for _ in range(4):
            Bulk(thin, thin.server)
        thin.wait(1.0)
        assert thin.near._pace is not None
        self.assertEqual(thin.near._pace.window, MOST)

    def test_a_way_that_becomes_slow(self) -> None:
        thin = self.thin(12_500_000, 0.02)
        Bulk(thin, thin.server)
        thin.wait(1.0)
        thin.down.rate = thin.up.rate = 125_000
        thin.wait(45.0, 0.01)
        queues = []
        for _ in range(50):
            thin.wait(0.05, 0.002)
            queues.append(thin.down.queue(thin.clock.seconds()))
        self.assertLess(sorted(queues)[45], 0.2)

    def test_nothing_is_asked_for_where_parcels_acknowledge_each_other(self) -> None:
        """A thousand small exchanges on a quick way bring no ping of their own."""
        thin = self.thin(125_000_000, 0.0001)
        assert thin.near._pace is not None
        asked = thin.near._pace._number
        self.echoes(thin, 1000)
        self.assertLess(thin.near._pace._number - asked, 12, "some are the link's own, because it is idle")

    def test_pings_stay_below_what_a_peer_allows(self) -> None:
        for rate, delay in ((12_500_000, 0.001), (1_250_000, 0.001), (125_000, 0.001)):
            thin = self.thin(rate, delay)
            assert thin.near._pace is not None
            Bulk(thin, thin.server)
            thin.wait(2.0)
            asked = thin.near._pace._number
            thin.wait(3.0)
            self.assertLess((thin.near._pace._number - asked) / 3.0, 90.0, f"at {rate} octets a second")

    def test_pings_of_what_never_fills_the_way(self) -> None:
        """Hundreds of uploads a second, each smaller than the window, which so has no reason to grow."""
        for size in (5_000, 20_000, 60_000, 200_000):
            thin = self.thin(1_000_000_000, 0.0001)
            assert thin.near._pace is not None
            thin.near._pace.window, thin.near._pace._steep = max(30_000, size), False
            thin.near._follow(thin.near._pace)
            stream = thin.server.open(GET)
            for _ in range(5000):
                stream.send_data(bytes(size))
                thin.wait(0.002)
            self.assertLess(thin.near._pace._number / 10.0, 90.0, f"{size} octets")
