"""A little of every scenario: the same scripts as ``make chaos``, with few visitors and few faults."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos import crowd, deaths, links
from tests.chaos.pools import pools
from tests.chaos.pressure import pressure
from tests.chaos.report import Plan, Report, Scenario, run


class ShortChaosTests(SynchronousTestCase):
    """Real processes behind the fault proxy; a scenario that fails says what it has counted."""

    def play(self, scenario: Scenario, count: int, load: float = 0.05) -> None:
        report = run(scenario, Plan(count, load=load))
        if report.failures:
            self.fail("\n".join(report.lines()))

    def test_cuts(self) -> None:
        """Links cut at any octet: no visitor sees anything."""
        self.play(links.cuts, 12)

    def test_blackholes(self) -> None:
        """Links that fall silent in each of five ways: neither."""
        self.play(links.blackholes, 5)

    def test_sleeps(self) -> None:
        """A client that sleeps longer than its link lives is back as soon as it wakes."""
        self.play(links.sleeps, 1)

    def test_expiry(self) -> None:
        """A link that stays away: visitors are told when the window is over."""
        self.play(links.expiry, 1)

    def test_thin(self) -> None:
        """A link at 1 Mbit/s with 200 ms is slow, and lives."""
        self.play(links.thin, 2)

    def test_split(self) -> None:
        """Octet by octet, with cuts."""
        self.play(links.split, 2)

    def test_kills(self) -> None:
        """A client that is killed and started again has its name, and its visitors are released."""
        self.play(deaths.kills, 2)

    def test_restarts(self) -> None:
        """A server that ends in either way, and comes back, has its client back."""
        self.play(deaths.restarts, 2)

    def test_drain(self) -> None:
        """A server that is told to end sends everybody away with a reason."""
        self.play(deaths.drain, 1)

    def test_farewell(self) -> None:
        """So does a client."""
        self.play(deaths.farewell, 1)

    def test_crowd(self) -> None:
        """Many clients come back together, and not in one moment."""
        self.play(crowd.crowd, 1, load=0.02)

    def test_pools(self) -> None:
        """Members of a pool whose links are cut, that are killed and stopped: nothing is repeated, nothing is lost."""
        self.play(pools, 4)

    def test_pressure(self) -> None:
        """A visitor and a service that do not read cost little memory, and nobody else's time."""

        def both(plan: Plan) -> Report:
            return pressure(plan, [("ws-push", "http-upload")])

        self.play(both, 2)
