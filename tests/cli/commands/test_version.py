"""``sellia version``."""

import sellia
from tests.cli.case import CommandCase


class VersionTests(CommandCase):
    def test_version(self) -> None:
        self.assertRegex(self.invoke("version"), rf"^sellia {sellia.__version__} \(Twisted [\d.]+, Python [\d.]+\)$")
