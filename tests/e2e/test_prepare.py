"""What is missing is noticed, what is there is left alone; nothing is installed here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.e2e import prepare
from tests.e2e.stage import PREPARE


class MissingTests(SynchronousTestCase):
    """Which programs are missing."""

    def test_only_what_is_not_there(self) -> None:
        """A program on the path is not missing, another is."""
        self.assertEqual(prepare.missing(["sh", "no-such-program"]), ["no-such-program"])

    def test_every_program_has_a_package(self) -> None:
        """Each program that a test may ask for is brought by a package of a valid name."""
        for package in prepare.PACKAGES.values():
            self.assertRegex(package, r"^[a-z0-9][a-z0-9+.-]+$")


class NoDaemonsTests(SynchronousTestCase):
    """Packages may not start what they bring."""

    def setUp(self) -> None:
        self.policy = Path(self.mktemp())

    def test_forbidden_meanwhile(self) -> None:
        """The policy answers 101, "action forbidden by policy", and is gone afterwards."""
        with prepare.no_daemons(self.policy):
            self.assertEqual(subprocess.run([self.policy.resolve(), "caddy", "start"], check=False).returncode, 101)
        self.assertFalse(self.policy.exists())

    def test_gone_after_a_failure_too(self) -> None:
        """An installation that fails leaves no policy behind."""

        def fail() -> None:
            with prepare.no_daemons(self.policy):
                raise OSError

        self.assertRaises(OSError, fail)
        self.assertFalse(self.policy.exists())

    def test_somebody_s_own_policy_stays(self) -> None:
        """A policy that was there is neither changed nor removed."""
        self.policy.write_text("theirs")
        with prepare.no_daemons(self.policy):
            self.assertEqual(self.policy.read_text(), "theirs")
        self.assertEqual(self.policy.read_text(), "theirs")


class NodePackagesTests(SynchronousTestCase):
    """The npm packages are installed again when, and only when, the lock file has changed."""

    def test_current_until_the_lock_file_changes(self) -> None:
        """The stamp that an installation leaves belongs to one lock file."""
        node = Path(self.mktemp())
        modules = node / "node_modules"
        modules.mkdir(parents=True)
        lock = node / "package-lock.json"
        lock.write_text("{}")
        self.assertFalse(prepare.node_packages_are_current(node))
        (modules / ".sellia-lock").write_text(prepare._lock_digest(node))
        self.assertTrue(prepare.node_packages_are_current(node))
        lock.write_text('{"changed": true}')
        self.assertFalse(prepare.node_packages_are_current(node))

    def test_lock_file_names_no_addresses(self) -> None:
        """The lock file holds for every registry: versions and checksums, no places."""
        lock = (prepare.NODE / "package-lock.json").read_text()
        self.assertNotIn('"resolved"', lock)
        self.assertIn('"integrity"', lock)

    def test_main_does_nothing_where_all_is_there(self) -> None:
        """Run on a prepared machine, it is quick, quiet and content."""
        if (
            prepare.missing()
            or not prepare.node_packages_are_current()
            or not prepare.has_websocat()
            or prepare.missing_from_pip()
        ):
            raise SkipTest(f"not everything is installed; run `{PREPARE}`")
        self.assertEqual(prepare.main(), 0)
        self.assertTrue(os.path.isdir(prepare.NODE))
