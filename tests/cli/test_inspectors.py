"""Which inspector is asked, and what opens it."""

from pathlib import Path

import click
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli import inspectors
from sellia.cli.control import Running
from sellia.cli.inspectors import Inspector, of_url, one_of, only


class ChoiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clients = [Running(Path(f"/x/{number}.sock"), number, None) for number in (4, 5)]
        self.found = [Inspector(f"http://127.0.0.1:404{each.process}", "Bearer t", each) for each in self.clients]
        self.patch(inspectors, "running", lambda: self.clients)
        self.patch(inspectors, "of_clients", lambda clients: iter(self.found))

    def test_urls(self) -> None:
        for url, authorization in (
            ("http://127.0.0.1:4040/?token=secret", "Bearer secret"),
            ("http://u:word@127.0.0.1:4040", "Basic OndvcmQ="),
        ):
            self.assertEqual(of_url(url), Inspector("http://127.0.0.1:4040", authorization))
        self.assertEqual(of_url("http://[::1]:4040?token=t").address, "http://[::1]:4040")

    def test_an_address_of_this_user(self) -> None:
        self.assertIs(of_url("127.0.0.1:4045"), self.found[1])

    def test_wrong_urls(self) -> None:
        for url in ("ftp://x", "http://", "http://x:99999", "http://127.0.0.1:4099"):
            self.assertRaises(click.UsageError, of_url, url)

    def test_one_of_several(self) -> None:
        self.assertIs(only(self.found[:1], "requests"), self.found[0])
        error = self.assertRaises(click.UsageError, only, self.found, "requests")
        self.assertIn("sellia requests --client 4 ", str(error))
        error = self.assertRaises(click.UsageError, one_of, self.found, "7", "why")
        self.assertIn("sellia why 7 --client 5 ", str(error))
