"""Times, sizes and limits on the command line."""

from datetime import UTC, datetime, timedelta

import click
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.admin.times import bytes_of, figures_of, moment_of, seconds_of


class TimeTests(SynchronousTestCase):
    def test_durations(self) -> None:
        for text, seconds in (("30", 30), ("2m", 120), ("90d", 7_776_000), ("1h30m", 5400), ("0", 0), ("0s", 0)):
            self.assertEqual(seconds_of(text, "--overlap"), seconds)
        for text in ("", "x", "-1", "1y"):
            error = self.assertRaises(click.UsageError, seconds_of, text, "--overlap")
            self.assertIn("--overlap must be a time such as", error.message)

    def test_moments(self) -> None:
        self.assertEqual(moment_of("2027-01-31T12:00:00+02:00", "--expires"), "2027-01-31T10:00:00Z")
        now = datetime.now(UTC)
        for back, sign in ((False, 1), (True, -1)):
            moment = datetime.fromisoformat(moment_of("2d", "--since", back=back))
            self.assertLess(abs(moment - (now + sign * timedelta(days=2))), timedelta(minutes=5))
        self.assertTrue(moment_of("2027-01-31", "--since").endswith("Z"))
        for text in ("tomorrow", "-3d", "1y"):
            self.assertRaises(click.UsageError, moment_of, text, "--expires")

    def test_sizes(self) -> None:
        self.assertEqual(bytes_of("50 GiB", "--bytes-per-month"), 50 * 1024**3)
        self.assertRaises(click.UsageError, bytes_of, "50 pounds", "--bytes-per-month")


class FigureTests(SynchronousTestCase):
    def test_figures(self) -> None:
        given = ["tunnels=3", "requests-per-second=0.5", "bytes_per_month=1 KiB"]
        expected = {"tunnels": 3, "requests_per_second": 0.5, "bytes_per_month": 1024}
        self.assertEqual(figures_of(given), expected)

    def test_what_is_none(self) -> None:
        for text in ("tunnels", "tunnels=", "tunnels=x", "tunels=3", "tunnels=1.5", "bytes_per_month=x"):
            with self.assertRaises(click.UsageError) as caught:
                figures_of([text])
            self.assertIn("--limit", str(caught.exception))
