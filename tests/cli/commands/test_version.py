"""``sellia version``."""

import json

import sellia
from tests.cli.case import CommandCase


class VersionTests(CommandCase):
    def test_version(self) -> None:
        self.assertRegex(self.invoke("version"), rf"^sellia {sellia.__version__} \(Twisted [\d.]+, Python [\d.]+\)$")

    def test_json(self) -> None:
        told = json.loads(self.invoke("version", "--json"))
        self.assertEqual(told["client"]["version"], sellia.__version__)
