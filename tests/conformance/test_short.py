"""The short selection of conformance cases, in every setting, has the same verdicts directly and through a tunnel."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.suite import SETTINGS, SHORT_CASES, SHORT_DEADLINE, Outcome, run_setting
from tests.conformance.verdicts import table


class ShortConformanceTests(SynchronousTestCase):
    """Real processes, kosoku's fuzzer on one side and an Autobahn echo on the other."""

    def compare(self, echo: str, deflate: bool) -> None:
        (setting,) = (s for s in SETTINGS if (s.echo, s.deflate) == (echo, deflate))
        out = Path(self.mktemp())
        with ThreadPoolExecutor(2) as pool:  # both at the same time: much of it is waiting
            direct = pool.submit(run_setting, setting, SHORT_CASES, False, out / "direct.json", SHORT_DEADLINE)
            tunnelled = pool.submit(run_setting, setting, SHORT_CASES, True, out / "tunnelled.json", SHORT_DEADLINE)
        outcome = Outcome(setting, direct=direct.result(), tunnelled=tunnelled.result())
        self.assertEqual(outcome.direct_failures, [], "the echo is wrong even without a tunnel")
        self.assertFalse(outcome.differences, table(outcome.differences))
        self.assertTrue(outcome.good, "no case was run")

    def test_plain_echo_service(self) -> None:
        """The fuzzing client finds a plain echo behind the tunnel as good as the echo itself."""
        self.compare("service", deflate=False)

    def test_deflating_echo_service(self) -> None:
        """So it does with one that compresses."""
        self.compare("service", deflate=True)

    def test_plain_echo_visitor(self) -> None:
        """The fuzzing server, as the service, finds an echoing visitor as good as if it came directly."""
        self.compare("visitor", deflate=False)

    def test_deflating_echo_visitor(self) -> None:
        """So it does with one that compresses."""
        self.compare("visitor", deflate=True)
